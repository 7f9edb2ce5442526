"""The supervisor: the engine's loops as named tasks, from the first listing to an orderly end.

A loop that ends before it was asked to is a failure and ends them all: a daemon that half works is
worse than one that systemd restarts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.keys import Key, decode_subject
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import HealthReport, ReadinessReport, SenderRow
from orchestrator.domain.rooms import Observed
from orchestrator.engine.chronicle import EngineChronicle
from orchestrator.engine.dispatcher import Dispatcher
from orchestrator.engine.feed import Feeds
from orchestrator.engine.health import Pulse, Vitals
from orchestrator.engine.inbox import Lane
from orchestrator.engine.links import Links
from orchestrator.engine.outbox import Outbox
from orchestrator.engine.pagelinks import PageLinks
from orchestrator.engine.polling import Polling
from orchestrator.engine.reconciler import Parts, Reconciler
from orchestrator.engine.reload import Reload
from orchestrator.engine.retention import Retention
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.weather import PROBE_EVERY
from orchestrator.ports.store import Commit, StoreFault

_log = structlog.get_logger(__name__)
_STORE_CHECK_TAKES = 120.0  # seconds at most: it waits for its turn at the store's one thread
_STORE_RETRY = 15.0
_HURRIED = 5.0  # seconds until a listing tries an API that does not answer
_WANTED_SOONEST = 60.0  # seconds between a listing and the next that a missing room asks for
_DOUBTED = 300.0  # seconds until a listing that was not believed is made again
_FIRST_RETRY = 5.0  # seconds between attempts at the first listing, doubling to a minute
_SET_BACK = 10.0  # seconds within a minute: no clock is slewed by so much


class EndedEarlyError(RuntimeError):
    """A loop that should run for ever ended."""


class Engine:
    """Everything that runs, as one thing with a beginning and an end."""

    def __init__(
        self,
        parts: Parts,
        reconciler: Reconciler,
        reload: Reload,
        outbox: Outbox,
        polling: Polling,
        settings: EngineSettings,
    ) -> None:
        """Run these parts."""
        self.parts = parts
        self.reconciler = reconciler
        self.reload = reload
        self.outbox = outbox
        self.polling = polling
        self.settings = settings
        self.retention = Retention(parts, outbox, settings)
        self.vitals = Vitals(parts.clock)
        self._longest = settings.longest_turn.total_seconds()
        self._dispatcher = Dispatcher(
            parts.inbox, reconciler.turn, settings.workers, self.vitals, self._longest
        )
        self._stopping = asyncio.Event()
        self.jitter: Callable[[], float] = random.random
        """Numbers in [0, 1) by which listings spread; seeded where a run is to be repeated."""
        self.links = Links(parts, reconciler)
        """What stands behind our own links."""
        self.links.pages = self.page_links = PageLinks(
            parts.pages, self.links, parts.rooms, parts.clock
        )
        self.feeds = Feeds(parts, reconciler, self.links, settings)
        """The calendars of scheduled rooms."""
        self.chronicle = EngineChronicle(parts.store)
        """Facts for people who look."""
        self.senders: Callable[[], Sequence[SenderRow]] = tuple
        """The sources of pages, as the door saw them; set by whoever has the door."""
        self.page = ""
        """Where the status page is; set by whoever has the door."""
        self.ready = asyncio.Event()
        """Store and policies are there; the API may be away (an outage is no reason to restart)."""
        self.links.known = self.ready.is_set
        self.refusal = ""
        """Why nothing at all is done, or an empty text."""
        self.rejected = ""
        """Why the config.yaml that was found last is not the one in force, or an empty text."""

    async def prepare(self) -> None:
        """Recall what was held, approved and heard, and load the policies; no call to the API."""
        await self._recall()
        await self.parts.alerts.recall()
        await self.parts.messages.recall()
        await self.parts.freezes.settle()
        await self.reload.load("start")
        await self.parts.pages.complete()

    async def _recall(self) -> None:
        await self.parts.lineage.recall()
        await self.parts.brakes.recall()
        await self.parts.freezes.recall()
        await self.parts.resync.absences.recall()
        await self.parts.hints.recall()
        await self.parts.wardrobe.recall()
        await self.parts.pages.recall()
        if self.parts.recorder.present:
            await self.parts.recorder.recall()

    async def look(self) -> None:
        """Know what a question needs: nothing is written, moved or put in force."""
        await self._recall()
        self.parts.freezes.look()
        self.reconciler.book = await self.reload.read()
        self.outbox.book = self.reconciler.book
        self.links.known = lambda: True
        self.polling.follow(self.reconciler.book.policies.values())

    async def ask_directories(self) -> None:
        """Ask the directories of the policies in force, for one command without a daemon."""
        if await self.polling.ask_all():
            self.reconciler.book = await self.reload.read()
            self.outbox.book = self.reconciler.book

    async def _poll(self, pulse: Pulse) -> None:
        await self.polling.run(pulse, self.reload.load)

    async def run(self, started: dict[str, Json] | None = None) -> None:
        """Work until `stop`, then finish what was begun.

        Raises:
            ExceptionGroup: a loop failed; everything else was ended first.
        """
        await self.tell(Fact("daemon.started", detail=started or {}))
        await self.prepare()
        self.ready.set()
        self.vitals.expect("agenda", idle=lambda: not self.parts.agenda.overdue)
        self.vitals.expect("asking", idle=lambda: not self.polling.stalled)
        async with asyncio.TaskGroup() as carriers:
            carriers.create_task(self.outbox.run(self.vitals), name="outbox")
            carriers.create_task(self.parts.messages.run(self.vitals), name="messages")
            try:
                async with asyncio.TaskGroup() as group:
                    worker = group.create_task(self._dispatcher.run(), name="dispatcher")
                    loops: dict[str, Callable[[Pulse], Coroutine[Any, Any, None]]] = {
                        "resync": self._resync,
                        "probe": self._probe,
                        "watch": self.reload.watch,
                        "schedules": self.reload.follow,
                        "pages": self.parts.pages.run,
                        "directories": self._poll,
                        "store-check": self._check_store,
                        "retention": self.retention.run,
                        "alerts": self.parts.alerts.run,
                        "freezes": self.parts.freezes.run,
                    }
                    if self.parts.wardrobe.present:
                        loops["themes"] = self.parts.wardrobe.run
                    if self.parts.recorder.present:
                        loops["recordings"] = self.parts.recorder.run
                    tasks = [
                        group.create_task(self._keep(name, loop), name=name)
                        for name, loop in loops.items()
                    ]
                    await self._stopping.wait()
                    self.parts.inbox.close()
                    self.vitals.release("agenda")
                    self.vitals.release("asking")
                    for name, task in zip(loops, tasks, strict=True):
                        task.cancel()
                        self.vitals.release(name)
                    await self._drain(worker)
            finally:
                self.outbox.stop()
                self.parts.messages.stop()
        # After the last delivery, which is a fact as well: nothing comes after the end.
        await self.tell(Fact("daemon.stopped", detail={"why": "asked to"}))
        await self.outbox.write_rest()

    async def _drain(self, worker: asyncio.Task[None]) -> None:
        """Let the turns under way finish, for so long; what is open then is found at the start."""
        async with asyncio.TaskGroup() as group:
            patience = group.create_task(
                self.parts.clock.sleep(self.settings.drain.total_seconds()), name="drain"
            )
            await asyncio.wait((worker, patience), return_when=asyncio.FIRST_COMPLETED)
            patience.cancel()
        if not worker.done():
            _log.warning("daemon.undrained", turns=self.parts.inbox.depth)
            worker.cancel()

    def stop(self) -> None:
        """Take no new work; `run` returns when the turns under way are done."""
        self._stopping.set()

    def beat(self) -> None:
        """Notice that this process runs; see `Vitals.beat`."""
        self.vitals.beat()

    def headline(self) -> str:
        """How things are in one line, from memory alone: it is asked every few seconds."""
        parts, book = self.parts, self.reconciler.book
        rooms = len(book.wishes)
        told = [str(self.settings.mode), f"{rooms:,} room{'s' if rooms != 1 else ''} wanted"]
        moment = parts.agenda.next_moment
        if moment is not None:
            told.append(f"next due {moment:%d %b %H:%M}Z")
        if self.reconciler.last_holds:
            told.append(f"{len(self.reconciler.last_holds):,} held")
        told.extend(f"frozen until {one.until:%d %b %H:%M}Z" for one in parts.freezes.rows())
        if parts.brakes.verdict.brake:
            told.append(f"brake {parts.brakes.verdict.brake} holds")
        if book.problems:
            told.append(f"policy problems: {len(book.problems)}, the first {book.problems[0]}")
        failing = [row for row in self.polling.rows() if row.reason]
        if failing:
            told.append(f"{failing[0].url} {failing[0].reason}")
        if parts.weather.refused or parts.weather.down_since is not None:
            told.append(f"API {parts.weather.summary}")
        if parts.lineage.stranger or parts.lineage.doubt:
            told.insert(0, parts.lineage.stranger or parts.lineage.doubt)
        if self.refusal:
            told.insert(0, self.refusal)
        if self.rejected:
            told.insert(0, f"config rejected: {self.rejected}")
        return " · ".join(told)

    def health(self) -> HealthReport:
        """Which loops turn, success or failure alike; an API that is away makes none late."""
        return self.vitals.look()

    def readiness(self) -> ReadinessReport:
        """Whether store and policies are there, with the age of the last good pass."""
        last = self.parts.observations.passed_at
        age = None
        if last is not None:
            age = round((self.parts.clock.now() - last).total_seconds(), 3)
        why = "the store cannot record, so nothing is done" if self.refusal else ""
        if not self.ready.is_set():
            why = "the policies are not loaded yet"
        elif self._stopping.is_set():
            why = "the daemon is ending"
        return ReadinessReport(not why, why, last, age, self.parts.weather.word)

    async def one_pass(self) -> bool:
        """List, reconcile every key that has something to do, and carry out its facts.

        False if the listing failed: then nothing was done. For ``apply``, which prepares first.
        """
        if await self.polling.ask_all():
            await self.reload.load("directories")
        if not await self.parts.resync.full():
            return False
        await self.parts.wardrobe.look("apply")
        await self.wake_all("apply")
        await self._wake_changed("apply")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._dispatcher.run(), name="dispatcher")
            await self.parts.inbox.idle()
            self.parts.inbox.close()
        return True

    async def work_on(self, keys: Iterable[Key], cause: str) -> None:
        """Give these keys their turns, and return when nothing is left to do for anybody."""
        for key in keys:
            self.parts.inbox.wake(key, cause)
        if self.ready.is_set():
            await self.parts.inbox.idle()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._dispatcher.run(), name="dispatcher")
            await self.parts.inbox.idle()
            self.parts.inbox.close()

    async def carry_out(self) -> None:
        """Write out every fact and delivery that waits, and return. For one command."""
        await self.parts.messages.carry_out()
        self.outbox.stop()
        await self.outbox.run()
        await self.outbox.write_rest()

    async def wake_all(self, cause: str) -> None:
        """Wake every key that is wanted or remembered, what ends soonest first."""
        states = await self.parts.store.states()
        ends = {state.key: self._end_of(state) for state in states}
        book = self.reconciler.book
        keys = self._in_order(ends.keys() | book.wishes.keys() | book.paged.keys(), ends)
        for key in keys:
            self.parts.inbox.wake(key, cause)
        self.parts.inbox.line_up(keys)  # those that wait since the start, too

    def _end_of(self, state: KeyState) -> datetime | None:
        """When the room of a key ends, as was last seen."""
        current = state.current
        if current is None:
            return None
        seen = self.parts.observations.sighting(current.id)
        return seen.expires_at if isinstance(seen, Observed) else current.expires_at

    def _in_order(
        self, keys: Collection[Key], ends: Mapping[Key, datetime | None]
    ) -> Sequence[Key]:
        """By the nearest end; who has no room yet comes after those that end within a day."""
        none_yet = self.parts.clock.now() + timedelta(days=1)
        return sorted(keys, key=lambda key: (ends.get(key) or none_yet, key))

    async def _rest(self, pulse: Pulse, seconds: float, work: float) -> None:
        """Wait between two turns of a loop; the next takes at most ``work`` seconds."""
        pulse.waits(seconds)
        await self.parts.clock.sleep(seconds)
        pulse.works(work)

    async def _rest_until_wanted(self, pulse: Pulse, soonest: float, latest: float) -> bool:
        """Wait for the next listing; true where somebody wants it sooner."""
        resync, soonest = self.parts.resync, min(soonest, latest)
        began = self.parts.clock.monotonic()
        if not await self._rest_until(pulse, latest, resync.wanted, resync.hurried):
            return False
        left = soonest - (self.parts.clock.monotonic() - began)
        if left > 0 and await self._rest_until(pulse, left, resync.hurried):
            await self._rest(pulse, min(soonest, _HURRIED), self._longest)
        return True

    async def _rest_until(self, pulse: Pulse, seconds: float, *events: asyncio.Event) -> bool:
        """Wait, but not beyond any of these events; whether one of them came."""
        pulse.waits(seconds)
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(self.parts.clock.sleep(seconds), name="resync-pause")]
            for event in events:
                waiting: asyncio.Task[Any] = group.create_task(event.wait(), name="resync-wanted")
                waits.append(waiting)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()
        pulse.works(self._longest)
        return any(event.is_set() for event in events)

    async def _resync(self, pulse: Pulse) -> None:
        wait, first, soonest = _FIRST_RETRY, True, _WANTED_SOONEST
        while True:
            pulse.works(self._longest)
            while self.parts.weather.stopped:
                self._lists_in(PROBE_EVERY.total_seconds())
                await self._rest(pulse, PROBE_EVERY.total_seconds(), self._longest)
            if await self.parts.resync.full():
                if first:
                    await self.wake_all("first listing")
                    first = False
                await self._wake_changed("listing")
                self.parts.wardrobe.nudge()
                self.parts.recorder.nudge()
                wait = _FIRST_RETRY
                base = self.settings.resync_interval.total_seconds()
                if self.parts.observations.doubt:
                    base = min(base, _DOUBTED)
                # Jitter spreads the daemons of one company, so it needs no secret.
                pause = base * (0.9 + 0.2 * self.jitter())
                self._lists_in(pause)
                # An API that says 404 of a room that it lists must not be listed without end.
                hurried = await self._rest_until_wanted(pulse, soonest, pause)
                soonest = soonest * 2 if hurried else _WANTED_SOONEST
            else:
                self._lists_in(wait)
                await self._rest(pulse, wait, self._longest)
                wait = min(wait * 2, 60.0)

    def _lists_in(self, seconds: float) -> None:
        self.parts.resync.next_at = self.parts.clock.now() + timedelta(seconds=seconds)

    async def _probe(self, pulse: Pulse) -> None:
        """Again and again: are our credentials taken again, may further rooms be made?

        And was the clock set back?  What was to come at a moment of the wrong clock would come
        that much too late, also where it was wrong only between two looks; where it is set on,
        timers find that out themselves.  But moments of API time were put on the wall clock by how
        far the two were apart then: where that changes, as after a suspend, they would come as much
        too late.
        """
        weather, lead = self.parts.weather, self._lead()
        apart = self.parts.rooms.clock_difference()
        while True:
            every = PROBE_EVERY if weather.stopped or weather.canary else self.settings.probe
            await self._rest(pulse, every.total_seconds(), self._longest)
            before, lead = lead, self._lead()
            ahead = self.parts.agenda.take_ahead()
            before = before if ahead is None else max(before, ahead)
            if before - lead > _SET_BACK:
                _log.warning("clock.set_back", seconds=round(before - lead, 1))
                self.parts.occurrences.look_again()
                self.parts.pages.look_again()
                await self.wake_all("the clock was set back")
            was_apart, apart = apart, self.parts.rooms.clock_difference()
            aparts = (was_apart, *self.parts.gathering.take_aparts())
            if any(abs(apart - one) > _SET_BACK for one in aparts):
                await self.wake_all("API time and the clock are apart by another time")
            if weather.stopped and not await self.parts.resync.full():
                continue
            if weather.canary:
                await self.parts.executor.verify()
                if not weather.canary:
                    await self._wake_changed("canary")

    def _lead(self) -> float:
        """How many seconds the wall clock is ahead of the monotonic one, which is never set."""
        return self.parts.clock.now().timestamp() - self.parts.clock.monotonic()

    async def _wake_changed(self, cause: str) -> None:
        """Wake the keys that a listing concerns; the others have nothing to do and cost nothing."""
        inbox, store = self.parts.inbox, self.parts.store
        for room_id, marker in self.parts.observations.take_changed().items():
            key = await store.key_of_room(room_id)
            if key is None and marker is not None:
                key = self._key_of_marker(marker.key)
            if key is not None:
                inbox.wake(key, cause)
        held = dict(self.reconciler.last_holds)
        # As many keys as were due during an outage come at once: the nearest end goes first.
        ends: dict[Key, datetime | None] = {}
        for key in held:
            state = await store.state(key)
            ends[key] = None if state is None else self._end_of(state)
        for key in self._in_order(held, ends):
            braked = any(hold.by == "brake" for hold in held[key])
            inbox.wake(key, cause, Lane.PERMIT if braked else Lane.NORMAL)

    async def pauses_changed(self, cause: str) -> None:
        """A freeze began or ended: what it held goes on, and what went on may be held."""
        self.parts.wardrobe.nudge()
        self.parts.recorder.nudge()
        await self._wake_changed(cause)

    def _key_of_marker(self, encoded: str) -> Key | None:
        """Whose room a marker names: a long subject is cut there, so look among the wanted too."""
        policy, _, subject = encoded.partition("/")
        decoded = decode_subject(subject)
        if decoded is not None:
            return Key(policy, decoded)
        wishes = self.reconciler.book.wishes
        return next((key for key in wishes if key.encoded == encoded), None)

    async def _check_store(self, pulse: Pulse) -> None:
        """Look whether the store is still the file at its path; until then status says so."""
        while True:
            try:
                await self.parts.store.check()
                self.refusal = ""
            except StoreFault as fault:
                self.refusal = f"Nothing is done, because nothing can be recorded: {fault}"
            every = self.settings.store_check.total_seconds()
            await self._rest(pulse, every, _STORE_CHECK_TAKES)

    async def _keep(self, name: str, loop: Callable[[Pulse], Coroutine[Any, Any, None]]) -> None:
        """Run a loop for ever; a store that cannot record makes it wait, and nothing ends it."""
        pulse = self.vitals.expect(name)
        while True:
            try:
                await loop(pulse)
            except StoreFault as fault:
                _log.error("store.failed", loop=name, error=str(fault))
                await self._rest(pulse, _STORE_RETRY, self._longest)
            else:
                message = f"{name} ended by itself"
                raise EndedEarlyError(message)

    async def tell(self, fact: Fact) -> None:
        """Record a fact about the daemon itself. Raises `StoreFault`."""
        try:
            await self.parts.store.commit(Commit(facts=(fact,)), self.parts.clock.now())
        except StoreFault as fault:
            _log.error("store.failed", error=str(fault))
            raise
