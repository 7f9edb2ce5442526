"""When a listing that lacks rooms of ours is not believed."""

from dataclasses import replace
from datetime import timedelta

import pytest

import tests.builders as a
from orchestrator.domain.absence import Absence, Look, absence
from orchestrator.domain.policies import RemovalMode
from orchestrator.domain.records import KeyState, Role, RoomRecord, Tombstone
from orchestrator.domain.rooms import RoomType
from tests.builders import NOW

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def states(count: int) -> list[KeyState]:
    """So many keys, each with its room."""
    return [
        a.state(
            a.room(f"room-{number}", created_at=NOW - DAY), key=replace(a.KEY, subject=f"{number}")
        )
        for number in range(count)
    ]


def look(count: int, *, others: int = 0, first: int = 0) -> Look:
    """A listing of so many of them, and of rooms of others."""
    shown = {f"room-{number}" for number in range(first, first + count)}
    return Look(count + others, shown.__contains__)


def found(remembered: list[KeyState], seen: Look, gone: frozenset[str] = frozenset()) -> Absence:
    return absence(remembered, seen, gone, NOW, NOW)


@pytest.mark.parametrize(
    ("remembered", "shown", "others", "doubtful"),
    [
        (0, 0, 0, False),
        (0, 0, 9, False),
        (1, 1, 0, False),
        (1, 0, 0, True),
        (1, 0, 1, False),
        (2, 1, 0, False),
        (2, 0, 5, True),
        (3, 2, 0, False),
        (3, 1, 5, True),
        (10, 8, 0, False),
        (10, 5, 0, False),
        (10, 4, 90, True),
        (10, 0, 90, True),
    ],
    ids=[
        "nothing of nothing",
        "nothing is expected",
        "all that there is",
        "the only room, and nothing else is shown",
        "the only room, beside those of others",
        "one of two",
        "none of two",
        "one of three is missing",
        "two of three are missing",
        "a fifth is missing",
        "half is missing",
        "more than half is missing",
        "none of ten, beside those of others",
    ],
)
def test_p04_what_a_listing_may_lack(
    remembered: int, shown: int, others: int, doubtful: bool
) -> None:
    seen = found(states(remembered), look(shown, others=others))
    assert seen.doubtful is doubtful
    assert bool(seen.name) is doubtful
    assert bool(seen.reason) is doubtful
    assert (seen.expected, len(seen.missing)) == (remembered, remembered - shown)


ROOM = a.room("room", created_at=NOW - DAY)
INSTANT = replace(ROOM, type=RoomType.INSTANT)


@pytest.mark.parametrize(
    "state",
    [
        a.state(replace(ROOM, role=Role.SUPERSEDED)),
        a.state(replace(ROOM, role=Role.ENDING)),
        a.state(replace(ROOM, role=Role.DUPLICATE)),
        a.state(INSTANT),
        a.state(replace(INSTANT, created_at=NOW - timedelta(minutes=10))),
        a.state(replace(ROOM, applied={"expire_after_use": True})),
        a.state(replace(ROOM, expires_at=NOW + timedelta(seconds=59))),
        a.state(replace(ROOM, created_at=NOW)),
        a.state(replace(ROOM, created_at=None, granted_at=NOW)),
        replace(a.state(ROOM), tombstone=Tombstone(NOW - DAY, NOW, RemovalMode.DELETE, "gone")),
    ],
    ids=[
        "replaced",
        "let go",
        "never announced",
        "instant",
        "instant of ten minutes ago",
        "ends after use",
        "near its end",
        "just made",
        "just adopted",
        "its removal is due",
    ],
)
def test_rooms_that_may_end_by_themselves_are_not_expected(state: KeyState) -> None:
    assert found([state], look(0)).expected == 0


@pytest.mark.parametrize(
    "room",
    [ROOM, replace(ROOM, expires_at=None), replace(ROOM, created_at=None, granted_at=NOW - DAY)],
    ids=["usual", "without an end", "without a birthday"],
)
def test_a_room_that_lives_is_expected(room: RoomRecord) -> None:
    assert found([a.state(room)], look(0)).doubtful
    assert found(
        [a.state(replace(room, type=RoomType.INSTANT, created_at=NOW - 8 * MINUTE))], look(0)
    ).doubtful
    waits = Tombstone(NOW - DAY, NOW + DAY, RemovalMode.DELETE, "its subject is gone")
    assert found([replace(a.state(room), tombstone=waits)], look(0)).doubtful


def test_a_doubt_stands_until_the_rooms_own_end() -> None:
    soon = [a.state(replace(ROOM, expires_at=NOW + MINUTE / 2))]
    assert not found(soon, look(0)).doubtful
    assert absence(soon, look(0), frozenset(), NOW, NOW, doubted=True).doubtful


def test_what_a_person_said_to_be_gone_is_not_expected() -> None:
    seen = found(states(4), look(1, first=3), frozenset({"room-0", "room-1"}))
    assert (seen.expected, set(seen.missing)) == (2, {"room-2"})
    assert not seen.doubtful


def test_the_sentence_names_what_is_missing() -> None:
    assert found(states(1), look(0)).reason == (
        "the API's listing shows no room at all: it lacks 1 of 1 room of ours (team-rooms/0). "
        "Another API or account may be answering"
    )
    assert found(states(5), look(1, first=4)).reason == (
        "the API's listing is not believed: it lacks 4 of 5 rooms of ours (team-rooms/0, "
        "team-rooms/1, team-rooms/2, …). Another API or account may be answering"
    )
