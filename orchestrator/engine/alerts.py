"""Alerts at work: each cause is told once, edited while it lasts, and ended with its cause.

The log always tells, with the priority of an error or a warning; boards are shown all that stands.
It looks when something was recorded and once in a while, remembers what stands over a restart, and
never fails for what it tells of: without a disk the log still has it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from orchestrator.domain.alerts import Alert, Cause, Step, compare
from orchestrator.engine.health import Pulse
from orchestrator.foundation.instants import format_instant_exactly, parse_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import AlertBoard, DeliveryFault
from orchestrator.ports.store import Commit, Store, StoreFault

_log = structlog.get_logger(__name__)
NOTE: Final = "alerts"  # [[cause, message, since], …]
_GATHER: Final = 1.0  # seconds in which what comes together is told together
# What stops the daemon's work for all is an error; the rest waits for a person's hour.
_ERRORS: Final = frozenset({"store", "ownership", "credentials", "api", "overdue", "no-room"})


class Alerts:
    """What stands, and who is told."""

    def __init__(
        self, store: Store, clock: Clock, boards: Mapping[str, AlertBoard], every: timedelta
    ) -> None:
        """Tell ``boards``, looking at least ``every`` so often."""
        self._store = store
        self._clock = clock
        self._boards = boards
        self._every = every.total_seconds()
        self._nudged = asyncio.Event()
        self._behind = set(boards)  # who was not shown what stands
        self._sure = False
        self.standing: dict[str, Alert] = {}
        self.quick: Callable[[], Sequence[Cause]] = tuple
        """What a person should look at now; set by whoever knows the engine."""
        self.slower: Callable[[], Awaitable[Sequence[Cause]]] = _nothing
        """What is only asked once in a while, because it reads every state."""
        self._slow: Sequence[Cause] = ()
        self._asked: float | None = None
        self.sure: Callable[[], bool] = lambda: True
        """Whether what is not among the causes is over: not before every key had its turn once."""
        store.listen(self._nudged.set)

    async def recall(self) -> None:
        """Read from the store what stood. Raises `StoreFault`."""
        text = await self._store.note(NOTE)
        self.standing = {
            cause: Alert(cause, message, parse_instant(since))
            for cause, message, since in json.loads(text or "[]")
        }

    async def run(self, pulse: Pulse) -> None:
        """Look for ever."""
        while True:
            pulse.works()
            await self.look()
            pulse.waits(None)  # it waits twice, for as long as nothing happens
            async with asyncio.TaskGroup() as group:
                pause = group.create_task(self._clock.sleep(self._every), name="alerts-pause")
                nudge = group.create_task(self._nudged.wait(), name="alerts-nudge")
                await asyncio.wait((pause, nudge), return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                nudge.cancel()
            await self._clock.sleep(_GATHER)

    async def look(self) -> None:
        """Tell what began, changed and ended since the last look."""
        self._nudged.clear()
        moment = self._clock.monotonic()
        if self._asked is None or moment - self._asked >= self._every:
            # Where the store cannot be read, what stood stands, for all that anybody knows.
            with suppress(StoreFault):
                self._slow, self._asked = await self.slower(), moment
        found = [*self.quick(), *self._slow]
        self._sure = self._sure or self.sure()
        if not self._sure:
            kept = {cause.name for cause in found}
            still = (one for one in self.standing.values() if one.cause not in kept)
            found = [*found, *(Cause(one.cause, one.message) for one in still)]
        after, steps = compare(self.standing, found, self._clock.now())
        self.standing = after
        for step, alert in steps:
            _tell(step, alert)
        if steps:
            self._behind = set(self._boards)
            await self._keep()
        for name in sorted(self._behind):
            await self._show(name)

    async def _keep(self) -> None:
        told = [
            [one.cause, one.message, format_instant_exactly(one.since)]
            for one in self.standing.values()
        ]
        note = json.dumps(told, ensure_ascii=False) if told else None
        try:
            await self._store.commit(Commit(notes={NOTE: note}), self._clock.now())
        except StoreFault as fault:
            _log.warning("alerts.unkept", error=str(fault))

    async def _show(self, name: str) -> None:
        try:
            await self._boards[name].show(tuple(self.standing.values()), self._clock.now())
        except DeliveryFault as fault:
            _log.warning("alerts.untold", destination=name, error=str(fault))
        else:
            self._behind.discard(name)


async def _nothing() -> Sequence[Cause]:
    return ()


def _tell(step: Step, alert: Alert) -> None:
    if step is Step.ENDED:
        _log.info("alert.ended", cause=alert.cause, since=format_instant_exactly(alert.since))
        return
    say = _log.error if alert.cause in _ERRORS else _log.warning
    say(f"alert.{step}", cause=alert.cause, message=alert.message)
