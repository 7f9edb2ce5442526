"""`MemoryAudit`: the audit port that keeps no line; for rehearsals, which leave no trace.

It counts and chains as a log on disk does and hands each fact on once.  It writes no file and signs
nothing, so it proves nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from orchestrator.domain.facts import RecordedFact
from orchestrator.foundation.chain import GENESIS
from orchestrator.ports.audit import AuditFault, Head

_EMPTY = Head(0, GENESIS, 0)


class MemoryAudit:
    """Implements `orchestrator.ports.audit.AuditLog`."""

    def __init__(
        self, told: Callable[[RecordedFact], None] = lambda _: None, head: Head | None = None
    ) -> None:
        """Call ``told`` with each new fact; go on after ``head``."""
        self._told = told
        self._head = head or _EMPTY
        self._closed = False

    async def append(self, facts: Sequence[RecordedFact]) -> Head:
        self._refuse_if_closed()
        for recorded in facts:
            if recorded.seq > self._head.seq:
                line = f"{self._head.hash} {recorded.seq} {recorded.fact.event}"
                own = hashlib.sha256(line.encode()).hexdigest()
                self._head = Head(recorded.seq, own, self._head.lines + 1)
                self._told(recorded)
        return self._head

    async def head(self) -> Head:
        self._refuse_if_closed()
        return self._head

    async def close(self) -> None:
        self._closed = True

    def _refuse_if_closed(self) -> None:
        if self._closed:
            message = "the log is closed"
            raise AuditFault(message)
