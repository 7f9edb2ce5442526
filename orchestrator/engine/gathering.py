"""Gathering: everything that one key's plan is made from, read fresh from store, book and API.

It acts on nothing.  ``plan`` and ``why`` gather with the same code as the daemon's own turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.actions import Hold
from orchestrator.domain.changetimes import ChangeTimes
from orchestrator.domain.facts import Fact
from orchestrator.domain.freezes import Freeze
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.pausing import REVIEWING, Pause, frozen_by, outside_of
from orchestrator.domain.policies import Desired, Mode, stricter
from orchestrator.domain.presence import recalled, recorded_use, redated, reheard, watched_use
from orchestrator.domain.records import KeyState, Operation, OperationKind, RoomRecord
from orchestrator.domain.renewal import RenewalTime, planned_renewal
from orchestrator.domain.rooms import Observed, has_ended, is_over
from orchestrator.domain.situation import (
    Claim,
    Gone,
    Pending,
    Situation,
    Unwanted,
    Use,
    Wish,
    World,
)
from orchestrator.domain.usage import Usage, counted, facts_of, usage
from orchestrator.engine.book import Book
from orchestrator.engine.executor import CAN_DELETE, denies_delete
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.foundation.instants import parse_instant
from orchestrator.ports.calendar import Calendar
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.store import Store

# Wall and API time may differ this much, in seconds, before removals stop.
CLOCKS_APART: Final = 120.0
_SEEN_BY_THEN: Final = timedelta(minutes=10)
# How far back the API is asked for sessions at each reading; what ended before is not told again.
SESSIONS_BACK: Final = timedelta(days=7)
USE_KNOWN_SINCE: Final = "use.known_since"  # note: from then on every use was told (API time)
USE_READ_AT: Final = "use.read_at"  # note: when sessions were read last, to some hours
DISOWNED: Final = "disowned:"  # note per room that a person forgot: foreign although marked


@dataclass(slots=True)
class Conflicts:
    """Marked rooms that another store made while their key has a room: a person decides."""

    rooms: dict[str, str]  # room id → encoded key
    is_there: Callable[[str], bool] = lambda _: True

    @property
    def reason(self) -> str:
        """Why nothing may be ended or replaced, or an empty text."""
        # A room that has gone gives its key no turn in which it could be struck out.
        stand = sorted(item for item in self.rooms.items() if self.is_there(item[0]))
        if not stand:
            return ""
        room_id, key = stand[0]
        return (
            f"room {room_id} carries our marker for {key}, which has another room: "
            "another daemon uses this owner, or a store was restored"
        )


class Gathering:
    """Reads what a plan needs."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        observations: Observations,
        calendar: Calendar,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        """Gather from these; ``lost_at`` of the executor tells when connections ended."""
        self._store = store
        self._rooms = rooms
        self._observations = observations
        self._calendar = calendar
        self._clock = clock
        self._settings = settings
        self._aparts: tuple[float, float] | None = None
        self._started = clock.monotonic()
        self.conflicts = Conflicts(
            {}, lambda room_id: isinstance(observations.sighting(room_id), Observed)
        )
        self.lost_at: Callable[[str], float | None] = lambda _: None
        self.in_flight: Callable[[str], bool] = lambda _: False
        self.stranger: Callable[[], str] = lambda: ""  # why nothing is done but renewing
        self.unsure: Callable[[], str] = lambda: ""  # why nothing is ended or replaced
        self.vanished: Callable[[], bool] = lambda: False  # rooms of ours, from the last listing
        self.believes_silence = True
        """Whether a room of which no session is told was not used; false where nobody meets."""
        self.source_doubt: Callable[[str], str] = lambda _: ""  # of a policy, why
        self.dress: Callable[[Desired, RoomRecord | None], Desired] = lambda wish, _: wish
        """A wish with the id of its theme among its settings, as far as that is known."""
        self.awaits_theme: Callable[[Desired], str] = lambda _: ""
        """Why a room is not made before its theme, or an empty text."""
        self.freezes: Callable[[], Sequence[Freeze]] = tuple
        """What people froze."""
        self.reviewed: Callable[[Key], frozenset[str] | None] = lambda _: None
        """The marks of a key's acts that are carried out now as they were reviewed, and no others.

        None: nothing of the kind is going on."""
        self._hours: dict[ChangeTimes, tuple[datetime, tuple[datetime, datetime]]] = {}

    async def state(self, key: Key, book: Book) -> KeyState:
        """What is remembered of a key, with the wish of the book taken in."""
        return self.brought_up(await self._store.state(key) or KeyState(key), book)

    def brought_up(self, state: KeyState, book: Book) -> KeyState:
        """A state with the wish of the book and the use of its rooms taken in."""
        now, state = self._rooms.api_now(), take_in(state, book)
        if not self._apart():
            state = self._dated_rightly(state, now)
        uses = {room.id: self.use(room) for room in state.rooms}
        rooms = tuple(
            watched_use(recorded_use(self._counted(room), uses[room.id]), uses[room.id], now)
            for room in state.rooms
        )
        return state if rooms == state.rooms else replace(state, rooms=rooms)

    def _dated_rightly(self, state: KeyState, now: datetime) -> KeyState:
        """A state whose rooms were neither used nor heard of at a moment that is yet to come."""
        for room in state.rooms:
            heard = self._observations.presence(room.id)
            if (again := reheard(heard, now)) != heard:
                self._observations.heard(room.id, again)
        rooms = tuple(redated(room, now) for room in state.rooms)
        return state if rooms == state.rooms else replace(state, rooms=rooms)

    def _counted(self, room: RoomRecord) -> RoomRecord:
        return counted(room, self._observations.told(room.id))

    def meetings(self, state: KeyState, cause: str) -> tuple[Fact, ...]:
        """What `brought_up` will add to the tallies of a key's rooms: a fact a meeting."""
        told = self._observations.told
        return tuple(
            fact for room in state.rooms for fact in facts_of(state, room, told(room.id), cause)
        )

    async def situation(
        self,
        key: Key,
        state: KeyState,
        book: Book,
        braked: Hold | None = None,
        reviewed: frozenset[str] | None = None,
    ) -> Situation | None:
        """Everything for one key's plan; None where what is wanted cannot be known at all.

        ``braked`` is the brake that holds this key, if one does; ``reviewed`` the marks of its acts
        that go on and no others, None: as `self.reviewed` says.
        """
        wish = self._dressed(book.wish(key, state), state)
        if wish is None:
            return None
        pending = await self._pending(state)
        listed, unshown = await self._listed(state, book)
        reviewed = self.reviewed(key) if reviewed is None else reviewed
        pause = self.pause(key.policy, book, state) if reviewed is None else REVIEWING
        held = braked or self._held_by_mode(state, book)
        if held is None and pause is not None and reviewed is None and not state.is_of_page:
            held = pause.hold()
        return Situation(
            key=key,
            wish=wish,
            state=state,
            world=await self._world(key),
            sightings=self._sightings(state),
            uses=self._uses(state),
            claims=await self._claims(state, book),
            lookalikes=await self._lookalikes(state, wish, pending),
            pending=pending,
            held=held,
            awaits="" if isinstance(wish, Unwanted) else self.awaits_theme(wish.desired),
            listed=listed,
            unshown=unshown,
            unread=self._unread(state, wish, book),
            pause=pause,
            reviewed=reviewed or frozenset(),
        )

    def _dressed(self, wish: Wish | None, state: KeyState) -> Wish | None:
        if wish is None or isinstance(wish, Unwanted):
            return wish
        return replace(wish, desired=self.dress(wish.desired, state.current))

    def _held_by_mode(self, state: KeyState, book: Book) -> Hold | None:
        mode = self.mode(state.key.policy, book, state.wish)
        return None if mode is Mode.ENFORCE else Hold("mode", f"mode is {mode}")

    def pause(self, policy: str, book: Book, state: KeyState | None = None) -> Pause | None:
        """What puts off the changes of a policy's rooms; an empty name is of no policy's.

        ``state`` is that of one of its keys: its room keeps to a policy that is gone.
        """
        now, formerly = self._rooms.api_now(), _formerly(policy, book, state)
        frozen = frozen_by(self.freezes(), policy, now, formerly)
        times = self.change_times(policy, book, None if state is None else state.wish)
        if frozen is not None or times.allow is None:
            return frozen
        return outside_of(self.change_time(times), self._rooms.api_now(), self._apart())

    def change_times(self, policy: str, book: Book, wish: Desired | None = None) -> ChangeTimes:
        """When a policy's rooms may be changed: by its word, or its last; else by the settings."""
        own = book.policies.get(policy) or wish
        return self._settings.changes if own is None or own.changes is None else own.changes

    def change_time(self, times: ChangeTimes) -> tuple[datetime, datetime] | None:
        """The hours of change that are not over, API time: those that go on or come next."""
        if not times.allow:
            return None
        now, known = self._rooms.api_now(), self._hours.get(times)
        # Of a clock that was set back they may be others.
        if known is None or not known[0] <= now < known[1][1]:
            hours = self._calendar.change_time(times, now)
            if hours is None:
                return None
            known = self._hours[times] = (now, hours)
        return known[1]

    def mode(self, name: str, book: Book, wish: Desired | None = None) -> Mode:
        """How far the engine may go for a policy: of what it says and config.yaml the stricter.

        Of one that is gone what it said last holds, by a room's ``wish``, as its removal does.
        """
        own = book.policies.get(name) or wish
        return stricter(self._settings.mode, None if own is None else own.mode)

    def _apart(self) -> str:
        """Why API time is not to be believed, or an empty text."""
        return clocks_apart(self._rooms.clock_difference())

    async def _world(self, key: Key) -> World:
        denied = denies_delete(await self._store.note(CAN_DELETE), self._clock.now())
        apart = self._apart()
        return World(
            now=self._rooms.api_now(),
            opening=self._calendar.opening,
            settle=self._settings.settle,
            listed=self._observations.listed,
            doubt=self._observations.doubt or apart or self.source_doubt(key.policy),
            conflict=self.unsure() or self.conflicts.reason,
            stranger=self.stranger(),
            can_delete=False if denied else None,
            apart=apart,
            use_known_since=await self.use_known_since(),
            use_unread=self._observations.use_unread,
        )

    async def use_known_since(self) -> datetime | None:
        """From when on no use was missed, as far as the readings of sessions reach each other."""
        since, read = await self._store.note(USE_KNOWN_SINCE), await self._store.note(USE_READ_AT)
        if not self.believes_silence or since is None:
            return None
        return parse_instant(since) if within_reach(read, self._rooms.api_now()) else None

    def _sightings(self, state: KeyState) -> dict[str, Observed | Gone]:
        seen = {room.id: self._seen(room) for room in state.rooms}
        return {room_id: sight for room_id, sight in seen.items() if sight is not None}

    def _seen(self, room: RoomRecord) -> Observed | Gone | None:
        """What was last seen of a room; no listing proves that one is gone that was just made.

        It need not show it yet, so it is not doubted for lacking it (`domain.absence`).
        """
        seen, before = self._observations.sighting(room.id), self._observations.expected_before
        if not isinstance(seen, Gone):
            return seen
        expected = before is not None and (room.created_at or room.granted_at) < before
        return replace(seen, unlisted=seen.unlisted and expected)

    def _uses(self, state: KeyState) -> dict[str, Use]:
        return {room.id: self.use(room) for room in state.rooms}

    def usage(self, room: RoomRecord, known_since: datetime | None) -> Usage | None:
        """How much a room of ours was used; ``known_since`` is `use_known_since`."""
        return usage(room, self._observations.told(room.id), known_since)

    def use(self, room: RoomRecord) -> Use:
        """How a room of ours is used, as far as is known now or was recorded before."""
        observations = self._observations
        use = observations.use(room.id, self._rooms.api_now())
        return recalled(use, room.last_used_at, hearing=observations.callbacks_at is not None)

    async def _claims(self, state: KeyState, book: Book) -> tuple[Claim, ...]:
        encoded = (state.key.encoded, *state.former)
        claims: list[Claim] = []
        for room in self._observations.claims(encoded):
            if await self._store.key_of_room(room.id) is not None:
                self.conflicts.rooms.pop(room.id, None)
                continue
            if await self._store.note(DISOWNED + room.id):
                self.conflicts.rooms.pop(room.id, None)
                continue
            if await self._is_anothers(room, state.key, book):
                continue
            maker = await self._maker(room)
            if _was_closed(room, maker) and has_ended(room, self._rooms.api_now()):
                continue  # by whatever clock: it is not one that a lost store would know
            unannounced = maker is not None and maker.room_id != room.id
            known = room.id in state.deleted or unannounced or self._is_back(state, room, maker)
            second = unannounced and maker is not None and maker.room_id is not None
            claims.append(Claim(room, known, second=second))
        self._note_conflicts(state, claims)
        return tuple(claims)

    async def _listed(
        self, state: KeyState, book: Book
    ) -> tuple[tuple[Observed, ...], tuple[str, ...]]:
        """The rooms that the list of adopted ones names for a key that never had one.

        Once a key had a room the store and the facts say whose is whose, and not an old line.
        """
        ids = (book.adopted or {}).get(state.key, ())
        if not ids or state.rooms or state.generation > 0 or not self._observations.listed:
            return (), ()
        shown: list[Observed] = []
        unshown: list[str] = []
        for room_id in ids:
            if await self._store.key_of_room(room_id) or await self._store.note(DISOWNED + room_id):
                continue
            room = self._observations.sighting(room_id)
            if not isinstance(room, Observed):
                unshown.append(room_id)
            elif room.marker is None and not is_over(room, self._rooms.api_now(), self._apart()):
                shown.append(room)
        return tuple(shown), tuple(unshown)

    def _unread(self, state: KeyState, wish: Wish, book: Book) -> str:
        """Why a room that stands may be there already, in a list that was never read.

        The rooms of schedules and pages stand in no list, and people wait for them.
        """
        if book.adopted is not None or state.rooms or state.generation > 0:
            return ""
        if isinstance(wish, Unwanted) or wish.desired.occurrence or wish.desired.page:
            return ""
        return "adopted.yaml cannot be read, and it may name a room for this key"

    async def _is_anothers(self, room: Observed, key: Key, book: Book) -> bool:
        """Whether a room was made for a former key that has rooms of its own again.

        Until the answer to its create is recorded nothing but its marker tells whose it is.
        """
        marker = room.marked_by(self._settings.owner)
        if marker is None or marker.key == key.encoded:
            return False
        operation = await self._store.operation(marker.operation)
        former = decode_key(marker.key) if operation is None else operation.key
        if former is None or former == key:
            return False
        return former in book.wishes or await self._store.state(former) is not None

    def _note_conflicts(self, state: KeyState, claims: Sequence[Claim]) -> None:
        now, apart = self._rooms.api_now(), self._apart()
        for claim in claims:
            over = is_over(claim.room, now, apart)
            stands = not claim.known and state.current is not None and not over
            if stands:
                self.conflicts.rooms[claim.room.id] = state.key.encoded
            else:
                self.conflicts.rooms.pop(claim.room.id, None)

    @staticmethod
    def _is_back(state: KeyState, room: Observed, maker: Operation | None) -> bool:
        """Whether it was called lost, and the page that it was of has another room by now.

        Of a standing room a person decides which of two links goes on; a page goes on with the
        last, and people who are inside are left alone.
        """
        return _was_closed(room, maker) and state.current is not None and state.is_of_page

    async def _maker(self, room: Observed) -> Operation | None:
        """The operation in its marker, if it stands in our journal."""
        marker = room.marked_by(self._settings.owner)
        return None if marker is None else await self._store.operation(marker.operation)

    async def _lookalikes(
        self, state: KeyState, wish: Wish, pending: Pending | None
    ) -> tuple[Observed, ...]:
        """Rooms that are not ours and bear the wanted name, while the key never had a room.

        Or while a create for it is unanswered: a room that appeared since may be the one that was
        asked for, shown without its marker by one bad answer.
        """
        if isinstance(wish, Unwanted) or state.current is not None:
            return ()
        if wish.desired.page is not None:
            return ()  # nobody can be asked while responders wait, and no other room is meant
        occurs = wish.desired.occurrence is not None
        if pending is None and (occurs or state.generation > 0):
            # Nobody can be asked a quarter of an hour before people meet.
            return ()
        now, apart = self._rooms.api_now(), self._apart()
        return tuple(
            [
                room
                for room in self._observations.namesakes(wish.desired.display_name)
                if room.id not in state.distinct
                and not is_over(room, now, apart)
                and (pending is None or _may_be(room, pending.operation, now, occurs=occurs))
                and await self._store.key_of_room(room.id) is None
            ]
        )

    async def _pending(self, state: KeyState) -> Pending | None:
        creates = [
            operation
            for operation in await self._store.open_operations(state.key)
            if operation.kind is OperationKind.CREATE
        ]
        return self._look_up(creates[0]) if creates else None

    def _look_up(self, operation: Operation) -> Pending:
        if self.in_flight(operation.id):
            return Pending(operation, None, looked=False)  # its answer may still come
        found = self._observations.by_operation(operation.id)
        since = self.lost_since(operation)
        shown = self._observations.last_shown(operation.id)
        if shown is not None:
            # It was carried out. A listing that is some seconds old would lack its room for now.
            since = max(since, shown)
        since += self._settings.settle.total_seconds()
        looked = self._observations.lacks(since)
        if looked and found is None and self.vanished():
            # Another API may be answering: whether this one has the room says nothing.
            return Pending(operation, None, looked=False)
        # Once it is over it lies in the past: never after a `now` that was read a moment before.
        wait = since - self._clock.monotonic()
        until = self._rooms.api_now() + timedelta(seconds=wait)
        return Pending(operation, found, looked, until, self.looked_once(operation))

    def lost_since(self, operation: Operation) -> float:
        """When the connection of an unanswered create ended, or this process began (monotonic)."""
        ended = self.lost_at(operation.id)
        return self._started if ended is None else ended

    def looked_once(self, operation: Operation) -> bool:
        """Whether any listing begun after the connection ended could have shown its room."""
        return self._observations.looked(operation.watermark, self.lost_since(operation))

    def renewal(self, state: KeyState, *, windows: bool = True) -> RenewalTime | None:
        """When a key's room is renewed next; without ``windows`` a moment that may be early."""
        opening = self._calendar.opening if windows else None
        return planned_renewal(state, opening, self._rooms.api_now())

    def to_wall(self, moment: datetime | None) -> datetime | None:
        """A moment of API time on the wall clock, where the agenda lives."""
        if moment is None:
            return None
        apart = self._rooms.api_now() - self._clock.now()
        seconds = apart.total_seconds()
        least, most = self._aparts or (seconds, seconds)
        self._aparts = min(least, seconds), max(most, seconds)
        return moment - apart

    def take_aparts(self) -> Sequence[float]:
        """API time less wall time, in seconds, at the least and at the most.

        Of all times at which a moment was put on the wall clock since this was asked last.
        """
        aparts, self._aparts = self._aparts or (), None
        return aparts


