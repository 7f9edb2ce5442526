"""Commands about the daemon: running it, and how it is."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from orchestrator import logs
from orchestrator.app.build import App, StartError
from orchestrator.app.daemon import run
from orchestrator.cli.context import ConfigOption, Invocation, JsonOption, invocation
from orchestrator.cli.view.status import show_status
from orchestrator.config import SecretFault, Settings
from orchestrator.domain.policies import Mode
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import StoreFault, StoreTakenError

_RUN = """\b
Examples:
  room-orchestrator run
  room-orchestrator run --config /etc/room-orchestrator/config.yaml

SIGTERM and Ctrl-C end it in order; SIGHUP reads config and policies anew.
"""
_STATUS = """\b
Examples:
  room-orchestrator status
  room-orchestrator status --json | jq .needs_you
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("run", epilog=_RUN)(_run)
    app.command("status", epilog=_STATUS)(_status)


def _run(
    ctx: typer.Context,
    repin: Annotated[
        bool,
        typer.Option("--repin", help="The store moves on purpose to this owner and API."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Run the daemon: keep the rooms that the policies ask for."""
    call = invocation(ctx, config)
    settings = call.loaded().settings
    logs.set_up(settings.log.level.value, settings.log.format.value)
    call.screen.aside(f"room-orchestrator: config {settings.file}, {_mode(settings.mode)}")
    try:
        asyncio.run(run(settings, repin=repin, on_ready=lambda app: _ready(call, app)))
    except StoreTakenError as fault:
        message = f"{fault}; ask it: room-orchestrator status"
        raise DeskError(message) from fault
    except (StartError, StoreFault, SecretFault) as fault:
        raise DeskError(str(fault)) from fault
    except ExceptionGroup as group:
        raise DeskError(f"it could not go on: {_causes(group)}") from group


def _causes(group: ExceptionGroup[Exception]) -> str:
    """What ended the daemon: faults in their words, anything else by its kind alone."""
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


def _status(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell how all is: first what needs a person."""
    call = invocation(ctx, config, as_json)
    report, daemon = call.ask_whom(lambda desk: desk.status())
    call.show(report, lambda screen, status: show_status(screen, status, daemon=daemon))
