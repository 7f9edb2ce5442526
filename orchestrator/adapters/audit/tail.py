"""The end of the log, and what is written from now on, through rotations.

Looking is done from time to time: a log is read by people, and a watch on the folder would gain
them less than a second.
"""

import asyncio
import io
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.lines import Entry, read_entry
from orchestrator.adapters.audit.reading import LogFile, entries, log_files, open_log_file

LOOK_EVERY: Final = 0.25  # seconds
_BLOCK: Final = 1024 * 1024

Wait = Callable[[float], Awaitable[None]]
"""The clock port's `sleep`: seconds."""


def last_entries(live: Path, count: int) -> tuple[Entry, ...]:
    """The last entries of the log, oldest first; reads no more files than it needs.

    Raises:
        LogMovedError: the log was rotated meanwhile; ask again.
    """
    return _last(log_files(live), count)


async def follow(live: Path, count: int, wait: Wait) -> AsyncIterator[Entry]:
    """The last entries, then each new one as it is written; ends only when it is closed.

    Raises:
        LogMovedError: the log was rotated just as it was opened; ask again.
        OSError: a file cannot be read.
    """
    reader, entries_so_far = await asyncio.to_thread(_begin, live, count)
    try:
        for entry in entries_so_far:
            yield entry
        while True:
            for entry in await asyncio.to_thread(reader.new_entries):
                yield entry
            await wait(LOOK_EVERY)
    finally:
        reader.close()


def _begin(live: Path, count: int) -> tuple["_Follower", tuple[Entry, ...]]:
    files = log_files(live)
    # Opened at once: from here on the file may be renamed.
    reader = _Follower(live, next((file for file in files if file.path == live), None))
    with ExitStack() as unless_all_is_well:
        unless_all_is_well.callback(reader.close)
        found = _last(files, count)
        unless_all_is_well.pop_all()
    return reader, found


def _last(files: Sequence[LogFile], count: int) -> tuple[Entry, ...]:
    found: deque[Entry] = deque()
    for file in reversed(files):
        if len(found) >= count:
            break
        newest: deque[Entry] = deque(entries([file]), maxlen=count - len(found))
        found.extendleft(reversed(newest))
    return tuple(found)


class _Follower:
    """Reads on in the live file; when another takes its place, finishes it and goes over."""

    def __init__(self, live: Path, file: LogFile | None) -> None:
        self._live = live
        self._stream: io.FileIO | None = None
        self._rest = b""
        self._number = 0
        if file is not None:
            # What is beyond the listed size is new; so is a line that was half written then.
            self._stream = open_log_file(file)
            self._number, whole = _whole_lines(self._stream, file.size)
            self._stream.seek(whole)

    def new_entries(self) -> list[Entry]:
        found: list[Entry] = []
        while True:
            # Looked at first: what is written between reading and looking would be lost.
            moved = self._has_moved()
            found.extend(self._read())
            if not moved:
                return found
            self._open_next()
            if self._stream is None:
                return found

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _has_moved(self) -> bool:
        if self._stream is None:
            return True
        ours = os.fstat(self._stream.fileno())
        try:
            there = self._live.stat()
        except FileNotFoundError:
            return False  # rotated; the next file is still to come
        return not os.path.samestat(ours, there) or there.st_size < self._stream.tell()

    def _open_next(self) -> None:
        self.close()
        self._rest, self._number = b"", 0
        try:
            self._stream = io.FileIO(self._live, "rb")
        except FileNotFoundError:
            self._stream = None

    def _read(self) -> list[Entry]:
        if self._stream is None:
            return []
        found: list[Entry] = []
        *lines, self._rest = (self._rest + self._stream.read()).split(b"\n")
        for data in lines:
            self._number += 1
            entry = read_entry(self._live.name, self._number, data)
            if entry is not None:
                found.append(entry)
        return found


def _whole_lines(stream: io.FileIO, size: int) -> tuple[int, int]:
    """How many lines there are in the first `size` bytes, and where the last of them ends."""
    number = whole = position = 0
    # Ends at `size`, or where the file ends by now.
    while block := os.pread(stream.fileno(), min(_BLOCK, size - position), position):
        number += block.count(b"\n")
        newline = block.rfind(b"\n")
        whole = whole if newline < 0 else position + newline + 1
        position += len(block)
    return number, whole
