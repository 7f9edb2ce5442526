"""The database: group commit, faults by name, one opener, the file under it."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from orchestrator.foundation.sqlite import (
    MEMORY,
    Database,
    DatabaseClosed,
    DatabaseCorrupt,
    DatabaseFault,
    DatabaseForeign,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnusable,
    Migration,
    Schema,
    load_schema,
)

NOTES = Schema(
    "notes",
    (
        Migration(1, "notes", "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT UNIQUE);"),
        Migration(
            2,
            "authors",
            "CREATE TABLE author (id INTEGER PRIMARY KEY);"
            "ALTER TABLE note ADD COLUMN author INTEGER REFERENCES author (id);",
        ),
    ),
)


def add(text: str) -> Callable[[sqlite3.Connection], int]:
    """Work that inserts one note."""
    return lambda connection: int(
        connection.execute("INSERT INTO note (text) VALUES (?) RETURNING id", (text,)).fetchone()[0]
    )


def count(connection: sqlite3.Connection) -> int:
    """Work that counts the notes."""
    return int(connection.execute("SELECT count(*) FROM note").fetchone()[0])


@pytest.fixture(params=["file", "memory"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An open database, in a file and in memory."""
    path = tmp_path / "notes.db" if request.param == "file" else MEMORY
    async with await Database.open(path, NOTES) as opened:
        yield opened


async def test_write_and_read(database: Database) -> None:
    """A write returns its result, and a read after it sees it."""
    assert await database.write(add("one")) == 1
    assert await database.read(count) == 1


async def test_queued_writes_share_a_commit(database: Database) -> None:
    """Those that wait while one commits are joined into the next."""
    await asyncio.gather(*(database.write(add(f"note {number}")) for number in range(200)))
    assert await database.read(count) == 200
    assert database.commits <= 3


