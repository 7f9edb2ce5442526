"""Health and readiness over HTTP: status, names and numbers, and nothing else."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.reports import HealthReport, LoopRow, ReadinessReport
from orchestrator.edges.http.health import HealthRoutes
from tests.http.served import served

PASSED = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
READY = ReadinessReport(
    ready=True, why_not="", last_pass=PASSED, last_pass_age=7201.5, api="unreachable"
)


@dataclass
class Patient:
    """Is as it is told to be."""

    loops: tuple[LoopRow, ...] = ()
    ready: ReadinessReport = READY

    def health(self) -> HealthReport:
        return HealthReport(not any(row.late for row in self.loops), self.loops)

    def readiness(self) -> ReadinessReport:
        return self.ready


async def ask(path: str, patient: Patient | None, method: str = "GET") -> tuple[int, Any]:
    """Status and document of an answer."""
    routes = HealthRoutes()
    async with served(routes.routes()) as here:
        if patient is None:
            answer = await here.ask(method, path)
        else:
            with routes.telling(patient):
                answer = await here.ask(method, path)
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status, json.loads(answer.text) if answer.text else None


@pytest.mark.parametrize(("late", "status"), [(False, 200), (True, 503)], ids=["turns", "hangs"])
async def test_healthz_follows_the_loops(late: bool, status: int) -> None:
    """Each with its silence, and what it had said."""
    patient = Patient((LoopRow("resync", 12.5, 600.0, late), LoopRow("watch", 99.0, None, False)))
    assert await ask("/healthz", patient) == (
        status,
        {
            "well": not late,
            "loops": [
                {"name": "resync", "silent_seconds": 12.5, "at_most_seconds": 600.0, "late": late},
                {"name": "watch", "silent_seconds": 99.0, "at_most_seconds": None, "late": False},
            ],
        },
    )


async def test_readyz_is_ready_without_the_api() -> None:
    """An outage is told, with the age of the last good pass, and takes nobody out of service."""
    assert await ask("/readyz", Patient()) == (
        200,
        {
            "ready": True,
            "why_not": "",
            "last_good_pass": "2026-11-22T06:00:00.000Z",
            "last_good_pass_age_seconds": 7201.5,
            "api": "unreachable",
        },
    )


async def test_readyz_says_why_not() -> None:
    """503, with a sentence."""
    report = ReadinessReport(False, "the policies are not loaded yet", None, None, "not asked yet")
    status, told = await ask("/readyz", Patient(ready=report))
    assert status == 503
    assert told["why_not"] == "the policies are not loaded yet"
    assert (told["last_good_pass"], told["last_good_pass_age_seconds"]) == (None, None)


async def test_between_two_lives_it_is_well_and_not_ready() -> None:
    """That an answer comes shows the event loop turning; nothing else is there to be asked."""
    assert await ask("/healthz", None) == (200, {"well": True, "loops": []})
    status, told = await ask("/readyz", None)
    assert (status, told["ready"]) == (503, False)


async def test_a_probe_may_ask_for_the_head_alone() -> None:
    """As some load balancers do; it is not changed by a POST."""
    assert await ask("/healthz", Patient(), "HEAD") == (200, None)
    assert (await ask("/healthz", Patient(), "POST"))[0] == 405
