"""The Meetings server on its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import INVALID, Invocation, invocation
from orchestrator.foundation.instants import parse_duration
from orchestrator.ports.desk import DeskError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app.alone import Serving, Threat

_KINDS = ("rooms", "sessions", "recordings")

_SERVER = """\b
Examples:
  room-orchestrator meetings-server --database meetings.db
  room-orchestrator meetings-server --listen 127.0.0.1:8442 --application ID=public.pem
  room-orchestrator meetings-server --certificate full.pem --certificate-key key.pem
  room-orchestrator meetings-server --hostile 7

With --hostile it is what an API must never be: by the seed about every fifth request
is answered wrongly, late, twice or not at all. Point a test installation at it and
watch it hold; what it does is printed at its start, how often at its end.

Without --application it makes a key pair for one, and prints its id and key.
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("meetings-server", epilog=_SERVER)(_serve)


def _serve(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Port 0 takes a free one.")
    ] = "127.0.0.1:8441",
    database: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Without it everything is in memory.")
    ] = None,
    application: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=FILE", help="An application and its public key (PEM)."),
    ] = None,
    keys: Annotated[
        Path, typer.Option(metavar="DIR", help="Where a key pair is made if none is named.")
    ] = Path("secrets"),
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="What links begin with.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Speak TLS with this (PEM); a new one is taken by itself."
        ),
    ] = None,
    certificate_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its key (PEM), where that has a file of its own."),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where recorded files are; else beside the database."),
    ] = None,
    strict_v1: Annotated[
        bool,
        typer.Option(
            "--strict-v1",
            help="As the final v1 API: no DELETE, no theme named for an instant room.",
        ),
    ] = False,
    test_routes: Annotated[
        bool, typer.Option("--test-routes", help="Join and leave by /_test; loopback only.")
    ] = False,
    latency: Annotated[
        str, typer.Option(metavar="TIME", help="Each request waits so long, as in 0.05s.")
    ] = "0s",
    latency_after: Annotated[
        str, typer.Option(metavar="TIME", help="Each answer waits so long once it is done.")
    ] = "0s",
    max_rooms: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Rooms that an application may have at a time."),
    ] = None,
    max_themes: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Themes that an application may have.")
    ] = None,
    callback: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=URL", help="rooms, sessions or recordings, and where to."),
    ] = None,
    callback_private: Annotated[
        list[str] | None,
        typer.Option(metavar="NET|HOST", help="Rooms' own callbacks may lead there too."),
    ] = None,
    signature_secret: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sign callbacks with this secret, HS256."),
    ] = None,
    metadata_header: Annotated[
        str | None,
        typer.Option(metavar="X-NAME", help="Send a room's metadata with its callbacks."),
    ] = None,
    dial_in: Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBER,LOCALE,NAME", help="As 442381924626,en-GB,London."),
    ] = None,
    media: Annotated[
        str,
        typer.Option(
            metavar="mesh|livekit|none",
            help="What people meet through: their browsers, or LiveKit.",
        ),
    ] = "mesh",
    mesh_most: Annotated[
        int | None, typer.Option(metavar="N", help="People in one room, 2 to 16; usually 6.")
    ] = None,
    stun: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="As stun:stun.example.org:3478, for browsers."),
    ] = None,
    turn: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A relay, as turn:turn.example.org:3478."),
    ] = None,
    turn_secret: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What the relays check passwords with."),
    ] = None,
    livekit_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where browsers reach it, as wss://livekit.example.org."),
    ] = None,
    livekit_key: Annotated[
        str | None,
        typer.Option(metavar="NAME=FILE", help="The key that both share: its name and its secret."),
    ] = None,
    livekit_inside_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where this server reaches it, if not there."),
    ] = None,
    livekit_most: Annotated[
        int | None, typer.Option(metavar="N", help="People in one room, 2 to 200; usually 100.")
    ] = None,
    livekit_egress: Annotated[
        str | None,
        typer.Option(
            metavar="THEIRS=OURS",
            help="Record: the folder of its egress, as it sees it and as we do.",
        ),
    ] = None,
    hostile: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Be hostile, by this seed; loopback only."),
    ] = None,
) -> None:
    """Run the Meetings server on its own, until Ctrl-C."""
    import asyncio

    from orchestrator.app.alone import Alone, serve

    call = invocation(ctx)
    host, port = _address(listen)
    cwd = call.world.cwd
    alone = Alone(
        host=host,
        port=port,
        applications={name: cwd / file for name, file in map(_named, application or [])},
        keys=cwd / keys,
        public_url=public_url,
        database=None if database is None else cwd / database,
        certificate=None if certificate is None else cwd / certificate,
        certificate_key=None if certificate_key is None else cwd / certificate_key,
        strict_v1=strict_v1,
        test_routes=test_routes,
        latency=_length(latency),
        latency_after=_length(latency_after),
        max_rooms=max_rooms,
        max_themes=max_themes,
        callbacks=dict(map(_callback, callback or [])),
        callback_private=tuple(callback_private or ()),
        signature_secret=None if signature_secret is None else cwd / signature_secret,
        metadata_header=metadata_header,
        recordings=None if recordings is None else cwd / recordings,
        dial_in=tuple(map(_dial_in, dial_in or [])),
        media=media,
        mesh_most=mesh_most,
        stun=tuple(stun or ()),
        turn=tuple(turn or ()),
        turn_secret=None if turn_secret is None else cwd / turn_secret,
        livekit_url=livekit_url,
        livekit_key=None if livekit_key is None else _shared(livekit_key, cwd),
        livekit_inside_url=livekit_inside_url,
        livekit_most=livekit_most,
        livekit_egress=None if livekit_egress is None else _folders(livekit_egress, cwd),
        hostile=hostile,
    )
    call.log_quietly()
    _ended(call, asyncio.run(serve(alone, lambda serving: _ready(call, serving))))


