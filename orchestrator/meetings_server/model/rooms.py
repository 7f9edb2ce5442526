"""A room as the API notes, 6.1, describe it, what one asks for, and what one may change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from orchestrator.meetings_server.model.life import (
    IN_USE,
    OPEN,
    TEN_MINUTES,
    Event,
    Kind,
    Life,
    step,
)
from orchestrator.meetings_server.model.refusals import Reason, Refused, invalid
from orchestrator.meetings_server.model.themes import Keep, Theme
from orchestrator.meetings_server.settings import CallbackUrls

LONGEST_NAME: Final = 200
LONGEST_METADATA: Final = 500
ONE_YEAR: Final = timedelta(days=365)

#: The languages of the meeting page; `pt` is sent by one official client only.
LANGUAGES: Final = (
    "ar", "pt-br", "ca", "zh-tw", "zh-cn", "en", "fr", "de", "he", "it", "es", "pt", "default",
)  # fmt: skip


class RoomType(StrEnum):
    """On the wire `long_term` has an underscore."""

    INSTANT = "instant"
    LONG_TERM = "long_term"


class JoinApproval(StrEnum):
    """Who lets guests in."""

    NONE = "none"
    AFTER_OWNER_ONLY = "after_owner_only"
    EXPLICIT_APPROVAL = "explicit_approval"


class Microphone(StrEnum):
    """The microphone of somebody who comes in."""

    ON = "on"
    OFF = "off"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """Cannot be changed later."""

    auto_record: bool = False
    record_only_owner: bool = False


@dataclass(frozen=True, slots=True)
class AvailableFeatures:
    """What the meeting page offers; the defaults are those that were captured."""

    is_recording_available: bool = True
    is_chat_available: bool = True
    is_whiteboard_available: bool = True
    is_locale_switcher_available: bool = False
    is_captions_available: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What a room is like, apart from its name, its type and its life."""

    recording_options: RecordingOptions = RecordingOptions()
    microphone_state: Microphone = Microphone.DEFAULT
    join_approval_level: JoinApproval = JoinApproval.NONE
    #: None: never set, and then left out on the wire.
    callback_urls: CallbackUrls | None = None
    language: str = "default"
    available_features: AvailableFeatures = AvailableFeatures()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomDraft:
    """A room that somebody asks for; each field is lawful, together they may not be."""

    display_name: str
    type: RoomType = RoomType.INSTANT
    metadata: str | None = None
    expires_at: datetime | None = None
    expire_after_use: bool = False
    #: None: the application's default theme, if it has one.
    theme_id: str | None = None
    options: Options = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomChanges:
    """What to change; None, or a missing name in a mapping, leaves a thing as it is."""

    expires_at: datetime | None = None
    expire_after_use: bool | None = None
    join_approval_level: JoinApproval | None = None
    microphone_state: Microphone | None = None
    language: str | None = None
    available_features: Mapping[str, bool] = field(default_factory=dict)
    #: A URL of None takes that callback away.
    callback_urls: Mapping[str, str | None] = field(default_factory=dict)
    theme_id: str | Keep | None = Keep.AS_IS


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is drawn at random for a room."""

    id: str
    #: Nine digits, for dialling in only.
    meeting_code: str
    #: 128 bits; opens the guest's page. The id of the room is no part of any link.
    guest_token: str
    #: The participant whom the host link stands for.
    host_id: str


@dataclass(frozen=True, slots=True)
class Dates:
    """When a room that is planted was made, and when it ends."""

    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room. `serial` is 0 until it is stored, then ascending in order of creation."""

    names: Names
    application_id: str
    display_name: str
    metadata: str | None
    type: RoomType
    created_at: datetime
    expire_after_use: bool
    options: Options
    life: Life
    theme_id: str | None = None
    #: The segment of its links that its theme has by now.
    short_company_url: str | None = None
    serial: int = 0

    @property
    def id(self) -> str:
        return self.names.id

    @property
    def is_available(self) -> bool:
        """Whether a new session can start."""
        return self.life.phase in OPEN

    @property
    def is_in_use(self) -> bool:
        """Whether a session runs."""
        return self.life.phase in IN_USE

    def themed(self, theme: Theme | None) -> "Room":
        """The room with that theme; None: with none."""
        return replace(
            self,
            theme_id=None if theme is None else theme.id,
            short_company_url=None if theme is None else theme.short_company_url,
        )


