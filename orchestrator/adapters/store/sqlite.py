"""`SqliteStore`: the store port on one SQLite file with group commit.

Refuses a second opener, a file of a newer version or another program, and to go on when the file
under it is gone.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final, Self, TypeVar

from orchestrator.adapters.store import rows
from orchestrator.adapters.store.claims import Claims
from orchestrator.adapters.store.faults import store_faults
from orchestrator.domain.facts import RecordedFact
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Operation
from orchestrator.foundation.instants import format_instant_exactly
from orchestrator.foundation.sqlite import Database, DatabaseFault, Schema, load_schema
from orchestrator.ports.store import Commit, PolicyText, StoreFault

_T = TypeVar("_T")

SCHEMA: Final[Schema] = load_schema("store", "orchestrator.adapters.store.migrations")

# Rows of one reading: some 20 ms of the thread, so that commits in between need not wait long.
_CHUNK: Final = 1_000
_KEY_OF: Final = attrgetter("key")


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows a pruning removed."""

    operations: int
    facts: int


class SqliteStore:
    """What the daemon remembers. Made by `open`; belongs to the event loop that opened it."""

    def __init__(self, database: Database, incarnation: str) -> None:
        """Not for callers: use `open`, or `on` for a database that is already open."""
        self._database = database
        self._incarnation = incarnation
        self._claims = Claims()
        # For each walk over the states that is under way: the keys that changed meanwhile.
        self._walks: list[set[Key]] = []
        self._failed = False
        self._listeners: list[Callable[[], None]] = []

    @classmethod
    async def open(cls, path: Path | str) -> Self:
        """Open the file, made if it is not there, and bring its tables up to date; or ``:memory:``.

        Raises:
            StoreTakenError: another daemon has it open.
            StoreFault: it cannot be opened, is damaged, full, read-only or not for this version.
        """
        with store_faults(str(path)):
            database = await Database.open(path, SCHEMA)
        try:
            return await cls.on(database)
        except BaseException:
            await database.close()
            raise

    @classmethod
    async def on(cls, database: Database) -> Self:
        """A store on an open database of `SCHEMA`, which `close` will close."""
        with store_faults(database.path):
            return cls(database, await database.write(rows.incarnation))

    @property
    def incarnation(self) -> str:
        """Drawn when the store was made, 8 of ``0-9a-z``."""
        return self._incarnation

    async def commit(self, commit: Commit, now: datetime) -> Sequence[int]:
        """Write all of it durably, or nothing; returns the sequence numbers of its facts.

        Dropped keys are dropped first, so a key that stands in both is written anew.

        Raises:
            StoreFault: nothing was written.
        """
        # Before it is queued, so that a walk never misses a key that changed under it.
        for changed in self._walks:
            changed.update(commit.dropped, (state.key for state in commit.states))
        seqs = await self._write(partial(rows.write, commit=commit, now=now))
        if seqs:
            for told in self._listeners:
                told()
        return seqs

    def listen(self, told: Callable[[], None]) -> None:
        """Call ``told`` after each commit that wrote facts.

        Nobody is told of a commit whose awaiter was cancelled; its facts are met at the next.
        """
        self._listeners.append(told)

    async def state(self, key: Key) -> KeyState | None:
        """What is remembered of one key."""
        return await self._read(partial(rows.state, key=key))

    async def states(self, policy: str | None = None) -> Sequence[KeyState]:
        """All states in the order of their keys, or those of one policy, as of one moment.

        Read in chunks, so that commits go on; what they changed meanwhile is read once more, all
        of it at once, and that is the moment.
        """
        changed: set[Key] = set()
        self._walks.append(changed)
        try:
            found = await self._walk(policy)
            if not changed:
                return tuple(found)
            # A read sees every write that was queued before it, and none that is queued later.
            again = frozenset(changed)
            fresh = await self._read(partial(rows.states_of, keys=again))
        finally:
            self._walks = [walk for walk in self._walks if walk is not changed]
        of_policy = frozenset(key for key in again if policy in {None, key.policy})
        _bring_up_to_date(found, of_policy, {state.key: state for state in fresh})
        return tuple(found)

    async def key_of_room(self, room_id: str) -> Key | None:
        """The key under which a room is remembered."""
        return await self._read(partial(rows.key_of_room, room_id=room_id))

    async def operation(self, operation_id: str) -> Operation | None:
        """One operation, open or not."""
        return await self._read(partial(rows.operation, operation_id=operation_id))

    async def open_operations(self, key: Key | None = None) -> Sequence[Operation]:
        """The operations whose outcome is not known, in the order in which they were recorded."""
        return await self._read(partial(rows.open_operations, key=key))

    async def facts(self, after: int, limit: int) -> Sequence[RecordedFact]:
        """Facts with a sequence number above ``after``, in order, at most ``limit``."""
        return await self._read(partial(rows.facts_after, after=after, limit=limit))

    async def policies(self) -> Sequence[PolicyText]:
        """The last good texts, by name."""
        return await self._read(rows.policies)

    async def note(self, name: str) -> str | None:
        """One named value."""
        return await self._read(partial(rows.note, name=name))

    def claim(self, key: Key) -> AbstractAsyncContextManager[bool]:
        """Hold a key for the time of one turn; within one daemon whoever comes second waits."""
        return self._claims.hold(key)

    async def check(self) -> None:
        """Raise `StoreFault` unless the open store is still the file at its path and writable.

        Cheap while all is well (a few stats); after a commit that failed it tries to write.
        """
        if not self._database.is_same_file():
            message = (
                f"{self._database.path}: the file was removed or replaced while it was open; put "
                "it back, or restart the daemon to go on with what is there now"
            )
            raise StoreFault(message)
        if self._failed:
            await self._write(rows.probe)

    async def prune(self, before: datetime, audited: int) -> Pruned:
        """Forget finished operations begun before a moment, and facts committed before it.

        Facts go from the oldest on, none after ``audited``, the last sequence number that is safe
        in the audit log; their numbers are never given again.
        """
        moment = format_instant_exactly(before)
        return Pruned(
            await self._prune("prune_operations", before=moment),
            await self._prune("prune_facts", before=moment, audited=audited),
        )

    async def close(self) -> None:
        """Finish what was begun and let go of the file."""
        with store_faults(self._database.path):
            await self._database.close()

    async def _walk(self, policy: str | None) -> list[KeyState]:
        found: list[KeyState] = []
        last: Key | None = None
        while True:
            chunk = await self._read(
                partial(rows.states_after, policy=policy, last=last, limit=_CHUNK)
            )
            found += chunk
            if len(chunk) < _CHUNK:
                return found
            last = chunk[-1].key

    async def _prune(self, query: str, **bounds: str | int) -> int:
        pruned = 0
        while True:
            batch = await self._write(
                partial(rows.prune, query=query, bounds={**bounds, "limit": _CHUNK})
            )
            pruned += batch
            if batch < _CHUNK:
                return pruned

    async def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with store_faults(self._database.path):
            try:
                result = await self._database.write(work)
            except DatabaseFault:
                self._failed = True
                raise
        self._failed = False
        return result

    async def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with store_faults(self._database.path):
            return await self._database.read(work)


def _bring_up_to_date(
    found: list[KeyState], changed: frozenset[Key], fresh: Mapping[Key, KeyState]
) -> None:
    """Put, replace or take out the changed keys, where there are few among very many."""
    for key in changed:
        place = bisect_left(found, key, key=_KEY_OF)
        was_found = place < len(found) and found[place].key == key
        found[place : place + was_found] = [fresh[key]] if key in fresh else []
