"""How brakes judge a whole set at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.brakes import Limits, Standing, approve, approved, judge, name_of
from tests.builders import NOW

KEYS = [f"team-rooms/{name}" for name in ("a", "b", "c", "d", "e")]
LIMITS = Limits()
HOUR = timedelta(hours=1)
ROOM = Standing("room")
BURIED = Standing("room now", NOW + timedelta(days=7))
RENAMED = Standing("room", act="replace 0123")


@pytest.mark.parametrize(("rooms", "allowed"), [(0, 3), (29, 3), (40, 4), (412, 41)], ids=str)
def test_the_limit_is_the_greater_of_number_and_share(rooms: int, allowed: int) -> None:
    assert LIMITS.allowed(rooms) == allowed


@pytest.mark.parametrize(
    ("standing", "recent", "word", "held"),
    [
        ([], 0, (), []),
        ([], 9, (), []),
        (KEYS[:3], 0, (), []),
        (KEYS[:4], 0, (), KEYS[:4]),
        (KEYS[:1], 2, (), []),
        (KEYS[:1], 3, (), KEYS[:1]),
        (KEYS, 0, KEYS, []),
        (KEYS, 9, KEYS, []),
        (KEYS, 0, KEYS[:2], []),
        (KEYS, 1, KEYS[:2], KEYS[2:]),
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
    ],
)
def test_p10_a_batch_is_judged_as_a_whole(
    standing: list[str], recent: int, word: Sequence[str], held: list[str]
) -> None:
    verdict = judge(dict.fromkeys(standing, ROOM), recent, 10, LIMITS, word)
    assert verdict.held == frozenset(held)
    assert (verdict.wished, verdict.limit) == (len(standing) + recent, 3)
    assert verdict.brake == (name_of([f"{key} room" for key in held]) if held else "")


@pytest.mark.parametrize(
    ("stands", "later", "holds"),
    [
        (ROOM, timedelta(hours=23), True),
        (ROOM, timedelta(hours=24), False),
        (BURIED, timedelta(days=7, hours=23), True),
        (BURIED, timedelta(days=8), False),
        (replace(BURIED, due=NOW - HOUR), timedelta(hours=23), True),
        (replace(BURIED, due=NOW - HOUR), timedelta(hours=24), False),
    ],
    ids=["now", "now, over", "grace", "grace, over", "overdue", "overdue, over"],
)
def test_how_long_a_word_holds(stands: Standing, later: timedelta, holds: bool) -> None:
    words = {KEYS[0]: approve(stands, NOW, "anna", "OPS-4711")}
    expected = frozenset(KEYS[:1]) if holds else frozenset()
    assert approved({KEYS[0]: stands}, words, NOW + later) == expected


def test_a_word_is_for_one_removal_of_one_room() -> None:
    words = {KEYS[0]: approve(BURIED, NOW, "anna", "OPS-4711")}
    assert approved({KEYS[1]: BURIED}, words, NOW) == frozenset()
    assert approved({KEYS[0]: replace(BURIED, link="room later")}, words, NOW) == frozenset()
    # A room that was used meanwhile comes due later; it is the same removal.
    later = replace(BURIED, due=NOW + timedelta(days=9))
    assert approved({KEYS[0]: later}, words, NOW) == frozenset(KEYS[:1])


def test_p10_a_word_is_for_what_was_shown_to_become_of_a_room() -> None:
    """Whoever lets a room be renamed lets it neither end nor be called something else."""
    words = {KEYS[0]: approve(RENAMED, NOW, "anna", "OPS-4711")}
    others = (ROOM, BURIED, replace(RENAMED, act="replace 4567"), replace(RENAMED, act="sleep"))
    for other in others:
        assert approved({KEYS[0]: other}, words, NOW) == frozenset()
    # One of an earlier version of ours named the room alone.
    words = {KEYS[0]: approve(ROOM, NOW, "anna", "OPS-4711")}
    assert approved({KEYS[0]: RENAMED}, words, NOW) == frozenset()
    every = (RENAMED, *others)
    names = {judge(dict.fromkeys(KEYS, one), 0, 10, LIMITS).brake for one in every}
    assert len(names) == len(every)


def test_a_brake_is_named_by_its_very_set() -> None:
    assert name_of(KEYS) == name_of(KEYS[::-1])
    assert name_of(KEYS) != name_of(KEYS[:4])
    assert len(name_of(KEYS)) == 8
