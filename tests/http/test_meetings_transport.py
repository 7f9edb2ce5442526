"""The client's aiohttp transport against servers that misbehave on real sockets."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.meetings.overhttp import LONGEST_BODY, HttpAnswer, OverHttp, Patience
from orchestrator.adapters.meetings.transport import NoAnswer, NotSent
from orchestrator.adapters.meetings.uploads import HttpUploads
from orchestrator.foundation.reach import Reach, read_reach
from tests.tls import own_certificate, serving_with

SECRET = "Bearer eyJ.secret.token"
HEADERS = {"Authorization": SECRET, "Accept": "application/json"}
IMPATIENT = Patience(
    connect=timedelta(seconds=0.2), answer=timedelta(seconds=0.2), silence=timedelta(seconds=0.2)
)
HERE = read_reach(("127.0.0.0/8",))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Behaviour = Callable[["Peer", bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Peer:
    """A server that reads requests and does what it was told with each."""

    behave: Behaviour
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line[15:])
                        for line in head.split(b"\r\n")
                        if line[:15].lower() == b"content-length:"
                    ),
                    0,
                )
                self.requests.append(head + await reader.readexactly(length))
                await self.behave(self, self.requests[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()


@asynccontextmanager
async def peer(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    it = Peer(behave)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0, ssl=tls)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()


def saying(answer: bytes, *, close: bool = False) -> Behaviour:
    async def behave(_: Peer, __: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        if close:
            writer.close()

    return behave


async def ask(
    url: str,
    method: str = "GET",
    patience: Patience | None = None,
    tls: ssl.SSLContext | None = None,
) -> HttpAnswer:
    transport = OverHttp(url, patience, tls)
    try:
        body = b"{}" if method in {"POST", "PATCH"} else None
        return await transport.send(method, "/rooms", {}, HEADERS, body)
    finally:
        await transport.close()


def silent_about_secrets(error: BaseException) -> bool:
    told = ""
    following: BaseException | None = error
    while following is not None:
        told += f"{following}"
        following = following.__cause__ or following.__context__
    return "secret" not in told


@pytest.mark.parametrize("base", ["", "/", "/v1/meetings", "/v1/meetings/"])
async def test_a_request_arrives_as_it_was_given(base: str) -> None:
    """Method, path under the base, query, headers and body; and its answer comes back."""
    answer = (
        b"HTTP/1.1 201 Created\r\nContent-Length: 7\r\nDate: Mon, 05 Jan 2026 09:00:00 GMT\r\n\r\n"
        b'{"a":1}'
    )
    async with peer(saying(answer)) as it:
        transport = OverHttp(f"http://127.0.0.1:{it.port}{base}")
        query = {"from": "2026-01-05T09:00:00.000Z", "page_size": "20", "odd": "a&b=c d+ü"}
        said = await transport.send("POST", "/rooms/a~b-c_d.e", query, HEADERS, b'{"x":"y"}')
        await transport.close()
    assert (said.status, said.body) == (201, b'{"a":1}')
    assert said.headers["date"] == "Mon, 05 Jan 2026 09:00:00 GMT"
    head, _, body = it.requests[0].partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    path = base.rstrip("/") + "/rooms/a~b-c_d.e"
    encoded = "from=2026-01-05T09:00:00.000Z&page_size=20&odd=a%26b%3Dc+d%2B%C3%BC"
    assert first.replace("%3A", ":") == f"POST {path}?{encoded} HTTP/1.1"
    assert f"Authorization: {SECRET}" in headers
    assert body == b'{"x":"y"}'


def test_a_transport_prints_its_url() -> None:
    """Without a slash at the end, which paths bring along."""
    assert repr(OverHttp("https://meetings.test/v1/")) == "OverHttp('https://meetings.test/v1')"


async def test_a_connection_serves_many_requests() -> None:
    """Opening one for each would double the time of a call."""
    async with peer(saying(OK)) as it:
        transport = OverHttp(f"http://127.0.0.1:{it.port}")
        for _ in range(3):
            await transport.send("GET", "/rooms", {}, HEADERS, None)
        await transport.close()
    assert (len(it.requests), it.connections) == (3, 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_a_refused_connection_was_not_sent(method: str) -> None:
    """Nobody can have carried anything out."""
    async with peer(saying(OK)) as it:
        port = it.port
    with pytest.raises(NotSent, match=rf"no connection to 127.0.0.1:{port}") as caught:
        await ask(f"http://127.0.0.1:{port}", method)
    assert silent_about_secrets(caught.value)


async def hang_up(_: Peer, __: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_: Peer, __: bytes, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def say_nothing(_: Peer, __: bytes, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def drip(_: Peer, __: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    gone = asyncio.create_task(writer.wait_closed())
    while not gone.done():
        writer.write(b" ")
        await asyncio.wait([gone], timeout=0.02)
    await gone


BROKEN: dict[str, Behaviour] = {
    "hung up": hang_up,
    "reset": reset,
    "silent": say_nothing,
    "dripping": drip,
    "no HTTP": saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", close=True),
    "half a status line": saying(b"HTTP/1.1 20", close=True),
    "half the headers": saying(b"HTTP/1.1 200 OK\r\nContent-Len", close=True),
    "half the body": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", close=True),
    "half a chunk": saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", close=True
    ),
    "no gzip": saying(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", close=True
    ),
    "an odd length": saying(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", close=True),
}


@pytest.mark.parametrize("behave", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_broken_answer_is_none_and_is_not_asked_for_again(
    method: str, behave: Behaviour
) -> None:
    """A DELETE arrives once, though aiohttp would repeat it; repeating GET is not done here."""
    async with peer(behave) as it:
        with pytest.raises(NoAnswer) as caught:
            await ask(f"http://127.0.0.1:{it.port}", method, IMPATIENT)
    assert len(it.requests) == 1
    assert silent_about_secrets(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_kept_connection_that_broke_is_no_answer(method: str) -> None:
    """The server may have read the request before it closed."""

    async def once_only(it: Peer, _: bytes, writer: asyncio.StreamWriter) -> None:
        if len(it.requests) == 1:
            writer.write(OK)
        else:
            writer.close()

    async with peer(once_only) as it:
        transport = OverHttp(f"http://127.0.0.1:{it.port}")
        await transport.send("GET", "/rooms", {}, HEADERS, None)
        with pytest.raises(NoAnswer):
            await transport.send(method, "/rooms", {}, HEADERS, None)
        await transport.close()
    assert (len(it.requests), it.connections) == (2, 1)


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    """Least of all with our token."""
    async with peer(saying(OK)) as elsewhere:
        location = f"http://127.0.0.1:{elsewhere.port}/rooms"
        answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        async with peer(saying(answer.encode())) as it:
            said = await ask(f"http://127.0.0.1:{it.port}")
    assert (said.status, elsewhere.requests) == (302, [])


async def test_cookies_are_not_kept() -> None:
    """The token says who we are, and nothing else does."""
    answer = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n\r\n")
    async with peer(saying(answer)) as it:
        transport = OverHttp(f"http://localhost:{it.port}")
        for _ in range(2):
            await transport.send("GET", "/rooms", {}, HEADERS, None)
        await transport.close()
    assert b"Cookie" not in it.requests[1]


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may see our calls is said in the configuration."""
    async with peer(saying(OK)) as proxy, peer(saying(OK)) as it:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await ask(f"http://127.0.0.1:{it.port}")
    assert (len(it.requests), proxy.requests) == (1, [])


