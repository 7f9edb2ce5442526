"""Moments, lengths of time and numbers as one says them: on a terminal and on the status page."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

_NEAR: Final = timedelta(days=7)
_WITH_TIME: Final = timedelta(days=60)
# Not strftime's: those would change with the locale of the process.
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_STEPS: Final = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def moment(
    at: datetime, now: datetime, zone: tzinfo | None = None, *, to_the_minute: bool = False
) -> str:
    """A moment as one says it: ``today 14:03``, ``Thu 26 Nov 14:45``, ``22 Nov 2027``.

    Args:
        at: aware.
        now: aware; what is near to it is named by its day.
        zone: the reader's; None: the system's.
        to_the_minute: tell the time of day however far it is.
    """
    here, today = at.astimezone(zone), now.astimezone(zone)
    clock = f"{here:%H:%M}"
    days = (here.date() - today.date()).days
    if days in {-1, 0, 1}:
        return f"{('today', 'tomorrow', 'yesterday')[days]} {clock}"
    date = f"{here.day} {_MONTHS[here.month - 1]}"
    if abs(at - now) < _NEAR:
        return f"{_DAYS[here.weekday()]} {date} {clock}"
    if here.year != today.year:
        date = f"{date} {here.year}"
    return f"{date} {clock}" if to_the_minute or abs(at - now) < _WITH_TIME else date


def length(span: timedelta) -> str:
    """A length of time in its largest unit, hours in two: ``8 s``, ``6 h 4 min``, ``12 d``."""
    for place, (unit, name) in enumerate(_STEPS):
        if span < unit:
            continue
        whole, rest = divmod(span, unit)
        if name == "h" and rest >= _STEPS[place + 1][0]:
            return f"{whole} h {rest // _STEPS[place + 1][0]} min"
        return f"{whole} {name}"
    return "0 s"


def seconds(span: float) -> str:
    """A short span as one says it: ``0.009 s``, ``0.31 s``, ``52.1 s``, ``4 min``."""
    if span >= 120:
        return length(timedelta(seconds=span))
    if span >= 10:
        return f"{span:.1f} s"
    return f"{span:.2f} s" if span >= 0.1 else f"{span:.3f} s"


def plural(count: int, word: str, more: str = "") -> str:
    """A number and its noun: ``1 room``, ``2,000 rooms``."""
    return f"{count:,} {word if count == 1 else more or word + 's'}"
