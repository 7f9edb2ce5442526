"""Absences: which rooms of ours a listing lacks, for how long, and what a person said of it.

It remembers over a restart since when it doubts: a room that the doubted API made meanwhile is no
proof that it is the right one.  It ends nothing: what it names only makes a listing doubtful.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from orchestrator.domain.absence import Absence, Look, absence
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import RoomListing, Rooms
from orchestrator.ports.store import Store

ABSENCE: Final = "listing.absence"  # {"since": instant or null, "gone": [room id, …]}


class Absences:
    """Compares listings with the store."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        observations: Observations,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        """Compare with ``store``, by API time."""
        self._store = store
        self._rooms = rooms
        self._observations = observations
        self._clock = clock
        self._settle = settings.settle
        self._since: datetime | None = None
        self._gone: frozenset[str] = frozenset()
        self.found = Absence()
        """What the last whole listing lacked."""
        self.expected_before = datetime.min.replace(tzinfo=UTC)
        """Rooms made from then on (API time) were not expected to be shown by that listing."""

    async def recall(self) -> None:
        """Read from the store since when it is doubted, and what a person said."""
        text = await self._store.note(ABSENCE)
        if text:
            kept = json.loads(text)
            self._since = parse_instant(kept["since"]) if kept["since"] else None
            self._gone = frozenset(kept["gone"])

    async def judge(self, listing: RoomListing, began: float) -> Absence:
        """What a listing that began at ``began`` (monotonic) lacks of what must be there."""
        now = self._rooms.api_now()
        listed = {room.id for room in listing.rooms}
        began_at = now - timedelta(seconds=self._clock.monotonic() - began)
        before = self._since or began_at - self._settle
        since = self._since
        look = Look(
            sum(
                since is None or room.created_at is None or room.created_at < since
                for room in listing.rooms
            ),
            lambda room_id: room_id in listed or self._observations.seen_since(room_id, began),
        )
        states = await self._store.states()
        doubted = since is not None
        self.found = absence(states, look, self._gone, before, now, doubted=doubted)
        self.expected_before = before
        remembered = {room.id for state in states for room in state.rooms} if self._gone else set()
        self._gone = frozenset(
            room_id for room_id in self._gone & remembered if not look.is_there(room_id)
        )
        if not self.found.doubtful:
            self._since = None
        elif self._since is None:
            self._since = now
        return self.found

    async def changed(self) -> dict[str, str | None]:
        """What to keep, where it is not kept already."""
        note = self.note_with(())
        return {} if note == await self._store.note(ABSENCE) else {ABSENCE: note}

    def note_with(self, gone: Iterable[str]) -> str | None:
        """What to keep once a person said of these rooms too that they are gone."""
        all_gone = self._gone.union(gone)
        if self._since is None and not all_gone:
            return None
        since = None if self._since is None else format_instant(self._since)
        return json.dumps({"since": since, "gone": sorted(all_gone)})

    def believe(self, gone: Iterable[str]) -> None:
        """A person said that these rooms are gone, and it is recorded: they are not expected."""
        self._gone = self._gone.union(gone)
