"""The stream of facts to whoever has the page open: server-sent events.

Each listener has the number of the fact that it was sent last and is sent what follows, so nobody
has a queue that could grow.  Whoever takes nothing for a while is let go, and whoever comes back
says where they were (``Last-Event-ID``).  There are only so many at once, and all of them end with
the life of the daemon that they listen to, at once: none holds up its end.  Nobody is told anything
whose session has ended meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from orchestrator.domain.reports import FactRow
from orchestrator.edges.http.answers import refusal
from orchestrator.ports.chronicle import Chronicle
from orchestrator.ports.store import StoreFault

_RETRY: Final = b"retry: 2000\n\n"  # milliseconds until a browser comes again
_BATCH: Final = 100  # facts; who is further behind loads the page anew
_AGAIN: Final[Mapping[str, str]] = {hdrs.RETRY_AFTER: "15"}  # seconds
_NUMBER: Final = 18  # digits


@dataclass(frozen=True, slots=True)
class Pace:
    """How listeners are treated.

    Attributes:
        most: at once.
        beat: seconds between two signs of life.
        patience: seconds that one may take for what it is sent.
    """

    most: int = 32
    beat: float = 10.0
    patience: float = 10.0


USUAL: Final = Pace()


class Streams:
    """All who listen."""

    def __init__(self, show: Callable[[FactRow], str], pace: Pace = USUAL) -> None:
        """Nobody listens yet.

        Args:
            show: makes HTML of a fact.
            pace: how listeners are treated.
        """
        self._show = show
        self._pace = pace
        self._leashes: set[asyncio.Timeout] = set()

    @property
    def count(self) -> int:
        """How many listen."""
        return len(self._leashes)

    def end(self) -> None:
        """End all of them, now."""
        for leash in self._leashes:
            leash.reschedule(asyncio.get_running_loop().time())

    async def answer(
        self, request: web.Request, chronicle: Chronicle, may_listen: Callable[[], bool]
    ) -> web.StreamResponse:
        """Send facts until somebody goes, may not listen any more, or we go.

        Args:
            request: of the listener.
            chronicle: where the facts are.
            may_listen: asked at each beat, and before anything is told.
        """
        if len(self._leashes) >= self._pace.most:
            return refusal(503, "too many look on at once; reload the page later", _AGAIN)
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
                hdrs.CACHE_CONTROL: "no-store",
                "X-Content-Type-Options": "nosniff",
                "X-Accel-Buffering": "no",  # nginx would keep it back
            }
        )
        leash = asyncio.timeout(None)
        self._leashes.add(leash)
        try:
            async with leash:
                await response.prepare(request)
                await self._send(response, _RETRY)
                await self._follow(response, chronicle, _last_id(request), may_listen)
        except (ConnectionError, TimeoutError, StoreFault):
            pass  # gone, too slow, or we end: nothing more is sent
        finally:
            self._leashes.discard(leash)
        # Whoever has not taken what was sent would hold up the end of the connection, and ours.
        transport = request.transport
        if transport is not None and transport.get_write_buffer_size():
            transport.abort()
        return response

    async def _follow(
        self,
        response: web.StreamResponse,
        chronicle: Chronicle,
        seq: int,
        may_listen: Callable[[], bool],
    ) -> None:
        last = await chronicle.last()
        if seq < 0:
            seq = last
        elif seq > last or last - seq > _BATCH:
            # Another store, or too far behind: what is shown is not what was.
            await self._send(response, _event("reset", last, ""))
            seq = last
        while may_listen():
            for row in await chronicle.after(seq, _BATCH):
                seq = row.seq
                await self._send(response, _event("fact", seq, self._show(row)))
            try:
                async with asyncio.timeout(self._pace.beat):
                    await chronicle.news(seq)
            except TimeoutError:
                await self._send(response, _event("beat", seq, ""))

    async def _send(self, response: web.StreamResponse, content: bytes) -> None:
        async with asyncio.timeout(self._pace.patience):
            await response.write(content)


def _last_id(request: web.Request) -> int:
    """Where a listener was; -1 where it does not say."""
    said = request.headers.get("Last-Event-ID", "") or request.query.get("after", "")
    plain = said.isascii() and said.isdecimal() and len(said) <= _NUMBER
    return int(said) if plain else -1


def _event(name: str, seq: int, html: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"event: {name}\nid: {seq}\n{data}\n".encode()
