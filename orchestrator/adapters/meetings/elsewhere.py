"""Elsewhere: the places that an API names by links, and connections to them.

They are stores of files somewhere.  One is asked at public addresses, and at those private ones
that somebody allowed (see `orchestrator.foundation.reach`), without cookies, proxies and our token;
from an API that is spoken to with TLS not without.  No connection is kept, and what is refused is
refused in words without the link, which is a secret.
"""

from __future__ import annotations

import ssl
from datetime import timedelta

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from orchestrator.adapters.meetings.overhttp import Patience, reason
from orchestrator.adapters.meetings.transport import NoAnswer, NotSent
from orchestrator.foundation.outbound import guarded
from orchestrator.foundation.reach import NotAllowedError, Reach


class NoPlaceError(Exception):
    """Nothing is asked of this address; the text says why."""


class Elsewhere:
    """The way to such places.

    Args:
        reach: the private addresses that links may lead to.
        unencrypted: whether they may lead to ``http``: where the API itself is spoken to so.
        patience: time-outs; `timedelta.max` as ``answer`` is for as long as it goes on.
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
        patience: Patience,
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

    def place(self, url: str) -> URL:
        """A link as it may be asked. Raises `NoPlaceError`."""
        if self._inside is not None and url.startswith(f"{self._inside[0]}/"):
            url = self._inside[1] + url.removeprefix(self._inside[0])
        try:
            # As it is: whoever signed it signed these characters.
            place = URL(url, encoded=True)
            host = place.host or ""
        except (ValueError, IndexError):  # the latter for [::1]@
            # Not chained: the text of such an error may hold the link.
            raise NoPlaceError("it is no address") from None
        if place.scheme not in self._schemes or not host or place.user or place.password:
            raise NoPlaceError(f"it is no link by {' or '.join(sorted(self._schemes))} alone")
        try:
            self._reach.check_literal(host)
        except NotAllowedError as error:
            raise NoPlaceError(str(error)) from error
        return place

    def connections(self, *, decompress: bool) -> aiohttp.ClientSession:
        """Connections to nowhere else, which unpack what comes or not; call `place` before."""
        # Made at the first request, because it belongs to the event loop that runs then.
        if self._session is None:
            most = self._patience.answer
            patience = aiohttp.ClientTimeout(
                total=None if most == timedelta.max else most.total_seconds(),
                connect=self._patience.connect.total_seconds(),
                sock_read=self._patience.silence.total_seconds(),
            )
            self._session = guarded(
                self._reach, patience, self._tls, self._resolver, decompress=decompress
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def failed(error: Exception) -> NoPlaceError | NotSent | NoAnswer:
    """What an error of a request to such a place means: of aiohttp, `OSError` or `ValueError`."""
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, NotAllowedError):
            return NoPlaceError(str(error.os_error))
        return NotSent(reason(error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return NotSent(reason(error))
    if isinstance(error, ValueError):
        # A host that name resolution takes for none.
        return NoPlaceError("it is no address")
    return NoAnswer(reason(error))
