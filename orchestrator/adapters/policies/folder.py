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
from orchestrator.adapters.policies.scanning import Listing, load, look
from orchestrator.foundation.instants import to_milliseconds
from orchestrator.ports.clock import Clock
from orchestrator.ports.sources import Folder

DEBOUNCE: Final = 0.25  # seconds without a change before the folder is read
LOOK_EVERY: Final = 2.0  # seconds between two looks when no event comes
_LONGEST_DEBOUNCE: Final = 5.0  # seconds; a file that is always being written must not hold us up
# A file may change twice within one tick of a filesystem's clock, some of which tick every two
# seconds: a stamp as young as that proves nothing.
_TICK_MS: Final = 2_500
_NS_IN_MS: Final = 1_000_000


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
        self._read: tuple[Listing, str] | None = None  # what was last read, and its digest
        self._trusted = False  # equal stamps mean equal contents

    async def read(self) -> Folder:
        """Read all of it; never raises, problems are values."""
        now = self._clock.now()
        contents = await asyncio.to_thread(load, self._folder)
        listing = contents.listing
        self._read = (listing, contents.digest)
        self._trusted = to_milliseconds(now) - listing.newest // _NS_IN_MS > _TICK_MS
        origins = await asyncio.to_thread(self._git.origins, listing.policies)
        return Folder(contents.policies, contents.data, listing.problem, origins)

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
                if await self._differs():
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

    async def _differs(self) -> bool:
        if self._read is None:
            return True
        listing, digest = self._read
        now = await asyncio.to_thread(look, self._folder)
        if now == listing and self._trusted:
            return False
        asked = self._clock.now()
        contents = await asyncio.to_thread(load, self._folder)
        if contents.digest != digest:
            return True
        # Touched, or too young to be told from untouched: the same content under a new stamp.
        self._read = (contents.listing, digest)
        self._trusted = to_milliseconds(asked) - contents.listing.newest // _NS_IN_MS > _TICK_MS
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
