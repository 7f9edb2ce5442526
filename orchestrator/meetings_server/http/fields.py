"""Reading JSON fields liberally, and naming what is wrong with one as Joi words it.

A missing field and a null are the same. Unknown fields are never looked at.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from orchestrator.foundation.instants import parse_instant
from orchestrator.meetings_server.model.refusals import Reason, Refused, invalid

_Choice = TypeVar("_Choice", bound=StrEnum)

_FLAGS: Final = {"true": True, "false": False}
_URL_SCHEMES: Final = ("http://", "https://")
_LONGEST_URL: Final = 2000


def parse_object(body: bytes) -> "Fields":
    """The fields of a JSON object.

    Raises:
        Refused: the body is something else.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(Reason.BAD_REQUEST, "The request body is not valid JSON") from error
    if not isinstance(value, dict):
        raise invalid('"value" must be of type object')
    return Fields(value)


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one object; `path` is that of the object itself, for messages."""

    values: Mapping[str, object]
    path: str = ""

    def name(self, field: str) -> str:
        """The field as messages name it: quoted, with the way to it."""
        return f'"{self.path}.{field}"' if self.path else f'"{field}"'

    def section(self, field: str) -> "Fields":
        """A nested object, empty where there is none."""
        value = self.values.get(field)
        if value is None:
            return Fields({}, f"{self.path}.{field}" if self.path else field)
        if not isinstance(value, dict):
            raise invalid(f"{self.name(field)} must be of type object")
        return Fields(value, f"{self.path}.{field}" if self.path else field)

    def text(self, field: str, longest: int) -> str | None:
        """Text of at most `longest` characters."""
        value = self.values.get(field)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid(f"{self.name(field)} must be a string")
        if len(value) > longest:
            rule = f"length must be less than or equal to {longest} characters long"
            raise invalid(f"{self.name(field)} {rule}")
        # JSON can spell half a character, which can be neither stored nor sent.
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise invalid(f"{self.name(field)} must be valid Unicode")
        return value

    def flag(self, field: str) -> bool | None:
        """A boolean, also spelt as text, since some clients send that."""
        value = self.values.get(field)
        if isinstance(value, str):
            value = _FLAGS.get(value.strip().lower(), value)
        if value is None or isinstance(value, bool):
            return value
        raise invalid(f"{self.name(field)} must be a boolean")

    def flags(self, *fields: str) -> dict[str, bool]:
        """Those of the fields that are there."""
        read = {field: self.flag(field) for field in fields}
        return {field: value for field, value in read.items() if value is not None}

    def choice(self, field: str, among: type[_Choice]) -> _Choice | None:
        """One of an enumeration, in any case."""
        value = self.one_of(field, tuple(among))
        return None if value is None else among(value)

    def one_of(self, field: str, among: Iterable[str]) -> str | None:
        """One of some words, in any case; as it is listed."""
        value = self.values.get(field)
        if value is None:
            return None
        words = tuple(among)
        if not isinstance(value, str) or value.lower() not in words:
            raise invalid(f"{self.name(field)} must be one of [{', '.join(words)}]")
        return value.lower()

    def instant(self, field: str) -> datetime | None:
        """A moment in any spelling of the API notes, 6.4."""
        value = self.values.get(field)
        if value is None:
            return None
        try:
            if isinstance(value, str):
                return parse_instant(value)
        except ValueError:
            pass
        raise invalid(f"{self.name(field)} must be a valid ISO 8601 date")

    def urls(self, *fields: str) -> dict[str, str | None]:
        """Those of the fields that are there, null included: http or https URLs."""
        return {field: self._url(field) for field in fields if field in self.values}

    def _url(self, field: str) -> str | None:
        value = self.text(field, _LONGEST_URL)
        if value is None:
            return None
        scheme = next((one for one in _URL_SCHEMES if value.lower().startswith(one)), "")
        if not scheme or len(value) == len(scheme) or any(ord(one) <= 32 for one in value):
            rule = "must be a valid uri with a scheme matching the http|https pattern"
            raise invalid(f"{self.name(field)} {rule}")
        return value
