"""The bodies and queries of the API, read into values.

Fields that a PATCH cannot change are ignored like unknown ones: one official client sends them.
"""

from collections.abc import Mapping
from typing import Final

from orchestrator.foundation.instants import truncate
from orchestrator.meetings_server.http.fields import Fields, parse_object
from orchestrator.meetings_server.model.refusals import invalid
from orchestrator.meetings_server.model.rooms import (
    LANGUAGES,
    LONGEST_METADATA,
    LONGEST_NAME,
    AvailableFeatures,
    JoinApproval,
    Microphone,
    Options,
    RecordingOptions,
    RoomChanges,
    RoomDraft,
    RoomType,
)
from orchestrator.meetings_server.model.sessions import SessionQuery
from orchestrator.meetings_server.model.themes import Keep
from orchestrator.meetings_server.ports import RoomQuery
from orchestrator.meetings_server.settings import CallbackUrls

USUAL_PAGE: Final = 20
LARGEST_PAGE: Final = 1000

_LONGEST_ID: Final = 100

_RECORDING: Final = ("auto_record", "record_only_owner")
_FEATURES: Final = (
    "is_recording_available",
    "is_chat_available",
    "is_whiteboard_available",
    "is_locale_switcher_available",
    "is_captions_available",
)
_CALLBACKS: Final = ("rooms_callback_url", "sessions_callback_url", "recordings_callback_url")


def room_draft(body: bytes, *, themes_for_instant: bool = True) -> RoomDraft:
    """The body of `POST /rooms`; whether instant rooms may name a theme is disputed (8.2).

    Raises:
        Refused: the first field that breaks its rule.
    """
    fields = parse_object(body)
    expires_at = fields.instant("expires_at")
    draft = RoomDraft(
        display_name=_display_name(fields),
        type=fields.choice("type", RoomType) or RoomType.INSTANT,
        metadata=fields.text("metadata", LONGEST_METADATA),
        expires_at=None if expires_at is None else truncate(expires_at),
        expire_after_use=fields.flag("expire_after_use") or False,
        theme_id=fields.text("theme_id", _LONGEST_ID),
        options=_options(fields),
    )
    if draft.theme_id is not None and draft.type is RoomType.INSTANT and not themes_for_instant:
        raise invalid('"theme_id" is not allowed')
    return draft


def room_changes(body: bytes) -> RoomChanges:
    """The body of `PATCH /rooms/{id}`.

    Raises:
        Refused: the wrapper is missing or empty, or a field breaks its rule.
    """
    fields = update_details(parse_object(body))
    expires_at = fields.instant("expires_at")
    return RoomChanges(
        expires_at=None if expires_at is None else truncate(expires_at),
        expire_after_use=fields.flag("expire_after_use"),
        join_approval_level=fields.choice("join_approval_level", JoinApproval),
        microphone_state=_microphone(fields),
        language=_language(fields),
        available_features=fields.section("available_features").flags(*_FEATURES),
        callback_urls=fields.section("callback_urls").urls(*_CALLBACKS),
        theme_id=fields.text("theme_id", _LONGEST_ID)
        if "theme_id" in fields.values
        else Keep.AS_IS,
    )


def update_details(outer: Fields) -> Fields:
    """What a PATCH wraps.

    Raises:
        Refused: the wrapper is missing or empty.
    """
    if outer.values.get("update_details") is None:
        raise invalid('"update_details" is required')
    fields = outer.section("update_details")
    if not fields.values:
        raise invalid('"update_details" must have at least 1 key')
    return fields


def room_query(query: Mapping[str, str]) -> RoomQuery:
    """The query of `GET /rooms`.

    Raises:
        Refused: a value is not a whole number, or the page is empty.
    """
    return RoomQuery(
        limit=_page_size(query),
        start=_whole(query, "start_id"),
        end=_whole(query, "end_id"),
    )


def session_query(query: Mapping[str, str]) -> SessionQuery:
    """The query of `GET /sessions`.

    Raises:
        Refused: a value breaks its rule.
    """
    fields = Fields({name: value for name, value in query.items() if value})
    offset = _whole(query, "offset") or 0
    if offset < 0:
        raise invalid('"offset" must be greater than or equal to 0')
    since, until = fields.instant("from"), fields.instant("to")
    if since is not None and until is not None and until < since:
        raise invalid('"to" must be greater than or equal to "from"')
    return SessionQuery(
        limit=_page_size(query),
        offset=offset,
        since=since,
        until=until,
        recorded=fields.flag("recorded"),
        room_id=fields.text("room_id", 100),
    )


def force(query: Mapping[str, str]) -> bool:
    """Whether a deletion is forced; `True` and `true` alike.

    Raises:
        Refused: the value is not a boolean.
    """
    return Fields({name: value for name, value in query.items() if value}).flag("force") or False


def _display_name(fields: Fields) -> str:
    name = fields.text("display_name", LONGEST_NAME)
    if name is None:
        raise invalid('"display_name" is required')
    if not name.strip():
        raise invalid('"display_name" is not allowed to be empty')
    return name


def _options(fields: Fields) -> Options:
    urls = CallbackUrls(**fields.section("callback_urls").urls(*_CALLBACKS))
    return Options(
        recording_options=RecordingOptions(
            **fields.section("recording_options").flags(*_RECORDING)
        ),
        microphone_state=_microphone(fields) or Microphone.DEFAULT,
        join_approval_level=fields.choice("join_approval_level", JoinApproval) or JoinApproval.NONE,
        callback_urls=None if urls == CallbackUrls() else urls,
        language=_language(fields) or "default",
        available_features=AvailableFeatures(
            **fields.section("available_features").flags(*_FEATURES)
        ),
    )


def _microphone(fields: Fields) -> Microphone | None:
    return fields.section("initial_join_options").choice("microphone_state", Microphone)


def _language(fields: Fields) -> str | None:
    return fields.section("ui_settings").one_of("language", LANGUAGES)


def _page_size(query: Mapping[str, str]) -> int:
    size = _whole(query, "page_size")
    if size is None:
        return USUAL_PAGE
    if size < 1:
        raise invalid('"page_size" must be greater than or equal to 1')
    return min(size, LARGEST_PAGE)


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None or not text:
        return None
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 30:
        raise invalid(f'"{name}" must be a number')
    return int(text)
