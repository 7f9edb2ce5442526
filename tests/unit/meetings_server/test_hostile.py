"""Every fault of the hostile layer, seen in memory; what differs on a socket is in tests/http."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from orchestrator.meetings_server import (
    DEFAULT,
    CallbackUrls,
    Fault,
    Hostility,
    Profile,
    Route,
    SendFault,
    Silence,
    start,
)
from orchestrator.meetings_server.hostile.faults import BEYOND, ROUTES
from tests.fakes.clock import VirtualClock, settle
from tests.meetings import Client, applications, in_memory, settings

CALM = Profile()
SEED = 7


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


@asynccontextmanager
async def hostile(
    clock: VirtualClock, profile: Profile = CALM, seed: int = SEED, **changes: Any
) -> AsyncIterator[tuple[Client, Hostility]]:
    hostility = Hostility(random.Random(seed), clock, profile)
    async with in_memory(settings(**changes), clock, hostility=hostility) as client:
        yield client, hostility


async def ask(client: Client, route: Route, room: Any = None) -> Any:
    """One request of a route, with a body that would change something."""
    path = f"/rooms/{room['id']}" if room is not None else "/rooms"
    match route:
        case Route.LIST:
            return await client.ask("GET", "/rooms")
        case Route.SESSIONS:
            return await client.ask("GET", "/sessions")
        case Route.CREATE:
            return await client.ask("POST", "/rooms", {"display_name": "New", "metadata": "mine"})
        case Route.GET:
            return await client.ask("GET", path)
        case Route.PATCH:
            body = {"update_details": {"join_approval_level": "explicit_approval"}}
            return await client.ask("PATCH", path, body)
        case _:
            return await client.ask("DELETE", path)


async def table(client: Client) -> dict[str, Any]:
    """What is true, by the id of the room."""
    rooms = (await client.ask("GET", "/_test/rooms", base="")).json["rooms"]
    return {room["id"]: room for room in rooms if room["phase"] != "deleted"}


async def approval(client: Client, hostility: Hostility, room: Any) -> str:
    """What PATCH of this suite changes, as it truly is."""
    hostility.calm()
    found = await client.get(room)
    hostility.rage()
    return str(found["join_approval_level"])


CHANGES = (Route.CREATE, Route.PATCH, Route.DELETE)
READS = (Route.LIST, Route.GET, Route.SESSIONS)


async def was_done(client: Client, hostility: Hostility, route: Route, room: Any) -> bool:
    """Whether the request of that route was carried out."""
    rooms = await table(client)
    match route:
        case Route.CREATE:
            return len(rooms) == 2
        case Route.PATCH:
            return await approval(client, hostility, room) == "explicit_approval"
        case _:
            return room["id"] not in rooms


@pytest.mark.parametrize("route", CHANGES)
@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        (Fault.TOO_MANY, {429}, False),
        (Fault.UNAVAILABLE, {503}, False),
        (Fault.UNAUTHORIZED, {401}, False),
        (Fault.EMPTY, {404, 503}, False),
        (Fault.DONE_THEN_DROPPED, set(), True),
        (Fault.LOST, set(), False),
        (Fault.LATE, set(), False),
        (Fault.DENIED_BUT_DONE, {401, 429, 503}, True),
        (Fault.WRONG_BODY, {200, 201}, True),
        (Fault.WRONG_DATE, {200, 201, 204}, True),
    ],
)
async def test_what_a_change_meets(
    clock: VirtualClock, route: Route, fault: Fault, status: set[int], *, done: bool
) -> None:
    """Each says something, or nothing; whether it was done is another matter."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long(metadata="ours")
        hostility.profile = Profile.always(fault)
        if status:
            assert (await ask(client, route, room)).status in status
        else:
            with pytest.raises(ConnectionResetError):
                await ask(client, route, room)
        assert hostility.hits == {(route, fault): 1}
        hostility.profile = CALM
        hostility.calm()
        assert await was_done(client, hostility, route, room) is done


