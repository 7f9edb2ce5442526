"""Who is in a room: what callbacks told, in whatever order they came, and what the API lists.

A callback may be lost, doubled, late or overtaken by another.  So a session that was heard of is
open until somebody says that it ended, or until it gave no sign of life for too long (promise P5);
and one that ended stays ended, whatever arrives afterwards.  Callbacks alone never prove that a
room is empty: the one that told of the next session may have been lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import Final, assert_never

from orchestrator.domain.records import RoomRecord
from orchestrator.domain.rooms import AHEAD, Occupancy, Session
from orchestrator.domain.situation import UNKNOWN_USE, Use

# Ended sessions are remembered against what arrives late; a sender tries for a day at most.
REMEMBERED: Final = timedelta(hours=25)
_REMEMBERED_MOST: Final = 256  # in one room
# Open in one room at once, with those whose end was lost: whoever knows where callbacks are sent
# can tell of as many as they like.
_OPEN_MOST: Final = 32
_TO_THE_DAY: Final = timedelta(days=1)
_TO_THE_HOUR: Final = timedelta(hours=1)


class Event(StrEnum):
    """The events of the API (the API notes, 9.2), and everything else as one."""

    ROOM_EXPIRED = "room:expired"
    SESSION_STARTED = "session:started"
    SESSION_ENDED = "session:ended"
    PARTICIPANT_JOINED = "session:participant:joined"
    PARTICIPANT_LEFT = "session:participant:left"
    RECORDING_STARTED = "recording:started"
    RECORDING_ENDED = "recording:ended"
    RECORDING_UPLOADED = "recording:uploaded"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Callback:
    """What one callback says. Names of participants are left out: nobody here needs them.

    Attributes:
        room_id, session_id, participant_id, recording_id: empty where the event has none.
        started_at, ended_at: API time (UTC); None where the event has none.
    """

    event: Event
    room_id: str = ""
    session_id: str = ""
    participant_id: str = ""
    recording_id: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that was heard of and not heard to have ended.

    Attributes:
        sign_at: API time of its last sign of life.
    """

    started_at: datetime | None
    sign_at: datetime


@dataclass(frozen=True, slots=True)
class Presence:
    """What callbacks told of one room.

    Attributes:
        open: by session id.
        ended: by session id, when that was heard (API time).
        last_used_at: the last moment at which somebody was known to be inside (API time).
    """

    open: Mapping[str, OpenSession] = field(default_factory=lambda: MappingProxyType({}))
    ended: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    last_used_at: datetime | None = None


class News(Enum):
    """What a callback told that was not known."""

    NOTHING = auto()
    STARTED = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Told:
    """What ``GET /sessions`` told of one room.

    Attributes:
        open: sessions without an end.
        over: those with one.
    """

    open: tuple[Session, ...] = ()
    over: tuple[Session, ...] = ()
    last_used_at: datetime | None = None

    @property
    def ended(self) -> frozenset[str]:
        """The ids of those that are over."""
        return frozenset(one.id for one in self.over if one.id)


def hear(before: Presence, callback: Callback, now: datetime) -> tuple[Presence, News]:
    """Take in one callback about a room.

    Args:
        before: what was heard so far.
        callback: any event; those that tell of no session change nothing.
        now: API time at which it came.
    """
    match callback.event:
        case Event.SESSION_STARTED:
            # It tells of then, not of now: a late one must not hold a room for longer.
            return _alive(before, callback, min(callback.started_at or now, now))
        case Event.PARTICIPANT_JOINED | Event.PARTICIPANT_LEFT:
            # A last one may have left, but those whose joining was lost are still inside.
            return _alive(before, callback, now)
        case Event.SESSION_ENDED:
            return _over(before, callback, now)
        case (
            Event.ROOM_EXPIRED
            | Event.RECORDING_STARTED
            | Event.RECORDING_ENDED
            | Event.RECORDING_UPLOADED
            | Event.OTHER
        ):
            return before, News.NOTHING
        case _:
            assert_never(callback.event)


def _alive(before: Presence, callback: Callback, sign_at: datetime) -> tuple[Presence, News]:
    session_id = callback.session_id
    if session_id in before.ended:
        return before, News.NOTHING
    known = before.open.get(session_id)
    session = OpenSession(callback.started_at, sign_at)
    if known is not None:
        session = OpenSession(known.started_at or callback.started_at, max(known.sign_at, sign_at))
    sessions = {**before.open, session_id: session}
    if len(sessions) > _OPEN_MOST:
        # The one that was silent for longest; those that are left hold the room for longer.
        del sessions[min(sessions, key=lambda name: sessions[name].sign_at)]
    after = replace(
        before,
        open=MappingProxyType(sessions),
        last_used_at=latest(before.last_used_at, sign_at),
    )
    return after, News.NOTHING if known is not None else News.STARTED


def _over(before: Presence, callback: Callback, now: datetime) -> tuple[Presence, News]:
    session_id = callback.session_id
    # An end without an id may be any session's: it ends none, and none that begins later.
    if not session_id or session_id in before.ended:
        return before, News.NOTHING
    kept = [(name, at) for name, at in before.ended.items() if now - at < REMEMBERED]
    ended = dict(kept[-_REMEMBERED_MOST + 1 :])
    after = Presence(
        open=MappingProxyType(
            {name: session for name, session in before.open.items() if name != session_id}
        ),
        ended=MappingProxyType({**ended, session_id: now}),
        last_used_at=latest(before.last_used_at, min(callback.ended_at or now, now)),
    )
    return after, News.ENDED


