"""The archive in a folder: what lies there, and what disks, other hands and other processes do."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.adapters.archives import parts
from orchestrator.adapters.archives.folder import FolderArchive
from orchestrator.adapters.archives.marks import MARK
from orchestrator.domain.recordings import Resume
from orchestrator.ports.archives import ArchiveError, Item
from orchestrator.ports.recordings import Content

CONTENT = bytes(range(256)) * 4
ITEM = Item("r1.mp4", {"recording_id": "r1", "display_name": "Tägliche Runde"})
BEGUN = ["r1.mp4.part", "r1.mp4.part.json"]
KEPT = ["r1.mp4", "r1.mp4.json"]
PIECE = 100


class Source:
    """A place to download from, by pieces.

    Attributes:
        ends: bytes after which the download is cut.
        tag: of the content.
        began: where downloads began.
        meanwhile: called before each piece but the first.
    """

    def __init__(self) -> None:
        self.ends = len(CONTENT)
        self.tag = '"a1"'
        self.began: list[int] = []
        self.meanwhile: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def fetch(self, resume: Resume | None) -> AsyncIterator[Content]:
        begin = resume.begin if resume else 0
        self.began.append(begin)
        yield Content(begin, len(CONTENT), self.tag, self._pieces(begin))

    async def _pieces(self, begin: int) -> AsyncIterator[bytes]:
        for at in range(begin, self.ends, PIECE):
            if at > begin:
                self.meanwhile()
            yield CONTENT[at : min(at + PIECE, self.ends)]
        if self.ends < len(CONTENT):
            raise ConnectionError("cut")


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def archive(tmp_path: Path) -> FolderArchive:
    return FolderArchive(tmp_path, sync_every=3 * PIECE, reserve=0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def begun(archive: FolderArchive, source: Source, at: int = 450) -> None:
    """Leave a copy that is made as far as that."""
    source.ends = at
    with pytest.raises(ConnectionError):
        await archive.keep(ITEM, source.fetch)
    source.ends = len(CONTENT)


async def test_a_copy_is_described_beside_it(
    archive: FolderArchive, source: Source, tmp_path: Path
) -> None:
    copy = await archive.keep(ITEM, source.fetch)
    assert names(tmp_path) == KEPT
    assert (tmp_path / "r1.mp4").read_bytes() == CONTENT
    assert json.loads((tmp_path / "r1.mp4.json").read_text(encoding="utf-8")) == {
        "name": "r1.mp4",
        "length": len(CONTENT),
        "sha256": copy.sha256,
        "about": ITEM.about,
    }
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


SPOILT: dict[str, Callable[[Path], Any]] = {
    "shorter": lambda path: path.write_bytes(CONTENT[:-1]),
    "longer": lambda path: path.write_bytes(CONTENT + b"x"),
    "other": lambda path: path.write_bytes(b"x" + CONTENT[1:]),
    "not described": lambda path: path.with_name("r1.mp4.json").unlink(),
    "half described": lambda path: path.with_name("r1.mp4.json").write_text("{"),
    "described otherwise": lambda path: path.with_name("r1.mp4.json").write_text("[]"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_what_is_not_what_was_kept_is_no_copy_and_stays(
    archive: FolderArchive, source: Source, tmp_path: Path, spoil: Callable[[Path], Any]
) -> None:
    await archive.keep(ITEM, source.fetch)
    spoil(tmp_path / "r1.mp4")
    before = (tmp_path / "r1.mp4").read_bytes()
    for ask in (archive.find(ITEM), archive.keep(ITEM, source.fetch)):
        with pytest.raises(ArchiveError, match=r"is not what r1\.mp4\.json says"):
            await ask
    assert (tmp_path / "r1.mp4").read_bytes() == before
    assert source.began == [0]


async def test_a_kill_before_the_last_step_costs_no_download(
    archive: FolderArchive, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The description is there, the name is not: no copy yet, but all that is needed for one."""
    with monkeypatch.context() as patched:
        patched.setattr(parts.Part, "rename", _dies)
        with pytest.raises(RuntimeError, match="killed"):
            await archive.keep(ITEM, source.fetch)
    assert names(tmp_path) == sorted([*BEGUN, "r1.mp4.json"])
    assert await archive.find(ITEM) is None
    await archive.keep(ITEM, source.fetch)
    assert source.began == [0]
    assert names(tmp_path) == KEPT


