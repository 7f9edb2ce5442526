"""Change times: at which hours of the week what stands may be changed.

Values; when such hours come is the calendar's to say (`orchestrator.ports.calendar`), and what
waits for them is `domain.pausing`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from orchestrator.foundation.weekhours import Hours, read_date, read_hours

_ANY = "any"


@dataclass(frozen=True, slots=True)
class ChangeTimes:
    """When what stands may be changed.

    Attributes:
        allow: None: at any time; none at all: never by itself, only by a reviewed plan.
        closed_on: days on which nothing is changed, by the clocks of each of these hours.
    """

    allow: tuple[Hours, ...] | None = None
    closed_on: frozenset[date] = frozenset()

    def __str__(self) -> str:
        """In a few words."""
        if self.allow is None:
            return "at any time"
        return ", ".join(map(str, self.allow)) or "by reviewed plans alone"


AT_ANY_TIME: Final = ChangeTimes()


def change_times(allow: Iterable[str], closed_on: Iterable[str]) -> ChangeTimes:
    """Change times of what was written; `any` among them is at any time.

    Raises:
        ValueError: one of them cannot be read.
    """
    texts = [*allow]
    hours = None if _ANY in texts else tuple(read_hours(text) for text in texts)
    return ChangeTimes(hours, frozenset(map(read_date, closed_on)))
