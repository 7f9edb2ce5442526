"""The archives port: over the fake and a folder, with the fake of recordings to copy from."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.adapters.archives.folder import FolderArchive
from orchestrator.domain.recordings import Copy, Resume
from orchestrator.ports.archives import Archive, ArchiveError, Fetch, Item
from orchestrator.ports.faults import UnavailableError
from orchestrator.ports.recordings import Content
from tests.fakes.archives import FakeArchive
from tests.fakes.recordings import PIECE, FakeRecordings

CONTENT = bytes(range(256)) * 4
COPY = Copy("r1.mp4", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
ITEM = Item("r1.mp4", {"recording_id": "r1", "display_name": "Tägliche Runde"})


@pytest.fixture(params=["fake", "folder"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """Empty; a folder makes what it received last after every third piece."""
    if request.param == "fake":
        return FakeArchive()
    return FolderArchive(tmp_path, sync_every=3 * PIECE, reserve=0)


@pytest.fixture
def api() -> FakeRecordings:
    """An API with a recording that has content."""
    fake = FakeRecordings()
    fake.upload(fake.record("s1"), CONTENT)
    return fake


def fetching(api: FakeRecordings) -> Fetch:
    """Download that recording."""

    @asynccontextmanager
    async def fetch(resume: Resume | None) -> AsyncIterator[Content]:
        recording = await api.get_recording(api.recordings[0])
        async with api.download(recording, resume) as content:
            yield content

    return fetch


def never(resume: Resume | None) -> AbstractAsyncContextManager[Content]:
    """Nothing is to be downloaded."""
    pytest.fail(f"downloaded from {resume}")


async def test_a_copy_is_what_was_received(archive: Archive, api: FakeRecordings) -> None:
    assert await archive.find(ITEM) is None
    assert await archive.keep(ITEM, fetching(api)) == COPY
    assert await archive.find(ITEM) == COPY


async def test_what_is_kept_already_is_not_downloaded(
    archive: Archive, api: FakeRecordings
) -> None:
    await archive.keep(ITEM, fetching(api))
    assert await archive.keep(ITEM, never) == COPY


async def test_what_broke_off_is_gone_on_with(archive: Archive, api: FakeRecordings) -> None:
    """Byte by byte from where it ended, and only at the end there is a copy."""
    api.cut_after = 450
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await archive.keep(ITEM, fetching(api))
        assert await archive.find(ITEM) is None
    assert await archive.keep(ITEM, fetching(api)) == COPY
    assert api.resumed == [0, 450, 900]


async def test_another_content_at_the_source_begins_anew(
    archive: Archive, api: FakeRecordings
) -> None:
    """Nothing is put together of two, not even where the length is the same."""
    api.cut_after = 450
    with pytest.raises(UnavailableError):
        await archive.keep(ITEM, fetching(api))
    api.cut_after = None
    api.change(api.recordings[0], CONTENT[::-1])
    copy = await archive.keep(ITEM, fetching(api))
    assert copy == Copy(ITEM.name, len(CONTENT), hashlib.sha256(CONTENT[::-1]).hexdigest())
    assert api.resumed == [0, 0]


async def test_without_a_tag_each_try_begins_anew(archive: Archive, api: FakeRecordings) -> None:
    """Nobody could tell whether the rest is of the same content."""
    api.tags = False
    api.cut_after = 450
    with pytest.raises(UnavailableError):
        await archive.keep(ITEM, fetching(api))
    api.cut_after = None
    assert await archive.keep(ITEM, fetching(api)) == COPY
    assert api.resumed == [0, 0]


async def test_a_download_that_ends_early_unseen_is_no_copy(archive: Archive) -> None:
    """Also one that says nothing of it."""

    @asynccontextmanager
    async def short(_: Resume | None) -> AsyncIterator[Content]:
        async def pieces() -> AsyncIterator[bytes]:
            yield CONTENT[:-1]

        yield Content(0, len(CONTENT), '"a"', pieces())

    with pytest.raises(ArchiveError, match="1023 bytes of 1024"):
        await archive.keep(ITEM, short)
    assert await archive.find(ITEM) is None


async def test_what_begins_elsewhere_is_not_put_there(archive: Archive) -> None:
    @asynccontextmanager
    async def elsewhere(_: Resume | None) -> AsyncIterator[Content]:
        async def pieces() -> AsyncIterator[bytes]:
            yield CONTENT[7:]

        yield Content(7, len(CONTENT), '"a"', pieces())

    with pytest.raises(ArchiveError, match="begins elsewhere"):
        await archive.keep(ITEM, elsewhere)
    assert await archive.find(ITEM) is None


@pytest.mark.parametrize("after", range(0, len(CONTENT), 3 * PIECE))
async def test_cancelled_at_any_piece_there_is_no_copy_and_then_one(
    archive: Archive, api: FakeRecordings, after: int
) -> None:
    came = 0
    reached = asyncio.Event()

    @asynccontextmanager
    async def slow(resume: Resume | None) -> AsyncIterator[Content]:
        async def pieces(inside: Content) -> AsyncIterator[bytes]:
            nonlocal came
            async for piece in inside.pieces:
                if came >= after:
                    reached.set()
                    await asyncio.Event().wait()
                came += len(piece)
                yield piece

        async with fetching(api)(resume) as content:
            yield Content(content.begin, content.length, content.tag, pieces(content))

    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(archive.keep(ITEM, slow), name="keeping")
        await reached.wait()
        keeping.cancel()
    assert keeping.cancelled()
    assert await archive.find(ITEM) is None
    assert await archive.keep(ITEM, fetching(api)) == COPY
    assert api.resumed == [0, after]


@pytest.mark.parametrize("name", ["", "../x", ".x", "a/b", "x.part", "x.json", "x" * 201, "ä"])
async def test_a_name_stays_in_its_place(archive: Archive, name: str) -> None:
    with pytest.raises(ArchiveError, match="no copy can have the name"):
        await archive.keep(Item(name, {}), never)
    with pytest.raises(ArchiveError, match="no copy can have the name"):
        await archive.find(Item(name, {}))


async def test_a_place_is_known_again_by_its_mark(archive: Archive, api: FakeRecordings) -> None:
    """It is given once, and lies beside the copies, under no name that one of them can have."""
    place = await archive.look()
    assert (place.mark, place.holds) == ("", False)
    await archive.put_mark("s1-vault")
    assert (await archive.look()).mark == "s1-vault"
    with pytest.raises(ArchiveError, match="already"):
        await archive.put_mark("s2-vault")
    api.cut_after = 450
    with pytest.raises(UnavailableError):
        await archive.keep(ITEM, fetching(api))
    assert await archive.look() == replace(place, mark="s1-vault")
    api.cut_after = None
    await archive.keep(ITEM, fetching(api))
    assert await archive.look() == replace(place, mark="s1-vault", holds=True)
