"""Migrations by number.

A schema is a package of files ``0001_rooms.sql``, ``0002_….sql`` and so on, without a gap. Each is
applied once, in order, in a transaction of its own, and remembered in the table
``applied_migration`` together with the schema's name, so that one program never writes into
another's file. There is no way back down.
"""

import re
import sqlite3
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from orchestrator.foundation.sqlite.faults import DatabaseForeign, DatabaseTooNew

_FILE: Final = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS applied_migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    belongs_to TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its number from 1, its name, and its statements."""

    number: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Schema:
    """Whose data it is, and the steps that lead to its tables."""

    name: str
    migrations: tuple[Migration, ...]

    def __post_init__(self) -> None:
        numbers = [migration.number for migration in self.migrations]
        if numbers != list(range(1, len(numbers) + 1)):
            message = f"the migrations of {self.name!r} are not numbered 1, 2, 3 …: {numbers}"
            raise ValueError(message)


def load_schema(name: str, package: str) -> Schema:
    """Read the ``.sql`` files of a package; other files in it are left alone.

    Raises:
        ValueError: the numbers have a gap or a double.
    """
    found = [
        Migration(int(match["number"]), match["name"], entry.read_text(encoding="utf-8"))
        for entry in files(package).iterdir()
        if (match := _FILE.fullmatch(entry.name))
    ]
    return Schema(name, tuple(sorted(found, key=lambda migration: migration.number)))


def migrate(connection: sqlite3.Connection, schema: Schema, path: str) -> None:
    """Bring the database to the newest step of `schema`.

    Raises:
        DatabaseTooNew: the file knows steps that this schema does not.
        DatabaseForeign: the file belongs to another schema.
    """
    connection.execute(_TABLE)
    applied = connection.execute(
        "SELECT number, belongs_to FROM applied_migration ORDER BY number"
    ).fetchall()
    for _, owner in applied:
        if owner != schema.name:
            raise DatabaseForeign(path, found=owner, wanted=schema.name)
    latest = applied[-1][0] if applied else 0
    if latest > len(schema.migrations):
        raise DatabaseTooNew(path, found=latest, known=len(schema.migrations))
    for migration in schema.migrations[latest:]:
        _apply(connection, schema.name, migration)


def _apply(connection: sqlite3.Connection, owner: str, migration: Migration) -> None:
    # executescript() takes no parameters and commits before it starts, so the record is written
    # between its BEGIN and our COMMIT.
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{migration.sql}\n;")
        connection.execute(
            "INSERT INTO applied_migration (number, name, belongs_to) VALUES (?, ?, ?)",
            (migration.number, migration.name, owner),
        )
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
