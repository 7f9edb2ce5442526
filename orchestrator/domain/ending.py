"""Ending rooms that are wanted no more: grace, delete or retire, and the wait for the end.

It refuses to end a room while somebody is, or may be, inside (promise P5).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.actions import (
    Bury,
    Close,
    Delete,
    LetGo,
    Restore,
    Retire,
)
from orchestrator.domain.policies import (
    TOMBSTONE_LEAST,
    RemovalMode,
)
from orchestrator.domain.records import Role, RoomRecord
from orchestrator.domain.rooms import (
    NOTICE,
    Observed,
    Occupancy,
    RoomType,
    has_ended,
)
from orchestrator.domain.shaping import plan_renewal
from orchestrator.domain.situation import (
    Draft,
    Gone,
    Situation,
    Wanted,
)

# A retirement that would bring the end nearer by less than this is not worth a call.
_RETIRE_SLACK: Final = timedelta(minutes=1)
_LOOK_AGAIN: Final = timedelta(minutes=5)  # at a room whose use stands in the way


def plan_lingering(situation: Situation, room: RoomRecord, draft: Draft) -> None:
    """A superseded, ending or duplicate room: wait for its end, or bring it about."""
    seen = situation.sightings.get(room.id)
    if seen is None:
        return
    if isinstance(seen, Gone) or has_ended(seen, situation.now, situation.use(room.id).occupancy):
        draft.do(Close(room.id, lost=False, reason=_end_reason(room, situation.now)))
        return
    if room.role is Role.ENDING:
        _linger_ending(situation, room, draft)
        draft.back_at(later(seen.expires_at, situation.now))
    elif room.role is Role.DUPLICATE:
        plan_end(situation, room, seen, "a duplicate that was never announced", draft)
    elif room.end_due is not None and room.end_due > situation.now:
        draft.back_at(room.end_due)
        draft.back_at(later(seen.expires_at, situation.now))
    else:
        plan_end(situation, room, seen, "it was replaced and its overlap is over", draft)


def _linger_ending(situation: Situation, room: RoomRecord, draft: Draft) -> None:
    if isinstance(situation.wish, Wanted) and situation.state.current is None:
        draft.do(Restore(room.id, "it is wanted again"))


def _end_reason(room: RoomRecord, now: datetime) -> str:
    if room.retired_at is not None:
        return "it was retired and has ended"
    if room.expires_at is not None and room.expires_at <= now:
        return "it came to its end"
    return "it is gone"


def later(moment: datetime | None, now: datetime) -> datetime | None:
    """A moment in the future at which to look again, or none: never a busy loop."""
    return None if moment is None else max(moment, now + timedelta(seconds=1))


def plan_end(
    situation: Situation, room: RoomRecord, seen: Observed, reason: str, draft: Draft
) -> None:
    """Delete a room that is known to be empty, else retire it; only ever shortening (P5)."""
    use, now = situation.use(room.id), situation.now
    announced = room.role is not Role.DUPLICATE
    if situation.world.conflict:
        draft.hold("conflict", situation.world.conflict)
    elif use.occupancy is Occupancy.OCCUPIED:
        draft.hold("occupied", f"{reason}, but somebody is inside", now + _LOOK_AGAIN)
    elif use.occupancy is Occupancy.EMPTY and situation.world.can_delete is not False:
        draft.do(Delete(room.id, reason, announced))
    elif room.retired_at is not None or seen.type is RoomType.INSTANT:
        draft.back_at(later(seen.expires_at, now))
    elif seen.expires_at is not None and seen.expires_at <= now + NOTICE + _RETIRE_SLACK:
        if room.role is Role.CURRENT:
            draft.do(LetGo(room.id, f"{reason}; it ends within minutes"))
        draft.back_at(later(seen.expires_at, now))
    else:
        draft.do(Retire(room.id, seen.expires_at, now + NOTICE, reason, announced))


def plan_removal(
    situation: Situation, room: RoomRecord, seen: Observed, why: str, draft: Draft
) -> None:
    """A room that no policy asks for: grace, then its removal; renewed until then (P10)."""
    state, now = situation.state, situation.now
    if state.protect:
        draft.hold("protected", f"{why}, but it is protected")
    elif state.removal.mode is RemovalMode.KEEP:
        draft.hold("kept", f"{why}; removal: keep goes on renewing it until it is forgotten")
    elif state.tombstone is None:
        due = now + max(state.removal.grace, TOMBSTONE_LEAST)
        draft.do(Bury(room.id, due, state.removal.mode, why))
        draft.back_at(due)
    else:
        due = _removal_due(situation, room)
        if due <= now:
            _remove(situation, room, seen, draft)
            return
        draft.hold("grace", f"{state.tombstone.reason}; ends after its grace", due)
    if state.wish is not None:
        plan_renewal(situation, room, seen, state.wish, draft)


def _removal_due(situation: Situation, room: RoomRecord) -> datetime:
    """When a tombstone comes due; being used meanwhile begins the grace anew."""
    state = situation.state
    if state.tombstone is None:
        return situation.now
    used = situation.use(room.id).last_used_at
    if used is None or used <= state.tombstone.decided_at:
        return state.tombstone.due
    return max(state.tombstone.due, used + max(state.removal.grace, TOMBSTONE_LEAST))


def _remove(situation: Situation, room: RoomRecord, seen: Observed, draft: Draft) -> None:
    tombstone = situation.state.tombstone
    if tombstone is None:
        return
    if situation.doubt:
        draft.hold("doubt", situation.doubt)
    elif situation.world.conflict:
        draft.hold("conflict", situation.world.conflict)
    elif situation.use(room.id).occupancy is Occupancy.OCCUPIED:
        draft.hold(
            "occupied", f"{tombstone.reason}, but somebody is inside", situation.now + _LOOK_AGAIN
        )
    elif tombstone.mode is RemovalMode.DELETE:
        plan_end(situation, room, seen, tombstone.reason, draft)
    else:
        draft.do(LetGo(room.id, f"{tombstone.reason}; it ends by itself"))
