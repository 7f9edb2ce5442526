"""A copy that is being made: ``NAME.part``, and beside it a note of how much of it is on the disk.

After a power cut a file may be as long as it was and hold nothing of what was written last, so no
byte is gone on from that the note does not vouch for: it tells a length and the checksum up to
there, and is written only after the disk has confirmed these bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from orchestrator.domain.recordings import Resume
from orchestrator.foundation.replacing import replace_file
from orchestrator.ports.archives import ArchiveError
from orchestrator.ports.recordings import Content

FILE_MODE: Final = 0o600  # meetings are nobody else's business

_PIECE: Final = 1024 * 1024


class OpenParts:
    """The parts of one archive that are open: what they expect is free for no other.

    Several threads ask it, one a part.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expecting: set[Part] = set()

    def take(self, part: Part, reserve: int) -> None:
        """Count on what a part expects, beside the reserve. Raises `ArchiveError`."""
        with self._lock:
            others = sum(one.expected for one in self._expecting if one is not part)
            free, needed = max(part.free() - others, 0), part.expected + reserve
            if free < needed:
                message = f"{part.folder} has {free} bytes left, and {needed} are needed"
                raise ArchiveError(message)
            self._expecting.add(part)

    def let_go(self, part: Part) -> None:
        """It expects nothing any more."""
        with self._lock:
            self._expecting.discard(part)


class Part:
    """One of these, from `open` to `close`; all its methods block, and one thread calls them.

    Args:
        path: where the whole will be.
        sync_every: bytes after which the note is renewed.
        reserve: bytes of the disk that stay free.
        parts: those of its archive that are open.

    Every method raises `ArchiveError`, and `OSError` where the disk or its rights say no.
    """

    def __init__(self, path: Path, sync_every: int, reserve: int, parts: OpenParts) -> None:
        self._whole = path
        self._path = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.part.json")
        self._sync_every = sync_every
        self._reserve = reserve
        self._parts = parts
        self._descriptor: int | None = None
        self._digest = hashlib.sha256()
        self._size = 0
        self._synced = 0
        self._length = 0
        self._tag = ""

    @property
    def resume(self) -> Resume | None:
        """What is there already; None where nothing is."""
        return Resume(self._size, self._tag, self._length) if self._size else None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to download."""
        return 0 < self._size == self._length

    @property
    def length(self) -> int:
        """Of what is there, in bytes."""
        return self._size

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._path.parent

    def open(self) -> None:
        """Take hold of it, and of as much of it as can be gone on with."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, FILE_MODE)
        self._descriptor = descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(descriptor), os.lstat(self._path))
        except (BlockingIOError, FileNotFoundError):
            mine = False
        if not mine:
            self._let_go()
            raise ArchiveError(f"{self._path} is being written by another process")
        noted = _read_note(self._note)
        if noted is not None:
            resume, sha256 = noted
            digest = self._read(resume.begin)
            if digest is not None and digest.hexdigest() == sha256:
                self._digest, self._size, self._synced = digest, resume.begin, resume.begin
                self._length, self._tag = resume.length, resume.tag
        os.ftruncate(descriptor, self._size)

    def begin(self, content: Content) -> None:
        """Take in what is about to come, and that there is room for it."""
        if content.begin == 0:
            os.ftruncate(self._held, 0)
            self._digest, self._size, self._synced = hashlib.sha256(), 0, 0
        elif content.begin != self._size:
            message = f"{self._path} has {self._size} bytes, and what comes begins elsewhere"
            raise ArchiveError(message)
        self._length, self._tag = content.length, content.tag
        self._parts.take(self, self._reserve)

    @property
    def expected(self) -> int:
        """Bytes that are still to come."""
        return max(self._length - self._size, 0)

    def free(self) -> int:
        """Bytes that are free on its disk."""
        disk = os.fstatvfs(self._held)
        return disk.f_bavail * disk.f_frsize

    def write(self, piece: bytes) -> None:
        """Add to it. Where the disk is full or fails, what is there is given up."""
        left = memoryview(piece)
        try:
            while left:
                left = left[os.pwrite(self._held, left, self._size + len(piece) - len(left)) :]
        except OSError:
            self._give_up()
            raise
        self._digest.update(piece)
        self._size += len(piece)
        if self._size - self._synced >= self._sync_every:
            self._sync()

    def check(self) -> str:
        """Read it back from the disk as a whole; gives its checksum."""
        if self._size != self._length:
            raise ArchiveError(f"{self._path} has {self._size} bytes of {self._length}")
        self._sync()
        # Or it would be read from memory, and say nothing of the disk.
        os.posix_fadvise(self._held, 0, 0, os.POSIX_FADV_DONTNEED)
        digest = self._read(self._length)
        if (
            digest is None
            or digest.digest() != self._digest.digest()
            or os.fstat(self._held).st_size != self._length
        ):
            self._give_up()
            raise ArchiveError(f"{self._path} is not read back as it was written")
        sha256: str = digest.hexdigest()
        return sha256

    def rename(self) -> None:
        """Make it the whole, where there is none yet."""
        if os.path.lexists(self._whole):
            raise ArchiveError(f"{self._whole} is there already, and is not what was to be kept")
        self._path.rename(self._whole)
        self._let_go()
        self.tidy()

    def tidy(self) -> None:
        """Remove what is left of it beside a whole, where a process ended after the renaming."""
        self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it; what was received stays, if it can ever be gone on with."""
        if self._descriptor is None:
            return
        try:
            if self._tag and self._size:
                with suppress(OSError):
                    self._sync()
            else:
                self._give_up()
        finally:
            self._let_go()

    @property
    def _held(self) -> int:
        if self._descriptor is None:
            raise ArchiveError(f"{self._path} was given up")
        return self._descriptor

    def _sync(self) -> None:
        note = {
            "begin": self._size,
            "tag": self._tag,
            "length": self._length,
            "sha256": self._digest.hexdigest(),
        }
        try:
            os.fsync(self._held)
            if self._tag:
                replace_file(self._note, json.dumps(note).encode(), FILE_MODE)
        except OSError:
            # The next fsync may well succeed without these bytes.
            self._give_up()
            raise
        self._synced = self._size

    def _read(self, length: int) -> Any:
        """The checksum of its first bytes; None where there are not so many."""
        digest, at = hashlib.sha256(), 0
        while at < length:
            piece = os.pread(self._held, min(_PIECE, length - at), at)
            if not piece:
                return None
            digest.update(piece)
            at += len(piece)
        return digest

    def _give_up(self) -> None:
        self._note.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)
        self._let_go()

    def _let_go(self) -> None:
        self._parts.let_go(self)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read_note(path: Path) -> tuple[Resume, str] | None:
    try:
        note = json.loads(path.read_bytes())
        resume = Resume(int(note["begin"]), str(note["tag"]), int(note["length"]))
        sha256 = str(note["sha256"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # nobody's, or half of one: it vouches for nothing
    return (resume, sha256) if 0 < resume.begin <= resume.length and resume.tag else None
