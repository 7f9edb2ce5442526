"""Years at random: one run, all of which a seed decides.

A writer edits and breaks files, people meet, the API fails in every way that it is known to, clocks
are set wrong, and the daemon dies at its awaits; in between a person heals everything, and then all
must be as it should be.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from jwt.warnings import InsecureKeyLengthWarning

from orchestrator.domain.pages import Signal
from orchestrator.domain.records import Role
from orchestrator.domain.reports import Person
from orchestrator.foundation.virtual_time import run_virtually
from orchestrator.meetings_server.hostile import Route
from orchestrator.meetings_server.model.refusals import Refused
from orchestrator.meetings_server.model.rooms import Room, RoomDraft, RoomType
from orchestrator.ports.deliveries import DeliveryFault
from orchestrator.ports.desk import DeskError
from orchestrator.ports.intake import OverloadedError, Receipt
from orchestrator.ports.store import StoreFault
from tests.meetings import APPLICATION
from tests.simulation.mortal import Crash, chosen, every_await, rare_awaits, seldom_awaits
from tests.simulation.oracle import Oracle, marker_of
from tests.simulation.pager import AFTER, INCIDENTS, Pager
from tests.simulation.stage import Pace, Stage, staged
from tests.simulation.weather import Weather
from tests.simulation.writer import Writer

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
LONG_EVERY: Final = 4  # every so many seeds one runs for five years
FIRST_TARGETS: Final = 4
# Of the awaits at which it seldom or nearly never stands it is to die at so many from the start.
SELDOM_FIRST: Final = 0.1
RARE_FIRST: Final = 0.9
FIVE_YEARS: Final = 1826 * DAY
ANNA: Final = Person("anna (uid 1001)", "OPS-4711")
_RAM: Final = Path("/dev/shm")  # a file system without a disk, where there is one


@dataclass
class Result:
    """What a run was, for whoever adds runs up."""

    seed: int
    days: float = 0.0
    cpu: float = 0.0
    crashes: int = 0
    broken: str = ""
    facts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    awaits: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """How a run goes; drawn by its seed."""

    length: timedelta
    pace: Pace
    pauses: tuple[timedelta, ...]
    subjects: int
    foreign: int
    rest_every: int  # steps
    foresight: timedelta  # how long a storm waits for what is due
    meetings: str  # when people who meet by a schedule do, as cron


SHORT: Final = Kind(
    length=30 * DAY,
    pace=Pace(resync=6 * HOUR, probe=6 * HOUR),
    pauses=(MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 2 * DAY),
    subjects=10,
    foreign=2,
    rest_every=15,
    foresight=2 * DAY,
    meetings="0 15 * * THU",
)
LONG: Final = Kind(
    length=FIVE_YEARS,
    pace=Pace(resync=6 * HOUR, probe=DAY, token=DAY),
    pauses=(HOUR, DAY, 5 * DAY, 20 * DAY, 45 * DAY),
    subjects=3,
    foreign=1,
    rest_every=20,
    foresight=30 * DAY,
    meetings="0 15 1 * *",
)


class Years:
    """One run."""

    def __init__(self, stage: Stage, chance: random.Random, kind: Kind, weather: Weather) -> None:
        self.stage = stage
        self.chance = chance
        self.fate = random.Random()  # how long it is away when it died; seeded anew at each step
        self.kind = kind
        self.weather = weather
        self.writer = Writer(
            chance, subjects=kind.subjects, meetings=kind.meetings if chance.random() < 0.3 else ""
        )
        self.pager = Pager(chance)
        self.oracle = Oracle(stage, self.writer, self.pager)
        self.namesakes: list[str] = []  # rooms that people made by hand, called like one of ours
        self.result = Result(0)
        self.wrong_for = timedelta()  # how long the daemon's clock will still be wrong
        self.seats: dict[str, str] = {}  # room → who sits in it
        self.log = self.result.log

    def note(self, what: str) -> None:
        self.log.append(f"{self.stage.true_clock.now():%Y-%m-%d %H:%M} {what}")

    # --- the run ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the first room to the end, or to the first promise that is broken."""
        self.fate.seed(f"{self.result.seed} fate")
        await self.furnish()
        self.publish()
        await self.oracle.look()
        self.beset()
        if self.chance.random() < 0.15:
            await self.begin_without_policies()
        else:
            await self.begin()
        end = self.stage.true_clock.now() + self.kind.length
        steps = 0
        while self.stage.true_clock.now() < end:
            steps += 1
            # So that what came before shifts as little as can be of what is to come.
            self.chance.seed(f"{self.result.seed} step {steps}")
            self.fate.seed(f"{self.result.seed} fate {steps}")
            await self.step()
            await self.oracle.check()
            if steps % self.kind.rest_every == 0:
                await self.come_to_rest()
        await self.come_to_rest()

    def beset(self) -> None:
        """What is to befall it from the first room on, and at the very beginning of a life."""
        if not self.weather.faults:
            return
        for _ in range(FIRST_TARGETS):
            self.aim()
        for sites, share in ((seldom_awaits(), SELDOM_FIRST), (rare_awaits(), RARE_FIRST)):
            for site in sites:
                if self.chance.random() < share:
                    self.stage.targets.add(site)
        start = self.chance.random()
        if start < 0.2:
            self.note(self.weather.turn())
        elif start < 0.3:
            self.note(self.weather.strip_listings())

    async def furnish(self) -> None:
        """Rooms that people make by hand, anew whenever they came to their end."""
        for number in range(self.kind.foreign):
            room = await self.by_hand(f"Kitchen {number}")
            self.oracle.foreign[room.id] = room

    async def begin_without_policies(self) -> None:
        """The folder is mounted a while later, and pages do not wait for that."""
        self.note("the folder is not there yet")
        self.stage.sources.vanish()
        targets = self.stage.targets
        targets.paused = True  # it would be away for as long as the storm
        await self.begin()
        await self.wait(MINUTE)
        self.pager.storm(self.stage.true_clock.now())
        await self.call()
        targets.paused, targets.only = False, "pages.py"
        await self.wait(MINUTE)
        self.stage.sources.problem = None
        self.publish()
        await self.wait(MINUTE)
        targets.only = ""

    async def begin(self) -> None:
        await self.stage.begin(self.oracle)

    async def wait(self, length: timedelta) -> None:
        """Let time pass; whenever the daemon dies it is started again after a while."""
        end = self.stage.true_clock.now() + length
        while (left := end - self.stage.true_clock.now()) > timedelta():
            began = self.stage.true_clock.now()
            trouble = [one for one in (self.weather.lasts, self.wrong_for) if one > timedelta()]
            lives = await self.stage.pass_(min([left, *trouble]))
            passed = self.stage.true_clock.now() - began
            if self.weather.lasts > timedelta():
                self.weather.lasts -= passed
                if self.weather.lasts <= timedelta():
                    await self.weather.calm()
            if self.wrong_for > timedelta():
                self.wrong_for -= passed
                if self.wrong_for <= timedelta():
                    self.stage.clock.right()
            if trouble:
                self.judge_weather()
            if not lives:
                await self.start_again()

    async def start_again(self) -> None:
        """At once, as systemd does, or after a night, as a person does."""
        standing = self.stage.life.standing
        self.result.awaits.update(standing)
        self.result.crashes += self.stage.life.over
        self.oracle.weather(good=False)
        await self.stage.bury()
        if standing:
            self.note("died at " + " ".join(sorted(standing))[:300])
        away = self.fate.choice([timedelta(seconds=1), timedelta(seconds=1), MINUTE, 8 * HOUR])
        await self.stage.pass_alone(away)
        await self.begin()
        self.judge_weather()

    def judge_weather(self) -> None:
        self.oracle.weather(good=self.weather.good and self.stage.clock_is_right)

    # --- what happens -----------------------------------------------------------------------------

    async def step(self) -> None:
        """One thing, and some time after it."""
        events: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.edit, 10),
            (self.meet, 8),
            (self.storm, 9),
            (self.die, 12 if self.weather.faults else 0),
            (self.linger, 4),
            (self.lag, 2 if self.weather.faults else 0),
            (self.page, 5),
            (self.relapse, 1),
            (self.name_alike, 1),
            (self.stop, 3),
            (self.refuse, 2 if self.weather.faults else 0),
            (self.fill_disk, 1 if self.weather.faults else 0),
            (self.spoil, 2),
            (self.lose_folder, 1),
            (self.vanish, 1),
            (self.jump, 1 if self.weather.faults else 0),
            (self.approve, 2),
            (self.heal, 4),
        ]
        kinds, weights = zip(*events, strict=True)
        (event,) = self.chance.choices(kinds, weights)
        await event()
        await self.call()
        await self.wait(self.chance.choice(self.kind.pauses))
        await self.come_and_go()

    def publish(self) -> None:
        """Save the files as the writer has them in mind."""
        readable = self.stage.sources.problem is None
        self.writer.save(self.stage.true_clock.now(), readable=readable)
        self.announce()

    def announce(self) -> None:
        sources = self.stage.sources
        sources.policies, sources.data = dict(self.writer.policies), dict(self.writer.data)
        sources.announce()

    async def edit(self) -> None:
        for _ in range(self.chance.choice([1, 1, 2])):
            self.note(f"edit: {self.writer.edit()}")
        self.publish()

    async def spoil(self) -> None:
        self.note(f"spoiled: {self.writer.spoil()}")
        self.announce()
        if self.chance.random() < 0.3:
            # Pages that come while nobody can say which policy takes them.
            await self.wait(5 * SECOND)
            self.pager.storm(self.stage.true_clock.now())

    async def lose_folder(self) -> None:
        self.note("the folder vanishes")
        self.stage.sources.vanish()
        self.stage.sources.announce()

    async def by_hand(self, name: str) -> Room:
        ends = (self.stage.true_clock.now() + timedelta(days=364)).replace(microsecond=0)
        draft = RoomDraft(display_name=name, type=RoomType.LONG_TERM, expires_at=ends)
        return await self.stage.api.meetings.create(APPLICATION, draft)

    async def meet(self) -> None:
        """Somebody joins, rather where an end is near; or somebody leaves."""
        if self.seats and self.chance.random() < 0.5:
            await self.leave(self.chance.choice(sorted(self.seats)))
            return
        table = await self.oracle.look()
        open_ = [room for room in table.values() if room.is_available and marker_of(room)]
        if not open_:
            return
        given = set(self.oracle.given.values())
        near = [room for room in open_ if room.id not in given]
        await self.join(self.chance.choice(near or open_).id)

    async def linger(self) -> None:
        """Somebody joins a room that is about to end."""
        now = self.stage.clock.now()
        ends = [
            (state.tombstone.due - now, state.current.id)
            for state in await self.stage.store.states()
            if state.tombstone is not None and state.current is not None
        ]
        coming = [one for one in ends if SECOND < one[0] < self.kind.foresight]
        if not coming:
            await self.meet()
            return
        left, room_id = min(coming)
        await self.wait(max(left - MINUTE, SECOND))
        await self.join(room_id)

    async def join(self, room_id: str) -> None:
        if room_id in self.seats:
            return
        try:
            who = await self.stage.api.meetings.join(room_id, "Ada", is_host=False)
        except Refused:
            return
        self.note(f"{room_id[:8]} is joined")
        self.seats[room_id] = who.id
        self.oracle.inside[room_id] = self.stage.true_clock.now()

    async def leave(self, room_id: str) -> None:
        who = self.seats.pop(room_id)
        self.oracle.inside.pop(room_id, None)
        self.oracle.left[room_id] = self.stage.true_clock.now()
        self.note(f"{room_id[:8]} is left")
        with suppress(Refused):  # it was ended over their heads, which the oracle saw
            await self.stage.api.meetings.leave(room_id, who)

    async def come_and_go(self) -> None:
        """Nobody stays for ever: a session of half a day no longer holds a room."""
        now = self.stage.true_clock.now()
        for room_id, since in list(self.oracle.inside.items()):
            if now - since >= 10 * HOUR:
                await self.leave(room_id)

    async def vanish(self) -> None:
        """Somebody deletes a room of ours by hand."""
        table = await self.oracle.look()
        rooms = [
            room
            for room in table.values()
            if room.is_available and marker_of(room) and room.id not in self.seats
        ]
        if rooms:
            room = self.chance.choice(rooms)
            self.note(f"{room.id[:8]} is deleted by hand")
            with suppress(Refused):  # the daemon was quicker
                await self.stage.api.meetings.delete(APPLICATION, room.id, force=True)

    async def storm(self) -> None:
        """The API turns hostile, rather when the daemon is about to do something."""
        if self.chance.random() < 0.6:
            await self.wait_for_what_is_due()
        self.note(self.weather.turn())
        self.judge_weather()
        if self.weather.wants is not None:
            await self.provoke(self.weather.wants)
        elif self.chance.random() < 0.5:
            await self.edit()  # an API that lies to nobody harms nobody
            if self.chance.random() < 0.2:
                # Whoever starts lists at once, while what was just made may not be shown yet.
                await self.wait(5 * SECOND)
                await self.stop()

    async def lag(self) -> None:
        """What is read comes from a copy that lags, just when rooms are renewed or changed."""
        await self.wait_for_what_is_due()
        self.note(self.weather.fall_behind())
        self.judge_weather()
        if self.chance.random() < 0.5:
            await self.edit()

    async def wait_for_what_is_due(self) -> None:
        """Let time pass until a minute before the daemon does something, if it does so soon."""
        due = self.stage.engine.parts.agenda.next_moment
        soon = None if due is None else due - self.stage.clock.now() - MINUTE
        if soon is not None and timedelta() < soon < self.kind.foresight:
            await self.wait(soon)

    async def provoke(self, route: Route) -> None:
        """See to it that such a request is made."""
        chance = self.chance
        match route:
            case Route.CREATE if chance.random() < 0.5:
                self.pager.open(self.stage.true_clock.now())
            case Route.CREATE:
                if not self.writer.add():
                    self.writer.remove()
                self.publish()
            case Route.PATCH | Route.GET:
                self.writer.translate()
                self.publish()
            case Route.DELETE | Route.SESSIONS:
                if chance.random() < 0.5:
                    self.weather.deny_delete()
                    self.note("DELETE is not there, once")
                self.writer.remove()
                self.publish()
                self.pager.open(self.stage.true_clock.now(), INCIDENTS)
                await self.call()
                await self.wait(MINUTE)
                self.pager.close_all()
                await self.call()
                await self.wait(3 * MINUTE)
            case _:
                # Whoever starts lists at once, while what was just made may not be shown yet.
                self.writer.add()
                self.publish()
                await self.wait(5 * SECOND)
                await self.stop()
        await self.call()

    async def page(self) -> None:
        """A paging system calls."""
        now = self.stage.true_clock.now()
        if self.chance.random() < 0.5 or not self.pager.go_on(now):
            self.pager.open(now)

    async def relapse(self) -> None:
        """In a storm a page comes back after the one was over whose room it shared."""
        first, last = self.pager.storm(self.stage.true_clock.now())
        await self.call()
        self.pager.close(first)
        await self.call()
        await self.wait(MINUTE)
        self.pager.close(last)
        await self.call()
        await self.wait(AFTER - MINUTE + 10 * SECOND)
        self.pager.reopen(last, self.stage.true_clock.now())

    async def call(self) -> None:
        """Send what pages have to tell, again where it was not acknowledged."""
        waiting = self.pager.waiting
        if not waiting:
            return
        self.note("pages: " + ", ".join(f"{call.key} {type(it).__name__}" for call, it in waiting))
        receipts = await self.acknowledged([signal for _, signal in waiting])
        now = self.stage.true_clock.now()
        readable = not self.stage.engine.reconciler.book.unreadable
        wrong = self.pager.sent(now, receipts, readable=readable)
        self.oracle.hold(not wrong, wrong)
        if receipts is None:
            self.note("pages: not acknowledged")
        else:
            self.pager.learn(await self.stage.store.standing_episodes())

    async def acknowledged(self, signals: Sequence[Signal]) -> Sequence[Receipt] | None:
        """The receipts, or None: it died meanwhile, or cannot record."""
        loop, life = asyncio.get_running_loop(), self.stage.life
        patience = self.chance.choice([0, 5]) * SECOND
        received = self.stage.engine.parts.pages.received(signals, patience)
        sending = loop.create_task(received, name="page")
        ended = loop.create_task(life.ended.wait(), name="ended")
        await asyncio.wait({sending, ended}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        sending.cancel()
        await asyncio.wait({sending})
        if sending.cancelled():
            return None
        fault = sending.exception()
        if fault is None:
            return sending.result()
        if not isinstance(fault, StoreFault | OverloadedError) and not life.over:
            raise fault
        return None

    async def name_alike(self) -> None:
        """Somebody made a room by hand that bears the name of one that is wanted next."""
        name = self.writer.add()
        if name:
            self.note(f"{name} is there already, by hand")
            room = await self.by_hand(name)
            self.oracle.foreign[room.id] = room
            self.namesakes.append(room.id)
            await self.wait(self.chance.choice([SECOND, 13 * HOUR]))
        self.publish()

    async def tidy(self) -> None:
        """They delete it again, as nobody asks for two."""
        for room_id in self.namesakes:
            del self.oracle.foreign[room_id]
            with suppress(Refused):
                await self.stage.api.meetings.delete(APPLICATION, room_id, force=True)
        self.namesakes.clear()

    async def die(self) -> None:
        """Soon, or at some awaits of the engine, whenever that is."""
        if self.chance.random() < 0.3:
            moments = self.chance.randint(1, 60)
            self.note(f"it will die in {moments} moments")
            self.stage.life.arm(at=moments)
        else:
            self.note(f"it will die at {self.aim()} and at {self.aim()}")

    def aim(self) -> str:
        """One more await at which it is to die, in this life or another."""
        seldom = self.chance.random() < 0.4
        site = chosen(seldom_awaits() if seldom else every_await(), self.chance.random())
        self.stage.targets.add(site)
        return site

    async def refuse(self) -> None:
        """Nobody takes what leaves the outbox, for less than an old link still leads anywhere."""
        self.note("audit log, destination and board refuse")
        fault = DeliveryFault("it does not answer")
        self.stage.destination.fault = self.stage.board.fault = fault
        self.stage.audit.fail(*[0] * 1000)
        before = self.stage.destination.deliveries
        await self.edit()
        await self.wait(20 * MINUTE)
        self.result.faults["outbox: refused"] += self.stage.destination.deliveries - before
        self.take_again()

    def take_again(self) -> None:
        self.stage.destination.fault = self.stage.board.fault = None
        self.stage.audit.heal()

    async def fill_disk(self) -> None:
        """Nothing can be recorded, so nothing may be done; room is made before the next start."""
        self.note("the disk is full")
        self.stage.disk.full = True
        self.oracle.weather(good=False)
        await self.edit()
        await self.wait(self.chance.choice([2 * MINUTE, 10 * MINUTE]))
        self.result.faults["disk: full"] += self.stage.disk.refused
        self.stage.disk.full = False
        self.judge_weather()

    async def stop(self) -> None:
        """Somebody restarts it; it may die of that, too."""
        self.note("stopped in order")
        if self.weather.faults and self.chance.random() < 0.5:
            self.weather.slow_down()
            await self.edit()
            await self.wait(self.chance.choice([1, 2, 5]) * SECOND)
            self.stage.life.arm(at=self.chance.randint(1, 30))
        await self.stage.stop()
        await self.start_again()

    async def jump(self) -> None:
        length = self.chance.choice([-365 * DAY, -DAY, -HOUR, HOUR, DAY, 365 * DAY])
        self.note(f"the wall clock is set by {length}")
        self.stage.clock.jump(length)
        self.pager.doubt()
        # As with the weather: what is not found in hours is not found in days, and is listed for
        # every few minutes. But it should meet a look at the clocks now and then.
        probe = self.kind.pace.probe
        self.wrong_for = self.chance.choice([10 * MINUTE, HOUR, HOUR, 3 * HOUR, probe + HOUR])
        self.judge_weather()

    async def approve(self) -> None:
        """A person says yes to what a brake holds."""
        verdict = self.stage.engine.parts.brakes.verdict
        if not verdict.brake:
            return
        now = self.stage.true_clock.now()
        self.oracle.approved.update(dict.fromkeys(verdict.held, now))
        self.note(f"approved: {sorted(verdict.held)}")
        with suppress(DeskError, StoreFault, Crash):  # another set stands by now
            await self.stage.desk.approve(verdict.brake, ANNA)

    async def heal(self) -> None:
        """Everything that a person or time puts right."""
        self.note("healed")
        await self.tidy()
        await self.weather.calm()
        self.stage.clock.right()
        self.wrong_for = timedelta()
        self.stage.sources.problem = None
        self.stage.disk.full = False
        self.take_again()
        self.stage.life.arm()
        self.publish()
        self.judge_weather()

    # --- at rest ----------------------------------------------------------------------------------

    async def come_to_rest(self) -> None:
        """Heal everything, see everybody out, approve what is held; then all must be in order."""
        await self.heal()
        self.stage.targets.paused = True
        now = self.stage.true_clock.now()
        if all(room.life.expires_at <= now for room in self.oracle.foreign.values()):
            await self.furnish()
        for room_id in list(self.seats):
            await self.leave(room_id)
        self.pager.close_all()
        await self.call()
        wrong = "nothing was looked at"
        for _ in range(30):
            await self.approve()
            await self.wait(DAY)
            await self.call()
            await self.oracle.check()
            wrong = await self.in_order()
            if not wrong:
                break
        if wrong:
            raise AssertionError(wrong)
        self.stage.targets.paused = False
        self.note("at rest")

    async def in_order(self) -> str:
        """What is not as it should be a while after everything was healed, or an empty text."""
        stage, table = self.stage, await self.oracle.look()
        states = await stage.store.states()
        rooms = [(str(state.key), room) for state in states for room in state.rooms]
        remembered = {room.id for _, room in rooms}
        alive = {room.id for room in table.values() if room.is_available and marker_of(room)}
        if forgotten := alive - remembered:
            return f"P1: nobody remembers {sorted(forgotten)}"
        current = {key: room.id for key, room in rooms if room.role is Role.CURRENT}
        if self.pager.waiting:
            return "P6: pages are not acknowledged"
        if missing := self.writer.wanted - current.keys():
            return f"P1: wanted and not there: {sorted(missing)}"
        if ghosts := [key for key, room_id in current.items() if room_id not in alive]:
            return f"P1: remembered and not there: {sorted(ghosts)}"
        if twice := [key for key, room in rooms if room.role is Role.DUPLICATE]:
            return f"P1: duplicates of {twice}"
        if operations := await stage.store.open_operations():
            return f"P2: still open: {operations}"
        if lines := (await stage.desk.plan()).lines:
            return f"P8: {lines}"
        told = {key: current[key] for key in self.writer.wanted}
        if told != {key: self.oracle.given.get(key) for key in told}:
            return f"P1: people are shown {self.oracle.given}, and there is {told}"
        return await self.idle()

    async def idle(self) -> str:
        """P8: where nothing falls due, a further pass makes list calls and no others."""
        due = self.stage.engine.parts.agenda.next_moment
        before = self.oracle.changes
        await self.wait(2 * self.kind.pace.resync)
        if due is not None and due <= self.stage.clock.now():
            return ""
        return "" if self.oracle.changes == before else "P8: a further pass changed something"


def simulate(seed: int, *, faults: bool = True, length: float = 1.0) -> Result:
    """One run; `Result.broken` tells the promise that did not hold, and the log what led to it."""
    began = time.process_time()
    results: list[Result] = []

    async def run() -> None:
        chance = random.Random(f"{seed} world")
        kind = LONG if seed % LONG_EVERY == 0 else SHORT
        weather = Weather(chance, faults=faults)
        with tempfile.TemporaryDirectory(dir=_RAM if _RAM.is_dir() else None) as folder:
            async with staged(Path(folder), seed, kind.pace, weather) as stage:
                years = Years(stage, chance, replace(kind, length=kind.length * length), weather)
                result = years.result
                result.seed = seed
                results.append(result)
                try:
                    await years.run()
                except AssertionError as error:
                    result.broken = str(error) or repr(error)
                except Exception as error:  # noqa: BLE001 - told with its seed, as all that breaks
                    result.broken = f"it fell over: {error!r}"
                    result.log += traceback.format_exc().splitlines()
                finally:
                    result.days = stage.true_clock.monotonic() / 86400
                    result.facts = years.oracle.counts + years.pager.counts
                    result.faults += weather.hits

    with warnings.catch_warnings():
        # The stage's key is as short as it is for a reason.
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        run_virtually(run())
    (result,) = results
    result.cpu = time.process_time() - began
    return result
