"""Problems: one clear error each, with its place, what is wrong and how to mend it.

A problem is a value that is collected, never an exception that hides the next one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: a file's name, and from 1 on its line and column (0: unknown)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """As editors and compilers write it: ``file:line:column``, as far as it is known."""
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)

    @property
    def of_line(self) -> str:
        """The place without its column."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: where, and a sentence that also tells how to mend it."""

    place: Place
    message: str

    def __str__(self) -> str:
        """One line for a terminal."""
        return f"{self.place}  {self.message}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """An ending for a message, ``; did you mean "x"?``, or nothing where nothing is near."""
    near = nearest(word, known)
    return f'; did you mean "{near}"?' if near else ""
