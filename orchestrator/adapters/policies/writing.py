"""Policies as text: an imported group of rooms as a policy file and its data, with what to know.

What comes from outside (names, ids, addresses) stands in quotes, as JSON writes it, or in no file
at all; no link does.  The comments are for whoever has never written a policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from orchestrator.domain.importedthemes import ThemeDraft
from orchestrator.domain.importing import Group
from orchestrator.domain.rooms import Setting
from orchestrator.domain.themes import LogoType
from orchestrator.foundation.instants import format_duration

_APPROVAL: Final = "join_approval_level"
_ONE_USE: Final = "expire_after_use"
# What a policy does not ask for, and why: lines of a comment.
_USUAL: Final = ("policies cannot ask for such a value.",)
_UNNAMED: Final[Mapping[str, tuple[str, ...]]] = {
    _APPROVAL: (
        "guests wait for a host, so a policy that asks for it tells somebody the host's link.",
        "`import --host-links-to NAME` writes both.",
    ),
    "theme_id": (
        "policies ask for a theme by the name of its file, and there is none of this one.",
    ),
}
_POLICY: Final = """\
# yaml-language-server: $schema=../schemas/policy.json
# Written by `room-orchestrator import` from {origin}.
# It is yours now: edit it as any other policy. docs/migrate.md tells what to look at.
version: 1
name: {name}
description: {description}

# A row for each room that was there. A row that is taken out lets its room go, by what `removal`
# says; a row that is added gets a new room.
for_each:
  file: {file}
  as: room
  key: "{{{{ room.key }}}}"      # a room is known by it: with another key it is another room

room:
  type: long_term
  display_name: "{{{{ room.name }}}}"
  lifetime: {lifetime}               # asked for when a room is renewed; until then its end stays
{settings}  # What is not named here is left as each room has it; so are its callback addresses.
{kept}
renewal: {{before: {before}}}         # left out: a third of its life before its end
replace: never                 # another name, or other recording, needs another room and so
                               # another link: when_unused or now allow that
removal: {{mode: expire, grace: 7d}}    # of a room whose row is gone: it is renewed no more
{deliver}
"""
_THEME: Final = """\
# yaml-language-server: $schema=../../schemas/theme.json
# Written by `room-orchestrator import` from {origin}.
# It is yours now. The theme is taken over by its theme_id as it is: it keeps its name at the API,
# and its pictures count as those of this file. Without that line it is given a name of ours.
version: 1
name: {name}
{said}"""
_METADATA: Final = (
    "metadata: \"{{ room.metadata | default('') }}\"    # of rooms that are made anew"
)
_DELIVER: Final = (
    "# deliver: [{to: NAME}]        # a destination of config.yaml that is told the links"
)


def write_policy(group: Group, origin: str, hosts: str = "") -> str:
    """The text of a policy file.

    Args:
        group: what it asks for.
        origin: where the rooms were read, and when, for people.
        hosts: the destination that is told the host's links, where guests wait for one.
    """
    return _POLICY.format(
        origin=_plain(origin),
        name=group.name,
        description=json.dumps(f"Rooms that were there before: {describe(group)}."),
        file=data_name(group),
        lifetime=format_duration(group.shape.lifetime),
        settings="".join(f"  {line}\n" for line in _settings(group)),
        kept="".join(f"  # {line}\n" for line in _unnamed(group)),
        before=format_duration(group.shape.before),
        deliver=_deliver(group, hosts),
    )


def write_theme(draft: ThemeDraft, origin: str) -> str:
    """The text of a theme file; its pictures are told to lie in a folder of its name."""
    said = {
        "description": f"The theme {_plain(draft.shown)}, which was there before.",
        "theme_id": draft.theme_id,
        "main_color": draft.main_color,
        "brand_text": draft.brand_text,
    }
    if draft.company is not None:
        said["short_company_url"] = draft.company
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in said.items()]
    if draft.pictures:
        lines.append("logos:\n")
        lines += [f"  {kind}: {picture_name(draft, kind)}\n" for kind in draft.pictures]
    return _THEME.format(origin=_plain(origin), name=draft.name, said="".join(lines))


def picture_name(draft: ThemeDraft, kind: LogoType) -> str:
    """The name of a picture, relative to its theme file."""
    return f"{draft.name}/{kind}.png"


def write_rows(group: Group) -> str:
    """The text of its data file."""
    head = (
        f"# The rooms of {group.name}.yaml. A name may be changed: rooms with `replace: never` "
        "keep the old\n# one. A key stays as it is.\n"
    )
    rows: list[str] = []
    for row in group.rows:
        fields = {"key": row.subject, "name": row.name}
        if row.text:
            fields["metadata"] = row.text
        rows.append(f"- {json.dumps(fields, ensure_ascii=False)}\n")
    return head + "".join(rows)


def data_name(group: Group) -> str:
    """The name of its data file."""
    return f"{group.name}.yaml"


def describe(group: Group) -> str:
    """What its rooms are, in a few words."""
    words = [_words(path, value) for path, value in group.shape.settings]
    if group.shape.theme:
        words.append(f"theme {group.shape.theme}")
    lifetime = format_duration(group.shape.lifetime)
    return ", ".join((lifetime, *words))


def _words(path: str, value: Setting) -> str:
    name = path.rpartition(".")[2]
    if isinstance(value, bool):
        return name if value else f"no {name.removeprefix('is_')}"
    return f"{name} {value}"


def _settings(group: Group) -> Iterator[str]:
    if any(row.text for row in group.rows):
        yield _METADATA
    before = ""
    for path, value in group.shape.settings:
        outer, _, inner = path.partition(".")
        if inner and outer != before:
            yield f"{outer}:"
        before = outer
        note = "     # it ends after its use, and another is made then" if path == _ONE_USE else ""
        yield f"{f'  {inner}' if inner else outer}: {json.dumps(value)}{note}"
    if group.shape.theme:
        yield f"theme: {json.dumps(group.shape.theme)}"


def _unnamed(group: Group) -> Iterator[str]:
    for path, some in group.kept.items():
        whose = f"{some:,} of its {len(group.rows):,} rooms have"
        yield f"{whose} another {path} than usual, and keep it:"
        yield from _UNNAMED.get(path, _USUAL)


def _deliver(group: Group, hosts: str) -> str:
    if any(path == _APPROVAL for path, _ in group.shape.settings):
        told = json.dumps(hosts)
        return f"deliver: [{{to: {told}, link: host}}]    # guests wait for a host to let them in"
    return _DELIVER


def _plain(text: str) -> str:
    """A text in one line of a comment."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
