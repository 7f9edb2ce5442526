"""What becomes of answers and silences, and that nothing but faults ever leaves the client."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.meetings.retry import Again
from orchestrator.adapters.meetings.rooms import Limits, MeetingsRooms
from orchestrator.adapters.meetings.transport import NoAnswer, NotSent
from orchestrator.domain.rooms import NewRoom, Patch, RoomType
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
)
from tests.fakes.clock import START, VirtualClock
from tests.fakes.transport import ROOM_ID, Said, ScriptedTransport, client, room_document, said
from tests.strategies import json_values

ONCE = Limits(per_second=None, again=Again(attempts=1))
NEW = NewRoom("Team", RoomType.LONG_TERM, "", {}, START + timedelta(days=30))

Ask = Callable[[MeetingsRooms], Awaitable[object]]
ASKS: dict[str, Ask] = {
    "list": lambda rooms: rooms.list_rooms(),
    "get": lambda rooms: rooms.get_room(ROOM_ID),
    "host link": lambda rooms: rooms.get_host_link(ROOM_ID),
    "create": lambda rooms: rooms.create_room(NEW),
    "update": lambda rooms: rooms.update_room(ROOM_ID, Patch({"expire_after_use": True})),
    "delete": lambda rooms: rooms.delete_room(ROOM_ID),
    "sessions": lambda rooms: rooms.list_sessions(START),
}
READING = ("list", "get", "host link", "sessions")
CHANGING = ("create", "update", "delete")


async def fault_of(how: str, *turns: Any) -> Fault:
    """The fault that a call raises when the transport does that."""
    with pytest.raises(Fault) as caught:
        await ASKS[how](client(ScriptedTransport(*turns), VirtualClock(), ONCE))
    return caught.value


@pytest.mark.parametrize(
    ("status", "reading", "changing"),
    [
        (302, UnavailableError, UnansweredError),
        (400, RefusedError, RefusedError),
        (401, UnauthorizedError, UnauthorizedError),
        (402, RefusedError, RefusedError),
        (403, ForbiddenError, ForbiddenError),
        (404, MissingError, MissingError),
        (405, RefusedError, RefusedError),
        (408, UnavailableError, UnansweredError),
        (409, ForbiddenError, ForbiddenError),
        (410, MissingError, MissingError),
        (413, RefusedError, RefusedError),
        (418, RefusedError, RefusedError),
        (422, RefusedError, RefusedError),
        (429, UnavailableError, UnavailableError),
        (500, UnavailableError, UnansweredError),
        (501, UnavailableError, UnansweredError),
        (502, UnavailableError, UnansweredError),
        (503, UnavailableError, UnavailableError),
        (504, UnavailableError, UnansweredError),
        (599, UnavailableError, UnansweredError),
        (600, UnavailableError, UnansweredError),
        (999, UnavailableError, UnansweredError),
        (0, UnavailableError, UnansweredError),
        (100, UnavailableError, UnansweredError),
    ],
)
async def test_a_status_names_what_to_do_next(
    status: int, reading: type[Fault], changing: type[Fault]
) -> None:
    """The whole table; for a call that changes something, doubt counts as done."""
    for how in ("list", "get", "host link"):
        fault = await fault_of(how, Said(status))
        assert (type(fault), fault.status) == (reading, status)
    for how in CHANGING:
        fault = await fault_of(how, Said(status))
        assert (type(fault), fault.status) == (changing, status)


@pytest.mark.parametrize(("how", "occupied"), [("delete", True), ("update", False)])
async def test_only_a_refused_delete_means_occupied(how: str, *, occupied: bool) -> None:
    """409 elsewhere is a conflict of names."""
    fault = await fault_of(how, Said(409))
    assert isinstance(fault, ForbiddenError)
    assert fault.occupied is occupied


@pytest.mark.parametrize(
    ("silence", "reading", "changing"),
    [
        (NotSent("refused"), UnavailableError, UnavailableError),
        (ConnectionRefusedError("refused"), UnavailableError, UnavailableError),
        (NoAnswer("cut"), UnavailableError, UnansweredError),
        (ConnectionResetError("reset"), UnavailableError, UnansweredError),
        (TimeoutError(), UnavailableError, UnansweredError),
        (OSError("odd"), UnavailableError, UnansweredError),
    ],
    ids=["not sent", "refused", "no answer", "reset", "time-out", "other"],
)
async def test_a_silence_is_harmless_only_if_nothing_left(
    silence: Exception, reading: type[Fault], changing: type[Fault]
) -> None:
    """And the fault keeps its cause."""
    for how in (*READING, *CHANGING):
        fault = await fault_of(how, silence)
        assert (type(fault), fault.status) == (reading if how in READING else changing, 0)
        assert fault.__cause__ is silence


UNREADABLE = {
    "empty": b"",
    "a proxy's page": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "cut off": json.dumps(room_document()).encode()[:200],
    "a list": b"[]",
    "text": b'"OK"',
    "null": b"null",
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "bottomless": b"[" * 100_000,
    "a bottomless object": b'{"a":' * 100_000,
    "an endless number": b'{"id": ' + b"9" * 10_000 + b"}",
    "an empty object": b"{}",
    "no id": json.dumps(room_document(id=...)).encode(),
    "no guest link": json.dumps(room_document(_links={})).encode(),
    "another path as id": json.dumps(room_document(id="../applications")).encode(),
    "a number for a name": json.dumps(room_document(display_name=7)).encode(),
    "a word for a moment": json.dumps(room_document(expires_at="soon")).encode(),
    "a moment beyond time": json.dumps(
        room_document(expires_at="9999-12-31T23:59:59-12:00")
    ).encode(),
    "a list of settings": json.dumps(room_document(ui_settings=["de"])).encode(),
    "a word for a flag": json.dumps(room_document(expire_after_use="perhaps")).encode(),
    "a type of its own": json.dumps(room_document(type="permanent")).encode(),
    "links without links": json.dumps(room_document(_links={"guest_url": "https://x"})).encode(),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("status", [200, 201, 204, 206])
async def test_a_2xx_that_cannot_be_read_counts_as_unanswered(body: bytes, status: int) -> None:
    """It was carried out, perhaps; for a call that only reads it is weather."""
    for how in ("create", "update"):
        fault = await fault_of(how, Said(status, body))
        assert (type(fault), fault.status) == (UnansweredError, status)
        assert "cannot be read" in str(fault)
    assert type(await fault_of("get", Said(status, body))) is UnavailableError


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"<html>", b'{"status":"ok"}', b'{"_embedded":"none"}', b'{"_embedded":7}'],
)
async def test_a_page_that_is_none_is_not_an_empty_listing(body: bytes) -> None:
    """Unknown is not empty."""
    assert type(await fault_of("list", Said(200, body))) is UnavailableError


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_a_delete_needs_no_readable_answer(status: int) -> None:
    """204 has none."""
    await client(ScriptedTransport(Said(status, b"gone")), VirtualClock()).delete_room(ROOM_ID)


async def test_a_proxys_page_is_no_answer_to_a_delete() -> None:
    """A room that stands was told as deleted."""
    page = Said(200, b"\n <!doctype html><html>")
    with pytest.raises(UnansweredError, match="a page"):
        await client(ScriptedTransport(page), VirtualClock()).delete_room(ROOM_ID)


async def test_an_answer_about_another_room_is_no_answer() -> None:
    """A cache that mixes up its entries must not make us touch the wrong room."""
    other = said(room_document(id="00000000-0000-4000-8000-000000000001"))
    assert type(await fault_of("get", other)) is UnavailableError
    assert type(await fault_of("host link", other)) is UnavailableError
    assert type(await fault_of("update", other)) is UnansweredError


async def test_the_case_of_an_id_does_not_make_another_room() -> None:
    """UUIDs are written in either."""
    transport = ScriptedTransport(said(room_document(id=ROOM_ID.upper())))
    room = await client(transport, VirtualClock()).get_room(ROOM_ID)
    assert room.id == ROOM_ID.upper()


@pytest.mark.parametrize(
    "room_id", ["../sessions", "a/b", "", "a?b=c", "a b", "%2e%2e", "x" * 201, "é"]
)
async def test_no_room_is_asked_for_by_an_impossible_id(room_id: str) -> None:
    """People write ids; nothing is sent for one that would lead elsewhere."""
    transport = ScriptedTransport(Said(200))
    rooms = client(transport, VirtualClock())
    for call in (rooms.get_room(room_id), rooms.delete_room(room_id)):
        with pytest.raises(MissingError, match="no room can have the id"):
            await call
    assert transport.heard == []


@given(status=st.integers(0, 999), body=st.binary(max_size=200))
async def test_nothing_but_a_fault_leaves_whatever_bytes_come(status: int, body: bytes) -> None:
    """For every method."""
    await all_answered_or_fault(Said(status, body))


@given(document=json_values, part=st.sampled_from(sorted(room_document())))
async def test_nothing_but_a_fault_leaves_whatever_json_comes(document: object, part: str) -> None:
    """As the answer itself, as parts of a page, as a room, and as a part of a room."""
    await all_answered_or_fault(said(document))
    await all_answered_or_fault(
        said({"_embedded": document, "_links": document, "total_items": document})
    )
    await all_answered_or_fault(
        said({"_embedded": [document], "_links": {"next": {"href": document}}})
    )
    await all_answered_or_fault(said({**room_document(), part: document}))


async def all_answered_or_fault(turn: Said) -> None:
    rooms = client(ScriptedTransport(turn), VirtualClock(), ONCE)
    for ask in ASKS.values():
        try:
            await ask(rooms)
        except Fault as fault:
            assert fault.message.isprintable()  # noqa: PT017 - either way is right
            assert len(fault.message) < 300  # noqa: PT017


@given(document=json_values, status=st.sampled_from([400, 401, 409, 500]))
async def test_nothing_but_a_fault_leaves_whatever_a_refusal_says(
    document: object, status: int
) -> None:
    """Its parts may be of any type."""
    for given_ in (document, {"message": document, "errors": [document], "name": document}):
        fault = await fault_of("create", said(given_, status))
        assert len(fault.message) <= 230
        assert fault.message.isprintable()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {
                "message": '"display_name" is required',
                "name": "InputValidationError",
                "status": 400,
            },
            'InputValidationError: "display_name" is required',
        ),
        (
            {"message": "could not delete theme", "name": "BadRequestError", "errors": ["used"]},
            "BadRequestError: could not delete theme: used",
        ),
        (
            {"message": "logos", "name": "BadRequestError", "errors": [{"code": "key_not_found"}]},
            "BadRequestError: logos: {'code': 'key_not_found'}",
        ),
        (
            {"title": "Unauthorized", "detail": "wrong credentials"},
            "Unauthorized: wrong credentials",
        ),
        ({"type": "about:blank", "title": "Bad", "detail": "so bad"}, "Bad: so bad"),
        ({"status": 400, "error": "BAD", "message": "very bad"}, "BAD: very bad"),
        ({"message": 7, "name": None}, "Bad Request"),
        ([], "Bad Request"),
        ({}, "Bad Request"),
    ],
    ids=["A", "A, texts", "A, objects", "B", "C", "D", "odd types", "a list", "empty"],
)
async def test_each_family_of_errors_is_told_in_its_own_words(body: object, told: str) -> None:
    """The method and the path first, so that a line in a log stands by itself."""
    fault = await fault_of("create", said(body, 400))
    assert str(fault) == f"400: POST /rooms: {told}"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Bad Request"),
        (b"<html><title>nginx</title></html>", "Bad Request"),
        (b"no such\r\n\x1b[31mthing\x00", "no such [31mthing"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
    ],
    ids=["empty", "a proxy's page", "control characters", "not UTF-8"],
)
async def test_other_bodies_are_told_on_one_harmless_line(body: bytes, told: str) -> None:
    """No escape sequence reaches a terminal."""
    fault = await fault_of("create", Said(400, body))
    assert str(fault) == f"400: POST /rooms: {told}"


TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhcHBsaWNhdGlvbiI6MX0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        f"Bearer {TOKEN}",
        "Basic dXNlcjpwYXNzd29yZA==",
        f"https://meetings.test/?room_token=SECRETCODE&participant_token={TOKEN}",
        "meetings.test/?room_token=SECRETCODE&participant_token=SECRETTOKEN",
        "https://meetings.test/j/SECRETCODE",
        "//meetings.test/j/SECRETCODE",
        '{"participant_token": "SECRETTOKEN"}',
        "-----BEGIN PRIVATE KEY-----\nSECRETKEY\n-----END PRIVATE KEY-----",
        f"{'x' * 190} {TOKEN}",
        f"{'https://m.test/a ' * 40}{TOKEN}",
    ],
)
@pytest.mark.parametrize("family", ["message", "detail", "text"])
async def test_no_secret_of_a_body_gets_into_a_fault(secret: str, family: str) -> None:
    """Not even a piece of one, where the text is cut."""
    body = secret.encode() if family == "text" else json.dumps({family: secret}).encode()
    for turn in (Said(400, body), NoAnswer(secret)):
        fault = await fault_of("update", turn)
        for piece in ("SECRET", "eyJ", "dXNlcj", "c2lnbm", "YXBw"):
            assert piece not in f"{fault} {fault!r}"
        assert len(fault.message) <= 200 + len(f"PATCH /rooms/{ROOM_ID}: ")


async def test_our_own_token_is_never_told() -> None:
    """Even by a server that echoes the request's headers."""

    def echo(heard: Any) -> Said:
        return said({"message": f"bad header: {heard.headers}"}, 400)

    fault = await fault_of("get", echo)
    assert "eyJ" not in f"{fault!r}"
    assert "Bearer ***" in str(fault)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "3600"}, 900),
        ({"Retry-After": "9" * 5000}, 900),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Mon, 05 Jan 2026 09:00:30 GMT"}, 30),
        ({"Retry-After": "Mon, 05 Jan 2026 08:00:00 GMT"}, 0),
        ({"Retry-After": "Tue, 06 Jan 2026 09:00:00 GMT"}, 900),
        (
            {
                "Retry-After": "Mon, 05 Jan 2099 09:00:30 GMT",
                "Date": "Mon, 05 Jan 2099 09:00:00 GMT",
            },
            30,
        ),
        ({"Retry-After": "Mon, 99 Jan 2026 99:00:30 GMT"}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_read_in_both_forms(
    headers: dict[str, str], wait: int | None, status: int
) -> None:
    """Capped at a quarter of an hour; a moment counts from the answer's own date."""
    fault = await fault_of("create", Said(status, b"", headers))
    assert isinstance(fault, UnavailableError)
    assert fault.retry_after == (None if wait is None else timedelta(seconds=wait))
