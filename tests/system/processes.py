"""Real processes for tests: on a leash, waited for by looking, never left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

ROOT: Final = Path(__file__).resolve().parents[2]

# Killed with its parent (PR_SET_PDEATHSIG), also if that died before this line.
_LEASH: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
_LOOK_EVERY: Final = 0.02  # seconds

_Found = TypeVar("_Found")


@contextmanager
def leashed(
    arguments: Sequence[str],
    *,
    stdout: int | None = subprocess.DEVNULL,
    stderr: Any = None,
    folder: Path = ROOT,
    environ: Mapping[str, str] | None = None,
    handed: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that is dead at the end of the block, with all its group.

    It has the descriptors ``handed`` open, under their numbers.

    The leash is held by the thread that enters the block: let none begin it that ends before.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",  # SIGABRT tells where each thread stands
        **(environ or {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-ISc", _LEASH, str(os.getpid()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        cwd=folder,
        env=environment,
        start_new_session=True,
        pass_fds=handed,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def until(condition: Callable[[], _Found], what: str, within: float = 75.0) -> _Found:
    """Look until something is there that is true, and give it.

    Args:
        condition: gives it, or anything false.
        what: is waited for, as the failure tells.
        within: seconds.
    """
    deadline = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(_LOOK_EVERY)


def free_port() -> int:
    """A port of this machine that is free now, and will hardly be taken in a moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
