"""The server as a whole: restarts, shutting down, a store that fails, what is promised to hosts."""

import asyncio
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.meetings_server import Dates, Entropy, Memory, StoreFault, serving, start
from orchestrator.meetings_server.assembly import Host
from tests.fakes.clock import VirtualClock, settle
from tests.meetings import APPLICATION, Reply, in_memory, over_http, settings, token


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


async def test_a_restart_loses_nothing(tmp_path: Path, clock: VirtualClock) -> None:
    """Rooms, people in them, and links: host links of before the restart stay valid."""
    stored = settings(database=tmp_path / "meetings.db", external_url="https://meet.example")
    async with over_http(stored, clock) as client:
        room = await client.create_long(display_name="Kept")
        who = await client.join(room)
    clock.advance(86_400)
    async with over_http(stored, clock) as client:
        again = await client.get(room)
        assert again | {"_links": 0} == room | {"_links": 0}
        assert again["_links"]["guest_url"] == room["_links"]["guest_url"]
        for link in room["_links"].values():
            assert (await client.open_link(link["href"])).status == 200
        assert (await client.ask("DELETE", f"/rooms/{room['id']}")).status == 409
        await client.leave(room, who)
        assert (await client.create())["id"] != room["id"]
        rooms = (await client.ask("GET", "/_test/rooms", base="")).json["rooms"]
        assert [one["serial"] for one in rooms] == [1, 2]


async def test_what_expired_meanwhile_has_expired(tmp_path: Path, clock: VirtualClock) -> None:
    """A server that was down catches up before its first answer."""
    stored = settings(database=tmp_path / "meetings.db")
    async with in_memory(stored, clock) as client:
        room = await client.create()
    clock.advance(3600)
    async with in_memory(stored, clock) as client:
        assert (await client.get(room))["is_available"] is False


async def test_what_was_made_for_somebody_who_went_away_expires_in_time(
    clock: VirtualClock,
) -> None:
    """Its request was cancelled while the room was written."""
    async with in_memory(settings(), clock) as client:
        rooms: list[Any] = []
        while not rooms:
            async with asyncio.TaskGroup() as group:
                making = group.create_task(client.create(), name="making")
                await settle(2)  # it waits for the thread that writes
                assert making.cancel()
            rooms = (await client.ask("GET", "/rooms")).json["_embedded"]
        clock.advance(3600)
        assert not (await client.get(rooms[0]))["is_available"]


async def test_a_planted_room_is_as_it_stood_elsewhere(clock: VirtualClock) -> None:
    """With its id, birth and end, in the order of planting; what comes due comes due."""
    born = clock.now() - timedelta(days=400)
    soon = Dates(born, clock.now() + timedelta(minutes=3))
    body = b'{"display_name": "Old", "type": "long_term", "metadata": "m"}'
    async with in_memory(settings(), clock) as client:
        await client.memory.plant(APPLICATION, "old-1", body, soon)
        await client.memory.plant(
            APPLICATION, "old-2", b'{"display_name": "Gone"}', Dates(born, born)
        )
        first = await client.get({"id": "old-1"})
        assert (first["display_name"], first["metadata"]) == ("Old", "m")
        assert first["is_available"] is True
        assert datetime.fromisoformat(first["created_at"]) == born
        assert (await client.ask("GET", "/rooms/old-2")).status == 404  # forgotten long ago
        listed = (await client.ask("GET", "/rooms")).json["_embedded"]
        assert [one["id"] for one in listed] == ["old-1"]
        clock.advance(200)
        assert (await client.get({"id": "old-1"}))["is_available"] is False
        with pytest.raises(ValueError, match='"display_name" is required'):
            await client.memory.plant(APPLICATION, "old-3", b"{}", soon)


async def test_one_server_a_database(tmp_path: Path, clock: VirtualClock) -> None:
    """The second is refused, and leaves no listener behind."""
    stored = settings(database=tmp_path / "meetings.db")
    first = await start(stored, clock)
    with pytest.raises(StoreFault, match="in use by process"):
        await start(stored, clock)
    await first.close()
    second = await start(stored, clock)
    await second.close()


async def test_closing_leaves_nothing_behind(clock: VirtualClock) -> None:
    """No task, no listener; closing twice is fine."""
    before = asyncio.all_tasks()
    server = await start(settings(), clock)
    names = {task.get_name() for task in asyncio.all_tasks() - before}
    assert {"meetings-server: ticker", "meetings-server: courier"} <= names
    port = int(server.url.rpartition(":")[2])
    await server.close()
    await server.close()
    await settle()
    assert asyncio.all_tasks() == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_port_that_is_taken(clock: VirtualClock) -> None:
    """The operating system's own error, and nothing left behind."""
    async with serving(settings(), Host(clock=clock, entropy=bytes)) as addresses:
        with pytest.raises(OSError, match="in use"):
            await start(settings(port=int(addresses.url.rpartition(":")[2])), clock)


