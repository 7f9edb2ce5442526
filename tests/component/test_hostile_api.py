"""The engine on the hostile server: single lies that no table of answers shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.meetings_server import Fault, Profile, Route
from tests.component.served import served
from tests.component.world import policy

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
AT_ONCE = {"mode": "now", "overlap": "1m"}


def named(name: str) -> bytes:
    """The policy of one room; another name is another room."""
    return policy(subjects=["checkout"], room={"display_name": name}, replace=AT_ONCE)


async def test_a_room_that_was_deleted_and_is_there_all_the_same_is_ended_again() -> None:
    """204 and nothing done: it is ours and to be ended, not another daemon's, and nothing waits."""
    async with served(policies={"team-rooms.yaml": named("One")}) as world:
        await world.start()
        await world.edit({"team-rooms.yaml": named("Two")})
        world.hostility.profile = Profile.always(Fault.NOT_DONE, Route.DELETE)
        await world.pass_(10 * MINUTE)
        assert world.hostility.hits == {(Route.DELETE, Fault.NOT_DONE): 1}
        assert len(await world.table()) == 2
        world.hostility.calm()
        await world.pass_(7 * HOUR)
        (room,) = await world.table()
        assert room.display_name == "Two"
        assert (await world.desk.status()).needs_you == ()
        (state,) = await world.store.states()
        assert [one.id for one in state.rooms] == [room.id]
        reasons = [fact.reason for fact in world.facts if fact.event == "room.deleted"]
        assert reasons == [
            "it was replaced and its overlap is over",
            "it was deleted, and is there all the same",
        ]


async def test_a_stale_listing_after_a_deletion_is_no_conflict() -> None:
    """It shows the room that is gone: nothing is taken back, and nothing told."""
    async with served(policies={"team-rooms.yaml": named("One")}) as world:
        await world.start()
        await world.edit({"team-rooms.yaml": named("Two")})
        await world.pass_(10 * MINUTE)
        assert len(await world.table()) == 1
        world.mark()
        stale = Profile.always(Fault.STALE, Route.LIST)
        world.hostility.profile = replace(stale, lag=timedelta(days=1))
        await world.pass_(7 * HOUR)
        assert world.hostility.hits[Route.LIST, Fault.STALE] > 0
        assert world.events == []
        assert (await world.desk.status()).needs_you == ()
