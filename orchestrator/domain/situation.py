"""What a plan is made from: the wish, what was seen, what is remembered, and the world.

Values only; whoever makes one has gathered it.  A room that stands in no sighting was not looked
for, which is not the same as gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, assert_never

from orchestrator.domain.actions import (
    Action,
    Hold,
    Mutation,
)
from orchestrator.domain.keys import Key
from orchestrator.domain.pausing import Pause, Paused, latest_renewal
from orchestrator.domain.policies import (
    Desired,
)
from orchestrator.domain.records import KeyState, Operation
from orchestrator.domain.renewal import Opening
from orchestrator.domain.rooms import (
    Change,
    Observed,
    Occupancy,
    has_ended,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Policy asks for this room."""

    desired: Desired


@dataclass(frozen=True, slots=True)
class Kept:
    """What policy asks for cannot be known now; the last good spec stays in force."""

    desired: Desired
    why: str


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Policy surely does not ask for this room (any more).

    Attributes:
        by_itself: said of an occurrence or page that is over: nothing is decided or counted.
        at_once: said of a page: its room is ended as soon as nobody is inside; an occurrence's room
            comes to its own end.
    """

    why: str
    by_itself: bool = False
    at_once: bool = False


Wish = Wanted | Kept | Unwanted


@dataclass(frozen=True, slots=True)
class Gone:
    """The API did not show a room where it was looked for.

    `unlisted` says that the last listing that is believed did not show it either: a single answer
    is one word of one machine.
    """

    reason: str
    unlisted: bool = True


@dataclass(frozen=True, slots=True)
class Use:
    """Whether somebody is in a room now, and when somebody last was, as far as is known.

    Attributes:
        heard: by callbacks alone, of which some may have been lost; otherwise the API lists its
            sessions.
        lasting: the API lists a session without an end, however long ago it gave a sign of life. It
            holds nothing any more, but a room with one is not surely unused.
    """

    occupancy: Occupancy = Occupancy.UNKNOWN
    last_used_at: datetime | None = None
    heard: bool = False
    lasting: bool = False

    @property
    def surely_empty(self) -> bool:
        """Nobody is inside by the API's own word, and not only as far as was heard (P5)."""
        return self.occupancy is Occupancy.EMPTY and not self.heard


UNKNOWN_USE: Final = Use()


