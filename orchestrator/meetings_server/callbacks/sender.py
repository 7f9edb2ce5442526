"""`Sender` over HTTP.

Whoever may make a room names addresses for its events, so those are asked within a reach alone:
otherwise this server would ask for them what only its machine can reach. The operator's own
addresses are asked wherever they are.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final, Self

import aiohttp
from yarl import URL

from orchestrator.foundation.outbound import guarded
from orchestrator.foundation.reach import NotAllowedError, Reach
from orchestrator.meetings_server.ports import SendFault

#: Seconds for one attempt as a whole.
PATIENCE: Final = 10.0


class HttpSender:
    """Sends with two sessions; `opened` makes and closes them."""

    def __init__(
        self,
        anywhere: aiohttp.ClientSession,
        within: aiohttp.ClientSession,
        told: Collection[str],
        reach: Reach,
    ) -> None:
        """The sessions stay the caller's; `within` goes nowhere beyond `reach`."""
        self._anywhere = anywhere
        self._within = within
        self._told = frozenset(told)
        self._reach = reach

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, told: Collection[str] = (), reach: Reach | None = None
    ) -> AsyncIterator[Self]:
        """A sender with sessions of its own.

        Args:
            told: the operator's addresses.
            reach: the private addresses that others may lead to; None: none.
        """
        reach = reach or Reach()
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        # No cookies: receivers have nothing to remember about us. The courier bounds what is under
        # way to each receiver; a bound on all together would let some that do not answer take the
        # places of the others.
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=patience,
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as anywhere,
            guarded(reach, patience, limit=0) as within,
        ):
            yield cls(anywhere, within, told, reach)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            return await self._post(url, body, headers)
        except Exception as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            if isinstance(cause, NotAllowedError):
                message = "its address is private, and none that rooms may name"
                raise SendFault(message, is_refused=True) from None
            # Whatever it is: an address that somebody gave to a room must not end the server. It
            # may hold a secret, so only the kind of the error is told.
            raise SendFault(type(error).__name__) from error

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        session, where = self._anywhere, URL(url)
        if url not in self._told:
            self._reach.check_literal(where.host or "")
            session = self._within
        if "Authorization" in headers:
            # It has place for one of the two, and who asked for a signature looks at that.
            where = where.with_user(None)
        async with session.post(
            where,
            data=body,
            headers={"Content-Type": "application/json", **headers},
            # A redirect could lead the event to somebody who never asked for it.
            allow_redirects=False,
        ) as response:
            return response.status
