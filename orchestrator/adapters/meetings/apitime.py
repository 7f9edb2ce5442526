"""API time: the monotonic clock plus an offset that every answer's ``Date`` narrows down.

``Date`` has whole seconds, and an answer was dated at some moment between request and arrival; so
an answer gives an interval for the offset.  The intersection of all of them is what is known.
When an answer contradicts it (a clock was set right, another machine answers), that answer alone
is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from orchestrator.foundation.instants import EPOCH
from orchestrator.ports.clock import Clock


class ApiTime:
    """What time it is at the API."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bounds: tuple[float, float] | None = None  # of API time less monotonic, in seconds
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
        low, high = second - self._clock.monotonic(), second + 1 - sent
        if self._bounds is not None:
            narrower = max(low, self._bounds[0]), min(high, self._bounds[1])
            if narrower[0] <= narrower[1]:
                low, high = narrower
        self._bounds = low, high
        self._base = EPOCH + timedelta(seconds=(low + high) / 2)


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
