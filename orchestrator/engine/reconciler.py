"""The reconciler: one turn of one key — gather, decide, guard, act, record — until nothing is left.

Acts stand on a GET: before anything is done to a room it is read by id in the same turn, and before
anything is ended or replaced it is asked afresh who is inside.  A turn never raises for what the
API did; it records it, says when to come back, and leaves the other keys alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import structlog

from orchestrator.domain import outcomes, steering
from orchestrator.domain.actions import (
    Action,
    Adopt,
    Bury,
    Create,
    Delete,
    Forget,
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
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import Key, spread
from orchestrator.domain.occurrences import looks_inside
from orchestrator.domain.outcomes import Outcome, Teller
from orchestrator.domain.pausing import WINDOW
from orchestrator.domain.plan import plan, withhold
from orchestrator.domain.records import KeyState, OperationKind, OperationState
from orchestrator.domain.situation import Situation
from orchestrator.domain.steering import Word
from orchestrator.engine.agenda import Agenda
from orchestrator.engine.alerts import Alerts
from orchestrator.engine.book import Book
from orchestrator.engine.brakes import Brakes, is_counted
from orchestrator.engine.executor import Executor, Telling
from orchestrator.engine.freezes import Freezes
from orchestrator.engine.gathering import Gathering
from orchestrator.engine.hints import Hints
from orchestrator.engine.inbox import Inbox, Lane
from orchestrator.engine.lineage import Lineage
from orchestrator.engine.messages import Messages
from orchestrator.engine.observations import Observations
from orchestrator.engine.occurrences import Occurrences
from orchestrator.engine.pages import Pages
from orchestrator.engine.recorder import Recorder
from orchestrator.engine.resync import Resync
from orchestrator.engine.reviewing import Reviewing
from orchestrator.engine.wardrobe import Wardrobe
from orchestrator.engine.weather import PROBE_EVERY, Weather
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import (
    Fault,
    MissingError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.rooms import URGENT, Rooms
from orchestrator.ports.store import Commit, Store, StoreFault
from orchestrator.ports.tracing import UNTRACED, Tracer

_log = structlog.get_logger(__name__)
# A turn that takes more steps than this is going round in a circle: stop and say so.
_STEPS_MOST: Final = 24
_SOON: Final = timedelta(milliseconds=250)  # never a busy loop, whatever the clocks say
_LATER: Final = timedelta(seconds=15)
_FORGOTTEN: Final = timedelta(minutes=15)  # a held key looks whether it still is
_LATELY: Final = 30.0  # seconds within which one reading of who is inside serves many rooms


@dataclass(slots=True)
class _Turn:
    """What one turn knows of itself."""

    key: Key
    cause: str
    lane: Lane
    fresh: set[str] = field(default_factory=set)  # rooms read by id in this turn
    use_read: bool = False
    asked: bool = False  # who is inside, near the end of an occurrence's room
    judged: bool = False
    acted: int = 0


@dataclass(slots=True)
class Turns:
    """Turns since the start: how many, and their seconds."""

    count: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Parts:
    """What the reconciler works with."""

    store: Store
    rooms: Rooms
    observations: Observations
    gathering: Gathering
    executor: Executor
    resync: Resync
    brakes: Brakes
    inbox: Inbox
    agenda: Agenda
    hints: Hints
    weather: Weather
    clock: Clock
    occurrences: Occurrences
    lineage: Lineage
    alerts: Alerts
    messages: Messages
    pages: Pages
    wardrobe: Wardrobe
    recorder: Recorder
    freezes: Freezes
    reviewing: Reviewing


class Reconciler:
    """Gives one key its turn."""

    def __init__(self, parts: Parts, book: Book) -> None:
        """Work with these parts; ``book`` is swapped by reload."""
        self._parts = parts
        self.book = book
        self.acted = 0
        """Mutating calls made since the start, for progress."""
        self.last_holds: dict[Key, tuple[Hold, ...]] = {}
        """What the last turn of each key held, for status."""
        self.turns: dict[Lane, Turns] = {lane: Turns() for lane in Lane}
        """How many turns there were, and how long they took together."""
        self.tracer: Tracer = UNTRACED
        """Who follows turns; set by whoever has one."""

    async def turn(self, key: Key, cause: str, lane: Lane) -> None:
        """Reconcile one key until nothing is left to do now."""
        parts = self._parts
        turn = _Turn(key, cause, lane)
        # A task of its own serves one turn after another: what it is allowed is said at each.
        URGENT.set(lane is Lane.PAGE)
        counted, began = self.turns[lane], parts.clock.monotonic()
        with (
            parts.inbox.hurry.on(page=lane is Lane.PAGE),
            self.tracer.span("turn", key=key, cause=cause, lane=lane.name) as span,
        ):
            try:
                await self._turn(turn)
            finally:
                counted.count += 1
                counted.seconds += parts.clock.monotonic() - began
                span.note("acted", turn.acted)
        if lane is Lane.PAGE:
            await parts.pages.turned(key)

    async def _turn(self, turn: _Turn) -> None:
        parts, key = self._parts, turn.key
        async with parts.store.claim(key) as mine:
            if not mine:
                parts.agenda.set(key, parts.clock.now() + _LATER)
                return
            try:
                await self._steps(turn)
            except StoreFault as fault:
                # Nothing can be recorded, so nothing is done (P2); the supervisor tells people.
                _log.error("store.failed", key=key.encoded, error=str(fault))
                parts.agenda.set(key, parts.clock.now() + _LATER)
            except UnauthorizedError as fault:
                await self._tell(parts.weather.unauthorized(str(fault), parts.clock.now()))
                parts.agenda.set(key, parts.clock.now() + PROBE_EVERY)
            except Fault as fault:
                if isinstance(fault, UnavailableError):
                    await self._tell(parts.weather.failed(fault, parts.clock.now()))
                _log.warning("look.failed", key=key.encoded, error=str(fault))
                parts.agenda.set(key, parts.clock.now() + _LATER * (1 + spread(key.encoded)))
            if parts.weather.away:
                parts.resync.hurried.set()

    async def _tell(self, facts: tuple[Fact, ...]) -> None:
        if facts:
            await self._parts.store.commit(Commit(facts=facts), self._parts.clock.now())

    async def _steps(self, turn: _Turn) -> None:
        for _ in range(_STEPS_MOST):
            if turn.lane is not Lane.PAGE:
                await self._parts.inbox.hurry.calm()
            if await self._step(turn):
                return
        _log.error("turn.endless", key=turn.key.encoded, acted=turn.acted)
        self._parts.agenda.set(turn.key, self._parts.clock.now() + timedelta(minutes=5))

    async def _step(self, turn: _Turn) -> bool:
        """One step; true when the turn is over."""
        parts = self._parts
        if turn.lane is Lane.PERMIT and not turn.judged:
            # Nothing else waits: every standing removal and replacement is known now.
            turn.judged = True
            await self._judge()
        state, situation = await self._gather(turn)
        parts.recorder.note(state)
        if await self._asked_who_is_inside(turn, state):
            return False
        if situation is None:
            self._rest(turn, state, Plan(holds=(Hold("doubt", "what is wanted is not known"),)))
            return True
        wished = plan(situation)
        unjudged = self._parts.brakes.note(turn.key, state, wished)
        made = withhold(wished, self._parts.gathering.mode(turn.key.policy, self.book, state.wish))
        made = self._guard(turn, state, made, unjudged=unjudged)
        if not made.actions:
            await self._tell_withheld(turn, state, made)
            self._rest(turn, state, made)
            return True
        action = made.actions[0]
        hold = parts.weather.hold
        if hold is not None and _rooms_of(state, action) - turn.fresh:
            # Not even a look may leave; whoever probes wakes what is held.
            self._rest(turn, state, replace(made, actions=(), holds=(hold, *made.holds)))
            return True
        if await self._looked_afresh(turn, state, action):
            return False
        await self._do(turn, situation, action)
        if isinstance(action, Forget):
            self._parts.brakes.note(turn.key, None, Plan())
            self._rest(turn, None, Plan())
            return True
        return False

    async def _asked_who_is_inside(self, turn: _Turn, state: KeyState) -> bool:
        """Near the end of an occurrence's or page's room: true if who is inside was read now."""
        parts = self._parts
        if turn.asked or parts.weather.hold or not self._looks_inside(turn.key, state):
            return False
        turn.asked = True
        # Where it cannot be read what is known is some minutes old; the next look asks again.
        await parts.resync.read_use_lately(_LATELY)
        return True

    def _looks_inside(self, key: Key, state: KeyState) -> bool:
        over = state.is_of_page and state.current is not None and key not in self.book.paged
        return over or looks_inside(state, self._parts.rooms.api_now())

    async def _judge(self) -> None:
        """Ask the brakes; those that they let go get their turn."""
        brakes = self._parts.brakes
        before, told = brakes.verdict.held, brakes.told
        verdict, facts = brakes.judge(self._parts.rooms.api_now())
        for key in list(self.last_holds):
            if key.encoded in before - verdict.held:
                self._parts.inbox.wake(key, "the brake let go", Lane.PERMIT)
        try:
            await self._tell(facts)
        except StoreFault:
            brakes.told, brakes.unjudged = told, True  # it is told once that can be done
            raise

    async def _gather(self, turn: _Turn) -> tuple[KeyState, Situation | None]:
        parts = self._parts
        before = await parts.store.state(turn.key)
        state = parts.gathering.brought_up(before or KeyState(turn.key), self.book)
        facts = (
            *self._protection(turn, before or KeyState(turn.key), state),
            *parts.gathering.meetings(before or KeyState(turn.key), turn.cause),
        )
        if facts or (before is not None and before is not state and before != state):
            await parts.store.commit(Commit(states=(state,), facts=facts), parts.clock.now())
        await self._close_interrupted(turn, state)
        await self._read_doubted(turn, state)
        braked = parts.brakes.held(turn.key)
        situation = await parts.gathering.situation(turn.key, state, self.book, braked)
        if situation is not None and await self._look_up(situation):
            situation = await parts.gathering.situation(turn.key, state, self.book, braked)
        return state, situation

    def _protection(self, turn: _Turn, before: KeyState, after: KeyState) -> tuple[Fact, ...]:
        """A policy's own line protects a room, or lifts that: a fact like a person's word."""
        if before.protect is after.protect:
            return ()
        policy = self.book.policies.get(turn.key.policy)
        file = "" if policy is None else policy.file
        reason = f"{file} says protect: {str(after.protect).lower()}"
        word = Word(self._actor_of(turn.key, ""), turn.cause, reason)
        return (steering.protected(after, word, on=after.protect)[1],)

    async def _look_up(self, situation: Situation) -> bool:
        """List for an unanswered create: once at once to find it, once after settling to prove."""
        pending = situation.pending
        if pending is None or pending.found is not None or pending.looked:
            return False
        gathering = self._parts.gathering
        settled = pending.until is not None and pending.until <= situation.now
        if self._parts.weather.hold:
            return False
        if gathering.looked_once(pending.operation) and not settled:
            return False
        if settled:
            return await self._parts.resync.whole()
        await self._parts.resync.look(pending.operation.watermark)
        return True

    async def _close_interrupted(self, turn: _Turn, state: KeyState) -> None:
        """Changes that were under way when the daemon ended: the room itself tells the truth."""
        parts = self._parts
        for operation in await parts.store.open_operations(turn.key):
            if operation.kind is OperationKind.CREATE:
                continue
            fact = Fact(
                "operation.unanswered",
                key=state.key.encoded,
                room_id=operation.room_id or "",
                operation=operation.id,
                cause=turn.cause,
                reason="the daemon ended before the answer came; the room is read again",
                detail={"kind": str(operation.kind)},
            )
            closed = replace(operation, state=OperationState.FAILED)
            await parts.store.commit(Commit(operations=(closed,), facts=(fact,)), parts.clock.now())

    def _guard(self, turn: _Turn, state: KeyState, made: Plan, *, unjudged: bool) -> Plan:
        """Brakes and stops: what may go on now, and what is held."""
        parts = self._parts
        hold = parts.weather.hold
        if hold is not None and any(action.calls for action in made.actions):
            return _hold_all(made, hold.by, hold.reason)
        if parts.weather.canary and isinstance(_first(made), Create | Replace):
            return _hold_all(made, "canary", parts.weather.canary)
        if not any(is_counted(action, state) for action in made.actions):
            return made
        if turn.lane is not Lane.PERMIT or unjudged:
            # Also where the brake let go because something else stood before it, as a clock that
            # was wrong: all that wish it again come back together, and are judged as one set.
            parts.inbox.wake(turn.key, turn.cause, Lane.PERMIT)
            return replace(
                made, actions=tuple(act for act in made.actions if not is_counted(act, state))
            )
        held = parts.brakes.held(turn.key)
        if held is None:
            return made
        stopped = [act for act in made.actions if is_counted(act, state)]
        kept = tuple(act for act in made.actions if act not in stopped)
        holds = (replace(held, action=act) for act in stopped)
        return replace(made, actions=kept, holds=(*holds, *made.holds))

    async def _looked_afresh(self, turn: _Turn, state: KeyState, action: Action) -> bool:
        """Read the rooms of a key by id before acting on one; true if anything was read."""
        parts = self._parts
        wanted = _rooms_of(state, action) - turn.fresh
        await self._read(turn, wanted)
        ends = isinstance(action, Replace | Retire | Delete | LetGo | Sleep)
        if ends and not turn.use_read:
            await parts.resync.read_use()
            turn.use_read = True
            return True
        return bool(wanted)

    async def _read_doubted(self, turn: _Turn, state: KeyState) -> None:
        """Read what a callback told of afresh: it was a hint."""
        observations = self._parts.observations
        doubted = {room.id for room in state.rooms} & observations.doubted
        if doubted and not self._parts.weather.hold:
            # Before the call: what is told while it is under way wants another look.
            observations.doubted -= doubted
            try:
                await self._read(turn, doubted)
            except Fault:
                observations.doubted |= doubted
                raise

    async def _read(self, turn: _Turn, room_ids: set[str]) -> None:
        parts = self._parts
        for room_id in sorted(room_ids):
            began = parts.clock.monotonic()
            try:
                parts.observations.saw(await parts.rooms.get_room(room_id), began)
            except MissingError as fault:
                parts.observations.missed(room_id, str(fault), began)
            turn.fresh.add(room_id)

    async def _do(self, turn: _Turn, situation: Situation, action: Action) -> None:
        parts = self._parts
        state = situation.state
        actor = self._actor(turn.key, action)
        cause = parts.reviewing.cause(turn.key, action) or turn.cause
        if is_counted(action, state):
            notes = parts.brakes.done(state, action, parts.rooms.api_now())
            await parts.store.commit(Commit(notes=notes), parts.clock.now())
        match action:
            case Create() | Renew() | Update() | Replace() | Delete() | Retire():
                telling = Telling(actor, cause, situation.tried_by(action))
                await self._call(turn, state, action, telling)
            case _:
                teller = Teller(actor, cause, parts.rooms.api_now())
                outcome = outcomes.noted(state, action, teller)
                await self._record(turn, outcome)
                await parts.reviewing.did(turn.key, action)
                turn.fresh -= _rooms_of(state, action)

    async def _call(self, turn: _Turn, state: KeyState, action: Mutation, telling: Telling) -> None:
        after = await self._parts.executor.act(state, action, telling)
        if _succeeded(state, action, after):
            await self._parts.reviewing.did(turn.key, action)
        if after is not state:  # else it waited for the first room, and nothing left
            turn.acted += 1
            self.acted += 1
        # A call takes its time, in which people come: what was read before it is stale now.
        turn.fresh.clear()
        turn.use_read = False
        current = after.current
        if current is not None:
            turn.fresh.add(current.id)  # its answer is as good as a GET

    async def _record(self, turn: _Turn, outcome: Outcome) -> None:
        dropped = (turn.key,) if outcome.state is None else ()
        states = () if outcome.state is None else (outcome.state,)
        commit = Commit(
            states=states, dropped=dropped, operations=outcome.operations, facts=outcome.facts
        )
        await self._parts.store.commit(commit, self._parts.clock.now())

    def _actor(self, key: Key, action: Action) -> str:
        if isinstance(action, Renew) and action.asked_by:
            return action.asked_by
        if isinstance(action, Create | Update | Renew | Replace):
            return self._actor_of(key, action.desired.version)
        return self._actor_of(key, "")

    def _actor_of(self, key: Key, version: str) -> str:
        policy = self.book.policies.get(key.policy)
        if not version and policy is not None:
            version = policy.version
        return f"policy {key.policy}@{version[:8]}" if version else f"policy {key.policy}"

    async def _tell_withheld(self, turn: _Turn, state: KeyState, made: Plan) -> None:
        """What a mode or a question withholds is a fact, told once until it changes."""
        told = [hold for hold in made.holds if hold.action is not None and _worth_telling(hold)]
        digest = _digest(told)
        if digest == state.withheld:
            return
        facts = tuple(
            Fact(
                "act.withheld",
                actor=self._actor(turn.key, hold.action) if hold.action is not None else "",
                key=turn.key.encoded,
                cause=turn.cause,
                reason=hold.reason,
                detail={"action": type(hold.action).__name__.lower(), "by": hold.by},
            )
            for hold in told
        )
        after = replace(state, withheld=digest)
        await self._parts.store.commit(
            Commit(states=(after,), facts=facts), self._parts.clock.now()
        )

    def _rest(self, turn: _Turn, state: KeyState | None, made: Plan) -> None:
        """The turn is over: say when to come back."""
        parts = self._parts
        if parts.brakes.unjudged and turn.lane is not Lane.PERMIT:
            # So that a batch that is too large is told when it is decided, not days later, and
            # again after a restart; and so that a brake lets go when its cause is gone.
            parts.inbox.wake(turn.key, turn.cause, Lane.PERMIT)
        waits = {hold.by for hold in made.holds}
        if "unlisted" in waits or (parts.observations.use_unread and "unknown-use" in waits):
            parts.resync.wanted.set()
        if made.holds:
            self.last_holds[turn.key] = made.holds
        else:
            self.last_holds.pop(turn.key, None)
        if state is None:
            parts.agenda.set(turn.key, None)
            return
        until = parts.gathering.to_wall(made.until)
        if until is not None:
            until = max(until, parts.clock.now() + _SOON)
        if parts.weather.hold and made.holds:
            # Whoever probes wakes what is held; this is for the case that it is forgotten.
            again = _FORGOTTEN if parts.weather.away else PROBE_EVERY
            probe = parts.clock.now() + again * (1 + spread(turn.key.encoded))
            until = probe if until is None else min(until, probe)
        parts.agenda.set(turn.key, until)


def _succeeded(before: KeyState, action: Mutation, after: KeyState) -> bool:
    """Whether the API did what it was asked, as far as its answer tells."""
    if isinstance(action, Create | Replace):
        room = before.current
        return after.current is not None and (room is None or after.current.id != room.id)
    return after.attempts.count == 0


def _first(made: Plan) -> Action | None:
    return made.actions[0] if made.actions else None


def _hold_all(made: Plan, by: str, reason: str) -> Plan:
    calls = tuple(Hold(by, reason, None, action) for action in made.actions if action.calls)
    notes = tuple(action for action in made.actions if not action.calls)
    return replace(made, actions=notes, holds=(*calls, *made.holds))


def _rooms_of(state: KeyState, action: Action) -> set[str]:
    """The rooms that must be read by id before an action."""
    match action:
        case Adopt(room):
            return {room.id}
        case Create() | Forget():
            return set()
        case Bury(room_id):
            return {room_id}
        case _:
            room_id = getattr(action, "room_id", "")
            return {room_id} & {room.id for room in state.rooms}


def _worth_telling(hold: Hold) -> bool:
    """Waiting a little is no news; a mode, a question, a brake, a refusal is."""
    return hold.by not in {
        *("back-off", "settle", "grace", "first-listing", "not-seen", "theme"),
        "dormant",  # that was told when it was decided
        WINDOW,
    }


def _digest(holds: list[Hold]) -> str:
    if not holds:
        return ""
    text = "\n".join(f"{hold.by} {type(hold.action).__name__}" for hold in holds)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
