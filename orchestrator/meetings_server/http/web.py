"""The API on sockets: aiohttp's requests into ours, our answers and silences into aiohttp's."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from aiohttp import web

from orchestrator.meetings_server.http.api import Api
from orchestrator.meetings_server.http.live import PATH as LIVE_PATH
from orchestrator.meetings_server.http.live import Live
from orchestrator.meetings_server.http.wire import Answer, Part, Request, Silence

# Bytes of a file that are read at once.
_PIECE: Final = 256 * 1024
# Seconds for a body as a whole: the largest, at a quarter of a megabit a second.
_PATIENCE: Final = 75.0


def application(api: Api, live: Live | None = None) -> web.Application:
    """One handler for all but `live`; paths, methods and errors are the API's own business."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await _body(request, api.largest_body(request.path))
        except TimeoutError:
            return await _broken_off(request, None)
        except web.RequestPayloadError:
            answer = api.unreadable()
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        asked = Request(
            method=request.method,
            path=request.path,
            query=_firsts(request.query),
            headers=_lowered(request.headers),
            body=body,
        )
        try:
            answer = await api.handle(asked)
        except Silence as silence:
            return await _broken_off(request, silence.begun)
        if answer.part is not None:
            return await _streamed(request, answer, answer.part)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body or None)

    app = web.Application()
    if live is not None:
        app.router.add_get(LIVE_PATH, live.answer, allow_head=False)
    # Every path: a dot would leave out those with a line break, and aiohttp would answer for us.
    app.router.add_route("*", r"/{path:[\s\S]*}", handle)
    return app


async def _streamed(request: web.Request, answer: Answer, part: Part) -> web.StreamResponse:
    # Opened before the answer begins: what is deleted meanwhile is sent to its end.
    with await asyncio.to_thread(part.file.open, "rb") as file:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        if "Content-Length" not in answer.headers:
            response.content_length = part.length
        await response.prepare(request)
        await asyncio.to_thread(file.seek, part.begin)
        left = part.length
        with suppress(ConnectionError):  # whoever downloads may hang up
            while left and (piece := await asyncio.to_thread(file.read, min(left, _PIECE))):
                await response.write(piece)
                left -= len(piece)
    return response


async def _broken_off(request: web.Request, begun: Answer | None) -> web.StreamResponse:
    """Close the connection, after what has begun, and with it whatever aiohttp would still send."""
    response = web.StreamResponse()
    if begun is not None and begun.part is not None:
        with suppress(ConnectionResetError):
            response = await _streamed(request, begun, begun.part)
    elif begun is not None:
        response = web.StreamResponse(status=begun.status, headers=begun.headers)
        # Whoever asked may have gone first.
        with suppress(ConnectionResetError):
            await response.prepare(request)
            await response.write(begun.body)
    if request.transport is not None:
        request.transport.close()
    return response


async def _body(request: web.Request, largest: int) -> bytes:
    """The body; of one that is too large enough for the API to see that it is."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > largest:
            return bytes(body[: largest + 1])
    return bytes(body)


def _firsts(values: Mapping[str, str]) -> dict[str, str]:
    return {name: values[name] for name in values}


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): headers[name] for name in headers}
