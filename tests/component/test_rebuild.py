"""A store that was thrown away and rebuilt: equal to the lost one, and nobody notices (P3, P12).

Each life is random: edits, renames, people's commands, meetings, faults, crashes and time.  Then
the store is rebuilt from the API's table and the audit alone.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.brakes import Approval, Limits
from orchestrator.domain.facts import Fact
from orchestrator.domain.policies import Removal
from orchestrator.domain.presence import OpenSession
from orchestrator.domain.rebuilding import Rebuilt, Sources, differences, rebuild
from orchestrator.domain.records import Attempts, KeyState, Role
from orchestrator.domain.retelling import Ended, Memory, Told, retell
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.engine.brakes import APPROVAL, RECENT
from orchestrator.engine.executor import VERIFIED
from orchestrator.engine.gathering import DISOWNED
from orchestrator.engine.hints import OPEN_SESSIONS, KeptSessions
from orchestrator.engine.lineage import LINEAGE
from orchestrator.engine.places import MARKS
from orchestrator.engine.rebuilding import Terms, birth
from orchestrator.foundation.instants import format_instant, truncate
from orchestrator.foundation.shapes import loads
from orchestrator.ports.desk import DeskError
from orchestrator.ports.intake import Outcome
from tests.component.test_pages import FILE, closed, on_page, opened
from tests.component.world import ANNA, HOUR, OWNER, World, policy
from tests.fakes.rooms import Fate
from tests.fakes.store import FakeStore

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
WORDS = ["forget", "rekey", "adopt", "distinct", "protect", "suspend", "resume", "renew"]
NAMES = [f"team-{number}" for number in range(9)]
BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
RUNS = int(os.environ.get("REBUILD_RUNS", "5"))


class Life:
    """A random life of one installation."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        random.seed(seed)
        self.subjects = set(self.chance.sample(NAMES, 5))
        self.label = "room"
        self.name, self.formerly = "rooms", list[str]()
        self.room: dict[str, Any] = {"lifetime": "90d"}
        self.terms: dict[str, Any] = {"removal": {"mode": "delete", "grace": "1d"}}
        self.world = World(self.files())
        self.world.fake.tells_sessions = self.chance.random() < 0.7
        self.world.fake.deletes = self.chance.random() < 0.7
        self.world.fake.ignores = set(
            self.chance.sample(["ui_settings.language", "recording_options.auto_record"], 1)
        )
        self.log: list[str] = []

    def files(self) -> dict[str, bytes]:
        label = f"{{{{ team.name }}}} {self.label}"
        text = policy(
            self.name,
            sorted(self.subjects),
            room={**self.room, "display_name": label},
            formerly=self.formerly,
            **self.terms,
        )
        return {"rooms.yaml": text}

    async def subjects_change(self) -> None:
        self.subjects ^= set(self.chance.sample(NAMES, self.chance.choice([1, 2])))
        await self.world.edit(self.files())

    async def settings_change(self) -> None:
        self.room["lifetime"] = self.chance.choice(["30d", "90d", "365d"])
        self.room["ui_settings"] = {"language": self.chance.choice(["en", "de"])}
        self.room["recording_options"] = {"auto_record": self.chance.choice([True, False])}
        await self.world.edit(self.files())

    async def name_changes(self) -> None:
        self.label = self.chance.choice(["room", "space", "hall"])
        how = self.chance.choice(["never", "when_unused", "now"])
        self.terms["replace"] = {"mode": how, "overlap": self.chance.choice(["1h", "2d"])}
        await self.world.edit(self.files())

    async def removal_changes(self) -> None:
        mode = self.chance.choice(["delete", "expire", "keep"])
        self.terms["removal"] = {"mode": mode, "grace": self.chance.choice(["60s", "1d", "7d"])}
        await self.world.edit(self.files())

    async def policy_is_renamed(self) -> None:
        self.formerly = [*self.formerly, self.name]
        self.name = f"rooms-v{len(self.formerly)}"
        await self.world.edit(self.files())

    async def somebody_meets(self) -> None:
        rooms = self.world.alive
        if rooms:
            room_id = self.chance.choice(rooms).id
            if self.world.fake.people(room_id):
                self.world.fake.leave(room_id)
            else:
                self.world.fake.join(room_id)

    async def a_person_commands(self) -> None:
        states = [state for state in await self.world.store.states() if state.current]
        if not states:
            return
        state = self.chance.choice(states)
        desk = self.world.desk
        try:
            match self.chance.choice(WORDS):
                case "forget":
                    await desk.forget(str(state.key), ANNA)
                case "rekey":
                    await desk.rekey(str(state.key), f"{self.name}/other", ANNA)
                case "adopt":
                    room = self.by_hand(f"Team-8 {self.label}")
                    await desk.adopt(room, f"{self.name}/team-8", ANNA)
                case "protect":
                    await desk.protect(str(state.key), ANNA, on=not state.protect)
                case "suspend":
                    until = self.world.clock.now() + timedelta(days=self.chance.choice([1, 30]))
                    await desk.suspend(str(state.key), until, ANNA)
                case "resume":
                    await desk.resume(str(state.key), ANNA)
                case "renew":
                    await desk.renew(str(state.key), ANNA)
                case _:
                    await desk.distinct(self.by_hand("Team-7 room"), f"{self.name}/team-7", ANNA)
        except DeskError as refused:
            self.log.append(f"refused: {refused}")
        await self.world.settle()

    def by_hand(self, name: str) -> str:
        ends = self.world.clock.now() + timedelta(days=300)
        return self.world.fake.plant(NewRoom(name, RoomType.LONG_TERM, "made by hand", {}, ends)).id

    async def answers_are_lost(self) -> None:
        fates = [Fate.ACT_THEN_DROP, Fate.LOST, Fate.BUSY, Fate.REFUSED, Fate.DROP_THEN_ACT]
        self.world.fake.script("create_room", *self.chance.choices(fates, k=2))
        self.subjects ^= set(self.chance.sample(NAMES, 2))
        await self.world.edit(self.files())

    async def a_room_vanishes(self) -> None:
        empty = [room for room in self.world.alive if not self.world.fake.people(room.id)]
        if empty:
            self.world.fake.vanish(self.chance.choice(empty).id)

    async def it_crashes(self) -> None:
        await self.world.restart()

    async def step(self) -> None:
        events: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.subjects_change, 6),
            (self.settings_change, 3),
            (self.name_changes, 3),
            (self.removal_changes, 2),
            (self.policy_is_renamed, 1),
            (self.somebody_meets, 4),
            (self.a_person_commands, 4),
            (self.answers_are_lost, 2),
            (self.a_room_vanishes, 1),
            (self.it_crashes, 1),
        ]
        kinds, weights = zip(*events, strict=True)
        (event,) = self.chance.choices(kinds, weights)
        self.log.append(event.__name__)
        await event()
        await self.world.pass_(self.chance.choice([MINUTE, 2 * HOUR, DAY, 20 * DAY]), step=6 * HOUR)

    async def rest(self) -> None:
        """See everybody out, let answers come again and graces end."""
        fake = self.world.fake
        fake.forget_scripts()
        fake.act_late()
        for room in fake.alive:
            while fake.people(room.id):
                fake.leave(room.id)
        await self.world.pass_(12 * DAY, step=6 * HOUR)


