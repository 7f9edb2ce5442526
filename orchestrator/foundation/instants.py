"""Moments and lengths of time, between text and aware UTC values.

Reads every spelling of a moment that the API notes, 6.4, list (a moment without a zone is UTC) and
writes exactly one. Reads no clock. Refuses years and months in a length of time, because they have
no fixed length.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_MILLISECOND: Final = timedelta(milliseconds=1)
_LONGEST_TEXT: Final = 64

_MOMENT: Final = re.compile(
    r"(?P<day>\d{4}-?\d{2}-?\d{2})"
    r"(?:[T ](?P<time>\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?)"
    r" ?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_USUAL: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_SHORT: Final = re.compile(r"(?P<number>\d+)(?P<unit>[smhd])|(?P<seconds>\d+\.\d{1,6})s", re.ASCII)
_ISO: Final = re.compile(
    r"P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:[.,]\d{1,6})?)S)?)?",
    re.ASCII | re.IGNORECASE,
)
_ISO_WITH_YEARS_OR_MONTHS: Final = re.compile(r"P[^T]*[YM]", re.IGNORECASE)

# What `parse_duration` reads, as far as a pattern can say it; in the words that Python and
# ECMAScript share, for JSON Schema.
DURATION_PATTERN: Final = (
    r"^\s*(?:[0-9]+(?:\.[0-9]{1,6})?s|[0-9]+[mhd]"
    r"|[Pp](?=.)(?:[0-9]+[Ww])?(?:[0-9]+[Dd])?"
    r"(?:[Tt](?=.)(?:[0-9]+[Hh])?(?:[0-9]+[Mm])?(?:[0-9]+(?:[.,][0-9]{1,6})?[Ss])?)?)\s*$"
)

# Longest unit first: a length is written in the first that divides it.
_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


@lru_cache(maxsize=4096)  # a listing tells the same moments each time
def parse_instant(text: str) -> datetime:
    """Read a moment in any ISO 8601 spelling with a calendar date; without a zone it is UTC.

    The time of day may be missing (midnight), fractions beyond microseconds are cut off, and date
    and time may be separated by ``T`` or a space.

    Raises:
        ValueError: the text is not a moment, or one that UTC cannot express.
    """
    if _USUAL.fullmatch(text) is not None:
        # How nearly every moment of a listing is spelt.
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(_not_an_instant(text)) from error
    trimmed = text.strip().upper()
    match = _MOMENT.fullmatch(trimmed) if len(trimmed) <= _LONGEST_TEXT else None
    if match is None:
        raise ValueError(_not_an_instant(text))
    spelled = f"{match['day']}T{match['time'] or '00'}{match['zone'] or ''}"
    try:
        moment = datetime.fromisoformat(spelled)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(_not_an_instant(text)) from error


def format_instant(at: datetime) -> str:
    """Write a moment as the API does: UTC, milliseconds, cut off rather than rounded, ``Z``.

    Raises:
        ValueError: the moment has no zone.
    """
    return f"{_utc(at).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def format_instant_exactly(at: datetime) -> str:
    """Write a moment as an audit log does: UTC, always six digits of a second, ``Z``.

    Raises:
        ValueError: the moment has no zone.
    """
    return f"{_utc(at).isoformat(timespec='microseconds').removesuffix('+00:00')}Z"


def truncate(at: datetime) -> datetime:
    """The same moment in UTC, cut off to the millisecond that `format_instant` writes."""
    moment = _utc(at)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z, cut off; exact, as no float is involved."""
    return (_utc(at) - EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """The moment that many milliseconds after 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def parse_duration(text: str) -> timedelta:
    """Read a length of time: ``90s``, ``15m``, ``12h``, ``30d``, or ISO 8601 such as ``P1DT12H``.

    Raises:
        ValueError: the text is neither, holds years or months, or is longer than time itself.
    """
    trimmed = text.strip()
    try:
        found = _from_short(trimmed) if len(trimmed) <= _LONGEST_TEXT else None
        if found is None:
            found = _from_iso(trimmed) if len(trimmed) <= _LONGEST_TEXT else None
    except OverflowError as error:
        message = f"{_shortened(text)} is too long a time"
        raise ValueError(message) from error
    if found is not None:
        return found
    if _ISO_WITH_YEARS_OR_MONTHS.match(trimmed):
        message = f"{_shortened(text)}: years and months have no fixed length; write days instead"
        raise ValueError(message)
    message = f"{_shortened(text)} is not a length of time such as 90s, 15m, 12h or 30d"
    raise ValueError(message)


def format_duration(length: timedelta) -> str:
    """Write a length of time in the longest unit that divides it: ``36h``, not ``1d12h``.

    Raises:
        ValueError: the length is negative.
    """
    if length < timedelta():
        message = "a negative length of time cannot be written"
        raise ValueError(message)
    if not length:
        return "0s"
    for name, unit in _UNITS.items():
        if not length % unit:
            return f"{length // unit}{name}"
    seconds, rest = divmod(length, _UNITS["s"])
    return f"{seconds}.{rest.microseconds:06}".rstrip("0") + "s"


def _from_short(text: str) -> timedelta | None:
    match = _SHORT.fullmatch(text)
    if match is None:
        return None
    if match["seconds"] is not None:
        return _seconds(match["seconds"])
    return int(match["number"]) * _UNITS[match["unit"]]


def _from_iso(text: str) -> timedelta | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    whole = timedelta(
        weeks=int(match["weeks"] or 0),
        days=int(match["days"] or 0),
        hours=int(match["hours"] or 0),
        minutes=int(match["minutes"] or 0),
    )
    return whole + _seconds((match["seconds"] or "0").replace(",", "."))


def _seconds(text: str) -> timedelta:
    # Not float: 0.1 and its like would come back a microsecond off for large numbers.
    whole, _, fraction = text.partition(".")
    return timedelta(seconds=int(whole), microseconds=int(fraction.ljust(6, "0")))


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        message = "a moment without a zone cannot be written"
        raise ValueError(message)
    return at.astimezone(UTC)


def _not_an_instant(text: str) -> str:
    return f"{_shortened(text)} is not a moment such as 2027-01-31T09:00:00Z"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…")
