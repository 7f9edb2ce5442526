"""What an API may do to us: outages, refusals, lost answers, answers that lie; and the canary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.records import Role
from orchestrator.domain.rooms import NewRoom, Observed, RoomType
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import UnavailableError
from orchestrator.ports.rooms import RoomListing
from orchestrator.ports.store import Commit, StoreFault
from tests.component.test_pages import closed, on_page, opened
from tests.component.world import ANNA, HOUR, World, alive, policy, running
from tests.fakes.rooms import Asked, FakeRooms, Fate

DAY = timedelta(days=1)
ONE = {"team-rooms.yaml": policy(subjects=["checkout"])}
TWO = {"team-rooms.yaml": policy(subjects=["checkout", "search"])}
MINUTE = timedelta(minutes=1)
GONE = {"mode": "delete", "grace": "60s"}


def edited(**rest: Any) -> dict[str, bytes | None]:
    """The one team's policy, with other lines."""
    return {"team-rooms.yaml": policy(subjects=["checkout"], removal=GONE, **rest)}


async def one_room(world: World, generation: int = 1) -> None:
    """P1 by the API's own table: one room, current, and nothing open."""
    assert world.names == ["Checkout room"]
    room = await world.room("team-rooms/checkout")
    assert room.id == world.alive[0].id
    assert room.generation == generation
    assert await world.store.open_operations() == []
    assert len((await world.state("team-rooms/checkout")).rooms) == 1


@pytest.fixture
async def verified() -> World:
    """A world whose API has given back a marker before."""
    world = World(
        {"labs.yaml": policy("labs", ["alpha"], removal={"mode": "delete", "grace": "60s"})}
    )
    await world.start()
    await world.edit({"labs.yaml": None})
    await world.pass_(2 * HOUR)
    assert world.names == []
    world.mark()
    return world


# --- unanswered creates ---


async def test_act_then_drop_is_found_and_adopted(verified: World) -> None:
    """It was carried out: the lookup finds it by its operation, and there is no second POST."""
    verified.fake.script("create_room", Fate.ACT_THEN_DROP)
    await verified.edit(ONE)
    await verified.pass_(2 * MINUTE, step=timedelta(seconds=5))
    await one_room(verified)
    assert verified.changes == ["create_room"]
    assert "operation.recovered" in verified.events
    await verified.end()


async def test_what_was_never_carried_out_is_sent_again_after_settling(verified: World) -> None:
    """Looked up at once and after a minute; then the same operation and generation again."""
    verified.fake.script("create_room", Fate.LOST)
    await verified.edit(ONE)
    await verified.pass_(timedelta(seconds=50), step=timedelta(seconds=5))
    assert verified.changes == ["create_room"]
    assert verified.holds("team-rooms/checkout") == {"settle"}
    await verified.pass_(2 * MINUTE, step=timedelta(seconds=5))
    await one_room(verified)
    assert verified.changes == ["create_room"] * 2
    first, second = (one for one in verified.facts if one.event == "operation.started")
    assert first.operation == second.operation
    assert second.detail["attempt"] == 2
    await verified.end()


async def test_drop_then_act_within_settling_is_found(verified: World) -> None:
    """The POST is carried out half a minute after its connection ended."""
    verified.fake.script("create_room", Fate.DROP_THEN_ACT)
    await verified.edit(ONE)
    await verified.pass_(timedelta(seconds=30), step=timedelta(seconds=5))
    verified.fake.act_late()
    await verified.pass_(2 * MINUTE, step=timedelta(seconds=5))
    await one_room(verified)
    assert verified.changes == ["create_room"]
    await verified.end()


async def test_p01_a_late_act_after_settling_is_found_and_ended(verified: World) -> None:
    """Two rooms stand for a while; the second was announced to nobody and is the one that ends."""
    verified.fake.script("create_room", Fate.DROP_THEN_ACT)
    await verified.edit(ONE)
    await verified.pass_(5 * MINUTE, step=timedelta(seconds=5))
    await one_room(verified)
    kept = await verified.room("team-rooms/checkout")
    verified.fake.act_late()
    assert len(verified.alive) == 2
    await verified.pass_(3 * HOUR)
    await one_room(verified)
    assert await verified.room("team-rooms/checkout") == kept
    assert "room.duplicated" in verified.events
    await verified.end()


