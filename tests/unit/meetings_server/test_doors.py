"""The door of a server on a socket, and those who stand there without asking for anything."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator.meetings_server import TlsFiles
from orchestrator.meetings_server.http import doors, web
from tests.fakes.clock import VirtualClock, turn
from tests.meetings import Client, over_http, settings
from tests.tls import own_certificate

ASKING = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def saying(client: Client, what: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which something was said."""
    host, _, port = client.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(what)
    yield reader
    writer.close()
    await writer.wait_closed()


async def status(reader: asyncio.StreamReader) -> bytes:
    """What an answer begins with."""
    return (await reader.readline())[9:12]


async def test_no_more_are_let_in_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next is told to come again, and is let in once the others have gone."""
    monkeypatch.setattr(doors, "MOST_CONNECTIONS", 2)
    async with over_http(settings(), VirtualClock()) as client:
        async with saying(client, ASKING) as one, saying(client, ASKING) as other:
            assert [await status(one), await status(other)] == [b"200", b"200"]
            async with saying(client, ASKING) as third:
                assert await status(third) == b"503"
        async with asyncio.timeout(5):
            told = b""
            while told != b"200":
                await turn()
                async with saying(client, ASKING) as third:
                    told = await status(third)


async def test_who_runs_the_server_is_let_in_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However many others there are: it would be locked out of its own rooms."""
    monkeypatch.setattr(doors, "MOST_CONNECTIONS", 0)
    files = TlsFiles(own_certificate(tmp_path / "both.pem"))
    async with over_http(settings(tls=files, inside=True), VirtualClock()) as client:
        assert (await client.ask("GET", "/rooms")).status == 200


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends none gets no answer either."""
    monkeypatch.setattr(web, "_PATIENCE", 0.05)
    head = b"POST /logos HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\nabc"
    async with over_http(settings(), VirtualClock()) as client, saying(client, head) as reader:
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_what_cannot_be_read_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """It may hold a token."""
    told: list[tuple[str, Mapping[str, object]]] = []

    def report(name: str, about: Mapping[str, object]) -> None:
        told.append((name, about))

    head = b"GET /?participant_token=secret\xff HTTP/1.1\r\nHost: x\r\n\r\n"
    async with over_http(settings(), VirtualClock(), report) as client, saying(client, head) as it:
        assert await status(it) == b"400"
    assert told == [("request.unreadable", {"error": "InvalidURLError"})]
    assert "secret" not in caplog.text
