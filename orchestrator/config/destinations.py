"""The destinations of config.yaml: one form and one kind of settings for each type.

Each destination says by its `type` what it is, and its form knows no key of another type.  Where a
whole address lets its holder post (an incoming webhook), the address is a secret like any other.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from orchestrator.config.fields import SOMEWHERE, PathText, Reachable, SecretField, SecretForm, Url
from orchestrator.config.locating import Source
from orchestrator.config.secrets import SecretSource
from orchestrator.foundation.documents import Path as Steps
from orchestrator.foundation.forms import Form, patterned
from orchestrator.foundation.reach import Reach, read_reach

_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
)
_CHANNEL: Final = re.compile(r"[CDG][A-Z0-9]{2,39}")
_ROOM: Final = re.compile(r"![!-~]{1,254}")
_SERVER: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_WHERE: Final = "write {file: …}, {credential: …} or {env: …}"


def _mail(value: str) -> str:
    if _ADDRESS.fullmatch(value) is None:
        message = "must be a bare address such as oncall@example.com"
        raise ValueError(message)
    return value


def _channel(value: str) -> str:
    if _CHANNEL.fullmatch(value) is None:
        message = (
            "must be the channel's id, such as C07INCCHECK: in Slack under the channel's name, at "
            "the bottom of About"
        )
        raise ValueError(message)
    return value


def _room(value: str) -> str:
    if _ROOM.fullmatch(value) is None:
        message = (
            "must be the room's id, such as !abc:example.com: in its settings under Advanced; an "
            "address that begins with # may come to mean another room"
        )
        raise ValueError(message)
    return value


def _server(value: str) -> str:
    if _SERVER.fullmatch(value) is None:
        message = "must be the name of a host, such as smtp.example.com, without a port"
        raise ValueError(message)
    return value


Mail = Annotated[str, AfterValidator(_mail), patterned(r"^[!-~]+@[A-Za-z0-9.-]+$")]
Channel = Annotated[str, AfterValidator(_channel), patterned(f"^{_CHANNEL.pattern}$")]
MatrixRoom = Annotated[str, AfterValidator(_room), patterned(f"^{_ROOM.pattern}$")]
Server = Annotated[str, AfterValidator(_server), patterned(r"^[A-Za-z0-9:.-]+$")]


class FileForm(Form):
    """A JSON file of all rooms."""

    type: Literal["file"] = Field(description="a JSON file, replaced as a whole")
    path: PathText = Field(description="the file")


class CalendarForm(Form):
    """A calendar of scheduled rooms, for calendar programs to subscribe to."""

    type: Literal["calendar"] = Field(
        description="an iCalendar feed of scheduled rooms; `room-orchestrator link --calendar` "
        "prints its address"
    )


class StaticForm(Form):
    """Links as files, for a web server that answers while the daemon is away."""

    type: Literal["static"] = Field(description="a folder with a page for every link")
    path: PathText = Field(description="the folder; its site/ is what is served")


class PostedForm(Form):
    """What destinations over the network have in common."""

    hints: ClassVar = {
        "secret": _WHERE,
        "key": _WHERE,
        "token": _WHERE,
        "url": _WHERE,
        "from": "whom it is from, such as rooms@example.com",
        "to": "to whom, such as [oncall@example.com]",
        "channel": "the channel's id, such as C07INCCHECK",
        "room": "the room's id, such as !abc:example.com",
        "host": "the mail server, such as smtp.example.com",
    }

    allow_private: list[Reachable] = Field(
        [], description="private addresses that it may lie at: networks, addresses, hosts"
    )


class WebhookForm(PostedForm):
    """Any service, by a signed webhook."""

    hints: ClassVar = {**PostedForm.hints, "url": "where events are posted"}

    type: Literal["webhook"] = Field(description="signed by Standard Webhooks")
    url: Url = Field(description="where events are posted")
    secret: SecretField = Field(description="where the secret is that signs: whsec_…")


class PagerDutyForm(PostedForm):
    """PagerDuty: the incident's conference bridge, or a note."""

    type: Literal["pagerduty"] = Field(description="the incident's bridge, or a note")
    key: SecretField = Field(description="where the API key is")
    sender: Mail = Field(alias="from", description="the email of a user of the account")
    url: Url = Field(
        "https://api.pagerduty.com", description="in the EU https://api.eu.pagerduty.com"
    )
    bridge: bool = Field(default=True, description="false: a note even where a bridge could be")


class OpsgenieForm(PostedForm):
    """Opsgenie or Jira Service Management: a note of the alert."""

    type: Literal["opsgenie"] = Field(description="a note of the alert; for JSM as well")
    key: SecretField = Field(description="where the API key (GenieKey) is")
    url: Url = Field(
        "https://api.opsgenie.com/v2",
        description="in the EU https://api.eu.opsgenie.com/v2; "
        "for JSM https://api.atlassian.com/jsm/ops/integration/v2",
    )


