"""Clock and timer on the event loop's own time: virtual where the loop's time is.

Rehearsals and simulations stand on them.  They read no clock of the machine; the moment at which
they begin is told to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta


class LoopClock:
    """The clock port: a moment to begin with, plus what has passed in the loop since."""

    def __init__(self, start: datetime) -> None:
        """Begin at ``start`` (UTC) with the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._start = start

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._loop.time() - self._began

    async def sleep(self, seconds: float) -> None:
        passed = self._loop.create_future()
        handle = self._loop.call_later(max(0.0, seconds), _pass, passed)
        try:
            await passed
        finally:
            handle.cancel()


def _pass(passed: asyncio.Future[None]) -> None:
    if not passed.done():
        passed.set_result(None)


class LoopTimer:
    """The timer port on timers of the event loop; exact where the wall clock is never set."""

    def __init__(self, clock: LoopClock) -> None:
        """Call at moments of ``clock``."""
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._calls: dict[str, asyncio.TimerHandle] = {}
        self._closed = False

    def call_at(self, name: str, moment: datetime, wake: Callable[[], None]) -> None:
        """Call ``wake`` at ``moment``, which must have a zone; after `close` nothing happens."""
        if moment.tzinfo is None:
            message = f"{name}: a timer needs a moment with a zone"
            raise ValueError(message)
        if self._closed:
            return
        self.cancel(name)
        # Not cut at 0: of two moments that have passed the earlier one is called first.
        wait = (moment - self._clock.now()).total_seconds()
        self._calls[name] = self._loop.call_later(wait, self._due, name, wake)

    def cancel(self, name: str) -> None:
        call = self._calls.pop(name, None)
        if call is not None:
            call.cancel()

    async def close(self) -> None:
        self._closed = True
        for name in list(self._calls):
            self.cancel(name)

    def _due(self, name: str, wake: Callable[[], None]) -> None:
        del self._calls[name]
        wake()
