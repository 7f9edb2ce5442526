"""Waiting until a moment, or until somebody says that there is something to do."""

import asyncio

from orchestrator.meetings_server.ports import Clock


class Bell:
    """Rung by whoever has work; heard by the one that waits, or at its next wait."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    def silence(self) -> None:
        """Forget earlier rings: call it before looking for work, so that none is missed."""
        self._rung.clear()

    async def wait(self, clock: Clock, seconds: float | None) -> None:
        """Return at a ring, or after that much of the clock's time; None: at a ring only."""
        if seconds is None:
            await self._rung.wait()
            return
        async with asyncio.TaskGroup() as both:
            ring = both.create_task(self._rung.wait(), name="meetings-server: bell")
            sleep = both.create_task(clock.sleep(seconds), name="meetings-server: alarm")
            await asyncio.wait((ring, sleep), return_when=asyncio.FIRST_COMPLETED)
            ring.cancel()
            sleep.cancel()
