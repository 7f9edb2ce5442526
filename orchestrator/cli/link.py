"""The command that prints our own link of a key or a schedule, or a calendar's address."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import offers
from orchestrator.cli.context import INVALID, ConfigOption, JsonOption, invocation
from orchestrator.ports.desk import DeskError

_LINK = """\b
Examples:
  room-orchestrator link team-rooms/checkout      the link of a key, which outlives its rooms
  room-orchestrator link all-hands                of a schedule: its running or next occurrence
  room-orchestrator link --calendar               the calendar of scheduled rooms, to subscribe to

It prints the link alone, so that it can be piped; what stands behind it now is told on stderr.
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("link", epilog=_LINK)(_link)


def _link(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="A key, a room's id, a policy with a schedule; or a calendar.",
            autocompletion=offers.keys,
        ),
    ] = "",
    calendar: Annotated[
        bool, typer.Option("--calendar", help="The address of a calendar of config.yaml.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print our own link: a secret of those who are to use it."""
    if not name and not calendar:
        raise DeskError("say whose link, such as team-rooms/checkout, or --calendar", INVALID)
    call = invocation(ctx, config, as_json)
    link = call.ask(lambda desk: desk.link(name, calendar=calendar))
    if link.stage and not as_json:
        call.screen.aside(f"{link.name}: {link.stage}. {link.note}".rstrip())
    call.show(link, lambda screen, told: screen.line(told.url, whole=True))
