"""The live file: opening, chaining on, appending, rotation and what is done after a fault.

Everything here blocks and runs in one thread (`log`). The rule that keeps it simple: after any
fault the file is let go, and the next use looks at it as at a start, cutting off a torn last line.
"""

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.draft import Draft
from orchestrator.adapters.audit.ending import NOTHING, live_ending, rotated_ending
from orchestrator.adapters.audit.reading import LogMovedError
from orchestrator.adapters.audit.signing import SigningKey
from orchestrator.domain.facts import RecordedFact
from orchestrator.foundation.replacing import sync_folder
from orchestrator.ports.audit import AuditFault, Head

_MODE: Final = 0o640  # the group may read: an auditor need not be the daemon


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where the log is and whose it is.

    Attributes:
        owner: the owner id of the installation, on every line.
        store: the incarnation of the store whose facts are written.
        key: signs checkpoints; without one they hold only the count.
        resume: the head that the store remembers, for a log whose files were moved away.
    """

    path: Path
    owner: str
    store: str
    key: SigningKey | None = None
    resume: Head | None = None


class Writer:
    """The one writer of a log. Every method may raise `AuditFault`."""

    def __init__(self, place: LogPlace) -> None:
        self._place = place
        self._descriptor: int | None = None
        self._size = 0  # of the open file, as we left it
        self._fresh = False  # the open file is empty and carries on a chain
        self._known: Head | None = None
        self._unsynced = False
        self._lost: AuditFault | None = None  # a sync that failed when nobody was waiting

    @property
    def unsynced(self) -> bool:
        """Whether something was written that no sync has made durable yet."""
        return self._unsynced

    def head(self) -> Head:
        with self._guarded():
            self._ready()
        return self._known or NOTHING

    def append(self, facts: Sequence[RecordedFact], *, sync: bool) -> Head:
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost
        with self._guarded():
            descriptor = self._ready()
            head = self._known or NOTHING
            new = [recorded for recorded in facts if recorded.seq > head.seq]
            if new:
                draft = self._draft(head, new)
                self._write(descriptor, draft.text)
                self._known, self._fresh, self._unsynced = draft.head, False, True
            if sync and self._unsynced:
                self._sync(descriptor)
        return self._known or NOTHING

    def sync_later(self) -> None:
        """Make durable what was written; a fault is told by the next `append`."""
        try:
            with self._guarded():
                if self._descriptor is not None and self._unsynced:
                    self._sync(self._descriptor)
        except AuditFault as fault:
            self._lost = fault

    def close(self) -> None:
        try:
            with self._guarded():
                if self._descriptor is not None and self._unsynced:
                    self._sync(self._descriptor)
        finally:
            self._let_go()

    def _draft(self, head: Head, new: Sequence[RecordedFact]) -> Draft:
        draft = Draft(head, self._place.owner, self._place.store, self._place.key)
        if self._fresh:
            draft.add_checkpoint(new[0].ts)
        try:
            for recorded in new:
                draft.add(recorded)
        except (ValueError, TypeError) as error:
            message = f"a fact cannot be written: {error}"
            raise AuditFault(message) from error
        return draft

    def _write(self, descriptor: int, text: bytes) -> None:
        rest = memoryview(text)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            # Half a batch is lawful but half a line is not; the next opening would cut it as well.
            os.ftruncate(descriptor, self._size)
            raise
        self._size += len(text)

    def _sync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        self._unsynced = False

    def _ready(self) -> int:
        if self._descriptor is not None and not self._is_ours(self._descriptor):
            if self._unsynced:
                self._sync(self._descriptor)  # the rotated file will not be seen again
            self._let_go()
        if self._descriptor is None:
            self._descriptor = self._open()
        return self._descriptor

    def _is_ours(self, descriptor: int) -> bool:
        """Whether the open file is the one at the path, as long as we left it."""
        ours = os.fstat(descriptor)
        try:
            there = self._place.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(ours, there) and ours.st_size == self._size

    def _open(self) -> int:
        descriptor = _open_for_append(self._place.path)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                message = f"{self._place.path}: the audit log must be a regular file"
                raise AuditFault(message)
            # Between opening and locking the file may have been rotated away: seen at the next use.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._take_up(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _take_up(self, descriptor: int) -> None:
        ending = live_ending(descriptor, self._place.store)
        os.ftruncate(descriptor, ending.whole)
        self._size = ending.whole
        known, found = self._known, ending.head
        if found is None:
            found = known or rotated_ending(self._place.path, self._place.store)
            found = found or self._place.resume or NOTHING
        self._fresh = ending.whole == 0 and found.lines > 0
        self._known = found
        if known is not None and found.seq < known.seq:
            message = (
                f"{self._place.path}: facts {found.seq + 1} to {known.seq} are not in the file any "
                "more: write them again"
            )
            raise AuditFault(message)

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            self._let_go()
            message = f"{self._place.path}: another process is writing this log"
            raise AuditFault(message) from error
        except OSError as error:
            self._let_go()
            message = f"{self._place.path}: {error.strerror or error}"
            raise AuditFault(message) from error
        except LogMovedError as error:
            self._let_go()
            message = f"{self._place.path}: rotated just now"
            raise AuditFault(message) from error
        except AuditFault:
            self._let_go()
            raise


def _open_for_append(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, _MODE)
    os.fchmod(descriptor, _MODE)  # whatever the umask says
    # The file's name must survive a power cut as well as its lines.
    sync_folder(path.parent)
    return descriptor