def made(
    draft: RoomDraft, names: Names, application_id: str, now: datetime, *, one_year: bool
) -> Room:
    """The room that a draft leads to.

    Raises:
        Refused: type and expiry do not go together, or the expiry is too near or too far.
    """
    return Room(
        names=names,
        application_id=application_id,
        display_name=draft.display_name,
        metadata=draft.metadata,
        type=draft.type,
        created_at=now,
        expire_after_use=draft.expire_after_use,
        options=draft.options,
        life=Life(
            kind=_kind(draft.type, expire_after_use=draft.expire_after_use),
            expires_at=_first_expiry(draft, now, one_year=one_year),
        ),
    )


def planted(draft: RoomDraft, names: Names, application_id: str, dates: Dates) -> Room:
    """A room as it stands elsewhere, however near or far its end is."""
    return Room(
        names=names,
        application_id=application_id,
        display_name=draft.display_name,
        metadata=draft.metadata,
        type=draft.type,
        created_at=dates.created_at,
        expire_after_use=draft.expire_after_use,
        options=draft.options,
        life=Life(
            kind=_kind(draft.type, expire_after_use=draft.expire_after_use),
            expires_at=dates.expires_at,
        ),
    )


def changed(room: Room, changes: RoomChanges, now: datetime, *, one_year: bool) -> Room:
    """The room after a PATCH; nested objects are merged, not replaced.

    Raises:
        Refused: the room is instant or over, or the expiry is too near or too far.
    """
    if room.type is RoomType.INSTANT:
        # "temporary" is the service's own word, kept because clients may look for it (6.5).
        raise _unchangeable(room, "of its type: temporary")
    if changes.expires_at is not None:
        _check_expiry(changes.expires_at, now, one_year=one_year)
    after_use = room.expire_after_use
    if changes.expire_after_use is not None:
        after_use = changes.expire_after_use
    life = replace(
        room.life,
        kind=_kind(room.type, expire_after_use=after_use),
        expires_at=changes.expires_at or room.life.expires_at,
    )
    moved = step(life, Event.CHANGED, now)
    if moved is None:
        raise _unchangeable(room, "it has expired")
    return replace(
        room,
        life=moved[0],
        expire_after_use=after_use,
        options=_changed_options(room.options, changes),
    )


def _changed_options(options: Options, changes: RoomChanges) -> Options:
    urls = options.callback_urls
    if changes.callback_urls:
        urls = replace(urls or CallbackUrls(), **changes.callback_urls)
    return replace(
        options,
        microphone_state=changes.microphone_state or options.microphone_state,
        join_approval_level=changes.join_approval_level or options.join_approval_level,
        language=changes.language or options.language,
        available_features=replace(options.available_features, **changes.available_features),
        callback_urls=None if urls == CallbackUrls() else urls,
    )


def _kind(room_type: RoomType, *, expire_after_use: bool) -> Kind:
    if room_type is RoomType.INSTANT:
        return Kind.INSTANT
    return Kind.ONCE if expire_after_use else Kind.LASTING


def _first_expiry(draft: RoomDraft, now: datetime, *, one_year: bool) -> datetime:
    if draft.type is RoomType.INSTANT:
        if draft.expires_at is not None:
            raise invalid('"expires_at" is not allowed')
        return now + TEN_MINUTES
    if draft.expires_at is None:
        raise invalid('"expires_at" is required')
    _check_expiry(draft.expires_at, now, one_year=one_year)
    return draft.expires_at


def _check_expiry(expires_at: datetime, now: datetime, *, one_year: bool) -> None:
    if expires_at <= now + TEN_MINUTES:
        raise invalid('"expires_at" must be more than 10 minutes in the future')
    if one_year and expires_at > now + ONE_YEAR:
        raise invalid('"expires_at" must be at most one year in the future')


def _unchangeable(room: Room, because: str) -> Refused:
    message = f"The room with id: {room.id} could not be updated because {because}"
    return Refused(Reason.BAD_REQUEST, message)