@pytest.mark.parametrize("route", CHANGES)
async def test_dropped_then_done(clock: VirtualClock, route: Route) -> None:
    """By the clock within the bound, or when told; also once calm."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.LATE)
        with pytest.raises(Silence):
            await ask(client, route, room)
        assert hostility.late == 1
        hostility.calm()
        assert await was_done(client, hostility, route, room) is False
        clock.advance(hostility.profile.late.total_seconds())
        await client.memory.advance()
        assert hostility.late == 0
        assert await was_done(client, hostility, route, room) is True


async def test_late_calls_when_told(clock: VirtualClock) -> None:
    """All at once, in the order in which they would have come; their time has not."""
    async with hostile(clock, Profile.always(Fault.LATE)) as (client, hostility):
        for _ in range(3):
            with pytest.raises(Silence):
                await ask(client, Route.CREATE)
        await hostility.carry_out()
        assert hostility.late == 3
        await hostility.carry_out(everything=True)
        assert (hostility.late, len(await table(client))) == (0, 3)


@pytest.mark.parametrize("route", READS)
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.TOO_MANY, {429}),
        (Fault.UNAVAILABLE, {503}),
        (Fault.BROKEN, {500, 502}),
        (Fault.LOST, set()),
        (Fault.UNAUTHORIZED, {401}),
        (Fault.WRONG_BODY, {200}),
    ],
)
async def test_what_a_read_meets(
    clock: VirtualClock, route: Route, fault: Fault, status: set[int]
) -> None:
    """No honest answer."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        honest = (await ask(client, route, room)).body
        hostility.profile = Profile.always(fault, route)
        if not status:
            with pytest.raises(Silence):
                await ask(client, route, room)
        else:
            reply = await ask(client, route, room)
            assert reply.status in status
            assert reply.body != honest
        assert hostility.hits[route, fault] == 1


async def test_500_and_502_may_have_been_done(clock: VirtualClock) -> None:
    """Nobody knows whether they were: half of them are."""
    async with hostile(clock, Profile.always(Fault.BROKEN)) as (client, _):
        statuses = {(await ask(client, Route.CREATE)).status for _ in range(20)}
        assert statuses == {500, 502}
        assert 4 < len(await table(client)) < 16


async def test_bodies_of_errors(clock: VirtualClock) -> None:
    """The API's own, a proxy's, and none."""
    async with hostile(clock, Profile.always(Fault.UNAVAILABLE)) as (client, _):
        bodies = [(await ask(client, Route.LIST)).body for _ in range(20)]
        kinds = {body[:1] for body in bodies}
        assert kinds == {b"{", b"<", b""}
        assert json.loads(next(body for body in bodies if body[:1] == b"{"))["status"] == 503


@pytest.mark.parametrize("absurd", [False, True])
async def test_retry_after_in_all_forms(clock: VirtualClock, *, absurd: bool) -> None:
    """Seconds, a date, and if wanted what no client should wait for or can read."""
    profile = replace(Profile.always(Fault.TOO_MANY), absurd=absurd)
    async with hostile(clock, profile) as (client, _):
        told = [(await ask(client, Route.LIST)).headers["retry-after"] for _ in range(200)]
        short = {text for text in told if text.isdecimal() and int(text) <= 5}
        assert short == {"0", "1", "2", "3", "4", "5"}
        assert any(text.endswith("GMT") and "9999" not in text for text in told)
        wild = {"9" * 40, "soon", "-1", "", "Fri, 31 Dec 9999 23:59:59 GMT"} & set(told)
        assert bool(wild) is absurd


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.SLOW_AFTER])
async def test_slow(clock: VirtualClock, fault: Fault) -> None:
    """By the server's clock, before the deed or after it."""
    async with hostile(clock, Profile.always(fault)) as (client, _):
        begun = clock.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(client, Route.CREATE), name="asking")
            while clock.next_wakeup() is None:
                await settle()
            rooms = await client.memory.meetings.all_rooms()
            assert len(rooms) == (fault is Fault.SLOW_AFTER)
            clock.advance(5)
        assert len(await client.memory.meetings.all_rooms()) == 1
        assert clock.monotonic() == begun + 5


