"""Actions: what the plan says is to be done, each with its reason.

Three weights.  A *note* only changes what we remember.  A *gentle* action creates or betters a
room and ends nothing.  An *ending* action ends a link or changes it: modes and brakes look at the
weight alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar

from orchestrator.domain.policies import Desired, RemovalMode
from orchestrator.domain.records import Operation, Role
from orchestrator.domain.rooms import Change, Observed, Patch

_NO_CHANGES: Mapping[str, Change] = MappingProxyType({})


class Weight(IntEnum):
    """How much an action can hurt."""

    NOTE = 0
    GENTLE = 1
    ENDING = 2


@dataclass(frozen=True, slots=True)
class Create:
    """POST a room and make it the key's current one.

    `again` is the open operation whose create was looked up in vain: it is sent under the same id
    and generation.  `lost` says that it stands in for a room that was lost: brakes count it.
    """

    weight: ClassVar[Weight] = Weight.GENTLE
    calls: ClassVar[str] = "POST"
    desired: Desired
    generation: int
    reason: str
    lost: bool = False
    again: Operation | None = None


@dataclass(frozen=True, slots=True)
class Renew:
    """PATCH the room's end. `own` is false for a person's or a policy's wish: the floor is off.

    `asked_by` is the person who asked for it, or an empty text.
    """

    weight: ClassVar[Weight] = Weight.GENTLE
    calls: ClassVar[str] = "PATCH"
    room_id: str
    before: datetime | None
    after: datetime
    desired: Desired
    reason: str
    own: bool = True
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """PATCH settings."""

    weight: ClassVar[Weight] = Weight.GENTLE
    calls: ClassVar[str] = "PATCH"
    room_id: str
    changes: Mapping[str, Change]
    desired: Desired
    reason: str

    @property
    def patch(self) -> Patch:
        """What to send."""
        settings = {
            path: change.after
            for path, change in self.changes.items()
            if not isinstance(change.after, datetime)
        }
        return Patch(settings=settings)


@dataclass(frozen=True, slots=True)
class Replace:
    """POST a new room, then supersede the old one, which stays joinable for its overlap."""

    weight: ClassVar[Weight] = Weight.ENDING
    calls: ClassVar[str] = "POST"
    room_id: str
    changes: Mapping[str, Change]
    desired: Desired
    generation: int
    reason: str


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE a room that is known to be empty. `announced` is false for a duplicate."""

    weight: ClassVar[Weight] = Weight.ENDING
    calls: ClassVar[str] = "DELETE"
    room_id: str
    reason: str
    announced: bool = True


@dataclass(frozen=True, slots=True)
class Retire:
    """PATCH the room's end to eleven minutes from now; it only ever shortens."""

    weight: ClassVar[Weight] = Weight.ENDING
    calls: ClassVar[str] = "PATCH"
    room_id: str
    before: datetime | None
    after: datetime
    reason: str
    announced: bool = True


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take a room that carries our marker into the store, in this role. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    room: Observed
    role: Role
    reason: str
    recovers: Operation | None = None
    supersedes: str = ""


@dataclass(frozen=True, slots=True)
class Bury:
    """Decide a removal: a tombstone that stands until `due`. No call."""

    weight: ClassVar[Weight] = Weight.ENDING
    calls: ClassVar[str] = ""
    room_id: str
    due: datetime
    mode: RemovalMode
    reason: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """A tombstone came due whose room is to end by itself: renew no more. No call."""

    weight: ClassVar[Weight] = Weight.ENDING
    calls: ClassVar[str] = ""
    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nobody uses a room whose policy wants that: renew it no more. No call."""

    weight: ClassVar[Weight] = Weight.ENDING
    calls: ClassVar[str] = ""
    room_id: str
    unused_since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Wake:
    """A dormant key is kept again. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    reason: str


@dataclass(frozen=True, slots=True)
class Restore:
    """Take back a decided removal, or a room that was let go. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A first look did not find the room; look again after settling. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Find:
    """A room that was missed is there after all. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """A room is gone or over: remember it no more. `lost` when it was by no act of ours."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    room_id: str
    lost: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """What the API shows differs from our record in something that asks for no call.

    The guest link that the API gave, an end that somebody else moved, a wish whose change needs no
    PATCH. No call.
    """

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    room: Observed
    desired: Desired | None
    reason: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """An unanswered create was looked up in vain and is wanted no more. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    operation: Operation
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A suspension's time is over: the key is kept as before. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing is wanted and nothing is left: forget the key. No call."""

    weight: ClassVar[Weight] = Weight.NOTE
    calls: ClassVar[str] = ""
    reason: str


Action = (
    Create
    | Renew
    | Update
    | Replace
    | Delete
    | Retire
    | Adopt
    | Bury
    | LetGo
    | Sleep
    | Wake
    | Restore
    | Miss
    | Find
    | Close
    | Note
    | Abandon
    | Resume
    | Forget
)
Mutation = Create | Renew | Update | Replace | Delete | Retire


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that would be done, and what stands before it.

    `by` is one word for programs: mode, look-alike, not-shown, doubt, occupied, unknown-use,
    protected, not-taken, back-off, settle, first-listing, brake, conflict, stranger, grace, kept,
    theme, replace-never, suspended, asked, dormant, frozen, window. `name` is what a command calls
    it by: of a freeze.
    """

    by: str
    reason: str
    until: datetime | None = None
    action: Action | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for one key, what is held and why, and until when the answer holds."""

    actions: tuple[Action, ...] = ()
    holds: tuple[Hold, ...] = ()
    until: datetime | None = None
    changes: Mapping[str, Change] = field(default_factory=lambda: _NO_CHANGES)
