"""JSON with positions; not by way of YAML, which reads what JSON forbids, and the other way."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from orchestrator.foundation.documents.document import (
    DEPTH_MAX,
    PROBLEMS_MAX,
    Document,
    Scalar,
    Spot,
    Tree,
    unreadable,
)
from orchestrator.foundation.documents.text import decode, unprintable
from orchestrator.foundation.problems import Place, Problem

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NUMBER_LIKE: Final = re.compile(r"-?[0-9][-+0-9.eE]*")
_WORD: Final = re.compile(r"[A-Za-z]+")
_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None}
_DIGITS_MAX: Final = 30  # longer numbers stay text
_STRINGS: Final = json.JSONDecoder()


def read_json(
    file: str,
    raw: bytes,
    *,
    limit: int,
    as_written: bool = False,
    numeral: Callable[[str], Scalar] = str,
) -> Document:
    """Read one JSON text; the other arguments are those of `read_yaml`.

    With ``as_written`` a number may also be spelled as JSON forbids it (``007``); ``numeral`` makes
    a value of what is written, by default text.
    """
    text = decode(file, raw, limit)
    if isinstance(text, Problem):
        return unreadable(file, text)
    reader = _Reader(file, text, as_written, numeral)
    try:
        tree, spots = reader.whole()
    except _RefusedError as refused:
        return unreadable(file, *reader.problems, reader.problem(refused.offset, refused.message))
    return Document(file, tree, tuple(reader.problems), spots)


class _RefusedError(Exception):
    """Reading stops here."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


@dataclass(slots=True)
class _Reader:
    """A reader by descent; `at` is the offset of the next character."""

    file: str
    text: str
    as_written: bool
    numeral: Callable[[str], Scalar]
    at: int = 0
    problems: list[Problem] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # the offset of each line

    def __post_init__(self) -> None:
        lengths = (len(line) + 1 for line in self.text.split("\n"))
        self.starts = [0, *accumulate(lengths)]

    def problem(self, offset: int, message: str) -> Problem:
        """A problem at an offset."""
        spot = self._spot(offset)
        return Problem(Place(self.file, spot.line, spot.column), message)

    def whole(self) -> tuple[Tree, Spot]:
        """The one value of the text."""
        self._skip()
        if self.at == len(self.text):
            raise _RefusedError(self.at, "is empty")
        found = self._value(0)
        self._skip()
        if self.at < len(self.text):
            raise _RefusedError(self.at, "is not JSON: something stands after the end")
        return found

    def _value(self, depth: int) -> tuple[Tree, Spot]:
        self._skip()
        start = self.at
        match self.text[start : start + 1]:
            case "{":
                return self._object(depth + 1)
            case "[":
                return self._array(depth + 1)
            case '"':
                return self._string(), self._spot(start)
            case _:
                return self._other(), self._spot(start)

    def _object(self, depth: int) -> tuple[Tree, Spot]:
        members: dict[str, Tree] = {}
        spots: dict[str, Spot] = {}
        spot = self._enter(depth)
        spot.parts = spots
        while not self._ends("}", first=not spots and not members):
            self._skip()
            key_at = self.at
            if self.text[key_at : key_at + 1] != '"':
                raise _RefusedError(key_at, "is not JSON: a key in double quotes belongs here")
            name = self._string()
            self._expect(":")
            value, value_spot = self._value(depth)
            if name in spots:
                self._note(
                    key_at, f'"{name}" stands twice here, first on line {spots[name].key_line}'
                )
                continue
            key_spot = self._spot(key_at)
            value_spot.key_line, value_spot.key_column = key_spot.line, key_spot.column
            members[name], spots[name] = value, value_spot
        return members, spot

    def _array(self, depth: int) -> tuple[Tree, Spot]:
        items: list[Tree] = []
        spots: list[Spot] = []
        spot = self._enter(depth)
        spot.parts = spots
        while not self._ends("]", first=not items):
            value, value_spot = self._value(depth)
            items.append(value)
            spots.append(value_spot)
        return items, spot

    def _enter(self, depth: int) -> Spot:
        if depth > DEPTH_MAX:
            raise _RefusedError(self.at, f"is nested deeper than {DEPTH_MAX} levels")
        spot = self._spot(self.at)
        self.at += 1
        return spot

    def _ends(self, closing: str, *, first: bool) -> bool:
        """Step over the closing bracket and say so, or over the comma before the next member."""
        self._skip()
        found = self.text[self.at : self.at + 1]
        if found == closing:
            self.at += 1
            return True
        if not first:
            self._expect(",")
        return False

    def _expect(self, character: str) -> None:
        self._skip()
        if not self.text.startswith(character, self.at):
            cut = "; the file is cut off" if self.at == len(self.text) else ""
            raise _RefusedError(self.at, f'is not JSON: "{character}" belongs here{cut}')
        self.at += 1

    def _string(self) -> str:
        start = self.at
        try:
            value, self.at = _STRINGS.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            raise _RefusedError(error.pos, f"is not JSON: {error.msg.lower()}") from None
        text = str(value)
        hidden = unprintable(text)
        if hidden:
            raise _RefusedError(start, f"holds the character {hidden}, which no text may hold")
        return text

    def _other(self) -> Scalar:
        start = self.at
        word = _WORD.match(self.text, start)
        if word and word[0] in _WORDS:
            self.at = word.end()
            return _WORDS[word[0]]
        number = (_NUMBER_LIKE if self.as_written else _NUMBER).match(self.text, start)
        if number is None:
            raise _RefusedError(start, "is not JSON: a value belongs here")
        self.at = number.end()
        if self.as_written:
            return self.numeral(number[0])
        if len(number[0]) > _DIGITS_MAX:
            return number[0]
        return float(number[0]) if number[1] or number[2] else int(number[0])

    def _note(self, offset: int, message: str) -> None:
        self.problems.append(self.problem(offset, message))
        if len(self.problems) >= PROBLEMS_MAX:
            raise _RefusedError(offset, "has too many mistakes to go on")

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _spot(self, offset: int) -> Spot:
        line = bisect.bisect_right(self.starts, offset)
        return Spot(line, offset - self.starts[line - 1] + 1)
