"""The routes by which tests act as people and look behind the scenes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.fakes.clock import VirtualClock, settle
from tests.meetings import Client, in_memory, settings


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


@pytest.fixture
async def client(clock: VirtualClock) -> AsyncIterator[Client]:
    """With test routes."""
    async with in_memory(settings(), clock) as opened:
        yield opened


async def test_they_are_off_by_default(clock: VirtualClock) -> None:
    """Then there is nothing at their paths."""
    async with in_memory(settings(test_routes=False), clock) as client:
        for path in ("/_test/rooms", "/_test/requests"):
            assert (await client.ask("GET", path, base="")).status == 404


async def test_web_pages_are_kept_out(client: Client) -> None:
    """A browser on the same machine names the page's origin."""
    headers = {"origin": "https://example.org"}
    reply = await client.ask("GET", "/_test/rooms", base="", headers=headers)
    assert reply.error[:2] == (403, "ForbiddenError")


async def test_the_table(client: Client) -> None:
    """Everything, of everybody, deleted rooms included."""
    room = await client.create_long(metadata="m")
    await client.ask_as_other("POST", "/rooms", {"display_name": "theirs"})
    await client.ask("DELETE", f"/rooms/{room['id']}")
    rooms = (await client.ask("GET", "/_test/rooms", base="")).json["rooms"]
    assert [one["display_name"] for one in rooms] == ["Room", "theirs"]
    assert rooms[0] == {
        "serial": 1,
        "id": room["id"],
        "application_id": rooms[0]["application_id"],
        "display_name": "Room",
        "metadata": "m",
        "type": "long_term",
        "created_at": "2026-01-05T09:00:00.000Z",
        "expires_at": "2026-02-04T09:00:00.000Z",
        "phase": "deleted",
        "is_available": False,
        "ended_at": "2026-01-05T09:00:00.000Z",
    }
    assert rooms[1]["ended_at"] is None


async def test_the_request_log(client: Client) -> None:
    """All but its own, with what was sent and answered; it can be cleared."""
    await client.create()
    await client.ask("GET", "/rooms", query={"page_size": "1"}, headers={})
    log = (await client.ask("GET", "/_test/requests", base="")).json
    assert log["forgotten"] == 0
    assert log["requests"] == [
        {
            "method": "POST",
            "path": "/v1/meetings/rooms",
            "query": {},
            "body": '{"display_name": "Room"}',
            "status": 201,
            "received": 1,
            "answered": 2,
        },
        {
            "method": "GET",
            "path": "/v1/meetings/rooms",
            "query": {"page_size": "1"},
            "body": "",
            "status": 401,
            "received": 3,
            "answered": 4,
        },
    ]
    assert (await client.ask("DELETE", "/_test/requests", base="")).status == 204
    assert (await client.ask("GET", "/_test/requests", base="")).json["requests"] == []


async def test_latency(client: Client, clock: VirtualClock) -> None:
    """Before the act and after it, on both of which the log can look."""

    async def seen() -> tuple[int | None, int]:
        log = (await client.ask("GET", "/_test/requests", base="")).json["requests"]
        rooms = (await client.ask("GET", "/_test/rooms", base="")).json["rooms"]
        return log[-1]["status"], len(rooms)

    body = {"before_ms": 50, "after_ms": 70}
    assert (await client.ask("PUT", "/_test/latency", body, base="")).status == 204
    asking = asyncio.Task(client.create())
    await settle()
    assert await seen() == (None, 0)
    clock.advance(0.05)
    await settle_until_made(client)
    assert await seen() == (None, 1)
    clock.advance(0.07)
    await asking
    assert await seen() == (201, 1)


async def settle_until_made(client: Client) -> None:
    """Wait for the database's thread."""
    while not (await client.ask("GET", "/_test/rooms", base="")).json["rooms"]:
        await settle()


async def test_latency_from_the_settings(clock: VirtualClock) -> None:
    """As the command line gives it."""
    slow = settings(latency_before=timedelta(milliseconds=50))
    async with in_memory(slow, clock) as client:
        asking = asyncio.Task(client.ask("GET", "/rooms"))
        await settle()
        assert not asking.done()
        clock.advance(0.05)
        assert (await asking).status == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/_test/rooms/x/join", {"name": "Ada"}, 404),
        ("/_test/rooms/x/leave", {"participant_id": "p"}, 404),
        ("/_test/rooms/x/leave", {}, 400),
    ],
)
async def test_people_who_cannot_come_or_go(
    client: Client, path: str, body: dict[str, str], status: int
) -> None:
    """Answered like any other mistake."""
    assert (await client.ask("POST", path, body, base="")).status == status


async def test_nobody_leaves_twice(client: Client) -> None:
    """The second time they are not inside."""
    room = await client.create()
    who = await client.join(room)
    await client.leave(room, who)
    path = f"/_test/rooms/{room['id']}/leave"
    reply = await client.ask("POST", path, {"participant_id": who}, base="")
    assert reply.error == (404, "NotFoundError", f"Participant {who} is not in room {room['id']}")


@pytest.mark.parametrize("value", [-1, 1.5, "1", True, 10**9])
async def test_latency_that_cannot_be(client: Client, value: object) -> None:
    """Whole milliseconds, up to an hour."""
    reply = await client.ask("PUT", "/_test/latency", {"before_ms": value}, base="")
    assert reply.status == 400
