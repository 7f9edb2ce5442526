"""One key's life on an invented API, without a clock: what properties and the state machine drive.

`Api` keeps its word, or not: it may ignore what it is asked, echo what it ignored, clamp an end,
lose a room, carry out a create late.  `Life` does for one key what the daemon does, a step at a
time, and refuses at once what no plan may ever ask for.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from orchestrator.domain import backoff, outcomes
from orchestrator.domain.actions import (
    Action,
    Bury,
    Create,
    Delete,
    Hold,
    LetGo,
    Mutation,
    Plan,
    Renew,
    Replace,
    Retire,
    Sleep,
    Update,
)
from orchestrator.domain.marker import Marker
from orchestrator.domain.outcomes import Teller, keep_wish
from orchestrator.domain.plan import plan, withhold
from orchestrator.domain.policies import Desired, Mode
from orchestrator.domain.records import (
    KeyState,
    Operation,
    OperationKind,
    OperationState,
    Role,
)
from orchestrator.domain.renewal import asked_end, floor, granted_life
from orchestrator.domain.rooms import LONGEST_ASK, Observed, Occupancy, RoomType, Setting
from orchestrator.domain.situation import (
    Claim,
    Gone,
    Kept,
    Pending,
    Situation,
    Unwanted,
    Use,
    Wanted,
    Wish,
)
from tests import builders as a
from tests.builders import KEY, NOW

SETTLE = timedelta(seconds=60)
STEPS_MOST = 24


@dataclass
class Api:
    """The rooms of an API, as they truly are."""

    rooms: dict[str, Observed] = field(default_factory=dict)
    occupied: set[str] = field(default_factory=set)
    used: dict[str, datetime] = field(default_factory=dict)
    knows_use: bool = True
    can_delete: bool = True
    ignored: frozenset[str] = frozenset()
    """What it takes with a 2xx and does not do."""
    echoes: bool = False
    """It answers with what it was asked, not with what it did."""
    longest: timedelta = timedelta(days=365)
    hidden: set[str] = field(default_factory=set)
    """Rooms that it answers 404 for, for a while."""
    made: int = 0

    def post(self, desired: Desired, operation: Operation, now: datetime) -> Observed:
        """Make a room."""
        self.made += 1
        room_id = f"room-{self.made}"
        end = None
        if desired.type is RoomType.LONG_TERM and desired.lifetime is not None:
            end = min(asked_end(now, desired.lifetime), now + self.longest)
        asked = a.observed(
            room_id,
            display_name=desired.display_name,
            marked=a.metadata(generation=operation.generation, operation_id=operation.id),
            type_=desired.type,
            settings=desired.settings,
            created_at=now,
            expires_at=end,
        )
        kept = {path: value for path, value in desired.settings.items() if path not in self.ignored}
        name = "Room" if "display_name" in self.ignored else desired.display_name
        true = replace(asked, settings=a.observed(settings=kept).settings, display_name=name)
        self.rooms[room_id] = true
        return asked if self.echoes else true

    def patch(
        self, room_id: str, settings: dict[str, Setting], end: datetime | None, now: datetime
    ) -> Observed:
        """Change a room."""
        before = self.rooms[room_id]
        asked = replace(
            before,
            settings={**before.settings, **settings},
            expires_at=before.expires_at if end is None else end,
        )
        kept = {path: value for path, value in settings.items() if path not in self.ignored}
        moved = before.expires_at
        if end is not None and "expires_at" not in self.ignored:
            moved = min(end, now + self.longest)
        true = replace(before, settings={**before.settings, **kept}, expires_at=moved)
        self.rooms[room_id] = true
        return asked if self.echoes else true

    def get(self, room_id: str, now: datetime) -> Observed | Gone:
        """Read a room."""
        if room_id not in self.rooms or room_id in self.hidden:
            return Gone("the API answers 404")
        room = self.rooms[room_id]
        over = room.expires_at is not None and room.expires_at <= now
        return replace(room, is_available=not over or room_id in self.occupied)

    def alive(self, now: datetime) -> set[str]:
        """The rooms that somebody could join."""
        return {
            room_id
            for room_id in self.rooms
            if isinstance(seen := self.get(room_id, now), Observed) and seen.is_available
        }

    def use(self, room_id: str) -> Use:
        """Who is in a room, as far as it tells."""
        if not self.knows_use:
            return Use()
        inside = room_id in self.occupied
        occupancy = Occupancy.OCCUPIED if inside else Occupancy.EMPTY
        return Use(occupancy, self.used.get(room_id))


@dataclass
class Weather:
    """How the next calls fare: answered, refused, or not answered."""

    fails: bool = False
    unanswered: bool = False
    """The call is made and its answer is lost."""
    swallowed: bool = False
    """Neither is it made, nor is it answered."""


@dataclass
class Life:
    """One key, as a daemon keeps it."""

    api: Api
    wish: Wish
    now: datetime = NOW
    state: KeyState | None = None
    mode: Mode = Mode.ENFORCE
    braked: bool = False
    doubt: str = ""
    conflict: str = ""
    weather: Weather = field(default_factory=Weather)
    journal: dict[str, Operation] = field(default_factory=dict)
    unanswered_at: datetime = NOW
    late: list[tuple[datetime, Operation, Desired]] = field(default_factory=list)
    calls: list[tuple[datetime, str]] = field(default_factory=list)
    renewed: dict[str, datetime] = field(default_factory=dict)
    use_known_since: datetime | None = None
    until: datetime | None = None
    last: Plan = field(default_factory=Plan)

    def situation(self) -> Situation:
        """Everything for the next plan, read afresh."""
        state = self.state or KeyState(KEY)
        if isinstance(self.wish, Wanted) and state.wish != self.wish.desired:
            state = self.state = keep_wish(state, self.wish.desired)
        known = {room.id for room in state.rooms}
        return Situation(
            key=KEY,
            wish=self.wish,
            state=state,
            world=a.world(
                self.now,
                doubt=self.doubt,
                conflict=self.conflict,
                can_delete=None if self.api.can_delete else False,
                use_known_since=self.use_known_since,
            ),
            sightings={room_id: self.api.get(room_id, self.now) for room_id in known},
            uses={room_id: self.api.use(room_id) for room_id in known},
            claims=self._claims(known),
            pending=self._pending(),
            held=self._held(),
        )

    def _held(self) -> Hold | None:
        if self.braked:
            return Hold("brake", "brake 7")
        return None if self.mode is Mode.ENFORCE else Hold("mode", f"mode is {self.mode}")

    def _claims(self, known: set[str]) -> tuple[Claim, ...]:
        return tuple(
            Claim(seen, self._never_announced(seen), second=self._is_second(seen))
            for room_id in sorted(self.api.rooms)
            if room_id not in known
            and isinstance(seen := self.api.get(room_id, self.now), Observed)
            and _operation_of(seen) not in self._open()
        )

    def _never_announced(self, seen: Observed) -> bool:
        operation = self.journal.get(_operation_of(seen))
        return operation is not None and operation.room_id != seen.id

    def _is_second(self, seen: Observed) -> bool:
        operation = self.journal.get(_operation_of(seen))
        return operation is not None and operation.room_id not in {None, seen.id}

    def _open(self) -> dict[str, Operation]:
        return {
            operation.id: operation
            for operation in self.journal.values()
            if operation.state is OperationState.OPEN
        }

    def _pending(self) -> Pending | None:
        for operation in self._open().values():
            seen = (self.api.get(room_id, self.now) for room_id in sorted(self.api.rooms))
            found = [
                room
                for room in seen
                if isinstance(room, Observed) and _operation_of(room) == operation.id
            ]
            settled = self.unanswered_at + SETTLE
            looked = self.now >= settled and not self.doubt
            until = settled if settled > self.now else None  # the next listing wakes the key
            return Pending(operation, found[0] if found else None, looked, until)
        return None

    # --- a turn -----------------------------------------------------------------------------------

    def turn(self) -> int:
        """Do what is to be done until nothing is left; returns how many calls that took."""
        before = len(self.calls)
        for _ in range(STEPS_MOST):
            situation = self.situation()
            if isinstance(self.wish, Kept) and situation.state.wish is None:
                self.until = None
                return 0  # what is wanted is not known at all
            self.last = withhold(plan(situation), self.mode)
            if not self.last.actions:
                self.until = self.last.until
                return len(self.calls) - before
            self._check(situation, self.last)
            self._do(situation, self.last.actions[0])
        message = f"a turn without end: {self.last.actions}"
        raise AssertionError(message)

    def _do(self, situation: Situation, action: Action) -> None:
        match action:
            case Create() | Renew() | Update() | Replace() | Delete() | Retire():
                self._call(situation, action)
            case _:
                teller = Teller("test", "test", self.now)
                outcome = outcomes.noted(situation.state, action, teller)
                self._record(outcome)

    def _record(self, outcome: outcomes.Outcome) -> None:
        self.state = outcome.state
        for operation in outcome.operations:
            self.journal[operation.id] = operation

    def _call(self, situation: Situation, action: Mutation) -> None:
        operation, state = self._journal(situation.state, action)
        weather = self.weather
        if weather.fails or weather.unanswered or weather.swallowed:
            self._fail(situation, action, operation, state)
            return
        self.calls.append((self.now, type(action).__name__))
        seen = self._carry_out(action, operation)
        teller = Teller("test", "test", self.now)
        self._record(outcomes.answered(state, action, operation, seen, teller))
        if isinstance(action, Renew) and action.own:
            self.renewed[action.room_id] = self.now

    def _journal(self, state: KeyState, action: Mutation) -> tuple[Operation, KeyState]:
        if isinstance(action, Create) and action.again is not None:
            operation = replace(action.again, attempt=action.again.attempt + 1)
        else:
            room_id = None if isinstance(action, Create | Replace) else action.room_id
            creates = isinstance(action, Create | Replace)
            operation = replace(
                a.operation(OperationKind.CREATE if creates else OperationKind.UPDATE),
                id=f"k3m9x2aa-{len(self.journal):016d}",
                generation=action.generation
                if isinstance(action, Create | Replace)
                else state.generation,
                room_id=room_id,
            )
        state = replace(state, generation=max(state.generation, operation.generation))
        self.journal[operation.id] = operation
        self.state = state
        return operation, state

    def _fail(
        self, situation: Situation, action: Mutation, operation: Operation, state: KeyState
    ) -> None:
        creates = isinstance(action, Create | Replace)
        if creates and not self.weather.fails:
            self.unanswered_at = self.now
        else:
            self.journal[operation.id] = replace(operation, state=OperationState.FAILED)
        if self.weather.unanswered:
            self._carry_out(action, operation)
        failure = backoff.Failure("503", situation.tried_by(action))
        attempts = backoff.failed(
            state.attempts, backoff.Schedule.WEATHER, self.now, KEY.encoded, failure
        )
        self.state = replace(state, attempts=attempts)

    def _carry_out(self, action: Mutation, operation: Operation) -> Observed | None:
        match action:
            case Create() | Replace():
                return self.api.post(action.desired, operation, self.now)
            case Renew() | Retire():
                return self.api.patch(action.room_id, {}, action.after, self.now)
            case Update():
                return self.api.patch(action.room_id, dict(action.patch.settings), None, self.now)
            case Delete():
                del self.api.rooms[action.room_id]
                return None

    # --- time -------------------------------------------------------------------------------------

    def live(self, length: timedelta) -> None:
        """Let time pass; wake when the last plan said, and once at the end."""
        end = self.now + length
        wakes = 0
        while self.until is not None and self.until <= end:
            assert self.until > self.now, f"told to come back in the past: {self.last}"
            self._pass_to(self.until)
            wakes += 1
            assert wakes <= 100 + 600 * length / timedelta(days=1), f"a busy loop: {self.last}"
            self.turn()
        self._pass_to(end)
        self.turn()

    def _pass_to(self, moment: datetime) -> None:
        self.now = moment
        due = [late for late in self.late if late[0] <= moment]
        self.late = [late for late in self.late if late[0] > moment]
        for _, operation, desired in due:
            self.api.post(desired, operation, moment)

    # --- what no plan may ever ask for ------------------------------------------------------------

    def _check(self, situation: Situation, made: Plan) -> None:
        for action in made.actions:
            check(situation, action)
            if isinstance(action, Renew) and action.own:
                self._check_floor(situation, action)

    def _check_floor(self, situation: Situation, action: Renew) -> None:
        before = self.renewed.get(action.room_id)
        record = next(room for room in situation.state.rooms if room.id == action.room_id)
        if before is not None and action.before is not None:
            least = floor(granted_life(record, action.before, self.now))
            assert self.now - before >= least, "P7: twice within the floor"


def check(situation: Situation, action: Action) -> None:
    """Refuse an action that breaks a promise, whatever the situation is."""
    held, now = situation.held, situation.now
    match action:
        case Create(lost=True):
            assert not situation.doubt, "P4: unknown is not empty"
            assert held is None or held.by != "brake", "P10: held"
        case Bury(due=due):
            assert due >= now + timedelta(seconds=60), "a tombstone stands for a minute at least"
        case Renew():
            assert action.after <= now + LONGEST_ASK, "P7: too far"
            sooner = action.before is not None and action.after <= action.before
            assert not (action.own and sooner), "P7: an earlier end"
        case Delete() | Retire() | LetGo() | Replace():
            _check_ending(situation, action)
        case Sleep():
            _check_sleep(situation, action)
        case _:
            pass


def _check_ending(situation: Situation, action: Delete | Retire | LetGo | Replace) -> None:
    assert not situation.doubt, "P4: unknown is not empty"
    assert not situation.conflict, "P3: a conflict stops what ends"
    use = situation.use(action.room_id)
    assert use.occupancy is not Occupancy.OCCUPIED, "P5: an occupied room is left alone"
    if isinstance(action, Delete):
        assert use.surely_empty, "P5: unknown is not empty, and heard of is not known"
    if isinstance(action, Retire):
        assert action.before is None or action.after < action.before, "retiring only shortens"
    current = situation.state.current
    if current is None or current.id != action.room_id:
        return
    assert not situation.state.protect, "protected"
    assert situation.held is None, "P10: held"
    if not isinstance(action, Replace):
        stone = situation.state.tombstone
        assert isinstance(situation.wish, Unwanted), "nobody said that it is to end"
        assert stone is not None, "no tombstone"
        assert stone.due <= situation.now, "its grace is not over"


def _check_sleep(situation: Situation, action: Sleep) -> None:
    assert not situation.doubt, "P4: unknown is not empty"
    assert not situation.conflict, "P3: a conflict stops what ends"
    assert not situation.state.protect, "protected"
    assert situation.held is None, "P10: held"
    assert situation.use(action.room_id).surely_empty, "P4: unknown use counts as use"
    known, used = situation.world.use_known_since, situation.use(action.room_id).last_used_at
    wish = situation.state.wish
    within = [
        desired.renewal.only_if_used_within
        for desired in (getattr(situation.wish, "desired", None), wish)
        if desired is not None
    ]
    lengths = [length for length in within if length is not None]
    assert lengths, "no policy asks for that"
    assert known is not None, "P4: unknown use counts as use"
    assert situation.now - known >= min(lengths), "P4: a new store knows of no use"
    assert used is None or situation.now - used >= min(lengths), "it was used"


def count_current(state: KeyState | None) -> int:
    """How many rooms of a key are current."""
    return 0 if state is None else sum(room.role is Role.CURRENT for room in state.rooms)


def _operation_of(seen: Observed) -> str:
    marker = seen.marker
    return marker.operation if isinstance(marker, Marker) else ""
