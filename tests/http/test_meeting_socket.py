"""The meeting socket as a door to strangers: who may connect, and what frames can do to others."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from orchestrator.meetings_server import Mesh, Settings, StoreFault
from orchestrator.meetings_server.http import live
from orchestrator.meetings_server.service import Meetings
from tests.callers import PATIENCE, Caller, Calls, calling, guest, host
from tests.fakes.clock import VirtualClock, settle
from tests.meetings import Client, over_http, settings

SECRET = "hunter2" * 20


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


@pytest.fixture
def told() -> list[tuple[str, Mapping[str, object]]]:
    """What the server reports."""
    return []


@asynccontextmanager
async def opened(
    clock: VirtualClock, told: list[tuple[str, Mapping[str, object]]], **changes: Any
) -> AsyncIterator[tuple[Client, Calls]]:
    """A server where people can meet."""
    where: Settings = settings(media=Mesh(), **changes)

    def report(name: str, about: Mapping[str, object]) -> None:
        told.append((name, about))

    async with over_http(where, clock, report) as client, calling(client.url) as calls:
        yield client, calls


@pytest.fixture
async def server(
    clock: VirtualClock, told: list[tuple[str, Mapping[str, object]]]
) -> AsyncIterator[tuple[Client, Calls]]:
    """One that has nothing to report at its end."""
    async with opened(clock, told) as server:
        yield server
        assert told == []


async def pair(client: Client, calls: Calls) -> tuple[Caller, Caller]:
    """A host and a guest."""
    room = await client.create_long()
    ada = await calls.enter(host(room), "Ada")
    bob = await calls.enter(guest(room), "Bob")
    await ada.hear("joined")
    return ada, bob


async def refused(calls: Calls, **changes: Any) -> int:
    """The status of a connection that is not let in."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await calls.connect(**changes)
    return error.value.status


async def test_who_may_connect(clock: VirtualClock) -> None:
    """Pages of this server, by its public address or the one that they asked for, and no others."""
    async with opened(clock, [], external_url="https://meet.example.org/rooms") as (_, calls):
        for origin in (
            *("https://evil.example", "null", "", "https://meet.example.org.evil.example"),
            *("http://meet.example.org", "https://127.0.0.1", "file://127.0.0.1", "https://["),
        ):
            assert await refused(calls, headers={"Origin": origin}) == 403
        assert await refused(calls, headers={}) == 403
        here = urlsplit(calls.url).netloc
        for origin in (
            *("https://meet.example.org", "HTTPS://MEET.example.org"),
            *(f"http://{here}", f"https://{here}"),  # a proxy may end TLS
        ):
            await (await calls.connect(headers={"Origin": origin})).close()
        assert await refused(calls, protocols=()) == 426
        assert await refused(calls, protocols=("meeting.2",)) == 426


async def test_what_is_no_websocket_is_told_so(server: tuple[Client, Calls]) -> None:
    """With what is spoken there."""
    _, calls = server
    async with aiohttp.ClientSession() as session:
        for method, status in (("GET", 426), ("POST", 404)):
            headers = {"Origin": calls.url}
            async with session.request(method, f"{calls.url}/live", headers=headers) as answer:
                assert answer.status == status


async def test_a_server_without_a_medium_has_no_such_address(clock: VirtualClock) -> None:
    """Not for anybody."""
    async with over_http(settings(), clock) as client, calling(client.url) as calls:
        assert await refused(calls) == 404


FIRST = (
    "",
    "hello",
    "[]",
    "null",
    "{",
    "{}",
    '{"type": "chat", "text": "Hi"}',
    '{"type": "join"}',
    '{"type": "join", "link": "x", "name": " \\n "}',
    json.dumps({"type": "join", "link": "x", "name": "x" * 101}),
    json.dumps({"type": "join", "link": "x" * 2001, "name": "x"}),
    '{"type": "join", "link": 7, "name": "x"}',
    '{"type": "join", "link": "x", "name": "\\ud800"}',
    '{"type": "join", "link": "x", "name": "x", "microphone": 1}',
    '{"type": "join", "link": "x", "name": "x", "more": NaN}',
    '{"type": "join", "link": "x", "name": "x", "more": 1e999}',
    "[" * 60_000,
)


async def test_a_first_frame_that_is_none(server: tuple[Client, Calls]) -> None:
    """Ends the connection, with a reason."""
    for said in FIRST:
        caller = await server[1].dial()
        await caller.raw(said)
        assert await caller.reason() == "refused", said


async def test_bytes_are_no_frame(server: tuple[Client, Calls]) -> None:
    """Neither first nor later."""
    client, calls = server
    caller = await calls.dial()
    await caller.socket.send_bytes(b'{"type": "join"}')
    assert await caller.reason() == "refused"
    ada, _ = await pair(client, calls)
    await ada.socket.send_bytes(b"{}")
    assert await ada.error() == "bad_frame"


