"""The life of a room, case by case; tests/properties/test_room_life.py has the laws."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.meetings_server.model.life import (
    Effect,
    Event,
    Kind,
    Life,
    Phase,
    advance,
    due,
    step,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(minutes=10)
LATER = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        pytest.param(Life(Kind.INSTANT, SOON), SOON, id="instant, unjoined"),
        pytest.param(Life(Kind.INSTANT, SOON, Phase.OCCUPIED), None, id="instant, in use"),
        pytest.param(
            Life(Kind.INSTANT, SOON, Phase.COOLING, LATER),
            LATER + timedelta(minutes=10),
            id="instant, emptied",
        ),
        pytest.param(Life(Kind.LASTING, LATER), LATER, id="lasting"),
        pytest.param(Life(Kind.LASTING, LATER, Phase.OCCUPIED), LATER, id="lasting, in use"),
        pytest.param(Life(Kind.ONCE, LATER, Phase.COOLING, NOW), SOON, id="once, emptied"),
        pytest.param(
            Life(Kind.ONCE, NOW + timedelta(minutes=3), Phase.COOLING, NOW),
            NOW + timedelta(minutes=3),
            id="once, expiring while it cools",
        ),
        pytest.param(Life(Kind.ONCE, NOW, Phase.ENDING), None, id="ending"),
        pytest.param(Life(Kind.ONCE, NOW, Phase.EXPIRED), None, id="expired"),
        pytest.param(Life(Kind.ONCE, NOW, Phase.DELETED), None, id="deleted"),
    ],
)
def test_when_a_room_moves_on(life: Life, expected: datetime | None) -> None:
    """By itself."""
    assert due(life) == expected


@pytest.mark.parametrize(
    ("kind", "phase"),
    [(Kind.INSTANT, Phase.COOLING), (Kind.ONCE, Phase.COOLING), (Kind.LASTING, Phase.WAITING)],
)
def test_the_last_one_leaves(kind: Kind, phase: Phase) -> None:
    """What dies after use cools; the rest waits for the next session."""
    moved = step(Life(kind, LATER, Phase.OCCUPIED), Event.EMPTIED, NOW)
    assert moved is not None
    life, happened = moved
    assert (life.phase, life.emptied_at) == (phase, NOW)
    assert [one.effect for one in happened] == [Effect.SESSION_ENDED]


def test_expiry_lets_a_session_finish() -> None:
    """The room expires at its moment, the session ends when the last one leaves."""
    life, happened = advance(Life(Kind.LASTING, NOW, Phase.OCCUPIED), LATER)
    assert (life.phase, life.ended_at) == (Phase.ENDING, NOW)
    assert [(one.effect, one.at) for one in happened] == [(Effect.ROOM_EXPIRED, NOW)]
    moved = step(life, Event.EMPTIED, LATER)
    assert moved is not None
    assert (moved[0].phase, moved[0].ended_at) == (Phase.EXPIRED, NOW)


def test_no_longer_dying_after_use() -> None:
    """A cooling room whose owner takes expire_after_use back goes on waiting."""
    cooling = Life(Kind.ONCE, LATER, Phase.COOLING, NOW)
    moved = step(replace(cooling, kind=Kind.LASTING), Event.CHANGED, NOW)
    assert moved is not None
    assert moved[0].phase is Phase.WAITING
    assert due(moved[0]) == LATER


def test_deleting_what_has_expired_keeps_its_end() -> None:
    """Retention counts from the end of the room, not from the tidying-up."""
    moved = step(Life(Kind.LASTING, NOW, Phase.EXPIRED, None, NOW), Event.REMOVED, LATER)
    assert moved is not None
    assert moved[0].ended_at == NOW
