"""When a room is renewed, moment by moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.keys import spread
from orchestrator.domain.policies import Occurrence, Renewal, Window
from orchestrator.domain.records import Dormancy, KeyState
from orchestrator.domain.renewal import (
    asked_again,
    floor,
    granted_life,
    lead,
    planned_renewal,
    renewal_time,
)
from tests import builders as a
from tests.builders import NOW, YEAR

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
KEY = "team-rooms/checkout"
INSIDE = spread(f"{KEY}#window")
END = NOW + 100 * DAY
ROOM = a.room(expires_at=END, granted_at=NOW)
WINDOW = Window("0 6 * * *", "Europe/Berlin", 4 * HOUR)


@pytest.mark.parametrize(
    ("end", "life"),
    [(END, 100 * DAY), (NOW + 3 * YEAR, YEAR), (NOW - DAY, timedelta())],
    ids=["as granted", "moved far out by somebody", "before its grant"],
)
def test_the_life_that_was_granted(end: datetime, life: timedelta) -> None:
    assert granted_life(ROOM, end, NOW) == life


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
    time = renewal_time(ROOM, END, Renewal(before=40 * DAY), KEY, a.at_once, NOW)
    assert time.moment == END - 40 * DAY * (1 + spread(KEY) / 4)
    assert time.latest == END - 5 * DAY
    assert time.why == "40 d before its end, spread by its key"


@pytest.mark.parametrize(
    ("opens", "moment", "why"),
    [
        (-2 * HOUR, 2 * HOUR * INSIDE, "40 d before its end, in its window '0 6 * * *'"),
        (DAY, DAY + 4 * HOUR * INSIDE, "40 d before its end, in its window '0 6 * * *'"),
        (YEAR, None, "the last twentieth of its life begins"),
    ],
    ids=["open already", "tomorrow", "too late"],
)
def test_a_window_moves_it(opens: timedelta, moment: timedelta | None, why: str) -> None:
    due = renewal_time(ROOM, END, Renewal(before=40 * DAY), KEY, a.at_once, NOW).moment

    def opening(window: Window, at: datetime) -> tuple[datetime, datetime]:
        return at + opens, at + opens + window.duration

    time = renewal_time(ROOM, END, Renewal(40 * DAY, WINDOW), KEY, opening, NOW)
    assert time.moment == (END - 5 * DAY if moment is None else due + moment)
    assert time.why == why


def test_a_floor_that_is_over_changes_nothing() -> None:
    renewed = a.room(expires_at=END, granted_at=NOW, renewed_at=NOW)
    time = renewal_time(renewed, END, Renewal(), KEY, a.at_once, NOW)
    assert time == renewal_time(ROOM, END, Renewal(), KEY, a.at_once, NOW)


def test_the_floor_comes_last() -> None:
    renewed = a.room(expires_at=END, granted_at=NOW, renewed_at=END - HOUR)
    time = renewal_time(renewed, END, Renewal(), KEY, a.at_once, END - HOUR)
    assert (time.moment, time.why) == (END + 23 * HOUR, "it was renewed a short while ago")


@pytest.mark.parametrize(
    ("life", "words"),
    [(90 * DAY, "30 d"), (9 * HOUR, "3 h"), (HOUR, "20 min"), (timedelta(seconds=90), "30 s")],
    ids=["days", "hours", "minutes", "seconds"],
)
def test_the_lead_in_words(life: timedelta, words: str) -> None:
    room = a.room(expires_at=NOW + life, granted_at=NOW)
    assert renewal_time(room, NOW + life, Renewal(), KEY, a.at_once, NOW).why.startswith(words)


# --- a window that was missed ---------------------------------------------------------------------


def daily(window: Window, moment: datetime) -> tuple[datetime, datetime]:
    """Open from six to ten each day."""
    start = moment.replace(hour=6, minute=0, second=0, microsecond=0)
    if moment >= start + window.duration:
        start += DAY
    return start, start + window.duration


# With this lead it falls due two hours after midnight, before the window of that day.
WISH = Renewal(
    before=(END - datetime(2027, 1, 21, 2, 0, tzinfo=UTC)) / (1 + spread(KEY) / 4), window=WINDOW
)
IN_IT = datetime(2027, 1, 21, 6, 0, tzinfo=UTC) + 4 * HOUR * INSIDE


@pytest.mark.parametrize(
    ("now", "moment"),
    [
        pytest.param(NOW, IN_IT, id="long before"),
        pytest.param(IN_IT - timedelta(seconds=1), IN_IT, id="in it, before its turn"),
        pytest.param(IN_IT + timedelta(minutes=1), IN_IT, id="in it, its turn is over: now"),
        pytest.param(IN_IT.replace(hour=9, minute=59), IN_IT, id="the last minute"),
        pytest.param(IN_IT.replace(hour=10, minute=0, second=0), IN_IT + DAY, id="just closed"),
        pytest.param(IN_IT + 3 * DAY + 5 * HOUR, IN_IT + 4 * DAY, id="days later, closed"),
        pytest.param(END - DAY, END - 5 * DAY, id="the last twentieth waits for no window"),
    ],
)
def test_a_window_that_was_missed_waits_for_the_next(now: datetime, moment: datetime) -> None:
    time = renewal_time(ROOM, END, WISH, KEY, daily, now)
    assert abs(time.moment - moment) < timedelta(seconds=1)


@pytest.mark.parametrize("ahead", [2 * DAY, 30 * YEAR], ids=["two days", "thirty years"])
def test_p07_what_an_api_dated_ahead_puts_off_no_renewal(ahead: timedelta) -> None:
    """Its clock was wrong when it made the room, or when it renewed it; it is right again."""
    wish, month, now = Renewal(), 30 * DAY, NOW + HOUR
    end = NOW + month
    rightly = a.room(expires_at=end, granted_at=NOW, lifetime=month)
    expected = renewal_time(rightly, end, wish, KEY, a.at_once, now)
    made = replace(rightly, granted_at=now + ahead)
    assert renewal_time(made, end, wish, KEY, a.at_once, now) == expected
    renewed = replace(rightly, renewed_at=now + ahead)
    assert renewal_time(renewed, end, wish, KEY, a.at_once, now) == expected


def test_p07_a_renewal_that_two_clocks_date_a_little_apart_keeps_its_floor() -> None:
    month = 30 * DAY
    end = NOW + month
    least = floor(month)
    room = a.room(expires_at=end, granted_at=NOW, lifetime=month, renewed_at=end + least)
    time = renewal_time(room, end, Renewal(), KEY, a.at_once, end)
    assert time.moment == end + 2 * least


def test_a_grant_that_was_dated_ahead_of_a_room_whose_lifetime_is_unknown_is_a_long_one() -> None:
    room = a.room(expires_at=END, granted_at=NOW + DAY, lifetime=None)
    assert granted_life(room, END, NOW) == YEAR


# --- a room that is seen as it was ----------------------------------------------------------------

AGAIN = a.room(
    expires_at=END,
    granted_at=END - HOUR,
    granted_until=END + YEAR,
    renewed_at=END - HOUR,
    renewed_from=END,
)


@pytest.mark.parametrize(
    ("shown", "life"),
    [(END, YEAR), (END + YEAR, YEAR), (END - timedelta(minutes=30), HOUR / 2)],
    ids=["as it was before", "as granted", "brought near by somebody"],
)
def test_a_room_that_is_seen_as_it_was_has_the_life_that_was_granted(
    shown: datetime, life: timedelta
) -> None:
    room = replace(AGAIN, granted_until=END - HOUR + YEAR)
    assert granted_life(room, shown, END) == min(life, YEAR)


def test_p07_a_stale_look_renews_no_second_time_within_the_floor() -> None:
    """An hour before its end it was renewed for a year, and is shown as it was: a day's floor."""
    time = renewal_time(AGAIN, END, Renewal(), KEY, a.at_once, END - HOUR)
    assert time.moment == END - HOUR + DAY
    near = replace(AGAIN, renewed_from=END - DAY)
    time = renewal_time(near, END, Renewal(), KEY, a.at_once, END - HOUR)
    assert END - HOUR < time.moment < END


