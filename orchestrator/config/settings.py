"""The settings of one installation, with every default filled in and every path absolute.

Each field says its unit and what a change of it needs: *reload* (SIGHUP, the rooms stay as they
are) or *restart*.  `needs_restart` is that table for the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Final

from orchestrator.config.archives import ArchiveSettings
from orchestrator.config.destinations import DestinationSettings
from orchestrator.config.links import LinkSettings
from orchestrator.config.media import LiveKitMedia, MeshMedia
from orchestrator.config.secrets import SecretSource
from orchestrator.config.sources.settings import SourceSettings
from orchestrator.config.statuspage import StatusSettings
from orchestrator.domain.changetimes import AT_ANY_TIME, ChangeTimes
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.policies import Mode
from orchestrator.foundation.reach import Reach


@dataclass(frozen=True, slots=True)
class Calls:
    """How the Meetings API is called.

    Attributes:
        rate: calls a second, on average. Restart.
        concurrency: calls under way at once; for pages a quarter more. Restart.
        timeout: for one whole answer. Restart.
        page_size: rooms asked for with one call of a listing, 100 to 1000. Restart.
        settle: how long after a change a listing may still miss it. Restart.
        reach: the private addresses that recordings and pictures may be at, besides the API's own.
            Restart.
    """

    rate: float
    concurrency: int
    timeout: timedelta
    page_size: int
    settle: timedelta
    reach: Reach = field(default_factory=Reach)


@dataclass(frozen=True, slots=True)
class EmbeddedMeetings:
    """Our own Meetings server, inside the daemon's process.

    Attributes:
        host: the address that it listens on. Restart.
        port: its port; 0 takes a free one, another at every start. Restart.
        public_url: what links begin with, without a slash at the end; None: http://host:port.
            Another one changes every link. Restart.
        certificate: the file with which it speaks TLS to others; None: plain HTTP. Restart; what
            is in the file may change at any time.
        certificate_key: the file of its key; None: in the certificate's. Restart, the same holds.
        database: the file that its rooms are in. Restart.
        keys: the folder of the key pair by which daemon and server know each other. Restart.
        calls: how it is called.
        media: what people meet through; None: rooms are records, and nobody can enter. Restart.
    """

    host: str
    port: int
    public_url: str | None
    database: Path
    keys: Path
    calls: Calls
    certificate: Path | None = None
    certificate_key: Path | None = None
    media: MeshMedia | LiveKitMedia | None = None


@dataclass(frozen=True, slots=True)
class RemoteMeetings:
    """A Meetings API somewhere else.

    Attributes:
        url: without a slash at the end; pinned in the store. Restart.
        application_id: who we are there; pinned in the store. Restart.
        private_key: RSA key in PEM that signs our tokens. Restart; a file is read anew at a
            reload and after a 401.
        calls: how it is called.
    """

    url: str
    application_id: str
    private_key: SecretSource
    calls: Calls


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The audit log.

    Attributes:
        file: JSON, one object a line. Restart.
        sync_every: the longest time that a line may be written but not durable; zero: before
            anything goes on. Restart.
        signing_key: Ed25519 key in PEM that signs checkpoints; None: they are not signed. Restart.
    """

    file: Path
    sync_every: timedelta
    signing_key: SecretSource | None


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """When removals and replacements wait for a person: the brakes.

    Attributes:
        max_removals: links that may end or change within `per`. Reload.
        max_removal_percent: the same as a share of the rooms; the greater counts. Reload.
        per: the time that is judged as a whole. Reload.
        occupied_max: a session without a sign of life holds its room for this long. Reload.
        changes: when rooms may be changed; a policy may say otherwise. Reload.
    """

    max_removals: int
    max_removal_percent: float
    per: timedelta
    occupied_max: timedelta
    changes: ChangeTimes = AT_ANY_TIME


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """How the Meetings API tells us who comes and goes.

    Attributes:
        token: the secret end of the address, at least 128 bits; None: the embedded server is given
            one by itself, and a remote API has none to call. Restart; a file is read anew at a
            reload.
        signature_secret: by which signed callbacks are checked; None: they are not. Restart; a
            file is read anew at a reload.
    """

    token: SecretSource | None
    signature_secret: SecretSource | None


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """What is told to Prometheus.

    Attributes:
        enabled: whether anything is counted and told. Restart.
        token: what has to be sent to be told; None: only this machine is, and nobody where the
            server has a public address. Restart; a file that is replaced is read at a reload.
    """

    enabled: bool
    token: SecretSource | None


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Where traces go.

    Attributes:
        url: where a collector takes OTLP over HTTP. Restart.
        token: what is sent along, as a bearer token. Restart.
        share: of all traces that are kept, 0 to 1. Restart.
    """

    url: str
    token: SecretSource | None
    share: float


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The HTTP server: callbacks, pages, links, health, metrics and the status page.

    Attributes:
        host: the address that it listens on. Restart.
        port: its port; 0 takes a free one, another at every start. Restart.
        public_url: what others reach it by, without a slash at the end; None: http://host:port.
            Restart.
        callbacks: how the Meetings API tells us who comes and goes.
        metrics: what is told to Prometheus.
        status: who may look at the status page, and who may act there.
    """

    host: str
    port: int
    public_url: str | None
    callbacks: CallbackSettings
    metrics: MetricsSettings
    status: StatusSettings


