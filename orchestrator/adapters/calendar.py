"""Recurring moments by cron lines, on APScheduler's trigger and no scheduler.

A line is read here and handed to APScheduler as plain lists of numbers, because it counts weekdays
from Monday where cron counts from Sunday, and takes forms that no crontab knows.  Its trigger walks
a calendar without a zone; the zone is applied afterwards, so that a local time that comes twice
counts once (the first), and one that is skipped moves on by the hour that is missing, as calendars
do it (RFC 5545).  Refused: weekdays by number, a day of the month together with a weekday, macros.
"""

from __future__ import annotations

import calendar
import itertools
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from orchestrator.domain.changetimes import ChangeTimes
from orchestrator.domain.policies import Window
from orchestrator.foundation.weekhours import DAYS, Hours
from orchestrator.foundation.zones import zone_problem

_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_BY_CRON_NUMBER: Final = ("SUN", *_WEEKDAYS)  # 0 and 7 are both Sunday
_MONTHS: Final = tuple(name.upper() for name in calendar.month_abbr[1:])
_ITEM: Final = re.compile(
    r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,4}))?", re.ASCII
)
_DAY: Final = timedelta(days=1)
# Clocks are set by a day at most (Samoa skipped the 30th of December 2011).
_THE_DAY_BEFORE: Final = tuple(timedelta(hours=hours) for hours in range(0, 27, 2))
# Days that stand for all: eight years have every date on several weekdays, and two leap days.
_DAY_MINUTES: Final = 24 * 60
_CLOCKS_SET: Final = timedelta(hours=2)  # at one moment, at most, but for a day in Samoa
_ENOUGH_DAYS: Final = 800  # in which every line of a year shows how close its moments are
_SOME_YEARS: Final = tuple(datetime(2023, 1, 1, tzinfo=UTC) + n * _DAY for n in range(8 * 365))


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()  # of the values, from `low`


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class _Cron:
    """The values of each field, sorted; weekdays from Monday = 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def falls_on(self, day: datetime) -> bool:
        """Whether anything happens on a day."""
        return day.month in self.months and day.day in self.days and day.weekday() in self.weekdays

    @property
    def of_a_day(self) -> list[timedelta]:
        """The times of a day on which anything happens."""
        return [timedelta(hours=h, minutes=m) for h in self.hours for m in self.minutes]

    def moments(self, days: Iterable[datetime]) -> Iterator[datetime]:
        """Everything that happens on some days."""
        times = self.of_a_day
        return (day + time for day in days if self.falls_on(day) for time in times)


class CronCalendar:
    """Implements `orchestrator.ports.calendar.Calendar`."""

    def line_problems(self, cron: str, timezone: str) -> Mapping[str, str]:
        """Everything that is wrong with a line and a zone."""
        found: dict[str, str] = {}
        try:
            _times(cron)
        except ValueError as error:
            found["cron"] = str(error)
        if wrong := zone_problem(timezone):
            found["timezone"] = wrong
        return found

    def next_start(self, cron: str, timezone: str, earliest: datetime) -> datetime:
        """The first moment of a line that is not before ``earliest``, UTC."""
        return _next_start(cron, timezone, earliest.astimezone(UTC))

    def crowds(self, cron: str, length: timedelta, most: int) -> bool:
        """Whether more than ``most`` moments of a line can fall within a length of time."""
        near: deque[datetime] = deque()
        for moment in _parse(cron).moments(_SOME_YEARS[:_ENOUGH_DAYS]):
            near.append(moment)
            while moment - near[0] >= length:
                near.popleft()
            if len(near) > most:
                return True
        return False

    def local(self, moment: datetime, timezone: str) -> datetime:
        """A moment as the clocks of a zone show it."""
        return moment.astimezone(ZoneInfo(timezone))

    def problems(self, window: Window) -> Mapping[str, str]:
        """Everything that is wrong with a window, by field."""
        found = dict(self.line_problems(window.cron, window.timezone))
        if window.duration < timedelta(minutes=1):
            found["duration"] = "must be at least 1m"
        return found

    def opening(self, window: Window, after: datetime) -> tuple[datetime, datetime]:
        """The first opening that has not closed at ``after``, UTC."""
        # Strictly later than this, an opening is still open at `after`.
        earliest = after.astimezone(UTC) - window.duration + timedelta(microseconds=1)
        start = _next_start(window.cron, window.timezone, earliest)
        return start, start + window.duration

    def change_time(self, times: ChangeTimes, after: datetime) -> tuple[datetime, datetime] | None:
        """The first hours of change that are not over at ``after``, UTC; None where none come."""
        allow = () if times.allow is None else times.allow
        found = [_first_of(hours, times.closed_on, after.astimezone(UTC)) for hours in allow]
        return min(found, default=None)

    def longest_wait(self, window: Window) -> timedelta:
        """The longest time between one opening's end and the next one's start."""
        cron = _parse(window.cron)
        within_a_day = cron.of_a_day
        first, last = within_a_day[0], within_a_day[-1]
        gaps = [later - one for one, later in itertools.pairwise(within_a_day)]
        days = [day for day in _SOME_YEARS if cron.falls_on(day)]
        gaps += [later - one - last + first for one, later in itertools.pairwise(days)]
        return max(max(gaps) - window.duration, timedelta())


def _first_of(
    hours: Hours, closed_on: Collection[date], after: datetime
) -> tuple[datetime, datetime]:
    """The first of some hours that is not over at a moment, and does not begin on a closed day."""
    line = f"{_minute(hours.begins)} * * {','.join(DAYS[day] for day in hours.days)}"
    earliest = after - timedelta(minutes=hours.minutes) - _CLOCKS_SET
    while True:
        begins = _next_start(line, hours.timezone, earliest)
        ends = _end_of(hours, closed_on, begins)
        if ends > max(after, begins):
            return begins, ends
        earliest = begins + timedelta(minutes=1)


def _end_of(hours: Hours, closed_on: Collection[date], begins: datetime) -> datetime:
    """When hours end by the clock on the wall; the midnight before a closed day ends them too."""
    zone, length = ZoneInfo(hours.timezone), timedelta(minutes=hours.minutes)
    line = f"{_minute(hours.ends % _DAY_MINUTES)} * * *"
    ends = _next_start(line, hours.timezone, begins + timedelta(minutes=1))
    if ends > begins + length + _CLOCKS_SET:
        ends = begins + length  # their beginning was skipped and moved on, beyond their end
    first, last = begins.astimezone(zone).date(), ends.astimezone(zone).date()
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day in closed_on:
            midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
            return min(ends, max(begins, midnight))
    return ends


def _minute(minutes: int) -> str:
    return f"{minutes % 60} {minutes // 60}"


@lru_cache(maxsize=512)
def _times(line: str) -> CronTrigger:
    """The moments of a line, in a calendar without a zone.

    Raises:
        ValueError: the line is not lawful, or no such day ever comes.
    """
    cron = _parse(line)
    if not any(cron.falls_on(day) for day in _SOME_YEARS):
        message = "never comes; look at day and month"
        raise ValueError(message)
    return CronTrigger(
        minute=_listed(cron.minutes),
        hour=_listed(cron.hours),
        day=_listed(cron.days),
        month=_listed(cron.months),
        day_of_week=_listed(cron.weekdays),
        timezone=UTC,
    )


def _listed(values: tuple[int, ...]) -> str:
    return ",".join(str(value) for value in values)


def _next_start(line: str, timezone: str, earliest: datetime) -> datetime:
    """The first moment of a line that is not before ``earliest``, UTC."""
    times, zone = _times(line), ZoneInfo(timezone)
    local = earliest.astimezone(zone).replace(tzinfo=UTC)
    found: tuple[datetime, datetime] | None = None  # in UTC, and as the clock on the wall says
    # What was skipped a while ago may have moved on to now; only there is wall time out of order.
    for wall in _walk(times, local - _skipped(earliest, zone)):
        if found is not None and wall - found[1] >= _skipped(found[0], zone):
            break
        start = wall.replace(tzinfo=zone).astimezone(UTC)
        if start >= earliest and (found is None or start < found[0]):
            found = (start, wall)
    if found is None:
        message = f'"{line}" comes no more before the calendar ends'
        raise ValueError(message)
    return found[0]


def _walk(times: CronTrigger, begin: datetime) -> Iterator[datetime]:
    moment: datetime | None = times.get_next_fire_time(None, begin)
    while moment is not None:
        yield moment
        moment = times.get_next_fire_time(None, moment + timedelta(seconds=1))


def _skipped(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How far clocks were set on at most in the day before a moment: an hour, or a whole day."""
    near = (moment - hours for hours in _THE_DAY_BEFORE)
    offsets = [at.astimezone(zone).utcoffset() or timedelta() for at in near]
    return max(offsets) - min(offsets)