async def test_p01_only_a_listing_that_is_believed_proves_that_nothing_was_made(
    verified: World,
) -> None:
    """A listing that lacks rooms may lack this one: the create is not sent again meanwhile."""
    verified.fake.script("create_room", Fate.ACT_THEN_DROP)
    verified.fake.hidden.update(f"00000000-0000-4000-8000-{n:012d}" for n in range(1000, 1010))
    verified.fake.doubtful = "it has 3 rooms and says 4"
    await verified.edit(ONE)
    await verified.pass_(HOUR, step=timedelta(seconds=5))
    assert verified.changes == ["create_room"]
    assert verified.holds("team-rooms/checkout") == {"settle"}
    verified.fake.hidden.clear()
    verified.fake.doubtful = ""
    await verified.pass_(2 * MINUTE, step=timedelta(seconds=5))
    await one_room(verified)
    assert verified.changes == ["create_room"]
    await verified.end()


async def test_p01_a_room_that_appeared_without_its_marker_may_be_the_one(verified: World) -> None:
    """One bad answer may lack the marker: the create is sent again only when it is surely not."""
    verified.fake.script("create_room", Fate.LOST)
    ends = verified.clock.now() + timedelta(days=300)
    await verified.edit(ONE)
    room = verified.fake.plant(NewRoom("Checkout room", RoomType.LONG_TERM, "", {}, ends))
    await verified.pass_(10 * MINUTE, step=timedelta(seconds=5))
    assert verified.changes == ["create_room"]
    assert verified.holds("team-rooms/checkout") == {"look-alike"}
    await verified.desk.distinct(room.id, "team-rooms/checkout", ANNA)
    await verified.pass_(2 * MINUTE, step=timedelta(seconds=5))
    assert verified.changes == ["create_room"] * 2
    assert verified.names == ["Checkout room", "Checkout room"]
    await verified.end()


async def test_an_unanswered_create_is_looked_up_after_a_restart(verified: World) -> None:
    """The operation is in the journal, so the next life finds the room."""
    verified.fake.script("create_room", Fate.ACT_THEN_DROP)
    verified.fake.hidden.update(f"00000000-0000-4000-8000-{n:012d}" for n in range(1000, 1010))
    await verified.edit(ONE)
    await verified.restart()
    verified.fake.hidden.clear()
    await verified.pass_(3 * HOUR)
    await one_room(verified)
    assert verified.changes == ["create_room"]
    await verified.end()


async def test_an_unanswered_create_that_is_wanted_no_more_is_ended(verified: World) -> None:
    """Found late, it is a duplicate that nobody was told of."""
    verified.fake.script("create_room", Fate.ACT_THEN_DROP)
    verified.fake.hidden.update(f"00000000-0000-4000-8000-{n:012d}" for n in range(1000, 1010))
    await verified.edit(ONE)
    await verified.edit({"team-rooms.yaml": None})
    verified.fake.hidden.clear()
    await verified.pass_(3 * HOUR)
    assert verified.names == []
    assert await verified.store.states() == []
    assert await verified.store.open_operations() == []
    await verified.end()


@pytest.mark.parametrize("fate", [Fate.ACT_THEN_DROP, Fate.LOST, Fate.DROP_THEN_ACT])
async def test_an_unanswered_replacement_ends_with_one_current_room(fate: Fate) -> None:
    """Whichever way it went: one link is given out, and the other room ends."""
    async with running(ONE) as world:
        world.fake.script("create_room", fate)
        text = policy(subjects=[{"slug": "checkout", "name": "Till"}], replace="now")
        await world.edit({"team-rooms.yaml": text})
        await world.pass_(30 * MINUTE)
        world.fake.act_late()
        await world.pass_(2 * DAY)
        assert world.names == ["Till room"]
        (room,) = (await world.state("team-rooms/checkout")).rooms
        assert room.role is Role.CURRENT
        assert world.destination.shown[0].room_id == room.id


# --- the canary ---


class Forgetful(FakeRooms):
    """An API that loses metadata, in answers or in listings."""

    def __init__(self, clock: Clock, where: str) -> None:
        super().__init__(clock)
        self.where = where

    async def create_room(self, room: NewRoom) -> Observed:
        seen = await super().create_room(room)
        return replace(seen, metadata=None) if self.where in {"answer", "both"} else seen

    async def list_rooms(self, start_id: int | None = None) -> RoomListing:
        listing = await super().list_rooms(start_id)
        if self.where in {"listing", "both"}:
            rooms = tuple(replace(room, metadata=None) for room in listing.rooms)
            return replace(listing, rooms=rooms)
        return listing