async def test_who_says_nothing_is_let_go(
    server: tuple[Client, Calls], clock: VirtualClock
) -> None:
    """After ten seconds."""
    caller = await server[1].dial()
    await settle()
    clock.advance(5)
    await settle()
    assert not caller.has_heard
    clock.advance(5)
    assert await caller.reason() == "refused"


BAD = (
    ({"type": "join", "link": "x", "name": "again"}, "bad_frame"),
    ({"type": "fly"}, "bad_frame"),
    ({"type": ["chat"]}, "bad_frame"),
    ({"type": "chat"}, "bad_frame"),
    ({"type": "chat", "text": {"a": 1}}, "bad_frame"),
    ({"type": "state", "microphone": "on"}, "bad_frame"),
    ({"type": "mute", "id": "BOB", "kind": "ears"}, "bad_frame"),
    ({"type": "mute", "id": "BOB", "kind": ["camera"]}, "bad_frame"),
    ({"type": "mute", "id": "nobody", "kind": "camera"}, "unknown_person"),
    ({"type": "remove", "id": 7}, "bad_frame"),
    ({"type": "admit", "id": "BOB"}, "unknown_person"),
    ({"type": "record", "on": "yes"}, "bad_frame"),
    ({"type": "signal", "to": "nobody", "data": {"candidate": None}}, "unknown_person"),
    ({"type": "signal", "to": "BOB"}, "bad_frame"),
    ({"type": "signal", "to": "BOB", "data": {}}, "bad_frame"),
    ({"type": "signal", "to": "BOB", "data": {"other": {}}}, "bad_frame"),
    ({"type": "signal", "to": "BOB", "data": {"description": None}}, "bad_frame"),
    ({"type": "signal", "to": "BOB", "data": {"candidate": {"a": [[]]}}}, "bad_frame"),
    (
        {"type": "signal", "to": "BOB", "data": {"candidate": None, "description": {}}},
        "bad_frame",
    ),
)


async def test_a_bad_frame_hurts_nobody(server: tuple[Client, Calls]) -> None:
    """Whoever sends it is told and stays; nobody else hears of it."""
    ada, bob = await pair(*server)
    for frame, code in BAD:
        await ada.raw(json.dumps(frame).replace('"BOB"', json.dumps(bob.id)))
        assert await ada.error() == code, frame
    await ada.say("chat", text="still here")
    assert (await bob.hear("chat"))["message"]["text"] == "still here"


async def test_text_that_is_no_json(server: tuple[Client, Calls]) -> None:
    """The same, and half a character of a signal reaches its receiver as such."""
    ada, bob = await pair(*server)
    for text in ("{", '{"type": "chat", "text": "\\ud800"}', "NaN"):
        await ada.raw(text)
        assert await ada.error() == "bad_frame"
    half = {"description": {"type": "offer", "sdp": "\ud800"}}
    await ada.raw(json.dumps({"type": "signal", "to": bob.id, "data": half}))
    assert (await bob.hear("signal"))["data"] == half


@pytest.mark.parametrize(
    ("remote", "forwarded", "counted"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("::1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, "], "127.0.0.1"),
        ("2001:db8:0:1:2:3:4:5", [], "2001:db8:0:1::/64"),
        ("127.0.0.1", ["2001:db8:0:1::9"], "2001:db8:0:1::/64"),
        ("", ["203.0.113.9"], ""),
    ],
)
def test_where_somebody_comes_from(remote: str, forwarded: list[str], counted: str) -> None:
    """As the network tells it, or a proxy on this machine, which nobody else can be."""
    assert live.whence(remote, forwarded) == counted


async def test_one_behind_a_proxy_keeps_nobody_out(server: tuple[Client, Calls]) -> None:
    """Each is counted by their own address."""
    client, calls = server
    room = await client.create_long()

    async def come(address: str, link: dict[str, str]) -> str:
        headers = {"Origin": calls.url, "X-Forwarded-For": address}
        caller = await calls.dial(headers=headers)
        await caller.say("join", **link, name="Ada")
        frame = await caller.next()
        return str(frame.get("reason", frame["type"]))

    for _ in range(120):
        assert await come("203.0.113.9", {"link": "x"}) == "unknown"
    assert await come("203.0.113.9", guest(room)) == "busy"
    assert await come("198.51.100.7", guest(room)) == "welcome"


