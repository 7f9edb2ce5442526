"""The plan: what is to be done for one key, and why; what is held, and until when it stands.

`plan` is the only place that decides.  It is pure: the daemon, ``plan``, ``why`` and every
simulation call it with what they gathered.  It refuses to guess: a room that was not looked for is
left alone, and an unknown source or a doubtful listing leads to no removal, no replacement and no
new room for a lost one (promise P4).
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain import backoff
from orchestrator.domain.actions import (
    Abandon,
    Adopt,
    Close,
    Create,
    Find,
    Forget,
    Hold,
    Miss,
    Note,
    Plan,
    Restore,
    Weight,
)
from orchestrator.domain.ending import plan_lingering, plan_removal
from orchestrator.domain.marker import Marker
from orchestrator.domain.policies import (
    Mode,
)
from orchestrator.domain.records import Role, RoomRecord
from orchestrator.domain.rooms import (
    Observed,
    has_ended,
)
from orchestrator.domain.shaping import keep_in_shape
from orchestrator.domain.situation import (
    Draft,
    Gone,
    Kept,
    Pending,
    Situation,
    Unwanted,
    Wanted,
)


def plan(situation: Situation) -> Plan:
    """Decide what is to be done for one key; the first action is the one to carry out next."""
    draft = Draft()
    if situation.pending is not None and not _settle_pending(situation, situation.pending, draft):
        return _finish(situation, draft)
    if _take_claims(situation, draft):
        return _finish(situation, draft)
    current = situation.state.current
    for room in situation.state.rooms:
        if room is not current:
            plan_lingering(situation, room, draft)
    if current is None:
        _absent(situation, draft)
    else:
        _present(situation, current, draft)
    return _finish(situation, draft)


def withhold(made: Plan, mode: Mode) -> Plan:
    """A policy over plans: what a mode does not allow becomes a hold that says so."""
    if mode is Mode.ENFORCE:
        return made
    most = Weight.NOTE if mode is Mode.OBSERVE else Weight.GENTLE
    # A room that was lost is made anew in no-removals too: its link is dead already.
    done = tuple(action for action in made.actions if action.weight <= most)
    held = tuple(
        Hold("mode", f"mode is {mode}", None, action)
        for action in made.actions
        if action.weight > most
    )
    return replace(made, actions=done, holds=(*held, *made.holds))


def _finish(situation: Situation, draft: Draft) -> Plan:
    """Hold back calls that failed a short while ago; notes and other keys go on."""
    waits = backoff.held_back(situation.state.attempts, situation.tried, situation.now)
    if waits is not None:
        calls = [action for action in draft.actions if action.calls]
        draft.actions = [action for action in draft.actions if not action.calls]
        for action in calls:
            draft.hold("back-off", situation.state.attempts.fault, waits, action)
    return Plan(tuple(draft.actions), tuple(draft.holds), draft.until, dict(draft.changes))


def _settle_pending(situation: Situation, pending: Pending, draft: Draft) -> bool:
    """Decide about an unanswered create; true if the rest of the plan may be made as well."""
    operation = pending.operation
    if pending.found is not None:
        role, supersedes = _role_of_found(situation, pending.found)
        draft.do(
            Adopt(
                pending.found,
                role,
                "an unanswered create was carried out",
                recovers=operation,
                supersedes=supersedes,
            )
        )
        return False
    if not pending.looked:
        draft.hold("settle", "a create was not answered; it is being looked up", pending.until)
        return False
    if isinstance(situation.wish, Unwanted):
        draft.do(Abandon(operation, f"it was not carried out, and {situation.wish.why}"))
    elif situation.state.current is not None:
        # A replacement: whether it is still wanted is decided afresh.
        draft.do(Abandon(operation, "it was not carried out"))
    else:
        reason = "a create was not answered and not carried out"
        lost = situation.state.lost
        desired = situation.wish.desired
        draft.do(Create(desired, operation.generation, reason, lost=lost, again=operation))
    return False


def _role_of_found(situation: Situation, found: Observed) -> tuple[Role, str]:
    """The role of a recovered room, and the id of the room that it takes the place of."""
    if has_ended(found, situation.now) or isinstance(situation.wish, Unwanted):
        return Role.DUPLICATE, ""
    current = situation.state.current
    if current is None:
        return Role.CURRENT, ""
    desired = situation.wish.desired
    fits = found.display_name == desired.display_name and found.type == desired.type
    return (Role.CURRENT, current.id) if fits else (Role.DUPLICATE, "")


def _take_claims(situation: Situation, draft: Draft) -> bool:
    """Adopt marked rooms or name them duplicates; true if something was taken."""
    alive = [claim for claim in situation.claims if not has_ended(claim.room, situation.now)]
    if not alive:
        return False
    # Which stays (P1): the higher generation; within one the oldest by creation and id.
    alive.sort(key=lambda claim: (-_generation(claim.room), _born(claim.room), claim.room.id))
    unclaimed = situation.state.current is None
    # Also where nobody wants the room any more: it then gets its tombstone, its grace and its
    # brake like every other. Only what a journal knows was never announced ends without them.
    if unclaimed and (not isinstance(situation.wish, Unwanted) or not alive[0].known):
        reason = "it carries our marker for this key, which has no room"
        draft.do(Adopt(alive[0].room, Role.CURRENT, reason))
        return True
    for claim in alive:
        if claim.known:
            reason = "a create was carried out late; the room was never announced"
            draft.do(Adopt(claim.room, Role.DUPLICATE, reason))
        else:
            draft.hold(
                "conflict",
                f"room {claim.room.id} carries our marker for this key, but another store made it",
            )
    return bool(draft.actions)


def _generation(room: Observed) -> int:
    marker = room.marker
    return marker.generation if isinstance(marker, Marker) else 0


def _born(room: Observed) -> str:
    return room.created_at.isoformat() if room.created_at is not None else ""


def _absent(situation: Situation, draft: Draft) -> None:
    if draft.actions:
        return  # something about another room of this key comes first
    state = situation.state
    if isinstance(situation.wish, Unwanted):
        if not state.rooms and situation.pending is None:
            draft.do(Forget(situation.wish.why))
        return
    desired = situation.wish.desired
    reason = f"{desired.because} asks for it" if not state.lost else "its room is gone"
    create = Create(desired, state.generation + 1, reason, lost=state.lost)
    if state.lost and situation.doubt:
        draft.hold("doubt", situation.doubt, None, create)
    elif not situation.world.listed:
        draft.hold("first-listing", "no complete listing was seen yet", None, create)
    elif situation.lookalikes:
        other = situation.lookalikes[0]
        draft.hold(
            "look-alike",
            f'a room that is not ours is called the same: "{other.display_name}" ({other.id})',
            None,
            create,
        )
    else:
        waits = backoff.held_back(state.creates, desired.digest, situation.now)
        if waits is not None:
            draft.hold("back-off", "its last room did not live out its life", waits, create)
        else:
            draft.do(create)


def _present(situation: Situation, room: RoomRecord, draft: Draft) -> None:
    seen = situation.sightings.get(room.id)
    if seen is None:
        draft.hold("not-seen", "it was not looked for yet")
        return
    if isinstance(seen, Gone):
        _missing(situation, room, seen.reason, draft)
    elif has_ended(seen, situation.now, situation.use(room.id).occupancy):
        _missing(situation, room, "the API shows it as ended", draft)
    else:
        _alive(situation, room, seen, draft)


def _missing(situation: Situation, room: RoomRecord, reason: str, draft: Draft) -> None:
    """A room that is not there: once is not enough, unless its time was up (P4)."""
    now, settle = situation.now, situation.world.settle
    if room.expires_at is not None and room.expires_at <= now:
        draft.do(Close(room.id, lost=False, reason="it came to its end"))
    elif room.missing_since is None:
        draft.do(Miss(room.id, reason))
        draft.back_at(now + settle)
    elif now < room.missing_since + settle:
        draft.hold("settle", f"{reason}; looked for once", room.missing_since + settle)
    elif situation.world.doubt:
        draft.hold("doubt", situation.world.doubt)
    else:
        draft.do(Close(room.id, lost=True, reason=f"{reason}, twice"))


def _alive(situation: Situation, room: RoomRecord, seen: Observed, draft: Draft) -> None:
    if room.missing_since is not None:
        draft.do(Find(room.id, "it is there after all"))
    if (seen.guest_url, seen.expires_at, seen.meeting_code) != (
        room.guest_url,
        room.expires_at,
        room.meeting_code,
    ):
        draft.do(Note(seen, None, "the API shows another link or end"))
    match situation.wish:
        case Unwanted(why):
            plan_removal(situation, room, seen, why, draft)
        case Wanted(desired):
            if situation.state.tombstone is not None:
                draft.do(Restore(room.id, "it is wanted again"))
            keep_in_shape(situation, room, seen, desired, draft)
        case Kept(desired, why):
            if situation.state.tombstone is not None:
                draft.hold("doubt", why, None)
            keep_in_shape(situation, room, seen, desired, draft)
