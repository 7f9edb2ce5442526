"""People meet over the meeting socket, whatever carries their voices: one suite for all media."""

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import LiveKit, Medium, Mesh, Settings
from tests.callers import CLOSED_CODE, PATIENCE, Caller, Calls, calling, guest, host
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.medium import StagedMedium
from tests.meetings import Client, over_http, settings
from tests.system.sfu import Sfu, livekit

_TICK: Final = 5.0
MESH: Final = Mesh()
BEGAN: Final = "2026-01-05T09:00:00.000Z"


@dataclass
class Place:
    """A server, how to ask it, and how to call."""

    client: Client
    calls: Calls
    clock: VirtualClock
    told: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    async def room(self, **fields: Any) -> Any:
        """A long_term room."""
        return await self.client.create_long(**fields)

    async def sessions(self, room: Any) -> Any:
        """The sessions of a room as the API tells them."""
        reply = await self.client.ask("GET", "/sessions", query={"room_id": room["id"]})
        return reply.json["_embedded"]["sessions"]

    async def recorded(self, room: Any) -> Any:
        """The one recording of a room's one session, once it has its content."""
        (session,) = await self.sessions(room)
        path = f"/sessions/{session['id']}/recordings"
        async with asyncio.timeout(PATIENCE):
            while True:
                (found,) = (await self.client.ask("GET", path)).json["_embedded"]["recordings"]
                if found["status"] == "uploaded":
                    return found

    async def phase(self, room: Any) -> str:
        """Where in its life a room is."""
        rooms = (await self.client.ask("GET", "/_test/rooms", base="")).json["rooms"]
        return str(next(one["phase"] for one in rooms if one["id"] == room["id"]))

    async def is_in_use(self, room: Any) -> bool:
        """Whether a session runs."""
        return await self.phase(room) in {"occupied", "ending"}

    async def becomes(self, room: Any, phase: str, within: float = 0.0) -> None:
        """Wait until a room is in a phase, while so much time passes at most."""
        async with asyncio.timeout(PATIENCE):
            while await self.phase(room) != phase:
                if within > 0:
                    await self.pass_time(_TICK)
                    within -= _TICK

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, a tick of the socket at a time, so that pings are answered."""
        await settle()
        while seconds > 0:
            self.clock.advance(min(seconds, _TICK))
            seconds -= _TICK
            await settle()

    async def hears(self, caller: Caller, kind: str, within: float) -> dict[str, Any]:
        """What somebody hears while so much time passes at most."""
        while not caller.has_heard and within > 0:
            await self.pass_time(_TICK)
            within -= _TICK
        return await caller.hear(kind)


@asynccontextmanager
async def opened(
    told: Settings, clock: VirtualClock, medium: Medium | None = None
) -> AsyncIterator[Place]:
    """A server, and what it reports."""
    reports: list[tuple[str, Mapping[str, object]]] = []

    def report(name: str, about: Mapping[str, object]) -> None:
        reports.append((name, about))

    async with (
        over_http(told, clock, report, medium=medium) as client,
        calling(client.url) as calls,
    ):
        yield Place(client, calls, clock, reports)


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


@pytest.fixture(scope="module")
def sfu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sfu]:
    """A real LiveKit server, for all tests that need one."""
    with livekit(tmp_path_factory.mktemp("livekit")) as running:
        yield running


@pytest.fixture(params=["mesh", pytest.param("livekit", marks=pytest.mark.timeout(900)), "staged"])
def media(request: pytest.FixtureRequest) -> Mesh | LiveKit | None:
    """What carries voices; None: what stands in for it."""
    match request.param:
        case "mesh":
            return Mesh()
        case "livekit":
            # In CI this waits until it is built.
            running: Sfu = request.getfixturevalue("sfu")
            return replace(running.settings, most=6)
        case _:
            return None


@pytest.fixture
def medium(media: Mesh | LiveKit | None) -> Medium | None:
    """What stands in; None: nothing does."""
    return None if media is not None else StagedMedium(most=6)


@pytest.fixture
async def place(
    clock: VirtualClock, media: Mesh | LiveKit | None, medium: Medium | None
) -> AsyncIterator[Place]:
    """A server where people can meet."""
    async with opened(settings(media=media or Mesh()), clock, medium) as place:
        yield place
        assert place.told == []


async def met(place: Place, room: Any, *names: str) -> list[Caller]:
    """A host and guests, who have all heard of each other."""
    callers: list[Caller] = []
    for name in names:
        caller = await place.calls.enter(guest(room) if callers else host(room), name)
        for other in callers:
            assert (await other.hear("joined"))["person"]["name"] == name
        callers.append(caller)
    return callers


# --- coming and going ---


async def test_two_meet(place: Place) -> None:
    """They learn of each other and speak; the API tells of their session."""
    room = await place.room(display_name="Stand-up")
    ada = await place.calls.enter(host(room), "Ada", microphone=True)
    assert ada.welcome["role"] == "host"
    assert ada.welcome["room"] == {
        "name": "Stand-up",
        "features": {"chat": True, "recording": True},
        "initial": {"microphone": "default"},
        "ends_at": room["expires_at"],
    }
    bob = await place.calls.enter(guest(room), "  Bob \n the  Builder ", camera=True)
    about_bob = {
        "id": bob.id,
        "name": "Bob the Builder",
        "role": "guest",
        "microphone": False,
        "camera": True,
        "screen": False,
    }
    assert await ada.hear("joined") == {"type": "joined", "person": about_bob}
    assert list(bob.people) == ["Ada", "Bob the Builder"]
    assert bob.people["Ada"]["microphone"] is True
    assert bob.people["Bob the Builder"] == about_bob
    await bob.hang_up()
    assert await ada.hear("left") == {"type": "left", "id": bob.id}
    assert await place.is_in_use(room)
    await ada.hang_up()
    assert not await place.is_in_use(room)
    (session,) = await place.sessions(room)
    assert session["end_time"] is not None
    assert session["participants_number"] == 2


async def test_four_meet_and_signal(place: Place) -> None:
    """What one browser tells another reaches that one alone, as it was."""
    room = await place.room()
    ada, bob, cyd, dan = await met(place, room, "Ada", "Bob", "Cyd", "Dan")
    for data in (
        {"description": {"type": "offer", "sdp": "v=0\r\no=- ü 1"}},
        {"candidate": {"candidate": "candidate:1 1 udp", "sdpMid": "0", "sdpMLineIndex": 0}},
        {"candidate": None},
    ):
        await dan.say("signal", to=bob.id, data=data)
        if dan.welcome["media"]["kind"] == "livekit":  # browsers have nothing to agree on there
            assert await dan.error() == "not_allowed"
            continue
        assert await bob.hear("signal") == {"type": "signal", "from": dan.id, "data": data}
    await dan.say("state", microphone=True, camera=False, screen=True)
    for other in (ada, bob, cyd):
        person = (await other.hear("changed"))["person"]
        assert (person["id"], person["screen"], person["microphone"]) == (dan.id, True, True)
    await dan.say("state", microphone=True, camera=False, screen=True)  # nothing new
    await dan.say("chat", text="done")
    for one in (ada, bob, cyd, dan):
        assert (await one.hear("chat"))["message"]["text"] == "done"


async def test_what_the_room_says_of_itself(place: Place) -> None:
    """What its features are, and that an instant room has no end that anybody could name."""
    room = await place.client.create(
        available_features={"is_chat_available": False, "is_recording_available": False},
        initial_join_options={"microphone_state": "off"},
    )
    ada = await place.calls.enter(host(room))
    assert ada.welcome["room"]["features"] == {"chat": False, "recording": False}
    assert ada.welcome["room"]["initial"] == {"microphone": "off"}
    assert ada.welcome["room"]["ends_at"] is None
    assert ada.welcome["recording"] == {"on": False, "since": None, "can": False}
    await ada.say("chat", text="Hello?")
    assert await ada.error() == "not_allowed"


async def test_chat_is_told_to_who_comes_later(place: Place) -> None:
    """The last 200 of the session; a new session knows nothing of it."""
    room = await place.room()
    (ada,) = await met(place, room, "Ada")
    for number in range(205):
        await ada.say("chat", text=f"{number}")
        await ada.hear("chat")
        place.clock.advance(1)
    bob = await place.calls.enter(guest(room), "Bob")
    texts = [message["text"] for message in bob.welcome["chat"]]
    assert texts == [f"{number}" for number in range(5, 205)]
    first = bob.welcome["chat"][0]
    assert (first["from"], first["name"], len(first["id"])) == (ada.id, "Ada", 36)
    assert first["at"] == "2026-01-05T09:00:05.000Z"
    await bob.hang_up()
    await ada.hang_up()
    assert (await place.calls.enter(guest(room), "Bob")).welcome["chat"] == []


async def test_what_is_too_long_or_too_much_is_not_said(place: Place) -> None:
    """Neither a message without an end nor one without a pause nor an empty one."""
    room = await place.room()
    (ada,) = await met(place, room, "Ada")
    await ada.say("ping")
    assert await ada.hear("pong") == {"type": "pong"}
    await ada.say("chat", text="ü" * 2_001)
    assert await ada.error() == "too_long"
    await ada.say("chat", text=" \n")
    assert await ada.error() == "bad_frame"
    for _ in range(10):
        await ada.say("chat", text="ü" * 2_000)
        await ada.hear("chat")
    await ada.say("chat", text="one too many")
    assert await ada.error() == "too_fast"


# --- the door ---


async def test_a_full_room(clock: VirtualClock) -> None:
    """Takes nobody until somebody leaves."""
    async with opened(settings(media=Mesh(most=2)), clock) as place:
        room = await place.room()
        _, bob = await met(place, room, "Ada", "Bob")
        last = await (await place.calls.call(guest(room), "Cyd")).closed()
        assert (last["reason"], last["most"]) == ("full", 2)
        await bob.hang_up()
        await place.calls.enter(guest(room), "Cyd")


async def test_rooms_that_are_none_any_more(place: Place) -> None:
    """Who comes too late is told so."""
    unknown = {"link": "A" * 22}
    assert await (await place.calls.call(unknown)).reason() == "unknown"
    room = await place.client.create()
    forged = {**guest(room), "host": "eyJhbGciOiJub25lIn0.e30."}
    assert await (await place.calls.call(forged)).reason() == "unknown"
    await place.pass_time(600)
    assert await (await place.calls.call(guest(room))).reason() == "expired"
    assert await (await place.calls.call(host(room))).reason() == "expired"
    gone = await place.room()
    assert (await place.client.ask("DELETE", f"/rooms/{gone['id']}")).status == 204
    assert await (await place.calls.call(guest(gone))).reason() == "ended"


async def test_guests_wait_for_the_host(place: Place) -> None:
    """And are let in when one comes; while one is there, at once."""
    room = await place.room(join_approval_level="after_owner_only")
    bob = await place.calls.call(guest(room), "Bob")
    assert await bob.hear("waiting") == {"type": "waiting", "reason": "host"}
    await bob.say("ping")
    await bob.hear("pong")
    assert not await place.is_in_use(room)
    ada = await place.calls.enter(host(room), "Ada")
    (waiting,) = ada.welcome["waiting"]
    assert waiting["name"] == "Bob"
    await bob.come_in()
    assert await ada.hear("knock_ended") == {"type": "knock_ended", "id": waiting["id"]}
    assert (await ada.hear("joined"))["person"]["id"] == bob.id
    cyd = await place.calls.enter(guest(room), "Cyd")
    for one in (ada, bob):
        await one.hear("joined")
    await ada.hang_up()
    dan = await place.calls.call(guest(room), "Dan")
    assert (await dan.hear("waiting"))["reason"] == "host"
    await cyd.hang_up()


async def test_all_who_wait_for_the_host_are_let_in_once(place: Place) -> None:
    """However many they are, in the order in which they came."""
    room = await place.room(join_approval_level="after_owner_only")
    names = ["Bob", "Cyd", "Dan", "Eve"]
    guests = []
    for name in names:
        guests.append(await place.calls.call(guest(room), name))
        await guests[-1].hear("waiting")
    ada = await place.calls.enter(host(room), "Ada")
    for one in guests:
        await one.come_in()
    joined = [(await ada.await_("joined"))["person"]["name"] for _ in names]
    assert joined == names
    fay = await place.calls.enter(guest(room), "Fay")
    assert list(fay.people) == ["Ada", *names, "Fay"]
    assert len(fay.welcome["people"]) == 6


async def test_the_host_lets_in_and_denies(place: Place) -> None:
    """One by one; whoever waits knows for what, and may give up."""
    room = await place.room(join_approval_level="explicit_approval")
    bob = await place.calls.call(guest(room), "Bob")
    assert (await bob.hear("waiting"))["reason"] == "host"
    ada = await place.calls.enter(host(room), "Ada")
    (about_bob,) = ada.welcome["waiting"]
    assert (await bob.hear("waiting"))["reason"] == "approval"
    cyd = await place.calls.call(guest(room), "Cyd")
    assert (await cyd.hear("waiting"))["reason"] == "approval"
    about_cyd = await ada.hear("knock")
    assert about_cyd["name"] == "Cyd"
    await ada.say("admit", id=about_bob["id"])
    assert (await ada.hear("knock_ended"))["id"] == about_bob["id"]
    await bob.come_in()
    assert bob.welcome["waiting"] == []
    await ada.hear("joined")
    await ada.say("deny", id=about_cyd["id"])
    assert await cyd.reason() == "denied"
    assert (await ada.hear("knock_ended"))["id"] == about_cyd["id"]
    await ada.say("admit", id=about_cyd["id"])
    assert await ada.error() == "unknown_person"
    dan = await place.calls.call(guest(room), "Dan")
    about_dan = await ada.hear("knock")
    await dan.hear("waiting")
    await dan.say("chat", text="Let me in!")
    assert await dan.error() == "not_allowed"
    await dan.vanish()
    assert (await ada.hear("knock_ended"))["id"] == about_dan["id"]
    eve = await place.calls.call(guest(room), "Eve")
    about_eve = await ada.hear("knock")
    await eve.hang_up()
    assert (await ada.hear("knock_ended"))["id"] == about_eve["id"]
    await ada.hang_up()
    fay = await place.calls.call(guest(room), "Fay")
    assert (await fay.hear("waiting"))["reason"] == "host"


async def test_nobody_is_let_into_a_full_room(clock: VirtualClock) -> None:
    """The guest goes on waiting; those who need no approval any more are told that it is full."""
    async with opened(settings(media=Mesh(most=2)), clock) as place:
        room = await place.room(join_approval_level="explicit_approval")
        ada = await place.calls.enter(host(room), "Ada")
        knocks = []
        guests = []
        for name in ("Bob", "Cyd"):
            guests.append(await place.calls.call(guest(room), name))
            await guests[-1].hear("waiting")
            knocks.append((await ada.hear("knock"))["id"])
        await ada.say("admit", id=knocks[0])
        await guests[0].come_in()
        await ada.say("admit", id=knocks[1])
        await ada.hear("knock_ended")
        await ada.hear("joined")
        assert await ada.error() == "full"
        assert not guests[1].has_heard
        changes = {"update_details": {"join_approval_level": "none"}}
        await place.client.ask("PATCH", f"/rooms/{room['id']}", changes)
        assert await guests[1].reason() == "full"


async def test_a_room_that_asks_no_more_lets_all_in(place: Place) -> None:
    """Whoever waits when its level is changed."""
    room = await place.room(join_approval_level="explicit_approval")
    bob = await place.calls.call(guest(room), "Bob")
    await bob.hear("waiting")
    changes = {"update_details": {"join_approval_level": "none"}}
    await place.client.ask("PATCH", f"/rooms/{room['id']}", changes)
    await bob.come_in()


async def test_who_waits_is_told_when_the_room_is_over(place: Place) -> None:
    """Be it expired or deleted."""
    short = await place.client.create(join_approval_level="explicit_approval")
    long = await place.room(join_approval_level="explicit_approval")
    bob = await place.calls.call(guest(short), "Bob")
    await bob.hear("waiting")
    cyd = await place.calls.call(guest(long), "Cyd")
    await cyd.hear("waiting")
    await place.client.ask("DELETE", f"/rooms/{long['id']}")
    assert await cyd.reason() == "ended"
    await place.pass_time(600)
    assert await bob.reason() == "expired"


async def test_so_many_may_wait_and_no_more(place: Place) -> None:
    """The next may come again."""
    room = await place.room(join_approval_level="explicit_approval")
    for number in range(50):
        await (await place.calls.call(guest(room), f"{number}")).hear("waiting")
    last = await (await place.calls.call(guest(room), "last")).closed()
    assert (last["reason"], last["retry_after"]) == ("busy", 30)


async def test_how_often_people_may_come(place: Place) -> None:
    """By one link, and from one address; those who come back are not counted."""
    room, other = await place.room(), await place.room()
    ada, bob = await met(place, room, "Ada", "Bob")
    await bob.hang_up()
    for _ in range(58):
        await (await place.calls.enter(guest(room), "Bob")).hang_up()
    last = await (await place.calls.call(guest(room), "Bob")).closed()
    assert (last["reason"], last["retry_after"]) == ("busy", 1)
    for _ in range(59):
        assert await (await place.calls.call({"link": "none"})).reason() == "unknown"
    last = await (await place.calls.call(guest(other), "Bob")).closed()
    assert (last["reason"], last["retry_after"]) == ("busy", 1)
    again = await place.calls.enter(host(room), "Ada", resume=ada.resume)
    assert again.id == ada.id
    place.clock.advance(0.5)
    await place.calls.enter(guest(other), "Bob")
    old = await place.calls.call(guest(room), "Bob", resume=bob.resume)
    assert await old.reason() == "busy"


# --- what hosts do ---


async def test_hosts_mute_and_remove(place: Place, medium: Medium | None) -> None:
    """The medium hears of it too; who was removed has lost their pass."""
    room = await place.room()
    ada, bob, cyd = await met(place, room, "Ada", "Bob", "Cyd")
    await ada.say("mute", id=bob.id, kind="microphone")
    assert await bob.hear("mute") == {"type": "mute", "kind": "microphone"}
    await ada.say("remove", id=bob.id)
    assert await bob.reason() == "removed"
    for other in (ada, cyd):
        assert (await other.hear("left"))["id"] == bob.id
    back = await place.calls.call(guest(room), "Bob", resume=bob.resume)
    assert await back.reason() == "removed"
    if isinstance(medium, StagedMedium):
        assert ("mute", bob.id, "microphone") in medium.done
        assert ("remove", bob.id) in medium.done


async def test_guests_are_no_hosts(place: Place) -> None:
    """Nothing that only hosts do is done for them, and nobody else is troubled by it."""
    room = await place.room()
    ada, bob = await met(place, room, "Ada", "Bob")
    for kind, fields in (
        ("mute", {"id": ada.id, "kind": "microphone"}),
        ("remove", {"id": ada.id}),
        ("admit", {"id": ada.id}),
        ("deny", {"id": ada.id}),
        ("end", {}),
        ("record", {"on": True}),
    ):
        await bob.say(kind, **fields)
        assert await bob.error() == "not_allowed"
    assert not ada.has_heard


async def test_the_host_ends_it_for_all(place: Place) -> None:
    """The session is over, also for those who wait; the room is not."""
    room = await place.client.create(join_approval_level="explicit_approval")
    ada = await place.calls.enter(host(room), "Ada")
    bob = await place.calls.call(guest(room), "Bob")
    await bob.hear("waiting")
    await ada.say("admit", id=(await ada.hear("knock"))["id"])
    await bob.come_in()
    cyd = await place.calls.call(guest(room), "Cyd")
    await cyd.hear("waiting")
    await ada.say("end")
    for one in (bob, cyd):
        assert await one.reason() == "ended"
    assert (await ada.over()).data == CLOSED_CODE
    assert await place.phase(room) == "cooling"
    back = await place.calls.call(host(room), "Ada", resume=ada.resume)
    assert (await back.come_in()).id != ada.id


async def test_an_occupied_room_is_deleted_by_force_alone(place: Place) -> None:
    """Then those inside are told that it has ended."""
    room = await place.room()
    ada, bob = await met(place, room, "Ada", "Bob")
    path = f"/rooms/{room['id']}"
    assert (await place.client.ask("DELETE", path)).status == 409
    assert not ada.has_heard
    assert (await place.client.ask("DELETE", path, query={"force": "true"})).status == 204
    assert await ada.reason() == "ended"
    assert await bob.reason() == "ended"


async def test_a_meeting_goes_on_beyond_the_end_of_its_room(place: Place) -> None:
    """An instant room has no end in use; a long_term room ends with its session."""
    instant = await place.client.create()
    long = await place.room(days=0.01)
    in_instant = await met(place, instant, "Ada", "Bob")
    in_long = await met(place, long, "Cyd", "Dan")
    await place.pass_time(900)
    assert await place.phase(instant) == "occupied"
    assert await place.phase(long) == "ending"
    eve = await place.calls.enter(guest(long), "Eve")  # whoever lost the connection may come back
    for one in (*in_instant, *in_long, eve):
        await one.hang_up()
    assert await place.phase(instant) == "cooling"
    assert await place.phase(long) == "expired"
    await place.pass_time(600)
    assert await place.phase(instant) == "expired"


# --- lost connections ---


async def test_a_lost_connection_keeps_its_place(place: Place) -> None:
    """For half a minute: who comes back in it was never gone."""
    room = await place.room()
    ada, bob = await met(place, room, "Ada", "Bob")
    await ada.say("chat", text="before")
    for one in (ada, bob):
        await one.hear("chat")
    await bob.vanish()
    await place.pass_time(29)
    await ada.say("chat", text="meanwhile")
    await ada.hear("chat")
    back = await place.calls.enter(guest(room), "Bob", resume=bob.resume, microphone=True)
    assert back.id == bob.id
    assert [message["text"] for message in back.welcome["chat"]] == ["before", "meanwhile"]
    assert (await ada.hear("changed"))["person"]["microphone"] is True
    await place.pass_time(40)
    assert not ada.has_heard
    await back.vanish()
    await place.pass_time(25)
    assert not ada.has_heard
    assert await place.hears(ada, "left", within=30) == {"type": "left", "id": bob.id}
    again = await place.calls.enter(guest(room), "Bob", resume=back.resume)
    assert again.id != bob.id


async def test_the_last_one_who_is_lost_ends_the_session(place: Place) -> None:
    """When the half minute is over, not before."""
    room = await place.client.create()
    (ada,) = await met(place, room, "Ada")
    await ada.vanish()
    await place.pass_time(25)
    assert await place.phase(room) == "occupied"
    await place.becomes(room, "cooling", within=30)


async def test_who_comes_in_elsewhere_replaces_themselves(place: Place) -> None:
    """The others hear nothing of it, and the first connection can do no more."""
    room = await place.room()
    ada, bob = await met(place, room, "Ada", "Bob")
    await bob.say("state", microphone=False, camera=False, screen=True)
    await ada.hear("changed")
    again = await place.calls.enter(guest(room), "Bob", resume=bob.resume)
    assert again.id == bob.id
    assert again.people["Bob"]["screen"] is True
    assert await bob.reason() == "replaced"
    await place.pass_time(60)
    assert not ada.has_heard
    await ada.say("mute", id=bob.id, kind="camera")
    await again.hear("mute")
    # By the host's link the same person is the host from then on, in a place of their own.
    risen = await place.calls.enter(host(room), "Bob", resume=again.resume)
    assert (risen.welcome["role"], risen.id == bob.id) == ("host", False)
    await again.hear("joined")
    assert await again.reason() == "replaced"
    told = [await ada.next() for _ in range(2)]
    assert [frame["type"] for frame in told] == ["joined", "left"]
    assert (told[0]["person"]["id"], told[1]["id"]) == (risen.id, bob.id)
    (session,) = await place.sessions(room)
    assert session["end_time"] is None


async def test_a_pass_is_good_for_its_link_and_room_alone(place: Place) -> None:
    """With any other, or altered, its bearer comes as somebody new."""
    room, other = await place.room(), await place.room()
    ada, bob = await met(place, room, "Ada", "Bob")
    for link, resume in (
        (guest(other), bob.resume),
        (guest(room), bob.resume[:-1] + ("A" if bob.resume[-1] != "A" else "B")),
        (guest(room), bob.resume.replace(bob.id, ada.id)),
        (guest(room), "nonsense"),
    ):
        caller = await place.calls.enter(link, "Eve", resume=resume)
        assert caller.id not in {ada.id, bob.id}
    assert not bob.has_heard or (await bob.next())["type"] == "joined"


async def test_silence_is_a_lost_connection(place: Place) -> None:
    """Who answers no ping for twenty-five seconds, and then another thirty, is seen out."""
    room = await place.room()
    (ada,) = await met(place, room, "Ada")
    deaf = await place.calls.connect(autoping=False)
    await deaf.send_json({"type": "join", **guest(room), "name": "Deaf"})
    joined = await ada.hear("joined")
    await place.pass_time(50)
    assert not ada.has_heard
    assert (await place.hears(ada, "left", within=30))["id"] == joined["person"]["id"]
    await deaf.close()


# --- the server's end, and what comes after ---


@asynccontextmanager
async def reopened(
    path: Path, clock: VirtualClock, medium: Medium | None = None, *, media: Mesh | None = MESH
) -> AsyncIterator[Place]:
    """A server over a database that outlives it."""
    told = settings(database=path / "meetings.db", media=media)
    async with opened(told, clock, medium) as place:
        yield place


async def test_a_restart_with_people_inside(
    tmp_path: Path, clock: VirtualClock, medium: Medium | None
) -> None:
    """They are told, come back as who they were, and whoever does not is seen out."""
    async with reopened(tmp_path, clock, medium) as place:
        room = await place.room(join_approval_level="explicit_approval")
        ada = await place.calls.enter(host(room), "Ada")
        bob = await place.calls.call(guest(room), "Bob")
        await bob.hear("waiting")
        await ada.say("admit", id=(await ada.hear("knock"))["id"])
        await bob.come_in()
        for _ in range(2):
            await ada.next()
        cyd = await place.calls.call(guest(room), "Cyd")
        await cyd.hear("waiting")
        await ada.hear("knock")
        await place.client.server.close()
        for one in (ada, bob, cyd):
            assert await one.reason() == "restarting"
        late = aiohttp.ClientConnectorError
        with pytest.raises(late):
            await place.calls.connect()
    async with reopened(tmp_path, clock, medium) as place:
        (session,) = await place.sessions(room)
        assert session["end_time"] is None
        await place.pass_time(20)
        back = await place.calls.enter(host(room), "Ada", resume=ada.resume, microphone=True)
        assert (back.id, back.welcome["role"]) == (ada.id, "host")
        assert list(back.people) == ["Ada", "Bob"]
        assert not back.people["Bob"]["microphone"]
        assert (await place.hears(back, "left", within=30))["id"] == bob.id
        (after,) = await place.sessions(room)
        assert (after["id"], after["end_time"]) == (session["id"], None)
        await back.hang_up()
        assert not await place.is_in_use(room)


async def test_a_restart_to_which_nobody_comes_back(tmp_path: Path, clock: VirtualClock) -> None:
    """Ends the session; whom a test let in stays, for a test sees them out."""
    async with reopened(tmp_path, clock) as place:
        room, tried = await place.room(), await place.room()
        await met(place, room, "Ada", "Bob")
        await met(place, tried, "Cyd")
        await place.client.join(tried, "Tester")
        await place.client.server.close()
    async with reopened(tmp_path, clock) as place:
        await place.pass_time(25)
        assert await place.is_in_use(room)
        await place.becomes(room, "waiting", within=15)
        assert await place.is_in_use(tried)


async def test_a_restart_without_a_medium(tmp_path: Path, clock: VirtualClock) -> None:
    """Nobody can come back to it, so all are seen out but those whom a test let in."""
    async with reopened(tmp_path, clock) as place:
        room, tried = await place.room(), await place.room()
        await met(place, room, "Ada", "Bob")
        await met(place, tried, "Cyd")
        await place.client.join(tried, "Tester")
        await place.client.server.close()
    async with reopened(tmp_path, clock, media=None) as place:
        assert not await place.is_in_use(room)
        assert await place.is_in_use(tried)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await place.calls.connect()
        assert refused.value.status == 404


# --- host links ---


async def test_a_host_link_that_is_revoked(place: Place) -> None:
    """Whoever came by it is out, and it lets nobody in again; guests and the new one go on."""
    room = await place.room()
    ada, bob = await met(place, room, "Ada", "Bob")
    reply = await place.client.ask("POST", f"/rooms/{room['id']}/host_url")
    assert await ada.reason() == "removed"
    assert (await bob.hear("left"))["id"] == ada.id
    old = {**host(room), "resume": ada.resume}
    assert await (await place.calls.call(old, "Ada")).reason() == "unknown"
    as_guest = await place.calls.enter(guest(room), "Ada", resume=ada.resume)
    assert (as_guest.welcome["role"], as_guest.id == ada.id) == ("guest", False)
    assert (await place.calls.enter(host(reply.json), "Ada")).welcome["role"] == "host"


async def test_the_last_one_inside_was_a_host_whose_link_is_revoked(place: Place) -> None:
    """The session is over."""
    room = await place.room()
    (ada,) = await met(place, room, "Ada")
    await place.client.ask("POST", f"/rooms/{room['id']}/host_url")
    assert await ada.reason() == "ended"
    assert not await place.is_in_use(room)


# --- recording ---


async def test_a_medium_that_cannot_record(clock: VirtualClock) -> None:
    """Says so, and promises nobody a recording."""
    async with opened(settings(media=Mesh()), clock) as place:
        room = await place.room()
        (ada,) = await met(place, room, "Ada")
        assert ada.welcome["recording"] == {"on": False, "since": None, "can": False}
        await ada.say("record", on=True)
        assert await ada.error() == "cannot_record"
        asked = {"display_name": "Room", "recording_options": {"auto_record": True}}
        status, name, message = (await place.client.ask("POST", "/rooms", asked)).error
        assert (status, name) == (400, "InputValidationError")
        assert message.startswith('"recording_options.auto_record" must be false: ')


async def test_the_host_records(clock: VirtualClock) -> None:
    """All are told; what was recorded can be downloaded when it is whole."""
    medium = StagedMedium()
    async with opened(settings(), clock, medium) as place:
        room = await place.room()
        ada, bob = await met(place, room, "Ada", "Bob")
        assert ada.welcome["recording"] == {"on": False, "since": None, "can": True}
        await ada.say("record", on=True)
        for one in (ada, bob):
            assert await one.hear("recording") == {"type": "recording", "on": True, "since": BEGAN}
        await ada.say("record", on=True)  # it is
        cyd = await place.calls.enter(guest(room), "Cyd")
        assert cyd.welcome["recording"] == {"on": True, "since": BEGAN, "can": True}
        for one in (ada, bob):
            await one.hear("joined")
        clock.advance(5)
        await ada.say("record", on=False)
        for one in (ada, bob):
            assert await one.hear("recording") == {"type": "recording", "on": False, "since": None}
        await ada.say("record", on=False)  # it is not
        recording = await place.recorded(room)
        link = recording["_links"]["url"]["href"]
        assert (await place.client.open_link(link)).body == b"film"
        told = [what for what, *_ in medium.done if what in {"record", "stop", "fetch"}]
        assert told == ["record", "stop", "fetch"]


async def test_every_session_is_recorded_where_it_is_promised(clock: VirtualClock) -> None:
    """From the first who comes to the last who leaves, and nobody can stop it."""
    medium = StagedMedium()
    async with opened(settings(), clock, medium) as place:
        room = await place.room(recording_options={"auto_record": True})
        ada = await place.calls.enter(host(room), "Ada")
        assert ada.welcome["recording"] == {"on": False, "since": None, "can": False}
        assert await ada.hear("recording") == {"type": "recording", "on": True, "since": BEGAN}
        await ada.say("record", on=False)
        assert await ada.error() == "cannot_record"
        bob = await place.calls.enter(guest(room), "Bob")
        assert bob.welcome["recording"]["on"] is True
        await bob.hang_up()
        await ada.hang_up()
        await place.recorded(room)
        (session,) = await place.sessions(room)
        assert session["is_recorded"] is True
        assert medium.done.count(("close", room["id"])) == 1
        told = [what for what, *_ in medium.done if what in {"record", "stop", "fetch"}]
        assert told == ["record", "stop", "fetch"]


async def test_a_recording_that_does_not_start(clock: VirtualClock) -> None:
    """The host is told, nobody else is, and the store does not say that it runs."""
    medium = StagedMedium()
    async with opened(settings(), clock, medium) as place:
        room = await place.room()
        ada, bob = await met(place, room, "Ada", "Bob")
        medium.is_away = True
        await ada.say("record", on=True)
        assert await ada.error() == "cannot_record"
        assert not bob.has_heard
        (session,) = await place.sessions(room)
        found = await place.client.ask("GET", f"/sessions/{session['id']}/recordings")
        (recording,) = found.json["_embedded"]["recordings"]
        assert recording["status"] == "stopped"
        assert [name for name, _ in place.told] == ["recording.not_started"]


async def test_a_recording_goes_on_over_a_restart(tmp_path: Path, clock: VirtualClock) -> None:
    """And ends with its session, whose people did not come back; a lost content is reported."""
    medium = StagedMedium()
    async with reopened(tmp_path, clock, medium) as place:
        room = await place.room()
        (ada,) = await met(place, room, "Ada")
        await ada.say("record", on=True)
        await ada.hear("recording")
        await place.client.server.close()
    async with reopened(tmp_path, clock, medium) as place:
        back = await place.calls.enter(host(room), "Ada", resume=ada.resume)
        assert back.welcome["recording"]["on"] is True
        await back.vanish()
        await place.pass_time(25)
        medium.is_away = True
        while not place.told:
            await place.pass_time(_TICK)
        medium.is_away = False
        await place.becomes(room, "waiting", within=45)
        assert [name for name, _ in place.told] == ["medium.failed"]


async def test_what_a_test_stops_is_recorded_no_more(clock: VirtualClock) -> None:
    """Whoever stopped it, people are told, and the medium is."""
    medium = StagedMedium()
    async with opened(settings(), clock, medium) as place:
        room = await place.room()
        (ada,) = await met(place, room, "Ada")
        await ada.say("record", on=True)
        await ada.hear("recording")
        (recording_id,) = (one[1] for one in medium.done if one[0] == "record")
        await place.client.ask("POST", f"/_test/recordings/{recording_id}/stop", base="")
        assert await ada.hear("recording") == {"type": "recording", "on": False, "since": None}
        await place.recorded(room)
        assert ("stop", recording_id) in medium.done


# --- a medium with a server of its own ---


async def test_who_is_still_heard_is_not_seen_out(clock: VirtualClock) -> None:
    """Their socket is lost, their voice is not; and unknown is not gone."""
    medium = StagedMedium(connected={})
    async with opened(settings(), clock, medium) as place:
        room = await place.room()
        ada, bob = await met(place, room, "Ada", "Bob")
        await bob.vanish()
        await place.pass_time(100)
        assert not ada.has_heard
        medium.is_away = True
        await place.pass_time(60)
        assert not ada.has_heard
        assert {name for name, _ in place.told} == {"medium.failed"}
        medium.is_away = False
        assert medium.connected is not None
        medium.connected[room["id"]].discard(bob.id)
        assert (await place.hears(ada, "left", within=60))["id"] == bob.id


async def test_a_medium_that_is_away(clock: VirtualClock) -> None:
    """Lets nobody in, who may try again; no session begins. Those inside stay inside."""
    medium = StagedMedium(is_away=True)
    async with opened(settings(), clock, medium) as place:
        room = await place.room()
        last = await (await place.calls.call(guest(room))).closed()
        assert (last["reason"], last["retry_after"]) == ("busy", 5)
        assert await place.sessions(room) == []
        medium.is_away = False
        ada, bob = await met(place, room, "Ada", "Bob")
        medium.is_away = True
        await bob.vanish()
        again = await (await place.calls.call(guest(room), resume=bob.resume)).closed()
        assert (again["reason"], again["retry_after"]) == ("busy", 5)
        await ada.say("mute", id=bob.id, kind="camera")
        await ada.say("chat", text="done")
        await ada.hear("chat")
        medium.is_away = False
        assert (await place.calls.enter(guest(room), "Bob", resume=bob.resume)).id == bob.id
        assert [name for name, _ in place.told] == [
            *("meeting.not_entered", "meeting.not_entered", "medium.failed"),
        ]


async def test_tickets_are_renewed_in_time(clock: VirtualClock) -> None:
    """At half of their life; where that fails, soon again."""
    medium = StagedMedium(expires_at=clock.now() + timedelta(seconds=100))
    async with opened(settings(), clock, medium) as place:
        room = await place.room()
        (ada,) = await met(place, room, "Ada")
        assert ada.welcome["media"] == {"kind": "staged", "most": 4, "token": "1"}
        await place.pass_time(45)
        assert not ada.has_heard
        medium.expires_at = clock.now() + timedelta(seconds=105)
        medium.is_away = True
        await place.pass_time(5)
        assert not ada.has_heard
        medium.is_away = False
        told = await place.hears(ada, "media", within=30)
        assert told["media"] == {"kind": "staged", "most": 4, "token": "2"}
        medium.expires_at = None
        assert (await place.hears(ada, "media", within=60))["media"]["token"] == "3"
        await place.pass_time(200)
        assert not ada.has_heard


async def test_relays_know_who_comes(clock: VirtualClock) -> None:
    """By a name that tells until when, and a password that both can work out."""
    mesh = Mesh(
        stun=("stun:stun.example.org",),
        turn=("turn:turn.example.org:3478?transport=udp",),
        turn_secret=Secret("north"),
        turn_life=timedelta(hours=1),
    )
    async with opened(settings(media=mesh), clock) as place:
        ada = await place.calls.enter(host(await place.room()), "Ada")
        stun, turn = ada.welcome["media"]["ice_servers"]
        assert stun == {"urls": ["stun:stun.example.org"]}
        expires = int((clock.now() + timedelta(hours=1)).timestamp())
        assert turn["username"] == f"{expires}:{ada.id}"
        digest = hmac.digest(b"north", turn["username"].encode(), "sha1")
        assert turn["credential"] == base64.b64encode(digest).decode()
        await place.pass_time(1800)
        renewed = (await ada.hear("media"))["media"]["ice_servers"][1]
        assert renewed["username"] == f"{expires + 1800}:{ada.id}"
