"""Our own Meetings server calls the daemon over real HTTP: who is inside is known at once."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.adapters.clock import SystemClock
from orchestrator.app.build import App, build
from orchestrator.app.embedded import embedded
from orchestrator.app.web import WebDoor
from orchestrator.config import Settings, read_config
from orchestrator.config.settings import Calls, EmbeddedMeetings
from orchestrator.domain.keys import Key
from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.reports import RoomRow
from orchestrator.edges.http.callbacks import CallbackRoutes, Lock
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import CallbackUrls, start
from tests.fakes.clock import VirtualClock
from tests.http.served import served
from tests.meetings import APPLICATION, KEY, applications, token
from tests.meetings import settings as of_server
from tests.system.installation import policy

TOKEN = "ab" * 32
ROOM = "teams/checkout"
T = TypeVar("T")


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Both:
    """The two halves, and people."""

    app: App
    server: str
    session: aiohttp.ClientSession
    policies: Path
    stirred: asyncio.Event

    async def until(self, look: Callable[[], Awaitable[T]], what: str) -> T:
        """Look whenever a turn is over or a fact was written, until something is there."""
        try:
            async with asyncio.timeout(10):
                while True:
                    self.stirred.clear()
                    found = await look()
                    if found:
                        return found
                    await self.stirred.wait()
        except TimeoutError:
            pytest.fail(f"not within 10 s: {what}")

    async def row(self) -> RoomRow:
        """The room as `rooms show` shows it."""
        report = await self.app.desk.rooms()
        return next((row for row in report.rooms if row.key == ROOM), RoomRow(ROOM, ""))

    async def join(self, room_id: str) -> str:
        """Somebody comes in; gives the participant's id."""
        address = f"{self.server}/_test/rooms/{room_id}/join"
        async with self.session.post(address, json={"name": "Ada Lovelace"}) as answer:
            assert answer.status == 201
            return str((await answer.json())["participant_id"])

    async def leave(self, room_id: str, who: str) -> None:
        """And goes."""
        address = f"{self.server}/_test/rooms/{room_id}/leave"
        async with self.session.post(address, json={"participant_id": who}) as answer:
            assert answer.status == 204

    async def asked(self) -> list[str]:
        """What the daemon asked the server, since the beginning."""
        async with self.session.get(f"{self.server}/_test/requests") as answer:
            found = await answer.json()
        return [f"{one['method']} {one['path']}" for one in found["requests"]]

    async def use(self, what: str) -> RoomRow:
        """Wait until the use of the room is this."""

        async def look() -> list[RoomRow]:
            row = await self.row()
            return [row] if row.use == what else []

        (found,) = await self.until(look, f"the room is {what}")
        return found

    async def rested(self) -> bool:
        """Whether nothing is at work, and nothing waits for a listing."""
        status = await self.app.desk.status()
        return not (status.waiting or status.needs_you or status.held)

    def edit(self, name: str) -> None:
        """Give the policy's rooms another name, which needs other rooms."""
        text = policy("teams", ["checkout"], display_name=name)
        draft = self.policies / ".draft"
        draft.write_text(text)
        draft.rename(self.policies / "teams.yaml")


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[Both]:
    """A Meetings server that calls the daemon, and the daemon, which lists once an hour."""
    settings = installed(folder, free_port(), http_port := free_port())
    address = f"http://127.0.0.1:{http_port}/callbacks/{TOKEN}"
    told = applications(CallbackUrls(address, address, address))
    meetings = settings.meetings
    assert not isinstance(meetings, EmbeddedMeetings)
    port = int(meetings.url.split(":")[2].partition("/")[0])
    server = await start(of_server(applications=told, port=port), SystemClock())
    async with (
        AsyncExitStack() as stack,
        WebDoor.opened(settings, None) as door,
        build(settings) as app,
        door.answering_with(app),
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as group,
    ):
        stack.push_async_callback(server.close)
        group.create_task(app.run())
        await app.engine.ready.wait()
        yield Both(app, server.url, session, folder / "policies", stirring(app))
        app.stop()


def stirring(app: App) -> asyncio.Event:
    """An event that is set whenever a turn is over or a fact was written."""
    stirred = asyncio.Event()
    inbox, store = app.engine.parts.inbox, app.engine.parts.store
    done = inbox.done

    def over(key: Key) -> None:
        done(key)
        stirred.set()

    inbox.done = over  # type: ignore[method-assign]
    store.listen(stirred.set)
    return stirred


