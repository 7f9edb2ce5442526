"""What only the SQLite store promises: files, faults by name, migrations, plans of its queries."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.store.claims import Claims
from orchestrator.adapters.store.peek import read_copy, read_facts
from orchestrator.adapters.store.queries import QUERIES, parse_queries
from orchestrator.adapters.store.sqlite import SCHEMA, SqliteStore
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import Key
from orchestrator.domain.records import (
    KeyState,
    Operation,
    OperationKind,
    OperationState,
    Role,
    RoomRecord,
)
from orchestrator.domain.rooms import RoomType
from orchestrator.foundation.sqlite import Database, Migration, Schema
from orchestrator.ports.store import Commit, PolicyText, Pruned, StoreFault, StoreTakenError

NOW = datetime(2027, 1, 31, 9, tzinfo=UTC)
CHECKOUT = Key("team-rooms", "checkout")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with await Database.open(path, SCHEMA) as opened:
        yield opened


@pytest.fixture
async def store(database: Database) -> SqliteStore:
    return await SqliteStore.on(database)


def a_state(subject: str, *rooms: str) -> KeyState:
    return KeyState(
        Key("team-rooms", subject),
        rooms=tuple(
            RoomRecord(
                id=id_,
                generation=1,
                operation="",
                role=Role.CURRENT,
                display_name="A room",
                type=RoomType.LONG_TERM,
                guest_url="",
                meeting_code="",
                created_at=None,
                expires_at=None,
                granted_at=NOW,
                lifetime=None,
            )
            for id_ in rooms
        ),
    )


def an_operation(id_: str, state: OperationState, started_at: datetime) -> Operation:
    return Operation(id_, CHECKOUT, OperationKind.RENEW, 1, "r1", "", "", started_at, state=state)


# --- one file, one opener ---


async def test_reopening_loses_nothing(path: Path) -> None:
    """Also not the incarnation and the place in the numbering of facts."""
    first = await SqliteStore.open(path)
    state = a_state("checkout", "r1")
    await first.commit(Commit(states=[state], facts=[Fact("room.created")]), NOW)
    await first.close()
    second = await SqliteStore.open(str(path))
    assert second.incarnation == first.incarnation
    assert await second.state(CHECKOUT) == state
    assert list(await second.commit(Commit(facts=[Fact("room.created")]), NOW)) == [2]
    await second.close()


async def test_each_store_has_an_incarnation_of_its_own(tmp_path: Path) -> None:
    """So that operations of a lost store are told from those of its successor."""
    drawn = set()
    for number in range(5):
        opened = await SqliteStore.open(tmp_path / f"{number}.db")
        drawn.add(opened.incarnation)
        await opened.close()
    assert len(drawn) == 5


async def test_a_second_opener_is_refused(path: Path, store: SqliteStore) -> None:
    """By name of the holder."""
    with pytest.raises(StoreTakenError, match=rf"store\.db: in use by process {os.getpid()}"):
        await SqliteStore.open(path)
    await store.check()


@pytest.mark.parametrize("name", ["store.db", "store.db-wal", "store.db.lock"])
async def test_p02_a_removed_file_is_noticed(path: Path, store: SqliteStore, name: str) -> None:
    """SQLite itself goes on committing into it without an error."""
    await store.check()
    path.with_name(name).unlink()
    with pytest.raises(StoreFault, match=r"store\.db: the file was removed or replaced"):
        await store.commit(Commit(notes={"a": "1"}, facts=[Fact("room.created")]), NOW)
    assert await store.note("a") is None
    with pytest.raises(StoreFault, match=r"store\.db: the file was removed or replaced"):
        await store.check()


async def test_p02_a_replaced_file_is_noticed(path: Path, store: SqliteStore) -> None:
    """As when somebody restores a copy under a running daemon."""
    path.with_name("copy").write_bytes(path.read_bytes())
    path.with_name("copy").replace(path)
    with pytest.raises(StoreFault, match="removed or replaced"):
        await store.check()


# --- faults by name, each with the way to mend it ---


async def test_p02_a_full_disk_writes_nothing(database: Database, store: SqliteStore) -> None:
    """Not the half of it either; and what is small enough goes on."""
    await store.commit(Commit(notes={"before": "1"}), NOW)
    await database.write(lambda c: c.execute("PRAGMA max_page_count = 40"))
    states = [a_state(f"{number}", f"r{number}") for number in range(2_000)]
    with pytest.raises(StoreFault, match=r"full.*make room on its disk"):
        await store.commit(Commit(states=states, facts=[Fact("room.created")]), NOW)
    assert list(await store.states()) == []
    assert list(await store.facts(0, 1)) == []
    await store.commit(Commit(notes={"after": "1"}), NOW)
    await store.check()


LIMITED = """
import asyncio, resource, sys
from datetime import UTC, datetime
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.ports.store import Commit, Pruned, StoreFault

