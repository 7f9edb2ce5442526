"""The HTTP door: one listening socket for all lives of the daemon, and who answers there.

It is open before the first life begins, so that the embedded Meetings server can be told where to
call, and stays open over reloads; what comes while nobody can take it is told to come again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self

import structlog

from orchestrator.adapters.clock import SystemClock
from orchestrator.app.build import App, StartError
from orchestrator.app.insight import read_access
from orchestrator.app.keys import meetings_key
from orchestrator.app.links import read_entrance
from orchestrator.app.looking import read_page_access
from orchestrator.app.sources import base_of, read_sources
from orchestrator.config import SecretFault, Settings
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.edges.http import HttpServer, listen, url_of
from orchestrator.edges.http.calendar import CalendarRoutes
from orchestrator.edges.http.callbacks import PATH, CallbackRoutes, Lock
from orchestrator.edges.http.health import HealthRoutes
from orchestrator.edges.http.intake import IntakeRoutes
from orchestrator.edges.http.links import LinkRoutes
from orchestrator.edges.http.metrics import MetricsRoutes
from orchestrator.edges.http.status import StatusRoutes
from orchestrator.edges.http.status.routes import EVENTS
from orchestrator.foundation.secret import Secret
from orchestrator.ports.desk import DeskError

_log = structlog.get_logger(__name__)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,200}")
_SIGNATURE_LEAST: Final = 32  # bytes, as RFC 7518 asks of HS256
_DERIVED: Final = b"callbacks"
_INVALID: Final = 2
_UNSET: Final = (
    "no callbacks are taken: their address has no secret end yet. Make one with  (umask 077; "
    "openssl rand -hex 32 > secrets/callbacks.token)  and write  http: {callbacks: {token: "
    "{file: secrets/callbacks.token}}}  in config.yaml"
)


@dataclass(frozen=True, slots=True)
class WebDoor:
    """What answers on HTTP.

    Attributes:
        url: where it is reached from this machine.
        metrics: what answers on /metrics, through all lives.
    """

    url: str
    _callbacks: CallbackRoutes
    _health: HealthRoutes
    _intake: IntakeRoutes
    _links: LinkRoutes
    _calendars: CalendarRoutes
    metrics: MetricsRoutes
    _status: StatusRoutes

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, handed: socket.socket | None) -> AsyncIterator[Self]:
        """Answer for the length of the block.

        Args:
            settings: where to listen.
            handed: the socket, where somebody made it for us.

        Raises:
            OSError: the address cannot be had.
            StartError, SecretFault: a secret cannot be used.
        """
        callbacks = CallbackRoutes(read_lock(settings))
        listener = handed or listen(settings.http.host, settings.http.port)
        health = HealthRoutes()
        intake = IntakeRoutes(SystemClock().now, _report)
        # Before anybody is answered: whoever is refused may not come again.
        intake.sources = read_sources(settings)
        entrance = read_entrance(settings)
        links, calendars = LinkRoutes(entrance), CalendarRoutes(entrance.scheme)
        metrics = MetricsRoutes(read_access(settings))
        status = StatusRoutes(read_page_access(settings), SystemClock().now)
        door = cls(url_of(listener), callbacks, health, intake, links, calendars, metrics, status)
        parts = (callbacks, health, intake, links, calendars, metrics, status)
        routes = tuple(route for part in parts for route in part.routes())
        async with HttpServer(routes, _report, lasting=(EVENTS,)).serving(listener):
            _log.info("http.listening", url=door.url)
            yield door

    def address(self, settings: Settings) -> Secret | None:
        """Where the embedded server is to call, with this life's token.

        From here on the sources of pages and the links are this life's, too: their secrets are read
        anew.

        Raises:
            StartError, SecretFault: a secret cannot be used.
        """
        self._intake.sources = read_sources(settings)
        self._callbacks.lock = read_lock(settings)
        self._links.entrance = read_entrance(settings)
        self._calendars.scheme = self._links.entrance.scheme
        self.metrics.access = read_access(settings)
        self._status.access = read_page_access(settings)
        token = self._callbacks.lock.token
        return None if token is None else callback_address(self.url, token)

    @asynccontextmanager
    async def answering_with(self, app: App) -> AsyncIterator[None]:
        """Take in callbacks and pages for a life of the daemon, lead people on, tell how it is."""
        engine = app.engine
        engine.senders = self._intake.rows
        engine.page = self.url
        with (
            self._callbacks.taking(engine.parts.hints),
            self._intake.taking(app.pages),
            self._health.telling(engine),
            self._links.leading(engine.links),
            self._calendars.showing(engine.feeds),
            self._status.showing(app.desk, engine.chronicle, engine),
        ):
            yield


@dataclass(frozen=True, slots=True)
class CallbackAddress:
    """Where the Meetings API is to call; the whole address is a secret.

    Attributes:
        url: None: the embedded server is told it by itself, at every start.
        note: what a person should know of it, or an empty text.
    """

    url: str | None
    note: str = ""


def tell_address(settings: Settings) -> CallbackAddress:
    """The address that a person registers at a remote API, revealed on purpose.

    Raises:
        DeskError: there is none; the text says what to write where.
    """
    if isinstance(settings.meetings, EmbeddedMeetings):
        return CallbackAddress(
            None, "The embedded Meetings server is told the address by itself: nothing to do."
        )
    try:
        token = read_lock(settings).token
    except (StartError, SecretFault) as fault:
        raise DeskError(str(fault), _INVALID) from fault
    if token is None:
        raise DeskError(_UNSET, _INVALID)
    base = base_of(settings)
    if settings.http.public_url is not None:
        return CallbackAddress(callback_address(base, token).reveal())
    return CallbackAddress(
        callback_address(base, token).reveal(),
        "This is where the daemon listens. If the API reaches it through a proxy, set "
        "http.public_url.",
    )


def callback_address(base: str, token: Secret) -> Secret:
    """The whole address for callbacks, which is a secret."""
    return Secret(f"{base}{PATH}{token.reveal()}")


def read_lock(settings: Settings) -> Lock:
    """What a callback must know, by these settings.

    Raises:
        StartError: a secret is too weak; the text does not quote it.
        SecretFault: a secret is not where it should be.
    """
    callbacks, meetings = settings.http.callbacks, settings.meetings
    signature = callbacks.signature_secret.read() if callbacks.signature_secret else None
    if signature is not None and len(signature.reveal().encode()) < _SIGNATURE_LEAST:
        message = f"http.callbacks.signature_secret has less than {_SIGNATURE_LEAST} bytes"
        raise StartError(message)
    if callbacks.token is not None:
        token = callbacks.token.read()
        if _TOKEN.fullmatch(token.reveal()) is None:
            message = (
                "http.callbacks.token must be 32 to 200 of A-Z, a-z, 0-9, - and _, drawn at "
                "random; make one with:  openssl rand -hex 32"
            )
            raise StartError(message)
        return Lock(token, signature)
    if isinstance(meetings, EmbeddedMeetings):
        return Lock(derived_token(meetings_key(meetings.keys)), signature)
    return Lock(None, signature)


def derived_token(key: Secret) -> Secret:
    """The token of the embedded server: made of the key that it and we share, and as secret."""
    return Secret(hmac.new(key.reveal().encode(), _DERIVED, hashlib.sha256).hexdigest())


def _report(event: str, fields: Mapping[str, object]) -> None:
    """What the server tells of itself; requests that went well are for whoever looks closely."""
    if event == "http.answered":
        _log.debug(event, **dict(fields))
    else:
        _log.warning(event, **dict(fields))
