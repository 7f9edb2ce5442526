"""When something that failed is tried again: across runs, persisted, capped.

The waits are those of the design, section 5, *Retry*.  Within one call the adapter may try again
for some seconds; that is not here, and the two levels are never multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from orchestrator.domain.keys import spread
from orchestrator.domain.records import Attempts

RETRY_AFTER_MOST: Final = timedelta(minutes=15)
_RETRY_AFTER_ON_PAGE: Final = timedelta(seconds=30)
_DOUBLINGS_MOST: Final = 20  # 2**20 of any unit is beyond every cap; larger powers would overflow


class Schedule(Enum):
    """The kinds of trouble, each with its own waits."""

    WEATHER = "weather"
    MEETING = "meeting"  # weather, while people wait for their room or sit in it
    PAGE = "page"  # weather, while somebody was called out of bed
    CREATES = "creates"
    COPIES = "copies"  # something else came in place of a content
    DELETIONS = "deletions"  # of recordings that are said not to be ready for it
    FORBIDDEN = "forbidden"
    REFUSED = "refused"


# First and longest wait; it doubles in between.
_WAITS: Final = {
    Schedule.WEATHER: (timedelta(seconds=5), timedelta(minutes=15)),
    Schedule.MEETING: (timedelta(seconds=5), timedelta(minutes=2)),
    Schedule.PAGE: (timedelta(milliseconds=250), timedelta(seconds=30)),
    Schedule.CREATES: (timedelta(minutes=1), timedelta(minutes=60)),
    Schedule.COPIES: (timedelta(minutes=1), timedelta(minutes=60)),
    Schedule.DELETIONS: (timedelta(minutes=1), timedelta(hours=6)),
    Schedule.FORBIDDEN: (timedelta(minutes=15), timedelta(hours=6)),
    Schedule.REFUSED: (timedelta(minutes=2), timedelta(hours=24)),
}


# With its jitter, as `failed` adds it.
_LONGEST_WAIT: Final = max(longest for _, longest in _WAITS.values()) * 5 / 4


def wait(schedule: Schedule, count: int) -> timedelta:
    """The wait after the ``count``-th failure in a row (from 1), without jitter."""
    first, longest = _WAITS[schedule]
    if schedule is Schedule.REFUSED and count > 1:
        return longest  # once more after the clock check, then daily
    return min(first * (1 << min(max(count - 1, 0), _DOUBLINGS_MOST)), longest)


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: the fault in words, what was tried, and when to come back at the least."""

    fault: str
    tried: str
    retry_after: timedelta | None = None


def failed(
    attempts: Attempts, schedule: Schedule, now: datetime, key: str, failure: Failure
) -> Attempts:
    """Count one more failure and say when to come back.

    Another input begins to count anew.  The jitter, up to a quarter, is the key's own
    and the count's, so that it is the same in every replay and different for every key.
    """
    count = attempts.count + 1 if attempts.input == failure.tried else 1
    pause = wait(schedule, count)
    if failure.retry_after is not None:
        most = _RETRY_AFTER_ON_PAGE if schedule is Schedule.PAGE else RETRY_AFTER_MOST
        pause = max(pause, min(failure.retry_after, most))
    jitter = 1 + spread(f"{key}#{count}") / 4
    return Attempts(count, now + pause * jitter, failure.fault, failure.tried)


def held_back(attempts: Attempts, tried: str, now: datetime) -> datetime | None:
    """Until when a further try must wait, or None if it may be made now.

    A moment that is further away than anybody is ever told to wait was reckoned by a clock that was
    wrong and has been set back; a room would wait for years.
    """
    if attempts.next_at is None or attempts.input != tried or attempts.next_at <= now:
        return None
    return attempts.next_at if attempts.next_at - now <= _LONGEST_WAIT else None
