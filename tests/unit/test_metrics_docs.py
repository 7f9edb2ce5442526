"""docs/metrics.md, the alert rules and the dashboard say what the code counts, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.adapters.meter.catalogue import CATALOGUE, READ, TOLD, Kind
from orchestrator.domain.facts import CATALOGUE as EVENTS
from tests.promql import named
from tools.make_metrics_docs import PAGE, RULES, main, page, rules

ROOT = Path(__file__).parents[2]
TESTS = RULES.with_name("room-orchestrator.rules.test.yml")
DASHBOARD = ROOT / "deploy" / "grafana" / "room-orchestrator.json"
# Of Prometheus itself, and of its library for the process.
OTHERS = {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate"},
    "process_resident_memory_bytes": set[str](),
    "process_cpu_seconds_total": set[str](),
    "process_open_fds": set[str](),
    "process_max_fds": set[str](),
}
EVERYWHERE = {"job", "instance"}  # labels that a scrape gives


def series() -> dict[str, set[str]]:
    """Every series that /metrics may hold, with its labels."""
    found = {name: set(labels) for name, labels in OTHERS.items()}
    for metric in CATALOGUE:
        if metric.kind is Kind.HISTOGRAM:
            found[f"{metric.whole_name}_bucket"] = {*metric.labels, "le"}
            found[f"{metric.whole_name}_sum"] = found[f"{metric.whole_name}_count"] = {
                *metric.labels
            }
        else:
            found[metric.whole_name] = {*metric.labels}
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every query that is shipped, and where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for one in dashboard["annotations"]["list"]:
        yield one["name"], one["expr"]
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            inner = re.fullmatch(r"label_values\((.*), (\w+)\)", one["definition"])
            assert inner is not None, one["definition"]
            yield one["name"], f"count by ({inner[2]}) ({inner[1]})"


def test_the_page_is_what_the_code_says() -> None:
    """Made again, it is the same."""
    told = "run: python -m tools.make_metrics_docs"
    assert PAGE.read_text(encoding="utf-8") == page(), told
    assert main(["--check"]) == 0


def test_every_query_names_what_there_is() -> None:
    """Metrics and their labels."""
    known = series()
    for where, query in queries():
        found = named(query)
        assert found.metrics, f"{where} asks for nothing"
        labels: set[str] = set(EVERYWHERE)
        for metric, narrowed in found.metrics:
            assert metric in known, f"{where}: there is no {metric}"
            assert narrowed <= known[metric] | EVERYWHERE, f"{where}: {metric} has no such labels"
            labels |= known[metric]
        assert found.labels <= labels, f"{where} groups by what is no label"


@pytest.mark.parametrize(
    ("query", "metrics", "labels"),
    [
        ("up", [("up", set())], set()),
        (
            'sum by (a, b) (rate(m_total{x="1", y=~"q{}"}[5m])) > 0',
            [("m_total", {"x", "y"})],
            {"a", "b"},
        ),
        (
            "sum(m) by (le) / on (a) group_left (b) n",
            [("m", set()), ("n", set())],
            {"le", "a", "b"},
        ),
        (
            "time() - max(m > 0) and n offset 5m unless on () o",
            [("m", set()), ("n", set()), ("o", set())],
            set(),
        ),
        (
            "histogram_quantile(0.9, sum without (x) (rate(m_bucket{a!='b'}[$__rate_interval])))",
            [("m_bucket", {"a"})],
            {"x"},
        ),
        ("m == 1.5e3 # a comment", [("m", set())], set()),
    ],
)
def test_queries_are_taken_apart(
    query: str, metrics: list[tuple[str, set[str]]], labels: set[str]
) -> None:
    """Functions, words and lists of labels are no metrics."""
    found = named(query)
    assert [(name, set(narrowed)) for name, narrowed in found.metrics] == metrics
    assert set(found.labels) == labels


def test_what_is_no_query_is_not_taken_for_one() -> None:
    """It says from where on."""
    with pytest.raises(ValueError, match="from here on: ;"):
        named("up ;")


def test_names_follow_the_conventions() -> None:
    """Once each, a sentence each, words in small letters, base units; events are the audit's."""
    names = [metric.whole_name for metric in CATALOGUE]
    assert len(set(names)) == len(names)
    assert set(TOLD).isdisjoint(READ)
    for metric in CATALOGUE:
        assert re.fullmatch(r"room_orchestrator_[a-z_]+", metric.whole_name)
        assert (metric.kind is Kind.COUNTER) is metric.whole_name.endswith("_total")
        assert not metric.help.endswith("."), metric.name
        assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))
    assert "room.created" in EVENTS


def test_every_alert_says_what_it_means_and_what_to_do_and_is_tested() -> None:
    """Firing for the one in trouble, at its time and not before."""
    whole = PAGE.read_text(encoding="utf-8")
    tested = {
        sample["labels"].split('alertname="')[1].split('"')[0]
        for test in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
        for check in test.get("promql_expr_test", ())
        for sample in check["exp_samples"]
    }
    assert tested == {rule["alert"] for rule in rules()}
    for rule in rules():
        told = rule["annotations"]
        assert set(told) == {"summary", "description", "runbook"}, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert told["runbook"] == f"docs/metrics.md#{rule['alert'].lower()}"
        assert f"\n### {rule['alert']}\n" in whole


def test_the_dashboard_is_whole() -> None:
    """Each panel has its place, its words and the data source that is chosen at the top."""
    seen: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert rows == ["At a glance", "Rooms", "API", "Pages", "Deliveries", "Process"]
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & seen, f"{panel['title']} lies over another"
        assert max(x for x, _ in cells) < 24, panel["title"]
        seen |= cells
        if panel["type"] == "row":
            continue
        assert panel["type"] in {"stat", "table", "timeseries"}
        assert panel["description"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        for target in (panel, *panel["targets"]):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert 'job="$job", instance=~"$instance"' in target["expr"], panel["title"]
