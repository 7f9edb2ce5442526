"""The rehearsal: the real engine and the real client, on a copy of the store, in virtual time.

Here the client meets the Meetings server in memory: mypy proves that the one fits the other.  It
calls nobody, reads no secret and leaves nothing behind: the store is a copy, the audit keeps no
line, destinations are told nothing, directories are not asked.  What stands outside of the store is
not known to it: rooms that are not ours, and who meets where.
"""

from __future__ import annotations

import asyncio
import math
import random
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.adapters.audit.memory import MemoryAudit
from orchestrator.adapters.meetings.rooms import Account as Credentials
from orchestrator.adapters.meetings.rooms import connect
from orchestrator.adapters.meetings.transport import Answer, Transport
from orchestrator.adapters.policies.adopted import NAME as ADOPTED
from orchestrator.adapters.store.peek import copy_store
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.adapters.virtual import LoopClock, LoopTimer
from orchestrator.app.build import (
    Outside,
    StartError,
    assemble,
    check_pins,
    engine_settings,
    press_limits,
)
from orchestrator.app.directories import uses
from orchestrator.app.embedded import Api, application_id
from orchestrator.app.links import calendars
from orchestrator.app.planting import plant, take_links
from orchestrator.app.seam import remembered_head
from orchestrator.app.validate import read_folder
from orchestrator.config.destinations import open_to_all
from orchestrator.config.settings import Calls, EmbeddedMeetings, RemoteMeetings, Settings
from orchestrator.domain.keys import Key
from orchestrator.domain.policies import Directory, Mode
from orchestrator.domain.records import KeyState
from orchestrator.domain.rehearsal import Account, Minutes, alike, unmet_floor
from orchestrator.domain.reports import RehearsalReport, RehearsedCalls, Unmet
from orchestrator.engine.book import Book
from orchestrator.engine.executor import VERIFIED
from orchestrator.engine.occurrences import schedules
from orchestrator.engine.polling import source_of
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.showing import held_line
from orchestrator.engine.supervisor import Engine
from orchestrator.foundation.secret import Secret
from orchestrator.foundation.virtual_time import run_virtually
from orchestrator.meetings_server import Application, Memory
from orchestrator.meetings_server import Settings as ServerSettings
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from orchestrator.ports.directories import Fetched, Validators
from orchestrator.ports.sources import Folder
from orchestrator.ports.store import StoreFault

_ROOT: Final = "/v1/meetings"
_KEY_BITS: Final = 2048
_SEED: Final = 1
_STEPS: Final = 400  # of progress, at least an hour each
# Nothing changes behind the back of a rehearsal, so it lists as seldom as keeps it quick: so many
# listings in all, and so many rooms in all of them.
_LISTINGS: Final = 200
_LISTED: Final = 100_000
_LOOK: Final = timedelta(hours=6)  # between two looks at a clock that never jumps
# Waiting a little is no trouble, and a brake is told when it trips.
_WAITING: Final = frozenset({"back-off", "settle", "grace", "first-listing", "not-seen", "brake"})

Progress = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when."""

    start: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """Policies that are not in force: the folder as people call it, and what is in it."""

    name: str
    folder: Folder


def rehearse(
    settings: Settings,
    span: Span,
    candidate: Candidate | None = None,
    progress: Progress = lambda _: None,
) -> RehearsalReport:
    """Rehearse an installation; Ctrl-C ends it early, with what was found so far.

    Args:
        settings: of the installation; where they say observe, enforce is rehearsed.
        span: the time to rehearse.
        candidate: policies that are not in force, instead of the installation's.
        progress: told now and then how far it has come.

    Raises:
        DeskError: the store cannot be copied, or does not belong to this config.
        KeyboardInterrupt: it was ended before it had begun.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="room-orchestrator-") as place:
            copy = Path(place) / "store.db"
            copy_store(settings.store, copy)
            stage = _Stage(settings, span, candidate, progress, copy)
            return run_virtually(stage.play())
    except (StoreFault, StartError) as fault:
        raise DeskError(str(fault)) from fault


