"""Commands about freezes: putting off all changes for a while, and letting them go on."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import offers
from orchestrator.cli.context import (
    ConfigOption,
    ForOption,
    JsonOption,
    ReasonOption,
    UntilOption,
    end_of,
    invocation,
)
from orchestrator.cli.view.done import show_done

_FREEZE = """\b
Examples:
  room-orchestrator freeze --for 3d --reason "quarter end"
  room-orchestrator freeze --until 2027-01-04T06:00Z --policy team-rooms --reason "year end"

Held are creates, updates, replacements, removals and renewals that can wait. Pages go on, and so
do the rooms of people's meetings, a new room for one that is lost, and a renewal in the last
twentieth of a room's life. It ends by itself, after 30 days at most.
"""
_UNFREEZE = """\b
Example:
  room-orchestrator status                        names what is frozen
  room-orchestrator unfreeze --reason "the quarter is closed"
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("freeze", epilog=_FREEZE)(_freeze)
    app.command("unfreeze", epilog=_UNFREEZE)(_unfreeze)


def _freeze(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    reason: ReasonOption,
    until: UntilOption = "",
    for_: ForOption = "",
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            "-p",
            metavar="POLICY",
            help="Of this policy alone; may stand several times.",
            autocompletion=offers.policies,
        ),
    ] = None,
    all_acts: Annotated[
        bool,
        typer.Option("--all-acts", help="Also meetings do not open; lost rooms are not made anew."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put off all changes until a moment."""
    call = invocation(ctx, config, as_json)
    end = end_of(until, for_, call.world.clock.now(), "a freeze")
    names = tuple(policies or ())
    done = call.command(
        lambda desk, person: desk.freeze(end, person, names, all_acts=all_acts), reason
    )
    call.show(done, show_done)


def _unfreeze(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[FREEZE]", help="Its name, where there are several.")
    ] = "",
    *,
    reason: ReasonOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a freeze before its time."""
    call = invocation(ctx, config, as_json)
    call.show(call.command(lambda desk, person: desk.unfreeze(name, person), reason), show_done)