NOW = datetime(2027, 1, 31, tzinfo=UTC)

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def tell(name, awaitable):
    try:
        await awaitable
        print(name, "done")
    except StoreFault as fault:
        print(name, "fault:", fault)

async def main():
    store = await SqliteStore.open(sys.argv[1])
    await tell("commit", store.commit(Commit(notes={"a": "1"}), NOW))
    limit(1)
    await tell("check", store.check())
    await tell("commit", store.commit(Commit(notes={"a": "2", "b": "2"}), NOW))
    await tell("check", store.check())
    print(await store.note("a"), await store.note("b"))
    limit(resource.RLIM_INFINITY)
    await tell("check", store.check())
    await tell("commit", store.commit(Commit(notes={"a": "3"}), NOW))
    print(await store.note("a"))
    await store.close()

asyncio.run(main())
"""


def test_p02_check_fails_from_a_failed_commit_until_writing_works_again(path: Path) -> None:
    """The kernel refuses every write of the process; then it allows them again."""
    lines = _run(LIMITED, path)
    assert [line.split(": ")[0] for line in lines] == [
        "commit done",
        "check done",
        "commit fault",
        "check fault",
        "1 None",
        "check done",
        "commit done",
        "3",
    ]
    assert lines[2].endswith("look at its disk, and at the rights of the file and of its folder")


# Even root shall obey the rights of files: the bounding set loses CAP_DAC_OVERRIDE (1) by
# PR_CAPBSET_DROP (24) and holds from the next exec on. Others may not do that, and need it not.
LOCKED_OUT = """
import ctypes, os, sys
if sys.argv[-1] != "dropped":
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
    os.execv(sys.executable, [*sys.orig_argv, "dropped"])

import asyncio
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.ports.store import StoreFault

async def main():
    try:
        await SqliteStore.open(sys.argv[1])
    except StoreFault as fault:
        print(fault)

asyncio.run(main())
"""


async def test_a_read_only_file_is_refused(path: Path) -> None:
    """With the rights to look at."""
    await (await SqliteStore.open(path)).close()
    path.chmod(0o400)
    (line,) = _run(LOCKED_OUT, path)
    assert "store.db: cannot be opened: Permission denied; look at" in line


async def test_a_disk_that_became_read_only_is_named(
    database: Database, store: SqliteStore
) -> None:
    """SQLite's own switch gives the same error."""
    await database.write(lambda c: c.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreFault, match="mounted read-only"):
        await store.commit(Commit(notes={"a": "1"}), NOW)