@pytest.mark.parametrize("packed", [False, True], ids=["long", "packed"])
async def test_an_endless_body_is_not_read_to_its_end(*, packed: bool) -> None:
    """Also where it is small on the wire."""
    body = b" " * (LONGEST_BODY + 1)
    encoding = b""
    if packed:
        body, encoding = gzip.compress(body), b"Content-Encoding: gzip\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(body), encoding)
    async with peer(saying(head + body)) as it:
        with pytest.raises(NoAnswer, match="longer than"):
            await ask(f"http://127.0.0.1:{it.port}")


async def send_picture(
    url: str,
    reach: Reach = HERE,
    *,
    unencrypted: bool = True,
    inside: tuple[str, str] | None = None,
    patience: Patience | None = None,
) -> HttpAnswer:
    uploads = HttpUploads(reach, unencrypted=unencrypted, inside=inside, patience=patience)
    try:
        fields = {"Content-Type": "image/png", "key": "temp/1", "Policy": "p"}
        return await uploads.upload(url, fields, b"\x89PNG")
    finally:
        await uploads.close()
        with pytest.raises(NotSent, match="closed"):
            await uploads.upload(url, {}, b"")


async def test_a_picture_is_sent_as_a_form_without_our_token() -> None:
    """Every field as it was named, in its order, and the file after all of them."""
    async with peer(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as it:
        answer = await send_picture(f"http://127.0.0.1:{it.port}/bucket")
    assert answer.status == 204
    head, _, body = it.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /bucket HTTP/1.1")
    assert b"authorization" not in head.lower()
    assert b"multipart/form-data" in head
    names = [b'name="Content-Type"', b'name="key"', b'name="Policy"', b'name="file"', b"\x89PNG"]
    places = [body.index(name) for name in names]
    assert places == sorted(places)


async def test_our_own_server_gets_pictures_directly_and_what_a_place_says_is_not_told() -> None:
    """Its public address may lead through a proxy, or to nowhere from here."""
    async with peer(saying(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\nhunter2")) as it:
        inside = ("https://meet.example.com", f"http://127.0.0.1:{it.port}")
        answer = await send_picture("https://meet.example.com/up", inside=inside)
        assert (answer.status, answer.body) == (403, b"")
        assert it.requests[0].startswith(b"POST /up HTTP/1.1")


async def test_pictures_go_to_private_addresses_only_where_that_is_allowed() -> None:
    """Else an API could have us ask what only this machine can reach."""
    async with peer(saying(OK)) as it:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(NotSent, match="is private"):
                await send_picture(f"http://{host}:{it.port}/x", Reach())
        assert it.requests == []
    with pytest.raises(NotSent, match=r"169\.254\.169\.254 is private"):
        await send_picture("http://169.254.169.254/latest/meta-data")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "https://me@127.0.0.1:1/x",
        "http://[",
        "//x/y",
        "https://[::1]@",
        "https://.pictures.test/x",
        f"https://{'x' * 64}.test/x",
    ],
)
async def test_a_picture_is_not_sent_to_just_any_address(url: str) -> None:
    """An API with TLS names no place without it."""
    with pytest.raises(NotSent, match="a picture is not sent where"):
        await send_picture(url, unencrypted=False)


async def test_a_picture_that_may_have_come_is_told_from_one_that_has_not() -> None:
    async with peer(saying(b"", close=True)) as it:
        url = f"http://127.0.0.1:{it.port}/x"
        with pytest.raises(NoAnswer, match="closed before an answer came"):
            await send_picture(url)
    with pytest.raises(NotSent, match="no connection to"):
        await send_picture(url)
    async with peer(say_nothing) as it:
        with pytest.raises(NotSent, match="no connection in time"):
            await send_picture(
                f"https://127.0.0.1:{it.port}", patience=Patience(timedelta(seconds=0.2))
            )


@pytest.mark.parametrize("host", [".meetings.test", f"{'x' * 64}.test"])
async def test_a_host_that_can_be_no_name_is_one_that_was_not_sent_to(host: str) -> None:
    """Name resolution has a kind of error of its own for it."""
    with pytest.raises(NotSent, match="can be no name"):
        await ask(f"http://{host}:1")


async def test_a_closed_client_sends_nothing() -> None:
    """A worker that comes late while the daemon stops."""
    async with peer(saying(OK)) as it:
        transport = OverHttp(f"http://127.0.0.1:{it.port}")
        await transport.close()
        with pytest.raises(NotSent, match="closed"):
            await transport.send("POST", "/rooms", {}, HEADERS, b"{}")
        await transport.close()
    assert it.requests == []


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody has signed, with its key."""
    return own_certificate(tmp_path_factory.mktemp("tls") / "own.pem")


async def test_an_unknown_certificate_is_refused_before_anything_is_sent(certificate: Path) -> None:
    """The token does not leave for a stranger."""
    async with peer(saying(OK), serving_with(certificate)) as it:
        with pytest.raises(NotSent, match=r"certificate of 127\.0\.0\.1 is not trusted"):
            await ask(f"https://127.0.0.1:{it.port}", "POST")
    assert it.requests == []


async def test_an_authority_of_ones_own_can_be_trusted(certificate: Path) -> None:
    """As self-hosted servers have it."""
    trusted = ssl.create_default_context(cafile=str(certificate))
    async with peer(saying(OK), serving_with(certificate)) as it:
        assert (await ask(f"https://127.0.0.1:{it.port}", tls=trusted)).status == 200


async def test_a_server_without_tls_was_not_sent_to() -> None:
    """Nothing of the request is in what it got."""
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotSent, match="no connection to"):
            await ask(f"https://127.0.0.1:{port}", "POST")
    assert b"POST" not in b"".join(heard)


async def test_a_handshake_that_takes_too_long_was_not_sent() -> None:
    """A connection without TLS is not one yet."""
    async with peer(say_nothing) as it:
        with pytest.raises(NotSent, match="no connection in time"):
            await ask(f"https://127.0.0.1:{it.port}", "POST", Patience(timedelta(seconds=0.2)))


@pytest.mark.parametrize(
    "url",
    [
        "", "meetings.test", "/v1/meetings", "ftp://meetings.test", "http://", "unix:///run/x",
        "https://user:pw123@meetings.test", "ftp://user:pw123@meetings.test",
        "https://meetings.test/?key=1", "https://meetings.test/#x",
    ],
)  # fmt: skip
def test_what_is_not_the_url_of_an_api_is_refused(url: str) -> None:
    """At the start, and without telling a password that stands in it."""
    with pytest.raises(ValueError, match="URL of an API") as caught:
        OverHttp(url)
    assert "pw123" not in str(caught.value)