@pytest.mark.parametrize("where", ["answer", "listing", "both"])
async def test_the_canary_stops_at_one_room(where: str) -> None:
    """An API that loses our marker gets one room of us, however long we wait; status tells."""
    world = World(TWO)
    world.rooms = world.fake = Forgetful(world.clock, where)
    async with alive(world):
        if where == "answer":
            world.fake.hidden.add("00000000-0000-4000-8000-000000001000")
        await world.pass_(6 * HOUR)
        assert world.changes == ["create_room"]
        assert any("marker" in need for need in (await world.desk.status()).needs_you)
        world.fake.where = ""
        world.fake.hidden.clear()
        await world.pass_(2 * HOUR)
        assert world.names == ["Checkout room", "Search room"]
        assert "api.verified" in world.events


async def test_the_canary_is_asked_for_once_an_api() -> None:
    """A restart remembers that the marker came back."""
    async with running(TWO) as world:
        assert world.calls.count("list_rooms") == 2
        world.mark()
        await world.restart()
        await world.edit({"labs.yaml": policy("labs", ["alpha"])})
        assert world.calls.count("list_rooms") == 1


async def test_an_answer_without_marker_stops_creating_later_too(verified: World) -> None:
    """An API that began to lose metadata is not filled with rooms that nobody can find."""
    forgetful = Forgetful(verified.clock, "both")
    await verified.crash()
    verified.rooms = verified.fake = forgetful
    await verified.start()
    verified.mark()
    await verified.edit(TWO)
    await verified.pass_(DAY)
    assert verified.changes.count("create_room") <= 2
    await verified.end()


# --- outages and refusals ---


async def test_an_outage_is_two_facts() -> None:
    """However many calls fail in between; the rooms are renewed when it is over."""
    async with running(TWO) as world:
        world.mark()
        world.fake.down = True
        await world.pass_(6 * HOUR)
        assert world.events == ["api.unavailable"]
        world.fake.down = False
        await world.pass_(2 * HOUR)
        assert world.events == ["api.unavailable", "api.recovered"]


async def test_p05_p06_p07_who_is_inside_cannot_be_read() -> None:
    """Nothing is ended or replaced, over a restart too; rooms are renewed and pages have theirs."""
    short = {"lifetime": "10d"}
    files = {
        "team-rooms.yaml": policy(room=short, removal=GONE),
        "oncall.yaml": on_page(),
    }
    async with running(files, resync=6 * HOUR) as world:
        before = await world.ids()
        unread = True

        async def broken(asked: Asked) -> None:
            if asked.method == "list_sessions" and unread:
                message = "Bad Gateway"
                raise UnavailableError(message, 502)

        world.fake.before = broken
        await world.restart()
        till = {"slug": "checkout", "name": "Till"}
        text = policy(subjects=[till], room=short, removal=GONE, replace="now")
        await world.edit({"team-rooms.yaml": text})
        world.mark()
        await world.pass_(8 * DAY)
        await world.send(opened())
        assert "Checkout is slow" in world.names
        await world.send(closed())
        await world.pass_(20 * MINUTE, step=MINUTE)
        assert await world.ids() | before == await world.ids()
        assert world.changes.count("create_room") == 1
        assert world.changes.count("update_room") == 2
        assert "delete_room" not in world.changes
        assert world.holds("team-rooms/checkout") == {"unknown-use"}
        assert world.holds("team-rooms/search") == {"unknown-use"}
        needs = (await world.desk.status()).needs_you
        assert [need for need in needs if "who is inside could not be read" in need]
        assert not [fact for fact in world.facts if fact.event == "api.unavailable"]
        unread = False
        await world.pass_(7 * HOUR)
        assert world.names == ["Checkout room", "Till room"]
        assert (await world.desk.status()).needs_you == ()


async def test_401_stops_all_calls_and_one_probe_a_minute_goes_out() -> None:
    """It is the connection's fault and no key's: nothing is counted against the keys."""
    async with running(TWO) as world:
        world.fake.unauthorized = True
        world.mark()
        await world.edit({"team-rooms.yaml": policy(room={"ui_settings": {"language": "de"}})})
        first = len(world.calls)
        assert 1 <= first <= 2
        await world.pass_(30 * MINUTE, step=timedelta(seconds=5))
        probes = world.calls[first:]
        assert set(probes) == {"list_rooms"}
        assert 27 <= len(probes) <= 31
        assert (await world.state("team-rooms/checkout")).attempts.count == 0
        assert world.engine.parts.weather.refused
        world.fake.unauthorized = False
        await world.pass_(2 * MINUTE, step=timedelta(seconds=5))
        assert world.changes[-2:] == ["update_room"] * 2
        assert {room.settings["ui_settings.language"] for room in world.alive} == {"de"}


