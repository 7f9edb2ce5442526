"""Downloads on aiohttp: one GET, no redirect, no cookie, no proxy, no token, no connection kept.

A link that an API names leads to a store of files somewhere.  It is followed to public addresses,
and to those private ones that somebody allowed (see `orchestrator.foundation.reach`); from an API
that is spoken to with TLS it is not followed without.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from orchestrator.adapters.meetings.overhttp import Patience, reason
from orchestrator.adapters.meetings.transport import Incoming, NoAnswer, NotSent
from orchestrator.foundation.outbound import guarded
from orchestrator.foundation.reach import NotAllowedError, Reach
from orchestrator.ports.faults import ForbiddenError

_CHUNK: Final = 256 * 1024
_AGENT: Final = "room-orchestrator"
_PATIENCE: Final = Patience(timedelta(seconds=10), timedelta.max, timedelta(seconds=30))


class HttpDownloads:
    """Implements `transport.Downloads`.

    Args:
        reach: the private addresses that links may lead to.
        unencrypted: whether they may lead to ``http``: where the API itself is spoken to so.
        patience: time-outs; a download may take as long as it goes on, so ``answer`` is not used.
        tls: for a certificate authority of one's own; by default the system's.
        resolver: by default the system's.
        inside: what links to our own server begin with, and what it is reached by instead: its
            public address may lead through a proxy, or to nowhere from here.
    """

    def __init__(
        self,
        reach: Reach,
        *,
        unencrypted: bool,
        patience: Patience = _PATIENCE,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        inside: tuple[str, str] | None = None,
    ) -> None:
        self._inside = inside
        self._reach = reach
        self._schemes = {"https", "http"} if unencrypted else {"https"}
        self._patience = patience
        self._tls = tls
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Incoming]:
        place = self._place(url)
        try:
            response = await self._connections().get(
                place, headers={"User-Agent": _AGENT, **headers}, allow_redirects=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            if isinstance(cause, NotAllowedError):
                raise _forbidden(str(cause)) from error
            raise NotSent(reason(error)) from error
        except ValueError:
            # A host that name resolution takes for none; not chained, as above.
            raise _forbidden("it is no address") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NoAnswer(reason(error)) from error
        async with response:
            yield Incoming(response.status, response.headers, _pieces(response))

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _place(self, url: str) -> URL:
        if self._inside is not None and url.startswith(f"{self._inside[0]}/"):
            url = self._inside[1] + url.removeprefix(self._inside[0])
        try:
            # As it is: whoever signed it signed these characters.
            place = URL(url, encoded=True)
            host = place.host or ""
        except (ValueError, IndexError):  # the latter for [::1]@
            # Not chained: the text of such an error may hold the link.
            raise _forbidden("it is no address") from None
        if place.scheme not in self._schemes or not host or place.user or place.password:
            raise _forbidden(f"it is no link by {' or '.join(sorted(self._schemes))} alone")
        try:
            self._reach.check_literal(host)
        except NotAllowedError as error:
            raise _forbidden(str(error)) from error
        return place

    def _connections(self) -> aiohttp.ClientSession:
        # Made at the first request, because it belongs to the event loop that runs then.
        if self._session is None:
            patience = aiohttp.ClientTimeout(
                total=None,
                connect=self._patience.connect.total_seconds(),
                sock_read=self._patience.silence.total_seconds(),
            )
            self._session = guarded(
                self._reach, patience, self._tls, self._resolver, decompress=False
            )
        return self._session


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_chunked(_CHUNK):
            yield piece
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NoAnswer(reason(error)) from error


def _forbidden(why: str) -> ForbiddenError:
    return ForbiddenError(f"the link of a recording is not followed: {why}")
