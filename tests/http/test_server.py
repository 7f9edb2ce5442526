"""The server itself: limits on what comes in, errors as JSON, and nothing told of paths."""

import asyncio
import errno
import gzip
import json
import socket
from dataclasses import replace

import pytest
from aiohttp import web

from orchestrator.edges.http.answers import answer, nothing
from orchestrator.edges.http.server import USUAL, HttpServer, listen, url_of
from tests.http.served import served

SECRET = "s3cr3t"


async def _read(request: web.Request) -> web.Response:
    return answer(200, {"bytes": len(await request.read())})


async def _fail(request: web.Request) -> web.Response:
    message = f"{request.path} is secret"
    raise ValueError(message)


ROUTES = (web.post("/take/{token}", _read), web.get("/fail/{token}", _fail))


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        pytest.param("POST", f"/nothing/{SECRET}", 404, "Not Found", id="unknown-path"),
        pytest.param("GET", f"/take/{SECRET}", 405, "Method Not Allowed", id="wrong-method"),
        pytest.param("GET", f"/fail/{SECRET}", 500, "this failed; the log says more", id="failed"),
    ],
)
async def test_errors_are_json_and_tell_no_path(
    method: str, path: str, status: int, error: str
) -> None:
    """Neither the answer nor what is reported quotes what was asked for."""
    async with served(ROUTES) as here:
        told = await here.ask(method, path)
        assert told.status == status
        assert json.loads(told.text) == {"error": error}
        assert told.headers["Content-Type"] == "application/json; charset=utf-8"
        assert told.headers["Cache-Control"] == "no-store"
        assert told.headers["Server"] == "room-orchestrator"
        assert (told.headers.get("Allow") == "POST") is (status == 405)
        assert SECRET not in repr(here.told)
        assert here.told[-1][1]["status"] == status


async def test_each_request_is_reported_by_its_route() -> None:
    """The pattern, not the path; with method, status and time."""
    async with served(ROUTES) as here:
        assert (await here.ask("POST", f"/take/{SECRET}", b"abc")).text == '{"bytes": 3}\n'
        ((event, fields),) = here.told
        assert event == "http.answered"
        assert {**fields, "ms": 0} == {
            "method": "POST",
            "route": "/take/{token}",
            "status": 200,
            "ms": 0,
        }


@pytest.mark.parametrize("chunked", [False, True], ids=["told", "chunked"])
async def test_a_body_that_is_too_large_is_not_read(chunked: bool) -> None:
    """Whether its length is told or not."""
    async with served(ROUTES, replace(USUAL, body=1000)) as here:
        assert (await here.ask("POST", "/take/x", b"a" * 1000)).status == 200
        if chunked:
            head = b"POST /take/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            said = await here.raw(head + b"7d0\r\n" + b"a" * 2000 + b"\r\n")
            assert said.startswith(b"HTTP/1.1 413 ")
        else:
            assert (await here.ask("POST", "/take/x", b"a" * 1001)).status == 413


async def test_a_small_body_that_unpacks_to_a_large_one_is_refused() -> None:
    """It is the size in memory that counts."""
    packed = gzip.compress(b"a" * 1_000_000)
    async with served(ROUTES, replace(USUAL, body=10_000)) as here:
        assert len(packed) < 10_000
        told = await here.ask("POST", "/take/x", packed, {"Content-Encoding": "gzip"})
        assert told.status == 413


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST /take/" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", id="long-path"),
        pytest.param(
            b"POST /take/x HTTP/1.1\r\nHost: h\r\nA: " + b"b" * 9000 + b"\r\n\r\n", id="long-header"
        ),
        pytest.param(
            b"POST /take/x HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 65 + b"\r\n", id="many-headers"
        ),
        pytest.param(b"POST /take/s3cr3t\0 HTTP/1.1\r\nHost: h\r\n\r\n", id="broken-path"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="tls"),
        pytest.param(
            b"POST /take/s3cr3t HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", id="bad-length"
        ),
    ],
)
async def test_what_is_no_lawful_request_is_refused_and_not_quoted(sent: bytes) -> None:
    """In what is reported; whoever sent it sees it again at most."""
    async with served(ROUTES) as here:
        assert (await here.raw(sent)).split()[1:2] == [b"400"]
        assert SECRET not in repr(here.told)
        assert (await here.ask("POST", "/take/x", b"")).status == 200


