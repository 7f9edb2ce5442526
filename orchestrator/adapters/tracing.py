"""Traces by OpenTelemetry, sent to a collector by OTLP over HTTP.

Needs the extra ``otel``; imported only where the config asks for traces.  It keeps to itself: no
global of the library is set, and nothing of a trace is sent to the Meetings API or to a
destination.  An exception is told by its kind alone, because its text may quote what must not be
shown.  A collector that is away costs spans and nothing else: they are dropped, and that is
reported once, and when it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode

from orchestrator.foundation.secret import Secret
from orchestrator.ports.tracing import Attribute

Report = Callable[[str, Mapping[str, object]], None]

_SERVICE: Final = "room-orchestrator"
_PATIENCE: Final = 5.0  # seconds for one request to the collector
_EVERY: Final = 2_000  # milliseconds between two of them
_WAITING_MOST: Final = 8_192  # spans; more are dropped
_CLIENTS: Final = frozenset({"call", "delivery"})  # spans of what is asked of others
# What OpenTelemetry has a name for; all else stands under our own.
_NAMES: Final = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
}
_OURS: Final = "room_orchestrator."


@dataclass(frozen=True, slots=True)
class Traced:
    """Whose spans they are: our version, and this installation's id."""

    version: str
    owner: str

    @property
    def words(self) -> dict[str, str]:
        """The same in OpenTelemetry's words."""
        return {
            "service.name": _SERVICE,
            "service.version": self.version,
            "service.instance.id": self.owner,
        }


class OtelTracer:
    """Begins spans for one process; implements `ports.tracing.Tracer`."""

    def __init__(
        self,
        exporter: SpanExporter,
        about: Traced,
        now: Callable[[], datetime],
        *,
        share: float = 1.0,
        report: Report = lambda *_: None,
    ) -> None:
        """Send what is traced to ``exporter``.

        Args:
            exporter: shut down by `close`.
            about: whose spans they are.
            now: the wall clock.
            share: of traces that are kept, 0 to 1.
            report: told when spans begin to be lost, and when that is over; from another thread.
        """
        self._now = now
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource.create(about.words),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Told(exporter, report),
                max_queue_size=_WAITING_MOST,
                schedule_delay_millis=_EVERY,
                export_timeout_millis=_PATIENCE * 1000,
            )
        )
        self._tracer = self._provider.get_tracer(_SERVICE, about.version)

    async def flush(self) -> None:
        """Send what waits, now."""
        await asyncio.to_thread(self._provider.force_flush)

    async def close(self) -> None:
        """Send what waits, for some seconds at most, and end."""
        await asyncio.to_thread(self._provider.shutdown)

    @contextmanager
    def span(self, name: str, /, **attributes: object) -> Iterator[_Open]:
        """See `Tracer.span`."""
        with self._tracer.start_as_current_span(
            _named(name, attributes),
            kind=SpanKind.CLIENT if name in _CLIENTS else SpanKind.INTERNAL,
            attributes=_written(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            opened = _Open(span)
            try:
                yield opened
            except BaseException as error:
                opened.failed(type(error).__name__)
                raise

    def passed(self, name: str, seconds: float, /, **attributes: object) -> None:
        """See `Tracer.passed`."""
        ended = int(self._now().timestamp() * 1e9)
        began = ended - int(max(seconds, 0.0) * 1e9)
        span = self._tracer.start_span(name, attributes=_written(attributes), start_time=began)
        span.end(ended)


class _Open:
    """A span that goes on; implements `ports.tracing.Span`."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        self._failed = False

    def note(self, name: str, value: Attribute) -> None:
        self._span.set_attributes(_written({name: value}))

    def failed(self, why: str) -> None:
        if not self._failed:  # the first word is nearest to what happened
            self._failed = True
            self._span.set_status(StatusCode.ERROR, why)


class _Told(SpanExporter):
    """An exporter whose losses are reported, once until it works again."""

    def __init__(self, exporter: SpanExporter, report: Report) -> None:
        self._exporter = exporter
        self._report = report
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, the spans are lost and nothing else is
            result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                self._report("traces.recovered", {"lost": self._lost})
                self._lost = 0
            return result
        if not self._lost:
            self._report("traces.lost", {"why": "the collector does not take them"})
        self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def over_http(url: str, token: Secret | None) -> SpanExporter:
    """An exporter to a collector.

    Args:
        url: with its path, such as http://127.0.0.1:4318/v1/traces.
        token: sent as a bearer token, if there is one.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
    return OTLPSpanExporter(endpoint=url, headers=headers, timeout=_PATIENCE)


def _named(name: str, attributes: Mapping[str, object]) -> str:
    """A call is named by what is asked, as OpenTelemetry wishes; all else by its kind."""
    if name == "call":
        return f"{attributes['method']} {attributes['route']}"
    return name


def _written(attributes: Mapping[str, object]) -> dict[str, Attribute]:
    return {
        _NAMES.get(name, _OURS + name): value
        if isinstance(value, str | int | float)
        else str(value)
        for name, value in attributes.items()
    }
