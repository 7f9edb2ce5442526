"""Moments and lengths of time between text and values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.foundation import instants


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2022-11-11T16:00:00.000Z", "2022-11-11T16:00:00.000Z", id="the one we write"),
        pytest.param("2023-01-30T00:47:04+0000", "2023-01-30T00:47:04.000Z", id="zone, no colon"),
        pytest.param("2023-02-07T12:00:00.123456", "2023-02-07T12:00:00.123Z", id="naive, micros"),
        pytest.param("2023-02-07 20:10:05", "2023-02-07T20:10:05.000Z", id="a space"),
        pytest.param("2019-08-24T00:00:00", "2019-08-24T00:00:00.000Z", id="naive is UTC"),
        pytest.param("2019-08-24t10:00:00z", "2019-08-24T10:00:00.000Z", id="lower case"),
        pytest.param("2019-08-24T10:00:00+02:00", "2019-08-24T08:00:00.000Z", id="another zone"),
        pytest.param("2019-08-24T10:00:00 +02", "2019-08-24T08:00:00.000Z", id="a zone of hours"),
        pytest.param("2019-08-24T10:00", "2019-08-24T10:00:00.000Z", id="no seconds"),
        pytest.param("2019-08-24", "2019-08-24T00:00:00.000Z", id="a date"),
        pytest.param("20190824T100000Z", "2019-08-24T10:00:00.000Z", id="basic form"),
        pytest.param("2019-08-24T10:00:00,9999999Z", "2019-08-24T10:00:00.999Z", id="cut, a comma"),
        pytest.param(" 2019-08-24T10:00:00Z ", "2019-08-24T10:00:00.000Z", id="trimmed"),
    ],
)
def test_spellings_of_a_moment(text: str, expected: str) -> None:
    """Each spelling of the API notes, 6.4, and its kin is read; one is written."""
    assert instants.format_instant(instants.parse_instant(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2023-13-01",
        "2023-02-30T00:00:00Z",
        "2023-01-01x10:00:00",
        "2023-W05-1",
        "2023-01-01T25:00:00Z",
        "1674963888",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:00:00-10:00",
        "٢٠٢٣-01-01",
        "2023-01-01T10:00:00." + "1" * 100,
        "2023-01-01T10:00:00Z; DROP",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    """Nonsense, impossible dates and what UTC cannot express are one kind of error."""
    with pytest.raises(ValueError, match="is not a moment"):
        instants.parse_instant(text)


def test_moments_are_cut_off_not_rounded() -> None:
    """999.9 ms stays in its second, in text, in `truncate` and in milliseconds."""
    moment = datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)
    assert instants.format_instant(moment) == "2026-01-01T00:00:00.999Z"
    assert instants.format_instant_exactly(moment) == "2026-01-01T00:00:00.999999Z"
    assert instants.truncate(moment).microsecond == 999_000
    assert instants.to_milliseconds(moment) % 1000 == 999


@pytest.mark.parametrize(
    "write",
    [instants.format_instant, instants.format_instant_exactly, instants.truncate],
)
def test_a_moment_without_a_zone_is_not_written(write: "object") -> None:
    """A naive value inside the program is a mistake, not UTC."""
    assert callable(write)
    with pytest.raises(ValueError, match="without a zone"):
        write(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_moments_of_other_zones_are_written_in_utc() -> None:
    """The zone of a value never shows."""
    there = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert instants.format_instant_exactly(there) == "2026-01-01T00:00:00.000000Z"


moments = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(moments)
def test_writing_and_reading_a_moment(moment: datetime) -> None:
    """Exact text gives the value back; milliseconds give back what `truncate` keeps."""
    assert instants.parse_instant(instants.format_instant_exactly(moment)) == moment
    assert instants.parse_instant(instants.format_instant(moment)) == instants.truncate(moment)
    whole = instants.to_milliseconds(moment)
    assert instants.from_milliseconds(whole) == instants.truncate(moment)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("0s", timedelta()),
        ("0.25s", timedelta(milliseconds=250)),
        ("P30D", timedelta(days=30)),
        ("P2W", timedelta(weeks=2)),
        ("PT90S", timedelta(seconds=90)),
        ("P1DT12H30M0,5S", timedelta(days=1, hours=12, minutes=30, milliseconds=500)),
        ("pt15m", timedelta(minutes=15)),
    ],
)
def test_spellings_of_a_length(text: str, expected: timedelta) -> None:
    """Short forms and ISO 8601 without years and months."""
    assert instants.parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a length of time"),
        ("15", "not a length of time"),
        ("15 m", "not a length of time"),
        ("-5m", "not a length of time"),
        ("1.5h", "not a length of time"),
        ("P", "not a length of time"),
        ("PT", "not a length of time"),
        ("P1DT", "not a length of time"),
        ("1y", "not a length of time"),
        ("9" * 200 + "d", "not a length of time"),
        ("P1Y", "years and months have no fixed length"),
        ("P1M", "years and months have no fixed length"),
        ("P1Y2DT3H", "years and months have no fixed length"),
        ("9999999999d", "too long"),
        ("P9999999999D", "too long"),
    ],
)
def test_what_is_no_length(text: str, message: str) -> None:
    """Each mistake says what is wrong with it."""
    with pytest.raises(ValueError, match=message):
        instants.parse_duration(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(days=365), "365d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=90), "90s"),
        (timedelta(seconds=1, milliseconds=50), "1.05s"),
    ],
)
def test_a_length_is_written_in_its_longest_unit(length: timedelta, text: str) -> None:
    """One unit, the longest that divides the length."""
    assert instants.format_duration(length) == text


def test_a_negative_length_is_not_written() -> None:
    """There is no text for it, so it is refused."""
    with pytest.raises(ValueError, match="negative"):
        instants.format_duration(timedelta(seconds=-1))


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=100_000)))
def test_writing_and_reading_a_length(length: timedelta) -> None:
    """What is written is read back as it was, to the microsecond."""
    assert instants.parse_duration(instants.format_duration(length)) == length
