"""Insight: the meter and the tracer of one process, through all lives of its daemon.

Where metrics are off nothing is counted, and where traces are off OpenTelemetry is not even
imported: it is an extra, and takes its time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

import structlog

from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.meter.counting import PrometheusMeter
from orchestrator.app.refusing import StartError
from orchestrator.config import Settings
from orchestrator.config.settings import TracingSettings
from orchestrator.edges.http.metrics import MetricsAccess
from orchestrator.engine.measuring import Measuring
from orchestrator.ports.clock import Clock
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.tracing import UNTRACED, Tracer

_log = structlog.get_logger(__name__)
_LOOKS: Final = 0.5  # seconds between two looks at how late the event loop is
_TOKEN_LEAST: Final = 16  # characters
_NO_OTEL: Final = (
    "tracing needs OpenTelemetry, which is not installed: pip install 'room-orchestrator[otel]', "
    "or take `tracing` out of config.yaml"
)


@dataclass(slots=True)
class Insight:
    """What counts and traces; by default nothing does."""

    meter: Meter = UNMETERED
    tracer: Tracer = UNTRACED
    _prometheus: PrometheusMeter | None = None
    _measuring: Measuring | None = field(default=None, init=False)

    @classmethod
    @asynccontextmanager
    async def of(cls, settings: Settings) -> AsyncIterator[Insight]:
        """The insight that a config asks for, for the length of the block.

        Raises:
            StartError: OpenTelemetry is not installed.
            SecretFault: a token is not where it should be.
        """
        ours = version("room-orchestrator")
        metered = PrometheusMeter(ours) if settings.http.metrics.enabled else None
        meter: Meter = UNMETERED if metered is None else metered
        if settings.tracing is None:
            yield cls(meter, _prometheus=metered)
            return
        async with _tracer(settings.tracing, ours, settings.owner) as tracer:
            yield cls(meter, tracer, metered)

    @contextmanager
    def measuring(self, measuring: Measuring) -> Iterator[None]:
        """Let this engine be measured for the length of the block."""
        self._measuring = measuring
        try:
            yield
        finally:
            self._measuring = None

    async def text(self, accept: str) -> tuple[str, bytes]:
        """All metrics, by what whoever asks can read: the type of the text, and the text."""
        if self._prometheus is None:
            return "text/plain; version=0.0.4; charset=utf-8", b""
        measuring = self._measuring
        measures = None if measuring is None else await measuring.measures()
        return self._prometheus.text(accept, measures)

    async def watch_the_loop(self, clock: Clock) -> None:
        """Tell the meter how late the event loop comes to things, until cancelled."""
        while self._prometheus is not None:
            due = clock.monotonic() + _LOOKS
            await clock.sleep(_LOOKS)
            self.meter.lagged(clock.monotonic() - due)


@asynccontextmanager
async def _tracer(settings: TracingSettings, ours: str, owner: str) -> AsyncIterator[Tracer]:
    try:
        from orchestrator.adapters.tracing import (  # noqa: PLC0415 - an extra
            OtelTracer,
            Traced,
            over_http,
        )
    except ModuleNotFoundError as missing:
        raise StartError(_NO_OTEL) from missing
    token = None if settings.token is None else settings.token.read()
    tracer = OtelTracer(
        over_http(settings.url, token),
        Traced(ours, owner),
        SystemClock().now,
        share=settings.share,
        report=_report,
    )
    _log.info("traces.sent", url=settings.url)
    try:
        yield tracer
    finally:
        await tracer.close()


def read_access(settings: Settings) -> MetricsAccess:
    """Who is told metrics, by these settings.

    Raises:
        StartError: the token is too short; the text does not quote it.
        SecretFault: it is not where it should be.
    """
    metrics = settings.http.metrics
    public = settings.http.public_url is not None
    if not metrics.enabled or metrics.token is None:
        return MetricsAccess(metrics.enabled, None, public)
    token = metrics.token.read()
    if len(token.reveal()) < _TOKEN_LEAST:
        message = (
            f"http.metrics.token has less than {_TOKEN_LEAST} characters; make one with:  "
            "openssl rand -hex 32"
        )
        raise StartError(message)
    return MetricsAccess(token=token, public=public)


def _report(event: str, fields: Mapping[str, object]) -> None:
    _log.warning(event, **dict(fields))
