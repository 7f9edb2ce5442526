"""Port: the chronicle. Facts for people who look: the latest, earlier ones, and each new one.

It drives us: a page asks.  Told is what the store remembers; the audit log on disk holds more, and
`audit search` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.domain.reports import DayReport, FactRow, FactsReport


class Chronicle(Protocol):
    """Tells of facts. Every method but `news` may raise `StoreFault`."""

    async def last(self) -> int:
        """The number of the latest fact; 0 where there is none."""
        ...

    async def latest(self, before: int | None, count: int) -> FactsReport:
        """The latest ``count`` facts with a number below ``before``; None: of all."""
        ...

    async def find(
        self, text: str, before: int | None, count: int, *, secrets: bool
    ) -> FactsReport:
        """The latest facts that tell of a text, as `audit search` finds them.

        One question looks at a bounded number of facts, so that it cannot hold up what is at work;
        the answer says how far it came.

        Args:
            text: part of a name, a key, an id, an event.
            before: only facts with a lower number; None: all.
            count: at most so many.
            secrets: also look into links and meeting codes, which who may not see them could else
                guess letter by letter.
        """
        ...

    async def after(self, seq: int, count: int) -> Sequence[FactRow]:
        """The facts that follow on a number, oldest first, at most ``count``."""
        ...

    async def news(self, seq: int) -> None:
        """Return once there is a fact with a higher number."""
        ...

    async def since(self, moment: datetime, count: int) -> DayReport:
        """What was done since a moment, with at most ``count`` facts of it."""
        ...
