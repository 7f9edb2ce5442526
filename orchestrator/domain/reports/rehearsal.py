"""Rehearsals: what would be done until a date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.reports.plan import LinkFate, OpeningRow
from orchestrator.foundation.problems import Problem


@dataclass(frozen=True, slots=True)
class RehearsedAct:
    """One thing that a rehearsal saw happen.

    Attributes:
        act: create, renew, update, replace, adopt, move, bury (a removal is decided), restore,
            let-go, retire, delete, expire or lose (the room is over by itself), link (the API gave
            the room another).
        link: what becomes of the link that people have; the end of a meeting's own room is none
            of it.
        ends_at: the room's end from then on; None where the act says nothing of it.
        emergency: a renewal in the last twentieth of the room's life.
    """

    at: datetime
    act: str
    key: str
    reason: str
    room_id: str = ""
    display_name: str = ""
    link: LinkFate = LinkFate.STAYS
    ends_at: datetime | None = None
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class RehearsedMonth:
    """How often each act comes in one month (UTC), ``2027-01``; acts that do not come are out."""

    month: str
    acts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RehearsedCalls:
    """The calls of a rehearsal against the limit.

    Attributes:
        total: all that were made.
        listings: those of them that only listed rooms and sessions.
        limit: calls that the rate lets through in a minute, with those that may leave at once.
        rate: calls a second, on average, of the config.
        busiest: calls in the busiest minute, and when that began.
        at_limit: minutes as full as the rate alone fills one, so that calls had to wait.
        pages: calls that one listing takes at the end.
        listed_every: between two listings of the daemon.
        rehearsed_every: between two listings of the rehearsal, which are fewer.
    """

    total: int
    listings: int
    limit: int
    rate: float
    busiest: int
    busiest_at: datetime | None
    at_limit: int
    pages: int
    listed_every: timedelta
    rehearsed_every: timedelta


@dataclass(frozen=True, slots=True)
class RehearsedRenewals:
    """The renewals of a rehearsal.

    Attributes:
        rooms: how many rooms were renewed.
        emergencies: renewals in the last twentieth of a room's life.
        busiest: renewals in the busiest minute, and when that began.
        closest: the least time between two renewals of one room, measured by its floor.
        floor: of that room; the least that its two renewals may be apart.
        kept: no two renewals of a room were closer than its floor.
    """

    total: int = 0
    rooms: int = 0
    emergencies: int = 0
    busiest: int = 0
    busiest_at: datetime | None = None
    closest: timedelta | None = None
    closest_key: str = ""
    closest_at: datetime | None = None
    floor: timedelta | None = None
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Unmet:
    """Something that policies ask for and do not get.

    Attributes:
        kind: lost (a wanted room came to its end), missing (a wanted room is not there at the
            end), brake (removals wait for a person), failed (calls that did not do), floor (two
            renewals too close), held (something else stands before it, which may be meant).
        key: of the room, or of the first of several.
        more: how many others there are of the same kind and reason.
    """

    kind: str
    key: str
    reason: str
    at: datetime | None = None
    more: int = 0


@dataclass(frozen=True, slots=True)
class RehearsalReport:
    """What the daemon would do until a moment, if nothing came between.

    Attributes:
        policies: the candidate folder; empty: those of the installation.
        mode: that was rehearsed; config_mode: that of the config.
        until: as asked for; reached: as far as it came.
        known: rooms that the store remembered at the beginning.
        wanted: rooms that policies ask for at the end, meetings of schedules left out.
        standing: current rooms at the end.
        meetings: rooms opened by schedules.
        acts: in the order in which they come.
        openings: schedules that opened nothing until then, with their next; never: those that have
            no next at all.
        unasked: for each policy whose directory is not asked here, what holds instead.
    """

    config: str
    policies: str
    mode: str
    config_mode: str
    start: datetime
    until: datetime
    reached: datetime
    known: int
    wanted: int
    standing: int
    meetings: int
    acts: tuple[RehearsedAct, ...]
    months: tuple[RehearsedMonth, ...]
    calls: RehearsedCalls
    renewals: RehearsedRenewals
    unmet: tuple[Unmet, ...] = ()
    openings: tuple[OpeningRow, ...] = ()
    never: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def links(self) -> tuple[RehearsedAct, ...]:
        """The acts that change or end a link."""
        return tuple(act for act in self.acts if act.link in {LinkFate.CHANGES, LinkFate.ENDS})

    @property
    def whole(self) -> bool:
        """Whether it came as far as it was asked to."""
        return self.reached >= self.until

    @property
    def met(self) -> bool:
        """Whether every policy gets what it asks for."""
        return all(one.kind == "held" for one in self.unmet)
