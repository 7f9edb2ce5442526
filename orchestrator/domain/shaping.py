"""Bringing a wanted room into shape: what differs, what replaces it, when it is renewed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain import backoff
from orchestrator.domain.actions import (
    Note,
    Renew,
    Replace,
    Update,
)
from orchestrator.domain.dormancy import falls_asleep, stays_dormant
from orchestrator.domain.occurrences import LOOK_AGAIN, LOOK_BEFORE, moved_end, next_look
from orchestrator.domain.policies import (
    UNUSED_FOR,
    Desired,
    ReplaceMode,
)
from orchestrator.domain.records import RoomRecord
from orchestrator.domain.renewal import ASKED_MOST, asked_again, asked_end, renewal_time
from orchestrator.domain.rooms import (
    AHEAD,
    LONGEST_ASK,
    SETTINGS,
    Change,
    Observed,
    Occupancy,
    RoomType,
    Setting,
    is_patchable,
)
from orchestrator.domain.situation import (
    Draft,
    Situation,
)

_LOOK_AGAIN: Final = timedelta(minutes=5)  # at a room whose use stands in the way
_PAST_END_AGAIN: Final = timedelta(minutes=15)
# Before a setting that did not stay is sent once more: doubled each time in a row, up to a day.
_SAME_AGAIN: Final = timedelta(hours=1)
_SAME_AGAIN_MOST: Final = timedelta(days=1)
_DOUBLINGS: Final = 5


def keep_in_shape(
    situation: Situation, room: RoomRecord, seen: Observed, desired: Desired, draft: Draft
) -> None:
    """Bring a wanted room into shape: replace, update, renew."""
    changes: dict[str, Change] = {}
    for path, change in differences(room, seen, desired).items():
        why = _against_sending(room, path, change, desired)
        if why:
            draft.hold("not-taken", why)
        else:
            changes[path] = change
    draft.changes.update(changes)
    forced = {path: change for path, change in changes.items() if not is_patchable(path)}
    if forced and _replace(situation, room, forced, desired, draft):
        return  # the new room is born in shape, with its whole life before it
    gentle = {path: change for path, change in changes.items() if is_patchable(path)}
    gentle = _not_again(situation, room, gentle, draft)
    if gentle:
        reason = f"{_line(desired, gentle)} asks for it"
        draft.do(Update(room.id, MappingProxyType(gentle), desired, reason))
    plan_renewal(situation, room, seen, desired, draft)
    told = (desired.version, desired.lifetime) != (room.version, room.lifetime)
    waits = any(isinstance(hold.action, Renew) for hold in draft.holds)
    if told and not draft.actions and not waits:
        draft.do(Note(seen, desired, "the policy changed and asks for nothing new"))


def _against_sending(room: RoomRecord, path: str, change: Change, desired: Desired) -> str:
    """Why a difference is left as it is until the policy asks for something else; or nothing.

    A new room for what the last one did not take would lead to the next, and the next: what a room
    was born with is never asked for by a birth again, whatever the API shows of it afterwards.
    """
    refused = path in room.not_taken and room.not_taken[path] == change.after
    if is_patchable(path):
        refused = refused and room.version == desired.version
    if refused:
        return f"the API did not take {path} = {change.after}"
    if is_patchable(path):
        return ""
    if path not in room.applied:
        return f"it was adopted with {path} = {change.before}" if room.adopted else ""
    if room.applied[path] == change.after:
        return f"{path} = {change.after} was asked for at its birth, and {change.before} is shown"
    return ""


def _not_again(
    situation: Situation, room: RoomRecord, gentle: Mapping[str, Change], draft: Draft
) -> dict[str, Change]:
    """Leave out what was set a short while ago and did not stay: no war of PATCHes.

    Whether a person sets it back or an API only says that it took it, nobody can tell.
    """
    if room.updated_at is None:
        return dict(gentle)
    pause = min(_SAME_AGAIN * (1 << min(room.insisted, _DOUBLINGS)), _SAME_AGAIN_MOST)
    if situation.now >= room.updated_at + pause or situation.now < room.updated_at - AHEAD:
        return dict(gentle)
    again = {
        path
        for path, change in gentle.items()
        if path in room.applied and room.applied[path] == change.after
    }
    if again:
        names = ", ".join(sorted(again))
        reason = f"{names} was set a short while ago and did not stay"
        draft.hold("back-off", reason, room.updated_at + pause)
    return {path: change for path, change in gentle.items() if path not in again}


def differences(room: RoomRecord, seen: Observed, desired: Desired) -> dict[str, Change]:
    """What differs between a room and the wish, by path.

    Settings that the policy does not name are left as they are, unless our last wish named them:
    then a line that was taken out means the documented default.
    """
    wished: dict[str, Setting] = {
        path: SETTINGS[path].default for path in room.applied if path in SETTINGS
    }
    wished.update(desired.settings)
    changes = {
        path: Change(seen.settings.get(path, SETTINGS[path].default), value)
        for path, value in wished.items()
        if seen.settings.get(path, SETTINGS[path].default) != value
    }
    if seen.display_name != desired.display_name:
        changes["display_name"] = Change(seen.display_name, desired.display_name)
    if seen.type is not desired.type:
        changes["type"] = Change(str(seen.type), str(desired.type))
    return changes


def _line(desired: Desired, changes: Mapping[str, Change]) -> str:
    """The line of the policy that asks for a change, or what asks for the room at all."""
    return next(
        (desired.places[path] for path in changes if path in desired.places), desired.because
    )


def _replace(
    situation: Situation,
    room: RoomRecord,
    forced: Mapping[str, Change],
    desired: Desired,
    draft: Draft,
) -> bool:
    """Plan a replacement, or say what stands before it; true if it is planned."""
    names = ", ".join(forced)
    reason = f"{names} cannot be patched ({_line(desired, forced)})"
    action = Replace(
        room.id, MappingProxyType(dict(forced)), desired, situation.state.generation + 1, reason
    )
    by, why, until = _against_replacing(situation, room, desired)
    if by:
        draft.hold(by, f"{reason}; {why}", until, action)
        return False
    draft.do(action)
    return True


def _against_replacing(
    situation: Situation, room: RoomRecord, desired: Desired
) -> tuple[str, str, datetime | None]:
    """What stands before a replacement: one word, a sentence, and until when; or nothing."""
    use, now, world = situation.use(room.id), situation.now, situation.world
    unused_at = None if use.last_used_at is None else use.last_used_at + UNUSED_FOR
    waits = backoff.held_back(situation.state.creates, desired.digest, now)
    when_unused = desired.replace.mode is ReplaceMode.WHEN_UNUSED
    held = situation.held
    obstacles: tuple[tuple[bool, str, str, datetime | None], ...] = (
        (
            desired.replace.mode is ReplaceMode.NEVER,
            "replace-never",
            "replace: never keeps the room as it is",
            None,
        ),
        (situation.state.protect, "protected", "it is protected", None),
        (situation.state.dormant is not None, "dormant", "nobody uses it", None),
        (bool(situation.conflict), "conflict", situation.conflict, None),
        (situation.pending is not None, "settle", "an earlier one was not answered yet", None),
        (bool(situation.doubt), "doubt", situation.doubt, None),
        (bool(world.use_unread), "unknown-use", world.use_unread, None),
        (
            use.occupancy is Occupancy.OCCUPIED,
            "occupied",
            "somebody is inside",
            now + _LOOK_AGAIN,
        ),
        (
            when_unused and use.occupancy is Occupancy.UNKNOWN,
            "unknown-use",
            "whether it is used is not known here, and unknown counts as used",
            None,
        ),
        (
            when_unused and unused_at is not None and unused_at > now,
            "in-use",
            "it was used within the last seven days",
            unused_at,
        ),
        (waits is not None, "back-off", "its last room was made a short while ago", waits),
        # Last, so that a brake counts only what nothing else stands before.
        (
            held is not None,
            held.by if held else "",
            held.reason if held else "",
            held.until if held else None,
        ),
    )
    return next(
        ((by, why, until) for stands, by, why, until in obstacles if stands), ("", "", None)
    )


def plan_renewal(
    situation: Situation, room: RoomRecord, seen: Observed, desired: Desired, draft: Draft
) -> None:
    """Renew a room when it is due, or say when it will be."""
    if desired.occurrence is not None:
        _move_on(situation, room, seen, desired, draft)
        return
    if seen.expires_at is None or desired.lifetime is None or seen.type is RoomType.INSTANT:
        return
    now = situation.now
    if stays_dormant(situation, room, seen, desired, draft):
        return
    wished = _asked_by_a_person(situation, room, seen.expires_at, desired) or _change_lifetime(
        situation, room, seen.expires_at, desired
    )
    if wished is not None and _fulfil(situation, room, seen.expires_at, wished, draft):
        return
    due = renewal_time(
        room,
        seen.expires_at,
        desired.renewal,
        situation.key.encoded,
        situation.world.opening,
        now,
    )
    if falls_asleep(situation, room, desired, due, draft):
        return
    asked = asked_end(now, desired.lifetime)
    moment = due.moment
    if seen.expires_at <= now and room.renewed_at is not None:
        # Past its end only somebody inside keeps it open: what did not move that end once is
        # asked again, but not by the floor of a life that is no more, every minute.
        moment = max(moment, room.renewed_at + _PAST_END_AGAIN)
    if moment > now:
        draft.back_at(moment)
    elif asked <= seen.expires_at:
        # Somebody moved its end beyond what we would ask for; come when we can better it.
        longest = min(desired.lifetime, LONGEST_ASK)
        draft.back_at(max(seen.expires_at - longest, now) + timedelta(minutes=1))
    else:
        draft.do(Renew(room.id, seen.expires_at, asked, desired, due.why))


def _move_on(
    situation: Situation, room: RoomRecord, seen: Observed, desired: Desired, draft: Draft
) -> None:
    """Near the end of an occurrence's room: move it on while somebody is inside, and look again.

    At most one step in a few minutes, also where the API takes none.
    """
    now = situation.now
    if seen.expires_at is None or desired.occurrence is None:
        return
    look_at = seen.expires_at - LOOK_BEFORE
    if room.granted_at <= now + AHEAD:
        look_at = max(look_at, room.granted_at + LOOK_AGAIN)
    if look_at > now:
        draft.back_at(look_at)
        return
    asked = moved_end(desired.occurrence, seen.expires_at, now)
    if asked is not None and situation.use(room.id).occupancy is Occupancy.OCCUPIED:
        reason = "somebody is inside near the end of the occurrence"
        draft.do(Renew(room.id, seen.expires_at, asked, desired, reason, own=False))
        return
    draft.back_at(next_look(seen.expires_at, now))


def _asked_by_a_person(
    situation: Situation, room: RoomRecord, expires_at: datetime, desired: Desired
) -> Renew | None:
    """A person's wish for a renewal now, exempt from the floor."""
    ask = situation.state.asked
    if ask is None or desired.lifetime is None:
        return None
    asked = asked_end(situation.now, desired.lifetime)
    if asked <= expires_at:
        return None
    reason = f"{ask.actor} asked for it: {ask.reason}"
    return Renew(room.id, expires_at, asked, desired, reason, own=False, asked_by=ask.actor)


