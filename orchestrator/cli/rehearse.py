"""The rehearsal: what the daemon would do until a date, and whether that is what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.context import (
    DONE,
    FAILED,
    INVALID,
    PENDING,
    ConfigOption,
    Invocation,
    JsonOption,
    invocation,
)
from orchestrator.cli.view.rehearsal import show_rehearsal
from orchestrator.domain.reports import RehearsalReport
from orchestrator.foundation.instants import parse_duration, parse_instant
from orchestrator.ports.desk import DeskError

if TYPE_CHECKING:
    from orchestrator.app.rehearsal import Candidate, Progress

_REHEARSE: Final = """\b
Examples:
  room-orchestrator rehearse                          the year to come
  room-orchestrator rehearse --until 2027-12-31
  room-orchestrator rehearse --for 90d --acts         every act, not the nearest alone
  room-orchestrator rehearse --policies candidate/    a folder that is not in force yet
  room-orchestrator rehearse --json | jq '.acts[] | select(.link == "ends") | .key'

No call leaves this machine and nothing is written; a daemon may run beside it. Ctrl-C ends it
early, with what was found so far.

Exit codes: 0 all policies get what they ask for, 3 one does not, or a wanted room would be lost,
2 a policy has problems, 1 it was ended early.
"""
_USUAL: Final = "365d"
_FARTHEST: Final = timedelta(days=3660)


def add_to(app: typer.Typer) -> None:
    """Add this family's command."""
    app.command("rehearse", epilog=_REHEARSE)(_rehearse)


def _rehearse(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="The end, as 2027-12-31.")
    ] = "",
    lasting: Annotated[
        str, typer.Option("--for", metavar="TIME", help="The same as a length: 90d. [365d]")
    ] = "",
    start: Annotated[
        str, typer.Option("--from", metavar="DATE", help="The beginning; now if not given.")
    ] = "",
    policies: Annotated[
        Path | None,
        typer.Option("--policies", metavar="DIR", help="Rehearse this folder instead."),
    ] = None,
    acts: Annotated[bool, typer.Option("--acts", help="Show every act, link and month.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what would be done until a date: acts, calls, links, and what cannot be met."""
    from orchestrator.app.rehearsal import Span, rehearse

    call = invocation(ctx, config, as_json)
    begins, ends = _span(call, start, until, lasting)
    loaded = call.loaded()
    candidate = None if policies is None else _candidate(call, policies)
    call.log_quietly()
    with _progress(call, begins, ends) as progress:
        try:
            report = rehearse(loaded.settings, Span(begins, ends), candidate, progress)
        except KeyboardInterrupt:
            raise DeskError("it was ended before it had begun") from None
    call.show(report, lambda screen, told: show_rehearsal(screen, told, every=acts))
    raise typer.Exit(_code(report))


def _code(report: RehearsalReport) -> int:
    if report.problems:
        return INVALID
    if not report.met:
        return PENDING
    return DONE if report.whole else FAILED


def _span(call: Invocation, start: str, until: str, lasting: str) -> tuple[datetime, datetime]:
    if until and lasting:
        raise DeskError("--until and --for exclude each other", INVALID)
    now = call.world.clock.now()
    begins = _moment(call, "--from", start) if start else now
    if begins < now:
        message = f"--from {start} is over: a rehearsal begins now or later"
        raise DeskError(message, INVALID)
    if until:
        ends = _moment(call, "--until", until)
    else:
        try:
            length = parse_duration(lasting or _USUAL)
        except ValueError as error:
            raise DeskError(f"--for {error}", INVALID) from error
        if length > _FARTHEST:
            raise DeskError(f"--for {lasting}: at most ten years can be rehearsed", INVALID)
        ends = begins + length
    if ends <= begins:
        message = f"{'--until' if until else '--for'} {until or lasting}: it ends before it begins"
        raise DeskError(message, INVALID)
    if ends - begins > _FARTHEST:
        raise DeskError(f"--until {until}: at most ten years can be rehearsed", INVALID)
    return begins, ends


def _moment(call: Invocation, option: str, text: str) -> datetime:
    """A day, which begins at the reader's midnight, or a moment."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        try:
            return parse_instant(text)
        except ValueError as error:
            raise DeskError(f"{option} {error}, or a day such as 2027-01-31", INVALID) from error
    midnight = datetime.combine(day, time())
    zone = call.world.zone
    here = midnight.astimezone() if zone is None else midnight.replace(tzinfo=zone)
    return here.astimezone(UTC)


def _candidate(call: Invocation, policies: Path) -> Candidate:
    from orchestrator.app.rehearsal import Candidate
    from orchestrator.app.validate import read_folder

    path = call.world.cwd / policies
    if path.is_file():
        message = f"{policies} is a file; name the folder of policies that it lies in"
        raise DeskError(message, INVALID)
    folder = read_folder(path)
    if folder.problem is not None:
        raise DeskError(str(folder.problem), INVALID)
    return Candidate(str(policies), folder)


@contextmanager
def _progress(call: Invocation, begins: datetime, ends: datetime) -> Iterator[Progress]:
    """A bar on stderr that goes by the days that have passed there; nothing in a pipe."""
    if call.as_json or not call.screen.terminal:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("Rehearsing"), BarColumn(), TextColumn("{task.description}"))
    days = (ends - begins).total_seconds()
    console = Console(stderr=True)
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=days)

        def reached(at: datetime) -> None:
            done = (at - begins).total_seconds()
            bar.update(
                task, completed=done, description=f"{at.astimezone(call.world.zone):%Y-%m-%d}"
            )

        yield reached
