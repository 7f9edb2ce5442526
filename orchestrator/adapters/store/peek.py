"""A look into a store that is not opened: beside the daemon that has it, without its lock.

For `audit verify`: the daemon keeps in its store where its log ends, and whoever may read that file
may check against it while the daemon goes on.  For shells that complete a word: the keys.  For
`rehearse`: the whole of it, as a copy.  For whoever rebuilds a store: all of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from orchestrator.adapters.store import rows
from orchestrator.adapters.store.faults import store_faults
from orchestrator.adapters.store.queries import QUERIES
from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import RecordedFact
from orchestrator.domain.records import KeyState
from orchestrator.ports.store import PolicyText, StoreFault


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


def peek_pages(path: Path) -> list[Episode]:
    """The episodes that are not over, in the order in which they opened.

    Raises:
        StoreFault: the file is not there or cannot be read.
    """
    with _read_only(path, patience=0.2) as connection:
        connection.row_factory = sqlite3.Row
        return rows.standing_episodes(connection)


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


@dataclass(frozen=True, slots=True)
class Copy:
    """Everything that a store remembers, read beside it: for whoever rebuilds or compares it."""

    incarnation: str
    states: tuple[KeyState, ...]
    policies: tuple[PolicyText, ...]
    notes: Mapping[str, str]
    last_fact: int


def read_copy(path: Path) -> Copy | None:
    """The whole store, without opening it as one; None where there is no file.

    Raises:
        StoreFault: it is damaged, empty, or not one of ours.
    """
    if not path.exists():
        return None
    with store_faults(str(path)), _read_only(path, patience=5) as connection:
        connection.row_factory = sqlite3.Row
        damage = rows.damage(connection)
        if damage:
            message = f"{path}: the file is damaged ({damage})"
            raise StoreFault(message)
        incarnation = connection.execute(QUERIES["incarnation"]).fetchone()
        if incarnation is None:
            message = f"{path}: the file is empty"
            raise StoreFault(message)
        last = connection.execute(QUERIES["last_fact"]).fetchone()
        return Copy(
            incarnation[0],
            tuple(rows.states_after(connection, None, -1)),
            tuple(rows.policies(connection)),
            rows.beginning(connection)[0],
            last[0] or 0,
        )


def read_facts(path: Path, after: int) -> tuple[RecordedFact, ...]:
    """The facts that a store holds after a number, in order.

    Raises:
        StoreFault: the file is not there or cannot be read.
    """
    with store_faults(str(path)), _read_only(path, patience=5) as connection:
        connection.row_factory = sqlite3.Row
        return tuple(rows.facts_after(connection, after, -1))


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
