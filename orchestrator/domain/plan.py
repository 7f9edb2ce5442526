"""The plan: what is to be done for one key, and why; what is held, and until when it stands.

`plan` is the only place that decides.  It is pure: the daemon, ``plan``, ``why`` and every
simulation call it with what they gathered.  It refuses to guess: a room that was not looked for is
left alone, and an unknown source or a doubtful listing leads to no removal, no replacement and no
new room for a lost one (promise P4).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from orchestrator.domain import backoff
from orchestrator.domain.actions import (
    Abandon,
    Action,
    Adopt,
    Close,
    Create,
    Delete,
    Find,
    Forget,
    Hold,
    Miss,
    Note,
    Plan,
    Renew,
    Replace,
    Restore,
    Resume,
    Retire,
    Update,
    Wake,
    Weight,
)
from orchestrator.domain.dormancy import stays_away
from orchestrator.domain.ending import (
    STILL_THERE,
    later,
    plan_end,
    plan_lingering,
    plan_missing,
    plan_removal,
    take_back,
)
from orchestrator.domain.instant import (
    back_at_its_end,
    next_on_page,
    outlives_its_end,
    tried_at_once,
)
from orchestrator.domain.marker import Marker
from orchestrator.domain.pausing import pause_plan
from orchestrator.domain.policies import Desired, Mode
from orchestrator.domain.records import KeyState, Role, RoomRecord, Suspension
from orchestrator.domain.rooms import (
    Observed,
    has_ended,
    is_over,
    is_patchable,
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
    suspension = situation.state.suspended
    if suspension is None:
        made = _among_strangers(situation)
        if situation.pause is None:
            return made
        return pause_plan(situation.paused, situation.key.encoded, made)
    if suspension.until <= situation.now and not situation.world.apart:
        return Plan((Resume("its time is over"),))
    return _stand_still(_among_strangers(situation), suspension)


# What only tells what was seen: no person's word stops that.
_MEMORY: Final = (Miss, Find, Note, Close)


def _stand_still(made: Plan, suspension: Suspension) -> Plan:
    until = suspension.until
    reason = f"by {suspension.actor}: {suspension.reason}"
    still = tuple(action for action in made.actions if isinstance(action, _MEMORY))
    stopped = tuple(action for action in made.actions if action not in still)
    holds = tuple(Hold("suspended", reason, until, action) for action in stopped or (None,))
    back = until if made.until is None else min(until, made.until)
    return replace(made, actions=still, holds=(*holds, *made.holds), until=back)


def _among_strangers(situation: Situation) -> Plan:
    stranger = situation.world.stranger
    if not stranger:
        return _plan(situation)
    # Their rooms are neither taken nor counted: what is ours is renewed, so that no link dies.
    made = _plan(replace(situation, claims=()))
    return _only_keeping(made, stranger)


# What another daemon with this owner cannot be harmed by, nor harm: renewing a room that this
# store knows, and taking note of what became of it.
_KEEPING: Final = (Renew, Note, Miss, Find, Close, Restore, Wake, Abandon, Forget)


def _only_keeping(made: Plan, stranger: str) -> Plan:
    kept = tuple(action for action in made.actions if _keeps(action))
    held = (action for action in made.actions if not _keeps(action))
    holds = (Hold("stranger", stranger, None, action) for action in held)
    return replace(made, actions=kept, holds=(*holds, *made.holds))


def _keeps(action: Action) -> bool:
    if isinstance(action, Adopt):
        # By an operation of our own it is ours, whoever else there is.
        return action.recovers is not None
    return isinstance(action, _KEEPING)


def _plan(situation: Situation) -> Plan:
    situation = _in_time(situation)
    draft = Draft()
    if situation.pending is not None and not _settle_pending(situation, situation.pending, draft):
        return _finish(situation, draft)
    if _take_claims(situation, draft) or _take_listed(situation, draft):
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


def _in_time(situation: Situation) -> Situation:
    """An occurrence or page that is over is wanted no more, unless its room still stands."""
    wish = situation.wish
    if isinstance(wish, Unwanted) or situation.state.current is not None:
        return situation
    if wish.desired.page is not None and wish.desired.page.closing:
        closed = Unwanted("its page is closed", by_itself=True, at_once=True)
        return replace(situation, wish=closed)
    occurrence = wish.desired.occurrence
    if occurrence is None or situation.now < occurrence.ends:
        return situation
    return replace(situation, wish=Unwanted("its occurrence has ended", by_itself=True))


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


_LOOK_UP_AGAIN: Final = timedelta(seconds=15)
# The order of calls: what gives a room, what keeps it, what betters it, what ends one.
_ORDER: Final = (Create, Renew, Update, Replace, Retire, Delete)


def _finish(situation: Situation, draft: Draft) -> Plan:
    """Put notes before calls, and hold back the calls that failed a short while ago.

    What failed holds its own kind and whatever comes after that: a setting that the API refuses
    day after day must not keep the room from being renewed (P7).
    """
    if not any(action.calls for action in draft.actions):
        return Plan(tuple(draft.actions), tuple(draft.holds), draft.until, dict(draft.changes))
    attempts = situation.state.attempts
    kind, _, tried = attempts.input.rpartition(" ")
    waits = backoff.held_back(replace(attempts, input=tried), situation.tried, situation.now)
    actions: list[Action] = [action for action in draft.actions if not action.calls]
    for order, type_ in enumerate(_ORDER):
        calls = [action for action in draft.actions if isinstance(action, type_)]
        if waits is None or order < _place(kind):
            actions.extend(calls)
            continue
        for action in calls:
            draft.hold("back-off", attempts.fault, waits, action)
    return Plan(tuple(actions), tuple(draft.holds), draft.until, dict(draft.changes))


def _place(kind: str) -> int:
    """Where a kind of call stands in the order; the first for one that is not named."""
    names = [type_.__name__.lower() for type_ in _ORDER]
    return names.index(kind) if kind in names else 0


def _settle_pending(situation: Situation, pending: Pending, draft: Draft) -> bool:
    """Decide about an unanswered create; true if the rest of the plan may be made as well.

    While it is not settled, a room that stands is kept in shape, but not replaced.
    """
    operation, current = pending.operation, situation.state.current
    if pending.found is not None:
        role, supersedes = _role_of_found(situation, pending.found)
        by, why = _against_superseding(situation) if supersedes else ("", "")
        if by:
            draft.hold(by, f"an unanswered create was carried out; {why}")
            return True
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
    at_once = None if pending.looked else tried_at_once(situation, pending)
    if at_once is not None:
        _make(situation, at_once, draft)
        return False
    if not pending.looked:
        until, why = pending.until, "it is being looked up"
        if until is not None and until <= situation.now:
            until = situation.now + _LOOK_UP_AGAIN
            why = "and whether it was carried out is not known: no whole listing since is believed"
        draft.hold("settle", f"a create was not answered; {why}", until)
        return current is not None
    if isinstance(situation.wish, Unwanted):
        draft.do(Abandon(operation, f"it was not carried out, and {situation.wish.why}"))
    elif current is not None:
        # A replacement: whether it is still wanted is decided afresh.
        draft.do(Abandon(operation, "it was not carried out"))
    else:
        reason = "a create was not answered and not carried out"
        lost = situation.state.lost
        desired = situation.wish.desired
        create = Create(desired, operation.generation, reason, lost=lost, again=operation)
        _make(situation, create, draft)
    return False


def _role_of_found(situation: Situation, found: Observed) -> tuple[Role, str]:
    """The role of a recovered room, and the id of the room that it takes the place of."""
    if is_over(found, situation.now, situation.world.apart) or isinstance(situation.wish, Unwanted):
        return Role.DUPLICATE, ""
    current, desired = situation.state.current, situation.wish.desired
    if current is None:
        return Role.CURRENT, ""
    if current.generation >= _generation(found):
        # It was not asked for in place of this one, which moved here since.
        return Role.DUPLICATE, ""
    seen = situation.sightings.get(current.id)
    # The wish may have changed meanwhile, even back to what the first room is like.
    needless = isinstance(seen, Observed) and _fits(seen, desired)
    if _fits(found, desired) and not needless:
        return Role.CURRENT, current.id
    return Role.DUPLICATE, ""


def _fits(seen: Observed, desired: Desired) -> bool:
    """Whether a room was born with all that the wish asks of a birth."""
    return (seen.display_name, seen.type) == (desired.display_name, desired.type) and all(
        seen.settings.get(path) == value
        for path, value in desired.settings.items()
        if not is_patchable(path)
    )


def _against_superseding(situation: Situation) -> tuple[str, str]:
    """What stands before giving out a recovered room's link instead of another; or nothing."""
    held = situation.held
    if held is not None:
        return held.by, held.reason
    if situation.state.protect:
        return "protected", "the room that it was to replace is protected"
    if situation.doubt:
        return "doubt", situation.doubt
    return ("conflict", situation.conflict) if situation.conflict else ("", "")