@pytest.mark.parametrize("route", [Route.CREATE, Route.PATCH, Route.LIST, Route.GET])
async def test_a_body_that_is_cut(clock: VirtualClock, route: Route) -> None:
    """In memory a silence; what came of the answer is with it, shorter than it says."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.CUT)
        with pytest.raises(Silence) as caught:
            await ask(client, route, room)
        begun = caught.value.begun
        assert begun is not None
        assert len(begun.body) < int(begun.headers["Content-Length"])
        if route in CHANGES:
            assert await was_done(client, hostility, route, room)


async def test_wrong_bodies(clock: VirtualClock) -> None:
    """Another room, {}, another form, HTML; the status stays 201, and each room was made."""
    async with hostile(clock) as (client, hostility):
        other = await client.create(display_name="Other")
        hostility.profile = Profile.always(Fault.WRONG_BODY)
        replies = [await ask(client, Route.CREATE) for _ in range(60)]
        bodies = {reply.body for reply in replies}
        assert {reply.status for reply in replies} == {201}
        assert {b"{}", b"[]", b""} < bodies
        assert any(body.startswith(b"<html>") for body in bodies)
        rooms = [json.loads(body) for body in bodies if body.startswith(b'{"id"')]
        assert other["id"] in {room["id"] for room in rooms}
        assert len(await table(client)) == 61


@pytest.mark.parametrize("route", [Route.CREATE, Route.GET, Route.PATCH, Route.LIST])
async def test_metadata_stripped(clock: VirtualClock, route: Route) -> None:
    """In the answer, not in the room."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long(metadata="mine")
        hostility.profile = Profile.always(Fault.NO_METADATA)
        told = set()
        for _ in range(40):
            found = (await ask(client, route, room)).json
            for one in found.get("_embedded", [found]):
                told.add(one["metadata"])
        assert {None, "", "mi"} <= told
        assert {one["metadata"] for one in (await table(client)).values()} == {"mine"}


async def test_nothing_to_strip(clock: VirtualClock) -> None:
    """An empty listing is told as it is, and not counted."""
    async with hostile(clock, Profile.always(Fault.NO_METADATA)) as (client, hostility):
        assert (await ask(client, Route.LIST)).json["_embedded"] == []
        assert not hostility.hits


async def test_told_as_done_and_not_done(clock: VirtualClock) -> None:
    """PATCH answers 200 with the old value, DELETE 204; neither did anything."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.NOT_DONE)
        reply = await ask(client, Route.PATCH, room)
        assert (reply.status, reply.json["join_approval_level"]) == (200, "none")
        assert (await ask(client, Route.DELETE, room)).status == 204
        assert await approval(client, hostility, room) == "none"


async def test_done_and_told_as_old(clock: VirtualClock) -> None:
    """PATCH answers 200 with the old value, and did it."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.OLD_VALUE)
        reply = await ask(client, Route.PATCH, room)
        assert (reply.status, reply.json["join_approval_level"]) == (200, "none")
        assert await approval(client, hostility, room) == "explicit_approval"


async def test_a_refused_patch_is_told_as_it_is(clock: VirtualClock) -> None:
    """Only what would have been done can be told wrongly."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.OLD_VALUE)
        reply = await client.ask("PATCH", f"/rooms/{room['id']}", {"update_details": {}})
        assert reply.status == 400
        hostility.profile = Profile.always(Fault.WRONG_BODY)
        reply = await client.ask("PATCH", f"/rooms/{room['id']}", {"update_details": {}})
        assert reply.status == 400
        assert not hostility.hits


async def test_404_for_a_room_that_is_there(clock: VirtualClock) -> None:
    """Never twice in a row: the truth is told in between, and a room that is not there is 404."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.MISSING)
        statuses = [(await ask(client, Route.GET, room)).status for _ in range(4)]
        assert statuses == [404, 200, 404, 200]
        assert hostility.hits == {(Route.GET, Fault.MISSING): 2}
        assert (await ask(client, Route.PATCH, room)).status == 404
        assert (await ask(client, Route.DELETE, room)).status == 204
        assert (await ask(client, Route.GET, room)).status == 404
        assert hostility.hits[Route.GET, Fault.MISSING] == 2


