"""How an engine stands, as numbers: what a person would find in status is in them, and no names."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from unittest.mock import patch

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import Census, DestinationMeasures, Measures, SenderRow
from orchestrator.engine.inbox import Inbox, Lane
from orchestrator.engine.measuring import Measuring
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.deliveries import DeliveryFault, DeliveryRefusedError
from orchestrator.ports.store import Commit, StoreFault
from tests.component.test_pages import FILE, closed, on_page, opened
from tests.component.world import HOUR, World, alive, key, policy, running
from tests.fakes.clock import finish
from tests.fakes.messengers import FakeMessenger
from tests.fakes.meter import FakeMeter, FakeTracer

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
TEAMS = [f"team-{number}" for number in range(10)]
SOON = {"mode": "delete", "grace": "1h"}


@asynccontextmanager
async def measuring(world: World, engine: Engine | None = None) -> AsyncIterator[Measuring]:
    """One that counts when it is asked."""
    kinds = {"rooms-json": "file"}
    made = Measuring(engine or world.engine, world.clock.now(), kinds)
    counting = asyncio.get_running_loop().create_task(made.run(), name="measuring")
    try:
        yield made
    finally:
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting


async def look(world: World, engine: Engine | None = None) -> Measures:
    """A first look: nothing of it was kept from one before."""
    async with measuring(world, engine) as made:
        return await made.measures()


async def counted(world: World) -> Census:
    census = (await look(world)).census
    assert census is not None
    return census


async def test_an_estate_at_rest() -> None:
    """Its rooms, its API, and nothing that anybody must look at."""
    async with running() as world:
        found = await look(world)
        census = found.census
        assert census is not None
        assert census.rooms == {("team-rooms", "open"): 2}
        assert (census.overdue, census.held) == (0, {})
        assert census.first_end == min(room.expires_at for room in world.alive if room.expires_at)
        assert (found.mode, found.ready, found.api_up, found.api_refuses) == (
            *("enforce", True, True, False),
        )
        assert found.last_pass is not None
        assert found.clock_difference == pytest.approx(0, abs=0.001)
        assert found.needs == {}
        assert (found.brake, found.roomless, found.problems, found.loops_late) == (0, 0, 0, 0)
        assert found.pages == {"open": 0, "withheld": 0, "closing": 0}
        assert found.waiting == {"normal": 0, "permit": 0, "page": 0}
        assert found.turns["normal"] >= 2
        assert found.turn_seconds["normal"] >= 0
        assert found.destinations == {"rooms-json": DestinationMeasures("file")}
        assert (found.audit_behind, found.policies) == (0.0, {"team-rooms": False})
        assert found.audit_lines > 0


async def test_a_brake_and_what_it_holds() -> None:
    """As many keys as it names."""
    limits = Limits(max_removals=3, max_removal_percent=10, per=DAY)
    files = {"team-rooms.yaml": policy(subjects=TEAMS, removal=SOON)}
    async with running(files, limits=limits) as world:
        await world.edit({"team-rooms.yaml": policy(subjects=TEAMS[4:], removal=SOON)})
        await world.pass_(2 * HOUR)
        found = await look(world)
        assert found.brake == 4
        assert found.needs == {"brake": 1}
        assert found.census is not None
        assert found.census.held == {"brake": 4}


async def test_an_api_that_is_away_or_refuses_us() -> None:
    """What is due is overdue in the end, and the rooms that were to come wait."""
    files = {"team-rooms.yaml": policy(room={"lifetime": "12h"})}
    async with running(files) as world:
        world.fake.down = True
        await world.edit({"more.yaml": policy("more", ["new"])})
        await world.pass_(HOUR)
        found = await look(world)
        assert found.api_up is False
        assert found.needs == {"api": 1}
        assert found.census is not None
        assert found.census.rooms == {("team-rooms", "open"): 2, ("more", "held"): 1}
        assert found.census.overdue == 0
        await world.pass_(timedelta(hours=10, minutes=45))
        census = await counted(world)
        assert census.overdue == 2
        world.fake.down = False
        world.fake.unauthorized = True
        await world.pass_(2 * HOUR)
        assert (await look(world)).api_refuses


async def test_before_anything_was_asked() -> None:
    """Nobody knows how the API is; what is wanted waits; nothing was passed."""
    world = World()
    engine = world.build()
    await engine.prepare()
    found = await look(world, engine)
    assert (found.ready, found.api_up, found.last_pass, found.api_last_good) == (
        *(False, None, None, None),
    )
    assert found.census is not None
    assert found.census.rooms == {("team-rooms", "waiting"): 2}
    assert found.census.first_end is None
    assert found.destinations == {"rooms-json": DestinationMeasures("file")}


async def test_pages_and_their_rooms() -> None:
    """Of a page that waits for its room, and never of its key; its room is nobody's loss."""
    async with running({FILE: on_page()}) as world:
        world.fake.down = True
        await world.send(opened("Q1"))
        await world.pass_(2 * MINUTE)
        found = await look(world)
        assert (found.pages["open"], found.roomless) == (1, 1)
        world.fake.down = False
        await world.pass_(10 * MINUTE)
        found = await look(world)
        assert (found.pages["open"], found.roomless) == (1, 0)
        assert found.census is not None
        assert found.census.rooms == {("oncall-bridge", "open"): 1}
        assert found.census.first_end is None
        await world.send(closed("Q1"))
        assert (await look(world)).pages["closing"] == 1


