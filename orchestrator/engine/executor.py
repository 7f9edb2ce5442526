"""The executor: intent, call, result. No call leaves without a durable intent (promise P2).

A create is sent once; when its answer is lost, unreadable or without our marker its operation stays
open and the room is looked up before anything else is tried.  It refuses to make a second room on
an API whose first did not come back with its marker (the canary).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

import structlog

from orchestrator.domain import backoff, outcomes
from orchestrator.domain.actions import (
    Create,
    Delete,
    Mutation,
    Renew,
    Replace,
    Retire,
    Update,
)
from orchestrator.domain.facts import ApiCall, Fact, Json
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.occurrences import first_end
from orchestrator.domain.outcomes import Outcome, Teller
from orchestrator.domain.policies import Desired
from orchestrator.domain.records import KeyState, Operation, OperationKind, OperationState
from orchestrator.domain.renewal import asked_end
from orchestrator.domain.rooms import NewRoom, Observed, Patch, RoomType
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.weather import Weather
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    NotTakenError,
    RefusedError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.rooms import LAST_CALL, Rooms
from orchestrator.ports.store import Commit, Store

_log = structlog.get_logger(__name__)
VERIFIED: Final = "api.verified"  # the note that the canary came back
CAN_DELETE: Final = "api.can_delete"
# What is noted there: 404 to a DELETE with the room still there means that this API has no DELETE,
# once it was said twice without a room deleted in between. One such answer is anybody's slip.
_NO_DELETE_ONCE: Final = "no, once"
_NO_DELETE_SINCE: Final = "no, since "
_DELETES_AGAIN: Final = timedelta(days=7)  # after which a DELETE is tried once more
_HURRY: Final = timedelta(hours=2)  # before its end a room is not left alone for a quarter of one
_ONE_CLOCK: Final = timedelta(minutes=2)  # by which moments of one clock may differ
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # 32: a byte's five low bits choose

_KINDS: Final[dict[type[Mutation], OperationKind]] = {
    Create: OperationKind.CREATE,
    Replace: OperationKind.CREATE,
    Renew: OperationKind.RENEW,
    Update: OperationKind.UPDATE,
    Retire: OperationKind.RETIRE,
    Delete: OperationKind.DELETE,
}


@dataclass(frozen=True, slots=True)
class Telling:
    """Who acts and why, for the facts of one turn; `tried` is what a failure is counted for."""

    actor: str
    cause: str
    tried: str = ""


class Executor:
    """Carries out one action of one key at a time."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        observations: Observations,
        weather: Weather,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        """Act on ``rooms``, journal in ``store``, tell ``observations`` what was answered."""
        self._store = store
        self._rooms = rooms
        self._observations = observations
        self._weather = weather
        self._clock = clock
        self._settings = settings
        self.entropy: Callable[[int], bytes] = secrets.token_bytes
        """What operation ids are drawn from; seeded where runs are to be repeated."""
        self._first_room = asyncio.Lock()
        self.lost_at: dict[str, float] = {}
        """When the connection of an unanswered create ended, by operation (monotonic seconds)."""
        self.in_flight: set[str] = set()
        """Operations whose call is under way in this process: nothing is known of them yet."""
        self.shows: Callable[[str, int | None], Awaitable[bool]] | None = None
        """Lists from a watermark on and says whether the room of an operation is shown with its
        marker; set by whoever owns the listing."""
        self.waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered for the time of a call: others may work meanwhile, whoever calls."""
        self._canary: Operation | None = None

    async def act(self, state: KeyState, action: Mutation, telling: Telling) -> KeyState:
        """Carry out an action and record it; returns the state as it is remembered now.

        Faults of the API are recorded, not raised. Raises `StoreFault` when nothing can be
        recorded; then nothing was sent, or what was sent is found again by its open operation.
        """
        # SQLite goes on committing into a file that was unlinked: look before each intent (P2).
        await self._store.check()
        if isinstance(action, Create | Replace):
            verified = await self._store.note(VERIFIED)
            if verified != self._settings.url:
                waits = self._first_room.locked()
                async with self._first_room:
                    if waits:
                        return state  # what is to be done may be another thing by now
                    if await self._store.note(VERIFIED) != self._settings.url:
                        return await self._act_first(state, action, telling)
        return await self._act(state, action, telling)

    async def _act_first(
        self, state: KeyState, action: Create | Replace, telling: Telling
    ) -> KeyState:
        """The canary: its marker must come back in answer and listing before the next is made."""
        if self._weather.canary:
            return state
        after = await self._act(state, action, telling)
        if after.current is not None and not self._weather.canary:
            self._canary = await self._store.operation(after.current.operation)
            await self.verify()
        return after

    async def verify(self) -> None:
        """Look in a listing for the marker of the room on which all others wait.

        Raises `StoreFault`; a listing that fails only means that they go on waiting.
        """
        canary = self._canary
        if canary is None or self.shows is None:
            return
        try:
            shown = await self.shows(canary.id, canary.watermark)
        except Fault as fault:
            _log.warning("canary.unlisted", error=str(fault))
            shown = False
        if not shown:
            self._stop_creating(canary, "a listing")
            return
        self._canary, self._weather.canary = None, ""
        room_id = canary.room_id or ""
        fact = Fact("api.verified", room_id=room_id, detail={"url": self._settings.url})
        await self._commit(Commit(facts=(fact,), notes={VERIFIED: self._settings.url}))

    def _stop_creating(self, operation: Operation, where: str) -> None:
        """Rooms that we could not find again would be made for ever, and belong to nobody."""
        self._canary = operation
        self._weather.canary = (
            f"the room of {operation.key} did not come back with its marker in {where} of "
            f"{self._settings.url}; no further room is made until it does"
        )

    async def _act(self, state: KeyState, action: Mutation, telling: Telling) -> KeyState:
        operation, state = await self._journal(state, action, telling)
        LAST_CALL.set(None)
        self.in_flight.add(operation.id)
        left, asked = self._clock.monotonic(), self._rooms.api_now()
        try:
            with self.waiting():
                seen = await self._call(state, action, operation)
        except Fault as fault:
            return await self._record(self._failed(state, action, operation, telling, fault))
        finally:
            self.in_flight.discard(operation.id)
        # What was read while the call was under way may tell of the room as it was before it; only
        # what is asked from now on is younger than this answer.
        answered = self._clock.monotonic()
        if seen is not None:
            self._observations.saw(seen, answered)
        else:
            self._observations.missed(operation.room_id or "", "it was deleted", answered)
        facts = self._weather.answered(self._clock.now())
        teller = self._teller(telling, operation)
        teller = replace(teller, now=self._nearer(teller.now, asked, answered - left))
        outcome = outcomes.answered(state, action, operation, seen, teller)
        return await self._record(replace(outcome, facts=(*facts, *outcome.facts)))

    def _nearer(self, now: datetime, asked: datetime, seconds: float) -> datetime:
        """The moment of an answer (API time) to a call that was asked so many ``seconds`` before.

        Where it was dated by another clock than those before it, what is nearer to our own counts:
        overlaps, floors and pauses are reckoned from it.
        """
        by_before = asked + timedelta(seconds=seconds)
        if abs(now - by_before) <= _ONE_CLOCK:
            return now
        wall = self._clock.now()
        return min(now, by_before, key=lambda moment: abs(moment - wall))

    async def _journal(
        self, state: KeyState, action: Mutation, telling: Telling
    ) -> tuple[Operation, KeyState]:
        """Make the intent durable, before the call leaves."""
        kind = _KINDS[type(action)]
        if isinstance(action, Create) and action.again is not None:
            operation = replace(action.again, attempt=action.again.attempt + 1)
        else:
            operation = Operation(
                id=self._new_id(),
                key=state.key,
                kind=kind,
                generation=state.generation,
                room_id=None,
                reason=action.reason,
                cause=telling.cause,
                started_at=self._rooms.api_now(),
            )
            if isinstance(action, Create | Replace):
                watermark = self._observations.watermark
                operation = replace(operation, generation=action.generation, watermark=watermark)
            else:
                operation = replace(operation, room_id=action.room_id)
        state = replace(state, generation=max(state.generation, operation.generation))
        fact = Fact(
            "operation.started",
            actor=telling.actor,
            key=state.key.encoded,
            room_id=operation.room_id or "",
            operation=operation.id,
            cause=telling.cause,
            reason=action.reason,
            detail={
                "kind": str(kind),
                "watermark": operation.watermark,
                "attempt": operation.attempt,
                "generation": operation.generation,
            },
        )
        await self._commit(Commit(states=(state,), operations=(operation,), facts=(fact,)))
        return operation, state

    def _new_id(self) -> str:
        unique = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in self.entropy(16))
        return f"{self._store.incarnation}-{unique}"

    async def _call(
        self, state: KeyState, action: Mutation, operation: Operation
    ) -> Observed | None:
        match action:
            case Create() | Replace():
                room = self._new_room(state, action.desired, operation)
                seen = await self._rooms.create_room(room)
                marker = seen.marked_by(self._settings.owner)
                if marker is None or marker.operation != operation.id:
                    self._stop_creating(operation, "the answer")
                    message = "the answer to the create does not carry our marker"
                    raise UnansweredError(message)
                return seen
            case Renew() | Retire():
                patch = Patch(expires_at=action.after)
                seen = await self._rooms.update_room(action.room_id, patch)
                if seen.expires_at == action.before:
                    # To record this as done would be a lie: one room would run out, another would
                    # live on for months after its end was told.
                    message = "the API took the new end and left the old one"
                    raise NotTakenError(message, 200)
                return seen
            case Update():
                return await self._rooms.update_room(action.room_id, action.patch)
            case Delete():
                await self._delete(action)
                return None
            case _:
                assert_never(action)

    def _new_room(self, state: KeyState, desired: Desired, operation: Operation) -> NewRoom:
        marker = new_marker(self._settings.owner, state.key, operation.generation, operation.id)
        return NewRoom(
            display_name=desired.display_name,
            type=desired.type,
            metadata=write_metadata(desired.text, marker),
            settings=desired.settings,
            expires_at=_first_end(desired, self._rooms.api_now()),
        )

    async def _delete(self, action: Delete) -> None:
        """DELETE, and look what it did: the final API has none, and 404 proves nothing."""
        try:
            await self._rooms.delete_room(action.room_id)
        except (MissingError, RefusedError) as fault:
            try:
                await self._rooms.get_room(action.room_id)
            except MissingError as gone:
                # Two answers of one moment, perhaps of another API behind the same address: it is
                # looked for again like every room that is missing, and not taken for done.
                raise MissingError(f"{fault.message}; {gone.message}", gone.status) from fault
            told = await self._store.note(CAN_DELETE)
            since = _NO_DELETE_SINCE + format_instant(self._clock.now())
            await self._commit(Commit(notes={CAN_DELETE: since if told else _NO_DELETE_ONCE}))
            raise RefusedError(f"this API does not delete rooms ({fault})", fault.status) from fault
        if await self._store.note(CAN_DELETE):
            await self._commit(Commit(notes={CAN_DELETE: ""}))

    def _teller(self, telling: Telling, operation: Operation) -> Teller:
        call = LAST_CALL.get()
        api = None if call is None else replace(call, attempt=operation.attempt)
        return Teller(telling.actor, telling.cause, self._rooms.api_now(), api)

    # --- what went wrong --------------------------------------------------------------------------

    def _failed(
        self,
        state: KeyState,
        action: Mutation,
        operation: Operation,
        telling: Telling,
        fault: Fault,
    ) -> Outcome:
        """Remember a failure, and when to come back."""
        teller = self._teller(telling, operation)
        _log.warning(
            "call.failed",
            key=state.key.encoded,
            operation=operation.id,
            kind=str(operation.kind),
            error=str(fault),
        )
        state, facts = self._count_failure(state, action, telling.tried, fault)
        closed = replace(operation, state=OperationState.FAILED, answered=fault.status)
        if isinstance(fault, UnansweredError):
            event = "operation.unanswered"
            detail: dict[str, Json] = {"kind": str(operation.kind)}
            if operation.kind is OperationKind.CREATE:
                # Only looking can tell: it stays open, under the same id and generation.
                self.lost_at[operation.id] = self._clock.monotonic()
                closed = replace(operation, answered=fault.status)
        else:
            event = f"room.{operation.kind}.failed"
            name = state.current.display_name if state.current is not None else ""
            next_at = state.attempts.next_at
            detail = {
                "display_name": _name_of(action) or name,
                "next_at": format_instant(next_at) if next_at is not None else None,
            }
        told = Fact(
            event,
            actor=telling.actor,
            key=state.key.encoded,
            room_id=operation.room_id or "",
            operation=operation.id,
            cause=telling.cause,
            reason=str(fault),
            api=teller.api or ApiCall(action.calls, fault.status, 0.0, operation.attempt),
            detail=detail,
        )
        return Outcome(state, (*facts, told), (closed,))

    def _count_failure(
        self, state: KeyState, action: Mutation, tried: str, fault: Fault
    ) -> tuple[KeyState, tuple[Fact, ...]]:
        now, wall = self._rooms.api_now(), self._clock.now()
        facts: tuple[Fact, ...] = ()
        retry_after = None
        match fault:
            case UnavailableError():
                schedule, retry_after = _weather(action, now), fault.retry_after
                if fault.status != 429:
                    facts = self._weather.failed(fault, wall)
            case UnansweredError():
                schedule = _weather(action, now)
                facts = self._weather.failed(fault, wall)
            case UnauthorizedError():
                # The connection's fault, no key's: nothing is counted against the key.
                return state, self._weather.unauthorized(str(fault), wall)
            case MissingError():
                # The room is looked for before anything else is done about it.
                self._observations.missed(_room_of(action), str(fault), self._clock.monotonic())
                return state, ()
            case RefusedError() if isinstance(action, Delete):
                return state, ()  # remembered for the whole API; it is retired instead
            case ForbiddenError() | NotTakenError():
                schedule = backoff.Schedule.FORBIDDEN
            case _:
                schedule = backoff.Schedule.REFUSED
        failure = backoff.Failure(str(fault), tried, retry_after)
        attempts = backoff.failed(state.attempts, schedule, now, state.key.encoded, failure)
        return replace(state, attempts=attempts), facts

    async def _record(self, outcome: Outcome) -> KeyState:
        if outcome.state is None:
            message = "a call never makes us forget its key"
            raise ValueError(message)
        commit = Commit(states=(outcome.state,), operations=outcome.operations, facts=outcome.facts)
        # The call was made: its result is recorded even if this turn is being cancelled.
        await asyncio.shield(self._commit(commit))
        return outcome.state

    async def _commit(self, commit: Commit) -> None:
        await self._store.commit(commit, self._clock.now())


def denies_delete(note: str | None, now: datetime) -> bool:
    """Whether an API took no DELETE lately, by what is noted of that and the wall clock.

    The final v1 API has none, and one that lies may say the same twice: it is tried once a week.
    """
    since = (note or "").removeprefix(_NO_DELETE_SINCE)
    if since == (note or ""):
        return False
    return timedelta() <= now - parse_instant(since) < _DELETES_AGAIN


def _first_end(desired: Desired, now: datetime) -> datetime | None:
    """The end that a room is born with; an instant one has none that we could ask for."""
    if desired.type is RoomType.INSTANT:
        return None
    if desired.occurrence is not None:
        return first_end(desired.occurrence, now)
    return None if desired.lifetime is None else asked_end(now, desired.lifetime)


def _weather(action: Mutation, now: datetime) -> backoff.Schedule:
    """How patiently weather is waited for: no page, meeting or link near its end waits long."""
    if isinstance(action, Create) and action.desired.page is not None:
        return backoff.Schedule.PAGE
    if isinstance(action, Create | Renew) and action.desired.occurrence is not None:
        return backoff.Schedule.MEETING
    if isinstance(action, Renew) and action.before is not None and action.before - now < _HURRY:
        return backoff.Schedule.MEETING
    return backoff.Schedule.WEATHER


def _name_of(action: Mutation) -> str:
    return action.desired.display_name if isinstance(action, Create | Replace) else ""


def _room_of(action: Mutation) -> str:
    return "" if isinstance(action, Create) else action.room_id
