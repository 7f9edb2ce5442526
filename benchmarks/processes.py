"""The processes of a benchmark: the API, the bare program, the daemon; each ended by its owner."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from benchmarks.installation import PAGE_SIZE, Installation

_ROOT: Final = Path(__file__).resolve().parents[1]
_PATIENCE: Final = 900.0  # seconds; a process that takes longer hangs
_QUIET_LOOKS: Final = 4  # that many looks in a row without work
_LOOK_EVERY: Final = 0.1  # seconds
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Failed(RuntimeError):
    """A process did not do what it was begun for; the text holds the end of what it said."""


@contextmanager
def running(words: list[str], log: Path, until: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that has said that it is ready; ended in order at the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=output, stderr=output, cwd=_ROOT
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while until.encode() not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(_end_of(log))
            time.sleep(0.005)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def work(words: list[str]) -> dict[str, Any]:
    """Run a Python program to its end; the JSON object that it printed last."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        cwd=_ROOT,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(done.stderr.decode()[-2000:])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


class ApiProcess:
    """The API's process, and the questions that a benchmark has for it."""

    def __init__(self, made: Installation) -> None:
        """Of this installation."""
        self._base = f"http://127.0.0.1:{made.port}/bench"

    def reset(self, delay: float = 0.0) -> None:
        """Begin to count anew, and answer after so many seconds from now on."""
        self._ask(f"/reset?delay={delay}", post=True)

    def counts(self) -> dict[str, Any]:
        """What came since."""
        return self._ask("/counts")

    def wait(self, changes: int) -> dict[str, Any]:
        """What came, once so many requests that change something were answered."""
        return self._ask(f"/wait?changes={changes}")

    def _ask(self, path: str, *, post: bool = False) -> dict[str, Any]:
        request = Request(self._base + path, method="POST" if post else "GET")  # noqa: S310
        with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 (our own loopback)
            told: dict[str, Any] = json.load(answer)
        return told


@contextmanager
def api(made: Installation) -> Iterator[ApiProcess]:
    """The API of an installation, with the rooms that it was seeded with."""
    words = ["benchmarks.api", "--port", str(made.port), "--rooms", str(made.rooms)]
    log = made.folder / "api.log"
    log.unlink(missing_ok=True)
    with running(words, log, "ready"):
        yield ApiProcess(made)


@contextmanager
def daemon(made: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon as its users run it, from the moment at which it is ready."""
    log = made.folder / "daemon.log"
    log.unlink(missing_ok=True)
    words = ["orchestrator", "run", "--config", str(made.config)]
    with running(words, log, "daemon.ready") as process:
        yield process


def bare(made: Installation, what: str, *, count: int = 1, concurrency: int = 1) -> dict[str, Any]:
    """The bare program, to its end."""
    return work(
        [
            *("benchmarks.bare", what, "--url", made.url, "--key", str(made.key)),
            *("--count", str(count), "--concurrency", str(concurrency)),
            *("--page-size", str(PAGE_SIZE)),
        ]
    )


def quiet(process: subprocess.Popen[bytes]) -> float:
    """Wait until a process has nothing more to do; since when, to a tenth of a second (monotonic).

    So that it does not disturb what is measured next.
    """
    deadline = time.monotonic() + _PATIENCE
    before, still, since = -1, 0, time.monotonic()
    while still < _QUIET_LOOKS:
        time.sleep(_LOOK_EVERY)
        now = _ticks(process.pid)
        if now - before <= 1:
            still += 1
        else:
            still, since = 0, time.monotonic()
        before = now
        if time.monotonic() > deadline:
            message = "it does not come to rest"
            raise Failed(message)
    return since


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """The processor time that a process has used so far, in seconds."""
    return _ticks(process.pid) / _TICKS


def peak_bytes(process: subprocess.Popen[bytes]) -> int:
    """The most memory that a process has held (resident, bytes)."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _ticks(pid: int) -> int:
    # The name of the program, in parentheses, may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
