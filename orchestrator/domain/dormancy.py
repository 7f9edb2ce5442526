"""Dormant rooms: those that surely nobody used for as long as their policy says.

A dormant room is renewed no more.  It wakes when somebody uses it, when a person asks for it, and
when its use is not surely known any more: unknown use counts as use (promise P4).  Once it came to
its end none is made by itself.

Only the API's own list of sessions can say that a room was not used, and only for the time in which
it was read without a gap: a store that is new, or was made anew, knows of no use and takes that for
unknown.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.actions import Create, Sleep, Wake
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.policies import Desired
from orchestrator.domain.records import Dormancy, KeyState, RoomRecord
from orchestrator.domain.renewal import RenewalTime
from orchestrator.domain.rooms import Observed, Occupancy
from orchestrator.domain.situation import Draft, Situation
from orchestrator.domain.steering import Word, fact_of
from orchestrator.foundation.instants import format_duration, format_instant

# A dormant room is looked at so often, at no cost: whether its use is still known.
_LOOK_AGAIN: Final = timedelta(days=1)


def unused_since(situation: Situation, room: RoomRecord) -> datetime | None:
    """The last moment at which a room may have been used; None where that may be now."""
    known, use = situation.world.use_known_since, situation.use(room.id)
    if known is None or use.lasting or use.occupancy is Occupancy.OCCUPIED:
        return None
    moments = (known, room.watched_from, room.last_used_at, use.last_used_at)
    return max(moment for moment in moments if moment is not None)


def stays_dormant(
    situation: Situation, room: RoomRecord, seen: Observed, desired: Desired, draft: Draft
) -> bool:
    """Plan for a dormant room that is still there: wake it, or say that it sleeps; true if so."""
    dormant = situation.state.dormant
    if dormant is None:
        return False
    why = _awake(situation, room, desired)
    if why:
        draft.do(Wake(why))
        return False
    draft.hold("dormant", f"{_told(dormant, desired)}; it is renewed no more")
    look = situation.now + _LOOK_AGAIN
    end = seen.expires_at
    draft.back_at(look if end is None or not situation.now < end < look else end)
    return True


def _awake(situation: Situation, room: RoomRecord, desired: Desired) -> str:
    """Why a dormant room is kept again, or nothing."""
    within, held = desired.renewal.only_if_used_within, situation.held
    if within is None:
        return f"{desired.because} asks for it, used or not"
    if situation.state.protect:
        return "it is protected"
    if held is not None and held.by == "mode":
        return held.reason
    use = situation.use(room.id)
    if use.lasting or use.occupancy is Occupancy.OCCUPIED:
        return "somebody is inside"
    since = unused_since(situation, room)
    if since is None:
        return "whether it is used is not known any more"
    used_lately = since + within > situation.now
    return f"it may have been used on {since:%d %b %Y}" if used_lately else ""


def falls_asleep(
    situation: Situation, room: RoomRecord, desired: Desired, due: RenewalTime, draft: Draft
) -> bool:
    """Plan for a room that nobody used for long enough: let it sleep; true if so.

    Decided as soon as the time is over, not when its renewal is due: what makes many rooms look
    unused at once is then one batch for the brake.  While that holds it, people have until the last
    twentieth of its life; then it is renewed, as it is when due where anything else stands before.
    """
    within, now = desired.renewal.only_if_used_within, situation.now
    since = unused_since(situation, room)
    if within is None:
        return False
    if since is None:
        if situation.use(room.id).lasting:
            draft.back_at(now + _LOOK_AGAIN)  # so that it is remembered until when
        return False
    if since + within > now:
        draft.back_at(since + within)
        return False
    held = situation.held
    braked = held is not None and held.by == "brake"
    if not situation.use(room.id).surely_empty or _stands_before(situation, braked=braked):
        draft.back_at(now + _LOOK_AGAIN)
        return False
    reason = f"nobody used it for {format_duration(within)} (renewal.only_if_used_within)"
    sleep = Sleep(room.id, since, reason)
    if held is None:
        draft.do(sleep)
        return True
    waits = now < due.latest
    draft.hold(held.by, held.reason, due.latest if waits else None, sleep)
    return waits


def _stands_before(situation: Situation, *, braked: bool) -> bool:
    if situation.state.protect or (situation.held is not None and not braked):
        return True
    world = situation.world
    return bool(situation.doubt or situation.conflict or world.stranger or world.use_unread)


def stays_away(situation: Situation, desired: Desired, create: Create, draft: Draft) -> bool:
    """Plan for a key whose dormant room is over: none is made by itself; true if so."""
    dormant = situation.state.dormant
    if dormant is None:
        return False
    if desired.renewal.only_if_used_within is None:
        draft.do(Wake(f"{desired.because} asks for it, used or not"))
    else:
        draft.hold("dormant", f"{_told(dormant, desired)}; it has ended", None, create)
    return True


def _told(dormant: Dormancy, desired: Desired) -> str:
    within = desired.renewal.only_if_used_within
    rule = "" if within is None else f" (only_if_used_within: {format_duration(within)})"
    return f"nobody used it since {dormant.unused_since:%d %b %Y}{rule}"


def slept(
    state: KeyState, room: RoomRecord, action: Sleep, now: datetime, word: Word
) -> tuple[KeyState, Fact]:
    """The decision, remembered with the key."""
    after = replace(state, dormant=Dormancy(now, action.unused_since))
    detail: dict[str, Json] = {
        "expires_at": None if room.expires_at is None else format_instant(room.expires_at),
        "unused_since": format_instant(action.unused_since),
    }
    return after, fact_of("room.dormant", state, word, detail)


def woken(state: KeyState, word: Word) -> tuple[KeyState, Fact]:
    """The key is kept again."""
    return replace(state, dormant=None), fact_of("room.woken", state, word, {})
