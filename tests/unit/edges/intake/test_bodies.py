"""Bodies of any kind: what is read of them, how much of it is kept, and that nothing raises."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.pages import FIELD_MOST, KEY_MOST, LABELS_MOST, TITLE_MOST, Opened, Page
from orchestrator.edges.intake import reading
from orchestrator.edges.intake.messages import Headers, Message
from orchestrator.edges.intake.sources import Kind
from tests.webhooks import SOURCE, read

OPEN = {"action": "open", "key": "k"}


def message(body: bytes, kind: str = "application/json") -> Message:
    """A message with a body."""
    return Message(SOURCE, Headers.of([("Content-Type", kind)]), body)


def page_of(body: dict[str, Any] | bytes) -> Page:
    """The page of a generic opening."""
    signal = read(Kind.GENERIC, body if isinstance(body, bytes) else OPEN | body)
    assert isinstance(signal, Opened)
    return signal.page


@pytest.mark.parametrize(
    ("body", "tree"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": 1}'.encode("utf-16"), {"a": 1}),
        (b'{"a": "first", "a": "second"}', {"a": "first"}),
        (b'{"a": 1e999, "b": NaN, "c": -Infinity}', {"a": "1e999", "b": "NaN", "c": "-Infinity"}),
        (b'{"a": ' + b"7" * 5_000 + b"}", {"a": "7" * 5_000}),
        (b'{"a": 1795363121317000000, "b": 1.5}', {"a": 1_795_363_121_317_000_000, "b": 1.5}),
        (b"[" * 100_000, None),
        (b"", None),
        (b"\xff", None),
        (b"{", None),
    ],
    ids=range(11),
)
def test_json(body: bytes, tree: Any) -> None:
    """What is no JSON is no tree, and numbers that are none are text."""
    assert reading.tree_of(message(body)) == tree


def test_a_form_is_texts_by_their_names() -> None:
    """The first of a name counts."""
    kind = "Application/X-WWW-Form-Urlencoded; charset=utf-8"
    assert reading.tree_of(message(b"a=1&b=%C3%BC+x&a=2&c=", kind)) == {
        "a": "1",
        "b": "ü x",
        "c": "",
    }
    assert reading.tree_of(message(b"", kind)) is None
    assert reading.tree_of(message(b"\xff", kind)) is None
    assert reading.tree_of(message(b"%7Ba=1&[b]=2", kind)) == {"{a": "1", "[b]": "2"}
    assert reading.tree_of(message(b"a=1&" * 2_000, kind)) is None


@pytest.mark.parametrize("before", [b"", b" \r\n", b"\xef\xbb\xbf"], ids=["as is", "blank", "bom"])
def test_json_that_is_said_to_be_a_form_is_json(before: bytes) -> None:
    """As curl says of everything that it is given without a Content-Type."""
    body = before + b'{"action": "open", "title": "a&b=c; 50%"}'
    found = reading.tree_of(message(body, "application/x-www-form-urlencoded"))
    assert found == {"action": "open", "title": "a&b=c; 50%"}
    assert reading.tree_of(message(b'{"a": ', "application/x-www-form-urlencoded")) is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            b'{\n "incident": "5521",\n "phase": "UNACKED",\n "message": "said "stop" to us"\n}',
            {"incident": "5521", "phase": "UNACKED", "message": 'said "stop" to us'},
        ),
        (
            b'{"phase": "UNACKED", "message": "x", "phase": "RESOLVED", "y": "a\nb"}',
            {"phase": "UNACKED", "message": "x", "y": "a\nb"},
        ),
        (rb'{"a": "q\"\/\\ \x", "b": "c"}', {"a": r'q"/\ \x', "b": "c"}),
        (
            b'{"a": "x", "n": 5, "b": "y, z", "m": null}',
            {"a": "x", "n": "5", "b": "y, z", "m": "null"},
        ),
        (b'{"n": 5, "b": "y', {"n": "5", "b": "y"}),
        (b'"a": "b"', None),
        (b"{no}", None),
        (b"", None),
    ],
)
def test_a_template_that_its_texts_broke_is_mended(body: bytes, found: Any) -> None:
    """Flat pairs of texts; text that was put in changes nothing that stands before it."""
    assert reading.mended(message(body)) == found


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("  a\n\tb\u2028c\x00 ", "a b c"),
        ("half \ud83d of it", "half ? of it"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.5, "1.5"),
        (None, ""),
        (["a"], ""),
        ({"a": "b"}, ""),
    ],
)
def test_texts_are_lines(value: Any, line: str) -> None:
    """Without what cannot be printed, or recorded."""
    assert reading.line(value) == line


MOMENT = datetime(2026, 11, 22, 15, 58, 41, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-22T15:58:41Z", MOMENT),
        ("2026-11-22T07:58:41.000-08:00", MOMENT),
        ("2026-11-22 15:58:41 UTC", MOMENT),
        ("2026-11-22T15:58:41.000000000Z", MOMENT),
        (1795363121, MOMENT),
        (1795363121.0, MOMENT),
        ("1795363121000", MOMENT),
        (1795363121000000, MOMENT),
        (1795363121000000000, MOMENT),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        (0, None),
        (-1, None),
        (10**30, None),
        ("9" * 40, None),
        ("٣", None),
        (float("1e300"), None),
        (True, None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ([], None),
    ],
    ids=range(23),
)
def test_moments(value: Any, at: datetime | None) -> None:
    """In each spelling that senders use; what is none, or says "not yet", is none."""
    assert reading.moment(value) == at


def test_what_is_huge_is_cut() -> None:
    """A title, a key, each field and the labels; the digest is that of the whole key."""
    long = "x" * 5_000
    page = page_of(
        {
            **dict.fromkeys(("key", "title", "service", "team", "number"), long),
            "url": f"https://{long}",
            "labels": {f"{n}{long}": long for n in range(100)},
        }
    )
    assert len(page.title) == TITLE_MOST
    assert len(page.key) == KEY_MOST
    assert {len(page.service), len(page.team), len(page.number)} == {FIELD_MOST}
    assert page.url == "", "half an address leads somewhere else"
    assert len(page.labels) == LABELS_MOST
    assert {len(part) for pair in page.labels.items() for part in pair} == {FIELD_MOST}
    assert page.digest != page_of({"key": long + "y"}).digest


def test_labels_are_whatever_can_be_a_text() -> None:
    """A mapping or a list of pairs; nothing else, and nothing without a name."""
    assert reading.labels_of({"a": 1, "b": None, "": "c", " d ": True}) == {
        "a": "1",
        "b": "",
        "d": "true",
    }
    pairs: Any = [{"key": "a", "value": "b"}, {"key": {"name": "c"}, "value": {"name": 7}}, {}, "x"]
    assert reading.labels_of(pairs) == {"a": "b", "c": "7"}
    assert reading.labels_of("a") == reading.labels_of(None) == {}


def test_a_body_is_kept_while_it_is_small() -> None:
    """Its JSON, not its bytes: what is written as an escape may be shorter or longer."""
    text = "ü" * 32_700  # two bytes each
    body = OPEN | {"text": text}
    assert page_of(json.dumps(body).encode()).raw == body
    assert page_of(json.dumps(OPEN | {"text": text + "ü" * 50}).encode()).raw == {}
    assert page_of(json.dumps(OPEN, indent=100_000 // 4).encode()).raw == OPEN


def test_what_is_kept_can_be_written_down_again() -> None:
    """No halves of surrogate pairs, no numbers that are none, and not too deep."""
    page = page_of(b'{"action": "open", "key": "\\ud83d", "n": NaN}')
    assert page.raw == {"action": "open", "key": "?", "n": "NaN"}
    assert json.dumps(page.raw["n"], allow_nan=False)
    assert page.key == "?"
    deep: Any = "x"
    for _ in range(80):
        deep = [deep]
    assert page_of({"deep": deep}).raw == {}
    assert page_of({"deep": deep[0]}).key == "k"
    assert reading.kept(message(b""), ["a", "list"]) == {}


@pytest.mark.parametrize(
    ("texts", "address"),
    [
        (("", "HTTPS://a.example/x"), "HTTPS://a.example/x"),
        (("javascript:alert(1)", "http://b"), "http://b"),
        (("https:// a", "https://", "ftp://a", "//a", "https://" + "x" * 1_000), ""),
        ((), ""),
    ],
)
def test_addresses(texts: tuple[str, ...], address: str) -> None:
    """Only what leads somewhere on the web, and is whole."""
    assert reading.address(*texts) == address


def test_steps_into_a_tree_never_fail() -> None:
    """Whatever stands in the way."""
    tree: Any = {"a": [{"b": "c"}]}
    assert reading.text(tree, "a", 0, "b") == "c"
    for steps in (("a", 1), ("a", "b"), (0,), ("a", 0, "b", "c"), ("x", "y")):
        assert reading.at(tree, *steps) is None
    assert reading.tail("x/a/b", "/a/") == "b"
    assert reading.tail("x", "/a/") == ""
    assert reading.members({"a": 1}) == []


def test_the_id_of_a_message_can_be_recorded() -> None:
    """Headers may hold bytes that are no UTF-8, and as many as a line may have."""
    signal = read(Kind.GENERIC, OPEN, {"Idempotency-Key": "a\udcff" + "x" * 8_000})
    assert signal.delivery.encode() == b"open a?" + b"x" * (reading.DELIVERY_MOST - 7)


@pytest.mark.parametrize(
    "part", ['"a":"', '" ', '", ', ' , "a', '"a": 1, ', '"' + " " * 50 + ",", "\\", '{"a":']
)
def test_no_text_makes_mending_slow(part: str) -> None:
    """Twice as much takes about twice the time, however it is written."""

    def seconds(size: int) -> float:
        body = message(('{"a": "' + part * (size // len(part))).encode())
        best = 9.0
        for _ in range(3):
            begun = time.perf_counter()
            reading.mended(body)
            best = min(best, time.perf_counter() - begun)
        return best

    # Eight times as much in less than thirty-two times: sixty-four is what a square would take.
    assert seconds(64_000) < 32 * seconds(8_000) + 0.05
