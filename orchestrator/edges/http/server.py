"""The server itself: a listening socket, limits on what comes in, and errors as JSON.

It refuses nothing by what it means, only by its form: bodies and headers that are too large,
requests that take too long, more of them at once than are of use.  What it tells of a request is
the pattern of its route, never its path, which may hold a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from orchestrator.edges.http.answers import refusal

Report = Callable[[str, Mapping[str, object]], None]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BACKLOG: Final = 128
_SERVER: Final = "room-orchestrator"
_RETRY_AFTER: Final = "5"  # seconds
_QUIET: Final = 60.0  # seconds between two lines of the log about one kind of failure
_TURNED_AWAY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may be.

    Attributes:
        body: bytes.
        line: bytes of the request line, and of one header.
        headers: how many of them.
        patience: seconds for one request as a whole, its body included.
        idle: seconds that a connection may be open without a whole request line and headers.
        at_once: requests under way; more are told to come back.
        connections: open ones, idle or not; more are turned away.  They are files of the process,
            of which it may have 1,024 and needs some for its own calls.
        newcomers: seconds between the last connection that is let in and the end of those that ask
            nothing: who has just connected has not asked yet, and would be cut off as one at rest.
        drain: seconds that requests under way are given at the end.
    """

    body: int = 256 * 1024
    line: int = 8190
    headers: int = 64
    patience: float = 10.0
    idle: float = 20.0
    at_once: int = 256
    connections: int = 512
    newcomers: float = 0.25
    drain: float = 2.0


USUAL: Final = Limits()


def unreported(_event: str, _fields: Mapping[str, object]) -> None:
    """Tell nobody."""


async def _pause(seconds: float) -> None:
    """Let others come to their turn; a time-out of the network, by the loop's clock as all here."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().create_future()


class HttpServer:
    """Answers the routes that it is handed, and everything else with 404."""

    def __init__(
        self,
        routes: Iterable[web.AbstractRouteDef],
        report: Report = unreported,
        limits: Limits = USUAL,
        lasting: Iterable[str] = (),
    ) -> None:
        """Answer ``routes``; nothing is opened yet.

        Args:
            routes: their handlers stand on ports, and may raise what they like.
            report: is told of each request: route, method, status and milliseconds.
            limits: what one request may be.
            lasting: patterns of routes whose answers have no end of their own; they bound how many
                there are, and end them in time.
        """
        self._routes = tuple(routes)
        self._lasting = frozenset(lasting)
        self._report = report
        self._limits = limits
        self._under_way = 0

    @contextlib.asynccontextmanager
    async def serving(self, listener: socket.socket) -> AsyncIterator[None]:
        """Answer on a bound socket for the length of the block; it is closed at the end."""
        limits = self._limits
        application = web.Application(client_max_size=limits.body, middlewares=(self._guarded(),))
        application.router.add_routes(self._routes)
        application.on_response_prepare.append(_sign)
        runner = web.AppRunner(
            application,
            access_log=None,
            logger=_Discreet(self._report),
            shutdown_timeout=limits.drain,
            keepalive_timeout=limits.idle,
            lingering_time=1.0,
            max_line_size=limits.line,
            max_field_size=limits.line,
            max_headers=limits.headers,
        )
        door: asyncio.Server | None = None
        try:
            await runner.setup()
            loop = asyncio.get_running_loop()
            door = await loop.create_server(
                self._admitting(runner), sock=listener, backlog=_BACKLOG
            )
            yield
        finally:
            try:
                if door is not None:
                    door.close()
                    await _pause(limits.newcomers)
            finally:
                await runner.cleanup()
                listener.close()

    def _admitting(self, runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
        """Who answers the next connection: the server, or one that turns it away."""

        def admit() -> asyncio.Protocol:
            server = runner.server
            if server is None or len(server.connections) >= self._limits.connections:
                return _Full()
            return server()

        return admit

    def _guarded(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
            loop = asyncio.get_running_loop()
            began = loop.time()
            self._under_way += 1
            try:
                response = await self._bounded(request, handler)
            finally:
                self._under_way -= 1
            self._report(
                "http.answered",
                {
                    "method": request.method,
                    "route": _pattern(request),
                    "status": response.status,
                    "ms": round((loop.time() - began) * 1000, 1),
                },
            )
            return response

        return guard

    async def _bounded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if self._under_way > self._limits.at_once:
            return refusal(503, "too many requests at once", {hdrs.RETRY_AFTER: _RETRY_AFTER})
        try:
            lasting = _pattern(request) in self._lasting
            async with asyncio.timeout(None if lasting else self._limits.patience):
                return await handler(request)
        except TimeoutError:
            return refusal(408, "the request took too long", {hdrs.CONNECTION: "close"})
        except web.HTTPException as problem:
            return _as_json(problem)
        except Exception as error:  # noqa: BLE001 (one bad request must not end the server)
            # The kind alone: a message may quote what must not be shown.
            self._report("http.failed", {"route": _pattern(request), "error": type(error).__name__})
            return refusal(500, "this failed; the log says more")


class _Full(asyncio.Protocol):
    """Turns a connection away, without waiting for what it has to say."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer and close at once."""
        if isinstance(transport, asyncio.Transport):
            transport.write(_TURNED_AWAY)
        transport.close()


class _Discreet:
    """Stands in for aiohttp's logger: its texts quote what was sent, and that may be a secret."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told: dict[str, float] = {}

    def debug(self, *_: object, **__: object) -> None:
        """Tell nothing of what is expected."""

    info = warning = debug

    def exception(self, *_: object, exc_info: object = None, **__: object) -> None:
        """Tell what kind of failure it was, once a minute: anybody may send it for ever."""
        kind, now = type(exc_info).__name__, asyncio.get_running_loop().time()
        if now - self._told.get(kind, -_QUIET) >= _QUIET:
            self._told[kind] = now
            self._report("http.unreadable", {"error": kind})

    error = exception


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address; it takes connections once it is served.

    Args:
        host: an address or a name; no brackets around IPv6.
        port: 0 takes a free one.

    Raises:
        OSError: the address cannot be had; the text says which and what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unavailable(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    except OSError as error:
        listener.close()
        raise _unavailable(host, port, error) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a listening socket is reached from this machine: http://host:port."""
    host, port = listener.getsockname()[:2]
    # A socket bound to every address is reached at the loopback one.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared only)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _unavailable(host: str, port: int, error: OSError) -> OSError:
    message = (
        f"http.listen: {host}:{port} cannot be had: {error.strerror or error}; name another "
        "address, or port 0 for a free one"
    )
    return OSError(error.errno, message)


def _pattern(request: web.Request) -> str:
    """The route's pattern, such as /callbacks/{token}; a path that no route has is not told."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _as_json(problem: web.HTTPException) -> web.Response:
    headers: dict[str, str] = {}
    if hdrs.ALLOW in problem.headers:
        headers[hdrs.ALLOW] = problem.headers[hdrs.ALLOW]
    return refusal(problem.status, problem.reason, headers)


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = _SERVER
