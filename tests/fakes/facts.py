"""Facts as the tests of the audit use them."""

from datetime import UTC, datetime, timedelta

from orchestrator.domain.facts import ApiCall, Fact, RecordedFact

BEGAN = datetime(2026, 11, 14, 6, 10, 2, 123456, UTC)


def recorded(seq: int, fact: Fact | None = None) -> RecordedFact:
    """A fact with its number; each is committed a second after the one before."""
    return RecordedFact(seq, BEGAN + timedelta(seconds=seq), fact or renewed(seq))


def recorded_facts(last: int, first: int = 1) -> list[RecordedFact]:
    """Facts numbered from first to last."""
    return [recorded(seq) for seq in range(first, last + 1)]


def renewed(number: int, name: str = "Checkout room") -> Fact:
    """One room's renewal; the number makes it unlike the others."""
    return Fact(
        "room.renewed",
        actor="policy team-rooms@9c1e4b7a01d2f3e4",
        key="team-rooms/checkout",
        room_id=f"4819203{number:02}",
        operation=f"7f3a01bc-{number:010}",
        cause="resync 12",
        reason="due",
        before={"expires_at": "2026-11-20T10:00:00.000Z"},
        after={"expires_at": "2027-11-20T09:00:00.000Z"},
        api=ApiCall("PATCH", 200, 91.25, 1),
        detail={"display_name": name, "expires_at": "2027-11-20T09:00:00.000Z"},
    )
