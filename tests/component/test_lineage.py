"""A store that was lost, restored or copied, and a second daemon: told apart by their rooms (P3).

The API, the policies and the clock stay; stores are taken away, put back and doubled.
"""

from __future__ import annotations

import json
from datetime import timedelta

from orchestrator.domain.keys import key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.records import Operation, OperationKind, OperationState
from orchestrator.domain.rooms import NewRoom, Observed, RoomType
from orchestrator.engine.gathering import DISOWNED
from orchestrator.engine.lineage import LINEAGE
from orchestrator.ports.store import Commit
from tests.component.world import ANNA, HOUR, OWNER, World, alive, policy, running
from tests.fakes.store import FakeStore

DAY = timedelta(days=1)
GONE = {"mode": "delete", "grace": "60s"}
CHECKOUT, SEARCH, FRAUD = "team-rooms/checkout", "team-rooms/search", "team-rooms/fraud"


def text(*subjects: str) -> dict[str, bytes]:
    return {"team-rooms.yaml": policy(subjects=subjects, removal=GONE)}


def plant(world: World, subject: str, operation: str, name: str = "") -> Observed:
    """A room with our marker, made by an operation of some store."""
    metadata = write_metadata("", new_marker(OWNER, key("team-rooms", subject), 1, operation))
    ends = world.clock.now() + timedelta(days=300)
    room = NewRoom(name or f"{subject.title()} room", RoomType.LONG_TERM, metadata, {}, ends)
    return world.fake.plant(room)


def with_store(world: World, store: FakeStore) -> None:
    """Put another store in the place of the one that was."""
    world.store = store
    world.mark()


async def known(store: FakeStore, *incarnations: str) -> FakeStore:
    """A store that was told which others were this installation's."""
    notes: dict[str, str | None] = {LINEAGE: json.dumps(incarnations)}
    await store.commit(Commit(notes=notes), World().clock.now())
    return store


async def needs(world: World) -> str:
    return "\n".join((await world.desk.status()).needs_you)


# --- the store was lost ---------------------------------------------------------------------------


async def test_p03_a_lost_store_takes_its_rooms_up_and_ends_nothing() -> None:
    """Each key gets its own room back without a call; new ones are made; ends wait."""
    async with running(text("checkout", "search")) as world:
        before = await world.ids()
        await world.crash()
        with_store(world, await known(FakeStore("newstore"), "fakefake"))
        await world.start()
        await world.pass_(2 * HOUR)
        assert await world.ids() == before
        assert world.changes == []
        told = await needs(world)
        assert "it is new, because an earlier one was lost" in told
        assert "state rebuild --dry-run" in told
        assert world.one("room.conflicted").detail["incarnation"] == "fakefake"
        # Creates go on; what is wanted no more is only buried, also after another restart.
        await world.edit(text("checkout", "fraud"))
        await world.restart()
        await world.pass_(10 * DAY, step=HOUR)
        assert world.changes == ["create_room"]
        assert "conflict" in world.holds(SEARCH)
        # And renewing, of the room that is wanted no more as well.
        await world.pass_(290 * DAY, step=6 * HOUR)
        assert set(world.changes) == {"create_room", "update_room"}
        assert len(world.alive) == 3


async def test_a_new_installation_has_no_doubt() -> None:
    """Rooms of one's own, late ones among them, are no reason for any."""
    async with running(text("checkout")) as world:
        await world.edit(text())
        await world.pass_(DAY)
        assert world.names == []
        assert "room.conflicted" not in world.events
        assert not await needs(world)


# --- the store is an older copy, or two daemons have one ------------------------------------------


async def test_p03_an_older_copy_notices_what_it_does_not_know() -> None:
    """Yesterday's store: today's room becomes its key's, and nothing is ended by what was true."""
    async with running(text("checkout", "search")) as world:
        await world.crash()
        yesterday = world.store.copied()
        await world.start()
        await world.edit(text("checkout", "search", "fraud"))
        today = await world.ids()
        await world.crash()
        with_store(world, yesterday)
        await world.start()
        await world.pass_(2 * HOUR)
        assert await world.ids() == today
        assert world.changes == []
        assert "an older copy" in await needs(world)
        await world.edit(text("checkout"))
        await world.pass_(10 * DAY, step=HOUR)
        assert world.changes == []
        assert len(world.alive) == 3


async def test_p03_two_daemons_with_one_store_end_nothing_of_each_other() -> None:
    """A machine that was cloned with everything: both notice when one makes a room."""
    async with running(text("checkout", "search")) as world:
        clone = World(text("search"), clock=world.clock)
        clone.fake = clone.rooms = world.fake
        clone.store = world.store.copied()
        await world.edit(text("checkout", "search", "fraud"))
        async with alive(clone):
            await together(world, clone, DAY)
            assert "works with a copy of it" in await needs(clone)
            await clone.edit(text("search", "qa"))
            await together(world, clone, DAY)
            assert "works with a copy of it" in await needs(world)
            await world.edit(text("search"))
            await clone.edit(text("search"))
            await together(world, clone, 10 * DAY)
            assert "delete_room" not in world.changes
            assert world.names == ["Checkout room", "Fraud room", "Qa room", "Search room"]


