"""A form for hours of the week and the days on which they do not count.

It refuses a zone that is missing or unknown, and days that are none, each at its place.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from orchestrator.foundation.forms import Form, patterned
from orchestrator.foundation.weekhours import DATE_PATTERN, HOURS_PATTERN, read_date, read_hours

ANY = "any"


def _hours(text: str) -> str:
    if text != ANY:
        read_hours(text)  # its error says how to write it
    return text


def _day(text: str) -> str:
    read_date(text)
    return text


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_EXAMPLE = "MON-THU 09:00-16:00 Europe/Berlin"
_HoursText = Annotated[str, AfterValidator(_hours), patterned(HOURS_PATTERN, examples=[_EXAMPLE])]
_ONE = {"type": "string", "anyOf": [{"const": ANY}, {"pattern": HOURS_PATTERN}]}
_DayText = Annotated[str, AfterValidator(_day), patterned(DATE_PATTERN, examples=["2026-12-24"])]


class WeekHoursForm(Form):
    """Hours of the week."""

    allow: Annotated[
        list[_HoursText],
        BeforeValidator(_listed),
        WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE}]}),
    ] = Field(
        description=f"hours such as {_EXAMPLE}, or a list of them; any: at any time; []: never"
    )
    except_: list[_DayText] = Field(
        [], alias="except", description="days on which these hours do not count: 2026-12-24"
    )
