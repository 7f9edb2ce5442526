"""Years of edits, meetings, faults and crashes at random; the promises hold at every quiet point.

A run is a seed: it decides every edit, fault and crash, so a failing one is replayed by
``SIMULATION_SEED=<seed>``.  ``SIMULATION_RUNS`` and ``SIMULATION_STEPS`` make it longer.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.facts import Fact
from orchestrator.domain.records import Role
from orchestrator.domain.rooms import NOTICE, NewRoom, Observed, RoomType
from orchestrator.ports.store import Commit
from tests.component.world import ANNA, OWNER, World, policy
from tests.fakes.rooms import Asked, Fate

RUNS: Final = int(os.environ.get("SIMULATION_RUNS", "3"))
STEPS: Final = int(os.environ.get("SIMULATION_STEPS", "30"))
SEEDS: Final = (
    [int(os.environ["SIMULATION_SEED"])] if "SIMULATION_SEED" in os.environ else list(range(RUNS))
)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
RESYNC: Final = 12 * HOUR
NAMES: Final = [f"team-{number}" for number in range(14)]
LIMITS: Final = Limits(max_removals=3, max_removal_percent=10, per=DAY)
LOST_ANSWERS: Final = (Fate.ACT_THEN_DROP, Fate.LOST, Fate.DROP_THEN_ACT)
REFUSALS: Final = (Fate.UNSENT, Fate.BUSY, Fate.FORBIDDEN, Fate.REFUSED)


class Wishes:
    """One policy as its writer has it in mind."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.formerly: list[str] = []
        self.subjects = set(chance.sample(NAMES, 8))
        self.label = "room"
        self.room: dict[str, Any] = {"lifetime": "90d"}
        self.rest: dict[str, Any] = {"removal": {"mode": "delete", "grace": "1d"}}

    def change(self, chance: random.Random) -> str:
        """Change one thing; what it was."""
        what = chance.choice(
            ["subjects", "subjects", "room", "name", "removal", "replace", "rename"]
        )
        match what:
            case "subjects":
                self.subjects ^= set(chance.sample(NAMES, chance.choice([1, 1, 2, 5])))
            case "room":
                self.room["lifetime"] = chance.choice(["30d", "90d", "365d"])
                self.room["ui_settings"] = {"language": chance.choice(["en", "de", "fr"])}
            case "name":
                self.label = chance.choice(["room", "space", "hall"])
            case "removal":
                mode = chance.choice(["delete", "expire", "keep"])
                self.rest["removal"] = {"mode": mode, "grace": chance.choice(["60s", "1d", "7d"])}
            case "replace":
                how = chance.choice(["never", "when_unused", "now"])
                self.rest["replace"] = {"mode": how, "overlap": chance.choice(["1h", "1d"])}
            case _:
                self.formerly = [*self.formerly, self.name]
                self.name = f"{self.name.partition('-v')[0]}-v{len(self.formerly)}"
        return what

    @property
    def text(self) -> bytes:
        return policy(
            self.name,
            sorted(self.subjects),
            room={**self.room, "display_name": f"{{{{ team.name }}}} {self.label} {self.name[0]}"},
            formerly=self.formerly,
            **self.rest,
        )


class Oracle:
    """Watches calls and facts as they happen, and refuses what no promise allows."""

    def __init__(self, world: World, foreign: set[str]) -> None:
        self.world = world
        self.foreign = foreign
        self.ended: list[tuple[datetime, str]] = []
        self.approved: set[str] = set()
        self.renewed: defaultdict[str, list[datetime]] = defaultdict(list)
        self.counts: defaultdict[str, int] = defaultdict(int)
        # Kept, not raised: whoever is watched would take it for a fault of the API.
        self.broken: list[str] = []
        world.fake.before = self.asked
        world.store.after = self.told

    async def asked(self, asked: Asked) -> None:
        if not asked.changes:
            return
        self.counts[asked.method] += 1
        self.hold(asked.room_id not in self.foreign, f"P3: {asked}")
        if asked.fate is Fate.UNAUTHORIZED or not self.world.fake.tells_sessions:
            return
        end = asked.patch.expires_at if asked.patch is not None else None
        ends = asked.method == "delete_room" or (
            end is not None and end <= self.world.clock.now() + NOTICE + MINUTE
        )
        self.hold(not (ends and self.occupied(asked.room_id)), f"P5: {asked}")

    def hold(self, promise: bool, otherwise: str) -> None:
        if not promise:
            self.broken.append(f"{self.world.clock.now()} {otherwise}")

    def occupied(self, room_id: str) -> bool:
        """Somebody is inside, and not for so long that it no longer counts."""
        since = self.world.fake.occupied_since(room_id)
        return since is not None and self.world.clock.now() - since < 12 * HOUR

    async def told(self, commit: Commit) -> None:
        for fact in commit.facts:
            self.counts[fact.event] += 1
            if fact.event == "room.renewed" and "lifetime" not in fact.reason:
                self.renewed[fact.room_id].append(self.world.clock.now())
            if fact.event == "room.superseded":
                self.hold(not self.occupied(fact.room_id), f"P5: {fact}")
            if counted(fact):
                self.ended.append((self.world.clock.now(), fact.key))
                self.judge()

    def judge(self) -> None:
        """P10: within a day no more links end or change than may, but for what was approved."""
        now = self.world.clock.now()
        lately = {key for at, key in self.ended if now - at < LIMITS.per}
        unapproved = lately - self.approved
        self.hold(len(unapproved) <= LIMITS.max_removals, f"P10: {sorted(unapproved)}")

    def check_floor(self) -> None:
        """P7: never twice within the floor, which is a day for each of the lives here."""
        for room_id, times in self.renewed.items():
            for earlier, later in pairwise(times):
                assert later - earlier >= DAY, f"P7: {room_id} at {earlier} and {later}"


