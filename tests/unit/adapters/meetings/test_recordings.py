"""The client of recordings: what it tolerates, what it refuses, and what of it is not believed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from orchestrator.adapters.meetings.recordings import MeetingsRecordings
from orchestrator.adapters.meetings.recordingwire import read_recording, read_recordings
from orchestrator.adapters.meetings.transport import Incoming, NotSent
from orchestrator.adapters.meetings.wire import UnreadableError
from orchestrator.domain.recordings import Recording, RecordingStatus
from orchestrator.foundation.secret import Secret
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnavailableError,
)
from tests.fakes.clock import VirtualClock, finish
from tests.fakes.transport import Said, ScriptedTransport, client, said

ID = "e5b73c98-c087-4ee5-b61b-0ea08204fc65"
SESSION = "1_MX40NjMzOTg5Mn5-MTY2~x_-fn4"
LINK = "https://s3.example/p/r/archive.mp4?Signature=x"


def document(**changes: Any) -> dict[str, Any]:
    """A recording as the API writes it; a change to `...` leaves that key out."""
    usual = {
        "id": ID,
        "session_id": SESSION,
        "started_at": "2023-01-30T11:10:38.000Z",
        "ended_at": "2023-01-30T11:11:38.000Z",
        "status": "uploaded",
        "_links": {"url": {"href": LINK}},
    }
    return {key: value for key, value in (usual | changes).items() if value is not ...}


class Place:
    """Where contents are."""

    def __init__(self, *pieces: bytes, fault: Exception | None = None, length: int = 4) -> None:
        self.pieces = pieces
        self.fault = fault
        self.length = length
        self.before: Callable[[], object] = lambda: None  # each piece

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Incoming]:
        del url, headers
        if self.fault is not None:
            raise self.fault
        yield Incoming(200, {"content-length": str(self.length)}, self._coming())

    async def _coming(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.before()
            yield piece


def recordings(
    *turns: Said | Exception, place: Place | None = None
) -> tuple[MeetingsRecordings, ScriptedTransport, VirtualClock]:
    clock, transport = VirtualClock(), ScriptedTransport(*turns)
    session = client(transport, clock).session
    return MeetingsRecordings(session, place or Place()), transport, clock


def test_a_recording_is_read_as_the_api_writes_it() -> None:
    found = read_recording(document())
    assert found == Recording(
        ID,
        SESSION,
        RecordingStatus.UPLOADED,
        datetime(2023, 1, 30, 11, 10, 38, tzinfo=UTC),
        datetime(2023, 1, 30, 11, 11, 38, tzinfo=UTC),
    )
    assert found.link == Secret(LINK)


@pytest.mark.parametrize(
    ("changes", "status", "has_content"),
    [
        ({"status": "Uploaded "}, RecordingStatus.UPLOADED, True),
        ({"status": "available"}, RecordingStatus.UNKNOWN, False),
        ({"status": ...}, RecordingStatus.UNKNOWN, False),
        ({"_links": ...}, RecordingStatus.UPLOADED, False),
        ({"_links": {"url": None}}, RecordingStatus.UPLOADED, False),
        ({"_links": {"url": {"href": ""}}}, RecordingStatus.UPLOADED, False),
        ({"started_at": ..., "ended_at": ...}, RecordingStatus.UPLOADED, True),
    ],
)
def test_what_is_not_told_is_no_content(
    changes: dict[str, Any], status: RecordingStatus, has_content: bool
) -> None:
    found = read_recording(document(**changes))
    assert (found.status, found.has_content) == (status, has_content)


@pytest.mark.parametrize(
    "changes", [{"id": ...}, {"id": "../rooms"}, {"ended_at": "noon"}, {"status": 7}]
)
def test_what_cannot_be_read_is_said(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        read_recording(document(**changes))


def test_a_list_has_no_gaps() -> None:
    whole = {"_embedded": {"recordings": [document()]}}
    assert read_recordings(whole) == (read_recording(document()),)
    assert read_recordings({"_embedded": {"recordings": []}}) == ()
    with pytest.raises(UnreadableError):
        read_recordings({"_embedded": {"recordings": [document(), 7]}})


async def test_a_list_is_about_its_session() -> None:
    body = {"_embedded": {"recordings": [document(session_id="another")]}}
    port, transport, clock = recordings(said(body))
    with pytest.raises(UnavailableError, match="another session"):
        await finish(clock, port.list_recordings(SESSION))
    assert transport.heard[0].path == f"/sessions/{SESSION}/recordings"


async def test_an_answer_is_about_its_recording() -> None:
    port, _, clock = recordings(said(document(id="another")))
    with pytest.raises(UnavailableError, match="another recording"):
        await finish(clock, port.get_recording(ID))


@pytest.mark.parametrize("wrong", ["../rooms", "", "a b", "x" * 301])
async def test_what_is_no_id_is_not_asked_for(wrong: str) -> None:
    port, transport, _ = recordings(said({}))
    for ask in (port.list_recordings, port.get_recording, port.delete_recording):
        with pytest.raises(MissingError, match="can have the id"):
            await ask(wrong)
    assert transport.heard == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, ForbiddenError),
        (500, ForbiddenError),
        (404, MissingError),
        (502, UnansweredError),
        (503, UnavailableError),
    ],
)
async def test_a_refused_delete_is_understood(status: int, kind: type[Fault]) -> None:
    """403 and 500: not yet; 404: gone already."""
    body = {"message": "no", "name": "Error", "status": status}
    port, transport, _ = recordings(said(body, status))
    with pytest.raises(kind) as caught:
        await port.delete_recording(ID)
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert transport.methods == ["DELETE"]


async def read(place: Place) -> bytes:
    port, _, _ = recordings(said({}), place=place)
    async with port.download(read_recording(document())) as content:
        return b"".join([piece async for piece in content.pieces])


async def test_what_comes_is_counted() -> None:
    """Whatever the way to it makes of it."""
    assert await read(Place(b"ab", b"cd")) == b"abcd"
    with pytest.raises(UnavailableError, match="1 bytes before its end"):
        await read(Place(b"ab", b"c"))
    with pytest.raises(RefusedError, match="more comes"):
        await read(Place(b"ab", b"cde"))
    with pytest.raises(UnavailableError, match="nobody there"):
        await read(Place(fault=NotSent("nobody there")))


async def dripped(size: int, *, every: float = 0, reading: float = 0) -> AsyncIterator[bytes]:
    """Forty pieces, each after so many seconds, read so slowly."""
    place = Place(*[bytes(size)] * 40, length=40 * size)
    port, _, clock = recordings(said({}), place=place)
    place.before = partial(clock.advance, every)
    async with port.download(read_recording(document())) as content:
        async for piece in content.pieces:
            yield piece
            clock.advance(reading)


async def test_what_drips_is_broken_off() -> None:
    """Nobody waits for it for ever; what is slow goes on, and so does whoever reads slowly."""
    drips = dripped(1, every=29)
    assert len([await anext(drips) for _ in range(10)]) == 10
    with pytest.raises(UnavailableError, match="it comes too slowly, and is broken off"):
        await anext(drips)
    assert len([piece async for piece in dripped(200_000, every=29)]) == 40
    assert len([piece async for piece in dripped(1, reading=99)]) == 40


async def test_a_fault_of_who_reads_is_theirs() -> None:
    """A full disk is not the weather."""
    port, _, _ = recordings(said({}), place=Place(b"abcd"))
    with pytest.raises(OSError, match="full"):
        async with port.download(read_recording(document())):
            raise OSError("full")
