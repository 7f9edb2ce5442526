"""Sources whose reading is written down: what each expression does, and those that do not fit."""

from typing import Any

import pytest

from orchestrator.domain.pages import Closed, Ignored, Opened, Severity, Signal, Updated, digest_of
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.sources import Kind
from tests.webhooks import SOURCE, declared, read

USUAL = {
    "key": "id",
    "open": "event == 'opened'",
    "close": "event == 'closed'",
    "reopen": "event == 'reopened'",
    "update": "event == 'changed'",
    "ignore": "contains(tags, 'test')",
    "merged": "into",
}


def told(options: Options | None = None, **body: Any) -> Signal:
    """What a body tells."""
    return read(Kind.JSON, body, options=options or declared(USUAL))


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("opened", Opened),
        ("reopened", Opened),
        ("changed", Updated),
        ("closed", Closed),
        ("other", Ignored),
        (None, Ignored),
    ],
)
def test_what_opens_and_closes(event: object, kind: type[Signal]) -> None:
    """By what is true of the body."""
    signal = told(id=7, event=event)
    assert isinstance(signal, kind)
    if isinstance(signal, Opened):
        assert (signal.page.key, signal.once) == ("7", True)
        assert signal.reopens is (event == "reopened")


def test_a_test_is_ignored_and_an_end_goes_before_an_opening() -> None:
    """In this order."""
    assert isinstance(told(id=1, event="opened", tags=["test"]), Ignored)
    both = declared({"key": "id", "open": "`true`", "close": "done"})
    assert isinstance(told(both, id=1, done=True), Closed)
    no: Any
    for no in (False, None, "", [], {}):
        assert isinstance(told(both, id=1, done=no), Opened)
    assert isinstance(told(both, id=1, done=0), Closed), "0 is true, as JMESPath has it"


def test_a_merge_leads_to_another_page_of_the_source() -> None:
    """By its key."""
    signal = told(id=1, event="closed", into=2)
    assert isinstance(signal, Closed)
    assert (signal.reason, signal.merged_into) == ("merged", digest_of(SOURCE, "2"))
    signal = told(id=1, event="closed")
    assert isinstance(signal, Closed)
    assert (signal.reason, signal.merged_into) == ("closed", "")


def test_without_a_key_it_opens_and_nothing_else_is_done() -> None:
    """A page is never lost."""
    signal = told(event="opened")
    assert isinstance(signal, Opened)
    assert signal.page.key.startswith("body:")
    assert isinstance(told(event="closed"), Ignored)
    assert isinstance(told(event="changed"), Ignored)


def test_every_field_has_its_expression() -> None:
    """Whatever it makes of the body; what makes no text is none."""
    names = ("title", "service", "team", "url", "number", "bridge", "labels", "severity")
    select = {"key": "id", "open": "`true`", "opened_at": "at", **{name: name for name in names}}
    options = declared(select, once=False, delivery_header="x-id")
    body = {
        **{name: name for name in names},
        "id": "k",
        "url": "https://a",
        "bridge": "https://b",
        "number": 1.50,
        "labels": {"a": 1},
        "severity": "P1",
        "at": "2026-11-22T15:58:41Z",
    }
    signal = read(Kind.JSON, body, {"X-Id": "d-1"}, options)
    assert isinstance(signal, Opened)
    page = signal.page
    assert (page.title, page.service, page.team, page.number) == ("title", "service", "team", "1.5")
    assert (page.url, page.bridge, page.labels) == ("https://a", "https://b", {"a": "1"})
    assert (page.severity, signal.once, signal.delivery) == (Severity.CRITICAL, False, "d-1")
    assert page.opened_at is not None
    assert page.raw == body


def test_an_expression_that_does_not_fit_selects_nothing() -> None:
    """Functions are given what they do not take, as soon as a key is missing."""
    options = declared(
        {"key": "id", "open": "contains(tags, 'x')", "close": "sort(tags)[0] == 'y'"}
    )
    assert isinstance(told(options, id=1, tags=["x"]), Opened)
    assert isinstance(told(options, id=1, tags=["y"]), Closed)
    assert isinstance(told(options, id=1, tags=7), Ignored)
    assert isinstance(told(options, id=1), Ignored)


def test_forms_and_broken_templates() -> None:
    """Texts by their names; anything else is nothing that could be read."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    options = declared(USUAL)
    assert isinstance(read(Kind.JSON, b"id=1&event=opened", form, options), Opened)
    broken = read(Kind.JSON, b'{"id": "1", "event": "opened", "title": "a "b""}', None, options)
    assert isinstance(broken, Opened)
    for body in (
        b'{"id": "1", "event": "opened"}',
        b'{"id": "1", "event": "opened", "t": "a "b""}',
    ):
        assert isinstance(read(Kind.JSON, body, form, options), Opened)
    nothing = read(Kind.JSON, b"hello", None, options)
    assert isinstance(nothing, Ignored)
    assert "neither JSON nor a form" in nothing.why
