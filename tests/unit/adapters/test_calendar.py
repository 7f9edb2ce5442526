"""Cron lines: what is read, what is refused, and when a window opens."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.domain.changetimes import AT_ANY_TIME, ChangeTimes, change_times
from orchestrator.domain.policies import Window

CALENDAR = CronCalendar()
BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
HOUR = timedelta(hours=1)


def window(cron: str, timezone: str = BERLIN, duration: timedelta = HOUR) -> Window:
    """A window of an hour in Berlin, unless said otherwise."""
    return Window(cron, timezone, duration)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("0 6 * * 1-5", 'weekday "1-5": write MON-FRI'),
        ("0 6 * * 0", 'weekday "0": write SUN'),
        ("0 6 * * 7", 'weekday "7": write SUN'),
        ("0 6 * * MON,2", 'weekday "2": write TUE'),
        ("0 6 * * 9", 'weekday "9": write names such as MON-FRI'),
        ("0 6 * * MOO", 'weekday "MOO": write names such as MON-FRI'),
        ("0 6 * * */2", 'weekday "*/2": write names such as MON-FRI'),
        ("0 6 * * MON-FRI/2", 'weekday "MON-FRI/2": write names such as MON-FRI'),
        ("0 6 1 * MON", "names a day of the month and a weekday; write * for one of them"),
        ("0 6 * *", "has 4 fields; five are needed: minute hour day month weekday"),
        ("", "has 0 fields; five are needed: minute hour day month weekday"),
        ("0 0 6 * * *", "has 6 fields; five are needed: minute hour day month weekday"),
        ("@daily", '"@daily": write five fields: minute hour day month weekday'),
        ("60 6 * * *", 'minute "60" is not between 0 and 59'),
        ("0 24 * * *", 'hour "24" is not between 0 and 23'),
        ("0 6 0 * *", 'day "0" is not between 1 and 31'),
        ("0 6 * 13 *", 'month "13" is not between 1 and 12'),
        ("0 6 * FOO *", 'month "FOO" is not between 1 and 12'),
        ("99999 6 * * *", 'minute "99999" is not between 0 and 59'),
        ("٣ 6 * * *", 'minute "٣" cannot be read; write *, a value, a range or a list'),
        ("0 6 L * *", 'day "L" is not between 1 and 31'),
        ("0 6 ? * *", 'day "?" cannot be read; write *, a value, a range or a list'),
        ("0, 6 * * *", 'minute "" cannot be read; write *, a value, a range or a list'),
        ("5/15 * * * *", 'minute "5/15": a step follows * or a range, as in */15'),
        ("*/0 * * * *", 'minute "*/0": a step follows * or a range, as in */15'),
        ("0 9-5 * * *", 'hour "9-5" runs backwards'),
        ("0 6 30 2 *", "never comes; look at day and month"),
        ("0 6 31 4,6,9,NOV *", "never comes; look at day and month"),
    ],
)
def test_unlawful_lines_are_told(cron: str, problem: str) -> None:
    """Each with what to write instead, and never opened."""
    assert CALENDAR.problems(window(cron)) == {"cron": problem}
    with pytest.raises(ValueError, match=re.escape(problem)):
        CALENDAR.opening(window(cron), at("2027-01-01"))


@pytest.mark.parametrize(
    ("cron", "after", "start"),
    [
        ("0 6 * * *", "2027-01-01T00:00", "2027-01-01T05:00"),
        ("0 6 * * *", "2027-07-01T00:00", "2027-07-01T04:00"),
        ("*/20 * * * *", "2027-01-01T00:50", "2027-01-01T00:00"),  # still open
        ("0 6 * * MON-FRI", "2027-01-02T00:00", "2027-01-04T05:00"),
        ("0 6 * * mon", "2027-01-02T00:00", "2027-01-04T05:00"),
        ("0 6 * * SAT-SUN", "2027-01-01T06:00", "2027-01-02T05:00"),
        ("0 6 * * SAT-MON", "2027-01-03T06:00", "2027-01-04T05:00"),
        ("0 6 * * TUE,THU", "2027-01-06T00:00", "2027-01-07T05:00"),
        ("0 6 29 2 *", "2027-01-01T00:00", "2028-02-29T05:00"),
        ("0 6 1 JAN,7 *", "2027-01-02T00:00", "2027-07-01T04:00"),
        ("10-30/10 8 * * *", "2027-01-01T08:25", "2027-01-01T07:30"),
        (" 0\t6 * * * ", "2027-01-01T00:00", "2027-01-01T05:00"),
    ],
)
def test_the_first_opening_that_has_not_closed(cron: str, after: str, start: str) -> None:
    """Found from any moment; an opening lasts as long as it says."""
    assert CALENDAR.problems(window(cron)) == {}
    assert CALENDAR.opening(window(cron), at(after)) == (at(start), at(start) + HOUR)


def test_an_opening_ends_when_it_ends() -> None:
    """At its end it has closed; a moment before, it has not."""
    daily = window("0 6 * * *")
    end = at("2027-01-01T06:00")
    assert CALENDAR.opening(daily, end - timedelta(microseconds=1))[1] == end
    assert CALENDAR.opening(daily, end)[0] == at("2027-01-02T05:00")


@pytest.mark.parametrize(
    ("timezone", "cron", "after", "starts"),
    [
        pytest.param(
            BERLIN,
            "30 2 * * *",
            "2027-03-27T12:00",
            ["2027-03-28T01:30", "2027-03-29T00:30"],
            id="skipped in Berlin: an hour later",
        ),
        pytest.param(
            BERLIN,
            "30 2 * * *",
            "2027-10-30T12:00",
            ["2027-10-31T00:30", "2027-11-01T01:30"],
            id="twice in Berlin: the first",
        ),
        pytest.param(
            NEW_YORK,
            "30 2 * * *",
            "2027-03-13T12:00",
            ["2027-03-14T07:30", "2027-03-15T06:30"],
            id="skipped in New York",
        ),
        pytest.param(
            NEW_YORK,
            "30 1 * * *",
            "2027-11-06T12:00",
            ["2027-11-07T05:30", "2027-11-08T06:30"],
            id="twice in New York",
        ),
        pytest.param(
            BERLIN,
            "0,30 2-3 * * *",
            "2027-03-28T00:00",
            ["2027-03-28T01:00", "2027-03-28T01:30", "2027-03-29T00:00"],
            id="moved on to where others stand already: once",
        ),
        pytest.param(
            BERLIN,
            "30 2 * * *",
            "2027-03-28T01:10",
            ["2027-03-28T01:30", "2027-03-29T00:30"],
            id="asked between the skipped time and where it moved on to",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "10,35 2 * * *",
            "2027-10-02T15:00",
            ["2027-10-02T15:35", "2027-10-02T15:40", "2027-10-03T15:10"],
            id="moved on beyond one that was not skipped",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2027-10-02T00:00",
            ["2027-10-02T15:45", "2027-10-03T15:15"],
            id="half an hour on Lord Howe",
        ),
    ],
)
def test_when_the_clocks_are_set(timezone: str, cron: str, after: str, starts: list[str]) -> None:
    """A skipped time moves on, one that comes twice counts once."""
    moment, found = at(after), []
    for _ in starts:
        start, moment = CALENDAR.opening(window(cron, timezone, timedelta(minutes=1)), moment)
        found.append(start)
    assert found == [at(start) for start in starts]


@pytest.mark.parametrize(
    ("timezone", "cron", "earliest", "starts"),
    [
        pytest.param(
            BERLIN,
            "30 2 * * SUN",
            "2027-03-21T00:00",
            ["2027-03-21T01:30", "2027-03-28T01:30", "2027-04-04T00:30"],
            id="skipped in Berlin",
        ),
        pytest.param(
            BERLIN,
            "30 2 * * SUN",
            "2027-10-31T00:30",
            ["2027-10-31T00:30", "2027-11-07T01:30"],
            id="from its very start, twice in Berlin",
        ),
        pytest.param(
            BERLIN,
            "30 2 * * SUN",
            "2027-10-31T01:00",
            ["2027-11-07T01:30"],
            id="the second half past two is none",
        ),
        pytest.param(
            "Pacific/Apia",
            "0 15 * * FRI",
            "2011-12-24T02:00",
            ["2011-12-31T01:00", "2012-01-06T01:00"],
            id="a Friday that Samoa skipped is its Saturday",
        ),
        pytest.param(
            "Pacific/Apia",
            "0 15 * * FRI",
            "2011-12-30T22:00",
            ["2011-12-31T01:00", "2012-01-06T01:00"],
            id="asked at noon of that Saturday",
        ),
        pytest.param(
            "Pacific/Apia",
            "0 15 * * *",
            "2011-12-30T01:00",
            ["2011-12-30T01:00", "2011-12-31T01:00", "2012-01-01T01:00"],
            id="a day that was skipped and the next are one",
        ),
        pytest.param(
            "America/New_York",
            "0 12 29 2 *",
            "2027-01-01T00:00",
            ["2028-02-29T17:00", "2032-02-29T17:00"],
            id="leap days",
        ),
    ],
)
def test_starts_one_after_the_other(
    timezone: str, cron: str, earliest: str, starts: list[str]
) -> None:
    """The first that is not before a moment, and from just after it the next."""
    found, moment = [], at(earliest)
    for _ in starts:
        moment = CALENDAR.next_start(cron, timezone, moment)
        found.append(moment)
        moment += timedelta(microseconds=1)
    assert found == [at(start) for start in starts]


def test_a_line_and_a_zone_have_their_problems_each() -> None:
    """Without a window around them."""
    assert CALENDAR.line_problems("0 15 * * THU", BERLIN) == {}
    assert set(CALENDAR.line_problems("0 15 * * 4", "Europe/Berln")) == {"cron", "timezone"}


@pytest.mark.parametrize(
    ("cron", "length", "most", "crowds"),
    [
        ("* 15 * * THU", HOUR, 50, True),
        ("* 15 * * THU", timedelta(minutes=50), 50, False),
        ("* 15 * * THU", timedelta(minutes=51), 50, True),
        ("0 15 * * THU", timedelta(days=300), 50, False),
        ("0 * * * *", timedelta(hours=50), 50, False),
        ("0 * * * *", timedelta(hours=51), 50, True),
        ("0 0 29 2 *", timedelta(days=364), 1, False),
    ],
)
def test_what_is_a_crowd(cron: str, length: timedelta, most: int, crowds: bool) -> None:
    """More than so many within a length, its end not counted."""
    assert CALENDAR.crowds(cron, length, most) is crowds


def test_a_moment_is_shown_on_the_clocks_of_a_zone() -> None:
    """With the offset of that day."""
    assert CALENDAR.local(at("2027-07-01T13:00"), BERLIN).isoformat() == "2027-07-01T15:00:00+02:00"


def test_all_fields_of_a_window_are_judged() -> None:
    """Line, zone and length each have their own problem."""
    assert CALENDAR.problems(window("x", "Europe/Berln", timedelta(seconds=59))) == {
        "cron": "has 1 fields; five are needed: minute hour day month weekday",
        "timezone": '"Europe/Berln" is no known time zone; did you mean "Europe/Berlin"?',
        "duration": "must be at least 1m",
    }
    for name in ("localtime", "../etc/passwd", ""):
        assert (
            "write one such as Europe/Berlin or UTC"
            in CALENDAR.problems(window("0 6 * * *", name)).get("timezone", "")
            or name == "localtime"
        )
    assert "timezone" in CALENDAR.problems(window("0 6 * * *", "localtime"))


@pytest.mark.parametrize(
    ("cron", "longest"),
    [
        ("0 6 * * *", timedelta(hours=23)),
        ("0 * * * *", timedelta()),
        ("0 6,18 * * *", timedelta(hours=11)),
        ("0 6 * * MON-FRI", timedelta(days=3, hours=-1)),
        ("0 6 1 1 *", timedelta(days=366, hours=-1)),
        ("0 6 29 2 *", timedelta(days=4 * 365 + 1, hours=-1)),
        ("0 6 1-7 * *", timedelta(days=25, hours=-1)),
    ],
)
def test_how_long_a_window_may_stay_closed(cron: str, longest: timedelta) -> None:
    """From one opening's end to the next one's start, at the worst."""
    assert CALENDAR.longest_wait(window(cron)) == longest


def test_a_calendar_has_an_end() -> None:
    """A moment beyond the last year that can be told raises and does not hang."""
    with pytest.raises((ValueError, OverflowError)):
        CALENDAR.opening(window("0 6 29 2 *"), at("9999-03-01"))


def times(*allow: str, closed_on: tuple[str, ...] = ()) -> ChangeTimes:
    return change_times(allow, closed_on)


WORK = "MON-THU 09:00-16:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("allowed", "after", "opens", "ends"),
    [
        (times(WORK), "2027-01-01T00:00", "2027-01-04T08:00", "2027-01-04T15:00"),
        (times(WORK), "2027-01-04T14:59", "2027-01-04T08:00", "2027-01-04T15:00"),
        (times(WORK), "2027-01-04T15:00", "2027-01-05T08:00", "2027-01-05T15:00"),
        (times(WORK), "2027-07-01T15:00", "2027-07-05T07:00", "2027-07-05T14:00"),
        (
            times(WORK, closed_on=("2027-01-04", "2027-01-05")),
            *("2027-01-01T00:00", "2027-01-06T08:00", "2027-01-06T15:00"),
        ),
        # The earlier of two; they may overlap.
        (
            times(WORK, "MON 15:00-18:00 Europe/Berlin"),
            *("2027-01-04T15:00", "2027-01-04T14:00", "2027-01-04T17:00"),
        ),
        # Over midnight, and cut off by a closed day.
        (
            times("FRI 22:00-02:00 UTC"),
            *("2027-01-02T01:00", "2027-01-01T22:00", "2027-01-02T02:00"),
        ),
        (
            times("FRI 22:00-02:00 UTC", closed_on=("2027-01-02",)),
            *("2027-01-01T23:00", "2027-01-01T22:00", "2027-01-02T00:00"),
        ),
        (
            times("FRI 22:00-02:00 UTC", closed_on=("2027-01-02",)),
            *("2027-01-02T00:00", "2027-01-08T22:00", "2027-01-09T02:00"),
        ),
        # All day: an hour less when clocks are set on, an hour more when they are set back.
        (
            times("SUN 00:00-24:00 Europe/Berlin"),
            *("2027-03-28T10:00", "2027-03-27T23:00", "2027-03-28T22:00"),
        ),
        (
            times("SUN 00:00-24:00 Europe/Berlin"),
            *("2027-10-31T10:00", "2027-10-30T22:00", "2027-10-31T23:00"),
        ),
        # Both ends of it are skipped, or its beginning alone: it moves on by what is missing.
        (
            times("02:15-02:45 Europe/Berlin"),
            *("2027-03-28T00:00", "2027-03-28T01:15", "2027-03-28T01:45"),
        ),
        (
            times("02:30-03:00 Europe/Berlin"),
            *("2027-03-28T00:00", "2027-03-28T01:30", "2027-03-28T02:00"),
        ),
    ],
)
def test_hours_of_change(allowed: ChangeTimes, after: str, opens: str, ends: str) -> None:
    """By the clock on the wall; found from any moment within or before."""
    assert CALENDAR.change_time(allowed, at(after)) == (at(opens), at(ends))


def test_without_hours_there_are_none() -> None:
    assert CALENDAR.change_time(times(), at("2027-01-01")) is None
    assert CALENDAR.change_time(AT_ANY_TIME, at("2027-01-01")) is None
