"""A look into a store that is not opened: beside the daemon that has it, without its lock.

For `audit verify`: the daemon keeps in its store where its log ends, and whoever may read that file
may check against it while the daemon goes on.  For shells that complete a word: the keys.  For
`rehearse`: the whole of it, as a copy.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from orchestrator.ports.store import StoreFault


def peek(path: Path, name: str) -> str | None:
    """The note of this name; None where there is no such note, or no store.

    Raises:
        StoreFault: the file is there and cannot be read.
    """
    if not path.exists():
        return None
    with _read_only(path, patience=5) as connection:
        row = connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def peek_keys(path: Path, begun: str, most: int) -> list[str]:
    """Keys that are remembered and begin with a text, as people write them, in order.

    Raises:
        StoreFault: the file is not there or cannot be read.
    """
    with _read_only(path, patience=0.2) as connection:
        rows = connection.execute(
            "SELECT policy || '/' || subject AS key FROM keys "
            "WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key LIMIT ?2",
            (begun, most),
        ).fetchall()
    return [str(key) for (key,) in rows]


def copy_store(path: Path, to: Path) -> bool:
    """Copy the whole store as of one moment, also while a daemon writes it; false if there is none.

    Raises:
        StoreFault: the file is there and cannot be read.
    """
    if not path.exists():
        return False
    with (
        _read_only(path, patience=5) as connection,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        connection.backup(copy)
    return True


@contextlib.contextmanager
def _read_only(path: Path, *, patience: float) -> Iterator[sqlite3.Connection]:
    """A connection for one question; `patience` in seconds, while somebody else holds the file."""
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=patience)) as connection:
            yield connection
    except sqlite3.Error as error:
        message = f"the store {path} cannot be read: {error}"
        raise StoreFault(message) from error
