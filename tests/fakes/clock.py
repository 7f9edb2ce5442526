"""Fakes of the clock port: one driven by hand, and one that follows the event loop's time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

_TURNS: Final = 50  # enough for a chain of awaits between two moments of virtual time


async def turn() -> None:
    """Let everything that is ready in the event loop run once."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_soon(passed.set_result, None)
    await passed


async def settle(turns: int = _TURNS) -> None:
    """Let the event loop run until what was ready, and what that made ready, is done."""
    for _ in range(turns):
        await turn()


class VirtualClock:
    """A clock that stands still until somebody moves it.

    `advance` and `advance_to` move both clocks and release whoever is due, earliest first; the
    released tasks run at the next turn of the event loop and see the time that was moved to.
    `run` goes from wake-up to wake-up instead, so that a loop of short sleeps sees each of them.
    `jump` moves the wall clock alone, as a bad time server would.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed = timedelta()
        self._jumped = timedelta()
        self._order = count()
        self._sleepers: list[tuple[timedelta, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + self._jumped + self._passed

    def monotonic(self) -> float:
        return self._passed.total_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await turn()
            return
        due = self._passed + timedelta(microseconds=max(1, round(seconds * 1_000_000)))
        released = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, next(self._order), released))
        await released

    def advance(self, seconds: float) -> None:
        """Move both clocks on and release whoever is due."""
        self._move(self._passed + timedelta(seconds=seconds))

    def advance_to(self, moment: datetime) -> None:
        """Move both clocks on until the wall clock shows this moment; never back."""
        self._move(max(self._passed, moment - self._start - self._jumped))

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, either way; nobody is released."""
        self._jumped += timedelta(seconds=seconds)

    def next_wakeup(self) -> datetime | None:
        """The wall-clock moment at which the first sleeper is due; None if nobody sleeps."""
        self._forget_cancelled()
        if not self._sleepers:
            return None
        return self._start + self._jumped + self._sleepers[0][0]

    @property
    def sleepers(self) -> int:
        """How many tasks wait on this clock."""
        self._forget_cancelled()
        return len(self._sleepers)

    async def run(self, seconds: float, settled: Callable[[], Awaitable[None]] = settle) -> None:
        """Let time pass from wake-up to wake-up, with the event loop settled in between."""
        end = self._passed + timedelta(seconds=seconds)
        await settled()
        self._forget_cancelled()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._move(self._sleepers[0][0])
            await settled()
            self._forget_cancelled()
        self._move(end)
        await settled()

    def _move(self, passed: timedelta) -> None:
        self._passed = passed
        while self._sleepers and self._sleepers[0][0] <= passed:
            released = heapq.heappop(self._sleepers)[2]
            if not released.done():
                released.set_result(None)

    def _forget_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        if any(released.done() for _, _, released in self._sleepers):
            self._sleepers = [one for one in self._sleepers if not one[2].done()]
            heapq.heapify(self._sleepers)


async def finish(clock: VirtualClock, work: Coroutine[Any, Any, Result]) -> Result:
    """Let virtual time pass, from wake-up to wake-up, until the work is done; its result."""
    task = asyncio.get_running_loop().create_task(work, name="finish")
    await settle()
    while not task.done():
        moment = clock.next_wakeup()
        assert moment is not None, "the work waits for something else than this clock"
        clock.advance_to(moment)
        await settle()
    return task.result()


class LoopClock:
    """A clock that follows the event loop's own time: virtual under looptime, real elsewhere."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._began: float | None = None
        self._jumped = timedelta()

    def now(self) -> datetime:
        return self._start + self._jumped + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        moment = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = moment
        return moment - self._began

    async def sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.monotonic()
        passed = loop.create_future()
        handle = loop.call_later(max(0.0, seconds), passed.set_result, None)
        try:
            await passed
        finally:
            handle.cancel()

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone."""
        self._jumped += timedelta(seconds=seconds)
