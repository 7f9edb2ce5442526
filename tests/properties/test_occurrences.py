"""Every rule of schedules, in zones that set their clocks each in its own way, against brute force.

The oracle goes through the minutes of the year one by one, in UTC, and writes down what the clocks
of the zone show; it knows nothing of how starts are found.  A moment is an occurrence when the
clocks show a time of the line for the first time, or when they pass over one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.domain.occurrences import is_subject, occurrence_of, subject_of
from orchestrator.domain.policies import Schedule
from tests.effort import costly

CALENDAR = CronCalendar()
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

# What happens there, and the days around it: clocks on and back, by an hour, by half an hour, by a
# day; against the year of the northern half; never; and ends of years, leap days among them.
DAYS = {
    "Europe/Berlin": ["2026-03-29", "2026-10-25", "2027-03-28", "2028-02-29", "2026-12-31"],
    "America/New_York": ["2026-03-08", "2026-11-01", "2028-02-29", "2027-12-31"],
    "America/St_Johns": ["2026-03-08", "2026-11-01", "2028-02-29"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04", "2028-02-29", "2026-12-31"],
    "Asia/Kathmandu": ["2028-02-29", "2026-12-31", "2100-02-28"],
    "Africa/Casablanca": ["2026-02-15", "2026-03-22", "2027-02-07"],
    "Pacific/Apia": ["2011-12-30", "2011-09-24", "2012-04-01"],
    "America/Sao_Paulo": ["2018-11-04", "2018-02-17"],
    "UTC": ["2028-02-29", "2026-12-31"],
}


def fields(cron: str) -> tuple[set[int], ...]:
    """The values of a line of numbers, lists and stars, weekdays from Monday = 0."""
    lows = ((0, 60), (0, 24), (1, 32), (1, 13))
    minute, hour, day, month, weekday = cron.split()
    plain = tuple(
        set(range(*low)) if text == "*" else {int(part) for part in text.split(",")}
        for text, low in zip((minute, hour, day, month), lows, strict=True)
    )
    days = set(range(7)) if weekday == "*" else {NAMES.index(part) for part in weekday.split(",")}
    return (*plain, days)


def asks(line: tuple[set[int], ...], wall: datetime) -> bool:
    """Whether a line asks for a time on the wall."""
    minutes, hours, days, months, weekdays = line
    return (
        wall.minute in minutes
        and wall.hour in hours
        and wall.day in days
        and wall.month in months
        and wall.weekday() in weekdays
    )


@lru_cache(maxsize=64)
def minutes(zone: str, first: datetime, days: int) -> tuple[tuple[datetime, datetime], ...]:
    """All minutes from a moment on: in UTC, and as the clocks show them."""
    local = ZoneInfo(zone)
    return tuple(
        (moment, moment.astimezone(local).replace(tzinfo=None))
        for moment in (first + n * MINUTE for n in range(days * 1440))
    )


def by_hand(cron: str, zone: str, first: datetime, days: int) -> list[datetime]:
    """The starts within some days, minute by minute."""
    line = fields(cron)
    starts: set[datetime] = set()
    shown_before: datetime | None = None  # the furthest that the clocks have shown
    # Whole days, so that many questions are asked of the same minutes.
    begin = first.replace(hour=0, minute=0)
    for moment, wall in minutes(zone, begin - 2 * DAY, days + 3):
        if shown_before is not None and wall <= shown_before:
            continue  # the clocks were set back: these minutes have been
        skipped = shown_before + MINUTE if shown_before is not None else wall
        gap = wall - skipped
        while skipped < wall:
            # What is passed over moves on by as much as the clocks were set on.
            if asks(line, skipped):
                starts.add(moment + (skipped + gap - wall))
            skipped += MINUTE
        if asks(line, wall):
            starts.add(moment)
        shown_before = wall
    return sorted(start for start in starts if first <= start < first + days * DAY)


def found(cron: str, zone: str, first: datetime, days: int) -> list[datetime]:
    """The starts within some days, as the calendar finds them one after the other."""
    starts: list[datetime] = []
    at = first
    while (start := CALENDAR.next_start(cron, zone, at)) < first + days * DAY:
        starts.append(start)
        at = start + timedelta(microseconds=1)
    return starts


def some_days() -> Iterator[tuple[str, datetime]]:
    for zone, dates in DAYS.items():
        for date in dates:
            yield zone, datetime.fromisoformat(date).replace(tzinfo=UTC) - DAY


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Lines that happen often, most of them at night, when clocks are set."""
    minute, hour = draw(
        st.one_of(
            st.tuples(
                st.sampled_from(["0", "30", "0,30", "10,35,59"]),
                st.sampled_from(["0", "1", "2", "3", "1,2,3", "0,12", "23"]),
            ),
            st.tuples(st.just("*"), st.sampled_from(["1", "2"])),
            st.tuples(st.sampled_from(["15", "0,45"]), st.just("*")),
        )
    )
    day, weekday = draw(
        st.one_of(
            st.just(("*", "*")),
            st.tuples(st.sampled_from(["1", "28,29,30,31", "29"]), st.just("*")),
            st.tuples(st.just("*"), st.sampled_from(["SUN", "SAT,SUN", "MON,FRI"])),
        )
    )
    month = draw(st.sampled_from(["*", "*", "2", "3,10,11,12"]))
    return f"{minute} {hour} {day} {month} {weekday}"


