"""First rooms: how long pages waited for their link and for their room.

What was measured is told and nothing else: of a room that came while nobody looked, nobody knows
when it came.  It writes nothing itself; what it noticed is recorded with whatever else is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from orchestrator.domain.episodes import Episode
from orchestrator.ports.clock import Clock
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.store import Store, StoreFault
from orchestrator.ports.tracing import UNTRACED, Tracer

_log = structlog.get_logger(__name__)


class FirstRooms:
    """Notices when the link and the first room of an episode were known."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Look for rooms in ``store``."""
        self._store = store
        self._clock = clock
        self.link_after: dict[str, float] = {}
        """Seconds until the link of an episode was durable, of those that are not over."""
        self.noticed: dict[str, datetime] = {}
        """When the first room of an episode was known, where that is not recorded yet."""
        self.last: tuple[float | None, float | None] = (None, None)
        """Seconds until link and room were known of the page that got its room last."""
        self.meter: Meter = UNMETERED
        """Who counts these; set by whoever has one."""
        self.tracer: Tracer = UNTRACED
        """Who follows pages to their rooms."""
        self._missed: set[str] = set()

    async def recall(self, episodes: Iterable[Episode], latest: Iterable[Episode]) -> None:
        """Rooms that are there now came while nobody looked. Raises `StoreFault`.

        Args:
            episodes: that are not over.
            latest: any, the latest first.
        """
        measured = next((one for one in latest if one.room_at is not None), None)
        if measured is not None and measured.room_at is not None:
            self.last = None, (measured.room_at - measured.opened_at).total_seconds()
        for episode in episodes:
            if episode.room_at is None and episode.key is not None:
                state = await self._store.state(episode.key)
                if state is not None and state.generation:
                    self._missed.add(episode.id)

    def linked(self, episode: Episode, seconds: float) -> None:
        """The link of a new episode is durable."""
        self.meter.linked(seconds)
        if episode.over_at is None and episode.room_at is None:
            self.link_after.setdefault(episode.id, seconds)

    async def look(self, episode: Episode) -> bool:
        """Whether the first room of an episode was noticed just now."""
        known = episode.room_at is not None or episode.id in self.noticed
        if known or episode.shares or episode.id in self._missed or episode.key is None:
            return False
        now = self._clock.now()
        try:
            state = await self._store.state(episode.key)
        except StoreFault as fault:
            _log.error("store.failed", error=str(fault))
            return False
        if state is None or state.current is None:
            return False
        self.noticed[episode.id] = now
        waited = (now - episode.opened_at).total_seconds()
        self.last = self.link_after.get(episode.id), waited
        self.meter.roomed(waited)
        self.tracer.passed(
            "page", waited, source=episode.page.source, policy=episode.policy, episode=episode.id
        )
        return True

    def has_none(self, episode: Episode) -> bool:
        """Whether no room of an episode's own was ever known, as far as anybody looked."""
        return self.room_at(episode) is None and episode.id not in self._missed

    def room_at(self, episode: Episode) -> datetime | None:
        """When the first room of an episode was known, recorded or not."""
        return episode.room_at or self.noticed.get(episode.id)

    def unrecorded(
        self, drafted: Mapping[str, Episode], standing: Mapping[str, Episode]
    ) -> Iterator[Episode]:
        """Episodes as they are to be recorded, with what was noticed of them."""
        for id_, at in self.noticed.items():
            episode = drafted.get(id_) or standing.get(id_)
            if episode is not None and episode.room_at is None:
                yield replace(episode, room_at=at)

    def recorded(self, episode: Episode) -> None:
        """An episode is durable as it is."""
        if episode.room_at is not None:
            self.noticed.pop(episode.id, None)
        if episode.over_at is not None:
            self.noticed.pop(episode.id, None)
            self.link_after.pop(episode.id, None)
            self._missed.discard(episode.id)
