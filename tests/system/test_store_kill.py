"""The store under SIGKILL: what was acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.domain.keys import Key

# Eight writers at once; each commit tells one thing in three tables, and is told to the parent
# only when it is durable.
WRITER = """
import asyncio, os, sys
from datetime import UTC, datetime
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState
from orchestrator.ports.store import Commit

NOW = datetime(2027, 1, 31, tzinfo=UTC)

async def write(store, writer, begin):
    key = Key("team-rooms", f"writer-{writer}")
    generation = begin
    while True:
        generation += 1
        told = f"{writer}:{generation}"
        await store.commit(
            Commit(
                states=[KeyState(key, generation=generation)],
                facts=[Fact("room.created", key=key.encoded, reason=told)],
                notes={f"writer-{writer}": told},
            ),
            NOW,
        )
        os.write(1, f"{told}\\n".encode())

async def main():
    store = await SqliteStore.open(sys.argv[1])
    begin = int(sys.argv[2])
    await asyncio.gather(*(write(store, writer, begin) for writer in range(8)))

asyncio.run(main())
"""

WRITERS = 8


def _write_and_kill(path: Path, begin: int, lines: int) -> dict[int, int]:
    """Let a process write, kill it after so many acknowledgements; the last of each writer."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(begin)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()  # what it still told before it died
    last = dict.fromkeys(range(WRITERS), begin)
    for line in told:
        if line.endswith("\n"):
            writer, generation = line.split(":")
            last[int(writer)] = max(last[int(writer)], int(generation))
    return last


async def _check(path: Path, acknowledged: dict[int, int]) -> None:
    store = await SqliteStore.open(path)
    facts = await store.facts(0, 1_000_000)
    assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
    reasons = [fact.fact.reason for fact in facts]
    assert len(set(reasons)) == len(reasons)
    for writer, generation in acknowledged.items():
        state = await store.state(Key("team-rooms", f"writer-{writer}"))
        recorded = 0 if state is None else state.generation
        assert recorded >= generation, "an acknowledged commit is lost"
        if recorded:
            # The three tables agree: also the commits that nobody was told of are whole.
            assert await store.note(f"writer-{writer}") == f"{writer}:{recorded}"
            mine = [reason for reason in reasons if reason.startswith(f"{writer}:")]
            assert mine[-1] == f"{writer}:{recorded}"
    await store.close()


@pytest.mark.timeout(120)
def test_p02_sigkill_loses_no_acknowledged_commit(tmp_path: Path) -> None:
    """Five rounds on one file, killed at different moments, at once after the first word too."""
    path = tmp_path / "store.db"
    begin = 0
    for lines in (1, 3, 50, 400, 997):
        acknowledged = _write_and_kill(path, begin, lines)
        assert max(acknowledged.values()) > begin
        asyncio.run(_check(path, acknowledged))
        begin = max(acknowledged.values()) + 1_000