@dataclass(frozen=True, slots=True)
class DirectorySecret:
    """A secret that policies may use by its name.

    Attributes:
        value: where it is; read whenever it is sent. Reload.
        use: where it may be sent. Reload.
    """

    value: SecretSource
    use: SecretUse


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """The services that policies take subjects from.

    Attributes:
        timeout: for one whole answer. Reload.
        reach: the private addresses that requests may go to. Reload.
        secrets: by the names that policies use. Reload.
    """

    timeout: timedelta
    reach: Reach
    secrets: Mapping[str, DirectorySecret]


class LogLevel(StrEnum):
    """The least level of a line that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines look; `AUTO`: readable on a terminal and in the journal, JSON anywhere else."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The log on standard error.

    Attributes:
        level: lines below it are left out. Reload.
        format: how lines look. Restart.
    """

    level: LogLevel
    format: LogFormat


@dataclass(frozen=True, slots=True)
class Settings:
    """All of config.yaml.

    Attributes:
        file: config.yaml itself, absolute.
        owner: the installation's id, in every marker; pinned in the store. Restart.
        mode: how far the daemon goes; a policy may be stricter. Reload.
        meetings: the API that keeps the rooms. Restart.
        policies: the folder of policy files, watched. Restart.
        store: the SQLite file of what is remembered. Restart.
        audit: the audit log. Restart.
        destinations: where links are told, by the name that policies use. Reload.
        alerts: the names of the destinations that tell the operators what needs them. Reload.
        safety: when removals and replacements wait for a person. Reload.
        resync_interval: time between two complete listings. Reload.
        http: the HTTP server. Restart, but for its status page.
        tracing: where traces go; None: nowhere. Restart.
        links: our own links. Reload.
        sources: the paging systems that may send pages, by name. Reload.
        directories: the services that policies take subjects from. Reload.
        archives: where copies of recordings are kept, by name. Reload.
        control: the unix socket that the command line talks to. Restart.
        log: the log on standard error.
    """

    file: Path
    owner: str
    mode: Mode
    meetings: EmbeddedMeetings | RemoteMeetings
    policies: Path
    store: Path
    audit: AuditSettings
    destinations: Mapping[str, DestinationSettings]
    alerts: tuple[str, ...]
    safety: SafetySettings
    resync_interval: timedelta
    http: HttpSettings
    tracing: TracingSettings | None
    links: LinkSettings
    sources: Mapping[str, SourceSettings]
    directories: DirectorySettings
    archives: Mapping[str, ArchiveSettings]
    control: Path
    log: LogSettings


RESTART: Final = (
    "owner",
    "meetings",
    "policies",
    "store",
    "audit",
    "http.host",
    "http.port",
    "http.public_url",
    "http.callbacks",
    "http.metrics",
    "tracing",
    "control",
    "log.format",
)


def needs_restart(old: Settings, new: Settings) -> tuple[str, ...]:
    """The settings that differ and cannot be taken up while the daemon runs."""
    return tuple(name for name in RESTART if attrgetter(name)(old) != attrgetter(name)(new))
