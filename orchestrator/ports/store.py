"""Port: the store, at the height of the domain.

State and facts change together or not at all: one `Commit` is one durable transaction.  A store is
opened by one daemon at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.domain.keeping import KeptRecording, WatchedSession
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Operation


class StoreFault(Exception):
    """Nothing could be recorded (disk full, read-only, unlinked, corrupt): so nothing is done."""


class StoreTakenError(StoreFault):
    """Another daemon has this store open; the text names it."""


@dataclass(frozen=True, slots=True)
class PolicyText:
    """The last good text of one policy, by which it stays in force while its file is bad."""

    name: str
    file: str
    text: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction writes.

    Attributes:
        states: key states, each replacing the one before.
        dropped: keys of which nothing is remembered any more.
        operations: new ones, or known ones in a new state.
        facts: in order; each gets the next sequence number.
        policies: last good texts by policy name; None forgets one.
        notes: small named values (pins, cursors, what was learnt of the API); None forgets one.
        episodes: of pages, new ones or known ones in a new state.
        deliveries: messages to destinations, new ones or known ones in a new state.
        sessions: whose recordings are looked for, new ones or known ones in a new state.
        recordings: of rooms of ours, new ones or known ones in a new state.
    """

    states: Sequence[KeyState] = ()
    dropped: Sequence[Key] = ()
    operations: Sequence[Operation] = ()
    facts: Sequence[Fact] = ()
    policies: Mapping[str, PolicyText | None] = field(default_factory=dict)
    notes: Mapping[str, str | None] = field(default_factory=dict)
    episodes: Sequence[Episode] = ()
    deliveries: Sequence[Delivery] = ()
    sessions: Sequence[WatchedSession] = ()
    recordings: Sequence[KeptRecording] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows a pruning removed."""

    operations: int
    facts: int
    episodes: int = 0
    deliveries: int = 0
    recordings: int = 0
    sessions: int = 0


class Store(Protocol):
    """What the daemon remembers. Every method may raise `StoreFault`."""

    @property
    def incarnation(self) -> str:
        """Drawn when the store was made, 8 of ``0-9a-z``; operation ids begin with it."""
        ...

    async def commit(self, commit: Commit, now: datetime) -> Sequence[int]:
        """Write all of it durably, or nothing; returns the sequence numbers of its facts.

        Refuses (with `StoreFault`) two current rooms for one key, one room under two keys and two
        open episodes of one page.
        """
        ...

    async def state(self, key: Key) -> KeyState | None:
        """What is remembered of one key."""
        ...

    async def states(self, policy: str | None = None) -> Sequence[KeyState]:
        """All states in the order of their keys, or those of one policy."""
        ...

    async def key_of_room(self, room_id: str) -> Key | None:
        """The key under which a room is remembered."""
        ...

    async def key_of_former_room(self, room_id: str) -> Key | None:
        """The key that the last operation about a room was for, also of one that is gone."""
        ...

    async def operation(self, operation_id: str) -> Operation | None:
        """One operation, open or not."""
        ...

    async def open_operations(self, key: Key | None = None) -> Sequence[Operation]:
        """The operations whose outcome is not known, oldest first."""
        ...

    async def facts(self, after: int, limit: int) -> Sequence[RecordedFact]:
        """Facts with a sequence number above ``after``, in order, at most ``limit``."""
        ...

    async def last_fact(self) -> int:
        """The sequence number of the latest fact that is still remembered; 0 where none is."""
        ...

    async def policies(self) -> Sequence[PolicyText]:
        """The last good text of every policy that is in force."""
        ...

    async def note(self, name: str) -> str | None:
        """One named value."""
        ...

    async def standing_episodes(self) -> Sequence[Episode]:
        """The episodes that are not over, in the order in which they were first recorded."""
        ...

    async def last_episode(self, source: str, digest: str) -> Episode | None:
        """The latest episode of a page, over or not."""
        ...

    async def episodes_of(self, source: str, digest: str, limit: int) -> Sequence[Episode]:
        """The episodes of one page, the latest first."""
        ...

    async def latest_episodes(self, limit: int) -> Sequence[Episode]:
        """The episodes that were recorded last, the latest first."""
        ...

    async def standing_deliveries(self) -> Sequence[Delivery]:
        """The deliveries that have not ended, oldest first."""
        ...

    async def delivery(self, destination: str, id_: str) -> Delivery | None:
        """What is remembered of one announcement at one destination."""
        ...

    async def deliveries_of(self, id_: str) -> Sequence[Delivery]:
        """What is remembered of one announcement at all destinations, oldest first."""
        ...

    async def watched_sessions(self, since: datetime) -> Sequence[WatchedSession]:
        """The sessions whose recordings are still looked for, and all that began since then."""
        ...

    async def standing_recordings(self) -> Sequence[KeptRecording]:
        """The recordings that are still at the API, in the order in which they were found."""
        ...

    async def recording(self, recording_id: str) -> KeptRecording | None:
        """What is remembered of one recording."""
        ...

    async def recordings_of(self, key: Key, limit: int) -> Sequence[KeptRecording]:
        """The recordings of a key's rooms, also those that are gone; the latest found first."""
        ...

    async def prune(self, before: datetime, taken: int) -> Pruned:
        """Forget what is over and began before a moment: operations, facts, pages, deliveries, ….

        So it is with recordings that are gone, and sessions in which none is looked for any more.
        What is open, stands or waits stays, however old, and so does the operation that made a room
        which is still remembered.  Facts go from the oldest on, none after ``taken``, so that what
        is left has no holes.
        """
        ...

    async def last_copied(self, archive: str) -> KeptRecording | None:
        """The recording found last of which a copy is remembered in an archive, gone or not."""
        ...

    def claim(self, key: Key) -> AbstractAsyncContextManager[bool]:
        """Hold a key for the time of one turn; false where somebody else holds it.

        With one daemon a store it is always true; replicas will make it a lease.
        """
        ...

    def listen(self, told: Callable[[], None]) -> None:
        """Call ``told`` in the event loop after each commit that wrote facts."""
        ...

    async def check(self) -> None:
        """Raise `StoreFault` unless the open store is still the file at its path and writable."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the file."""
        ...
