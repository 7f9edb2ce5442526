"""The command line as a whole: all families under one name."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from orchestrator.cli import (
    audit,
    change,
    daemon,
    demo,
    doctor,
    freeze,
    link,
    migrate,
    pages,
    rehearse,
    rooms,
    schema,
    server,
    setup,
    sources,
    state,
)
from orchestrator.cli.context import (
    DEBUG,
    FAILED,
    Commands,
    ConfigOption,
    JsonOption,
    invocation,
)

_EPILOG = """\b
The first steps:
  room-orchestrator demo                          watch rooms appear; Ctrl-C ends it
  room-orchestrator init my-rooms                 a config, keys and one example policy
  cd my-rooms && room-orchestrator plan           what would be done, and why
  room-orchestrator run                           the daemon

\b
The config is --config, else $ROOM_ORCHESTRATOR_CONFIG, else ./config.yaml, else
/etc/room-orchestrator/config.yaml.

\b
Exit codes: 0 done, 1 failed, 2 invalid input, 3 changes pending, 4 stopped by a brake.
ROOM_ORCHESTRATOR_DEBUG=1 shows the traceback of an error.
"""

app = typer.Typer(
    name="room-orchestrator",
    cls=Commands,
    help="Keeps the video meeting rooms that your policies ask for, and tells why.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"room-orchestrator {version('room-orchestrator')}")
        raise typer.Exit


@app.callback()
def _common(
    ctx: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    _: Annotated[
        bool,
        typer.Option("--version", help="Tell the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    invocation(ctx, config, as_json)


for _family in (
    *(demo, setup, migrate, daemon, doctor, change, freeze, rehearse, rooms, pages, link, sources),
    *(audit, state, schema, server),
):
    _family.add_to(app)


def main() -> None:
    """Run the command that the process was started with."""
    try:
        app()
    except Exception as error:
        # Whatever it is, the user sees a sentence; only its kind is sure to hold no secret.
        if os.environ.get(DEBUG):
            raise
        sys.stderr.write(
            f"room-orchestrator: an error that it was not made for ({type(error).__name__}); "
            f"{DEBUG}=1 shows where\n"
        )
        sys.exit(FAILED)