async def test_a_failing_write_is_undone_alone(database: Database) -> None:
    """Its neighbours in the same transaction are kept, and only its caller hears of it."""

    def half_done(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO note (text) VALUES ('half')")
        raise LookupError("on purpose")

    outcomes = await asyncio.gather(
        database.write(add("first")),
        database.write(add("before")),
        database.write(half_done),
        database.write(add("before")),
        database.write(add("after")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [
        int, int, LookupError, sqlite3.IntegrityError, int,
    ]  # fmt: skip
    assert await database.read(count) == 3


async def test_foreign_keys_are_enforced(database: Database) -> None:
    """They are off by default in SQLite."""
    with pytest.raises(sqlite3.IntegrityError):
        await database.write(lambda c: c.execute("INSERT INTO note (author) VALUES (7)"))


async def test_what_need_not_be_durable_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    """All else waits for it at each commit."""
    for durable, level in ((True, 2), (False, 0)):
        async with await Database.open(tmp_path / f"{level}.db", NOTES, durable=durable) as one:
            asked = await one.read(lambda c: c.execute("PRAGMA synchronous").fetchone()[0])
            assert asked == level


async def test_a_read_may_not_write(database: Database) -> None:
    """It would be committed outside any transaction."""
    with pytest.raises(DatabaseReadOnly):
        await database.read(add("smuggled"))
    await database.write(add("allowed again"))
    assert await database.read(count) == 1


async def test_no_read_may_write_whatever_came_before_it(database: Database) -> None:
    """The connection changes between the two only where work is unlike the work before."""
    refused = 0
    for before in (add("one"), count, add("two"), add("three"), count, count):
        work = database.read if before is count else database.write
        await work(before)
        with pytest.raises(DatabaseReadOnly):
            await database.read(add("smuggled"))
        refused += 1
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda _: 1 / 0)
    with pytest.raises(DatabaseReadOnly):
        await database.read(add("smuggled"))
    assert (refused, await database.read(count)) == (6, 3)


async def test_a_cancelled_awaiter_harms_nobody(database: Database) -> None:
    """Its own write is carried out all the same, and so are the others."""
    tasks = [asyncio.Task(database.write(add(f"{number}"))) for number in range(3)]
    await asyncio.tasks.sleep(0)
    tasks[1].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert await database.read(count) == 3


async def test_work_that_ends_the_transaction_is_refused(database: Database) -> None:
    """Nobody in that batch is told that it was written."""
    with pytest.raises(DatabaseUnusable, match="ended from inside"):
        await database.write(lambda connection: connection.execute("COMMIT"))
    await database.write(add("fine"))
    assert await database.read(count) == 1


async def test_close_drains_and_then_refuses(tmp_path: Path) -> None:
    """What was queued is durable; what comes later is refused; closing twice is fine."""
    database = await Database.open(tmp_path / "notes.db", NOTES)
    queued = asyncio.gather(*(database.write(add(f"{number}")) for number in range(20)))
    await asyncio.tasks.sleep(0)
    await asyncio.gather(database.close(), database.close())
    assert len(await queued) == 20
    with pytest.raises(DatabaseClosed):
        await database.write(add("late"))
    async with await Database.open(tmp_path / "notes.db", NOTES) as again:
        assert await again.read(count) == 20


async def test_durable_settings(tmp_path: Path) -> None:
    """Write-ahead log, fsync at each commit, readable by the owner only."""
    path = tmp_path / "notes.db"
    async with await Database.open(path, NOTES) as database:
        assert (
            await database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"
        )
        assert await database.read(lambda c: c.execute("PRAGMA synchronous").fetchone()[0]) == 2
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


@pytest.mark.looptime
async def test_virtual_time_does_not_run_away() -> None:
    """A short timeout around a write never fires falsely."""
    async with await Database.open(MEMORY, NOTES) as database:
        for number in range(100):
            async with asyncio.timeout(5):
                await database.write(add(f"{number}"))


# --- faults ---


async def test_full(database: Database) -> None:
    """A full disk has a name; the batch is not written; smaller work goes on afterwards."""
    await database.write(lambda c: c.execute("PRAGMA max_page_count = 8"))
    with pytest.raises(DatabaseFull):
        await database.write(add("x" * 1_000_000))
    await database.write(add("small"))
    assert await database.read(count) == 1


async def test_corrupt(tmp_path: Path) -> None:
    """A file of something else is named as damaged, and left as it was."""
    path = tmp_path / "notes.db"
    path.write_text("This is a shopping list, and a long one. " * 100)
    before = path.read_bytes()
    with pytest.raises(DatabaseCorrupt, match=r"notes\.db"):
        await Database.open(path, NOTES)
    assert path.read_bytes() == before


async def test_no_such_folder(tmp_path: Path) -> None:
    """The error names the file and the reason."""
    with pytest.raises(DatabaseUnusable, match="No such file or directory"):
        await Database.open(tmp_path / "nowhere" / "notes.db", NOTES)


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(DatabaseUnusable, match="cannot be opened"):
        await Database.open(tmp_path, NOTES)


# --- migrations ---


async def test_migrations_are_applied_once_and_in_order(tmp_path: Path) -> None:
    """An older file is brought up; its rows stay."""
    path = tmp_path / "notes.db"
    async with await Database.open(path, Schema("notes", NOTES.migrations[:1])) as database:
        await database.write(add("old"))
    for _ in range(2):
        async with await Database.open(path, NOTES) as database:
            assert await database.read(count) == 1
            await database.write(lambda c: c.execute("SELECT author FROM note").fetchall())


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """With the two numbers and what to do."""
    path = tmp_path / "notes.db"
    await (await Database.open(path, NOTES)).close()
    with pytest.raises(DatabaseTooNew, match="schema 2, this one knows 1"):
        await Database.open(path, Schema("notes", NOTES.migrations[:1]))


async def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    """Its number of migrations says nothing."""
    path = tmp_path / "notes.db"
    await (await Database.open(path, NOTES)).close()
    with pytest.raises(DatabaseForeign, match="holds 'notes', not 'recipes'"):
        await Database.open(path, Schema("recipes", NOTES.migrations))


async def test_a_failing_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    """Half a migration is none."""
    path = tmp_path / "notes.db"
    broken = Migration(
        3, "broken", "CREATE TABLE extra (id INTEGER); CREATE TABLE note (id INTEGER);"
    )
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        await Database.open(path, Schema("notes", (*NOTES.migrations, broken)))
    mended = Migration(3, "mended", "CREATE TABLE extra (id INTEGER);")
    await (await Database.open(path, Schema("notes", (*NOTES.migrations, mended)))).close()


def test_migrations_have_no_gap() -> None:
    """A gap or a double is a mistake of the programmer."""
    with pytest.raises(ValueError, match="not numbered"):
        Schema("notes", NOTES.migrations[1:])


def test_schemas_are_read_from_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only numbered SQL files count."""
    package = tmp_path / "steps"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "0002_two.sql").write_text("SELECT 2;")
    (package / "0001_one.sql").write_text("SELECT 1;")
    (package / "README").write_text("not a step")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_schema("notes", "steps") == Schema(
        "notes", (Migration(1, "one", "SELECT 1;"), Migration(2, "two", "SELECT 2;"))
    )


# --- one opener, and the file under it ---


async def test_a_second_opener_is_refused(tmp_path: Path) -> None:
    """Also by another name of the file; the error names file and holder."""
    path = tmp_path / "notes.db"
    (tmp_path / "alias.db").symlink_to(path)
    async with await Database.open(path, NOTES):
        for name in ("notes.db", "alias.db"):
            with pytest.raises(DatabaseLocked, match=r"notes\.db: in use by process") as caught:
                await Database.open(tmp_path / name, NOTES)
            assert caught.value.holder == os.getpid()
    async with await Database.open(path, NOTES):
        pass


HOLDER = """
import asyncio, sys
from orchestrator.foundation.sqlite import Database, Schema
async def main():
    await Database.open(sys.argv[1], Schema("notes", ()))
    print("open", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_sigkill_frees_the_file(tmp_path: Path) -> None:
    """The lock is the kernel's: it ends with the process, however that ends."""
    path = tmp_path / "notes.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(DatabaseLocked) as caught:
            await Database.open(path, Schema("notes", ()))
        assert caught.value.holder == process.pid
        process.send_signal(signal.SIGKILL)
    await (await Database.open(path, NOTES)).close()


async def test_failing_to_open_frees_the_file(tmp_path: Path) -> None:
    """A refused file can be opened by the right program at once."""
    path = tmp_path / "notes.db"
    await (await Database.open(path, NOTES)).close()
    with pytest.raises(DatabaseFault):
        await Database.open(path, Schema("recipes", ()))
    await (await Database.open(path, NOTES)).close()


@pytest.mark.parametrize("name", ["notes.db", "notes.db-wal", "notes.db.lock"])
async def test_a_removed_file_is_noticed(tmp_path: Path, name: str) -> None:
    """SQLite itself would commit on without an error."""
    async with await Database.open(tmp_path / "notes.db", NOTES) as database:
        await database.write(add("one"))
        assert database.is_same_file()
        (tmp_path / name).rename(tmp_path / "elsewhere")
        assert not database.is_same_file()
        (tmp_path / name).touch()
        assert not database.is_same_file()


async def test_memory_is_always_the_same() -> None:
    """There is no file that could go."""
    async with await Database.open(MEMORY, NOTES) as database:
        assert database.is_same_file()


async def test_reading_tools_do_not_raise_a_false_alarm(tmp_path: Path) -> None:
    """A shell that looks into the file, also at a checkpoint, leaves it the same."""
    path = tmp_path / "notes.db"
    async with await Database.open(path, NOTES) as database:
        await database.write(add("one"))
        stranger = sqlite3.connect(path)
        assert count(stranger) == 1
        stranger.close()
        await database.read(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        await database.write(add("two"))
        assert database.is_same_file()