def told(sessions: Sequence[Session], now: datetime) -> dict[str, Told]:
    """What a listing of sessions tells, room by room."""
    rooms: dict[str, list[Session]] = {}
    for session in sessions:
        rooms.setdefault(session.room_id, []).append(session)
    return {
        room_id: Told(
            open=tuple(one for one in group if one.ended_at is None),
            over=tuple(one for one in group if one.ended_at is not None),
            last_used_at=max(one.ended_at or now for one in group),
        )
        for room_id, group in rooms.items()
    }


def both_told(one: Told, other: Told) -> Told:
    """Two words of one room of which nobody knows which is the younger.

    Who is inside by either is inside, unless the other says that that session is over.
    """
    ended = one.ended | other.ended
    sessions = {(it.id, it.started_at): it for it in (*one.open, *other.open)}
    over = {(it.id, it.started_at): it for it in (*one.over, *other.over)}
    return Told(
        open=tuple(it for it in sessions.values() if not it.id or it.id not in ended),
        over=tuple(over.values()),
        last_used_at=latest(one.last_used_at, other.last_used_at),
    )


def use_of(
    listed: Told | None, heard: Presence | None, now: datetime, occupied_max: timedelta
) -> Use:
    """How a room is used, by both words.

    Args:
        listed: what the API's listing of sessions told; None where the API does not tell.
        heard: what callbacks told; None where none told of this room.
        now: API time.
        occupied_max: for how long a session without a sign of life holds its room.
    """
    heard = heard or Presence()
    if listed is None:
        if not (heard.open or heard.last_used_at):
            return UNKNOWN_USE
        listed, alone = Told(), True
    else:
        alone = False
    last_used_at = latest(heard.last_used_at, listed.last_used_at)
    # Of each session the younger word: one that either says to have ended is over.
    shown = [one for one in listed.open if now - one.started_at < occupied_max]
    if any(not one.id or one.id not in heard.ended for one in shown):
        return Use(Occupancy.OCCUPIED, last_used_at)
    told_of = (one for name, one in heard.open.items() if name not in listed.ended)
    if any(now - one.sign_at < occupied_max for one in told_of):
        return Use(Occupancy.OCCUPIED, last_used_at, heard=True)
    # Empty against the API's own list is empty as far as was heard, and no more.
    return Use(Occupancy.EMPTY, last_used_at, heard=alone or bool(shown))


def recalled(use: Use, recorded: datetime | None, *, hearing: bool) -> Use:
    """A use together with what the store recorded of it.

    Args:
        use: what is known since the start.
        recorded: when the room was last used, by an earlier word.
        hearing: callbacks have come since the start, so silence about this room means something.
    """
    last_used_at = latest(use.last_used_at, recorded)
    if use.occupancy is Occupancy.UNKNOWN and recorded is not None and hearing:
        return Use(Occupancy.EMPTY, last_used_at, heard=True)
    return replace(use, last_used_at=last_used_at)


def recorded_use(room: RoomRecord, use: Use) -> RoomRecord:
    """The record with its last use; while somebody is inside to the hour, which spares writing."""
    last = use.last_used_at
    if last is None or last == room.last_used_at:
        return room
    is_inside = use.occupancy is Occupancy.OCCUPIED
    if room.last_used_at is not None and is_inside and last - room.last_used_at < _TO_THE_HOUR:
        return room
    return replace(room, last_used_at=last)


def watched_use(room: RoomRecord, use: Use, now: datetime) -> RoomRecord:
    """The record of a room with a session that has no end, however old it is: to the day.

    The API lists such a session for a time only; afterwards the room was used until then.
    """
    if not use.lasting or (room.watched_from is not None and now - room.watched_from < _TO_THE_DAY):
        return room
    return replace(room, watched_from=now)


def last_use(room: RoomRecord, use: Use) -> datetime | None:
    """The last moment at which somebody was known to be inside, by record or present word."""
    return latest(room.last_used_at, use.last_used_at)


def redated(room: RoomRecord, now: datetime) -> RoomRecord:
    """The record without moments to come, which a clock that was wrong wrote; they count as now."""
    return replace(
        room,
        last_used_at=_not_ahead(room.last_used_at, now),
        watched_from=_not_ahead(room.watched_from, now),
    )


def reheard(heard: Presence, now: datetime) -> Presence:
    """What was heard without moments to come, as above: who was heard of then is held anew."""
    sessions = {
        name: replace(one, sign_at=_not_ahead(one.sign_at, now) or now)
        for name, one in heard.open.items()
    }
    last = _not_ahead(heard.last_used_at, now)
    return replace(heard, open=MappingProxyType(sessions), last_used_at=last)


def _not_ahead(moment: datetime | None, now: datetime) -> datetime | None:
    return now if moment is not None and moment > now + AHEAD else moment


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two moments, either of which may be unknown."""
    return max((moment for moment in (one, other) if moment is not None), default=None)
