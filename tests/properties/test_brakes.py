"""Brakes, whatever the set: monotone, never of nothing."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.brakes import Limits, judge

keys = st.sets(st.integers(0, 30).map(lambda number: f"team-rooms/{number}"), max_size=12)
counts = st.integers(0, 12)
limits = st.builds(Limits, st.integers(0, 5), st.floats(0, 100))


@given(keys, counts, st.integers(0, 1000), limits, keys)
def test_p10_a_brake_holds_what_stands_unapproved_or_nothing(
    standing: set[str], recent: int, rooms: int, limit: Limits, approved: set[str]
) -> None:
    verdict = judge(standing, recent, rooms, limit, approved)
    assert verdict.held in (frozenset(), frozenset(standing - approved))
    assert bool(verdict.held) == bool(verdict.brake)
    assert not verdict.held or len(standing - approved) + recent > verdict.limit


@given(keys, keys, counts, counts, st.integers(0, 1000), limits, keys)
def test_p10_more_never_lets_go_what_less_holds(
    standing: set[str],
    more: set[str],
    recent: int,
    later: int,
    rooms: int,
    limit: Limits,
    approved: set[str],
) -> None:
    less = judge(standing, recent, rooms, limit, approved)
    greater = judge(standing | more, recent + later, rooms, limit, approved)
    assert less.held <= greater.held


@given(keys, counts, st.integers(0, 1000), st.integers(0, 1000), limits)
def test_p10_fewer_rooms_never_allow_more(
    standing: set[str], recent: int, rooms: int, more: int, limit: Limits
) -> None:
    few = judge(standing, recent, rooms, limit)
    many = judge(standing, recent, rooms + more, limit)
    assert many.held <= few.held
