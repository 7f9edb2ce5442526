"""Where a log ends: the head from which its chain goes on.

Only the closing lines are read: back to the last checkpoint, which holds the count of all lines
before it, or to the beginning of the file. A rotated file that is packed has to be read whole.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.lines import Entry, read_entry
from orchestrator.adapters.audit.reading import LogFile, RawLine, log_files, read_log
from orchestrator.domain.facts import CHECKPOINT
from orchestrator.foundation.chain import GENESIS, unseal
from orchestrator.ports.audit import Head

NOTHING: Final = Head(seq=0, hash=GENESIS, lines=0)
_BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of one file tells.

    Attributes:
        head: of the last line that can be read; None where there is none.
        whole: how many bytes of the file are lines with their newline.
    """

    head: Head | None
    whole: int


def live_ending(descriptor: int, store: str) -> Ending:
    """The ending of an open, plain file; facts of other stores do not count for its `seq`."""
    size = os.fstat(descriptor).st_size
    whole = _whole_bytes(descriptor, size)
    return Ending(_head_of(_backwards(descriptor, whole), store), whole)


def rotated_ending(live: Path, store: str) -> Head | None:
    """The head of the newest rotated file that can be read."""
    rotated = [file for file in log_files(live) if file.path != live]
    for file in reversed(rotated):
        head = _head_of(reversed(_closing_lines(file)), store)
        if head is not None:
            return head
    return None


def _head_of(newest_first: Iterator[bytes], store: str) -> Head | None:
    last: tuple[Entry, str] | None = None
    count = 0
    for data in newest_first:
        sealed, entry = unseal(data), read_entry("", 0, data)
        if sealed is None or entry is None:
            count += last is not None
            continue
        if last is None:
            last = (entry, sealed.hash)
        count += 1
        before = entry.values("detail").get("lines")
        if entry.event == CHECKPOINT and isinstance(before, int):
            count += before
            break
    if last is None:
        return None
    entry, own = last
    return Head(entry.seq if entry.text("store") == store else 0, own, count)


def _closing_lines(file: LogFile) -> Sequence[bytes]:
    closing: list[bytes] = []
    for item in read_log([file]):
        if isinstance(item, RawLine) and item.ended:
            if _is_checkpoint(item.data):
                closing.clear()
            closing.append(item.data)
    return closing


def _is_checkpoint(data: bytes) -> bool:
    if CHECKPOINT.encode() not in data:
        return False
    entry = read_entry("", 0, data)
    return entry is not None and entry.event == CHECKPOINT


def _whole_bytes(descriptor: int, size: int) -> int:
    end = size
    while end > 0:
        begin = max(0, end - _BLOCK)
        newline = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def _backwards(descriptor: int, end: int) -> Iterator[bytes]:
    """The lines before `end`, which is a line's end, the last one first."""
    rest = b""
    position = end
    while position > 0:
        begin = max(0, position - _BLOCK)
        block = os.pread(descriptor, position - begin, begin) + rest
        first, *others = block.split(b"\n")
        # The block that ends the file ends in a newline: what follows it is no line.
        for data in reversed(others):
            if data or position != end:
                yield data
        rest, position = first, begin
    if end > 0:
        yield rest
