"""How fast and how many at once: one rate limit and one bound for all calls to an API.

Every request takes its turn at one place, `Tempo.turn`, in the order of asking.  Calls for pages
(`orchestrator.ports.rooms.URGENT`) do not stand in that line: where all turns are taken a quarter
as many more are there for them, and what they take of the rate the others pay back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import URGENT


class Tempo:
    """Turns, at most so many a second and so many at once.

    Args:
        clock: waited on.
        per_second: mean rate of requests; None: as fast as they come.
        concurrency: requests under way at once; for pages a quarter more, at least one.
        burst: requests that may leave at once after a pause.
    """

    def __init__(
        self, clock: Clock, per_second: float | None, concurrency: int, burst: int = 1
    ) -> None:
        if concurrency < 1 or burst < 1 or (per_second is not None and per_second <= 0):
            message = "rate, concurrency and burst are positive"
            raise ValueError(message)
        self._clock = clock
        self._interval = 0.0 if per_second is None else 1 / per_second
        self._tolerance = (burst - 1) * self._interval
        self._free = asyncio.Semaphore(concurrency)
        self._kept = asyncio.Semaphore(max(1, concurrency // 4))
        # When the next request would leave if they left evenly; the bucket is full where that
        # lies in the past.
        self._even = float("-inf")
        self._urgent_even = float("-inf")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it until the answer is there."""
        urgent = URGENT.get()
        async with self._kept if urgent and self._free.locked() else self._free:
            wait = self._overtake() if urgent else self._line_up()
            if wait > 0:
                await self._clock.sleep(wait)
            yield

    def _line_up(self) -> float:
        """The wait for a turn in the line; reserved at once, so that others line up behind."""
        now = self._clock.monotonic()
        wait = self._even - self._tolerance - now
        self._even = max(self._even, now) + self._interval
        return wait

    def _overtake(self) -> float:
        """The wait of a page: for other pages alone; the line is moved on by what it takes."""
        now = self._clock.monotonic()
        wait = self._urgent_even - self._tolerance - now
        self._urgent_even = max(self._urgent_even, now) + self._interval
        self._even = max(self._even, now) + self._interval
        return wait
