"""One HTTP request to a destination: sent once, bounded in time and size, and never redirected.

What became of it is told apart as the outbox needs it: nothing left (`DeliveryFault`), it left and
nobody knows (`DeliveryUnansweredError`), or an answer, whatever its status.  A connection goes only
where somebody allowed it.  Addresses and headers may be secrets, and so may what an answer says:
none of it is ever in a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from orchestrator.foundation.outbound import BrokenError, guarded, unreached
from orchestrator.foundation.reach import NotAllowedError, Reach
from orchestrator.foundation.secret import Secret, SecretFault
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)

ANSWER_MOST: Final = 256 * 1024  # bytes; what comes beyond it is not read
_CHUNK: Final = 16 * 1024
_AGENT: Final = "room-orchestrator"
_WAIT_MOST: Final = 24 * 3600.0  # seconds; who asks for more means "never"
_WEATHER: Final = frozenset({408, 425, 429})

ReadSecret = Callable[[], Secret]
"""Reads a secret where config.yaml says, each time anew; raises `SecretFault`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds to wait: for a connection, and for the whole answer."""

    connect: float = 5.0
    total: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination answered.

    Attributes:
        headers: names without case.
        body: at most `ANSWER_MOST` bytes of it.
        wait: the seconds that it asks to wait (``Retry-After``); None where it does not say.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    wait: float | None = None

    @property
    def good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    @property
    def fields(self) -> Mapping[str, object]:
        """The JSON object that it holds; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """The body as text, for comparing with known words; never to be shown."""
        return self.body.decode("utf-8", "replace").strip()

    def fault(self, hint: str = "", code: str = "") -> DeliveryFault:
        """What an answer that is no 2xx means by its status alone.

        Args:
            hint: what to mend where it is refused for good.
            code: the destination's own word for it, already known to be harmless.
        """
        told = f"answered {self.status}"
        with contextlib.suppress(ValueError):
            told = f"{told} {HTTPStatus(self.status).phrase}"
        told = f"{told} ({code})" if code else told
        if self.status in _WEATHER or self.status >= 500:
            return DeliveryFault(told, self.wait)
        if 300 <= self.status < 400:
            hint = "redirects are not followed, write the address where it is"
        return DeliveryRefusedError(f"{told}; {hint or _HINTS.get(self.status, 'check the url')}")


_HINTS: Final = {
    401: "check the secret",
    403: "check the secret and what it may do",
    413: "the message is too long for it",
}


class Post:
    """Sends requests for one destination.

    Args:
        reach: the private addresses that requests may go to.
        clock: what a ``Retry-After`` that is a moment is compared with.
        tls: for a certificate authority of one's own; by default the system's.
        resolver: by default the system's.
    """

    def __init__(
        self,
        reach: Reach,
        clock: Clock,
        bounds: Bounds | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._reach = reach
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._tls = tls
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request.

        Args:
            method: a GET changes nothing, so that it may always be sent again.
            url: sent byte for byte, because some end in a signature of themselves.
            headers: besides our own; with a body ``Content-Type: application/json`` is the default.
            body: the bytes that are sent.

        Raises:
            DeliveryFault: nothing left, or nothing was to change.
            DeliveryUnansweredError: it left, and no whole answer came.
            DeliveryRefusedError: the address is none, or none that requests may go to.
        """
        try:
            where = URL(url, encoded=True)
            self._reach.check_literal(where.host or "")
        except (ValueError, IndexError):  # the latter for [::1]@
            raise DeliveryRefusedError("is not asked: its url is no address") from None
        except NotAllowedError as refusal:
            raise _not_allowed(refusal) from None
        sent = {"User-Agent": _AGENT, "Accept": "application/json"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        try:
            asking = self._connections().request(
                method, where, headers=sent, data=body, allow_redirects=False
            )
            async with asking as response:
                read = await _some(response)
                return Answer(
                    response.status,
                    response.headers,
                    read,
                    wait_of(response.headers, self._clock.now()),
                )
        # Not chained: some of aiohttp's errors carry the request's headers in their text.
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise self._fault(error, changes=method != "GET") from None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connections(self) -> aiohttp.ClientSession:
        # Made at the first request, because it belongs to the event loop that runs then.
        if self._session is None:
            patience = aiohttp.ClientTimeout(total=self._bounds.total, connect=self._bounds.connect)
            self._session = guarded(self._reach, patience, self._tls, self._resolver)
        return self._session

    def _fault(self, error: Exception, *, changes: bool) -> DeliveryFault:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return DeliveryFault("has a certificate that is not trusted")
        if isinstance(error, aiohttp.ClientConnectorError):
            if isinstance(error.os_error, NotAllowedError):
                return _not_allowed(error.os_error)
            return DeliveryFault(f"cannot be reached: {unreached(error.os_error)}")
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return DeliveryFault(f"cannot be reached within {self._bounds.connect:g} s")
        if isinstance(error, aiohttp.InvalidURL):
            return DeliveryRefusedError("is not asked: its url is no address")
        told = _unanswered(error, self._bounds)
        return DeliveryUnansweredError(told) if changes else DeliveryFault(told)


def json_bytes(value: object) -> bytes:
    """JSON as it is sent: signed and sent are the same bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def header_of(read: ReadSecret) -> str:
    """A secret as it is sent in a header or as an address. Raises `DeliveryRefusedError`."""
    try:
        secret = read().reveal()
    except SecretFault as error:
        message = f"is not asked: {error}"
        raise DeliveryRefusedError(message) from None
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise DeliveryRefusedError("is not asked: its secret holds characters that none may")
    return secret


async def read_in_thread(read: ReadSecret) -> str:
    """`header_of`, off the event loop: a secret may lie on a slow disk."""
    return await asyncio.to_thread(header_of, read)


def wait_of(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that ``Retry-After`` asks for, in both of its forms; None where it does not."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        return min(float(text), _WAIT_MOST)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max((moment - now).total_seconds(), 0.0), _WAIT_MOST)
    except (ValueError, OverflowError):  # the latter for digits without end
        return None


async def _some(response: aiohttp.ClientResponse) -> bytes:
    """As much of the body as is ever read."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_chunked(_CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size >= ANSWER_MOST:
            break
    return b"".join(pieces)[:ANSWER_MOST]


def _not_allowed(refusal: NotAllowedError) -> DeliveryRefusedError:
    return DeliveryRefusedError(f"is not asked: {refusal}; allow_private can allow it")


def _unanswered(error: Exception, bounds: Bounds) -> str:
    if isinstance(error, TimeoutError):
        return f"did not answer within {bounds.total:g} s"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "answered, and was cut off"
    if isinstance(error, BrokenError):
        return "closed the connection before it answered"
    if isinstance(error, aiohttp.ClientResponseError):
        return "answered with what is no HTTP, or with a head that is too long; check the url"
    return f"cannot be asked ({type(error).__name__})"
