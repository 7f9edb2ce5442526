"""What a policy may say of pages: which it takes, how long their rooms are kept, and what else.

It refuses what would lose a page: no source, an address that nobody could open, a storm of nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from orchestrator.adapters.policies.patterns import NAME, NOT_BLANK
from orchestrator.domain.keys import POLICY_NAME
from orchestrator.foundation.forms import Form, Length, between, patterned, some

_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_NO_BRACES: Final = r"^(?![\s\S]*\{[{%])[\s\S]*\S"


def _source(value: str) -> str:
    if POLICY_NAME.fullmatch(value) is None:
        message = "must be the name of a source in config.yaml: 1 to 63 of a-z, 0-9 and -"
        raise ValueError(message)
    return value


def _when(value: str) -> str:
    if not value.strip():
        message = "may not be blank; leave it out to take every page"
        raise ValueError(message)
    if "{{" in value or "{%" in value:
        message = "is an expression without braces, as in \"page.severity in ['critical', 'high']\""
        raise ValueError(message)
    return value


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or any(letter.isspace() for letter in value):
        message = "must be an address such as https://meet.example.com/bridge"
        raise ValueError(message)
    return value


SourceName = Annotated[str, AfterValidator(_source), patterned(NAME)]


class OnPageForm(Form):
    """The pages that a policy takes; each gets a room."""

    hints: ClassVar = {"sources": "names of sources in config.yaml, such as [pagerduty]"}

    sources: Annotated[
        list[SourceName],
        AfterValidator(some("so no page would come; name at least one source of config.yaml")),
        Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
    ] = Field(description="names of sources in config.yaml")
    when: (
        Annotated[
            str,
            AfterValidator(_when),
            patterned(_NO_BRACES, examples=["page.severity in ['critical', 'high']"]),
        ]
        | None
    ) = Field(None, description="an expression; without it, or where it fails, every page is taken")
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(
        0, description="of the policies that take a page the one with the highest gets it"
    )


class CloseForm(Form):
    """When a page's room is looked after no more."""

    after: Annotated[Length, AfterValidator(between(timedelta(), _DAY))] | None = Field(
        None, description="so long after the page was closed, and once nobody is inside: 10m"
    )
    max_age: Annotated[Length, AfterValidator(between(10 * _MINUTE, 30 * _DAY))] | None = Field(
        None, description="a page that is open for longer counts as closed: 24h"
    )


class StormForm(Form):
    """When pages share one room."""

    hints: ClassVar = {"more_than": "a number of pages, such as 10", "within": "such as 5m"}

    more_than: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="further pages share the first one's room"
    )
    within: Annotated[Length, AfterValidator(between(timedelta(seconds=10), _DAY))] = Field(
        description="the time in which pages are counted"
    )


class FallbackForm(Form):
    """Where people are sent while the API makes no room in time."""

    after: Annotated[Length, AfterValidator(between(timedelta(), 10 * _MINUTE))] | None = Field(
        None, description="so long after the page came: 20s"
    )
    room: (
        Annotated[str, patterned(NOT_BLANK, examples=["team-rooms/{{ page.service }}"])] | None
    ) = Field(None, description="template: the key of a room that stands, tried first")
    url: (
        Annotated[
            str,
            AfterValidator(_address),
            patterned(r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$", examples=["https://meet.example.com/x"]),
        ]
        | None
    ) = Field(None, description="a fixed address, such as a bridge that always stands")
