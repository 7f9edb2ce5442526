"""CSV with a header, as RFC 4180 has it: every value is text, every row has every field."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from orchestrator.foundation.documents.document import (
    PROBLEMS_MAX,
    Document,
    Spot,
    Tree,
    unreadable,
)
from orchestrator.foundation.documents.text import decode
from orchestrator.foundation.problems import Place, Problem


def read_csv(file: str, raw: bytes, *, limit: int) -> Document:
    """Read a table whose first row names the fields; the tree is a list of mappings to text.

    Args:
        file: the name for places, which know lines and no columns.
        raw: the bytes, UTF-8, separated by commas.
        limit: how many bytes there may be.
    """
    text = decode(file, raw, limit)
    if isinstance(text, Problem):
        return unreadable(file, text)
    rows = _rows(text)
    try:
        line, header = next(rows, (1, []))
        names = [name.strip() for name in header]
        problems = _header_problems(Place(file, line), names)
        if problems:
            return unreadable(file, *problems)
        return _table(file, names, rows)
    except _RefusedError as refused:
        return unreadable(file, Problem(Place(file, refused.line), f"is not CSV: {refused}"))


class _RefusedError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise _RefusedError(line, str(error)) from None


def _header_problems(place: Place, names: list[str]) -> list[Problem]:
    if not names:
        return [Problem(Place(place.file), "is empty; the first row must name the fields")]
    if len(names) == 1 and ";" in names[0]:
        return [Problem(place, "separates by semicolons; separate by commas")]
    problems = [
        Problem(place, f"field {number} of the header has no name")
        for number, name in enumerate(names, start=1)
        if not name
    ]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    problems += [Problem(place, f'"{name}" stands twice in the header') for name in twice]
    return problems


def _table(file: str, names: list[str], rows: Iterator[tuple[int, list[str]]]) -> Document:
    items: list[Tree] = []
    spots: list[Spot] = []
    problems: list[Problem] = []
    for line, row in rows:
        if len(row) != len(names):
            message = f"this row has {len(row)} fields, the header has {len(names)}"
            problems.append(Problem(Place(file, line), message))
            if len(problems) >= PROBLEMS_MAX:
                break
            continue
        items.append(dict(zip(names, row, strict=True)))
        spots.append(Spot(line, 0, parts=dict.fromkeys(names, Spot(line, 0))))
    if problems:
        return unreadable(file, *problems)
    return Document(file, items, (), Spot(1, 0, parts=spots))
