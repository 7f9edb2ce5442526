"""Health and readiness, for whoever watches over the daemon.

``/healthz`` is 503 while one of our loops hangs: restart us.  ``/readyz`` is 503 while there are
no policies, or the store cannot record: send us nothing.  Neither depends on the Meetings API; its
state and the age of the last good pass are told by ``/readyz`` and decide nothing.  Told are names
and numbers, to anybody who asks: no file, no address, no message of another system.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from orchestrator.edges.http.answers import Json, answer
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.health import Health

_WELL: Final = 200
_NOT: Final = 503


class HealthRoutes:
    """Answers on /healthz and /readyz, for one life of the daemon after another."""

    def __init__(self) -> None:
        """Be well and not ready, until `telling`."""
        self._health: Health | None = None

    def routes(self) -> tuple[web.AbstractRouteDef, ...]:
        """For the server."""
        return (web.get("/healthz", self._healthz), web.get("/readyz", self._readyz))

    @contextlib.contextmanager
    def telling(self, health: Health) -> Iterator[None]:
        """Tell of this life for the length of the block."""
        self._health = health
        try:
            yield
        finally:
            self._health = None

    async def _healthz(self, _: web.Request) -> web.Response:
        if self._health is None:
            # This answer is a turn of the event loop; there is no other loop yet.
            return answer(_WELL, {"well": True, "loops": []})
        report = self._health.health()
        loops: list[Json] = [
            {
                "name": row.name,
                "silent_seconds": row.silent,
                "at_most_seconds": row.at_most,
                "late": row.late,
            }
            for row in report.loops
        ]
        return answer(_WELL if report.well else _NOT, {"well": report.well, "loops": loops})

    async def _readyz(self, _: web.Request) -> web.Response:
        if self._health is None:
            return answer(_NOT, {"ready": False, "why_not": "the daemon is starting or reloading"})
        report = self._health.readiness()
        last = report.last_pass
        return answer(
            _WELL if report.ready else _NOT,
            {
                "ready": report.ready,
                "why_not": report.why_not,
                "last_good_pass": None if last is None else format_instant(last),
                "last_good_pass_age_seconds": report.last_pass_age,
                "api": report.api,
            },
        )
