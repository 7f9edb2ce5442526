"""The places of archives: a copy is made, and counts, only where copies were made before.

A folder that a disk is mounted at is there without the disk too, and would be taken for an archive
that lost everything.  So each archive bears a mark from its first use on, the store remembers it,
and under another mark or none nothing is copied and no copy is looked for.  It marks no place of
which something else is known than what lies there: whether that is meant a person says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from orchestrator.engine.shelf import Shelf
from orchestrator.engine.surroundings import Surroundings
from orchestrator.ports.archives import Archive, ArchiveError, Place

#: Notes: with the name of an archive its mark; empty where copies were made and no mark is known.
MARKS: Final = "archive.mark."


class ElsewhereError(ArchiveError):
    """What answers under an archive's name is not the place that copies were made in."""


class Places:
    """Knows archives again."""

    def __init__(self, archives: Mapping[str, Archive], shelf: Shelf, around: Surroundings) -> None:
        """`archives` by name; marks are remembered by the store of ``shelf``."""
        self._archives = archives
        self._shelf = shelf
        self._around = around
        self._looking = asyncio.Lock()  # of several that come first one marks

    async def check(self, name: str) -> str:
        """Make sure that an archive is the place that it was, or is new; gives its mark.

        Raises:
            ArchiveError: it cannot be looked at, or not be marked; `ElsewhereError`: it is another.
            StoreFault: its mark cannot be read or remembered.
        """
        async with self._looking:
            archive, known = self._archives[name], await self._around.store.note(MARKS + name)
            place = await archive.look()
            if known:
                why = another(place, known)
                if why:
                    raise ElsewhereError(why)
                return known
            mark = place.mark
            if not mark:
                if not place.holds and (known is not None or await self._was_used(name)):
                    raise ElsewhereError(
                        f"{place.where} is empty, and copies were made there: "
                        "its disk may not be mounted"
                    )
                mark = f"{self._around.store.incarnation}-{name}"
                await archive.put_mark(mark)
            await self._shelf.put(notes={MARKS + name: mark})
            return mark

    async def _was_used(self, name: str) -> bool:
        return await self._around.store.last_copied(name) is not None


def another(place: Place, known: str) -> str:
    """Why a place is not the one whose mark is known; empty: it is that one."""
    if place.mark == known:
        return ""
    what = f"another mark, {place.mark}, lies there" if place.mark else "their mark is not there"
    return f"{place.where} is not where copies were made before, for {what}: another disk, or none"
