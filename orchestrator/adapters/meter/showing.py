"""Showing: how things stand as families of metrics, by the rows of the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from orchestrator.adapters.meter import catalogue as of
from orchestrator.adapters.meter.catalogue import PREFIX, Kind, Metric
from orchestrator.domain.policies import Mode
from orchestrator.domain.reports import Census, DestinationMeasures, Measures

_Row = tuple[tuple[str, ...], float]


def families(version: str, measures: Measures | None) -> Iterator[Family]:
    """Everything that is worked out when asked; little of it where nothing runs just now."""
    yield _family(of.BUILD, [((version,), 1)])
    yield _one(of.READY, measures is not None and measures.ready)
    if measures is None:
        return
    yield _family(of.MODE, [((mode.value,), mode.value == measures.mode) for mode in Mode])
    yield _moment(of.STARTED, measures.started_at)
    yield _moment(of.LAST_PASS, measures.last_pass)
    yield from _counted(measures)
    yield from _of_the_api(measures)
    yield from _at_work(measures)
    yield from _told(measures.destinations)
    if measures.audit_behind is not None:
        yield _one(of.AUDIT_BEHIND, measures.audit_behind)
    yield _one(of.AUDIT_LINES, measures.audit_lines)
    yield _one(of.PROBLEMS, measures.problems)
    yield _by(of.STALE, measures.policies)
    yield _one(of.DIRECTORIES, measures.directories_failing)
    yield _by(of.THEMES, measures.themes)
    yield _by(of.NEEDS, measures.needs)
    yield _one(of.LATE, measures.loops_late)
    yield _family(of.SENDERS, sorted(measures.senders.items()))
    yield _by(of.CALLBACKS, measures.callbacks)


def _counted(measures: Measures) -> Iterator[Family]:
    yield _one(of.BRAKE, measures.brake > 0)
    yield _one(of.BRAKED, measures.brake)
    census = measures.census
    if census is None:
        return
    yield _family(of.ROOMS, _rooms(census, measures.policies))
    yield _one(of.OVERDUE, census.overdue)
    if census.first_end is not None:
        yield _moment(of.FIRST_END, census.first_end)
    yield _by(of.HELD, census.held)
    yield _moment(of.CENSUS_AT, census.counted_at)
    yield _one(of.CENSUS, census.seconds)


def _rooms(census: Census, policies: Iterable[str]) -> list[_Row]:
    """Of each policy in force at least its open rooms, be they none: 0 and absent differ."""
    rooms = {(policy, "open"): 0 for policy in policies} | dict(census.rooms)
    return [(labels, many) for labels, many in sorted(rooms.items())]


def _of_the_api(measures: Measures) -> Iterator[Family]:
    if measures.api_up is not None:
        yield _one(of.API_UP, measures.api_up)
    yield _one(of.API_REFUSES, measures.api_refuses)
    yield _moment(of.API_LAST_GOOD, measures.api_last_good)
    yield _one(of.CLOCKS, measures.clock_difference)


def _at_work(measures: Measures) -> Iterator[Family]:
    yield _by(of.WAITING, measures.waiting)
    yield _one(of.WAITING_SINCE, measures.waiting_since)
    yield _by(of.TURNS, measures.turns)
    yield _by(of.TURN_SECONDS, measures.turn_seconds)
    yield _by(of.PAGES, measures.pages)
    yield _one(of.ROOMLESS, measures.roomless)


def _told(destinations: Mapping[str, DestinationMeasures]) -> Iterator[Family]:
    rows = sorted(destinations.items())
    yield _family(of.BEHIND, [((name, one.kind), one.behind) for name, one in rows])
    yield _family(of.GIVEN_UP, [((name, one.kind), one.given_up) for name, one in rows])


def _by(metric: Metric, values: Mapping[str, float]) -> Family:
    """A metric with one label."""
    return _family(metric, [((word,), value) for word, value in sorted(values.items())])


def _one(metric: Metric, value: float) -> Family:
    """A metric without labels."""
    return _family(metric, [((), value)])


def _moment(metric: Metric, at: datetime | None) -> Family:
    return _one(metric, 0.0 if at is None else at.timestamp())


def _family(metric: Metric, rows: Iterable[_Row]) -> Family:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(PREFIX + metric.name, metric.help, labels=metric.labels)
    for labels, value in rows:
        family.add_metric(labels, float(value))
    return family
