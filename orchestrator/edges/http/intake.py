"""Pages over HTTP: ``/in/SOURCE`` and ``/in/SOURCE/TOKEN``, recorded before they are answered.

Whoever is not let in, or names a source that is not there, gets one and the same 401.  A message
that was let in is never answered with another 4xx, whatever it says (a sender may drop it, or us,
for that), but for a batch (415) and a body beyond the limit (413, told as the operator's error).
What cannot be recorded now is answered with 503 and ``Retry-After``.  No path, token or body is
ever told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from aiohttp import hdrs, web

from orchestrator.domain.pages import Ignored, Signal
from orchestrator.domain.reports import SenderRow
from orchestrator.edges.http.answers import Json, answer, nothing, refusal
from orchestrator.ports.intake import Outcome, OverloadedError, PageDesk, Receipt
from orchestrator.ports.store import StoreFault

PATH: Final = "/in/"
Report = Callable[[str, Mapping[str, object]], None]
_Headers = Sequence[tuple[str, str]]

_RETRY_AFTER: Final[dict[str, str]] = {hdrs.RETRY_AFTER: "5"}  # seconds
_METHODS: Final = (hdrs.METH_POST, hdrs.METH_PUT)
_LARGE: Final = 64 * 1024  # bytes; reading more of them takes longer than others should wait
_CHALLENGE: Final[dict[str, str]] = {hdrs.WWW_AUTHENTICATE: "Bearer"}
_QUIET: Final = 60.0  # seconds between two lines of the log about one thing


@dataclass(slots=True)
class _Seen:
    """What came of one source since the start."""

    last_at: datetime | None = None
    taken: int = 0
    refused: int = 0
    put_off: int = 0
    refused_at: datetime | None = None


class Source(Protocol):
    """One paging system, as it is set up."""

    @property
    def kind(self) -> str:
        """Which system it is."""
        ...

    @property
    def name(self) -> str:
        """In config.yaml."""
        ...

    @property
    def wait(self) -> timedelta:
        """How long the answer may wait for a room."""
        ...

    @property
    def is_asking(self) -> bool:
        """The sender waits for the room itself: 201, or 200 where it was there."""
        ...

    @property
    def is_showing(self) -> bool:
        """The sender shows our answer to responders: it gets the link."""
        ...

    @property
    def is_shaking_hands(self) -> bool:
        """The sender asks for consent before it sends (OPTIONS, CloudEvents)."""
        ...

    def fits(self, token: str) -> bool:
        """Whether the end of the address is right."""
        ...

    def admits(self, headers: _Headers, token: str, access_token: str) -> bool:
        """Whether everything holds that can be known before the body is there."""
        ...

    def is_signed(self, headers: _Headers, body: bytes, now: datetime) -> bool:
        """Whether the signature holds, where one is asked for."""
        ...

    def takes(self, headers: _Headers) -> bool:
        """Whether the form of the message is one that is taken."""
        ...

    def read(self, headers: _Headers, body: bytes) -> Sequence[Signal]:
        """What the message tells; never raises for what is in it."""
        ...


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What the senders of pages may ask for.

    Attributes:
        body: bytes of one body, inflated: 1,000 alerts of a group are about one million.
        held: bytes of all bodies that are being read or recorded; more of them come again.
        at_once: messages being recorded or waiting for their room; more of them come again.
        reading: seconds for one body.  Bodies that trickle in hold no place of those above.
        recording: seconds for everything after it, beyond what a source waits for a room.
    """

    body: int = 8 * 1024 * 1024
    held: int = 64 * 1024 * 1024
    at_once: int = 128
    reading: float = 4.0
    recording: float = 2.5


USUAL: Final = IntakeLimits()


