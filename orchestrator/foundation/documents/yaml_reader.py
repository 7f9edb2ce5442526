"""YAML 1.2's core schema on PyYAML's parser, event by event.

Events and not nodes: an anchor, a tag or a hundred levels are refused where they stand, before
anything is built of them, and no recursion can be driven into the stack's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

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

# A PyYAML that was built without libyaml has only the slow one.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Longer ones stay text, as do .inf and .nan: no setting means such a number.
_DIGITS_MAX: Final = 30
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

_COMPLEX_KEY: Final = 'a key must be text; if a template was meant, put it in quotes: "{{ … }}"'
# What libyaml says, and how to mend what most often lies behind it.
_HINTS: Final = (
    ("cannot start any token", "put the text in quotes"),
    ("mapping values are not allowed", 'text that holds ": " must be in quotes'),
    ("expected ':'", 'every line here needs the form "key: value"'),
    ("unexpected end of stream", "a quote is not closed, or the file is cut off"),
    ("',' or ']'", "a bracket is not closed"),
    ("',' or '}'", "a brace is not closed"),
    ("<block end>", "look at the indentation"),
)


def read_yaml(file: str, raw: bytes, *, limit: int, as_written: bool = False) -> Document:
    """Read one YAML document.

    Args:
        file: the name for places.
        raw: the bytes, UTF-8.
        limit: how many bytes there may be.
        as_written: keep numbers as the text that stands there (``007``); true, false and null are
            values either way, and what is quoted is text.
    """
    text = decode(file, raw, limit)
    if isinstance(text, Problem):
        return unreadable(file, text)
    builder = _Builder(file, text, as_written)
    try:
        builder.feed(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        return unreadable(file, *builder.problems, _syntax(file, text, error))
    except _RefusedError as refused:
        return unreadable(file, *builder.problems, refused.problem)
    if builder.root is None:
        return unreadable(file, Problem(Place(file), "is empty"))
    tree, spots = builder.root
    return Document(file, tree, tuple(builder.problems[:PROBLEMS_MAX]), spots)


class _RefusedError(Exception):
    """Reading stops here."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(place, message)


@dataclass(slots=True)
class _Key:
    name: str
    line: int
    column: int
    dropped: bool = False  # the key is no key, or stands twice: its value goes nowhere


@dataclass(slots=True)
class _OpenList:
    """A list whose end has not come yet."""

    value: list[Tree]
    parts: list[Spot]
    spot: Spot


@dataclass(slots=True)
class _OpenMapping:
    """A mapping whose end has not come yet, and the key whose value comes next."""

    value: dict[str, Tree]
    parts: dict[str, Spot]
    spot: Spot
    key: _Key | None = None


