"""One installation as its user has it: made by `init`, run by `run`, asked by commands.

The daemon is a process.  A question is the command line's own code in the test's process, over the
daemon's real socket, because a process for each would cost seconds; `apart` begins one.
"""

import json
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from typer.testing import CliRunner

from orchestrator.app.here import this_clock
from orchestrator.app.init import Choices, init
from orchestrator.cli.context import World
from orchestrator.cli.main import app
from orchestrator.foundation.instants import parse_instant
from tests.system.processes import free_port, leashed, until

_ORDERLY: Final = 15.0  # seconds in which SIGTERM must have ended a daemon
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int

    @property
    def json(self) -> Any:
        """What it printed, as one document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """What it printed, one document a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(slots=True)
class Installation:
    """A folder with a config, and at times a daemon.

    Attributes:
        port: where the embedded server listens; always the same, for it is part of every link.
    """

    folder: Path
    port: int
    lives: int = 0

    @classmethod
    def made(cls, folder: Path) -> "Installation":
        """A new installation, without the example policy and with brakes wide open."""
        port = free_port()
        init(folder, Choices(listen=f"127.0.0.1:{port}", owner="acceptance"), example=False)
        made = cls(folder, port)
        made.configure("max_removals: 3", "max_removals: 1000")
        return made

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def store(self) -> Path:
        return self.folder / "state" / "orchestrator.db"

    @property
    def audit(self) -> Path:
        return self.folder / "state" / "audit.jsonl"

    @property
    def socket(self) -> Path:
        return self.folder / "state" / "control.sock"

    @property
    def log(self) -> str:
        """What the daemon said in all its lives."""
        return "".join(file.read_text() for file in sorted(self.folder.glob("life-*.log")))

    def configure(self, before: str, after: str) -> None:
        """Change config.yaml in one place."""
        text = self.config.read_text()
        assert text.count(before) == 1, f"config.yaml does not say {before!r} once"
        replace(self.config, text.replace(before, after))

    # --- policies ---------------------------------------------------------------------------------

    def put(self, name: str, text: str) -> datetime:
        """Put a policy file in place, as careful editors do; the moment at which it was there."""
        path = self.folder / "policies" / name
        replace(path, text)
        return datetime.now(UTC)

    def drop(self, name: str) -> None:
        """Take a policy file away."""
        (self.folder / "policies" / name).unlink()

    # --- the daemon -------------------------------------------------------------------------------

    @contextmanager
    def daemon(
        self, *options: str, ready: bool = True, environ: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A life of the daemon, that has begun to work; at the end of the block it is ended."""
        self.lives += 1
        log = self.folder / f"life-{self.lives:02}.log"
        arguments = ("-m", "orchestrator", "run", "--config", str(self.config), *options)
        with (
            log.open("wb") as output,
            leashed(arguments, stderr=output, environ=environ) as process,
        ):
            if ready:
                self.until(lambda: "daemon.ready" in log.read_text(), "the daemon is ready")
            yield process
            if process.poll() is None:
                self.end(process)

    def end(self, process: "subprocess.Popen[bytes]") -> int:
        """End a daemon in order; its exit code.  One that does not end tells where it stands."""
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_ORDERLY)
        except subprocess.TimeoutExpired as error:
            process.send_signal(signal.SIGABRT)
            process.wait(_ORDERLY)
            error.add_note(self.log)
            raise

    def until(self, condition: Callable[[], _Found], what: str, within: float = 75.0) -> _Found:
        """Look until something is there; a failure tells what the daemon said."""
        try:
            return until(condition, what, within)
        except AssertionError as error:
            error.add_note(self.log)
            raise

    # --- questions --------------------------------------------------------------------------------

    def ask(self, *words: str) -> Said:
        """Give a command in this process; the daemon is asked over its socket, if there is one."""
        world = World(
            this_clock(), log=lambda _: None, environ={}, cwd=self.folder, zone=UTC, terminal=False
        )
        result = CliRunner().invoke(app, list(words), obj=world)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.stdout, result.stderr, result.exit_code)

    def apart(self, *words: str) -> Said:
        """Give a command in a process of its own."""
        errors = self.folder / "errors.txt"
        arguments = ("-m", "orchestrator", *words)
        with (
            errors.open("wb") as stderr,
            leashed(
                arguments, stdout=subprocess.PIPE, stderr=stderr, folder=self.folder
            ) as process,
        ):
            out, _ = process.communicate(timeout=30)
        return Said(out.decode(), errors.read_text(), process.returncode)

    def facts(self, event: str = "", *, key: str = "") -> list[dict[str, Any]]:
        """What stands in the audit log, rotated files first; whole lines only."""
        files = sorted(self.audit.parent.glob("audit.jsonl*"), key=lambda file: -len(file.name))
        lines = [line for file in files for line in file.read_bytes().split(b"\n")[:-1]]
        facts = [json.loads(line) for line in lines]
        return [
            fact
            for fact in facts
            if event in {"", fact["event"]} and fact.get("key", "").startswith(key)
        ]

    def a_fact(self, event: str, *, key: str = "", count: int = 1) -> dict[str, Any]:
        """Wait for the nth fact of its kind."""
        return self.until(
            lambda: self.facts(event, key=key)[count - 1 :], f"{event} {key} no. {count}"
        )[0]

    def links(self) -> dict[str, dict[str, Any]]:
        """What rooms.json tells, by key; nothing as long as it was not written."""
        path = self.folder / "rooms.json"
        if not path.exists():
            return {}
        told = json.loads(path.read_text())
        return {room["key"]: room for room in told["rooms"]}

    def table(self) -> list[dict[str, Any]]:
        """The embedded server's own table of rooms, whole rows."""
        return server_table(self.folder / "state" / "meetings.db")


def server_table(database: Path) -> list[dict[str, Any]]:
    """A Meetings server's own table of rooms, read beside it: whole rows, oldest first."""
    url = f"file:{quote(str(database))}?mode=ro"
    with closing(sqlite3.connect(url, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM room ORDER BY serial").fetchall()
    return [dict(row) for row in rows]


def replace(path: Path, text: str) -> None:
    """Write beside it, then move it in its place."""
    beside = path.with_name(f".{path.name}.draft")
    beside.write_text(text)
    beside.replace(path)


def policy(
    name: str,
    subjects: Sequence[str],
    *,
    display_name: str = "",
    lifetime: str = "100d",
    more: str = "",
) -> str:
    """A policy with a long_term room for each subject; a changed name is a new room at once."""
    items = ", ".join(f"{{slug: {subject}}}" for subject in subjects)
    title = display_name or f"{name} {{{{ team.slug }}}}"
    return (
        f"version: 1\nname: {name}\n"
        f'for_each: {{items: [{items}], as: team, key: "{{{{ team.slug }}}}"}}\n'
        f'room: {{type: long_term, display_name: "{title}", lifetime: {lifetime}}}\n'
        f"replace: now\ndeliver: [{{to: rooms-json}}]\n{more}"
    )


def seconds_between(before: datetime, fact: dict[str, Any]) -> float:
    """Seconds from a moment to a fact's commit."""
    return (parse_instant(fact["ts"]) - before).total_seconds()


def copied(folder: Path, to: Path) -> Path:
    """A copy of a folder, to be spoilt."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.sock"))
    return to
