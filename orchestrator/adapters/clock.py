"""The machine's clocks: the one module that reads them and that waits.

Everything else takes ``now`` as an argument or asks the clock port.  Refuses nothing and keeps
nothing.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

# asyncio waits on a clock that stands still during a suspend; waiting in slices of at most this
# many seconds is how a sleeper notices afterwards that its time has come.
_SLICE: Final = 30.0

# The clock that goes on during a suspend, where the system has one.
_MONOTONIC: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The clock port on the operating system's clocks."""

    def __init__(self, longest_wait: float = _SLICE) -> None:
        self._longest_wait = longest_wait

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.clock_gettime(_MONOTONIC)

    async def sleep(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        await asyncio.sleep(min(seconds, self._longest_wait))
        while (left := end - self.monotonic()) > 0:  # noqa: ASYNC110 - no event tells of a resume
            await asyncio.sleep(min(left, self._longest_wait))
