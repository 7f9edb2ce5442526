"""Counting: `PrometheusMeter`, which counts in a registry of its own and writes all of it as text.

How things stand is handed in when the text is asked for, and kept no longer.  Refuses to raise for
what it is told: a metric that cannot be counted must end no act.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from orchestrator.adapters.meter import catalogue
from orchestrator.adapters.meter.catalogue import PREFIX, Metric
from orchestrator.adapters.meter.showing import families
from orchestrator.domain.facts import CATALOGUE as EVENTS
from orchestrator.domain.reports import Measures

_OUTCOMES: Final = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
_NONE: Final = "none"
_OPENMETRICS_TYPE: Final = "application/openmetrics-text"
_OPENMETRICS: Final = f"{_OPENMETRICS_TYPE}; version=1.0.0"


class PrometheusMeter:
    """Counts for one process, through all lives of its daemon; implements `ports.meter.Meter`."""

    def __init__(self, version: str, *, process: bool = True) -> None:
        """Begin at nothing.

        Args:
            version: of ours.
            process: tell also of the process and of Python, by the library's own metrics.
        """
        # Another series for each counter, of which hardly anybody makes use.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self._registry = CollectorRegistry(auto_describe=False)
        self._now = _Now(version)
        self._writing = threading.Lock()
        self._calls = _histogram(catalogue.CALLS, registry)
        self._retries = _counter(catalogue.RETRIES, registry)
        self._throttled = _counter(catalogue.THROTTLED, registry)
        self._unauthorized = _counter(catalogue.UNAUTHORIZED, registry)
        self._listings = _histogram(catalogue.LISTINGS, registry)
        self._commits = _histogram(catalogue.COMMITS, registry)
        self._facts = _counter(catalogue.FACTS, registry)
        self._links = _histogram(catalogue.PAGE_LINK, registry)
        self._rooms = _histogram(catalogue.PAGE_ROOM, registry)
        self._deliveries = _histogram(catalogue.DELIVERIES, registry)
        self._lag = _histogram(catalogue.LAG, registry)
        # Looking one up costs more than counting in it.
        self._fact_of = {event: self._facts.labels(event) for event in EVENTS}
        for outcome in ("complete", "doubtful", "failed"):
            self._listings.labels(outcome)  # what never happened is 0, and not absent
        registry.register(self._now)
        if process:
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
            GCCollector(registry=registry)

    def called(self, method: str, route: str, status: int, seconds: float, attempt: int) -> None:
        """See `Meter.called`."""
        outcome = _OUTCOMES.get(status // 100, _NONE)
        self._calls.labels(method, route, outcome).observe(max(seconds, 0.0))
        if attempt > 1:
            self._retries.labels(method, route).inc()
        # Where pictures go is another house, whose answers are not about our token or our rate.
        if status == 429 and route.startswith("/"):
            self._throttled.inc()
        if status == 401 and route.startswith("/"):
            self._unauthorized.inc()

    def listed(self, outcome: str, seconds: float) -> None:
        """See `Meter.listed`."""
        self._listings.labels(outcome).observe(max(seconds, 0.0))

    def committed(self, events: Iterable[str], seconds: float) -> None:
        """See `Meter.committed`; an event that is not in the catalogue is not counted."""
        self._commits.observe(max(seconds, 0.0))
        for event in events:
            fact = self._fact_of.get(event)
            if fact is not None:
                fact.inc()

    def linked(self, seconds: float) -> None:
        """See `Meter.linked`."""
        self._links.observe(max(seconds, 0.0))

    def roomed(self, seconds: float) -> None:
        """See `Meter.roomed`; a page may be opened by a clock that is ahead of ours."""
        self._rooms.observe(max(seconds, 0.0))

    def delivered(self, destination: str, outcome: str, seconds: float) -> None:
        """See `Meter.delivered`."""
        self._deliveries.labels(destination, outcome).observe(max(seconds, 0.0))

    def lagged(self, seconds: float) -> None:
        """See `Meter.lagged`."""
        self._lag.observe(max(seconds, 0.0))

    def text(self, accept: str, measures: Measures | None) -> tuple[str, bytes]:
        """Everything that was counted, and how things stand; the type of the text, and the text.

        Args:
            accept: what whoever asks can read: Prometheus' text format, or OpenMetrics.
            measures: None where nothing runs just now.
        """
        # By one of two forms: the library would read more out of it, and raise for what is none.
        encode, kind = choose_encoder(_OPENMETRICS if _OPENMETRICS_TYPE in accept.lower() else "")
        with self._writing:
            self._now.measures = measures
            try:
                return kind, encode(self._registry)
            finally:
                self._now.measures = None


class _Now(Collector):
    """How things stand, for the length of one writing."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.measures: Measures | None = None

    def collect(self) -> Iterator[Family]:
        """Write it down."""
        return families(self._version, self.measures)


def _counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    return Counter(PREFIX + metric.name, metric.help, metric.labels, registry=registry)


def _histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    return Histogram(
        PREFIX + metric.name,
        metric.help,
        metric.labels,
        registry=registry,
        buckets=metric.buckets,
    )
