"""What only the fake of the rooms port can do: going wrong when told to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.rooms import NewRoom, Observed, Patch, RoomType
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.rooms import LAST_CALL
from tests.fakes.clock import START, VirtualClock
from tests.fakes.rooms import Asked, FakeRooms, Fate

NEW = NewRoom("Team", RoomType.LONG_TERM, "", {}, START + timedelta(days=30))
LONGER = Patch(expires_at=START + timedelta(days=60))


@pytest.fixture
def rooms() -> FakeRooms:
    return FakeRooms(VirtualClock())


@pytest.mark.parametrize(
    ("fate", "fault", "at_once", "later"),
    [
        (Fate.ACT_THEN_DROP, UnansweredError, 1, 1),
        (Fate.DROP_THEN_ACT, UnansweredError, 0, 1),
        (Fate.LOST, UnansweredError, 0, 0),
        (Fate.UNSENT, UnavailableError, 0, 0),
        (Fate.BUSY, UnavailableError, 0, 0),
        (Fate.UNAUTHORIZED, UnauthorizedError, 0, 0),
        (Fate.FORBIDDEN, ForbiddenError, 0, 0),
        (Fate.REFUSED, RefusedError, 0, 0),
        (Fate.MISSING, MissingError, 0, 0),
    ],
)
async def test_a_fate_befalls_one_call(
    rooms: FakeRooms, fate: Fate, fault: type[Fault], at_once: int, later: int
) -> None:
    """The next one is answered."""
    rooms.script("create_room", fate)
    with pytest.raises(fault):
        await rooms.create_room(NEW)
    assert len(rooms.rooms) == at_once
    rooms.act_late()
    rooms.act_late()
    assert len(rooms.rooms) == later
    await rooms.create_room(NEW)
    assert len(rooms.rooms) == later + 1
    assert [asked.fate for asked in rooms.changes] == [fate, Fate.ANSWERED]


async def test_a_silence_of_reading_is_weather(rooms: FakeRooms) -> None:
    """As the real client has it."""
    rooms.script("list_rooms", Fate.LOST)
    with pytest.raises(UnavailableError):
        await rooms.list_rooms()


async def test_an_api_that_is_down_refuses_everything(rooms: FakeRooms) -> None:
    """Until it is up again."""
    rooms.down = True
    for call in (rooms.list_rooms(), rooms.create_room(NEW)):
        with pytest.raises(UnavailableError):
            await call
    rooms.down = False
    assert (await rooms.list_rooms()).rooms == ()


async def test_a_stale_listing_leaves_rooms_out(rooms: FakeRooms) -> None:
    """They are there all the same."""
    room = rooms.plant(NEW)
    rooms.hidden = {room.id}
    rooms.doubtful, rooms.complete = "stale", False
    listing = await rooms.list_rooms()
    assert (listing.rooms, listing.doubtful, listing.complete) == ((), "stale", False)
    assert await rooms.get_room(room.id) == room


async def test_a_setting_may_be_passed_over(rooms: FakeRooms) -> None:
    """Though the answer is 2xx."""
    rooms.ignores = {"ui_settings.language"}
    room = await rooms.create_room(NEW)
    patch = Patch({"ui_settings.language": "de", "expire_after_use": True})
    updated = await rooms.update_room(room.id, patch)
    assert updated.settings["ui_settings.language"] == "default"
    assert updated.settings["expire_after_use"] is True


async def test_a_room_may_change_and_vanish_behind_our_back(rooms: FakeRooms) -> None:
    """By hand, or by a server restored from a backup; neither is a call."""
    room = rooms.plant(NEW, created_at=START - timedelta(days=9), guest_url="https://m.test/x")
    assert (room.created_at, room.guest_url) == (START - timedelta(days=9), "https://m.test/x")
    assert rooms.change(room.id, LONGER).expires_at == LONGER.expires_at
    rooms.vanish(room.id)
    with pytest.raises(MissingError):
        await rooms.get_room(room.id)
    assert rooms.changes == ()


async def test_ended_rooms_are_kept_until_they_are_purged(rooms: FakeRooms) -> None:
    """As the API does it."""
    clock = VirtualClock()
    rooms = FakeRooms(clock)
    rooms.plant(NewRoom("Call", RoomType.INSTANT, "", {}, None))
    clock.advance(601)
    assert (len(rooms.rooms), len(rooms.alive)) == (1, 0)
    rooms.purge()
    assert rooms.rooms == ()


async def test_a_test_may_look_before_and_after_a_call(rooms: FakeRooms) -> None:
    """For crashes at every await."""
    seen: list[tuple[str, int, bool]] = []

    async def before(asked: Asked) -> None:
        seen.append((asked.method, len(rooms.rooms), LAST_CALL.get() is None))

    async def after(asked: Asked) -> None:
        seen.append((asked.method, len(rooms.rooms), LAST_CALL.get() is None))

    rooms.before, rooms.after = before, after
    room: Observed = await rooms.create_room(NEW)
    assert seen == [("create_room", 0, True), ("create_room", 1, False)]
    assert (rooms.asked[0].new, room.display_name) == (NEW, "Team")


async def test_api_time_may_differ(rooms: FakeRooms) -> None:
    """By as much as the test likes."""
    rooms.skew = -3600
    assert rooms.clock_difference() == -3600
    assert rooms.api_now() == START - timedelta(hours=1)
    assert (await rooms.create_room(NEW)).created_at == START - timedelta(hours=1)
