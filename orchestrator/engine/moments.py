"""Moments: when to look at which thing, the nearest first; each once, however often it is said."""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush


class Moments:
    """What is to be looked at, and when."""

    def __init__(self) -> None:
        """Begin with none."""
        self._heap: list[tuple[datetime, str]] = []
        self._known: set[tuple[datetime, str]] = set()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._heap)

    @property
    def next(self) -> datetime | None:
        """The nearest."""
        return self._heap[0][0] if self._heap else None

    def add(self, moment: datetime, name: str) -> None:
        """Look at something then."""
        if (moment, name) not in self._known:
            self._known.add((moment, name))
            heappush(self._heap, (moment, name))

    def come(self, now: datetime) -> set[str]:
        """What is to be looked at by now; it is not told again."""
        names: set[str] = set()
        while self._heap and self._heap[0][0] <= now:
            came = heappop(self._heap)
            self._known.discard(came)
            names.add(came[1])
        return names
