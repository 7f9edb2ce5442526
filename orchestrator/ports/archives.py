"""Port: a place that keeps copies of recordings for good.

A copy that this port tells of was verified: it was received whole, it was read back from where it
is kept, and its length and checksum are those of what was received.  Nothing else is ever told of,
whatever is lying there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.recordings import Copy, Resume
from orchestrator.ports.recordings import Content

# Opens the content, or the rest of it.
Fetch = Callable[[Resume | None], AbstractAsyncContextManager[Content]]


@dataclass
class ArchiveError(Exception):
    """A copy could not be made, or what is there under its name is not it.

    Attributes:
        message: what happened, in one line, safe to show.
    """

    message: str

    def __str__(self) -> str:
        """The message."""
        return self.message


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be kept.

    Attributes:
        name: letters, digits, ``.``, ``_`` and ``-``; the same for the same content always.
        about: what it is, for whoever finds the copy; its values are safe to show.
    """

    name: str
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """What a place says of itself.

    Attributes:
        where: as people know it, safe to show.
        mark: what `Archive.put_mark` wrote there, or a person; empty: nobody wrote any.
        holds: whether any copy lies there, by its name alone.
    """

    where: str
    mark: str
    holds: bool


class Archive(Protocol):
    """One place that keeps copies."""

    async def keep(self, item: Item, fetch: Fetch) -> Copy:
        """Make a copy, or go on with one that was begun; one that is there already is verified.

        ``fetch`` is called at most once, with what is there already of a copy that was begun.
        Being killed or cancelled at any moment leaves either no copy, with what was received of
        it, or the whole one.

        Raises:
            ArchiveError: it cannot be kept: no room, no right, another content under this name.
            Fault: as the download raised it; what came until then is gone on with the next time.
        """
        ...

    async def find(self, item: Item) -> Copy | None:
        """Verify a copy anew, by reading all of it; None where there is none.

        Raises:
            ArchiveError: it cannot be read, or it is not what was kept under this name.
        """
        ...

    async def look(self) -> Place:
        """What the place says of itself: another disk under its name says something else.

        Raises:
            ArchiveError: it is not there, or what stands for its mark is none.
        """
        ...

    async def put_mark(self, mark: str) -> None:
        """Mark the place: letters, digits, ``.``, ``_`` and ``-``; durably.

        Raises:
            ArchiveError: it has a mark already, or it cannot be written there.
        """
        ...
