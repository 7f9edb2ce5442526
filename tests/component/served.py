"""A world whose API is our own server in memory, asked by the real client, on the same clock."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from orchestrator.adapters.meetings.readonly import ReadOnly
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.domain.policies import Mode
from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server import Answer, Hostility, Memory, Profile, Settings
from orchestrator.meetings_server.model.life import OPEN
from orchestrator.meetings_server.model.rooms import Room
from tests.component.world import World
from tests.fakes.clock import VirtualClock
from tests.meetings import APPLICATION, BASE, KEY, settings, token


@dataclass(frozen=True)
class Sent:
    """One request as it reached the server, and what became of it."""

    method: str
    path: str
    status: int
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def room_id(self) -> str:
        return self.path.rpartition("/")[2]


async def _pass_on(_: str, __: str) -> None:
    return None


class Wire:
    """The way to the server: it keeps a log, and may be told to go wrong.

    ``before`` and ``after`` are awaited around each request and may raise what a transport raises.
    """

    def __init__(self, memory: Memory) -> None:
        self.log: list[Sent] = []
        self.before: Callable[[str, str], Awaitable[None]] = _pass_on
        self.after: Callable[[str, str], Awaitable[None]] = _pass_on
        self._memory = memory
        self._under_way = 0
        self._answered = asyncio.Event()

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        await self.before(method, path)
        self._under_way += 1
        try:
            answer = await self._memory.send(method, path, query, headers, body)
        finally:
            self._under_way -= 1
            self._answered.set()
        sent = json.loads(body) if body else {}
        self.log.append(Sent(method, path, answer.status, sent))
        await self.after(method, path)
        return answer

    async def answered(self) -> bool:
        """Wait until nothing is under way; false if nothing was."""
        if not self._under_way:
            return False
        while self._under_way:
            self._answered.clear()
            await self._answered.wait()
        return True

    @property
    def methods(self) -> list[str]:
        return [sent.method for sent in self.log]

    @property
    def changes(self) -> list[Sent]:
        """The requests that changed something, or tried to."""
        return [sent for sent in self.log if sent.method != "GET"]


class ServedWorld(World):
    """A `World` on a Meetings server in memory; `wire` is its log, `memory` the server.

    `hostility` has no fault in its profile until a test gives it some.
    """

    hostility: Hostility

    def __init__(self, memory: Memory, clock: VirtualClock, **options: Any) -> None:
        super().__init__(clock=clock, **options)
        self.memory = memory
        self.wire = Wire(memory)
        self.connect()

    def connect(self) -> None:
        """A client of its own for the next life of the engine."""
        transport = ReadOnly(self.wire) if self.mode is Mode.OBSERVE else self.wire
        limits = Limits(per_second=None, page_size=100)
        account = Account(APPLICATION, KEY)
        chance = random.Random(7)
        self.rooms = connect(
            transport, account, self.clock, limits, root=BASE, jitter=chance.random
        )

    async def start(self) -> None:
        self.connect()
        await super().start()

    async def working(self) -> bool:
        return await self.wire.answered()

    async def table(self) -> list[Room]:
        """The server's own table, without the rooms that have ended."""
        return [room for room in await self.memory.meetings.all_rooms() if room.life.phase in OPEN]

    async def make_by_hand(self, name: str, days: float = 300, **changes: Any) -> str:
        """A room that a person makes at the API; its id."""
        ends = format_instant(self.clock.now() + timedelta(days=days))
        body = {"display_name": name, "type": "long_term", "expires_at": ends, **changes}
        answer = await self.memory.send(
            "POST",
            f"{BASE}/rooms",
            {},
            {"authorization": f"Bearer {token(self.clock.now())}"},
            json.dumps(body).encode(),
        )
        assert answer.status == 201, answer.body
        return str(json.loads(answer.body)["id"])


@asynccontextmanager
async def served(told: Settings | None = None, **options: Any) -> AsyncIterator[ServedWorld]:
    """A world on a server of these settings, which is honest; its engine is not started."""
    clock = VirtualClock()
    chance = random.Random(11)
    hostility = Hostility(random.Random(11), clock, Profile())
    async with Memory.opened(
        told or settings(), clock, entropy=chance.randbytes, hostility=hostility
    ) as memory:
        world = ServedWorld(memory, clock, **options)
        world.hostility = hostility
        try:
            yield world
        finally:
            await world.end()
