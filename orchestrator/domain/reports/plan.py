"""Plans: what would change and why, and what `apply` did of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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
        mark: what this very act is known by when a plan is carried out as it was reviewed; empty
            for what changes nothing but our memory.
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
    mark: str = ""


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """An occurrence of a schedule that is still to come: its room opens at ``opens``."""

    key: str
    display_name: str
    opens: datetime
    starts: datetime
    ends: datetime


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
class Review:
    """What makes a plan one that can be carried out exactly as it was reviewed.

    Attributes:
        owner, api: of the installation whose plan it is.
        made_at: by the daemon's clock.
        expires_at: afterwards it has to be made anew.
        versions: of each policy, by its name.
        digest: of the whole plan but for itself, in hexadecimal digits. It tells one plan from
            another, and what was changed in it; it is no signature.
    """

    owner: str
    api: str
    made_at: datetime
    expires_at: datetime
    versions: Mapping[str, str]
    digest: str = ""

    @property
    def name(self) -> str:
        """What people call the plan by."""
        return self.digest[:12]


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
        themes: what would be done about themes, or is held; done before the rooms that want them.
        review: by which it can be carried out as it was reviewed.
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
    themes: tuple[PlanLine, ...] = ()
    review: Review | None = None

    @property
    def pending(self) -> bool:
        """Whether something is to be done: then ``plan`` exits with 3."""
        return bool(self.lines) or any(not line.held_by for line in self.themes)

    @property
    def acts(self) -> tuple[PlanLine, ...]:
        """What a reviewer agrees to: all that changes rooms, also what waits for its time."""
        waits = {"frozen", "window", "brake"}
        return tuple(
            line
            for line in (*self.lines, *self.held)
            if line.mark and (not line.held_by or line.held_by in waits)
        )


class Outcome(StrEnum):
    """What became of one act of a reviewed plan."""

    DONE = "done"
    NEEDLESS = "needless"  # nothing is to be done there now: it was done before, or is not wanted
    DIFFERENT = "different"  # it would now be another act, so it was not done
    HELD = "held"
    FAILED = "failed"
    READY = "ready"  # it could be done, and others of the plan could not


@dataclass(frozen=True, slots=True)
class ActRow:
    """One act of a reviewed plan, and what became of it.

    Attributes:
        why: for every outcome but done.
        held_by: one word, of what is held.
    """

    line: PlanLine
    outcome: Outcome
    why: str = ""
    held_by: str = ""


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What one pass did: the calls that it made, and what is still to do or held.

    Attributes:
        plan: the name of the reviewed plan that was carried out; empty where it was a plain pass.
        acts: of such a plan, each with what became of it.
        begun: of such a plan: whether anything was done at all.
    """

    calls: int
    failed: tuple[PlanLine, ...]
    left: PlanReport
    plan: str = ""
    acts: tuple[ActRow, ...] = ()
    begun: bool = True
