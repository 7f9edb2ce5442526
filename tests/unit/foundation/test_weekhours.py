"""Hours of the week as people write them, and what is wrong with those that cannot be read."""

import re
from datetime import date

import pytest
from pydantic import ValidationError

from orchestrator.foundation.weekforms import WeekHoursForm
from orchestrator.foundation.weekhours import Hours, read_date, read_hours
from orchestrator.foundation.zones import zone_problem

READ = {
    "MON-THU 09:00-16:00 Europe/Berlin": Hours((0, 1, 2, 3), 540, 960, "Europe/Berlin"),
    " mon,wed 9:00 - 16:00 UTC ": Hours((0, 2), 540, 960, "UTC"),
    "FRI-SUN,MON 22:00-02:00 UTC": Hours((0, 4, 5, 6), 1320, 120, "UTC"),
    "SAT-MON 00:00-24:00 UTC": Hours((0, 5, 6), 0, 1440, "UTC"),
    "10:30-10:30 Asia/Kathmandu": Hours((0, 1, 2, 3, 4, 5, 6), 630, 630, "Asia/Kathmandu"),
}


@pytest.mark.parametrize("text", READ)
def test_hours_are_read_and_written_again(text: str) -> None:
    hours = read_hours(text)
    assert hours == READ[text]
    assert read_hours(str(hours)) == hours


def test_days_in_a_row_are_shown_as_a_range() -> None:
    shown = [str(read_hours(f"{days} 09:00-16:00 UTC")) for days in ("MON,TUE,WED", "MON,TUE")]
    assert shown == ["MON-WED 09:00-16:00 UTC", "MON,TUE 09:00-16:00 UTC"]


def test_how_long_they_are() -> None:
    lengths = [read_hours(text).minutes for text in READ]
    assert lengths == [420, 420, 240, 1440, 1440]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("MON-THU 09:00-16:00", "must have the form MON-THU 09:00-16:00 Europe/Berlin"),
        ("", "must have the form"),
        ("MON 09:00-16:00 Europe/Berlin extra", "must have the form"),
        ("MON 9-16 UTC", "must have the form"),
        ("MON \u0660\u0669:00-16:00 UTC", "must have the form"),
        ("MO 09:00-16:00 UTC", '"MO" is no day; did you mean "MON"?'),
        ("MON-TEU 09:00-16:00 UTC", '"TEU" is no day; did you mean "TUE"?'),
        ("HOLIDAY 09:00-16:00 UTC", '"HOLIDAY" is no day; there are MON, TUE,'),
        ("MON 09:60-16:00 UTC", "09:60 is no time of a day"),
        ("MON 09:00-24:01 UTC", "24:01 is no time of a day"),
        ("MON 24:00-03:00 UTC", "24:00 begins no day; write 00:00"),
        ("MON 09:00-16:00 Europe/Berln", '"Europe/Berln" is no known time zone; did you mean'),
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        read_hours(text)


@pytest.mark.parametrize("text", ["2026-02-30", "24.12.2026", "20261224", "2026-W01-1", ""])
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(ValueError, match=r"no day of the calendar|must be a day"):
        read_date(text)


def test_a_day_is_read() -> None:
    assert read_date("2028-02-29") == date(2028, 2, 29)


def test_zones_have_names() -> None:
    assert zone_problem("Europe/Berlin") == ""
    assert "write one such as Europe/Berlin or UTC" in zone_problem("nowhere near")
    assert zone_problem("localtime")


@pytest.mark.parametrize(
    ("value", "allow"),
    [
        ("any", ["any"]),
        ("MON 09:00-16:00 UTC", ["MON 09:00-16:00 UTC"]),
        ([], []),
        (["MON 09:00-16:00 UTC", "TUE 10:00-11:00 UTC"], None),
    ],
)
def test_a_form_takes_one_or_many(value: object, allow: object) -> None:
    form = WeekHoursForm.model_validate({"allow": value, "except": ["2026-12-24"]})
    assert form.allow == (value if allow is None else allow)
    assert form.except_ == ["2026-12-24"]


@pytest.mark.parametrize(
    "value",
    [{}, {"allow": "whenever"}, {"allow": 3}, {"allow": "any", "except": ["tomorrow"]}],
)
def test_a_form_refuses_what_is_none(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WeekHoursForm.model_validate(value)
