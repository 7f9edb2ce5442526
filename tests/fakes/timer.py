"""A fake of the timer port that fires when a test turns its crank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count


@dataclass(frozen=True, slots=True)
class _Call:
    moment: datetime
    order: int
    wake: Callable[[], None]


class HandCrankedTimer:
    """Remembers calls; `fire_due` makes those whose moment has come, earliest first."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self._order = count()
        self._closed = False

    def call_at(self, name: str, moment: datetime, wake: Callable[[], None]) -> None:
        if moment.tzinfo is None:
            message = f"{name}: a timer needs a moment with a zone"
            raise ValueError(message)
        if not self._closed:
            self._calls[name] = _Call(moment, next(self._order), wake)

    def cancel(self, name: str) -> None:
        self._calls.pop(name, None)

    async def close(self) -> None:
        self._closed = True
        self._calls.clear()

    def next_due(self) -> datetime | None:
        """The earliest moment that somebody waits for."""
        return min((call.moment for call in self._calls.values()), default=None)

    def due(self) -> dict[str, datetime]:
        """What is waited for, by name."""
        return {name: call.moment for name, call in self._calls.items()}

    def fire_due(self, now: datetime) -> list[str]:
        """Make the calls that are due at ``now`` and return their names in order.

        A call that a wake adds waits for the next turn of the crank, even if its moment has
        passed; one that a wake cancels or replaces is not made.
        """
        due = sorted(
            ((call.moment, call.order, name) for name, call in self._calls.items()),
        )
        fired = []
        for moment, order, name in due:
            call = self._calls.get(name)
            if moment <= now and call is not None and call.order == order:
                del self._calls[name]
                call.wake()
                fired.append(name)
        return fired