async def test_frames_at_random_hurt_nobody(
    server: tuple[Client, Calls], clock: VirtualClock
) -> None:
    """Whatever a guest sends: the host hears chat, signals and states at most, and goes on."""
    ada, bob = await pair(*server)
    chance = random.Random(4711)
    kinds: tuple[Any, ...] = (
        *("signal", "state", "chat", "admit", "deny", "mute", "remove", "end", "record", "join"),
        *("ping", "welcome", "closed", "", None, 7, [], {}),
    )
    fields = ("to", "id", "kind", "text", "data", "on", "microphone", "camera", "link", "name")
    values: tuple[Any, ...] = (
        *(ada.id, bob.id, "", "microphone", "\ud800", "x" * 3_000, 0, -1, 1.5, True, None, []),
        *({"candidate": None}, {"candidate": {}}, {"description": {"sdp": "\x00"}}, {"a": {}}),
        *([[[]]], {"": ""}, 10**30),
    )
    for _ in range(4):
        for _ in range(60):
            frame = {"type": chance.choice(kinds)}
            for field in chance.sample(fields, chance.randint(0, 5)):
                frame[field] = chance.choice(values)
            await bob.raw(json.dumps(frame))
        clock.advance(3)
        await bob.say("ping")
        while (await bob.next())["type"] != "pong":
            pass
    await ada.say("chat", text="still here")
    heard = set()
    while (frame := await ada.next()).get("message", {}).get("text") != "still here":
        heard.add(frame["type"])
    assert heard <= {"chat", "signal", "changed"}


async def test_a_frame_that_is_too_large(server: tuple[Client, Calls]) -> None:
    """Ends its own connection alone, which may come back."""
    ada, bob = await pair(*server)
    await bob.raw(json.dumps({"type": "chat", "text": "x" * 70_000}))
    assert (await bob.over()).data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await ada.say("chat", text="still here")
    assert (await ada.hear("chat"))["message"]["text"] == "still here"


async def test_a_flood_ends_its_own_connection(server: tuple[Client, Calls]) -> None:
    """First it is told, then let go; pings count, and the others hear nothing."""
    ada, bob = await pair(*server)
    for _ in range(300):
        await bob.socket.ping()
    await bob.say("chat", text="too fast")
    assert await bob.error() == "too_fast"
    for _ in range(201):
        await bob.socket.ping()
    assert await bob.reason() == "refused"
    assert not ada.has_heard


async def test_pings_are_answered(server: tuple[Client, Calls]) -> None:
    """As the protocol of WebSockets has it."""
    socket = await server[1].connect(autoping=False)
    await socket.ping(b"there?")
    message = await socket.receive(PATIENCE)
    assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"there?")
    await socket.close()