def _take_claims(situation: Situation, draft: Draft) -> bool:
    """Adopt marked rooms or name them duplicates; true if something was taken."""
    now, apart = situation.now, situation.world.apart
    alive = [claim for claim in situation.claims if not is_over(claim.room, now, apart)]
    if not alive:
        return False
    # Which stays (P1): the higher generation; within one the oldest by creation and id.
    alive.sort(key=lambda claim: (-_generation(claim.room), _born(claim.room), claim.room.id))
    # A room that was let go and may be taken back has the link that people know.
    known_links = {Role.CURRENT, Role.ENDING}
    unclaimed = not any(room.role in known_links for room in situation.state.rooms)
    # Also where nobody wants the room any more: it then gets its tombstone, its grace and its
    # brake like every other. Only what a journal knows was never announced ends without them.
    unwanted = isinstance(situation.wish, Unwanted)
    first = next((claim for claim in alive if not claim.second), None)
    if unclaimed and first is not None and not (unwanted and first.known):
        reason = "it carries our marker for this key, which has no room"
        draft.do(Adopt(first.room, Role.CURRENT, reason))
        return True
    for claim in alive:
        if claim.known:
            late = "a create was carried out late; the room was never announced"
            reason = STILL_THERE if claim.room.id in situation.state.deleted else late
            draft.do(Adopt(claim.room, Role.DUPLICATE, reason))
        else:
            draft.hold(
                "conflict",
                f"room {claim.room.id} carries our marker for this key, but another store made it",
            )
    return bool(draft.actions)


