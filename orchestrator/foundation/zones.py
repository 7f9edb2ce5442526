"""Time zones by their names in the tz database, as this machine has them."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones

from orchestrator.foundation.problems import did_you_mean


def zone_problem(name: str) -> str:
    """What is wrong with the name of a zone, and how to mend it; empty where there is one."""
    if name in _zones():
        return ""
    near = did_you_mean(name, _zones()) or "; write one such as Europe/Berlin or UTC"
    return f'"{name}" is no known time zone{near}'


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})