def overwritten(content: bytes, place: int, with_: bytes) -> bytes:
    return content[:place] + with_ + content[place + len(with_) :]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: overwritten(content, 0, b"\0" * 100),
        lambda content: overwritten(content, 0, b"\xa5" * 4096 * 20),
        lambda content: overwritten(content, len(content) // 8192 * 4096, b"\xa5" * 4096),
        lambda content: overwritten(content, 4096 * 2 + 100, b"\xa5" * 4096 * 20),
        lambda content: content[: len(content) // 2],
        lambda content: content[:-5000],
    ],
    ids=["zeroed-header", "head", "one-page", "middle", "half", "short"],
)
async def test_a_damaged_file_is_refused(path: Path, spoil: Callable[[bytes], bytes]) -> None:
    """When it is opened, and left as it is; never taken for an empty one."""
    first = await SqliteStore.open(path)
    await first.commit(Commit(states=[a_state(f"{n}", f"r{n}") for n in range(500)]), NOW)
    await first.close()
    path.write_bytes(spoil(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(StoreFault, match=r"store\.db: .*room-orchestrator state rebuild"):
        await SqliteStore.open(path)
    assert path.read_bytes() == before


async def test_a_newer_store_is_refused(path: Path) -> None:
    """An older daemon would lose what it does not know."""
    known = len(SCHEMA.migrations)
    newer = Schema(SCHEMA.name, (*SCHEMA.migrations, Migration(known + 1, "next", "SELECT 1;")))
    await (await Database.open(path, newer)).close()
    with pytest.raises(
        StoreFault, match=rf"newer version \(schema {known + 1}, this one knows {known}\)"
    ):
        await SqliteStore.open(path)


async def test_another_programs_file_is_refused(path: Path) -> None:
    """Nothing is written into it."""
    other = Schema("meetings", (Migration(1, "m", "CREATE TABLE m (id INTEGER);"),))
    await (await Database.open(path, other)).close()
    with pytest.raises(StoreFault, match="holds 'meetings', not 'store'"):
        await SqliteStore.open(path)


async def test_a_row_that_cannot_be_read_is_a_fault(database: Database, store: SqliteStore) -> None:
    """Unknown is not empty: the key does not count as forgotten."""
    await store.commit(Commit(states=[a_state("checkout")]), NOW)
    await database.write(lambda c: c.execute("""UPDATE keys SET body = '{"key": 1}'"""))
    anew = await SqliteStore.on(database)
    with pytest.raises(StoreFault, match=r"cannot be recorded or read back: no KeyState: key"):
        await anew.state(CHECKOUT)
    with pytest.raises(StoreFault, match=r"cannot be recorded or read back: no KeyState: key"):
        await anew.states()


async def test_a_value_that_cannot_be_written_is_a_fault(store: SqliteStore) -> None:
    """And the rest of its commit is not written."""
    naive = replace(a_state("checkout", "r1").rooms[0], granted_at=datetime(2027, 1, 1))  # noqa: DTZ001
    broken = replace(a_state("checkout"), rooms=(naive,))
    with pytest.raises(StoreFault, match="cannot be recorded"):
        await store.commit(Commit(states=[a_state("other"), broken]), NOW)
    with pytest.raises(StoreFault, match="cannot be recorded"):
        await store.commit(Commit(states=[a_state("other")], notes={"a": "\ud800"}), NOW)
    assert list(await store.states()) == []


async def test_a_lost_table_is_a_fault(database: Database, store: SqliteStore) -> None:
    """Whatever SQLite says goes out as the port's own fault."""
    await database.write(lambda c: c.execute("DROP TABLE policies"))
    with pytest.raises(StoreFault, match="no such table: policies"):
        await store.policies()


# --- the least row, for ever ---


async def test_a_row_of_the_first_version_loads(database: Database, store: SqliteStore) -> None:
    """Fields that came later take their defaults."""
    body = '{"key":{"policy":"team-rooms","subject":"checkout"},"generation":3}'
    await database.write(
        lambda c: c.execute("INSERT INTO keys VALUES (1, 'team-rooms', 'checkout', ?)", (body,))
    )
    assert await store.state(CHECKOUT) == KeyState(CHECKOUT, generation=3)


# --- walking over all states ---


async def test_a_walk_shows_one_moment(store: SqliteStore) -> None:
    """A room that goes from the last key to the first under a long walk is met exactly once."""
    subjects = [f"{number:05}" for number in range(1_000, 3_500)]
    await store.commit(Commit(states=[a_state(subject) for subject in subjects]), NOW)
    await store.commit(Commit(states=[a_state("03499", "r1")]), NOW)
    moving = Commit(states=[a_state("00000", "r1")], dropped=[Key("team-rooms", "03499")])
    walked, _ = await asyncio.gather(store.states(), store.commit(moving, NOW))
    assert [state.key.subject for state in walked] == ["00000", *subjects[:-1]]
    assert [room.id for state in walked for room in state.rooms] == ["r1"]


async def test_a_walk_over_one_policy_stays_in_it(store: SqliteStore) -> None:
    """Also when another policy's key changes under it."""
    states = [a_state(f"{number:05}") for number in range(1_500)]
    await store.commit(Commit(states=states), NOW)
    others = Commit(states=[KeyState(Key("aaa", "x")), KeyState(Key("team-rooms", "zzz"))])
    walked, _ = await asyncio.gather(store.states("team-rooms"), store.commit(others, NOW))
    assert [state.key for state in walked] == [
        *(state.key for state in states),
        Key("team-rooms", "zzz"),
    ]


# --- the mirror in memory ---


async def test_a_commit_is_known_though_its_awaiter_was_cancelled(store: SqliteStore) -> None:
    """It is carried out all the same, so what is asked next must see it."""
    await store.commit(Commit(states=[a_state("checkout")]), NOW)
    commit = Commit(states=[a_state("checkout", "r1")], notes={"a": "1"})
    writing = asyncio.Task(store.commit(commit, NOW))
    await store.facts(0, 1)  # lets it begin, and is under way when it is queued
    writing.cancel()
    await store.facts(0, 1)
    await store.facts(0, 1)
    assert writing.cancelled()
    assert await store.state(CHECKOUT) == a_state("checkout", "r1")
    assert await store.key_of_room("r1") == CHECKOUT
    assert await store.note("a") == "1"


async def test_a_reading_that_was_overtaken_by_a_commit_is_forgotten(database: Database) -> None:
    """Reads go before the writes of one batch: what they bring may be old when it arrives."""
    first = await SqliteStore.on(database)
    await first.commit(Commit(states=[a_state("checkout", "old")]), NOW)
    store = await SqliteStore.on(database)
    busy = store.facts(0, 1)  # so that what follows is one batch
    writing = store.commit(Commit(states=[a_state("checkout", "new")]), NOW)
    _, _, read = await asyncio.gather(busy, writing, store.state(CHECKOUT))
    assert read is not None
    assert await store.state(CHECKOUT) == a_state("checkout", "new")
    assert await store.key_of_room("old") is None
    assert [state.rooms[0].id for state in await store.states()] == ["new"]


async def test_nothing_of_a_refused_commit_is_known(store: SqliteStore) -> None:
    """The mirror shows what is durable, and that alone."""
    await store.commit(Commit(states=[a_state("checkout", "r1")], notes={"a": "1"}), NOW)
    taken = Commit(states=[a_state("other", "r1")], dropped=[CHECKOUT], notes={"a": "2"})
    twice = Commit(states=[a_state("checkout"), a_state("other", "r2", "r3")], notes={"a": "2"})
    assert await store.commit(taken, NOW) == ()
    with pytest.raises(StoreFault, match="two current rooms"):
        await store.commit(twice, NOW)
    assert await store.state(CHECKOUT) is None
    assert await store.state(Key("team-rooms", "other")) == a_state("other", "r1")
    assert await store.key_of_room("r1") == Key("team-rooms", "other")
    assert await store.note("a") == "2"


async def test_open_operations_keep_their_order(store: SqliteStore) -> None:
    """That of their first recording, also when one is opened again, or read by a new opener."""
    first = an_operation("first", OperationState.OPEN, NOW)
    second = an_operation("second", OperationState.OPEN, NOW)
    await store.commit(Commit(operations=[first, second]), NOW)
    await store.commit(Commit(operations=[replace(first, state=OperationState.DONE)]), NOW)
    assert list(await store.open_operations(CHECKOUT)) == [second]
    await store.commit(Commit(operations=[first]), NOW)
    assert list(await store.open_operations()) == [first, second]
    assert list(await store.open_operations(CHECKOUT)) == [first, second]


# --- pruning ---


async def test_pruning_goes_through_in_batches(store: SqliteStore) -> None:
    """All of it, and numbers are not given again when every fact is gone."""
    old = NOW - timedelta(days=500)
    await store.commit(Commit(facts=[Fact("room.created")] * 2_500), old)
    assert await store.prune(NOW, taken=2_500) == Pruned(operations=0, facts=2_500)
    assert list(await store.commit(Commit(facts=[Fact("room.created")]), NOW)) == [2_501]


# --- a look beside it ---


async def test_a_copy_is_read_beside_the_daemon(path: Path, store: SqliteStore) -> None:
    """Everything that it remembers, without its lock."""
    text = PolicyText("team-rooms", "team-rooms.yaml", b"version: 1", "9c1e")
    commit = Commit(
        states=[a_state("checkout", "r1")],
        facts=[Fact("room.created")] * 3,
        policies={"team-rooms": text},
        notes={"a": "1"},
    )
    await store.commit(commit, NOW)
    copy = read_copy(path)
    assert copy is not None
    assert (copy.incarnation, copy.last_fact, copy.notes) == (store.incarnation, 3, {"a": "1"})
    assert (copy.states, copy.policies) == (tuple(await store.states()), (text,))
    assert [fact.seq for fact in read_facts(path, 1)] == [2, 3]


async def test_what_is_no_store_has_no_copy(tmp_path: Path) -> None:
    """None where there is none; a sentence where it is damaged, empty or another's."""
    assert read_copy(tmp_path / "none.db") is None
    (tmp_path / "text.db").write_text("a shopping list, and a long one. " * 100)
    (tmp_path / "empty.db").touch()
    await (await Database.open(tmp_path / "new.db", SCHEMA)).close()
    spoilt = await SqliteStore.open(tmp_path / "spoilt.db")
    await spoilt.commit(Commit(states=[a_state(f"{n}", f"r{n}") for n in range(500)]), NOW)
    await spoilt.close()
    content = (tmp_path / "spoilt.db").read_bytes()
    (tmp_path / "spoilt.db").write_bytes(overwritten(content, 4096 * 9, b"\xa5" * 4096))
    for name in ("text", "empty", "new", "spoilt"):
        with pytest.raises(StoreFault, match=rf"{name}\.db"):
            read_copy(tmp_path / f"{name}.db")


async def test_a_rebuilt_store_numbers_its_facts_behind_the_lost_one(path: Path) -> None:
    """No two facts of a log bear one number."""
    rebuilt = await SqliteStore.open(path)
    await rebuilt.number_from(90_133)
    assert list(await rebuilt.commit(Commit(facts=[Fact("state.rebuilt")]), NOW)) == [90_134]
    await rebuilt.close()


# --- the tables and the statements ---


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql <> '' ORDER BY name")
    return [tuple(row) for row in rows]


async def test_migrations_one_by_one_make_the_same_tables(tmp_path: Path) -> None:
    """A store that grew with the versions is like one that was made today."""
    for number in range(1, len(SCHEMA.migrations) + 1):
        step = Schema(SCHEMA.name, SCHEMA.migrations[:number])
        await (await Database.open(tmp_path / "grown.db", step)).close()
    async with (
        await Database.open(tmp_path / "grown.db", SCHEMA) as grown,
        await Database.open(tmp_path / "fresh.db", SCHEMA) as fresh,
    ):
        assert await grown.read(_tables) == await fresh.read(_tables)


@pytest.mark.parametrize(
    ("query", "plan"),
    [
        ("state", "SEARCH keys USING INDEX sqlite_autoindex_keys_1 (policy=? AND subject=?)"),
        (
            "states_after",
            "SEARCH keys USING INDEX sqlite_autoindex_keys_1 ((policy,subject)>(?,?))",
        ),
        (
            "key_of_room",
            "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (room_id=?)",
        ),
        ("clear_rooms", "SEARCH rooms USING COVERING INDEX rooms_of_key (key_id=?)"),
        ("operation", "SEARCH operations USING INDEX sqlite_autoindex_operations_1 (id=?)"),
        ("open_operations", "SCAN operations USING INDEX open_operations"),  # which holds no other
        ("facts_after", "SEARCH facts USING INTEGER PRIMARY KEY (rowid>?)"),
        ("standing_recordings", "SCAN recordings USING INDEX standing_recordings"),
        (
            "recordings_of",
            "SEARCH recordings USING INDEX recordings_of_key (policy=? AND subject=?)",
        ),
        (
            "prune_recordings",
            "SEARCH recordings USING INTEGER PRIMARY KEY (rowid=?)",
        ),
        ("key_of_former_room", "SEARCH operations USING INDEX operations_of_room (<expr>=?)"),
    ],
)
async def test_hot_queries_stand_on_an_index(database: Database, query: str, plan: str) -> None:
    """None reads a whole table, and none sorts."""

    def explain(connection: sqlite3.Connection) -> str:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[query]}", defaultdict(int))
        return str(rows.fetchone()["detail"])

    assert await database.read(explain) == plan


def test_queries_have_names_of_their_own() -> None:
    """A statement that hides another is noticed at once."""
    assert parse_queries("-- a comment\n-- name: one\nSELECT 1;\n\n-- name: two\nSELECT 2;\n") == {
        "one": "SELECT 1;",
        "two": "SELECT 2;",
    }
    with pytest.raises(ValueError, match="one name"):
        parse_queries("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")


async def test_claims_are_forgotten_when_nobody_wants_them() -> None:
    """Or tens of thousands of locks would pile up."""
    claims = Claims()
    async with claims.hold(CHECKOUT):
        assert len(claims) == 1
        waiting = asyncio.Task(claims.hold(CHECKOUT).__aenter__())
        await asyncio.wait([waiting], timeout=0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert len(claims) == 1
    assert len(claims) == 0


def _run(program: str, path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.splitlines()