def _formerly(policy: str, book: Book, state: KeyState | None) -> set[str]:
    """What a policy was called by: no later name stands in a freeze that began before."""
    own = book.policies.get(policy)
    names: set[str] = set() if own is None else {*own.formerly}
    if state is not None:
        former = (name.partition("/")[0] for name in state.former)
        names |= {name for name in former if name not in book.policies}
    return names


def _may_be(room: Observed, operation: Operation, now: datetime, *, occurs: bool) -> bool:
    """Whether a room without our marker may be the one that an unanswered create made.

    People who are about to meet do not wait longer for that to be seen than a few listings take.
    """
    born = room.created_at
    if born is None:
        return not occurs
    since = operation.started_at - timedelta(seconds=CLOCKS_APART)
    return born >= since and not (occurs and now - born > _SEEN_BY_THEN)


def _was_closed(room: Observed, maker: Operation | None) -> bool:
    """Of a room that no key has: whether one had it, as our journal tells."""
    return maker is not None and maker.room_id == room.id


def clocks_apart(seconds: float) -> str:
    """Why nothing may be ended while wall and API time differ so much, or an empty text.

    Asked at every plan: any answer may move API time, and with it every grace and every silence.
    """
    if abs(seconds) <= CLOCKS_APART:
        return ""
    return f"this machine's clock and the API's differ by {seconds:.0f} s"