async def test_what_is_meant_not_to_be_there_is_neither_held_nor_waiting() -> None:
    """What the mode of its policy withholds, and a page whose room ended without anybody in it."""
    files = {"team-rooms.yaml": policy(mode="observe"), FILE: on_page()}
    async with running(files) as world:
        await world.send(opened("Q1"))
        await world.pass_(30 * MINUTE)
        census = await counted(world)
        assert census.rooms == {("team-rooms", "withheld"): 2, ("oncall-bridge", "idle"): 1}
        assert Counter(row.state for row in (await world.desk.rooms()).rooms) == {
            "withheld": 2,
            "idle": 1,
        }


async def test_destinations_and_the_log_that_are_behind() -> None:
    """A file counts as one; the log by the age of what it lacks."""
    async with running() as world:
        world.destination.fault = DeliveryFault("it is full")
        world.audit.fail(*[0] * 60)
        await world.edit({"more.yaml": policy("more", ["new"])})
        await world.pass_(10 * MINUTE)
        found = await look(world)
        assert found.destinations["rooms-json"].behind == 1
        assert found.audit_behind == pytest.approx(600, abs=5)
        assert found.needs == {"outbox": 2}


async def test_messages_that_wait_and_those_that_were_given_up() -> None:
    """By destination, with its kind where one is known."""
    to = [{"to": "rooms-json"}, {"to": "chat"}]
    world = World({"team-rooms.yaml": policy(deliver=to)})
    chat = FakeMessenger("chat")
    chat.fault = DeliveryFault("503")
    world.messengers = {"chat": chat}
    async with alive(world):
        await world.pass_(MINUTE)
        waits = (await look(world)).destinations
        assert waits["chat"].behind > 0
        assert waits["rooms-json"] == DestinationMeasures("file")
        chat.fault = DeliveryRefusedError("no such channel")
        await world.pass_(HOUR)
        found = await look(world)
        assert found.destinations["chat"] == DestinationMeasures("", 0, 2)
        assert found.needs == {"delivery": 1}


async def test_a_store_that_cannot_be_read_is_told_of() -> None:
    """What was counted before stands, and what cannot be known is left out."""
    async with running() as world, measuring(world) as looking:
        before = (await looking.measures()).census
        world.store.fault = StoreFault("disk full")
        await world.pass_(2 * HOUR)
        found = await looking.measures()
        assert found.census == before
        assert found.audit_behind is None
        assert not found.ready
        assert "store" in found.needs
        assert (await look(world)).census is None
        world.store.fault = None


async def test_counting_is_shared_and_kept_for_a_while() -> None:
    """Ten who ask at once get one count; after five seconds there is another."""
    async with running() as world, measuring(world) as looking:
        told = await asyncio.gather(*(looking.measures() for _ in range(10)))
        assert len({id(one.census) for one in told}) == 1
        await world.edit({"more.yaml": policy("more", ["new"])})
        assert (await looking.measures()).census is told[0].census
        await world.pass_(timedelta(seconds=6))
        census = (await looking.measures()).census
        assert census is not None
        assert census.rooms["more", "open"] == 1


async def test_whoever_asks_does_not_wait_for_a_large_estate() -> None:
    """After a second they get what there is; counting goes on, once, for whoever asks next."""
    async with running() as world, measuring(world) as looking:
        states, go = await world.store.states(), asyncio.Event()
        reads = 0

        async def slow(policy: str | None = None) -> Sequence[KeyState]:
            nonlocal reads
            reads += 1
            await go.wait()
            return states

        with patch.object(world.store, "states", slow):
            assert (await finish(world.clock, looking.measures())).census is None
            assert (await finish(world.clock, looking.measures())).census is None
            assert reads == 1
            go.set()
            census = (await looking.measures()).census
        assert census is not None
        assert census.rooms == {("team-rooms", "open"): 2}


