"""The door of a server, before it is known who stands there.

So many are let in at a time, each for so long without a whole request; nobody has to prove anything
for that, so without a bound anybody could take all the files that the process may have open. What
goes wrong there is reported by its kind: what was sent may hold a token.
"""

import asyncio
import socket
import ssl
from typing import Final

from aiohttp import web

from orchestrator.meetings_server.http.api import Api
from orchestrator.meetings_server.http.live import Live
from orchestrator.meetings_server.http.web import application
from orchestrator.meetings_server.ports import Report

#: Connections at a time; of the 1,024 files that a process usually may have, the rest is its own.
MOST_CONNECTIONS: Final = 512

_BACKLOG: Final = 256
# Seconds: without a whole request, in a handshake, for requests under way at the end.
_IDLE: Final = 75.0
_HANDSHAKE: Final = 10.0
_DRAIN: Final = 5.0
_TURNED_AWAY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def answering(api: Api, report: Report, live: Live | None = None) -> web.AppRunner:
    """What answers at doors; set it up before the first is opened, and clean it up at the end."""
    # access_log: what is asked is logged by the host, or by the test routes.
    return web.AppRunner(
        application(api, live),
        access_log=None,
        logger=_Discreet(report),
        keepalive_timeout=_IDLE,
        shutdown_timeout=_DRAIN,
    )


async def open_door(
    runner: web.AppRunner,
    listener: socket.socket,
    tls: ssl.SSLContext | None = None,
    *,
    is_ours: bool = False,
) -> asyncio.Server:
    """Let people in from a bound socket; the caller closes it.

    Args:
        runner: is set up.
        listener: is bound.
        tls: None: they come in plain HTTP.
        is_ours: only this process comes here, and is let in however many others there are.
    """

    def admit() -> asyncio.Protocol:
        server = runner.server
        if server is None or (not is_ours and len(server.connections) >= MOST_CONNECTIONS):
            return _Full()
        return server()

    return await asyncio.get_running_loop().create_server(
        admit,
        sock=listener,
        backlog=_BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else _HANDSHAKE,
    )


class _Full(asyncio.Protocol):
    """Turns a connection away, without waiting for what it has to say."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer and close at once."""
        if isinstance(transport, asyncio.Transport):
            transport.write(_TURNED_AWAY)
        transport.close()


class _Discreet:
    """Stands in for aiohttp's logger."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def debug(self, *_: object, **__: object) -> None:
        """Tell nothing of what is expected."""

    info = warning = debug

    def exception(self, *_: object, exc_info: object = None, **__: object) -> None:
        """Tell what kind of failure it was."""
        self._report("request.unreadable", {"error": type(exc_info).__name__})

    error = exception