async def together(one: World, other: World, length: timedelta) -> None:
    """Let time pass for both."""
    end = one.clock.now() + length
    while one.clock.now() < end:
        moment = min(one.next_moment(end, HOUR), other.next_moment(end, HOUR))
        one.clock.advance_to(moment)
        for world in (one, other):
            world.timer.fire_due(moment)
            await world.settle()


# --- another daemon uses this owner ---------------------------------------------------------------


async def test_p03_rooms_of_a_store_that_was_never_ours_stop_all_but_renewing() -> None:
    """They are named with their times; nothing is made, ended or taken; until they are gone."""
    async with running(text("checkout")) as world:
        stranger = plant(world, "search", "otherone-0123456789abcdef")
        twin = plant(world, "checkout", "otherone-1123456789abcdef")
        await world.pass_(2 * HOUR)
        told = await needs(world)
        for part in (stranger.id, twin.id, "2026-01-05T09:00:0", "by store otherone", SEARCH):
            assert part in told
        assert world.one("room.conflicted").detail["incarnation"] == "otherone"
        world.mark()
        await world.edit(text("search", "fraud"))
        await world.pass_(10 * DAY, step=HOUR)
        assert world.changes == []
        assert world.holds(SEARCH) == world.holds(FRAUD) == {"stranger"}
        assert "create" in {line.action for line in (await world.desk.plan()).held}
        # The room that we know is renewed, or its link would die of somebody else's mistake.
        await world.pass_(262 * DAY, step=12 * HOUR)
        assert set(world.changes) == {"update_room"}
        # Once the others are gone all goes on.
        world.fake.vanish(stranger.id)
        world.fake.vanish(twin.id)
        await world.pass_(DAY)
        assert not await needs(world)
        assert {"Search room", "Fraud room"} <= set(world.names)


async def test_p03_a_second_daemon_without_a_store_does_nothing() -> None:
    """A machine with a copy of config and keys alone: it makes nothing, and takes nothing."""
    async with running(text("checkout", "search")) as world:
        await world.crash()
        with_store(world, FakeStore("newstore"))
        await world.start()
        await world.pass_(2 * DAY)
        assert world.changes == []
        assert await world.ids() == {}
        assert "another daemon uses this owner" in await needs(world)
        assert world.engine.headline().startswith("another daemon uses this owner")


async def test_what_a_person_disowned_is_no_stranger() -> None:
    """A marked room that was forgotten belongs to nobody, and says nothing of anybody."""
    async with running(text("checkout")) as world:
        await world.edit({"team-rooms.yaml": policy(subjects=[], removal=GONE, mode="observe")})
        await world.desk.forget(CHECKOUT, ANNA)
        await world.crash()
        (room,) = world.alive
        store = FakeStore("newstore")
        await store.commit(Commit(notes={DISOWNED + room.id: ANNA.actor}), world.clock.now())
        with_store(world, store)
        await world.start()
        await world.pass_(DAY)
        assert not await needs(world)


async def test_a_person_lets_go_of_a_room_that_nobody_remembers() -> None:
    """What a rebuild had to leave to them: then nothing stands in the way any more."""
    async with running(text("checkout", "search")) as world:
        marked = plant(world, "checkout", "fakefake-0123456789abcdef")
        made = world.clock.now()
        operation = Operation(
            "fakefake-0123456789abcdef",
            key("team-rooms", "checkout"),
            OperationKind.CREATE,
            1,
            marked.id,
            "",
            "",
            made,
            state=OperationState.DONE,
        )
        await world.store.commit(Commit(operations=[operation]), made)
        await world.pass_(2 * HOUR)
        assert world.holds(CHECKOUT) == {"conflict"}
        await world.edit(text("checkout"))
        await world.pass_(DAY)
        assert "delete_room" not in world.changes
        done = await world.desk.forget(marked.id, ANNA)
        assert marked.id in done.message
        assert world.one("room.forgotten").key == CHECKOUT
        await world.pass_(DAY)
        assert world.changes[-1] == "delete_room"
        assert not await needs(world)
        assert len(world.alive) == 2  # the one that was let go of, and the one that is wanted


# --- the audit is behind --------------------------------------------------------------------------


async def test_p12_nothing_is_ended_while_the_log_cannot_be_written_for_long() -> None:
    """Facts wait in the store; creates and renewals go on; once it is written so do the ends."""
    async with running(text("checkout", "search")) as world:
        world.audit.fail(*[0] * 200)
        await world.edit(text("checkout", "fraud"))
        await world.pass_(20 * timedelta(minutes=1), step=timedelta(seconds=30))
        assert world.changes.count("delete_room") == 1  # its grace of a minute was over in time
        await world.edit(text("fraud", "qa"))
        await world.pass_(HOUR, step=timedelta(minutes=1))
        assert "the audit log could not be written since" in await needs(world)
        assert world.holds(CHECKOUT) == {"conflict"}
        assert {"Checkout room", "Fraud room", "Qa room"} == set(world.names)
        world.audit.heal()
        await world.pass_(2 * HOUR, step=timedelta(minutes=1))
        assert {"Fraud room", "Qa room"} == set(world.names)
        assert not await needs(world)
        seqs = [recorded.seq for recorded in world.audit.written]
        assert seqs == list(range(1, len(seqs) + 1))
