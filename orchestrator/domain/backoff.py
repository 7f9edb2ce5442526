"""When something that failed is tried again: across runs, persisted, capped (the design, section 5).

Within one call the adapter may try again for some seconds; that is not here, and the two levels
are never multiplied.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from orchestrator.domain.keys import spread
from orchestrator.domain.records import Attempts

RETRY_AFTER_MOST: Final = timedelta(minutes=15)
_DOUBLINGS_MOST: Final = 20  # 2**20 of any unit is beyond every cap; larger powers would overflow


class Schedule(Enum):
    """First and longest wait of each kind of trouble; the wait doubles in between."""

    WEATHER = (timedelta(seconds=5), timedelta(minutes=15))
    CREATES = (timedelta(minutes=1), timedelta(minutes=60))
    FORBIDDEN = (timedelta(minutes=15), timedelta(hours=6))
    REFUSED = (timedelta(minutes=2), timedelta(hours=24))


def wait(schedule: Schedule, count: int) -> timedelta:
    """The wait after the ``count``-th failure in a row (from 1), without jitter."""
    first, longest = schedule.value
    if schedule is Schedule.REFUSED and count > 1:
        return longest  # once more after the clock check, then daily
    return min(first * 2 ** min(max(count - 1, 0), _DOUBLINGS_MOST), longest)


def failed(
    attempts: Attempts,
    schedule: Schedule,
    now: datetime,
    *,
    fault: str,
    tried: str,
    key: str,
    retry_after: timedelta | None = None,
) -> Attempts:
    """Count one more failure and say when to come back.

    Another input (``tried``) begins to count anew.  The jitter, up to a quarter, is the key's own
    and the count's, so that it is the same in every replay and different for every key.
    """
    count = attempts.count + 1 if attempts.input == tried else 1
    pause = wait(schedule, count)
    if retry_after is not None:
        pause = max(pause, min(retry_after, RETRY_AFTER_MOST))
    jitter = 1 + spread(f"{key}#{count}") / 4
    return Attempts(count, now + pause * jitter, fault, tried)


def held_back(attempts: Attempts, tried: str, now: datetime) -> datetime | None:
    """Until when a further try must wait, or None if it may be made now."""
    if attempts.next_at is None or attempts.input != tried or attempts.next_at <= now:
        return None
    return attempts.next_at
