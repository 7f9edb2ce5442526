"""What our store remembers: of a key, of its rooms, of an attempt at an action.

These are values; whoever changes one makes a new one and commits it together with the facts that
tell of the change.  Nothing here is ever compared with ``now``: that is the plan's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from orchestrator.domain.keys import Key
from orchestrator.domain.pages import is_room_subject
from orchestrator.domain.policies import Desired, Removal, RemovalMode
from orchestrator.domain.rooms import RoomType, Setting, Settings

_NOTHING: Mapping[str, Setting] = MappingProxyType({})
_BY_DEFAULT = Removal()
_DELETED_KEPT = 8  # the next listing shows what is there all the same


class Role(StrEnum):
    """What a room is to its key.

    `CURRENT` is the one whose link we give out.  `SUPERSEDED` was replaced and stays joinable for
    its overlap.  `ENDING` is let go: renewed no more, or retired.  `DUPLICATE` was never announced.
    """

    CURRENT = "current"
    SUPERSEDED = "superseded"
    ENDING = "ending"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Tally:
    """The meetings of a room that are over, added up as the API's list of sessions told of them.

    Attributes:
        since: API time; a meeting that ended earlier is not counted.
        until: the latest end of those that are.
        sessions: how many.
        minutes: how long, added up over their participants.
        untold: of how many the API did not say how long.
        lately: ids of those that ended shortly before `until`, so that one that the list tells of
            late is counted, and once.
    """

    since: datetime
    until: datetime
    sessions: int = 0
    minutes: float = 0.0
    untold: int = 0
    lately: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """One room of a key, as we last left it.

    Attributes:
        operation: the id of the operation that made it; empty for an adopted room.
        applied: what our wish named when we last sent it; what only a birth can send (the name,
            the type, settings without a PATCH) stands as the room was born, or adopted, with it.
        not_taken: what a 2xx did not take; not sent again until it or the policy changes.
        lifetime: the lifetime that the wish had when the present end was granted.
        granted_at: API time of that grant; `expires_at` is the end as it was seen last.
        granted_until: the end that the API answered then; None in records of before.
        renewed_at: API time of the last renewal, whoever asked for it.
        renewed_from: the end that it moved on: a room that shows it still is seen as it was.
        asked_at: API times of the renewals of the last day that a policy's new lifetime or a
            person asked for.
        watched_from: API time from which on its use is looked at: when this record was made, or
            when a person asked for the room; None in records of before.
        updated_at: API time of the last PATCH of its settings.
        insisted: how often in a row such a PATCH set something again that had not stayed.
        missing_since: API time of the first look that did not find it.
        end_due: when a superseded room is to be ended (API time).
        retired_at: API time of the PATCH that gave it its eleven minutes' notice.
        last_used_at: the last moment at which somebody was known to be inside.
        tally: the meetings that were counted; None before the first.
    """

    id: str
    generation: int
    operation: str
    role: Role
    display_name: str
    type: RoomType
    guest_url: str
    meeting_code: str
    created_at: datetime | None
    expires_at: datetime | None
    granted_at: datetime
    lifetime: timedelta | None
    applied: Settings = field(default_factory=lambda: _NOTHING)
    not_taken: Settings = field(default_factory=lambda: _NOTHING)
    text: str = ""
    adopted: bool = False
    renewed_at: datetime | None = None
    updated_at: datetime | None = None
    insisted: int = 0
    missing_since: datetime | None = None
    end_due: datetime | None = None
    retired_at: datetime | None = None
    last_used_at: datetime | None = None
    version: str = ""  # of the policy whose wish was last applied
    granted_until: datetime | None = None
    renewed_from: datetime | None = None
    asked_at: tuple[datetime, ...] = ()
    watched_from: datetime | None = None
    tally: Tally | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A removal that is decided but not yet carried out."""

    decided_at: datetime
    due: datetime
    mode: RemovalMode
    reason: str


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often something was tried in vain, and when it may be tried next (API time)."""

    count: int = 0
    next_at: datetime | None = None
    fault: str = ""
    input: str = ""  # digest of what was tried: another input resets the count


@dataclass(frozen=True, slots=True)
class Suspension:
    """A person's word that nothing is done for a key until a moment (API time)."""

    until: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dormancy:
    """A decision that nobody uses a key's room: it is renewed no more, nor made anew.

    Attributes:
        decided_at: API time.
        unused_since: the last moment at which it may have been used.
    """

    decided_at: datetime
    unused_since: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's word that a room is to be renewed now; it stands until that is done."""

    at: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeyState:
    """Everything that we remember of one key.

    Attributes:
        generation: of the last room that was meant; 0 before the first.
        wish: the last good spec, which stays in force while the policy cannot be read.
        rooms: all that have not ended, the current one among them.
        removal: stored with the room, so that it outlives the line in the file.
        distinct: rooms that bear our room's name and of which a person said: not the same.
        deleted: the last rooms whose DELETE was answered 2xx: where one is shown all the same, it
            is ours to end again, and no other daemon's.
        former: encoded keys that this room was known by.
        lost: the last current room ended before its wish did: brakes count the next create.
        suspended: nothing is done for this key until then; stored with it, like `protect`.
        asked: a person's word that its room is to be renewed now.
        dormant: nobody uses its room, which comes to its end; after that none is made by itself.
        unjoined: how many rooms of a page ended in a row without anybody having been inside.
        ended_at: when the last room of a page ended (API time).
        asks_met: of a page: how many wishes for another room were met.
    """

    key: Key
    generation: int = 0
    wish: Desired | None = None
    rooms: tuple[RoomRecord, ...] = ()
    tombstone: Tombstone | None = None
    removal: Removal = _BY_DEFAULT
    protect: bool = False
    distinct: frozenset[str] = frozenset()
    deleted: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    lost: bool = False
    attempts: Attempts = Attempts()
    creates: Attempts = Attempts()
    withheld: str = ""  # digest of what a mode or question last withheld: told once
    suspended: Suspension | None = None
    asked: Ask | None = None
    dormant: Dormancy | None = None
    unjoined: int = 0
    ended_at: datetime | None = None
    asks_met: int = 0

    @property
    def is_of_page(self) -> bool:
        """Its rooms are a page's: never braked, never replaced, ended when the page is over.

        Of a room that was found by its marker alone there is no wish; its key tells.
        """
        if self.wish is not None:
            return self.wish.page is not None
        return is_room_subject(self.key.subject)

    @property
    def frozen(self) -> Desired | None:
        """The wish of an occurrence whose room stands: a changed policy is for the next one."""
        if self.wish is None or self.wish.occurrence is None:
            return None
        return self.wish if self.current is not None else None

    @property
    def current(self) -> RoomRecord | None:
        """The one room whose link we give out."""
        return next((room for room in self.rooms if room.role is Role.CURRENT), None)


def last_deleted(*room_ids: str) -> tuple[str, ...]:
    """What a key remembers of its deletions, the latest last: each once, and not many."""
    return tuple(dict.fromkeys(room_ids))[-_DELETED_KEPT:]


class OperationKind(StrEnum):
    """What an operation asks of the API."""

    CREATE = "create"
    RENEW = "renew"
    UPDATE = "update"
    RETIRE = "retire"
    DELETE = "delete"


class OperationState(StrEnum):
    """An open operation may have been carried out; only looking tells."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Operation:
    """One journalled attempt at one action.

    Attributes:
        id: ``<incarnation>-<unique>``; a create carries it in its room's marker.
        watermark: for a create, the serial from which a lookup must begin; None: from the start.
        attempt: how often the call was sent under this id, from 1.
        answered: the HTTP status of the last answer; 0 for none.
    """

    id: str
    key: Key
    kind: OperationKind
    generation: int
    room_id: str | None
    reason: str
    cause: str
    started_at: datetime
    watermark: int | None = None
    attempt: int = 1
    state: OperationState = OperationState.OPEN
    answered: int = 0
