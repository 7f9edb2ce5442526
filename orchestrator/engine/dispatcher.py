"""The dispatcher: one worker a key, many keys at once, some kept for pages, and an orderly end.

It refuses to run one key twice at the same time, and never cancels a turn that it began: on the way
out it takes no more keys and waits for the turns under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from orchestrator.domain.keys import Key
from orchestrator.engine.health import Vitals
from orchestrator.engine.inbox import Inbox, Lane

Turn = Callable[[Key, str, Lane], Awaitable[None]]
_log = structlog.get_logger(__name__)


class Dispatcher:
    """Takes keys from the inbox and gives each a turn."""

    def __init__(
        self, inbox: Inbox, turn: Turn, workers: int, vitals: Vitals, longest: float
    ) -> None:
        """Serve ``inbox`` with so many workers; ``turn`` must not raise for a key's own trouble.

        No turn takes more than ``longest`` seconds: `vitals` is told, and takes one for hung.
        """
        self._inbox = inbox
        self._turn = turn
        self._workers = workers
        self._vitals = vitals
        self._longest = longest
        # So that a page never waits until one of ten thousand renewals is answered.
        self._kept = max(2, workers // 4)

    async def run(self) -> None:
        """Work until the inbox is closed; then finish the turns under way and return."""
        self._vitals.expect("inbox", idle=lambda: not self._inbox.stalled)
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                name = f"worker-{number}"
                work = self._work(name, kept=False, patient=number > 0)
                group.create_task(work, name=name)
            for number in range(self._kept):
                name = f"page-worker-{number}"
                group.create_task(self._work(name, kept=True), name=name)
        self._vitals.release("inbox")

    async def _work(self, name: str, *, kept: bool, patient: bool = True) -> None:
        pulse = self._vitals.expect(name)
        pulse.waits(None)
        while (taken := await self._inbox.take(kept=kept, patient=patient)) is not None:
            key, cause, lane = taken
            pulse.works(self._longest)
            try:
                await self._turn(key, cause, lane)
            except Exception as error:  # noqa: BLE001 - one key's bug must not end the others
                _log.error("turn.failed", key=key.encoded, error=repr(error), exc_info=error)
            finally:
                self._inbox.done(key)
                pulse.waits(None)
        self._vitals.release(name)
