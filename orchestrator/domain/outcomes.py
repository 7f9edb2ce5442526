"""Outcomes: what we remember after an action, and the facts that tell of it.

Each function takes the state before and returns the state after, its facts and the operation as it
ended; all of it is committed together.  Nothing here calls anything; what the API answered is an
argument, and what it did not take is recorded as *not taken*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from orchestrator.domain import backoff
from orchestrator.domain.actions import (
    Abandon,
    Action,
    Adopt,
    Bury,
    Close,
    Create,
    Delete,
    Find,
    Forget,
    LetGo,
    Miss,
    Mutation,
    Note,
    Renew,
    Replace,
    Restore,
    Resume,
    Retire,
    Sleep,
    Update,
    Wake,
)
from orchestrator.domain.dormancy import slept, woken
from orchestrator.domain.facts import ApiCall, Fact, Json
from orchestrator.domain.marker import Marker
from orchestrator.domain.policies import Desired, undressed
from orchestrator.domain.policies import Replace as PolicyReplace
from orchestrator.domain.records import (
    Attempts,
    KeyState,
    Operation,
    OperationState,
    Role,
    RoomRecord,
    Tombstone,
    last_deleted,
)
from orchestrator.domain.renewal import asked_lately
from orchestrator.domain.rooms import EARLIEST_END, LONGEST_ASK, Observed, Setting, is_patchable
from orchestrator.domain.shaping import differences
from orchestrator.domain.steering import Word, longer, resumed
from orchestrator.foundation.instants import format_instant

# The API may date a birth by another clock than ours, by which its end was asked for.
_CLOCKS_APART: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells: what every fact of one turn has in common.

    Attributes:
        actor: a policy and its version, or a person's command.
        cause: what woke us, with its id.
        now: API time, UTC.
        api: the call that was made, if one was.
    """

    actor: str
    cause: str
    now: datetime
    api: ApiCall | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A state after an action, None where nothing is remembered any more, and its facts."""

    state: KeyState | None
    facts: tuple[Fact, ...]
    operations: tuple[Operation, ...] = ()


def keep_wish(state: KeyState, desired: Desired) -> KeyState:
    """Remember the last good spec; removal and protection are stored with the room."""
    protect = state.protect if desired.protect is None else desired.protect
    return replace(state, wish=undressed(desired), removal=desired.removal, protect=protect)


def record_room(
    seen: Observed, role: Role, generation: int, now: datetime, desired: Desired | None
) -> RoomRecord:
    """What to remember of a room that the API just described."""
    marker = seen.marker
    room = RoomRecord(
        id=seen.id,
        generation=generation,
        operation=marker.operation if isinstance(marker, Marker) else "",
        role=role,
        display_name=seen.display_name,
        type=seen.type,
        guest_url=seen.guest_url,
        meeting_code=seen.meeting_code,
        created_at=seen.created_at,
        expires_at=seen.expires_at,
        granted_at=now,
        granted_until=seen.expires_at,
        watched_from=now,
        lifetime=None,
        text=seen.text,
    )
    if desired is None:
        return room
    return replace(room, lifetime=desired.lifetime)


def answered(
    state: KeyState,
    action: Mutation,
    operation: Operation,
    seen: Observed | None,
    teller: Teller,
) -> Outcome:
    """What follows from a call that the API carried out.

    Args:
        state: before.
        action: what was asked.
        operation: the journalled attempt; it is done.
        seen: the room as the answer described it; None for a DELETE.
        teller: for the facts.
    """
    done = replace(
        operation,
        state=OperationState.DONE,
        answered=teller.api.status if teller.api is not None else 0,
        room_id=seen.id if seen is not None else operation.room_id,
    )
    state = replace(state, attempts=Attempts())
    if isinstance(action, Delete):
        state, facts = _deleted(state, action, operation, teller)
    elif seen is None:
        message = "only a DELETE has no room in its answer"
        raise ValueError(message)
    else:
        state, facts = _changed(state, action, seen, teller)
    facts = tuple(replace(fact, operation=operation.id) for fact in facts)
    return Outcome(state, facts, (done,))


def _changed(
    state: KeyState,
    action: Create | Replace | Renew | Update | Retire,
    seen: Observed,
    teller: Teller,
) -> tuple[KeyState, tuple[Fact, ...]]:
    match action:
        case Create() | Replace():
            return _created(state, action, seen, teller)
        case Renew():
            return _renewed(state, action, seen, teller)
        case Update():
            return _updated(state, action, seen, teller)
        case Retire():
            return _retired(state, action, seen, teller)
        case _:
            assert_never(action)


def _created(
    state: KeyState, action: Create | Replace, seen: Observed, teller: Teller
) -> tuple[KeyState, tuple[Fact, ...]]:
    room = _born(seen, action.generation, action.desired, teller.now)
    state = _count_create(state, action.desired, action.generation, teller.now)
    after, superseded = _with_current(state, room, teller)
    detail = {**_room_detail(room), "generation": room.generation, **_asked(room)}
    if isinstance(action, Create):
        first = _fact("room.created", state, room, teller, action.reason, detail)
    else:
        detail["replaces"] = action.room_id
        first = replace(
            _fact("room.replaced", state, room, teller, action.reason, detail),
            before={path: _plain(change.before) for path, change in action.changes.items()},
            after={path: _plain(change.after) for path, change in action.changes.items()},
        )
    return after, (first, *superseded)


def _born(seen: Observed, generation: int, desired: Desired, now: datetime) -> RoomRecord:
    room = record_room(seen, Role.CURRENT, generation, now, desired)
    room = replace(room, applied=_asked_at_birth(desired), version=desired.version)
    # What the POST did not take is not asked for again and again.
    untaken: dict[str, Setting] = {
        path: change.after
        for path, change in differences(room, seen, desired).items()
        if not isinstance(change.after, datetime)
    }
    return replace(room, not_taken=untaken)


def _count_create(state: KeyState, desired: Desired, generation: int, now: datetime) -> KeyState:
    page = desired.page
    return replace(
        keep_wish(state, desired),
        generation=max(state.generation, generation),
        creates=_next_create(state, desired, now) if page is None else Attempts(),
        asks_met=state.asks_met if page is None else page.asks,
        lost=False,
        tombstone=None,
        withheld="",
        asked=None,
        dormant=None,
    )


def _next_create(state: KeyState, desired: Desired, now: datetime) -> Attempts:
    """Let a create that follows for the same wish wait (1, 2, 4 … 60 min)."""
    digest = desired.digest
    count = state.creates.count + 1 if state.creates.input == digest else 1
    return Attempts(count, now + backoff.wait(backoff.Schedule.CREATES, count), "", digest)


def _asked_at_birth(desired: Desired) -> dict[str, Setting]:
    return {
        **desired.settings,
        "display_name": desired.display_name,
        "type": str(desired.type),
    }


def _asked_again(room: RoomRecord, desired: Desired) -> dict[str, Setting]:
    """What was asked of a room once this wish was sent by PATCH.

    What only a birth can send stays as it was.  An adopted room counts as born of the first wish
    that it is kept by: a person chose it as it is, so its link is not changed for that.
    """
    asked = _asked_at_birth(desired)
    born = {path: value for path, value in room.applied.items() if not is_patchable(path)}
    if room.adopted and not born:
        return asked
    return {**{path: value for path, value in asked.items() if is_patchable(path)}, **born}


def _with_current(
    state: KeyState, room: RoomRecord, teller: Teller
) -> tuple[KeyState, tuple[Fact, ...]]:
    """Make a room the only current one (P1); any other stays joinable for its overlap."""
    policy = state.wish.replace if state.wish is not None else PolicyReplace()
    due = teller.now + policy.overlap
    facts: list[Fact] = []
    rooms: list[RoomRecord] = [room]
    for old in state.rooms:
        if old.id != room.id and old.role is Role.CURRENT:
            rooms.append(replace(old, role=Role.SUPERSEDED, end_due=due))
            detail: dict[str, Json] = {
                "display_name": old.display_name,
                "end_due": format_instant(due),
                "by": room.id,
            }
            facts.append(
                _fact("room.superseded", state, old, teller, "another took its place", detail)
            )
        elif old.id != room.id:
            rooms.append(old)
    return replace(state, rooms=tuple(rooms)), tuple(facts)


def _renewed(
    state: KeyState, action: Renew, seen: Observed, teller: Teller
) -> tuple[KeyState, tuple[Fact, ...]]:
    room = _room(state, action.room_id)
    after = replace(
        _seen_again(room, seen),
        granted_at=teller.now,
        lifetime=action.desired.lifetime,
        granted_until=seen.expires_at,
        renewed_at=teller.now,
        renewed_from=action.before,
        asked_at=_asked_at(room, action, teller.now),
        retired_at=None,
    )
    state = replace(state, asked=None)
    detail = {"display_name": room.display_name, "expires_at": _moment(seen.expires_at)}
    fact = _fact("room.renewed", state, after, teller, action.reason, detail)
    fact = replace(
        fact,
        before={"expires_at": _moment(action.before)},
        after={"expires_at": _moment(seen.expires_at)},
    )
    return _with_room(state, after), (fact,)


def _asked_at(room: RoomRecord, action: Renew, now: datetime) -> tuple[datetime, ...]:
    """The renewals of the last day that were asked for; an occurrence moves on by its own rule."""
    counts = not action.own and action.desired.occurrence is None
    return (*asked_lately(room, now), *((now,) if counts else ()))


def _updated(
    state: KeyState, action: Update, seen: Observed, teller: Teller
) -> tuple[KeyState, tuple[Fact, ...]]:
    room = _room(state, action.room_id)
    untaken: dict[str, Setting] = {
        path: change.after
        for path, change in action.changes.items()
        if not isinstance(change.after, datetime) and seen.settings.get(path) != change.after
    }
    kept = {path: value for path, value in room.not_taken.items() if path not in action.changes}
    again = any(
        path in room.applied and room.applied[path] == change.after
        for path, change in action.changes.items()
    )
    after = replace(
        _seen_again(room, seen),
        applied=_asked_again(room, action.desired),
        not_taken={**kept, **untaken},
        version=action.desired.version,
        updated_at=teller.now,
        insisted=room.insisted + 1 if again else 0,
    )
    detail: dict[str, Json] = {
        "display_name": room.display_name,
        **_asked(replace(after, not_taken=untaken)),
    }
    fact = replace(
        _fact("room.updated", state, after, teller, action.reason, detail),
        before={path: _plain(change.before) for path, change in action.changes.items()},
        after={path: _plain(seen.settings.get(path)) for path in action.changes},
    )
    return _with_room(state, after), (fact,)


def _retired(
    state: KeyState, action: Retire, seen: Observed, teller: Teller
) -> tuple[KeyState, tuple[Fact, ...]]:
    room = _room(state, action.room_id)
    after = replace(_seen_again(room, seen), retired_at=teller.now)
    detail = {"display_name": room.display_name, "expires_at": _moment(seen.expires_at)}
    fact = replace(
        _fact("room.retired", state, after, teller, action.reason, detail),
        before={"expires_at": _moment(action.before)},
        after={"expires_at": _moment(seen.expires_at)},
    )
    if room.role is Role.CURRENT:
        state, after = _removed(state), replace(after, role=Role.ENDING)
    return _with_room(state, after), (fact,)


def _removed(state: KeyState) -> KeyState:
    """The removal is carried out: the last good spec is in force no more, even in doubt (P4)."""
    return replace(state, tombstone=None, wish=None, dormant=None)


def _deleted(
    state: KeyState, action: Delete, operation: Operation, teller: Teller
) -> tuple[KeyState, tuple[Fact, ...]]:
    room = _room(state, operation.room_id or action.room_id)
    detail: dict[str, Json] = {
        "display_name": room.display_name,
        "meeting_code": room.meeting_code,
    }
    fact = _fact("room.deleted", state, room, teller, action.reason, detail)
    if room.role is Role.CURRENT:
        state = _removed(state)
    deleted = last_deleted(*state.deleted, room.id)
    return replace(_without_room(state, room.id), deleted=deleted), (fact,)


def noted(state: KeyState, action: Action, teller: Teller) -> Outcome:
    """What follows from an action that asks for no call."""
    match action:
        case Adopt():
            return adopted(state, action, teller)
        case Abandon(operation, reason):
            fact = Fact(
                "operation.recovered",
                actor=teller.actor,
                key=state.key.encoded,
                operation=operation.id,
                cause=teller.cause,
                reason=reason,
                detail={"kind": str(operation.kind), "found": False, "attempt": operation.attempt},
            )
            failed = replace(operation, state=OperationState.FAILED)
            return Outcome(state, (fact,), (failed,))
        case Forget():
            return Outcome(None, ())
        case Sleep():
            word = Word(teller.actor, teller.cause, action.reason)
            after, fact = slept(state, _room(state, action.room_id), action, teller.now, word)
            return Outcome(after, (fact,))
        case Wake(reason):
            after, fact = woken(state, Word(teller.actor, teller.cause, reason))
            return Outcome(after, (fact,))
        case Resume(reason):
            after, fact = resumed(state, Word(teller.actor, teller.cause, reason))
            return Outcome(after, (fact,))
        case Note():
            return _took_note(state, action, teller)
        case Bury() | LetGo() | Restore() | Miss() | Find() | Close():
            return _marked(state, action, teller)
        case Create() | Renew() | Update() | Replace() | Delete() | Retire():
            message = f"{type(action).__name__} asks for a call"
            raise ValueError(message)
        case _:
            assert_never(action)


def _marked(
    state: KeyState, action: Bury | LetGo | Restore | Miss | Find | Close, teller: Teller
) -> Outcome:
    room = _room(state, action.room_id)
    name: dict[str, Json] = {"display_name": room.display_name}
    match action:
        case Bury():
            tombstone = Tombstone(teller.now, action.due, action.mode, action.reason)
            detail = {**name, "due": format_instant(action.due), "mode": str(action.mode)}
            fact = _fact("room.tombstoned", state, room, teller, action.reason, detail)
            return Outcome(replace(state, tombstone=tombstone), (fact,))
        case LetGo():
            after = replace(room, role=Role.ENDING)
            detail = {**name, "expires_at": _moment(room.expires_at)}
            fact = _fact("room.ending", state, room, teller, action.reason, detail)
            return Outcome(_with_room(_removed(state), after), (fact,))
        case Restore():
            after = replace(room, role=Role.CURRENT, retired_at=None)
            fact = _fact("room.restored", state, room, teller, action.reason, name)
            state, superseded = _with_current(state, after, teller)
            return Outcome(replace(state, tombstone=None), (fact, *superseded))
        case Miss():
            return Outcome(_with_room(state, replace(room, missing_since=teller.now)), ())
        case Find():
            return Outcome(_with_room(state, replace(room, missing_since=None)), ())
        case Close():
            return _closed(state, room, action, teller)
        case _:
            assert_never(action)


def _closed(state: KeyState, room: RoomRecord, action: Close, teller: Teller) -> Outcome:
    """A room is over. Only one that lived out its life frees the next create from its wait."""
    after = _without_room(state, room.id)
    if room.role is Role.CURRENT:
        lived = room.expires_at is not None and room.expires_at - room.granted_at > EARLIEST_END
        creates = Attempts() if lived and not action.lost else state.creates
        # What nobody uses is not missed: none is made in its place, so no brake counts it.
        lost = state.dormant is None
        after = replace(after, lost=lost, creates=creates, tombstone=None)
        if state.is_of_page:
            unjoined = 0 if room.last_used_at is not None else state.unjoined + 1
            after = replace(after, lost=action.lost, unjoined=unjoined, ended_at=teller.now)
    event = "room.lost" if action.lost else "room.expired"
    moment = room.missing_since if action.lost else room.expires_at
    field = "missing_since" if action.lost else "expires_at"
    detail = {"display_name": room.display_name, field: _moment(moment)}
    return Outcome(after, (_fact(event, state, room, teller, action.reason, detail),))


def _took_note(state: KeyState, action: Note, teller: Teller) -> Outcome:
    room = _room(state, action.room.id)
    after = _seen_again(room, action.room)
    if action.desired is not None:
        desired = action.desired
        after = replace(
            after,
            version=desired.version,
            lifetime=desired.lifetime,
            applied=_asked_again(room, desired),
        )
    facts: tuple[Fact, ...] = ()
    if action.room.guest_url != room.guest_url:
        facts = (
            replace(
                _fact(
                    "room.link.changed",
                    state,
                    after,
                    teller,
                    action.reason,
                    {"display_name": room.display_name},
                ),
                before={"guest_url": room.guest_url},
                after={"guest_url": action.room.guest_url},
            ),
        )
    return Outcome(_with_room(state, after), facts)


def adopted(state: KeyState, action: Adopt, teller: Teller) -> Outcome:
    """Take a room into the store: recovered, found by its marker, or chosen by a person."""
    seen, marker = action.room, action.room.marker
    ours = isinstance(marker, Marker)
    generation = marker.generation if isinstance(marker, Marker) else state.generation + 1
    room = record_room(seen, action.role, generation, teller.now, state.wish)
    room = replace(
        room,
        adopted=not ours,
        # The API granted this end when the room was made, as far as anybody can know now.
        granted_at=min(seen.created_at or teller.now, teller.now),
    )
    # Of a recovered room too nobody knows by which version of the wish it was asked for: what
    # differs is looked at afresh, not taken for something that the API refused.
    facts: list[Fact] = []
    operations: list[Operation] = []
    if action.recovers is not None:
        operation = action.recovers
        operations.append(replace(operation, state=OperationState.DONE, room_id=seen.id))
        facts.append(
            Fact(
                "operation.recovered",
                actor=teller.actor,
                key=state.key.encoded,
                room_id=seen.id,
                operation=operation.id,
                cause=teller.cause,
                reason=action.reason,
                detail={"kind": str(operation.kind), "found": True, "attempt": operation.attempt},
            )
        )
    state = replace(state, generation=max(state.generation, generation))
    if action.recovers is not None and state.wish is not None:
        room = replace(room, lifetime=_born_for(seen, state.wish))
        state = replace(state, creates=_next_create(state, state.wish, teller.now))
    if action.role is Role.DUPLICATE:
        detail: dict[str, Json] = {"display_name": seen.display_name, "generation": generation}
        facts.append(_fact("room.duplicated", state, room, teller, action.reason, detail))
        return Outcome(_with_room(state, room), tuple(facts), tuple(operations))
    detail = {**_room_detail(room), "generation": generation}
    if action.recovers is None:
        event, detail["marked"] = "room.adopted", ours
    elif action.supersedes:
        event, detail["replaces"] = "room.replaced", action.supersedes
    else:
        event = "room.created"
    facts.append(_fact(event, state, room, teller, action.reason, detail))
    if action.recovers is not None:
        # As after its answer: a wait that the room before it earned is not this one's.
        state = replace(state, attempts=Attempts())
    state, superseded = _with_current(replace(state, lost=False), room, teller)
    return Outcome(state, (*facts, *superseded), tuple(operations))


def _born_for(seen: Observed, wish: Desired) -> timedelta | None:
    """The lifetime by which a recovered room was asked for, as its own dates tell.

    The wish may have changed between the call and the look: what it asks for now was not granted.
    """
    if seen.created_at is None or seen.expires_at is None or wish.lifetime is None:
        return wish.lifetime
    granted = seen.expires_at - seen.created_at
    as_wished = abs(granted - min(wish.lifetime, LONGEST_ASK)) <= _CLOCKS_APART
    return wish.lifetime if as_wished else granted


def forgotten(state: KeyState, room: RoomRecord, teller: Teller, reason: str) -> Outcome:
    """A person lets go of a room: it is not ours any more, whatever its marker says."""
    detail: dict[str, Json] = {"display_name": room.display_name, "guest_url": room.guest_url}
    fact = _fact("room.forgotten", state, room, teller, reason, detail)
    after = replace(_without_room(state, room.id), tombstone=None)
    return Outcome(after if after.rooms or after.wish else None, (fact,))


def rekeyed(old: KeyState, new: KeyState, teller: Teller, reason: str) -> Outcome:
    """The old key's rooms serve the new key from now on: same room, same link, no call.

    Raises:
        ValueError: both keys have a current room; only a person can say which link goes on (P1).
    """
    if old.current is not None and new.current is not None:
        message = f"{new.key} has a room of its own, so it cannot take that of {old.key}"
        raise ValueError(message)
    after = replace(
        new,
        generation=max(old.generation, new.generation),
        rooms=(*old.rooms, *new.rooms),
        removal=old.removal if new.wish is None else new.removal,
        protect=old.protect or new.protect,
        suspended=longer(old.suspended, new.suspended),
        asked=old.asked or new.asked,
        dormant=new.dormant if new.current is not None else old.dormant,
        distinct=old.distinct | new.distinct,
        deleted=last_deleted(*old.deleted, *new.deleted),
        former=tuple(dict.fromkeys((*new.former, *old.former, old.key.encoded))),
        lost=False,
    )
    current = old.current
    fact = Fact(
        "room.rekeyed",
        actor=teller.actor,
        key=new.key.encoded,
        room_id=current.id if current is not None else "",
        cause=teller.cause,
        reason=reason,
        detail={
            "display_name": current.display_name if current is not None else "",
            "from": old.key.encoded,
            "to": new.key.encoded,
        },
    )
    return Outcome(after, (fact,))


def _room(state: KeyState, room_id: str) -> RoomRecord:
    for room in state.rooms:
        if room.id == room_id:
            return room
    message = f"{state.key} has no room {room_id}"
    raise LookupError(message)


def _with_room(state: KeyState, room: RoomRecord) -> KeyState:
    if all(old.id != room.id for old in state.rooms):
        return replace(state, rooms=(*state.rooms, room))
    return replace(state, rooms=tuple(room if old.id == room.id else old for old in state.rooms))


def _without_room(state: KeyState, room_id: str) -> KeyState:
    return replace(state, rooms=tuple(room for room in state.rooms if room.id != room_id))


def _seen_again(room: RoomRecord, seen: Observed) -> RoomRecord:
    return replace(
        room,
        display_name=seen.display_name,
        guest_url=seen.guest_url,
        meeting_code=seen.meeting_code,
        expires_at=seen.expires_at,
        missing_since=None,
    )


def _asked(room: RoomRecord) -> dict[str, Json]:
    """What was asked of a room so far, and which of it was not taken."""
    asked: dict[str, Json] = {"asked": {path: room.applied[path] for path in sorted(room.applied)}}
    if room.not_taken:
        asked["not_taken"] = [*sorted(room.not_taken)]
    return asked


def _room_detail(room: RoomRecord) -> dict[str, Json]:
    return {
        "display_name": room.display_name,
        "meeting_code": room.meeting_code,
        "type": str(room.type),
        "expires_at": _moment(room.expires_at),
        "guest_url": room.guest_url,
    }


def _fact(
    event: str,
    state: KeyState,
    room: RoomRecord,
    teller: Teller,
    reason: str,
    detail: Mapping[str, Json],
) -> Fact:
    return Fact(
        event,
        actor=teller.actor,
        key=state.key.encoded,
        room_id=room.id,
        cause=teller.cause,
        reason=reason,
        api=teller.api,
        detail=dict(detail),
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


def _plain(value: Setting | datetime) -> Json:
    return _moment(value) if isinstance(value, datetime) else value
