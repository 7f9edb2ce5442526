"""The table of events that are not delivered yet."""

import sqlite3
from datetime import datetime

from orchestrator.foundation.instants import from_milliseconds, to_milliseconds
from orchestrator.meetings_server.model.events import Callback
from orchestrator.meetings_server.storage.columns import moment


class CallbackTable:
    """`CallbackRecords` in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Only as long as the transaction."""
        self._connection = connection

    def add(self, callback: Callback) -> None:
        self._connection.execute(
            "INSERT INTO callback "
            "(application_id, room_id, metadata, url, body, created_at, next_at, attempts) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                callback.application_id,
                callback.room_id,
                callback.metadata,
                callback.url,
                callback.body,
                to_milliseconds(callback.created_at),
                to_milliseconds(callback.next_at),
                callback.attempts,
            ),
        )

    def due(self, now: datetime, limit: int) -> tuple[Callback, ...]:
        rows = self._connection.execute(
            "SELECT * FROM callback WHERE next_at <= ? ORDER BY next_at, id LIMIT ?",
            (to_milliseconds(now), limit),
        )
        return tuple(
            Callback(
                application_id=row["application_id"],
                room_id=row["room_id"],
                metadata=row["metadata"],
                url=row["url"],
                body=row["body"],
                created_at=from_milliseconds(row["created_at"]),
                next_at=from_milliseconds(row["next_at"]),
                attempts=row["attempts"],
                id=row["id"],
            )
            for row in rows
        )

    def next_due(self) -> datetime | None:
        return moment(self._connection.execute("SELECT min(next_at) FROM callback").fetchone()[0])

    def postpone(self, callback: Callback) -> None:
        self._connection.execute(
            "UPDATE callback SET attempts = ?, next_at = ? WHERE id = ?",
            (callback.attempts, to_milliseconds(callback.next_at), callback.id),
        )

    def drop(self, callback: Callback) -> None:
        self._connection.execute("DELETE FROM callback WHERE id = ?", (callback.id,))
