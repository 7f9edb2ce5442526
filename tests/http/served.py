"""The HTTP server on a free port of this machine, with routes and limits of a test's choosing."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp
from aiohttp import web

from orchestrator.edges.http.server import USUAL, HttpServer, Limits, listen, url_of

_LARGE: Final = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Served:
    """A server that answers.

    Attributes:
        told: what it reported of itself, in order.
    """

    url: str
    session: aiohttp.ClientSession
    told: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request as a careful client does."""
        # A large body is warned of, unless it is a file.
        data = io.BytesIO(body) if body and len(body) > _LARGE else body
        async with self.session.request(
            method, self.url + path, data=data, headers=headers
        ) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def raw(self, sent: bytes) -> bytes:
        """Send bytes as they are, and read until the server closes."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(sent)
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def served(
    routes: Iterable[web.AbstractRouteDef], limits: Limits = USUAL
) -> AsyncIterator[Served]:
    """Serve these routes for the length of the block."""
    listener = listen("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        here = Served(url_of(listener), session)

        def report(event: str, fields: Mapping[str, object]) -> None:
            here.told.append((event, fields))

        # Nobody comes while a test ends, so that need not be waited for.
        quick = replace(limits, newcomers=0.0)
        async with HttpServer(routes, report, quick).serving(listener):
            yield here
