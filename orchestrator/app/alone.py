"""The Meetings server on its own: our half of the contract without the other."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import structlog

from orchestrator.adapters.clock import SystemClock
from orchestrator.app.embedded import application_id
from orchestrator.app.keys import MEETINGS_KEY, meetings_key, public_half
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import (
    DEFAULT,
    Application,
    CallbackUrls,
    DialInNumber,
    Fault,
    Hostility,
    LiveKit,
    Mesh,
    Route,
    Settings,
    StoreFault,
    TlsFiles,
    start,
)
from orchestrator.ports.desk import DeskError

_log = structlog.get_logger(__name__)
_SANDBOX = "sandbox"
_INVALID = 2


@dataclass(frozen=True, slots=True)
class Alone:
    """What the server is told.

    Attributes:
        applications: files of public keys (PEM) by the id of the application that signs with them.
        keys: where a key pair is made for one application, if none is named.
        database: None keeps everything in memory.
        certificate: what it speaks TLS with; None: it speaks plain HTTP.
        certificate_key: its key; None: in the certificate's file.
        latency: how long each request waits before it is carried out.
        latency_after: how long its answer then waits.
        hostile: the seed of what goes wrong; None: nothing does on purpose.
        max_rooms: that one application may have at a time; None: no limit.
        max_themes: the same of themes.
        callbacks: where the events of all applications go, by kind: rooms, sessions, recordings.
        callback_private: private addresses, networks and hosts that rooms' own may lead to.
        signature_secret: the file of the secret that they are signed with; None: they are not.
        metadata_header: the header that carries a room's metadata with them; None: none does.
        recordings: the folder of what was recorded; None: beside the database.
        dial_in: telephone numbers, each with its locale and its name.
        media: what people meet through: mesh, livekit, or none.
        mesh_most: people in one room; None: as many as a mesh usually holds.
        stun: where browsers learn how they are seen from outside.
        turn: what relays between them.
        turn_secret: the file of the relays' secret; None: there are no relays.
        livekit_url: where browsers reach LiveKit.
        livekit_key: the name of the key that we share with it, and the file of its secret.
        livekit_inside_url: where we reach it; None: where browsers do.
        livekit_most: people in one room; None: as many as usual.
        livekit_egress: the folder that its egress writes to, as it and as we see it.
    """

    host: str
    port: int
    applications: dict[str, Path]
    keys: Path
    public_url: str | None = None
    database: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    strict_v1: bool = False
    test_routes: bool = False
    latency: timedelta = timedelta()
    latency_after: timedelta = timedelta()
    hostile: int | None = None
    max_rooms: int | None = None
    max_themes: int | None = None
    callbacks: Mapping[str, str] = field(default_factory=dict)
    callback_private: Sequence[str] = ()
    signature_secret: Path | None = None
    metadata_header: str | None = None
    dial_in: Sequence[tuple[str, str, str]] = ()
    recordings: Path | None = None
    media: str = "mesh"
    mesh_most: int | None = None
    stun: Sequence[str] = ()
    turn: Sequence[str] = ()
    turn_secret: Path | None = None
    livekit_url: str | None = None
    livekit_key: tuple[str, Path] | None = None
    livekit_inside_url: str | None = None
    livekit_most: int | None = None
    livekit_egress: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class Threat:
    """One thing that goes wrong on purpose.

    Attributes:
        share: of the requests of each route, at most.
        everywhere: it can happen to every request.
        routes: what it can happen to, and how often it did.
    """

    name: str
    meaning: str
    share: float
    everywhere: bool
    routes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers: where, and for whom.

    Attributes:
        made: the private key that was made or found for the one application, if none was named.
    """

    url: str
    applications: tuple[str, ...]
    made: Path | None
    threats: Sequence[Threat] = ()


