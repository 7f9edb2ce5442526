"""Deliveries: what is remembered of one message to one destination.

What is to be said is made of the present state whenever it is said, so that a late retry tells
nothing stale; remembered is what was told last, and how it went.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.announcements import Stage


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message: of one announcement to one destination.

    Attributes:
        destination: its name in config.yaml.
        id: of the announcement.
        key: whose link it tells, encoded.
        begun_at: when it was first to be told (UTC, wall clock).
        revision: of the announcement that was told, or tried, last; 0 before the first.
        shown: a digest of what was told last; empty before the first.
        stage: that was told last.
        handle: by which the destination finds its message again.
        attempts: how often in a row it failed; the call under way counts until it succeeds.
        next_at: when to try again; None: when something is to be told.
        fault: why it failed last, for people.
        ended: nothing is told any more: its end was told, it was refused, or it is too late.
        failing_since: when the first of those attempts failed; None where none did.
        tried: a digest of what the destination may have taken without an answer; or empty.
        title, link: as they were told last, for an end of which nothing else is remembered.
        told_at: when the destination took last what it was told; None before the first time.
        passed_over: its link stood before the destination was named: nobody there is told of it.
    """

    destination: str
    id: str
    key: str
    begun_at: datetime
    revision: int = 0
    shown: str = ""
    stage: Stage | None = None
    handle: str = ""
    attempts: int = 0
    next_at: datetime | None = None
    fault: str = ""
    ended: bool = False
    failing_since: datetime | None = None
    tried: str = ""
    title: str = ""
    link: str = ""
    passed_over: bool = False
    told_at: datetime | None = None

    @property
    def given_up(self) -> bool:
        """Whether it ended by a fault: told no more, although there is something to tell."""
        return self.ended and bool(self.fault)
