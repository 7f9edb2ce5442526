"""A new installation: a config, keys and one example policy, in a folder that has no config yet.

It overwrites nothing but schemas, which are ours.  The config is written last and only if none is
there, so that an attempt that failed can be made again.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.app.keys import (
    audit_key,
    callback_token,
    drawn_secret,
    link_key,
    make_private,
    meetings_key,
)
from orchestrator.app.schemas import Subject, editor_line, write_schemas
from orchestrator.config.links import KEY_FILE
from orchestrator.config.statuspage import is_person

LISTEN: Final = "127.0.0.1:8441"
PAGE: Final = "127.0.0.1:8440"
STATUS_TOKEN: Final = "status.token"  # noqa: S105 (its file)
_ANY_PORT: Final = "127.0.0.1:0"
_OWNER_STEM: Final = 35  # of 40 characters; "-" and four digits follow


class InitError(Exception):
    """Nothing was set up; the text says why."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What was made.

    Attributes:
        page: where the status page will be; None: another place at every start.
        token: the file with which one logs in there.
    """

    folder: Path
    owner: str
    url: str
    teams: int
    page: str | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What differs between installations.

    Attributes:
        listen: address and port of the embedded server.
        owner: None: the folder's name and four digits.
        http: address and port of the HTTP server; None: any free one.
        public: others reach it by that address, so links of ours are given out; otherwise not
            before somebody says what others reach it by.
    """

    listen: str = LISTEN
    owner: str | None = None
    http: str | None = None
    public: bool = True


def init(folder: Path, choices: Choices | None = None, *, example: bool = True) -> Installed:
    """Set up an installation with the embedded Meetings server.

    Args:
        folder: made if it is not there.
        choices: what differs from the usual.
        example: write the example policy and its data.

    Raises:
        InitError: the folder has a config already, or cannot be written.
    """
    choices = choices or Choices()
    config = folder / "config.yaml"
    if config.exists():
        message = f"{config} is there already, and nothing is overwritten; name another folder"
        raise InitError(message)
    owner = choices.owner or _owner(folder)
    try:
        keys = folder / "secrets"
        make_private(keys)
        meetings_key(keys)
        audit_key(keys)
        callback_token(keys)
        link_key(keys / KEY_FILE)
        drawn_secret(keys / STATUS_TOKEN)
        (folder / "policies" / "data").mkdir(parents=True, exist_ok=True)
        if example:
            _write_new(folder / "policies" / "team-rooms.yaml", _POLICY_LINE + _POLICY)
            _write_new(folder / "policies" / "data" / "teams.yaml", _TEAMS)
        write_schemas(folder)
        http, public = choices.http or _ANY_PORT, ""
        if choices.http is not None and choices.public:
            public = f"\n  public_url: http://{choices.http}"
        text = _CONFIG.format(
            owner=owner, listen=choices.listen, http=http, public=public, person=_person()
        )
        _write_new(config, editor_line(Subject.CONFIG) + text)
    except OSError as error:
        message = f"{error.filename or folder} cannot be written: {error.strerror}"
        raise InitError(message) from error
    page = None if choices.http is None else f"http://{choices.http}"
    token = f"secrets/{STATUS_TOKEN}"
    return Installed(folder, owner, f"http://{choices.listen}", _TEAMS.count("- {"), page, token)


def _person() -> str:
    """The name that this user's acts on the status page get in the audit log."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "admin"
    return name if is_person(name) else "admin"


def _owner(folder: Path) -> str:
    """An owner id: the folder's name as far as it can be one, and four digits of chance."""
    name = re.sub("[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    stem = name[:_OWNER_STEM].strip("-") or "rooms"
    return f"{stem}-{secrets.token_hex(2)}"


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return


_POLICY_LINE: Final = editor_line(Subject.POLICY, "../")

_CONFIG: Final = """\
# Room Orchestrator. `room-orchestrator validate` tells every mistake in here and in the policies.

# This installation's id. It stands in every room that it makes: never change it.
owner: {owner}

# observe: change nothing · no-removals: create and renew, end nothing · enforce
mode: enforce

meetings:
  # Our own Meetings server, inside the daemon. For another API, in place of these three lines:
  #   url: https://meet.example.com/v1/meetings
  #   application_id: ...
  #   private_key: {{file: secrets/meetings.pem}}
  embedded: true
  listen: {listen}
  # What links begin with. Set it before you hand out links: later it changes every one of them.
  # public_url: https://rooms.example.com
  database: state/meetings.db

policies: policies
store: sqlite:///state/orchestrator.db

audit:
  file: state/audit.jsonl
  signing_key: {{file: secrets/audit.pem}}

# Where links are told, by the names that policies use.
destinations:
  rooms-json: {{type: file, path: rooms.json}}

# The status page, health checks, links and pages; port 0 takes a free one. The Meetings API tells
# here who comes and goes: our own is told where, another by you (`room-orchestrator callbacks`).
http:
  listen: {http}{public}
  callbacks: {{token: {{file: secrets/callbacks.token}}}}
  # On the status page whoever sits at this machine may look. To act, log in with what is in this
  # file; the audit log gets the name before it.
  status: {{tokens: {{"{person}": {{file: secrets/status.token}}}}}}

# Our own links, which lead to a room whatever becomes of it, are given out once http.public_url
# says what they begin with, such as https://rooms.example.com. Keep this secret: with another one
# every link is another.
links: {{secret: {{file: secrets/links.key}}}}

# More removals or replacements than this in a day wait for a person. The greater of the two counts.
safety:
  max_removals: 3
  max_removal_percent: 10
  per: 24h
"""

_POLICY: Final = """\
# A room for each team in data/teams.yaml. Save a change, and the rooms follow.
version: 1
name: team-rooms
description: A long-term room for every team, renewed yearly.

for_each:
  file: teams.yaml
  as: team
  key: "{{ team.slug }}"        # the stable part: with another key it is another room

room:
  type: long_term
  display_name: "{{ team.name }} room"
  lifetime: 365d

deliver: [{to: rooms-json}]
"""

_TEAMS: Final = """\
# Your teams here. A slug stays as it is when the name changes.
- {slug: checkout, name: Checkout}
- {slug: identity, name: Identity}
- {slug: platform, name: Platform}
"""