async def test_401_at_the_start_waits_for_the_credentials() -> None:
    """The daemon is up; rooms come when the API takes its key."""
    world = World(TWO)
    world.fake.unauthorized = True
    async with alive(world):
        await world.pass_(10 * MINUTE, step=timedelta(seconds=5))
        assert set(world.calls) == {"list_rooms"}
        assert len(world.calls) <= 12
        world.fake.unauthorized = False
        await world.pass_(3 * MINUTE, step=timedelta(seconds=5))
        assert world.names == ["Checkout room", "Search room"]


async def test_the_back_off_of_a_refusal_outlives_a_restart() -> None:
    """400: once more after two minutes, then daily; a restart does not begin anew."""
    async with running(ONE) as world:
        world.fake.script("update_room", *[Fate.REFUSED] * 9)
        world.mark()
        await world.edit(
            {"team-rooms.yaml": policy(subjects=["checkout"], room={"expire_after_use": True})}
        )
        await world.pass_(HOUR)
        assert world.changes == ["update_room"] * 2
        await world.restart()
        await world.pass_(10 * HOUR)
        assert world.changes == ["update_room"] * 2
        assert world.holds("team-rooms/checkout") == {"back-off"}
        await world.edit(
            {
                "team-rooms.yaml": policy(
                    subjects=["checkout"], room={"ui_settings": {"language": "de"}}
                )
            }
        )
        assert world.changes == ["update_room"] * 3


async def test_p07_a_refused_setting_does_not_keep_the_room_from_renewal() -> None:
    """What fails day after day holds what comes after it, not what keeps the room alive."""
    text = policy(
        subjects=["checkout"],
        room={"lifetime": "30d", "ui_settings": {"language": "de"}},
    )
    async with running(
        {"team-rooms.yaml": policy(subjects=["checkout"], room={"lifetime": "30d"})},
        resync=timedelta(hours=6),
    ) as world:
        before = await world.ids()
        world.fake.refuses = {"ui_settings.language"}
        await world.edit({"team-rooms.yaml": text})
        await world.pass_(60 * DAY)
        assert await world.ids() == before
        assert "room.renewed" in world.events


async def test_a_forbidden_delete_comes_back_after_a_quarter_of_an_hour() -> None:
    """403 and 409 are not hammered on."""
    text = policy(subjects=["checkout"], removal={"mode": "delete", "grace": "60s"})
    async with running({"team-rooms.yaml": text}) as world:
        world.fake.script("delete_room", Fate.FORBIDDEN)
        await world.edit({"team-rooms.yaml": None})
        world.mark()
        await world.pass_(10 * MINUTE)
        assert world.changes == ["delete_room"]
        await world.pass_(HOUR)
        assert world.changes == ["delete_room"] * 2
        assert world.names == []


@pytest.mark.parametrize("fate", [Fate.ACT_THEN_DROP, Fate.LOST])
async def test_an_unanswered_change_is_looked_at_before_it_is_sent_again(fate: Fate) -> None:
    """The room itself tells: what was carried out is not sent twice."""
    async with running(ONE) as world:
        world.fake.script("update_room", fate)
        world.mark()
        await world.edit(
            {
                "team-rooms.yaml": policy(
                    subjects=["checkout"], room={"ui_settings": {"language": "de"}}
                )
            }
        )
        await world.pass_(2 * HOUR)
        times = 1 if fate is Fate.ACT_THEN_DROP else 2
        assert world.changes == ["update_room"] * times
        assert world.alive[0].settings["ui_settings.language"] == "de"


async def test_p02_a_store_that_cannot_record_lets_nothing_be_done() -> None:
    """No intent, no call; when it can again, all is done."""
    async with running(ONE) as world:
        end = world.clock.now() + 300 * DAY  # or nothing would be listed, which is a doubt
        kitchen = world.fake.plant(NewRoom("Kitchen", RoomType.LONG_TERM, "", {}, end))
        world.store.fault = StoreFault("the disk is full")
        world.mark()
        await world.edit(TWO)
        world.fake.vanish(world.alive[0].id)
        await world.pass_(3 * HOUR)
        assert world.changes == []
        assert not world.over
        assert any("recorded" in need for need in world.engine.refusal.split("\n"))
        world.store.fault = None
        await world.pass_(5 * HOUR)
        assert world.names == ["Checkout room", kitchen.display_name, "Search room"]


