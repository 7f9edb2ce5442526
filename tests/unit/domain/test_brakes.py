"""How brakes judge a whole set at once."""

from datetime import timedelta

import pytest

from orchestrator.domain.brakes import Approval, Limits, judge, name_of
from tests.builders import NOW

KEYS = [f"team-rooms/{name}" for name in ("a", "b", "c", "d", "e")]
LIMITS = Limits()
HOUR = timedelta(hours=1)


def approval(*keys: str, until: timedelta = HOUR) -> Approval:
    """A person's word for these keys."""
    return Approval(frozenset(keys), NOW + until, "anna", "OPS-4711")


@pytest.mark.parametrize(("rooms", "allowed"), [(0, 3), (29, 3), (40, 4), (412, 41)], ids=str)
def test_the_limit_is_the_greater_of_number_and_share(rooms: int, allowed: int) -> None:
    assert LIMITS.allowed(rooms) == allowed


@pytest.mark.parametrize(
    ("standing", "recent", "word", "held"),
    [
        ([], 0, None, []),
        ([], 9, None, []),
        (KEYS[:3], 0, None, []),
        (KEYS[:4], 0, None, KEYS[:4]),
        (KEYS[:1], 2, None, []),
        (KEYS[:1], 3, None, KEYS[:1]),
        (KEYS, 0, approval(*KEYS), []),
        (KEYS, 9, approval(*KEYS), []),
        (KEYS, 0, approval(*KEYS[:2]), []),
        (KEYS, 1, approval(*KEYS[:2]), KEYS[2:]),
        (KEYS, 0, approval(*KEYS, until=timedelta()), KEYS),
    ],
    ids=[
        "nothing",
        "nothing, much done",
        "as many as allowed",
        "one too many: none of it",
        "one, with what was done",
        "one too many with what was done",
        "approved",
        "approved, much done",
        "the rest is few",
        "the rest is too much",
        "an approval that is over",
    ],
)
def test_p10_a_batch_is_judged_as_a_whole(
    standing: list[str], recent: int, word: Approval | None, held: list[str]
) -> None:
    verdict = judge(standing, recent, 10, LIMITS, word, NOW)
    assert verdict.held == frozenset(held)
    assert (verdict.wished, verdict.limit) == (len(standing) + recent, 3)
    assert verdict.brake == (name_of(held) if held else "")


def test_a_brake_is_named_by_its_very_set() -> None:
    assert name_of(KEYS) == name_of(KEYS[::-1])
    assert name_of(KEYS) != name_of(KEYS[:4])
    assert len(name_of(KEYS)) == 8
