"""Port: recurring moments, so that the domain and the engine need no cron."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from orchestrator.domain.policies import Window


class Calendar(Protocol):
    """Reads the cron lines of the policy language (five fields, weekdays by name)."""

    def problem(self, window: Window) -> str | None:
        """Say what is wrong with a window and how to mend it; None if it opens again and again."""
        ...

    def opening(self, window: Window, after: datetime) -> tuple[datetime, datetime]:
        """The first opening that has not closed at ``after``: its start and end, UTC."""
        ...
