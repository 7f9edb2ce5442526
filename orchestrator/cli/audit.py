"""Commands about the audit log: following, finding, showing, checking and taking out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TextIO, TypeVar

import typer

from orchestrator.cli import offers
from orchestrator.cli.context import (
    DONE,
    FAILED,
    INVALID,
    ConfigOption,
    Invocation,
    JsonOption,
    invocation,
)
from orchestrator.cli.view.screen import Screen
from orchestrator.foundation.instants import parse_duration, parse_instant
from orchestrator.foundation.problems import did_you_mean
from orchestrator.ports.desk import DeskError

if TYPE_CHECKING:
    from orchestrator.app.auditing import Entry, Wanted
    from orchestrator.app.auditing import Progress as Told

_PATIENCE: Final = 5  # rotations while reading, after which it is given up
_T = TypeVar("_T")

_GROUP = """\b
Examples:
  room-orchestrator audit tail -f
  room-orchestrator audit search "Checkout room" --since 30d
  room-orchestrator audit verify
"""
_TAIL = """\b
Examples:
  room-orchestrator audit tail -n 50
  room-orchestrator audit tail -f --json
"""
_SEARCH = """\b
Examples:
  room-orchestrator audit search "Checkout room" --event room.deleted,room.lost
  room-orchestrator audit search 481-920-374
  room-orchestrator audit search --key team-rooms/checkout --since 2026-11-01 --until 2026-12-01

It finds what was true then: names, codes, links, keys and ids as they were at the time.
"""
_SHOW = """\b
Example:
  room-orchestrator audit show 90133
"""
_VERIFY = """\b
Examples:
  room-orchestrator audit verify
  room-orchestrator audit verify --public-key audit.pub.pem
  room-orchestrator audit verify --from-later     old files were removed on purpose

Exit codes: 0 the log is what was written, 1 it is not; each place is named.
"""
_EXPORT = """\b
Examples:
  room-orchestrator audit export --format csv --since 30d --out november.csv
  room-orchestrator audit export --key team-rooms/checkout
"""

audit = typer.Typer(help="Read and check the audit log.", epilog=_GROUP, no_args_is_help=True)

_Since = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="A moment, or a time ago as 30d.")
]
_Until = Annotated[
    str, typer.Option("--until", metavar="WHEN", help="Not included; as with --since.")
]
_Events = Annotated[
    str,
    typer.Option(
        "--event",
        metavar="NAMES",
        help="Only these, with commas between.",
        autocompletion=offers.events,
    ),
]
_OneKey = Annotated[
    str,
    typer.Option("--key", metavar="KEY", help="Only this key.", autocompletion=offers.keys),
]


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(audit, name="audit")


@audit.command("tail", epilog=_TAIL)
def _tail(
    ctx: typer.Context,
    count: Annotated[int, typer.Option("-n", min=0, metavar="N", help="How many facts.")] = 20,
    following: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what is written from now on.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last facts, and with -f each new one."""
    import asyncio

    from orchestrator.app.auditing import last_entries
    from orchestrator.cli.view.audit import show_entry

    call = invocation(ctx, config, as_json)
    live = _live(call)
    if not following:
        for entry in _patiently(lambda: last_entries(live, count)):
            _print_entry(call, entry, show_entry)
        return
    asyncio.run(_follow(call, live, count))


async def _follow(call: Invocation, live: Path, count: int) -> None:
    from orchestrator.app.auditing import follow
    from orchestrator.cli.view.audit import show_entry

    async for entry in follow(live, count, call.world.clock.sleep):
        _print_entry(call, entry, show_entry)
        call.screen.out.flush()


