"""Rooms and sessions in JSON: keys and their order as in the API notes, 6.1, 6.7 and 7.2."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote_plus

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.http.wire import Json
from orchestrator.meetings_server.model.rooms import AvailableFeatures, RecordingOptions, Room
from orchestrator.meetings_server.model.sessions import SessionPage, SessionQuery, SessionRecord
from orchestrator.meetings_server.ports import RoomPage, RoomQuery
from orchestrator.meetings_server.settings import CallbackUrls


def room_json(room: Room, links: Links, now: datetime) -> Json:
    """A room; the host link is made at `now`."""
    urls = room.options.callback_urls
    return {
        "id": room.id,
        "display_name": room.display_name,
        "metadata": room.metadata,
        "type": room.type.value,
        "expires_at": format_instant(room.life.expires_at),
        "recording_options": _recording_json(room.options.recording_options),
        "meeting_code": room.names.meeting_code,
        "_links": {
            "host_url": {"href": links.host(room, now)},
            "guest_url": {"href": links.guest(room)},
        },
        "created_at": format_instant(room.created_at),
        "is_available": room.is_available,
        "expire_after_use": room.expire_after_use,
        "theme_id": room.theme_id,
        "initial_join_options": {"microphone_state": room.options.microphone_state.value},
        "join_approval_level": room.options.join_approval_level.value,
        # Left out when never set: clients have only ever seen it so.
        **({} if urls is None else {"callback_urls": _urls_json(urls)}),
        "ui_settings": {"language": room.options.language},
        "available_features": _features_json(room.options.available_features),
    }


def room_page_json(page: RoomPage, query: RoomQuery, links: Links, now: datetime) -> Json:
    """A page of rooms, `next` left out on the last: some clients stop only then."""
    return {
        "page_size": query.limit,
        "_embedded": [room_json(room, links, now) for room in page.rooms],
        "_links": _room_links(page, query, links),
        "total_items": page.total,
    }


def session_page_json(page: SessionPage, query: SessionQuery, links: Links) -> Json:
    """A page of sessions."""
    return {
        "page_size": query.limit,
        "total_items": page.total,
        "_embedded": {"sessions": [_session_json(session) for session in page.sessions]},
        "_links": _session_links(page, query, links),
    }


# Written out: dataclasses.asdict copies deeply, and took a third of a page's time.


def _recording_json(options: RecordingOptions) -> Json:
    return {
        "auto_record": options.auto_record,
        "record_only_owner": options.record_only_owner,
    }


def _features_json(features: AvailableFeatures) -> Json:
    return {
        "is_recording_available": features.is_recording_available,
        "is_chat_available": features.is_chat_available,
        "is_whiteboard_available": features.is_whiteboard_available,
        "is_locale_switcher_available": features.is_locale_switcher_available,
        "is_captions_available": features.is_captions_available,
    }


def _urls_json(urls: CallbackUrls) -> Json:
    return _set(
        {
            "rooms_callback_url": urls.rooms_callback_url,
            "sessions_callback_url": urls.sessions_callback_url,
            "recordings_callback_url": urls.recordings_callback_url,
        }
    )


def _room_links(page: RoomPage, query: RoomQuery, links: Links) -> Json:
    # Captured links of a theme's rooms lose the theme; whoever follows those gets other rooms.
    path = "/rooms" if query.theme_id is None else f"/themes/{query.theme_id}/rooms"

    def link(**numbers: int | None) -> Json:
        return _link(links, path, {"page_size": query.limit, **numbers})

    first = page.rooms[0].serial if page.rooms else query.start
    found: dict[str, object] = {
        "first": link(),
        "self": link(start_id=first, end_id=query.end),
    }
    if page.previous is not None:
        found["prev"] = link(start_id=page.previous, end_id=first)
    if page.has_next:
        found["next"] = link(start_id=page.rooms[-1].serial + 1, end_id=query.end)
    return found


def _session_links(page: SessionPage, query: SessionQuery, links: Links) -> Json:
    asked: dict[str, str | int | None] = {
        "from": None if query.since is None else format_instant(query.since),
        "to": None if query.until is None else format_instant(query.until),
        "recorded": None if query.recorded is None else str(query.recorded).lower(),
        "room_id": query.room_id,
        "page_size": query.limit,
    }

    def link(offset: int) -> Json:
        return _link(links, "/sessions", {**asked, "offset": offset})

    found: dict[str, object] = {"first": link(0), "self": link(query.offset)}
    if query.offset > 0:
        found["prev"] = link(max(query.offset - query.limit, 0))
    if query.offset + len(page.sessions) < page.total and page.sessions:
        found["next"] = link(query.offset + query.limit)
    return found


def _session_json(session: SessionRecord) -> Json:
    return {
        "id": session.id,
        "room_id": session.room_id,
        "room_display_name": session.room_display_name,
        "start_time": format_instant(session.started_at),
        "end_time": None if session.ended_at is None else format_instant(session.ended_at),
        "is_recorded": session.is_recorded,
        "participants_number": session.participants,
        "billed_time": round(session.billed_minutes, 2),
        "recordings_time": round(session.recorded_minutes, 2),
    }


def _link(links: Links, path: str, query: Mapping[str, str | int | None]) -> Json:
    pairs = (
        f"{name}={value if isinstance(value, int) else quote_plus(value)}"
        for name, value in _set(query).items()
    )
    return {"href": links.api(f"{path}?{'&'.join(pairs)}")}


def _set(values: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in values.items() if value is not None}