class _Refused(Exception):
    """The message ends here, with this answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


class IntakeRoutes:
    """Answers below /in/, for one desk after another."""

    def __init__(
        self, now: Callable[[], datetime], report: Report, limits: IntakeLimits = USUAL
    ) -> None:
        """Know no source, and tell everybody to come again, until `taking`.

        Args:
            now: by which signed times are judged (UTC).
            report: is told what an operator should know, by the names of sources.
            limits: what senders may ask for.
        """
        self.sources: Mapping[str, Source] = {}
        self._now = now
        self._report = report
        self._limits = limits
        self._desk: PageDesk | None = None
        self._under_way = 0
        self._held = 0
        self._told: dict[tuple[str, str], float] = {}
        self._seen: dict[str, _Seen] = {}

    def rows(self) -> tuple[SenderRow, ...]:
        """What came of each source since the start, by name; what came of no source is not here."""
        return tuple(
            SenderRow(name, str(source.kind), **asdict(self._seen.get(name, _Seen())))
            for name, source in sorted(self.sources.items())
        )

    def routes(self) -> tuple[web.AbstractRouteDef, ...]:
        """For the server; every method, so that none tells which sources there are."""
        paths = (f"{PATH}{{source}}", f"{PATH}{{source}}/", f"{PATH}{{source}}/{{token}}")
        return tuple(web.route(hdrs.METH_ANY, path, self._answer) for path in paths)

    @contextlib.contextmanager
    def taking(self, desk: PageDesk | None) -> Iterator[None]:
        """Hand pages to a desk for the length of the block; outside of it they come again."""
        self._desk = desk
        try:
            yield
        finally:
            self._desk = None

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method == hdrs.METH_OPTIONS and _origin(request):
            return self._consent(request)
        if request.method not in _METHODS:
            allowed: dict[str, str] = {hdrs.ALLOW: ", ".join(_METHODS)}
            return refusal(405, "pages are POSTed", allowed)
        source = self.sources.get(request.match_info["source"])
        token = request.match_info.get("token", "")
        headers = list(request.headers.items())
        if source is None:
            return self._unknown("", "no such source")
        if not source.admits(headers, token, request.query.get("access_token", "")):
            return self._unknown(source.name, "no credential, or a wrong one")
        try:
            async with contextlib.AsyncExitStack() as stack:
                body = await self._body(source, request, stack)
                response = await self._take(source, headers, body)
        except _Refused as refused:
            response = refused.response
        self._count(source.name, response.status)
        return response

    def _count(self, name: str, status: int) -> None:
        seen = self._seen.setdefault(name, _Seen())
        if status < 300:
            seen.taken += 1
            seen.last_at = self._now()
        elif status == 503:
            seen.put_off += 1

    async def _take(self, source: Source, headers: _Headers, body: bytes) -> web.Response:
        if not source.is_signed(headers, body, self._now()):
            return self._unknown(source.name, "the signature does not hold")
        if not source.takes(headers):
            return refusal(415, "one event a message, as JSON")
        if self._desk is None:
            return _again("not now; send it again")
        if self._under_way >= self._limits.at_once:
            self._tell("intake.overloaded", source.name, at_once=self._limits.at_once)
            return _again("too many at once; send it again")
        self._under_way += 1
        try:
            return await self._recorded(source, headers, body, self._desk)
        finally:
            self._under_way -= 1

    async def _recorded(
        self, source: Source, headers: _Headers, body: bytes, desk: PageDesk
    ) -> web.Response:
        # Who waits for a room leaves half of the places to those who want to be recorded: with the
        # API away a storm of the one kind would otherwise turn the other away.
        is_crowded = 2 * self._under_way > self._limits.at_once
        wait = timedelta() if is_crowded else source.wait
        patience = self._limits.recording + wait.total_seconds()
        try:
            async with asyncio.timeout(patience):
                if len(body) > _LARGE:
                    signals = await asyncio.to_thread(source.read, headers, body)
                else:
                    signals = source.read(headers, body)
                receipts = await desk.received(signals, wait)
                for signal in signals:
                    if isinstance(signal, Ignored) and signal.asks:
                        self._report("intake.asks", {"source": source.name, "what": signal.asks})
        except StoreFault:
            self._tell("intake.not_recorded", source.name)
            return _again("it cannot be recorded now; send it again")
        except OverloadedError:
            self._tell("intake.overloaded", source.name)
            return _again("too much waits; send it again")
        except TimeoutError:
            self._tell("intake.slow", source.name, seconds=patience)
            return _again("recording it takes too long; send it again")
        return _answered(source, receipts)

    async def _body(
        self, source: Source, request: web.Request, stack: contextlib.AsyncExitStack
    ) -> bytes:
        """The body, inflated; what it takes of `held` is given back when the stack ends."""
        limits = self._limits
        parts: list[bytes] = []
        length = request.content_length or 0
        if length > limits.body:
            raise _Refused(self._too_large(source))
        taken = 0

        def give_back() -> None:
            self._held -= taken

        stack.callback(give_back)
        try:
            async with asyncio.timeout(limits.reading):
                async for part in request.content.iter_any():
                    taken += len(part)
                    self._held += len(part)
                    parts.append(part)
                    if taken > limits.body:
                        raise _Refused(self._too_large(source))
                    if self._held > limits.held:
                        self._tell("intake.overloaded", source.name, held=limits.held)
                        raise _Refused(_again("too much at once; send it again"))
        except TimeoutError:
            self._tell("intake.slow_body", source.name, seconds=limits.reading)
            raise _Refused(_again("the body came too slowly; send it again")) from None
        except web.RequestPayloadError:
            # Its text may quote what was sent.
            raise _Refused(refusal(400, "the body is not what its headers say")) from None
        return b"".join(parts)

    def _too_large(self, source: Source) -> web.Response:
        most = self._limits.body
        self._tell("intake.too_large", source.name, most=most)
        return refusal(413, f"a body may have {most} bytes; let the sender send fewer alerts")

    def _unknown(self, name: str, why: str) -> web.Response:
        if name:
            seen = self._seen.setdefault(name, _Seen())
            seen.refused += 1
            seen.refused_at = self._now()
        self._tell("intake.refused", name, why=why)
        return refusal(401, "Unauthorized", _CHALLENGE)

    def _consent(self, request: web.Request) -> web.Response:
        """The handshake of CloudEvents: consent lets nobody in."""
        source = self.sources.get(request.match_info["source"])
        token = request.match_info.get("token", "")
        if source is None or not source.is_shaking_hands or not source.fits(token):
            return refusal(401, "Unauthorized", _CHALLENGE)
        response = nothing(200)
        response.headers["WebHook-Allowed-Origin"] = _origin(request)
        response.headers["WebHook-Allowed-Rate"] = "*"
        response.headers[hdrs.ALLOW] = hdrs.METH_POST
        return response

    def _tell(self, event: str, name: str, **fields: object) -> None:
        """One line a minute about one thing: whoever is refused can not fill the log."""
        now = asyncio.get_running_loop().time()
        last = self._told.get((event, name))
        if last is None or now - last >= _QUIET:
            self._told[event, name] = now
            self._report(event, {"source": name, **fields} if name else fields)


def _origin(request: web.Request) -> str:
    """Who asks for consent; nothing where that is no name that can stand in a header."""
    found = request.headers.get("WebHook-Request-Origin", "").strip()
    return found if found.isascii() and found.isprintable() and len(found) <= 253 else ""


def _again(why: str) -> web.Response:
    return refusal(503, why, _RETRY_AFTER)


def _answered(source: Source, receipts: Sequence[Receipt]) -> web.Response:
    # What opened is what the sender asks after.
    told = next((one for one in receipts if one.outcome in _OPEN), (*receipts, _NOTHING)[0])
    content: dict[str, Json] = {"outcome": str(told.outcome)}
    if told.why:
        content["why"] = told.why
    if not (source.is_asking or source.is_showing):
        return answer(202, content)
    content["created"] = told.created
    if told.link:
        content["join_url"] = told.link
    if told.room_id:
        content["room_id"] = told.room_id
    if told.outcome not in _OPEN:
        return answer(200, content)
    if not told.room_id:
        return answer(202, content)  # the link leads there as soon as there is a room
    return answer(201 if told.created and source.is_asking else 200, content)


_OPEN: Final = frozenset({Outcome.OPENED, Outcome.KNOWN})
_NOTHING: Final = Receipt(Outcome.IGNORED)
