"""JSON to values and back: what is tolerated, and that nothing is lost on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.meetings.wire import (
    UnreadableError,
    read_host_link,
    read_page,
    read_room,
    read_sessions,
    write_patch,
    write_room,
)
from orchestrator.domain.rooms import SETTINGS, NewRoom, Patch, RoomType, Session, Settings
from orchestrator.foundation.instants import truncate
from tests.fakes.transport import ROOM_ID, room_document
from tests.strategies import moments

DEFAULTS = {path: rule.default for path, rule in SETTINGS.items()}


@pytest.mark.parametrize(
    ("changes", "path", "value"),
    [
        ({"join_approval_level": "EXPLICIT_APPROVAL"}, "join_approval_level", "explicit_approval"),
        (
            {"join_approval_level": ..., "joinApprovalLevel": "after_owner_only"},
            "join_approval_level",
            "after_owner_only",
        ),
        ({"join_approval_level": "Ask_Somebody"}, "join_approval_level", "ask_somebody"),
        ({"ui_settings": {"language": "PT-BR"}}, "ui_settings.language", "pt-br"),
        ({"ui_settings": {"language": " en "}}, "ui_settings.language", "en"),
        ({"ui_settings": None}, "ui_settings.language", "default"),
        ({"ui_settings": ...}, "ui_settings.language", "default"),
        ({"available_features": {}}, "available_features.is_captions_available", False),
        ({"available_features": {}}, "available_features.is_chat_available", True),
        (
            {"available_features": {"is_chat_available": "False"}},
            "available_features.is_chat_available",
            False,
        ),
        ({"expire_after_use": "true"}, "expire_after_use", True),
        ({"expire_after_use": None}, "expire_after_use", False),
        ({"theme_id": "7F3A"}, "theme_id", "7F3A"),
        ({"theme_id": ...}, "theme_id", None),
    ],
)
def test_settings_are_read_as_their_writers_meant_them(
    changes: dict[str, Any], path: str, value: object
) -> None:
    """Absent is the documented default, enums are lower case, the rest stays as it is."""
    settings = read_room(room_document(**changes)).settings
    assert settings[path] == value
    assert settings.keys() == SETTINGS.keys()


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"expires_at": ...}, "expires_at", None),
        ({"expires_at": None}, "expires_at", None),
        (
            {"expires_at": "2026-03-01T12:00:00+0000"},
            "expires_at",
            datetime(2026, 3, 1, 12, tzinfo=UTC),
        ),
        ({"expires_at": "2026-03-01 12:00:00"}, "expires_at", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ({"created_at": ...}, "created_at", None),
        ({"is_available": ...}, "is_available", True),
        ({"is_available": False}, "is_available", False),
        ({"meeting_code": 982515622}, "meeting_code", "982515622"),
        ({"meeting_code": ...}, "meeting_code", ""),
        ({"metadata": ...}, "metadata", None),
        ({"display_name": None}, "display_name", ""),
        ({"type": ...}, "type", RoomType.INSTANT),
        ({"type": "LONG_TERM"}, "type", RoomType.LONG_TERM),
        ({"type": "long term"}, "type", RoomType.LONG_TERM),
        ({"type": "temporary"}, "type", RoomType.INSTANT),
        ({"callback_urls": {"rooms_callback_url": "https://x.test"}}, "id", ROOM_ID),
        ({"display_name": "\ud83d half"}, "display_name", "\N{REPLACEMENT CHARACTER} half"),
        ({"display_name": "💶 whole"}, "display_name", "💶 whole"),
    ],
)
def test_a_room_is_read_with_its_gaps(
    changes: dict[str, Any], attribute: str, value: object
) -> None:
    """What older or edited servers leave out, or write otherwise."""
    assert getattr(read_room(room_document(**changes)), attribute) == value


def test_a_host_link_is_sealed_and_left_out_of_a_room() -> None:
    """It is read where it is asked for, and nowhere else."""
    document = room_document()
    link = read_host_link(document)
    assert link.url.reveal() == document["_links"]["host_url"]["href"]
    for value in (link, read_room(document)):
        assert "participant_token" not in repr(value)
    del document["_links"]["host_url"]
    read_room(document)
    with pytest.raises(UnreadableError, match="has no host_url"):
        read_host_link(document)


def page(**changes: Any) -> dict[str, Any]:
    usual = {"page_size": 20, "_embedded": [room_document()], "_links": {}, "total_items": 1}
    return {key: value for key, value in (usual | changes).items() if value is not ...}


@pytest.mark.parametrize(
    ("changes", "rooms"),
    [
        ({}, 1),
        ({"_embedded": {"rooms": [room_document()]}}, 1),
        ({"_embedded": {}}, 0),
        ({"_embedded": None}, 0),
        ({"_embedded": ...}, 0),
        ({"_embedded": []}, 0),
        ({"page_size": "3"}, 1),
        ({"page_size": ..., "total_items": ...}, 1),
    ],
)
def test_a_page_is_read_in_either_shape(changes: dict[str, Any], rooms: int) -> None:
    """A list, or a list in an object; page sizes in quotes."""
    assert len(read_page(page(**changes)).rooms) == rooms


@pytest.mark.parametrize(
    ("href", "start"),
    [
        ("api-eu.vonage.com/meetings/rooms?page_size=20&start_id=2009871", 2009871),
        ("https://api-eu.vonage.com/v1/meetings/rooms?page_size=50&start_id=2293905#x", 2293905),
        ("/rooms?start_id=7", 7),
        ("?start_id=7&start_id=9", 7),
        ("rooms?page_size=20", None),
        ("rooms?start_id=", None),
        ("rooms?start_id=-7", None),
        ("rooms?start_id=7.5", None),
        ("rooms?start_id=seven", None),
        ("rooms?start_id=" + "9" * 40, None),
        ("rooms?start_id=\u0667", None),
        ("rooms", None),
        ("https://[broken", None),
        ("", None),
    ],
)
def test_of_a_next_link_only_the_serial_is_taken(href: str, start: int | None) -> None:
    """The rest of it, often without a scheme, leads nowhere that we go."""
    read = read_page(page(_links={"next": {"href": href}}))
    assert (read.has_next, read.next_start) == (True, start)


@pytest.mark.parametrize("links", [{}, None, ..., {"next": None}, {"next": {}}])
def test_no_next_link_is_none(links: Any) -> None:
    """In all the ways of leaving it out."""
    read = read_page(page(_links=links))
    assert (read.has_next, read.next_start) == (False, None)


@pytest.mark.parametrize(
    ("total", "read"),
    [(5, 5), ("5", 5), (None, None), (..., None), (-1, None), (True, None)],
    ids=["number", "quoted", "null", "absent", "negative", "a flag"],
)
def test_a_total_is_a_whole_number_or_unknown(total: Any, read: int | None) -> None:
    """Also in quotes."""
    assert read_page(page(total_items=total)).total == read


def test_an_odd_room_does_not_hide_the_others() -> None:
    """It is counted and named, so that the listing is doubted."""
    read = read_page(page(_embedded=[room_document(type="permanent"), room_document(), 7, None]))
    assert len(read.rooms) == 1
    assert list(read.unreadable) == [
        f"room {ROOM_ID} is of a type that is not known",
        "a room has no id",
        "a room has no id",
    ]


def test_rooms_with_the_same_settings_share_them() -> None:
    """A hundred thousand rooms must not take a hundred thousand mappings."""
    assert read_room(room_document()).settings is read_room(room_document(id="other")).settings
    with pytest.raises(TypeError):
        read_room(room_document()).settings["theme_id"] = "x"  # type: ignore[index]


def test_sessions_are_read_with_their_rooms() -> None:
    """One that still goes on has no end; one that names no room cannot be told of any."""
    began = datetime(2026, 1, 5, 9, tzinfo=UTC)
    rows = [
        {"room_id": "a", "start_time": "2026-01-05T09:00:00.000Z", "end_time": None},
        {
            "id": "s",
            "room_id": "b",
            "start_time": "2026-01-05T09:00:00Z",
            "end_time": "2026-01-05T10:00:00Z",
        },
        {"start_time": "2026-01-05T09:00:00.000Z"},
    ]
    read = read_sessions({"page_size": 25, "total_items": 3, "_embedded": {"sessions": rows}})
    assert list(read.sessions) == [
        Session("a", began, None),
        Session("b", began, began + timedelta(hours=1), "s"),
    ]
    assert (read.rows, read.limit, read.total) == (3, 25, 3)


@pytest.mark.parametrize(
    ("said", "participants", "minutes"),
    [
        ({"participants_number": 3, "billed_time": 42.5}, 3, 42.5),
        ({"participants_number": "3", "billed_time": 42}, 3, 42.0),
        ({"participants_number": -1, "billed_time": -0.5}, None, None),
        ({"participants_number": True, "billed_time": True}, None, None),
        ({"participants_number": 2.5, "billed_time": "long"}, None, None),
        ({"participants_number": None, "billed_time": 1e300}, None, None),
        ({}, None, None),
    ],
)
def test_how_long_a_session_was_is_told_or_not_known(
    said: dict[str, object], participants: int | None, minutes: float | None
) -> None:
    """What makes no sense is not known; the session is read all the same."""
    row = {"room_id": "a", "start_time": "2026-01-05T09:00:00Z", **said}
    (session,) = read_sessions({"_embedded": {"sessions": [row]}}).sessions
    assert (session.participants, session.minutes) == (participants, minutes)


def test_a_session_without_a_beginning_is_not_passed_over() -> None:
    """It may be going on, and unknown is not empty."""
    with pytest.raises(UnreadableError, match="has no start_time"):
        read_sessions({"_embedded": {"sessions": [{"room_id": "a"}]}})


def test_a_new_room_is_written_as_the_api_wants_it() -> None:
    """Nested objects, real booleans, UTC with ``Z`` and milliseconds, nothing that is not set."""
    settings: Settings = {
        "recording_options.auto_record": True,
        "available_features.is_chat_available": False,
        "available_features.is_whiteboard_available": True,
        "initial_join_options.microphone_state": "off",
        "expire_after_use": True,
        "theme_id": None,
    }
    ends = datetime(2026, 3, 1, 13, 0, 0, 123_987, tzinfo=UTC)
    room = NewRoom("Zürich", RoomType.LONG_TERM, "[ro1 …]", settings, ends)
    body = write_room(room)
    assert json.loads(body) == {
        "display_name": "Zürich",
        "type": "long_term",
        "metadata": "[ro1 …]",
        "expires_at": "2026-03-01T13:00:00.123Z",
        "expire_after_use": True,
        "recording_options": {"auto_record": True},
        "available_features": {"is_chat_available": False, "is_whiteboard_available": True},
        "initial_join_options": {"microphone_state": "off"},
    }
    assert body.isascii()


def test_an_instant_room_is_written_without_what_only_long_ones_have() -> None:
    """The API refuses an end of its own, and the libraries in use refuse the other."""
    room = NewRoom("Call", RoomType.INSTANT, "", {"expire_after_use": False}, None)
    assert json.loads(write_room(room)) == {
        "display_name": "Call",
        "type": "instant",
        "metadata": "",
    }


def test_an_update_is_wrapped_and_can_detach_a_theme() -> None:
    """There is no flat form."""
    patch = Patch(
        {"theme_id": None, "ui_settings.language": "de"}, datetime(2026, 3, 1, tzinfo=UTC)
    )
    assert json.loads(write_patch(patch)) == {
        "update_details": {
            "theme_id": None,
            "ui_settings": {"language": "de"},
            "expires_at": "2026-03-01T00:00:00.000Z",
        }
    }


_values = {
    path: st.sampled_from(rule.choices)
    if rule.choices
    else (st.booleans() if isinstance(rule.default, bool) else st.none() | st.just("7f3a"))
    for path, rule in SETTINGS.items()
}
_new_rooms = st.builds(
    NewRoom,
    display_name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    type=st.just(RoomType.LONG_TERM),
    metadata=st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
    settings=st.fixed_dictionaries({}, optional=_values),
    expires_at=moments,
)


def echoed(body: bytes) -> dict[str, Any]:
    """The room that an obedient server would answer with."""
    given_ = json.loads(body)
    usual = room_document(theme_id=None)
    for name, value in given_.items():
        usual[name] = {**usual[name], **value} if isinstance(value, dict) else value
    return usual


@given(_new_rooms)
def test_what_is_written_reads_back_the_same(room: NewRoom) -> None:
    """Every setting, every text, every moment to its millisecond."""
    read = read_room(echoed(write_room(room)))
    assert (read.display_name, read.metadata, read.type) == (
        room.display_name,
        room.metadata,
        room.type,
    )
    assert room.expires_at is not None
    assert read.expires_at == truncate(room.expires_at)
    assert read.settings == {**DEFAULTS, **room.settings}


@given(_new_rooms)
def test_what_is_patched_reads_back_the_same(room: NewRoom) -> None:
    """And what is not named stays as it was."""
    body = json.loads(write_patch(Patch(room.settings, room.expires_at)))
    assert body.keys() == {"update_details"}
    read = read_room(echoed(json.dumps(body["update_details"]).encode()))
    assert read.settings == {**DEFAULTS, **room.settings}
    assert room.expires_at is not None
    assert read.expires_at == truncate(room.expires_at)
