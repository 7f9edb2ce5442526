"""`sources` as forms: which keys a source has, and what each may hold.

Which of them a type of source may have is checked in `checks`, and told to editors here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from orchestrator.config.fields import SecretField
from orchestrator.foundation.forms import Form, Length, between, matching, patterned
from orchestrator.foundation.selecting import SELECT_MAX, compile_select

_HEADER: Final = "^[A-Za-z0-9-]{1,64}$"

SIGNING: Final = {
    "pagerduty": "pagerduty_v3",
    "grafana": "grafana_hmac",
    "incidentio": "standard_webhooks",
    "standard-webhooks": "standard_webhooks",
}  # how the types sign that sign in one way only
_FREE: Final = ("cloudevents", "generic", "json")  # the sender is whoever
_HEADERS: Final = ("alertmanager", "grafana", "grafana-oncall", "opsgenie", *_FREE)
BELONGS: Final = {
    "signature": (*SIGNING, *_FREE),
    "bearer": ("pagerduty", "standard-webhooks", *_HEADERS),
    "basic": _HEADERS,
    "access_token": ("cloudevents",),
    "events": ("cloudevents", "standard-webhooks"),
    "select": ("json",),
    "once": ("json",),
    "delivery_header": ("json",),
    "answer_within": ("generic", "grafana-oncall"),
}  # the types of source that may have a key; all may have the others
MEANS: Final = ("signature", "bearer", "basic", "token")  # by which a sender is known
OPTIONS: Final = {
    "header": ("grafana_hmac", "github_sha256"),
    "prefix": ("github_sha256",),
    "timestamp_header": ("grafana_hmac",),
    "dotted": ("rootly",),
    "url": ("victorops_sha1",),
    "tolerance": ("grafana_hmac", "rootly", "slack_v0", "standard_webhooks"),
}  # the schemes that have an option


_header: Final = matching(_HEADER, "must be the name of a header, such as X-Signature")


def _expression(value: str) -> str:
    compile_select(value)  # its error says where it goes wrong
    return value


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and not parts.fragment
    except ValueError:
        usable = None
    if not usable:
        message = "must be the whole address as it is written there, https://…/in/…"
        raise ValueError(message)
    return value


def _secrets(value: list[Form]) -> list[Form]:
    if not value:
        message = "names none; write [{file: …}], or leave the line out"
        raise ValueError(message)
    return value


def _text(value: str) -> str:
    if not value.strip():
        message = "may not be blank"
        raise ValueError(message)
    return value


Header = Annotated[str, _header, patterned(_HEADER)]
Expression = Annotated[str, AfterValidator(_expression), patterned(rf"^[\s\S]{{1,{SELECT_MAX}}}$")]
Text = Annotated[str, AfterValidator(_text), patterned(r"\S")]
Secrets = Annotated[
    list[SecretField], AfterValidator(_secrets), Field(json_schema_extra={"minItems": 1})
]


class SignatureForm(Form):
    """How a source signs what it sends."""

    hints: ClassVar = {"secrets": "write [{file: …}] to say where the secret is"}
    together: ClassVar = {
        "allOf": [
            {
                "if": {"properties": {"scheme": {"enum": list(schemes)}}},
                "else": {"properties": {name: False}},
            }
            for name, schemes in OPTIONS.items()
        ]
        + [
            {
                "if": {
                    "properties": {"scheme": {"const": "victorops_sha1"}},
                    "required": ["scheme"],
                },
                "then": {"required": ["url"]},
            }
        ]
    }

    scheme: (
        Literal[
            "pagerduty_v3",
            "grafana_hmac",
            "standard_webhooks",
            "github_sha256",
            "firehydrant",
            "rootly",
            "victorops_sha1",
            "slack_v0",
        ]
        | None
    ) = Field(None, description="how it signs; needed where the type does not tell")
    secrets: Secrets = Field(description="where the secrets are; any will do, to exchange one")
    header: Header | None = Field(None, description="which holds the signature")
    prefix: str | None = Field(None, description="before the digest; sha256= by default")
    timestamp_header: Header | None = Field(
        None, description="which holds the signed time (Grafana); without it no time is signed"
    )
    dotted: bool | None = Field(
        None, description="true: a dot stands between time and body (rootly)"
    )
    url: Annotated[str, AfterValidator(_address), patterned("^https?://")] | None = Field(
        None, description="the whole address as it is written at the sender (victorops_sha1)"
    )
    tolerance: (
        Annotated[Length, AfterValidator(between(timedelta(seconds=1), timedelta(hours=1)))] | None
    ) = Field(None, description="how far a signed time may be from now, either way: 5m")


class BasicForm(Form):
    """A name and passwords, for Authorization: Basic."""

    hints: ClassVar = {
        "username": "write the name that the sender is given",
        "passwords": "write [{file: …}] to say where the password is",
    }

    username: Text = Field(description="as the sender gives it")
    passwords: Secrets = Field(description="where the passwords are; any will do")


class EventsForm(Form):
    """Which types of events mean what; the names are the sender's."""

    open: list[Text] = Field([], description="a page opens, such as [order.failed]")
    close: list[Text] = Field([], description="a page closes")
    update: list[Text] = Field([], description="more is told of a page that is open")


