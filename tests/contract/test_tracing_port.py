"""The tracing port: spans with their parents and attributes, and nothing where traces are off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from orchestrator.adapters.tracing import OtelTracer, Traced
from orchestrator.domain.keys import Key
from orchestrator.ports.tracing import UNTRACED, Tracer
from tests.fakes.meter import FakeTracer

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class Told:
    """A span, in the port's words."""

    name: str
    parent: str
    attributes: dict[str, Any]
    why: str


@dataclass
class Stand:
    """A tracer, and what was seen by whoever follows it, in the order of their ends."""

    tracer: Tracer
    seen: Callable[[], Awaitable[list[Told]]]


async def _otel_seen(tracer: OtelTracer, exporter: InMemorySpanExporter) -> list[Told]:
    await tracer.flush()
    spans = exporter.get_finished_spans()
    by_id = {span.context.span_id: span for span in spans if span.context is not None}
    return [
        Told(
            span.name,
            by_id[span.parent.span_id].name if span.parent else "",
            {k.removeprefix("room_orchestrator."): v for k, v in (span.attributes or {}).items()},
            span.status.description or "" if span.status.status_code is StatusCode.ERROR else "",
        )
        for span in spans
    ]


@pytest.fixture(params=["opentelemetry", "fake"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    if request.param == "fake":
        fake = FakeTracer()

        async def seen() -> list[Told]:
            return [
                Told(
                    one.name, one.parent, {k: _plain(v) for k, v in one.attributes.items()}, one.why
                )
                for one in sorted(fake.spans, key=lambda one: one.parent == "")
            ]

        yield Stand(fake, seen)
        return
    exporter = InMemorySpanExporter()
    tracer = OtelTracer(exporter, Traced("1", "acme"), lambda: NOW)
    yield Stand(tracer, lambda: _otel_seen(tracer, exporter))
    await tracer.close()


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float) else str(value)


async def test_a_span_has_its_attributes_and_its_parent(stand: Stand) -> None:
    """Of the task that it is begun in; what has no form of its own is written out."""
    with stand.tracer.span("turn", key=Key("team-rooms", "checkout"), acted=0) as turn:
        with stand.tracer.span("delivery", destination="chat") as inner:
            inner.note("attempt", 2)
        turn.note("acted", 1)
    inner_told, turn_told = await stand.seen()
    assert inner_told == Told("delivery", "turn", {"destination": "chat", "attempt": 2}, "")
    assert turn_told == Told("turn", "", {"key": "team-rooms/checkout", "acted": 1}, "")


async def test_a_failure_is_told_by_its_first_word_alone(stand: Stand) -> None:
    """An exception by its kind, since its text may quote anything, and it goes on its way."""
    with pytest.raises(ValueError, match="s3cret"), stand.tracer.span("turn"):
        raise ValueError("s3cret")
    with stand.tracer.span("delivery") as span:
        span.failed("503")
        span.failed("later")
    first, second = await stand.seen()
    assert {first.why, second.why} == {"ValueError", "503"}
    assert "s3cret" not in repr((first, second))


async def test_what_has_passed_is_told_when_it_is_over(stand: Stand) -> None:
    """A page until its room; a clock that went back makes it take no time."""
    stand.tracer.passed("page", 2.5, source="pagerduty")
    stand.tracer.passed("page", -1.0, source="grafana")
    assert [(one.name, one.attributes) for one in await stand.seen()] == [
        ("page", {"source": "pagerduty"}),
        ("page", {"source": "grafana"}),
    ]


async def test_nothing_is_traced_where_nobody_asks() -> None:
    """The same calls; one span serves all, and an exception goes through it."""
    with UNTRACED.span("turn", key="a") as span, UNTRACED.span("call") as other:
        span.note("acted", 1)
        span.failed("503")
    assert span is other
    with pytest.raises(ValueError, match="on its way"), UNTRACED.span("turn"):
        raise ValueError("on its way")
    UNTRACED.passed("page", 1.0, source="grafana")