async def test_dates_that_are_wrong_by_years(clock: VirtualClock) -> None:
    """Of one answer; the next has the right one again."""
    async with hostile(clock) as (client, hostility):
        hostility.profile = Profile.always(Fault.WRONG_DATE)
        for _ in range(10):
            date = parsedate_to_datetime((await ask(client, Route.LIST)).headers["date"])
            assert abs(date - clock.now()) > timedelta(days=364)
        hostility.profile = CALM
        date = parsedate_to_datetime((await ask(client, Route.LIST)).headers["date"])
        assert date == clock.now().replace(microsecond=0)


async def test_a_stale_listing(clock: VirtualClock) -> None:
    """The rooms as they were: without the new one, with the removed one, unchanged ones unchanged.

    It agrees with itself, and the truth comes back when the lag is over.
    """
    async with hostile(clock) as (client, hostility):
        kept, removed = await client.create_long(), await client.create_long()
        clock.advance(3600)
        await ask(client, Route.PATCH, kept)
        await ask(client, Route.DELETE, removed)
        await client.create_long()
        short = await client.create_long()
        await ask(client, Route.DELETE, short)
        honest = (await ask(client, Route.LIST)).json
        assert honest["total_items"] == 2
        clock.advance(1)
        hostility.profile = replace(Profile.always(Fault.STALE), lag=timedelta(hours=2))
        # Most moments of the last two hours are before the changes.
        seen = [(await ask(client, Route.LIST)).json for _ in range(10)]
        old = next(page for page in seen if page["total_items"] == 2 and page != honest)
        told = {room["id"]: room["join_approval_level"] for room in old["_embedded"]}
        assert told == {kept["id"]: "none", removed["id"]: "none"}
        assert hostility.hits[Route.LIST, Fault.STALE] > 0
        clock.advance(7200)
        before = hostility.hits[Route.LIST, Fault.STALE]
        assert (await ask(client, Route.LIST)).json["total_items"] == 2
        assert hostility.hits[Route.LIST, Fault.STALE] == before


async def test_a_stale_first_page(clock: VirtualClock) -> None:
    """What was removed is told once: on the last page."""
    async with hostile(clock) as (client, hostility):
        rooms = [await client.create_long() for _ in range(3)]
        clock.advance(3600)
        await ask(client, Route.DELETE, rooms[0])
        clock.advance(1)
        hostility.profile = replace(Profile.always(Fault.STALE), lag=timedelta(days=1))
        ids: list[str] = []
        for start in ("1", "3"):
            query = {"page_size": "1", "start_id": start}
            page = (await client.ask("GET", "/rooms", query=query)).json
            assert page["total_items"] == 3
            ids += [room["id"] for room in page["_embedded"]]
        assert ids == [rooms[1]["id"], rooms[2]["id"], rooms[0]["id"]]


async def test_a_serial_that_is_skipped(clock: VirtualClock) -> None:
    """One that was just made is left out and not counted, later ones are told."""
    async with hostile(clock) as (client, hostility):
        old = await client.create_long()
        clock.advance(3600)
        new = [await client.create_long() for _ in range(2)]
        clock.advance(1)
        hostility.profile = replace(Profile.always(Fault.SKIPPED), lag=timedelta(hours=1))
        left_out = set()
        for _ in range(20):
            page = (await ask(client, Route.LIST)).json
            told = {room["id"] for room in page["_embedded"]}
            assert page["total_items"] == len(told)
            left_out |= {room["id"] for room in (old, *new)} - told
        assert left_out == {room["id"] for room in new}
        clock.advance(3600)
        assert (await ask(client, Route.LIST)).json["total_items"] == 3


