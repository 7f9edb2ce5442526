"""Rooms in the API's own words: the table of their settings, and what an answer said of one.

A room's settings are a flat mapping from a dotted path (``recording_options.auto_record``) to a
plain value, so that comparing, recording and explaining them are one loop over one table.  This
module refuses nothing: it holds what the adapter has already read and checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.domain.marker import Marker, Unreadable, read_metadata
from orchestrator.foundation.secret import Secret

Setting = bool | str | None
Settings = Mapping[str, Setting]

EARLIEST_END: Final = timedelta(minutes=10)  # the API notes, 6.4: strictly more than this ahead
LATEST_END: Final = timedelta(days=365)
NOTICE: Final = timedelta(minutes=11)  # the shortest end that a PATCH can ask for, with a margin
LONGEST_ASK: Final = LATEST_END - timedelta(hours=1)  # what we ask for at most: clocks differ
DISPLAY_NAME_MAX: Final = 200
AHEAD: Final = timedelta(minutes=5)  # what is remembered as further ahead was dated wrongly


class RoomType(StrEnum):
    """The API's two kinds of room."""

    INSTANT = "instant"
    LONG_TERM = "long_term"


class Occupancy(StrEnum):
    """Whether somebody is in a room; unknown is never taken for empty (promise P5)."""

    OCCUPIED = "occupied"
    EMPTY = "empty"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SettingRule:
    """One row of the table: a setting's documented default and what may be done with it."""

    default: Setting
    patchable: bool
    choices: tuple[str, ...] = ()


_LANGUAGES: Final = (
    *("default", "ar", "pt-br", "ca", "zh-tw", "zh-cn", "en", "fr", "de", "he", "it", "es"),
)

# Paths, defaults and what a PATCH takes: the API notes, 6.1 and 6.5. `ui_settings` is patchable
# on the servers that we know (.NET's client sends it); a server that ignores it is met by "not
# taken", so nothing is asked for twice.
SETTINGS: Final[Mapping[str, SettingRule]] = MappingProxyType(
    {
        "expire_after_use": SettingRule(default=False, patchable=True),
        "join_approval_level": SettingRule(
            default="none",
            patchable=True,
            choices=("none", "after_owner_only", "explicit_approval"),
        ),
        "recording_options.auto_record": SettingRule(default=False, patchable=False),
        "recording_options.record_only_owner": SettingRule(default=False, patchable=False),
        "available_features.is_recording_available": SettingRule(default=True, patchable=True),
        "available_features.is_chat_available": SettingRule(default=True, patchable=True),
        "available_features.is_whiteboard_available": SettingRule(default=True, patchable=True),
        "available_features.is_locale_switcher_available": SettingRule(
            default=False, patchable=True
        ),
        "available_features.is_captions_available": SettingRule(default=False, patchable=True),
        "initial_join_options.microphone_state": SettingRule(
            default="default", patchable=True, choices=("on", "off", "default")
        ),
        "ui_settings.language": SettingRule(default="default", patchable=True, choices=_LANGUAGES),
        "theme_id": SettingRule(default=None, patchable=True),
    }
)

# What a new room is born with and can never change: a difference here needs another room.
# The user's text in `metadata` is taken at birth and never forces a replacement by itself.
BORN_WITH: Final = ("display_name", "type")


def is_patchable(path: str) -> bool:
    """Whether a PATCH can change this of a room; otherwise only a new room has it."""
    return path not in BORN_WITH and SETTINGS[path].patchable


@dataclass(frozen=True, slots=True)
class Observed:
    """A room as the API last described it: documented defaults filled in, enums in lower case.

    Attributes:
        settings: a value for every path of `SETTINGS`.
        expires_at: UTC; some servers leave it out for instant rooms.
        guest_url: the link that people join by.  The host link is not here: it is a secret, read
            when it is needed and never kept.
    """

    id: str
    display_name: str
    metadata: str | None
    type: RoomType
    settings: Settings
    expires_at: datetime | None
    created_at: datetime | None
    is_available: bool
    meeting_code: str
    guest_url: str

    @property
    def text(self) -> str:
        """The user's own part of the metadata."""
        return read_metadata(self.metadata)[0]

    @property
    def marker(self) -> Marker | Unreadable | None:
        """Our signature, if there is one."""
        return read_metadata(self.metadata)[1]

    def marked_by(self, owner: str) -> Marker | None:
        """The marker, if it is this owner's; a room without it is not ours by itself (P3)."""
        marker = self.marker
        return marker if isinstance(marker, Marker) and marker.owner == owner else None


@dataclass(frozen=True, slots=True)
class NewRoom:
    """What a POST asks for: everything that the room is born with."""

    display_name: str
    type: RoomType
    metadata: str
    settings: Settings
    expires_at: datetime | None  # UTC; long_term only


@dataclass(frozen=True, slots=True)
class Change:
    """One setting's value before and after."""

    before: Setting | datetime
    after: Setting | datetime


@dataclass(frozen=True, slots=True)
class Patch:
    """What one PATCH asks for: settings by path, and a new end if the room is to have one."""

    settings: Settings = field(default_factory=lambda: MappingProxyType({}))
    expires_at: datetime | None = None  # UTC


@dataclass(frozen=True, slots=True)
class HostLink:
    """The link that gives a host's rights over one room; sealed, because it is a secret (P11)."""

    room_id: str
    url: Secret


@dataclass(frozen=True, slots=True)
class Session:
    """One meeting in a room, as ``GET /sessions`` tells it; still going on without an end.

    `id` is the one that callbacks name; empty where the API leaves it out.  `participants` is how
    many took part, `minutes` how long, added up over them (``billed_time``); None where that is not
    told.  Both grow while it goes on, so they do not tell one meeting from another.
    """

    room_id: str
    started_at: datetime
    ended_at: datetime | None
    id: str = ""
    participants: int | None = field(default=None, compare=False)
    minutes: float | None = field(default=None, compare=False)


def has_ended(room: Observed, now: datetime, occupancy: Occupancy = Occupancy.EMPTY) -> bool:
    """Whether a room that the API still shows can be met in no more.

    ``expires_at`` alone never ends a room with an open session, and some servers go on listing
    ended rooms as available (the API notes, 6.4); so either sign is enough, but for that.
    """
    if not room.is_available:
        return True
    past = room.expires_at is not None and room.expires_at <= now
    return past and occupancy is not Occupancy.OCCUPIED


def is_over(room: Observed, now: datetime, apart: str) -> bool:
    """The same of a room that may be ours and is not recorded as such.

    While the clocks are ``apart`` (why, or an empty text) only its own word counts: a wrong date
    would let every room pass for ended, and another be made for each key.
    """
    return not room.is_available if apart else has_ended(room, now)
