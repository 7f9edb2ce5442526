"""Feeds: what counts as a change, and what is shown of what vanished."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.feed import FeedEvent, Planned, Plans, in_order, update
from orchestrator.domain.keys import Key

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
LINK = "https://rooms.example.com/r/all-hands-x"


def planned(days: int = 1, policy: str = "all-hands", title: str = "All hands") -> Planned:
    """An hour that starts some days from now."""
    starts = NOW + days * DAY
    key = Key(policy, starts.strftime("%Y-%m-%dT%H%M"))
    return Planned(key, title, starts, starts + HOUR, LINK, "Every Thursday.")


def shown(*occurrences: Planned, now: datetime = NOW) -> Mapping[str, FeedEvent]:
    """A calendar that was shown for the first time."""
    return update({}, Plans("acme", occurrences), now)


def only(events: Mapping[str, FeedEvent]) -> FeedEvent:
    """The one event."""
    (event,) = events.values()
    return event


def test_a_new_event_is_shown_as_it_is_planned() -> None:
    """With a UID that no other installation can have."""
    assert only(shown(planned())) == FeedEvent(
        uid="2026-12-02T1200.all-hands@acme.room-orchestrator",
        sequence=0,
        changed_at=NOW,
        title="All hands",
        starts=NOW + DAY,
        ends=NOW + DAY + HOUR,
        link=LINK,
        about="Every Thursday.",
    )


def test_what_did_not_change_stays_as_it_was() -> None:
    """To the moment of its change, so that the calendar is the same to the byte."""
    before = shown(planned())
    assert update(before, Plans("acme", (planned(),)), NOW + HOUR) == before


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Everybody"},
        {"link": "https://other.example"},
        {"about": ""},
        {"ends": NOW + DAY + 2 * HOUR},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_counts_one_up(change: dict[str, object]) -> None:
    """The same UID, a higher sequence, and when it was."""
    before = only(shown(planned()))
    after = only(
        update(
            shown(planned()),
            Plans("acme", (replace(planned(), **change),)),  # type: ignore[arg-type]
            NOW + HOUR,
        )
    )
    assert after == replace(before, sequence=1, changed_at=NOW + HOUR, **change)  # type: ignore[arg-type]


def test_what_vanished_is_cancelled_for_weeks_and_then_left_out() -> None:
    """A program that never sees that would keep it for ever."""
    before = shown(planned())
    gone = update(before, Plans("acme", ()), NOW + HOUR)
    assert only(gone) == replace(only(before), cancelled=True, sequence=1, changed_at=NOW + HOUR)
    assert update(gone, Plans("acme", ()), NOW + 2 * WEEK) == gone
    assert update(gone, Plans("acme", ()), NOW + DAY + HOUR + 4 * WEEK) == {}


def test_what_comes_back_is_no_more_cancelled() -> None:
    """By the same UID and a higher sequence again."""
    gone = update(shown(planned()), Plans("acme", ()), NOW + HOUR)
    back = only(update(gone, Plans("acme", (planned(),)), NOW + 2 * HOUR))
    assert (back.cancelled, back.sequence, back.changed_at) == (False, 2, NOW + 2 * HOUR)


def test_what_took_place_stays_for_weeks_and_is_not_cancelled() -> None:
    """It is planned no more because it is over."""
    before = shown(planned())
    ended = NOW + DAY + HOUR
    assert update(before, Plans("acme", ()), ended) == before
    assert update(before, Plans("acme", ()), ended + 4 * WEEK) == {}


def test_what_lies_beyond_sight_is_not_cancelled() -> None:
    """The clock was set back, and all that is far ahead vanished."""
    before = shown(planned(days=50))
    assert update(before, Plans("acme", ()), NOW - 20 * DAY) == before


def test_a_renamed_policy_keeps_its_events() -> None:
    """People see one event, not one cancelled and one new."""
    before = shown(planned())
    new = planned(policy="everybody")
    after = update(before, Plans("acme", (new,), {"everybody": ("all-hands",)}), NOW + HOUR)
    assert after == {new.key.encoded: only(before)}


def test_of_a_policy_in_observe_nothing_changes() -> None:
    """People are told nothing, also not that it is gone."""
    before = shown(planned())
    plans = Plans("acme", (), untouched=frozenset({"all-hands"}))
    assert update(before, plans, NOW + HOUR) == before
    assert only(update(before, Plans("acme", ()), NOW + HOUR)).cancelled


def test_events_are_in_the_order_of_time() -> None:
    """Whatever policy they are of."""
    events = shown(planned(3), planned(1, policy="zzz"), planned(2, policy="aaa"))
    assert [event.starts for event in in_order(events)] == [NOW + days * DAY for days in (1, 2, 3)]
