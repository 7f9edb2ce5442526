"""Downloads on aiohttp: one GET, no redirect, no cookie, no proxy, no token, no connection kept.

Where they may lead to is said in `elsewhere`.
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

from orchestrator.adapters.meetings.elsewhere import Elsewhere, NoPlaceError, failed
from orchestrator.adapters.meetings.overhttp import Patience, reason
from orchestrator.adapters.meetings.transport import Incoming, NoAnswer
from orchestrator.foundation.reach import Reach
from orchestrator.ports.faults import ForbiddenError

_CHUNK: Final = 256 * 1024
_AGENT: Final = "room-orchestrator"
_PATIENCE: Final = Patience(timedelta(seconds=10), timedelta.max, timedelta(seconds=30))


class HttpDownloads:
    """Implements `transport.Downloads`; the arguments are those of `Elsewhere`."""

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
        self._elsewhere = Elsewhere(
            reach,
            unencrypted=unencrypted,
            patience=patience,
            tls=tls,
            resolver=resolver,
            inside=inside,
        )

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Incoming]:
        place = self._place(url)
        try:
            response = await self._elsewhere.connections(decompress=False).get(
                place, headers={"User-Agent": _AGENT, **headers}, allow_redirects=False
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            told = failed(error)
            # Not chained: the text of such an error may hold the link.
            raise (_forbidden(told) if isinstance(told, NoPlaceError) else told) from None
        async with response:
            yield Incoming(response.status, response.headers, _pieces(response))

    async def close(self) -> None:
        """Close all connections."""
        await self._elsewhere.close()

    def _place(self, url: str) -> URL:
        try:
            return self._elsewhere.place(url)
        except NoPlaceError as error:
            raise _forbidden(error) from None


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_chunked(_CHUNK):
            yield piece
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NoAnswer(reason(error)) from error


def _forbidden(error: NoPlaceError) -> ForbiddenError:
    return ForbiddenError(f"the link of a recording is not followed: {error}")
