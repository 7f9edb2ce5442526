"""The policies folder: read as a whole, and watched for changes of what is in it.

The kernel's events only wake us up; whether something changed is decided by content.  A look every
two seconds finds what no event tells: network filesystems, symlinked folders that are turned, and a
folder that vanished and came back.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import watchfiles

from orchestrator.adapters.policies.provenance import Git
from orchestrator.adapters.policies.scanning import Contents, Listing, is_settled, load, look
from orchestrator.adapters.policies.subjects import DATA_FOLDER
from orchestrator.foundation.instants import to_milliseconds
from orchestrator.ports.clock import Clock
from orchestrator.ports.sources import Folder

DEBOUNCE: Final = 0.25  # seconds without a change before the folder is read
LOOK_EVERY: Final = 2.0  # seconds between two looks when no event comes
_LONGEST_DEBOUNCE: Final = 5.0  # seconds; a file that is always being written must not hold us up


class PolicyFolder:
    """Implements `orchestrator.ports.sources.Sources`."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Touches nothing yet.

        Args:
            folder: where the policies are; it need not exist.
            clock: waits between looks.
        """
        self._folder = folder
        self._clock = clock
        self._git = Git(folder)
        self._read: Contents | None = None  # what was last given out
        self._known: Contents | None = None  # what was last seen, to read the less of
        self._trusted = False  # equal stamps mean equal contents

    async def read(self) -> Folder:
        """Read all of it; never raises, problems are values."""
        self._read, self._trusted = contents, _ = await self._load()
        listing = contents.listing
        data = {f"{DATA_FOLDER}/{name}": entry for name, entry in listing.data.items()}
        origins = await asyncio.to_thread(self._git.origins, {**listing.policies, **data})
        return Folder(
            contents.policies, contents.data, listing.problem, origins, themes=contents.themes
        )

    async def changed(self) -> None:
        """Return when the folder's content differs from what was read, and has been quiet."""
        poke = asyncio.Event()
        poke.set()  # something may have changed since it was read
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._listen(poke), name="policies.events"),
                group.create_task(self._look_again(poke), name="policies.looks"),
            ]
            while True:
                await poke.wait()
                poke.clear()
                if await self._may_differ():
                    await self._quiet()
                    if await self._differs():
                        break
            for task in tasks:
                task.cancel()

    async def _listen(self, poke: asyncio.Event) -> None:
        while True:
            try:
                async for _ in watchfiles.awatch(
                    self._folder, watch_filter=None, debounce=50, step=20, rust_timeout=1_000
                ):
                    poke.set()
            except (OSError, RuntimeError):
                pass  # the folder is not there, or the kernel has no watches left: looks go on
            await self._clock.sleep(LOOK_EVERY)

    async def _look_again(self, poke: asyncio.Event) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY)
            poke.set()

    async def _load(self, listing: Listing | None = None) -> tuple[Contents, bool]:
        """The folder's contents, and whether equal stamps will mean equal contents."""
        asked = to_milliseconds(self._clock.now())
        contents = await asyncio.to_thread(load, self._folder, asked, listing, self._known)
        self._known = contents
        return contents, is_settled(contents.listing.newest, asked)

    async def _may_differ(self) -> bool:
        """Whether a look alone cannot rule out that something changed."""
        now = await asyncio.to_thread(look, self._folder)
        if self._read is None or now != self._read.listing:
            return True
        return not self._trusted and await self._differs()

    async def _differs(self) -> bool:
        before = self._read
        if before is None:
            return True
        now = await asyncio.to_thread(look, self._folder)
        if now == before.listing and self._trusted:
            return False
        contents, trusted = await self._load(now)
        if contents.digest != before.digest:
            return True
        # Touched, or too young to be told from untouched: the same content under a new stamp.
        self._read, self._trusted = contents, trusted
        return False

    async def _quiet(self) -> None:
        until = self._clock.monotonic() + _LONGEST_DEBOUNCE
        before = await asyncio.to_thread(look, self._folder)
        while self._clock.monotonic() < until:
            await self._clock.sleep(DEBOUNCE)
            now = await asyncio.to_thread(look, self._folder)
            if now == before:
                return
            before = now
