"""The embedded Meetings server: for the daemon's life, or for one command that finds no daemon.

The orchestrator talks to it over HTTP as to any other Meetings API; only its key and its address
are handed over here.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from orchestrator.app.keys import meetings_key, public_half
from orchestrator.app.refusing import StartError
from orchestrator.config.media import LiveKitMedia, MeshMedia
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import (
    Application,
    CallbackUrls,
    LiveKit,
    Mesh,
    Settings,
    TlsFiles,
    start,
)
from orchestrator.ports.clock import Clock

_log = structlog.get_logger(__name__)
_NAMESPACE: Final = uuid.UUID("6f1d8d0e-5c0b-4c8e-9a41-2d5f7d8b2a11")


@dataclass(frozen=True, slots=True)
class Api:
    """How to reach one Meetings API."""

    url: str
    application_id: str
    private_key: Secret
    pinned: str  # what names this API for good, whatever port it has today
    inside: tuple[str, str] | None = None  # see `HttpDownloads.inside`


def application_id(owner: str) -> str:
    """The id of the one application of an embedded server: always the same for one owner."""
    return str(uuid.uuid5(_NAMESPACE, owner))


@asynccontextmanager
async def embedded(
    settings: EmbeddedMeetings, owner: str, clock: Clock, callbacks: Secret | None = None
) -> AsyncIterator[Api]:
    """Run the embedded server for the length of the block.

    Args:
        settings: where it listens, and what it keeps where.
        owner: whose rooms it keeps.
        clock: the server's own.
        callbacks: where it tells who comes and goes; None: nowhere.

    Raises:
        StartError: its certificate or the secret of its medium cannot be used.
        SecretFault: the secret of its medium cannot be read.
        OSError: its address cannot be had.
        StoreFault: its database cannot be opened.
    """
    key = meetings_key(settings.keys)
    settings.database.parent.mkdir(parents=True, exist_ok=True)
    address = None if callbacks is None else callbacks.reveal()
    application = Application(
        id=application_id(owner),
        public_key=public_half(key),
        callback_urls=CallbackUrls(address, address, address),
    )
    tls = None
    if settings.certificate is not None:
        tls = TlsFiles(settings.certificate, settings.certificate_key)
    try:
        server = await start(
            Settings(
                applications=(application,),
                host=settings.host,
                port=settings.port,
                tls=tls,
                inside=True,
                external_url=settings.public_url,
                database=settings.database,
                callback_reach=settings.calls.reach,
                media=_media(settings.media),
            ),
            clock,
            report=_report,
        )
    except ValueError as error:
        raise StartError(str(error)) from error
    try:
        url = f"{server.inside_url}/v1/meetings"
        inside = (settings.public_url or server.url, server.inside_url)
        yield Api(url, application.id, key, f"embedded:{settings.database}", inside)
    finally:
        await server.close()


def _media(media: MeshMedia | LiveKitMedia | None) -> Mesh | LiveKit | None:
    if media is None:
        return None
    if isinstance(media, LiveKitMedia):
        return LiveKit(
            url=media.url,
            key=media.key,
            secret=media.secret.read(),
            inside_url=media.inside_url,
            most=media.most,
            egress=media.egress,
        )
    secret = media.turn_secret
    return Mesh(
        most=media.most,
        stun=media.stun,
        turn=media.turn,
        turn_secret=None if secret is None else secret.read(),
        turn_life=media.turn_life,
    )


def _report(event: str, fields: Mapping[str, object]) -> None:
    """What the server tells of itself goes where everything goes."""
    _log.warning(f"meetings-server.{event}", **dict(fields))
