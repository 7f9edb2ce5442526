"""Commands about the systems that send pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import ConfigOption, JsonOption, invocation
from orchestrator.cli.view.screen import Screen

if TYPE_CHECKING:
    from orchestrator.app.sources import SourceAddress, SourceAddresses

_SOURCES = """\b
Examples:
  room-orchestrator sources list
  room-orchestrator sources show pagerduty
"""
_LIST = """\b
Example:
  room-orchestrator sources list
"""
_SHOW = """\b
Examples:
  room-orchestrator sources show pagerduty
  room-orchestrator sources show goalert --reveal     with the secret end of the address
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    about = "Systems that send pages: their addresses."
    group = typer.Typer(no_args_is_help=True, help=about, epilog=_SOURCES)
    group.command("list", epilog=_LIST)(_list)
    group.command("show", epilog=_SHOW)(_show)
    app.add_typer(group, name="sources")


def _list(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every source, where it sends to, and how it is known."""
    from orchestrator.app.sources import tell_sources

    call = invocation(ctx, config, as_json)
    call.show(tell_sources(call.loaded().settings), _print_all)


def _show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name under sources.")],
    config: ConfigOption = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print the secret end of the address, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the address that a source sends to."""
    from orchestrator.app.sources import tell_source

    call = invocation(ctx, config, as_json)
    address = tell_source(call.loaded().settings, name, reveal=reveal)
    if not as_json:
        call.screen.aside(f"{address.name} ({address.kind}), known by: {_known(address)}")
        if address.secret:
            call.screen.aside("Whoever has this address can open rooms.")
        elif address.url.endswith("…"):
            call.screen.aside("The secret end is left out; --reveal prints it.")
    call.show(address, lambda screen, told: screen.line(told.url, whole=True))


def _print_all(screen: Screen, told: SourceAddresses) -> None:
    if not told.sources:
        screen.line("No source is set up: docs/integrations/ says what to write in config.yaml.")
    for address in told.sources:
        screen.line((address.name, "bold"), f"  ({address.kind})  {address.url}")
        screen.line(f"known by: {_known(address)}", indent=2)


def _known(address: SourceAddress) -> str:
    return "; ".join(address.known_by)
