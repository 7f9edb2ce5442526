"""Status: the whole at a glance, what needs a person first; and whether all loops are at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from orchestrator.domain.reports.pages import PageRow, SenderRow
from orchestrator.domain.reports.plan import NextAct, PlanLine
from orchestrator.domain.reports.recordings import RecordingsRow
from orchestrator.foundation.problems import Problem


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


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """One theme.

    Attributes:
        state: kept, missing (not made yet, or lost), failing, or ending (no file asks for it).
        rooms: how many wished rooms name it.
        default: it is the application's default theme, by our last word.
        why: what stands before the next act, or why it stays as it is; or an empty text.
        until: of one that ends: when; else when the next act may be.
    """

    name: str
    file: str
    theme_id: str
    state: str
    rooms: int
    default: bool = False
    why: str = ""
    until: datetime | None = None


# How the link that would be lost first ends.
ENDS_SUSPENDED: Final = "ends while suspended"
ENDS_OBSERVED: Final = "ends, for nothing is renewed in observe"
ENDS_REFUSED: Final = "ends, if our credentials stay refused"
ENDS_AWAY: Final = "ends, if the API stays away"
ENDS_AT_WORST: Final = "ends, if it cannot be renewed"  # which nobody foresees
# Of a loss that is foreseen: on what it depends, as the rest of a sentence.
FORESEEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        ENDS_SUSPENDED: "while it is suspended",
        ENDS_OBSERVED: "for observe renews nothing",
        ENDS_REFUSED: "if the API goes on refusing our credentials",
        ENDS_AWAY: "if the API stays away",
    }
)


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
class FreezeRow:
    """A person's word that nothing is changed until a moment.

    Attributes:
        policies: for which it holds; empty: for all.
        all_acts: also people's meetings do not open, and lost rooms are not made anew.
    """

    name: str
    until: datetime
    by: str
    reason: str
    policies: tuple[str, ...] = ()
    all_acts: bool = False


@dataclass(frozen=True, slots=True)
class ChangesRow:
    """When rooms may be changed.

    Attributes:
        policy: whose own times these are; empty: those of config.yaml.
        allow: the times, as they are written.
        open: whether they are now.
        until: when they close, or open; None: not by themselves.
    """

    policy: str
    allow: str
    open: bool
    until: datetime | None = None


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
class DeliveryRow:
    """One destination of messages that was not told everything.

    Attributes:
        behind: how many messages wait for another try.
        why: how the last try failed.
        since: when the first of the failures in a row was.
        given_up: the keys whose message is tried no more, the oldest first.
        given_up_why: why the last of them was given up.
    """

    destination: str
    behind: int
    why: str
    since: datetime | None
    given_up: tuple[str, ...] = ()
    given_up_why: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole at a glance, in the order of need.

    Attributes:
        needs_you: sentences, each a thing that a person must look at, with the command that helps.
        rooms: how many by state: open, ending, superseded, waiting, …
        loses_first: of the links whose end is foreseen the one that ends first; where none is, the
            one that would end first without the API.
        behind: readers of the outbox that are behind, and why.
        deliveries: destinations of messages that were not told everything.
        last_pass: when a complete listing was last taken in.
        directories: the services that policies take subjects from, those that fail first.
        occupancy_known: the API lists its sessions, or callbacks have come since the start.
        callbacks_at: when the last callback of the Meetings API came, ever.
        callbacks: how many came since the start: received, doubled, foreign (of rooms that are
            not ours), unknown.
        dormant: keys whose rooms nobody uses, those that end first.
        pages: those that are not over and those that nobody takes, at most some hundred, the latest
            first.
        page_states: how many there are by state: open, withheld, closing.
        last_link, last_room: seconds until the link and the room of the page that got its room last
            were known; None where nobody measured.
        senders: the sources of pages, as the HTTP door saw them since the start.
        suspended: keys for which a person stopped every act, those that end first.
        themes: by name.
        recordings: of each policy that says something of them, by its name.
        doubted: by which name a person says that the rooms which a listing lacks are gone; or an
            empty text.
        page: where the status page is, from this machine; empty where no daemon runs.
        freezes: what a person froze, the one that ends first first.
        changes: when rooms may be changed, where that is not always.
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
    deliveries: tuple[DeliveryRow, ...] = ()
    pages: tuple[PageRow, ...] = ()
    page_states: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    last_link: float | None = None
    last_room: float | None = None
    senders: tuple[SenderRow, ...] = ()
    themes: tuple[ThemeRow, ...] = ()
    recordings: tuple[RecordingsRow, ...] = ()
    doubted: str = ""
    page: str = ""
    freezes: tuple[FreezeRow, ...] = ()
    changes: tuple[ChangesRow, ...] = ()


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
