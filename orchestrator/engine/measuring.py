"""Measuring: how an engine stands, as numbers, for whoever asks every few seconds.

It asks no API, and answers while nothing can be recorded.  What takes a look at every room is
worked out a few hundred rooms at a time, so that no page waits for it, and kept for thirty times as
long as it took: an estate of any size spends some hundredths of its time on being counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

import structlog

from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import Census, DestinationMeasures, Measures
from orchestrator.engine.causes import causes
from orchestrator.engine.hints import OUTCOMES
from orchestrator.engine.inbox import Breath
from orchestrator.engine.pagedesk import page_states
from orchestrator.engine.renewals import Renewals
from orchestrator.engine.showing import state_word, word_without_room
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.store import StoreFault

_log = structlog.get_logger(__name__)
_SLICE: Final = 200  # keys that are looked at before everything else has its turn
_KEPT_LEAST: Final = 5.0  # seconds that what was counted stays good …
_KEPT_TIMES: Final = 30.0  # … and how many times as long as it took
_PATIENCE: Final = 1.0  # seconds that whoever asks waits for a count
_STANDING: Final = frozenset({"open", "occupied"})  # links that people have


@dataclass(slots=True)
class _Tally:
    """What is being counted."""

    rooms: Counter[tuple[str, str]] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    overdue: int = 0
    first_end: datetime | None = None


class Measuring:
    """Measures one engine."""

    def __init__(
        self, engine: Engine, started_at: datetime, kinds: Mapping[str, str] | None = None
    ) -> None:
        """Look at ``engine``, which began at ``started_at``; ``kinds`` are of its destinations."""
        self._engine = engine
        self._parts = engine.parts
        self._started_at = started_at
        self._kinds = kinds or {}
        self._renewals = Renewals(engine.parts.gathering)
        self._asked = asyncio.Event()
        self._counted = asyncio.Event()
        self._census: Census | None = None
        self._census_until = 0.0
        self._needs: Mapping[str, int] = {}
        self._needs_until = 0.0

    async def measures(self) -> Measures:
        """How everything stands now; what was counted may be some seconds older."""
        parts, engine = self._parts, self._engine
        census = await self._latest()
        behind = await self._audit_behind()
        weather, brakes = parts.weather, parts.brakes.verdict
        turns = engine.reconciler.turns
        asked = weather.last_good is not None or weather.down_since is not None
        book = engine.reconciler.book
        return Measures(
            mode=str(engine.settings.mode),
            started_at=self._started_at,
            ready=engine.readiness().ready,
            last_pass=parts.observations.passed_at,
            api_up=weather.down_since is None if asked else None,
            api_refuses=bool(weather.refused),
            api_last_good=weather.last_good,
            clock_difference=parts.rooms.clock_difference(),
            census=census,
            brake=len(brakes.held) if brakes.brake else 0,
            waiting={lane.name.lower(): many for lane, many in parts.inbox.depths.items()},
            waiting_since=parts.inbox.longest_wait,
            turns={lane.name.lower(): one.count for lane, one in turns.items()},
            turn_seconds={lane.name.lower(): one.seconds for lane, one in turns.items()},
            pages=page_states(parts.pages.standing()),
            roomless=len(parts.pages.roomless()),
            destinations=self._destinations(),
            audit_behind=behind,
            audit_lines=engine.outbox.audit_lines,
            problems=len(book.problems),
            policies={name: name in book.stale or name in book.doubtful for name in book.policies},
            directories_failing=sum(bool(row.reason) for row in engine.polling.rows()),
            themes=Counter(row.state for row in parts.wardrobe.rows()),
            needs=self._needed(),
            loops_late=len(engine.health().late),
            senders=self._senders(),
            callbacks={outcome: parts.hints.counts[outcome] for outcome in OUTCOMES},
        )

    async def _audit_behind(self) -> float | None:
        try:
            since = await self._engine.outbox.unwritten_since()
        except StoreFault:
            return None
        if since is None:
            return 0.0
        return max((self._parts.clock.now() - since).total_seconds(), 0.0)

    def _destinations(self) -> dict[str, DestinationMeasures]:
        engine, messages = self._engine, self._parts.messages
        found = {
            name: DestinationMeasures(self._kinds.get(name, ""), int(name in engine.outbox.behind))
            for name in engine.outbox.names
        }
        rows = {row.destination: row for row in messages.rows()}
        for name in messages.names:
            row, kind = rows.get(name), self._kinds.get(name, "")
            behind, given_up = (0, 0) if row is None else (row.behind, len(row.given_up))
            found[name] = DestinationMeasures(kind, behind, given_up)
        return found

    def _senders(self) -> dict[tuple[str, str], int]:
        return {
            (row.name, outcome): many
            for row in self._engine.senders()
            for outcome, many in (
                ("taken", row.taken),
                ("refused", row.refused),
                ("put_off", row.put_off),
            )
        }

    def _needed(self) -> Mapping[str, int]:
        """What a person should look at, by its kind: the first word of a cause's name."""
        began = self._parts.clock.monotonic()
        if began >= self._needs_until:
            kinds = (cause.name.partition(" ")[0] for cause in causes(self._engine))
            self._needs = MappingProxyType(Counter(kinds))
            took = self._parts.clock.monotonic() - began
            self._needs_until = began + max(_KEPT_LEAST, _KEPT_TIMES * took)
        return self._needs

    # --- what takes a look at every room ----------------------------------------------------------

    async def run(self) -> None:
        """Count whenever somebody asks and what was counted is old, until cancelled."""
        while True:
            await self._asked.wait()
            took = 0.0
            try:
                self._census = await self._count(await self._parts.store.states())
                took = self._census.seconds
            except StoreFault:
                pass  # nothing can be done to a room now, so little has changed
            except Exception as error:  # noqa: BLE001 - whoever only watches ends nothing
                _log.error("counting.failed", error=repr(error), exc_info=error)
            now = self._parts.clock.monotonic()
            self._census_until = now + max(_KEPT_LEAST, _KEPT_TIMES * took)
            self._asked.clear()
            self._counted.set()

    async def _latest(self) -> Census | None:
        """The last count; of a small estate, or where there was none before, a fresh one.

        Whoever asks waits for a moment and no longer: counting goes on, for whoever asks next.
        """
        if self._parts.clock.monotonic() >= self._census_until and not self._asked.is_set():
            self._counted.clear()
            self._asked.set()
        if self._asked.is_set():
            async with asyncio.TaskGroup() as group:
                patience = group.create_task(
                    self._parts.clock.sleep(_PATIENCE), name="measuring-patience"
                )
                counted = group.create_task(self._counted.wait(), name="measuring-counted")
                await asyncio.wait((patience, counted), return_when=asyncio.FIRST_COMPLETED)
                patience.cancel()
                counted.cancel()
        return self._census

    async def _count(self, states: Sequence[KeyState]) -> Census:
        clock, tally, spent = self._parts.clock, _Tally(), 0.0
        known = {state.key for state in states}
        book = self._engine.reconciler.book
        absent = [KeyState(key) for key in book.wishes if key not in known]
        keys = [*states, *absent]
        counted_at = clock.now()
        for at in range(0, len(keys), _SLICE):
            began = clock.monotonic()
            for state in keys[at : at + _SLICE]:
                self._add(tally, state, counted_at)
            spent += clock.monotonic() - began
            await Breath()
        return Census(
            counted_at, spent, tally.rooms, tally.overdue, tally.first_end, held=tally.held
        )

    def _add(self, tally: _Tally, state: KeyState, now: datetime) -> None:
        policy = state.key.policy
        holds = self._engine.reconciler.last_holds.get(state.key, ())
        tally.held.update({hold.by for hold in holds if hold.action is not None})
        if not state.rooms:
            if state.wish is not None or self._is_wanted(state.key):
                mode = self._parts.gathering.mode(policy, self._engine.reconciler.book)
                tally.rooms[policy, word_without_room(state, holds, mode)] += 1
            return
        tally.overdue += self._renewals.late_since(state, now) is not None
        # Rooms of pages come and go: none of them is lost.
        lasting = not self._parts.pages.is_of_page(policy)
        for room in state.rooms:
            word = state_word(state, room, self._parts.gathering.use(room))
            tally.rooms[policy, word] += 1
            end = room.expires_at
            if lasting and word in _STANDING and end is not None and end > now:
                tally.first_end = min(tally.first_end or end, end)

    def _is_wanted(self, key: Key) -> bool:
        return key in self._engine.reconciler.book.wishes
