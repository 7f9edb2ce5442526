"""Alerts: what the operators are told, one message a cause, edited while it lasts and then ended.

A cause has a name that stays while its message changes, so that a brake that holds two more rooms
is the same message with another text.  Pure: whoever keeps them says when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that a person should look at.

    Attributes:
        name: stays the same while it lasts: ``brake``, ``api``, ``policy teams.yaml``, …
        message: one sentence, as `status` shows it; it may change.
    """

    name: str
    message: str

    @property
    def is_meant(self) -> bool:
        """A person brought it about: operators are told, and nobody has to do anything."""
        return self.name.startswith("freeze ")


@dataclass(frozen=True, slots=True)
class Alert:
    """A cause that stands, and since when (UTC)."""

    cause: str
    message: str
    since: datetime


class Step(StrEnum):
    """What became of an alert."""

    BEGAN = "began"
    CHANGED = "changed"
    ENDED = "ended"


def compare(
    standing: Mapping[str, Alert], causes: Iterable[Cause], now: datetime
) -> tuple[dict[str, Alert], list[tuple[Step, Alert]]]:
    """The alerts that stand now, in the order of their causes, and what became of which.

    Of two causes with one name the messages stand together.
    """
    messages: dict[str, list[str]] = {}
    for cause in causes:
        messages.setdefault(cause.name, []).append(cause.message)
    after: dict[str, Alert] = {}
    steps: list[tuple[Step, Alert]] = []
    for name, parts in messages.items():
        before, message = standing.get(name), "  ".join(parts)
        alert = Alert(name, message, now if before is None else before.since)
        after[name] = alert
        if before is None:
            steps.append((Step.BEGAN, alert))
        elif before.message != message:
            steps.append((Step.CHANGED, alert))
    steps.extend((Step.ENDED, standing[name]) for name in standing if name not in after)
    return after, steps
