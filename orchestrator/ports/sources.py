"""Port: policy files and their data, as bytes in and policies out.

Reading the folder and understanding it are two steps, so that a candidate folder, whose bytes came
over a socket, is understood by the same code as the one in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from orchestrator.domain.keys import Key
from orchestrator.domain.policies import Policy, Subject
from orchestrator.domain.themes import ThemeWish
from orchestrator.foundation.problems import Problem
from orchestrator.ports.directories import Answers


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a version came from: owner's uid, modification time (UTC), git commit, author."""

    uid: int
    mtime: datetime
    commit: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """The bytes of a policies folder at one moment; what could not be read is a problem.

    Attributes:
        policies: by file name, directly in the folder.
        data: by name relative to its ``data/`` folder.
        themes: theme files and pictures, by name relative to its ``themes/`` folder.
        problem: the folder itself could not be read; then nothing in it counts as gone.
        provenance: by file name, of policies and, with ``data/`` before it, of data.
        answers: what is known of the directories that policies name, which no file holds.
    """

    policies: Mapping[str, bytes | Problem]
    data: Mapping[str, bytes | Problem]
    problem: Problem | None = None
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    themes: Mapping[str, bytes | Problem] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parsed:
    """One policy file understood: a policy, or every problem that it has.

    `name` is the policy's name where it can be read although the rest cannot.
    """

    policy: Policy | None
    problems: tuple[Problem, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedTheme:
    """One theme file understood: a theme, or every problem that it has.

    `name` is the theme's, or that of its file where it cannot be read.
    """

    theme: ThemeWish | None
    problems: tuple[Problem, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects of one policy; None where they are unknown, which is not empty (P4).

    Attributes:
        awaited: why they are unknown although nothing is wrong with any file: a directory has not
            answered yet.
    """

    subjects: tuple[Subject, ...] | None
    problems: tuple[Problem, ...] = ()
    awaited: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """The rooms that the folder's list of adopted ones names for each key, by id; mostly one.

    None where the list is there and cannot be read, which is not the same as none.
    """

    rooms: Mapping[Key, Sequence[str]] | None
    problems: tuple[Problem, ...] = ()


class Sources(Protocol):
    """The policies folder."""

    async def read(self) -> Folder:
        """Read all of it; never raises, problems are values."""
        ...

    async def changed(self) -> None:
        """Return when the folder's content has changed and then been quiet for the debounce."""
        ...


class Reader(Protocol):
    """Understands the policy language; pure functions of bytes."""

    def parse(self, file: str, text: bytes) -> Parsed:
        """Read one policy file and check everything that needs no other file."""
        ...

    def subjects(
        self,
        policy: Policy,
        data: Mapping[str, bytes | Problem],
        answers: Answers = MappingProxyType({}),
    ) -> Subjects:
        """The subjects of a policy: its items, or those of the file or directory that it names."""
        ...

    def theme(self, file: str, text: bytes, pictures: Mapping[str, bytes | Problem]) -> ParsedTheme:
        """Read one theme file, and look at the pictures that it names.

        Args:
            file: its path within the policies folder, ``themes/…``.
            text: what it holds.
            pictures: all of the themes folder, by name relative to it.
        """
        ...

    def adopted(self, data: Mapping[str, bytes | Problem]) -> Adopted:
        """The rooms that a person took in for keys, as the list among the data says."""
        ...

    def check_together(self, policies: Sequence[Policy]) -> Sequence[Problem]:
        """Problems that only show when policies stand side by side (`moved` in a circle, …)."""
        ...