@dataclass(frozen=True, slots=True)
class _Stage:
    """One rehearsal."""

    settings: Settings
    span: Span
    candidate: Candidate | None
    progress: Progress
    copy: Path

    async def play(self) -> RehearsalReport:
        settings, clock = self.settings, LoopClock(self.span.start)
        chance = random.Random(_SEED)  # noqa: S311 - each rehearsal is to be the same
        api, calls = _api(settings), settings.meetings.calls
        async with AsyncExitStack() as stack:
            store = await SqliteStore.open(self.copy, durable=False)
            stack.push_async_callback(store.close)
            await check_pins(store, settings.owner, api, clock, repin=False)
            key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
            application = Application(id=api.application_id, public_key=_public_half(key))
            memory = await stack.enter_async_context(
                Memory.opened(
                    ServerSettings(applications=(application,)), clock, entropy=chance.randbytes
                )
            )
            credentials = Credentials(api.application_id, key)
            states = await store.states()
            known = await plant(memory, api.application_id, settings.owner, states)
            aside = connect(memory, credentials, clock, root=_ROOT)
            await take_links(aside, store, states, clock)
            counted = _Counted(memory, clock)
            limits = press_limits(calls)
            rooms = connect(counted, credentials, clock, limits, root=_ROOT, jitter=chance.random)
            folder = (
                read_folder(settings.policies) if self.candidate is None else self.candidate.folder
            )
            scheduled: set[str] = set()
            account = Account(clock.now(), states, scheduled)
            outside = Outside(
                store=store,
                rooms=rooms,
                audit=MemoryAudit(account.take, await remembered_head(store)),
                sources=_Still(_without_list(folder)),
                timer=LoopTimer(clock),
                clock=clock,
                destinations={},
                directories=_Unasked(),
                secrets=uses(settings.directories),
                named=frozenset(settings.destinations),
                calendars=calendars(settings),
                open_to_all=open_to_all(settings.destinations),
                jitter=chance.random,
            )
            url = await store.note(VERIFIED) or api.url
            engine = assemble(self._engine_settings(url), outside)
            engine.parts.gathering.believes_silence = False  # nobody meets here, as people will
            book = await engine.reload.read()
            scheduled.update(policy.name for policy, _ in schedules(book))
            every = listed_every(self.span, max(known, len(book.wishes)), settings.resync_interval)
            engine.settings = replace(engine.settings, resync_interval=every)
            reached = await self._pass_time(engine, clock)
            return await self._report(engine, account, counted, _Came(known, reached))

    def _engine_settings(self, url: str) -> EngineSettings:
        usual = engine_settings(self.settings, url)
        mode = Mode.ENFORCE if usual.mode is Mode.OBSERVE else usual.mode
        return replace(usual, mode=mode, probe=_LOOK, store_check=_LOOK)

    async def _pass_time(self, engine: Engine, clock: LoopClock) -> datetime:
        """Let the engine work until the end, or until Ctrl-C; how far it came."""
        left = (self.span.until - clock.now()).total_seconds()
        step = max(left / _STEPS, 3600.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(engine.run(), name="engine")
            try:
                while (left := (self.span.until - clock.now()).total_seconds()) > 0:
                    await clock.sleep(min(step, left))
                    self.progress(clock.now())
            except asyncio.CancelledError:
                # A person has seen enough; or the engine failed, and the group will tell its error.
                this = asyncio.current_task()
                if this is not None:
                    this.uncancel()
            reached = clock.now()
            engine.stop()
        return reached

    async def _report(
        self, engine: Engine, account: Account, counted: _Counted, came: _Came
    ) -> RehearsalReport:
        settings, book = self.settings, engine.reconciler.book
        states = {state.key: state for state in await engine.parts.store.states()}
        wanted = [key for key, wish in book.wishes.items() if wish.occurrence is None]
        opened = {act.key.partition("/")[0] for act in account.acts if act.act == "create"}
        next_rows = engine.parts.occurrences.upcoming(book, 1)
        coming = {row.key.partition("/")[0]: row for row in next_rows}
        idle = [policy.name for policy, _ in schedules(book) if policy.name not in opened]
        calls = settings.meetings.calls
        return RehearsalReport(
            config=str(settings.file),
            policies="" if self.candidate is None else self.candidate.name,
            mode=str(engine.settings.mode),
            config_mode=str(settings.mode),
            start=self.span.start,
            until=self.span.until,
            reached=came.reached,
            known=came.known,
            wanted=len(wanted),
            standing=sum(state.current is not None for state in states.values()),
            meetings=account.meetings,
            acts=tuple(account.acts),
            months=account.months,
            calls=counted.told(calls, settings.resync_interval, engine.settings.resync_interval),
            renewals=account.renewals,
            unmet=(
                *_wanting(engine, account, states, wanted, early=came.reached < self.span.until),
                *account.failures,
                *unmet_floor(account.renewals),
                *_held(engine, states),
            ),
            openings=tuple(coming[name] for name in idle if name in coming),
            never=tuple(name for name in idle if name not in coming),
            unasked=tuple(_unasked(book, states)),
            problems=book.problems,
        )


@dataclass(frozen=True, slots=True)
class _Came:
    """With how many rooms a rehearsal began, and how far it came."""

    known: int
    reached: datetime


class _Counted:
    """A transport that counts what leaves by it, by the minute."""

    def __init__(self, inner: Transport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._minutes = Minutes()
        self._listings = 0
        self._pages = 0  # of the listing under way
        self._longest = 0

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        self._minutes.add(self._clock.now())
        if method == "GET" and path == f"{_ROOT}/rooms":
            self._listings += 1
            self._pages = self._pages + 1 if "start_id" in query else 1
            self._longest = max(self._longest, self._pages)
        elif method == "GET" and path == f"{_ROOT}/sessions":
            self._listings += 1
        return await self._inner.send(method, path, query, headers, body)

    def told(self, calls: Calls, every: timedelta, rehearsed: timedelta) -> RehearsedCalls:
        """What was counted, against what the config allows."""
        busiest, at = self._minutes.busiest(self._clock.now())
        limits = press_limits(calls)
        return RehearsedCalls(
            total=self._minutes.counts.total(),
            listings=self._listings,
            limit=math.floor(calls.rate * 60) + limits.burst,
            rate=calls.rate,
            busiest=busiest,
            busiest_at=at,
            at_limit=self._minutes.full(max(math.floor(calls.rate * 60), 1)),
            pages=self._longest + 1,
            listed_every=every,
            rehearsed_every=rehearsed,
        )


def _without_list(folder: Folder) -> Folder:
    """A folder without its list of adopted rooms: those that are not ours yet are not known here.

    Each is made anew instead, so that what comes after is seen.
    """
    data = {name: content for name, content in folder.data.items() if name != ADOPTED}
    return replace(folder, data=data)


class _Still:
    """A policies folder that stays as it was read."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def read(self) -> Folder:
        return self._folder

    async def changed(self) -> None:
        await asyncio.get_running_loop().create_future()


class _Unasked:
    """Directories that are not asked: no answer comes, so what the store knows holds (P4)."""

    async def fetch(self, directory: Directory, known: Validators) -> Fetched:  # noqa: ARG002
        answer: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        return await answer


def listed_every(span: Span, rooms: int, usual: timedelta) -> timedelta:
    """How often a rehearsal lists: never oftener than the daemon, seldom enough to be quick."""
    length = span.until - span.start
    return max(usual, length / _LISTINGS, length * rooms / _LISTED)


def _api(settings: Settings) -> Api:
    """What the daemon's API is called; no key of it is read."""
    match settings.meetings:
        case EmbeddedMeetings() as meetings:
            url = f"http://{meetings.host}:{meetings.port}{_ROOT}"
            pinned = f"embedded:{meetings.database}"
            return Api(url, application_id(settings.owner), Secret(""), pinned)
        case RemoteMeetings(url=url, application_id=application):
            return Api(url, application, Secret(""), url)


def _public_half(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode("ascii")


def _wanting(
    engine: Engine,
    account: Account,
    states: Mapping[Key, KeyState],
    wanted: Collection[Key],
    *,
    early: bool,
) -> tuple[Unmet, ...]:
    """Rooms that are asked for and lost or not there, and removals that wait for a person."""
    names = {str(key) for key in wanted}
    rows = [
        Unmet("lost", act.key, act.reason, act.at) for act in account.losses if act.key in names
    ]
    for key in sorted(wanted):
        if _stands(states, key):
            continue
        holds = engine.reconciler.last_holds.get(key, ())
        if any(hold.by == "mode" for hold in holds):
            continue  # its own policy wishes it so; told as held
        if early and all(hold.by in _WAITING for hold in holds):
            continue  # its turn had not come
        why = "; ".join(f"{hold.by}: {hold.reason}" for hold in holds)
        rows.append(Unmet("missing", str(key), why or "its turn had not come by then"))
    rows.extend(
        Unmet("brake", keys[0] if keys else "", reason, at, max(len(keys) - 1, 0))
        for at, reason, keys in account.brakes
    )
    return alike(rows)


def _held(engine: Engine, states: Mapping[Key, KeyState]) -> tuple[Unmet, ...]:
    """What else would be done at the end, but for something that may be meant."""
    rows: list[Unmet] = []
    for key, holds in sorted(engine.reconciler.last_holds.items()):
        for hold in holds:
            line = held_line(states.get(key) or KeyState(key), hold)
            if line is not None and hold.by not in _WAITING:
                rows.append(Unmet("held", str(key), f"{line.action} ({hold.by}): {hold.reason}"))
    return alike(rows)


def _stands(states: Mapping[Key, KeyState], key: Key) -> bool:
    state = states.get(key)
    return state is not None and state.current is not None


def _unasked(book: Book, states: Mapping[Key, KeyState]) -> Iterator[str]:
    for name in sorted(book.awaited):
        source = source_of(book.policies[name])
        rooms = sum(key.policy == name and bool(state.rooms) for key, state in states.items())
        if source is not None:
            yield f"{name}: {source.directory.shown}; the {rooms:,} rooms of the store are kept"
