"""A tap in the wire between the daemon and the server, which kills at a chosen moment.

It passes on every byte, sees requests and answers begin, and is exact to parts of a millisecond.

Nothing that passes is changed. Right after the kill a request of its own goes to the server, so
that the server's request log itself tells what had been answered before the kill.
"""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MARK_PATH = "/the-daemon-was-killed"

_CHUNK = 65_536
_METHODS = (b"GET ", b"POST ", b"PATCH ", b"DELETE ")


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so long after the nth passing of requests, or of answers, of some methods.

    Attributes:
        of_answers: answers are counted, not requests.
        delay: seconds.
    """

    methods: frozenset[str]
    of_answers: bool
    nth: int
    delay: float

    def __str__(self) -> str:
        what = "answer" if self.of_answers else "request"
        methods = "/".join(sorted(self.methods))
        return f"{self.delay * 1000:.1f} ms after {methods} {what} no. {self.nth}"


@dataclass(slots=True)
class _Armed:
    moment: Moment
    pid: int
    left: int
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    strikes: bool = False
    off: bool = False


class Tap:
    """Listens on `url` and passes on to the server; made by `opened`."""

    def __init__(self, host: str, port: int) -> None:
        self.url = ""
        self._host, self._port = host, port
        self._armed: _Armed | None = None
        self._last: _Armed | None = None
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def opened(cls, server_url: str) -> "AsyncIterator[Tap]":
        """A tap for the length of the block."""
        parts = urlsplit(server_url)
        assert parts.hostname is not None
        assert parts.port is not None
        tap = cls(parts.hostname, parts.port)
        listener = await asyncio.start_server(tap._connected, "127.0.0.1", 0)
        host, port = listener.sockets[0].getsockname()[:2]
        tap.url = f"http://{host}:{port}"
        try:
            yield tap
        finally:
            listener.close()
            for task in list(tap._tasks):
                task.cancel()
            await asyncio.gather(*tap._tasks, return_exceptions=True)

    def arm(self, moment: Moment, pid: int) -> asyncio.Event:
        """Kill this process at this moment; the event is set once that is done."""
        self._armed = self._last = _Armed(moment, pid, moment.nth)
        return self._armed.struck

    def disarm(self) -> bool:
        """Kill no more; false where the kill is done or under way, and its event will be set.

        The moment may have come and its delay not be over: whoever killed and buried the process
        meanwhile would have the tap kill whatever has its number then, and mark another life.
        """
        self._armed, last = None, self._last
        if last is None:
            return True
        with last.turn:
            last.off = True
            return not last.strikes

    def mark(self) -> None:
        """Let the server's log tell that this is the moment of the kill; blocks for a moment."""
        with socket.create_connection((self._host, self._port), timeout=5) as connection:
            connection.sendall(f"GET {MARK_PATH} HTTP/1.1\r\nHost: tap\r\n\r\n".encode())
            connection.recv(_CHUNK)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        connection = _Connection(self)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(connection.pass_on(reader, back, of_answers=False))
                group.create_task(connection.pass_on(there, writer, of_answers=True))
        finally:
            writer.close()
            back.close()

    def passed(self, method: str, *, of_answers: bool) -> None:
        """A request or an answer began to pass."""
        armed = self._armed
        if armed is None or armed.moment.of_answers is not of_answers:
            return
        if method not in armed.moment.methods:
            return
        armed.left -= 1
        if armed.left == 0:
            self._armed = None
            # A thread of its own: asyncio's timers are no finer than a millisecond.
            threading.Thread(target=self._strike, args=(armed,), name="strike").start()

    def _strike(self, armed: _Armed) -> None:
        # Connected before, so that the word comes to the server at once.
        with socket.create_connection((self._host, self._port), timeout=5) as connection:
            word = f"GET {MARK_PATH} HTTP/1.1\r\nHost: tap\r\n\r\n".encode()
            time.sleep(armed.moment.delay)
            with armed.turn:
                if armed.off:
                    return
                armed.strikes = True
                os.kill(armed.pid, signal.SIGKILL)
            connection.sendall(word)
            connection.recv(_CHUNK)
        self._loop.call_soon_threadsafe(armed.struck.set)


class _Connection:
    """One connection of the daemon, on which one request at a time is under way."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._method = ""

    async def pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, of_answers: bool
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                writer.write(chunk)
                self._look(chunk, of_answers=of_answers)
            writer.write_eof()
        except (OSError, RuntimeError):
            writer.close()  # the other side is gone, with words under way

    def _look(self, chunk: bytes, *, of_answers: bool) -> None:
        if of_answers:
            if self._method and chunk.startswith(b"HTTP/1.1 "):
                method, self._method = self._method, ""
                self._tap.passed(method, of_answers=True)
        elif chunk.startswith(_METHODS):
            self._method = chunk.partition(b" ")[0].decode()
            self._tap.passed(self._method, of_answers=False)
