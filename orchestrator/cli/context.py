"""What every command stands on: the options that all have, the way to a desk, and errors.

An error is one sentence on stderr and an exit code; with ``ROOM_ORCHESTRATOR_DEBUG=1`` its
traceback as well.

Here and in every family the app is imported where it is used: a shell that completes a word, and
``--help``, start the whole program and wait for it.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol, TypeVar

import typer
from typer.core import TyperGroup

from orchestrator.cli.view.problems import show_problems
from orchestrator.cli.view.screen import Screen
from orchestrator.domain.reports import Person
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import Desk, DeskError

if TYPE_CHECKING:
    from orchestrator.app.configuration import ConfigError, Loaded
    from orchestrator.app.desk import Opened
    from orchestrator.config import Settings

DONE: Final = 0
FAILED: Final = 1
INVALID: Final = 2
PENDING: Final = 3
BRAKED: Final = 4

DEBUG: Final = "ROOM_ORCHESTRATOR_DEBUG"
_T = TypeVar("_T")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The config file to use."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON, times in UTC.")]
ReasonOption = Annotated[
    str,
    typer.Option("--reason", "-r", metavar="TEXT", help="Why; it goes into the audit log."),
]


UntilOption = Annotated[
    str, typer.Option("--until", metavar="TIME", help="A moment, as 2026-12-01T09:00Z.")
]
ForOption = Annotated[
    str, typer.Option("--for", metavar="DURATION", help="For so long, as 2d or 90m.")
]


def end_of(until: str, length: str, now: datetime, what: str) -> datetime:
    """When something is to end, by one of the two ways to say it; ``what`` has an end."""
    from orchestrator.foundation.instants import parse_duration, parse_instant

    if bool(until) is bool(length):
        raise DeskError(f"say either --until or --for: {what} has an end", INVALID)
    try:
        return parse_instant(until) if until else now + parse_duration(length)
    except (ValueError, OverflowError) as error:
        option = "--until" if until else "--for"
        raise DeskError(f"{option} {until or length}: {error}", INVALID) from None


class DeskOpener(Protocol):
    """Opens a desk: the daemon's, or one put together for a command."""

    def __call__(
        self, settings: Settings, *, acts: bool = False
    ) -> AbstractAsyncContextManager[Opened]:
        """A desk for the length of the block; raises `DeskError`."""
        ...


def _open_desk(settings: Settings, *, acts: bool = False) -> AbstractAsyncContextManager[Opened]:
    from orchestrator.app.desk import open_desk

    return open_desk(settings, acts=acts)


def _set_up_log(level: Literal["debug", "info", "warning", "error"]) -> None:
    from orchestrator import logs

    logs.set_up(level)