async def test_a_slow_body_ends_in_time() -> None:
    """And the connection with it."""
    async with served(ROUTES, replace(USUAL, patience=0.2)) as here:
        said = await here.raw(b"POST /take/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"Connection: close" in said


async def test_a_connection_that_says_nothing_whole_is_closed() -> None:
    """Half a request line holds nobody up for long."""
    async with served(ROUTES, replace(USUAL, idle=0.2)) as here:
        assert await here.raw(b"POST /take/x HT") == b""


async def test_a_body_that_breaks_off_ends_nothing_else() -> None:
    """Its sender went away."""
    async with served(ROUTES) as here:
        host, _, port = here.url.removeprefix("http://").rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /take/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await here.ask("POST", "/take/x", b"abc")).status == 200


async def test_more_requests_at_once_than_are_of_use_are_told_to_come_back() -> None:
    """And those under way are carried out."""
    go_on = asyncio.Event()
    inside = asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        inside.set()
        await go_on.wait()
        return nothing()

    async with served((web.post("/wait", wait),), replace(USUAL, at_once=1)) as here:
        first = asyncio.ensure_future(here.ask("POST", "/wait"))
        await inside.wait()
        told = await here.ask("POST", "/wait")
        assert (told.status, told.headers["Retry-After"]) == (503, "5")
        go_on.set()
        assert (await first).status == 204


async def test_more_connections_than_it_may_have_are_turned_away() -> None:
    """Whoever opens thousands and says nothing leaves us files to open, and others a way back."""
    async with served(ROUTES, replace(USUAL, connections=3)) as here:
        host, _, port = here.url.removeprefix("http://").rpartition(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        for reader, writer in idle:
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 404 Not Found\r\n"
        assert (await here.raw(b"")).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        for _, writer in idle:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(5):
            while (await here.ask("POST", "/take/x", b"abc")).status != 200:
                pass  # the server has not heard of it yet


async def test_an_address_that_is_taken_is_told_with_what_to_do() -> None:
    """Which setting, which address, and a way out."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use") as refused:
            listen("127.0.0.1", port)
    assert refused.value.errno == errno.EADDRINUSE
    assert str(refused.value.strerror).startswith(f"http.listen: 127.0.0.1:{port} cannot be had")
    assert "port 0" in str(refused.value.strerror)
    with pytest.raises(OSError, match=r"http\.listen: nowhere\.invalid:1 cannot be had"):
        listen("nowhere.invalid", 1)


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
        ("::", "http://[::1]:"),
    ],
)
def test_where_it_is_reached_from_this_machine(host: str, prefix: str) -> None:
    """An address that stands for all of them is none to call."""
    with listen(host, 0) as listener:
        assert url_of(listener).startswith(prefix)


async def test_the_socket_is_closed_at_the_end() -> None:
    """So that the next life can have the address."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with HttpServer(()).serving(listener):
        pass
    assert listener.fileno() == -1
    listen("127.0.0.1", port).close()


async def test_who_has_just_connected_when_it_ends_is_answered() -> None:
    """A connection that asked nothing yet is no connection at rest."""
    listener = listen("127.0.0.1", 0)
    end, begun = asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        async with HttpServer(ROUTES).serving(listener):
            begun.set()
            await end.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(serve(), name="serve")
        await begun.wait()
        reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        end.set()
        while listener.fileno() != -1:
            await asyncio.to_thread(int)  # the loop goes on meanwhile
        writer.write(b"GET /nothing HTTP/1.0\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.0 404 ")
        writer.close()
        await writer.wait_closed()


async def test_what_cannot_be_read_is_told_once_a_minute() -> None:
    """Whoever sends it needs no credential, and could fill the log."""
    async with served([]) as here:
        for _ in range(3):
            await here.raw(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert [event for event, _ in here.told].count("http.unreadable") == 1