async def test_ipv6(clock: VirtualClock) -> None:
    """The URL has its brackets."""
    server = await start(settings(host="::1"), clock)
    assert server.url.startswith("http://[::1]:")
    await server.close()


async def test_a_store_that_cannot_be_written(tmp_path: Path, clock: VirtualClock) -> None:
    """503 in family A, told to the host; reading goes on, and writing when the file is back."""
    told: list[tuple[str, Mapping[str, object]]] = []
    stored = settings(database=tmp_path / "meetings.db")
    async with in_memory(
        stored, clock, report=lambda name, about: told.append((name, about))
    ) as client:
        room = await client.create_long()
        (tmp_path / "meetings.db").rename(tmp_path / "elsewhere")
        reply = await client.ask("POST", "/rooms", {"display_name": "lost"})
        assert reply.error == (503, "ServiceUnavailableError", "Service Unavailable")
        assert [name for name, _ in told] == ["request.unavailable"]
        assert (await client.get(room))["id"] == room["id"]
        (tmp_path / "elsewhere").rename(tmp_path / "meetings.db")
        await client.create()
        assert (await client.ask("GET", "/rooms")).json["total_items"] == 2


class Broken(VirtualClock):
    """A clock that cannot wait: it stands for any mistake inside a request."""

    async def sleep(self, seconds: float) -> None:
        """Fail."""
        raise LookupError("a mistake of ours, with a secret in it")


async def test_a_mistake_of_ours() -> None:
    """500 that tells nothing; the host is told; the server goes on."""
    told: list[tuple[str, Mapping[str, object]]] = []
    async with in_memory(
        settings(), Broken(), report=lambda name, about: told.append((name, about))
    ) as client:
        await client.ask("PUT", "/_test/latency", {"before_ms": 1}, base="")
        reply = await client.ask("GET", "/rooms")
        assert reply.error == (500, "InternalServerError", "Internal Server Error")
        assert [name for name, _ in told] == ["request.failed"]
        assert "LookupError" in str(told[0][1]["error"])
        await client.ask("PUT", "/_test/latency", {}, base="")
        assert (await client.ask("GET", "/rooms")).status == 200


async def test_seeded_entropy_repeats_a_run(clock: VirtualClock) -> None:
    """Ids, codes and tokens come from what the host lends; and codes never collide."""

    async def run() -> list[tuple[str, str, str]]:
        found = []
        async with Memory.opened(settings(), clock, entropy=counting()) as memory:
            headers = {"Authorization": f"Bearer {token(clock.now())}"}
            for _ in range(3):
                answer = await memory.send(
                    "post", "/v1/meetings/rooms", {}, headers, b'{"display_name": "x"}'
                )
                room = Reply(answer.status, answer.headers, answer.body).json
                found.append(
                    (room["id"], room["meeting_code"], room["_links"]["guest_url"]["href"])
                )
        return found

    first = await run()
    assert first == await run()
    assert [code for _, code, _ in first] == ["100000007", "100000008", "100000009"]


def counting() -> Entropy:
    """Bytes that never repeat, but for eight of them, which always do."""
    numbers = iter(range(1, 10_000))

    def draw(size: int) -> bytes:
        return (7 if size == 8 else next(numbers)).to_bytes(size, "big")

    return draw


async def test_requests_at_once_share_commits(clock: VirtualClock) -> None:
    """Sixty-four rooms asked for together are all made, each with a serial of its own."""
    async with over_http(settings(), clock) as client:
        rooms = await asyncio.gather(*(client.create(display_name=f"{n}") for n in range(64)))
        assert len({room["id"] for room in rooms}) == 64
        page = (await client.ask("GET", "/rooms", query={"page_size": "100"})).json
        assert len(page["_embedded"]) == page["total_items"] == 64


async def test_a_hundred_years(clock: VirtualClock) -> None:
    """Time runs as fast as the clock is moved: one room, renewed every nine months."""
    async with in_memory(settings(), clock) as client:
        room = await client.create_long(days=300)
        while clock.now().year < 2126:
            clock.advance(270 * 86_400)
            expires_at = (clock.now() + timedelta(days=300)).isoformat()
            body = {"update_details": {"expires_at": expires_at}}
            reply = await client.ask("PATCH", f"/rooms/{room['id']}", body)
            assert reply.json["is_available"] is True