def _fulfil(
    situation: Situation, room: RoomRecord, expires_at: datetime, wished: Renew, draft: Draft
) -> bool:
    """Give somebody the end that they asked for; false where that has to wait."""
    if situation.world.apart and wished.after < expires_at:
        # By a clock that is behind the room would have minutes left.
        draft.hold("doubt", situation.world.apart, None, wished)
        return False
    again = asked_again(room, situation.now)
    if again is None:
        draft.do(wished)
        return True
    reason = f"{wished.reason}; it was renewed {ASKED_MOST} times in a day because of wishes"
    draft.hold("asked", reason, again, wished)
    return False


def _change_lifetime(
    situation: Situation, room: RoomRecord, expires_at: datetime, desired: Desired
) -> Renew | None:
    """A policy's new lifetime: one PATCH, exempt from the floor; shortening leaves the grace."""
    if desired.lifetime is None or room.lifetime in {None, desired.lifetime}:
        return None
    now = situation.now
    asked = asked_end(now, desired.lifetime)
    shorter = desired.lifetime < room.lifetime
    if shorter:
        asked = max(asked, now + min(desired.removal.grace, LONGEST_ASK))
    useful = asked < expires_at if shorter else asked > expires_at
    if not useful:
        return None
    line = desired.places.get("lifetime", desired.because)
    return Renew(
        room.id, expires_at, asked, desired, f"{line} asks for another lifetime", own=False
    )
