"""One request after another to one API: turns, tokens, time, and what became of each.

Knows HTTP and faults, and neither rooms nor themes.  A request that changes something is sent once;
it is sent a second time only after a 401, which says that nothing was done, and then with a new
token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeVar

from orchestrator.adapters.meetings import faults
from orchestrator.adapters.meetings.apitime import ApiTime
from orchestrator.adapters.meetings.faults import Call
from orchestrator.adapters.meetings.overhttp import HttpAnswer
from orchestrator.adapters.meetings.retry import Retry
from orchestrator.adapters.meetings.routes import UPLOAD, route_of
from orchestrator.adapters.meetings.tempo import Tempo
from orchestrator.adapters.meetings.themewire import Upload
from orchestrator.adapters.meetings.token import Tokens
from orchestrator.adapters.meetings.transport import (
    Answer,
    NoAnswer,
    NotSent,
    Transport,
    Uploads,
)
from orchestrator.adapters.meetings.wire import Object, UnreadableError, read_object
from orchestrator.domain.facts import ApiCall
from orchestrator.foundation.secret import Secret
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import (
    Fault,
    MissingError,
    RefusedError,
    UnauthorizedError,
)
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.rooms import LAST_CALL
from orchestrator.ports.tracing import UNTRACED, Tracer

Result = TypeVar("Result")
Query = Mapping[str, str]

_NO_QUERY: Final[Query] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Way:
    """What a request goes through on its way to the API."""

    transport: Transport
    tokens: Tokens
    time: ApiTime
    clock: Clock
    tempo: Tempo
    retry: Retry


class MeetingsSession:
    """Sends requests and reads answers; every failure is a fault of the port.

    Args:
        way: the parts that a request goes through.
        root: the path that all requests stand under, for a transport that has none itself.
    """

    def __init__(self, way: Way, root: str = "") -> None:
        self._way = way
        self._root = root.rstrip("/")
        self.meter: Meter = UNMETERED
        """Who counts requests; set by whoever has one."""
        self.tracer: Tracer = UNTRACED
        """Who follows them."""

    def api_now(self) -> datetime:
        """API time (UTC)."""
        return self._way.time.now()

    def monotonic(self) -> float:
        """Seconds of the clock that is never set, from some moment on."""
        return self._way.clock.monotonic()

    def clock_difference(self) -> float:
        """API time less wall time, in seconds."""
        return self._way.time.difference()

    async def get(
        self, path: str, read: Callable[[Object], Result], query: Query = _NO_QUERY
    ) -> Result:
        """GET a JSON object and read it, again and again for some seconds if need be.

        Raises:
            Fault: `UnavailableError` also where the answer cannot be read.
        """
        return await self.get_body(path, lambda body: read(read_object(body)), query)

    async def get_body(
        self, path: str, read: Callable[[bytes], Result], query: Query = _NO_QUERY
    ) -> Result:
        """The same for a body that may be something else than an object."""
        call = Call("GET", path)

        async def attempt(number: int) -> Result:
            return self._read(call, await self._once(call, query, None, number), read)

        LAST_CALL.set(None)
        return await self._way.retry.call(attempt)

    async def change(
        self, method: str, path: str, body: bytes, read: Callable[[Object], Result]
    ) -> Result:
        """Send a JSON body, once, and read the object that comes back.

        Raises:
            Fault: `UnansweredError` also where a 2xx cannot be read.
        """
        call = Call(method, path)
        LAST_CALL.set(None)
        answer = await self._once(call, _NO_QUERY, body, 1)
        return self._read(call, answer, lambda said: read(read_object(said)))

    async def order(self, method: str, path: str, body: bytes) -> None:
        """Send a JSON body, once; of a 2xx only its status counts, as for `remove`."""
        await self._order(Call(method, path), _NO_QUERY, body)

    async def remove(self, path: str, query: Query = _NO_QUERY) -> None:
        """DELETE, once; a 2xx says nothing, or it is JSON: a page is a proxy's, not the API's."""
        await self._order(Call("DELETE", path), query, None)

    async def upload(self, uploads: Uploads, upload: Upload, content: bytes) -> None:
        """Send a picture to the place that the API named for it, once, without our token."""
        call = Call("POST", f"(upload of the {upload.kind} picture)")
        LAST_CALL.set(None)
        async with self._way.tempo.turn():
            began = self._way.clock.monotonic()
            status = 0
            try:
                answer = await uploads.upload(upload.url, upload.fields, content)
                status = answer.status
            except (NotSent, NoAnswer, OSError, TimeoutError) as error:
                raise faults.silent(call, error) from error
            finally:
                took = self._way.clock.monotonic() - began
                LAST_CALL.set(_told(call, status, took, 1))
                self.meter.called(call.method, UPLOAD, status, took, 1)
        if not _is_success(answer):
            # Its text is told nobody: an API may name whatever this machine can reach.
            silenced = HttpAnswer(answer.status, answer.headers, b"")
            fault = faults.refused(call, silenced, self.api_now())
            if isinstance(fault, UnauthorizedError | MissingError):
                # The store of pictures says so, and neither of our credentials nor of a theme.
                raise RefusedError(fault.message, fault.status)
            raise fault

    async def _order(self, call: Call, query: Query, body: bytes | None) -> None:
        LAST_CALL.set(None)
        answer = await self._once(call, query, body, 1)
        if not _is_success(answer):
            raise self._refused(call, answer)
        if answer.body.lstrip()[:1] == b"<":
            raise faults.unreadable(call, answer.status, "it is a page, and not the API's")

    def _refused(self, call: Call, answer: Answer) -> Fault:
        fault = faults.refused(call, answer, self.api_now())
        trouble = self._way.tokens.trouble
        if isinstance(fault, UnauthorizedError) and trouble:
            return UnauthorizedError(f"{fault.message}; and {trouble}", fault.status)
        return fault

    def _read(self, call: Call, answer: Answer, read: Callable[[bytes], Result]) -> Result:
        if not _is_success(answer):
            raise self._refused(call, answer)
        try:
            return read(answer.body)
        except UnreadableError as error:
            raise faults.unreadable(call, answer.status, str(error)) from error

    async def _once(self, call: Call, query: Query, body: bytes | None, number: int) -> Answer:
        """One request, and if its token was refused another, by the key as it is now."""
        async with self._way.tempo.turn():
            token = self._way.tokens.current()
            answer = await self._send(call, query, body, token, number)
        if answer.status != 401:
            return answer
        self._way.time.take_its_word()
        self._way.tokens.refuse(token)
        self._way.tokens.look_again()
        async with self._way.tempo.turn():
            return await self._send(call, query, body, self._way.tokens.current(), number)

    async def _send(
        self, call: Call, query: Query, body: bytes | None, token: Secret, number: int
    ) -> Answer:
        route = route_of(call.path)
        with self.tracer.span("call", method=call.method, route=route, attempt=number) as span:
            sent = self._way.clock.monotonic()
            try:
                answer = await self._ask(call, query, body, token)
            except (NotSent, NoAnswer, OSError, TimeoutError) as error:
                self._tell(call, 0, sent, number)
                span.failed("no answer")
                raise faults.silent(call, error) from error
            self._tell(call, answer.status, sent, number)
            span.note("status", answer.status)
            if not _is_success(answer):
                span.failed(str(answer.status))
        self._way.time.learn(answer.headers, sent)
        return answer

    def _tell(self, call: Call, status: int, sent: float, number: int) -> None:
        """A request came to its end; of what was withheld there is nothing to tell."""
        took = self._way.clock.monotonic() - sent
        LAST_CALL.set(_told(call, status, took, number))
        self.meter.called(call.method, route_of(call.path), status, took, number)

    async def _ask(self, call: Call, query: Query, body: bytes | None, token: Secret) -> Answer:
        headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return await self._way.transport.send(
            call.method, self._root + call.path, query, headers, body
        )


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _told(call: Call, status: int, seconds: float, number: int) -> ApiCall:
    return ApiCall(call.method, status, round(seconds * 1000, 3), number)
