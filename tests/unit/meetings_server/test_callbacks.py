"""Events on their way to a real receiver."""

import asyncio
import dataclasses
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jwt
import pytest
from aiohttp import web

from orchestrator.foundation.reach import read_reach
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import (
    CallbackUrls,
    SendFault,
    Settings,
)
from orchestrator.meetings_server.callbacks import HttpSender
from orchestrator.meetings_server.callbacks.courier import backoff
from tests.fakes.clock import VirtualClock, settle
from tests.meetings import Client, applications, in_memory, over_http, settings

HERE = read_reach(("127.0.0.0/8",))


class Receiver:
    """Takes events; `taken` is called before the answer leaves."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.headers: list[Mapping[str, str]] = []
        self.url = ""
        self.status = 204
        self.pause = 0.0
        self.taken: Callable[[], object] | None = None

    async def take(self) -> Any:
        """The next event that came in."""
        return await asyncio.wait_for(self.events.get(), 5)

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the body and answer."""
        assert request.method == "POST"
        assert request.content_type == "application/json"
        self.headers.append(request.headers)
        self.events.put_nowait((request.path, await request.json()))
        if self.pause:
            await asyncio.tasks.sleep(self.pause)
        if self.taken is not None:
            self.taken()
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A server of its own."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)  # whoever is made to wait waits on
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


def told(receiver: Receiver, **changes: Any) -> Settings:
    """Settings whose first application wants to hear of rooms and sessions."""
    urls = CallbackUrls(
        rooms_callback_url=f"{receiver.url}/app/rooms",
        sessions_callback_url=f"{receiver.url}/app/sessions",
    )
    return settings(applications=applications(urls), **changes)


async def test_events_as_documented(receiver: Receiver, clock: VirtualClock) -> None:
    """All that a room tells in its life, keys and order as in the API notes, 9.2."""
    async with over_http(told(receiver), clock) as client:
        room = await client.create(display_name="Planning")
        who = await client.join(room, "Ada", is_host=True)
        path, started = await receiver.take()
        assert path == "/app/sessions"
        assert list(started) == ["event", "session_id", "room_id", "started_at"]
        session = started["session_id"]
        person = {
            "participant_id": who,
            "session_id": session,
            "room_id": room["id"],
            "name": "Ada",
            "is_host": True,
        }
        joined = await receiver.take()
        assert joined == ("/app/sessions", {"event": "session:participant:joined"} | person)
        assert list(joined[1]) == ["event", *person]
        clock.advance(60)
        await client.leave(room, who)
        left = await receiver.take()
        assert left == ("/app/sessions", {"event": "session:participant:left"} | person)
        _, ended = await receiver.take()
        assert list(ended.items()) == [
            ("event", "session:ended"),
            ("session_id", session),
            ("room_id", room["id"]),
            ("started_at", "2026-01-05T09:00:00.000Z"),
            ("ended_at", "2026-01-05T09:01:00.000Z"),
        ]
        clock.advance(600)
        path, expired = await receiver.take()
        assert path == "/app/rooms"
        assert list(expired.items()) == [
            ("event", "room:expired"),
            ("room_id", room["id"]),
            ("room_type", "instant"),
            ("expires_at", "2026-01-05T09:10:00.000Z"),
            ("created_at", "2026-01-05T09:00:00.000Z"),
        ]


async def test_a_rooms_own_urls_come_first(receiver: Receiver, clock: VirtualClock) -> None:
    """Kind by kind; for the others the application's stay."""
    async with over_http(told(receiver), clock) as client:
        own = {"sessions_callback_url": f"{receiver.url}/own"}
        room = await client.create(callback_urls=own)
        await client.leave(room, await client.join(room))
        assert [(await receiver.take())[0] for _ in range(4)] == ["/own"] * 4
        clock.advance(600)
        assert (await receiver.take())[0] == "/app/rooms"


async def test_deleting_by_force_ends_the_session(receiver: Receiver, clock: VirtualClock) -> None:
    """Everybody leaves, then the session ends; a deletion itself is not told."""
    async with over_http(told(receiver), clock) as client:
        room = await client.create_long()
        await client.join(room)
        await client.join(room, "Ben")
        await client.ask("DELETE", f"/rooms/{room['id']}", query={"force": "true"})
        events = [(await receiver.take())[1]["event"] for _ in range(6)]
        assert events[3:] == [
            "session:participant:left", "session:participant:left", "session:ended",
        ]  # fmt: skip


async def test_the_ticker_expires_rooms_that_nobody_asks_for(
    receiver: Receiver, clock: VirtualClock
) -> None:
    """In their order, each when its time has come."""
    async with over_http(told(receiver), clock) as client:
        long = await client.create_long(days=1)
        short = await client.create()
        clock.advance(600)
        assert (await receiver.take())[1]["room_id"] == short["id"]
        await settle()
        # The ticker sleeps ten minutes at most, so it takes the clock along in steps.
        while receiver.events.empty() and clock.now().day < 7:
            clock.advance(600)
            await settle()
        assert (await receiver.take())[1]["room_id"] == long["id"]