async def test_a_slow_reader_holds_up_nobody(
    server: tuple[Client, Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is told is bounded; beyond that it is dropped, and its place kept for a while."""
    monkeypatch.setattr(live, "LARGEST_QUEUE", 256 * 1024)
    # What one may tell is less than what the network takes in; many together may tell more.
    monkeypatch.setattr("orchestrator.meetings_server.lobby.lobby._SIGNALS_EACH", 1 << 30)
    client, calls = server
    room = await client.create_long()
    ada = await calls.enter(host(room), "Ada")
    slow = await calls.connect()
    await slow.send_json({"type": "join", **guest(room), "name": "Slow"})
    welcome = await slow.receive_json(timeout=PATIENCE)
    await ada.hear("joined")
    transport = slow._response.connection.transport  # type: ignore[union-attr]  # noqa: SLF001
    transport.pause_reading()  # type: ignore[union-attr]
    data = {"description": {"type": "offer", "sdp": "x" * 60_000}}
    for _ in range(250):
        await ada.say("signal", to=welcome["you"], data=data)
    await ada.say("chat", text="still here")
    assert (await ada.hear("chat"))["message"]["text"] == "still here"
    transport.resume_reading()  # type: ignore[union-attr]
    heard = 0
    while (await slow.receive(PATIENCE)).type is aiohttp.WSMsgType.TEXT:
        heard += 1
    assert heard < 250
    again = await calls.enter(guest(room), "Slow", resume=welcome["resume"])
    assert again.id == welcome["you"]
    assert not ada.has_heard


async def test_so_much_is_passed_on_and_no_more(
    server: tuple[Client, Calls], clock: VirtualClock
) -> None:
    """One person's frames must not fill the queues of others: 32 KiB for each who can be inside."""
    ada, bob = await pair(*server)
    data = {"description": {"type": "offer", "sdp": "x" * 48_000}}
    for _ in range(5):
        await bob.say("signal", to=ada.id, data=data)
    for _ in range(4):
        await ada.hear("signal")
    assert await bob.error() == "too_fast"
    clock.advance(4)
    await bob.say("signal", to=ada.id, data=data)
    await ada.hear("signal")
    assert not ada.has_heard


async def test_a_long_chat_keeps_nobody_out(
    server: tuple[Client, Calls], clock: VirtualClock
) -> None:
    """Who comes is told the end of it: all would be more than may wait for a reader."""
    client, calls = server
    room = await client.create_long()
    ada = await calls.enter(host(room), "Ada")
    for number in range(60):
        await ada.say("chat", text=f"{number} ".ljust(2_000, "😀"))
        await ada.hear("chat")
        clock.advance(1)
    bob = await calls.enter(guest(room), "Bob")
    texts = [message["text"] for message in bob.welcome["chat"]]
    numbers = [int(text.partition(" ")[0]) for text in texts]
    assert numbers == list(range(60 - len(numbers), 60))
    assert 8 <= len(numbers) <= 12


async def test_so_many_say_nothing_and_no_more(
    server: tuple[Client, Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one address; whoever has said by which link they come is counted no more."""
    monkeypatch.setattr(live, "MOST_SILENT", 2)
    client, calls = server
    await pair(client, calls)
    first, second = await calls.connect(), await calls.connect()
    last = await (await calls.dial()).closed()
    assert (last["reason"], last["retry_after"]) == ("busy", 30)
    elsewhere = {"Origin": calls.url, "X-Forwarded-For": "192.0.2.7"}
    await (await calls.connect(headers=elsewhere)).close()
    await first.close()
    await settle()
    await pair(client, calls)
    await second.close()


async def test_who_does_not_close_is_cut_off(
    server: tuple[Client, Calls], clock: VirtualClock
) -> None:
    """Whoever was told the end and still does not read it."""
    client, calls = server
    room = await client.create_long()
    await calls.enter(host(room), "Ada")
    slow = await calls.connect()
    await slow.send_json({"type": "join", **guest(room), "name": "Slow"})
    welcome = await slow.receive_json(timeout=PATIENCE)
    transport = slow._response.connection.transport  # type: ignore[union-attr]  # noqa: SLF001
    transport.pause_reading()  # type: ignore[union-attr]
    await calls.enter(guest(room), "Slow", resume=welcome["resume"])
    for _ in range(3):
        await settle()
        clock.advance(5)
    await settle()
    transport.resume_reading()  # type: ignore[union-attr]
    async with asyncio.timeout(PATIENCE):
        while not slow.closed:
            await slow.receive()


async def test_so_many_connections_and_no_more(
    server: tuple[Client, Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next is told to come again; the API is still there."""
    monkeypatch.setattr(live, "MOST_SOCKETS", 2)
    client, calls = server
    await pair(client, calls)
    caller = await calls.call({"link": "x"})
    last = await caller.closed()
    assert (last["reason"], last["retry_after"]) == ("busy", 30)
    assert (await client.ask("GET", "/rooms")).status == 200


async def test_a_store_that_fails(
    clock: VirtualClock,
    told: list[tuple[str, Mapping[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who comes tries again; who is inside stays, is told, and is seen out when it works again."""

    async def broken(*_: object, **__: object) -> None:
        raise StoreFault(SECRET[:7])

    async with opened(clock, told) as (client, calls):
        room = await client.create_long()
        ada = await calls.enter(host(room), "Ada")
        bob = await calls.enter(guest(room), "Bob")
        await ada.hear("joined")
        with monkeypatch.context() as patch:
            patch.setattr(Meetings, "linked", broken)
            assert await (await calls.call(guest(room), "Cyd")).reason() == "restarting"
        with monkeypatch.context() as patch:
            patch.setattr(Meetings, "enter", broken)
            assert await (await calls.call(guest(room), "Cyd")).reason() == "busy"
        with monkeypatch.context() as patch:
            patch.setattr(Meetings, "clear", broken)
            await ada.say("end")
            assert await ada.error() == "unavailable"
        with monkeypatch.context() as patch:
            patch.setattr(Meetings, "leave", broken)
            await bob.hang_up()
            assert not ada.has_heard
        for _ in range(7):
            clock.advance(5)
            await settle()
        assert (await ada.hear("left"))["id"] == bob.id
        names = [name for name, _ in told]
        assert names == [
            *("live.unavailable", "meeting.not_entered", "meeting.not_done", "meeting.not_left"),
        ]


async def test_what_nobody_thought_of(
    clock: VirtualClock,
    told: list[tuple[str, Mapping[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ends one connection; its kind is reported, and nothing that was said."""

    async def surprised(*_: object, **__: object) -> None:
        raise KeyError(SECRET)

    async with opened(clock, told) as (client, calls):
        ada, bob = await pair(client, calls)
        with monkeypatch.context() as patch:
            patch.setattr(Meetings, "clear", surprised)
            await ada.say("end")
            assert await ada.reason() == "restarting"
        await bob.say("chat", text="still here")
        await bob.hear("chat")
        assert told == [("live.failed", {"error": "KeyError"})]
