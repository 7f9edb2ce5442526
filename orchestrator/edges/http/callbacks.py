"""Callbacks of the Meetings API: received at a path that nobody can guess.

Whoever does not know the path's last part gets the answer of any path that is not there, whatever
method or body it sends.  Everything that was recorded, or that concerns nobody here, is answered
with 204; what could not be recorded with 503, so that it is sent again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from orchestrator.edges.http.answers import nothing, refusal
from orchestrator.edges.http.reading import (
    UnreadableCallbackError,
    WrongSignatureError,
    check_signature,
    read_callback,
)
from orchestrator.foundation.secret import Secret
from orchestrator.ports.callbacks import CallbackDesk
from orchestrator.ports.store import StoreFault

PATH: Final = "/callbacks/"
_AT_ONCE: Final = 64
_RETRY_AFTER: Final[dict[str, str]] = {hdrs.RETRY_AFTER: "5"}  # seconds


@dataclass(frozen=True, slots=True)
class Lock:
    """What a callback must know.

    Attributes:
        token: the last part of the path; None: no path is the right one.
        signature: by which signed callbacks are checked; None: they are not.
    """

    token: Secret | None
    signature: Secret | None = None


class CallbackRoutes:
    """Answers on /callbacks/TOKEN, for one desk after another."""

    def __init__(self, lock: Lock) -> None:
        """Tell whoever knows ``lock`` to come again, until `taking`."""
        self.lock = lock
        self._desk: CallbackDesk | None = None
        self._under_way = 0

    def routes(self) -> tuple[web.AbstractRouteDef, ...]:
        """For the server; every method, so that none tells that the path is there."""
        return (web.route(hdrs.METH_ANY, f"{PATH}{{token}}", self._answer),)

    @contextlib.contextmanager
    def taking(self, desk: CallbackDesk) -> Iterator[None]:
        """Take callbacks for a desk for the length of the block; outside of it they come again."""
        self._desk = desk
        try:
            yield
        finally:
            self._desk = None

    async def _answer(self, request: web.Request) -> web.Response:
        if not self._is_known(request.match_info["token"]):
            return refusal(404, "Not Found")
        if request.method != hdrs.METH_POST:
            allowed: dict[str, str] = {hdrs.ALLOW: hdrs.METH_POST}
            return refusal(405, "callbacks are POSTed", allowed)
        if self._desk is None or self._under_way >= _AT_ONCE:
            return refusal(503, "not now; send it again", _RETRY_AFTER)
        self._under_way += 1
        try:
            return await self._take(self._desk, request)
        finally:
            self._under_way -= 1

    def _is_known(self, given: str) -> bool:
        return self.lock.token is not None and self.lock.token == Secret(given)

    async def _take(self, desk: CallbackDesk, request: web.Request) -> web.Response:
        body = await request.read()
        authorization = request.headers.get(hdrs.AUTHORIZATION, "")
        try:
            if self.lock.signature is not None and authorization:
                check_signature(body, authorization, self.lock.signature)
            callback = read_callback(body)
        except WrongSignatureError as error:
            return refusal(401, str(error))
        except UnreadableCallbackError as error:
            return refusal(400, str(error))
        try:
            await desk.received(callback)
        except StoreFault:
            return refusal(503, "it cannot be recorded now; send it again", _RETRY_AFTER)
        return nothing()
