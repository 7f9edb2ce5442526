"""A command line in a world of its own: a fake desk, a clock that stands still, a folder."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.app.desk import Opened
from orchestrator.cli.context import World
from orchestrator.cli.main import app
from orchestrator.config import Settings
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from tests.fakes.clock import VirtualClock
from tests.fakes.desk import FakeDesk
from tests.reports import NOW, desk

CONFIG = "owner: nordlicht-prod\nmode: enforce\nmeetings: {embedded: true}\n"


@dataclass(frozen=True)
class Said:
    """What a command printed, with the folder's path as FOLDER, and its exit code."""

    out: str
    err: str
    code: int


@dataclass
class CommandLine:
    """Runs commands."""

    folder: Path
    desk: FakeDesk
    daemon: bool = True
    closed: DeskError | None = None
    environ: dict[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    clock: Clock = field(default_factory=lambda: VirtualClock(NOW))

    def __call__(self, *words: str, terminal: int = 0, given: bytes | None = None) -> Said:
        """Run one command; ``terminal`` is its width, 0 for a pipe; ``given`` is on stdin."""
        environ: Mapping[str, str] = {"NO_COLOR": "1", **self.environ}
        world = World(
            clock=self.clock,
            open_desk=self._opened,
            log=lambda _: None,
            environ=environ,
            cwd=self.folder,
            zone=self.zone,
            terminal=bool(terminal),
            width=terminal or None,
        )
        result = CliRunner().invoke(app, list(words), obj=world, input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        here = str(self.folder)
        return Said(
            result.stdout.replace(here, "FOLDER"),
            result.stderr.replace(here, "FOLDER"),
            result.exit_code,
        )

    @asynccontextmanager
    async def _opened(self, settings: Settings, *, acts: bool = False) -> AsyncIterator[Opened]:
        if self.closed is not None:
            raise self.closed
        yield Opened(self.desk, daemon=self.daemon)


@pytest.fixture
def ro(tmp_path: Path) -> CommandLine:
    """The command line in a folder with a config."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    return CommandLine(tmp_path, desk())
