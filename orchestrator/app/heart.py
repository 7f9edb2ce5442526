"""The heartbeat: every few seconds it looks at the loops, and tells the service manager.

It runs in the daemon's own event loop and lives as long as the process, through every reload: an
event loop that is blocked, a loop that hangs and a process that is stopped all end in silence, and
silence ends in a restart.  Refuses to vouch for anything by merely being alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final, Protocol

import structlog

from orchestrator.ports.clock import Clock
from orchestrator.ports.health import Health
from orchestrator.ports.lifeline import Lifeline

_log = structlog.get_logger(__name__)
_EVERY: Final = timedelta(seconds=5)
# A third of the watchdog's patience: one beat may be late, and one datagram too.
_SHARE: Final = 3
_EXTENSION: Final = timedelta(seconds=30)
# Seconds: a start or a change of lives that takes longer hangs, and so does an end.
LONGEST_PASSAGE: Final = 900.0
LONGEST_END: Final = 120.0


class Patient(Health, Protocol):
    """What the heart looks at: an engine's health, and its state in one line."""

    def headline(self) -> str:
        """How things are, in one line."""
        ...

    def beat(self) -> None:
        """Notice that the process runs."""
        ...


class Phase(Enum):
    """Where the daemon is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    RELOADING = "reloading"
    STOPPING = "stopping"


@dataclass(slots=True)
class _Now:
    phase: Phase
    since: float  # monotonic seconds
    patient: Patient | None = None


class Heart:
    """Keeps the lifeline told."""

    def __init__(self, lifeline: Lifeline, clock: Clock) -> None:
        """Begin as one that is starting."""
        self._lifeline = lifeline
        self._clock = clock
        self._now = _Now(Phase.STARTING, clock.monotonic())
        self._told_late: tuple[str, ...] = ()

    @property
    def interval(self) -> timedelta:
        """Time between two beats."""
        watchdog = self._lifeline.watchdog
        return _EVERY if watchdog is None else min(_EVERY, watchdog / _SHARE)

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            self.once()
            await self._clock.sleep(self.interval.total_seconds())

    def running(self, patient: Patient) -> None:
        """Store and policies are there: from now on this is looked at."""
        self._enter(Phase.RUNNING, patient)
        self._lifeline.status(patient.headline())
        self._lifeline.ready()

    def reloading(self) -> None:
        """A reload begins."""
        self._enter(Phase.RELOADING, self._now.patient)
        self._lifeline.reloading()

    def reloaded(self, patient: Patient) -> None:
        """A reload is over and the same engine goes on, whether anything was taken up or not."""
        if self._now.phase is not Phase.STOPPING:
            self.running(patient)

    def changing(self) -> None:
        """One life ended and the next has not begun: there is nothing to be looked at."""
        self._now.patient = None

    def stopping(self) -> None:
        """The end began."""
        if self._now.phase is Phase.STOPPING:
            return
        self._enter(Phase.STOPPING, None)
        self._lifeline.stopping()
        self._lifeline.status("ending: what is under way is finished")

    def once(self) -> None:
        """One beat."""
        now = self._now
        if now.patient is not None:
            now.patient.beat()
        if now.phase in {Phase.STARTING, Phase.STOPPING} and not self._too_long():
            # Reading 100,000 rooms, or draining, takes as long as it takes; hanging does not.
            self._lifeline.extend(_EXTENSION)
        late = self._late()
        if late:
            self._tell_late(late)
            return
        self._told_late = ()
        self._lifeline.alive()
        if now.phase is Phase.RUNNING and now.patient is not None:
            self._lifeline.status(now.patient.headline())

    def _enter(self, phase: Phase, patient: Patient | None) -> None:
        self._now = _Now(phase, self._clock.monotonic(), patient)

    def _too_long(self) -> bool:
        most = LONGEST_END if self._now.phase is Phase.STOPPING else LONGEST_PASSAGE
        return self._clock.monotonic() - self._now.since > most

    def _late(self) -> tuple[str, ...]:
        if self._now.phase is not Phase.RUNNING and self._too_long():
            return (self._now.phase.value,)
        return () if self._now.patient is None else self._now.patient.health().late

    def _tell_late(self, late: tuple[str, ...]) -> None:
        self._lifeline.status(f"hanging: {', '.join(late)}")
        if late != self._told_late:
            self._told_late = late
            _log.error("daemon.hangs", loops=", ".join(late))