def counted(fact: Fact) -> bool:
    """Whether a fact tells that a link that people had ended or changed, by an act of ours."""
    if fact.event in {"room.replaced", "room.ending"}:
        return True
    harmless = ("it was replaced", "a duplicate")
    return fact.event in {"room.deleted", "room.retired"} and not fact.reason.startswith(harmless)


class Simulation:
    """One run: its chance, its world, what its writer wants, and what happened so far."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        random.seed(seed)  # the engine's own jitter
        self.log: list[str] = []
        self.wishes = [Wishes("rooms", self.chance), Wishes("labs", self.chance)]
        self.world = World(self.files(), limits=LIMITS, resync=RESYNC)
        self.world.fake.tells_sessions = self.chance.random() < 0.8
        self.world.fake.deletes = self.chance.random() < 0.7
        self.foreign = {self.by_hand(f"Kitchen {number}").id for number in range(5)}
        self.table = {room.id: room for room in self.world.alive}
        self.oracle = Oracle(self.world, self.foreign)
        self.inside: list[str] = []

    def by_hand(self, name: str) -> Observed:
        ends = self.world.clock.now() + timedelta(days=364)
        return self.world.fake.plant(NewRoom(name, RoomType.LONG_TERM, "made by hand", {}, ends))

    def files(self) -> dict[str, bytes]:
        return {f"{number}.yaml": wishes.text for number, wishes in enumerate(self.wishes)}

    # --- what happens ---

    async def edit(self) -> None:
        for _ in range(self.chance.choice([1, 1, 2])):
            wishes = self.chance.choice(self.wishes)
            self.log.append(f"edit {wishes.change(self.chance)} of {wishes.name}")
        await self.world.edit(self.files())

    async def break_file(self) -> None:
        file = self.chance.choice(["0.yaml", "1.yaml"])
        self.log.append(f"break {file}")
        await self.world.edit({file: b"version: 1\nroom: ["})

    async def lose_folder(self) -> None:
        self.log.append("the folder vanishes")
        self.world.sources.vanish()
        await self.world.edit()

    async def meet(self) -> None:
        rooms = [room for room in self.world.alive if room.id not in self.foreign]
        if self.inside and self.chance.random() < 0.6:
            room_id = self.inside.pop(self.chance.randrange(len(self.inside)))
            self.log.append(f"leave {room_id[-4:]}")
            if self.world.fake.people(room_id):
                self.world.fake.leave(room_id)
        elif rooms:
            # Rather where an end is near: in rooms that were replaced or are to be removed.
            staying = {room.room_id for room in self.world.destination.shown if not room.ending}
            near = [room for room in rooms if room.id not in staying]
            room_id = self.chance.choice(near or rooms).id
            self.log.append(f"join {room_id[-4:]}")
            self.world.fake.join(room_id)
            self.inside.append(room_id)

    async def lose_answers(self) -> None:
        for method in ("create_room", "update_room", "delete_room"):
            fates = self.chance.choices((*LOST_ANSWERS, *REFUSALS, Fate.ANSWERED), k=2)
            self.world.fake.script(method, *fates)
            self.log.append(f"{method}: {', '.join(fate.name for fate in fates)}")

    async def act_late(self) -> None:
        self.log.append("what was dropped is carried out")
        self.world.fake.act_late()

    async def outage(self) -> None:
        what = self.chance.choice(["down", "unauthorized", "doubtful", "hidden"])
        self.log.append(what)
        match what:
            case "down":
                self.world.fake.down = True
            case "unauthorized":
                self.world.fake.unauthorized = True
            case "doubtful":
                self.world.fake.doubtful = "it says so"
            case _:
                rooms = self.world.alive
                self.world.fake.hidden |= {room.id for room in rooms if self.chance.random() < 0.5}

    async def vanish(self) -> None:
        rooms = [
            room for room in self.world.alive if room.id not in self.foreign | set(self.inside)
        ]
        if rooms:
            room = self.chance.choice(rooms)
            self.log.append(f"{room.id[-4:]} vanishes")
            self.world.fake.vanish(room.id)

    async def crash(self) -> None:
        self.log.append("crash")
        await self.world.restart()

    async def heal(self) -> None:
        """Everything that a person or time puts right."""
        fake = self.world.fake
        fake.down = fake.unauthorized = False
        fake.doubtful = ""
        fake.hidden.clear()
        self.world.sources.problem = None

    async def wait(self) -> None:
        length = self.chance.choice([MINUTE, 10 * MINUTE, 2 * HOUR, DAY, 10 * DAY, 25 * DAY])
        # Not longer than rooms live in an outage, or all of them are lost, and rightly so.
        if self.world.fake.down or self.world.fake.unauthorized:
            length = min(length, DAY)
        self.log.append(f"{length} pass")
        end = self.world.clock.now() + length
        while self.world.clock.now() < end:
            await self.world.pass_(min(RESYNC, end - self.world.clock.now()), step=RESYNC)
            for room_id in self.inside:
                # Out for a moment and in again: a session that goes on for ever no longer counts.
                if self.world.fake.people(room_id):
                    self.world.fake.leave(room_id)
                    if room_id in {room.id for room in self.world.alive}:
                        self.world.fake.join(room_id)

    async def step(self) -> None:
        events: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.edit, 10),
            (self.meet, 8),
            (self.lose_answers, 3),
            (self.act_late, 2),
            (self.outage, 2),
            (self.vanish, 1),
            (self.crash, 3),
            (self.break_file, 1),
            (self.lose_folder, 1),
            (self.heal, 3),
        ]
        kinds, weights = zip(*events, strict=True)
        (event,) = self.chance.choices(kinds, weights)
        await event()
        await self.wait()

    # --- what must hold ---

    def always(self) -> None:
        """P3 and P7, whatever goes on; P5 and P10 the oracle sees to at each call."""
        now = {room.id: room for room in self.world.fake.rooms if room.id in self.foreign}
        shown = {room_id: replace(room, is_available=True) for room_id, room in now.items()}
        assert shown == self.table, "P3"
        self.oracle.check_floor()
        assert self.oracle.broken == []

    async def approve(self) -> None:
        """A person says yes to whatever a brake holds."""
        verdict = self.world.engine.parts.brakes.verdict
        if verdict.brake:
            self.oracle.approved |= verdict.held
            await self.world.desk.approve(verdict.brake, ANNA)
            await self.world.settle()

    async def come_to_rest(self) -> None:
        """Heal everything, see everybody out, approve what is held, and let a fortnight pass."""
        self.log.append("rest")
        await self.heal()
        self.world.fake.forget_scripts()
        self.world.fake.act_late()
        for room_id in self.inside:
            if self.world.fake.people(room_id):
                self.world.fake.leave(room_id)
        self.inside.clear()
        await self.world.edit(self.files())
        for _ in range(15):
            await self.world.pass_(DAY, step=RESYNC)
            await self.approve()
        await self.world.pass_(3 * HOUR, step=10 * MINUTE)

    async def promises_hold(self) -> None:
        world = self.world
        states = await world.store.states()
        remembered = {room.id: (state, room) for state in states for room in state.rooms}
        marked = {room.id for room in world.alive if room.marked_by(OWNER) is not None}
        assert marked == remembered.keys(), "P1: a room of ours that nobody remembers, or none"
        current = {state.key for state, room in remembered.values() if room.role is Role.CURRENT}
        wished = world.engine.reconciler.book.wishes.keys()
        assert wished <= current, f"wanted and not there: {wished - current}"
        names = [room.display_name for room in world.alive if room.id in marked]
        for state, room in remembered.values():
            assert room.role is not Role.DUPLICATE, f"P1: {state.key}"
        assert names, "the simulation became empty"
        assert await world.store.open_operations() == [], "P2"
        assert [one.seq for one in world.audit.written] == list(range(1, world.facts_so_far + 1))
        shown = {room.room_id for room in world.destination.shown}
        given = {
            room.id
            for state, room in remembered.values()
            if room.role is Role.CURRENT and state.key.policy in {w.name for w in self.wishes}
        }
        assert given <= shown, "what is given out is what stands"
        assert not (await world.desk.plan()).lines, "P8"
        world.mark()
        due = world.engine.parts.agenda.next_moment
        await world.pass_(RESYNC * 1.2, step=HOUR)
        if due is None or due > world.clock.now():
            assert set(world.calls) <= {"list_rooms", "list_sessions"}, "P8"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(4 * STEPS)
async def test_promises_hold_through_years_at_random(seed: int) -> None:
    """P1, P2, P3, P5, P7, P8 and P10, by the API's own table, the store and every call."""
    run = Simulation(seed)
    await run.world.start()
    began = run.world.clock.now()
    try:
        for number in range(1, STEPS + 1):
            await run.step()
            run.always()
            if number % 10 == 0:
                await run.come_to_rest()
                await run.promises_hold()
    except AssertionError as error:
        last = "\n  ".join(run.log[-40:])
        message = f"SIMULATION_SEED={seed}, {run.world.clock.now()}: {error}\n  {last}"
        raise AssertionError(message) from error
    years = (run.world.clock.now() - began) / timedelta(days=365)
    counts = ", ".join(f"{name} {count}" for name, count in sorted(run.oracle.counts.items()))
    print(f"seed {seed}: {years:.1f} years; {counts}")  # noqa: T201 - read with -s
    await run.world.end()