# --- what people and policies ask for -------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "again"),
    [
        ([], None),
        ([5, 4, 3, 2, 1], None),
        ([23, 5, 4, 3, 2, 1], 1),
        ([30, 23, 22, 21, 20, 2, 1], 1),
        ([24, 23, 22, 21, 20, 2], None),
        ([20, 10, 9, 8, 7, 6, 5], 14),
    ],
)
def test_a_room_may_be_asked_for_six_times_a_day(hours: list[int], again: int | None) -> None:
    room = a.room(asked_at=tuple(NOW - each * HOUR for each in hours))
    assert asked_again(room, NOW) == (None if again is None else NOW + again * HOUR)


# --- the next one, as it is remembered ------------------------------------------------------------

LONG = a.desired(renewal=Renewal(40 * DAY, WINDOW))


@pytest.mark.parametrize(
    "state",
    [
        a.state(wish=LONG),
        a.state(ROOM),
        a.state(ROOM, wish=a.desired(lifetime=None)),
        a.state(ROOM, wish=replace(LONG, occurrence=Occurrence(NOW, NOW, NOW, NOW))),
        a.state(replace(ROOM, expires_at=None), wish=LONG),
        a.state(ROOM, wish=LONG, dormant=Dormancy(NOW, NOW)),
    ],
    ids=["no room", "no wish", "no lifetime", "an occurrence's", "no end", "dormant"],
)
def test_what_is_never_renewed(state: KeyState) -> None:
    assert planned_renewal(state, daily, NOW) is None


def test_the_next_renewal_with_and_without_its_window() -> None:
    state = a.state(ROOM, wish=LONG)
    told = planned_renewal(state, daily, NOW)
    assert told == renewal_time(ROOM, END, LONG.renewal, KEY, daily, NOW)
    early = planned_renewal(state, None, NOW)
    assert early == renewal_time(ROOM, END, Renewal(40 * DAY), KEY, daily, NOW)
    assert early.moment < told.moment