@lru_cache(maxsize=512)
def _parse(line: str) -> _Cron:
    parts = line.split()
    if line.strip().startswith("@"):
        message = f'"{line.strip()}": write five fields: minute hour day month weekday'
        raise ValueError(message)
    if len(parts) != len(_FIELDS):
        message = f"has {len(parts)} fields; five are needed: minute hour day month weekday"
        raise ValueError(message)
    if parts[2] != "*" and parts[4] != "*":
        message = "names a day of the month and a weekday; write * for one of them"
        raise ValueError(message)
    return _Cron(*(_values(field, part) for field, part in zip(_FIELDS, parts, strict=True)))


def _values(field: _Field, text: str) -> tuple[int, ...]:
    return tuple(sorted({value for item in text.split(",") for value in _item(field, item)}))


def _item(field: _Field, item: str) -> range | list[int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        message = f'{field.name} "{item}" cannot be read; write *, a value, a range or a list'
        raise ValueError(message)
    step = int(match["step"] or 1)
    if field.name == "weekday":
        return _weekdays(item, match)
    if step == 0 or (match["step"] and match["first"] and not match["last"]):
        message = f'{field.name} "{item}": a step follows * or a range, as in */15'
        raise ValueError(message)
    if match["all"]:
        return range(field.low, field.high + 1, step)
    first = _value(field, match["first"])
    last = _value(field, match["last"]) if match["last"] else first
    if last < first:
        message = f'{field.name} "{item}" runs backwards'
        raise ValueError(message)
    return range(first, last + 1, step)


def _value(field: _Field, word: str) -> int:
    if word.upper() in field.names:
        return field.low + field.names.index(word.upper())
    # isdecimal alone would take digits of other scripts.
    number = int(word) if word.isascii() and word.isdecimal() and len(word) < 5 else -1
    if not field.low <= number <= field.high:
        message = f'{field.name} "{word}" is not between {field.low} and {field.high}'
        raise ValueError(message)
    return number


def _weekdays(item: str, match: re.Match[str]) -> list[int]:
    if match["all"] and not match["step"]:
        return list(range(7))
    ends = [match["first"], match["last"] or match["first"]]
    if match["step"] or not all(end and end.upper() in _WEEKDAYS for end in ends):
        named = re.sub("[0-7]", lambda number: _BY_CRON_NUMBER[int(number[0])], item)
        lawful = not match["step"] and {*named.upper().split("-")} <= {*_WEEKDAYS}
        offer = named if lawful else "names such as MON-FRI"
        message = f'weekday "{item}": write {offer}'
        raise ValueError(message)
    first, last = (_WEEKDAYS.index(str(end).upper()) for end in ends)
    return [(first + n) % 7 for n in range((last - first) % 7 + 1)]
