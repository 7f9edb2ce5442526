"""Alertmanager and Grafana Alerting: groups that fire for as long as a part of them does."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.pages import Closed, Ignored, Opened, Severity, Signal
from orchestrator.edges.intake.sources import Kind
from tests.webhooks import kind_of, read, sample, tree

FIRING = "alertmanager-v4-firing"
GRAFANA = "grafana-alerting-firing"


def changed(name: str = FIRING, **fields: Any) -> Signal:
    """What a sample tells with other values at its top; `...` takes one out."""
    body = tree(name)
    for key, value in fields.items():
        if value is ...:
            del body[key]
        else:
            body[key] = value
    return read(kind_of(name), body)


def opened(signal: Signal) -> Opened:
    """The same, which has to be an opening."""
    assert isinstance(signal, Opened)
    return signal


@pytest.mark.parametrize(
    "name",
    [
        FIRING,
        f"{FIRING}-legacy-pre032",
        "alertmanager-v4-partly-resolved",
        "alertmanager-v4-repeat-truncated",
    ],
)
def test_a_group_fires_for_as_long_as_a_part_of_it_does(name: str) -> None:
    """First, again, partly resolved, cut short: one page, whose key comes back next week."""
    signal = opened(read(Kind.ALERTMANAGER, sample(name)))
    first = opened(read(Kind.ALERTMANAGER, sample(FIRING)))
    assert not signal.once
    page = signal.page
    assert page.digest == first.page.digest
    assert page.key.startswith('{}/{team="payments"}')
    assert page.title == "Checkout is burning its 30d error budget 14x too fast"
    assert (page.team, page.severity) == ("payments", Severity.CRITICAL)
    assert page.url.startswith("https://prom.eu1.nordlicht.example/graph")
    assert page.opened_at == datetime(2026, 11, 22, 15, 57, 30, 412_000, tzinfo=UTC)
    assert page.labels["cluster"] == "eu1"


def test_a_resolved_group_closes() -> None:
    """At the last end of any of its alerts."""
    signal = read(Kind.ALERTMANAGER, sample("alertmanager-v4-resolved"))
    assert isinstance(signal, Closed)
    assert not signal.once
    assert signal.digest == opened(changed()).page.digest
    assert signal.closed_at == datetime(2026, 11, 22, 16, 31, 30, 412_000, tzinfo=UTC)


def test_the_status_is_believed_and_the_list_is_not() -> None:
    """The list may be cut short, or empty."""
    resolved = [{"status": "resolved", "endsAt": "0001-01-01T00:00:00Z"}]
    assert opened(changed(alerts=resolved)).page.opened_at is None
    opened(changed(alerts=[]))
    closed = changed("alertmanager-v4-resolved", alerts=resolved)
    assert isinstance(closed, Closed)
    assert closed.closed_at is None, "year 1 is no time"


@pytest.mark.parametrize(
    ("alerts", "kind"),
    [
        ([{"status": "resolved"}, {"status": "firing"}], Opened),
        ([{"status": "resolved"}, {"status": "resolved"}], Closed),
        ([{}, None, 7], Ignored),
        (None, Ignored),
    ],
)
def test_without_a_status_the_list_has_to_do(alerts: Any, kind: type[Signal]) -> None:
    """Any that fires will do."""
    assert isinstance(changed(status=..., alerts=alerts), kind)


@pytest.mark.parametrize("name", [FIRING, GRAFANA])
def test_a_group_without_its_key_is_known_by_its_labels(name: str) -> None:
    """So that its end finds it; failing those, by the labels of all, or by the body."""
    closing = name.replace("firing", "resolved")
    gone: dict[str, Any]
    for gone in ({"groupKey": ...}, {"groupKey": None, "groupLabels": {}}):
        first, last = opened(changed(name, **gone)), changed(closing, **gone)
        assert isinstance(last, Closed)
        assert first.page.digest == last.digest
    gone = {"groupKey": None, "groupLabels": [], "commonLabels": None}
    assert opened(changed(name, **gone)).page.key.startswith("body:")
    assert isinstance(changed(closing, **gone), Ignored)


def test_what_a_group_is_called() -> None:
    """Its summary, its name, what its first alert says, or nothing."""
    assert opened(changed(commonAnnotations={"title": "T"})).page.title == "T"
    nameless: dict[str, Any] = {"commonAnnotations": {}, "groupLabels": {}, "commonLabels": {}}
    assert opened(changed(commonAnnotations={})).page.title == "CheckoutErrorBudgetBurn"
    alert = {"labels": {"instance": "a"}, "annotations": {"summary": "S"}}
    assert opened(changed(**nameless, alerts=[alert])).page.title == "S"
    assert opened(changed(**nameless, alerts=[])).page.title == ""
    assert opened(changed(GRAFANA, **nameless, alerts=[])).page.title.startswith("[FIRING:1]")


def test_a_link_that_is_too_long_to_be_kept_gives_way_to_a_shorter() -> None:
    """Half an address leads somewhere else."""
    long = [{"status": "firing", "generatorURL": "https://p/" + "x" * 1_000}]
    assert opened(changed(alerts=long)).page.url == "https://alertmanager.nordlicht.example"


def test_grafana_keeps_organisations_apart() -> None:
    """Two of them may have the same group."""
    one, other = opened(changed(GRAFANA)), opened(changed(GRAFANA, orgId=4))
    assert one.page.key.startswith("3:{}/")
    assert one.page.digest != other.page.digest
    assert opened(changed(GRAFANA, orgId=None)).page.digest == one.page.digest, "an alert says it"
    assert one.page.url.endswith("viewPanel=7")
    assert one.page.severity is Severity.CRITICAL
    last = read(Kind.GRAFANA, sample("grafana-alerting-resolved"))
    assert isinstance(last, Closed)
    assert last.digest == one.page.digest


@pytest.mark.parametrize(
    ("state", "kind"), [("alerting", Opened), ("ok", Closed), ("paused", Ignored), (7, Ignored)]
)
def test_grafana_says_it_twice(state: object, kind: type[Signal]) -> None:
    """Without a status its state has to do."""
    assert isinstance(changed(GRAFANA, status=None, state=state, alerts=[]), kind)


def test_the_button_that_tests_opens_nothing() -> None:
    """Known by its labels, or, where somebody changed those, by its key."""
    name = "grafana-alerting-test-button"
    assert isinstance(read(Kind.GRAFANA, sample(name)), Ignored)
    other = {"alertname": "Mine"}
    labelled = changed(name, groupLabels=other, commonLabels=other)
    assert isinstance(labelled, Ignored)
    assert labelled.why == "a test of the contact point"
    assert isinstance(changed(name, groupKey=None), Ignored)
    real = '{}:{alertname="a-0123456789abcdef-1795363200"}'
    opened(changed(name, groupKey=real, groupLabels=other, commonLabels=other))
