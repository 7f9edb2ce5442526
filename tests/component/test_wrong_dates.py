"""An API that dates its answers wrongly for a while: nothing ends, doubles or hangs by it.

What is recorded at such a moment lies years ahead or back once the dates are right again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.rooms import NewRoom, Observed, Patch, RoomType
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import RoomListing
from tests.component.test_clocks import ApiClock, Dated
from tests.component.test_page_races import LONG, jump
from tests.component.test_pages import FILE as PAGES
from tests.component.test_pages import on_page, opened
from tests.component.test_schedules import FILE, STARTS, STAYS, schedule, until
from tests.component.world import HOUR, World, alive, policy, running
from tests.fakes.clock import VirtualClock
from tests.fakes.rooms import Asked, FakeRooms, Fate
from tests.fakes.store import FakeStore
from tests.fakes.transport import Heard, Said, client

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
YEARS = 30 * 365 * DAY
KEY = "team-rooms/checkout"
NAMED = {"display_name": "Team {{ team.name }}"}
SPARED = {"mode": "delete", "grace": "7d"}


def one(**rest: Any) -> dict[str, bytes]:
    """A policy of one room."""
    return {"team-rooms.yaml": policy(subjects=["checkout"], **rest)}


def misdate(world: World, by: timedelta) -> None:
    """Answers are dated by so much wrongly from now on."""
    world.fake.misdated = by.total_seconds()


def misdate_one(world: World, method: str, by: timedelta) -> None:
    """The next answer to a method alone."""

    async def right(_: Asked) -> None:
        world.fake.misdated = 0.0

    async def wrong(asked: Asked) -> None:
        if asked.method == method:
            misdate(world, by)
            world.fake.after = right

    world.fake.after = wrong


async def hear(world: World, room_id: str, *events: Event) -> None:
    """Callbacks about one session of a room."""
    for event in events:
        await world.engine.parts.hints.received(Callback(event, room_id=room_id, session_id="s1"))
    await world.settle()


class Wrong(Dated):
    """Dates its answers wrongly from one method on, until it is told to stop."""

    wrong = timedelta()
    begin: tuple[str, timedelta] | None = None
    stop_after = ""

    def __init__(self, clock: ApiClock) -> None:
        super().__init__(clock)
        self.changed_at: list[datetime] = []

    def answer(self, heard: object) -> Said:
        assert isinstance(heard, Heard)
        if heard.method == "PATCH":
            self.changed_at.append(self.clock.now())
        method = "SESSIONS" if heard.path == "/sessions" else heard.method
        if self.begin is not None and method == self.begin[0]:
            self.wrong, self.begin = self.begin[1], None
        said = super().answer(heard)
        date = format_datetime(self.clock.now() + self.wrong, usegmt=True)
        if method == self.stop_after:
            self.wrong, self.stop_after = timedelta(), ""
        return Said(said.status, said.body, {"Date": date})


def real(files: Mapping[str, bytes]) -> tuple[World, Wrong, ApiClock]:
    """A world with the real client, and an API whose dates go wrong."""
    clock = VirtualClock()
    api = ApiClock(clock)
    backend = Wrong(api)
    world = World(files, clock=clock, api=lambda clock: client(backend, clock))
    return world, backend, api


@pytest.mark.parametrize("by", [YEARS, 730 * DAY, 100 * DAY])
async def test_p01_a_store_that_is_lost_meanwhile_makes_no_room_twice(by: timedelta) -> None:
    async with running(one(room={"lifetime": "30d"})) as world:
        await world.pass_(2 * HOUR)
        room = await world.room(KEY)
        await world.crash()
        world.store = FakeStore()
        misdate(world, by)
        world.mark()
        await world.start()
        await world.pass_(2 * HOUR)
        world.fake.misdated = 0.0
        await world.pass_(4 * HOUR)
        assert world.names == ["Checkout room"]
        assert (await world.room(KEY)).id == room.id


@pytest.mark.parametrize("days", [40, 100, 200])
async def test_p01_nor_by_the_real_client(days: int) -> None:
    """A store is lost, and the API dates its answers beyond the ends of its rooms for an hour."""
    world, backend, _ = real({"team-rooms.yaml": policy(room={"lifetime": "30d"})})
    await world.start()
    await world.pass_(2 * HOUR)
    assert backend.changes == ["POST", "POST"]
    before = await world.ids()
    await world.crash()
    world.store = FakeStore()
    world.rooms = client(backend, world.clock)
    backend.wrong = days * DAY
    await world.start()
    await world.pass_(HOUR)
    backend.wrong = timedelta()
    await world.pass_(5 * HOUR)
    assert backend.changes == ["POST", "POST"]
    assert await world.ids() == before
    await world.end()


async def test_p01_nor_does_a_store_of_yesterday() -> None:
    """Restored from yesterday while the date is wrong: a room made since is taken up."""
    world = World({"team-rooms.yaml": policy(subjects=["search"], room={"lifetime": "30d"})})
    await world.start()
    await world.pass_(2 * HOUR)


async def test_a_room_that_is_named_as_adopted_is_taken_meanwhile() -> None:
    world = World({"team-rooms.yaml": policy(subjects=["search"])})
    room = world.fake.plant(
        NewRoom("Old", RoomType.LONG_TERM, "", {}, world.clock.now() + 20 * DAY)
    )
    await world.start()
    await world.pass_(2 * HOUR)
    misdate(world, 40 * DAY)
    world.mark()
    lines = json.dumps({"adopted": [{"room": room.id, "key": KEY}]}).encode()
    text = policy(subjects=["search", "checkout"], room={"lifetime": "30d"})
    await world.edit({"team-rooms.yaml": text}, adopted_yaml=lines)
    await world.pass_(2 * HOUR)
    world.fake.misdated = 0.0
    await world.pass_(3 * HOUR)
    assert "create_room" not in world.changes
    await world.end()


async def test_p01_what_an_unanswered_create_made_is_found_meanwhile() -> None:
    async with running({"team-rooms.yaml": policy(subjects=["checkout", "fraud"])}) as world:
        await world.pass_(2 * HOUR)
        world.mark()
        wrong = YEARS

        async def before(asked: Asked) -> None:
            if asked.method == "create_room":
                misdate(world, wrong)

        world.fake.before = before
        world.fake.script("create_room", Fate.ACT_THEN_DROP)
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout", "fraud", "search"])})
        await world.pass_(HOUR / 2, step=timedelta(seconds=5))
        wrong = timedelta()
        misdate(world, wrong)
        await world.pass_(4 * HOUR)
        assert world.changes == ["create_room"]


@pytest.mark.parametrize("by", [-YEARS, -DAY, timedelta()])
async def test_p05_who_was_heard_of_by_a_date_in_the_past_is_inside(by: timedelta) -> None:
    gone = {"mode": "delete", "grace": "60s"}
    world = World({"team-rooms.yaml": policy(removal=gone)})
    world.fake.tells_sessions = False
    async with alive(world):
        room = await world.room(KEY)
        await world.pass_(2 * HOUR)
        misdate(world, by)
        await hear(world, room.id, Event.SESSION_STARTED, Event.PARTICIPANT_JOINED)
        world.fake.join(room.id)
        await world.settle()
        world.fake.misdated = 0.0
        await world.pass_(timedelta(minutes=5))
        world.mark()
        await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=gone)})
        await world.pass_(HOUR, step=timedelta(minutes=5))
        assert world.changes == []
        assert world.holds(KEY) == {"occupied"}


async def test_an_old_link_lives_for_its_overlap_by_the_real_client() -> None:
    """The API's clock is wrong between the question who is inside and the answer to the POST."""
    old = {"mode": "now", "overlap": "7d"}
    world, backend, _ = real(one(replace=old))
    await world.start()
    await world.pass_(2 * HOUR)
    room = await world.room(KEY)
    backend.begin, backend.stop_after = ("SESSIONS", -YEARS), "POST"
    await world.edit(one(room=NAMED, replace=old))
    await world.pass_(2 * HOUR)
    assert "DELETE" not in backend.changes
    assert room.id in backend.table
    await world.end()


