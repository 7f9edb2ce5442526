"""The commands for our own links: print one, draw it as a QR code, write all of them as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli import offers
from orchestrator.cli.context import (
    FAILED,
    INVALID,
    ConfigOption,
    Invocation,
    JsonOption,
    invocation,
)
from orchestrator.ports.desk import DeskError

if TYPE_CHECKING:
    from orchestrator.cli.view.screen import Screen
    from orchestrator.domain.reports import OurLink

_DRAWN_MODE: Final = 0o640  # whoever sees the code may enter
_LINK = """\b
Examples:
  room-orchestrator link team-rooms/checkout      the link of a key, which outlives its rooms
  room-orchestrator link all-hands                of a schedule: its running or next occurrence
  room-orchestrator link all-hands --qr           the same as a QR code, to be scanned
  room-orchestrator link all-hands --svg hall.svg as an image, for a page or a printer
  room-orchestrator link --calendar               the calendar of scheduled rooms, to subscribe to

It prints the link alone, so that it can be piped; what stands behind it now is told on stderr.
"""
_EXPORT = """\b
Examples:
  room-orchestrator links export /srv/links       for a web server, or to be copied to one

The folder must be empty, new, or one that was written before. Serve its site/ at the address of
your links; nginx.map and _redirects lead on without a page between. Whoever can read the folder can
enter every room in it. To have the daemon keep it, name a destination of the type static.
"""

_LINKS = """\b
Example:
  room-orchestrator links export /srv/links       for a web server, or to be copied to one
"""

links = typer.Typer(help="All of our own links at once.", no_args_is_help=True, epilog=_LINKS)


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("link", epilog=_LINK)(_link)
    app.add_typer(links, name="links")


def _link(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="A key, a room's id, a policy with a schedule; or a calendar.",
            autocompletion=offers.keys,
        ),
    ] = "",
    *,
    calendar: Annotated[
        bool, typer.Option("--calendar", help="The address of a calendar of config.yaml.")
    ] = False,
    code: Annotated[bool, typer.Option("--qr", help="Draw a QR code of it as well.")] = False,
    drawn: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE", help="Draw a QR code of it into this file."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print our own link: a secret of those who are to use it."""
    if not name and not calendar:
        raise DeskError("say whose link, such as team-rooms/checkout, or --calendar", INVALID)
    call = invocation(ctx, config, as_json)
    if call.as_json and code:
        raise DeskError("--qr draws and --json does not: take one of them, or --svg", INVALID)
    if drawn is not None and (drawn.is_dir() or not drawn.parent.is_dir()):
        message = f"{drawn} cannot be written: name a file in a folder that is there"
        raise DeskError(message, INVALID)
    link = call.ask(lambda desk: desk.link(name, calendar=calendar))
    if link.stage and not call.as_json:
        call.screen.aside(f"{link.name}: {link.stage}. {link.note}".rstrip())
    if code:
        _draw(call.screen, link)
    call.show(link, lambda screen, told: screen.line(told.url, whole=True))
    if drawn is not None:
        _draw_into(call, drawn, link)


def _draw(screen: Screen, link: OurLink) -> None:
    from orchestrator.foundation import qr

    rows = qr.blocks(link.url)
    if screen.width is not None and screen.width < len(rows[0]):
        message = (
            f"a QR code of this link takes {len(rows[0])} columns, and this terminal has "
            f"{screen.width}: make it wider, or draw it with --svg FILE"
        )
        raise DeskError(message, FAILED)
    for row in rows:
        screen.line((row, "bright_white on black"), whole=True)


def _draw_into(call: Invocation, path: Path, link: OurLink) -> None:
    from orchestrator.foundation import qr
    from orchestrator.foundation.replacing import replace_file

    replace_file(path, qr.image(link.url), _DRAWN_MODE)
    call.screen.aside(f"{path}: a QR code of {link.name}")


@links.command("export", epilog=_EXPORT)
def _export(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to write to.", file_okay=False)
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a page for every link into a folder, for those who serve them elsewhere."""
    from orchestrator.app.links import export

    call = invocation(ctx, config, as_json)
    report = call.ask(lambda desk: desk.links())
    written = export(report, folder.absolute(), call.world.clock.now())
    call.show(
        written,
        lambda screen, told: screen.line(
            f"{told.links} {'link' if told.links == 1 else 'links'} in {folder}/site: "
            f"{told.changed} {'page' if told.changed == 1 else 'pages'} written, "
            f"{told.over} over since the last time"
        ),
    )
