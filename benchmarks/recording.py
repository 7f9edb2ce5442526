"""Our side of `audit`: facts into the chained log, and all that recording one create takes.

The log, the store and the disk are the daemon's own, with an fsync wherever it has one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from benchmarks import bare
from benchmarks.api import row
from orchestrator.adapters.audit.log import JsonlAudit
from orchestrator.adapters.audit.writing import LogPlace
from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.meetings.wire import read_room
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.domain import outcomes
from orchestrator.domain.actions import Create
from orchestrator.domain.facts import ApiCall, Fact, RecordedFact
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.policies import Desired, Removal, Renewal, Replace
from orchestrator.domain.records import KeyState, Operation, OperationKind
from orchestrator.domain.rooms import RoomType
from orchestrator.ports.store import Commit

_BATCH: Final = 500  # facts, as the daemon hands them to its log
_OWNER: Final = "bench"
_BODY: Final = {"type": "long_term", "expires_at": "2099-01-01T00:00:00Z"}


def _commits(number: int) -> tuple[Commit, Commit]:
    """What is committed of one create: before its call leaves, and after its answer."""
    now = SystemClock().now().replace(microsecond=0)
    key = Key("audited", f"t{number:06}")
    name = f"Team t{number:06}"
    desired = Desired(
        *(name, RoomType.LONG_TERM, timedelta(days=100), "", {}, Renewal(), Replace()),
        *(Removal(), None, None, "0123456789abcdef", "audited.yaml:3"),
    )
    operation = Operation(
        id=f"abcdefgh-{number:016}",
        key=key,
        kind=OperationKind.CREATE,
        generation=1,
        room_id=None,
        reason="audited.yaml:3 asks for it",
        cause="policies changed",
        started_at=now,
    )
    state = KeyState(key, generation=1, wish=desired)
    told = Fact(
        "operation.started",
        actor="policy audited@01234567",
        key=key.encoded,
        operation=operation.id,
        cause="policies changed",
        reason=operation.reason,
        detail={"kind": "create", "watermark": None, "attempt": 1},
    )
    marker = new_marker(_OWNER, key, 1, operation.id)
    body = {**_BODY, "display_name": name, "metadata": write_metadata("", marker)}
    seen = read_room(row(f"{number:032x}", body, "2026-01-01T00:00:00Z"))
    call = ApiCall("POST", 201, 50.0, 1)
    teller = outcomes.Teller("policy audited@01234567", "policies changed", now, call)
    action = Create(desired, 1, operation.reason)
    outcome = outcomes.answered(state, action, operation, seen, teller)
    if outcome.state is None:
        message = "a create leaves a state"
        raise ValueError(message)
    return (
        Commit(states=(state,), operations=(operation,), facts=(told,)),
        Commit(states=(outcome.state,), operations=outcome.operations, facts=outcome.facts),
    )


async def log_facts(folder: Path, count: int) -> dict[str, float]:
    """Facts a second into the log, and into a file that is written and synced as often."""
    now = SystemClock().now()
    creates = (_commits(number) for number in range(count // 2))
    facts = [fact for commits in creates for commit in commits for fact in commit.facts]
    recorded = [RecordedFact(seq, now, fact) for seq, fact in enumerate(facts, 1)]
    place = LogPlace(folder / "audit.jsonl", _OWNER, "abcdefgh", None, None)
    audit = JsonlAudit(place)
    began = time.monotonic()
    for first in range(0, len(recorded), _BATCH):
        await audit.append(recorded[first : first + _BATCH])
    ours = time.monotonic() - began
    await audit.close()
    size = place.path.stat().st_size // max(len(recorded), 1)
    simple = bare.sync(folder / "bare.jsonl", len(recorded), size, _BATCH)["seconds"]
    return {"ours": len(recorded) / ours, "bare": len(recorded) / simple, "bytes": size}


async def record_creates(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds that recording one create takes, one after the other, the log included."""
    store = await SqliteStore.open(folder / "store.db")
    audit = JsonlAudit(LogPlace(folder / "creates.jsonl", _OWNER, store.incarnation, None, None))
    clock = SystemClock()
    prepared = [_commits(number) for number in range(count)]
    began, seq = time.monotonic(), 0
    for commits in prepared:
        for commit in commits:
            await store.commit(commit, clock.now())
        facts = await store.facts(seq, _BATCH)
        await audit.append(facts)
        seq = facts[-1].seq
    seconds = time.monotonic() - began
    await audit.close()
    await store.close()
    return {"create_ms": 1000 * seconds / count}


def main() -> int:
    """Measure both and print the figures as JSON."""
    parser = argparse.ArgumentParser(description="recording what was done")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--facts", type=int, required=True)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    figures = asyncio.run(log_facts(given.folder, given.facts))
    figures |= asyncio.run(record_creates(given.folder, max(given.facts // 20, 1)))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