async def test_a_kill_after_the_last_step_leaves_no_note_for_ever(
    archive: FolderArchive, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(parts.Part, "tidy", _dies)
        with pytest.raises(RuntimeError, match="killed"):
            await archive.keep(ITEM, source.fetch)
    assert names(tmp_path) == sorted([*KEPT, "r1.mp4.part.json"])
    await archive.keep(ITEM, source.fetch)
    assert source.began == [0]
    assert names(tmp_path) == KEPT


def _dies(*_: object) -> None:
    raise RuntimeError("killed")


def noted(name: str, value: object) -> Callable[[Path, Path], Any]:
    """Change one entry of the note."""
    return lambda _, note: note.write_text(
        json.dumps(json.loads(note.read_text(encoding="utf-8")) | {name: value})
    )


# What came after the note is not believed; what came before is, by its checksum.
BEGUN_SPOILT: dict[str, tuple[Callable[[Path, Path], Any], int]] = {
    "more than noted": (lambda part, _: part.write_bytes(part.read_bytes() + bytes(5000)), 450),
    "less than noted": (lambda part, _: part.write_bytes(part.read_bytes()[:-1]), 0),
    "nothing but length": (lambda part, _: part.write_bytes(bytes(450)), 0),
    "no part": (lambda part, _: part.unlink(), 0),
    "no note": (lambda _, note: note.unlink(), 0),
    "half a note": (lambda _, note: note.write_text("{"), 0),
    "no object": (lambda _, note: note.write_text("[]"), 0),
    "before the beginning": (noted("begin", -1), 0),
    "beyond the end": (noted("length", 449), 0),
    "no tag": (noted("tag", ""), 0),
    "no number": (noted("begin", "x"), 0),
}


@pytest.mark.parametrize(("spoil", "goes_on_at"), BEGUN_SPOILT.values(), ids=BEGUN_SPOILT)
async def test_only_what_is_vouched_for_is_gone_on_from(
    archive: FolderArchive,
    source: Source,
    tmp_path: Path,
    spoil: Callable[[Path, Path], Any],
    goes_on_at: int,
) -> None:
    await begun(archive, source)
    assert names(tmp_path) == BEGUN
    spoil(*(tmp_path / name for name in BEGUN))
    await archive.keep(ITEM, source.fetch)
    assert source.began == [0, goes_on_at]
    assert (tmp_path / "r1.mp4").read_bytes() == CONTENT
    assert names(tmp_path) == KEPT


async def test_what_can_never_be_gone_on_with_does_not_stay(
    archive: FolderArchive, source: Source, tmp_path: Path
) -> None:
    source.tag = ""
    await begun(archive, source)
    assert names(tmp_path) == []


async def test_a_disk_that_turns_bytes_is_found_out(
    archive: FolderArchive, source: Source, tmp_path: Path
) -> None:
    def turn() -> None:
        with (tmp_path / "r1.mp4.part").open("r+b") as file:
            file.write(b"x")

    source.meanwhile = turn
    with pytest.raises(ArchiveError, match="is not read back as it was written"):
        await archive.keep(ITEM, source.fetch)
    assert names(tmp_path) == []
    source.meanwhile = lambda: None
    await archive.keep(ITEM, source.fetch)


async def test_a_file_that_others_lengthen_is_found_out(
    archive: FolderArchive, source: Source, tmp_path: Path
) -> None:
    def lengthen() -> None:
        os.truncate(tmp_path / "r1.mp4.part", 5000)

    source.meanwhile = lengthen
    with pytest.raises(ArchiveError, match="is not read back as it was written"):
        await archive.keep(ITEM, source.fetch)
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
async def test_a_full_disk_is_not_left_full(
    archive: FolderArchive,
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source.meanwhile = lambda: monkeypatch.setattr(os, call, full)
    with pytest.raises(ArchiveError, match="No space left on device"):
        await archive.keep(ITEM, source.fetch)
    monkeypatch.undo()
    assert names(tmp_path) == []


async def test_a_disk_that_fails_at_the_end_of_a_cut_download(
    archive: FolderArchive, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut is what is told."""

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    source.meanwhile = lambda: monkeypatch.setattr(os, "fsync", broken)
    source.ends = 2 * PIECE
    with pytest.raises(ConnectionError):
        await archive.keep(ITEM, source.fetch)
    monkeypatch.undo()
    assert names(tmp_path) == []


async def test_what_has_no_room_is_not_begun(source: Source, tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    archive = FolderArchive(tmp_path, reserve=disk.f_blocks * disk.f_frsize)
    with pytest.raises(ArchiveError, match=r"bytes left, and [0-9]+ are needed"):
        await archive.keep(ITEM, source.fetch)
    assert names(tmp_path) == []


async def test_what_is_being_copied_is_free_for_no_other(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each alone would leave the reserve; both together would not."""
    monkeypatch.setattr(os, "fstatvfs", lambda _: SimpleNamespace(f_bavail=1500, f_frsize=1))
    archive, other = FolderArchive(tmp_path, reserve=100), replace(ITEM, name="r2.mp4")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def late(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        reached.set()
        await go_on.wait()
        async for piece in pieces:
            yield piece

    @asynccontextmanager
    async def slow(resume: Resume | None) -> AsyncIterator[Content]:
        async with source.fetch(resume) as content:
            yield replace(content, pieces=late(content.pieces))

    async with asyncio.TaskGroup() as group:
        group.create_task(archive.keep(ITEM, slow), name="first")
        await reached.wait()
        with pytest.raises(ArchiveError, match="476 bytes left, and 1124 are needed"):
            await archive.keep(other, source.fetch)
        go_on.set()
    await archive.keep(other, source.fetch)
    assert names(tmp_path) == [*KEPT, "r2.mp4", "r2.mp4.json"]


async def test_a_short_write_is_written_on(
    archive: FolderArchive, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, bytes(data)[:7], at))
    await archive.keep(ITEM, source.fetch)
    assert (tmp_path / "r1.mp4").read_bytes() == CONTENT


async def test_a_folder_that_is_not_there_is_not_made(source: Source, tmp_path: Path) -> None:
    """A disk that is not mounted must not be written beside."""
    archive = FolderArchive(tmp_path / "mounted")
    for ask in (archive.find(ITEM), archive.keep(ITEM, source.fetch), archive.look()):
        with pytest.raises(ArchiveError, match="is not there, or is no folder"):
            await ask
    with pytest.raises(ArchiveError, match="No such file"):
        await archive.put_mark("s1-vault")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["r1.mp4", "r1.mp4.part"])
async def test_no_link_is_followed(
    archive: FolderArchive, source: Source, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "target"
    target.write_text("another's")
    (tmp_path / name).symlink_to(target)
    with pytest.raises(ArchiveError, match=f"{name} cannot be kept"):
        await archive.keep(ITEM, source.fetch)
    assert target.read_text() == "another's"


async def test_a_name_that_was_taken_meanwhile_is_left_alone(
    archive: FolderArchive, source: Source, tmp_path: Path
) -> None:
    def take() -> None:
        (tmp_path / "r1.mp4").write_text("another's")

    source.meanwhile = take
    with pytest.raises(ArchiveError, match="is there already"):
        await archive.keep(ITEM, source.fetch)
    assert (tmp_path / "r1.mp4").read_text() == "another's"


async def test_two_at_once_do_not_write_one_file(
    archive: FolderArchive, source: Source, tmp_path: Path
) -> None:
    """The second one is told so; the first one goes on."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slow(resume: Resume | None) -> AsyncIterator[Content]:
        reached.set()
        await go_on.wait()
        async with source.fetch(resume) as content:
            yield content

    async with asyncio.TaskGroup() as group:
        group.create_task(archive.keep(ITEM, slow), name="first")
        await reached.wait()
        with pytest.raises(ArchiveError, match="by another process"):
            await archive.keep(ITEM, source.fetch)
        go_on.set()
    assert (tmp_path / "r1.mp4").read_bytes() == CONTENT


async def test_a_part_that_was_renamed_while_it_was_opened_is_anothers(
    archive: FolderArchive, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is on a file that is the other's copy by now."""
    part = tmp_path / "r1.mp4.part"

    def finished(_: int, __: int) -> None:
        part.rename(tmp_path / "r1.mp4")

    monkeypatch.setattr(fcntl, "flock", finished)
    with pytest.raises(ArchiveError, match="by another process"):
        await archive.keep(ITEM, source.fetch)
    assert source.began == []


@pytest.mark.parametrize("text", ["", "two words", "x" * 201, "ä", "/"])
async def test_what_is_no_mark_is_neither_taken_for_one_nor_written_over(
    archive: FolderArchive, tmp_path: Path, text: str
) -> None:
    file = tmp_path / MARK
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ArchiveError, match="holds no mark"):
        await archive.look()
    with pytest.raises(ArchiveError, match="already"):
        await archive.put_mark("s1-vault")
    assert file.read_text(encoding="utf-8") == text
    file.unlink()
    file.symlink_to("/etc/hostname")
    with pytest.raises(ArchiveError, match=f"{MARK} cannot be kept"):
        await archive.look()


async def test_only_a_copy_that_is_described_makes_a_place_one_that_holds_some(
    archive: FolderArchive, source: Source, tmp_path: Path
) -> None:
    """Not what a disk or a person puts there besides."""
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "notes.json").write_text("{}")
    await begun(archive, source)
    assert not (await archive.look()).holds