class SlackForm(PostedForm):
    """Slack by its API: messages that change."""

    type: Literal["slack"] = Field(description="messages of an app, changed with every stage")
    token: SecretField = Field(description="where the app's token is: xoxb-…")
    channel: Channel = Field(description="the channel's id, such as C07INCCHECK")
    url: Url = Field("https://slack.com/api", description="where Slack's API is")


class SlackWebhookForm(PostedForm):
    """Slack by an incoming webhook: messages that stay as they are."""

    type: Literal["slack-webhook"] = Field(description="an incoming webhook of Slack")
    url: SecretField = Field(description="where its address is, which is a secret")


class MattermostForm(PostedForm):
    """Mattermost by an incoming webhook."""

    type: Literal["mattermost"] = Field(description="an incoming webhook of Mattermost")
    url: SecretField = Field(description="where its address is, which is a secret")


class TeamsForm(PostedForm):
    """Microsoft Teams by a workflow."""

    type: Literal["teams"] = Field(description="a workflow of Microsoft Teams")
    url: SecretField = Field(description="where its address is, which is a secret")


class MatrixForm(PostedForm):
    """Matrix: messages that change."""

    hints: ClassVar = {**PostedForm.hints, "url": "the homeserver, such as https://matrix.org"}

    type: Literal["matrix"] = Field(description="messages in a room that is not encrypted")
    url: Url = Field(description="the homeserver")
    token: SecretField = Field(description="where the account's access token is")
    room: MatrixRoom = Field(description="the room's id, such as !abc:example.com")


class EmailForm(PostedForm):
    """Email by SMTP."""

    together: ClassVar = {"dependentRequired": {"username": ["password"], "password": ["username"]}}

    type: Literal["email"] = Field(description="one mail for a link, and one at its end")
    host: Server = Field(description="the mail server")
    port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        None, description="587; 465 for tls, 25 for none"
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the connection is encrypted; none: not at all"
    )
    username: str | None = Field(None, description="who logs in; nobody without it")
    password: SecretField | None = Field(None, description="where the password is")
    sender: Mail = Field(alias="from", description="whom it is from")
    to: Annotated[list[Mail], SOMEWHERE] = Field(
        json_schema_extra={"minItems": 1}, description="to whom"
    )


DestinationForm: TypeAlias = Annotated[
    FileForm
    | CalendarForm
    | StaticForm
    | WebhookForm
    | PagerDutyForm
    | OpsgenieForm
    | SlackForm
    | SlackWebhookForm
    | MattermostForm
    | TeamsForm
    | MatrixForm
    | EmailForm,
    Field(discriminator="type"),
]

# Those that tell of one page at a time, at the paging system itself.
PAGES_ONLY: Final = (PagerDutyForm, OpsgenieForm)


@dataclass(frozen=True, slots=True)
class FileDestination:
    """A JSON file that is replaced whenever links change.

    Attributes:
        path: the file. Reload.
    """

    path: Path

    @property
    def alerts(self) -> Path:
        """Beside rooms.json stands rooms.alerts.json: who reads links is not woken by an alert."""
        return self.path.with_name(f"{self.path.stem}.alerts.json")


@dataclass(frozen=True, slots=True)
class CalendarDestination:
    """A feed that calendar programs ask for; nothing is sent."""


@dataclass(frozen=True, slots=True)
class StaticDestination:
    """A folder with a page for every link, kept as rooms change.

    Attributes:
        path: the folder. Reload.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class WebhookDestination:
    """Any service, by a signed webhook. All of it: reload."""

    url: str
    secret: SecretSource
    reach: Reach


@dataclass(frozen=True, slots=True)
class PagerDutyDestination:
    """The conference bridge of an incident, or a note. All of it: reload."""

    url: str
    key: SecretSource
    sender: str
    bridge: bool
    reach: Reach


@dataclass(frozen=True, slots=True)
class OpsgenieDestination:
    """A note of an alert. All of it: reload."""

    url: str
    key: SecretSource
    reach: Reach


@dataclass(frozen=True, slots=True)
class SlackDestination:
    """Messages of an app. All of it: reload."""

    url: str
    token: SecretSource
    channel: str
    reach: Reach


@dataclass(frozen=True, slots=True)
class HookDestination:
    """A chat's incoming webhook, whose address is the secret. All of it: reload.

    Attributes:
        chat: which one's.
    """

    chat: Literal["slack-webhook", "mattermost", "teams"]
    url: SecretSource
    reach: Reach


@dataclass(frozen=True, slots=True)
class MatrixDestination:
    """Messages in a room of Matrix. All of it: reload."""

    url: str
    token: SecretSource
    room: str
    reach: Reach


@dataclass(frozen=True, slots=True)
class EmailDestination:
    """Mail. All of it: reload.

    Attributes:
        username, password: None together: nobody logs in.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None
    password: SecretSource | None
    sender: str
    to: tuple[str, ...]
    reach: Reach


