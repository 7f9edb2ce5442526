"""The meter port: what is told is counted, by its words and no others, and nothing ever raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.adapters.meetings.routes import UPLOAD
from orchestrator.adapters.meter.counting import PrometheusMeter
from orchestrator.ports.meter import UNMETERED, Meter
from tests.fakes.meter import FakeMeter

PREFIX = "room_orchestrator_"


@dataclass
class Stand:
    """A meter, and what it counted: by the port's own words."""

    meter: Meter
    count: Callable[..., float]
    took: Callable[[str], float]


_SERIES = {
    "listed": ("listing_seconds_count", ("outcome",)),
    "committed": ("store_commit_seconds_count", ()),
    "fact": ("facts_total", ("event",)),
    "linked": ("page_link_seconds_count", ()),
    "roomed": ("page_room_seconds_count", ()),
    "delivered": ("delivery_seconds_count", ("destination", "outcome")),
    "lagged": ("event_loop_lag_seconds_count", ()),
    "repeated": ("api_retries_total", ("method", "route")),
}


def _prometheus() -> Stand:
    meter = PrometheusMeter("1", process=False)

    def sample(name: str, labels: dict[str, str]) -> float:
        text = meter.text("", None)[1].decode()
        return sum(
            one.value
            for family in text_string_to_metric_families(text)
            for one in family.samples
            if one.name == PREFIX + name and labels.items() <= one.labels.items()
        )

    def count(what: str, *words: str) -> float:
        if what == "called":
            method, route, status = words
            outcome = f"{status[0]}xx" if status != "0" else "none"
            labels = {"method": method, "route": route, "outcome": outcome}
            return sample("api_call_seconds_count", labels)
        name, labels_of = _SERIES[what]
        return sample(name, dict(zip(labels_of, words, strict=True)))

    def took(what: str) -> float:
        name = "api_call_seconds" if what == "called" else _SERIES[what][0].removesuffix("_count")
        return sample(f"{name}_sum", {})

    return Stand(meter, count, took)


def _fake() -> Stand:
    meter = FakeMeter()
    return Stand(
        meter,
        lambda *words: float(meter.counts[words]),
        lambda what: sum(meter.seconds.get(what, ())),
    )


@pytest.fixture(params=["prometheus", "fake"])
def stand(request: pytest.FixtureRequest) -> Stand:
    return _prometheus() if request.param == "prometheus" else _fake()


@pytest.mark.parametrize("status", [200, 404, 503, 0])
def test_calls_are_counted_by_route_and_outcome(stand: Stand, status: int) -> None:
    """With their time; another route stands by itself."""
    stand.meter.called("GET", "/rooms/{id}", status, 0.25, 1)
    stand.meter.called("GET", "/rooms", 200, 0.5, 1)
    assert stand.count("called", "GET", "/rooms/{id}", str(status)) == 1
    assert stand.count("repeated", "GET", "/rooms/{id}") == 0
    assert stand.took("called") == pytest.approx(0.75)


def test_a_repetition_is_counted_as_one(stand: Stand) -> None:
    """From the second attempt on."""
    for attempt in (1, 2, 3):
        stand.meter.called("GET", "/rooms", 503, 0.1, attempt)
    assert stand.count("repeated", "GET", "/rooms") == 2
    assert stand.count("called", "GET", "/rooms", "503") == 3


def test_a_commit_tells_its_facts(stand: Stand) -> None:
    """None, one or many."""
    stand.meter.committed((), 0.001)
    stand.meter.committed(iter(["room.created", "room.created", "delivery.sent"]), 0.002)
    assert stand.count("committed") == 2
    assert stand.count("fact", "room.created") == 2
    assert stand.count("fact", "delivery.sent") == 1
    assert stand.took("committed") == pytest.approx(0.003)


def test_everything_else_is_counted(stand: Stand) -> None:
    """By its words, with its time; a negative one, of a clock that was set, counts as none."""
    stand.meter.listed("complete", 2)
    stand.meter.listed("failed", 1)
    stand.meter.linked(0.01)
    stand.meter.roomed(-5.0)
    stand.meter.delivered("chat", "sent", 0.3)
    stand.meter.delivered("chat", "failed", 0.4)
    stand.meter.lagged(-0.001)
    assert stand.count("listed", "complete") == stand.count("listed", "failed") == 1
    assert stand.count("linked") == stand.count("roomed") == stand.count("lagged") == 1
    assert stand.count("delivered", "chat", "failed") == 1
    assert stand.took("roomed") == stand.took("lagged") == 0
    assert stand.took("delivered") == pytest.approx(0.7)


def test_nothing_is_counted_where_nobody_asks() -> None:
    """The same calls, and they are over at once."""
    meter: Meter = UNMETERED
    meter.called("GET", "/rooms", 200, 0.1, 1)
    meter.listed("complete", 1)
    meter.committed(iter(["room.created"]), 0.1)
    meter.linked(0.1)
    meter.roomed(0.1)
    meter.delivered("chat", "sent", 0.1)
    meter.lagged(0.1)
    assert vars(UNMETERED) == {}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain; version=1.0.0; escaping=allow-utf-8", "text/plain; version=0.0.4;"),
        ("Application/OpenMetrics-Text; version=1.0.0", "application/openmetrics-text; version=1"),
        ("application/openmetrics-text; version=abc", "application/openmetrics-text; version=1"),
        (";;=,,", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_the_text_has_one_of_two_forms_whatever_is_asked_for(accept: str, kind: str) -> None:
    """What cannot be understood gets the older one."""
    meter = PrometheusMeter("1")
    meter.listed("complete", 1.0)
    told, text = meter.text(accept, None)
    assert told.startswith(kind)
    assert b'room_orchestrator_listing_seconds_count{outcome="complete"} 1.0' in text
    assert text.endswith(b"# EOF\n") is told.startswith("application/")
    assert b"process_cpu_seconds_total" in text
    assert b"_created" not in text


def test_an_event_that_nobody_knows_is_not_counted() -> None:
    """Names of events are the catalogue's; whatever else would be one more series."""
    meter = PrometheusMeter("1", process=False)
    meter.committed(("room.invented",), 0.1)
    assert b"room.invented" not in meter.text("", None)[1]


def test_what_the_api_says_of_our_token_and_our_rate() -> None:
    """Its own answers alone: pictures are sent to another house."""
    meter = PrometheusMeter("1", process=False)
    meter.called("GET", "/rooms", 401, 0.1, 1)
    meter.called("GET", "/rooms", 429, 0.1, 1)
    for status in (401, 429):
        meter.called("POST", UPLOAD, status, 0.1, 1)
    text = meter.text("", None)[1]
    assert b"room_orchestrator_api_unauthorized_total 1.0" in text
    assert b"room_orchestrator_api_throttled_total 1.0" in text
