"""The faults of the hostile layer on recordings and their downloads, and what was really done."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from orchestrator.adapters.meetings.downloads import HttpDownloads
from orchestrator.adapters.meetings.overhttp import OverHttp
from orchestrator.adapters.meetings.recordings import MeetingsRecordings
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.domain.recordings import Resume
from orchestrator.foundation.reach import read_reach
from orchestrator.meetings_server import Fault, Hostility, Profile, Route, Silence
from orchestrator.meetings_server.hostile.faults import ROUTES
from orchestrator.ports.faults import ForbiddenError, MissingError, RefusedError, UnavailableError
from tests.fakes.clock import VirtualClock
from tests.meetings import APPLICATION, BASE, KEY, WAYS, Client, Reply, settings

CALM: Final = Profile()
CONTENT: Final = bytes(range(256)) * 4
READS: Final = (Route.RECORDINGS, Route.RECORDING)
OF_RECORDINGS: Final = (*READS, Route.DELETE_RECORDING, Route.DOWNLOAD)


@dataclass
class Stand:
    """A session with two recordings that have their content."""

    client: Client
    hostility: Hostility
    clock: VirtualClock
    session: str
    recordings: tuple[str, str]
    link: str

    async def ask(self, route: Route, which: int = 0) -> Reply:
        """One request of a route."""
        path = f"/recordings/{self.recordings[which]}"
        match route:
            case Route.RECORDINGS:
                return await self.client.ask("GET", f"/sessions/{self.session}/recordings")
            case Route.RECORDING:
                return await self.client.ask("GET", path)
            case Route.DELETE_RECORDING:
                return await self.client.ask("DELETE", path)
            case _:
                return await self.client.open_link(self.link)

    async def listed(self) -> list[str]:
        """The ids that a list tells."""
        reply = await self.ask(Route.RECORDINGS)
        assert list(reply.json) == ["_embedded"]
        return [one["id"] for one in reply.json["_embedded"]["recordings"]]

    async def was_deleted(self) -> bool:
        """Whether the first one is gone."""
        self.hostility.calm()
        status = (await self.ask(Route.RECORDING)).status
        self.hostility.rage()
        return status == 404


async def recorded(client: Client, room: Any) -> tuple[str, str]:
    """A recording with its content, and its session."""
    recording_id, session_id = await client.record(room)
    path = f"/_test/recordings/{recording_id}/stop"
    assert (await client.ask("POST", path, base="")).status == 204
    await client.upload(recording_id, CONTENT)
    return recording_id, session_id


@asynccontextmanager
async def hostile(profile: Profile = CALM, way: str = "memory") -> AsyncIterator[Stand]:
    clock = VirtualClock()
    hostility = Hostility(random.Random(7), clock)
    hostility.calm()
    opened: Any = WAYS[way]
    async with opened(settings(), clock, hostility=hostility) as client:
        room = await client.create()
        await client.join(room)
        one, session = await recorded(client, room)
        other, _ = await recorded(client, room)
        told = (await client.ask("GET", f"/recordings/{one}")).json
        # What is older than the lag is told by nobody as young.
        clock.advance(60)
        hostility.profile = profile
        hostility.rage()
        yield Stand(client, hostility, clock, session, (one, other), told["_links"]["url"]["href"])


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        (Fault.TOO_MANY, {429}, False),
        (Fault.UNAVAILABLE, {503}, False),
        (Fault.UNAUTHORIZED, {401}, False),
        (Fault.EMPTY, {404}, False),
        (Fault.MISSING, {404}, False),
        (Fault.FORBIDDEN, {403}, False),
        (Fault.DONE_THEN_DROPPED, set(), True),
        (Fault.LOST, set(), False),
        (Fault.LATE, set(), False),
        (Fault.DENIED_BUT_DONE, {401, 429, 503}, True),
        (Fault.WRONG_BODY, {200}, True),
        (Fault.WRONG_DATE, {204}, True),
        (Fault.NOT_DONE, {204}, False),
    ],
)
async def test_what_a_deletion_meets(fault: Fault, status: set[int], *, done: bool) -> None:
    """Each says something, or nothing; whether it was done is another matter."""
    route = Route.DELETE_RECORDING
    async with hostile(Profile.always(fault, route)) as here:
        if status:
            assert (await here.ask(route)).status in status
        else:
            with pytest.raises(Silence):
                await here.ask(route)
        assert here.hostility.hits == {(route, fault): 1}
        assert await here.was_deleted() is done
        await here.hostility.carry_out(everything=True)
        assert await here.was_deleted() is (done or fault is Fault.LATE)


@pytest.mark.parametrize("route", READS)
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.TOO_MANY, {429}),
        (Fault.UNAVAILABLE, {503}),
        (Fault.BROKEN, {500, 502}),
        (Fault.LOST, set()),
        (Fault.CUT, set()),
        (Fault.UNAUTHORIZED, {401}),
        (Fault.WRONG_BODY, {200}),
        (Fault.EMPTY, {404}),
    ],
)
async def test_what_a_read_meets(route: Route, fault: Fault, status: set[int]) -> None:
    """No honest answer."""
    async with hostile() as here:
        honest = (await here.ask(route)).body
        here.hostility.profile = Profile.always(fault, route)
        if not status:
            with pytest.raises(Silence):
                await here.ask(route)
        else:
            reply = await here.ask(route)
            assert reply.status in status
            assert reply.body != honest
        assert here.hostility.hits[route, fault] == 1


async def test_what_is_not_there_is_said_as_the_api_says_it() -> None:
    """Each route has its own words; 404 never twice in a row for one."""
    async with hostile(Profile.always(Fault.EMPTY)) as here:
        one = here.recordings[0]
        said = [(await here.ask(route)).error[2] for route in OF_RECORDINGS[:3]]
        assert said == [
            f"Failed to find session recordings by id: {here.session}",
            f"Recording {one} was not found",
            "Could not find recording",
        ]
        here.hostility.calm()
        here.hostility.rage()
        here.hostility.profile = Profile.always(Fault.MISSING)
        assert [(await here.ask(Route.RECORDING)).status for _ in range(3)] == [404, 200, 404]
        here.hostility.profile = Profile.always(Fault.FORBIDDEN)
        assert (await here.ask(Route.DELETE_RECORDING)).error == (
            403,
            "ForbiddenError",
            f"Recording {one} could not be deleted because its status is stopped",
        )


async def test_another_recording_is_told_of() -> None:
    """In the place of the one that was asked for."""
    async with hostile() as here:
        other = (await here.ask(Route.RECORDING, 1)).json
        here.hostility.profile = Profile.always(Fault.WRONG_BODY, Route.RECORDING)
        bodies = [(await here.ask(Route.RECORDING)).body for _ in range(20)]
        assert any(other["id"].encode() in body for body in bodies)


async def test_lists_lag() -> None:
    """A deleted one is back in the list of its session, and in no other."""
    async with hostile() as here:
        room = await here.client.create()
        await here.client.join(room)
        elsewhere, _ = await recorded(here.client, room)
        for name in (here.recordings[0], elsewhere):
            assert (await here.client.ask("DELETE", f"/recordings/{name}")).status == 204
        assert await here.listed() == [here.recordings[1]]
        here.hostility.profile = Profile.always(Fault.STALE)
        # Drawn by the lag: some are as old as the deletion.
        here.clock.advance(10)
        told = [await here.listed() for _ in range(30)]
        assert {frozenset(one) for one in told} == {
            frozenset({here.recordings[1]}),
            frozenset(here.recordings),
        }
        assert 0 < here.hostility.hits[Route.RECORDINGS, Fault.STALE] < 30
        here.clock.advance(31)
        assert await here.listed() == [here.recordings[1]]


async def test_a_recording_is_left_out_while_it_is_young() -> None:
    """One that goes on, or has just ended; the others are there."""
    async with hostile(Profile.always(Fault.SKIPPED)) as here:
        assert await here.listed() == [*here.recordings]
        assert not here.hostility.hits
        room = await here.client.create()
        await here.client.join(room)
        young, here.session = await here.client.record(room)
        assert await here.listed() == []
        path = f"/_test/recordings/{young}/stop"
        await here.client.ask("POST", path, base="")
        assert await here.listed() == []
        here.clock.advance(31)
        assert await here.listed() == [young]
        here.session = "none"
        assert (await here.ask(Route.RECORDINGS)).status == 404


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault.UNAVAILABLE, 503, None),
        (Fault.BROKEN, 502, None),
        (Fault.MISSING, 404, None),
        (Fault.FORBIDDEN, 403, None),
        (Fault.CHANGED_TAG, 200, CONTENT),
        (Fault.WRONG_BODY, 200, None),
    ],
)
async def test_what_a_download_meets(fault: Fault, status: int, body: bytes | None) -> None:
    """The content, or something that is none."""
    async with hostile() as here:
        tag = (await here.ask(Route.DOWNLOAD)).headers["etag"]
        here.hostility.profile = Profile.always(fault, Route.DOWNLOAD)
        reply = await here.ask(Route.DOWNLOAD)
        assert reply.status in {status, 500 if fault is Fault.BROKEN else status}
        assert (reply.body == CONTENT) is (body == CONTENT)
        assert (reply.headers.get("etag") == tag) is (fault is Fault.WRONG_BODY)
        assert here.hostility.hits == {(Route.DOWNLOAD, fault): 1}


async def test_what_cannot_be_of_a_download_is_no_hit() -> None:
    """What was deleted is not there, a whole one is as long as anybody knows; spells are the API's.

    Nor 404 twice in a row.
    """
    async with hostile() as here:
        for fault in (Fault.SHORT, Fault.MISSING, Fault.EMPTY):
            here.hostility.profile = Profile.always(fault)
            replies = [await here.ask(Route.DOWNLOAD) for _ in range(2)]
            assert replies[1].body == CONTENT
            assert (replies[0].body == CONTENT) is (fault is not Fault.MISSING)
        assert here.hostility.hits == {(Route.DOWNLOAD, Fault.MISSING): 1}
        here.hostility.profile = CALM
        assert (await here.ask(Route.DELETE_RECORDING)).status == 204
        for fault in (Fault.SHORT, Fault.MISSING, Fault.CHANGED_TAG, Fault.WRONG_BODY):
            here.hostility.profile = Profile.always(fault, Route.DOWNLOAD)
            assert (await here.ask(Route.DOWNLOAD)).status == 404
        assert here.hostility.hits == {(Route.DOWNLOAD, Fault.MISSING): 1}


async def fetched(here: Stand, resume: Resume | None = None) -> tuple[int, bytes]:
    """What the real client gets, and from where on."""
    transport = OverHttp(here.client.url + BASE)
    downloads = HttpDownloads(read_reach(("127.0.0.0/8",)), unencrypted=True)
    account, limits = Account(APPLICATION, KEY), Limits(per_second=None)
    session = connect(transport, account, here.clock, limits).session
    mine = MeetingsRecordings(session, downloads)
    try:
        recording = await mine.get_recording(here.recordings[0])
        async with mine.download(recording, resume) as content:
            return content.begin, b"".join([piece async for piece in content.pieces])
    finally:
        await downloads.close()
        await transport.close()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.LOST, UnavailableError),
        (Fault.CUT, UnavailableError),
        (Fault.SHORT, UnavailableError),
        (Fault.UNAVAILABLE, UnavailableError),
        (Fault.MISSING, ForbiddenError),
        (Fault.FORBIDDEN, ForbiddenError),
        (Fault.WRONG_BODY, RefusedError),
        (Fault.CHANGED_TAG, None),
    ],
)
async def test_the_real_client_takes_nothing_else_for_the_content(
    fault: Fault, told: type[Exception] | None
) -> None:
    """By a socket: what breaks off really does, and what is short says so to whoever goes on."""
    async with hostile(way="http") as here:
        tag = (await here.ask(Route.DOWNLOAD)).headers["etag"]
        resume = Resume(100, tag, len(CONTENT))
        assert await fetched(here, resume) == (100, CONTENT[100:])
        here.hostility.profile = Profile.always(fault, Route.DOWNLOAD)
        for _ in range(5):
            if told is None:
                assert await fetched(here, resume) == (0, CONTENT)
                continue
            with pytest.raises(told):
                await fetched(here, resume)
            here.hostility.calm()
            await here.ask(Route.DOWNLOAD)
            here.hostility.rage()
            here.hostility._denied.clear()  # noqa: SLF001 - or 404 would be told once alone
        assert here.hostility.hits[Route.DOWNLOAD, fault] >= 5


async def test_a_deleted_recording_is_missing_to_the_real_client() -> None:
    """And to nobody who was told so once by an API that lags."""
    async with hostile(way="http") as here:
        assert (await here.ask(Route.DELETE_RECORDING)).status == 204
        with pytest.raises(MissingError):
            await fetched(here)


def test_every_fault_has_a_route_of_recordings_but_those_of_rooms_themes_and_callbacks() -> None:
    """They have no metadata, no pages, no PATCH."""
    without = {fault for fault, routes in ROUTES.items() if not routes & {*OF_RECORDINGS}}
    assert without == {
        Fault.NO_METADATA,
        Fault.OLD_VALUE,
        Fault.FEWER,
        Fault.NO_NEXT,
        Fault.TWICE,
        Fault.OUT_OF_ORDER,
    }
