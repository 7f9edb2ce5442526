"""Renewals at work: late looks, ends that are not taken, missed windows, and wishes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.rooms import Observed, Patch
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from orchestrator.ports.rooms import RoomListing
from tests.component.world import ANNA, HOUR, World, alive, key, policy, running
from tests.fakes.rooms import Asked, FakeRooms, Fate

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
CHECKOUT = "team-rooms/checkout"


SCHEDULED = b"""
version: 1
name: all-hands
on_schedule: {cron: "0 0 * * *", timezone: UTC, duration: 23h}
room: {type: long_term, display_name: All hands}
"""


class Forgetful(FakeRooms):
    """Shows rooms as they were, or takes a new end with a 200 and keeps the old one."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.stale: dict[str, Observed] = {}
        self.deaf = False

    async def get_room(self, room_id: str) -> Observed:
        return self._as_it_was(await super().get_room(room_id))

    async def list_rooms(self, start_id: int | None = None) -> RoomListing:
        listing = await super().list_rooms(start_id)
        return replace(listing, rooms=tuple(self._as_it_was(room) for room in listing.rooms))

    async def update_room(self, room_id: str, patch: Patch) -> Observed:
        before = await super().get_room(room_id)
        self.asked.pop()
        after = await super().update_room(room_id, patch)
        if not self.deaf:
            return after
        return self.change(room_id, Patch(expires_at=before.expires_at))

    def _as_it_was(self, room: Observed) -> Observed:
        return self.stale.get(room.id, room)


def forgetful(**options: Any) -> tuple[World, Forgetful]:
    """A world of one room with such an API."""
    world = World({"team-rooms.yaml": policy(subjects=["checkout"], **options)}, resync=DAY)
    fake = Forgetful(world.clock)
    world.fake = world.rooms = fake
    return world, fake


# --- what the API shows and takes -----------------------------------------------------------------


async def test_p07_a_stale_look_renews_once_within_the_floor_over_restarts() -> None:
    """Renewed late, shown as it was for a day: hints, listings and restarts renew nothing again."""
    world, fake = forgetful()
    async with alive(world):
        (room,) = world.alive
        assert room.expires_at is not None
        await world.stop()
        world.clock.advance_to(room.expires_at - 2 * HOUR)
        fake.stale[room.id] = room
        world.mark()
        await world.start()
        assert world.events.count("room.renewed") == 1
        for _ in range(10):
            world.engine.parts.inbox.wake(key(CHECKOUT), "a hint")
            await world.settle()
            await world.pass_(timedelta(seconds=1))
        await world.desk.apply(ANNA)
        await world.restart()
        await world.pass_(110 * MINUTE)
        assert world.events.count("room.renewed") == 1
        del fake.stale[room.id]
        await world.pass_(100 * DAY)
        assert world.events.count("room.renewed") == 1


async def test_a_listing_that_overtook_a_renewal_does_not_take_its_end_back() -> None:
    """It began while the PATCH was under way and was answered before that was carried out."""

    async def overtaken(asked: Asked) -> None:
        if asked.method == "update_room":
            await world.clock.sleep(0.2)
            assert await world.engine.parts.resync.full()

    world = World({"team-rooms.yaml": policy(subjects=["checkout"])}, resync=DAY)
    async with alive(world):
        await world.pass_(HOUR)
        world.fake.before = overtaken
        shorter = policy(subjects=["checkout"], room={"lifetime": "200d"})
        await world.edit({"team-rooms.yaml": shorter})
        await world.pass_(MINUTE, step=timedelta(seconds=1))
        (room,) = world.alive
        assert world.events[-1] == "room.renewed"
        assert (await world.room(CHECKOUT)).expires_at == room.expires_at
        assert world.engine.parts.observations.sighting(room.id) == room


async def test_p07_an_end_that_is_not_taken_is_told_and_asked_for_again() -> None:
    """200 with the old end is no renewal: tried a few times a day, and in time once it is taken."""
    world, fake = forgetful(room={"lifetime": "30d"})
    async with alive(world):
        (room,) = world.alive
        assert room.expires_at is not None
        fake.deaf = True
        world.mark()
        await world.pass_(room.expires_at - world.clock.now() - 2 * DAY)
        failed = [fact for fact in world.facts if fact.event == "room.renew.failed"]
        assert 4 < len(failed) < 50
        assert failed[0].reason == "200: the API took the new end and left the old one"
        assert "room.renewed" not in world.events
        assert world.holds(CHECKOUT) == {"back-off"}
        fake.deaf = False
        await world.pass_(DAY)
        assert world.events.count("room.renewed") == 1
        assert [one.id for one in world.alive] == [room.id]


