"""Brakes, whatever the set: monotone, never of nothing."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.brakes import Limits, Standing, judge

names = st.integers(0, 30).map(lambda number: f"team-rooms/{number}")
keys = st.sets(names, max_size=12)
sets = st.dictionaries(names, st.sampled_from([Standing("a"), Standing("b")]), max_size=12)
counts = st.integers(0, 12)
limits = st.builds(Limits, st.integers(0, 5), st.floats(0, 100))


@given(sets, counts, st.integers(0, 1000), limits, keys)
def test_p10_a_brake_holds_what_stands_unapproved_or_nothing(
    standing: dict[str, Standing], recent: int, rooms: int, limit: Limits, approved: set[str]
) -> None:
    verdict = judge(standing, recent, rooms, limit, approved)
    unapproved = frozenset(standing) - approved
    assert verdict.held in (frozenset(), unapproved)
    assert bool(verdict.held) == bool(verdict.brake)
    assert not verdict.held or len(unapproved) + recent > verdict.limit


@given(sets, sets, counts, counts, st.integers(0, 1000), limits, keys)
def test_p10_more_never_lets_go_what_less_holds(
    standing: dict[str, Standing],
    more: dict[str, Standing],
    recent: int,
    later: int,
    rooms: int,
    limit: Limits,
    approved: set[str],
) -> None:
    less = judge(standing, recent, rooms, limit, approved)
    greater = judge(standing | more, recent + later, rooms, limit, approved)
    assert less.held <= greater.held


@given(sets, counts, st.integers(0, 1000), st.integers(0, 1000), limits)
def test_p10_fewer_rooms_never_allow_more(
    standing: dict[str, Standing], recent: int, rooms: int, more: int, limit: Limits
) -> None:
    few = judge(standing, recent, rooms, limit)
    many = judge(standing, recent, rooms + more, limit)
    assert many.held <= few.held