def installed(folder: Path, port: int, http_port: int) -> Settings:
    """An installation on that server, with one policy."""
    pem = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "key.pem").write_bytes(pem)
    (folder / "token").write_text(f"{TOKEN}\n")
    for name in ("key.pem", "token"):
        (folder / name).chmod(0o600)
    (folder / "policies").mkdir()
    (folder / "policies" / "teams.yaml").write_text(policy("teams", ["checkout"]))
    (folder / "config.yaml").write_text(
        "owner: acme\nmode: enforce\nmeetings:\n"
        f"  url: http://127.0.0.1:{port}/v1/meetings\n  application_id: {APPLICATION}\n"
        "  private_key: {file: key.pem}\n  rate: 200\n  settle: 0s\n"
        f"http: {{listen: '127.0.0.1:{http_port}', callbacks: {{token: {{file: token}}}}}}\n"
        "destinations: {rooms-json: {type: file, path: rooms.json}}\n"
        "resync_interval: 1h\n"
    )
    found = read_config(folder / "config.yaml")
    assert found.settings is not None, found.problems
    return found.settings


async def test_p05_who_joins_holds_the_room_at_once_and_who_leaves_lets_it_go(
    tmp_path: Path,
) -> None:
    """By callbacks over HTTP, without a listing in between."""
    async with both(tmp_path) as it:
        room = (await it.use("empty")).room_id
        await it.until(it.rested, "the first listings are over")
        listed = [one for one in await it.asked() if one.startswith("GET")]
        before = time.monotonic()
        who = await it.join(room)
        row = await it.use("occupied")
        assert time.monotonic() - before < 1.0
        assert row.state == "occupied"
        assert [one for one in await it.asked() if one.startswith("GET")] == listed

        it.edit("Another name")

        async def held() -> bool:
            return any(one.startswith("occupied") for one in (await it.row()).held)

        await it.until(held, "the replacement is held")
        assert (await it.row()).room_id == room
        await it.leave(room, who)

        async def replaced() -> bool:
            current = [
                row
                for row in (await it.app.desk.rooms()).rooms
                if row.key == ROOM and row.state == "open"
            ]
            return [row.display_name for row in current] == ["Another name"]

        await it.until(replaced, "it goes on without a listing")
        status = await it.app.desk.status()
        assert status.callbacks["received"] == 4
        assert "Ada" not in (tmp_path / "state" / "audit.jsonl").read_text()


@dataclass
class Told:
    """Takes callbacks and keeps them."""

    callbacks: asyncio.Queue[Callback]

    async def received(self, callback: Callback) -> None:
        self.callbacks.put_nowait(callback)


async def test_the_embedded_server_calls_the_address_that_it_was_given(tmp_path: Path) -> None:
    """For rooms that name no address of their own."""
    desk, clock = Told(asyncio.Queue()), VirtualClock()
    routes = CallbackRoutes(Lock(Secret(TOKEN)))
    calls = Calls(100.0, 8, timedelta(seconds=5), 100, timedelta())
    meetings = EmbeddedMeetings("127.0.0.1", 0, None, tmp_path / "m.db", tmp_path / "keys", calls)
    async with served(routes.routes()) as here:
        address = Secret(f"{here.url}/callbacks/{TOKEN}")
        with routes.taking(desk):
            async with (
                embedded(meetings, "acme", clock, address) as api,
                aiohttp.ClientSession() as session,
            ):
                room = await instant_room(api.url, api.application_id, api.private_key, session)
                clock.advance(11 * 60)
                told = await asyncio.wait_for(desk.callbacks.get(), 10)
    assert told == Callback(Event.ROOM_EXPIRED, room)
    assert desk.callbacks.empty()


async def instant_room(
    url: str, application_id: str, key: Secret, session: aiohttp.ClientSession
) -> str:
    """A room that ends by itself; its id."""
    private = serialization.load_pem_private_key(key.reveal().encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    bearer = token(VirtualClock().now(), private, application_id=application_id)
    async with session.post(
        f"{url}/rooms",
        json={"display_name": "Call"},
        headers={"Authorization": f"Bearer {bearer}"},
    ) as answer:
        assert answer.status == 201
        return str((await answer.json())["id"])
