"""Messages of paging systems, damaged at random: nothing raises, and a page is never lost."""

import json
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import event, given
from hypothesis import strategies as st

from orchestrator.domain.pages import (
    FIELD_MOST,
    KEY_MOST,
    LABELS_MOST,
    TITLE_MOST,
    Closed,
    Ignored,
    Opened,
    Page,
    Signal,
    Updated,
    digest_of,
)
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.reading import DELIVERY_MOST, RAW_MOST
from orchestrator.edges.intake.sources import Kind
from tests.effort import costly
from tests.webhooks import SAMPLES, SOURCE, declared, kind_of, read, tree

# What says that a sample opens: as long as it is there, whatever else is gone, it does.
TELLING: Final[dict[str, tuple[str, ...]]] = {
    "alertmanager": ("status",),
    "cloudevents": ("type",),
    "firehydrant": ("event", "operation"),
    "generic": ("action",),
    "goalert": ("Type",),
    "grafana-alerting": ("status",),
    "grafana-oncall": ("event", "type"),
    "incidentio": ("event_type",),
    "opsgenie": ("action",),
    "pagerduty": ("event", "event_type"),
    "rootly": ("event", "type"),
    "splunk": ("phase",),
    "standardwebhooks": ("type",),
}
OPTIONS: Final = {
    "firehydrant": declared(
        {
            "key": "data.incident.id",
            "title": "data.incident.name",
            "open": "event.operation == 'CREATED'",
            "close": "contains(['resolved', 'closed'], data.incident.current_milestone)",
        }
    ),
    "rootly": declared(
        {
            "key": "data.id",
            "open": "event.type == 'incident.created'",
            "close": "event.type == 'incident.resolved'",
        }
    ),
    "splunk": declared(
        {"key": "incident", "open": "phase == 'UNACKED'", "close": "phase == 'RESOLVED'"}
    ),
}
OTHER: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["", "\ud83d", "x" * 70_000, [], {}, [None], {"name": None}, [[[]]], 10**40]),
)


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


NAMES: Final = words(
    "event data alert alerts status type Type action incident key id labels title mode event_type "
    "alert_group commonLabels groupLabels groupKey specversion subject resolve_reason LogEntry "
    "AlertID new_status previous_status"
)
WORDS: Final = words(
    "firing resolved open close page.opened incident.resolved Create Close Alert test AlertStatus "
    "resolve escalation incident incident.triggered 1.0 closed live"
)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where every value of a tree stands."""
    steps = value.items() if isinstance(value, dict) else ()
    for step, inner in list(enumerate(value)) if isinstance(value, list) else steps:
        yield (*path, step)
        yield from paths(inner, (*path, step))


def damage(body: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Put something else at a path, or nothing (`...`), if it is still there."""
    for step in path[:-1]:
        try:
            body = body[step]
        except (LookupError, TypeError):
            return
    last: Any = path[-1]
    known = isinstance(last, str) if isinstance(body, dict) else isinstance(last, int)
    if not isinstance(body, dict | list) or not known:
        return
    if isinstance(body, list) and last >= len(body):
        return
    if value is ...:
        if isinstance(body, list) or last in body:
            del body[last]
    else:
        body[last] = value


def options_of(name: str) -> Options:
    """Of a sample whose source is written down."""
    return next((one for start, one in OPTIONS.items() if name.startswith(start)), Options())


def told(name: str, body: Any) -> Signal:
    """What a body tells, damaged or not, as the sender of a sample sends it."""
    headers = {}
    if name == "cloudevents-binary-page-opened":
        headers = {str(k): str(v) for k, v in tree(name)["headers"].items()}
        body = body.get("body")
    elif name.startswith("cloudevents"):
        headers = {"content-type": "application/cloudevents+json"}
    return read(kind_of(name), json.dumps(body).encode(), headers, options_of(name))


def check(signal: Signal) -> None:
    """A signal can be recorded as it is, and everything in it is bounded."""
    texts = [signal.delivery]
    assert len(signal.delivery) <= DELIVERY_MOST
    match signal:
        case Opened(page=page) | Updated(page=page):
            check_page(page)
        case Closed():
            assert len(signal.key) <= KEY_MOST
            texts += [signal.key, signal.digest, signal.reason, signal.merged_into]
        case Ignored():
            texts.append(signal.why)
            assert signal.why
    for text in texts:
        text.encode()


def check_page(page: Page) -> None:
    """What is kept of a page."""
    fields = (page.service, page.team, page.url, page.number, page.bridge)
    assert page.source == SOURCE
    assert page.key
    assert len(page.key) <= KEY_MOST
    assert len(page.digest) == len(digest_of(SOURCE, ""))
    assert len(page.title) <= TITLE_MOST
    assert len(page.labels) <= LABELS_MOST
    labels = [part for pair in page.labels.items() for part in pair]
    assert all(len(text) <= FIELD_MOST for text in (*fields, *labels))
    assert all(url == "" or url.lower().startswith("http") for url in (page.url, page.bridge))
    for text in (page.key, page.title, *fields, *labels):
        text.encode()
    raw = json.dumps(dict(page.raw), ensure_ascii=False, allow_nan=False)
    assert len(raw.encode()) <= RAW_MOST


@costly
@given(st.data(), st.sampled_from(SAMPLES))
def test_a_damaged_message_never_raises_and_an_opening_still_opens(
    data: st.DataObject, name: str
) -> None:
    """Keys removed, nulled, or of another type; what says that it opens is left alone."""
    body = tree(name)
    whole = told(name, tree(name))
    check(whole)
    telling = next(steps for start, steps in TELLING.items() if name.startswith(start))
    places = [path for path in paths(body) if path != telling[: len(path)]]
    opens = isinstance(whole, Opened)
    if name == "cloudevents-binary-page-opened":
        places = [path for path in places if path[0] != "headers"]
    for path in data.draw(st.lists(st.sampled_from(places), max_size=len(places), unique=True)):
        damage(body, path, data.draw(st.one_of(st.just(...), st.none(), OTHER)))
    signal = told(name, body)
    check(signal)
    event(f"{type(whole).__name__} became {type(signal).__name__}")
    if opens:
        assert isinstance(signal, Opened)


@costly
@given(
    st.sampled_from(sorted(Kind)),
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "", "a/b"]),
)
def test_no_bytes_raise(kind: Kind, body: bytes, media_type: str) -> None:
    """Whatever they are said to be."""
    select = {"key": "id", "open": "@", "title": "title"}
    check(read(kind, body, {"content-type": media_type}, declared(select)))


@costly
@given(st.sampled_from(sorted(Kind)), st.data())
def test_no_json_raises(kind: Kind, data: st.DataObject) -> None:
    """Of any shape, with the names that readers look for."""
    leaves = st.one_of(OTHER, st.sampled_from(WORDS))
    tree = data.draw(
        st.recursive(
            leaves,
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
            ),
            max_leaves=12,
        )
    )
    check(read(kind, json.dumps(tree).encode(), {}, declared({"key": "id", "open": "open"})))
