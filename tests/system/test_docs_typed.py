"""What documents tell to type, typed: the tour and the operations, line for line, to a real daemon.

Commands of ours are given in this process, as `Installation` does; everything else of a block goes
to a shell.  Of the daemon one constant is shortened, the minute that a removal waits at the least.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import pytest

from tests.documents import PROGRAM, ROOT, Block, read
from tests.system.installation import Installation, Said
from tests.system.processes import free_port, leashed

DAEMON: Final = """
from datetime import timedelta
from orchestrator.domain import ending
ending.TOMBSTONE_LEAST = timedelta(seconds=1)
from orchestrator.__main__ import main
main()
"""
RUNS: Final = "While it runs"
STOPPED: Final = "While it is stopped"
THERE: Final = "There"  # where it was restored, in place of the one that was here
FINE: Final = (0, 3)  # done; something would change


class Typist:
    """Types blocks into a terminal, in the order in which they come."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = ""
        self.said: list[Said] = []
        self._running = ExitStack()

    @property
    def installation(self) -> Installation:
        """The folder in which it stands, as an installation."""
        return Installation(self.folder, 0)

    def type(self, block: Block) -> str:
        """Type a block; what was answered, one after the other."""
        said = [self.give(chunk) for chunk in chunks(block.text)]
        self.said += said
        return "".join(one.out + one.err for one in said)

    def give(self, chunk: str) -> Said:
        if chunk.startswith("cd "):
            target = self.folder / chunk.removeprefix("cd ").strip()
            # The second terminal of a reader begins where the first one did.
            self.folder = target if target.is_dir() else self.folder
            return Said("", "", 0)
        if not chunk.startswith(PROGRAM):
            command = ["bash", "-euc", chunk]
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{chunk}\n{done.stderr}"
            return Said(done.stdout, done.stderr, 0)
        words = shlex.split(chunk.replace("NUMBER", self.number), comments=True)[1:]
        if words[0] == "run":
            self.start(*words[1:])
            return Said("", "", 0)
        said = self.installation.ask(*words)
        assert said.code in FINE, f"{chunk}: {said.code}\n{said.out}\n{said.err}"
        found = re.findall(r"#(\d+)  room\.deleted", said.out)
        self.number = found[-1] if found else self.number
        return said

    def start(self, *options: str) -> None:
        """Start the daemon here."""
        log = self.folder / "daemon.log"
        output = self._running.enter_context(log.open("wb"))
        arguments = ("-c", DAEMON, "run", *options)
        process = self._running.enter_context(leashed(arguments, stderr=output, folder=self.folder))
        self._running.callback(lambda: self.installation.end(process))
        self.installation.until(lambda: "daemon.ready" in log.read_text(), "the daemon is ready")

    def stop(self) -> None:
        """End it in order, if it runs."""
        self._running.close()


def chunks(text: str) -> Iterator[str]:
    """The commands of a block, each with the text that belongs to it."""
    lines = iter(text.splitlines())
    for line in lines:
        chunk = line
        if "<<'END'" in line:
            for inner in lines:
                chunk += f"\n{inner}"
                if inner == "END":
                    break
        if chunk.strip():
            yield chunk


@contextmanager
def typing(folder: Path) -> Iterator[Typist]:
    """A typist whose daemon is ended at the end."""
    typist = Typist(folder)
    try:
        yield typist
    finally:
        typist.stop()


def blocks(page: str) -> dict[str, list[Block]]:
    """What a page tells to type, by heading."""
    found: dict[str, list[Block]] = {}
    for block in read(ROOT / "docs" / page).blocks:
        if block.language == "sh":
            found.setdefault(block.heading, []).append(block)
    return found


def at_a_free_port(config: Path) -> None:
    """The ports of a fresh installation may be somebody's on this machine, as of the other test."""
    text = config.read_text()
    for port in ("8440", "8441"):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
    config.write_text(text)


@pytest.mark.timeout(300)
def test_the_tour_leads_where_it_says(tmp_path: Path) -> None:
    """A team policy in force, a page that opened a room, and who deleted a room and why."""
    told = blocks("tour.md")
    headings = iter(told)
    with typing(tmp_path) as typist:

        def go_on(*, until: int | None = None) -> str:
            return "".join(typist.type(block) for block in told[next(headings)][:until])

        assert "fresh keys" in go_on()
        own = typist.installation
        at_a_free_port(own.config)
        planned = go_on()
        assert "1 policy, 3 rooms wanted" in planned
        assert "3 creates" in planned
        in_force = told[next(headings)]
        typist.type(in_force[0])
        own.until(lambda: len(own.links()) == 3, "three rooms are told")
        listed = typist.type(in_force[1])
        assert "3 subjects, 0 problems" in listed
        for room in own.links().values():
            assert room["link"] in listed
        page = told[next(headings)]
        opened = typist.type(page[0])
        link = next(line for line in opened.splitlines() if line.startswith("http"))
        with urlopen(link, timeout=10) as answer:  # noqa: S310 (it begins with http)
            assert answer.status == 200
            assert "Checkout is down" in answer.read().decode()
        assert '"Checkout is down"   critical   OPEN' in opened
        assert "is closed" in typist.type(page[1])
        deleted = told[next(headings)]
        typist.type(deleted[0])
        own.a_fact("room.deleted", key="team-rooms/search")
        found = typist.type(deleted[1])
        assert "room.deleted  team-rooms/search" in found
        assert "because its subject is gone from team-rooms.yaml  by policy team-rooms@" in found
        shown = typist.type(deleted[2])
        assert "why        its subject is gone from team-rooms.yaml" in shown
        assert "policy.loaded  team-rooms.yaml" in shown
        assert "The log is what was written" in shown
        left = {"team-rooms/checkout", "team-rooms/data"}
        own.until(lambda: own.links().keys() == left, "the room that is gone is told no more")
        own.a_fact("room.deleted", key="oncall/")
        assert "WRONG" not in go_on()
        assert next(headings, None) is None, "a block of the tour is typed by nobody"


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder in which a socket may lie some folders deep: its path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ro-") as folder:
        yield Path(folder).resolve()


@pytest.mark.timeout(300)
def test_the_operations_can_be_typed(short_path: Path) -> None:
    """Backup, restore, rebuild, upgrade and keys; what is restored goes on with the same links."""
    with typing(short_path) as typist:
        typist.give(f"{PROGRAM} init my-rooms")
        typist.give("cd my-rooms")
        own = typist.installation
        at_a_free_port(own.config)
        runs = False
        told = [block for each in blocks("operations.md").values() for block in each]
        for block in told:
            assert block.title in {RUNS, STOPPED, THERE}, f"line {block.line} says not when"
            if block.title == THERE:
                continue
            if runs != (block.title == RUNS):
                runs = not runs
                if runs:
                    typist.start()
                    own.until(lambda: len(own.links()) == 3, "three rooms are told")
                else:
                    typist.stop()
            typist.type(block)
        typist.stop()
        before = own.links()
        for name in ("meetings.copy", "store.copy"):
            with closing(sqlite3.connect(own.folder / name)) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for block in told:
            if block.title == THERE:
                typist.type(block)
        restored = typist.installation
        assert restored.folder.resolve() == short_path / "restored"
        assert before.keys() == restored.until(restored.links, "it tells its links").keys()
        plan = restored.ask("plan")
        assert plan.code == 0, plan.out
        after = {key: room["guest_url"] for key, room in restored.links().items()}
        assert after == {key: room["guest_url"] for key, room in before.items()}
