"""Facts in the journal: told once, after they stand in the log, by the fields of their lines."""

import pytest
from structlog.testing import capture_logs

from orchestrator.adapters.audit.journalled import JournalledAudit
from orchestrator.domain.facts import Fact
from orchestrator.ports.audit import AuditFault
from tests.fakes.audit import FakeAudit
from tests.fakes.facts import recorded, recorded_facts


async def test_each_new_fact_is_told_with_the_fields_of_its_line() -> None:
    """What was there before us, or is appended again, is not."""
    kept = FakeAudit()
    await kept.append(recorded_facts(2))
    with capture_logs() as told:
        audit = JournalledAudit(kept)
        await audit.append(recorded_facts(3))
        await audit.append(recorded_facts(3))
        await audit.append([recorded(4, Fact("daemon.stopped", actor="anna (uid 1234)"))])
    assert told == [
        {
            "event": "room.renewed",
            "log_level": "info",
            "seq": 3,
            "actor": "policy team-rooms@9c1e4b7a01d2f3e4",
            "key": "team-rooms/checkout",
            "room_id": "481920303",
            "operation": "7f3a01bc-0000000003",
            "cause": "resync 12",
            "reason": "due",
            "before": {"expires_at": "2026-11-20T10:00:00.000Z"},
            "after": {"expires_at": "2027-11-20T09:00:00.000Z"},
            "detail": {
                "display_name": "Checkout room",
                "expires_at": "2027-11-20T09:00:00.000Z",
            },
            "api": {"method": "PATCH", "status": 200, "ms": 91.25, "attempt": 1},
        },
        {"event": "daemon.stopped", "log_level": "info", "seq": 4, "actor": "anna (uid 1234)"},
    ]


async def test_what_the_log_did_not_take_is_not_told() -> None:
    """It is told when it is written."""
    kept = FakeAudit()
    audit = JournalledAudit(kept)
    kept.fail(0)
    with capture_logs() as told:
        with pytest.raises(AuditFault):
            await audit.append(recorded_facts(2))
        assert told == []
        await audit.append(recorded_facts(2))
    assert [each["seq"] for each in told] == [1, 2]
