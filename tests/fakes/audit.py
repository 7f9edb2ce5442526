"""An audit log in memory, for the tests of those who write facts."""

import hashlib
from collections.abc import Sequence

from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.foundation.chain import GENESIS
from orchestrator.ports.audit import AuditFault, Head


class FakeAudit:
    """Keeps facts in a list; passes the contract of `orchestrator.ports.audit.AuditLog`.

    `fail` makes the next appends fail, each after it took so many of its facts.
    """

    def __init__(self, head: Head | None = None) -> None:
        self.written: list[RecordedFact] = []
        self._head = head or Head(0, GENESIS, 0)
        self._failures: list[int] = []
        self._closed = False

    @property
    def facts(self) -> list[Fact]:
        """What was written, without numbers and times."""
        return [recorded.fact for recorded in self.written]

    @property
    def events(self) -> list[str]:
        """The names of what was written."""
        return [fact.event for fact in self.facts]

    def fail(self, *after: int) -> None:
        self._failures.extend(after)

    def heal(self) -> None:
        """Whatever was to fail does not."""
        self._failures.clear()

    async def append(self, facts: Sequence[RecordedFact]) -> Head:
        self._refuse_if_closed()
        new = [recorded for recorded in facts if recorded.seq > self._head.seq]
        failing = bool(self._failures)
        for recorded in new[: self._failures.pop(0)] if failing else new:
            own = hashlib.sha256(f"{self._head.hash} {recorded!r}".encode()).hexdigest()
            self._head = Head(recorded.seq, own, self._head.lines + 1)
            self.written.append(recorded)
        if failing:
            message = "the log cannot be written"
            raise AuditFault(message)
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
