"""People who come and go.

Plain functions of one transaction; the table of the room's life decides what a step means, and
sessions are kept in accord with it.
"""

from dataclasses import replace
from datetime import datetime

from orchestrator.meetings_server.model import recordings
from orchestrator.meetings_server.model.life import Event, step
from orchestrator.meetings_server.model.refusals import Reason, Refused, not_found
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import Participant, Session
from orchestrator.meetings_server.ports import Records
from orchestrator.meetings_server.service.announcing import Announcer


def enter(
    records: Records, announcer: Announcer, room: Room, who: Participant, now: datetime
) -> tuple[Room, Participant]:
    """Let somebody in; `who.session_id` is the id of the session that begins if none runs.

    Raises:
        Refused: the room is over.
    """
    moved = step(room.life, Event.ENTERED, now)
    if moved is None:
        raise Refused(Reason.CONFLICT, f"Room {room.id} is no longer available")
    room = replace(room, life=moved[0])
    session = records.sessions.running(room.id)
    if session is None:
        session = Session(id=who.session_id, room_id=room.id, started_at=now)
        records.sessions.start(room, session)
        announcer.started(records, room, session, now)
    who = replace(who, session_id=session.id)
    records.sessions.enter(who)
    announcer.joined(records, room, who, now)
    records.rooms.save(room)
    return room, who


def leave(
    records: Records, announcer: Announcer, room: Room, participant_id: str, now: datetime
) -> Room:
    """See somebody out; the last one ends the session, and what records it.

    Raises:
        Refused: nobody of that id is inside.
    """
    session = records.sessions.running(room.id)
    present = records.sessions.present(session) if session is not None else ()
    leaving = [who for who in present if who.id == participant_id]
    if session is None or not leaving:
        message = f"Participant {participant_id} is not in room {room.id}"
        raise Refused(Reason.NOT_FOUND, message)
    records.sessions.leave(leaving[0], now)
    announcer.left(records, room, leaving[0], now)
    if len(present) > 1:
        return room
    _end(records, announcer, room, session, now)
    return _moved(records, room, Event.EMPTIED, now)


def clear(records: Records, announcer: Announcer, room: Room, now: datetime) -> Room:
    """See everybody out, which ends the session; nothing happens where none runs."""
    if not _seen_out(records, announcer, room, now):
        return room
    return _moved(records, room, Event.EMPTIED, now)


def remove(records: Records, announcer: Announcer, room: Room, now: datetime) -> Room:
    """Delete a room; whoever is inside is seen out first.

    Raises:
        Refused: it has been deleted before.
    """
    _seen_out(records, announcer, room, now)
    return _moved(records, room, Event.REMOVED, now)


def _seen_out(records: Records, announcer: Announcer, room: Room, now: datetime) -> bool:
    session = records.sessions.running(room.id)
    if session is None:
        return False
    for who in records.sessions.present(session):
        records.sessions.leave(who, now)
        announcer.left(records, room, who, now)
    _end(records, announcer, room, session, now)
    return True


def _end(
    records: Records, announcer: Announcer, room: Room, session: Session, now: datetime
) -> None:
    for running in records.recordings.running(session.id):
        stopped = recordings.moved(running, recordings.Act.STOP, now)
        records.recordings.save(stopped)
        announcer.recording_ended(records, stopped, now)
    records.sessions.end(session, now)
    announcer.ended(records, room, session, now)


def _moved(records: Records, room: Room, event: Event, now: datetime) -> Room:
    moved = step(room.life, event, now)
    if moved is None:
        raise not_found(room.id)
    room = replace(room, life=moved[0])
    records.rooms.save(room)
    return room
