"""What a signal makes of a page, and what its room is called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.episodes import SEEN_MOST, Episode
from orchestrator.domain.pages import Closed, Opened, Page, Severity, Updated, digest_of
from orchestrator.domain.paging import (
    EARLY_CLOSE,
    FIELDS,
    NAME,
    Turn,
    name_of,
    nameable,
    page_of,
    pages_named,
    take,
    values_of,
)
from orchestrator.domain.policies import PageWish
from tests.builders import desired

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAGE = Page("pagerduty", "Q1", digest_of("pagerduty", "Q1"), title="Checkout is slow")
OPEN = Episode("a" * 12, 1, PAGE, NOW - HOUR, policy="oncall")
CLOSED = replace(OPEN, closed_at=NOW - timedelta(minutes=2))
OVER = replace(CLOSED, over_at=NOW - timedelta(minutes=1))
EARLY = replace(OVER, opened_at=NOW - timedelta(seconds=2), closed_at=NOW - timedelta(seconds=2))
OPENING = Opened(PAGE)
REUSED = Opened(PAGE, once=False)
CLOSING = Closed(PAGE.source, PAGE.key, PAGE.digest, reason="resolved")


def at(hours: float, page: Page = PAGE) -> Page:
    """The page as one that opened then by its sender's clock."""
    return replace(page, opened_at=NOW + hours * HOUR)


@pytest.mark.parametrize(
    ("signal", "last", "turn"),
    [
        pytest.param(OPENING, None, Turn.OPENS, id="unknown"),
        pytest.param(OPENING, OPEN, Turn.TELLS, id="open-already"),
        pytest.param(OPENING, CLOSED, Turn.NOTHING, id="late"),
        pytest.param(OPENING, OVER, Turn.NOTHING, id="very-late"),
        pytest.param(OPENING, EARLY, Turn.NOTHING, id="after-an-early-close"),
        pytest.param(replace(OPENING, reopens=True), CLOSED, Turn.REOPENS, id="reopened"),
        pytest.param(replace(OPENING, reopens=True), OVER, Turn.OPENS, id="reopened-later"),
        pytest.param(
            replace(OPENING, reopens=True),
            replace(CLOSED, merged_into="f" * 16),
            Turn.OPENS,
            id="reopened-after-a-merge",
        ),
        pytest.param(REUSED, CLOSED, Turn.REOPENS, id="fires-again"),
        pytest.param(REUSED, OVER, Turn.OPENS, id="fires-again-later"),
        pytest.param(REUSED, EARLY, Turn.NOTHING, id="just-after-an-early-close"),
        pytest.param(
            REUSED,
            replace(EARLY, opened_at=NOW - EARLY_CLOSE, closed_at=NOW - EARLY_CLOSE),
            Turn.OPENS,
            id="a-while-after-an-early-close",
        ),
        pytest.param(
            Opened(at(-1), once=False), replace(OVER, page=at(-1)), Turn.NOTHING, id="same-start"
        ),
        pytest.param(
            Opened(at(0), once=False), replace(OVER, page=at(-1)), Turn.OPENS, id="later-start"
        ),
        pytest.param(
            Opened(at(-1), once=False, fires=True),
            replace(OVER, page=at(-1)),
            Turn.OPENS,
            id="fires-on-though-it-was-closed",
        ),
        pytest.param(
            Opened(at(-2), once=False, fires=True),
            replace(OVER, page=at(-1)),
            Turn.OPENS,
            id="fires-from-before-for-it-was-muted",
        ),
        pytest.param(
            Opened(at(-1), once=False, fires=True),
            replace(OVER, page=at(-1), closed_at=NOW - EARLY_CLOSE / 2),
            Turn.NOTHING,
            id="overtaken-by-its-closing",
        ),
        pytest.param(
            Opened(at(0), once=False, fires=True),
            replace(OVER, page=at(-1), closed_at=NOW),
            Turn.OPENS,
            id="fires-anew-at-once",
        ),
        pytest.param(
            Opened(at(0), once=False), replace(OVER, page=at(0.1)), Turn.NOTHING, id="clock-ahead"
        ),
        pytest.param(
            Opened(at(0), once=False), replace(OVER, page=at(9000)), Turn.OPENS, id="wrong-start"
        ),
        pytest.param(
            Opened(at(9000), once=False),
            replace(OVER, page=at(9000)),
            Turn.NOTHING,
            id="the-same-wrong-start",
        ),
        pytest.param(
            REUSED,
            replace(EARLY, opened_at=NOW + HOUR, closed_at=NOW + HOUR),
            Turn.OPENS,
            id="after-an-early-close-by-a-clock-that-was-set-back",
        ),
        pytest.param(Updated(PAGE), None, Turn.NOTHING, id="update-of-nothing"),
        pytest.param(Updated(PAGE), CLOSED, Turn.NOTHING, id="update-of-what-is-closed"),
        pytest.param(Updated(PAGE), OPEN, Turn.TELLS, id="update"),
        pytest.param(CLOSING, None, Turn.REMEMBERS, id="early-close"),
        pytest.param(CLOSING, OPEN, Turn.CLOSES, id="close"),
        pytest.param(CLOSING, CLOSED, Turn.NOTHING, id="close-again"),
        pytest.param(
            replace(CLOSING, once=False, closed_at=NOW - HOUR),
            replace(OPEN, page=at(-0.5)),
            Turn.NOTHING,
            id="close-of-the-episode-before",
        ),
        pytest.param(
            replace(CLOSING, once=False, closed_at=NOW),
            replace(OPEN, page=at(1)),
            Turn.CLOSES,
            id="close-of-what-opened-by-the-time-of-another-zone",
        ),
        pytest.param(
            replace(CLOSING, once=False, closed_at=NOW - HOUR),
            replace(OPEN, page=at(-1)),
            Turn.CLOSES,
            id="close-in-the-moment-of-its-opening",
        ),
        pytest.param(
            replace(CLOSING, closed_at=NOW - HOUR),
            replace(OPEN, page=at(-0.5)),
            Turn.CLOSES,
            id="close-of-what-is-once",
        ),
    ],
)
def test_p06_what_a_signal_makes_of_a_page(
    signal: Opened | Updated | Closed, last: Episode | None, turn: Turn
) -> None:
    """The whole table: no opening is lost, and none that is late brings a dead page back."""
    taken = take(signal, last, NOW, "b" * 12)
    assert taken.turn is turn
    assert (taken.episode is None) == (turn is Turn.NOTHING)
    assert bool(taken.why) == (turn in {Turn.NOTHING, Turn.REMEMBERS} or taken.why != "")


