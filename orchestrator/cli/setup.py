"""Commands that set something up."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import INVALID, ConfigOption, JsonOption, invocation
from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.times import plural
from orchestrator.foundation.pasting import shell_word
from orchestrator.ports.desk import DeskError

if TYPE_CHECKING:
    from orchestrator.app.init import Installed

_INIT = """\b
Example:
  room-orchestrator init my-rooms
"""

_CALLBACKS = """\b
Example:
  room-orchestrator callbacks        register what it prints at the Meetings API, for rooms,
                                     sessions and recordings, and keep it secret
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("init", epilog=_INIT)(_init)
    app.command("callbacks", epilog=_CALLBACKS)(_callbacks)


def _init(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder; made if it is not there.")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Set up a folder: config, keys, one example policy."""
    from orchestrator.app.init import PAGE, Choices, InitError, init

    call = invocation(ctx, None, as_json)
    try:
        made = init(call.world.cwd / folder, Choices(http=PAGE, public=False))
    except InitError as error:
        raise DeskError(str(error), INVALID) from error
    cwd = call.world.cwd
    call.show(made, lambda screen, installed: _show(screen, installed, cwd))


def _show(screen: Screen, made: Installed, cwd: Path) -> None:
    teams = plural(made.teams, "team")
    rows = (
        (
            "config.yaml",
            f"owner {made.owner}, mode enforce, embedded Meetings server on {made.url}",
        ),
        ("secrets/", "fresh keys, readable by you alone, ignored by git"),
        ("policies/", f"team-rooms.yaml and data/teams.yaml, {teams} to be replaced by yours"),
        ("schemas/", "what editors check config and policies by, as you type"),
    )
    for name, text in rows:
        screen.line((f"{name:<13}", "bold"), text, indent=2, hang=15)
    screen.line(
        f"Links begin with {made.url}. To let others join, set meetings.public_url in config.yaml "
        "now: later it changes every link.",
        indent=2,
    )
    if made.page is not None:
        screen.line(
            f"Status page {made.page} once it runs; to act there, log in with {made.token}.",
            indent=2,
        )
    where = os.path.relpath(made.folder, cwd)
    into = "" if where == "." else f"cd {shell_word(where)} && "
    screen.line(("Next:  ", "bold"), f"{into}room-orchestrator plan", indent=2)


def _callbacks(
    ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Print the address for callbacks of the Meetings API: a secret."""
    from orchestrator.app.web import tell_address

    call = invocation(ctx, config, as_json)
    address = tell_address(call.loaded().settings)
    if address.note and not as_json:
        call.screen.aside(address.note)
    if address.url is not None and not as_json:
        call.screen.aside("Whoever has this address can tell lies about who is in a room.")
    call.show(address, lambda screen, told: screen.line(told.url) if told.url else None)
