"""config.yaml as forms: which keys there are, and what each may hold.

Every field is described for people, because the JSON Schema that editors read is made of these
forms.  What needs two values is checked by the reader.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.domain.directories import host_of
from orchestrator.domain.marker import OWNER
from orchestrator.foundation.forms import Form, Length, patterned
from orchestrator.foundation.instants import format_duration
from orchestrator.foundation.reach import read_reach

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WITH_PORT: Final = re.compile(":[0-9]+$")
_SQLITE: Final = "sqlite:///"
EMBEDDED_ONLY: Final = ("listen", "public_url", "database", "keys")
REMOTE_ONLY: Final = ("url", "application_id", "private_key")


def _owner(value: str) -> str:
    if OWNER.fullmatch(value) is None:
        message = (
            "must be 1 to 40 of a-z, 0-9 and -, beginning with a letter or a digit; "
            "`room-orchestrator init` makes one"
        )
        raise ValueError(message)
    return value


def _path(value: str) -> str:
    if not value.strip():
        message = "may not be blank"
        raise ValueError(message)
    if value.startswith("~"):
        message = "begins with ~, which only a shell understands; write the folder out"
        raise ValueError(message)
    return value


def _store(value: str) -> str:
    if value.startswith(("postgresql:", "postgres:")):
        message = f"in PostgreSQL is not yet available; write {_SQLITE}state/orchestrator.db"
        raise ValueError(message)
    if not value.startswith(_SQLITE) or not value.removeprefix(_SQLITE).strip():
        message = f"must have the form {_SQLITE}state/orchestrator.db"
        raise ValueError(message)
    return _path(value.removeprefix(_SQLITE))


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port or an address that is none
        usable = None
        parts = urlsplit("")
    if not usable or parts.query or parts.fragment or parts.username is not None:
        message = "must be a plain address such as https://meet.example.com"
        raise ValueError(message)
    return value.rstrip("/")


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535:
        message = "must have the form 127.0.0.1:8441"
        raise ValueError(message)
    bare = host.removeprefix("[").removesuffix("]")
    if bare != host or ":" in host:
        try:
            ipaddress.IPv6Address(bare if bare != host else "")
        except ValueError:
            message = "must have the form [::1]:8441"
            raise ValueError(message) from None
    return f"{bare}:{port}"


def _secret(value: object) -> object:
    if isinstance(value, str):
        message = (
            "must not stand in this file; write {file: …}, {credential: …} or {env: …} to say "
            "where it is"
        )
        raise ValueError(message)  # noqa: TRY004 (pydantic collects ValueErrors only)
    return value


def _host(value: str) -> str:
    name, _, port = value.lower().rpartition(":") if _WITH_PORT.search(value) else (value, "", "")
    if port in {"443", "80"}:
        message = f"names the port that {name} has anyway; write {name}"
        raise ValueError(message)
    try:
        usable = urlsplit(f"https://{value}").netloc == value and host_of(f"https://{value}")
    except ValueError:
        usable = ""
    if usable != value.lower() or re.fullmatch(r"[a-z0-9_.:\[\]-]+", usable) is None:
        message = "must be the name of a host, such as hr.example.com or hr.example.com:8443"
        raise ValueError(message)
    return usable


def _some(value: list[str]) -> list[str]:
    if not value:
        message = "names none, so it could be sent nowhere; name at least one"
        raise ValueError(message)
    return value


def _reach(value: str) -> str:
    read_reach((value,))  # its error says how to write it
    return value


def _named(value: str) -> str:
    if _NAME.fullmatch(value) is None:
        message = "must be named with 1 to 63 of a-z, 0-9 and -"
        raise ValueError(message)
    return value


def _between(least: timedelta, most: timedelta) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if not least <= value <= most:
            message = (
                f"{format_duration(value)} is not between {format_duration(least)} and "
                f"{format_duration(most)}"
            )
            raise ValueError(message)
        return value

    return check


_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

# What editors are told; each takes everything that its check above takes.
_PORT: Final = "(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_PATH_PATTERN: Final = patterned(r"^(?!~)[\s\S]*\S")
_STORE_PATTERN: Final = patterned(rf"^{_SQLITE}(?!~)[\s\S]*\S")
_URL_PATTERN: Final = patterned(
    rf"^[Hh][Tt][Tt][Pp][Ss]?://(?:\[[^/?#@\]]+\]|[^/?#@:\[\]]+)(?::{_PORT}?)?(?:/[^?#]*)?[?#]*$",
    examples=["https://meet.example.com"],
)
_LISTEN_PATTERN: Final = patterned(
    rf"^(?:\[[0-9A-Fa-f:.]+(?:%[^\]]+)?\]|[^:\[\]]+):{_PORT}$", examples=["127.0.0.1:8441"]
)

PathText = Annotated[str, AfterValidator(_path), _PATH_PATTERN]
Url = Annotated[str, AfterValidator(_url), _URL_PATTERN]
Listen = Annotated[str, AfterValidator(_listen), _LISTEN_PATTERN]
Host = Annotated[str, AfterValidator(_host), patterned(r"^(?!.*:(?:443|80)$)[A-Za-z0-9_.:\[\]-]+$")]
ShortName = Annotated[str, AfterValidator(_named), patterned(f"^{_NAME.pattern}$")]


class SecretForm(Form):
    """Where a secret is to be found; one of the three."""

    exactly_one: ClassVar = ("file", "credential", "env")

    file: PathText | None = Field(None, description="a file that only the daemon may read")
    credential: PathText | None = Field(
        None, description="a credential that systemd loads (LoadCredential=)"
    )
    env: PathText | None = Field(None, description="a variable of the environment")


SecretField = Annotated[SecretForm, BeforeValidator(_secret)]


class MeetingsForm(Form):
    """The Meetings API: our own server, embedded, or one at a url."""

    together: ClassVar = {
        "if": {"properties": {"embedded": {"const": True}}, "required": ["embedded"]},
        "then": {"properties": dict.fromkeys(REMOTE_ONLY, False)},
        "else": {
            "properties": dict.fromkeys(EMBEDDED_ONLY, False),
            "required": list(REMOTE_ONLY),
        },
    }

    embedded: bool | None = Field(None, description="true: run our own server in this process")
    listen: Listen = Field(
        "127.0.0.1:8441", description="embedded: address and port; port 0 takes a free one"
    )
    public_url: Url | None = Field(
        None, description="embedded: what links begin with; changing it changes every link"
    )
    database: PathText = Field("meetings.db", description="embedded: the file of its rooms")
    keys: PathText = Field("secrets", description="embedded: the folder of its key pair")
    url: Url | None = Field(None, description="remote: where the API is")
    application_id: str | None = Field(None, description="remote: who we are there")
    private_key: SecretField | None = Field(
        None, description="remote: where the RSA key (PEM) is that signs our tokens"
    )
    rate: Annotated[float, Field(ge=0.1, le=10_000)] | None = Field(
        None, description="calls a second, on average: 10, and 200 for the embedded server"
    )
    concurrency: Annotated[int, Field(ge=1, le=256)] = Field(
        8, description="calls under way at once"
    )
    timeout: Annotated[Length, AfterValidator(_between(_SECOND, _HOUR / 12))] = Field(
        timedelta(seconds=10), description="for one whole answer"
    )
    page_size: Annotated[int, Field(ge=100, le=1000)] = Field(
        200, description="rooms asked for with one call of a listing"
    )
    settle: Annotated[Length, AfterValidator(_between(timedelta(), _HOUR))] | None = Field(
        None,
        description="how long after a change a listing may still miss it; 60s, embedded 0s",
    )


class AuditForm(Form):
    """The audit log."""

    file: PathText = Field("state/audit.jsonl", description="JSON, one object a line")
    fsync: Literal["always", "interval"] = Field(
        "always", description="always: before anything goes on; interval: once a second"
    )
    signing_key: SecretField | None = Field(
        None, description="where the Ed25519 key (PEM) is that signs checkpoints"
    )


class DestinationForm(Form):
    """One place where people look for links."""

    type: Literal["file"] = Field(description="file: a JSON file, replaced as a whole")
    path: PathText = Field(description="the file")


class AlertForm(Form):
    """One place where the operators are told what needs them."""

    to: ShortName = Field(description="a name of `destinations`")


class SafetyForm(Form):
    """When removals and replacements wait for a person."""

    max_removals: Annotated[int, Field(ge=0)] = Field(
        3, description="links that may end or change within the time `per`"
    )
    max_removal_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        10.0, description="the same as a share of the rooms; the greater of the two counts"
    )
    per: Annotated[Length, AfterValidator(_between(timedelta(minutes=1), 30 * _DAY))] = Field(
        _DAY, description="the time that is judged as a whole"
    )
    occupied_max: Annotated[Length, AfterValidator(_between(_HOUR, 30 * _DAY))] = Field(
        timedelta(hours=12),
        description="for how long a session without a sign of life holds its room",
    )


class CallbacksForm(Form):
    """How the Meetings API tells us who comes and goes."""

    token: SecretField | None = Field(
        None,
        description="where the secret end of the address is; without it the embedded server is "
        "given one by itself, and a remote API has none to call",
    )
    signature_secret: SecretField | None = Field(
        None, description="where the secret is by which signed callbacks are checked (HS256)"
    )


class HttpForm(Form):
    """The HTTP server: callbacks and health."""

    listen: Listen = Field(
        "127.0.0.1:0", description="address and port; port 0 takes a free one at every start"
    )
    public_url: Url | None = Field(
        None, description="what others reach it by, such as https://rooms.example.com"
    )
    callbacks: CallbacksForm | None = Field(
        None, description="how the Meetings API tells us who comes and goes"
    )


class DirectorySecretForm(Form):
    """One secret that policies may use by its name, and where it may be sent."""

    hints: ClassVar = {
        "value": "write {file: …}, {credential: …} or {env: …}",
        "hosts": "the hosts that it may be sent to, such as [hr.example.com]",
    }

    value: SecretField = Field(description="where the secret is")
    hosts: Annotated[list[Host], AfterValidator(_some)] = Field(
        json_schema_extra={"minItems": 1},
        description="the only hosts that it is sent to, with a port that is not 443 or 80",
    )
    unencrypted: bool = Field(
        default=False, description="true: also by http; to this machine it may always go so"
    )


class DirectoriesForm(Form):
    """The services that policies take subjects from (for_each.http)."""

    timeout: Annotated[Length, AfterValidator(_between(_SECOND, _HOUR / 12))] = Field(
        timedelta(seconds=30), description="for one whole answer"
    )
    allow_private: list[Annotated[str, AfterValidator(_reach), patterned(r"^\s*\S+\s*$")]] = Field(
        [],
        description="private addresses that requests may go to: networks, addresses, hosts",
    )
    secrets: dict[ShortName, DirectorySecretForm] = Field(
        {}, description="secrets for headers, by the names that policies use"
    )


class ControlForm(Form):
    """How the command line reaches the daemon."""

    socket: PathText = Field("state/control.sock", description="a unix socket, mode 0660")


class LogForm(Form):
    """The log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lines below it are left out"
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: readable on a terminal, JSON anywhere else"
    )


