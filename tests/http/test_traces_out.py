"""Traces on the wire: a real receiver of OTLP gets them, and one that is away costs no more."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from orchestrator.adapters.tracing import OtelTracer, Traced, over_http
from orchestrator.foundation.secret import Secret
from tests.http.served import served

TOKEN = "7f" * 16
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class Collector:
    """What takes OTLP over HTTP.

    Attributes:
        status: what it answers.
    """

    status: int = 200
    asked: list[tuple[Mapping[str, str], ExportTraceServiceRequest]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.asked.append((dict(request.headers), ExportTraceServiceRequest.FromString(body)))
        return web.Response(status=self.status, content_type="application/x-protobuf")


@asynccontextmanager
async def tracing(
    collector: Collector, token: str | None = TOKEN
) -> AsyncIterator[tuple[OtelTracer, list[tuple[str, Mapping[str, object]]]]]:
    """A tracer that sends to the collector, and what it reports."""
    reported: list[tuple[str, Mapping[str, object]]] = []
    async with served((web.post("/v1/traces", collector.take),)) as here:
        exporter = over_http(here.url + "/v1/traces", None if token is None else Secret(token))
        tracer = OtelTracer(
            exporter,
            Traced("0.1.0", "acme"),
            lambda: NOW,
            report=lambda event, fields: reported.append((event, fields)),
        )
        try:
            yield tracer, reported
        finally:
            await tracer.close()


async def test_a_collector_is_sent_whose_spans_they_are_and_what_was_done() -> None:
    """With the token; at the end at the latest."""
    collector = Collector()
    async with tracing(collector) as (tracer, reported):
        with (
            tracer.span("turn", key="team-rooms/checkout", cause="listing"),
            tracer.span("call", method="GET", route="/rooms/{id}", attempt=1) as call,
        ):
            call.note("status", 503)
            call.failed("503")
        await tracer.flush()
    ((headers, request),) = collector.asked
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    (resource,) = request.resource_spans
    about = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert about["service.name"] == "room-orchestrator"
    assert (about["service.version"], about["service.instance.id"]) == ("0.1.0", "acme")
    call_told, turn = resource.scope_spans[0].spans
    assert (call_told.name, turn.name) == ("GET /rooms/{id}", "turn")
    assert call_told.parent_span_id == turn.span_id
    assert (call_told.kind, turn.kind) == (3, 1)  # a client's, and our own
    assert (call_told.status.code, call_told.status.message) == (2, "503")
    told = {one.key: one.value for one in call_told.attributes}
    assert told["http.request.method"].string_value == "GET"
    assert told["http.response.status_code"].int_value == 503
    assert TOKEN.encode() not in request.SerializeToString()
    assert reported == []


async def test_a_collector_that_does_not_take_them_is_reported_once_until_it_does() -> None:
    """And so is what was lost, once it is over."""
    collector = Collector(status=400)
    async with tracing(collector, token=None) as (tracer, reported):
        for status in (400, 400, 200):
            collector.status = status
            with tracer.span("turn", key="a/b"):
                pass
            await tracer.flush()
    assert [event for event, _ in reported] == ["traces.lost", "traces.recovered"]
    assert reported[1][1] == {"lost": 2}
    assert all("Authorization" not in headers for headers, _ in collector.asked)


class Broken(SpanExporter):
    """Raises whatever comes to its mind."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        message = f"{len(spans)} spans are too many"
        raise ValueError(message)


async def test_an_exporter_that_breaks_ends_nothing() -> None:
    """Its spans are lost, and that is reported."""
    reported: list[str] = []
    tracer = OtelTracer(
        Broken(), Traced("1", "a"), lambda: NOW, report=lambda event, _: reported.append(event)
    )
    tracer.passed("page", 1.0, source="grafana")
    await tracer.flush()
    await tracer.close()
    assert reported == ["traces.lost"]
