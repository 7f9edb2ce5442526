"""What the engine is told by whoever puts it together: values, never the configuration itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from orchestrator.domain.brakes import Limits
from orchestrator.domain.changetimes import AT_ANY_TIME, ChangeTimes
from orchestrator.domain.policies import Mode
from orchestrator.engine.weather import PROBE_EVERY


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The engine's settings.

    Attributes:
        owner: the installation's id, which stands in every marker.
        url: of the Meetings API, for people.
        mode: how far the engine may go; a policy may be stricter.
        settle: how long after a lost answer a listing must begin to prove that nothing was made,
            and how far apart two looks must be to prove that a room is lost.
        resync_interval: between two complete listings.
        workers: how many keys are worked on at once.
        occupied_max: a session without an end holds a room at most this long.
        drain: how long turns under way may take at the end.
        longest_turn: no turn and no listing takes longer, whatever the API does: each call has its
            time-out and each wait its bound.  What takes longer hangs.
        store_check: between two looks at the store's file while nothing is done.
        retention: for so long the store remembers what is over; what stands, always.
        changes: when rooms may be changed; a policy may say otherwise.
        probe: between two looks at the wall clock; while our credentials are refused or no second
            room may be made the API is probed each minute, whatever stands here.
    """

    owner: str
    url: str
    mode: Mode
    settle: timedelta = timedelta(seconds=60)
    resync_interval: timedelta = timedelta(minutes=10)
    workers: int = 8
    limits: Limits = field(default_factory=Limits)
    occupied_max: timedelta = timedelta(hours=12)
    drain: timedelta = timedelta(seconds=30)
    longest_turn: timedelta = timedelta(minutes=40)
    store_check: timedelta = timedelta(seconds=5)
    retention: timedelta = timedelta(days=400)
    probe: timedelta = PROBE_EVERY
    changes: ChangeTimes = AT_ANY_TIME
