"""Moments and lengths of time as people read them."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from orchestrator.cli.view.times import exact, length, moment, plural
from tests.reports import NOW, at

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("2026-11-22 14:03", "today 14:03"),
        ("2026-11-22 00:00", "today 00:00"),
        ("2026-11-23 06:12", "tomorrow 06:12"),
        ("2026-11-21 09:14", "yesterday 09:14"),
        ("2026-11-26 14:45", "Thu 26 Nov 14:45"),
        ("2026-11-16 12:01", "Mon 16 Nov 12:01"),
        ("2026-11-15 12:00", "15 Nov 12:00"),
        ("2026-11-14 06:10", "14 Nov 06:10"),
        ("2026-09-13 06:14", "13 Sep"),
        ("2027-01-03 06:12", "3 Jan 2027 06:12"),
        ("2027-11-22 12:00", "22 Nov 2027"),
    ],
)
def test_a_moment_is_said_as_one_says_it(when: str, said: str) -> None:
    """Near days by their name, far ones by their date, the year where it is another."""
    assert moment(at(when), NOW, NOW.tzinfo) == said


def test_a_moment_is_told_in_the_readers_zone() -> None:
    """The day turns where the reader is."""
    assert moment(at("2026-11-22 23:30"), NOW, BERLIN) == "tomorrow 00:30"
    far = moment(at("2027-07-15 06:12"), NOW, BERLIN, to_the_minute=True)
    assert far == "15 Jul 2027 08:12"


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=8.9), "8 s"),
        (timedelta(minutes=6), "6 min"),
        (timedelta(hours=6), "6 h"),
        (timedelta(hours=6, minutes=4, seconds=59), "6 h 4 min"),
        (timedelta(days=12, hours=23), "12 d"),
    ],
    ids=str,
)
def test_a_length_is_in_its_largest_unit(span: timedelta, said: str) -> None:
    """Cut off, not rounded."""
    assert length(span) == said


def test_the_audits_moments_are_utc() -> None:
    """To the second."""
    assert exact(at("2026-11-14 06:10")) == "2026-11-14 06:10:00Z"


def test_numbers_have_their_nouns() -> None:
    """One room, two thousand rooms."""
    assert plural(1, "room") == "1 room"
    assert plural(2000, "policy", "policies") == "2,000 policies"
