"""The tables of sessions and participants."""

import sqlite3
from datetime import datetime
from typing import Final

from orchestrator.foundation.instants import from_milliseconds, to_milliseconds
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import (
    Participant,
    Session,
    SessionPage,
    SessionQuery,
    SessionRecord,
)
from orchestrator.meetings_server.storage.columns import milliseconds, moment

# Deleted recordings count: the session was recorded.
_RECORDED: Final = "EXISTS (SELECT 1 FROM recording WHERE session_id = session.id)"
_MATCHING: Final = f"""
FROM session
WHERE application_id = :application
  AND (:room_id IS NULL OR room_id = :room_id)
  AND (:until IS NULL OR started_at <= :until)
  AND (:since IS NULL OR ended_at IS NULL OR ended_at >= :since)
  AND (:recorded IS NULL OR :recorded = {_RECORDED})
"""
_PAGE: Final = f"""
SELECT session.*,
    (SELECT count(*) FROM participant WHERE session_id = session.id) AS participants,
    (SELECT total(coalesce(left_at, :now) - joined_at)
     FROM participant WHERE session_id = session.id) AS billed,
    {_RECORDED} AS is_recorded,
    (SELECT total(coalesce(paused_at, ended_at, :now) - started_at - paused)
     FROM recording WHERE session_id = session.id) AS recorded
{_MATCHING}
ORDER BY started_at, serial LIMIT :limit OFFSET :offset
"""  # noqa: S608 - both parts are constants
_COUNT: Final = f"SELECT count(*) {_MATCHING}"
_A_MINUTE: Final = 60_000
_HIGHEST: Final = 2**63 - 1


class SessionTable:
    """`SessionRecords` in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Only as long as the transaction."""
        self._connection = connection

    def running(self, room_id: str) -> Session | None:
        row = self._connection.execute(
            "SELECT * FROM session WHERE room_id = ? AND ended_at IS NULL", (room_id,)
        ).fetchone()
        if row is None:
            return None
        return Session(
            id=row["id"], room_id=row["room_id"], started_at=from_milliseconds(row["started_at"])
        )

    def application(self, session_id: str) -> str | None:
        row = self._connection.execute(
            "SELECT application_id FROM session WHERE id = ?", (session_id,)
        ).fetchone()
        return None if row is None else str(row[0])

    def start(self, room: Room, session: Session) -> None:
        self._connection.execute(
            "INSERT INTO session (id, room_id, application_id, room_display_name, started_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                session.id,
                room.id,
                room.application_id,
                room.display_name,
                to_milliseconds(session.started_at),
            ),
        )

    def end(self, session: Session, at: datetime) -> None:
        self._connection.execute(
            "UPDATE session SET ended_at = ? WHERE id = ?", (to_milliseconds(at), session.id)
        )

    def enter(self, participant: Participant) -> None:
        self._connection.execute(
            "INSERT INTO participant (id, session_id, name, is_host, joined_at, is_live) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                participant.id,
                participant.session_id,
                participant.name,
                participant.is_host,
                to_milliseconds(participant.joined_at),
                participant.is_live,
            ),
        )

    def leave(self, participant: Participant, at: datetime) -> None:
        self._connection.execute(
            "UPDATE participant SET left_at = ? WHERE id = ?",
            (to_milliseconds(at), participant.id),
        )

    def present(self, session: Session) -> tuple[Participant, ...]:
        rows = self._connection.execute(
            "SELECT * FROM participant WHERE session_id = ? AND left_at IS NULL "
            "ORDER BY joined_at, rowid",
            (session.id,),
        )
        return tuple(_participant(row) for row in rows)

    def with_live(self) -> tuple[str, ...]:
        rows = self._connection.execute(
            "SELECT DISTINCT session.room_id FROM participant "
            "JOIN session ON session.id = participant.session_id "
            "WHERE is_live = 1 AND left_at IS NULL ORDER BY session.serial"
        )
        return tuple(str(row["room_id"]) for row in rows)

    def page(self, application_id: str, query: SessionQuery, now: datetime) -> SessionPage:
        values = {
            "application": application_id,
            "room_id": query.room_id,
            "since": milliseconds(query.since),
            "until": milliseconds(query.until),
            "recorded": query.recorded,
            "now": to_milliseconds(now),
            "limit": query.limit,
            "offset": min(query.offset, _HIGHEST),
        }
        rows = self._connection.execute(_PAGE, values)
        return SessionPage(
            tuple(_record(row) for row in rows),
            int(self._connection.execute(_COUNT, values).fetchone()[0]),
        )


def _participant(row: sqlite3.Row) -> Participant:
    return Participant(
        id=row["id"],
        session_id=row["session_id"],
        name=row["name"],
        is_host=bool(row["is_host"]),
        joined_at=from_milliseconds(row["joined_at"]),
        is_live=bool(row["is_live"]),
    )


def _record(row: sqlite3.Row) -> SessionRecord:
    return SessionRecord(
        id=row["id"],
        room_id=row["room_id"],
        room_display_name=row["room_display_name"],
        started_at=from_milliseconds(row["started_at"]),
        ended_at=moment(row["ended_at"]),
        participants=row["participants"],
        billed_minutes=row["billed"] / _A_MINUTE,
        is_recorded=bool(row["is_recorded"]),
        recorded_minutes=row["recorded"] / _A_MINUTE,
    )
