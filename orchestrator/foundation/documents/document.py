"""A document that was read: its plain values, and the place of each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.foundation.problems import Place, Problem

Scalar = str | int | float | bool | None
Tree = Scalar | list["Tree"] | dict[str, "Tree"]
Path = tuple[str | int, ...]

DEPTH_MAX = 100  # lists and mappings inside each other
PROBLEMS_MAX = 100  # told of one document; a file with more mistakes is not what it seems


@dataclass(slots=True)
class Spot:
    """Where one value stands, where its key stands, and the spots of what is inside it."""

    line: int
    column: int
    key_line: int = 0
    key_column: int = 0
    parts: dict[str, Spot] | list[Spot] | None = None

    def part(self, step: str | int) -> Spot | None:
        """The spot of one member, or None where there is none."""
        match self.parts, step:
            case dict() as parts, str():
                return parts.get(step)
            case list() as parts, int():
                return parts[step] if 0 <= step < len(parts) else None
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values with their places.

    Attributes:
        file: the name that places bear.
        tree: what was read; None also where nothing could be, then `readable` is false.
        problems: what is wrong with the text itself; of keys that stand twice the first counts.
    """

    file: str
    tree: Tree
    problems: tuple[Problem, ...]
    spots: Spot | None

    @property
    def readable(self) -> bool:
        """Whether there is a tree at all, with or without problems."""
        return self.spots is not None

    def value(self, path: Path) -> Tree:
        """The value at a path; None where there is none."""
        tree = self.tree
        for step in path:
            match tree, step:
                case dict(), str() if step in tree:
                    tree = tree[step]
                case list(), int() if step < len(tree):
                    tree = tree[step]
                case _:
                    return None
        return tree

    def place(self, path: Path = ()) -> Place:
        """Where the value at a path stands; of what is missing, where it would belong."""
        spot, _ = self._walk(path)
        return Place(self.file, spot.line, spot.column) if spot else Place(self.file)

    def key_place(self, path: Path) -> Place:
        """Where the key of a value stands; of a list's member, where the member stands."""
        spot, found = self._walk(path)
        if spot is None or not found or not spot.key_line:
            return self.place(path)
        return Place(self.file, spot.key_line, spot.key_column)

    def places(self, path: Path = ()) -> Iterator[tuple[Path, Place]]:
        """The places of everything in the mappings below a path; lists are not entered."""
        spot, found = self._walk(path)
        if spot is not None and found:
            yield from self._below(path, spot)

    def besides(self, found: Iterable[Problem]) -> list[Problem]:
        """Those that stand on no line with a mistake of the text itself, and the text's own.

        What was half read is half a value: whatever is wrong with it follows from the mistake.
        """
        spoilt = {problem.place.line for problem in self.problems}
        others = (problem for problem in found if problem.place.line not in spoilt)
        return sorted({*self.problems, *others})

    def _below(self, path: Path, spot: Spot) -> Iterator[tuple[Path, Place]]:
        if isinstance(spot.parts, dict):
            for name, part in spot.parts.items():
                yield (*path, name), Place(self.file, part.line, part.column)
                yield from self._below((*path, name), part)

    def _walk(self, path: Path) -> tuple[Spot | None, bool]:
        spot = self.spots
        for step in path:
            inner = spot.part(step) if spot else None
            if inner is None:
                return spot, False
            spot = inner
        return spot, True


def unreadable(file: str, *problems: Problem) -> Document:
    """A document of which nothing could be read."""
    return Document(file, None, problems, None)
