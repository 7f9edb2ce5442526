"""The agenda: when to come back to which key. One timer call for all of them.

A key has one next moment, the earliest that its last plan named.  The timer only enqueues; work is
the dispatcher's.  Late moments are caught up with at once, also after a suspend or a clock jump.
"""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.keys import Key
from orchestrator.engine.inbox import Inbox
from orchestrator.ports.clock import Clock
from orchestrator.ports.timer import Timer

_LOOK_AT_CLOCK: Final = timedelta(seconds=60)
_NAME: Final = "agenda"


class Agenda:
    """Keys by the moment at which they are due."""

    def __init__(
        self, inbox: Inbox, timer: Timer, clock: Clock, look: timedelta = _LOOK_AT_CLOCK
    ) -> None:
        """Wake keys in ``inbox`` at their moments.

        However far the next moment: look at the clock every ``look``, because clocks jump.
        """
        self._inbox = inbox
        self._timer = timer
        self._clock = clock
        self._look = look
        self._heap: list[tuple[datetime, Key]] = []
        self._due: dict[Key, datetime] = {}
        self._armed: datetime | None = None
        self._ahead: float | None = None

    def set(self, key: Key, moment: datetime | None) -> None:
        """Come back to a key at a moment (UTC), or only when something else wakes it."""
        if moment is None:
            self._due.pop(key, None)
            return
        if self._due.get(key) == moment:
            return
        self._due[key] = moment
        ahead = self._clock.now().timestamp() - self._clock.monotonic()
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)
        heapq.heappush(self._heap, (moment, key))
        self._arm()

    def take_ahead(self) -> float | None:
        """How far the wall clock was ahead of the monotonic one, in seconds, at most.

        Of all times at which a moment was set since this was asked last; None where none was.
        """
        ahead, self._ahead = self._ahead, None
        return ahead

    def due(self, key: Key) -> datetime | None:
        """The moment at which a key is to be looked at again."""
        return self._due.get(key)

    def upcoming(self) -> list[tuple[datetime, Key]]:
        """All keys with their moments, the nearest first."""
        return sorted((moment, key) for key, moment in self._due.items())

    @property
    def next_moment(self) -> datetime | None:
        """The nearest moment of all."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    @property
    def overdue(self) -> bool:
        """A key's moment passed and nobody was woken: the timer does not call."""
        moment = self.next_moment
        # The timer looks at the wall clock as often, too; twice that is no delay of its any more.
        return moment is not None and self._clock.now() - moment > 2 * self._look

    def _drop_stale(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _arm(self) -> None:
        moment = self.next_moment
        if moment is None:
            self._armed = None
            self._timer.cancel(_NAME)
            return
        if self._armed is not None and self._armed <= moment:
            return  # it fires early enough; a call for each of 100,000 keys would be waste
        self._armed = min(moment, self._clock.now() + self._look)
        self._timer.call_at(_NAME, self._armed, self.fire)

    def fire(self) -> None:
        """Wake every key that is due."""
        now = self._clock.now()
        self._armed = None
        self._drop_stale()
        while self._heap and self._heap[0][0] <= now:
            moment, key = heapq.heappop(self._heap)
            if self._due.get(key) == moment:
                del self._due[key]
                self._inbox.wake(key, "agenda")
            self._drop_stale()
        self._arm()
