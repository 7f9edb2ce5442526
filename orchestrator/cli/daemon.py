"""Commands about the daemon: running it, and how it is."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from orchestrator.cli.context import (
    ConfigOption,
    Invocation,
    JsonOption,
    ReasonOption,
    invocation,
)
from orchestrator.cli.view.done import show_done
from orchestrator.cli.view.status import show_status
from orchestrator.ports.desk import Desk, DeskError

if TYPE_CHECKING:
    from orchestrator.app.build import App
    from orchestrator.app.service import Service
    from orchestrator.config import Settings
    from orchestrator.domain.policies import Mode

_T = TypeVar("_T")
SocketOption = Annotated[
    Path | None,
    typer.Option("--socket", metavar="PATH", help="Ask here, whatever config.yaml says."),
]
_RUN = """\b
Examples:
  room-orchestrator run
  room-orchestrator run --config /etc/room-orchestrator/config.yaml

SIGTERM and Ctrl-C end it in order; SIGHUP reads config and policies anew.
"""
_RELOAD = """\b
Examples:
  room-orchestrator reload
  room-orchestrator reload --socket /run/room-orchestrator/control.sock

It ends when the daemon has taken all up, or says why nothing was taken up (exit 2).
"""
_STATUS = """\b
Examples:
  room-orchestrator status
  room-orchestrator status --json | jq .needs_you
  room-orchestrator status --socket /run/room-orchestrator/control.sock
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("run", epilog=_RUN)(_run)
    app.command("status", epilog=_STATUS)(_status)
    app.command("reload", epilog=_RELOAD)(_reload)


def _run(
    ctx: typer.Context,
    repin: Annotated[
        bool,
        typer.Option("--repin", help="The store moves on purpose to this owner and API."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Run the daemon: keep the rooms that the policies ask for."""
    import asyncio

    from orchestrator import logs
    from orchestrator.app.build import StartError
    from orchestrator.app.daemon import run
    from orchestrator.app.service import Service
    from orchestrator.config import SecretFault
    from orchestrator.ports.store import StoreFault, StoreTakenError

    call = invocation(ctx, config)
    try:
        # What the service manager says is for this process alone: its children never see it.
        service = Service.of(os.environ)
        settings = _settings(call, service)
        logs.set_up(settings.log.level.value, settings.log.format.value)
        call.screen.aside(f"room-orchestrator: config {settings.file}, {_mode(settings.mode)}")
        # Where a watchdog ends us by SIGABRT, the journal shows where each thread stood.
        faulthandler.enable()
        ready = partial(_ready, call)
        asyncio.run(run(settings, repin=repin, on_ready=ready, service=service))
    except StoreTakenError as fault:
        message = f"{fault}; ask it: room-orchestrator status"
        raise DeskError(message) from fault
    except (StartError, StoreFault, SecretFault) as fault:
        raise DeskError(str(fault)) from fault
    except ExceptionGroup as group:
        raise DeskError(f"it could not go on: {_causes(group)}") from group


def _settings(call: Invocation, service: Service) -> Settings:
    from orchestrator.app.configuration import ConfigError

    try:
        return call.loaded().settings
    except ConfigError as error:
        # `systemctl status` shows it, without a look into the journal.
        service.give_up(f"config.yaml cannot be used: {error}")
        raise


def _causes(group: ExceptionGroup[Exception]) -> str:
    """What ended the daemon: faults in their words, anything else by its kind alone."""
    from orchestrator.ports.store import StoreFault

    told: list[str] = []
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            told.append(_causes(error))
        elif isinstance(error, StoreFault | OSError):
            told.append(str(error))
        else:
            told.append(f"{type(error).__name__}, an error that it was not made for")
    return "; ".join(dict.fromkeys(told))


def _mode(mode: Mode) -> str:
    from orchestrator.domain.policies import Mode

    match mode:
        case Mode.OBSERVE:
            return "mode observe: it looks and writes nothing"
        case Mode.NO_REMOVALS:
            return "mode no-removals: it ends and changes no link"
        case Mode.ENFORCE:
            return "mode enforce"


def _ready(call: Invocation, app: App) -> None:
    settings: Settings = app.settings
    call.screen.aside(
        f"room-orchestrator: ready; owner {settings.owner}, API {app.api.url}, policies in "
        f"{settings.policies}"
    )


def _status(
    ctx: typer.Context,
    socket: SocketOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how all is: first what needs a person."""
    call = invocation(ctx, config, as_json)
    if socket is None:
        report, daemon = call.ask_whom(lambda desk: desk.status())
    else:
        report, daemon = _ask_at(call, socket, lambda desk: desk.status()), True
    call.show(report, lambda screen, status: show_status(screen, status, daemon=daemon))


def _reload(
    ctx: typer.Context,
    socket: SocketOption = None,
    reason: ReasonOption = "reload",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the daemon read config, secret files and policies anew."""
    from orchestrator.app.here import this_person

    call = invocation(ctx, config, as_json)
    person = this_person(reason)
    if socket is None:
        done = call.ask(lambda desk: desk.reload(person), waiting="Waiting for the daemon")
    else:
        done = _ask_at(call, socket, lambda desk: desk.reload(person))
    call.show(done, show_done)


def _ask_at(call: Invocation, socket: Path, work: Callable[[Desk], Awaitable[_T]]) -> _T:
    """Ask the daemon on a socket, by no config: it may be the very thing that is wrong."""
    import asyncio

    from orchestrator.app.desk import open_socket

    async def ask() -> _T:
        async with open_socket(call.world.cwd / socket) as desk:
            return await work(desk)

    return asyncio.run(ask())
