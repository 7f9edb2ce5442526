"""The table of recordings."""

import sqlite3
from datetime import timedelta
from typing import Final

from orchestrator.foundation.instants import from_milliseconds, to_milliseconds
from orchestrator.meetings_server.model.recordings import RUNNING, Recording, Status
from orchestrator.meetings_server.storage.columns import milliseconds, moment

_MILLISECOND: Final = timedelta(milliseconds=1)


class RecordingTable:
    """`RecordingRecords` in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Only as long as the transaction."""
        self._connection = connection

    def get(self, recording_id: str) -> Recording | None:
        row = self._connection.execute(
            "SELECT * FROM recording WHERE id = ? AND deleted_at IS NULL", (recording_id,)
        ).fetchone()
        return None if row is None else _recording(row)

    def of_session(self, session_id: str) -> tuple[Recording, ...]:
        rows = self._connection.execute(
            "SELECT * FROM recording WHERE session_id = ? AND deleted_at IS NULL ORDER BY serial",
            (session_id,),
        )
        return tuple(_recording(row) for row in rows)

    def running(self, session_id: str) -> tuple[Recording, ...]:
        return tuple(one for one in self.of_session(session_id) if one.status in RUNNING)

    def add(self, recording: Recording) -> None:
        self._connection.execute(
            "INSERT INTO recording (id, application_id, session_id, room_id, display_name, status, "
            "started_at, paused) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (
                recording.id,
                recording.application_id,
                recording.session_id,
                recording.room_id,
                recording.display_name,
                recording.status.value,
                to_milliseconds(recording.started_at),
            ),
        )

    def save(self, recording: Recording) -> None:
        self._connection.execute(
            "UPDATE recording SET status = ?, ended_at = ?, paused_at = ?, paused = ?, size = ?, "
            "deleted_at = ? WHERE id = ?",
            (
                recording.status.value,
                milliseconds(recording.ended_at),
                milliseconds(recording.paused_at),
                recording.paused // _MILLISECOND,
                recording.size,
                milliseconds(recording.deleted_at),
                recording.id,
            ),
        )

    def deleted(self) -> tuple[str, ...]:
        rows = self._connection.execute(
            "SELECT id FROM recording WHERE deleted_at IS NOT NULL ORDER BY serial"
        )
        return tuple(str(row["id"]) for row in rows)

    def without_content(self) -> tuple[str, ...]:
        rows = self._connection.execute(
            "SELECT id FROM recording WHERE deleted_at IS NULL AND status != ? ORDER BY serial",
            (Status.UPLOADED.value,),
        )
        return tuple(str(row["id"]) for row in rows)

    def forget(self, recording_id: str) -> None:
        self._connection.execute(
            "DELETE FROM recording WHERE id = ? AND deleted_at IS NOT NULL "
            "AND session_id NOT IN (SELECT id FROM session WHERE id = recording.session_id)",
            (recording_id,),
        )


def _recording(row: sqlite3.Row) -> Recording:
    return Recording(
        id=row["id"],
        application_id=row["application_id"],
        session_id=row["session_id"],
        room_id=row["room_id"],
        display_name=row["display_name"],
        started_at=from_milliseconds(row["started_at"]),
        status=Status(row["status"]),
        ended_at=moment(row["ended_at"]),
        paused_at=moment(row["paused_at"]),
        paused=row["paused"] * _MILLISECOND,
        size=row["size"],
        deleted_at=moment(row["deleted_at"]),
    )
