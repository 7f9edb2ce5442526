"""How often something may happen: so many at once, and then so many a second."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_SECOND: Final = timedelta(seconds=1)
# Names that are remembered before those are forgotten that may do all again.
_REMEMBERED: Final = 4_096


@dataclass(frozen=True, slots=True)
class Pace:
    """`at_once` without a break, then one after every `every` seconds."""

    at_once: int
    every: float


class Bucket:
    """One that keeps to a pace."""

    def __init__(self, pace: Pace, now: datetime) -> None:
        """Full at first."""
        self._pace = pace
        self._left = float(pace.at_once)
        self._at = now

    def take(self, now: datetime, some: int = 1) -> int:
        """Take `some` at once: 0; or, where there are none, the whole seconds until there are."""
        self._fill(now)
        if self._left >= some:
            self._left -= some
            return 0
        return max(math.ceil((some - self._left) * self._pace.every), 1)

    def is_full(self, now: datetime) -> bool:
        """Whether it is as if it were new."""
        self._fill(now)
        return self._left >= self._pace.at_once

    def _fill(self, now: datetime) -> None:
        # A clock that was set back gives nothing.
        passed = max((now - self._at) / _SECOND, 0.0)
        self._left = min(self._left + passed / self._pace.every, self._pace.at_once)
        self._at = now


class Paces:
    """A bucket for each name that comes; names are forgotten as soon as that changes nothing."""

    def __init__(self, pace: Pace, now: Callable[[], datetime]) -> None:
        """The same pace for all."""
        self._pace = pace
        self._now = now
        self._buckets: dict[str, Bucket] = {}

    @property
    def remembered(self) -> int:
        """How many names it holds."""
        return len(self._buckets)

    def take(self, name: str) -> int:
        """Take one of that name, as `Bucket.take`."""
        now = self._now()
        if len(self._buckets) >= _REMEMBERED and name not in self._buckets:
            self._buckets = {
                other: bucket for other, bucket in self._buckets.items() if not bucket.is_full(now)
            }
        return self._buckets.setdefault(name, Bucket(self._pace, now)).take(now)
