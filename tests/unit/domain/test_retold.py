"""Pages as facts tell of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import Key
from orchestrator.domain.pages import KEY_MOST, Severity, digest_of
from orchestrator.domain.retelling import Told, retell
from orchestrator.domain.retold import RetoldPages

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fact(event: str, key: str = "Q1", id_: str = "a" * 12, **more: Any) -> Fact:
    """Of a page that a policy took, unless it is one that none took."""
    digest = digest_of("pagerduty", key)
    room = Key("oncall", f"pagerduty-{digest}-{id_}").encoded
    detail = {
        "source": "pagerduty",
        "page": key[:KEY_MOST],
        "episode": id_,
        "count": 1,
        **more,
    }
    own = "" if event == "page.ignored" else room
    return Fact(event, key=own, reason="because", detail=detail)


def after(*facts: Fact, step: timedelta = timedelta()) -> RetoldPages:
    told = [Told(seq, NOW + seq * step, "abcdefgh", one) for seq, one in enumerate(facts)]
    memory = retell(told)
    assert memory.unread == 0
    return memory.pages


def test_an_open_page_is_told_with_what_facts_hold() -> None:
    """Its page is found by the whole key, of which the fact has a part."""
    long = "k" * (KEY_MOST + 50)
    told = fact(
        "page.opened",
        long,
        title="Slow",
        severity="high",
        service="checkout",
        number="4711",
        opened_at="2026-11-22T11:00:00.000Z",
        shares="oncall/other",
    )
    (episode,) = after(told).standing(NOW)
    assert episode.page.digest == digest_of("pagerduty", long)
    assert (episode.page.title, episode.page.severity) == ("Slow", Severity.HIGH)
    assert (episode.page.number, episode.page.opened_at) == ("4711", NOW - HOUR)
    assert (episode.policy, episode.shares, episode.is_open) == ("oncall", "oncall/other", True)
    assert episode.key is not None
    assert episode.key.encoded == told.key


def test_what_was_closed_is_remembered_for_a_day() -> None:
    """So that a late opening is known; reopened it is open again, with its presses."""
    pages = after(fact("page.opened"), fact("page.asked"), fact("page.closed"))
    (episode,) = pages.standing(NOW + HOUR)
    assert (episode.closed_at, episode.over_at, episode.reason) == (NOW, NOW, "because")
    assert pages.standing(NOW + 25 * HOUR) == []
    pages = after(
        fact("page.opened"),
        fact("page.asked"),
        fact("page.closed"),
        fact("page.opened", again=True),
    )
    (episode,) = pages.standing(NOW + 25 * HOUR)
    assert (episode.is_open, episode.over_at, episode.asks) == (True, None, 1)


def test_a_page_that_no_policy_took_is_known_until_one_does() -> None:
    """Or until it is closed."""
    (episode,) = after(fact("page.ignored")).standing(NOW)
    assert (episode.policy, episode.withheld) == ("", "because")
    assert episode.page.digest == digest_of("pagerduty", "Q1")
    (episode,) = after(fact("page.ignored"), fact("page.opened")).standing(NOW)
    assert (episode.policy, episode.withheld) == ("oncall", "")


def test_a_page_that_came_while_policies_were_unreadable_is_undecided_until_they_are() -> None:
    """What was said last of it counts."""
    first = fact("page.ignored", undecided=True)
    (episode,) = after(first).standing(NOW)
    assert episode.undecided
    for then in ("page.ignored", "page.opened"):
        (episode,) = after(first, fact(then)).standing(NOW)
        assert not episode.undecided
    (episode,) = after(first, fact("page.opened"), fact("page.ignored")).standing(NOW)
    assert episode.policy == "oncall"


def test_of_one_page_the_latest_is_open() -> None:
    """Whatever facts are missing: the store refuses two."""
    pages = after(
        fact("page.opened"),
        fact("page.opened", id_="b" * 12, count=2),
        fact("page.opened", "Q2", id_="c" * 12),
        fact("page.closed", "Q3", id_="d" * 12),
    )
    assert [episode.id[0] for episode in pages.standing(NOW)] == ["b", "c"]


@pytest.mark.parametrize("more", [{"count": "many"}, {"severity": "loud"}, {"opened_at": "noon"}])
def test_what_cannot_be_understood_is_counted(more: dict[str, Any]) -> None:
    """And passed over."""
    memory = retell([Told(1, NOW, "abcdefgh", fact("page.opened", **more))])
    assert memory.unread == 1
    assert memory.pages.standing(NOW) == []


def test_a_page_that_opened_again_in_a_room_of_its_own_shares_none() -> None:
    """The page is over whose room it shared."""
    shared = fact("page.opened", shares="oncall/other")
    pages = after(shared, fact("page.closed"), fact("page.opened", again=True))
    assert [one.shares for one in pages.standing(NOW)] == [""]
