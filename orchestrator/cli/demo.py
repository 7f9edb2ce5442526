"""The demo."""

from __future__ import annotations

import os.path
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import FAILED, invocation
from orchestrator.ports.desk import DeskError

_DEMO = """\b
Example:
  room-orchestrator demo                          then open demo/policies in an editor
"""
_PROGRAM = "room-orchestrator"


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("demo", epilog=_DEMO)(_demo)


def _demo(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Its folder, kept; made if not there.")
    ] = Path("demo"),
) -> None:
    """Watch rooms appear because files say so."""
    import asyncio

    from orchestrator import logs
    from orchestrator.app.build import StartError
    from orchestrator.app.demo import prepare, watch
    from orchestrator.app.init import InitError
    from orchestrator.cli.view.demo import DemoView, shown_folder
    from orchestrator.ports.store import StoreFault, StoreTakenError

    call = invocation(ctx)
    place = call.world.cwd / folder
    try:
        prepared = prepare(place)
    except InitError as error:
        raise DeskError(str(error)) from error
    if prepared.moved:
        call.screen.aside("its port of last time is taken: links begin with another one today")
    settings = prepared.settings
    view = DemoView(call.screen, shown_folder(place, call.world.cwd), _program(call.world.cwd))
    settings.store.parent.mkdir(parents=True, exist_ok=True)
    with (settings.store.parent / "daemon.log").open("a", encoding="utf-8") as log:
        logs.set_up("info", "json", log)
        try:
            asyncio.run(watch(settings, view))
        except KeyboardInterrupt:
            pass  # before the daemon listened to signals: nothing had begun
        except StoreTakenError as fault:
            message = f"a demo runs in {folder} already; end it, or name another folder"
            raise DeskError(message, FAILED) from fault
        except (StartError, StoreFault) as fault:
            raise DeskError(str(fault)) from fault
        finally:
            logs.set_up("error")
    view.ended()


def _program(cwd: Path) -> str:
    """How our commands are typed in this folder: by name where the shell finds us."""
    ours = Path(sys.argv[0]).absolute()
    found = shutil.which(_PROGRAM)
    if found is not None and Path(found).absolute() == ours:
        return _PROGRAM
    if ours.name != _PROGRAM:
        return f"{os.path.basename(sys.executable)} -m orchestrator"  # noqa: PTH119 - a name
    return os.path.relpath(ours, cwd) if ours.is_relative_to(cwd) else str(ours)