@pytest.mark.parametrize("by", [YEARS, -YEARS])
async def test_an_old_link_lives_for_its_overlap_and_no_longer(by: timedelta) -> None:
    text = one(replace={"mode": "now", "overlap": "7d"})
    async with running(text) as world:
        await world.pass_(2 * HOUR)
        old = await world.room(KEY)
        world.mark()
        misdate_one(world, "create_room", by)
        await world.edit(one(room=NAMED, replace={"mode": "now", "overlap": "7d"}))
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        assert "create_room" in world.changes
        assert "delete_room" not in world.changes
        assert old.id in {room.id for room in world.alive}
        await world.pass_(10 * DAY, step=HOUR)
        assert "delete_room" in world.changes


@pytest.mark.parametrize("by", [YEARS, -YEARS])
async def test_use_at_a_wrong_date_puts_a_removal_off_by_its_grace_alone(by: timedelta) -> None:
    both = {"team-rooms.yaml": policy(removal=SPARED)}
    async with running(both) as world:
        room = await world.room(KEY)
        await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=SPARED)})
        await world.pass_(2 * HOUR)
        world.fake.join(room.id)
        misdate(world, by)
        await world.pass_(2 * HOUR)
        world.fake.leave(room.id)
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        world.mark()
        await world.pass_(5 * DAY, step=HOUR)
        assert world.changes == []
        await world.pass_(15 * DAY, step=HOUR)
        assert world.changes == ["delete_room"]


