"""/metrics: what is counted here, as text for Prometheus.

It names policies and destinations, and says how many rooms they have and when they end: no secret,
and nobody's business but the operators'.  Where a token is set whoever asks must send it.  Without
one only this machine is answered, and nobody at all where the server has a public address: what
comes by way of a proxy beside us comes from this machine as well.  It refuses to know what the text
says.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from orchestrator.edges.http.answers import refusal
from orchestrator.edges.http.proxies import is_of_this_machine
from orchestrator.foundation.secret import Secret

PATH: Final = "/metrics"
Exposition = Callable[[str], Awaitable[tuple[str, bytes]]]
"""By what whoever asks can read (Accept): the type of a text, and the text."""

_SCHEME: Final = "bearer "
_NO_TOKEN: Final = (
    "metrics are told to this machine alone; to be told elsewhere, or behind a proxy, set "  # noqa: S105
    "http.metrics.token"
)


@dataclass(frozen=True, slots=True)
class MetricsAccess:
    """Who is told.

    Attributes:
        enabled: whether anybody is.
        token: whoever sends it; None: only this machine.
        public: the server has a public address, so that a proxy may stand beside it.
    """

    enabled: bool = True
    token: Secret | None = None
    public: bool = False


class MetricsRoutes:
    """Answers on /metrics."""

    def __init__(self, access: MetricsAccess) -> None:
        """Tell nobody anything, until `telling`."""
        self.access = access
        self._text: Exposition | None = None

    def routes(self) -> tuple[web.AbstractRouteDef, ...]:
        """For the server; none where metrics are off."""
        return (web.get(PATH, self._answer),) if self.access.enabled else ()

    @contextlib.contextmanager
    def telling(self, text: Exposition) -> Iterator[None]:
        """Tell this for the length of the block."""
        self._text = text
        try:
            yield
        finally:
            self._text = None

    async def _answer(self, request: web.Request) -> web.Response:
        token = self.access.token
        if token is not None:
            if not _sends(request, token):
                challenge: dict[str, str] = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="metrics"'}
                return refusal(401, "send the token of http.metrics.token", challenge)
        elif self.access.public or not is_of_this_machine(request):
            return refusal(403, _NO_TOKEN)
        if self._text is None:
            return refusal(503, "the daemon is starting or ending", {hdrs.RETRY_AFTER: "5"})
        kind, text = await self._text(request.headers.get(hdrs.ACCEPT, ""))
        headers = {
            hdrs.CONTENT_TYPE: kind,
            hdrs.CACHE_CONTROL: "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        response = web.Response(body=text, headers=headers)
        response.enable_compression()
        return response


def _sends(request: web.Request, token: Secret) -> bool:
    given = request.headers.get(hdrs.AUTHORIZATION, "")
    if given[: len(_SCHEME)].lower() != _SCHEME:
        return False
    sent = given[len(_SCHEME) :].strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(sent, token.reveal().encode())
