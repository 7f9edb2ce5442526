"""Rooms that nobody uses: asleep, woken, over, asked for again; and what is not taken for that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.policies import Mode
from orchestrator.domain.reports import LinkFate
from orchestrator.domain.rooms import Observed
from tests.component.world import ANNA, WIDE, World, alive, policy

DAY = timedelta(days=1)
CHECKOUT, SEARCH = "team-rooms/checkout", "team-rooms/search"
# Renewed some 52 to 60 days after it was made, unless nobody used it for a month.
UNUSED = {"only_if_used_within": "30d"}
ROOM = {"lifetime": "90d"}


def files(*subjects: object, **rest: Any) -> dict[str, bytes]:
    """The policy with these subjects."""
    said = {"room": ROOM, "renewal": UNUSED, **rest}
    return {"team-rooms.yaml": policy(subjects=subjects, **said)}


def a_world(*subjects: object, **options: Any) -> World:
    """One that lists each day."""
    return World(files(*(subjects or ("checkout",))), resync=DAY, **options)


def only(world: World) -> Observed:
    (room,) = world.alive
    return room


async def meet(world: World, room_id: str) -> None:
    """Somebody is there for a minute, between two listings."""
    world.fake.join(room_id)
    world.clock.advance_to(world.clock.now() + timedelta(minutes=1))
    world.fake.leave(room_id)


async def test_what_nobody_uses_comes_to_its_end_and_is_not_made_anew() -> None:
    """Told once, over a restart; until a person asks for it."""
    world = a_world()
    async with alive(world):
        room = only(world)
        world.mark()
        await world.pass_(31 * DAY)
        assert world.events == ["room.dormant"]
        assert world.one("room.dormant").actor.startswith("policy team-rooms@")
        await world.restart()
        await world.pass_(35 * DAY)
        (row,) = (await world.desk.rooms()).rooms
        assert (row.state, row.next_act and row.next_act.what) == ("dormant", "ends, dormant")
        (told,) = (await world.desk.status()).dormant
        assert (told.key, told.ends) == (CHECKOUT, room.expires_at)
        why = await world.desk.why(CHECKOUT)
        assert any("nobody used it since" in hold.told for hold in why.holds)
        await world.pass_(60 * DAY)
        assert world.changes == []
        assert world.alive == []
        assert [event for event in world.events if event.startswith("room.")] == [
            "room.dormant",
            "room.expired",
        ]
        (row,) = (await world.desk.rooms()).rooms
        assert (row.state, row.room_id) == ("dormant", "")
        plan = await world.desk.plan()
        assert plan.lines == ()
        (held,) = plan.held
        assert (held.action, held.held_by) == ("create", "dormant")
        assert held.hint == f"room-orchestrator rooms renew {CHECKOUT} --reason …"
        done = await world.desk.renew(CHECKOUT, ANNA)
        assert "gets a new room" in done.message
        await world.settle()
        assert world.names == ["Checkout room"]
        woken = world.one("room.woken")
        assert (woken.actor, woken.reason) == (ANNA.actor, ANNA.reason)
        assert (await world.desk.status()).dormant == ()


async def test_who_joins_a_dormant_room_keeps_it() -> None:
    world = a_world()
    async with alive(world):
        room = only(world)
        await world.pass_(61 * DAY)
        assert (await world.state(CHECKOUT)).dormant is not None
        world.mark()
        await meet(world, room.id)
        await world.pass_(2 * DAY)
        assert [event for event in world.events if event.startswith("room.")] == [
            "room.woken",
            "room.renewed",
        ]
        assert only(world).id == room.id


async def test_a_person_keeps_a_dormant_room_by_renewing_it() -> None:
    world = a_world()
    async with alive(world):
        room = only(world)
        await world.pass_(61 * DAY)
        world.mark()
        await world.desk.renew(CHECKOUT, ANNA)
        await world.settle()
        assert world.events == ["room.woken", "room.renew.asked", "room.renewed"]
        await world.pass_(29 * DAY)
        assert only(world).id == room.id
        assert (await world.state(CHECKOUT)).dormant is None
        await world.pass_(2 * DAY)
        assert (await world.state(CHECKOUT)).dormant is not None


async def test_p04_a_use_between_two_listings_is_remembered() -> None:
    """The API told of it once, weeks ago; it is recorded with the room, also over a restart."""
    world = a_world("checkout", "search")
    async with alive(world):
        await world.pass_(15 * DAY)
        await meet(world, (await world.ids())[CHECKOUT])
        await world.pass_(9 * DAY)
        await world.restart()
        world.mark()
        await world.pass_(20 * DAY)
        assert [fact.key for fact in world.facts if fact.event == "room.dormant"] == [SEARCH]
        await world.pass_(3 * DAY)
        assert [fact.key for fact in world.facts if fact.event == "room.dormant"] == [
            SEARCH,
            CHECKOUT,
        ]


async def test_meetings_are_counted_once_and_shown() -> None:
    """Over restarts, and after the API tells of them no more; the one that goes on is included."""
    world = a_world()
    async with alive(world):
        room = only(world).id

        async def shown() -> tuple[object, ...]:
            (row,) = (await world.desk.rooms()).rooms
            (same,) = (await world.desk.why(CHECKOUT)).rooms
            assert same == row
            return row.sessions, row.participant_minutes, row.counted_whole

        assert await shown() == (0, 0.0, True)
        world.mark()
        for _ in range(3):
            await meet(world, room)
            await world.pass_(4 * DAY)
            await world.restart()
        assert await shown() == (3, 3.0, True)
        counted = [fact for fact in world.facts if fact.event == "session.counted"]
        assert [(fact.key, fact.room_id) for fact in counted] == [(CHECKOUT, room)] * 3
        assert {fact.detail["minutes"] for fact in counted} == {1.0}
        assert {fact.detail["participants"] for fact in counted} == {1}
        await world.pass_(20 * DAY)
        world.fake.join(room)
        world.clock.advance_to(world.clock.now() + timedelta(minutes=90))
        await world.desk.plan()
        assert await shown() == (4, 93.0, True)
        world.fake.leave(room)
        await meet(world, room)
        await world.pass_(2 * DAY)
        assert (await shown())[0] == 5
        assert world.events.count("session.counted") == 5


async def test_meetings_that_were_not_told_are_not_made_up() -> None:
    """A gap in the readings lets there be more; without a list nobody knows."""
    world = a_world()
    async with alive(world):
        room = only(world).id
        await meet(world, room)
        await world.pass_(2 * DAY)
        world.fake.tells_sessions = False
        await world.pass_(20 * DAY)
        (row,) = (await world.desk.rooms()).rooms
        assert (row.sessions, row.counted_whole) == (1, False)
        world.fake.tells_sessions = True
        await world.pass_(DAY)
        (row,) = (await world.desk.rooms()).rooms
        assert (row.sessions, row.counted_whole) == (1, False)


async def test_p04_who_stays_for_months_uses_the_room() -> None:
    """A session without an end holds no room after half a day, but it is use."""
    world = a_world()
    async with alive(world):
        world.fake.join(only(world).id)
        world.mark()
        await world.pass_(61 * DAY)
        assert [event for event in world.events if event.startswith("room.")] == ["room.renewed"]
        world.fake.tells_sessions = False  # it is not listed any more, and nobody tells of its end
        await world.pass_(2 * DAY)
        world.fake.tells_sessions = True
        watched = (await world.room(CHECKOUT)).watched_from
        assert watched is not None
        assert watched > world.clock.now() - 5 * DAY


@pytest.mark.parametrize("used", [True, False])
async def test_p04_what_was_not_told_counts_as_use(used: bool) -> None:
    """The daemon was down for longer than sessions are told of: nobody is taken for silent."""
    world = a_world()
    async with alive(world):
        await world.pass_(20 * DAY)
        await world.stop()
        if used:
            await meet(world, only(world).id)
        world.clock.advance_to(world.clock.now() + 12 * DAY)
        await world.start()
        world.mark()
        await world.pass_(29 * DAY)
        assert [event for event in world.events if event.startswith("room.")] == ["room.renewed"]
        await world.pass_(2 * DAY)
        assert "room.dormant" in world.events


async def test_p04_a_short_outage_takes_no_use_for_unknown() -> None:
    """What happened meanwhile is still told afterwards."""
    world = a_world()
    async with alive(world):
        await world.pass_(20 * DAY)
        await world.stop()
        world.clock.advance_to(world.clock.now() + 5 * DAY)
        await world.start()
        world.mark()
        await world.pass_(6 * DAY)
        assert "room.dormant" in world.events


async def test_p04_a_doubtful_listing_proves_no_silence() -> None:
    """An empty backend behind the proxy tells of no session either."""
    world = a_world()
    async with alive(world):
        await world.pass_(20 * DAY)
        world.fake.doubtful = "a page is missing"
        world.mark()
        await world.pass_(29 * DAY)
        assert [event for event in world.events if event.startswith("room.")] == []
        world.fake.doubtful = ""
        await world.pass_(20 * DAY)
        assert "room.dormant" not in world.events


async def test_p04_where_the_api_tells_no_sessions_every_room_is_renewed() -> None:
    """Also one that slept: its use is not known any more before it ends."""
    world = a_world()
    async with alive(world):
        room = only(world)
        await world.pass_(61 * DAY)
        assert (await world.state(CHECKOUT)).dormant is not None
        world.fake.tells_sessions = False
        world.mark()
        await world.pass_(20 * DAY)
        assert [event for event in world.events if event.startswith("room.")] == [
            "room.woken",
            "room.renewed",
        ]
        await world.pass_(300 * DAY)
        assert only(world).id == room.id
        assert "room.dormant" not in world.events


TWELVE = [f"team-{number}" for number in range(12)]
FEW = Limits(max_removals=3, max_removal_percent=10)


async def test_p10_rooms_that_look_unused_together_trip_the_brake_and_live_on() -> None:
    """Use was misread, say: none sleeps, each is renewed before it ends, and the brake stands."""
    world = a_world(*TWELVE, limits=FEW)
    async with alive(world):
        before = await world.ids()
        world.mark()
        await world.pass_(31 * DAY)
        assert "room.dormant" not in world.events
        assert len(world.one("brake.tripped").detail["keys"]) == 12  # type: ignore[arg-type]
        await world.restart()
        await world.pass_(60 * DAY)
        renewed = [fact for fact in world.facts if fact.event == "room.renewed"]
        assert len(renewed) == 12
        assert "room.dormant" not in world.events
        assert await world.ids() == before
        assert len(world.engine.parts.brakes.verdict.held) == 12


async def test_a_brake_that_holds_them_is_approved_or_lets_go_of_what_is_used() -> None:
    world = a_world(*TWELVE, limits=FEW)
    async with alive(world):
        await world.pass_(31 * DAY)
        for name in TWELVE[:2]:
            await meet(world, (await world.ids())[f"team-rooms/{name}"])
        await world.pass_(2 * DAY)
        verdict = world.engine.parts.brakes.verdict
        assert len(verdict.held) == 10
        world.mark()
        await world.desk.approve(verdict.brake, ANNA)
        await world.settle()
        slept = {fact.key for fact in world.facts if fact.event == "room.dormant"}
        assert slept == set(verdict.held)


@pytest.mark.parametrize("mode", [Mode.NO_REMOVALS, Mode.OBSERVE])
async def test_a_mode_that_ends_nothing_lets_no_room_sleep(mode: Mode) -> None:
    """Nor sleep on: who takes removals back wants every link to live."""
    world = a_world()
    async with alive(world):
        await world.pass_(35 * DAY)
        await world.stop()
        world.mode = mode
        await world.start()
        world.mark()
        await world.pass_(26 * DAY)
        assert (await world.state(CHECKOUT)).dormant is None
        assert "room.dormant" not in world.events
        assert ("room.renewed" in world.events) is (mode is Mode.NO_REMOVALS)


async def test_the_plan_tells_who_would_sleep_and_that_a_brake_would_hold_it() -> None:
    """Of a candidate: nothing is decided by looking."""
    world = World(files(*TWELVE, renewal={}), resync=DAY, limits=FEW)
    async with alive(world):
        await world.pass_(40 * DAY)
        plan = await world.desk.plan(world.folder(files(*TWELVE)))
        assert plan.lines == ()
        assert {(line.action, line.held_by) for line in plan.held} == {("sleep", "brake")}
        world.engine.parts.brakes._limits = WIDE  # noqa: SLF001
        plan = await world.desk.plan(world.folder(files(*TWELVE)))
        assert {(line.action, line.link) for line in plan.lines} == {("sleep", LinkFate.ENDS)}
        assert all(state.dormant is None for state in await world.store.states())
