"""A fake of the archives port: copies in memory, which go wrong when told to."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from orchestrator.domain.recordings import Copy, Resume
from orchestrator.ports.archives import ArchiveError, Fetch, Item, Place

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass
class _Part:
    tag: str = ""
    length: int = 0
    received: bytes = b""


class FakeArchive:
    """Keeps copies as long as it lives.

    Attributes:
        fault: each call raises this, as of a disk that is full or not mounted.
        copies: what is kept, by name; a test may change or take away what is there.
        kept: the names of all that `keep` was called with, in order.
        found: the same of `find`.
        mark: of the place; a test may take it away with the copies, as who unmounts a disk does.
    """

    def __init__(self) -> None:
        self.fault: str = ""
        self.copies: dict[str, bytes] = {}
        self.kept: list[str] = []
        self.found: list[str] = []
        self.mark: str = ""
        self._parts: dict[str, _Part] = {}

    async def keep(self, item: Item, fetch: Fetch) -> Copy:
        self._check(item)
        self.kept.append(item.name)
        if item.name in self.copies:
            return self._copy(item.name)
        part = self._parts.setdefault(item.name, _Part())
        got = len(part.received)
        if not got or got < part.length:
            resume = Resume(got, part.tag, part.length) if got else None
            async with fetch(resume) as content:
                if content.begin == 0:
                    part.received = b""
                elif content.begin != got:
                    raise ArchiveError(
                        f"{item.name} has {got} bytes, and what comes begins elsewhere"
                    )
                part.tag, part.length = content.tag, content.length
                try:
                    async for piece in content.pieces:
                        part.received += piece
                finally:
                    if not part.tag:
                        del self._parts[item.name]
        if len(part.received) != part.length:
            raise ArchiveError(f"{item.name} has {len(part.received)} bytes of {part.length}")
        self._parts.pop(item.name, None)
        self.copies[item.name] = part.received
        return self._copy(item.name)

    async def find(self, item: Item) -> Copy | None:
        self._check(item)
        self.found.append(item.name)
        return self._copy(item.name) if item.name in self.copies else None

    async def look(self) -> Place:
        self._answer()
        return Place("vault", self.mark, bool(self.copies))

    async def put_mark(self, mark: str) -> None:
        self._answer()
        if self.mark:
            raise ArchiveError("vault has a mark already")
        self.mark = mark

    def _answer(self) -> None:
        if self.fault:
            raise ArchiveError(self.fault)

    def _check(self, item: Item) -> None:
        self._answer()
        if _NAME.fullmatch(item.name) is None or item.name.endswith((".part", ".json", ".new")):
            raise ArchiveError(f"no copy can have the name {item.name[:60]!r}")

    def _copy(self, name: str) -> Copy:
        content = self.copies[name]
        return Copy(name, len(content), hashlib.sha256(content).hexdigest())
