"""Asking on aiohttp: one GET, no redirect, no cookie, no proxy, no connection kept.

Where a request may go is judged by the address that is connected to, and where a secret may go by
the host that it is bound to; both are judged here again, whatever was checked when the policy was
read.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from orchestrator.adapters.directories.answers import refused, too_large, understood
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.policies import Directory, Header
from orchestrator.foundation.instants import format_duration
from orchestrator.foundation.outbound import BrokenError, guarded, unreached
from orchestrator.foundation.reach import NotAllowedError, Reach
from orchestrator.foundation.secret import Secret, SecretFault
from orchestrator.ports.clock import Clock
from orchestrator.ports.directories import Failed, Fetched, Unchanged, Validators

_CHUNK: Final = 64 * 1024
_AGENT: Final = "room-orchestrator"


@dataclass(frozen=True, slots=True)
class HeldSecret:
    """A secret that is read when it is sent, so that its file may be replaced at any time.

    Attributes:
        use: where it may be sent.
        read: reads it; raises `SecretFault`.
    """

    use: SecretUse
    read: Callable[[], Secret]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long to wait, and how much to take.

    Attributes:
        connect: for a connection, name resolution and TLS included.
        total: for the whole answer.
        size: bytes of an answer, before and after decompression.
    """

    connect: timedelta = timedelta(seconds=10)
    total: timedelta = timedelta(seconds=30)
    size: int = 16 * 1024 * 1024


class _RefusedError(Exception):
    """The request does not leave; the text says why."""


class HttpDirectories:
    """Implements `orchestrator.ports.directories.Directories`.

    Args:
        secrets: by the names that policies use.
        reach: the private addresses that requests may go to.
        clock: what a ``Retry-After`` that is a moment is compared with.
        tls: for a certificate authority of one's own; by default the system's.
        resolver: by default the system's.
    """

    def __init__(
        self,
        secrets: Mapping[str, HeldSecret],
        reach: Reach,
        clock: Clock,
        bounds: Bounds | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._secrets = secrets
        self._reach = reach
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._tls = tls
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"HttpDirectories(secrets={sorted(self._secrets)})"

    async def fetch(self, directory: Directory, known: Validators) -> Fetched:
        """Ask once, for anything newer than what is known. Never raises: failures are values."""
        try:
            url = URL(directory.url, encoded=True)
            self._reach.check_literal(url.host or "")
            headers = await asyncio.to_thread(self._headers, directory, known)
            return await self._ask(directory, url, headers, known)
        except _RefusedError as refusal:
            return Failed(str(refusal))
        except IndexError:
            return Failed("is not asked: its url is no address")  # the library's word for [::1]@
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Failed(self._reason(error))

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _headers(self, directory: Directory, known: Validators) -> CIMultiDict[str]:
        headers = CIMultiDict({"Accept": "application/json", "User-Agent": _AGENT})
        for header in directory.headers:
            headers[header.name] = self._value(directory, header)
        headers["Accept-Encoding"] = "gzip"
        if known.etag:
            headers["If-None-Match"] = known.etag
        if known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        return headers

    def _value(self, directory: Directory, header: Header) -> str:
        if not header.secret:
            return header.value
        held = self._secrets.get(header.secret)
        if held is None:
            message = f'is not asked: config.yaml has no secret "{header.secret}"'
            raise _RefusedError(message)
        refusal = held.use.refusal(header.secret, directory.url)
        if refusal:
            message = f"is not asked: {refusal}"
            raise _RefusedError(message)
        try:
            secret = held.read().reveal()
        except SecretFault as error:
            message = f"is not asked: {error}"
            raise _RefusedError(message) from error
        if not (secret.isascii() and secret.isprintable()):
            message = (
                f'is not asked: the secret "{header.secret}" holds characters that no header may'
            )
            raise _RefusedError(message)
        return f"{header.value}{secret}"

    async def _ask(
        self, directory: Directory, url: URL, headers: CIMultiDict[str], known: Validators
    ) -> Fetched:
        async with self._connections().get(url, headers=headers, allow_redirects=False) as response:
            if response.status == 304 and known:
                return Unchanged()
            if response.status != 200:
                return refused(response.status, response.headers, directory.url, self._clock.now())
            raw = await self._whole(response)
            if raw is None:
                return too_large(self._bounds.size)
        return await asyncio.to_thread(understood, response.headers, raw, self._bounds.size)

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body as it came; None where it is longer than we read."""
        if (response.content_length or 0) > self._bounds.size:
            return None
        pieces: list[bytes] = []
        size = 0
        async for piece in response.content.iter_chunked(_CHUNK):
            size += len(piece)
            if size > self._bounds.size:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    def _connections(self) -> aiohttp.ClientSession:
        # Made at the first request, because it belongs to the event loop that runs then.
        if self._session is None:
            patience = aiohttp.ClientTimeout(
                total=self._bounds.total.total_seconds(),
                connect=self._bounds.connect.total_seconds(),
            )
            self._session = guarded(
                self._reach, patience, self._tls, self._resolver, decompress=False
            )
        return self._session

    def _reason(self, error: Exception) -> str:
        """Say it without the request: some of aiohttp's errors carry its headers in their text."""
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        if isinstance(cause, NotAllowedError):
            return f"is not asked: {cause}; config.yaml can allow it: directories.allow_private"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return "has a certificate that is not trusted"
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"cannot be reached: {unreached(error.os_error)}"
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"cannot be reached within {format_duration(self._bounds.connect)}"
        if isinstance(error, TimeoutError):
            return f"did not answer within {format_duration(self._bounds.total)}"
        if isinstance(error, aiohttp.ClientPayloadError):
            return "was cut off"
        if isinstance(error, BrokenError):
            return "closed the connection before it answered"
        if isinstance(error, aiohttp.ClientResponseError):
            return "answered with what is no HTTP, or with a head that is too long; check the url"
        return f"cannot be asked ({type(error).__name__})"
