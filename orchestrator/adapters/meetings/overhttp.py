"""The transport on aiohttp.

Each request is sent once, also where aiohttp would repeat a DELETE by itself on a connection that
broke.  Refuses redirects, proxies from the environment, cookies, and answers beyond a bound.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aiohttp
from yarl import URL

from orchestrator.adapters.meetings.transport import NoAnswer, NotSent
from orchestrator.foundation.outbound import BrokenError, once

LONGEST_BODY: Final = 32 * 1024 * 1024  # bytes, after decompression; a page of a listing

_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer that came whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait.

    Attributes:
        connect: for a connection, name resolution and TLS included.
        answer: for the whole answer, from the beginning of the request.
        silence: between two pieces of an answer.
    """

    connect: timedelta = timedelta(seconds=5)
    answer: timedelta = timedelta(seconds=30)
    silence: timedelta = timedelta(seconds=15)


class OverHttp:
    """Requests to one base URL, over connections that are kept open between them.

    Args:
        url: ``http`` or ``https``, with the path that all requests stand under.
        patience: time-outs.
        tls: for a certificate authority of one's own; by default the system's.

    Raises:
        ValueError: the URL cannot be one.
    """

    def __init__(
        self, url: str, patience: Patience | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._base = _base(url)
        self._patience = patience or Patience()
        self._tls: ssl.SSLContext | bool = tls or True
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"OverHttp({self._base!r})"

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> HttpAnswer:
        url = URL(self._base + path, encoded=True).update_query(query)
        if self._closed:
            raise NotSent("the client is closed")
        try:
            async with self._connections().request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                return HttpAnswer(response.status, response.headers, await _whole(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Name resolution, connection or TLS failed: not a byte of the request had left.
            raise NotSent(reason(error)) from error
        except UnicodeError:
            # Name resolution takes no such host; not chained, for the text may hold it.
            raise NotSent("its host can be no name") from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise NoAnswer(reason(error)) from error

    async def close(self) -> None:
        """Close all connections; nothing is sent afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _connections(self) -> aiohttp.ClientSession:
        # Made at the first request, because it belongs to the event loop that runs then.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=self._patience.answer.total_seconds(),
                    connect=self._patience.connect.total_seconds(),
                    sock_read=self._patience.silence.total_seconds(),
                ),
                trust_env=False,
                middlewares=(once,),
            )
        return self._session


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_chunked(_CHUNK):
        size += len(piece)
        if size > LONGEST_BODY:
            raise NoAnswer(f"the answer is longer than {LONGEST_BODY} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _base(url: str) -> str:
    parsed = URL(url)
    if parsed.user or parsed.password or parsed.raw_query_string or parsed.raw_fragment:
        message = "the URL of an API has no user, password, query or fragment"
        raise ValueError(message)
    if parsed.scheme not in {"http", "https"} or not parsed.raw_host:
        message = f"not the URL of an API, as in https://host/v1/meetings: {url!r}"
        raise ValueError(message)
    return str(parsed).rstrip("/")


def reason(error: BaseException) -> str:
    """Say it without the request: some of aiohttp's errors carry its headers in their text."""
    if isinstance(error, BrokenError):
        error = error.how
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {error.host} is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection to {error.host}:{error.port}: {error.os_error}"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer was cut off"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed before an answer came"
    return f"the connection broke ({type(error).__name__})"
