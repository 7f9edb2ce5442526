"""The audit log as the port wants it: one JSON object a line, chained, in a file.

Writing and syncing happen in one thread of their own, so that a slow disk delays the audit and
nothing else. Once begun, an append is carried out even if whoever awaits it is cancelled; since
facts that are in the log are passed over, appending them again is always right.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from orchestrator.adapters.audit.writing import LogPlace, Writer
from orchestrator.domain.facts import RecordedFact
from orchestrator.ports.audit import AuditFault, Head

ALWAYS: Final = timedelta()  # sync before every answer

_Result = TypeVar("_Result")


class JsonlAudit:
    """An `orchestrator.ports.audit.AuditLog` in a file."""

    def __init__(self, place: LogPlace, *, sync_every: timedelta = ALWAYS) -> None:
        """Touches no file yet.

        Args:
            place: the file, whose it is, and who signs.
            sync_every: `ALWAYS`, or the longest time that lines may be written but not durable.
        """
        self._place = place
        self._sync_every = sync_every
        self._writer = Writer(place)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")
        # Held here because virtual time keeps only a weak reference to what it waits for.
        self._running: set[object] = set()
        self._due: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def is_behind(self) -> bool:
        """Whether lines were written that a power cut could still take away."""
        return self._writer.unsynced

    async def append(self, facts: Sequence[RecordedFact]) -> Head:
        """See the port."""
        at_once = self._sync_every == ALWAYS
        head = await self._do(partial(self._writer.append, tuple(facts), sync=at_once))
        if self.is_behind and self._due is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(self._sync_every.total_seconds(), self._sync_in_time)
        return head

    async def head(self) -> Head:
        """See the port."""
        return await self._do(self._writer.head)

    async def close(self) -> None:
        """See the port. Safe to call twice."""
        if self._closed:
            return
        closing = self._begin(self._writer.close)
        self._closed = True
        if self._due is not None:
            self._due.cancel()
        try:
            # Shielded: a cancelled awaiter must not leave the file open.
            await asyncio.shield(closing)
        finally:
            self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], _Result]) -> _Result:
        if self._closed:
            message = f"{self._place.path}: the log is closed"
            raise AuditFault(message)
        return await self._begin(work)

    def _begin(self, work: Callable[[], _Result]) -> "asyncio.Future[_Result]":
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def _sync_in_time(self) -> None:
        self._due = None
        self._begin(self._writer.sync_later)
