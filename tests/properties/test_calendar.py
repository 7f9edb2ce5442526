"""Whatever the line, the zone and the moment: openings are found, in order, none left out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.domain.changetimes import ChangeTimes
from orchestrator.domain.policies import Window
from orchestrator.foundation.weekhours import Hours

CALENDAR = CronCalendar()
NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

zones = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
# Around the changes of the clocks, where it is hard, and anywhere else.
moments = st.one_of(
    st.datetimes(min_value=datetime(2026, 10, 24), max_value=datetime(2026, 10, 26)),  # noqa: DTZ001
    st.datetimes(min_value=datetime(2027, 3, 13), max_value=datetime(2027, 3, 29)),  # noqa: DTZ001
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2040, 1, 1)),  # noqa: DTZ001
).map(lambda moment: moment.replace(tzinfo=UTC))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """A lawful window."""
    minute = draw(st.sampled_from(["0", "30", "*/15", "7,52", "*"]))
    hour = draw(st.sampled_from(["2", "*", "1-3", "0,12", "*/5"]))
    day, weekday = draw(
        st.one_of(
            st.tuples(st.sampled_from(["*", "1", "29-31"]), st.just("*")),
            st.tuples(st.just("*"), st.sampled_from([*NAMES, "MON-FRI", "SAT-MON"])),
        )
    )
    length = draw(st.integers(min_value=1, max_value=600))
    return Window(f"{minute} {hour} {day} * {weekday}", draw(zones), timedelta(minutes=length))


@given(windows(), moments)
def test_an_opening_is_still_open_or_to_come(window: Window, after: datetime) -> None:
    """It has not closed, lasts its length, and the next one begins later."""
    start, end = CALENDAR.opening(window, after)
    assert end > after
    assert end - start == window.duration
    following, _ = CALENDAR.opening(window, end)
    assert following > start


@given(windows(), moments)
def test_an_opening_begins_at_a_time_of_its_line(window: Window, after: datetime) -> None:
    """On the wall of its zone, but for a time that was skipped."""
    start, _ = CALENDAR.opening(window, after)
    local = start.astimezone(ZoneInfo(window.timezone))
    assert (local.second, local.microsecond) == (0, 0)
    if local.utcoffset() == (local - timedelta(hours=2)).utcoffset():
        weekday = window.cron.split()[4]
        if weekday in NAMES:
            assert local.weekday() == NAMES.index(weekday)
        if window.cron.split()[1] == "2":
            assert local.hour == 2


@given(windows(), moments, st.timedeltas(min_value=timedelta(), max_value=timedelta(days=3)))
def test_later_questions_have_later_answers(
    window: Window, after: datetime, later: timedelta
) -> None:
    """No opening is found that an earlier question passed over."""
    first, _ = CALENDAR.opening(window, after)
    second, _ = CALENDAR.opening(window, after + later)
    assert second >= first
    if first > after + later:
        assert second == first


@given(windows(), moments)
def test_nobody_waits_longer_than_the_longest_wait(window: Window, after: datetime) -> None:
    """Give or take a change of the clocks."""
    start, _ = CALENDAR.opening(window, after)
    assert start - after <= CALENDAR.longest_wait(window) + timedelta(hours=1)


@given(st.text(max_size=40), st.text(max_size=20), st.timedeltas())
def test_no_text_breaks_it(cron: str, timezone: str, duration: timedelta) -> None:
    """Whatever is written has its problem, or opens."""
    window = Window(cron, timezone, duration)
    if not CALENDAR.problems(window):
        CALENDAR.opening(window, datetime(2027, 1, 1, tzinfo=UTC))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Hours of some days, short and long, over midnight too."""
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    begins, ends = draw(st.integers(0, 1439)), draw(st.integers(1, 1440))
    return Hours(tuple(sorted(days)), begins, ends, draw(zones))


@given(st.lists(hours(), min_size=1, max_size=3), moments)
def test_hours_are_open_when_the_clock_on_the_wall_says_so(
    allow: list[Hours], after: datetime
) -> None:
    """But for the days on which that clock is set; and whoever waits comes when they are open."""
    times = ChangeTimes(tuple(allow))
    found = CALENDAR.change_time(times, after)
    assert found is not None
    start, end = found
    assert end > max(start, after)
    if all(_steady(one, after) for one in allow):
        assert (start <= after) is any(_is_open(one, after) for one in allow)
    following = CALENDAR.change_time(times, end)
    assert following is not None
    assert following[1] > end


def _steady(one: Hours, moment: datetime) -> bool:
    """No clock of the zone is set within two days."""
    near = [moment + timedelta(hours=count) for count in range(-48, 49, 6)]
    return len({at.astimezone(ZoneInfo(one.timezone)).utcoffset() for at in near}) == 1


def _is_open(one: Hours, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(one.timezone))
    for before in (0, 1):
        day = (local - timedelta(days=before)).replace(hour=0, minute=0, second=0, microsecond=0)
        begins = day + timedelta(minutes=one.begins)
        if day.weekday() in one.days and begins <= local < begins + timedelta(minutes=one.minutes):
            return True
    return False
