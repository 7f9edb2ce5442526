"""Sending again what changes nothing, for some seconds.

One of two levels: what lasts longer is the engine's, which remembers over restarts.  Requests that
change something never come here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import UnavailableError

Result = TypeVar("Result")

_FIRST_PAUSE: Final = 0.2  # seconds; doubled each time
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Again:
    """How long to go on.

    Attributes:
        attempts: at most, the first included.
        within: no attempt begins later than this after the first one began.
    """

    attempts: int = 4
    within: timedelta = timedelta(seconds=10)


class Retry:
    """Repeats a call that changes nothing while its fault is weather.

    Args:
        clock: waited on.
        again: the bounds.
        jitter: a number in [0, 1), so that many clients do not come back as one.
    """

    def __init__(self, clock: Clock, again: Again, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._again = again
        self._jitter = jitter

    async def call(self, attempt: Callable[[int], Awaitable[Result]]) -> Result:
        """Call with the number of the attempt, from 1; the last fault is raised as it is.

        Nearly always the first attempt is the last; only where it is not, a repetition is set up.
        """
        began = self._clock.monotonic()
        try:
            return await attempt(1)
        except UnavailableError as fault:
            if not _will_pass(fault):
                raise
            return await self._repeat(attempt, fault, began)

    async def _repeat(
        self, attempt: Callable[[int], Awaitable[Result]], first: UnavailableError, began: float
    ) -> Result:
        end = began + self._again.within.total_seconds()

        def enough(state: RetryCallState) -> bool:
            too_late = self._clock.monotonic() + state.upcoming_sleep > end
            return too_late or state.attempt_number >= self._again.attempts

        attempts = AsyncRetrying(
            sleep=self._clock.sleep,
            stop=enough,
            wait=self._pause,
            retry=retry_if_exception(_will_pass),
            reraise=True,
        )
        number = 0

        async def one() -> Result:
            nonlocal number
            number += 1
            if number == 1:
                raise first
            return await attempt(number)

        return await attempts(one)

    def _pause(self, state: RetryCallState) -> float:
        """Half to all of a pause that doubles, but never less than the API asked for."""
        doubled: float = _FIRST_PAUSE * 2 ** (state.attempt_number - 1)
        pause = min(_LONGEST_PAUSE, doubled)
        pause *= (1 + self._jitter()) / 2
        fault = state.outcome.exception() if state.outcome is not None else None
        if isinstance(fault, UnavailableError) and fault.retry_after is not None:
            pause = max(pause, fault.retry_after.total_seconds())
        return pause


def _will_pass(fault: BaseException) -> bool:
    # 501: the API does not have this, and will not in the next seconds.
    return isinstance(fault, UnavailableError) and fault.status != 501
