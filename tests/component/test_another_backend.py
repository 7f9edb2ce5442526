"""Another, empty API behind the same address: nothing is ended, replaced or made anew (P4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.policies import Mode
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit, StoreFault
from tests.component.world import ANNA, HOUR, World, policy, running
from tests.fakes.rooms import Fate

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
GONE = {"mode": "delete", "grace": "60s"}
FILE = "team-rooms.yaml"


def teams(count: int, **rest: Any) -> dict[str, bytes]:
    names = [f"team-{number}" for number in range(count)]
    return {FILE: policy(subjects=names, **rest)}


async def needs(world: World) -> str:
    """What status asks a person for."""
    return "\n".join((await world.desk.status()).needs_you)


@pytest.mark.parametrize("count", [1, 2, 3, 10])
async def test_p04_an_empty_backend_for_an_hour_changes_nothing(count: int) -> None:
    """However few the rooms are: the brake's limit alone would let three be made anew.

    Status and audit name them, and when the right backend is back all is as it was.
    """
    async with running(teams(count)) as world:
        before = await world.ids()
        await world.pass_(2 * HOUR)
        world.mark()
        world.fake.elsewhere()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        told = world.one("listing.doubted")
        assert told.detail["keys"] == sorted(before)
        asked = await needs(world)
        assert "the API's listing shows no room at all" in asked
        assert f"rooms approve {told.detail['name']}" in asked
        world.fake.elsewhere()
        await world.pass_(HOUR)
        assert world.changes == []
        assert await world.ids() == before
        assert world.events == ["listing.doubted", "listing.believed"]
        assert await needs(world) == ""
        assert all(
            room.missing_since is None
            for state in await world.store.states()
            for room in state.rooms
        )


async def test_p04_a_room_that_was_just_made_is_not_lost_to_an_empty_backend() -> None:
    """A listing need not show it yet, so that it lacks it is no doubt, and no proof either."""
    async with running(teams(1), resync=timedelta(seconds=50)) as world:
        before = await world.ids()
        world.fake.elsewhere()
        world.mark()
        for _ in range(60):
            for room_id in before.values():
                world.engine.parts.observations.doubted.add(room_id)
            await world.engine.wake_all("a callback")
            await world.pass_(timedelta(seconds=2), step=timedelta(seconds=1))
        assert "listing.doubted" in world.events
        world.fake.elsewhere()
        await world.pass_(HOUR)
        assert world.changes == []
        assert await world.ids() == before


async def test_p04_a_room_is_not_lost_by_its_own_answers_alone() -> None:
    """Between two listings every GET says 404, twice and more: a listing must say so too."""
    async with running(teams(3), resync=12 * HOUR) as world:
        before = await world.ids()
        world.fake.elsewhere()
        world.mark()
        for _ in range(3):
            for room_id in before.values():
                world.engine.parts.observations.doubted.add(room_id)
            await world.engine.wake_all("a callback")
            await world.pass_(2 * MINUTE, step=timedelta(seconds=20))
        assert world.changes == []
        assert "room.lost" not in world.events
        assert "listing.doubted" in world.events
        world.fake.elsewhere()
        await world.pass_(HOUR)
        assert await world.ids() == before
        assert world.changes == []


async def test_p04_a_room_that_is_listed_and_answers_404_is_kept() -> None:
    """Neither lost nor listed without end: the listings that are made for it become rare."""
    async with running(teams(4), resync=6 * HOUR) as world:
        before = await world.ids()
        world.fake.script("get_room", *[Fate.MISSING] * 500)
        world.engine.parts.observations.doubted.add(before["team-rooms/team-0"])
        world.mark()
        await world.engine.wake_all("a callback")
        await world.pass_(DAY, step=MINUTE)
        assert world.changes == []
        assert await world.ids() == before
        assert world.calls.count("list_rooms") <= 4 + 10
        world.fake.forget_scripts()
        await world.pass_(12 * HOUR)
        assert (await world.room("team-rooms/team-0")).missing_since is None


async def test_a_restart_in_that_hour_believes_it_no_more() -> None:
    """The rooms are in the store; what the other backend makes meanwhile proves nothing."""
    async with running(teams(1)) as world:
        before = await world.ids()
        world.fake.elsewhere()
        await world.pass_(2 * HOUR)
        # A new subject gets its room: creating goes on, and nobody can tell where.
        await world.edit(teams(2))
        await world.pass_(HOUR)
        world.mark()
        await world.restart()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert "listing.believed" not in world.events
        world.fake.elsewhere()
        await world.pass_(5 * HOUR)
        assert before.items() <= (await world.ids()).items()
        assert world.names == ["Team-0 room", "Team-1 room"]


async def test_renewals_removals_and_changes_wait_for_the_right_backend() -> None:
    """404 on the look before each of them: nothing is sent, and nothing counts as done."""
    text = teams(4, room={"lifetime": "30d"}, removal=GONE)
    async with running(text, resync=6 * HOUR) as world:
        await world.pass_(19 * DAY)
        before = await world.ids()
        world.fake.elsewhere()
        world.mark()
        await world.edit(teams(3, room={"lifetime": "30d", "expire_after_use": True}, removal=GONE))
        await world.pass_(3 * DAY)
        assert world.changes == []
        world.fake.elsewhere()
        await world.pass_(DAY)
        after = await world.ids()
        assert after.items() < before.items()
        assert set(world.changes) == {"update_room", "delete_room"}
        assert world.changes.count("delete_room") == 1


@pytest.mark.parametrize("method", ["delete_room", "update_room"])
async def test_404_to_an_act_is_not_done(method: str) -> None:
    """The backend goes between the look and the call."""
    text = teams(3, removal=GONE)
    async with running(text) as world:

        async def away(asked: object) -> None:
            if getattr(asked, "method", "") == method:
                world.fake.before = _nothing
                world.fake.elsewhere()

        world.fake.before = away
        world.mark()
        await world.edit(teams(2, removal=GONE, room={"ui_settings": {"language": "de"}}))
        await world.pass_(HOUR)
        assert world.events.count("room.deleted") == 0
        failed = [event for event in world.events if event.endswith(".failed")]
        assert failed
        world.fake.elsewhere()
        await world.pass_(3 * HOUR)
        assert world.names == ["Team-0 room", "Team-1 room"]
        assert {room.settings["ui_settings.language"] for room in world.alive} == {"de"}


async def _nothing(_: object) -> None:
    return None


async def test_an_unanswered_create_is_not_sent_to_another_backend_again() -> None:
    """That this one does not have the room says nothing; the right one has it."""
    async with running(teams(2)) as world:
        world.fake.script("create_room", Fate.ACT_THEN_DROP)
        world.fake.hidden.add("00000000-0000-4000-8000-000000001002")
        world.mark()
        await world.edit(teams(3))
        world.fake.elsewhere()
        await world.pass_(3 * HOUR)
        assert world.changes == ["create_room"]
        world.fake.hidden.clear()
        world.fake.elsewhere()
        await world.pass_(3 * HOUR)
        assert world.changes == ["create_room"]
        assert world.names == ["Team-0 room", "Team-1 room", "Team-2 room"]
        assert "operation.recovered" in world.events


async def test_a_person_says_that_the_rooms_are_gone() -> None:
    """One word is enough, also for the brake: the rooms are made anew, and no others."""
    limits = Limits(max_removals=1, max_removal_percent=10)
    async with running(teams(5), limits=limits) as world:
        world.fake.elsewhere()
        await world.pass_(2 * HOUR)
        with pytest.raises(DeskError, match="no brake or doubt"):
            await world.desk.approve("12345678", ANNA)
        name = world.engine.parts.resync.absences.found.name
        world.mark()
        done = await world.desk.approve(name, ANNA)
        assert done.lines == tuple(f"team-rooms/team-{number}" for number in range(5))
        await world.restart()
        await world.pass_(2 * HOUR)
        assert world.changes == ["create_room"] * 5
        said = next(fact for fact in world.facts if fact.event == "listing.believed")
        assert (said.actor, said.reason) == (ANNA.actor, ANNA.reason)
        assert len(world.names) == 5
        assert "brake.tripped" not in world.events
        # The next loss is another one.
        for room in world.alive[:2]:
            world.fake.vanish(room.id)
        world.mark()
        await world.pass_(5 * HOUR)
        assert world.changes == []
        assert "brake.tripped" in world.events


async def test_p02_a_word_that_rooms_are_gone_counts_once_it_is_recorded() -> None:
    """The disk is full: it is told, and nothing is made anew by a word that nobody kept."""

    async def full(commit: Commit) -> None:
        if any(fact.event == "listing.believed" for fact in commit.facts):
            raise StoreFault("no space left")

    async with running(teams(5)) as world:
        world.fake.elsewhere()
        await world.pass_(2 * HOUR)
        name = world.engine.parts.resync.absences.found.name
        usual, world.store.before = world.store.before, full
        with pytest.raises(StoreFault, match="no space left"):
            await world.desk.approve(name, ANNA)
        world.store.before = usual
        world.mark()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        await world.desk.approve(name, ANNA)
        await world.pass_(2 * HOUR)
        assert world.changes == ["create_room"] * 5


async def test_a_quarter_of_the_rooms_is_lost_and_braked() -> None:
    """So many may be lost in truth: they are told as lost, and the brake asks before new links."""
    async with running(teams(20), limits=Limits()) as world:
        for room in world.alive[:5]:
            world.fake.vanish(room.id)
        world.mark()
        await world.pass_(5 * HOUR)
        assert world.events.count("room.lost") == 5
        assert world.changes == []
        assert len(world.engine.parts.brakes.verdict.held) == 5


async def test_a_single_room_beside_those_of_others_is_made_anew() -> None:
    """A loss like every other, also where it is our only room."""
    async with running(teams(1)) as world:
        world.fake.plant(
            NewRoom("Kitchen", RoomType.LONG_TERM, "", {}, world.clock.now() + 300 * DAY)
        )
        world.fake.vanish((await world.ids())["team-rooms/team-0"])
        world.mark()
        await world.pass_(3 * HOUR)
        assert world.changes == ["create_room"]


async def test_a_doubted_listing_is_soon_made_again() -> None:
    """Nobody waits for an hour for what is over after five minutes."""
    async with running(teams(2), resync=12 * HOUR) as world:
        world.fake.elsewhere()
        await world.pass_(14 * HOUR, step=10 * MINUTE)
        assert world.engine.parts.observations.doubt
        world.fake.elsewhere()
        await world.pass_(6 * MINUTE, step=MINUTE)
        assert world.engine.parts.observations.doubt == ""


async def test_plan_tells_the_doubt_without_a_daemon() -> None:
    """The same sentence for one command, and what is held by it."""
    world = World(teams(2), mode=Mode.ENFORCE)
    await world.start()
    await world.pass_(HOUR)
    await world.crash()
    world.fake.elsewhere()
    engine, desk = world.offline()
    await engine.look()
    report = await desk.plan()
    assert "it lacks 2 of 2 rooms of ours" in report.doubt
    assert not [line for line in report.lines if line.action == "create"]
