"""Many keys that are due at once, an API that was away, and waits that outlive a restart."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from orchestrator.adapters.meetings.rooms import Limits as Press
from orchestrator.foundation.instants import format_instant
from tests.component.world import HOUR, World, alive, policy, running
from tests.fakes.backend import Backend
from tests.fakes.clock import VirtualClock
from tests.fakes.rooms import Fate
from tests.fakes.transport import Said, client

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
FILE = "team-rooms.yaml"
RATE = 20


def teams(count: int, **rest: object) -> bytes:
    names = [f"team-{number:04}" for number in range(count)]
    return policy(subjects=names, room={"lifetime": "30d"} | rest)


class Timed(Backend):
    """Remembers when each request came."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.clock = clock
        self.at: list[float] = []
        self.gone = False

    async def send(self, *request: object) -> Said:
        self.at.append(self.clock.monotonic())
        if self.gone:
            raise ConnectionRefusedError
        return await super().send(*request)  # type: ignore[arg-type]


def timed(count: int) -> tuple[World, Timed]:
    """A world with so many rooms behind the rate limit, not started."""
    clock = VirtualClock()
    backend = Timed(clock)
    press = Press(per_second=float(RATE), burst=RATE)
    world = World(
        {FILE: teams(count)},
        clock=clock,
        api=lambda clock: client(backend, clock, press),
        resync=12 * HOUR,
    )
    return world, backend


async def test_p07_hundreds_of_due_renewals_at_a_start_are_no_herd() -> None:
    """The rate holds at every second, and the nearest end is renewed first, by the API's word."""
    world, backend = timed(250)
    async with alive(world):
        await world.pass_(2 * MINUTE, step=SECOND)
        assert len(backend.alive) == 250
        await world.crash()
        world.clock.advance(21 * DAY.total_seconds())
        # All are due, and their ends were moved by somebody else: the record's order is stale.
        rooms = list(backend.table.values())
        Random(5).shuffle(rooms)
        for number, room in enumerate(rooms):
            room["expires_at"] = format_instant(world.clock.now() + (number + 9) * 10 * MINUTE)
        ends = {room["id"]: room["expires_at"] for room in rooms}
        backend.at.clear()
        backend.heard.clear()
        await world.start()
        await world.pass_(4 * MINUTE, step=SECOND)
        renewed = [one.path.rpartition("/")[2] for one in backend.heard if one.method == "PATCH"]
        assert len(renewed) == 250
        order = [ends[room_id] for room_id in renewed]
        nearly = sorted(order)
        far = [abs(nearly.index(end) - place) for place, end in enumerate(order)]
        assert max(far) < 2 * RATE, far
        # A look and a renewal each, and nothing but them.
        assert max(Counter(int(moment) for moment in backend.at).values()) <= 2 * RATE
        assert len(backend.at) < 2 * 250 + 30


async def test_an_api_that_is_away_is_asked_by_listings_alone() -> None:
    """Due keys neither hammer it nor count its absence against themselves."""
    world, backend = timed(30)
    async with alive(world):
        await world.pass_(10 * MINUTE, step=SECOND)
        await world.pass_(17 * DAY, step=6 * HOUR)
        assert "PATCH" not in backend.changes
        backend.gone = True
        backend.at.clear()
        await world.pass_(3 * DAY, step=6 * HOUR)
        attempts = [state.attempts.count for state in await world.store.states()]
        assert max(attempts) <= 1
        before = len(backend.at)
        await world.pass_(HOUR, step=5 * SECOND)
        # One listing a minute at the most, each tried four times within some seconds.
        assert len(backend.at) - before <= 60 * 4
        backend.gone = False
        heard = len(backend.heard)
        await world.pass_(3 * MINUTE, step=SECOND)
        after = backend.heard[heard:]
        assert (after[0].method, after[0].path) == ("GET", "/rooms")
        assert [one.method for one in after].count("PATCH") == 30
        assert world.engine.parts.weather.summary == "ok"


async def test_on_return_what_ends_soonest_goes_first_and_what_ends_a_link_last() -> None:
    """Renewals by the nearest end, then what is new and what changes, then removals."""
    long = policy("labs", ["alpha", "beta"], removal={"mode": "delete", "grace": "60s"})
    files = {FILE: teams(3, lifetime="3d"), "labs.yaml": long}
    async with running(files, workers=1) as world:
        await world.pass_(41 * HOUR)
        world.fake.down = True
        fewer = policy(
            "labs",
            ["beta", "gamma"],
            removal={"mode": "delete", "grace": "60s"},
            room={"ui_settings": {"language": "de"}},
        )
        await world.edit({"labs.yaml": fewer})
        await world.pass_(30 * HOUR)
        world.mark()
        world.fake.down = False
        await world.pass_(10 * MINUTE, step=10 * SECOND)
        assert world.calls[0] == "list_rooms"
        renewals = [fact.key for fact in world.facts if fact.event == "room.renewed"]
        assert renewals == [f"team-rooms/team-000{number}" for number in range(3)]
        told = [event for event in world.events if event.startswith("room.")]
        assert told[:3] == ["room.renewed"] * 3
        assert set(told[3:6]) == {"room.created", "room.updated", "room.tombstoned"}
        assert told[-1] == "room.deleted"


async def test_the_wait_for_weather_outlives_a_restart() -> None:
    """A key that was told to wait for seven seconds and more does not begin anew."""
    async with running({FILE: teams(1)}) as world:
        world.fake.script("update_room", *[Fate.BUSY] * 50)
        await world.edit({FILE: teams(1, expire_after_use=True)})
        await world.pass_(2 * HOUR, step=MINUTE)
        before = (await world.state("team-rooms/team-0000")).attempts
        assert before.count >= 8
        assert before.next_at is not None
        world.mark()
        await world.restart()
        assert world.changes == []
        await world.pass_(before.next_at - world.clock.now() - SECOND)
        assert world.changes == []
        await world.pass_(5 * SECOND, step=SECOND)
        assert world.changes == ["update_room"]
        assert (await world.state("team-rooms/team-0000")).attempts.count == before.count + 1


@pytest.mark.parametrize(("left", "most"), [(timedelta(minutes=90), 3), (20 * HOUR, 20)])
async def test_p07_a_room_near_its_end_is_not_left_alone_for_long(
    left: timedelta, most: int
) -> None:
    """Its renewal meets weather: tried every two minutes at the least, not every fifteen."""
    async with running({FILE: teams(1)}, resync=6 * HOUR) as world:
        world.fake.script("update_room", *[Fate.BUSY] * 10_000)
        room = await world.room("team-rooms/team-0000")
        assert room.expires_at is not None
        await world.pass_(room.expires_at - world.clock.now() - left, step=6 * HOUR)
        world.mark()
        await world.pass_(HOUR, step=MINUTE)
        tries = world.changes.count("update_room")
        assert 60 / most - 1 <= tries
        world.fake.forget_scripts()
        await world.pass_(timedelta(minutes=most), step=SECOND)
        assert world.events.count("room.renewed") == 1
