"""An installation on virtual time: the real engine, client and store, and a Meetings server.

The API, the store's file, the audit and what people were shown outlive the daemon; each life of it
is an engine put together anew, whose every call of a port may be its last (`mortal`).  The server
has a clock that nobody sets; the daemon's wall clock may jump.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.adapters.meetings import token as tokens
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.adapters.meetings.transport import Answer
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.adapters.virtual import LoopClock, LoopTimer
from orchestrator.app.build import Outside, assemble
from orchestrator.domain.brakes import Limits as BrakeLimits
from orchestrator.domain.policies import Mode
from orchestrator.engine.desk import EngineDesk
from orchestrator.engine.overview import Whence
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.supervisor import Engine
from orchestrator.meetings_server import Application, Memory
from orchestrator.meetings_server import Settings as ServerSettings
from orchestrator.ports.adoptions import Entry
from orchestrator.ports.deliveries import DeliveredRoom
from orchestrator.ports.store import Commit, StoreFault
from tests.fakes.audit import FakeAudit
from tests.fakes.deliveries import FakeBoard, FakeDestination
from tests.fakes.sources import FakeSources
from tests.meetings import APPLICATION, BASE, OTHER_APPLICATION, public_pem
from tests.simulation.mortal import Life, Mortal, Targets
from tests.simulation.repeats import RecalledRooms, reading_once
from tests.simulation.weather import Weather

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
OWNER: Final = "acme"
URL: Final = "https://meetings.test/v1/meetings"
LIMITS: Final = BrakeLimits(max_removals=3, max_removal_percent=10, per=timedelta(days=1))
# Nobody forges a token here, and with the least that is allowed a signature costs a fifth.
KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
# Two pages and more even here: what can go wrong between pages is to go wrong.
LIMITS_OF_CALLS: Final = Limits(page_size=6)


class Watcher(Protocol):
    """Is told of every call and every commit, before and after."""

    async def asked(self, method: str, path: str, body: bytes | None) -> None:
        """A request reaches the API."""
        ...

    async def answered(self, method: str, path: str, status: int) -> None:
        """An answer, or 0 for none, came back."""
        ...

    async def committed(self, commit: Commit) -> None:
        """A commit is durable."""
        ...

    def shown(self, rooms: Sequence[DeliveredRoom]) -> None:
        """People are shown these rooms."""
        ...


@dataclass(frozen=True)
class Pace:
    """How often the daemon does what it does again and again.

    Attributes:
        resync: between two listings.
        probe: between two looks at the clocks and at what operators should know.
        token: how long one lives; where listings are hours apart and tokens are not each costs one,
            and a token as much as a listing.
    """

    resync: timedelta
    probe: timedelta
    token: timedelta = tokens.LIFETIME


class SetClock(LoopClock):
    """The daemon's clock, which somebody may set."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._off = timedelta()
        self.life = Life()

    async def sleep(self, seconds: float) -> None:
        """Wait; it may die before and after that, too."""
        self.life.step(rests=True)
        await super().sleep(seconds)
        self.life.step(again=True)

    def now(self) -> datetime:
        return super().now() + self._off

    @property
    def off(self) -> timedelta:
        """How far it is from the truth."""
        return self._off

    def jump(self, length: timedelta) -> None:
        """Set the wall clock on or back."""
        self._off += length

    def right(self) -> None:
        """Set it right again."""
        self._off = timedelta()


class Wire:
    """The way to the API in one life: watched, and mortal."""

    def __init__(self, api: Memory, weather: Weather, life: Life, watcher: Watcher) -> None:
        self._api = api
        self._weather = weather
        self._life = life
        self._watcher = watcher

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        self._life.step()
        if path.endswith("/sessions") and not self._weather.tells_sessions:
            path += "-unknown"  # an API without such a list: its own 404
        await self._watcher.asked(method, path, body)
        self._weather.asked(method, path)
        status = 0
        try:
            answer = await self._weather.replica.send(self._api, method, path, query, headers, body)
            status = answer.status
        finally:
            await self._watcher.answered(method, path, status)
        self._life.step(again=True)
        return answer


