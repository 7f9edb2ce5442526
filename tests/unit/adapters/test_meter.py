"""What is written down: every row of the catalogue, by its own words and values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.adapters.meter.catalogue import CATALOGUE, PREFIX, READ, Kind
from orchestrator.adapters.meter.counting import PrometheusMeter
from orchestrator.domain.reports import Census, DestinationMeasures, Measures

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WHOLE = Measures(
    mode="no-removals",
    started_at=NOW,
    ready=True,
    last_pass=NOW,
    api_up=True,
    api_refuses=False,
    api_last_good=NOW,
    clock_difference=-1.5,
    census=Census(NOW, 0.25, {("teams", "open"): 3, ("gone", "ending"): 1}, 2, NOW, {"brake": 4}),
    brake=4,
    waiting={"normal": 7},
    waiting_since=3.5,
    turns={"normal": 9},
    turn_seconds={"normal": 1.25},
    pages={"open": 1},
    roomless=1,
    destinations={"chat": DestinationMeasures("slack", 2, 1)},
    audit_behind=12.0,
    audit_lines=99,
    problems=1,
    policies={"teams": False, "oncall": True},
    directories_failing=1,
    themes={"kept": 2},
    needs={"brake": 1},
    loops_late=1,
    senders={("pagerduty", "refused"): 5},
    callbacks={"received": 6},
)


def samples(measures: Measures | None) -> dict[tuple[str, ...], float]:
    """Each sample by its name without our prefix and the values of its labels."""
    text = PrometheusMeter("0.1.0", process=False).text("", measures)[1].decode()
    return {
        (sample.name.removeprefix(PREFIX), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_row_of_the_catalogue_is_written() -> None:
    """With its help and its kind; those of what stands with a value each."""
    text = PrometheusMeter("0.1.0", process=False).text("", WHOLE)[1].decode()
    for metric in CATALOGUE:
        assert f"# TYPE {metric.whole_name} {metric.kind}\n" in text
        assert f"# HELP {metric.whole_name} {metric.help}\n" in text
    names = {name for name, *_ in samples(WHOLE)}
    for metric in READ:
        assert metric.whole_name.removeprefix(PREFIX) in names, metric.name
    assert {metric.kind for metric in CATALOGUE} == set(Kind)


@pytest.mark.parametrize(
    ("sample", "value"),
    [
        (("build_info", "0.1.0"), 1),
        (("mode", "no-removals"), 1),
        (("mode", "enforce"), 0),
        (("last_pass_timestamp_seconds",), NOW.timestamp()),
        (("rooms", "teams", "open"), 3),
        (("rooms", "gone", "ending"), 1),
        (("rooms", "oncall", "open"), 0),
        (("renewals_overdue",), 2),
        (("held_keys", "brake"), 4),
        (("brake_tripped",), 1),
        (("brake_held_keys",), 4),
        (("api_clock_difference_seconds",), -1.5),
        (("inbox_wait_seconds",), 3.5),
        (("turn_seconds_total", "normal"), 1.25),
        (("deliveries_behind", "chat", "slack"), 2),
        (("deliveries_given_up", "chat", "slack"), 1),
        (("audit_behind_seconds",), 12),
        (("policy_stale", "oncall"), 1),
        (("page_messages_total", "refused", "pagerduty"), 5),
        (("census_seconds",), 0.25),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, tuple) else "",
)
def test_what_stands_is_what_is_written(sample: tuple[str, ...], value: float) -> None:
    """By the labels of the catalogue."""
    found = samples(WHOLE)
    assert value in {
        number
        for name, number in found.items()
        if name[0] == sample[0] and sorted(name[1:]) == sorted(sample[1:])
    }


def test_what_is_not_known_is_not_written() -> None:
    """Absent, and no 0 that somebody takes for a measure; but a moment that never was is 0."""
    unknown = Measures("observe", NOW, False, None, None, False, None, 0.0)
    found = samples(unknown)
    absent = {
        "api_up",
        "rooms",
        "renewals_overdue",
        "first_end_timestamp_seconds",
        "census_seconds",
    }
    assert absent.isdisjoint(name for name, *_ in found)
    assert "audit_behind_seconds" not in {name for name, *_ in found}
    assert found["last_pass_timestamp_seconds",] == 0
    assert found["ready",] == 0
    assert {name for name, *_ in samples(None)}.isdisjoint({"mode", "brake_tripped"})