async def serve(alone: Alone, on_ready: Callable[[Serving], None]) -> Sequence[Threat]:
    """Serve until SIGTERM or SIGINT; what went wrong on purpose.

    Raises:
        DeskError: something of what it is told cannot be.
        OSError: the address cannot be had.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    applications, made = await asyncio.to_thread(_applications, alone)
    try:
        settings = Settings(
            applications=await asyncio.to_thread(_calling_back, alone, applications),
            host=alone.host,
            port=alone.port,
            external_url=alone.public_url,
            database=alone.database,
            tls=_tls(alone),
            strict_v1=alone.strict_v1,
            test_routes=alone.test_routes,
            latency_before=alone.latency,
            latency_after=alone.latency_after,
            max_rooms=alone.max_rooms,
            max_themes=alone.max_themes,
            recordings=alone.recordings,
            media=await asyncio.to_thread(_media, alone),
            metadata_header=alone.metadata_header,
            callback_reach=_reach(alone.callback_private),
            dial_in_numbers=tuple(DialInNumber(*one) for one in alone.dial_in),
        )
        clock = SystemClock()
        hostility = None if alone.hostile is None else _hostility(alone.hostile, clock)
        server = await start(settings, clock, report=_report, hostility=hostility)
    except (ValueError, StoreFault) as error:
        raise DeskError(str(error), _INVALID) from error
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stopped.set)
    try:
        names = tuple(a.id for a in applications)
        on_ready(Serving(f"{server.url}/v1/meetings", names, made, _threats(hostility)))
        await stopped.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
        await server.close()
    return _threats(hostility)


def _report(event: str, fields: Mapping[str, object]) -> None:
    # Errors, for this command logs nothing less, and has no other way to tell.
    _log.error(f"meetings-server.{event}", **dict(fields))


def _reach(entries: Sequence[str]) -> Reach:
    try:
        return read_reach(tuple(entries))
    except ValueError as error:
        message = f"--callback-private {' '.join(entries)}: {error}"
        raise DeskError(message, _INVALID) from error


def _tls(alone: Alone) -> TlsFiles | None:
    if alone.certificate is None:
        if alone.certificate_key is not None:
            message = "--certificate-key: there is no --certificate that it would belong to"
            raise DeskError(message, _INVALID)
        return None
    return TlsFiles(alone.certificate, alone.certificate_key)


def _media(alone: Alone) -> Mesh | LiveKit | None:
    _check_media(alone)
    match alone.media:
        case "mesh":
            secret = None
            if alone.turn_secret is not None:
                secret = _secret(alone.turn_secret, "secret of the relays")
            usual = Mesh()
            return Mesh(
                most=usual.most if alone.mesh_most is None else alone.mesh_most,
                stun=tuple(alone.stun),
                turn=tuple(alone.turn),
                turn_secret=secret,
            )
        case "livekit":
            return _livekit(alone)
        case _:
            return None


def _livekit(alone: Alone) -> LiveKit:
    if alone.livekit_url is None or alone.livekit_key is None:
        message = "--media livekit needs --livekit-url and --livekit-key"
        raise DeskError(message, _INVALID)
    name, file = alone.livekit_key
    told = LiveKit(
        url=alone.livekit_url,
        key=name,
        secret=_secret(file, "secret of LiveKit's key"),
        inside_url=alone.livekit_inside_url,
        egress=alone.livekit_egress,
    )
    return told if alone.livekit_most is None else replace(told, most=alone.livekit_most)


def _check_media(alone: Alone) -> None:
    """Refuse what belongs to another medium."""
    others = {
        "mesh": ("mesh_most", "stun", "turn", "turn_secret"),
        "livekit": (
            *("livekit_url", "livekit_key", "livekit_inside_url"),
            *("livekit_most", "livekit_egress"),
        ),
    }
    if alone.media not in {*others, "none"}:
        message = f"--media {alone.media}: write mesh, livekit or none"
        raise DeskError(message, _INVALID)
    for medium, fields in others.items():
        told = [name for name in fields if getattr(alone, name) not in {None, ()}]
        if medium != alone.media and told:
            option = told[0].replace("_", "-")
            message = f"--{option} belongs to --media {medium}"
            raise DeskError(message, _INVALID)


def _secret(file: Path, what: str) -> Secret:
    try:
        return Secret(file.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: the {what} cannot be read"
        raise DeskError(message, _INVALID) from error


def _hostility(seed: int, clock: SystemClock) -> Hostility:
    # Nothing secret is drawn from it, and a seed is to mean the same again.
    return Hostility(random.Random(seed), clock)  # noqa: S311


def _threats(hostility: Hostility | None) -> Sequence[Threat]:
    if hostility is None:
        return ()
    return tuple(
        Threat(
            fault.value,
            fault.meaning,
            max(share for (_, named), share in DEFAULT.rates.items() if named is fault),
            {route for route, named in DEFAULT.rates if named is fault}
            >= {*Route} - {Route.CALLBACK, Route.UPLOAD, Route.DOWNLOAD},
            {
                route.value: hostility.hits.get((route, named), 0)
                for route, named in DEFAULT.rates
                if named is fault
            },
        )
        for fault in Fault
        if any(named is fault for _, named in DEFAULT.rates)
    )


def _calling_back(alone: Alone, applications: Sequence[Application]) -> tuple[Application, ...]:
    secret = None
    if alone.signature_secret is not None:
        secret = _secret(alone.signature_secret, "signature secret")
    urls = CallbackUrls(**{f"{kind}_callback_url": url for kind, url in alone.callbacks.items()})
    return tuple(replace(one, callback_urls=urls, signature_secret=secret) for one in applications)


def _applications(alone: Alone) -> tuple[tuple[Application, ...], Path | None]:
    if not alone.applications:
        key = meetings_key(alone.keys)
        return (
            (Application(id=application_id(_SANDBOX), public_key=public_half(key)),),
            alone.keys / MEETINGS_KEY,
        )
    return (
        tuple(
            Application(id=name, public_key=file.read_text(encoding="ascii"))
            for name, file in alone.applications.items()
        ),
        None,
    )