@dataclass(frozen=True, slots=True)
class Pending:
    """An unanswered create, and what looking for it brought.

    `looked` says that a listing begun after settling did not find it; `until` when it may be
    looked for like that; `glanced` that some listing begun after the answer was lost did not.
    """

    operation: Operation
    found: Observed | None
    looked: bool
    until: datetime | None = None
    glanced: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A room with our marker for this key that the store does not remember under any key.

    `known` says that the operation in its marker stands in our journal, and not as the one that
    made this very room: so the room was never announced. Or that we deleted it, and it is there all
    the same; or that it was of a page, and called lost, and the page has another one. `second` says
    that this operation made another room: its link was given out, and a generation has no second
    one (P1).
    """

    room: Observed
    known: bool
    second: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What holds for every key.

    Attributes:
        now: API time, UTC.
        listed: one complete listing was seen since the start.
        doubt: why the last listing cannot be trusted, or an empty text.
        conflict: why nothing may be ended or replaced anywhere, or an empty text.
        apart: why `now` cannot be trusted, or an empty text; it is a doubt as well.
        can_delete: what DELETE was found to do at this API; None before it was tried.
        stranger: why another daemon may be at work with this owner, or an empty text: then nothing
            is done but renewing.
        use_known_since: from when on the API has told of every use without a gap; None where it
            does not, or not surely.
        use_unread: why who is inside could not be read when that was tried last, or an empty text:
            then nothing is ended or replaced by what was known before.
    """

    now: datetime
    opening: Opening
    settle: timedelta
    listed: bool = True
    doubt: str = ""
    conflict: str = ""
    can_delete: bool | None = None
    apart: str = ""
    stranger: str = ""
    use_known_since: datetime | None = None
    use_unread: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that one key's plan is made from."""

    key: Key
    wish: Wish
    state: KeyState
    world: World
    sightings: Mapping[str, Observed | Gone] = field(default_factory=lambda: MappingProxyType({}))
    uses: Mapping[str, Use] = field(default_factory=lambda: MappingProxyType({}))
    claims: tuple[Claim, ...] = ()
    lookalikes: tuple[Observed, ...] = ()
    pending: Pending | None = None
    # A mode or a brake that is known to stand before ending or replacing this key's room.
    held: Hold | None = None
    awaits: str = ""  # what must be there before a room is made, or an empty text
    # The rooms that the list in the policies' data names for this key, which never had one: those
    # that live, unmarked and nobody's yet, and the ids of those that the API does not show.
    listed: tuple[Observed, ...] = ()
    unshown: tuple[str, ...] = ()
    unread: str = ""  # why nobody knows whether that list names a room for it, or an empty text
    pause: Pause | None = None  # a freeze, or a change window that is closed
    reviewed: frozenset[str] = frozenset()  # marks of acts that a person has carried out now

    @property
    def now(self) -> datetime:
        """API time."""
        return self.world.now

    def use(self, room_id: str) -> Use:
        """How a room is used, as far as is known."""
        return self.uses.get(room_id, UNKNOWN_USE)

    @property
    def doubt(self) -> str:
        """Why nothing may be ended, replaced or made anew for this key; empty if it may."""
        if isinstance(self.wish, Kept):
            return self.wish.why
        return self.world.doubt

    @property
    def conflict(self) -> str:
        """Why nothing may be ended or replaced (P3): for every key, or for this one alone."""
        if self.world.conflict or self.state.current is None:
            return self.world.conflict
        for claim in self.claims:
            if not claim.known and not has_ended(claim.room, self.now):
                return f"room {claim.room.id} carries our marker, but another store made it"
        return ""

    @property
    def paused(self) -> Paused:
        """What each act is judged by while changes are put off."""
        wish, state = self.wish, self.state
        desired = state.wish if isinstance(wish, Unwanted) else wish.desired
        ends = {
            room.id: latest_renewal(room, seen.expires_at, self.now)
            for room in state.rooms
            if isinstance(seen := self.sightings.get(room.id), Observed)
            and seen.expires_at is not None
        }
        return Paused(
            pause=self.pause,
            now=self.now,
            reviewed=self.reviewed,
            of_page=state.is_of_page or (desired is not None and desired.page is not None),
            of_occurrence=desired is not None and desired.occurrence is not None,
            latest=ends,
        )

    def tried_by(self, action: Mutation) -> str:
        """What a failure of this action is remembered by: its kind, and what was wished."""
        return f"{type(action).__name__.lower()} {self.tried}"

    @property
    def tried(self) -> str:
        """What was wished when an attempt failed: the wish's version; another one starts anew."""
        match self.wish:
            case Wanted(desired) | Kept(desired):
                return f"{desired.version}:{desired.digest}"
            case Unwanted():
                return "unwanted"
            case _:
                assert_never(self.wish)


@dataclass(slots=True)
class Draft:
    """The plan as it grows."""

    actions: list[Action] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    until: datetime | None = None
    changes: dict[str, Change] = field(default_factory=dict)

    def do(self, action: Action) -> None:
        """Add an action."""
        self.actions.append(action)

    def hold(
        self, by: str, reason: str, until: datetime | None = None, action: Action | None = None
    ) -> None:
        """Say what stands before something, and until when."""
        self.holds.append(Hold(by, reason, until, action))
        self.back_at(until)

    def back_at(self, moment: datetime | None) -> None:
        """Come back at this moment, or earlier."""
        if moment is not None and (self.until is None or moment < self.until):
            self.until = moment
