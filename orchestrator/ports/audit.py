"""Port: the audit log, one chained line a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.facts import RecordedFact


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last line's sequence number and hash, and the lines so far."""

    seq: int
    hash: str
    lines: int


class AuditFault(Exception):
    """The log could not be written; facts stay in the store and are written later, in order."""


class AuditLog(Protocol):
    """Where facts go, in order, at least once, deduplicated by their sequence number."""

    async def append(self, facts: Sequence[RecordedFact]) -> Head:
        """Write facts and make them durable as configured; those already written are passed over.

        Raises:
            AuditFault: nothing, or only a beginning, was written. Ask `head` and go on from there:
                the log may even have lost lines, and then it ends earlier than before.
        """
        ...

    async def head(self) -> Head:
        """Where the log ends now; a torn last line does not count and is completed by `append`."""
        ...

    async def close(self) -> None:
        """Sync and let go of the file."""
        ...
