"""Port: health. Whether the daemon works, and whether it can be relied on: two questions.

Health follows the turns of the daemon's own loops, success or failure alike: a loop that turns and
fails is well, one that does not come back is not.  Readiness is about store and policies.  Neither
asks the API, so that its outage restarts nobody.
"""

from __future__ import annotations

from typing import Protocol

from orchestrator.domain.reports import HealthReport, ReadinessReport


class Health(Protocol):
    """Tells of itself at once, without disk or API."""

    def health(self) -> HealthReport:
        """Which loops turn, and which have been silent for longer than they said."""
        ...

    def readiness(self) -> ReadinessReport:
        """Whether store and policies are there, and how old the last good pass is."""
        ...