class WatchedStore(Mortal):
    """The store in one life: its commits are told, too, and its disk may be `full`."""

    def __init__(self, store: SqliteStore, life: Life, watcher: Watcher) -> None:
        super().__init__(store, life)
        self._store = store
        self._watcher = watcher
        self.full = False
        self.refused = 0

    async def check(self) -> None:
        self._life.step()
        self._refuse_if_full()
        await self._store.check()

    def _refuse_if_full(self) -> None:
        if self.full:
            self.refused += 1
            message = "state.db: database or disk is full"
            raise StoreFault(message)

    async def commit(self, commit: Commit, now: datetime) -> Sequence[int]:
        self._life.step()
        self._refuse_if_full()
        seqs = await self._store.commit(commit, now)
        await self._watcher.committed(commit)
        self._life.step(again=True)
        return seqs


class WatchedDestination(FakeDestination):
    """Where people look; somebody sees to it that no promise is broken there."""

    watcher: Watcher

    async def deliver(self, rooms: Sequence[DeliveredRoom], now: datetime) -> None:
        await super().deliver(rooms, now)
        self.watcher.shown(rooms)


class KeptAdoptions:
    """The list of what was adopted and disowned; nobody rebuilds from it here."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def record(self, entries: Sequence[Entry]) -> None:
        self.entries.extend(entries)


class Stage:
    """One installation; made by `staged`."""

    def __init__(
        self,
        api: Memory,
        weather: Weather,
        clock: LoopClock,
        folder: Path,
        seed: int,
        pace: Pace,
    ) -> None:
        self.api = api
        self._weather = weather
        self.true_clock = clock
        self.clock = SetClock(START)
        self.audit = FakeAudit()
        self.destination = WatchedDestination("rooms-json")
        self.sources = FakeSources()
        self.board = FakeBoard()
        self.adoptions = KeptAdoptions()
        self.targets = Targets()
        self.life = Life()
        self.limits = LIMITS
        self._file = folder / "state.db"
        self._seed = seed
        self._lives = 0
        self._pace = pace
        self._store: SqliteStore | None = None
        self._engine: Engine | None = None
        self._timer: LoopTimer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def engine(self) -> Engine:
        assert self._engine is not None
        return self._engine

    @property
    def store(self) -> SqliteStore:
        """The store itself, for whoever looks: nobody dies of that."""
        assert self._store is not None
        return self._store

    @property
    def tells_sessions(self) -> bool:
        """Whether this API tells who is inside."""
        return self._weather.tells_sessions

    def tells_ended(self, room_id: str, now: datetime) -> bool:
        """Whether reads come from a copy that has a room at its end, whatever it really is."""
        return self._weather.replica.tells_ended(room_id, now)

    @property
    def is_empty(self) -> bool:
        """Whether an empty backend answers."""
        return self._weather.is_empty

    @property
    def listings_lag(self) -> timedelta:
        """How old a listing may be in a weather in which creates are late as well."""
        return self._weather.lag

    @property
    def alive(self) -> bool:
        return self._task is not None

    @property
    def desk(self) -> EngineDesk:
        whence = Whence("config.yaml", "0", self.clock.now())
        return EngineDesk(self.engine, whence, running=True)

    async def begin(self, watcher: Watcher) -> None:
        """Begin a life."""
        assert self._task is None
        self.life = self.clock.life = life = Life(self.targets)
        # What a life draws for itself shifts nothing in the world, nor in another life.
        self._lives += 1
        chance = random.Random(f"{self._seed} life {self._lives}")
        self._store = store = await SqliteStore.open(self._file)
        self.destination.watcher = watcher
        transport = Wire(self.api, self._weather, life, watcher)
        account = Account(APPLICATION, KEY)
        client = connect(
            transport, account, self.clock, LIMITS_OF_CALLS, root=BASE, jitter=chance.random
        )

        async def recalled(path: str) -> None:
            life.step()  # it may die there, as at the listing itself
            await watcher.answered("GET", path, 200)

        rooms: Any = RecalledRooms(client, self._settled, recalled)
        self._timer = LoopTimer(self.clock)
        self.disk = WatchedStore(store, life, watcher)
        board: Any = Mortal(self.board, life)
        adoptions: Any = Mortal(self.adoptions, life)
        sources: Any = Mortal(self.sources, life)
        destination: Any = Mortal(self.destination, life)
        outside = Outside(
            store=self.disk,
            rooms=rooms,
            audit=Mortal(self.audit, life),
            sources=sources,
            timer=self._timer,
            clock=self.clock,
            destinations={"rooms-json": destination},
            boards={"operators": board},
            adoptions=adoptions,
            entropy=chance.randbytes,
            jitter=chance.random,
        )
        settings = EngineSettings(
            owner=OWNER,
            url=URL,
            mode=Mode.ENFORCE,
            resync_interval=self._pace.resync,
            limits=self.limits,
            store_check=timedelta(days=1),
            probe=self._pace.probe,
        )
        self._engine = assemble(settings, outside)
        self._task = asyncio.get_running_loop().create_task(self._engine.run(), name="engine")
        self._task.add_done_callback(self._ended)

    async def _settled(self) -> object:
        mark = await self._weather.settled()
        # A clock that is set wants to be told the time anew.
        return None if mark is None else (mark, self.clock.off)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # Whether it died or fell over: the rest of the world notices at once.
        self.life.ended.set()

    async def stop(self) -> None:
        """End the life in order; it may die on the way."""
        self.engine.stop()
        await self.life.ended.wait()

    async def bury(self) -> None:
        """Clear away what a dead life left; raises what it fell over, if it did not die."""
        task, self._task = self._task, None
        assert task is not None
        died, self.life.over = self.life.over, True
        fell = task.exception() if task.done() and not task.cancelled() else None
        task.cancel()
        with contextlib.suppress(BaseException):
            await task
        if self._timer is not None:
            await self._timer.close()
        await self.store.close()
        # One that cannot even record its start ends, and is started again.
        full = isinstance(fell, StoreFault) and self.disk.full
        if not died and fell is not None and not full:
            raise fell

    @property
    def clock_is_right(self) -> bool:
        return self.clock.now() == self.true_clock.now()

    async def pass_alone(self, length: timedelta) -> None:
        """Let time pass while no daemon runs."""
        await self.true_clock.sleep(length.total_seconds())

    async def pass_(self, length: timedelta) -> bool:
        """Let time pass; false if the daemon's life ended before."""
        loop = asyncio.get_running_loop()
        passed = loop.create_future()
        handle = loop.call_later(length.total_seconds(), _pass, passed)
        ended = loop.create_task(self.life.ended.wait(), name="ended")
        try:
            await asyncio.wait({passed, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            handle.cancel()
            ended.cancel()
        return not self.life.ended.is_set()


def _pass(passed: asyncio.Future[None]) -> None:
    if not passed.done():
        passed.set_result(None)


@asynccontextmanager
async def staged(folder: Path, seed: int, pace: Pace, weather: Weather) -> AsyncIterator[Stage]:
    """An installation whose API is as ``weather`` says."""
    clock = LoopClock(START)
    fresh = pace.token - timedelta(minutes=5)
    pem = public_pem(KEY)
    settings = ServerSettings(
        applications=(
            Application(id=APPLICATION, public_key=pem),
            Application(id=OTHER_APPLICATION, public_key=pem),
        ),
        retention=timedelta(days=3),  # a listing is most of what a quiet year costs
    )
    with patch.multiple(tokens, LIFETIME=pace.token, _FRESH=fresh), reading_once():
        async with weather.opened(settings, clock) as api:
            stage = Stage(api, weather, clock, folder, seed, pace)
            try:
                yield stage
            finally:
                if stage.alive:
                    await stage.bury()
