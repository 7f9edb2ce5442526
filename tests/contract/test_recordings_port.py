"""The recordings port: over the fake, and over the client on our server, by HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from orchestrator.adapters.meetings.downloads import HttpDownloads
from orchestrator.adapters.meetings.overhttp import OverHttp
from orchestrator.adapters.meetings.readonly import ReadOnly
from orchestrator.adapters.meetings.recordings import MeetingsRecordings
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.domain.recordings import Recording, RecordingStatus, Resume
from orchestrator.foundation.reach import read_reach
from orchestrator.ports.faults import (
    ForbiddenError,
    MissingError,
    UnauthorizedError,
    WithheldError,
)
from orchestrator.ports.recordings import Content, Recordings
from orchestrator.ports.rooms import LAST_CALL
from tests import meetings
from tests.fakes.clock import START, VirtualClock
from tests.fakes.recordings import FakeRecordings
from tests.fakes.rooms import Fate
from tests.meetings import APPLICATION, BASE, KEY, OTHER_KEY, settings

NOBODY = "00000000-0000-4000-8000-00000000dead"
NO_SESSION = "1_MX4wZThlNWIxYy0~-nobody_-fn4"
CONTENT = bytes(range(256)) * 4
SOON = timedelta(minutes=5)


@dataclass
class Stand:
    """An API with a session that is recorded, and those who use it."""

    recordings: Recordings
    readonly: Recordings
    stranger: Recordings
    running: str
    session_id: str
    upload: Callable[[bytes], Awaitable[None]]
    expire_links: Callable[[], Awaitable[None]]

    async def uploaded(self) -> Recording:
        """The recording, once it has its content."""
        await self.upload(CONTENT)
        return await self.recordings.get_recording(self.running)


@asynccontextmanager
async def over_http(clock: VirtualClock) -> AsyncIterator[Stand]:
    async with meetings.over_http(settings(), clock) as server:
        room = await server.create()
        await server.join(room)
        running, session_id = await server.record(room)
        transport = OverHttp(server.url + BASE)
        downloads = HttpDownloads(read_reach(("127.0.0.0/8",)), unencrypted=True)
        limits = Limits(per_second=None)
        mine, theirs = Account(APPLICATION, KEY), Account(APPLICATION, OTHER_KEY)

        async def upload(content: bytes) -> None:
            clock.advance(SOON.total_seconds())
            path = f"/_test/recordings/{running}/stop"
            assert (await server.ask("POST", path, base="")).status == 204
            await server.upload(running, content)

        async def expire_links() -> None:
            clock.advance(timedelta(days=2).total_seconds())

        yield Stand(
            MeetingsRecordings(connect(transport, mine, clock, limits).session, downloads),
            MeetingsRecordings(
                connect(ReadOnly(transport), mine, clock, limits).session, downloads
            ),
            MeetingsRecordings(connect(transport, theirs, clock, limits).session, downloads),
            running,
            session_id,
            upload,
            expire_links,
        )
        await downloads.close()
        await transport.close()


@asynccontextmanager
async def as_fake(clock: VirtualClock) -> AsyncIterator[Stand]:
    del clock
    fake, stranger = FakeRecordings(), FakeRecordings()
    session_id = "1_MX4-session"
    running = fake.record(session_id)
    stranger.script("get_recording", Fate.UNAUTHORIZED)

    async def upload(content: bytes) -> None:
        fake.upload(running, content, START + SOON)

    async def expire_links() -> None:
        fake.expire_links()

    yield Stand(fake, Sealed(fake), stranger, running, session_id, upload, expire_links)


class Sealed(FakeRecordings):
    """The same recordings in `observe`."""

    def __init__(self, inside: FakeRecordings) -> None:
        super().__init__()
        self.__dict__.update(inside.__dict__, _fates=self._fates)
        self.script("delete_recording", Fate.WITHHELD)


WAYS = {"fake": as_fake, "http": over_http}


@pytest.fixture(params=sorted(WAYS))
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    async with WAYS[request.param](VirtualClock()) as stand:
        yield stand


async def whole(content: Content) -> bytes:
    return b"".join([piece async for piece in content.pieces])


async def test_a_recording_runs_and_then_it_has_content(api: Stand) -> None:
    running = await api.recordings.get_recording(api.running)
    assert running == Recording(api.running, api.session_id, RecordingStatus.STARTED, START)
    assert not running.has_content
    assert running.link is None
    uploaded = await api.uploaded()
    ended = START + SOON
    assert uploaded == Recording(
        api.running, api.session_id, RecordingStatus.UPLOADED, START, ended
    )
    assert uploaded.has_content
    assert list(await api.recordings.list_recordings(api.session_id)) == [uploaded]
    call = LAST_CALL.get()
    assert call is not None
    assert (call.method, call.status) == ("GET", 200)


async def test_a_link_is_in_no_text(api: Stand) -> None:
    """Whoever has it may read."""
    uploaded = await api.uploaded()
    assert uploaded.link is not None
    assert "Signature" in uploaded.link.reveal()
    assert "Signature" not in f"{uploaded!r} {uploaded}"


async def test_its_content_comes_whole(api: Stand) -> None:
    recording = await api.uploaded()
    async with api.recordings.download(recording) as content:
        assert (content.begin, content.length) == (0, len(CONTENT))
        assert content.tag
        assert await whole(content) == CONTENT


async def test_a_download_is_gone_on_with(api: Stand) -> None:
    """Also by a newer link."""
    recording = await api.uploaded()
    async with api.recordings.download(recording) as content:
        tag = content.tag
    again = await api.recordings.get_recording(recording.id)
    rest = Resume(1000, tag, len(CONTENT))
    async with api.recordings.download(again, rest) as content:
        assert (content.begin, content.length, content.tag) == (1000, len(CONTENT), tag)
        assert await whole(content) == CONTENT[1000:]


@pytest.mark.parametrize("begin", [500, len(CONTENT), len(CONTENT) + 1])
async def test_of_another_version_the_whole_comes(api: Stand, begin: int) -> None:
    """Nothing is put together of two."""
    recording = await api.uploaded()
    rest = Resume(begin, '"of yesterday"', len(CONTENT) + 2)
    async with api.recordings.download(recording, rest) as content:
        assert (content.begin, content.length) == (0, len(CONTENT))
        assert await whole(content) == CONTENT


async def test_the_rest_beyond_the_end_is_the_whole(api: Stand) -> None:
    recording = await api.uploaded()
    async with api.recordings.download(recording) as content:
        tag = content.tag
    beyond = Resume(len(CONTENT), tag, len(CONTENT))
    async with api.recordings.download(recording, beyond) as content:
        assert content.begin == 0
        assert await whole(content) == CONTENT


async def test_an_old_link_is_forbidden_and_a_new_one_is_good(api: Stand) -> None:
    recording = await api.uploaded()
    await api.expire_links()
    with pytest.raises(ForbiddenError, match="403") as caught:
        async with api.recordings.download(recording):
            pass
    assert "Signature" not in str(caught.value)
    again = await api.recordings.get_recording(recording.id)
    async with api.recordings.download(again) as content:
        assert await whole(content) == CONTENT


async def test_without_a_link_there_is_nothing_to_download(api: Stand) -> None:
    running = await api.recordings.get_recording(api.running)
    with pytest.raises(ForbiddenError, match="names no link"):
        async with api.recordings.download(running):
            pass


async def test_what_runs_cannot_be_deleted_and_what_is_uploaded_can(api: Stand) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await api.recordings.delete_recording(api.running)
    assert caught.value.status == 403
    await api.uploaded()
    await api.recordings.delete_recording(api.running)
    for ask in (api.recordings.get_recording, api.recordings.delete_recording):
        with pytest.raises(MissingError):
            await ask(api.running)


async def test_what_is_not_there_is_missing(api: Stand) -> None:
    for call in (
        api.recordings.get_recording(NOBODY),
        api.recordings.delete_recording(NOBODY),
        api.recordings.list_recordings(NO_SESSION),
    ):
        with pytest.raises(MissingError) as caught:
            await call
        assert caught.value.status == 404


async def test_in_observe_nothing_is_deleted(api: Stand) -> None:
    await api.uploaded()
    with pytest.raises(WithheldError):
        await api.readonly.delete_recording(api.running)
    assert (await api.readonly.get_recording(api.running)).has_content


async def test_other_credentials_are_refused(api: Stand) -> None:
    with pytest.raises(UnauthorizedError):
        await api.stranger.get_recording(api.running)
