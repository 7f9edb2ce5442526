"""Port: recurring moments, so that the domain and the engine need no cron."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from orchestrator.domain.policies import Window


class Calendar(Protocol):
    """Reads the cron lines of the policy language (five fields, weekdays by name)."""

    def problems(self, window: Window) -> Mapping[str, str]:
        """Say what is wrong with a window and how to mend it, by the field's name; or nothing."""
        ...

    def opening(self, window: Window, after: datetime) -> tuple[datetime, datetime]:
        """The first opening that has not closed at ``after``: its start and end, UTC.

        Raises:
            ValueError: the window is one of which `problems` has something to say.
        """
        ...

    def longest_wait(self, window: Window) -> timedelta:
        """How long a lawful window may stay closed at most, give or take a change of the clocks.

        Raises:
            ValueError: as `opening`.
        """
        ...