def _take_listed(situation: Situation, draft: Draft) -> bool:
    """Adopt the room that a person's list names for this key; true if nothing else may be done.

    Of two it takes neither: which link goes on is a person's to say.
    """
    if isinstance(situation.wish, Unwanted) or not situation.listed or situation.state.rooms:
        return False
    adopt = Adopt(situation.listed[0], Role.CURRENT, "adopted.yaml names it for this key")
    if len(situation.listed) == 1:
        draft.do(adopt)
    else:
        names = " and ".join(room.id for room in situation.listed)
        reason = f"adopted.yaml names {names} for this key; leave one line, and that room is taken"
        draft.hold("conflict", reason, None, adopt)
    return True


def _generation(room: Observed) -> int:
    marker = room.marker
    return marker.generation if isinstance(marker, Marker) else 0


def _born(room: Observed) -> datetime:
    return room.created_at or datetime.max.replace(tzinfo=UTC)


def _absent(situation: Situation, draft: Draft) -> None:
    state = situation.state
    if isinstance(situation.wish, Unwanted):
        if not state.rooms and state != KeyState(state.key):
            draft.do(Forget(situation.wish.why))
        return
    if take_back(situation, draft):
        return
    desired = situation.wish.desired
    if desired.page is not None:
        again = next_on_page(situation, desired, desired.page, draft)
        if again is not None:
            _make(situation, again, draft)
        return
    reason = f"{desired.because} asks for it" if not state.lost else "its room is gone"
    create = Create(desired, state.generation + 1, reason, lost=state.lost)
    if not stays_away(situation, desired, create, draft):
        _make(situation, create, draft)


def _make(situation: Situation, create: Create, draft: Draft) -> None:
    """Make a room, or say what stands before it."""
    if create.desired.page is not None:
        # An episode's key was never used before, so there is nothing to be confused with; what
        # failed a moment ago waits by `_finish`.
        draft.do(create)
        return
    state, held = situation.state, situation.held
    if create.lost and situation.doubt:
        draft.hold("doubt", situation.doubt, None, create)
    elif create.lost and held is not None and held.by == "brake":
        draft.hold("brake", held.reason, None, create)
    elif situation.awaits and create.again is None:
        draft.hold("theme", situation.awaits, None, create)
    elif not situation.world.listed and create.again is None:
        draft.hold("first-listing", "no complete listing was seen yet", None, create)
    elif situation.unread:
        draft.hold("doubt", situation.unread, None, create)
    elif situation.unshown:
        draft.hold(
            "not-shown",
            f"adopted.yaml names room {situation.unshown[0]} for this key, and the API does not "
            "show it: is it the right API? If it is gone for good, take its line out",
            None,
            create,
        )
    elif situation.lookalikes:
        other = situation.lookalikes[0]
        draft.hold(
            "look-alike",
            f'a room that is not ours is called the same: "{other.display_name}" ({other.id})',
            None if create.again is None else situation.now + _LOOK_UP_AGAIN,
            create,
        )
    else:
        waits = backoff.held_back(state.creates, create.desired.digest, situation.now)
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
        plan_missing(situation, room, seen, draft)
    elif has_ended(seen, situation.now, situation.use(room.id).occupancy) and not outlives_its_end(
        situation, room, seen
    ):
        plan_missing(situation, room, Gone("the API shows it as ended"), draft)
    else:
        _alive(situation, room, seen, draft)


def _take_note(room: RoomRecord, seen: Observed, draft: Draft) -> None:
    if room.missing_since is not None:
        draft.do(Find(room.id, "it is there after all"))
    if (seen.guest_url, seen.expires_at, seen.meeting_code) != (
        room.guest_url,
        room.expires_at,
        room.meeting_code,
    ):
        draft.do(Note(seen, None, "the API shows another link or end"))


def _alive(situation: Situation, room: RoomRecord, seen: Observed, draft: Draft) -> None:
    _take_note(room, seen, draft)
    back_at_its_end(situation, room, seen, draft)
    match situation.wish:
        case Unwanted(why, at_once=True):
            plan_end(situation, room, seen, why, draft)
        case Unwanted(by_itself=True):
            draft.back_at(later(seen.expires_at, situation.now))
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
        case _:
            assert_never(situation.wish)