async def rebuilt_from(world: World) -> tuple[Rebuilt, Memory]:
    """Everything that is left when the store is gone."""
    told = [Told(one.seq, one.ts, "fakefake", one.fact) for one in world.audit.written]
    memory = retell(told)
    listing = await world.fake.list_rooms()
    book = world.engine.reconciler.book
    sources = Sources(
        memory=memory,
        rooms=listing.rooms,
        listed=(),
        owner=OWNER,
        stores=frozenset({"fakefake"}),
        now=world.fake.api_now(),
        keys={key.encoded: key for key in book.wishes},
    )
    return rebuild(sources), memory


async def put_in_place(world: World, rebuilt: Rebuilt, memory: Memory) -> None:
    """A new store in the place of the lost one; the audit goes on."""
    store = FakeStore("rebuilt1")
    terms = Terms(
        world.clock.now(), world.limits.per, timedelta(hours=12), ("fakefake", "rebuilt1")
    )
    commit = birth(rebuilt, memory, terms, (), Fact("state.rebuilt"))
    store.number_from(world.audit.written[-1].seq)
    await store.commit(commit, world.clock.now())
    world.store = store
    world.mark()


def comparable(state: KeyState) -> KeyState:
    """A state without what docs/recovery.md says cannot be had."""
    return replace(
        state,
        generation=0,
        former=(),
        deleted=(),
        wish=None,
        removal=Removal(),
        attempts=Attempts(),
        creates=Attempts(),
        withheld="",
        asked=None,
        suspended=None
        if state.suspended is None
        else replace(state.suspended, until=truncate(state.suspended.until)),
        rooms=tuple(
            replace(
                room,
                created_at=None,
                granted_at=BEGAN,
                granted_until=None,
                renewed_from=None,
                asked_at=(),
                watched_from=None,
                insisted=0,
                lifetime=None,
                applied={},
                version="",
                renewed_at=None,
                updated_at=None,
                missing_since=None,
                last_used_at=None,
                tally=None if room.tally is None else replace(room.tally, since=BEGAN, lately={}),
                retired_at=None,
                end_due=None if room.end_due is None else truncate(room.end_due),
            )
            for room in sorted(state.rooms, key=lambda room: room.id)
        ),
    )


