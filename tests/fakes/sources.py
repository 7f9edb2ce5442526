"""A fake of the sources port: a folder of bytes in memory, whose changes the test announces."""

from __future__ import annotations

import asyncio

from orchestrator.foundation.problems import Place, Problem
from orchestrator.ports.sources import Folder, Provenance


class FakeSources:
    """A policies folder; change `policies`, `data` and `themes`, then `announce`."""

    def __init__(self) -> None:
        self.policies: dict[str, bytes | Problem] = {}
        self.data: dict[str, bytes | Problem] = {}
        self.themes: dict[str, bytes | Problem] = {}
        self.provenance: dict[str, Provenance] = {}
        self.problem: Problem | None = None
        self.reads = 0
        self._changed = asyncio.Event()

    def vanish(self) -> None:
        """The folder cannot be read."""
        self.problem = Problem(Place("policies"), "cannot be read: No such file or directory")

    def announce(self) -> None:
        """Something changed and was quiet for a while."""
        self._changed.set()

    async def read(self) -> Folder:
        self.reads += 1
        if self.problem is not None:
            return Folder({}, {}, self.problem)
        return Folder(
            dict(self.policies),
            dict(self.data),
            provenance=dict(self.provenance),
            themes=dict(self.themes),
        )

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()
