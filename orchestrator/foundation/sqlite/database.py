"""The database: one thread, one connection, many awaiters.

Writes that are queued while a commit is under way are joined into the next transaction, each inside
a savepoint, so that a thousand awaiters share one fsync and a failing one takes nobody with it.
Everything happens in `run_in_executor`, because that is what virtual time can see (a private thread
of another kind makes timeouts fire falsely there).

What it refuses: a second opener (`lock`), a file of a newer version or another program (`schema`),
writes inside a read, a commit into a file that was removed, and a connection that leaves its
thread.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from orchestrator.foundation.sqlite.faults import (
    DatabaseClosed,
    DatabaseFault,
    DatabaseGone,
    DatabaseUnusable,
    translated,
)
from orchestrator.foundation.sqlite.lock import FileLock
from orchestrator.foundation.sqlite.schema import Schema, migrate

MEMORY: Final = ":memory:"

_Result = TypeVar("_Result")
_PRIVATE: Final = 0o600
# Seconds to wait for a stranger that reads the file with a tool of its own.
_PATIENCE: Final = 5.0
# More than this in one transaction gains nothing and delays the first of them.
_LARGEST_BATCH: Final = 512


@dataclass(slots=True)
class _Job:
    """One queued piece of work; `run` in the thread, then, after the commit, `tell` in the loop."""

    writes: bool
    run: Callable[[sqlite3.Connection], None]
    tell: Callable[[Exception | None], None]
    error: Exception | None = None

    def fail(self, error: Exception) -> None:
        # The first error is the job's own and says more than the batch's.
        self.error = self.error or error


@dataclass(frozen=True, slots=True)
class _Identity:
    """Device and inode of the file and of its write-ahead log, as they were opened."""

    main: tuple[int, int]
    log: tuple[int, int]


class Database:
    """An open database. Made by `open`, ended by `close`, or used as ``async with``.

    It belongs to the event loop that opened it. Work is a plain function of the connection; rows
    come as `sqlite3.Row`. It must not commit, roll back, or keep the connection.
    """

    def __init__(
        self, path: str, connection: sqlite3.Connection, thread: ThreadPoolExecutor
    ) -> None:
        """Not for callers: use `open`."""
        self.path = path
        self.commits = 0
        self._connection = connection
        self._thread = thread
        self._lock: FileLock | None = None
        self._identity: _Identity | None = None
        self._queue: list[_Job] = []
        self._batch: list[_Job] = []
        # Held here because virtual time keeps only a weak reference to what it waits for.
        self._running: asyncio.Future[None] | None = None
        self._reads_only = False  # as the connection is set now
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._closed: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, path: Path | str, schema: Schema, *, durable: bool = True) -> Self:
        """Open the file, made with mode 0600 if it is not there, and migrate it; or `MEMORY`.

        Where it need not be ``durable`` no commit waits for the disk: for copies that nobody misses
        after a crash of the machine.

        Raises:
            DatabaseLocked: somebody else has it open.
            DatabaseTooNew, DatabaseForeign: it is not for this program.
            DatabaseFault: it cannot be opened, is damaged, full or read-only.
        """
        loop = asyncio.get_running_loop()
        where = _resolved(path)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        lock: FileLock | None = None
        try:
            lock = None if where == MEMORY else _lock(Path(where))
            connection = await loop.run_in_executor(thread, _connect, where, schema, durable)
        except BaseException:
            if lock is not None:
                lock.release()
            thread.shutdown()
            raise
        database = cls(where, connection, thread)
        database._lock = lock
        database._identity = None if lock is None else _identify(where)
        return database

    async def write(
        self,
        work: Callable[[sqlite3.Connection], _Result],
        then: Callable[[_Result], None] | None = None,
    ) -> _Result:
        """Run `work` in a transaction; return its result once that is durable.

        If `work` raises, its changes are undone and the error is raised here; others in the same
        commit are not touched, but for being run once more: `work` has no effect beside that on
        the connection. Once queued it is carried out even if this awaiter is cancelled.
        `then` is told the result in the event loop as soon as it is durable, awaited or not, in
        the order in which writes were queued; it must not raise.

        Raises:
            DatabaseGone: the file was removed or replaced, so nothing was written.
            DatabaseFault: nothing was written.
            DatabaseClosed: the database is closed.
        """
        return await self._submit(work, then, writes=True)

    async def read(
        self,
        work: Callable[[sqlite3.Connection], _Result],
        then: Callable[[_Result], None] | None = None,
    ) -> _Result:
        """Run `work`, which may only read; it sees durable data only, all of it to this moment.

        `then` is told the result as in `write`, possibly after that of a younger write.

        Raises:
            DatabaseFault: the file cannot be read, or `work` tried to write.
            DatabaseClosed: the database is closed.
        """
        return await self._submit(work, then, writes=False)

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called: nothing is taken any more."""
        return self._closing

    def is_same_file(self) -> bool:
        """Whether the open file, its log and its lock are still those at their paths.

        SQLite goes on committing, without an error, into a file that was removed or replaced.
        """
        if self._lock is None:
            return True
        return self._lock.is_same_file() and _identify(self.path) == self._identity

    async def close(self) -> None:
        """Carry out all that is queued, close, and let the next opener in. Safe to call twice."""
        self._closing = True
        await self._idle.wait()
        if self._closed is None:
            loop = asyncio.get_running_loop()
            self._closed = loop.run_in_executor(self._thread, self._connection.close)
            # A callback, so that a cancelled awaiter leaves neither lock nor thread behind.
            self._closed.add_done_callback(self._let_go)
        await asyncio.shield(self._closed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _submit(
        self,
        work: Callable[[sqlite3.Connection], _Result],
        then: Callable[[_Result], None] | None,
        *,
        writes: bool,
    ) -> _Result:
        if self._closing:
            raise DatabaseClosed(self.path)
        answer: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        outcome: list[_Result] = []

        def run(connection: sqlite3.Connection) -> None:
            outcome[:] = (work(connection),)  # a write may be run once more, after a rollback

        def tell(error: Exception | None) -> None:
            if error is None and then is not None:
                then(outcome[0])
            if answer.done():  # its awaiter was cancelled
                return
            if error is None:
                answer.set_result(outcome[0])
            else:
                answer.set_exception(error)

        self._queue.append(_Job(writes, run, tell))
        self._start_next()
        return await answer

    def _start_next(self) -> None:
        if self._running is not None or not self._queue:
            return
        self._batch, self._queue = self._queue[:_LARGEST_BATCH], self._queue[_LARGEST_BATCH:]
        self._idle.clear()
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(self._thread, self._carry_out, self._batch)
        self._running.add_done_callback(self._finished)

    def _finished(self, running: "asyncio.Future[None]") -> None:
        batch, self._batch, self._running = self._batch, [], None
        if running.cancelled() or running.exception() is not None:
            fault = DatabaseUnusable(f"{self.path}: the work was broken off")
            fault.__cause__ = None if running.cancelled() else running.exception()
            for job in batch:
                job.fail(fault)
        for job in batch:
            job.tell(job.error)
        self._start_next()
        if self._running is None:
            self._idle.set()

    def _let_go(self, _: "asyncio.Future[None]") -> None:
        self._thread.shutdown()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # From here on: in the thread.

    def _carry_out(self, batch: list[_Job]) -> None:
        # Reads first: they see what is durable now, and do not wait for an fsync.
        reads = [job for job in batch if not job.writes]
        writes = [job for job in batch if job.writes]
        if reads:
            self._read_all(reads)
        if writes:
            self._write_all(writes)

    def _read_all(self, jobs: list[_Job]) -> None:
        self._allow_reads_only(reads_only=True)
        for job in jobs:
            try:
                job.run(self._connection)
            except Exception as error:  # noqa: BLE001 - raised where it is awaited
                job.fail(translated(error, self.path))

    def _allow_reads_only(self, *, reads_only: bool) -> None:
        """Let nothing write, or lift that; most work is like the work before it."""
        if self._reads_only is not reads_only:
            self._connection.execute(f"PRAGMA query_only = {'ON' if reads_only else 'OFF'}")
            self._reads_only = reads_only

    def _write_all(self, jobs: list[_Job]) -> None:
        connection = self._connection
        try:
            self._allow_reads_only(reads_only=False)
            if not self._write_together(jobs):
                connection.execute("BEGIN IMMEDIATE")
                for job in jobs:
                    self._write_one(job)
            # Or it would be durable in a file that nobody will ever find again.
            if not self.is_same_file():
                raise DatabaseGone(self.path)
            connection.execute("COMMIT")
            self.commits += 1
        except (sqlite3.Error, DatabaseFault) as error:
            fault = translated(error, self.path)
            for job in jobs:
                job.fail(fault)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _write_together(self, jobs: list[_Job]) -> bool:
        """Write all of them without a savepoint each; false, and nothing written, if one raised.

        Nearly always none does, and a savepoint is a fifth of a small write.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job.run(connection)
                self._refuse_if_ended()
        except DatabaseUnusable:
            raise
        except Exception:  # noqa: BLE001 - met again, and told, where each has its savepoint
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        return True

    def _write_one(self, job: _Job) -> None:
        connection = self._connection
        connection.execute("SAVEPOINT job")
        try:
            job.run(connection)
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            job.fail(translated(error, self.path))
            if connection.in_transaction:
                connection.execute("ROLLBACK TO job")
        # Some errors (a full disk) make SQLite end the whole transaction: nobody has been written.
        self._refuse_if_ended()
        connection.execute("RELEASE job")

    def _refuse_if_ended(self) -> None:
        if not self._connection.in_transaction:
            message = f"{self.path}: the transaction was ended from inside"
            raise DatabaseUnusable(message)


def _resolved(path: Path | str) -> str:
    # One file has one lock, by whatever symlink it is reached.
    return MEMORY if str(path) == MEMORY else str(Path(path).resolve())


def _lock(path: Path) -> FileLock:
    try:
        return FileLock(path)
    except OSError as error:
        message = f"{path}: cannot be opened: {error.strerror}"
        raise DatabaseUnusable(message) from error


def _connect(path: str, schema: Schema, durable: bool) -> sqlite3.Connection:  # noqa: FBT001
    try:
        if path != MEMORY:
            # Made here and not by SQLite, which would leave it readable to others.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
        connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    except OSError as error:
        message = f"{path}: cannot be opened: {error.strerror}"
        raise DatabaseUnusable(message) from error
    except sqlite3.Error as error:
        raise translated(error, path) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, schema, path)
    except DatabaseFault:
        connection.close()
        raise
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    return connection


def _identify(path: str) -> _Identity | None:
    try:
        # By `os`, not `Path.stat`: this is asked before each call that leaves.
        main, log = os.stat(path), os.stat(path + "-wal")  # noqa: PTH116
    except OSError:
        return None
    return _Identity((main.st_dev, main.st_ino), (log.st_dev, log.st_ino))
