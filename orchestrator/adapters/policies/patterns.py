"""What of the policy language a pattern can say, for editors; the reader says all of it.

In the words that Python and ECMAScript share.  Each pattern takes everything that the reader takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

NOT_BLANK: Final = r"\S"
PLACEHOLDER: Final = r"\{\{"
NAME: Final = "^[a-z0-9][a-z0-9-]{0,62}$"
# Inside data/: not from the root, not upwards, and of a kind that can be read.
DATA_FILE: Final = r"^(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\\]*\.(?:yaml|yml|json|csv)[/.]*$"
# Inside themes/, as data is inside data/.
PICTURE_FILE: Final = r"^(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\\]*\.png[/.]*$"
COLOR: Final = "^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"
API_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,199}$"
COMPANY: Final = "^[A-Za-z0-9_~-]*[A-Za-z_~-][A-Za-z0-9_~-]*$"

_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)


def any_case(words: Iterable[str]) -> str:
    """One of some words, in large or small letters or both."""
    return f"^(?:{_either(words)})$"


def shorter_or_template(most: int) -> dict[str, object]:
    """A text that is short enough, or a template, whose length shows only when it is rendered."""
    return {"anyOf": [{"maxLength": most}, {"pattern": r"\{"}]}


def _either(words: Iterable[str]) -> str:
    return "|".join("".join(_letter(letter) for letter in word) for word in words)


def _letter(letter: str) -> str:
    return f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter


def _listed(item: str) -> str:
    return f"{item}(?:,{item})*"


def _numbers(value: str) -> str:
    """A field of a cron line: every value, some, ranges; a step follows the first or the last."""
    step = "/0*[1-9][0-9]*"
    return _listed(rf"(?:\*(?:{step})?|{value}(?:-{value}(?:{step})?)?)")


def _cron() -> str:
    minute = _numbers("0{0,2}[0-5]?[0-9]")
    hour = _numbers("0{0,2}(?:[01]?[0-9]|2[0-3])")
    day = _numbers("0{0,2}(?:0?[1-9]|[12][0-9]|3[01])")
    names = _either(_MONTHS)
    month = _numbers(rf"(?:0{{0,2}}(?:0?[1-9]|1[0-2])|{names})")
    name = f"(?:{_either(_WEEKDAYS)})"
    weekday = _listed(rf"(?:\*|{name}(?:-{name})?)")
    by_weekday, by_day = rf"\*\s+{month}\s+{weekday}", rf"{day}\s+{month}\s+\*"
    return rf"^\s*{minute}\s+{hour}\s+(?:{by_weekday}|{by_day})\s*$"


CRON: Final = _cron()
