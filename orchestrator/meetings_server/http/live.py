"""The meeting socket: WebSockets at /live, as docs/meeting-socket.md has them.

Whoever connects must come from a page of this server, and must say within ten seconds by which link
they come; nothing else of them is believed. A connection that floods, that does not read what it is
told, or that shows no sign of life is ended; no other one waits for it. Nothing that was said here
is reported, for it may hold tokens.
"""

import asyncio
import ipaddress
import json
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NoReturn
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

from orchestrator.meetings_server.lobby import (
    Bucket,
    Closed,
    Fault,
    Faulty,
    Frame,
    Lobby,
    Pace,
    Visit,
    Wish,
    closed,
    fault,
    sending_of,
    text_of,
)
from orchestrator.meetings_server.model.people import LONGEST_NAME
from orchestrator.meetings_server.ports import Clock, Report, StoreFault
from orchestrator.meetings_server.settings import is_loopback

PATH: Final = "/live"
PROTOCOL: Final = "meeting.1"

#: Bytes of one frame.
LARGEST_FRAME: Final = 64 * 1024

#: Connections at a time: half of those that the door lets in, so that the API is always reached.
MOST_SOCKETS: Final = 256

#: Of one address, before they have said by which link they come: one machine must not hold all.
MOST_SILENT: Final = 32

#: Bytes that wait for a slow reader before it is let go.
LARGEST_QUEUE: Final = 1024 * 1024

#: Why the socket closes after a last frame, beyond the codes of the protocol itself.
CLOSED_CODE: Final = 4000

# Seconds. Every second tick a ping goes out.
_TICK: Final = 5.0
_TICKS_TO_JOIN: Final = 2
_TICKS_WITHOUT_LIFE: Final = 5
_TICKS_TO_CLOSE: Final = 1
# Of the real clock: for the other side's own close.
_PARTING: Final = 2.0

_SPEAKING: Final = Pace(at_once=300, every=0.02)
# What is too fast is not carried out; so much of it in all, and the connection ends.
_MOST_TOO_FAST: Final = 200
_LONGEST_TOKEN: Final = 2_000
_CROWDED: Final = 30
_IPV6: Final = 6


