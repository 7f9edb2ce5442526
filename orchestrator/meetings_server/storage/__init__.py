"""Where rooms, themes, sessions and undelivered callbacks are kept: SQLite, in a file or in memory.

The law of this package: SQL stays in here, moments are whole milliseconds, and the database's own
faults leave it as `StoreFault`. Inside: store → rooms | themes | sessions | callbacks → columns.
"""

from orchestrator.meetings_server.storage.store import SqliteStore

__all__ = ["SqliteStore"]
