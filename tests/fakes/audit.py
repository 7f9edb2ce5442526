"""An audit log in memory, for the tests of those who write facts."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.adapters.audit.memory import MemoryAudit
from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.ports.audit import AuditFault, Head


class FakeAudit(MemoryAudit):
    """The one of rehearsals, which keeps facts in a list and can fail.

    `fail` makes the next appends fail, each after it took so many of its facts.
    """

    def __init__(self, head: Head | None = None) -> None:
        self.written: list[RecordedFact] = []
        self._failures: list[int] = []
        super().__init__(self.written.append, head)

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
        if not self._failures:
            return await super().append(facts)
        known = (await self.head()).seq
        new = [recorded for recorded in facts if recorded.seq > known]
        await super().append(new[: self._failures.pop(0)])
        message = "the log cannot be written"
        raise AuditFault(message)
