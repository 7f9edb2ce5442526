"""How much a room is used: its meetings, counted as the API's list of sessions tells of them.

The list reaches back for days only, so what it tells of a meeting that is over is added up in the
room's record, once.  Nothing is guessed: where the list was not read without a gap there may have
been more meetings, and where the API has no such list nobody knows how many there were.  Callbacks
are never counted here: each of them may have been lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain.facts import Fact, Json, RecordedFact
from orchestrator.domain.presence import Told
from orchestrator.domain.records import KeyState, RoomRecord, Tally
from orchestrator.domain.rooms import Session
from orchestrator.foundation.instants import format_instant

# A list may show a meeting later than one that ended after it, by so much and no more.
_LATE: Final = timedelta(hours=1)
# Wall and API time, and whole seconds: a reading so near a record's beginning leaves no gap.
_NEAR: Final = timedelta(minutes=2)
_HEARD: Final = frozenset({"session.started", "session.ended"})


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a room was used, the meeting that goes on now included.

    Attributes:
        sessions: how many meetings.
        minutes: how long they were, added up over their participants; None: not told of any.
        since: API time from which on they are counted.
        whole: there were no others; False: these at least.
    """

    sessions: int
    minutes: float | None
    since: datetime
    whole: bool = True


def uncounted(room: RoomRecord, told: Told | None) -> tuple[Session, ...]:
    """The meetings that are over and not in a room's tally yet, by their end."""
    if told is None:
        return ()
    tally = room.tally
    since = (room.watched_from or room.created_at) if tally is None else tally.until - _LATE
    counted = {} if tally is None else tally.lately
    found: dict[tuple[datetime, str], Session] = {}
    for one in told.over:
        end = one.ended_at
        if end is None or (since is not None and end <= since) or one.id in counted:
            continue
        if tally is not None and not one.id and end <= tally.until:
            continue  # without an id nothing else tells it from one that was counted
        found[end, one.id] = one
    return tuple(found[place] for place in sorted(found))


def counted(room: RoomRecord, told: Told | None) -> RoomRecord:
    """A room's record with the meetings that are over taken in."""
    for session in uncounted(room, told):
        room = replace(room, tally=_added(room, session))
    return room


def _added(room: RoomRecord, session: Session) -> Tally:
    end = session.ended_at or session.started_at
    tally = room.tally
    if tally is None:
        since = room.watched_from or room.created_at or session.started_at
        tally = Tally(since, end)
    return add(tally, session.id, end, session.minutes)


def add(tally: Tally, session_id: str, end: datetime, minutes: float | None) -> Tally:
    """A tally with one meeting more."""
    until = max(tally.until, end)
    lately = {one: at for one, at in tally.lately.items() if at > until - _LATE}
    if session_id and end > until - _LATE:
        lately[session_id] = end
    return replace(
        tally,
        until=until,
        sessions=tally.sessions + 1,
        minutes=round(tally.minutes + (minutes or 0.0), 2),
        untold=tally.untold + (minutes is None),
        lately=MappingProxyType(lately),
    )


def facts_of(state: KeyState, room: RoomRecord, told: Told | None, cause: str) -> list[Fact]:
    """One fact for each meeting that `counted` takes in, without the names of people."""
    since = room.tally.since if room.tally is not None else room.watched_from or room.created_at
    facts = []
    for session in uncounted(room, told):
        detail: dict[str, Json] = {
            "display_name": room.display_name,
            "session": session.id,
            "started_at": format_instant(session.started_at),
            "ended_at": format_instant(session.ended_at or session.started_at),
            "participants": session.participants,
            "minutes": session.minutes,
            "since": format_instant(since or session.started_at),
        }
        fact = Fact(
            "session.counted",
            key=state.key.encoded,
            room_id=room.id,
            cause=cause,
            detail=detail,
        )
        facts.append(fact)
    return facts


def usage(room: RoomRecord, told: Told | None, known_since: datetime | None) -> Usage | None:
    """How much a room was used; None where nobody knows.

    Args:
        room: its record, with what was counted before.
        told: what the last list of sessions told of it; None where the API has no such list, or it
            was not read since the start.
        known_since: API time from which on the list was read without a gap; None: it was not.
    """
    room = counted(room, told)
    tally, running = room.tally, () if told is None else told.open
    if tally is None:
        if told is None or known_since is None:
            return None
        since = max(known_since, room.watched_from or room.created_at or known_since)
        tally = Tally(since, since)
    sessions = tally.sessions + len(running)
    untold = tally.untold + sum(one.minutes is None for one in running)
    minutes = tally.minutes + sum(one.minutes or 0.0 for one in running)
    reaches = known_since is not None and known_since <= tally.since + _NEAR
    return Usage(
        sessions,
        None if sessions and untold == sessions else round(minutes, 2),
        tally.since,
        whole=reaches and not untold and told is not None,
    )


def heard_of(room_id: str, facts: Iterable[RecordedFact]) -> Usage | None:
    """How much a room was used by what callbacks told; None where they told of no meeting.

    Args:
        room_id: the room's.
        facts: of its key, as many as are kept, the oldest first.
    """
    met: set[str] = set()
    since: datetime | None = None
    for recorded in facts:
        if recorded.fact.room_id != room_id:
            continue
        since = since or recorded.ts
        if recorded.fact.event in _HEARD:
            met.add(str(recorded.fact.detail["session"]))
    return None if since is None or not met else Usage(len(met), None, since, whole=False)
