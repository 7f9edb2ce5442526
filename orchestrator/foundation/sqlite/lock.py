"""One opener a file.

SQLite's own locks let several processes take turns; here a second one shall not start at all. The
lock is an flock on a sidecar file, so the kernel frees it at the end of the process, however it
ends. The sidecar stays behind on purpose: whoever removed it while another process waits for it
would let two of them in.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from orchestrator.foundation.sqlite.faults import DatabaseLocked

_PRIVATE: Final = 0o600


class FileLock:
    """A held lock on `path`, with the holder's process id written inside."""

    def __init__(self, path: Path) -> None:
        """Take the lock at once or not at all.

        Raises:
            DatabaseLocked: somebody else holds it.
            OSError: the file cannot be opened.
        """
        self.path = path.with_name(path.name + ".lock")
        self._descriptor = _take(self.path, path)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def is_same_file(self) -> bool:
        """Whether the lock that is held is still the one that a newcomer would meet."""
        return _is_at(self._descriptor, self.path)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)


def _take(path: Path, guarded: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise DatabaseLocked(guarded, holder) from error
        except OSError:
            os.close(descriptor)
            raise
        # Between open and flock somebody may have removed the file: then this lock guards nothing.
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        # By `os`, not `Path.stat`: this is asked before each call that leaves.
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116
    except OSError:
        return False


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
