"""Signs of life: each loop says when it turns, and for how long it will be silent at most.

A loop that fails and comes back is well; one that neither works nor waits as it said is late, and
then the whole is not well.  Refuses to guess: where the machine slept or the whole process stood
still, nobody is blamed for that time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orchestrator.domain.reports import HealthReport, LoopRow
from orchestrator.ports.clock import Clock

# Seconds that a loop may be later than it said: a busy machine is not a hung one.
GRACE: Final = 60.0
# Seconds for work that no call to the API is part of.
WORK: Final = 600.0
# Between two beats of more than this nothing of us ran at all: a suspend, a debugger, a stop.
_STOOD_STILL: Final = 30.0


class Pulse:
    """One loop's sign of life."""

    def __init__(self, name: str, clock: Clock, idle: Callable[[], bool] | None = None) -> None:
        """Begin as one that has just turned; see `Vitals.expect`."""
        self.name = name
        self._clock = clock
        self._idle = idle
        self._turned = clock.monotonic()
        self._at_most: float | None = WORK

    def works(self, at_most: float = WORK) -> None:
        """It turned and works now, for so many seconds at most."""
        self._turned, self._at_most = self._clock.monotonic(), at_most

    def waits(self, seconds: float | None) -> None:
        """It turned and waits now, for so many seconds; None: for something to happen."""
        self._turned, self._at_most = self._clock.monotonic(), seconds

    def forgive(self, seconds: float) -> None:
        """So much time passed in which it could not have turned."""
        self._turned = min(self._turned + seconds, self._clock.monotonic())

    def row(self) -> LoopRow:
        """How it is."""
        if self._idle is not None and self._idle():
            self._turned = self._clock.monotonic()
        age = max(self._clock.monotonic() - self._turned, 0.0)
        late = self._at_most is not None and age > self._at_most + GRACE
        return LoopRow(self.name, round(age, 3), self._at_most, late)


class Vitals:
    """All loops of one engine."""

    def __init__(self, clock: Clock) -> None:
        """Know no loop yet."""
        self._clock = clock
        self._pulses: dict[str, Pulse] = {}
        self._beaten = clock.monotonic()

    def expect(self, name: str, idle: Callable[[], bool] | None = None) -> Pulse:
        """A loop that turns from now on.

        Args:
            name: for people; the same as its task's.
            idle: whether it has nothing to do, for one that tells nothing while it waits.
        """
        pulse = self._pulses[name] = Pulse(name, self._clock, idle)
        return pulse

    def release(self, name: str) -> None:
        """This loop came to its end in order."""
        self._pulses.pop(name, None)

    def beat(self) -> None:
        """Notice that this process runs at all; to be called every few seconds, by one alone."""
        now = self._clock.monotonic()
        gap = now - self._beaten
        self._beaten = now
        for pulse in self._pulses.values():
            if gap > _STOOD_STILL:
                pulse.forgive(gap)
            pulse.row()  # one with nothing to do is well at this moment

    def look(self) -> HealthReport:
        """How all of them are."""
        rows = tuple(pulse.row() for _, pulse in sorted(self._pulses.items()))
        return HealthReport(not any(row.late for row in rows), rows)
