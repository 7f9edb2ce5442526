"""A fake of the store port: everything in memory, with the same refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import dropwhile
from typing import TypeVar

from orchestrator.adapters.store.claims import Claims
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import RecordedFact
from orchestrator.domain.keeping import KeptRecording, WatchedSession
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Operation, OperationKind, OperationState, Role
from orchestrator.ports.store import Commit, PolicyText, Pruned, StoreFault

_T = TypeVar("_T")


class FakeStore:
    """Remembers as long as it lives.

    Set `fault` and every call raises it, as a full or lost disk would; `commits` keeps what was
    written, in order. `before` and `after` are awaited around each commit.
    """

    def __init__(self, incarnation: str = "fakefake") -> None:
        self.fault: StoreFault | None = None
        self.commits: list[Commit] = []
        self.before: Callable[[Commit], Awaitable[None]] = _nothing
        self.after: Callable[[Commit], Awaitable[None]] = _nothing
        self._incarnation = incarnation
        self._states: dict[Key, KeyState] = {}
        self._operations: dict[str, Operation] = {}
        self._facts: list[RecordedFact] = []
        self._last_seq = 0
        self._policies: dict[str, PolicyText] = {}
        self._notes: dict[str, str] = {}
        self._episodes: dict[str, Episode] = {}
        self._deliveries: dict[tuple[str, str], Delivery] = {}
        self._sessions: dict[str, WatchedSession] = {}
        self._recordings: dict[str, KeptRecording] = {}
        self._claims = Claims()
        self._closed = False
        self._listeners: list[Callable[[], None]] = []

    def copied(self) -> FakeStore:
        """What a copy of its file would hold; nobody listens to it."""
        twin = FakeStore(self._incarnation)
        twin.commits = [*self.commits]
        twin._states, twin._operations = {**self._states}, {**self._operations}
        twin._facts, twin._last_seq = [*self._facts], self._last_seq
        twin._policies, twin._notes = {**self._policies}, {**self._notes}
        twin._episodes, twin._deliveries = {**self._episodes}, {**self._deliveries}
        twin._sessions, twin._recordings = {**self._sessions}, {**self._recordings}
        return twin

    def number_from(self, last: int) -> None:
        """Its facts go on after this number, as in a store that was rebuilt."""
        self._last_seq = last

    @property
    def incarnation(self) -> str:
        return self._incarnation

    async def commit(self, commit: Commit, now: datetime) -> Sequence[int]:
        await self.before(commit)
        self._answer()
        states = {key: one for key, one in self._states.items() if key not in set(commit.dropped)}
        states |= {state.key: state for state in commit.states}
        _refuse(states)
        episodes = self._episodes | {episode.id: episode for episode in commit.episodes}
        _refuse_two_open(episodes)
        self._states, self._episodes = states, episodes
        self._deliveries |= {(one.destination, one.id): one for one in commit.deliveries}
        self._operations |= {operation.id: operation for operation in commit.operations}
        self._sessions |= {session.id: session for session in commit.sessions}
        self._recordings |= {recording.id: recording for recording in commit.recordings}
        _put(self._policies, commit.policies)
        _put(self._notes, commit.notes)
        first = self._last_seq + 1
        recorded = [RecordedFact(seq, now, fact) for seq, fact in enumerate(commit.facts, first)]
        self._facts += recorded
        self._last_seq += len(recorded)
        self.commits.append(commit)
        if recorded:
            for told in self._listeners:
                told()
        await self.after(commit)
        return [fact.seq for fact in recorded]

    def listen(self, told: Callable[[], None]) -> None:
        self._listeners.append(told)

    async def state(self, key: Key) -> KeyState | None:
        self._answer()
        return self._states.get(key)

    async def states(self, policy: str | None = None) -> Sequence[KeyState]:
        self._answer()
        return [self._states[key] for key in sorted(self._states) if policy in {None, key.policy}]

    async def key_of_room(self, room_id: str) -> Key | None:
        self._answer()
        holders = (
            key for key, state in self._states.items() if room_id in {r.id for r in state.rooms}
        )
        return next(holders, None)

    async def key_of_former_room(self, room_id: str) -> Key | None:
        self._answer()
        about = [one.key for one in self._operations.values() if one.room_id == room_id]
        return about[-1] if about else None

    async def operation(self, operation_id: str) -> Operation | None:
        self._answer()
        return self._operations.get(operation_id)

    async def open_operations(self, key: Key | None = None) -> Sequence[Operation]:
        self._answer()
        return [
            operation
            for operation in self._operations.values()
            if operation.state is OperationState.OPEN and key in {None, operation.key}
        ]

    async def facts(self, after: int, limit: int) -> Sequence[RecordedFact]:
        self._answer()
        return [fact for fact in self._facts if fact.seq > after][:limit]

    async def last_fact(self) -> int:
        self._answer()
        return self._facts[-1].seq if self._facts else 0

    async def policies(self) -> Sequence[PolicyText]:
        self._answer()
        return [self._policies[name] for name in sorted(self._policies)]

    async def note(self, name: str) -> str | None:
        self._answer()
        return self._notes.get(name)

    async def standing_episodes(self) -> Sequence[Episode]:
        self._answer()
        return [episode for episode in self._episodes.values() if episode.over_at is None]

    async def last_episode(self, source: str, digest: str) -> Episode | None:
        self._answer()
        pages = [
            episode
            for episode in self._episodes.values()
            if (episode.page.source, episode.page.digest) == (source, digest)
        ]
        return pages[-1] if pages else None

    async def episodes_of(self, source: str, digest: str, limit: int) -> Sequence[Episode]:
        self._answer()
        known = [*reversed(self._episodes.values())]
        place = (source, digest)
        return [one for one in known if (one.page.source, one.page.digest) == place][:limit]

    async def latest_episodes(self, limit: int) -> Sequence[Episode]:
        self._answer()
        return [*reversed(self._episodes.values())][:limit]

    async def standing_deliveries(self) -> Sequence[Delivery]:
        self._answer()
        return [delivery for delivery in self._deliveries.values() if not delivery.ended]

    async def delivery(self, destination: str, id_: str) -> Delivery | None:
        self._answer()
        return self._deliveries.get((destination, id_))

    async def deliveries_of(self, id_: str) -> Sequence[Delivery]:
        self._answer()
        return [delivery for delivery in self._deliveries.values() if delivery.id == id_]

    async def watched_sessions(self, since: datetime) -> Sequence[WatchedSession]:
        self._answer()
        known = self._sessions.values()
        return [one for one in known if one.next_at is not None or one.started_at >= since]

    async def standing_recordings(self) -> Sequence[KeptRecording]:
        self._answer()
        return [one for one in self._recordings.values() if not one.over]

    async def recording(self, recording_id: str) -> KeptRecording | None:
        self._answer()
        return self._recordings.get(recording_id)

    async def recordings_of(self, key: Key, limit: int) -> Sequence[KeptRecording]:
        self._answer()
        return [one for one in reversed(self._recordings.values()) if one.key == key][:limit]

    async def last_copied(self, archive: str) -> KeptRecording | None:
        self._answer()
        latest = reversed(self._recordings.values())
        return next((one for one in latest if one.copy and one.copy.archive == archive), None)

    def _counts(self) -> tuple[int, ...]:
        kinds = (self._operations, self._facts, self._episodes, self._deliveries)
        return (*map(len, kinds), len(self._recordings), len(self._sessions))

    async def prune(self, before: datetime, taken: int) -> Pruned:
        self._answer()
        counts = self._counts()
        rooms = {room.id for state in self._states.values() for room in state.rooms}
        self._operations = {
            one.id: one
            for one in self._operations.values()
            if one.state is OperationState.OPEN
            or one.started_at >= before
            or (one.kind is OperationKind.CREATE and one.room_id in rooms)
        }
        self._facts = [*dropwhile(lambda one: one.seq <= taken and one.ts < before, self._facts)]
        self._episodes = {
            one.id: one
            for one in self._episodes.values()
            if one.over_at is None or one.opened_at >= before
        }
        self._deliveries = {
            (one.destination, one.id): one
            for one in self._deliveries.values()
            if not one.ended or one.begun_at >= before
        }
        self._recordings = {
            one.id: one
            for one in self._recordings.values()
            if not one.over or one.found_at >= before
        }
        self._sessions = {
            one.id: one
            for one in self._sessions.values()
            if one.next_at is not None or one.started_at >= before
        }
        left = self._counts()
        return Pruned(*(was - now for was, now in zip(counts, left, strict=True)))

    @asynccontextmanager
    async def claim(self, key: Key) -> AsyncIterator[bool]:
        async with self._claims.hold(key) as mine:
            yield mine

    async def check(self) -> None:
        self._answer()

    async def close(self) -> None:
        self._closed = True

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault
        if self._closed:
            message = "the store is closed"
            raise StoreFault(message)


async def _nothing(_: Commit) -> None:
    return None


def _refuse(states: dict[Key, KeyState]) -> None:
    """Refuse what the indexes of a real store refuse."""
    seen: dict[str, Key] = {}
    for key, state in states.items():
        if [room.role for room in state.rooms].count(Role.CURRENT) > 1:
            message = f"{key} would have two current rooms"
            raise StoreFault(message)
        for room in state.rooms:
            if room.id in seen:
                message = f"room {room.id} of {key} is already remembered under {seen[room.id]}"
                raise StoreFault(message)
            seen[room.id] = key


def _refuse_two_open(episodes: dict[str, Episode]) -> None:
    pages = [(one.page.source, one.page.digest) for one in episodes.values() if one.is_open]
    if len(set(pages)) < len(pages):
        twice = next(page for page in pages if pages.count(page) > 1)
        message = f"{'-'.join(twice)} would have two open episodes"
        raise StoreFault(message)


def _put(known: dict[str, _T], changes: Mapping[str, _T | None]) -> None:
    for name, value in changes.items():
        if value is None:
            known.pop(name, None)
        else:
            known[name] = value
