"""One note of a store that is not opened: read beside the daemon that has it, without its lock.

For `audit verify`: the daemon keeps in its store where its log ends, and whoever may read that file
may check against it while the daemon goes on.
"""

from __future__ import annotations

import contextlib
import sqlite3
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
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)
        ) as connection:
            row = connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
    except sqlite3.Error as error:
        message = f"the store {path} cannot be read: {error}"
        raise StoreFault(message) from error
    return None if row is None else str(row[0])
