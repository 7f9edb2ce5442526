"""A whole engine on fakes, in virtual time: what component tests and crash tests stand on.

A `World` has an API, a store, an audit, a destination and a policies folder, which outlive the
engine; `start`, `stop` and `crash` begin and end the engine's lives.  Time passes only by `pass_`,
which goes from one due moment to the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar

from orchestrator.app.build import Outside, assemble
from orchestrator.domain.brakes import Limits
from orchestrator.domain.changetimes import AT_ANY_TIME
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import Key, parse_key
from orchestrator.domain.links import NO_LINKS
from orchestrator.domain.pages import Signal
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState, RoomRecord
from orchestrator.domain.reports import Person
from orchestrator.domain.rooms import Observed
from orchestrator.engine.desk import EngineDesk
from orchestrator.engine.overview import Whence
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.adoptions import Adoptions
from orchestrator.ports.archives import Archive
from orchestrator.ports.deliveries import LinkBoard, Messenger
from orchestrator.ports.directories import Directories
from orchestrator.ports.intake import Receipt
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.recordings import Recordings
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.sources import Folder
from orchestrator.ports.tracing import UNTRACED, Tracer
from tests.fakes.audit import FakeAudit
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.deliveries import FakeBoard, FakeDestination
from tests.fakes.rooms import FakeRooms
from tests.fakes.sources import FakeSources
from tests.fakes.store import FakeStore
from tests.fakes.themes import FakeThemes
from tests.fakes.timer import HandCrankedTimer

OWNER: Final = "acme"
URL: Final = "https://meetings.test/v1/meetings"
HOUR: Final = timedelta(hours=1)
ANNA: Final = Person("anna (uid 1001)", "OPS-4711")
# Wide enough that no brake trips where brakes are not what is tested.
WIDE: Final = Limits(max_removals=10_000)

# Within this a destination is told what changed.
_TOLD: Final = timedelta(milliseconds=500)

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Inline(ThreadPoolExecutor):
    """Runs work at once in the caller's thread: virtual time does not wait for real threads."""

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        done: Future[Result] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits the result
            done.set_exception(error)
        return done


def policy(
    name: str = "team-rooms",
    subjects: Sequence[object] = ("checkout", "search"),
    *,
    room: Mapping[str, Any] | None = None,
    for_each: Mapping[str, Any] | None = None,
    **rest: Any,
) -> bytes:
    """A policy file: a long-term room a subject, delivered, unless told otherwise."""
    items = [
        {"slug": one, "name": one.title()} if isinstance(one, str) else one for one in subjects
    ]
    source: dict[str, Any] = {"items": items, "as": "team", "key": "{{ team.slug }}"}
    source |= for_each or {}
    if source.keys() & {"file", "http"}:
        del source["items"]
    document = {
        "version": 1,
        "name": name,
        "for_each": source,
        "room": {
            "type": "long_term",
            "display_name": "{{ team.name }} room",
            "lifetime": "365d",
            **(room or {}),
        },
        "deliver": [{"to": "rooms-json"}],
        **rest,
    }
    return json.dumps(document, indent=1).encode()  # JSON is YAML