@dataclass(frozen=True, slots=True)
class World:
    """What lies around a command; tests bring their own.

    Attributes:
        terminal: whether standard output is one; None: ask it.
        zone: the reader's; None: the system's.
    """

    clock: Clock
    open_desk: DeskOpener = _open_desk
    log: Callable[[Literal["debug", "info", "warning", "error"]], None] = _set_up_log
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path = field(default_factory=Path.cwd)
    zone: tzinfo | None = None
    terminal: bool | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """One command: its common options, its world and its screen."""

    world: World
    screen: Screen
    config: Path | None = None
    as_json: bool = False

    def loaded(self) -> Loaded:
        """The config that this command reads.

        Raises:
            ConfigError: there is none, or it has problems.
        """
        from orchestrator.app.configuration import load

        loaded = load(self.config, self.world.environ, self.world.cwd)
        for warning in loaded.warnings:
            self.screen.aside(f"warning: {warning}")
        return loaded

    def ask(
        self, work: Callable[[Desk], Awaitable[_T]], *, acts: bool = False, waiting: str = ""
    ) -> _T:
        """Do something at the desk, and say which config was read and who answered.

        Args:
            work: what to do there.
            acts: it changes something.
            waiting: what to say on a terminal while it takes its time.
        """
        return self.ask_whom(work, acts=acts, waiting=waiting)[0]

    def ask_whom(
        self, work: Callable[[Desk], Awaitable[_T]], *, acts: bool = False, waiting: str = ""
    ) -> tuple[_T, bool]:
        """Do as `ask` does, and tell whether a daemon answered."""
        import asyncio

        loaded = self.loaded()

        async def at_the_desk() -> tuple[_T, bool]:
            async with self.world.open_desk(loaded.settings, acts=acts) as opened:
                return await work(opened.desk), opened.daemon

        self.log_quietly()
        with self._waiting(waiting):
            answer, daemon = asyncio.run(at_the_desk())
        if not self.as_json:
            who = "the daemon answers" if daemon else "no daemon runs; looked for itself"
            self.screen.note(f"config {loaded.settings.file} · {who}", whole=True)
        return answer, daemon

    def _waiting(self, what: str) -> AbstractContextManager[object]:
        if not what or not self.screen.terminal or self.as_json:
            return nullcontext()
        from rich.console import Console

        return Console(stderr=True).status(f"{what} …")

    def command(
        self, work: Callable[[Desk, Person], Awaitable[_T]], reason: str, *, waiting: str = ""
    ) -> _T:
        """Give a command at the desk, as this user and for this reason."""
        if not reason.strip():
            message = "--reason may not be blank: it is what the audit log will tell of you"
            raise DeskError(message, INVALID)
        from orchestrator.app.here import this_person

        person = this_person(reason.strip())
        return self.ask(lambda desk: work(desk, person), acts=True, waiting=waiting)

    def show(self, report: _T, view: Callable[[Screen, _T], None]) -> None:
        """Show a report: by its view, or as JSON."""
        if self.as_json:
            from orchestrator.foundation import shapes

            self.screen.json(shapes.dump(type(report), report))
        else:
            view(self.screen, report)

    def log_quietly(self) -> None:
        """Let a command that is no daemon log errors alone."""
        self.world.log("debug" if self.world.environ.get(DEBUG) else "error")


def invocation(
    ctx: typer.Context, config: Path | None = None, as_json: bool | None = None
) -> Invocation:
    """This command, with the options that were given to it or before it."""
    root = ctx.find_root()
    before = root.obj if isinstance(root.obj, Invocation) else _new(root.obj)
    call = replace(before, config=config or before.config, as_json=bool(as_json) or before.as_json)
    root.obj = call  # so that an error is told as this command tells
    return call


def _new(world: object) -> Invocation:
    from orchestrator.app.here import this_clock

    here = world if isinstance(world, World) else World(this_clock())
    return Invocation(here, _screen(here))


def _screen(world: World) -> Screen:
    terminal = sys.stdout.isatty() if world.terminal is None else world.terminal
    width = world.width or shutil.get_terminal_size().columns
    return Screen(
        out=sys.stdout,
        err=sys.stderr,
        terminal=terminal,
        width=width if terminal else None,
        color=terminal and not world.environ.get("NO_COLOR"),
        now=world.clock.now(),
        zone=world.zone,
    )


class Commands(TyperGroup):
    """The commands, whose errors are sentences."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error is told in one place and becomes an exit code."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()  # or a pipe that is closed would be told of at exit, loudly
            return answer
        except (typer.Exit, typer.Abort):
            raise
        except DeskError as error:
            _tell(ctx, str(error), error.code)
            raise typer.Exit(error.code) from None
        except BrokenPipeError:
            raise  # whoever read us has enough: typer ends us without a word
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _tell(ctx, f"{where}{error.strerror or error}", FAILED)
            raise typer.Exit(FAILED) from None
        except Exception as error:
            from orchestrator.app.configuration import ConfigError

            if not isinstance(error, ConfigError):
                raise
            _tell_problems(ctx, error)
            raise typer.Exit(INVALID) from None


def _tell(ctx: typer.Context, message: str, code: int) -> None:
    call = invocation(ctx)
    if call.world.environ.get(DEBUG):
        traceback.print_exc(file=sys.stderr)
    if call.as_json:
        from orchestrator.foundation import shapes

        call.screen.err.write(f"{shapes.dumps(_Error, _Error(message, code)).decode()}\n")
        return
    call.screen.aside(f"room-orchestrator: {message}")


@dataclass(frozen=True, slots=True)
class _Error:
    error: str
    exit: int


def _tell_problems(ctx: typer.Context, error: ConfigError) -> None:
    call = invocation(ctx)
    show_problems(replace(call.screen, out=sys.stderr), error.problems)
