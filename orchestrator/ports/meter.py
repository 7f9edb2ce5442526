"""Port: the meter. What is counted and timed is told here as it happens.

How things stand is no event: that is `orchestrator.domain.reports.Measures`, worked out when
somebody asks.  Nothing told here may name a link, a subject or a text of another system, and every
word is one of few: it becomes a label of a metric.  No method raises, and none takes long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol


class Meter(Protocol):
    """Counts and times."""

    def called(self, method: str, route: str, status: int, seconds: float, attempt: int) -> None:
        """A request to the Meetings API came to its end.

        Args:
            method: in capitals.
            route: its path with ``{id}`` in place of every id.
            status: of the answer; 0 where no whole one came.
            seconds: from its beginning.
            attempt: from 1; a later one is a repetition.
        """
        ...

    def listed(self, outcome: str, seconds: float) -> None:
        """A listing of all rooms came to its end: ``complete``, ``doubtful`` or ``failed``."""
        ...

    def committed(self, events: Iterable[str], seconds: float) -> None:
        """The store recorded something durably, and with it facts of these names."""
        ...

    def linked(self, seconds: float) -> None:
        """The link of a new page was durable so long after the page was received."""
        ...

    def roomed(self, seconds: float) -> None:
        """The first room of a page was known so long after the page was opened."""
        ...

    def delivered(self, destination: str, outcome: str, seconds: float) -> None:
        """One telling of a destination ended.

        Args:
            destination: its name in the config.
            outcome: ``sent`` or ``failed``.
            seconds: that it took.
        """
        ...

    def lagged(self, seconds: float) -> None:
        """The event loop came so much later to something than it was to."""
        ...


class Unmetered:
    """Counts nothing: where nobody asks for metrics, and in tests of other things."""

    def called(self, method: str, route: str, status: int, seconds: float, attempt: int) -> None:
        """See `Meter.called`."""

    def listed(self, outcome: str, seconds: float) -> None:
        """See `Meter.listed`."""

    def committed(self, events: Iterable[str], seconds: float) -> None:
        """See `Meter.committed`."""

    def linked(self, seconds: float) -> None:
        """See `Meter.linked`."""

    def roomed(self, seconds: float) -> None:
        """See `Meter.roomed`."""

    def delivered(self, destination: str, outcome: str, seconds: float) -> None:
        """See `Meter.delivered`."""

    def lagged(self, seconds: float) -> None:
        """See `Meter.lagged`."""


UNMETERED: Final = Unmetered()
