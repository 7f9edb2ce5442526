"""Pages of the kill test: opened, told again and closed while the daemon is killed.

Whoever pages comes again until it is answered, as paging systems do; what was acknowledged counts.
"""

import asyncio
import contextlib
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from orchestrator.domain.marker import Marker, read_metadata
from orchestrator.domain.pages import digest_of
from orchestrator.domain.records import Role
from tests.system.torture_oracle import Snapshot

POLICY: Final = "pages"
SOURCE: Final = "own"
TEXT: Final = f"""\
version: 1
name: {POLICY}
on_page: {{sources: [{SOURCE}]}}
room: {{type: instant, display_name: "{{{{ page.title }}}}"}}
close: {{after: 0s}}
"""
_OPEN_MOST: Final = 8
_OLDEST: Final = 60.0  # seconds; a room in which nobody is lives for ten minutes
_PAUSE: Final = (0.05, 0.5)  # seconds between two messages
_AGAIN: Final = 0.1  # seconds
_PATIENCE: Final = 5.0  # seconds for one answer


@dataclass(slots=True)
class Pager:
    """Somebody who pages.

    Attributes:
        url: of the source.
        open: when pages that are open were opened (monotonic), by their keys.
        closed: the keys of those that were closed.
        counts: messages by what they said, and how often one came again.
    """

    url: str
    chance: random.Random
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    open: dict[str, float] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    _pending: tuple[str, str] | None = None

    @asynccontextmanager
    async def paging(self) -> AsyncIterator[None]:
        """Page for the length of the block; what was not acknowledged then is `settle`'s."""
        task = asyncio.create_task(self._page(), name="pager")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def settle(self) -> None:
        """Send again what was not acknowledged, until it is."""
        async with self._session() as session:
            await self._deliver(session)

    async def _page(self) -> None:
        async with self._session() as session:
            while True:
                await self._deliver(session)
                self._pending = self._next()
                await self._deliver(session)
                await asyncio.sleep(self.chance.uniform(*_PAUSE))

    def _next(self) -> tuple[str, str]:
        """What is said next: the oldest is closed in time, and now and then one is told again."""
        oldest = next(iter(self.open), None)
        if oldest is not None and time.monotonic() - self.open[oldest] > _OLDEST:
            return "close", oldest
        lot = self.chance.random()
        if oldest is None or (lot < 0.5 and len(self.open) < _OPEN_MOST):
            return "open", f"page-{len(self.open) + len(self.closed):04}"
        return ("close" if lot < 0.85 else "open"), self.chance.choice([*self.open])

    def _session(self) -> aiohttp.ClientSession:
        headers = {"authorization": f"Bearer {self.token}"}
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        return aiohttp.ClientSession(headers=headers, timeout=timeout)

    async def _deliver(self, session: aiohttp.ClientSession) -> None:
        while self._pending is not None:
            action, key = self._pending
            said = {"action": action, "key": key, "title": f"Something is wrong with {key}"}
            try:
                async with session.post(self.url, json=said) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            if status == 0 or status >= 500:
                self.counts["came again"] += 1
                await asyncio.sleep(_AGAIN)
                continue
            assert status < 300, f"a page was answered with {status}"
            self._pending = None
            self._acknowledged(action, key)

    def _acknowledged(self, action: str, key: str) -> None:
        if action == "close":
            del self.open[key]
            self.closed.add(key)
            self.counts["closed"] += 1
        elif key in self.open:
            self.counts["told again"] += 1
        else:
            self.open[key] = time.monotonic()
            self.counts["opened"] += 1


def page_of(key: str) -> str:
    """What our link knows the page by whose room a key is; empty for a key of no page."""
    policy, _, subject = key.partition("/")
    return subject.rpartition("-")[0] if policy == POLICY else ""


def pages_are_right(table: Sequence[Mapping[str, Any]], seen: Snapshot, pager: Pager) -> list[str]:
    """One current room that lives for each open page, none for a closed one, no other (P6)."""
    wanted = {f"{SOURCE}-{digest_of(SOURCE, key)}": key for key in pager.open}
    living: dict[str, list[str]] = {}
    for row in table:
        _, marker = read_metadata(row["metadata"])
        if row["ended_at"] is None and isinstance(marker, Marker) and page_of(marker.key):
            living.setdefault(page_of(marker.key), []).append(row["id"])
    current = [
        (page_of(key), state.current.id)
        for key, state in seen.states.items()
        if page_of(key) and state.current is not None
    ]
    counts = Counter(page for page, _ in current)
    found = [
        f"page {wanted[page]} is open and has {counts[page]} current rooms, not one"
        for page in wanted
        if counts[page] != 1
    ]
    found += [f"{page} is closed and has a current room" for page in counts.keys() - wanted.keys()]
    found += [
        f"the current room {room} of {page} is not alive on the server"
        for page, room in current
        if room not in living.get(page, ())
    ]
    known = {room for _, room in current} | _left_to_end(seen)
    found += [
        f"room {room} of {page} lives, and is no current one"
        for page, rooms in living.items()
        for room in rooms
        if room not in known
    ]
    return found


def are_settled(seen: Snapshot, pager: Pager) -> bool:
    """Whether each open page has a room, and no other page has any record."""
    wanted = {f"{SOURCE}-{digest_of(SOURCE, key)}" for key in pager.open}
    left = _left_to_end(seen)
    states = {
        page_of(key): state
        for key, state in seen.states.items()
        if page_of(key) and not (state.rooms and {room.id for room in state.rooms} <= left)
    }
    return states.keys() == wanted and all(one.current is not None for one in states.values())


def _left_to_end(seen: Snapshot) -> set[str]:
    """Rooms of pages that end by themselves, within ten minutes, as they cannot be deleted."""
    if not seen.denied:
        return set()
    return {
        room.id
        for key, state in seen.states.items()
        if page_of(key)
        for room in state.rooms
        if room.role is not Role.CURRENT
    }
