"""Pages in our own words: the generic door, Standard Webhooks, CloudEvents."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.pages import Closed, Ignored, Opened, Page, Severity, Signal, Updated
from orchestrator.edges.intake.cloudevents import takes
from orchestrator.edges.intake.messages import Headers
from orchestrator.edges.intake.options import Events, Options
from orchestrator.edges.intake.plain import meaning
from orchestrator.edges.intake.sources import Kind
from tests.webhooks import read, sample, tree

KEY = "checkout-eu1/error-budget-burn"
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BINARY = tree("cloudevents-binary-page-opened")
OURS = Options(
    events=Events(frozenset({"order.stuck"}), frozenset({"order.sent"}), frozenset({"order.old"}))
)


def page_of(signal: Signal) -> Page:
    """The page of an opening."""
    assert isinstance(signal, Opened)
    return signal.page


def generic(**fields: Any) -> Signal:
    """What the generic door makes of a body."""
    return read(Kind.GENERIC, fields)


# --- the generic door -----------------------------------------------------------------------------


def test_open_and_close() -> None:
    """By the sender's key, which may come back."""
    body = sample("generic-page-open")
    signal = read(Kind.GENERIC, body, {"Idempotency-Key": "i-1"})
    page = page_of(signal)
    assert (page.key, page.title) == (KEY, "Checkout error rate above 14 % in eu1")
    assert (page.severity, page.service) == (Severity.CRITICAL, "checkout-api")
    assert page.opened_at == datetime(2026, 11, 22, 15, 58, 41, tzinfo=UTC)
    assert isinstance(signal, Opened)
    assert (signal.once, signal.delivery) == (False, "open i-1")
    closed = read(Kind.GENERIC, sample("generic-page-close"), {"Idempotency-Key": "i-1"})
    assert isinstance(closed, Closed)
    assert closed.delivery == "close i-1"
    assert (closed.digest, closed.once) == (page.digest, False)
    assert closed.closed_at == datetime(2026, 11, 22, 16, 33, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("open", Opened),
        ("OPEN", Opened),
        ("reopen", Opened),
        ("update", Updated),
        ("close", Closed),
        ("page.opened", Ignored),
        ("", Ignored),
        (None, Ignored),
    ],
)
def test_actions(action: object, kind: type[Signal]) -> None:
    """Four words; what is none of them is told by the answer."""
    signal = generic(action=action, key="k")
    assert isinstance(signal, kind)
    if isinstance(signal, Opened):
        assert signal.reopens is (action == "reopen")
    if isinstance(signal, Ignored):
        assert "write open, update, reopen or close" in signal.why


def test_without_a_key_a_page_opens_and_nothing_else_is_done() -> None:
    """What closes has to say what."""
    assert page_of(generic(action="open", key=None)).key.startswith("body:")
    for action in ("close", "update"):
        signal = generic(action=action)
        assert isinstance(signal, Ignored)
        assert "the key is missing" in signal.why


def test_a_broken_template_still_opens() -> None:
    """As far as it can be read."""
    signal = read(Kind.GENERIC, b'{"action": "open", "key": "k", "title": "a "quoted" one"}')
    assert page_of(signal).title == 'a "quoted" one'
    assert isinstance(read(Kind.GENERIC, b"{"), Ignored)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_json_is_read_as_json_whatever_it_is_called(kind: str) -> None:
    """Whoever tries us by curl sends it as a form without knowing."""
    for body in (
        b'{"action": "open", "key": "k", "title": "50% & more"}',
        b'{"action": "open", "key": "k", "title": "50% & more", "team": "a "b""}',
    ):
        assert page_of(read(Kind.GENERIC, body, {"content-type": kind})).title == "50% & more"


def test_all_that_a_page_may_say() -> None:
    """In our own words."""
    told = {
        "summary": "S",
        "team": "t",
        "number": 7,
        "url": "https://a",
        "bridge": "https://b",
        "labels": {"a": "b"},
        "opened_at": "2026-11-22T15:58:41Z",
        "occurred_at": "2026-11-23T00:00:00Z",
        "severity": "their own",
    }
    options = Options(severities={"their own": Severity.LOW})
    page = page_of(read(Kind.GENERIC, {"action": "open", "key": "k", **told}, options=options))
    assert (page.title, page.team, page.number) == ("S", "t", "7")
    assert (page.url, page.bridge, page.labels) == ("https://a", "https://b", {"a": "b"})
    assert page.opened_at == datetime(2026, 11, 22, 15, 58, 41, tzinfo=UTC)
    assert page.severity is Severity.LOW


# --- types of events ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("page.opened", "open"),
        ("example.nordlicht.page.opened", "open"),
        ("com.example/alert:firing", "open"),
        ("Incident.Created.v2", "open"),
        ("incident.reopened", "reopen"),
        ("page.closed", "close"),
        ("alert.resolved", "close"),
        ("page.updated", "update"),
        ("room.opened", ""),  # our own, come back
        ("webpage.opened", ""),
        ("page.opened.twice", ""),
        ("page", ""),
        ("", ""),
        ("x" * 100_000 + ".page.opened", ""),
    ],
    ids=range(14),
)
def test_the_usual_names_of_types(kind: str, means: str) -> None:
    """Where the source says nothing else."""
    assert meaning(kind, Events()) == means