PostedDestination: TypeAlias = (
    WebhookDestination
    | PagerDutyDestination
    | OpsgenieDestination
    | SlackDestination
    | HookDestination
    | MatrixDestination
    | EmailDestination
)
DestinationSettings: TypeAlias = (
    FileDestination | CalendarDestination | StaticDestination | PostedDestination
)

_TYPES: Final[Mapping[type[DestinationSettings], str]] = {
    FileDestination: "file",
    StaticDestination: "static",
    CalendarDestination: "calendar",
    WebhookDestination: "webhook",
    PagerDutyDestination: "pagerduty",
    OpsgenieDestination: "opsgenie",
    SlackDestination: "slack",
    MatrixDestination: "matrix",
    EmailDestination: "email",
}
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def located(name: str, form: DestinationForm, source: Source) -> DestinationSettings:
    """Make settings of the form of one destination."""

    def secret(given: SecretForm, step: str) -> SecretSource:
        return source.secret(given, "destinations", name, step)

    if isinstance(form, FileForm | CalendarForm | StaticForm):
        return _here(form, source)
    reach = read_reach(tuple(form.allow_private))
    match form:
        case WebhookForm():
            return WebhookDestination(form.url, secret(form.secret, "secret"), reach)
        case PagerDutyForm():
            key = secret(form.key, "key")
            return PagerDutyDestination(form.url, key, form.sender, form.bridge, reach)
        case OpsgenieForm():
            return OpsgenieDestination(form.url, secret(form.key, "key"), reach)
        case SlackForm():
            return SlackDestination(form.url, secret(form.token, "token"), form.channel, reach)
        case MatrixForm():
            return MatrixDestination(form.url, secret(form.token, "token"), form.room, reach)
        case EmailForm():
            return EmailDestination(
                host=form.host,
                port=form.port or _PORTS[form.security],
                security=form.security,
                username=form.username,
                password=None if form.password is None else secret(form.password, "password"),
                sender=form.sender,
                to=tuple(form.to),
                reach=reach,
            )
        case _:
            return HookDestination(form.type, secret(form.url, "url"), reach)


def _here(form: FileForm | CalendarForm | StaticForm, source: Source) -> DestinationSettings:
    if isinstance(form, CalendarForm):
        return CalendarDestination()
    path = source.path(form.path)
    return FileDestination(path) if isinstance(form, FileForm) else StaticDestination(path)


def mistakes(form: DestinationForm) -> Iterator[tuple[str, str]]:
    """What is wrong with two values of one destination: the key to show it at, and the message."""
    if not isinstance(form, EmailForm):
        return
    if (form.username is None) != (form.password is None):
        given, other = (
            ("username", "password")
            if form.password is None
            else (
                "password",
                "username",
            )
        )
        yield given, f"{given} without {other}: nobody could log in; write both or neither"
    if form.security == "none" and form.password is not None and not is_here(form.host):
        message = (
            "security none would send the password for everybody to read; write starttls or tls"
        )
        yield "security", message


def unwise(destination: DestinationSettings) -> Iterator[tuple[str, str]]:
    """What is lawful and yet unwise: the key to show it at, and the message."""
    url = getattr(destination, "url", None)
    if isinstance(url, str):
        parts = urlsplit(url)
        if parts.scheme == "http" and not is_here(parts.hostname or ""):
            yield "url", "url is not encrypted: whoever listens reads our links; prefer https://"
    match destination:
        case EmailDestination(host=host, security="none") if not is_here(host):
            yield "security", "security none: whoever listens reads our links; prefer starttls"
        case _:
            pass


def secrets_of(destination: DestinationSettings) -> Iterator[SecretSource]:
    """The secrets that one destination needs."""
    values = (getattr(destination, each.name) for each in fields(destination))
    yield from (value for value in values if isinstance(value, SecretSource))


def type_of(destination: DestinationSettings) -> str:
    """What stands at ``type`` in the config."""
    if isinstance(destination, HookDestination):
        return destination.chat
    return _TYPES[type(destination)]


def is_here(host: str) -> bool:
    """Whether a host is this machine by its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def places_of(destinations: Mapping[str, DestinationForm]) -> Iterator[tuple[Steps, SecretForm]]:
    """Where secrets of destinations stand in the file, and what it says there."""
    for name, form in destinations.items():
        for step in type(form).model_fields:
            secret = getattr(form, step)
            if isinstance(secret, SecretForm):
                yield ("destinations", name, step), secret


def open_to_all(destinations: Mapping[str, DestinationSettings]) -> frozenset[str]:
    """The names of those that show links to whoever looks: no host link is told there."""
    shown = FileDestination | CalendarDestination | StaticDestination
    return frozenset(name for name, one in destinations.items() if isinstance(one, shown))
