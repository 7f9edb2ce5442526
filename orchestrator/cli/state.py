"""Commands about the store itself: what it is, and making it anew."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.context import (
    DONE,
    INVALID,
    PENDING,
    ConfigOption,
    JsonOption,
    invocation,
)
from orchestrator.cli.view.state import show_rebuilt, show_store_report
from orchestrator.ports.desk import DeskError

_GROUP = """\b
Examples:
  room-orchestrator state show
  room-orchestrator state rebuild --dry-run
"""
_SHOW = """\b
Example:
  room-orchestrator state show                    reads beside the daemon, and changes nothing
"""
_REBUILD = """\b
Examples:
  room-orchestrator state rebuild --dry-run       what would be written, and what is different
  room-orchestrator state rebuild --reason "the disk died, OPS-4711"

\b
It lists the API and reads policies/data/adopted.yaml and the audit log. The present store is kept
beside the new one. It refuses while a daemon runs, and whatever may be half of the truth.

Exit codes: 0 written, 3 could be written (--dry-run), 1 refused, 2 invalid input.
"""

state = typer.Typer(help="Look at the store, make it anew.", epilog=_GROUP, no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(state, name="state")


@state.command("show", epilog=_SHOW)
def _show(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell what the store holds, which store it is, and whether it is in doubt."""
    from orchestrator.app.remains import show_store

    call = invocation(ctx, config, as_json)
    call.show(show_store(call.loaded().settings), show_store_report)


@state.command("rebuild", epilog=_REBUILD)
def _rebuild(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be written.")
    ] = False,
    reason: Annotated[
        str,
        typer.Option("--reason", "-r", metavar="TEXT", help="Why; it goes into the audit log."),
    ] = "",
    trust_broken_audit: Annotated[
        bool,
        typer.Option(
            "--trust-broken-audit", help="Go on by what can be read of a log that is not whole."
        ),
    ] = False,
    take_over: Annotated[
        list[str] | None,
        typer.Option(
            "--take-over",
            metavar="STORE",
            help="Rooms by this store are ours: its daemon is gone for good.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the store anew from the API's rooms, adopted.yaml and the audit log."""
    import asyncio

    from orchestrator.app.here import this_person
    from orchestrator.app.rebuild import Choices, rebuild_store

    call = invocation(ctx, config, as_json)
    if not dry_run and not reason.strip():
        message = "write --reason TEXT, which the audit log will tell, or --dry-run to look first"
        raise DeskError(message, INVALID)
    settings = call.loaded().settings
    choices = Choices(
        person=None if dry_run else this_person(reason.strip()),
        trust_broken_audit=trust_broken_audit,
        take_over=frozenset(take_over or ()),
    )
    call.log_quietly()
    report = asyncio.run(rebuild_store(settings, choices))
    if not call.as_json:
        call.screen.note(f"config {settings.file}", whole=True)
    call.show(report, show_rebuilt)
    raise typer.Exit(DONE if report.written else PENDING)