def test_a_page_that_opens_again_is_known_by_its_new_start() -> None:
    """A late copy of that opening brings it back no more than one of the first."""
    again = take(Opened(at(0), once=False), replace(CLOSED, page=at(-1)), NOW, "b" * 12).episode
    assert again is not None
    assert again.page.opened_at == NOW
    closed = replace(again, closed_at=NOW)
    assert take(Opened(at(0), once=False), closed, NOW, "c" * 12).turn is Turn.NOTHING


def test_a_new_episode_counts_on_and_remembers_its_messages() -> None:
    """So that a reopening that is told twice opens once."""
    last = replace(OVER, count=4, seen=("m1",))
    opens = replace(OPENING, reopens=True, delivery="m2")
    episode = take(opens, last, NOW, "b" * 12).episode
    assert episode is not None
    assert (episode.id, episode.count, episode.seen) == ("b" * 12, 5, ("m1", "m2"))
    assert episode.opened_at == NOW
    assert take(opens, episode, NOW, "c" * 12).turn is Turn.NOTHING


def test_not_all_messages_are_remembered_for_ever() -> None:
    """The latest are."""
    episode = OPEN
    for number in range(SEEN_MOST + 5):
        told = take(Updated(PAGE, delivery=f"m{number}"), episode, NOW, "x").episode
        assert told is not None
        episode = told
    assert len(episode.seen) == SEEN_MOST
    assert episode.seen[-1] == f"m{SEEN_MOST + 4}"


def test_a_closing_keeps_why_and_where_it_was_merged() -> None:
    """And an early one when the sender says that it closed."""
    closing = replace(CLOSING, merged_into="f" * 16, closed_at=NOW - HOUR, delivery="m9")
    closed = take(closing, OPEN, NOW, "b" * 12).episode
    early = take(closing, None, NOW, "b" * 12).episode
    assert closed is not None
    assert early is not None
    assert (closed.reason, closed.merged_into, closed.closed_at) == ("resolved", "f" * 16, NOW)
    assert (early.over_at, early.page.opened_at, early.seen) == (NOW, NOW - HOUR, ("m9",))
    assert take(CLOSING, None, NOW, "b" * 12).episode is not None


