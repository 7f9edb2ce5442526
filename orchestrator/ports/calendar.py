"""Port: recurring moments, so that the domain and the engine need no cron."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from orchestrator.domain.changetimes import ChangeTimes
from orchestrator.domain.policies import Window


class Calendar(Protocol):
    """Reads the cron lines of the policy language (five fields, weekdays by name)."""

    def line_problems(self, cron: str, timezone: str) -> Mapping[str, str]:
        """Say what is wrong with a line or a zone, by the words cron and timezone; or nothing."""
        ...

    def next_start(self, cron: str, timezone: str, earliest: datetime) -> datetime:
        """The first moment of a line, by the clock of a zone, that is not before ``earliest``, UTC.

        A local time that comes twice counts once, the first; one that is skipped moves on by what
        is missing, and where another stands already the two are one.

        Raises:
            ValueError: `line_problems` has something to say, or the calendar ends.
        """
        ...

    def crowds(self, cron: str, length: timedelta, most: int) -> bool:
        """Whether more than ``most`` moments of a line can fall within a length of time.

        Give or take a change of the clocks.

        Raises:
            ValueError: the line is one of which `line_problems` has something to say.
        """
        ...

    def local(self, moment: datetime, timezone: str) -> datetime:
        """A moment as the clocks of a zone show it.

        Raises:
            ValueError: there is no such zone.
        """
        ...

    def problems(self, window: Window) -> Mapping[str, str]:
        """Say what is wrong with a window and how to mend it, by the field's name; or nothing."""
        ...

    def opening(self, window: Window, after: datetime) -> tuple[datetime, datetime]:
        """The first opening that has not closed at ``after``: its start and end, UTC.

        Raises:
            ValueError: the window is one of which `problems` has something to say.
        """
        ...

    def change_time(self, times: ChangeTimes, after: datetime) -> tuple[datetime, datetime] | None:
        """The first hours of change that are not over at ``after``: their start and end, UTC.

        None where they allow none. They begin and end by the clock on the wall: on a day on which
        clocks are set they are longer or shorter by that.

        Raises:
            ValueError: there is no such zone, or the calendar ends.
        """
        ...

    def longest_wait(self, window: Window) -> timedelta:
        """How long a lawful window may stay closed at most, give or take a change of the clocks.

        Raises:
            ValueError: as `opening`.
        """
        ...
