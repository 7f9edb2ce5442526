"""The sources of pages: from settings to what the door asks, and what a person pastes at a sender.

Secrets are read here, once for each life of the daemon; one that is too weak, or belongs to another
scheme, is refused before anything is taken in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from orchestrator.app.build import StartError
from orchestrator.config import SecretFault, Settings
from orchestrator.config.secrets import SecretSource
from orchestrator.config.sources.settings import SignatureSettings, SourceSettings
from orchestrator.edges.http.intake import PATH
from orchestrator.edges.intake.authentication import Lock
from orchestrator.edges.intake.options import Declaration, Events, Options
from orchestrator.edges.intake.signatures import Scheme, Signature, unusable
from orchestrator.edges.intake.sources import Kind, Source
from orchestrator.foundation.secret import Secret
from orchestrator.foundation.selecting import compile_select
from orchestrator.ports.desk import DeskError

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,200}")
_BEARER_LEAST: Final = 16  # characters
_INVALID: Final = 2
_HIDDEN: Final = "…"


def read_sources(settings: Settings) -> dict[str, Source]:
    """The sources of these settings, by name, with their secrets.

    Raises:
        StartError: a secret cannot be used; the text does not quote it.
        SecretFault: a secret is not where it should be.
    """
    return {name: _source(name, each) for name, each in settings.sources.items()}


def _source(name: str, settings: SourceSettings) -> Source:
    basic = settings.basic
    passwords = () if basic is None else _strong(basic.passwords, "password")
    lock = Lock(
        signature=None if settings.signature is None else _signature(settings.signature),
        bearer=_strong(settings.bearer, "token"),
        basic=tuple(
            Secret(f"{basic.username if basic else ''}:{password.reveal()}")
            for password in passwords
        ),
        tokens=_ends(settings.token),
        in_query=settings.access_token,
    )
    events = settings.events
    options = Options(
        severities=settings.severities,
        events=Events(frozenset(events.open), frozenset(events.close), frozenset(events.update)),
        declaration=Declaration(
            select=MappingProxyType(
                {each: compile_select(text) for each, text in settings.select.items()}
            ),
            once=settings.once,
            delivery_header=settings.delivery_header,
        ),
    )
    return Source(name, Kind(settings.kind), lock, options, settings.answer_within)


def _signature(settings: SignatureSettings) -> Signature:
    scheme = Scheme(settings.scheme)
    secrets = []
    for source in settings.secrets:
        secret = source.read()
        why = unusable(scheme, secret)
        if why:
            raise StartError(f"{source.place}: the secret {why}")
        secrets.append(secret)
    return Signature(
        scheme=scheme,
        secrets=tuple(secrets),
        header=settings.header,
        prefix=settings.prefix,
        timestamp_header=settings.timestamp_header,
        dotted=settings.dotted,
        url=settings.url,
        tolerance=settings.tolerance,
    )


def _strong(sources: Iterable[SecretSource], what: str) -> tuple[Secret, ...]:
    found = []
    for source in sources:
        secret = source.read()
        if len(secret.reveal()) < _BEARER_LEAST:
            message = (
                f"{source.place}: the {what} has less than {_BEARER_LEAST} characters; make one "
                "with:  openssl rand -hex 32"
            )
            raise StartError(message)
        found.append(secret)
    return tuple(found)


def _ends(sources: Iterable[SecretSource]) -> tuple[Secret, ...]:
    found = []
    for source in sources:
        secret = source.read()
        if _TOKEN.fullmatch(secret.reveal()) is None:
            message = (
                f"{source.place}: the end of an address must be 32 to 200 of A-Z, a-z, 0-9, - and "
                "_, drawn at random; make one with:  openssl rand -hex 32"
            )
            raise StartError(message)
        found.append(secret)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where a source sends its pages, for people.

    Attributes:
        kind: its type.
        url: where to; its secret end only where that was asked for.
        secret: the url ends in a secret.
        known_by: how it is known, one part a means, such as "signature pagerduty_v3".
    """

    name: str
    kind: str
    url: str
    secret: bool
    known_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceAddresses:
    """All of them."""

    sources: tuple[SourceAddress, ...]


def tell_sources(settings: Settings) -> SourceAddresses:
    """The addresses of all sources, without their secret ends.

    Raises:
        DeskError: they have none; the text says what to write where.
    """
    told = (_told(settings, name, reveal=False) for name in settings.sources)
    return SourceAddresses(tuple(told))


def tell_source(settings: Settings, name: str, *, reveal: bool) -> SourceAddress:
    """The address of one source.

    Args:
        settings: of the installation.
        name: of the source.
        reveal: with its secret end.

    Raises:
        DeskError: there is no such source, it has no address, or its secret cannot be used.
    """
    if name not in settings.sources:
        known = ", ".join(sorted(settings.sources)) or "none"
        message = f'"{name}" is no name under sources in config.yaml; there are: {known}'
        raise DeskError(message, _INVALID)
    return _told(settings, name, reveal=reveal)


def base_of(settings: Settings) -> str:
    """What addresses at our door begin with, for others.

    Raises:
        DeskError: there is none; the text says what to write where.
    """
    http = settings.http
    if http.public_url is not None:
        return http.public_url
    if http.port == 0:
        message = (
            "the port is another one at every start: write http.listen with a port, or "
            "http.public_url, in config.yaml"
        )
        raise DeskError(message, _INVALID)
    host = f"[{http.host}]" if ":" in http.host else http.host
    return f"http://{host}:{http.port}"


def _told(settings: Settings, name: str, *, reveal: bool) -> SourceAddress:
    source = settings.sources[name]
    url = f"{base_of(settings)}{PATH}{name}"
    if source.token:
        url += f"/{_first(source.token) if reveal else _HIDDEN}"
    known = []
    if source.signature is not None:
        known.append(f"signature {source.signature.scheme}")
    if source.bearer:
        known.append("Authorization: Bearer")
    if source.basic is not None:
        known.append(f"Authorization: Basic, as {source.basic.username}")
    if source.token:
        known.append("the end of the address")
    return SourceAddress(name, source.kind, url, reveal and bool(source.token), tuple(known))


def _first(token: tuple[SecretSource, ...]) -> str:
    """The end of an address that a person is to paste: the first of those that hold."""
    try:
        return _ends(token)[0].reveal()
    except (StartError, SecretFault) as fault:
        raise DeskError(str(fault), _INVALID) from fault