@pytest.mark.parametrize(
    ("call", "files"),
    [
        ("create_room", TWO),
        ("update_room", edited(room={"ui_settings": {"language": "de"}})),
        ("create_room", edited(room={"display_name": "Team {{ team.name }}"}, replace="now")),
        ("delete_room", edited(for_each={"items": []})),
    ],
    ids=["create", "update", "replace", "delete"],
)
async def test_p02_a_call_leaves_once_its_intent_is_recorded_and_not_before(
    call: str, files: dict[str, bytes | None]
) -> None:
    """All else can be read and recorded, the intent alone cannot."""

    async def full(commit: Commit) -> None:
        if any(fact.event == "operation.started" for fact in commit.facts):
            raise StoreFault("the disk is full")

    async with running(edited()) as world:
        usual, world.store.before = world.store.before, full
        world.mark()
        await world.edit(files)
        await world.pass_(3 * HOUR)
        assert world.changes == []
        world.store.before = usual
        await world.pass_(5 * HOUR)
        assert call in world.changes


async def test_clocks_that_disagree_stop_removals_and_nothing_else() -> None:
    """Two minutes apart: told once; rooms are made and renewed, none is ended."""
    text = policy(subjects=["checkout", "search"], removal={"mode": "delete", "grace": "60s"})
    async with running({"team-rooms.yaml": text}) as world:
        world.fake.skew = 300.0
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit(
            {
                "team-rooms.yaml": policy(
                    subjects=["checkout", "fraud"], removal={"mode": "delete", "grace": "60s"}
                )
            }
        )
        await world.pass_(5 * HOUR)
        assert world.changes == ["create_room"]
        world.fake.skew = 0.0
        await world.pass_(3 * HOUR)
        assert world.changes == ["create_room", "delete_room"]


async def test_p05_one_answer_of_a_wild_date_ends_no_room() -> None:
    """Between two listings: grace and the longest silence are over by a clock that is wrong."""
    spared = {"mode": "delete", "grace": "7d"}
    both = {"team-rooms.yaml": policy(removal=spared)}
    async with running(both) as world:
        room = await world.room("team-rooms/checkout")
        await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=spared)})
        world.fake.join(room.id)
        await world.pass_(2 * HOUR)
        world.mark()
        world.fake.misdated = 8 * DAY.total_seconds()
        await world.engine.parts.hints.received(Callback(Event.ROOM_EXPIRED, room_id=room.id))
        await world.settle()
        assert world.changes == []
        assert world.holds("team-rooms/checkout") == {"doubt"}
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert world.holds("team-rooms/checkout") == {"grace"}


async def test_p05_one_answer_of_a_wild_date_replaces_no_room_as_one_that_has_ended() -> None:
    """Its end has passed by a clock that is wrong, and who is inside was silent for too long."""
    text = policy(subjects=["checkout"], room={"lifetime": "30d"})
    async with running({"team-rooms.yaml": text}) as world:
        room = await world.room("team-rooms/checkout")
        world.fake.join(room.id)
        await world.pass_(2 * HOUR)
        world.mark()
        world.fake.misdated = 40 * DAY.total_seconds()
        await world.engine.parts.hints.received(Callback(Event.ROOM_EXPIRED, room_id=room.id))
        await world.settle()
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        assert "create_room" not in world.changes
        assert (await world.room("team-rooms/checkout")).id == room.id


async def test_p04_a_room_missed_by_a_wild_date_is_lost_when_it_was_looked_for_twice() -> None:
    """It was deleted by hand just then: its first look must not lie thirty years ahead."""
    async with running({"team-rooms.yaml": policy(subjects=["checkout", "fraud"])}) as world:
        room = await world.room("team-rooms/checkout")
        await world.pass_(2 * HOUR)
        world.mark()
        world.fake.vanish(room.id)
        world.fake.misdated = 30 * 365 * DAY.total_seconds()
        await world.engine.parts.hints.received(Callback(Event.ROOM_EXPIRED, room_id=room.id))
        await world.settle()
        assert world.holds("team-rooms/checkout") == {"doubt"}
        world.fake.misdated = 0.0
        await world.pass_(2 * HOUR)
        assert world.changes == ["create_room"]
        assert (await world.room("team-rooms/checkout")).id != room.id
