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
    Find,
    Hold,
    LetGo,
    Miss,
    Restore,
    Retire,
)
from orchestrator.domain.pausing import PAUSED_BY
from orchestrator.domain.policies import (
    TOMBSTONE_LEAST,
    RemovalMode,
)
from orchestrator.domain.records import Role, RoomRecord, Tombstone
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
    Unwanted,
)

#: Why a room is ended that was deleted before: the API said so and did not do it.
STILL_THERE: Final = "it was deleted, and is there all the same"

# A retirement that would bring the end nearer by less than this is not worth a call.
_RETIRE_SLACK: Final = timedelta(minutes=1)
_LOOK_AGAIN: Final = timedelta(minutes=5)  # at a room whose use stands in the way


def plan_lingering(situation: Situation, room: RoomRecord, draft: Draft) -> None:
    """A superseded, ending or duplicate room: wait for its end, or bring it about."""
    seen = situation.sightings.get(room.id)
    if seen is None:
        return
    if isinstance(seen, Gone):
        plan_missing(situation, room, seen, draft)
        return
    if has_ended(seen, situation.now, situation.use(room.id).occupancy):
        plan_missing(situation, room, Gone("the API shows it as ended"), draft)
        return
    if room.missing_since is not None:
        draft.do(Find(room.id, "it is there after all"))
    if room.role is Role.DUPLICATE:
        again = room.id in situation.state.deleted
        reason = STILL_THERE if again else "a duplicate that was never announced"
        plan_end(situation, room, seen, reason, draft)
    elif room.role is Role.SUPERSEDED and (room.end_due is None or room.end_due <= situation.now):
        plan_end(situation, room, seen, "it was replaced and its overlap is over", draft)
    else:
        if room.role is Role.SUPERSEDED:
            draft.back_at(room.end_due)
        draft.back_at(later(seen.expires_at, situation.now))


def plan_missing(situation: Situation, room: RoomRecord, gone: Gone, draft: Draft) -> None:
    """A room that is not there: once is not enough, unless its time was up (P4).

    Nor are answers about this room alone: a listing must lack it as well, for only a listing tells
    whether the right API answers.
    """
    now, settle, reason = situation.now, situation.world.settle, gone.reason
    if room.expires_at is not None and room.expires_at <= now and not situation.world.apart:
        retired = room.retired_at is not None
        why = "it was retired and has ended" if retired else "it came to its end"
        draft.do(Close(room.id, lost=False, reason=why))
    elif room.missing_since is None and situation.world.apart:
        # Dated by a clock that is wrong it would lie years ahead, and its second look as well.
        draft.hold("doubt", situation.world.apart)
    elif room.missing_since is None:
        draft.do(Miss(room.id, reason))
        draft.back_at(now + settle)
    elif now < room.missing_since + settle:
        draft.hold("settle", f"{reason}; looked for once", room.missing_since + settle)
    elif situation.world.doubt:
        draft.hold("doubt", situation.world.doubt)
    elif not gone.unlisted:
        why = f"{reason}, twice; the next listing tells whether it is gone"
        draft.hold("unlisted", why, now + settle)
    else:
        tombstone = situation.state.tombstone
        if room.role is not Role.CURRENT:
            draft.do(Close(room.id, lost=False, reason=f"{reason}, twice"))
        elif tombstone is not None and tombstone.due <= now:
            # An unanswered DELETE was carried out, most likely; nobody misses the room.
            why = f"{tombstone.reason}; {reason}, twice"
            draft.do(Close(room.id, lost=False, reason=why))
        elif isinstance(situation.wish, Unwanted) and situation.wish.by_itself:
            # As above: of a page or an occurrence that is over, which have no tombstones.
            why = f"{situation.wish.why}; {reason}, twice"
            draft.do(Close(room.id, lost=False, reason=why))
        else:
            draft.do(Close(room.id, lost=True, reason=f"{reason}, twice"))


def take_back(situation: Situation, draft: Draft) -> bool:
    """Make the newest room that was let go current again; true if none is to be made instead.

    Its link is the one that people have, so a new room is made only when it is surely gone.
    """
    closed = {action.room_id for action in draft.actions if isinstance(action, Close)}
    ending = [
        room for room in situation.state.rooms if room.role is Role.ENDING and room.id not in closed
    ]
    ending.sort(key=lambda room: (room.generation, room.id), reverse=True)
    for room in ending:
        seen = situation.sightings.get(room.id)
        use = situation.use(room.id).occupancy
        if not isinstance(seen, Observed) or has_ended(seen, situation.now, use):
            draft.hold("settle", f"room {room.id} was let go, and whether it lives is not known")
        elif situation.doubt:
            draft.hold("doubt", situation.doubt)
        else:
            draft.do(Restore(room.id, "it is wanted again"))
        return True
    return False


def later(moment: datetime | None, now: datetime) -> datetime | None:
    """A moment in the future at which to look again, or none: never a busy loop."""
    if moment is None or moment > now:
        return moment
    return now + _LOOK_AGAIN


