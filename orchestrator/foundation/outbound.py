"""Connections that go only where requests may go, and requests that leave once, on aiohttp.

aiohttp connects to the addresses that its resolver names and asks nobody again, so what the
resolver lets through is what is connected to.
"""

from __future__ import annotations

import socket
import ssl

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ConnectionTimeoutError,
    ServerDisconnectedError,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver, ResolveResult

from orchestrator.foundation.reach import Reach


def guarded(
    reach: Reach, tls: ssl.SSLContext | None = None, resolver: AbstractResolver | None = None
) -> TCPConnector:
    """Connections within a reach; none is kept, so each is judged anew.

    Call `Reach.check_literal` before each request: of an address itself no name is resolved.
    """
    return TCPConnector(
        ssl=tls or True,
        resolver=_Guarded(reach, resolver or ThreadedResolver()),
        use_dns_cache=False,
        force_close=True,
    )


class BrokenError(ClientError):
    """A connection that broke before an answer came, in a form that aiohttp does not mend."""

    def __init__(self, how: ClientError) -> None:
        """Keep what happened; aiohttp's own texts may carry a request's headers."""
        super().__init__(type(how).__name__)
        self.how = how


async def once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a request again by itself: a middleware. Raises `BrokenError`."""
    try:
        return await handler(request)
    except (ClientConnectorError, ConnectionTimeoutError):
        raise
    except (ClientOSError, ServerDisconnectedError) as error:
        raise BrokenError(error) from error


class _Guarded(AbstractResolver):
    """Resolves names, and refuses those of which any address is not allowed."""

    def __init__(self, reach: Reach, inner: AbstractResolver) -> None:
        self._reach = reach
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            self._reach.check(host, one["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()