@dataclass(slots=True)
class _Builder:
    """Turns events into values and spots."""

    file: str
    text: str
    as_written: bool
    problems: list[Problem] = field(default_factory=list)
    root: tuple[Tree, Spot] | None = None
    stack: list[_OpenList | _OpenMapping] = field(default_factory=list)

    def feed(self, events: Iterator[yaml.Event]) -> None:
        """Take all events of a stream."""
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._refuse_properties(event)
                    self._add_scalar(event)
                case yaml.DocumentStartEvent() if self.root is not None:
                    raise _RefusedError(
                        self._place(event), "a second document begins here; one file holds one"
                    )
                case yaml.AliasEvent():
                    raise _RefusedError(
                        self._place(event), "aliases (*name) are not read; write the value out"
                    )
                case yaml.MappingStartEvent():
                    members: dict[str, Spot] = {}
                    self.stack.append(_OpenMapping({}, members, self._open(event, members)))
                case yaml.SequenceStartEvent():
                    items: list[Spot] = []
                    self.stack.append(_OpenList([], items, self._open(event, items)))
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    closed = self.stack.pop()
                    self._add(closed.value, closed.spot)
                case _:  # the stream's and the document's own ends
                    pass

    def _open(self, event: yaml.NodeEvent, parts: dict[str, Spot] | list[Spot]) -> Spot:
        self._refuse_properties(event)
        if len(self.stack) >= DEPTH_MAX:
            message = f"is nested deeper than {DEPTH_MAX} levels"
            raise _RefusedError(self._place(event), message)
        line, column = _position(event)
        return Spot(line, column, parts=parts)

    def _refuse_properties(self, event: yaml.NodeEvent) -> None:
        if event.anchor is not None:
            raise _RefusedError(
                self._place(event), "anchors (&name) are not read; write the value out"
            )
        if getattr(event, "tag", None) is not None:
            raise _RefusedError(self._place(event), "tags (!name) are not read; leave the tag out")

    def _add_scalar(self, event: yaml.ScalarEvent) -> None:
        # Only an escape can bring in what the text as a whole was searched for already.
        hidden = unprintable(event.value) if event.style == '"' else None
        if hidden:
            message = f"holds the character {hidden}, which no text may hold"
            raise _RefusedError(self._place(event), message)
        line, column = _position(event)
        top = self.stack[-1] if self.stack else None
        if isinstance(top, _OpenMapping) and top.key is None:
            self._take_key(top, event, _Key(event.value, line, column))
            return
        value = _scalar(event.value, self.as_written) if _is_plain(event) else event.value
        # Of a block the text itself begins on the next line.
        self._add(value, Spot(line + 1, 0) if event.style in {"|", ">"} else Spot(line, column))

    def _take_key(self, top: _OpenMapping, event: yaml.ScalarEvent, key: _Key) -> None:
        top.key = key
        if not key.name:
            self._drop(key, "a key may not be empty")
        elif key.name == "<<" and _is_plain(event):
            self._drop(key, "merge keys (<<) are not read; write the values out")
        elif key.name in top.parts:
            first = top.parts[key.name].key_line
            self._drop(key, f'"{key.name}" stands twice here, first on line {first}')

    def _drop(self, key: _Key, message: str) -> None:
        key.dropped = True
        place = Place(self.file, key.line, key.column)
        self.problems.append(Problem(place, message))
        if len(self.problems) >= PROBLEMS_MAX:
            raise _RefusedError(place, "has too many mistakes to go on")

    def _add(self, value: Tree, spot: Spot) -> None:
        """Put a value where it belongs: into the open list or mapping, or at the root."""
        if not self.stack:
            self.root = (value, spot)
            return
        match self.stack[-1]:
            case _OpenList() as top:
                top.value.append(value)
                top.parts.append(spot)
            case _OpenMapping() as top:
                self._add_member(top, top.key, value, spot)

    def _add_member(self, top: _OpenMapping, key: _Key | None, value: Tree, spot: Spot) -> None:
        if key is None:  # a list or mapping stands where a key belongs
            top.key = _Key("", spot.line, spot.column)
            self._drop(top.key, _COMPLEX_KEY)
            return
        if not key.dropped:
            top.value[key.name] = value
            spot.key_line, spot.key_column = key.line, key.column
            top.parts[key.name] = spot
        top.key = None

    def _place(self, event: yaml.Event) -> Place:
        return Place(self.file, *_position(event))


def _position(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _is_plain(event: yaml.ScalarEvent) -> bool:
    return not event.style


def _scalar(text: str, as_written: bool) -> Scalar:  # noqa: FBT001 (the reader's own switch)
    """A plain scalar by YAML 1.2's core schema: no yes and no, no dates, no sixties."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if as_written or len(text) > _DIGITS_MAX:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _syntax(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    said = error.problem or "it cannot be read"
    hint = next((hint for needle, hint in _HINTS if needle in said), "")
    mark = error.problem_mark
    if mark is None:
        return Problem(Place(file), f"is not YAML: {said}")
    if text[mark.index : mark.index + 1] == "\t":
        hint = "indent with spaces, not with tabs"
    place = Place(file, mark.line + 1, mark.column + 1)
    return Problem(place, f"is not YAML: {said}" + (f"; {hint}" if hint else ""))