def plan_end(
    situation: Situation, room: RoomRecord, seen: Observed, reason: str, draft: Draft
) -> None:
    """Delete a room that is known to be empty, else retire it; only ever shortening (P5)."""
    use, now = situation.use(room.id), situation.now
    announced = room.role is not Role.DUPLICATE
    by, why, until = _against_ending(situation, room, reason)
    if by:
        draft.hold(by, why, until)
    elif use.surely_empty and situation.world.can_delete is not False:
        draft.do(Delete(room.id, reason, announced))
    elif room.role is Role.CURRENT and _dies_soon(seen, now):
        draft.do(LetGo(room.id, f"{reason}; it ends by itself"))
    elif room.retired_at is not None or _dies_soon(seen, now):
        draft.back_at(later(seen.expires_at, now))
    else:
        draft.do(Retire(room.id, seen.expires_at, now + NOTICE, reason, announced))


def _against_ending(
    situation: Situation, room: RoomRecord, reason: str
) -> tuple[str, str, datetime | None]:
    """What stands before an end: one word, a sentence, and until when; or nothing."""
    if situation.doubt:
        return "doubt", situation.doubt, None
    if situation.conflict:
        return "conflict", situation.conflict, None
    if situation.world.use_unread:
        return "unknown-use", situation.world.use_unread, None
    if situation.use(room.id).occupancy is Occupancy.OCCUPIED:
        return "occupied", f"{reason}, but somebody is inside", situation.now + _LOOK_AGAIN
    return "", "", None


def _dies_soon(seen: Observed, now: datetime) -> bool:
    """Whether it dies by itself as soon as a PATCH could bring about, or takes none."""
    if seen.type is RoomType.INSTANT:
        return True
    return seen.expires_at is not None and seen.expires_at <= now + NOTICE + _RETIRE_SLACK


def plan_removal(
    situation: Situation, room: RoomRecord, seen: Observed, why: str, draft: Draft
) -> None:
    """A room that no policy asks for: grace, then its removal; renewed until then (P10)."""
    state, now = situation.state, situation.now
    if state.protect or state.removal.mode is RemovalMode.KEEP:
        _keep(situation, room, why, draft)
    elif state.tombstone is None and situation.world.apart:
        # Its grace would be reckoned from a moment that is not now.
        draft.hold("doubt", situation.world.apart)
    elif state.tombstone is None:
        due = now + max(state.removal.grace, TOMBSTONE_LEAST)
        # Not to come back at its due: once decided, the next plan says so. Where a mode withholds
        # the decision, coming back would only move it on, for ever.
        draft.do(Bury(room.id, due, state.removal.mode, why))
    else:
        due = _removal_due(situation, room, state.tombstone)
        if due > now:
            draft.hold("grace", f"{state.tombstone.reason}; ends after its grace", due)
        elif _remove(situation, room, seen, state.tombstone, draft):
            return
    if state.wish is not None:
        plan_renewal(situation, room, seen, state.wish, draft)


def _keep(situation: Situation, room: RoomRecord, why: str, draft: Draft) -> None:
    """Say why it stays; a decision from before is taken back, so that its grace begins anew."""
    state = situation.state
    if state.tombstone is not None:
        draft.do(Restore(room.id, "it is to be kept"))
    if state.protect:
        draft.hold("protected", f"{why}, but it is protected")
    else:
        draft.hold("kept", f"{why}; removal: keep goes on renewing it until it is forgotten")


def _removal_due(situation: Situation, room: RoomRecord, tombstone: Tombstone) -> datetime:
    """When a tombstone comes due; being used meanwhile begins the grace anew."""
    used = situation.use(room.id).last_used_at
    if used is None or used <= tombstone.decided_at:
        return tombstone.due
    return max(tombstone.due, used + max(situation.state.removal.grace, TOMBSTONE_LEAST))


def _remove(
    situation: Situation, room: RoomRecord, seen: Observed, tombstone: Tombstone, draft: Draft
) -> bool:
    """End a buried room whose grace is over; false where something stands before it.

    What is held is still renewed: a brake must not let it run out (P10).
    """
    by, why, until = _against_ending(situation, room, tombstone.reason)
    if by:
        draft.hold(by, why, until)
        return False
    if situation.held is not None:
        _hold_end(situation, situation.held, tombstone, (room, seen), draft)
        return False
    _carry_out(situation, room, seen, tombstone, draft)
    return True


def _hold_end(
    situation: Situation,
    hold: Hold,
    tombstone: Tombstone,
    of: tuple[RoomRecord, Observed],
    draft: Draft,
) -> None:
    """Say what a mode, a brake or a pause holds; of a pause exactly, for a person may review it."""
    if hold.by not in PAUSED_BY:
        draft.hold(hold.by, hold.reason, None, LetGo(of[0].id, tombstone.reason))
        return
    aside = Draft()
    _carry_out(situation, *of, tombstone, aside)
    for action in aside.actions:
        draft.hold(hold.by, hold.reason, hold.until, action)


def _carry_out(
    situation: Situation, room: RoomRecord, seen: Observed, tombstone: Tombstone, draft: Draft
) -> None:
    if tombstone.mode is RemovalMode.DELETE:
        plan_end(situation, room, seen, tombstone.reason, draft)
    else:
        draft.do(LetGo(room.id, f"{tombstone.reason}; it ends by itself"))
