"""Port: the list of rooms that a person took in or let go, kept where a rebuild finds it.

A room that was adopted bears no marker, and one that was forgotten still bears it: where the store
is lost, this list alone knows whose they are (promise P3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Standing(StrEnum):
    """What became of a room: `MARKED` needs no line, `MOVED` only changes an adopted one's key."""

    ADOPTED = "adopted"
    DISOWNED = "disowned"
    MARKED = "marked"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Entry:
    """One room, the key that it serves or served, as people write it, and its name for people."""

    room_id: str
    key: str
    display_name: str
    standing: Standing


class AdoptionsFault(Exception):
    """The list could not be written, or is not readable; try again later."""


class Adoptions(Protocol):
    """The list itself; lines of rooms that are not told stay as they are."""

    async def record(self, entries: Sequence[Entry]) -> None:
        """Take in what became of rooms, in order; doing it twice is the same as once.

        Raises:
            AdoptionsFault: nothing was written.
        """
        ...
