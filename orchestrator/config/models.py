"""config.yaml as forms: which keys there are, and what each may hold.

Every field is described for people, because the JSON Schema that editors read is made of these
forms.  What needs two values is checked by the reader.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from orchestrator.config.archives import ArchiveForm, ArchiveName
from orchestrator.config.destinations import DestinationForm
from orchestrator.config.fields import (
    SOMEWHERE,
    Host,
    Listen,
    PathText,
    Reachable,
    SecretField,
    ShortName,
    Url,
    written_path,
)
from orchestrator.config.links import LinksForm
from orchestrator.config.media import MediaForm
from orchestrator.config.sources.forms import SourceForm
from orchestrator.config.statuspage import StatusForm
from orchestrator.domain.marker import OWNER
from orchestrator.foundation.forms import Form, Length, between, patterned
from orchestrator.foundation.weekforms import WeekHoursForm

_SQLITE: Final = "sqlite:///"
EMBEDDED_ONLY: Final = (
    "listen",
    "public_url",
    "certificate",
    "certificate_key",
    "database",
    "keys",
    "media",
)
REMOTE_ONLY: Final = ("url", "application_id", "private_key")
UNFILLED: Final = "change-me"  # the owner of deploy/config.yaml
_OWNERS: Final = f"^(?!{UNFILLED}$){OWNER.pattern}$"


def _owner(value: str) -> str:
    if value == UNFILLED:
        # Two that were never filled in would take each other's rooms for their own.
        message = f"is still {UNFILLED}; write an id for this installation, as acme-prod"
        raise ValueError(message)
    if OWNER.fullmatch(value) is None:
        message = (
            "must be 1 to 40 of a-z, 0-9 and -, beginning with a letter or a digit; "
            "`room-orchestrator init` makes one"
        )
        raise ValueError(message)
    return value


def _store(value: str) -> str:
    if value.startswith(("postgresql:", "postgres:")):
        message = f"in PostgreSQL is not yet available; write {_SQLITE}state/orchestrator.db"
        raise ValueError(message)
    if not value.startswith(_SQLITE) or not value.removeprefix(_SQLITE).strip():
        message = f"must have the form {_SQLITE}state/orchestrator.db"
        raise ValueError(message)
    return written_path(value.removeprefix(_SQLITE))


_STORE_PATTERN: Final = patterned(rf"^{_SQLITE}(?!~)[\s\S]*\S")
_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class MeetingsForm(Form):
    """The Meetings API: our own server, embedded, or one at a url."""

    together: ClassVar = {
        "if": {"properties": {"embedded": {"const": True}}, "required": ["embedded"]},
        "then": {"properties": dict.fromkeys(REMOTE_ONLY, False)},
        "else": {
            "properties": dict.fromkeys(EMBEDDED_ONLY, False),
            "required": list(REMOTE_ONLY),
        },
        "dependentRequired": {"certificate_key": ["certificate"]},
    }

    embedded: bool | None = Field(None, description="true: run our own server in this process")
    listen: Listen = Field(
        "127.0.0.1:8441", description="embedded: address and port; port 0 takes a free one"
    )
    public_url: Url | None = Field(
        None, description="embedded: what links begin with; changing it changes every link"
    )
    certificate: PathText | None = Field(
        None, description="embedded: speak TLS with this (PEM); a new one is taken by itself"
    )
    certificate_key: PathText | None = Field(
        None, description="embedded: its key (PEM), where that has a file of its own"
    )
    database: PathText = Field("meetings.db", description="embedded: the file of its rooms")
    keys: PathText = Field("secrets", description="embedded: the folder of its key pair")
    media: MediaForm | None = Field(
        None, description="embedded: what people meet through; browsers with each other"
    )
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
    timeout: Annotated[Length, AfterValidator(between(_SECOND, _HOUR / 12))] = Field(
        timedelta(seconds=10), description="for one whole answer"
    )
    page_size: Annotated[int, Field(ge=100, le=1000)] = Field(
        200, description="rooms asked for with one call of a listing"
    )
    settle: Annotated[Length, AfterValidator(between(timedelta(), _HOUR))] | None = Field(
        None,
        description="how long after a change a listing may still miss it; 60s, embedded 0s",
    )
    allow_private: list[Reachable] = Field(
        [],
        description="private addresses, besides the API's own, that recordings and pictures may be "
        "at, and rooms' own callbacks go to: networks, addresses, hosts",
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
    per: Annotated[Length, AfterValidator(between(timedelta(minutes=1), 30 * _DAY))] = Field(
        _DAY, description="the time that is judged as a whole"
    )
    occupied_max: Annotated[Length, AfterValidator(between(_HOUR, 30 * _DAY))] = Field(
        timedelta(hours=12),
        description="for how long a session without a sign of life holds its room",
    )
    changes: WeekHoursForm | None = Field(
        None,
        description="when rooms may be changed; without it at any time. Pages, meetings and "
        "renewals that cannot wait go on always",
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


class MetricsForm(Form):
    """What is told to Prometheus at /metrics."""

    enabled: bool = Field(default=True, description="false: nothing is counted, and 404")
    token: SecretField | None = Field(
        None,
        description="where the token is that has to be sent (Authorization: Bearer); without it "
        "only this machine is answered, and nobody where public_url is set",
    )


class HttpForm(Form):
    """The HTTP server: callbacks, pages, links, health, metrics and the status page."""

    listen: Listen = Field(
        "127.0.0.1:0", description="address and port; port 0 takes a free one at every start"
    )
    public_url: Url | None = Field(
        None, description="what others reach it by, such as https://rooms.example.com"
    )
    callbacks: CallbacksForm | None = Field(
        None, description="how the Meetings API tells us who comes and goes"
    )
    metrics: MetricsForm | None = Field(None, description="what is told to Prometheus at /metrics")
    status: StatusForm | None = Field(
        None, description="the status page: who may look, and who may act"
    )


class TracingForm(Form):
    """Traces by OpenTelemetry; needs the extra otel."""

    url: Url = Field(
        description="where the collector takes OTLP over HTTP, such as "
        "http://127.0.0.1:4318/v1/traces"
    )
    token: SecretField | None = Field(
        None, description="where the token is that is sent along (Authorization: Bearer)"
    )
    share: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description="of all traces that are kept, 0 to 1"
    )


class DirectorySecretForm(Form):
    """One secret that policies may use by its name, and where it may be sent."""

    hints: ClassVar = {
        "value": "write {file: …}, {credential: …} or {env: …}",
        "hosts": "the hosts that it may be sent to, such as [hr.example.com]",
    }

    value: SecretField = Field(description="where the secret is")
    hosts: Annotated[list[Host], SOMEWHERE] = Field(
        json_schema_extra={"minItems": 1},
        description="the only hosts that it is sent to, with a port that is not 443 or 80",
    )
    unencrypted: bool = Field(
        default=False, description="true: also by http; to this machine it may always go so"
    )


class DirectoriesForm(Form):
    """The services that policies take subjects from (for_each.http)."""

    timeout: Annotated[Length, AfterValidator(between(_SECOND, _HOUR / 12))] = Field(
        timedelta(seconds=30), description="for one whole answer"
    )
    allow_private: list[Reachable] = Field(
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
        "auto",
        description="auto: readable on a terminal and in systemd's journal, JSON anywhere else",
    )


class ConfigForm(Form):
    """One installation of Room Orchestrator."""

    hints: ClassVar = {
        "owner": "`room-orchestrator init` makes one",
        "mode": "write observe, no-removals or enforce",
        "meetings": "write `meetings: {embedded: true}`, or the url of an API",
    }

    owner: Annotated[str, AfterValidator(_owner), patterned(_OWNERS)] = Field(
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
    resync_interval: Annotated[Length, AfterValidator(between(_SECOND, _DAY))] = Field(
        timedelta(minutes=10), description="time between two complete listings"
    )
    http: HttpForm | None = Field(
        None, description="the HTTP server: callbacks, health, metrics and the status page"
    )
    tracing: TracingForm | None = Field(
        None, description="traces by OpenTelemetry; needs the extra otel"
    )
    links: LinksForm | None = Field(
        None, description="our own links, which are given out where http.public_url is set"
    )
    sources: dict[ShortName, SourceForm] = Field(
        {}, description="the paging systems that may send pages, by the names that policies use"
    )
    directories: DirectoriesForm | None = Field(
        None, description="the services that policies take subjects from"
    )
    archives: dict[ArchiveName, ArchiveForm] = Field(
        {}, description="where copies of recordings are kept, by the names that policies use"
    )
    control: ControlForm | None = Field(None, description="how the command line reaches us")
    log: LogForm | None = Field(None, description="the log on standard error")
