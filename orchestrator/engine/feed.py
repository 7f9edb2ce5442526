"""Feeds: the calendars that scheduled rooms are shown in, made when somebody asks for one.

What was shown is remembered in the store, because calendar programs count changes (see
`orchestrator.domain.feed`); it is written when something changed, so a calendar that nobody reads
costs nothing.  Where it cannot be written the answer is the same, and is remembered in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from orchestrator.domain.feed import (
    HORIZON,
    MOST_OF_A_POLICY,
    FeedEvent,
    Planned,
    Plans,
    in_order,
    update,
)
from orchestrator.domain.policies import Mode, Policy, Schedule, stricter
from orchestrator.engine.links import Links
from orchestrator.engine.occurrences import schedules
from orchestrator.engine.reconciler import Parts, Reconciler
from orchestrator.engine.settings import EngineSettings
from orchestrator.foundation import shapes
from orchestrator.foundation.shapes import ShapeError
from orchestrator.ports.store import Commit, StoreFault

_log = structlog.get_logger(__name__)
SHOWN: Final = "feed:"  # note per destination: what its calendar showed last


@dataclass(frozen=True, slots=True)
class Shown:
    """What a calendar showed last, by encoded key."""

    events: Mapping[str, FeedEvent] = field(default_factory=dict)


class Feeds:
    """Implements `orchestrator.ports.links.CalendarDesk`."""

    def __init__(
        self,
        parts: Parts,
        reconciler: Reconciler,
        links: Links,
        settings: EngineSettings,
    ) -> None:
        """Show the schedules of the book that ``reconciler`` goes by, with their series' links."""
        self._parts = parts
        self._reconciler = reconciler
        self._links = links
        self._settings = settings
        self._shown: dict[str, Shown] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def calendars(self) -> Sequence[str]:
        """Their names in config.yaml."""
        return self._links.calendars

    async def series(self, policy: str) -> Sequence[FeedEvent] | None:
        """What calendars show of one schedule alone; None until the policies were read."""
        link = self._links.scheme.series_of(self._links.called_now(policy) or policy)
        found: dict[str, FeedEvent] = {}
        for destination in self.calendars:
            events = await self.feed(destination)
            if events is None:
                return None
            found.update((event.uid, event) for event in events if event.link == link)
        return tuple(sorted(found.values(), key=lambda event: (event.starts, event.uid)))

    async def feed(self, destination: str) -> Sequence[FeedEvent] | None:
        """What a calendar shows now; None until the policies were read."""
        if destination not in self.calendars or not self._links.known():
            return None
        async with self._one_at_a_time:  # two at once would count a change twice
            before = self._shown.get(destination) or await self._read(destination)
            after = before
            if self._settings.mode is not Mode.OBSERVE:
                plans = self._plans(destination)
                after = Shown(update(before.events, plans, self._parts.clock.now()))
            self._shown[destination] = after
            if after != before:
                await self._write(destination, after)
        return in_order(after.events)

    async def _read(self, destination: str) -> Shown:
        try:
            note = await self._parts.store.note(SHOWN + destination)
            return Shown() if note is None else shapes.loads(Shown, note)
        except (StoreFault, ShapeError) as fault:
            _log.error("feed.unread", destination=destination, error=str(fault))
            return Shown()

    async def _write(self, destination: str, shown: Shown) -> None:
        notes: dict[str, str | None] = {SHOWN + destination: shapes.dumps(Shown, shown).decode()}
        try:
            await self._parts.store.commit(Commit(notes=notes), self._parts.clock.now())
        except StoreFault as fault:
            # The next change writes all of it.
            _log.error("store.failed", error=str(fault))

    def _plans(self, destination: str) -> Plans:
        told, untouched = [], set()
        for policy, schedule in schedules(self._reconciler.book):
            if not any(deliver.to == destination for deliver in policy.deliver):
                continue
            if stricter(self._settings.mode, policy.mode) is Mode.OBSERVE:
                untouched.add(policy.name)
            else:
                told.append((policy, schedule))
        return Plans(
            owner=self._settings.owner,
            occurrences=[one for pair in told for one in self._planned(*pair)],
            formerly={policy.name: policy.formerly for policy, _ in told},
            untouched=frozenset(untouched),
        )

    def _planned(self, policy: Policy, schedule: Schedule) -> Iterator[Planned]:
        occurrences, link = self._parts.occurrences, self._links.scheme.series_of(policy.name)
        open_now = occurrences.in_life(policy, schedule)
        ahead = occurrences.ahead(policy, schedule, HORIZON, MOST_OF_A_POLICY)
        for key, one in (*open_now, *ahead):
            yield Planned(
                key=key,
                title=occurrences.name_of(policy, schedule, one, key),
                starts=one.starts,
                ends=one.ends,
                link=link,
                about=policy.description,
            )
