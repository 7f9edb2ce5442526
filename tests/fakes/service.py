"""A directory service on a real socket of this machine, which answers as it is told, byte by byte.

It speaks just enough HTTP to be wrong in every way that matters: `reply` is what each request gets,
and what is written is what was made, cut where a test cut it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

CRLF: Final = "\r\n"


@dataclass(frozen=True)
class Asked:
    """One request: its path with the query, and its headers in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """What is written to the socket, and whether it then stays open."""

    raw: bytes
    stays: bool = False


Reply = Callable[[Asked], Said]


def message(
    body: bytes = b"", status: str = "200 OK", *, length: int | None = None, **headers: Any
) -> bytes:
    """A whole answer with a Content-Length, true unless told otherwise."""
    lines = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body) if length is None else length),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = CRLF.join([f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in lines.items())])
    return f"{head}{CRLF}{CRLF}".encode() + body


def chunked(body: bytes, *, ends: bool = True) -> bytes:
    """The same in chunks; the last one, which says that it is all, may be missing."""
    head = f"HTTP/1.1 200 OK{CRLF}Content-Type: application/json{CRLF}Transfer-Encoding: chunked"
    half = len(body) // 2
    pieces = b"".join(
        f"{len(piece):x}{CRLF}".encode() + piece + CRLF.encode()
        for piece in (body[:half], body[half:])
    )
    return f"{head}{CRLF}{CRLF}".encode() + pieces + (b"0\r\n\r\n" if ends else b"")


def until_closed(body: bytes) -> bytes:
    """The same with neither: it lasts until the connection ends."""
    return f"HTTP/1.1 200 OK{CRLF}Content-Type: application/json{CRLF}{CRLF}".encode() + body


def zipped(body: bytes, *, cut: int = 0) -> bytes:
    """The same compressed, perhaps without its last bytes."""
    packed = gzip.compress(body, mtime=0)
    return message(packed[: len(packed) - cut], Content_Encoding="gzip")


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def whole(value: Any, **headers: Any) -> Said:
    """A good answer."""
    return Said(message(as_json(value), **headers))


@dataclass
class Service:
    """The service; `reply` may be changed at any time."""

    reply: Reply
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/teams"

    def says(self, said: Said | bytes) -> None:
        """From now on every request gets this."""
        answer = said if isinstance(said, Said) else Said(said)
        self.reply = lambda _: answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip(CRLF).split(CRLF)
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            self.asked.append(Asked(first.split(" ")[1], headers))
            said = self.reply(self.asked[-1])
            writer.write(said.raw)
            await writer.drain()
            if said.stays:
                await self.released.wait()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    reply: Reply | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Service]:
    """A service for the length of the block; every connection ends with it."""
    service = Service(reply or (lambda _: whole([])))
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=tls)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        service.released.set()
        server.close()
        await server.wait_closed()