async def test_a_session_that_was_heard_of_at_a_wrong_date_is_over_when_it_is() -> None:
    """Nothing was lost: who joined by a wrong date left by the right one."""
    both = {"team-rooms.yaml": policy(removal=SPARED)}
    async with running(both) as world:
        room = await world.room(KEY)
        await world.pass_(2 * HOUR)
        misdate(world, YEARS)
        await hear(world, room.id, Event.SESSION_STARTED, Event.PARTICIPANT_JOINED)
        await world.settle()
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        await hear(world, room.id, Event.SESSION_ENDED)
        await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=SPARED)})
        await world.restart()
        world.mark()
        await world.pass_(30 * DAY, step=HOUR)
        assert "delete_room" in world.changes


async def test_a_session_whose_end_was_lost_holds_its_room_no_longer_than_others() -> None:
    """A callback came while the date was wrong; the one that it ended was lost."""
    both = {"team-rooms.yaml": policy(removal=SPARED)}
    async with running(both) as world:
        world.fake.tells_sessions = True
        room = await world.room(KEY)
        await world.pass_(2 * HOUR)
        misdate(world, YEARS)
        await hear(world, room.id, Event.PARTICIPANT_JOINED)
        await world.settle()
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=SPARED)})
        world.mark()
        await world.pass_(30 * DAY, step=HOUR)
        assert world.changes != []


async def test_nor_does_it_hold_a_replacement() -> None:
    async with running(one()) as world:
        room = await world.room(KEY)
        await world.pass_(2 * HOUR)
        misdate(world, YEARS)
        await hear(world, room.id, Event.PARTICIPANT_JOINED)
        await world.settle()
        world.fake.misdated = 0.0
        await hear(world, room.id, Event.SESSION_ENDED)
        await world.edit(one(room=NAMED, replace="when_unused"))
        world.mark()
        await world.pass_(30 * DAY, step=HOUR)
        assert "create_room" in world.changes


async def test_nor_what_was_used_by_a_list_of_sessions() -> None:
    async with running(one()) as world:
        room = await world.room(KEY)
        await world.pass_(2 * HOUR)
        world.fake.join(room.id)
        misdate(world, YEARS)
        await world.pass_(2 * HOUR)
        world.fake.leave(room.id)
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit(one(room=NAMED, replace="when_unused"))
        await world.pass_(20 * DAY, step=HOUR)
        assert "create_room" in world.changes


async def test_a_meeting_that_goes_on_is_moved_on_after_a_wrong_grant() -> None:
    async with running({FILE: schedule()}) as world:
        misdate_one(world, "create_room", YEARS)
        await until(world, STARTS)
        (room,) = world.alive
        world.fake.misdated = 0.0
        world.fake.join(room.id)
        world.mark()
        await until(world, STAYS + 2 * HOUR)
        assert "update_room" in world.changes


async def test_and_after_a_wrong_move() -> None:
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        (room,) = world.alive
        world.fake.join(room.id)
        world.mark()
        misdate_one(world, "update_room", YEARS)
        await until(world, STAYS + 2 * HOUR)
        world.fake.misdated = 0.0
        assert len(world.changes) > 3


async def test_a_setting_that_was_changed_by_hand_is_put_right_soon() -> None:
    async with running(one()) as world:
        await world.pass_(2 * HOUR)
        world.mark()
        misdate_one(world, "update_room", YEARS)
        await world.edit(one(room={"ui_settings": {"language": "de"}}))
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        room = world.alive[0]
        assert room.settings["ui_settings.language"] == "de"
        world.mark()
        world.fake.change(room.id, Patch({"ui_settings.language": "en"}))
        await world.pass_(5 * DAY, step=HOUR)
        assert world.alive[0].settings["ui_settings.language"] == "de"


