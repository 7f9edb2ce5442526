"""Commands about pages: which there are, what became of one, and a test page by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

import typer

from orchestrator.cli import offers
from orchestrator.cli.context import (
    ConfigOption,
    JsonOption,
    invocation,
)
from orchestrator.cli.view.done import show_done
from orchestrator.cli.view.pages import show_opened, show_page, show_pages
from orchestrator.domain.reports import NewPage

_GROUP = """\b
Examples:
  room-orchestrator page list
  room-orchestrator page show 4711
  room-orchestrator page open --title "A test, please ignore" --wait
"""
_LIST = """\b
Examples:
  room-orchestrator page list
  room-orchestrator page list --over              also those that are over
  room-orchestrator page list --json | jq '.pages[] | select(.room_id == "")'
"""
_SHOW = """\b
Examples:
  room-orchestrator page show 4711                by its number at the paging system
  room-orchestrator page show "checkout error"    by a part of its title that no other one has
  room-orchestrator page show https://rooms.example.com/r/oncall-bridge/…      by our link

Its key or address at the source, an episode's id and a key of ours do as well.
"""
_OPEN = """\b
Examples:
  room-orchestrator page open --title "A test, please ignore"
  room-orchestrator page open --title "Checkout is slow" --severity high --service checkout --wait

It goes the way of every other page: a policy must take it, and whoever the policy names is told.
Close it when you are done: room-orchestrator page close KEY
"""
_CLOSE = """\b
Example:
  room-orchestrator page close by-hand-4f1a9c02ee --reason "the test is over"
"""
_WAITS: Final = timedelta(seconds=60)  # for a room, before the link alone is told

pages = typer.Typer(help="Look at pages, send one by hand.", epilog=_GROUP, no_args_is_help=True)

_Name = Annotated[
    str,
    typer.Argument(
        metavar="PAGE",
        help="A number, a part of the title, a key, an address.",
        autocompletion=offers.pages,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(pages, name="page")


@pages.command("list", epilog=_LIST)
def _list(
    ctx: typer.Context,
    over: Annotated[bool, typer.Option("--over", help="Also those that are over.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List pages, those that need somebody first."""
    call = invocation(ctx, config, as_json)
    call.show(call.ask(lambda desk: desk.pages(over=over)), show_pages)


@pages.command("show", epilog=_SHOW)
def _show(
    ctx: typer.Context, name: _Name, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Tell what became of one page: its link, its room, who was told, and what comes."""
    call = invocation(ctx, config, as_json)
    call.show(call.ask(lambda desk: desk.page(name)), show_page)


@pages.command("open", epilog=_OPEN)
def _open(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    title: Annotated[
        str, typer.Option("--title", "-t", metavar="TEXT", help="What it is about.")
    ] = "A test, please ignore",
    severity: Annotated[
        str,
        typer.Option("--severity", metavar="WORD", help="critical, high, medium, low or unknown."),
    ] = "critical",
    service: Annotated[
        str, typer.Option("--service", metavar="NAME", help="What it is that fails.")
    ] = "",
    team: Annotated[str, typer.Option("--team", metavar="NAME", help="Whose it is.")] = "",
    key: Annotated[
        str, typer.Option("--key", metavar="KEY", help="What it is known by; left out: a new one.")
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            "--source",
            metavar="NAME",
            help="Whose page it seems to be; left out: manual, or one that a policy names.",
        ),
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its room, a minute at most.")
    ] = False,
    reason: Annotated[
        str,
        typer.Option("--reason", "-r", metavar="TEXT", help="Why; it goes into the audit log."),
    ] = "a test by hand",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a page by hand, through the real intake, and print its link."""
    page = NewPage(
        title=title,
        source=source,
        key=key,
        severity=severity,
        service=service,
        team=team,
        wait=_WAITS if wait else timedelta(),
    )
    call = invocation(ctx, config, as_json)
    waiting = "Waiting for the room" if wait else ""
    opened = call.command(
        lambda desk, person: desk.open_page(page, person), reason, waiting=waiting
    )
    call.show(opened, show_opened)


@pages.command("close", epilog=_CLOSE)
def _close(
    ctx: typer.Context,
    name: _Name,
    reason: Annotated[
        str,
        typer.Option("--reason", "-r", metavar="TEXT", help="Why; it goes into the audit log."),
    ] = "by hand",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a page by hand, as its source would."""
    call = invocation(ctx, config, as_json)
    done = call.command(lambda desk, person: desk.close_page(name, person), reason)
    call.show(done, show_done)