class Script:
    """A sender that answers by a script, and 204 when that has ended."""

    def __init__(self, *outcomes: int | Exception) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[tuple[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Keep it, and do what the script says."""
        self.sent.append((url, json.loads(body)))
        self.headers.append(headers)
        outcome = self.outcomes.pop(0) if self.outcomes else 204
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


HEARD = CallbackUrls("http://r.example/", "http://s.example/")


async def expire_a_room(client: Client, clock: VirtualClock) -> None:
    """One event in the queue."""
    await client.create()
    clock.advance(600)
    await client.memory.advance()


async def test_what_is_not_taken_comes_again(clock: VirtualClock) -> None:
    """Whatever was wrong; not at once, later and later, until it is taken, and then never."""
    script = Script(500, 404, 302, SendFault("TimeoutError"))
    heard = settings(applications=applications(HEARD))
    async with in_memory(heard, clock, script) as client:
        await expire_a_room(client, clock)
        moments = []
        for _ in range(120):
            before = len(script.sent)
            await client.memory.deliver()
            if len(script.sent) > before:
                moments.append(clock.now())
            clock.advance(0.5)
    assert len(moments) == 5
    waits = [late - early for early, late in itertools.pairwise(moments)]
    for number, wait in enumerate(waits):
        assert timedelta(seconds=2**number / 2) <= wait <= timedelta(seconds=2**number + 0.5)
    assert len({json.dumps(body) for _, body in script.sent}) == 1


async def test_after_a_day_it_is_given_up(clock: VirtualClock) -> None:
    """And the host of the server is told, without the URL."""
    told_to_host: list[tuple[str, Mapping[str, object]]] = []
    script = Script(*[500] * 1000)
    heard = settings(applications=applications(HEARD))
    async with in_memory(
        heard, clock, script, lambda name, about: told_to_host.append((name, about))
    ) as client:
        await expire_a_room(client, clock)
        for _ in range(26 * 60):
            await client.memory.deliver()
            clock.advance(60)
    assert 24 <= len(script.sent) <= 60
    assert [name for name, _ in told_to_host] == ["callback.gave_up"]
    assert told_to_host[0][1]["last"] == "status 500"
    assert "example" not in str(told_to_host)


async def test_one_that_is_not_taken_holds_up_no_other(clock: VirtualClock) -> None:
    """Events of one room are tried in their order, each on its own."""
    script = Script(500)
    heard = settings(applications=applications(HEARD))
    async with in_memory(heard, clock, script) as client:
        room = await client.create()
        await client.join(room)
        await client.memory.deliver()
        clock.advance(2)
        await client.memory.deliver()
    events = [body["event"] for _, body in script.sent]
    assert events == ["session:started", "session:participant:joined", "session:started"]


async def test_nobody_asked(clock: VirtualClock) -> None:
    """Without a URL nothing is queued; without a sender nothing is sent."""
    script = Script()
    async with in_memory(settings(), clock, script) as client:
        await expire_a_room(client, clock)
        await client.memory.deliver()
    assert script.sent == []
    async with in_memory(settings(applications=applications(HEARD)), clock) as client:
        await expire_a_room(client, clock)
        await client.memory.deliver()


async def test_a_restart_loses_none(tmp_path: Path, clock: VirtualClock) -> None:
    """What was queued is delivered by the next process."""
    heard = settings(applications=applications(HEARD), database=tmp_path / "meetings.db")
    async with in_memory(heard, clock) as client:
        await expire_a_room(client, clock)
    script = Script()
    async with in_memory(heard, clock, script) as client:
        await client.memory.deliver()
    assert [body["event"] for _, body in script.sent] == ["room:expired"]


async def test_a_receiver_that_is_away(receiver: Receiver, clock: VirtualClock) -> None:
    """A refused connection is like any other failure."""
    heard = settings(applications=applications(CallbackUrls(None, "http://127.0.0.1:1/")))
    async with over_http(heard, clock) as client:
        own = {"rooms_callback_url": f"{receiver.url}/rooms"}
        room = await client.create(callback_urls=own)
        await client.leave(room, await client.join(room))
        clock.advance(600)
        assert (await receiver.take())[0] == "/rooms"


class Away(Script):
    """A sender that reaches everybody but one host, until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.is_back = False
        self.tried = 0
        self.under_way = 0
        self.most = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Nobody answers there, once others had their turn."""
        if self.is_back or "away" not in url:
            return await super().post(url, body, headers)
        self.tried += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await settle()
        self.under_way -= 1
        raise SendFault("TimeoutError")


async def test_a_receiver_that_is_away_holds_up_nobody(clock: VirtualClock) -> None:
    """Eight at a time are tried; the rest waits uncounted, and is told once it is back."""
    away = Away()
    urls = CallbackUrls(rooms_callback_url="http://away.example/")
    async with in_memory(settings(applications=applications(urls)), clock, away) as client:
        for _ in range(30):
            await client.create()
        own = {"rooms_callback_url": "http://here.example/"}
        here = await client.create(callback_urls=own)
        clock.advance(600)
        await client.memory.advance()
        await client.memory.deliver()
        assert [body["room_id"] for _, body in away.sent] == [here["id"]]
        assert away.most == 8
        assert away.tried <= 15  # one may begin as another ends
        clock.advance(2)
        await client.memory.deliver()
        assert away.most == 8
        assert 16 <= away.tried <= 30
        away.is_back = True
        clock.advance(3600)
        await client.memory.deliver()
        assert len(away.sent) == 31


SECRET = "s" * 32


async def test_signed_callbacks(clock: VirtualClock) -> None:
    """As Vonage signs webhooks (9.3): claims in their order, a new token at each attempt."""
    script = Script(500)
    first, second = applications(HEARD)
    signing = dataclasses.replace(first, signature_secret=Secret(SECRET), account_id="abcd1234")
    async with in_memory(settings(applications=(signing, second)), clock, script) as client:
        await expire_a_room(client, clock)
        await client.memory.deliver()
        clock.advance(2)
        await client.memory.deliver()
    seen = []
    for headers, (_, body) in zip(script.headers, script.sent, strict=True):
        assert list(headers) == ["Authorization"]
        token = headers["Authorization"].removeprefix("Bearer ")
        told = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
        assert list(told) == [
            "iat", "jti", "iss", "payload_hash", "api_key", "application_id",
        ]  # fmt: skip
        sent = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        assert told["payload_hash"] == hashlib.sha256(sent).hexdigest()
        assert (told["iss"], told["api_key"]) == ("Vonage", "abcd1234")
        assert told["application_id"] == signing.id
        seen.append((told["iat"], told["jti"]))
    assert seen[1][0] - seen[0][0] == 2
    assert seen[0][1] != seen[1][1]
    assert SECRET not in repr(signing)


async def test_callbacks_are_unsigned_and_bare_by_default(clock: VirtualClock) -> None:
    """The documents know of neither; also where the room has metadata."""
    script = Script()
    async with in_memory(settings(applications=applications(HEARD)), clock, script) as client:
        await client.create(metadata="ref 17")
        clock.advance(600)
        await client.memory.advance()
        await client.memory.deliver()
    assert script.headers == [{}]


@pytest.mark.parametrize(
    ("metadata", "header"),
    [
        ("ref 17", "ref%2017"),
        ('{"team":"über"}\r\nX-Evil: 1', '{"team":"%C3%BCber"}%0D%0AX-Evil:%201'),
        ("100%", "100%25"),
    ],
)
async def test_metadata_in_a_header(
    receiver: Receiver, clock: VirtualClock, metadata: str, header: str
) -> None:
    """For those who ask for it, encoded so that it can hold no second header."""
    told_so = told(receiver, metadata_header="X-Room-Metadata")
    async with over_http(told_so, clock) as client:
        await client.create(metadata=metadata)
        await client.create()
        clock.advance(600)
        await receiver.take()
        await receiver.take()
    found = [headers.get("X-Room-Metadata") for headers in receiver.headers]
    assert sorted(found, key=str) == sorted([header, None], key=str)
    assert unquote(header) == metadata
    assert not any("X-Evil" in headers for headers in receiver.headers)


async def test_an_address_that_is_none(clock: VirtualClock) -> None:
    """It is nobody's, and holds up nobody."""
    async with (
        HttpSender.opened(reach=HERE) as sender,
        in_memory(settings(), clock, sender) as client,
    ):
        await client.create(callback_urls={"rooms_callback_url": "http://[nobody/"})
        clock.advance(600)
        await client.memory.advance()
        await client.memory.deliver()


async def test_a_name_in_an_address_gives_way_to_a_signature(
    receiver: Receiver, clock: VirtualClock
) -> None:
    """There is one header for both; without a signature it is sent as always."""
    url = receiver.url.replace("//", "//me:hunter2@") + "/x"
    (first, second) = applications(CallbackUrls(sessions_callback_url=url))
    for secret, begins in ((Secret("s" * 32), "Bearer "), (None, "Basic ")):
        application = dataclasses.replace(first, signature_secret=secret)
        async with over_http(settings(applications=(application, second)), clock) as client:
            await client.join(await client.create())
            for _ in range(2):  # the session began, and somebody came
                await receiver.take()
        assert receiver.headers[-1]["Authorization"].startswith(begins)


async def test_what_rooms_name_is_no_way_to_private_addresses(
    receiver: Receiver, clock: VirtualClock
) -> None:
    """Where others reach the server; the operator's own addresses are asked wherever they are."""
    given_up: asyncio.Queue[Mapping[str, object]] = asyncio.Queue()
    behind = told(receiver, external_url="https://meet.example.org")
    async with over_http(behind, clock, lambda _, fields: given_up.put_nowait(fields)) as client:
        localhost = receiver.url.replace("127.0.0.1", "localhost")
        for url in (receiver.url, localhost, "http://169.254.169.254"):
            room = await client.create(callback_urls={"sessions_callback_url": f"{url}/own"})
            await client.join(room)
            for _ in range(2):  # the session began, and somebody came
                assert await asyncio.wait_for(given_up.get(), 5) == {
                    "room_id": room["id"],
                    "attempts": 1,
                    "last": "its address is private, and none that rooms may name",
                }
        await client.join(await client.create())
        assert [(await receiver.take())[0] for _ in range(2)] == ["/app/sessions"] * 2
    async with over_http(dataclasses.replace(behind, callback_reach=HERE), clock) as client:
        own = {"sessions_callback_url": f"{receiver.url}/own"}
        await client.join(await client.create(callback_urls=own))
        assert (await receiver.take())[0] == "/own"


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    """They could lead an event to somebody who never asked for it."""
    receiver.status = 307
    async with HttpSender.opened(reach=HERE) as sender:
        assert await sender.post(f"{receiver.url}/here", b"{}", {}) == 307
    assert await receiver.take() == ("/here", {})
    assert receiver.events.empty()


@pytest.mark.parametrize(
    "url",
    # The last is one at which the library itself breaks.
    ["http://127.0.0.1:1/?key=secret", "http://[secret", "http://a:x/", "http://[::1]@"],
)
async def test_where_nobody_is(url: str) -> None:
    """One kind of fault, which does not tell the URL."""
    async with HttpSender.opened(reach=HERE) as sender:
        with pytest.raises(SendFault) as caught:
            await sender.post(url, b"{}", {})
    assert "secret" not in str(caught.value)


@pytest.mark.looptime
async def test_a_receiver_that_does_not_answer(receiver: Receiver) -> None:
    """Given up after ten seconds."""
    receiver.pause = 3600
    async with HttpSender.opened(reach=HERE) as sender:
        began = asyncio.get_running_loop().time()
        with pytest.raises(SendFault, match="Timeout"):
            await sender.post(receiver.url, b"{}", {})
        assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("attempts", "share", "seconds"),
    [
        (1, 0.0, 0.5),
        (1, 0.5, 0.75),
        (2, 0.0, 1),
        (12, 0.0, 1024),
        (13, 0.0, 1800),
        (999, 0.0, 1800),
    ],
)
def test_the_schedule(attempts: int, share: float, seconds: float) -> None:
    """Doubled each time, at most an hour, spread over the upper half."""
    assert backoff(attempts, share) == timedelta(seconds=seconds)


async def test_a_store_that_fails_is_tried_again(
    receiver: Receiver, tmp_path: Path, clock: VirtualClock
) -> None:
    """The ticker tells the host, goes on, and does what it could not do before."""
    names: list[str] = []
    path = tmp_path / "meetings.db"
    stored = told(receiver, database=path)
    async with over_http(stored, clock, lambda name, _: names.append(name)) as client:
        room = await client.create()
        path.rename(tmp_path / "elsewhere")
        clock.advance(600)
        async with asyncio.timeout(5):
            while not names:
                await settle()
        assert names == ["upkeep.failed"]
        (tmp_path / "elsewhere").rename(path)
        await settle()
        clock.advance(30)
        assert (await receiver.take())[1]["room_id"] == room["id"]
        assert names == ["upkeep.failed"]


async def test_a_queue_that_cannot_be_emptied_is_tried_again(
    receiver: Receiver, tmp_path: Path, clock: VirtualClock
) -> None:
    """The courier tells the host; the event, sent but not crossed off, comes a second time."""
    names: list[str] = []
    path = tmp_path / "meetings.db"
    stored = told(receiver, database=path)
    async with over_http(stored, clock, lambda name, _: names.append(name)) as client:
        receiver.taken = lambda: path.rename(tmp_path / "elsewhere")
        room = await client.create()
        clock.advance(600)
        first = await receiver.take()
        async with asyncio.timeout(5):
            while not names:
                await settle()
        assert set(names) == {"callbacks.failed"}
        receiver.taken = None
        (tmp_path / "elsewhere").rename(path)
        await settle()
        clock.advance(30)
        assert await receiver.take() == first
        assert first[1]["room_id"] == room["id"]