@pytest.mark.parametrize("by", [YEARS, -YEARS])
async def test_p09_settings_are_put_right_whatever_the_date_was(by: timedelta) -> None:
    async with running(one()) as world:
        await world.pass_(2 * HOUR)
        misdate(world, by)
        await world.edit(one(room={"ui_settings": {"language": "de"}}))
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        room = world.alive[0]
        assert room.settings["ui_settings.language"] == "de"
        world.mark()
        world.fake.change(room.id, Patch({"ui_settings.language": "en"}))
        await world.pass_(5 * DAY, step=HOUR)
        assert world.changes == ["update_room"]
        assert world.alive[0].settings["ui_settings.language"] == "de"


@pytest.mark.parametrize("by", [YEARS, -YEARS, -40 * DAY, 5 * DAY, -5 * DAY])
async def test_p07_the_floor_holds_whatever_date_an_answer_bears(by: timedelta) -> None:
    async with running(one(room={"lifetime": "30d"})) as world:
        times = []

        async def before(asked: Asked) -> None:
            if asked.method == "update_room":
                times.append(world.clock.now())

        world.fake.before = before
        misdate_one(world, "update_room", by)
        await world.pass_(40 * DAY, step=HOUR)
        assert times
        assert all(after - before > DAY for before, after in pairwise(times))
        assert len(times) < 4


async def test_p07_nor_is_it_broken_by_the_real_client() -> None:
    world, backend, _ = real(one(room={"lifetime": "30d"}))
    await world.start()
    await world.pass_(15 * DAY, step=HOUR)
    backend.begin, backend.stop_after = ("PATCH", -YEARS), "SESSIONS"
    await world.pass_(20 * DAY, step=HOUR)
    assert backend.changed_at
    assert all(after - before > DAY for before, after in pairwise(backend.changed_at))
    await world.end()


async def test_a_lifetime_that_is_shortened_meanwhile_leaves_its_room_in_peace() -> None:
    async with running(one(room={"lifetime": "365d"})) as world:
        room = await world.room(KEY)
        await world.pass_(2 * HOUR)
        misdate(world, -(30 * DAY - timedelta(minutes=30)))
        world.mark()
        await world.edit(one(room={"lifetime": "30d"}))
        await world.pass_(3 * HOUR)
        world.fake.misdated = 0.0
        await world.pass_(3 * HOUR)
        assert (await world.room(KEY)).id == room.id
        assert world.names == ["Checkout room"]


async def test_a_room_that_nobody_uses_sleeps_in_time() -> None:
    text = one(room={"lifetime": "30d"}, renewal={"only_if_used_within": "60d"})
    async with running(text) as world:
        room = await world.room(KEY)
        await world.pass_(2 * HOUR)
        world.fake.join(room.id)
        await world.pass_(DAY, step=HOUR)
        misdate(world, YEARS)
        await world.pass_(3 * HOUR)
        world.fake.misdated = 0.0
        await world.pass_(3 * HOUR)
        world.fake.leave(room.id)
        await world.pass_(3 * HOUR)
        world.mark()
        await world.pass_(80 * DAY, step=HOUR)
        assert "room.dormant" in world.events


