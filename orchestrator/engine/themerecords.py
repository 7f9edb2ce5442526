"""What is remembered of themes: one note of the store, told in full by its facts.

Every change is one commit with the facts that tell of it; only what is durable is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.facts import Fact
from orchestrator.domain.themes import ThemeMemory, ThemeRecord
from orchestrator.foundation.shapes import dumps, loads
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.store import Commit, Store

THEMES: Final = "themes"  # note: all that is remembered of themes, as JSON


class ThemeRecords:
    """The records of themes, and the moments at which some were removed."""

    def __init__(self, store: Store, rooms: Rooms, clock: Clock, per: timedelta) -> None:
        """Nothing is remembered before `recall`; removals are, for as long as ``per``."""
        self._store = store
        self._rooms = rooms
        self._clock = clock
        self._per = per
        self._memory = ThemeMemory()

    async def recall(self) -> None:
        """Read what is remembered. Raises `StoreFault`."""
        text = await self._store.note(THEMES)
        self._memory = ThemeMemory() if text is None else loads(ThemeMemory, text)

    @property
    def all(self) -> Sequence[ThemeRecord]:
        """All that is remembered, by name."""
        return self._memory.records

    @property
    def removed(self) -> Sequence[datetime]:
        """When themes were removed lately (API time)."""
        return self._memory.removed

    def of(self, name: str) -> ThemeRecord | None:
        """The record of one theme."""
        return next((one for one in self._memory.records if one.name == name), None)

    async def commit(
        self,
        records: Sequence[ThemeRecord],
        facts: Sequence[Fact],
        *,
        gone: str = "",
        removed: datetime | None = None,
    ) -> None:
        """Write records and facts in one transaction; only then are they remembered.

        Raises `StoreFault`.
        """
        known = {record.name: record for record in self._memory.records}
        known |= {record.name: record for record in records}
        known.pop(gone, None)
        lately = list(self._memory.removed)
        if removed is not None:
            # Only now: none is removed while clocks disagree, and one ahead would forget them all.
            since = self._rooms.api_now() - self._per
            lately = [*(at for at in lately if at > since), removed]
        memory = ThemeMemory(tuple(known[name] for name in sorted(known)), tuple(lately))
        notes: dict[str, str | None] = {}
        if memory.records != self._memory.records or removed is not None:
            notes[THEMES] = dumps(ThemeMemory, memory).decode()
        if notes or facts:
            await self._store.commit(Commit(facts=facts, notes=notes), self._clock.now())
        if notes:
            self._memory = memory
