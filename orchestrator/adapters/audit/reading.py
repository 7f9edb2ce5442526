"""The files of a log, live and rotated, in order, line by line, however large they are.

Rotated files are known by their names: ``audit.jsonl.1``, ``audit.jsonl.2.gz``,
``audit.jsonl-20261122``, and the same with the ending kept (``audit-20261122.jsonl.gz``). Names
only say which files belong together; their order comes from what they hold. Nothing here judges a
line: that is `verify`'s work.
"""

import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.lines import Entry, read_entry
from orchestrator.domain.facts import CHECKPOINT

Progress = Callable[[int, int], None]
"""Told from time to time: bytes of the files that were read, and bytes in all."""

LONGEST_LINE: Final = 8 * 1024 * 1024  # bytes; more without a newline is not a log
_BLOCK: Final = 256 * 1024
_ROTATED: Final = r"[.-]\d[\d-]*"
_PACKED: Final = r"(?:\.gz)?"
_TOLD_EVERY: Final = 512  # lines


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of the log, as it was when it was listed: nothing beyond its size is read."""

    path: Path
    inode: int
    size: int

    @property
    def name(self) -> str:
        """Its name without the folder."""
        return self.path.name

    @property
    def is_packed(self) -> bool:
        """Whether it must be unpacked to be read."""
        return self.path.suffix == ".gz"


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as it stands, without its newline; `ended` tells whether it had one."""

    file: str
    number: int
    data: bytes
    ended: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The rest of a file cannot be read; `number` is the line at which it broke off."""

    file: str
    number: int
    why: str


class LogMovedError(Exception):
    """The log was rotated while it was read: read it again."""


def log_files(live: Path) -> tuple[LogFile, ...]:
    """The log's files that are there, oldest first, the live one last."""
    rotated = [file for path in _rotated_paths(live) if (file := _log_file(path)) is not None]
    current = _log_file(live)
    return (*_in_order(rotated), *(() if current is None else (current,)))


def read_log(
    files: Sequence[LogFile], progress: Progress | None = None
) -> Iterator[RawLine | Unreadable]:
    """All lines of the files in order; a file that breaks off does not hide the next one.

    Raises:
        LogMovedError: a file is not the one any more that it was when it was listed.
    """
    total, done = sum(file.size for file in files), 0
    for file in files:
        yield from _lines(file, _Told(progress, done, total))
        done += file.size
        if progress is not None:
            progress(done, total)


def entries(files: Sequence[LogFile], progress: Progress | None = None) -> Iterator[Entry]:
    """What can be read of the log, in order, unjudged; half a last line is none."""
    for item in read_log(files, progress):
        if isinstance(item, RawLine) and item.ended:
            entry = read_entry(item.file, item.number, item.data)
            if entry is not None:
                yield entry


def open_log_file(file: LogFile) -> io.FileIO:
    """Open the very file that was listed.

    Raises:
        LogMovedError: another one is at its path now.
        OSError: it cannot be opened.
    """
    try:
        stream = io.FileIO(file.path, "rb")
    except FileNotFoundError as error:
        raise LogMovedError(file.name) from error
    if os.fstat(stream.fileno()).st_ino != file.inode:
        stream.close()
        raise LogMovedError(file.name)
    return stream


@dataclass(frozen=True, slots=True)
class _Told:
    progress: Progress | None
    before: int
    total: int

    def at(self, line: int, raw: io.FileIO) -> None:
        if self.progress is not None and line % _TOLD_EVERY == 0:
            self.progress(self.before + raw.tell(), self.total)


def _lines(file: LogFile, told: _Told) -> Iterator[RawLine | Unreadable]:
    number, position = 1, 0
    try:
        with open_log_file(file) as raw, _unpacked(raw, file) as stream:
            while data := stream.readline(LONGEST_LINE):
                position += len(data)
                if position > file.size and not file.is_packed:
                    return  # written since the file was listed
                ended = data.endswith(b"\n")
                if not ended and len(data) == LONGEST_LINE:
                    yield Unreadable(file.name, number, f"no line ends in {LONGEST_LINE:,} bytes")
                    return
                yield RawLine(file.name, number, data[:-1] if ended else data, ended)
                told.at(number, raw)
                number += 1
    except (OSError, EOFError, zlib.error) as error:  # BadGzipFile is an OSError
        why = getattr(error, "strerror", None) or str(error)
        yield Unreadable(file.name, number, why)


def _unpacked(raw: io.FileIO, file: LogFile) -> io.BufferedIOBase:
    buffered = io.BufferedReader(raw, _BLOCK)
    return gzip.GzipFile(fileobj=buffered) if file.is_packed else buffered


def _rotated_paths(live: Path) -> Sequence[Path]:
    stem, ending = re.escape(live.stem), re.escape(live.suffix)
    pattern = re.compile(rf"{stem}(?:{ending}{_ROTATED}|{_ROTATED}{ending}){_PACKED}", re.ASCII)
    try:
        found = {path.name: path for path in live.parent.iterdir() if pattern.fullmatch(path.name)}
    except FileNotFoundError:
        return ()
    # While a file is being packed both forms are there, and the packed one may be half written.
    return [
        path
        for name, path in found.items()
        if name.removesuffix(".gz") not in found.keys() - {name}
    ]


def _log_file(path: Path) -> LogFile | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return LogFile(path, status.st_ino, status.st_size)


def _in_order(files: Sequence[LogFile]) -> Sequence[LogFile]:
    firsts = {file: first for file in files if (first := _first_entry(file)) is not None}
    # Each store numbers its facts anew, so numbers compare within one store only.
    begins: dict[str, datetime] = {}
    for first in firsts.values():
        store = first.text("store")
        begins[store] = min(begins.get(store, first.ts), first.ts)

    def place(file: LogFile) -> tuple[datetime, int, bool]:
        first = firsts[file]
        # A checkpoint bears the number of the fact before it, which may begin an earlier file.
        return (begins[first.text("store")], first.seq, first.event == CHECKPOINT)

    ordered = sorted(firsts, key=place)
    # Files of which nothing can be read stand where their names say.
    named = sorted(files, key=_age_by_name)
    for older, file in zip([None, *named], named, strict=False):
        if file not in firsts:
            ordered.insert(0 if older is None else ordered.index(older) + 1, file)
    return ordered


def _age_by_name(file: LogFile) -> tuple[int, str]:
    """Smaller is older: a number counts up with age, a day counts down."""
    digits = re.sub(r"\D", "", file.name)
    number = int(digits or 0)
    return (-number if len(digits) < len("20261122") else number, file.name)


def _first_entry(file: LogFile) -> Entry | None:
    try:
        return next(entries([file]), None)
    except LogMovedError:
        return None