class ConfigForm(Form):
    """One installation of Room Orchestrator."""

    not_yet: ClassVar = frozenset({"links", "sources", "themes"})
    hints: ClassVar = {
        "owner": "`room-orchestrator init` makes one",
        "mode": "write observe, no-removals or enforce",
        "meetings": "write `meetings: {embedded: true}`, or the url of an API",
    }

    owner: Annotated[str, AfterValidator(_owner), patterned(f"^{OWNER.pattern}$")] = Field(
        description="this installation's id, in every room that it makes; never change it"
    )
    mode: Literal["observe", "no-removals", "enforce"] = Field(
        description="observe: change nothing; no-removals: end no room and no link; enforce"
    )
    meetings: MeetingsForm = Field(description="the Meetings API that keeps the rooms")
    policies: PathText = Field("policies", description="the folder of policy files")
    store: Annotated[str, AfterValidator(_store), _STORE_PATTERN] = Field(
        "state/orchestrator.db",
        json_schema_extra={"default": f"{_SQLITE}state/orchestrator.db"},
        description="sqlite:///FILE: what is remembered of rooms",
    )
    audit: AuditForm | None = Field(None, description="the audit log")
    destinations: dict[ShortName, DestinationForm] = Field(
        {}, description="where links are told, by the names that policies use"
    )
    alerts: list[AlertForm] = Field(
        [], description="where the operators are told what needs them, besides the log"
    )
    safety: SafetyForm | None = Field(
        None, description="when removals and replacements wait for a person"
    )
    resync_interval: Annotated[Length, AfterValidator(_between(_SECOND, _DAY))] = Field(
        timedelta(minutes=10), description="time between two complete listings"
    )
    http: HttpForm | None = Field(None, description="the HTTP server: callbacks and health")
    directories: DirectoriesForm | None = Field(
        None, description="the services that policies take subjects from"
    )
    control: ControlForm | None = Field(None, description="how the command line reaches us")
    log: LogForm | None = Field(None, description="the log on standard error")
