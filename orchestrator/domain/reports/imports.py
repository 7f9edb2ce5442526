"""Imports: which policies ask for an existing estate, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImportedPolicy:
    """One policy that is written.

    Attributes:
        rooms: how many it asks for.
        says: what they are, in a sentence.
        kept: settings that its rooms keep and that it does not name.
    """

    name: str
    rooms: int
    says: str
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedTheme:
    """One theme file that is written.

    Attributes:
        name: what policies call it.
        shown: its name at the API, which it keeps.
        rooms: how many of the rooms that are taken have it.
        pictures: how many of its pictures come with it.
    """

    name: str
    theme_id: str
    shown: str
    rooms: int
    pictures: int


@dataclass(frozen=True, slots=True)
class LeftOutRow:
    """Rooms that no policy asks for: why, how many, and some by their ids."""

    why: str
    rooms: int
    some: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was written, or would be.

    Attributes:
        source: where the rooms were read.
        read: how many there are in all.
        taken: how many come under a policy.
        renewed_soon: how many of them are renewed at the first turn.
        remarks: what is doubtful and was not refused.
        files: what is written, as people call it here.
        adopts: the rooms stay as they are; otherwise each is made anew.
        then: what to type next.
        themes: theme files that are written.
    """

    source: str
    read: int
    taken: int
    policies: tuple[ImportedPolicy, ...]
    left_out: tuple[LeftOutRow, ...]
    renewed_soon: int
    remarks: tuple[str, ...]
    files: tuple[str, ...]
    adopts: bool
    written: bool = False
    then: str = ""
    themes: tuple[ImportedTheme, ...] = ()
