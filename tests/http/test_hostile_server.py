"""What the hostile layer does on a real socket, as the real client meets it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from yarl import URL

from orchestrator.adapters.meetings.overhttp import OverHttp
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.adapters.meetings.transport import NoAnswer
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.meetings_server import Fault, Hostility, Profile, Route, start
from orchestrator.ports.faults import UnansweredError, UnavailableError
from orchestrator.ports.rooms import Rooms
from tests.fakes.clock import LoopClock
from tests.meetings import APPLICATION, BASE, KEY, settings, token

CALM = Profile()


@asynccontextmanager
async def hostile() -> AsyncIterator[tuple[Rooms, Hostility, OverHttp]]:
    clock = LoopClock()
    hostility = Hostility(random.Random(7), clock, CALM)
    server = await start(settings(), clock, hostility=hostility)
    transport = OverHttp(server.url + BASE)
    rooms = connect(transport, Account(APPLICATION, KEY), clock, Limits(per_second=None))
    try:
        yield rooms, hostility, transport
    finally:
        await transport.close()
        await server.close()


def wanted() -> NewRoom:
    return NewRoom("Team", RoomType.INSTANT, "ours", {}, None)


@pytest.mark.parametrize(
    ("fault", "reason", "made"),
    [
        (Fault.DONE_THEN_DROPPED, "the connection was closed before an answer came", 1),
        (Fault.LOST, "the connection was closed before an answer came", 0),
        (Fault.CUT, "the answer was cut off", 1),
    ],
)
async def test_an_unanswered_create(fault: Fault, reason: str, made: int) -> None:
    """The connection really closes, and the body really is short; the next request goes through."""
    async with hostile() as (rooms, hostility, _):
        hostility.profile = Profile.always(fault, Route.CREATE)
        with pytest.raises(UnansweredError, match=reason):
            await rooms.create_room(wanted())
        assert hostility.hits == {(Route.CREATE, fault): 1}
        assert len((await rooms.list_rooms()).rooms) == made


async def test_a_late_create_comes_by_itself() -> None:
    """The server carries it out in time, although nobody asks for anything."""
    async with hostile() as (rooms, hostility, _):
        hostility.profile = replace(Profile.always(Fault.LATE), late=timedelta(milliseconds=200))
        with pytest.raises(UnansweredError):
            await rooms.create_room(wanted())
        hostility.calm()
        while hostility.late:
            await LoopClock().sleep(0.01)
        assert len((await rooms.list_rooms()).rooms) == 1


async def test_cut_to_nothing_but_the_head() -> None:
    """Cut at any place, the transport never takes it for whole."""
    async with hostile() as (rooms, hostility, transport):
        await rooms.create_room(wanted())
        hostility.profile = Profile.always(Fault.CUT, Route.LIST)
        for _ in range(10):
            with pytest.raises(UnavailableError, match="cut off"):
                await connect_once(transport).list_rooms()


def connect_once(transport: OverHttp) -> Rooms:
    """A client that tries once."""
    limits = Limits(per_second=None, again=replace(Limits().again, attempts=1))
    return connect(transport, Account(APPLICATION, KEY), LoopClock(), limits)


async def test_silence_to_whoever_asks() -> None:
    """The transport itself says that no answer came, not that nothing was sent."""
    async with hostile() as (_, hostility, transport):
        hostility.profile = Profile.always(Fault.LOST)
        with pytest.raises(NoAnswer):
            await transport.send("GET", "/rooms", {}, {}, None)


async def test_a_client_that_went_first(caplog: pytest.LogCaptureFixture) -> None:
    """A body is cut for nobody, and nobody hears of it."""
    clock = LoopClock()
    hostility = Hostility(random.Random(7), clock, Profile.always(Fault.CUT))
    told = settings(latency_after=timedelta(milliseconds=50))
    server = await start(told, clock, hostility=hostility)
    address = URL(server.url)
    _, writer = await asyncio.open_connection(address.host, address.port)
    head = f"GET {BASE}/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(clock.now())}"
    writer.write(f"{head}\r\n\r\n".encode())
    await writer.drain()
    writer.close()
    while not hostility.hits:
        await clock.sleep(0.01)
    await server.close()
    assert not caplog.records


async def test_the_date_on_the_wire_is_the_wrong_one() -> None:
    """No second one is added."""
    clock = LoopClock()
    hostility = Hostility(random.Random(7), clock, Profile.always(Fault.WRONG_DATE))
    server = await start(settings(), clock, hostility=hostility)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}{BASE}/rooms") as response,
    ):
        dates = response.headers.getall("Date")
        assert len(dates) == 1
        assert str(clock.now().year) not in dates[0]
    await server.close()