class Walked(FakeRooms):
    """Remembers where listings began."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.starts: list[int | None] = []

    async def list_rooms(self, start_id: int | None = None) -> RoomListing:
        self.starts.append(start_id)
        return await super().list_rooms(start_id)


async def test_all_rooms_are_walked_over_weekly_after_a_clock_that_was_ahead() -> None:
    world = World(one())
    world.fake = world.rooms = api = Walked(world.clock)
    api.page_size = 1
    world.fake.plant(NewRoom("short", RoomType.LONG_TERM, "", {}, world.clock.now() + HOUR))
    await world.start()
    await world.pass_(5 * HOUR)
    world.fake.skew = -365 * DAY.total_seconds()
    world.clock.jump(365 * DAY.total_seconds())
    await world.pass_(9 * DAY, step=HOUR)
    world.clock.jump(-365 * DAY.total_seconds())
    world.fake.skew = 0.0
    api.starts.clear()
    await world.pass_(20 * DAY, step=HOUR)
    assert api.starts.count(None) > 1
    assert len(set(api.starts)) > 1
    await world.end()


@pytest.mark.parametrize("by", [365 * DAY, -365 * DAY])
async def test_a_page_that_came_by_a_wrong_clock_closes_by_its_age(by: timedelta) -> None:
    async with running({PAGES: on_page(close={"max_age": "24h"}, room=LONG)}) as world:
        await world.pass_(2 * HOUR)
        jump(world, by)
        await world.send(opened())
        await world.pass_(HOUR / 2)
        jump(world, -by)
        await world.pass_(HOUR)
        assert "page.closed" not in world.events
        await world.pass_(3 * DAY, step=HOUR)
        assert world.events.count("page.closed") == 1


@pytest.mark.parametrize("by", [YEARS, -YEARS])
async def test_a_page_of_a_wrong_date_keeps_its_one_room(by: timedelta) -> None:
    """A page comes while the API is misdated; long-lived incident with somebody inside."""
    async with running({PAGES: on_page(keep_open=True)}) as world:
        await world.pass_(2 * HOUR)
        misdate(world, by)
        world.mark()
        await world.send(opened())
        await world.pass_(timedelta(minutes=3), step=timedelta(seconds=10))
        (room,) = world.alive
        world.fake.join(room.id)
        await world.pass_(HOUR / 2, step=MINUTE)
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR, step=MINUTE)
        assert [one.id for one in world.alive] == [room.id]
        assert world.changes == ["create_room"]
        world.fake.leave(room.id)
        await world.pass_(2 * HOUR, step=MINUTE)


# --- rooms that have ended and are listed all the same ---

SHORT: dict[str, Any] = {"room": {"lifetime": "30d"}, "removal": {"mode": "expire", "grace": "0s"}}
BOTH = {"team-rooms.yaml": policy(subjects=["checkout", "search"], **SHORT)}
LEFT = {"team-rooms.yaml": policy(subjects=["checkout"], **SHORT)}


class Lister(FakeRooms):
    """Goes on listing rooms that have ended as available (the API notes, 6.4)."""

    async def list_rooms(self, start_id: int | None = None) -> RoomListing:
        listing = await super().list_rooms(start_id)
        rooms = tuple(replace(room, is_available=True) for room in listing.rooms)
        return replace(listing, rooms=rooms)

    async def get_room(self, room_id: str) -> Observed:
        return replace(await super().get_room(room_id), is_available=True)


async def with_one_that_has_ended() -> tuple[World, str]:
    """Of two rooms one was let go, has ended, and is listed still."""
    world = World(BOTH)
    world.fake = world.rooms = Lister(world.clock)
    await world.start()
    await world.pass_(2 * HOUR)
    room = await world.room("team-rooms/search")
    await world.edit(LEFT)
    await world.pass_(40 * DAY, step=6 * HOUR)
    assert await world.store.key_of_room(room.id) is None
    return world, room.id


@pytest.mark.parametrize("by", [timedelta(), DAY])
async def test_a_room_that_has_ended_is_not_taken_for_one_that_was_lost(by: timedelta) -> None:
    """This machine's clock is wrong, and its key is wanted again."""
    world, ended = await with_one_that_has_ended()
    jump(world, by)
    await world.pass_(HOUR)
    await world.edit(BOTH)
    await world.pass_(2 * DAY)
    assert (await world.room("team-rooms/search")).id != ended
    await world.end()


@pytest.mark.parametrize("by", [timedelta(), 6 * HOUR])
async def test_nor_is_another_store_suspected_for_it(by: timedelta) -> None:
    """Its operation was forgotten, and the daemon begins while the clocks differ."""
    world, _ = await with_one_that_has_ended()
    await world.store.prune(world.clock.now() + DAY, 10**9)
    await world.crash()
    jump(world, by)
    world.mark()
    await world.start()
    await world.pass_(2 * HOUR)
    jump(world, -by)
    await world.pass_(DAY)
    assert world.engine.parts.gathering.unsure() == ""
    assert world.engine.parts.gathering.stranger() == ""
    assert "room.conflicted" not in world.events
    await world.end()


@pytest.mark.parametrize("by", [timedelta(), 10 * MINUTE, DAY])
async def test_a_shorter_lifetime_is_put_off_and_not_forgotten(by: timedelta) -> None:
    async with running(one(room={"lifetime": "200d"})) as world:
        await world.pass_(2 * HOUR)
        misdate(world, by)
        await world.pass_(HOUR)
        await world.edit(one(room={"lifetime": "100d"}))
        assert world.holds(KEY) == ({"doubt"} if by else set())
        await world.pass_(3 * HOUR)
        misdate(world, timedelta())
        await world.pass_(3 * HOUR)
        (room,) = world.alive
        assert room.expires_at is not None
        assert room.expires_at - world.clock.now() < 101 * DAY
