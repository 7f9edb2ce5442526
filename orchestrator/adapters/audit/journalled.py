"""A log whose facts are entries of systemd's journal as well, so that they can be asked for there.

Each is told once it stands in the log, by its own fields: ``journalctl KEY=team-rooms/checkout`` is
the room's story beside what else the machine did.  The journal is no second log: it may drop and
forget entries, nothing is checked against it, and a start tells nothing again.  What `fields_of`
refuses never comes here, for the log has refused it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from orchestrator.adapters.audit.lines import fields_of
from orchestrator.domain.facts import RecordedFact
from orchestrator.ports.audit import AuditLog, Head

_log: structlog.BoundLogger = structlog.get_logger(__name__)
# When it was told is the journal's own; the rest are the line's fields.
_LEFT_OUT: Final = frozenset({"ts", "event"})


class JournalledAudit:
    """An audit log that tells each new fact to the journal.

    Args:
        log: where facts are kept.
    """

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._told: int | None = None  # the last fact that was told, or was there before us

    async def append(self, facts: Sequence[RecordedFact]) -> Head:
        """Write facts, then tell those that were not there before. Raises `AuditFault`."""
        if self._told is None:
            self._told = (await self._log.head()).seq
        head = await self._log.append(facts)
        for recorded in facts:
            if self._told < recorded.seq <= head.seq:
                fields = fields_of(recorded)
                _log.info(
                    recorded.fact.event,
                    **{name: value for name, value in fields.items() if name not in _LEFT_OUT},
                )
        self._told = max(self._told, head.seq)
        return head

    async def head(self) -> Head:
        """Where the log ends now. Raises `AuditFault`."""
        return await self._log.head()

    async def close(self) -> None:
        """Sync and let go of the file."""
        await self._log.close()
