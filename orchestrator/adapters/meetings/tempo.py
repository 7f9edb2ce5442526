"""How fast and how many at once: one rate limit and one bound for all calls to an API.

Every request takes its turn at one place, `Tempo.turn`, in the order of asking.  A lane that
overtakes, with a share of its own, would be a second queue here and a parameter there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator.ports.clock import Clock


class Tempo:
    """Turns, at most so many a second and so many at once.

    Args:
        clock: waited on.
        per_second: mean rate of requests; None: as fast as they come.
        concurrency: requests under way at once.
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
        # When the next request would leave if they left evenly; the bucket is full where that
        # lies in the past.
        self._even = float("-inf")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it until the answer is there."""
        async with self._free:
            now = self._clock.monotonic()
            wait = self._even - self._tolerance - now
            # Reserved before waiting, so that those who come meanwhile line up behind.
            self._even = max(self._even, now) + self._interval
            if wait > 0:
                await self._clock.sleep(wait)
            yield
