"""Connections that go only where requests may go, and requests that leave once, on aiohttp.

aiohttp connects to the addresses that its resolver names and asks nobody again, so what the
resolver lets through is what is connected to.
"""

from __future__ import annotations

import os
import re
import socket
import ssl

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver, ResolveResult

from orchestrator.foundation.reach import Reach


def guarded(
    reach: Reach,
    patience: ClientTimeout,
    tls: ssl.SSLContext | None = None,
    resolver: AbstractResolver | None = None,
    *,
    decompress: bool = True,
    limit: int = 100,
) -> ClientSession:
    """Requests within a reach, each sent once, without cookies and without a proxy.

    No connection is kept, so each is judged anew.  Call `Reach.check_literal` before each request:
    of an address itself no name is resolved.  At most ``limit`` are open at once; 0: any number.
    """
    return ClientSession(
        connector=TCPConnector(
            ssl=tls or True,
            resolver=_Guarded(reach, resolver or ThreadedResolver()),
            use_dns_cache=False,
            force_close=True,
            limit=limit,
        ),
        cookie_jar=DummyCookieJar(),
        timeout=patience,
        trust_env=False,
        auto_decompress=decompress,
        middlewares=(once,),
    )


def unreached(error: OSError) -> str:
    """Why no connection came about, in few words of the system's.

    asyncio puts the address into its texts, resolvers have numbers of their own, and OpenSSL's are
    no errno at all.
    """
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or type(error).__name__})"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return re.sub(r"[^\w .-]", "", error.strerror or "") or "no connection"


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