@audit.command("search", epilog=_SEARCH)
def _search(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Part of what was told.")] = "",
    events: _Events = "",
    key: _OneKey = "",
    since: _Since = "",
    until: _Until = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find facts by what was true then; ends with what was covered."""
    from orchestrator.app.auditing import Search, checked_by
    from orchestrator.cli.view.audit import show_coverage, show_found

    call = invocation(ctx, config, as_json)
    wanted = _wanted(call, text, events, key, (since, until))
    live = _live(call)
    checked = checked_by(call.loaded().settings)
    with _bar(call) as told:
        search = Search(live, wanted, checked.against, told)
        found = list(_patiently(lambda: list(search)))
    for entry in found:
        _print_entry(call, entry, show_found)
    if not call.as_json:
        show_coverage(call.screen, search.report(), len(found))


@audit.command("show", epilog=_SHOW)
def _show(
    ctx: typer.Context,
    seq: Annotated[str, typer.Argument(metavar="NUMBER", help="The fact's number, as 90133.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one fact whole, with the trail that led to it and on from it."""
    from orchestrator.app.auditing import show
    from orchestrator.cli.view.audit import entry_document, show_shown

    call = invocation(ctx, config, as_json)
    number = seq.removeprefix("#").replace(",", "")
    if not number.isdecimal():
        message = f"{seq!r} is no number of a fact; write it as 90133"
        raise DeskError(message, INVALID)
    live = _live(call)
    shown = _patiently(lambda: show(live, int(number)))
    if shown is None:
        message = f"the log has no fact #{number}; the last is told by: audit tail -n 1"
        raise DeskError(message)
    if call.as_json:
        trail = [entry_document(entry) for entry in shown.trail]
        call.screen.json({"fact": entry_document(shown.entry), "trail": trail})
    else:
        show_shown(call.screen, shown)


@audit.command("verify", epilog=_VERIFY)
def _verify(
    ctx: typer.Context,
    public_key: Annotated[
        list[Path] | None,
        typer.Option("--public-key", metavar="FILE", help="Keys that may have signed (PEM)."),
    ] = None,
    from_later: Annotated[
        bool, typer.Option("--from-later", help="The log need not begin with its first line.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that the log is what was written; name every place where it is not."""
    from orchestrator.app.auditing import checked_by, verify
    from orchestrator.cli.view.audit import show_verified, verified_document

    call = invocation(ctx, config, as_json)
    keys = tuple(call.world.cwd / key for key in public_key or [])
    live = _live(call)
    checked = checked_by(call.loaded().settings, keys, from_the_first=not from_later)
    with _bar(call) as told:
        report = _patiently(lambda: verify(live, checked.against, told))
    if call.as_json:
        call.screen.json(verified_document(report, checked.missing))
    else:
        show_verified(call.screen, report, checked.missing)
    raise typer.Exit(DONE if report.is_whole else FAILED)


@audit.command("export", epilog=_EXPORT)
def _export(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="[jsonl|csv]",
            help="The lines as they are, or a table.",
            autocompletion=lambda: ["jsonl", "csv"],
        ),
    ] = "jsonl",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Else standard output.")
    ] = None,
    events: _Events = "",
    key: _OneKey = "",
    since: _Since = "",
    until: _Until = "",
    config: ConfigOption = None,
) -> None:
    """Take facts out of the log, as the lines they are or as CSV."""
    from orchestrator.app.auditing import ExportFormat, export

    call = invocation(ctx, config)
    if form not in {str(each) for each in ExportFormat}:
        message = f"--format {form}: write jsonl or csv"
        raise DeskError(message, INVALID)
    wanted = _wanted(call, "", events, key, (since, until))
    live = _live(call)
    with _bar(call) as told, _outlet(call, out) as outlet:
        for record in export(live, wanted, ExportFormat(form), told):
            outlet.write(record)


@contextmanager
def _outlet(call: Invocation, out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield call.screen.out
        return
    with (call.world.cwd / out).open("w", encoding="utf-8", newline="") as file:
        yield file


def _live(call: Invocation) -> Path:
    settings = call.loaded().settings
    live = settings.audit.file
    if not call.as_json:
        call.screen.note(f"config {settings.file} · log {live}", whole=True)
    return live


def _wanted(call: Invocation, text: str, events: str, key: str, between: tuple[str, str]) -> Wanted:
    from orchestrator.app.auditing import Wanted
    from orchestrator.domain.facts import CATALOGUE

    since, until = between
    names = frozenset(name.strip() for name in events.split(",") if name.strip())
    unknown = sorted(names - CATALOGUE.keys())
    if unknown:
        message = f"no event is called {unknown[0]}{did_you_mean(unknown[0], CATALOGUE)}"
        raise DeskError(message, INVALID)
    now = call.world.clock.now()
    return Wanted(text, names, key, _moment("--since", since, now), _moment("--until", until, now))


def _moment(option: str, text: str, now: datetime) -> datetime | None:
    """A moment as people write it, or a length of time before now."""
    if not text:
        return None
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        return parse_instant(text)
    except ValueError:
        message = f"{option} {text}: write a moment, as 2026-11-01T09:00Z, or a time ago, as 30d"
        raise DeskError(message, INVALID) from None


def _print_entry(call: Invocation, entry: Entry, view: Callable[[Screen, Entry], None]) -> None:
    if call.as_json:
        call.screen.raw(entry.raw.decode("utf-8", "replace") + "\n")
    else:
        view(call.screen, entry)


def _patiently(read: Callable[[], _T]) -> _T:
    """Read again where the log was rotated meanwhile."""
    from orchestrator.app.auditing import LogMovedError

    for _ in range(_PATIENCE):
        try:
            return read()
        except LogMovedError:
            continue
    message = "the log is rotated again and again while it is read; try once more"
    raise DeskError(message)


@contextmanager
def _bar(call: Invocation) -> Iterator[Told | None]:
    """A progress bar on stderr, on a terminal alone; gone when it is done."""
    if not call.screen.terminal or call.as_json:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("Reading the log", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("read", total=None)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield told
