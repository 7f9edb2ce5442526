"""The policy language, version 1, as forms: which keys there are, and what each may hold.

Every field is described for people, because the JSON Schema that editors read is made of these
forms.  What needs two values, a template or a calendar is checked by the reader.  The names of a
room's settings are the API's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from orchestrator.adapters.policies.paging import CloseForm, FallbackForm, OnPageForm, StormForm
from orchestrator.adapters.policies.patterns import (
    CRON,
    DATA_FILE,
    NAME,
    NOT_BLANK,
    PLACEHOLDER,
    any_case,
    shorter_or_template,
)
from orchestrator.adapters.policies.recordings import RecordingsForm
from orchestrator.adapters.policies.requests import HttpForm
from orchestrator.domain.keys import POLICY_NAME, InvalidKeyError, normalise_subject
from orchestrator.domain.marker import TEXT_MAX
from orchestrator.domain.policies import SILENCE_LEAST
from orchestrator.domain.rooms import DISPLAY_NAME_MAX, EARLIEST_END, LATEST_END, SETTINGS
from orchestrator.foundation.forms import Form, Length, between, patterned
from orchestrator.foundation.instants import format_duration
from orchestrator.foundation.problems import did_you_mean
from orchestrator.foundation.weekforms import WeekHoursForm

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that mean something else inside a template.
_RESERVED: Final = frozenset(
    "and else false False for if in is loop none None not or self true True".split()  # noqa: SIM905 (a sentence reads better)
)
_WORD_SCHEMA: Final = rf"^(?!(?:{'|'.join(sorted(_RESERVED))})$){_WORD.pattern}$"
_NAME_RULE: Final = "1 to 63 of a-z, 0-9 and -, beginning with a letter or a digit"
_ITEMS_SCHEMA: Final = {
    "type": "array",
    # A number in a policy's own items counts as the text that stands there.
    "items": {"type": ["string", "number", "object"]},
}


def _name(value: str) -> str:
    if POLICY_NAME.fullmatch(value) is None:
        near = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:63]
        offer = f'; write "{near}"' if near else ""
        message = f"must be {_NAME_RULE}{offer}"
        raise ValueError(message)
    return value


def _subject(value: str) -> str:
    try:
        return normalise_subject(value)
    except InvalidKeyError as error:
        message = f"cannot be a key: {error}"
        raise ValueError(message) from None


def _word(value: str) -> str:
    if _WORD.fullmatch(value) is None or value in _RESERVED:
        message = "must be a word for templates: letters, digits and _, beginning with a letter"
        raise ValueError(message)
    return value


def _lifetime(value: timedelta) -> timedelta:
    if value > LATEST_END:
        message = f"{format_duration(value)}: the API allows at most {LATEST_END.days}d"
        raise ValueError(message)
    if value <= EARLIEST_END:
        message = f"{format_duration(value)}: the API wants more than 10m"
        raise ValueError(message)
    return value


def _silence(value: timedelta) -> timedelta:
    if value < SILENCE_LEAST:
        message = f"{format_duration(value)}: at least {format_duration(SILENCE_LEAST)}"
        raise ValueError(message)
    return value


def whole_number(value: object) -> object:
    """A version: the number 1, and nothing that only equals it."""
    if isinstance(value, bool | float):  # in Python both can equal a number
        message = "must be 1"
        raise ValueError(message)  # noqa: TRY004 (pydantic collects ValueErrors only)
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        message = "may not be blank"
        raise ValueError(message)
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _choice(path: str) -> Callable[[str], str]:
    """A check against the choices of one row of the table of settings."""

    def check(value: str) -> str:
        choices = SETTINGS[path].choices
        if value.lower() not in choices:
            message = f"must be one of {', '.join(choices)}{did_you_mean(value, choices)}"
            raise ValueError(message)
        return value.lower()

    return check


def _one_of(path: str, *choices: str) -> WithJsonSchema:
    """Choices of a setting, offered as they are and taken in any case."""
    offered = list(choices or SETTINGS[path].choices)
    taken = [{"enum": offered}, {"pattern": any_case(offered)}]
    return WithJsonSchema({"type": "string", "anyOf": taken})


Name = Annotated[str, AfterValidator(_name), patterned(NAME)]
# What is added to a moment: beyond the year 9999 there is none.
Wait = Annotated[Length, AfterValidator(between(timedelta(), timedelta(days=3650)))]
Names = Annotated[list[Name], BeforeValidator(_listed, json_schema_input_type=Name | list[Name])]
SubjectText = Annotated[str, AfterValidator(_subject), patterned(NOT_BLANK)]
TemplateText = Annotated[str, AfterValidator(_not_blank), patterned(NOT_BLANK)]
CronText = Annotated[str, patterned(CRON, examples=["0 6 * * MON-FRI", "*/15 * * * *"])]


class ForEachForm(Form):
    """What a standing policy makes rooms for."""

    hints: ClassVar = {"key": "a template that gives every subject its own, and never changes"}
    exactly_one: ClassVar = ("file", "items", "http")

    file: Annotated[str, patterned(DATA_FILE, examples=["teams.yaml"])] | None = Field(
        None, description="a YAML, JSON or CSV file in data/, each entry of which is a subject"
    )
    items: Annotated[list[object], WithJsonSchema(_ITEMS_SCHEMA)] | None = Field(
        None, description="subjects written out: texts, or mappings of fields"
    )
    http: HttpForm | None = Field(
        None, description="a directory that answers with JSON, asked again and again"
    )
    as_: Annotated[str, AfterValidator(_word), patterned(_WORD_SCHEMA)] = Field(
        "item", alias="as", description="the word by which templates know a subject"
    )
    key: Annotated[TemplateText, patterned(PLACEHOLDER, examples=["{{ team.slug }}"])] = Field(
        description="template: the stable part of a room's identity, from text or whole numbers"
    )
    formerly: TemplateText | None = Field(
        None, description="template: the key that a subject had before, if it has such a field"
    )
    min_items: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="with fewer subjects than this the data is taken to be unknown, not empty: "
        "default 0, of http 1",
    )


class RecordingForm(Form):
    """Recording; fixed when a room is made."""

    auto_record: bool | None = Field(None, description="record from the start (API default false)")
    record_only_owner: bool | None = Field(
        None, description="record only the host (API default false)"
    )


class FeaturesForm(Form):
    """What people find in the room."""

    is_recording_available: bool | None = Field(None, description="API default true")
    is_chat_available: bool | None = Field(None, description="API default true")
    is_whiteboard_available: bool | None = Field(None, description="API default true")
    is_locale_switcher_available: bool | None = Field(None, description="API default false")
    is_captions_available: bool | None = Field(None, description="API default false")


class JoinForm(Form):
    """How people come in."""

    microphone_state: (
        Annotated[
            str,
            AfterValidator(_choice("initial_join_options.microphone_state")),
            _one_of("initial_join_options.microphone_state"),
        ]
        | None
    ) = Field(None, description="on, off or default")


class SurfaceForm(Form):
    """What the room looks like."""

    language: (
        Annotated[
            str, AfterValidator(_choice("ui_settings.language")), _one_of("ui_settings.language")
        ]
        | None
    ) = Field(None, description="the language of the room's pages, such as en or de")


class RoomForm(Form):
    """What every room of the policy is like; settings that are not named are left as they are."""

    together: ClassVar = {
        "if": {"properties": {"type": {"const": "instant"}}},
        "then": {"properties": {"lifetime": False, "theme": False}},
    }

    type: Literal["instant", "long_term"] = Field(
        description="long_term rooms live for their lifetime, instant ones for ten minutes"
    )
    display_name: Annotated[
        TemplateText,
        patterned(
            NOT_BLANK, examples=["{{ team.name }} room"], **shorter_or_template(DISPLAY_NAME_MAX)
        ),
    ] = Field(description="template: the name that people see, at most 200 characters")
    lifetime: Annotated[Length, AfterValidator(_lifetime)] | None = Field(
        None, description="of a long_term room: more than 10m, at most 365d"
    )
    metadata: (
        Annotated[str, WithJsonSchema({"type": "string", **shorter_or_template(TEXT_MAX)})] | None
    ) = Field(
        None,
        description="template: text of your own for the room's metadata, at most 190",
    )
    expire_after_use: bool | None = Field(
        None, description="end the room ten minutes after its last participant left"
    )
    join_approval_level: (
        Annotated[
            str,
            AfterValidator(_choice("join_approval_level")),
            _one_of("join_approval_level"),
        ]
        | None
    ) = Field(None, description="who must let guests in; another than none needs a `link: host`")
    recording_options: RecordingForm | None = Field(None, description="recording")
    available_features: FeaturesForm | None = Field(None, description="what people find in it")
    initial_join_options: JoinForm | None = Field(None, description="how people come in")
    ui_settings: SurfaceForm | None = Field(None, description="what it looks like")
    theme: Name | None = Field(
        None, description="of a long_term room: the name of a theme in themes/"
    )


class ScheduleForm(Form):
    """Recurring moments, each of which has a room of its own."""

    hints: ClassVar = {
        "cron": 'five fields: minute hour day month weekday, as in "0 15 * * THU"',
        "timezone": "a zone such as Europe/Berlin",
        "duration": "how long people meet, such as 90m",
    }

    cron: CronText = Field(description="five fields; weekdays by name: 0 15 * * THU")
    timezone: str = Field(description="a zone of the tz database, such as Europe/Berlin")
    open_before: Wait | None = Field(
        None, description="how long before the start people can come in: default 15m"
    )
    duration: Wait = Field(description="from start to end")
    stay: Wait | None = Field(
        None, description="how long after the end the room stays if nobody is inside: default 30m"
    )


class WindowForm(Form):
    """Recurring times at which rooms may be renewed."""

    cron: CronText = Field(description="five fields; weekdays by name: 0 6 * * MON-FRI")
    timezone: str = Field(description="a zone of the tz database, such as Europe/Berlin")
    duration: Wait = Field(description="for how long it stays open")


class RenewalForm(Form):
    """When long_term rooms are renewed."""

    before: Wait | None = Field(
        None, description="how long before its end a room is renewed: default a third of its life"
    )
    window: WindowForm | None = Field(None, description="renew at these times only")
    only_if_used_within: Annotated[Length, AfterValidator(_silence)] | None = Field(
        None,
        description="renew no more what surely nobody used for so long, at least 1d; "
        "unknown use counts as use",
    )


ReplaceWord = Literal["never", "when_unused", "now"]


class ReplaceForm(Form):
    """When a room that cannot be changed into shape gives way to a new one."""

    mode: ReplaceWord = Field(
        "when_unused", description="when_unused: once nobody has been in it for seven days"
    )
    overlap: Wait | None = Field(
        None, description="how long the old room stays joinable beside the new: default 24h"
    )


class RemovalForm(Form):
    """What becomes of rooms that are wanted no more."""

    mode: Literal["expire", "delete", "keep"] = Field(
        "expire", description="expire: renew no more; delete: end them; keep: go on renewing"
    )
    grace: Wait | None = Field(None, description="for how long one can change one's mind: 7d")


class DeliverForm(Form):
    """One destination that is told the links."""

    to: str = Field(description="the name of a destination in config.yaml")
    link: Literal["guest", "host"] = Field(
        "guest", description="host: the host's link is told as well; whoever reads it is the host"
    )


class MovedForm(Form):
    """One subject whose key changed: its room and its link go along."""

    from_: SubjectText = Field(
        alias="from", description="the old key: a subject of this policy, or policy/subject"
    )
    to: SubjectText = Field(description="the new key: a subject of this policy")


_LONG_TERM: Final = {"properties": {"type": {"const": "long_term"}}, "required": ["type"]}
# A room that stands lives longer than ten minutes, and for a time that is said.
_STANDING: Final = {
    "if": {"required": ["for_each"]},
    "then": {
        "properties": {
            "room": {"properties": {"type": {"const": "long_term"}}, "required": ["lifetime"]}
        }
    },
}
# Where guests are let in by a host, somebody must be told the host's link.
_TOLD_TO_HOSTS: Final = {"properties": {"link": {"const": "host"}}, "required": ["link"]}
_LET_IN: Final = {
    "if": {
        "properties": {
            "room": {
                "properties": {
                    "join_approval_level": {
                        "type": "string",
                        "not": {"pattern": "^[Nn][Oo][Nn][Ee]$"},
                    }
                },
                "required": ["join_approval_level"],
            }
        }
    },
    "then": {"properties": {"deliver": {"contains": _TOLD_TO_HOSTS}}, "required": ["deliver"]},
}
# An occurrence's room lives from its opening to its end, and is like its policy when it opened.
_SCHEDULED: Final = {
    "if": {"required": ["on_schedule"]},
    "then": {
        "properties": {
            "room": {
                "properties": {
                    "type": {"const": "long_term"},
                    "lifetime": False,
                    "expire_after_use": {"const": False},
                }
            },
            "renewal": False,
            "replace": False,
            "moved": {"maxItems": 0},
        }
    },
}


# A page's room is like its policy when the page came, and ends with it.
_PAGED: Final = {
    "if": {"required": ["on_page"]},
    "then": {
        "properties": {
            "room": {"if": _LONG_TERM, "then": {"required": ["lifetime"]}},
            "replace": False,
            "removal": False,
            "protect": False,
            "formerly": {"maxItems": 0},
            "moved": {"maxItems": 0},
        }
    },
    "else": {
        "properties": dict.fromkeys(("keep_open", "close", "storm", "fallback"), False),
    },
}


def _replace(value: object) -> object:
    return {"mode": value} if isinstance(value, str) else value


class PolicyForm(Form):
    """One policy: which rooms should exist, what they are like, and what becomes of them."""

    hints: ClassVar = {
        "version": "write version: 1",
        "name": "it is a part of every key",
        "room": "it says what every room is like",
    }
    exactly_one: ClassVar = ("for_each", "on_page", "on_schedule")
    together: ClassVar = {"allOf": [_STANDING, _SCHEDULED, _PAGED, _LET_IN]}

    version: Annotated[Literal[1], BeforeValidator(whole_number)] = Field(
        description="of this language: 1"
    )
    name: Name = Field(description="the policy's name, part of every key")
    description: str = Field("", description="for people")
    for_each: ForEachForm | None = Field(None, description="what rooms are made for")
    on_schedule: ScheduleForm | None = Field(
        None, description="the moments that rooms are made for, each its own"
    )
    on_page: OnPageForm | None = Field(
        None, description="the pages that rooms are made for, each its own"
    )
    room: RoomForm = Field(description="what every room is like")
    keep_open: bool | None = Field(
        None, description="of a page: another room when the last one was used and has ended"
    )
    close: CloseForm | None = Field(None, description="of a page: when its room is let go")
    storm: StormForm | None = Field(None, description="of pages: when they share one room")
    fallback: FallbackForm | None = Field(
        None, description="of a page: where people are sent while the API makes no room"
    )
    renewal: RenewalForm | None = Field(None, description="when long_term rooms are renewed")
    replace: (
        Annotated[
            ReplaceForm,
            BeforeValidator(_replace, json_schema_input_type=ReplaceWord | ReplaceForm),
        ]
        | None
    ) = Field(None, description="never, when_unused or now, or a mapping with mode and overlap")
    removal: RemovalForm | None = Field(
        None, description="what becomes of rooms that are wanted no more"
    )
    recordings: RecordingsForm | None = Field(
        None, description="what becomes of the rooms' recordings; without it they are left alone"
    )
    changes: WeekHoursForm | None = Field(
        None, description="when rooms may be changed, instead of safety.changes in config.yaml"
    )
    protect: bool | None = Field(
        None, description="true: neither removed nor replaced; left out: as it was before"
    )
    mode: Literal["observe", "no-removals", "enforce"] | None = Field(
        None, description="how far to go; of this and config.yaml's the stricter holds"
    )
    deliver: Annotated[list[DeliverForm], Field(json_schema_extra={"uniqueItems": True})] = Field(
        [], description="who is told the links"
    )
    formerly: Names = Field([], description="names that this policy had before")
    moved: list[MovedForm] = Field([], description="subjects whose keys changed")
