"""What every audit log keeps, the fake's included."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from orchestrator.adapters.audit.journalled import JournalledAudit
from orchestrator.adapters.audit.log import JsonlAudit
from orchestrator.adapters.audit.memory import MemoryAudit
from orchestrator.adapters.audit.writing import LogPlace
from orchestrator.foundation.chain import GENESIS
from orchestrator.ports.audit import AuditFault, AuditLog, Head
from tests.fakes.audit import FakeAudit
from tests.fakes.facts import recorded, recorded_facts


@pytest.fixture(params=["fake", "journalled", "jsonl", "memory"])
async def audit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AuditLog]:
    """One log of each kind, empty and open."""
    place = LogPlace(tmp_path / "audit.jsonl", owner="acme", store="7f3a01bc")
    makers: dict[str, Callable[[], AuditLog]] = {
        "fake": FakeAudit,
        "memory": MemoryAudit,
        "jsonl": lambda: JsonlAudit(place),
        "journalled": lambda: JournalledAudit(JsonlAudit(place)),
    }
    log = makers[request.param]()
    yield log
    await log.close()


async def test_an_empty_log_ends_before_its_first_line(audit: AuditLog) -> None:
    """There is a head from the beginning on: number 0, the hash before all hashes, no line."""
    assert await audit.head() == Head(0, GENESIS, 0)


async def test_append_tells_where_the_log_ends_now(audit: AuditLog) -> None:
    """The head is that of the last fact, and the one that `head` tells."""
    head = await audit.append(recorded_facts(3))
    assert (head.seq, head.lines) == (3, 3)
    assert len(head.hash) == 64
    assert await audit.head() == head


async def test_each_line_gives_another_hash(audit: AuditLog) -> None:
    """The hash is of the line and all before it."""
    heads = [await audit.append([fact]) for fact in recorded_facts(5)]
    assert len({head.hash for head in heads}) == 5


async def test_written_facts_are_passed_over(audit: AuditLog) -> None:
    """At least once on the way, once in the log."""
    once = await audit.append(recorded_facts(3))
    assert await audit.append(recorded_facts(3)) == once
    assert await audit.append([]) == once
    further = await audit.append(recorded_facts(5, first=2))
    assert (further.seq, further.lines) == (5, 5)


async def test_batches_make_no_difference(audit: AuditLog, tmp_path: Path) -> None:
    """The same facts lead to the same head, however they were cut."""
    other: AuditLog = JsonlAudit(LogPlace(tmp_path / "other.jsonl", owner="acme", store="7f3a01bc"))
    if isinstance(audit, FakeAudit | MemoryAudit):
        other = type(audit)()
    at_once = await audit.append(recorded_facts(4))
    await other.append([recorded(1)])
    await other.append(recorded_facts(4, first=2))
    assert await other.head() == at_once
    await other.close()


async def test_a_closed_log_takes_nothing(audit: AuditLog) -> None:
    """Closing is final, and may be done twice."""
    await audit.append([recorded(1)])
    await audit.close()
    await audit.close()
    with pytest.raises(AuditFault):
        await audit.append([recorded(2)])
    with pytest.raises(AuditFault):
        await audit.head()


async def test_the_fake_fails_when_it_is_told_to() -> None:
    """A beginning may have been written; the same facts again complete it."""
    audit = FakeAudit()
    audit.fail(2)
    with pytest.raises(AuditFault):
        await audit.append(recorded_facts(3))
    assert (await audit.head()).seq == 2
    assert (await audit.append(recorded_facts(3))).seq == 3
    assert audit.events == ["room.renewed"] * 3
