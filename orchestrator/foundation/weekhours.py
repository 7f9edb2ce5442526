"""Hours of the week by the clocks of a zone, as people write them: ``MON-THU 09:00-16:00 UTC``.

Refuses what has no zone, because nobody would know whose clock is meant.  When such hours come is a
calendar's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from orchestrator.foundation.problems import did_you_mean
from orchestrator.foundation.zones import zone_problem

DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAY: Final = 24 * 60  # minutes
_HOUR: Final = 60
_TEXT: Final = re.compile(
    r"\s*(?:(?P<days>[A-Z]+(?:-[A-Z]+)?(?:,[A-Z]+(?:-[A-Z]+)?)*)\s+)?"
    r"(?P<begins>[0-9]{1,2}:[0-9]{2})\s*-\s*(?P<ends>[0-9]{1,2}:[0-9]{2})\s+(?P<zone>\S+)\s*",
    re.IGNORECASE,
)
#: What `read_hours` reads, as far as a pattern can say it.
HOURS_PATTERN: Final = (
    r"^\s*(?:[A-Za-z]+(?:-[A-Za-z]+)?(?:,[A-Za-z]+(?:-[A-Za-z]+)?)*\s+)?"
    r"[0-9]{1,2}:[0-9]{2}\s*-\s*[0-9]{1,2}:[0-9]{2}\s+\S+\s*$"
)
DATE_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_FORM: Final = "must have the form MON-THU 09:00-16:00 Europe/Berlin"


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """Hours of some days of the week.

    Attributes:
        days: Monday is 0; sorted.
        begins: minutes after midnight, by the clock on the wall; below 1440.
        ends: the same, at most 1440; where it is not later than `begins`, on the next day.
        timezone: by whose clocks.
    """

    days: tuple[int, ...]
    begins: int
    ends: int
    timezone: str

    @property
    def minutes(self) -> int:
        """How long they are, on a day on which no clock is set."""
        length = self.ends - self.begins
        return length if length > 0 else length + _DAY

    def __str__(self) -> str:
        """As people write them."""
        days = _shown(self.days)
        return f"{days} {_time(self.begins)}-{_time(self.ends)} {self.timezone}"


def read_hours(text: str) -> Hours:
    """Read hours as people write them; without days they are those of every day.

    Raises:
        ValueError: it is none; the text says how to write it.
    """
    match = _TEXT.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(_FORM)
    days = range(7) if match["days"] is None else _days(match["days"].upper())
    begins, ends = _minutes(match["begins"]), _minutes(match["ends"])
    if begins == _DAY:
        message = f"{match['begins']} begins no day; write 00:00"
        raise ValueError(message)
    if wrong := zone_problem(match["zone"]):
        raise ValueError(wrong)
    return Hours(tuple(sorted(set(days))), begins, ends, match["zone"])


def read_date(text: str) -> date:
    """Read a day such as 2026-12-24.

    Raises:
        ValueError: it is none.
    """
    if re.fullmatch(DATE_PATTERN, text, re.ASCII) is None:
        message = "must be a day such as 2026-12-24"
        raise ValueError(message)
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{text} is no day of the calendar"
        raise ValueError(message) from None


def _days(text: str) -> list[int]:
    found: list[int] = []
    for item in text.split(","):
        first, _, last = item.partition("-")
        start, end = _day(first), _day(last or first)
        found.extend((start + n) % 7 for n in range((end - start) % 7 + 1))
    return found


def _day(name: str) -> int:
    if name not in DAYS:
        near = did_you_mean(name, DAYS) or f"; there are {', '.join(DAYS)}"
        message = f'"{name}" is no day{near}'
        raise ValueError(message)
    return DAYS.index(name)


def _minutes(text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    if minute >= _HOUR or hour * _HOUR + minute > _DAY:
        message = f"{text} is no time of a day"
        raise ValueError(message)
    return hour * _HOUR + minute


def _time(minutes: int) -> str:
    return f"{minutes // _HOUR:02}:{minutes % _HOUR:02}"


def _shown(days: tuple[int, ...]) -> str:
    """Days that follow each other as a range."""
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
    return ",".join(DAYS[day] for day in days)
