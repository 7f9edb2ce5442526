"""Showing: actions, holds and states as the lines that people read. Pure; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

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
    Hold,
    LetGo,
    Miss,
    Note,
    Plan,
    Renew,
    Replace,
    Restore,
    Resume,
    Retire,
    Sleep,
    Update,
    Wake,
)
from orchestrator.domain.pausing import FROZEN, mark_of
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState, Role, RoomRecord
from orchestrator.domain.reports import (
    ChangeLine,
    DormantRow,
    LinkFate,
    NextAct,
    PlanLine,
    RoomRow,
    SuspendedRow,
)
from orchestrator.domain.rooms import Change, Occupancy, RoomType
from orchestrator.domain.situation import Use
from orchestrator.domain.usage import Usage
from orchestrator.foundation.instants import format_duration, format_instant
from orchestrator.foundation.pasting import shell_word

# Holds of a key whose turn is still to come: nothing stands in its way.
_UNSEEN: Final = frozenset({"first-listing", "not-seen", "theme"})
# What only changes our memory and tells nobody anything is not shown.
_SILENT: Final = (Miss, Find, Note, Abandon, Resume, Forget)
_ORDER: Final = (
    "delete",
    "retire",
    "bury",
    "let-go",
    "sleep",
    "close",
    "replace",
    "move",
    "adopt",
    "restore",
    "wake",
    "create",
    "renew",
    "update",
)


def in_order(lines: list[PlanLine]) -> tuple[PlanLine, ...]:
    """What ends links first, then what changes them, then the rest; by key within."""
    return tuple(sorted(lines, key=lambda line: (_ORDER.index(line.action), line.key)))


def plan_line(state: KeyState, action: Action) -> PlanLine | None:
    """One action as a line; None for those that tell nobody anything."""
    if isinstance(action, _SILENT):
        return None
    line = PlanLine(
        action=word_of(action),
        key=str(state.key),
        reason=action.reason,
        calls=action.calls,
        room_id=_room_id(action),
        display_name=_name(state, action),
        link=_fate(state, action),
        mark=mark_of(action),
    )
    match action:
        case Create(desired=desired):
            lifetime = "" if desired.lifetime is None else format_duration(desired.lifetime)
            if desired.occurrence is not None:
                lifetime = f"until {desired.occurrence.stays:%Y-%m-%d %H:%MZ}"
            kind = ChangeLine("type", "", " ".join(filter(None, (str(desired.type), lifetime))))
            return replace(line, changes=(kind,))
        case Update(changes=changes) | Replace(changes=changes):
            return replace(line, changes=_changes(changes))
        case Renew(before=before, after=after) | Retire(before=before, after=after):
            change = ChangeLine("expires_at", _text(before), _text(after))
            return replace(line, changes=(change,), when=after)
        case Bury(due=due):
            return replace(line, when=due)
        case LetGo(room_id=room_id) | Sleep(room_id=room_id):
            return replace(line, when=_end_of(state, room_id))
        case Adopt() | Restore() | Wake() | Close() | Delete():
            return line
        case Miss() | Find() | Note() | Abandon() | Resume() | Forget():
            return None
        case _:
            assert_never(action)


def word_of(action: Action) -> str:
    """What plans, audit and JSON call an action."""
    return "let-go" if isinstance(action, LetGo) else type(action).__name__.lower()


def _room_id(action: Action) -> str:
    match action:
        case Create() | Forget() | Abandon() | Resume() | Wake():
            return ""
        case Adopt(room=room) | Note(room=room):
            return room.id
        case _:
            return action.room_id


def _name(state: KeyState, action: Action) -> str:
    match action:
        case Create(desired=desired) | Replace(desired=desired):
            return desired.display_name
        case Adopt(room=room):
            return room.display_name
        case _:
            room_id = _room_id(action)
            return next((room.display_name for room in state.rooms if room.id == room_id), "")


def _fate(state: KeyState, action: Action) -> LinkFate:
    current = state.current
    of_current = current is not None and _room_id(action) == current.id
    match action:
        case Create():
            return LinkFate.CHANGES if action.lost else LinkFate.NEW
        case Replace():
            return LinkFate.CHANGES
        case Delete() | Retire() | Bury() | LetGo() | Sleep() | Close():
            return LinkFate.ENDS if of_current else LinkFate.STAYS
        case _:
            return LinkFate.STAYS


def _end_of(state: KeyState, room_id: str) -> datetime | None:
    return next((room.expires_at for room in state.rooms if room.id == room_id), None)


def _changes(changes: Mapping[str, Change]) -> tuple[ChangeLine, ...]:
    return tuple(
        ChangeLine(path, _text(change.before), _text(change.after))
        for path, change in changes.items()
    )


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def held_line(state: KeyState, hold: Hold) -> PlanLine | None:
    """A hold as a line; None where nothing would be done even without it."""
    line = None if hold.action is None else plan_line(state, hold.action)
    if line is None:
        return None
    return replace(
        line,
        held_by=hold.by,
        held_why=hold.reason,
        hint=hint(state, hold),
        when=hold.until or line.when,
    )


def hint(state: KeyState, hold: Hold) -> str:
    """A command that answers what stands in the way."""
    key = shell_word(state.key)
    if hold.by == "look-alike":
        room = shell_word(hold.reason.rpartition("(")[2].rstrip(")"))
        return (
            f"the same?  room-orchestrator rooms adopt {room} {key} --reason …    "
            f"not?  room-orchestrator rooms distinct {room} {key} --reason …"
        )
    if hold.by == "dormant":
        return f"room-orchestrator rooms renew {key} --reason …"
    if hold.by == "suspended":
        return f"room-orchestrator rooms resume {key} --reason …"
    if hold.by == FROZEN:
        return f"room-orchestrator unfreeze {hold.name} --reason …"
    if hold.by == "brake":
        brake = hold.reason.removeprefix("brake ").partition(":")[0]
        return f"room-orchestrator rooms approve {brake} --reason …"
    return ""


def standing_line(state: KeyState) -> PlanLine | None:
    """A removal that is decided and waits."""
    current, tombstone = state.current, state.tombstone
    if current is None or tombstone is None:
        return None
    return PlanLine(
        action="bury",
        key=str(state.key),
        reason=tombstone.reason,
        room_id=current.id,
        display_name=current.display_name,
        link=LinkFate.ENDS,
        when=tombstone.due,
    )


def next_act(state: KeyState, made: Plan | None, due: datetime | None) -> NextAct | None:
    """What comes next for a key, if it is known."""
    if due is None:
        return None
    key = str(state.key)
    if state.suspended is not None:
        return NextAct(state.suspended.until, key, "resume")
    if state.tombstone is not None:
        return NextAct(due, key, "end")
    if state.dormant is not None:
        end = None if state.current is None else state.current.expires_at
        return None if end is None else NextAct(end, key, "ends, dormant")
    if state.current is None:
        return NextAct(due, key, _next_without_room(state))
    if made is not None and any(hold.by == "back-off" for hold in made.holds):
        return NextAct(due, key, "try again")
    superseded = [room.end_due for room in state.rooms if room.end_due is not None]
    # The agenda goes by the wall clock, the overlap by API time: they are minutes apart at most.
    if superseded and due >= min(superseded) - timedelta(minutes=5):
        return NextAct(due, key, "end the replaced room")
    if state.frozen is not None:
        return NextAct(state.current.expires_at or due, key, "end")
    if state.current.type is RoomType.LONG_TERM:
        return NextAct(due, key, "renew")
    return NextAct(due, key, "look again")


def _next_without_room(state: KeyState) -> str:
    roles = {room.role for room in state.rooms}
    if Role.ENDING in roles:
        return "ends by itself"
    return "end the replaced room" if Role.SUPERSEDED in roles else "try again"


def room_row(
    state: KeyState, room: RoomRecord, use: Use, holds: tuple[Hold, ...], coming: NextAct | None
) -> RoomRow:
    """One room of ours as a row."""
    return RoomRow(
        key=str(state.key),
        state=state_word(state, room, use),
        room_id=room.id,
        display_name=room.display_name,
        type=str(room.type),
        guest_url=room.guest_url if room.role is not Role.DUPLICATE else "",
        meeting_code=room.meeting_code,
        expires_at=room.expires_at,
        created_at=room.created_at,
        adopted=room.adopted,
        generation=room.generation,
        protected=state.protect,
        next_act=coming if room.role is Role.CURRENT else None,
        held=tuple(dict.fromkeys(f"{hold.by}: {hold.reason}" for hold in holds)),
        policy=state.key.policy,
        use=str(use.occupancy),
        use_by=_by(use),
        last_used_at=use.last_used_at,
        suspended_until=None if state.suspended is None else state.suspended.until,
    )


def with_usage(row: RoomRow, usage: Usage | None) -> RoomRow:
    """A row that tells how much its room was used, as far as anybody knows."""
    if usage is None:
        return row
    return replace(
        row,
        sessions=usage.sessions,
        participant_minutes=usage.minutes,
        counted_since=usage.since,
        counted_whole=usage.whole,
    )


def ends_while_suspended(row: RoomRow) -> bool:
    """Whether nothing will renew a room before its end, by a person's word."""
    until, end = row.suspended_until, row.expires_at
    return until is not None and end is not None and end <= until


