"""Calls and words that overlap in real time: a stale one neither acts nor takes anything back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit
from tests.component.world import ANNA, HOUR, World, alive, policy
from tests.fakes.rooms import Asked, Fate

CHECKOUT = "team-rooms/checkout"
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def test_an_older_list_of_sessions_does_not_take_back_who_is_inside() -> None:
    """It was carried out while the room was empty, and answered after a younger one."""
    before = policy(subjects=["checkout"])
    after = policy(subjects=["checkout"], room={"display_name": "Other"}, replace="now")
    world = World({"team-rooms.yaml": before}, resync=DAY)
    async with alive(world):
        await world.pass_(2 * HOUR)
        (room,) = world.alive
        slow: list[str] = []

        async def late(asked: Asked) -> None:
            if asked.method == "list_sessions" and not slow:
                slow.append(room.id)
                world.fake.join(room.id)
                await world.clock.sleep(3.0)

        world.fake.after = late
        world.mark()
        await world.edit({"team-rooms.yaml": after})
        assert slow, world.calls
        assert world.changes == []
        assert await world.engine.parts.resync.full()  # answered at once: somebody is inside
        use = world.engine.parts.observations.use(room.id, world.fake.api_now())
        assert use.occupancy.name == "OCCUPIED"
        await world.pass_(MINUTE, step=SECOND)
        assert world.changes == []
        assert [one.id for one in world.alive] == [room.id]


async def test_who_waits_for_a_listing_waits_for_one_that_began_later() -> None:
    """A room turned out to be gone while a listing was under way that still shows it."""
    names = ["checkout", *(f"t{number}" for number in range(9))]
    world = World({"team-rooms.yaml": policy(subjects=names)}, resync=DAY)
    async with alive(world):
        await world.pass_(HOUR)
        room = await world.room(CHECKOUT)
        slow: list[str] = []

        async def late(asked: Asked) -> None:
            if asked.method == "list_rooms" and not slow:
                slow.append("x")
                await world.clock.sleep(400.0)

        world.fake.after = late
        while not slow:
            await world.pass_(MINUTE)
        world.fake.vanish(room.id)
        shorter = policy(subjects=names, room={"lifetime": "200d"})
        await world.edit({"team-rooms.yaml": shorter})
        await world.pass_(390 * SECOND, step=SECOND)
        assert world.holds(CHECKOUT) == {"unlisted"}
        began = world.clock.now()
        while len(world.alive) < 10 and world.clock.now() - began < 2 * DAY:
            await world.pass_(MINUTE)
        assert world.clock.now() - began < HOUR


def with_a_slow_first_room() -> World:
    """Two rooms are wanted of an API that nobody knows yet, and the first is answered late."""
    world = World({"team-rooms.yaml": policy()})
    slow: list[str] = []

    async def late(asked: Asked) -> None:
        if asked.method == "create_room" and not slow:
            slow.append(asked.method)
            await world.clock.sleep(10.0)

    world.fake.after = late
    return world


async def test_a_freeze_of_all_holds_who_waits_for_the_first_room() -> None:
    """Nothing leaves after a person was told that nothing will."""
    world = with_a_slow_first_room()
    async with alive(world):
        assert len(world.alive) == 1, world.names
        await world.desk.freeze(world.clock.now() + DAY, ANNA, all_acts=True)
        await world.pass_(MINUTE, step=SECOND)
        assert len(world.alive) == 1


async def test_what_is_wanted_no_more_is_not_made_after_the_first_room() -> None:
    """It waited for the first one while its policy let it go."""
    world = with_a_slow_first_room()
    async with alive(world):
        (first,) = world.names
        other = {"Checkout room": "checkout", "Search room": "search"}[first]
        await world.edit({"team-rooms.yaml": policy(subjects=[other])})
        await world.pass_(MINUTE, step=SECOND)
        assert world.names == [first]


async def test_rekey_waits_for_a_room_that_is_being_made() -> None:
    """An open create may be found yet: it would take the place of the room that was moved."""
    old = policy(subjects=["search"])
    world = World({"team-rooms.yaml": old})
    async with alive(world):
        await world.pass_(2 * HOUR)
        (room,) = world.alive
        world.fake.script("create_room", Fate.ACT_THEN_DROP)
        world.fake.script("list_rooms", *[Fate.BUSY] * 3)
        await world.edit(
            {"team-rooms.yaml": policy(subjects=["checkout"], removal={"grace": "9d"})}
        )
        with pytest.raises(DeskError, match="is being made just now"):
            await world.desk.rekey("team-rooms/search", CHECKOUT, ANNA)
        assert (await world.room("team-rooms/search")).id == room.id


async def test_a_freeze_holds_a_room_that_stands() -> None:
    """What the test above takes for granted."""
    async with alive(World({})) as world:
        await world.pass_(2 * HOUR)
        await world.desk.freeze(world.clock.now() + DAY, ANNA, all_acts=True)
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout"])})
        assert world.alive == []


@pytest.mark.parametrize("word", ["suspend", "protect"])
async def test_a_word_that_is_said_while_a_room_moves_goes_with_it(word: str) -> None:
    """The room was named by its id; its key is another one when the claim is had."""
    world = World({"team-rooms.yaml": policy(subjects=["checkout"])})
    async with alive(world):
        await world.pass_(2 * HOUR)
        room = await world.room(CHECKOUT)

        async def slow(commit: Commit) -> None:
            if commit.dropped:
                await world.clock.sleep(2.0)

        world.store.before = slow
        moved = [{"slug": "till", "name": "Checkout", "was": "checkout"}]
        text = policy(subjects=moved, for_each={"formerly": "{{ team.was }}"})
        await world.edit({"team-rooms.yaml": text})
        loop = asyncio.get_running_loop()
        if word == "suspend":
            until = world.clock.now() + 9 * DAY
            task = loop.create_task(world.desk.suspend(room.id, until, ANNA))
        else:
            task = loop.create_task(world.desk.protect(room.id, ANNA, on=True))
        await world.settle()
        await world.pass_(MINUTE, step=SECOND)
        with pytest.raises(DeskError, match="has just become team-rooms/till"):
            await task
        (state,) = await world.store.states()
        assert [one.id for one in state.rooms] == [room.id]
        assert (state.suspended, state.protect) == (None, False)


async def test_a_room_that_moves_by_its_former_name_stays_though_another_was_asked_for() -> None:
    """The new name came first, and what it was formerly a moment later."""
    world = World({"team-rooms.yaml": policy(subjects=["checkout"])})
    async with alive(world):
        await world.pass_(2 * HOUR)
        room = await world.room(CHECKOUT)
        world.fake.script("create_room", Fate.ACT_THEN_DROP)
        world.fake.script("list_rooms", *[Fate.BUSY] * 3)
        new = {"slug": "till", "name": "Till"}
        await world.edit({"team-rooms.yaml": policy(subjects=[new], removal={"grace": "9d"})})
        moved = [{**new, "was": "checkout"}]
        text = policy(subjects=moved, for_each={"formerly": "{{ team.was }}"}, replace="never")
        await world.edit({"team-rooms.yaml": text})
        await world.pass_(2 * HOUR)
        assert (await world.room("team-rooms/till")).id == room.id


async def test_a_room_of_an_unanswered_create_that_a_person_gives_to_another_key() -> None:
    """The key that asked for it gets one of its own in time."""
    world = World({"team-rooms.yaml": policy(subjects=["checkout"])})
    async with alive(world):
        await world.pass_(2 * HOUR)
        world.fake.script("create_room", Fate.ACT_THEN_DROP, Fate.LOST)
        world.fake.script("list_rooms", *[Fate.BUSY] * 2)
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout", "search"])})
        found = next(room for room in world.alive if room.display_name == "Search room")
        world.fake.down = True
        text = policy("squads", subjects=["till"])
        await world.edit({"squads.yaml": text})
        world.fake.down = False
        with pytest.raises(DeskError, match="is being made for team-rooms/search"):
            await world.desk.adopt(found.id, "squads/till", ANNA)
        await world.pass_(3 * HOUR)
        assert (await world.room("team-rooms/search")).id == found.id


async def test_forget_of_a_room_whose_create_is_not_answered_yet() -> None:
    """A listing shows it, and a person lets it go before the answer comes."""
    world = World({"team-rooms.yaml": policy(subjects=["checkout"])})
    async with alive(world):
        await world.pass_(2 * HOUR)

        async def late(asked: Asked) -> None:
            if asked.method == "create_room":
                await world.clock.sleep(10.0)

        world.fake.after = late
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout", "search"])})
        found = next(room for room in world.alive if room.display_name == "Search room")
        assert await world.engine.parts.resync.full()
        loop = asyncio.get_running_loop()
        task = loop.create_task(world.desk.forget(found.id, ANNA))
        await world.settle()
        await world.pass_(MINUTE, step=SECOND)
        with pytest.raises(DeskError, match="is being made for team-rooms/search"):
            await task
        assert (await world.room("team-rooms/search")).id == found.id


async def test_forget_lets_go_of_no_other_room_than_the_one_that_was_named() -> None:
    """It was deleted while its key's turn was waited for."""
    rest: dict[str, Any] = {"replace": {"mode": "now", "overlap": "1d"}, "removal": {"grace": "9d"}}
    world = World({"team-rooms.yaml": policy(subjects=["checkout"], **rest)})
    async with alive(world):
        await world.pass_(2 * HOUR)
        old = await world.room(CHECKOUT)
        other = policy(subjects=["checkout"], room={"display_name": "Other"}, **rest)
        await world.edit({"team-rooms.yaml": other})
        new = await world.room(CHECKOUT)
        assert new.id != old.id
        await world.edit({"team-rooms.yaml": None})
        begun: list[str] = []

        async def slow(asked: Asked) -> None:
            if asked.method == "delete_room" and not begun:
                begun.append(asked.room_id)
                await world.clock.sleep(5.0)

        world.fake.before = slow
        while not begun:
            await world.pass_(MINUTE)
        assert begun == [old.id]
        task = asyncio.get_running_loop().create_task(world.desk.forget(old.id, ANNA))
        await world.settle()
        await world.pass_(MINUTE, step=SECOND)
        with pytest.raises(DeskError, match=r"has no room .* any more"):
            await task
        state = await world.state(CHECKOUT)
        assert [room.id for room in state.rooms] == [new.id]
