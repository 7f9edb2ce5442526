"""Callbacks over HTTP: who may send them, what is taken, and what the sender is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from orchestrator.domain.presence import Callback, Event
from orchestrator.edges.http.callbacks import CallbackRoutes, Lock
from orchestrator.foundation.secret import Secret
from orchestrator.ports.store import StoreFault
from tests.http.served import Served, served
from tests.unit.edges.test_reading import SECRET as SIGNATURE
from tests.unit.edges.test_reading import signed

TOKEN = "0f" * 32
STARTED = json.dumps({"event": "session:started", "room_id": "r", "session_id": "s"}).encode()


@dataclass
class Desk:
    """Takes callbacks, or fails."""

    taken: list[Callback] = field(default_factory=list)
    fault: StoreFault | None = None
    going_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.going_on.set()

    async def received(self, callback: Callback) -> None:
        await self.going_on.wait()
        if self.fault is not None:
            raise self.fault
        self.taken.append(callback)


@dataclass
class Stand:
    """Routes on a server, and the desk behind them."""

    routes: CallbackRoutes
    desk: Desk
    here: Served

    async def post(self, body: bytes = STARTED, **headers: str) -> int:
        """Send a callback to the right address; the status of the answer."""
        return (await self.here.ask("POST", f"/callbacks/{TOKEN}", body, headers)).status


@asynccontextmanager
async def stand(lock: Lock | None = None) -> AsyncIterator[Stand]:
    """Take callbacks for the length of the block."""
    routes, desk = CallbackRoutes(lock or Lock(Secret(TOKEN))), Desk()
    async with served(routes.routes()) as here:
        with routes.taking(desk):
            yield Stand(routes, desk, here)


async def test_a_callback_is_taken_and_answered_without_a_body() -> None:
    """204, as the API asks."""
    async with stand() as it:
        told = await it.here.ask("POST", f"/callbacks/{TOKEN}", STARTED)
        assert (told.status, told.text) == (204, "")
        assert it.desk.taken == [Callback(Event.SESSION_STARTED, "r", "s")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/callbacks/" + "0e" * 32, id="another-token"),
        pytest.param("POST", "/callbacks/" + TOKEN[:-1], id="a-part-of-it"),
        pytest.param("POST", "/callbacks/" + TOKEN.upper(), id="in-capitals"),
        pytest.param("POST", f"/callbacks/{TOKEN}/", id="a-slash-more"),
        pytest.param("POST", f"/callbacks/{TOKEN}/x", id="deeper"),
        pytest.param("POST", "/callbacks/", id="none"),
        pytest.param("POST", "/callbacks", id="the-folder"),
        pytest.param("POST", "/callbacks/%F0%9F%94%91", id="not-ascii"),
        pytest.param("GET", "/callbacks/guess", id="get"),
        pytest.param("OPTIONS", "/callbacks/guess", id="options"),
        pytest.param("PUT", "/callbacks/guess", id="put"),
    ],
)
async def test_whoever_does_not_know_the_address_learns_nothing(method: str, path: str) -> None:
    """The answer is that of any path which is not there, also where the body would be refused."""
    async with stand() as it:
        elsewhere = await it.here.ask(method, "/anything/else", b"{")
        told = await it.here.ask(method, path, b"{")
        assert (told.status, told.text) == (404, elsewhere.text)
        assert {**told.headers, "Date": ""} == {**elsewhere.headers, "Date": ""}
        assert it.desk.taken == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_whoever_knows_it_is_told_how_to_use_it(method: str) -> None:
    """Callbacks are POSTed."""
    async with stand() as it:
        told = await it.here.ask(method, f"/callbacks/{TOKEN}", STARTED)
        assert (told.status, told.headers["Allow"]) == (405, "POST")
        assert it.desk.taken == []


async def test_without_a_token_every_address_is_wrong() -> None:
    """Also the empty one."""
    async with stand(Lock(None)) as it:
        assert await it.post() == 404
        assert (await it.here.ask("POST", "/callbacks/None", STARTED)).status == 404


async def test_what_is_no_callback_is_refused() -> None:
    """With a sentence, and nothing is passed on."""
    async with stand() as it:
        told = await it.here.ask("POST", f"/callbacks/{TOKEN}", b'{"event": ')
        assert told.status == 400
        assert json.loads(told.text) == {"error": "the body is not JSON"}
        assert await it.post(b"x" * 300_000) == 413
        assert it.desk.taken == []


async def test_a_signature_counts_where_it_is_there_and_a_secret_is() -> None:
    """An unsigned one is taken by its address alone."""
    async with stand(Lock(Secret(TOKEN), SIGNATURE)) as it:
        assert await it.post(Authorization=signed(STARTED)) == 204
        assert await it.post() == 204
        assert await it.post(Authorization=signed(b"another")) == 401
        assert len(it.desk.taken) == 2
    async with stand() as it:
        assert await it.post(Authorization="Bearer nobody looks at it") == 204


async def test_what_cannot_be_recorded_is_to_come_again() -> None:
    """With a time to wait; and between two lives of the daemon as well."""
    async with stand() as it:
        it.desk.fault = StoreFault("disk full")
        told = await it.here.ask("POST", f"/callbacks/{TOKEN}", STARTED)
        assert (told.status, told.headers["Retry-After"]) == (503, "5")
        assert "disk" not in told.text
        it.desk.fault = None
        assert await it.post() == 204
    routes = CallbackRoutes(Lock(Secret(TOKEN)))
    async with served(routes.routes()) as here:
        assert (await here.ask("POST", f"/callbacks/{TOKEN}", STARTED)).status == 503
        with routes.taking(it.desk):
            assert (await here.ask("POST", f"/callbacks/{TOKEN}", STARTED)).status == 204
        assert (await here.ask("POST", f"/callbacks/{TOKEN}", STARTED)).status == 503


async def test_more_at_once_than_can_be_recorded_are_to_come_again() -> None:
    """They wait outside, not in memory."""
    async with stand() as it:
        it.desk.going_on.clear()
        waiting = [asyncio.ensure_future(it.post()) for _ in range(64)]
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(it.post()) for _ in range(36)],
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert {one.result() for one in done} == {503}
        it.desk.going_on.set()
        assert set(await asyncio.gather(*waiting)) <= {204, 503}


async def test_p11_the_token_is_in_nothing_that_is_reported() -> None:
    """Neither when it is taken nor when it is refused."""
    async with stand() as it:
        await it.post()
        await it.post(b"{")
        await it.here.raw(f"POST /callbacks/{TOKEN}\0 HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert len(it.here.told) == 3
        assert TOKEN not in repr(it.here.told)
        assert TOKEN not in repr(it.routes.lock)