def clock_behind(seconds: float) -> timedelta:
    """How far the wall clock is behind API time, where that is too far; of one ahead nothing."""
    return timedelta(seconds=seconds) if seconds > CLOCKS_APART else timedelta()


def within_reach(read: str | None, now: datetime) -> bool:
    """Whether sessions read at one moment and at another leave no time in between untold."""
    if read is None:
        return False
    gap = now - parse_instant(read)
    # A little before it: API time is learnt in whole seconds.
    return -timedelta(seconds=CLOCKS_APART) <= gap <= SESSIONS_BACK


def take_in(state: KeyState, book: Book) -> KeyState:
    """Remember the book's wish as the last good spec; removal and protection go along.

    A page's is as it was when the page was taken, and tells for good that its rooms are a page's: a
    room whose create was not answered is recorded without it.
    """
    desired = book.wishes.get(state.key)
    if desired is None and state.wish is None:
        desired = book.paged.get(state.key)
    if desired is None or desired is state.wish or desired == state.wish:
        return state
    if state.frozen is not None and desired.occurrence is not None:
        return state
    protect = state.protect if desired.protect is None else desired.protect
    return replace(state, wish=desired, removal=desired.removal, protect=protect)


def heir(new: KeyState, old: KeyState, book: Book) -> KeyState:
    """The state that takes over another's rooms; an occurrence's wish stays as it was opened."""
    into = take_in(new, book)
    return into if old.frozen is None else replace(into, wish=old.frozen)
