"""Pausing: what a freeze or a closed change window holds, until when, and what goes on.

`stops` is the one answer to what holds an act: the plan, ``why-not`` and the lines of ``plan`` say
what it says.  A pause puts off changes; it ends no link.  So these go on: pages (P10), a renewal in
the last twentieth of a room's life (P7), the rooms of people's meetings, a new room for one that is
gone, what a person asks for one room, and what stands in a reviewed plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.actions import (
    Action,
    Bury,
    Create,
    Delete,
    Hold,
    LetGo,
    Plan,
    Renew,
    Replace,
    Retire,
    Sleep,
    Update,
    Weight,
)
from orchestrator.domain.freezes import Freeze
from orchestrator.domain.keys import spread
from orchestrator.domain.records import RoomRecord
from orchestrator.domain.renewal import EMERGENCY_SHARE, granted_life
from orchestrator.domain.rooms import Change
from orchestrator.foundation.instants import format_duration, format_instant

FROZEN: Final = "frozen"
WINDOW: Final = "window"
PAUSED_BY: Final = frozenset({FROZEN, WINDOW})

NEVER: Final = "it waits for a reviewed plan"
CLOSED: Final = "the change window is closed"
_UNKNOWN: Final = "whether the change window is open is not known"
# What makes or betters a room comes within so long of an opening, each key at its own moment.
_CROWD: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pause:
    """Something that puts off all changes of a policy's rooms.

    Attributes:
        by: one word: frozen or window.
        until: API time; None: until somebody does something.
        all_acts: of a freeze: also what opens people's meetings and what replaces a lost room.
        strict: nothing passes but pages and what was reviewed.
        name: of a freeze: what it is called by.
    """

    by: str
    reason: str
    until: datetime | None = None
    all_acts: bool = False
    strict: bool = False
    name: str = ""

    def hold(self, action: Action | None = None) -> Hold:
        """What is held, as plans tell it."""
        return Hold(self.by, self.reason, self.until, action, self.name)


# What holds the other acts of a key for the moment in which a reviewed plan is carried out.
REVIEWING: Final = Pause("review", "it does not stand in the reviewed plan", strict=True)


def frozen_by(
    freezes: Iterable[Freeze], policy: str, now: datetime, formerly: Iterable[str] = ()
) -> Pause | None:
    """The freeze that holds a policy, by any of its names; of several the one that ends last.

    One whose time is over holds until its end is recorded, and names no moment to come back at.
    """
    found = [one for one in freezes if one.covers(policy, *formerly)]
    if not found:
        return None
    last = max(found, key=lambda one: one.until)
    reason = f"frozen by {last.actor}: {last.reason}"
    until = last.until if last.until > now else None
    all_acts = any(one.all_acts for one in found)
    return Pause(FROZEN, reason, until, all_acts, name=last.name)


def outside_of(
    opening: tuple[datetime, datetime] | None, now: datetime, apart: str
) -> Pause | None:
    """What holds outside of a change window; None within it.

    Args:
        opening: the first that has not closed at ``now``; None: there never is one.
        now: API time.
        apart: why the clock cannot be trusted, or an empty text.
    """
    if opening is None:
        return Pause(WINDOW, NEVER)
    if apart:
        return Pause(WINDOW, f"{_UNKNOWN}: {apart}")
    return Pause(WINDOW, CLOSED, opening[0]) if now < opening[0] else None


@dataclass(frozen=True, slots=True)
class Paused:
    """What one key's acts are judged by.

    Attributes:
        pause: what stands; None: nothing does.
        reviewed: the marks of acts that a person had reviewed and is having carried out now.
        of_page: its rooms are a page's.
        of_occurrence: its room is for a meeting whose time has come.
        latest: by room, when the last twentieth of its life begins.
        now: API time.
    """

    pause: Pause | None
    now: datetime
    reviewed: frozenset[str] = frozenset()
    of_page: bool = False
    of_occurrence: bool = False
    latest: Mapping[str, datetime] | None = None


def stops(paused: Paused, action: Action) -> Hold | None:
    """What a pause says against one act, and until when; None where it says nothing."""
    pause = paused.pause
    if pause is None or action.weight is Weight.NOTE or paused.of_page:
        return None
    if mark_of(action) in paused.reviewed:
        return None
    if pause.strict:
        return pause.hold(action)
    if isinstance(action, Create) and (action.lost or paused.of_occurrence):
        return pause.hold(action) if pause.all_acts else None
    if isinstance(action, Renew):
        return _against_renewing(paused, pause, action)
    return pause.hold(action)


def _against_renewing(paused: Paused, pause: Pause, action: Renew) -> Hold | None:
    """A renewal waits, unless its room would end of it, or people are in it or asked for it."""
    if action.asked_by or paused.of_occurrence:
        return None
    hold = pause.hold(action)
    latest = (paused.latest or {}).get(action.room_id)
    if latest is None or (action.before is not None and action.after <= action.before):
        return hold
    if paused.now >= latest:
        return None
    until = latest if hold.until is None else min(hold.until, latest)
    return replace(hold, until=until)


def pause_plan(paused: Paused, key: str, made: Plan) -> Plan:
    """A policy over plans: what a pause does not let through becomes a hold that says so."""
    if paused.pause is None:
        return made
    kept: list[Action] = []
    held: list[Hold] = []
    for action in made.actions:
        hold = stops(paused, action)
        if hold is None:
            kept.append(_all_the_same(action, paused.pause, paused))
        else:
            held.append(hold)
    moments = [_back_at(paused, paused.pause, key, hold) for hold in held]
    until = min((at for at in (made.until, *moments) if at is not None), default=None)
    return replace(made, actions=tuple(kept), holds=(*held, *made.holds), until=until)


def _back_at(paused: Paused, pause: Pause, key: str, hold: Hold) -> datetime | None:
    """When to look at a key again for what is held.

    What ends or changes links comes all at once, as one set for the brakes (P10); what makes or
    betters a room a little apart, but no renewal later than it may wait (P7).
    """
    opens, action = pause.until, hold.action
    gentle = action is not None and action.weight is Weight.GENTLE
    if hold.until is None or pause.by != WINDOW or hold.until != opens or not gentle:
        return hold.until
    back = hold.until + _CROWD * spread(f"{key}#changes")
    latest = None
    if isinstance(action, Renew):
        latest = (paused.latest or {}).get(action.room_id)
    return back if latest is None else min(back, latest)


def _all_the_same(action: Action, pause: Pause, paused: Paused) -> Action:
    """What is done in a pause says why it does not wait."""
    if paused.of_page or paused.of_occurrence or mark_of(action) in paused.reviewed:
        return action
    if isinstance(action, Renew) and not action.asked_by:
        why = "the last twentieth of its life has begun"
    elif isinstance(action, Create):
        why = "its link is dead already"
    else:
        return action
    return replace(action, reason=f"{action.reason}; {pause.reason}, but {why}")


def latest_renewal(room: RoomRecord, expires_at: datetime, now: datetime) -> datetime:
    """When the last twentieth of a room's life begins: then nothing puts its renewal off."""
    return expires_at - granted_life(room, expires_at, now) / EMERGENCY_SHARE


