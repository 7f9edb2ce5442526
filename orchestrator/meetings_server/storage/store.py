"""`Store` on the one-thread SQLite."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from orchestrator.foundation.sqlite import MEMORY, Database, DatabaseFault, load_schema
from orchestrator.meetings_server.ports import Records, Result, StoreFault
from orchestrator.meetings_server.storage.callbacks import CallbackTable
from orchestrator.meetings_server.storage.recordings import RecordingTable
from orchestrator.meetings_server.storage.rooms import RoomTable
from orchestrator.meetings_server.storage.sessions import SessionTable
from orchestrator.meetings_server.storage.themes import ThemeTable
from orchestrator.meetings_server.storage.uploads import UploadTable

_SCHEMA: Final = load_schema("meetings-server", "orchestrator.meetings_server.storage")


class _Transaction:
    """`Records` on a connection that is inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.rooms = RoomTable(connection)
        self.sessions = SessionTable(connection)
        self.recordings = RecordingTable(connection)
        self.callbacks = CallbackTable(connection)
        self.themes = ThemeTable(connection)
        self.uploads = UploadTable(connection)
        self._connection = connection

    def secret(self, name: str) -> str | None:
        query = "SELECT value FROM secret WHERE name = ?"
        row = self._connection.execute(query, (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep_secret(self, name: str, value: str) -> None:
        self._connection.execute("INSERT INTO secret (name, value) VALUES (?, ?)", (name, value))


class SqliteStore:
    """An open store; `close` it at the end."""

    def __init__(self, database: Database) -> None:
        """Not for callers: use `open`."""
        self._database = database

    @classmethod
    async def open(cls, path: Path | None) -> Self:
        """Open or make the file; None keeps everything in memory.

        Raises:
            StoreFault: the file is in use, damaged, or not this server's; its text says which.
        """
        try:
            return cls(await Database.open(MEMORY if path is None else path, _SCHEMA))
        except DatabaseFault as error:
            raise StoreFault(str(error)) from error

    async def read(self, work: Callable[[Records], Result]) -> Result:
        try:
            return await self._database.read(lambda connection: work(_Transaction(connection)))
        except DatabaseFault as error:
            raise StoreFault(str(error)) from error

    async def write(self, work: Callable[[Records], Result]) -> Result:
        if not self._database.is_same_file():
            # Without this check it would be committed into a file that nobody can open any more.
            message = f"{self._database.path}: the file was removed or replaced while in use"
            raise StoreFault(message)
        try:
            return await self._database.write(lambda connection: work(_Transaction(connection)))
        except DatabaseFault as error:
            raise StoreFault(str(error)) from error

    async def close(self) -> None:
        """What was written before stays; the file can be opened by the next one."""
        await self._database.close()
