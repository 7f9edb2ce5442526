"""Reports: what people and programs are told, as values.

The command line, the socket and every page show these and nothing else.  A host link is in none of
them but `RevealedLink`, which only a person's own question makes.  All moments are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.foundation.problems import Problem


class LinkFate(StrEnum):
    """What an action does to the link that people have."""

    STAYS = "stays"
    NEW = "new"
    CHANGES = "changes"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One setting before and after, as text for people."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One thing that would be done, or is held.

    Attributes:
        action: create, renew, update, replace, retire, delete, bury, let-go, sleep, wake, restore,
            adopt, move, close, forget, …: one word, the same in audit and JSON.
        key: as people write it.
        calls: the method of the one call that it makes, or an empty text.
        link: what becomes of the link.
        when: the moment that it is about: the new end, the end of the grace.
        held_by: one word for what stands before it; empty if it will be done.
        hint: a command line that can be pasted, or an empty text.
    """

    action: str
    key: str
    reason: str
    calls: str = ""
    room_id: str = ""
    display_name: str = ""
    link: LinkFate = LinkFate.STAYS
    changes: tuple[ChangeLine, ...] = ()
    when: datetime | None = None
    held_by: str = ""
    held_why: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """An occurrence of a schedule that is still to come: its room opens at ``opens``."""

    key: str
    display_name: str
    opens: datetime
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What would change and why.

    Attributes:
        lines: what will be done, in the order: ends, changes, moves, creates, updates, notes.
        held: what would be done but for something that stands before it.
        unchanged: rooms that are as they should be.
        foreign: rooms that are not ours, untouched.
        standing: removals that are decided and wait for their grace.
        openings: the next occurrences of each schedule, the nearest first.
        renewals: the next renewals to come, the nearest first.
        listed_at: when the listing ended that the plan stands on.
        unknown: for each policy whose subjects are not known, why.
    """

    mode: str
    config: str
    lines: tuple[PlanLine, ...] = ()
    held: tuple[PlanLine, ...] = ()
    standing: tuple[PlanLine, ...] = ()
    unchanged: int = 0
    foreign: int = 0
    listed_at: datetime | None = None
    complete: bool = True
    doubt: str = ""
    problems: tuple[Problem, ...] = ()
    candidate: bool = False
    openings: tuple[OpeningRow, ...] = ()
    unknown: tuple[str, ...] = ()
    renewals: tuple[NextAct, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether something is to be done: then ``plan`` exits with 3."""
        return bool(self.lines)


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What one pass did: the calls that it made, and what is still to do or held."""

    calls: int
    failed: tuple[PlanLine, ...]
    left: PlanReport


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy in force."""

    name: str
    file: str
    version: str
    subjects: int
    rooms: int
    stale: str = ""
    mode: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """One directory that policies take subjects from.

    Attributes:
        url: without its query.
        policies: the names of those policies.
        last_good: when its last good answer came, which holds as long as no better one comes.
        reason: why it fails now, as the rest of a sentence; empty where it does not.
        failing_since: the first failure of those in a row.
        next_at: when it is asked again.
    """

    url: str
    policies: tuple[str, ...]
    last_good: datetime | None
    reason: str
    failing_since: datetime | None
    next_at: datetime


ENDS_SUSPENDED: Final = "ends while suspended"  # of a loss that is foreseen


@dataclass(frozen=True, slots=True)
class NextAct:
    """Something that will be done at a moment, if nothing changes until then.

    Attributes:
        why: of a renewal, why then; empty where nobody asked.
        latest: of a renewal, when the last twentieth of the room's life begins: at the latest then.
    """

    at: datetime
    key: str
    what: str
    why: str = ""
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class BrakeRow:
    """A brake that holds: its name, the keys that it holds, what was wished and allowed."""

    name: str
    keys: tuple[str, ...]
    wished: int
    limit: int