def mark_of(action: Action) -> str:
    """What an act is known by in a reviewed plan: 16 digits, and others for any other act.

    An act that is planned again later has the same mark, unless what it asks for, the room that it
    is about, or what that room shows is another.  Empty for what only changes our memory.
    """
    told = _told(action)
    if not told:
        return ""
    text = "\n".join((type(action).__name__.lower(), *told))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _told(action: Action) -> tuple[str, ...]:
    match action:
        case Create(desired=desired, lost=lost):
            return (desired.digest, str(lost))
        case Renew(room_id=room_id, before=before, desired=desired, own=own):
            life = "" if desired.lifetime is None else format_duration(desired.lifetime)
            return (room_id, _moment(before), life, str(own))
        case Update(room_id=room_id, changes=changes):
            return (room_id, *_changes(changes))
        case Replace(room_id=room_id, changes=changes, desired=desired):
            return (room_id, desired.digest, *_changes(changes))
        case Bury(room_id=room_id, mode=mode):
            return (room_id, str(mode))
        case Delete() | Retire() | LetGo() | Sleep():
            return (action.room_id,)
        case _:
            return ()


def _changes(changes: Mapping[str, Change]) -> tuple[str, ...]:
    return tuple(
        f"{path} {change.before!r} {change.after!r}" for path, change in sorted(changes.items())
    )


def _moment(at: datetime | None) -> str:
    return "" if at is None else format_instant(at)