def test_what_is_not_said_again_stays_known() -> None:
    """An update may tell less than the opening."""
    full = replace(PAGE, service="checkout", team="shop", url="https://x", labels={"a": "b"})
    episode = replace(OPEN, page=replace(full, opened_at=NOW - HOUR, raw={"a": 1}))
    bare = Page("pagerduty", "Q1", PAGE.digest, severity=Severity.HIGH, opened_at=NOW)
    told = take(Updated(bare), episode, NOW, "b" * 12).episode
    assert told is not None
    assert told.page == replace(episode.page, severity=Severity.HIGH)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Checkout is slow", "Checkout is slow"),
        ("  two\n\tlines  ", "two lines"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\x00\u200b\ud800", "pagerduty Q1"),
        ("", "pagerduty Q1"),
        ("e\u0301", "\u00e9"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_room_has_a_name_that_people_see(text: str, name: str) -> None:
    """One line, nothing that hides or turns, never blank, never too long."""
    assert name_of(text, PAGE) == name


def test_a_page_without_a_title_is_named_by_its_number() -> None:
    """That is what people call it by at the sender."""
    assert name_of("", replace(PAGE, number="4711")) == "pagerduty 4711"


def test_templates_know_every_field_but_the_digest() -> None:
    """And no other: what is checked at load is what there is."""
    values = values_of(replace(PAGE, opened_at=NOW))[NAME]
    assert isinstance(values, dict)
    assert values.keys() == FIELDS
    assert values["opened_at"] == "2026-11-22T12:00:00.000Z"
    bare = values_of(PAGE)[NAME]
    assert isinstance(bare, dict)
    assert bare["opened_at"] == ""


def test_a_signal_is_of_a_page() -> None:
    """Found by source and digest, whatever it says."""
    assert page_of(OPENING) == page_of(CLOSING) == page_of(Updated(PAGE))
    assert PAGE.subject == f"pagerduty-{PAGE.digest}"
    assert digest_of("a", "Q1") != digest_of("b", "Q1") != digest_of("b", "Q2")


def test_when_an_episode_closes() -> None:
    """By its age while it is open, a while after its closing; at once where it has no room."""
    wish = replace(desired(), page=PageWish(max_age=2 * HOUR, close_after=timedelta(minutes=5)))
    episode = replace(OPEN, wish=wish)
    assert episode.closes_at == episode.opened_at + 2 * HOUR
    closed = replace(episode, closed_at=NOW)
    assert closed.closes_at == NOW + timedelta(minutes=5)
    nobodys = replace(closed, policy="", wish=None)
    assert nobodys.closes_at == NOW
    assert nobodys.key is None
    assert str(episode.key) == f"oncall/pagerduty-{PAGE.digest}-{'a' * 12}"


def test_a_page_is_named_in_full_before_a_part_of_a_title() -> None:
    """Open ones before others, an earlier episode means the page, and nothing means nothing."""
    other = Page("pagerduty", "Q2", digest_of("pagerduty", "Q2"), title="as in Q1", number="7")
    second = replace(OPEN, id="b" * 12, page=other)
    earlier = replace(OVER, id="c" * 12)
    known = [(OPEN, "https://rooms.test/r/1"), (second, "https://rooms.test/r/2"), (earlier, "")]
    assert list(pages_named("Q1", known)) == [OPEN]
    assert list(pages_named(" 7 ", known)) == [second]
    assert list(pages_named("c" * 12, known)) == [OPEN]
    assert list(pages_named("https://rooms.test/r/2", known)) == [second]
    assert list(pages_named("IN q1", known)) == [second]
    assert list(pages_named("i", known)) == [OPEN, second]
    assert list(pages_named("is", [(OVER, ""), (second, "")])) == [OVER]
    assert list(pages_named("s", [(OVER, ""), (second, "")])) == [second]
    assert list(pages_named("", known)) == []


def test_policies_may_name_pages_by_hand_without_a_line_in_the_config() -> None:
    """Beside the sources that stand there."""
    assert nameable(["pagerduty"]) == {"pagerduty", "manual"}