async def test_an_end_that_is_not_shortened_is_asked_for_again() -> None:
    """200 with the old end retires no room: it would live on, forgotten, for all its lifetime."""
    world, fake = forgetful(room={"lifetime": "30d"}, removal={"mode": "delete", "grace": "1h"})
    fake.tells_sessions = False
    async with alive(world):
        fake.deaf = True
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(5 * HOUR)
        assert "room.retire.failed" in world.events
        assert "room.retired" not in world.events
        fake.deaf = False
        await world.pass_(DAY)
        assert world.events.count("room.retired") == 1
        assert world.alive == []


async def test_a_window_that_was_missed_is_waited_for_again() -> None:
    """The daemon was down when it was open: not renewed at noon, but the next morning."""
    window = {"cron": "0 6 * * *", "timezone": "UTC", "duration": "4h"}
    world, _ = forgetful(room={"lifetime": "60d"}, renewal={"window": window})
    async with alive(world):
        due = (await world.desk.why(CHECKOUT)).next_act
        assert due is not None
        assert 6 <= due.at.hour < 10
        await world.stop()
        world.clock.advance_to(due.at.replace(hour=12) + 2 * DAY)
        world.mark()
        await world.start()
        await world.pass_(17 * HOUR)
        assert "room.renewed" not in world.events
        await world.pass_(6 * HOUR)
        assert world.events.count("room.renewed") == 1


# --- wishes ---------------------------------------------------------------------------------------


async def test_a_person_has_a_room_renewed_now() -> None:
    """At its next turn, by its person's name; and no second time for the same word."""
    async with running() as world:
        await world.pass_(10 * DAY)
        before = (await world.room(CHECKOUT)).expires_at
        world.mark()
        done = await world.desk.renew(CHECKOUT, ANNA)
        assert "is asked for" in done.message
        await world.settle()
        assert world.events == ["room.renew.asked", "room.renewed"]
        renewed = world.one("room.renewed")
        assert (renewed.actor, renewed.reason) == (
            ANNA.actor,
            f"{ANNA.actor} asked for it: {ANNA.reason}",
        )
        after = (await world.room(CHECKOUT)).expires_at
        assert before is not None
        assert after is not None
        assert after - before > 9 * DAY
        await world.pass_(DAY)
        assert world.changes == ["update_room"]


async def test_a_persons_word_outlives_a_restart_and_an_outage() -> None:
    async with running() as world:
        await world.pass_(10 * DAY)
        world.fake.script("update_room", *[Fate.UNSENT] * 3)
        world.mark()
        await world.desk.renew(CHECKOUT, ANNA)
        await world.settle()
        assert "room.renewed" not in world.events
        await world.restart()
        await world.pass_(HOUR)
        assert world.events.count("room.renewed") == 1
        assert (await world.state(CHECKOUT)).asked is None


async def test_p07_six_wishes_a_day_are_met_and_the_seventh_is_refused() -> None:
    """Those of a policy's new versions count as well: one that flaps renews six times a day."""
    async with running() as world:
        await world.pass_(10 * DAY)
        world.mark()
        for _ in range(3):
            await world.desk.renew(CHECKOUT, ANNA)
            await world.settle()
            await world.pass_(MINUTE)
        for number in range(6):
            room = {"lifetime": f"{300 - number}d"}
            await world.edit({"team-rooms.yaml": policy(room=room)})
        renewed = [fact for fact in world.facts if fact.event == "room.renewed"]
        assert sum(fact.key == CHECKOUT for fact in renewed) == 6
        assert world.holds(CHECKOUT) == {"asked"}
        with pytest.raises(DeskError, match="6 times in a day by wishes"):
            await world.desk.renew(CHECKOUT, ANNA)
        await world.pass_(DAY)
        renewed = [fact for fact in world.facts if fact.event == "room.renewed"]
        assert sum(fact.key == CHECKOUT for fact in renewed) == 7
        room_now = await world.room(CHECKOUT)
        assert room_now.lifetime == timedelta(days=295)


async def test_what_cannot_be_renewed_is_refused_with_the_reason() -> None:
    world = World()
    world.fake.down = True
    async with alive(world):
        with pytest.raises(DeskError, match="has no room now"):
            await world.desk.renew(CHECKOUT, ANNA)
        world.fake.down = False
        await world.pass_(2 * MINUTE, step=timedelta(seconds=5))
        room = await world.room(CHECKOUT)
        far = world.clock.now() + timedelta(days=364, hours=23, minutes=30)
        world.fake.change(room.id, Patch(expires_at=far))
        await world.pass_(2 * HOUR)
        world.fake.change(room.id, Patch(expires_at=world.clock.now() + timedelta(days=365)))
        await world.desk.apply(ANNA)
        with pytest.raises(DeskError, match="later than a renewal would ask for"):
            await world.desk.renew(CHECKOUT, ANNA)
        await world.edit({"all-hands.yaml": SCHEDULED})
        await world.pass_(DAY)
        (occurrence,) = (one for one in await world.ids() if one.startswith("all-hands"))
        with pytest.raises(DeskError, match="has an end of its own"):
            await world.desk.renew(occurrence, ANNA)
        await world.desk.suspend(CHECKOUT, world.clock.now() + DAY, ANNA)
        with pytest.raises(DeskError, match="rooms resume"):
            await world.desk.renew(CHECKOUT, ANNA)