class Live:
    """Answers at `PATH`."""

    def __init__(self, lobby: Lobby, external_url: str, clock: Clock, report: Report) -> None:
        """`external_url` is what people's browsers reach us by."""
        self._lobby = lobby
        outside = urlsplit(external_url)
        self._origin = f"{outside.scheme}://{outside.netloc}".lower()
        self._clock = clock
        self._report = report
        self._count = 0
        # By address: connections that have not come yet.
        self._silent: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket, to its end; or an answer that says why there is none."""
        if not self._is_own_page(request):
            return web.Response(status=403, text="Only pages of this server may connect.\n")
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,),
            autoping=False,
            compress=False,
            max_msg_size=LARGEST_FRAME,
            timeout=_PARTING,
        )
        ready = socket.can_prepare(request)
        if not ready.ok or ready.protocol != PROTOCOL:
            headers = {"Upgrade": "websocket", "Sec-WebSocket-Protocol": PROTOCOL}
            text = f"A WebSocket of the protocol {PROTOCOL} is spoken here.\n"
            return web.Response(status=426, headers=headers, text=text)
        await socket.prepare(request)
        connection = _Connection(socket, request, self._lobby, self._clock, self._report)
        address = connection.address
        connection.came = lambda: self._came(address)
        self._count += 1
        self._silent[address] += 1
        try:
            if self._count > MOST_SOCKETS or self._silent[address] > MOST_SILENT:
                connection.end({**closed(Closed.BUSY), "retry_after": _CROWDED})
            await connection.serve()
        finally:
            self._count -= 1
            if not connection.has_come:
                self._came(address)
        return socket

    def _came(self, address: str) -> None:
        """One connection of an address less that is silent."""
        self._silent[address] -= 1
        if not self._silent[address]:
            del self._silent[address]

    def _is_own_page(self, request: web.Request) -> bool:
        """Whether the browser says that the page which connects came from here.

        Behind a proxy that ends TLS the scheme is not ours, so the host alone is compared then.
        """
        origin = request.headers.get("Origin", "").lower()
        if not origin.startswith(("http://", "https://")):
            return False
        return origin == self._origin or origin.partition("://")[2] == request.host.lower()


class _Connection:
    """One WebSocket: a `Line` for the lobby, and what is heard from it."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        lobby: Lobby,
        clock: Clock,
        report: Report,
    ) -> None:
        self._socket = socket
        self._request = request
        forwarded = request.headers.getall("X-Forwarded-For", ())
        self.address = whence(request.remote or "", forwarded)
        #: Called once they say by which link they come.
        self.came: Callable[[], None] = lambda: None
        self._lobby = lobby
        self._clock = clock
        self._report = report
        self._queue: deque[str] = deque()
        self._queued = 0
        self._work = asyncio.Event()
        self._has_ended = False
        self._code: int = WSCloseCode.OK
        self._visit: Visit | None = None
        #: Whether they said by which link they come.
        self.has_come = False
        self._silent = 0
        self._speaking = Bucket(_SPEAKING, clock.now())
        self._too_fast = 0

    # --- as a line ---

    def send(self, frame: Frame) -> None:
        if self._has_ended:
            return
        text = text_of(frame)
        self._queued += len(text)
        if self._queued > LARGEST_QUEUE:
            self._drop()
            return
        self._queue.append(text)
        self._work.set()

    def end(self, last: Frame | None) -> None:
        if self._has_ended:
            return
        if last is not None:
            self.send(last)
            self._code = CLOSED_CODE
        self._has_ended = True
        self._work.set()

    def _drop(self) -> None:
        """End it at once; what was not sent is not."""
        self._has_ended = True
        self._queue.clear()
        if self._request.transport is not None:
            self._request.transport.abort()
        self._work.set()

    # --- to its end ---

    async def serve(self) -> None:
        """Hear and tell until either side has had enough."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = (
                    group.create_task(self._tell(), name="meetings-server: live telling"),
                    group.create_task(self._watch(), name="meetings-server: live watching"),
                )
                await self._hear()
                for task in tasks:
                    task.cancel()
        finally:
            self._has_ended = True
            if self._visit is not None:
                await self._lobby.lost(self._visit)

    async def _tell(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self._work.wait()
                self._work.clear()
                while self._queue:
                    text = self._queue.popleft()
                    await self._socket.send_str(text)
                    self._queued -= len(text)
                if self._has_ended:
                    await self._socket.close(code=self._code)
                    return

    async def _watch(self) -> None:
        """Ping, and let go who does not join, does not answer, or does not close."""
        ticks = parting = 0
        with suppress(ConnectionError):
            while True:
                await self._clock.sleep(_TICK)
                ticks += 1
                self._silent += 1
                parting += self._has_ended
                if self._silent >= _TICKS_WITHOUT_LIFE or parting > _TICKS_TO_CLOSE:
                    self._drop()
                    return
                if not self.has_come and ticks >= _TICKS_TO_JOIN:
                    self.end(closed(Closed.REFUSED, "Nobody said by which link they come."))
                if ticks % 2 == 0 and not self._has_ended:
                    await self._socket.ping()

    async def _hear(self) -> None:
        while True:
            message = await self._socket.receive()
            self._silent = 0
            if message.type in {WSMsgType.PONG, WSMsgType.PING}:
                if not self._is_too_fast() and message.type is WSMsgType.PING:
                    with suppress(ConnectionError):
                        await self._socket.pong(message.data)
            elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                if self._is_too_fast():
                    self.send(fault(Fault.TOO_FAST, "That was too fast, and is not carried out."))
                elif not self._has_ended:
                    await self._said(message.data)
            else:
                return

    def _is_too_fast(self) -> bool:
        if not self._speaking.take(self._clock.now()):
            return False
        self._too_fast += 1
        if self._too_fast > _MOST_TOO_FAST:
            self.end(closed(Closed.REFUSED, "Too many frames were sent."))
        return True

    async def _said(self, data: object) -> None:
        try:
            frame = _frame(data)
            if not self.has_come:
                self.has_come = True
                self.came()
                self._visit = await self._lobby.come(self, _wish(frame, self.address))
            elif frame.get("type") == "leave" and self._visit is not None:
                await self._lobby.leave(self._visit)
            elif self._visit is not None:
                await self._lobby.heard(self._visit, frame)
        except Faulty as faulty:
            if self._visit is not None:
                self.send(faulty.frame)
            else:
                self.end(closed(Closed.REFUSED, str(faulty)))
        except StoreFault as error:
            self._report("live.unavailable", {"error": str(error)})
            self.end(closed(Closed.RESTARTING, "The server cannot read or write just now."))
        except Exception as error:  # noqa: BLE001 - one bad frame must not end the server
            self._report("live.failed", {"error": type(error).__name__})
            self.end(closed(Closed.RESTARTING, "Something went wrong on the server."))


def _frame(data: object) -> Frame:
    """One frame; `Faulty` if it is none."""
    if not isinstance(data, str):
        raise Faulty(Fault.BAD_FRAME, "Frames are text.")
    try:
        frame = json.loads(data, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Faulty(Fault.BAD_FRAME, "The frame is not JSON.") from error
    if not isinstance(frame, dict):
        raise Faulty(Fault.BAD_FRAME, "A frame is a JSON object.")
    return frame


def _no_number(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which are not JSON, and would hand them on to browsers.
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _wish(frame: Frame, address: str) -> Wish:
    """The first frame; `Faulty` if it is another one."""
    if frame.get("type") != "join":
        raise Faulty(Fault.BAD_FRAME, "The first frame must be of the type join.")
    name = " ".join(_told(frame, "name").split())
    if not name or len(name) > LONGEST_NAME:
        raise Faulty(Fault.BAD_FRAME, f"name must have 1 to {LONGEST_NAME} characters")
    return Wish(
        link=_told(frame, "link"),
        host=_told(frame, "host"),
        name=name,
        resume=_told(frame, "resume"),
        sending=sending_of({**frame, "screen": False}),
        address=address,
    )


def whence(remote: str, forwarded: Sequence[str]) -> str:
    """Where somebody comes from, for counting how often.

    A proxy on this machine is believed about the address that came to it, its last; everybody
    behind it would be counted as one otherwise, and one of them could keep out the others. Of IPv6
    a whole /64 is one, for that is what a single customer has.
    """
    last = ",".join(forwarded).rpartition(",")[2].strip()
    for text in (last, remote) if is_loopback(remote) else (remote,):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if address.version == _IPV6:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)
    return remote


def _told(frame: Mapping[str, object], field: str) -> str:
    value = frame.get(field, "")
    if not isinstance(value, str) or len(value) > _LONGEST_TOKEN or not _is_whole(value):
        raise Faulty(
            Fault.BAD_FRAME, f"{field} must be text of at most {_LONGEST_TOKEN} characters"
        )
    return value


def _is_whole(text: str) -> bool:
    """Whether it can be stored: JSON can spell half a character."""
    return not any("\ud800" <= one <= "\udfff" for one in text)