async def test_fewer_rooms_than_said(clock: VirtualClock) -> None:
    """The total is the true one."""
    async with hostile(clock, Profile.always(Fault.FEWER)) as (client, hostility):
        assert (await ask(client, Route.LIST)).json["total_items"] == 0
        assert not hostility.hits
        for _ in range(3):
            await client.create_long()
        counts = {len((await ask(client, Route.LIST)).json["_embedded"]) for _ in range(20)}
        assert counts == {0, 1, 2}
        assert (await ask(client, Route.LIST)).json["total_items"] == 3


async def test_sessions_left_out(clock: VirtualClock) -> None:
    """The same for sessions, whose rows stand one object deeper."""
    async with hostile(clock, Profile.always(Fault.FEWER)) as (client, hostility):
        await client.join(await client.create_long())
        page = (await ask(client, Route.SESSIONS)).json
        assert (page["_embedded"], page["total_items"]) == ({"sessions": []}, 1)
        hostility.profile = Profile.always(Fault.EMPTY)
        page = (await ask(client, Route.SESSIONS)).json
        assert (page["_embedded"], page["total_items"]) == ({"sessions": []}, 0)


async def test_no_next_page(clock: VirtualClock) -> None:
    """A listing that is longer than its first page is told as if it ended there."""
    async with hostile(clock, Profile.always(Fault.NO_NEXT)) as (client, hostility):
        for _ in range(2):
            await client.create_long()
        page = (await client.ask("GET", "/rooms", query={"page_size": "1"})).json
        assert (len(page["_embedded"]), page["total_items"]) == (1, 2)
        assert "next" not in page["_links"]
        whole = (await client.ask("GET", "/rooms", query={"page_size": "2"})).json
        assert len(whole["_embedded"]) == 2
        assert hostility.hits == {(Route.LIST, Fault.NO_NEXT): 1}


async def test_an_empty_backend_for_a_while(clock: VirtualClock) -> None:
    """A listing that is whole and empty, 404 for each room, 503 for a new one; then all is back."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.EMPTY, Route.LIST)
        page = (await ask(client, Route.LIST)).json
        assert (page["_embedded"], page["total_items"]) == ([], 0)
        assert "next" not in page["_links"]
        hostility.profile = CALM
        for route, status in ((Route.GET, 404), (Route.PATCH, 404), (Route.CREATE, 503)):
            assert (await ask(client, route, room)).status == status
        assert hostility.hits[Route.CREATE, Fault.EMPTY] == 1
        clock.advance(CALM.empty.total_seconds())
        assert (await ask(client, Route.GET, room)).status == 200


async def test_401_for_a_while(clock: VirtualClock) -> None:
    """To everything, until the time is over or peace is made."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.begin(Fault.UNAUTHORIZED, timedelta(minutes=5))
        for route in (*READS, *CHANGES):
            assert (await ask(client, route, room)).status == 401
        clock.advance(300)
        assert (await ask(client, Route.LIST)).status == 200
        hostility.begin(Fault.UNAUTHORIZED, timedelta(minutes=5))
        hostility.calm()
        hostility.rage()
        assert (await ask(client, Route.LIST)).status == 200


async def test_only_what_lasts_can_begin(clock: VirtualClock) -> None:
    """The rest is over with one request."""
    with pytest.raises(ValueError, match="lost is over with one request"):
        Hostility(random.Random(SEED), clock).begin(Fault.LOST, timedelta(1))


async def test_an_empty_backend_and_strangers(clock: VirtualClock) -> None:
    """Who is not let in is told so, whatever the fault."""
    for fault in (Fault.EMPTY, Fault.STALE, Fault.NO_METADATA):
        async with hostile(clock, Profile.always(fault)) as (client, _):
            for headers in ({}, {"authorization": "Bearer nonsense"}):
                assert (await client.ask("GET", "/rooms", headers=headers)).status == 401


