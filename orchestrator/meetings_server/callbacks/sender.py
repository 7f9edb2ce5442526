"""`Sender` over HTTP."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Self

import aiohttp

from orchestrator.meetings_server.ports import SendFault

#: Seconds for one attempt as a whole.
PATIENCE: Final = 10.0


class HttpSender:
    """Sends with one session; `opened` makes and closes it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """The session stays the caller's."""
        self._session = session

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[Self]:
        """A sender with a session of its own."""
        # No cookies: receivers have nothing to remember about us.
        async with aiohttp.ClientSession(
            # The courier bounds what is under way to each receiver; a bound on all together would
            # let some that do not answer take the places of the others.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            yield cls(session)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            async with self._session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                # A redirect could lead the event to somebody who never asked for it.
                allow_redirects=False,
            ) as response:
                return response.status
        except Exception as error:
            # Whatever it is: an address that somebody gave to a room must not end the server. It
            # may hold a secret, so only the kind of the error is told.
            raise SendFault(type(error).__name__) from error