# --- what is told ---------------------------------------------------------------------------------


async def test_the_next_renewal_is_told_with_its_reason_and_its_latest_moment() -> None:
    """By why, status and plan alike, and in the daemon as offline."""
    window = {"cron": "0 6 * * *", "timezone": "UTC", "duration": "4h"}
    world, _ = forgetful(room={"lifetime": "60d"}, renewal={"window": window})
    async with alive(world):
        (room,) = world.alive
        assert room.expires_at is not None
        why = await world.desk.why(CHECKOUT)
        told = why.renewal
        assert told is not None
        assert why.next_act is not None
        assert (why.next_act.what, why.next_act.at) == ("renew", told.at)
        assert 6 <= told.at.hour < 10
        assert told.why == "20 d before its end, in its window '0 6 * * *'"
        assert told.latest is not None
        assert abs(told.latest - (room.expires_at - 3 * DAY)) < MINUTE
        assert (await world.desk.status()).next_acts == (told,)
        assert (await world.desk.plan()).renewals == (told,)
        await world.stop()
        engine, desk = world.offline()
        await engine.prepare()
        await engine.parts.resync.full()
        offline = await desk.why(CHECKOUT)
        assert offline.renewal == told
        assert offline.next_act is not None
        assert offline.next_act.what == "renew"
        await world.start()
        world.mark()
        await world.pass_(told.at - world.clock.now() - MINUTE)
        assert world.events == []
        await world.pass_(2 * MINUTE)
        assert world.events == ["room.renewed"]


async def test_a_look_in_between_is_not_told_as_a_renewal() -> None:
    """Whether anybody uses it is looked at before its renewal is due."""
    window = {"cron": "0 6 * * *", "timezone": "UTC", "duration": "4h"}
    renewal = {"window": window, "only_if_used_within": "5d"}
    world, fake = forgetful(room={"lifetime": "60d"}, renewal=renewal)
    async with alive(world):
        (room,) = world.alive
        looks = world.engine.parts.agenda.due(key(CHECKOUT))
        assert looks is not None
        assert looks < world.clock.now() + 6 * DAY
        why = await world.desk.why(CHECKOUT)
        assert why.renewal is not None
        assert why.next_act == why.renewal
        fake.join(room.id)
        await world.pass_(10 * DAY)
        assert (await world.desk.why(CHECKOUT)).renewal == why.renewal


async def test_the_plan_tells_the_nearest_three() -> None:
    subjects = [f"team-{number}" for number in range(20)]
    async with running({"team-rooms.yaml": policy(subjects=subjects)}) as world:
        told = (await world.desk.plan()).renewals
        every = [(await world.desk.why(f"team-rooms/{name}")).renewal for name in subjects]
        nearest = sorted((act for act in every if act is not None), key=lambda act: act.at)
        assert told == tuple(nearest[:3])
        await world.desk.suspend(told[0].key, world.clock.now() + DAY, ANNA)
        assert (await world.desk.plan()).renewals == tuple(nearest[1:4])
        assert (await world.desk.why(told[0].key)).renewal is None


async def test_a_renewal_that_is_overdue_is_told() -> None:
    subjects = [f"team-{number}" for number in range(7)]
    text = policy(subjects=subjects, room={"lifetime": "10d"})
    async with running({"team-rooms.yaml": text}) as world:
        world.fake.down = True
        await world.pass_(9 * DAY, step=HOUR)
        assert not any("overdue" in need for need in (await world.desk.status()).needs_you)
        await world.pass_(DAY - 6 * HOUR, step=HOUR)
        needs = [need for need in (await world.desk.status()).needs_you if "overdue" in need]
        assert len(needs) == 6
        assert needs[0].startswith(
            "The renewal of team-rooms/team-0 is overdue since 14 Jan 21:00Z"
        )
        assert needs[-1] == "… and 2 more renewals are overdue"
        world.fake.down = False
        await world.pass_(HOUR)
        assert not any("overdue" in need for need in (await world.desk.status()).needs_you)