async def test_not_where_others_can_reach_it(clock: VirtualClock) -> None:
    """It must not become what anybody's links stand on."""
    told = settings(host="0.0.0.0", test_routes=False)
    with pytest.raises(ValueError, match=r"a hostile server is for tests, and 0\.0\.0\.0 is not"):
        await start(told, clock, hostility=Hostility(random.Random(SEED), clock))


async def test_calm(clock: VirtualClock) -> None:
    """Off and on again."""
    async with hostile(clock, Profile.always(Fault.LOST)) as (client, hostility):
        hostility.calm()
        assert (await ask(client, Route.LIST)).status == 200
        hostility.rage()
        with pytest.raises(Silence):
            await ask(client, Route.LIST)


async def test_what_stays_honest(clock: VirtualClock) -> None:
    """Test routes, the pages behind links, and what is no route at all."""
    async with hostile(clock) as (client, hostility):
        room = await client.create_long()
        hostility.profile = Profile.always(Fault.LOST)
        assert (await client.open_link(room["_links"]["guest_url"]["href"])).status == 200
        assert len(await table(client)) == 1
        assert (await client.ask("PUT", "/rooms", {})).status == 405
        assert (await client.ask("GET", "/themes/a/b")).status == 404


async def test_the_request_log_tells_silences(clock: VirtualClock) -> None:
    """With a status of 0."""
    async with hostile(clock, Profile.always(Fault.LOST)) as (client, _):
        with pytest.raises(Silence):
            await ask(client, Route.LIST)
        log = (await client.ask("GET", "/_test/requests", base="")).json["requests"]
        assert [(one["method"], one["status"]) for one in log] == [("GET", 0)]


async def test_many_rooms_are_not_all_remembered(clock: VirtualClock) -> None:
    """Another room is one of the last two hundred; a single one has no other."""

    async def told(client: Client, room: Any) -> set[str]:
        bodies = [(await ask(client, Route.GET, room)).body for _ in range(200)]
        return {json.loads(body)["id"] for body in bodies if body.startswith(b'{"id"')}

    wrong = Profile.always(Fault.WRONG_BODY, Route.GET)
    async with hostile(clock) as (client, hostility):
        first = await client.create()
        hostility.profile = wrong
        assert await told(client, first) == set()
        hostility.profile = CALM
        last = [await client.create() for _ in range(201)][-1]
        hostility.profile = wrong
        found = await told(client, last)
        assert len(found) > 50
        assert found.isdisjoint({first["id"], last["id"]})


# --- callbacks ------------------------------------------------------------------------------------


class Receiver:
    """Takes all that comes."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def post(self, _: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.events.append(json.loads(body)["event"])
        return 204


HEARD = ["session:started", "session:participant:joined", "session:participant:left"]


@pytest.mark.parametrize(
    ("fault", "at_once"),
    [(Fault.LOST, 0), (Fault.TWICE, 2), (Fault.OUT_OF_ORDER, 0)],
)
async def test_callbacks(clock: VirtualClock, fault: Fault, at_once: int) -> None:
    """Lost, doubled, or held back until others have come; honest once calm."""
    hostility = Hostility(random.Random(SEED), clock, Profile.always(fault, Route.CALLBACK))
    receiver = Receiver()
    url = "http://127.0.0.1:1/callbacks"
    told = settings(applications=applications(CallbackUrls(sessions_callback_url=url)))
    async with in_memory(told, clock, receiver, hostility=hostility) as client:
        room = await client.create()
        await client.join(room)
        await client.memory.deliver()
        assert receiver.events == [one for one in HEARD[:2] for _ in range(at_once)]
        assert hostility.hits == {(Route.CALLBACK, fault): 2}
        hostility.calm()
        await client.join(room)
        await client.memory.deliver()
        assert receiver.events[-1] == HEARD[1]
        before = len(receiver.events)
        clock.advance(60)
        await client.memory.deliver()
        assert receiver.events[before:] == (HEARD[:2] if fault is Fault.OUT_OF_ORDER else [])


async def test_a_callback_that_is_honest(clock: VirtualClock) -> None:
    """Where no fault is drawn it goes its way, and so do the receiver's own faults."""

    class Deaf(Receiver):
        async def post(self, _: str, body: bytes, headers: Mapping[str, str]) -> int:
            raise SendFault("no answer")

    sender = Hostility(random.Random(SEED), clock, CALM).sender(Deaf())
    with pytest.raises(SendFault, match="no answer"):
        await sender.post("", b"", {})