class SelectForm(Form):
    """Where in a body each thing stands: JMESPath."""

    hints: ClassVar = {
        "key": "write where the id of the page stands, such as data.id",
        "open": "write what is true when a page opens, such as event == 'opened'",
    }

    key: Expression = Field(description="the page's identity, the same while it is open")
    open: Expression = Field(description="true: a page opens")
    close: Expression | None = Field(None, description="true: a page closes; asked first")
    reopen: Expression | None = Field(None, description="true: a page that was closed is open")
    update: Expression | None = Field(None, description="true: more is told of an open page")
    ignore: Expression | None = Field(None, description="true: a test, or nothing for us")
    title: Expression | None = Field(None, description="what it is about")
    severity: Expression | None = Field(None, description="a word that `severities` explains")
    service: Expression | None = Field(None, description="what it is that fails")
    team: Expression | None = Field(None, description="whose it is")
    url: Expression | None = Field(None, description="where people see it there")
    number: Expression | None = Field(None, description="what people call it by")
    bridge: Expression | None = Field(None, description="a conference that is attached already")
    labels: Expression | None = Field(None, description="a mapping of further texts")
    merged: Expression | None = Field(
        None, description="the key of the page that a closed one was merged into"
    )
    opened_at: Expression | None = Field(None, description="when it opened")
    closed_at: Expression | None = Field(None, description="when it closed")
    delivery: Expression | None = Field(
        None, description="the id of this one message, the same when it is sent again"
    )


class SourceForm(Form):
    """One paging system that may send pages, and how it is known."""

    hints: ClassVar = {"type": "write which system it is, such as pagerduty"}
    together: ClassVar = {
        "anyOf": [{"required": [name]} for name in MEANS],
        "allOf": [
            *(
                {
                    "if": {"properties": {"type": {"enum": list(types)}}},
                    "else": {"properties": {name: False}},
                }
                for name, types in BELONGS.items()
            ),
            {
                "if": {"properties": {"type": {"const": "json"}}},
                "then": {"required": ["select"]},
            },
            {
                "if": {"properties": {"type": {"enum": list(_FREE)}}},
                "then": {"properties": {"signature": {"required": ["scheme"]}}},
            },
            *(
                {
                    "if": {"properties": {"type": {"const": kind}}},
                    "then": {
                        "properties": {"signature": {"properties": {"scheme": {"const": one}}}}
                    },
                }
                for kind, one in SIGNING.items()
            ),
        ],
    }

    type: Literal[
        "pagerduty",
        "alertmanager",
        "grafana",
        "grafana-oncall",
        "opsgenie",
        "incidentio",
        "goalert",
        "standard-webhooks",
        "cloudevents",
        "generic",
        "json",
    ] = Field(description="which system it is; json: any other, read by `select`")
    signature: SignatureForm | None = Field(None, description="how it signs what it sends")
    bearer: Secrets | None = Field(
        None, description="where the tokens are for Authorization: Bearer; any will do"
    )
    basic: BasicForm | None = Field(None, description="for Authorization: Basic")
    token: Secrets | None = Field(
        None, description="where the secret end of the address is, for who cannot sign"
    )
    access_token: bool | None = Field(
        None, description="true: the bearer token may be ?access_token=, which leaks into logs"
    )
    severities: dict[str, Literal["critical", "high", "medium", "low", "unknown"]] = Field(
        {}, description="what the sender's words mean, before the usual ones"
    )
    answer_within: (
        Annotated[Length, AfterValidator(between(timedelta(), timedelta(seconds=3)))] | None
    ) = Field(None, description="how long the answer may wait for the room: 2s")
    events: EventsForm | None = Field(None, description="which types of events mean what")
    select: SelectForm | None = Field(None, description="where in a body each thing stands")
    once: bool | None = Field(
        None, description="false: a key may be used again for another page; true by default"
    )
    delivery_header: Header | None = Field(
        None, description="which holds the id of one message, the same when it is sent again"
    )