def _ready(call: Invocation, serving: Serving) -> None:
    call.screen.line(f"Meetings server on {serving.url}; Ctrl-C ends it.")
    for name in serving.applications:
        call.screen.line(f"application_id: {name}", indent=2)
    if serving.made is not None:
        call.screen.line(f"private_key: {{file: {serving.made}}}", indent=2)
    if serving.threats:
        call.screen.line()
        call.screen.line("It is hostile: of each hundred requests")
        for threat in serving.threats:
            share = f"{threat.share * 100:g}".rjust(4)
            routes = "any request" if threat.everywhere else ", ".join(sorted(threat.routes))
            call.screen.line(f"{share}  {threat.name}: {threat.meaning} ({routes})", hang=6)
    call.screen.out.flush()


def _ended(call: Invocation, threats: Sequence[Threat]) -> None:
    """How often each fault did hit, a line for each that did."""
    hits = [(threat, count) for threat in threats if (count := sum(threat.routes.values()))]
    if not threats:
        return
    call.screen.line()
    call.screen.line(
        f"{sum(count for _, count in hits)} requests and callbacks were met by a fault"
    )
    for threat, count in hits:
        told = ", ".join(f"{route} {times}" for route, times in threat.routes.items() if times)
        call.screen.line(f"{count:>6}  {threat.name}: {told}", hang=8)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        message = f"--listen {text}: write an address and a port, as 127.0.0.1:8441"
        raise DeskError(message, INVALID)
    return host.removeprefix("[").removesuffix("]"), int(port)


def _named(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals or not name or not file:
        message = f"--application {text}: write its id and a file, as ID=public.pem"
        raise DeskError(message, INVALID)
    return name, Path(file)


def _shared(text: str, cwd: Path) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not name or not file:
        # What was written is not repeated: it may be the secret itself.
        message = "--livekit-key: write its name and a file, as meetings=livekit.secret"
        raise DeskError(message, INVALID)
    return name, cwd / file


def _folders(text: str, cwd: Path) -> tuple[Path, Path]:
    theirs, _, ours = text.partition("=")
    if not theirs or not ours:
        message = f"--livekit-egress {text}: write two folders, as /out=/srv/egress"
        raise DeskError(message, INVALID)
    return Path(theirs), cwd / ours


def _callback(text: str) -> tuple[str, str]:
    kind, _, url = text.partition("=")
    if kind not in _KINDS or not url.startswith(("http://", "https://")):
        message = f"--callback {text}: write {', '.join(_KINDS)}, and a URL, as rooms=https://…"
        raise DeskError(message, INVALID)
    return kind, url


def _dial_in(text: str) -> tuple[str, str, str]:
    number, _, rest = text.partition(",")
    locale, _, name = rest.partition(",")
    return number, locale, name


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise DeskError(str(error), INVALID) from error
