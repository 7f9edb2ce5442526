"""Coming from elsewhere: the rooms that are there already, under policy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.context import (
    DONE,
    INVALID,
    PENDING,
    ConfigOption,
    Invocation,
    JsonOption,
    invocation,
)
from orchestrator.cli.view.imports import show_import
from orchestrator.domain.reports import ImportReport
from orchestrator.foundation.instants import parse_instant
from orchestrator.foundation.pasting import shell_word
from orchestrator.ports.desk import DeskError

if TYPE_CHECKING:
    from orchestrator.app.importing import Choices, Estate, Told
    from orchestrator.config import Settings

_IMPORT: Final = """\b
Examples:
  room-orchestrator import                          what would be written for the API's rooms
  room-orchestrator import --write                  into the policies folder; links stay
  room-orchestrator import --into candidate/        into a new folder, to be looked at first
  room-orchestrator import rooms.json --into new/ --elsewhere --as-of 2025-06-01
                                                    rooms of a server that is no more, anew

\b
Nothing but GET is sent, and no file is overwritten. Left out are instant rooms, ended ones, and
those that are somebody's already. In a pipe it answers with JSON.

Exit codes: 0 written, or nothing to write; 3 it could be written; 1 refused; 2 invalid input.
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's command."""
    app.command("import", epilog=_IMPORT)(_import)


def _import(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    listing: Annotated[
        Path | None,
        typer.Argument(metavar="[LISTING]", help="A saved listing, - for stdin; else the API's."),
    ] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Write into the policies folder.")] = False,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Write into this new folder.")
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="NAME", help="What names of policies begin with.")
    ] = "imported",
    hosts: Annotated[
        str,
        typer.Option(
            "--host-links-to",
            metavar="NAME",
            help="Tell this destination the host's link where guests wait for one.",
        ),
    ] = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on by a listing that may be half of one.")
    ] = False,
    elsewhere: Annotated[
        bool,
        typer.Option("--elsewhere", help="The rooms are at another server: make each anew here."),
    ] = False,
    as_of: Annotated[
        str,
        typer.Option("--as-of", metavar="DATE", help="Rooms of a listing that stood then. [now]"),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write policies for the rooms that are there already; no link changes."""
    from orchestrator.app.importing import Choices, import_estate

    call = invocation(ctx, config, as_json)
    call = replace(call, as_json=call.as_json or not call.screen.terminal)
    if write and into is not None:
        raise DeskError("--write and --into exclude each other", INVALID)
    if listing is None and (elsewhere or as_of):
        raise DeskError("--elsewhere and --as-of are for a saved listing: name its file", INVALID)
    now = _moment(as_of) if as_of else call.world.clock.now()
    call.log_quietly()
    settings: Settings | None
    if listing is None:
        settings = call.loaded().settings
        estate = _listed(call, settings)
    else:
        settings = call.loaded().settings if write else _settings(call)
        estate = _saved(call, listing, now)
    cwd = call.world.cwd
    choices = Choices(
        None if into is None else (cwd / into).absolute(),
        write or into is not None,
        prefix,
        hosts,
        partial,
        elsewhere,
    )
    report = import_estate(estate, settings, choices, cwd)
    report = replace(report, then=_then(report, choices, settings, listing))
    if settings is not None and not call.as_json:
        call.screen.note(f"config {settings.file}", whole=True)
    call.show(report, show_import)
    raise typer.Exit(DONE if report.written or not report.policies else PENDING)


def _settings(call: Invocation) -> Settings | None:
    """The installation, if there is a config here."""
    from orchestrator.app.configuration import found

    there = found(call.config, call.world.environ, call.world.cwd)
    return call.loaded().settings if there else None


def _listed(call: Invocation, settings: Settings) -> Estate:
    import asyncio

    from orchestrator.app.importing import list_estate

    with _progress(call) as told:
        return asyncio.run(list_estate(settings, call.world.clock, told))


def _saved(call: Invocation, listing: Path, now: datetime) -> Estate:
    from orchestrator.app.importing import LISTING_MAX, read_estate

    stdin = str(listing) == "-"
    name = "standard input" if stdin else str(listing)
    with sys.stdin.buffer if stdin else (call.world.cwd / listing).open("rb") as file:
        content = file.read(LISTING_MAX + 1)
    if len(content) > LISTING_MAX:
        raise DeskError(f"{name}: at most 1 GiB is read; split the listing", INVALID)
    return read_estate(name, content, now)


@contextmanager
def _progress(call: Invocation) -> Iterator[Told]:
    """A bar on stderr that goes by the rooms that were listed; nothing in a pipe."""
    if call.as_json:
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("Listing the rooms"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda count, total: bar.update(task, completed=count, total=total)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(f"{text}T00:00:00+00:00").astimezone(UTC)
    except ValueError:
        try:
            return parse_instant(text)
        except ValueError as error:
            raise DeskError(f"--as-of {error}, or a day such as 2025-06-01", INVALID) from error


def _then(
    report: ImportReport, choices: Choices, settings: Settings | None, listing: Path | None
) -> str:
    if not report.written:
        named = "" if listing is None else f"{shell_word(listing)} "
        return f"room-orchestrator import {named}--into DIR   or, where it is to be, --write"
    if choices.into is None:
        return "room-orchestrator plan    then  apply, or let the daemon take the rooms over"
    folder = shell_word(report.files[0].partition("/data/")[0])
    if settings is None:
        return f"room-orchestrator validate {folder}    then move it to where the policies are"
    return f"room-orchestrator validate {folder}    then copy it into {settings.policies}"
