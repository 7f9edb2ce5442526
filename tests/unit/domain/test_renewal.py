"""When a room is renewed, moment by moment."""

from datetime import datetime, timedelta

import pytest

from orchestrator.domain.keys import spread
from orchestrator.domain.policies import Renewal, Window
from orchestrator.domain.renewal import floor, granted_life, lead, renewal_time
from tests import builders as a
from tests.builders import NOW, YEAR

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
KEY = "team-rooms/checkout"
END = NOW + 100 * DAY
ROOM = a.room(expires_at=END, granted_at=NOW)
WINDOW = Window("0 6 * * *", "Europe/Berlin", 4 * HOUR)


@pytest.mark.parametrize(
    ("end", "life"),
    [(END, 100 * DAY), (NOW + 3 * YEAR, YEAR), (NOW - DAY, timedelta())],
    ids=["as granted", "moved far out by somebody", "before its grant"],
)
def test_the_life_that_was_granted(end: datetime, life: timedelta) -> None:
    assert granted_life(ROOM, end) == life


@pytest.mark.parametrize(
    ("life", "least"),
    [(YEAR, DAY), (10 * DAY, 12 * HOUR), (timedelta(minutes=11), timedelta(minutes=1))],
    ids=["a day at most", "a twentieth", "a minute at least"],
)
def test_the_floor(life: timedelta, least: timedelta) -> None:
    assert floor(life) == least


@pytest.mark.parametrize(
    ("wished", "expected"),
    [(None, 30 * DAY), (10 * DAY, 10 * DAY), (80 * DAY, 45 * DAY)],
    ids=["a third", "as wished", "half at most"],
)
def test_the_lead(wished: timedelta | None, expected: timedelta) -> None:
    assert lead(90 * DAY, wished) == expected


def test_a_renewal_has_its_own_place_in_a_quarter_of_the_lead() -> None:
    time = renewal_time(ROOM, END, Renewal(before=40 * DAY), KEY, a.at_once)
    assert time.moment == END - 40 * DAY * (1 + spread(KEY) / 4)
    assert time.latest == END - 5 * DAY
    assert time.why == "40 d before its end, spread by its key"


@pytest.mark.parametrize(
    ("opens", "moment", "why"),
    [
        (-2 * HOUR, 2 * HOUR * spread(KEY), "40 d before its end, in its window '0 6 * * *'"),
        (DAY, DAY + 4 * HOUR * spread(KEY), "40 d before its end, in its window '0 6 * * *'"),
        (YEAR, None, "the last twentieth of its life begins"),
    ],
    ids=["open already", "tomorrow", "too late"],
)
def test_a_window_moves_it(opens: timedelta, moment: timedelta | None, why: str) -> None:
    due = renewal_time(ROOM, END, Renewal(before=40 * DAY), KEY, a.at_once).moment

    def opening(window: Window, at: datetime) -> tuple[datetime, datetime]:
        return at + opens, at + opens + window.duration

    time = renewal_time(ROOM, END, Renewal(40 * DAY, WINDOW), KEY, opening)
    assert time.moment == (END - 5 * DAY if moment is None else due + moment)
    assert time.why == why


def test_a_floor_that_is_over_changes_nothing() -> None:
    renewed = a.room(expires_at=END, granted_at=NOW, renewed_at=NOW)
    time = renewal_time(renewed, END, Renewal(), KEY, a.at_once)
    assert time == renewal_time(ROOM, END, Renewal(), KEY, a.at_once)


def test_the_floor_comes_last() -> None:
    renewed = a.room(expires_at=END, granted_at=NOW, renewed_at=END - HOUR)
    time = renewal_time(renewed, END, Renewal(), KEY, a.at_once)
    assert (time.moment, time.why) == (END + 23 * HOUR, "it was renewed a short while ago")


@pytest.mark.parametrize(
    ("life", "words"),
    [(90 * DAY, "30 d"), (9 * HOUR, "3 h"), (HOUR, "20 min"), (timedelta(seconds=90), "30 s")],
    ids=["days", "hours", "minutes", "seconds"],
)
def test_the_lead_in_words(life: timedelta, words: str) -> None:
    room = a.room(expires_at=NOW + life, granted_at=NOW)
    assert renewal_time(room, NOW + life, Renewal(), KEY, a.at_once).why.startswith(words)