async def test_a_bug_in_counting_ends_nothing() -> None:
    """It is logged, and tried again."""
    async with running() as world, measuring(world) as looking:
        with patch.object(world.engine.parts.gathering, "use", side_effect=KeyError("a bug")):
            assert (await looking.measures()).census is None
        await world.pass_(timedelta(seconds=6))
        assert (await looking.measures()).census is not None


async def test_policies_and_what_else_fails() -> None:
    """A file that became unreadable leaves its policy in an older state; sources are by name."""
    async with running() as world:
        world.engine.senders = lambda: (SenderRow("pagerduty", taken=3, refused=1, put_off=2),)
        await world.edit({"team-rooms.yaml": b"version: 1\nname: ["})
        found = await look(world)
        assert (found.problems, found.policies) == (1, {"team-rooms": True})
        assert found.needs == {"policy": 1}
        assert found.senders == {
            ("pagerduty", "taken"): 3,
            ("pagerduty", "refused"): 1,
            ("pagerduty", "put_off"): 2,
        }


async def test_p11_no_name_of_a_subject_room_or_page_is_in_it() -> None:
    """Only words of ours and of the files."""
    subjects = ["s3cret-team"]
    async with running({"t.yaml": policy(subjects=subjects), FILE: on_page()}) as world:
        await world.send(opened("s3cret-page", title="s3cret title"))
        await world.edit({"t.yaml": policy(subjects=[])})
        found = await look(world)
        assert found.census is not None
        told = repr(found)
        assert "s3cret" not in told
        for room in world.alive:
            assert room.id not in told


async def test_what_happens_is_counted_and_followed() -> None:
    """Listings, deliveries and pages, and the spans of turns."""
    world = World({"team-rooms.yaml": policy(), FILE: on_page()})
    meter, tracer = FakeMeter(), FakeTracer()
    world.meter, world.tracer = meter, tracer
    await world.start()
    try:
        assert meter.counts["listed", "complete"] == 1
        assert meter.counts["delivered", "rooms-json", "sent"] >= 1
        await world.send(opened())
        assert (meter.counts["linked",], meter.counts["roomed",]) == (1, 1)
        (page,) = tracer.named("page")
        assert page.attributes["policy"] == "oncall-bridge"
        assert page.attributes["source"] == "pagerduty"
        turns = [
            one for one in tracer.named("turn") if str(one.attributes["key"]).startswith("team")
        ]
        assert [one.attributes["acted"] for one in turns] == [1, 1]
        assert all(one.ended for one in tracer.spans)
        world.fake.down = True
        world.destination.fault = DeliveryFault("it is full")
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout"])})
        await world.pass_(2 * HOUR)
        assert meter.counts["listed", "failed"] >= 1
        assert meter.counts["delivered", "rooms-json", "failed"] >= 1
    finally:
        await world.end()


async def test_the_inbox_tells_how_long_keys_wait() -> None:
    """The one that is next, in the slowest lane; who is at work counts and waits no more."""
    now = 100.0
    inbox = Inbox()
    inbox.moment = lambda: now
    assert inbox.longest_wait == 0.0
    inbox.wake(key("a/1"), "listing")
    now = 130.0
    inbox.wake(key("a/2"), "listing")
    inbox.wake(key("p/1"), "page", Lane.PAGE)
    assert inbox.longest_wait == 30.0
    assert inbox.depths == {Lane.NORMAL: 2, Lane.PERMIT: 0, Lane.PAGE: 1}
    taken = await inbox.take()
    assert taken is not None
    assert taken[0] == key("p/1")
    assert inbox.depths[Lane.PAGE] == 1
    inbox.done(taken[0])
    await inbox.take()
    now = 150.0
    assert inbox.longest_wait == 20.0
    assert inbox.depths == {Lane.NORMAL: 2, Lane.PERMIT: 0, Lane.PAGE: 0}


async def test_in_observe_nobody_is_told_so_nobody_is_behind() -> None:
    """And what would be made is withheld by the mode."""
    async with running(mode=Mode.OBSERVE) as world:
        found = await look(world)
        assert found.mode == "observe"
        assert found.destinations == {}
        assert found.census is not None
        assert found.census.rooms == {("team-rooms", "withheld"): 2}
        assert found.census.held == {"mode": 2}
        await world.store.commit(Commit(), world.clock.now())
