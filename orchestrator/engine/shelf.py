"""The shelf: what is remembered of recordings, their sessions and their terms, and how it is kept.

All of it is in memory as far as anything may still be done about it, and every change is one
commit of the store with the facts that tell of it; only what is durable is remembered.  Several
change it at once: whoever writes what follows from what is there holds `Shelf.writing` meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain.facts import Fact
from orchestrator.domain.keeping import KeptRecording, Terms, WatchedSession
from orchestrator.engine.gathering import SESSIONS_BACK
from orchestrator.foundation.shapes import dumps, loads
from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Commit, Store

TERMS: Final = "recordings.terms"  # note: what each policy says of recordings, as JSON
# Listings of sessions go back so far: one that is listed again is no new one.
_KNOWN_FOR: Final = SESSIONS_BACK + timedelta(days=2)


@dataclass(frozen=True, slots=True)
class KeptTerms:
    """The terms as the store keeps them: by the name of the policy."""

    policies: Mapping[str, Terms] = field(default_factory=lambda: MappingProxyType({}))


class Shelf:
    """What is remembered of recordings.

    Attributes:
        recordings: by id, those that are still at the API.
        sessions: by id, those that are looked at and those that are known since not long ago.
        terms: by the name of the policy, also of one that is gone.
        writing: held from the reading of a value to the writing of what follows from it.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        """Nothing is remembered before `recall`."""
        self._store = store
        self._clock = clock
        self.recordings: dict[str, KeptRecording] = {}
        self.sessions: dict[str, WatchedSession] = {}
        self.terms: Mapping[str, Terms] = {}
        self.writing = asyncio.Lock()

    async def recall(self) -> None:
        """Read what is remembered. Raises `StoreFault`."""
        text = await self._store.note(TERMS)
        self.terms = {} if text is None else loads(KeptTerms, text).policies
        standing = await self._store.standing_recordings()
        self.recordings = {one.id: one for one in standing}
        watched = await self._store.watched_sessions(self._clock.now() - _KNOWN_FOR)
        self.sessions = {one.id: one for one in watched}

    async def put(
        self,
        *,
        recordings: Sequence[KeptRecording] = (),
        sessions: Sequence[WatchedSession] = (),
        facts: Iterable[Fact] = (),
        terms: Mapping[str, Terms] | None = None,
        notes: Mapping[str, str | None] = MappingProxyType({}),
    ) -> None:
        """Write all of it in one transaction; only then it is remembered. Raises `StoreFault`."""
        notes = dict(notes)
        if terms is not None:
            notes[TERMS] = dumps(KeptTerms, KeptTerms(terms)).decode()
        commit = Commit(
            facts=tuple(facts), notes=notes, sessions=sessions, recordings=tuple(recordings)
        )
        if commit == Commit():
            return
        await self._store.commit(commit, self._clock.now())
        for one in recordings:
            self.recordings[one.id] = one
            if one.over:
                del self.recordings[one.id]
        self.sessions.update((one.id, one) for one in sessions)
        if terms is not None:
            self.terms = terms

    def forget_old(self) -> None:
        """Let go of sessions that no listing tells of any more."""
        since = self._clock.now() - _KNOWN_FOR
        old = [
            one.id
            for one in self.sessions.values()
            if one.next_at is None and one.started_at < since
        ]
        for id_ in old:
            del self.sessions[id_]
