"""The demo as a person runs it: a real terminal, real files, a real Ctrl-C."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PROGRAM = Path(sys.executable).with_name("room-orchestrator")
DEADLINE = 40.0  # seconds, on a machine that does other things too
ROOMS = 52  # of the example policies
LINK = re.compile(r"http://127\.0\.0\.1:\d+/r/[a-z-]+/[\w.%-]+-[a-z2-7]{16}")


@dataclass
class Terminal:
    """A process on a terminal of its own, and everything that it printed."""

    process: subprocess.Popen[bytes]
    master: int
    text: str = ""

    def wait_for(self, pattern: str, start: int = 0) -> re.Match[str]:
        """Read until a pattern appears after ``start``."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            found = re.compile(pattern).search(self.text, start)
            if found is not None:
                return found
            if not self.read():
                break
        pytest.fail(f"{pattern!r} did not come within {DEADLINE} s:\n{self.text}")

    def read(self) -> bool:
        """Read what is there; False at the end."""
        ready, _, _ = select.select([self.master], [], [], 0.2)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self.master, 65_536)
        except OSError:  # the other end is closed
            return False
        self.text += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)

    def end(self, number: signal.Signals) -> int:
        """Send a signal to the whole process group, as a terminal does, and wait."""
        os.killpg(self.process.pid, number)
        until = time.monotonic() + DEADLINE
        while self.read() and time.monotonic() < until:
            pass
        return self.process.wait(DEADLINE)


@contextmanager
def demo(folder: Path, *, width: int = 250) -> Iterator[Terminal]:
    """A demo in a folder; killed at the end if it is still there."""
    master, slave = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(width), "TERM": "xterm", "TZ": "UTC", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [PROGRAM, "demo"],
        cwd=folder,
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)


def has_processes(group: int) -> bool:
    """Whether anything of a process group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def led_to(link: str) -> str:
    """Where a link leads at once."""
    parts = urlsplit(link)
    connection = HTTPConnection(parts.netloc, timeout=DEADLINE)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        assert answer.status == 303, answer.read()
        return answer.headers["Location"]
    finally:
        connection.close()


@pytest.mark.timeout(180)
def test_a_demo_from_its_first_room_to_ctrl_c(tmp_path: Path) -> None:
    """Each room with its link, an edit that shows, a mistake that changes nothing, an end."""
    with demo(tmp_path) as terminal:
        terminal.wait_for(r"\d+ rooms, each because a file says so")
        # One more on Thursday afternoons.
        assert re.search(f"(?:{ROOMS}|{ROOMS + 1}) rooms, each", terminal.text)
        assert re.search(r"^all-hands/\S+ +planned .*open ", terminal.text, re.MULTILINE)
        rows = re.findall(r"^(?:team|resource)-rooms/\S+ .*renew.*$", terminal.text, re.MULTILINE)
        assert len(rows) == ROOMS
        links = [LINK.search(row) for row in rows]
        assert all(links)
        assert links[0] is not None
        assert re.search(r"^http://127\.0\.0\.1:\d+/j/[\w-]{20,}$", led_to(links[0][0]))
        terminal.wait_for("Now you:")
        told = terminal.wait_for(
            r'a test page "Error rate above 14 %" came at [\d:.]{12}: '
            r"link after (0\.\d+|\d[\d.]*) s, room after (0\.\d+|\d[\d.]*) s\s+(http\S+)"
        )
        assert float(told[1]) <= float(told[2])
        assert re.fullmatch(LINK, told[3])
        assert re.search(r"^http://127\.0\.0\.1:\d+/j/[\w-]{20,}$", led_to(told[3]))
        edited = len(terminal.text)
        teams = tmp_path / "demo" / "policies" / "data" / "teams.yaml"
        teams.write_text(teams.read_text().replace("name: Checkout,", "name: Till,"))
        terminal.wait_for(r"room\.replaced.*Till room.*http://", edited)
        broken = len(terminal.text)
        policy = tmp_path / "demo" / "policies" / "resource-rooms.yaml"
        good = policy.read_text()
        policy.write_text(good + "nonsense: 1\n")
        terminal.wait_for(r"resource-rooms\.yaml:\d+:1\S*  unknown key \"nonsense\"", broken)
        policy.write_text(good)
        terminal.wait_for("no problem any more", broken)
        status = subprocess.run(
            [PROGRAM, "status", "--config", "demo/config.yaml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "the daemon answers" in status.stderr
        assert terminal.end(signal.SIGINT) == 0
        assert "Ended in order." in terminal.text
        assert "Traceback" not in terminal.text
        assert not has_processes(terminal.process.pid)
    log = (tmp_path / "demo" / "state" / "daemon.log").read_text()
    assert "Traceback" not in log


@pytest.mark.timeout(180)
def test_a_second_demo_goes_on_with_the_first(tmp_path: Path) -> None:
    """The same rooms under the same links where the port is free; SIGTERM ends it as well."""
    links: list[set[str]] = []
    for width in (250, 80):
        with demo(tmp_path, width=width) as terminal:
            terminal.wait_for("Now you:")
            links.append({link.rpartition("/")[2] for link in LINK.findall(terminal.text)})
            assert terminal.end(signal.SIGTERM) == 0
            assert not has_processes(terminal.process.pid)
    assert len(links[0]) == ROOMS
    assert links[0] == links[1]


@pytest.mark.timeout(120)
def test_two_demos_in_one_folder_are_refused(tmp_path: Path) -> None:
    """The second says so in a sentence, and the first goes on."""
    with demo(tmp_path) as first:
        first.wait_for("Now you:")
        second = subprocess.run(
            [PROGRAM, "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert "a demo runs in demo already" in second.stderr
        assert "Traceback" not in second.stderr
        assert first.end(signal.SIGINT) == 0
