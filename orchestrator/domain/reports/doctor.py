"""What a look at an installation found: each thing in order or not, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a thing is; only `WRONG` makes the whole wrong."""

    OK = "ok"
    NOTE = "note"  # lawful, and a person should know
    UNKNOWN = "unknown"  # it could not be looked at from here
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        part: what it is, such as ``source pagerduty``.
        told: what was found.
        mend: what to do, where there is something; or an empty text.
    """

    part: str
    health: Health
    told: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything that was looked at, in order."""

    config: str
    findings: tuple[Finding, ...] = ()

    @property
    def wrong(self) -> int:
        """How many things are wrong."""
        return sum(one.health is Health.WRONG for one in self.findings)
