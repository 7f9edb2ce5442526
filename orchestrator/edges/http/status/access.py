"""Who comes: somebody with a name, somebody of this machine, or nobody that may look.

A name comes from a proxy that is believed, or from a token by which somebody logged in.  Without
one only this machine may look: by a loopback address on both ends, under a loopback name (or a page
of elsewhere that made its own name lead here could read ours, DNS rebinding), and without a trace
of a proxy.  Sessions are kept in memory and end with the daemon; a token that changes ends its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from orchestrator.edges.http.proxies import Proxy, is_from_here, is_of_this_machine
from orchestrator.foundation.secret import Secret

SESSION: Final = timedelta(hours=12)
_SESSIONS_MOST: Final = 200  # in all; the oldest goes
_TRIES: Final = 5  # wrong tokens from one address at once, …
_AGAIN: Final = 10.0  # … and seconds for each further one
_ADDRESSES_MOST: Final = 1_000  # of which tries are remembered
_TOKEN_MOST: Final = 1_000  # characters


@dataclass(frozen=True, slots=True)
class Access:
    """Who may look and act.

    Attributes:
        loopback: whoever asks from this machine may look.
        tokens: by the names of those who have them.
        proxy: which proxy tells who comes; None: none is believed.
        public_url: what others reach us by, without a slash at its end; or an empty text.
    """

    loopback: bool = True
    tokens: Mapping[str, Secret] = field(default_factory=dict)
    proxy: Proxy | None = None
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may look.

    Attributes:
        name: who it is; empty: somebody of this machine, who may only look.
        csrf: stands in every form of theirs, and nobody else's.
        by_token: logged in here, and may log out.
    """

    name: str = ""
    csrf: str = ""
    by_token: bool = False

    @property
    def may_act(self) -> bool:
        """Whether it is known who this is."""
        return bool(self.name)

    def owns(self, csrf: str) -> bool:
        """Whether a form is one of theirs."""
        return self.may_act and hmac.compare_digest(csrf.encode(), self.csrf.encode())


@dataclass(frozen=True, slots=True)
class _Session:
    name: str
    token: bytes  # its digest
    until: datetime


class Doorkeeper:
    """Knows who comes, and remembers who logged in."""

    def __init__(self, access: Access, now: Callable[[], datetime]) -> None:
        """Let in by ``access``.

        Args:
            access: who may look and act; another one may be set at any time.
            now: by which sessions end (UTC).
        """
        self._access = access
        self._now = now
        self._key = secrets.token_bytes(32)  # of this process
        self._sessions: dict[bytes, _Session] = {}
        self._tries: dict[str, tuple[float, datetime]] = {}

    @property
    def access(self) -> Access:
        """Who may look and act."""
        return self._access

    @access.setter
    def access(self, access: Access) -> None:
        self._access = access

    def visitor(self, request: web.Request) -> Visitor | None:
        """Who comes; None: nobody that may look."""
        proxy = self._access.proxy
        name = proxy.name_of(request) if proxy is not None else ""
        if name:
            return Visitor(name, self._csrf(f"proxy {name}"))
        kept = self._session(request)
        if kept is not None:
            id_, session = kept
            return Visitor(session.name, self._csrf(f"session {id_.hex()}"), by_token=True)
        if self._access.loopback and self._is_of_this_machine(request):
            return Visitor()
        return None

    # --- logging in -------------------------------------------------------------------------------

    def log_in(self, request: web.Request, token: str) -> str | None:
        """The session that a token opens; None: no such token.

        A right token opens at any time: behind a proxy all come from one address, and somebody who
        guesses must not keep out the others.  That guessing is in vain is the tokens' length alone.

        Raises:
            TooManyTriesError: no such token, and too many such came from there.
        """
        given, found = _digest(token[:_TOKEN_MOST]), ""
        # All of them are compared, each in the same time whatever is given.
        for name, known in self._access.tokens.items():
            if hmac.compare_digest(given, _digest(known.reveal())):
                found = name
        if not found:
            self._count(request.remote or "")
            return None
        id_ = secrets.token_urlsafe(32)
        while len(self._sessions) >= _SESSIONS_MOST:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[_digest(id_)] = _Session(found, given, self._now() + SESSION)
        return id_

    def log_out(self, request: web.Request) -> None:
        """End the session of a request."""
        self._sessions.pop(_digest(self._cookie(request)), None)

    def cookie_name(self, request: web.Request) -> str:
        """By port, for browsers keep the cookies of a host together, whatever listens where."""
        name = request.transport.get_extra_info("sockname") if request.transport else None
        port = name[1] if isinstance(name, tuple) else 0
        return f"room-orchestrator-status-{port}"

    def is_encrypted(self, request: web.Request) -> bool:
        """Whether the browser reaches us by https, as far as is known."""
        public = urlsplit(self._access.public_url)
        return public.scheme == "https" and request.headers.get(hdrs.HOST) == public.netloc

    def is_ours(self, request: web.Request) -> bool:
        """Whether a form was sent from a page of ours."""
        return is_from_here(request, self._access.public_url)

    # --- inside -----------------------------------------------------------------------------------

    def _cookie(self, request: web.Request) -> str:
        return request.cookies.get(self.cookie_name(request), "")

    def _session(self, request: web.Request) -> tuple[bytes, _Session] | None:
        id_ = _digest(self._cookie(request))
        session = self._sessions.get(id_)
        if session is None:
            return None
        known = self._access.tokens.get(session.name)
        stands = known is not None and hmac.compare_digest(_digest(known.reveal()), session.token)
        if not stands or session.until <= self._now():
            del self._sessions[id_]
            return None
        return id_, session

    def _csrf(self, whose: str) -> str:
        return hmac.new(self._key, whose.encode(), hashlib.sha256).hexdigest()[:32]

    def _is_of_this_machine(self, request: web.Request) -> bool:
        proxy = self._access.proxy
        if proxy is not None and proxy.header in request.headers:
            return False  # not believed, and no browser's
        return is_of_this_machine(request)

    def _count(self, address: str) -> None:
        """One wrong token more. Raises `TooManyTriesError`."""
        now = self._now()
        left, at = self._tries.pop(address, (float(_TRIES), now))
        left = min(float(_TRIES), left + (now - at).total_seconds() / _AGAIN)
        while len(self._tries) >= _ADDRESSES_MOST:
            del self._tries[next(iter(self._tries))]
        self._tries[address] = (left if left < 1 else left - 1, now)
        if left < 1:
            raise TooManyTriesError


class TooManyTriesError(Exception):
    """This token is wrong, and so many of those came from there that the next has to wait."""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