@pytest.mark.parametrize("seed", range(RUNS))
async def test_p12_a_rebuilt_store_equals_the_lost_one(seed: int) -> None:
    """Whenever it is lost, in the midst of things; and it goes on from there."""
    life = Life(seed)
    world = life.world
    await world.start()
    for _ in range(12):
        await life.step()
    await world.crash()
    await world.start()
    await world.crash()
    rebuilt, memory = await rebuilt_from(world)
    lost = [state for state in await world.store.states() if state.key in rebuilt.states]
    assert memory.unread == 0
    assert all(state.key in rebuilt.states for state in await world.store.states() if state.rooms)
    assert not rebuilt.strangers
    assert not rebuilt.nameless
    remembered = {state.key for state in lost}
    # A key that has no room and is wanted no more is forgotten, which is no fact.
    again = [state for state in rebuilt.states.values() if state.rooms or state.key in remembered]
    again.sort(key=lambda state: state.key)
    for was, now in zip(lost, again, strict=True):
        assert comparable(now) == comparable(was), life.log
        assert set(was.former) <= set(now.former)
        assert set(was.deleted) <= set(now.deleted)
    told = differences(map(comparable, lost), map(comparable, again))
    assert told == (), life.log
    open_before = {operation.id for operation in await world.store.open_operations()}
    open_now = {one.id for one in rebuilt.operations if one.state.value == "open"}
    creates = {one for one in open_before if one in {op.id for op in rebuilt.operations}}
    assert open_now == creates
    await put_in_place(world, rebuilt, memory)
    await world.start()
    await life.rest()
    await converged(world)
    await world.end()


async def converged(world: World) -> None:
    """P1 and the wishes, by the API's own table."""
    states = await world.store.states()
    remembered = {room.id: room for state in states for room in state.rooms}
    marked = {
        room.id
        for room in world.alive
        if room.marked_by(OWNER) and not await world.store.note(f"disowned:{room.id}")
    }
    assert marked <= remembered.keys()
    current = {state.key for state in states if state.current is not None}
    suspended = {state.key for state in states if state.suspended is not None}
    assert world.engine.reconciler.book.wishes.keys() <= current | suspended
    assert not world.engine.parts.lineage.doubt


@pytest.mark.parametrize("seed", range(RUNS))
async def test_p08_after_a_rebuild_at_rest_nothing_is_done(seed: int) -> None:
    """No call but listings, no link changes, and the facts go on with the next number."""
    life = Life(seed + 1000)
    world = life.world
    await world.start()
    for _ in range(8):
        await life.step()
    await life.rest()
    await world.crash()
    before = {
        state.key: {room.id for room in state.rooms if room.role is Role.CURRENT}
        for state in await world.store.states()
        if state.current is not None
    }
    rebuilt, memory = await rebuilt_from(world)
    await put_in_place(world, rebuilt, memory)
    await world.start()
    await world.pass_(3 * HOUR, step=10 * MINUTE)
    # What was due anyway is renewed, and what an API never takes may be asked for once more.
    acts = [fact for fact in world.facts if fact.operation and fact.api]
    assert {fact.event for fact in acts} <= {"room.renewed", "room.updated"}, life.log
    asked = [fact for fact in acts if fact.event == "room.updated"]
    assert all(fact.before == fact.after for fact in asked), life.log
    assert len({fact.room_id for fact in asked}) == len(asked)
    after = {
        state.key: {room.id for room in state.rooms if room.role is Role.CURRENT}
        for state in await world.store.states()
        if state.current is not None
    }
    assert after == before
    seqs = [recorded.seq for recorded in world.audit.written]
    assert seqs == list(range(1, len(seqs) + 1))
    await world.end()


