"""`SqliteStore`: the store port on one SQLite file with group commit, and its mirror in memory.

Refuses a second opener, a file of a newer version or another program, and to go on when the file
under it is gone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

from orchestrator.adapters.store import rows
from orchestrator.adapters.store.claims import Claims
from orchestrator.adapters.store.faults import store_faults
from orchestrator.adapters.store.mirror import Mirror, Unread
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import RecordedFact
from orchestrator.domain.keeping import KeptRecording, WatchedSession
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Operation
from orchestrator.foundation.instants import format_instant_exactly
from orchestrator.foundation.sqlite import (
    Database,
    DatabaseClosed,
    DatabaseCorrupt,
    DatabaseFault,
    DatabaseGone,
    Schema,
    load_schema,
)
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.store import Commit, PolicyText, Pruned

_T = TypeVar("_T")

SCHEMA: Final[Schema] = load_schema("store", "orchestrator.adapters.store.migrations")

# Rows of one reading: some 20 ms of the thread, so that commits in between need not wait long.
_CHUNK: Final = 1_000


class SqliteStore:
    """What the daemon remembers. Made by `open`; belongs to the event loop that opened it."""

    def __init__(self, database: Database, incarnation: str, mirror: Mirror) -> None:
        """Not for callers: use `open`, or `on` for a database that is already open."""
        self._database = database
        self._incarnation = incarnation
        self._mirror = mirror
        self._claims = Claims()
        self._failed = False
        self._listeners: list[Callable[[], None]] = []
        self.meter: Meter = UNMETERED
        """Who counts what is recorded; set by whoever has one."""

    @classmethod
    async def open(cls, path: Path | str, *, durable: bool = True) -> Self:
        """Open the file, made if it is not there, and bring its tables up to date; or ``:memory:``.

        Only a copy that nobody will need need not be ``durable``.

        Raises:
            StoreTakenError: another daemon has it open.
            StoreFault: it cannot be opened, is damaged, full, read-only or not for this version.
        """
        with store_faults(str(path)):
            database = await Database.open(path, SCHEMA, durable=durable)
        try:
            return await cls.on(database)
        except BaseException:
            await database.close()
            raise

    @classmethod
    async def on(cls, database: Database) -> Self:
        """A store on an open database of `SCHEMA`, which `close` will close."""
        with store_faults(database.path):
            damage = await database.read(rows.damage)
            if damage:
                message = f"{database.path}: the file is damaged ({damage})"
                raise DatabaseCorrupt(message)
            incarnation = await database.write(rows.incarnation)
            mirror = Mirror(*await database.read(rows.beginning))
            return cls(database, incarnation, mirror)

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
        loop = asyncio.get_running_loop()
        began = loop.time()
        written = await self._write(
            partial(rows.write, commit=commit, now=now),
            lambda written: self._mirror.wrote(commit, written.operations),
        )
        self.meter.committed((fact.event for fact in commit.facts), loop.time() - began)
        if written.facts:
            for told in self._listeners:
                told()
        return written.facts

    def listen(self, told: Callable[[], None]) -> None:
        """Call ``told`` after each commit that wrote facts.

        Nobody is told of a commit whose awaiter was cancelled; its facts are met at the next.
        """
        self._listeners.append(told)

    async def state(self, key: Key) -> KeyState | None:
        """What is remembered of one key."""
        self._refuse_if_closed()
        known = self._mirror.state(key)
        if known is not Unread.UNREAD:
            return known
        return await self._read(
            partial(rows.state, key=key), lambda state: self._mirror.met(key, state)
        )

    async def states(self, policy: str | None = None) -> Sequence[KeyState]:
        """All states in the order of their keys, or those of one policy, as of one moment.

        The first time they are read from the file, in chunks, so that commits go on; what these
        change meanwhile the mirror knows already.
        """
        self._refuse_if_closed()
        if not self._mirror.whole:
            await self._read_all()
        return self._mirror.states(policy)

    async def key_of_room(self, room_id: str) -> Key | None:
        """The key under which a room is remembered."""
        self._refuse_if_closed()
        key = self._mirror.key_of_room(room_id)
        if key is not None or self._mirror.whole:
            return key
        return await self._read(partial(rows.key_of_room, room_id=room_id))

    async def key_of_former_room(self, room_id: str) -> Key | None:
        """The key that the last operation about a room was for, also of one that is gone."""
        return await self._read(partial(rows.key_of_former_room, room_id=room_id))

    async def operation(self, operation_id: str) -> Operation | None:
        """One operation, open or not."""
        return await self._read(partial(rows.operation, operation_id=operation_id))

    async def open_operations(self, key: Key | None = None) -> Sequence[Operation]:
        """The operations whose outcome is not known, in the order in which they were recorded."""
        self._refuse_if_closed()
        return self._mirror.open_operations(key)

    async def facts(self, after: int, limit: int) -> Sequence[RecordedFact]:
        """Facts with a sequence number above ``after``, in order, at most ``limit``."""
        return await self._read(partial(rows.facts_after, after=after, limit=limit))

    async def last_fact(self) -> int:
        """The sequence number of the latest fact that is still remembered; 0 where none is."""
        return await self._read(rows.last_fact)

    async def policies(self) -> Sequence[PolicyText]:
        """The last good texts, by name."""
        return await self._read(rows.policies)

    async def note(self, name: str) -> str | None:
        """One named value."""
        self._refuse_if_closed()
        return self._mirror.notes.get(name)

    async def standing_episodes(self) -> Sequence[Episode]:
        """The episodes that are not over, in the order in which they were first recorded."""
        return await self._read(rows.standing_episodes)

    async def last_episode(self, source: str, digest: str) -> Episode | None:
        """The latest episode of a page, over or not."""
        return await self._read(partial(rows.last_episode, source=source, digest=digest))

    async def episodes_of(self, source: str, digest: str, limit: int) -> Sequence[Episode]:
        """The episodes of one page, the latest first."""
        return await self._read(
            partial(rows.episodes_of, source=source, digest=digest, limit=limit)
        )

    async def latest_episodes(self, limit: int) -> Sequence[Episode]:
        """The episodes that were recorded last, the latest first."""
        return await self._read(partial(rows.latest_episodes, limit=limit))

    async def standing_deliveries(self) -> Sequence[Delivery]:
        """The deliveries that have not ended, oldest first."""
        return await self._read(rows.standing_deliveries)

    async def delivery(self, destination: str, id_: str) -> Delivery | None:
        """What is remembered of one announcement at one destination."""
        return await self._read(partial(rows.delivery, destination=destination, id_=id_))

    async def deliveries_of(self, id_: str) -> Sequence[Delivery]:
        """What is remembered of one announcement at all destinations, oldest first."""
        return await self._read(partial(rows.deliveries_of, id_=id_))

    async def watched_sessions(self, since: datetime) -> Sequence[WatchedSession]:
        """The sessions whose recordings are still looked for, and all that began since then."""
        return await self._read(partial(rows.watched_sessions, since=since))

    async def standing_recordings(self) -> Sequence[KeptRecording]:
        """The recordings that are still at the API, in the order in which they were found."""
        return await self._read(rows.standing_recordings)

    async def recording(self, recording_id: str) -> KeptRecording | None:
        """What is remembered of one recording."""
        return await self._read(partial(rows.recording, id_=recording_id))

    async def recordings_of(self, key: Key, limit: int) -> Sequence[KeptRecording]:
        """The recordings of a key's rooms, also those that are gone; the latest found first."""
        return await self._read(partial(rows.recordings_of, key=key, limit=limit))

    async def last_copied(self, archive: str) -> KeptRecording | None:
        """The recording found last of which a copy is remembered in an archive, gone or not."""
        return await self._read(partial(rows.last_copied, archive=archive))

    def claim(self, key: Key) -> AbstractAsyncContextManager[bool]:
        """Hold a key for the time of one turn; within one daemon whoever comes second waits."""
        return self._claims.hold(key)

    async def check(self) -> None:
        """Raise `StoreFault` unless the open store is still the file at its path and writable.

        Cheap while all is well (a few stats); after a commit that failed it tries to write.
        """
        if not self._database.is_same_file():
            with store_faults(self._database.path):
                raise DatabaseGone(self._database.path)
        if self._failed:
            await self._write(rows.probe)

    async def number_from(self, last: int) -> None:
        """Number the facts of a store that has none after those of the one that it stands for."""
        await self._write(partial(rows.number_facts, last=last))

    async def prune(self, before: datetime, taken: int) -> Pruned:
        """Forget what is finished and began before a moment, and facts committed before it.

        In batches, so that commits in between need not wait long; numbers of facts are never given
        again.
        """
        moment = format_instant_exactly(before)
        return Pruned(
            await self._prune("prune_operations", before=moment),
            await self._prune("prune_facts", before=moment, taken=taken),
            await self._prune("prune_episodes", before=moment),
            await self._prune("prune_deliveries", before=moment),
            await self._prune("prune_recordings", before=moment),
            await self._prune("prune_sessions", before=moment),
        )

    async def close(self) -> None:
        """Finish what was begun and let go of the file."""
        with store_faults(self._database.path):
            await self._database.close()

    async def _read_all(self) -> None:
        last: Key | None = None
        while True:
            chunk = await self._read(
                partial(rows.states_after, last=last, limit=_CHUNK), self._mirror.met_all
            )
            if len(chunk) < _CHUNK:
                self._mirror.whole = True
                return
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

    async def _write(
        self,
        work: Callable[[sqlite3.Connection], _T],
        then: Callable[[_T], None] | None = None,
    ) -> _T:
        with store_faults(self._database.path):
            try:
                result = await self._database.write(work, then)
            except DatabaseFault:
                self._failed = True
                raise
        self._failed = False
        return result

    async def _read(
        self,
        work: Callable[[sqlite3.Connection], _T],
        then: Callable[[_T], None] | None = None,
    ) -> _T:
        with store_faults(self._database.path):
            return await self._database.read(work, then)

    def _refuse_if_closed(self) -> None:
        """The mirror outlives the file, and must not be asked when that is let go."""
        if self._database.is_closed:
            with store_faults(self._database.path):
                raise DatabaseClosed(self._database.path)