# --- profiles -------------------------------------------------------------------------------------


def test_the_usual_profile_has_every_fault_but_those_beyond_a_client() -> None:
    """On every route on which it can be."""
    assert DEFAULT.rates.keys() == {
        (route, fault)
        for fault, routes in ROUTES.items()
        for route in routes
        if fault not in BEYOND
    }
    assert {Fault.DENIED_BUT_DONE} == BEYOND
    assert all(0.1 < sum(DEFAULT.of(route).values()) < 0.5 for route in Route)


def test_profiles_are_cut_and_scaled() -> None:
    """By fault, by route, by both, and as a whole."""
    place = (Route.LIST, Fault.STALE)
    assert place not in DEFAULT.without(Fault.STALE).rates
    assert place not in DEFAULT.without(Route.LIST).rates
    assert place not in DEFAULT.without(place).rates
    assert (Route.LIST, Fault.FEWER) in DEFAULT.without(place, Route.GET).rates
    assert set(DEFAULT.only(place).rates) == {place}
    assert {fault for _, fault in DEFAULT.only(Fault.LOST).rates} == {Fault.LOST}
    assert {route for route, _ in DEFAULT.only(Route.CALLBACK).rates} == {Route.CALLBACK}
    assert DEFAULT.times(0.5).rates[place] == DEFAULT.rates[place] / 2


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({(Route.LIST, Fault.LOST): 1.1}, "must be from 0 to 1"),
        ({(Route.LIST, Fault.LOST): -0.1}, "must be from 0 to 1"),
        ({(Route.GET, Fault.STALE): 0.1}, "no such fault"),
        ({(Route.GET, Fault.LOST): 0.6, (Route.GET, Fault.CUT): 0.6}, "together more than 1"),
    ],
)
def test_rates_that_are_none(rates: dict[tuple[Route, Fault], float], message: str) -> None:
    """Told at once."""
    with pytest.raises(ValueError, match=message):
        Profile(rates=rates)


def test_every_fault_is_told_in_words() -> None:
    """For people."""
    assert all(fault.meaning for fault in Fault)


async def test_a_run_replays_exactly() -> None:
    """One seed, one story; another seed, another."""

    async def story(seed: int) -> tuple[list[Any], dict[Any, int]]:
        clock = VirtualClock()
        heard: list[Any] = []
        async with hostile(clock, DEFAULT.without(Fault.SLOW, Fault.SLOW_AFTER), seed) as pair:
            client, hostility = pair
            chooser = random.Random(5)
            rooms = [await _made(client, clock)]
            for _ in range(300):
                route = chooser.choice([*READS, *CHANGES])
                clock.advance(chooser.uniform(0, 20))
                try:
                    reply = await ask(client, route, chooser.choice(rooms))
                except Silence as silence:
                    heard.append(silence.begun is None)
                else:
                    heard.append((reply.status, reply.headers.get("date"), len(reply.body)))
                if route is Route.DELETE:
                    rooms.append(await _made(client, clock))
            return heard, dict(hostility.hits)

    first = await story(1)
    assert len(first[1]) > 30
    assert first == await story(1)
    assert first != await story(2)


async def _made(client: Client, clock: VirtualClock) -> Any:
    """A room that is there, whatever was answered."""
    rooms = await table(client)
    ends = (clock.now() + timedelta(days=30)).isoformat()
    body = {"display_name": "One", "type": "long_term", "expires_at": ends}
    while True:
        with suppress(Silence):
            await client.ask("POST", "/rooms", body)
        if new := (await table(client)).keys() - rooms.keys():
            return {"id": min(new)}
        clock.advance(60)
