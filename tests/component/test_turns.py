"""Order and ends: one worker a key, woken often is one turn, drained at the end, told in order."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from orchestrator.domain.keys import Key, key
from orchestrator.engine.dispatcher import Dispatcher, Turn
from orchestrator.engine.health import Vitals
from orchestrator.engine.inbox import Inbox, Lane
from orchestrator.ports.deliveries import DeliveryFault
from tests.component.world import HOUR, World, alive, policy, running
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.rooms import Asked

DAY = timedelta(days=1)
ONE, TWO, THREE = (key("team-rooms", name) for name in ("one", "two", "three"))
GERMAN = {"ui_settings": {"language": "de"}}


def dispatcher(inbox: Inbox, turn: Turn, workers: int) -> Dispatcher:
    """One whose signs of life nobody looks at."""
    return Dispatcher(inbox, turn, workers, Vitals(VirtualClock()), 60.0)


class Desk:
    """Turns that last until they are let go, and what was under way together."""

    def __init__(self, workers: int = 4) -> None:
        self.inbox = Inbox()
        self.begun: list[tuple[Key, str, Lane]] = []
        self.ended: list[Key] = []
        self.gates: dict[Key, asyncio.Event] = {}
        self.dispatcher = dispatcher(self.inbox, self.turn, workers)

    async def turn(self, one: Key, cause: str, lane: Lane) -> None:
        self.begun.append((one, cause, lane))
        gate = self.gates.setdefault(one, asyncio.Event())
        gate.clear()
        await gate.wait()
        self.ended.append(one)

    async def let_go(self, *keys: Key) -> None:
        for one in keys:
            self.gates[one].set()
        await settle()

    @property
    def keys(self) -> list[Key]:
        return [one for one, _, _ in self.begun]


async def test_waking_a_key_often_before_its_turn_is_waking_it_once() -> None:
    """The first cause stands."""
    desk = Desk()
    for cause in ("first", "second", "third"):
        desk.inbox.wake(ONE, cause)
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.dispatcher.run(), name="dispatcher")
        await settle()
        await desk.let_go(ONE)
        desk.inbox.close()
    assert desk.begun == [(ONE, "first", Lane.NORMAL)]


async def test_one_worker_a_key_and_many_keys_at_once() -> None:
    """A key that is woken during its turn gets one more, afterwards; others do not wait for it."""
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.dispatcher.run(), name="dispatcher")
        desk.inbox.wake(ONE, "a")
        desk.inbox.wake(TWO, "b")
        await settle()
        assert desk.keys == [ONE, TWO]
        desk.inbox.wake(ONE, "c")
        desk.inbox.wake(ONE, "d")
        await settle()
        assert desk.keys == [ONE, TWO]
        await desk.let_go(ONE)
        assert desk.begun[2:] == [(ONE, "c", Lane.NORMAL)]
        await desk.let_go(ONE, TWO)
        assert desk.keys == [ONE, TWO, ONE]
        assert desk.inbox.empty
        desk.inbox.close()


async def test_permits_wait_until_nothing_else_is_worked_on() -> None:
    """So that whatever one cause wishes to end is known before any of it is done."""
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.dispatcher.run(), name="dispatcher")
        desk.inbox.wake(ONE, "a", Lane.PERMIT)
        desk.inbox.wake(TWO, "b")
        await settle()
        assert desk.keys == [TWO]
        desk.inbox.wake(THREE, "c")
        await settle()
        await desk.let_go(TWO)
        assert desk.keys == [TWO, THREE]
        await desk.let_go(THREE)
        assert desk.begun[-1] == (ONE, "a", Lane.PERMIT)
        await desk.let_go(ONE)
        desk.inbox.close()


async def test_a_turn_that_fails_ends_no_other() -> None:
    """A bug of one key is logged; the worker goes on."""
    inbox, seen = Inbox(), []

    async def turn(one: Key, cause: str, lane: Lane) -> None:
        seen.append(one)
        if one == ONE:
            raise ZeroDivisionError

    inbox.wake(ONE, "a")
    inbox.wake(TWO, "b")
    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher(inbox, turn, 1).run(), name="dispatcher")
        await inbox.idle()
        inbox.close()
    assert seen == [ONE, TWO]


async def test_stopping_finishes_what_is_under_way_and_begins_nothing() -> None:
    """A PATCH that was sent is recorded and audited before the end; the next key waits."""
    async with running(workers=1) as world:
        go = asyncio.Event()

        async def wait(asked: Asked) -> None:
            if asked.changes:
                await go.wait()

        world.fake.after = wait
        world.mark()
        await world.edit({"team-rooms.yaml": policy(room=GERMAN)})
        assert world.changes == ["update_room"]
        world.engine.stop()
        await world.settle()
        assert not world.over
        go.set()
        await world.stop()
        assert world.changes == ["update_room"]
        assert world.events[-2:] == ["room.updated", "daemon.stopped"]
        assert len(world.audit.written) == world.facts_so_far
        await world.start()
        assert world.changes == ["update_room"] * 2


async def test_a_turn_that_does_not_end_is_given_up_after_the_drain() -> None:
    """Its operation stays open, and the next life reads the room again."""
    async with running(workers=1) as world:
        never = asyncio.Event()

        async def wait(asked: Asked) -> None:
            if asked.changes:
                await never.wait()

        world.fake.after = wait
        await world.edit({"team-rooms.yaml": policy(room=GERMAN)})
        began = world.clock.now()
        await world.stop()
        assert timedelta(seconds=25) < world.clock.now() - began < timedelta(seconds=60)
        assert len(await world.store.open_operations()) == 1
        never.set()
        world.mark()
        await world.start()
        assert await world.store.open_operations() == []
        # One was carried out before the end, so it is not sent again.
        assert world.changes == ["update_room"]


async def test_facts_reach_the_audit_in_order_and_at_least_once() -> None:
    """An audit that fails half-way is given the rest; nothing is left out or out of order."""
    world = World()
    world.audit.fail(1, 0, 2)
    async with alive(world):
        await world.pass_(timedelta(minutes=5), step=timedelta(seconds=1))
        seqs = [one.seq for one in world.audit.written]
        assert seqs == list(range(1, world.facts_so_far + 1))
        assert world.engine.outbox.behind == {}


async def test_a_destination_that_fails_does_not_hold_up_the_audit() -> None:
    """It is told as failed once, shown as behind, and catches up with the present."""
    world = World()
    world.destination.fault = DeliveryFault("the disk is full")
    async with alive(world):
        await world.pass_(10 * HOUR)
        assert world.audit.events.count("delivery.failed") == 1
        assert len(world.audit.written) == world.facts_so_far
        assert (await world.desk.status()).behind == {"rooms-json": "the disk is full"}
        assert world.destination.shown == ()
        world.destination.fault = None
        await world.pass_(HOUR, step=timedelta(minutes=1))
        assert len(world.destination.shown) == 2
        assert (await world.desk.status()).behind == {}


async def test_a_destination_is_shown_what_is_current_after_a_crash_before_it_was_told() -> None:
    """The cursor is in the store: what was not told is told by the next life."""
    async with running() as world:
        world.destination.fault = DeliveryFault("the disk is full")
        await world.edit({"labs.yaml": policy("labs", ["alpha"])})
        await world.crash()
        world.destination.fault = None
        await world.start()
        assert {room.key for room in world.destination.shown} == {
            "labs/alpha",
            "team-rooms/checkout",
            "team-rooms/search",
        }


@pytest.mark.parametrize("workers", [1, 8])
async def test_forty_keys_are_made_whatever_the_number_of_workers(workers: int) -> None:
    """No key is made twice, none is left out."""
    names = [f"team-{number}" for number in range(40)]
    async with running({"team-rooms.yaml": policy(subjects=names)}, workers=workers) as world:
        assert world.changes == ["create_room"] * 40
        assert len(world.names) == 40


async def test_a_clock_that_jumps_ahead_loses_no_moment() -> None:
    """After a suspend everything that fell due is looked at, once a key."""
    text = policy(room={"lifetime": "30d"})
    async with running({"team-rooms.yaml": text}, resync=DAY) as world:
        world.mark()
        world.clock.advance(timedelta(days=25).total_seconds())
        world.timer.fire_due(world.clock.now())
        await world.settle()
        assert world.changes == ["update_room"] * 2


async def test_p05_who_came_during_one_call_is_seen_before_the_next() -> None:
    """A replaced room without an overlap is ended in the turn that replaced it: look again."""
    at_once = {"mode": "now", "overlap": "0s"}
    world = World({"team-rooms.yaml": policy(subjects=["checkout"], replace=at_once)})
    occupied: list[str] = []

    async def while_it_is_made(asked: Asked) -> None:
        if asked.method == "create_room":
            world.fake.join(before.id)

    async def as_it_is_sent(asked: Asked) -> None:
        if asked.method == "delete_room" and world.fake.people(asked.room_id):
            occupied.append(asked.room_id)

    async with alive(world):
        before = await world.room("team-rooms/checkout")
        world.fake.after, world.fake.before = while_it_is_made, as_it_is_sent
        name = {"display_name": "{{ team.name }} meeting"}
        await world.edit(
            {"team-rooms.yaml": policy(subjects=["checkout"], room=name, replace=at_once)}
        )
        assert (await world.room("team-rooms/checkout")).id != before.id
        assert occupied == []
        assert world.holds("team-rooms/checkout") == {"occupied"}
        world.fake.leave(before.id)
        await world.pass_(2 * DAY)
        assert before.id not in {room.id for room in world.alive}


# --- pages in a hurry ---


async def test_no_other_turn_begins_while_a_page_is_worked_on() -> None:
    """But for one worker, so that no storm of pages keeps all others waiting; nor at its call."""
    inbox, begun = Inbox(), []
    go: dict[Key, asyncio.Event] = {key: asyncio.Event() for key in (ONE, TWO, THREE)}

    async def turn(key: Key, cause: str, lane: Lane) -> None:
        begun.append(key)
        await go[key].wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher(inbox, turn, 4).run(), name="dispatcher")
        with inbox.hurry.on():
            inbox.wake(ONE, "a")
            inbox.wake(TWO, "b")
            await settle()
            assert begun == [ONE]
            inbox.wake(THREE, "c", Lane.PAGE)
            await settle()
            assert begun == [ONE, THREE], "pages go on"
            with inbox.hurry.off(page=True):
                await settle()
                assert begun == [ONE, THREE, TWO]
        for event in go.values():
            event.set()
        await inbox.idle()
        inbox.close()


async def test_what_waits_for_a_page_goes_on_when_that_is_over() -> None:
    """Nobody has to wake it again."""
    inbox, begun = Inbox(), []

    async def turn(key: Key, cause: str, lane: Lane) -> None:
        begun.append(key)

    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher(inbox, turn, 2).run(), name="dispatcher")
        with inbox.hurry.on(), inbox.hurry.on(page=False):
            inbox.wake(ONE, "a")
            inbox.wake(TWO, "b")
            await settle()
        await settle()
        assert set(begun) == {ONE, TWO}
        inbox.close()


async def test_a_turn_under_way_stands_aside_for_one_page_at_a_time() -> None:
    """Between its steps; a storm of pages does not stop it for ever."""
    hurry, gone_on = Inbox().hurry, asyncio.Event()

    async def step() -> None:
        await hurry.calm()
        gone_on.set()

    await step()
    gone_on.clear()
    async with asyncio.TaskGroup() as group:
        with hurry.on():
            with hurry.on():
                group.create_task(step(), name="step")
                await settle()
                assert not gone_on.is_set()
            assert hurry.presses
            await settle()
            assert gone_on.is_set(), "the second page is not waited for"
    await settle()
    assert not hurry.presses
