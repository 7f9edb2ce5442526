"""API time: the monotonic clock plus an offset that every answer's ``Date`` narrows down.

``Date`` has whole seconds, and an answer was dated at some moment between request and arrival; so
an answer gives an interval for the offset.  The intersection of all of them is what is known.
When an answer contradicts it by a little (another machine answers), that answer alone is believed;
by more than two minutes (a clock was set, or one answer is dated wildly) it is believed only when
the next one says the same: of one wrong date graces, ends and waits would be reckoned.
A first answer is held against the wall clock in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from orchestrator.foundation.instants import EPOCH
from orchestrator.ports.clock import Clock

_Bounds = tuple[float, float]

# Seconds by which one answer alone may move API time.
_BY_ONE_ANSWER: Final = 120.0


class ApiTime:
    """What time it is at the API."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bounds: _Bounds | None = None  # of API time less monotonic, in seconds
        self._claimed: _Bounds | None = None  # by the last answer, which was not believed
        self._told: str | None = None
        self._second: float | None = None
        self._base = EPOCH  # API time at the monotonic clock's zero, by the middle of the bounds

    def now(self) -> datetime:
        """API time (UTC); before the first answer the wall clock's."""
        if self._bounds is None:
            return self._clock.now()
        return self._base + timedelta(seconds=self._clock.monotonic())

    def difference(self) -> float:
        """API time less wall time, in seconds; 0 before the first answer."""
        if self._bounds is None:
            return 0.0
        return (self.now() - self._clock.now()).total_seconds()

    def learn(self, headers: Mapping[str, str], sent: float) -> None:
        """Take in an answer that has just come.

        Args:
            headers: the answer's; without a readable ``Date`` nothing is learnt.
            sent: the monotonic clock's reading when the request left.
        """
        text = header(headers, "date")
        if text is None or text != self._told:
            # All answers of one second tell the same.
            date = http_date(text)
            self._told, self._second = (
                text,
                None if date is None else (date - EPOCH).total_seconds(),
            )
        second = self._second
        if second is None:
            return
        told = second - self._clock.monotonic(), second + 1 - sent
        known = self._bounds
        if _gap(told, known or self._by_the_wall()) > _BY_ONE_ANSWER:
            if self._claimed is None or _gap(told, self._claimed) > 0:
                self._claimed = told
                return
            known = self._claimed
        self._know(told, known)

    def take_its_word(self) -> None:
        """Believe the last answer alone: it refused a token, which is dated by what we believe."""
        if self._claimed is not None:
            self._know(self._claimed, None)

    def _by_the_wall(self) -> _Bounds:
        # All that a first answer can be compared with.
        wall = (self._clock.now() - EPOCH).total_seconds() - self._clock.monotonic()
        return wall, wall

    def _know(self, told: _Bounds, known: _Bounds | None) -> None:
        self._claimed = None
        if known is not None and _gap(told, known) <= 0:
            told = _both(told, known)
        self._bounds = told
        self._base = EPOCH + timedelta(seconds=sum(told) / 2)


def _both(one: _Bounds, other: _Bounds) -> _Bounds:
    return max(one[0], other[0]), min(one[1], other[1])


def _gap(one: _Bounds, other: _Bounds) -> float:
    """The seconds between two intervals; 0 or less where they have something in common."""
    low, high = _both(one, other)
    return low - high


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header by its name, in whatever case the transport tells it."""
    found = headers.get(name)
    if found is not None:
        return found
    wanted = name.lower()
    return next((value for given, value in headers.items() if given.lower() == wanted), None)


def http_date(text: str | None) -> datetime | None:
    """A moment as HTTP writes it, UTC; None if it is absent or no moment."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def answered_at(headers: Mapping[str, str]) -> datetime | None:
    """The answer's ``Date``."""
    return http_date(header(headers, "date"))