def dormant_row(state: KeyState) -> DormantRow | None:
    """A key whose room nobody uses."""
    if state.dormant is None:
        return None
    end = None if state.current is None else state.current.expires_at
    return DormantRow(str(state.key), state.dormant.unused_since, end)


def suspended_row(state: KeyState) -> SuspendedRow | None:
    """A key for which nothing is done, and whether its room ends meanwhile."""
    suspension, current = state.suspended, state.current
    if suspension is None:
        return None
    end = None if current is None else current.expires_at
    return SuspendedRow(
        str(state.key),
        suspension.until,
        suspension.actor,
        suspension.reason,
        end if end is not None and end <= suspension.until else None,
    )


def _by(use: Use) -> str:
    """On whose word a room is occupied or empty."""
    if use.occupancy is Occupancy.UNKNOWN:
        return ""
    return "callbacks" if use.heard else "GET /sessions"


def absent_row(
    state: KeyState, holds: tuple[Hold, ...], coming: NextAct | None, mode: Mode
) -> RoomRow:
    """A wanted room that is not there."""
    name = state.wish.display_name if state.wish is not None else ""
    return RoomRow(
        key=str(state.key),
        state=word_without_room(state, holds, mode),
        display_name=name,
        type=str(state.wish.type) if state.wish is not None else "",
        next_act=coming,
        held=tuple(dict.fromkeys(f"{hold.by}: {hold.reason}" for hold in holds)),
        policy=state.key.policy,
        protected=state.protect,
        suspended_until=None if state.suspended is None else state.suspended.until,
    )


def word_without_room(state: KeyState, holds: tuple[Hold, ...], mode: Mode) -> str:
    """How a wanted room is that is not there, in a word.

    Idle and withheld are meant: nobody needs another room on the page, or the mode makes none.
    """
    if state.dormant is not None:
        return "dormant"
    if any(hold.by == "idle" for hold in holds):
        return "idle"
    if mode is Mode.OBSERVE:
        return "withheld"
    return "held" if any(hold.by not in _UNSEEN for hold in holds) else "waiting"


def state_word(state: KeyState, room: RoomRecord, use: Use) -> str:
    """How a room of ours is, in a word."""
    if room.role is not Role.CURRENT:
        return str(room.role)
    if room.missing_since is not None:
        return "missing"
    if state.tombstone is not None:
        return "ending"
    if use.occupancy is Occupancy.OCCUPIED:
        return "occupied"
    return "open" if state.dormant is None else "dormant"
