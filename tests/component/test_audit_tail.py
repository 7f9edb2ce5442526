"""Following the log as it is written, through rotations."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.adapters.audit.lines import Entry
from orchestrator.adapters.audit.tail import follow
from tests.fakes.facts import recorded_facts
from tests.fakes.logbook import Logbook


class Reader:
    """A follower that is asked for so many entries at a time; its waits take no time."""

    def __init__(self, logbook: Logbook, count: int = 0) -> None:
        self._looks = 0
        self._looked = asyncio.Condition()
        self._entries: AsyncIterator[Entry] = follow(logbook.live, count, self._wait)

    async def next(self, count: int) -> list[tuple[int, str]]:
        found = []
        for _ in range(count):
            async with asyncio.timeout(5):
                entry = await anext(self._entries)
            found.append((entry.seq, entry.event.split(".")[1]))
        return found

    async def look(self, times: int) -> None:
        """Return when it has looked so many times more."""
        async with asyncio.timeout(5), self._looked:
            seen = self._looks
            await self._looked.wait_for(lambda: self._looks >= seen + times)

    async def _wait(self, _: float) -> None:
        async with self._looked:
            self._looks += 1
            self._looked.notify_all()


@pytest.fixture
def logbook(tmp_path: Path) -> Logbook:
    return Logbook(tmp_path)


async def test_it_begins_with_the_last_entries(logbook: Logbook) -> None:
    """Then comes what is new, once."""
    logbook.write_to(5)
    reader = Reader(logbook, 2)
    assert await reader.next(2) == [(4, "renewed"), (5, "renewed")]
    logbook.write_to(7)
    assert await reader.next(2) == [(6, "renewed"), (7, "renewed")]


async def test_it_waits_for_a_log_that_is_not_there_yet(logbook: Logbook) -> None:
    """Somebody may look before the daemon was ever started."""
    reader = Reader(logbook, 10)
    first = asyncio.create_task(reader.next(1))
    await reader.look(3)
    logbook.write_to(1)
    assert await first == [(1, "renewed")]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
async def test_it_goes_over_to_the_next_file(logbook: Logbook, *, packed: bool) -> None:
    """What stood last in the old file is not lost."""
    logbook.write_to(2)
    reader = Reader(logbook, 1)
    assert await reader.next(1) == [(2, "renewed")]
    logbook.write_to(3)
    assert await reader.next(1) == [(3, "renewed")]
    logbook.write_to(4)
    logbook.rotate(packed=packed)
    logbook.write_to(5)
    assert await reader.next(3) == [(4, "renewed"), (4, "checkpoint"), (5, "renewed")]


async def test_it_waits_for_the_file_after_a_rotation(logbook: Logbook) -> None:
    """Between renaming and creating there is none."""
    logbook.write_to(2)
    reader = Reader(logbook, 1)
    await reader.next(1)
    logbook.rotate()
    further = asyncio.create_task(reader.next(2))
    await reader.look(3)
    logbook.write_to(3)
    assert await further == [(2, "checkpoint"), (3, "renewed")]


async def test_it_notices_a_file_that_was_emptied(logbook: Logbook) -> None:
    """Rotation by `copytruncate`."""
    logbook.write_to(4)
    reader = Reader(logbook, 1)
    await reader.next(1)
    writer = logbook.writer()
    writer.head()
    logbook.live.write_bytes(b"")
    writer.append(recorded_facts(5), sync=True)
    writer.close()
    assert await reader.next(2) == [(4, "checkpoint"), (5, "renewed")]


async def test_half_a_line_is_waited_for(logbook: Logbook) -> None:
    """A line counts once it ends; also the one that was half written when following began."""
    logbook.write_to(4)
    lines = logbook.lines()
    logbook.put([*lines[:2], lines[2][:30]])
    reader = Reader(logbook, 9)
    assert await reader.next(2) == [(1, "renewed"), (2, "renewed")]
    with logbook.live.open("ab") as file:
        file.write(lines[2][30:] + lines[3][:30])
    assert await reader.next(1) == [(3, "renewed")]
    with logbook.live.open("ab") as file:
        file.write(b"!" + lines[3][30:] + b"hello\n" + lines[3])
    assert await reader.next(1) == [(4, "renewed")]
