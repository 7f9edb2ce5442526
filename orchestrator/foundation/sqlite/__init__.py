"""SQLite in one private thread, with group commit.

The law of this package: the connection never leaves its thread, every awaited write is durable when
it returns, one process opens a file at a time, and each failure of the file has a name. It knows
nothing of what is stored. Inside: database → schema | lock → faults.
"""

from orchestrator.foundation.sqlite.database import MEMORY, Database
from orchestrator.foundation.sqlite.faults import (
    DatabaseClosed,
    DatabaseCorrupt,
    DatabaseFault,
    DatabaseForeign,
    DatabaseFull,
    DatabaseGone,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnusable,
)
from orchestrator.foundation.sqlite.schema import Migration, Schema, load_schema

__all__ = [
    "MEMORY",
    "Database",
    "DatabaseClosed",
    "DatabaseCorrupt",
    "DatabaseFault",
    "DatabaseForeign",
    "DatabaseFull",
    "DatabaseGone",
    "DatabaseLocked",
    "DatabaseReadOnly",
    "DatabaseTooNew",
    "DatabaseUnusable",
    "Migration",
    "Schema",
    "load_schema",
]
