"""The table of rooms."""

import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Final

from orchestrator.foundation.instants import to_milliseconds
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.ports import RoomPage, RoomQuery
from orchestrator.meetings_server.storage.columns import (
    changing_columns,
    fixed_columns,
    moment,
    room_of,
)

_LISTED: Final = "WHERE application_id = :application AND phase <> 'deleted'"
_OF_THEME: Final = f"{_LISTED} AND theme_id = :theme"
# An ending room has ended_at too, and is still needed.
_OVER: Final = "FROM room WHERE ended_at IS NOT NULL AND phase IN ('expired', 'deleted')"
# Beyond what SQLite's integers hold nothing is stored, so the ends of their range will do.
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1


class RoomTable:
    """`RoomRecords` in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Only as long as the transaction."""
        self._connection = connection

    def get(self, room_id: str) -> Room | None:
        return self._one("SELECT * FROM told_room WHERE id = ? AND phase <> 'deleted'", room_id)

    def kept(self, room_id: str) -> Room | None:
        return self._one("SELECT * FROM told_room WHERE id = ?", room_id)

    def linked(self, guest_token: str) -> Room | None:
        return self._one("SELECT * FROM told_room WHERE guest_token = ?", guest_token)

    def page(self, application_id: str, query: RoomQuery) -> RoomPage:
        listed = _LISTED if query.theme_id is None else _OF_THEME
        rows = self._connection.execute(
            f"SELECT * FROM told_room {listed} AND serial >= :start AND serial < :end "  # noqa: S608
            "ORDER BY serial LIMIT :limit",
            {
                "application": application_id,
                "theme": query.theme_id,
                "start": _bounded(query.start, _LOWEST),
                "end": _bounded(query.end, _HIGHEST),
                "limit": query.limit + 1,
            },
        ).fetchall()
        page = rows[: query.limit]
        return RoomPage(
            rooms=tuple(room_of(row) for row in page),
            total=self._total(application_id, query.theme_id),
            previous=self._previous(application_id, page[0]["serial"], query)
            if page and query.start is not None  # before the very beginning there is nothing
            else None,
            has_next=len(rows) > query.limit,
        )

    def all(self) -> tuple[Room, ...]:
        rows = self._connection.execute("SELECT * FROM told_room ORDER BY serial")
        return tuple(room_of(row) for row in rows)

    def living(self, application_id: str) -> int:
        return self._tally("living", application_id)

    def has_code(self, meeting_code: str) -> bool:
        query = "SELECT 1 FROM room WHERE meeting_code = ?"
        return self._connection.execute(query, (meeting_code,)).fetchone() is not None

    def add(self, room: Room) -> Room:
        columns = fixed_columns(room) | changing_columns(room)
        places = ", ".join(f":{name}" for name in columns)
        cursor = self._connection.execute(
            f"INSERT INTO room ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - our names
            columns,
        )
        return replace(room, serial=cursor.lastrowid or 0)

    def save(self, room: Room) -> None:
        columns = changing_columns(room)
        places = ", ".join(f"{name} = :{name}" for name in columns)
        self._connection.execute(
            f"UPDATE room SET {places} WHERE serial = :serial",  # noqa: S608 - our names
            {**columns, "serial": room.serial},
        )

    def due(self, now: datetime, limit: int) -> tuple[Room, ...]:
        rows = self._connection.execute(
            "SELECT * FROM told_room WHERE due_at <= ? ORDER BY due_at, serial LIMIT ?",
            (to_milliseconds(now), limit),
        )
        return tuple(room_of(row) for row in rows)

    def next_due(self) -> datetime | None:
        query = "SELECT min(due_at) FROM room WHERE due_at IS NOT NULL"
        return moment(self._connection.execute(query).fetchone()[0])

    def first_ended(self) -> datetime | None:
        query = f"SELECT ended_at {_OVER} ORDER BY ended_at LIMIT 1"
        row = self._connection.execute(query).fetchone()
        return None if row is None else moment(row["ended_at"])

    def purge(self, ended_until: datetime, limit: int) -> None:
        self._connection.execute(
            f"DELETE FROM room WHERE serial IN (SELECT serial {_OVER} "  # noqa: S608 - a constant
            "AND ended_at <= ? ORDER BY ended_at LIMIT ?)",
            (to_milliseconds(ended_until), limit),
        )

    def _one(self, query: str, value: str) -> Room | None:
        row = self._connection.execute(query, (value,)).fetchone()
        return None if row is None else room_of(row)

    def _total(self, application_id: str, theme_id: str | None) -> int:
        if theme_id is None:
            return self._tally("listed", application_id)
        row = self._connection.execute(
            f"SELECT count(*) FROM room {_OF_THEME}",  # noqa: S608 - constants
            {"application": application_id, "theme": theme_id},
        ).fetchone()
        return int(row[0])

    def _tally(self, column: str, application_id: str) -> int:
        row = self._connection.execute(
            "SELECT listed, living FROM tally WHERE application_id = ?", (application_id,)
        ).fetchone()
        return 0 if row is None else int(row[column])

    def _previous(self, application_id: str, first: int, query: RoomQuery) -> int | None:
        listed = _LISTED if query.theme_id is None else _OF_THEME
        row = self._connection.execute(
            f"SELECT min(serial) FROM (SELECT serial FROM room {listed} AND serial < :first "  # noqa: S608
            "ORDER BY serial DESC LIMIT :limit)",
            {
                "application": application_id,
                "theme": query.theme_id,
                "first": first,
                "limit": query.limit,
            },
        ).fetchone()
        return None if row[0] is None else int(row[0])


def _bounded(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else max(_LOWEST, min(value, _HIGHEST))