def test_names_of_the_source_are_the_only_ones() -> None:
    """Once it names some."""
    assert [meaning(kind, OURS.events) for kind in ("order.stuck", "order.sent", "order.old")] == [
        "open",
        "close",
        "update",
    ]
    assert meaning("page.opened", OURS.events) == ""


# --- Standard Webhooks ----------------------------------------------------------------------------


def test_standard_webhooks() -> None:
    """The id of the message is that of its header, signed with the rest."""
    body = tree("standardwebhooks-page-opened")
    signal = read(Kind.STANDARD_WEBHOOKS, body, {"webhook-id": "msg_1"})
    assert page_of(signal).key == KEY
    assert page_of(signal).opened_at is not None
    assert signal.delivery == "msg_1"
    body["type"] = "page.closed"
    closed = read(Kind.STANDARD_WEBHOOKS, body, {"svix-id": "msg_2"})
    assert isinstance(closed, Closed)
    assert (closed.key, closed.reason, closed.delivery) == (KEY, "closed", "msg_2")
    body |= {"type": "page.closed", "data": {"id": 7, "reason": "gone"}}
    closed = read(Kind.STANDARD_WEBHOOKS, body)
    assert isinstance(closed, Closed)
    assert (closed.key, closed.reason) == ("7", "gone")
    assert isinstance(read(Kind.STANDARD_WEBHOOKS, {"type": "room.opened"}), Ignored)
    stuck = read(Kind.STANDARD_WEBHOOKS, {"type": "order.stuck", "data": None}, options=OURS)
    assert page_of(stuck).key.startswith("body:")


# --- CloudEvents ----------------------------------------------------------------------------------


def binary(headers: dict[str, str] | None = None, body: bytes | None = None) -> Signal:
    """The binary sample with other headers."""
    raw = BINARY["body"].encode() if body is None else body
    return read(Kind.CLOUDEVENTS, raw, BINARY["headers"] | (headers or {}))


def test_structured() -> None:
    """The subject is the page, source and id are the message."""
    signal = read(Kind.CLOUDEVENTS, sample("cloudevents-structured-page-opened"), STRUCTURED)
    page = page_of(signal)
    assert (page.key, page.severity) == (KEY, Severity.CRITICAL)
    assert page.opened_at == datetime(2026, 11, 22, 15, 58, 41, 317_000, tzinfo=UTC)
    assert signal.delivery == "https://prom.eu1.nordlicht.example/alerting evt-7d1c0a52"


def test_binary() -> None:
    """The attributes are headers, percent-encoded once, perhaps in quotes."""
    signal = binary()
    assert page_of(signal).key == BINARY["decoded_subject"]
    assert page_of(signal).title == "Checkout error rate above 14 % in eu1"
    assert page_of(binary({"ce-subject": '"a%2525"'})).key == "a%25"
    assert page_of(binary({"ce-subject": '"'})).key == '"'
    assert page_of(binary(body=b"\xff no JSON")).title == ""
    bad = binary({"ce-subject": "%FF"})
    assert isinstance(bad, Ignored)
    assert "no UTF-8" in bad.why


def test_a_page_without_a_subject_is_its_event() -> None:
    """Unless its data has a key; failing all by the body."""
    gone = {"ce-subject": ""}
    source = "https://prom.eu1.nordlicht.example/alerting"
    assert page_of(binary(gone)).key == f"{source} evt-7d1c0a52"
    assert page_of(binary(gone, b'{"key": "k"}')).key == "k"
    nameless = gone | {"ce-id": "", "ce-source": ""}
    assert page_of(binary(nameless)).key.startswith("body:")
    assert binary(nameless).delivery == ""


def test_data_in_base64() -> None:
    """As binary data travels in a structured event."""
    body = tree("cloudevents-structured-page-opened")
    data = body.pop("data")
    body["data_base64"] = base64.b64encode(json.dumps(data).encode()).decode()
    assert page_of(read(Kind.CLOUDEVENTS, body, STRUCTURED)).title == data["title"]
    for broken in ("!", "e3==", "/w=="):
        body["data_base64"] = broken
        assert page_of(read(Kind.CLOUDEVENTS, body, STRUCTURED)).title == ""


def test_what_is_no_event_is_ignored() -> None:
    """It says what is missing; but what surely opens opens."""
    body = tree("cloudevents-structured-page-opened")
    for name in ("id", "source"):
        assert isinstance(read(Kind.CLOUDEVENTS, body | {name: None}, STRUCTURED), Opened)
    signal = read(Kind.CLOUDEVENTS, body | {"type": "", "id": 7}, STRUCTURED)
    assert isinstance(signal, Ignored)
    assert signal.why == "no CloudEvent: type missing"
    assert isinstance(read(Kind.CLOUDEVENTS, body | {"type": "x.y"}, STRUCTURED), Ignored)
    assert isinstance(read(Kind.CLOUDEVENTS, body), Opened), "plain JSON, and it says what it is"


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("application/cloudevents+json", True),
        ("Application/CloudEvents+JSON; charset=UTF-8", True),
        ("application/json", True),
        ("", True),
        ("application/cloudevents-batch+json", False),
        ("APPLICATION/CLOUDEVENTS-BATCH+JSON;x=y", False),
        ("application/cloudevents+avro", False),
    ],
)
def test_batches_are_not_taken(kind: str, taken: bool) -> None:
    """Nor a format that is not read; in any case of letters."""
    assert takes(Headers.of([("Content-Type", kind)])) is taken
