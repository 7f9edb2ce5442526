"""The ticker: carries out what comes due while nobody asks for anything."""

from datetime import datetime, timedelta
from typing import Final, Protocol

from orchestrator.meetings_server.ports import Clock, Report, StoreFault
from orchestrator.meetings_server.service.waiting import Bell

# Seconds. The wall clock may be set while we sleep by another one, so no sleep is long.
_LONGEST: Final = 600.0
# A store that could not be written may be writable soon.
_AFTER_FAULT: Final = 30.0
_SECOND: Final = timedelta(seconds=1)


class Chores(Protocol):
    """What comes due by itself."""

    @property
    def next_due(self) -> datetime | None:
        """No later than the next of it; None: nothing will."""
        ...

    @property
    def now(self) -> datetime: ...

    async def advance(self) -> None:
        """Carry out what has come due."""
        ...


async def tick(chores: Chores, clock: Clock, bell: Bell, report: Report) -> None:
    """Run until cancelled."""
    while True:
        seconds: float | None = _AFTER_FAULT
        try:
            await chores.advance()
            # In this order, and without an await between them: a ring after the silence belongs to
            # a moment that `next_due` did not have yet.
            bell.silence()
            seconds = _until_next(chores)
        except StoreFault as fault:
            bell.silence()
            report("upkeep.failed", {"error": str(fault)})
        await bell.wait(clock, seconds)


def _until_next(chores: Chores) -> float | None:
    if chores.next_due is None:
        return None
    return min(max((chores.next_due - chores.now) / _SECOND, 0.0), _LONGEST)
