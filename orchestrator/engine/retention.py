"""Retention: once a week the store forgets what has long been over, so that it stops growing.

It refuses to forget by a clock that may be wrong, what a reader of facts has not taken yet, and the
last fact of all: by it a store is told from an older copy of itself.
"""

from __future__ import annotations

from dataclasses import astuple

import structlog

from orchestrator.engine.health import Pulse
from orchestrator.engine.outbox import Outbox
from orchestrator.engine.reconciler import Parts
from orchestrator.engine.settings import EngineSettings
from orchestrator.ports.store import Pruned

_log = structlog.get_logger(__name__)
_EVERY = 7 * 24 * 3600.0  # seconds; what is over for 400 days can wait for one more week
_SOON = 3600.0  # seconds after the start, and after what came to nothing


class Retention:
    """Forgets, in the store, what began before `EngineSettings.retention` and is over."""

    def __init__(self, parts: Parts, outbox: Outbox, settings: EngineSettings) -> None:
        """Forget in the store of ``parts`` what ``outbox`` has carried out."""
        self._parts = parts
        self._outbox = outbox
        self._retention = settings.retention
        self._longest = settings.longest_turn.total_seconds()

    async def run(self, pulse: Pulse) -> None:
        """Forget once a week, for ever. Raises `StoreFault`."""
        wait = _SOON
        while True:
            pulse.waits(wait)
            await self._parts.clock.sleep(wait)
            pulse.works(self._longest)
            wait = _SOON if await self.forget() is None else _EVERY

    async def forget(self) -> Pruned | None:
        """Forget now; None where it is not known what time it is. Raises `StoreFault`."""
        parts = self._parts
        if not parts.observations.listed:
            return None  # API time is not known yet, and a wrong clock would forget everything
        now = min(parts.clock.now(), parts.rooms.api_now())
        taken = self._outbox.taken
        if parts.messages.taken is not None:
            taken = min(taken, parts.messages.taken)
        pruned = await parts.store.prune(now - self._retention, taken - 1)
        if any(astuple(pruned)):
            _log.info(
                "store.pruned",
                operations=pruned.operations,
                facts=pruned.facts,
                episodes=pruned.episodes,
                deliveries=pruned.deliveries,
                recordings=pruned.recordings,
                sessions=pruned.sessions,
            )
        return pruned