@dataclass(frozen=True, slots=True)
class SuspendedRow:
    """A key for which nothing is done until a moment, by whom and why.

    Attributes:
        ends: when its room ends, if that is before the suspension does; otherwise None.
    """

    key: str
    until: datetime
    by: str
    reason: str
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class DormantRow:
    """A key whose room surely nobody uses: it is renewed no more.

    Attributes:
        unused_since: the last moment at which it may have been used.
        ends: when its room ends; None where it has ended.
    """

    key: str
    unused_since: datetime
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole at a glance, in the order of need.

    Attributes:
        needs_you: sentences, each a thing that a person must look at, with the command that helps.
        rooms: how many by state: open, ending, superseded, waiting, …
        loses_first: what link would end first if nothing but time went on.
        behind: readers of the outbox that are behind, and why.
        last_pass: when a complete listing was last taken in.
        directories: the services that policies take subjects from, those that fail first.
        occupancy_known: the API lists its sessions, or callbacks have come since the start.
        callbacks_at: when the last callback of the Meetings API came, ever.
        callbacks: how many came since the start: received, doubled, foreign (of rooms that are
            not ours), unknown.
        dormant: keys whose rooms nobody uses, those that end first.
        suspended: keys for which a person stopped every act, those that end first.
    """

    owner: str
    mode: str
    config: str
    version: str
    started_at: datetime
    now: datetime
    api: str
    api_state: str
    api_last_good: datetime | None
    needs_you: tuple[str, ...] = ()
    policies: tuple[PolicyRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    rooms: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    foreign: int = 0
    next_acts: tuple[NextAct, ...] = ()
    loses_first: NextAct | None = None
    held: tuple[PlanLine, ...] = ()
    brakes: tuple[BrakeRow, ...] = ()
    behind: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    listed_at: datetime | None = None
    occupancy_known: bool = False
    audit_lines: int = 0
    waiting: int = 0
    last_pass: datetime | None = None
    directories: tuple[DirectoryRow, ...] = ()
    callbacks_at: datetime | None = None
    callbacks: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    suspended: tuple[SuspendedRow, ...] = ()
    dormant: tuple[DormantRow, ...] = ()


@dataclass(frozen=True, slots=True)
class LoopRow:
    """One of the daemon's loops.

    Attributes:
        silent: seconds since it turned last.
        at_most: seconds that it said it would be silent; None: until something happens.
        late: it is silent for longer than that, by more than a grace.
    """

    name: str
    silent: float
    at_most: float | None
    late: bool


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Whether every loop turns, success or failure alike."""

    well: bool
    loops: tuple[LoopRow, ...] = ()

    @property
    def late(self) -> tuple[str, ...]:
        """The names of the loops that hang."""
        return tuple(row.name for row in self.loops if row.late)


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """Whether store and policies are there; the API's state is told and decides nothing.

    Attributes:
        why_not: one sentence that names no file; empty where it is ready.
        last_pass: when a complete listing was last taken in (UTC).
        last_pass_age: seconds since then; None: there was none yet.
        api: ok, unreachable, refuses our credentials, or not asked yet.
    """

    ready: bool
    why_not: str
    last_pass: datetime | None
    last_pass_age: float | None
    api: str


@dataclass(frozen=True, slots=True)
class RoomRow:
    """One room of ours, or a wanted one that is not there yet.

    `state` is one word: open, occupied, waiting, held, ending, dormant, superseded,
    duplicate, missing.
    `use` is occupied, empty or unknown, by the word of `use_by`: ``GET /sessions`` or callbacks.
    """

    key: str
    state: str
    room_id: str = ""
    display_name: str = ""
    type: str = ""
    guest_url: str = ""
    meeting_code: str = ""
    expires_at: datetime | None = None
    created_at: datetime | None = None
    adopted: bool = False
    generation: int = 0
    protected: bool = False
    next_act: NextAct | None = None
    held: tuple[str, ...] = ()
    policy: str = ""
    use: str = "unknown"
    use_by: str = ""
    last_used_at: datetime | None = None
    suspended_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ForeignRow:
    """A room that is not ours."""

    room_id: str
    display_name: str
    type: str
    meeting_code: str
    expires_at: datetime | None
    marker: str = ""


@dataclass(frozen=True, slots=True)
class RoomsReport:
    """Rooms of ours, the next of each schedule, and, where they were asked for, those of others."""

    rooms: tuple[RoomRow, ...]
    foreign: tuple[ForeignRow, ...] = ()
    openings: tuple[OpeningRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One field of a room: what is wanted and what the API shows."""

    path: str
    wanted: str
    observed: str
    equal: bool


@dataclass(frozen=True, slots=True)
class WhyReport:
    """The whole chain for one key: who asks for it, what was done, how it stands, what comes."""

    key: str
    rooms: tuple[RoomRow, ...]
    wanted: str
    policy: str
    policy_version: str
    fields: tuple[ComparedField, ...]
    plan: tuple[PlanLine, ...]
    holds: tuple[str, ...]
    next_act: NextAct | None
    history: tuple[HistoryLine, ...] = ()
    former: tuple[str, ...] = ()
    renewal: NextAct | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One fact about a key, as the audit tells it."""

    ts: datetime
    seq: int
    event: str
    reason: str
    actor: str
    operation: str = ""


@dataclass(frozen=True, slots=True)
class RevealedLink:
    """A host link that a person asked for; it is a secret, read afresh and kept by nobody."""

    key: str
    room_id: str
    host_url: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a person's command did, in sentences."""

    message: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Who gives a command, and why: the socket's peer, never what a client says of itself."""

    actor: str
    reason: str = ""


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


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild of the store writes, or would write.

    Attributes:
        present: what is at the store's place now, in a sentence.
        known: what the new store knows and from where: a word and a number each.
        differences: between the present store and the new one, a sentence a key.
        remarks: what is doubtful and was not refused.
        missing: what cannot be had.
        kept: the file that the present store was put aside as; empty where there is none, or
            nothing was written.
        incarnation: of the new store; empty where nothing was written.
    """

    store: str
    audit: str
    present: str
    known: Mapping[str, int]
    differences: tuple[str, ...]
    remarks: tuple[str, ...]
    missing: tuple[str, ...]
    written: bool = False
    kept: str = ""
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What a store is, as a look beside it tells.

    Attributes:
        lineage: the incarnations of all stores of this installation, as far as it knows.
        rooms: how many, by their role.
        behind: facts that are not in the audit log yet.
        doubt: why nothing is ended until it is rebuilt; empty: nothing is wrong.
    """

    path: str
    incarnation: str
    lineage: tuple[str, ...]
    keys: int
    rooms: Mapping[str, int]
    policies: int
    last_fact: int
    audit_seq: int
    audit_lines: int
    behind: int
    doubt: str