@costly
@given(lines(), st.sampled_from(list(some_days())), st.integers(0, 1439))
def test_starts_are_those_of_the_clocks_on_the_wall(
    cron: str, where: tuple[str, datetime], minutes_on: int
) -> None:
    """Twice counts once, skipped moves on, and nothing else comes or is left out."""
    zone, day = where
    first = day + minutes_on * MINUTE
    if CALENDAR.line_problems(cron, zone):
        assert "2 *" in cron or "2 " in cron  # a day that February never has
        return
    assert found(cron, zone, first, 3) == by_hand(cron, zone, first, 3)


@pytest.mark.parametrize(("zone", "day"), list(some_days()))
@pytest.mark.parametrize("cron", ["30 2 * * *", "0,15 0,1,2,3 * * *", "0 0 29 2 *", "0 23 31 * *"])
def test_the_same_on_each_of_the_days(cron: str, zone: str, day: datetime) -> None:
    """Whatever chance left out."""
    assert found(cron, zone, day, 3) == by_hand(cron, zone, day, 3)


@costly
@given(lines(), st.sampled_from(list(some_days())))
def test_no_two_occurrences_share_a_key(cron: str, where: tuple[str, datetime]) -> None:
    """Keys are told apart, sort as time goes, and show the time on the wall."""
    zone, day = where
    if CALENDAR.line_problems(cron, zone):
        return
    starts = found(cron, zone, day, 3)
    subjects = [subject_of(CALENDAR.local(start, zone)) for start in starts]
    assert len(set(subjects)) == len(starts)
    assert subjects == sorted(subjects)
    assert all(map(is_subject, subjects))


@given(
    lines(),
    st.sampled_from(list(some_days())),
    st.integers(0, 3 * 1440),
    st.integers(1, 1440),
)
def test_whenever_it_is_asked_the_answer_is_the_same(
    cron: str, where: tuple[str, datetime], asked: int, later: int
) -> None:
    """No answer depends on where the search began."""
    zone, day = where
    if CALENDAR.line_problems(cron, zone):
        return
    one = CALENDAR.next_start(cron, zone, day + asked * MINUTE)
    other = CALENDAR.next_start(cron, zone, day + (asked + later) * MINUTE)
    assert one >= day + asked * MINUTE
    assert one <= other
    if one >= day + (asked + later) * MINUTE:
        assert one == other


@given(
    st.integers(1, 40_000),
    st.integers(0, 40_000),
    st.integers(0, 40_000),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_an_occurrence_lasts_as_long_as_clocks_in_the_hand_say(
    duration: int, open_before: int, stay: int, start: datetime
) -> None:
    """Lengths are lengths, also over a night in which the clocks are set."""
    schedule = Schedule(
        "0 2 * * *", "Europe/Berlin", duration * MINUTE, open_before * MINUTE, stay * MINUTE
    )
    occurrence = occurrence_of(schedule, start)
    assert occurrence.ends - occurrence.starts == schedule.duration
    assert occurrence.starts - occurrence.opens == schedule.open_before
    assert occurrence.stays - occurrence.opens == schedule.life
