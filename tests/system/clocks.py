"""A wall clock that a test sets for one real process, while it runs.

`set_clock.c`, preloaded, adds to the time of day what a file says, and leaves every other clock
alone.  It refuses to be a clock that nobody can set: a process whose file is missing ends at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

_SOURCE: Final = Path(__file__).with_name("set_clock.c")
_COMPILER: Final = shutil.which("cc")
_SECOND: Final = timedelta(seconds=1)

#: For tests that set a clock.
sets_clocks: Final = pytest.mark.skipif(
    _COMPILER is None and "CI" not in os.environ,
    reason="no C compiler is here: apt-get install gcc libc6-dev",
)


@dataclass(frozen=True, slots=True)
class WallClock:
    """What the time of day is in the processes that are given `environ`."""

    _library: Path
    _file: Path

    @classmethod
    def made(cls, folder: Path, by: timedelta = timedelta()) -> WallClock:
        """A clock in a folder, ``by`` so much ahead of this machine's.

        Raises:
            CalledProcessError: the compiler refuses.
        """
        assert _COMPILER is not None, "apt-get install gcc libc6-dev"
        library, file = folder / "set_clock.so", folder / "set_clock"
        flags = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
        subprocess.run([_COMPILER, *flags, "-o", str(library), str(_SOURCE), "-ldl"], check=True)
        made = cls(library, file)
        file.write_bytes(bytes(8))
        made.set(by)
        return made

    @property
    def environ(self) -> dict[str, str]:
        """For the processes whose clock this is to be."""
        return {"LD_PRELOAD": str(self._library), "SET_CLOCK_FILE": str(self._file)}

    def set(self, by: timedelta) -> None:
        """Let it be ``by`` so much ahead of this machine's, in whole seconds, from now on."""
        # In place, and in one piece: the processes look at these very bytes.
        file = os.open(self._file, os.O_WRONLY)
        try:
            os.pwrite(file, (by // _SECOND).to_bytes(8, "little", signed=True), 0)
        finally:
            os.close(file)