class World:
    """One installation, through as many lives of its engine as a test wants."""

    def __init__(
        self,
        policies: Mapping[str, bytes] | None = None,
        *,
        mode: Mode = Mode.ENFORCE,
        limits: Limits = WIDE,
        resync: timedelta = HOUR,
        workers: int = 8,
        api: Callable[[VirtualClock], Rooms] | None = None,
        adoptions: Adoptions | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.store = FakeStore()
        self.fake = FakeRooms(self.clock)
        self.rooms: Rooms = self.fake if api is None else api(self.clock)
        self.themes: FakeThemes | None = None
        self.recordings: Recordings | None = None
        self.archives: dict[str, Archive] = {}
        self.audit = FakeAudit()
        self.destination = FakeDestination("rooms-json")
        self.messengers: dict[str, Messenger] = {}
        self.in_page: Mapping[str, frozenset[str]] = {}
        self.board = FakeBoard()
        self.sources = FakeSources()
        self.sources.policies.update(
            {"team-rooms.yaml": policy()} if policies is None else policies
        )
        self.mode = mode
        self.limits = limits
        self.change_times = AT_ANY_TIME
        self.resync = resync
        self.workers = workers
        self.adoptions = adoptions
        self.directories: Directories | None = None
        self.secrets: Mapping[str, SecretUse] | None = None
        self.links = NO_LINKS
        self.calendars: tuple[str, ...] = ()
        self.link_boards: dict[str, LinkBoard] = {}
        self.meter: Meter = UNMETERED
        self.tracer: Tracer = UNTRACED
        self.settle: Callable[[], Any] = self._settle
        self.timer = HandCrankedTimer()
        self._engine: Engine | None = None
        self._task: asyncio.Task[None] | None = None
        self._marks = (0, 0)

    # --- lives ---

    def build(self) -> Engine:
        """An engine on this world, not started."""
        asyncio.get_running_loop().set_default_executor(Inline())
        settings = EngineSettings(
            owner=OWNER,
            url=URL,
            mode=self.mode,
            resync_interval=self.resync,
            workers=self.workers,
            limits=self.limits,
            changes=self.change_times,
        )
        self.timer = HandCrankedTimer()
        outside = Outside(
            store=self.store,
            rooms=self.rooms,
            themes=self.themes,
            recordings=self.recordings,
            archives=self.archives,
            audit=self.audit,
            sources=self.sources,
            timer=self.timer,
            clock=self.clock,
            destinations={"rooms-json": self.destination, **self.link_boards},
            messengers=self.messengers,
            boards={"rooms-json": self.board},
            adoptions=self.adoptions,
            directories=self.directories,
            secrets=self.secrets,
            links=self.links,
            calendars=self.calendars,
            in_page=self.in_page,
            meter=self.meter,
            tracer=self.tracer,
        )
        return assemble(settings, outside)

    async def start(self) -> None:
        """Begin a life of the engine and let it come to rest."""
        assert self._task is None, "it runs already"
        self._engine = self.build()
        self._task = asyncio.get_running_loop().create_task(self._engine.run(), name="engine")
        await self.settle()
        await self.pass_(_TOLD)

    async def stop(self) -> None:
        """End it in order."""
        self.engine.stop()
        task, self._task = self._task, None
        assert task is not None
        while not task.done():
            await self.settle()
            moment = self.clock.next_wakeup()
            if not task.done():
                assert moment is not None, "the engine does not end"
                self.clock.advance_to(moment)
        task.result()

    async def crash(self) -> None:
        """End it as a kill would: whatever it waits for never comes."""
        task, self._task = self._task, None
        assert task is not None
        task.cancel()
        with contextlib.suppress(BaseException):
            await task
        # What a turn shielded from its cancellation.
        await settle()

    async def end(self) -> None:
        """The test is over: an engine that ended by itself tells why."""
        task = self._task
        if task is None:
            return
        if task.done():
            task.result()
        await self.crash()

    async def restart(self) -> None:
        """Another life on the same store, as after a kill."""
        await self.crash()
        await self.start()

    @property
    def engine(self) -> Engine:
        assert self._engine is not None, "it was not started"
        return self._engine

    @property
    def over(self) -> bool:
        """Whether the engine ended by itself."""
        return self._task is not None and self._task.done()

    @property
    def desk(self) -> EngineDesk:
        """The desk of the present engine."""
        return EngineDesk(
            self.engine,
            Whence("config.yaml", "0", self.clock.now()),
            running=self._task is not None,
        )

    def offline(self) -> tuple[Engine, EngineDesk]:
        """An engine for one command while no daemon runs, neither prepared nor looked, its desk."""
        engine = self.build()
        return engine, EngineDesk(
            engine, Whence("config.yaml", "0", self.clock.now()), running=False
        )

    # --- time ---

    async def working(self) -> bool:
        """Wait for what is done elsewhere than in the loop; false if there was nothing."""
        return False

    async def _settle(self) -> None:
        """Let the engine work until nothing is left but waiting for time."""
        idle = 0
        while idle < 40:
            await settle(25)
            if await self.working():
                idle = 0
            elif self._engine is None or self._engine.parts.inbox.empty:
                break
            else:
                idle += 1  # it may wait for time, in the middle of a turn
        await settle(25)

    def next_moment(self, end: datetime, step: timedelta) -> datetime:
        """What comes next: something due on the agenda, a step, or the end."""
        now = self.clock.now()
        moments = [end, now + step]
        parts = self.engine.parts
        due, opens = parts.agenda.next_moment, parts.occurrences.next_moment
        if due is not None:
            moments.append(max(due, now + timedelta(milliseconds=1)))
        moments += [
            one for one in (opens, parts.pages.next_moment) if one is not None and one > now
        ]
        return min(moments)

    async def pass_(self, length: timedelta, *, step: timedelta | None = None) -> None:
        """Let time pass, from one due moment to the next, at most ``step`` at once."""
        end = self.clock.now() + length
        while self.clock.now() < end:
            self.clock.advance_to(self.next_moment(end, step or self.resync / 4))
            self.timer.fire_due(self.clock.now())
            await self.settle()

    # --- pages ---

    async def send(self, *signals: Signal, wait: timedelta = timedelta()) -> list[Receipt]:
        """What a paging system tells, through the port that its webhooks drive."""
        pages = self.engine.parts.pages
        task = asyncio.get_running_loop().create_task(pages.received(signals, wait), name="page")
        await self.settle()
        return [*await task]

    # --- the folder ---

    async def edit(
        self, files: Mapping[str, bytes | None] | None = None, **data: bytes | None
    ) -> None:
        """Write policy files (None takes one away) and data files (``teams_yaml=…``)."""
        for name, content in (files or {}).items():
            _put(self.sources.policies, name, content)
        for name, content in data.items():
            _put(self.sources.data, name.replace("_", "."), content)
        self.sources.announce()
        await self.settle()
        await self.pass_(_TOLD)

    def folder(self, files: Mapping[str, bytes]) -> Folder:
        """A candidate."""
        return Folder(dict(files), dict(self.sources.data), themes=dict(self.sources.themes))

    # --- what is seen ---

    def mark(self) -> None:
        """From here on `calls` and `facts` count."""
        self._marks = (len(self.fake.asked), self.facts_so_far)

    @property
    def facts_so_far(self) -> int:
        return sum(len(commit.facts) for commit in self.store.commits)

    @property
    def facts(self) -> list[Fact]:
        """Facts since the mark."""
        every = [fact for commit in self.store.commits for fact in commit.facts]
        return every[self._marks[1] :]

    @property
    def events(self) -> list[str]:
        """Their names, but for those that tell of an intent or of a delivery."""
        quiet = {"operation.started", "delivery.sent"}
        return [fact.event for fact in self.facts if fact.event not in quiet]

    @property
    def calls(self) -> list[str]:
        """Methods of the port since the mark, in order."""
        return [asked.method for asked in self.fake.asked[self._marks[0] :]]

    @property
    def changes(self) -> list[str]:
        """Those that would change something."""
        return [asked.method for asked in self.fake.asked[self._marks[0] :] if asked.changes]

    @property
    def alive(self) -> list[Observed]:
        """The API's own table."""
        return list(self.fake.alive)

    @property
    def names(self) -> list[str]:
        """The names of the rooms that live."""
        return sorted(room.display_name for room in self.alive)

    async def state(self, key: str) -> KeyState:
        found = await self.store.state(parse_key(key))
        assert found is not None, f"nothing is remembered of {key}"
        return found

    async def room(self, key: str) -> RoomRecord:
        """The current room of a key."""
        found = (await self.state(key)).current
        assert found is not None, f"{key} has no room"
        return found

    async def ids(self) -> dict[str, str]:
        """The id of the current room by key."""
        return {
            str(state.key): state.current.id
            for state in await self.store.states()
            if state.current is not None
        }

    def holds(self, key: str) -> set[str]:
        """What stands before something for a key, in one word each."""
        return {hold.by for hold in self.engine.reconciler.last_holds.get(parse_key(key), ())}

    def one(self, event: str) -> Fact:
        """The one fact of that name since the mark."""
        found = [fact for fact in self.facts if fact.event == event]
        assert len(found) == 1, [fact.event for fact in self.facts]
        return found[0]


def _put(folder: dict[str, Any], name: str, content: bytes | None) -> None:
    if content is None:
        folder.pop(name, None)
    else:
        folder[name] = content


@asynccontextmanager
async def alive(world: World) -> AsyncIterator[World]:
    """Run a world's engine for the length of the block; it must not end by itself."""
    await world.start()
    try:
        yield world
    finally:
        await world.end()


def running(*args: Any, **options: Any) -> AbstractAsyncContextManager[World]:
    """A world whose engine runs."""
    return alive(World(*args, **options))


def keys_of(facts: Iterable[Fact]) -> list[str]:
    return [fact.key for fact in facts]


def key(text: str) -> Key:
    return parse_key(text)