def test_what_of_the_past_still_counts_now() -> None:
    """Ends within the brakes' time, an approval that holds, people who gave a sign of life."""
    now = BEGAN + 30 * DAY
    inside, gone = OpenSession(None, now - HOUR), OpenSession(None, now - DAY)
    memory = Memory(
        ended=[Ended(now - 2 * DAY, "a/b", "r1"), Ended(now - HOUR, "a/c", "r2", approved=True)],
        approved={
            "a/b": Approval("r1", now - HOUR, "anna", "meant"),
            "a/c": Approval("r2", now + HOUR, "anna", "meant"),
        },
        sessions={"r1": {"s1": inside, "s2": gone}, "r2": {"s3": gone}},
        verified="https://meetings.test",
        archives={"vault": "s1-vault"},
    )
    rebuilt = Rebuilt(disowned={"r9": "anna"})
    terms = Terms(now, DAY, timedelta(hours=12), ("one", "two"))
    notes = birth(rebuilt, memory, terms, (), Fact("state.rebuilt")).notes
    assert notes[LINEAGE] == '["one", "two"]'
    assert notes[DISOWNED + "r9"] == "anna"
    assert notes[VERIFIED] == "https://meetings.test"
    assert notes[MARKS + "vault"] == "s1-vault"
    assert json.loads(notes[RECENT] or "")[0][1:] == ["a/c", "r2", True]
    until = format_instant(now + HOUR)
    assert json.loads(notes[APPROVAL] or "") == {"a/c": ["r2", until, "anna", "meant"]}
    assert loads(KeptSessions, notes[OPEN_SESSIONS] or "").rooms == {"r1": {"s1": inside}}
    over = replace(terms, now=now + DAY)
    assert not birth(rebuilt, memory, over, (), Fact("state.rebuilt")).notes.keys() & {
        RECENT,
        APPROVAL,
        OPEN_SESSIONS,
    }


@pytest.mark.parametrize("done", [False, True], ids=["in its grace", "done"])
async def test_a_rebuilt_store_knows_what_a_person_approved(done: bool) -> None:
    """The approved batch ends as it was shown, and does not hold the next single removal."""
    terms = {"removal": {"mode": "delete", "grace": "7d"}}
    names = [f"team-{number}" for number in range(12)]
    world = World({"rooms.yaml": policy("rooms", names, **terms)}, limits=Limits(3, 10, DAY))
    await world.start()
    await world.edit({"rooms.yaml": policy("rooms", names[6:], **terms)})
    (brake,) = (await world.desk.status()).brakes
    await world.desk.approve(brake.name, ANNA)
    await world.pass_((8 if done else 2) * DAY, step=6 * HOUR)
    await world.crash()
    rebuilt, memory = await rebuilt_from(world)
    await put_in_place(world, rebuilt, memory)
    await world.start()
    await world.pass_(MINUTE)
    assert (await world.desk.status()).brakes == ()
    await world.edit({"rooms.yaml": policy("rooms", names[7:], **terms)})
    assert (await world.desk.status()).brakes == ()
    await world.pass_(8 * DAY, step=6 * HOUR)
    assert len(world.alive) == 5
    await world.end()


async def test_p06_an_open_page_outlives_its_store() -> None:
    """It keeps its room and its link; what was closed stays closed, and is not opened late."""
    world = World({FILE: on_page(keep_open=True, storm={"more_than": 2, "within": "5m"})})
    await world.start()
    await world.send(*(opened(f"Q{number}", number=str(number)) for number in range(4)))
    await world.send(opened("nobody's", source="opsgenie"), closed("Q1"), closed("early"))
    rooms = {room.id for room in world.alive}
    before = {one.page.key: one for one in await world.store.standing_episodes()}
    await world.pass_(MINUTE)
    rebuilt, memory = await rebuilt_from(world)
    await world.crash()
    await put_in_place(world, rebuilt, memory)
    await world.start()
    after = {one.page.key: one for one in await world.store.standing_episodes()}
    assert after.keys() == {"Q0", "Q2", "Q3", "nobody's"}
    for key in ("Q0", "Q2", "Q3"):
        one, other = before[key], after[key]
        assert (other.id, other.count, other.shares) == (one.id, one.count, one.shares)
        assert other.page == one.page
        assert other.wish == one.wish
    assert (await world.send(opened("Q1")))[0].outcome is Outcome.KNOWN
    # Q1's own, whose page is over and in which nobody is.
    assert world.changes == ["delete_room"]
    assert {room.id for room in world.alive} < rooms
    await world.send(closed("Q0"), closed("Q2"), closed("Q3"))
    await world.pass_(HOUR)
    assert world.alive == []
    await world.end()


async def test_rooms_of_pages_that_are_over_end_without_a_brake_after_a_rebuild() -> None:
    """Nobody remembers what was wished of them: their keys tell what they are."""
    long = {"type": "long_term", "lifetime": "12h"}
    world = World({FILE: on_page(room=long, close={"after": "0s"})}, limits=Limits(0, 0))
    await world.start()
    await world.send(*(opened(f"Q{number}") for number in range(3)))
    for room in world.alive:
        world.fake.join(room.id)
    await world.send(*(closed(f"Q{number}") for number in range(3)))
    await world.pass_(MINUTE)
    assert len(world.alive) == 3
    rebuilt, memory = await rebuilt_from(world)
    await world.crash()
    await put_in_place(world, rebuilt, memory)
    for room in world.alive:
        world.fake.leave(room.id)
    await world.start()
    await world.pass_(2 * HOUR)
    assert "brake.tripped" not in world.events
    assert world.alive == []
    await world.end()
