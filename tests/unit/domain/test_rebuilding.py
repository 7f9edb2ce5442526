"""A store's states from facts, listing and list: who wins, what is kept, what is left to people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.keys import Key, key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.policies import Removal, RemovalMode
from orchestrator.domain.rebuilding import (
    Listed,
    Rebuilt,
    Sources,
    differences,
    rebuild,
)
from orchestrator.domain.records import (
    Ask,
    KeyState,
    OperationState,
    Role,
    RoomRecord,
    Suspension,
    Tombstone,
)
from orchestrator.domain.retelling import KeyMemory, Making, Memory
from orchestrator.domain.rooms import LONGEST_ASK, Observed, RoomType

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CHECKOUT = key("team-rooms", "checkout")
SEARCH = key("team-rooms", "search")
OWNER = "acme"


def seen(
    room_id: str,
    of: Key | None = CHECKOUT,
    operation: str = "firstone-0123456789",
    generation: int = 1,
    **changes: Any,
) -> Observed:
    """A room as the API shows it, marked for a key unless it is none's."""
    metadata = None
    if of is not None:
        metadata = write_metadata("hello", new_marker(OWNER, of, generation, operation))
    room = Observed(
        id=room_id,
        display_name=f"The room {room_id}",
        metadata=metadata,
        type=RoomType.LONG_TERM,
        settings={},
        expires_at=NOW + 60 * DAY,
        created_at=NOW - 30 * DAY,
        is_available=True,
        meeting_code="900",
        guest_url=f"https://meet.test/{room_id}",
    )
    return replace(room, **changes)


def record(room_id: str, role: Role = Role.CURRENT, **changes: Any) -> RoomRecord:
    """A room as facts tell of it."""
    room = RoomRecord(
        id=room_id,
        generation=1,
        operation="firstone-0123456789",
        role=role,
        display_name="as it was called",
        type=RoomType.LONG_TERM,
        guest_url="",
        meeting_code="",
        created_at=None,
        expires_at=NOW + 10 * DAY,
        granted_at=NOW - 20 * DAY,
        lifetime=None,
    )
    return replace(room, **changes)


def memory(*keys: KeyMemory, **rest: Any) -> Memory:
    return Memory(keys={one.encoded: one for one in keys}, **rest)


def of(one: Key, *rooms: RoomRecord, **rest: Any) -> KeyMemory:
    return KeyMemory(one.encoded, rooms={room.id: room for room in rooms}, **rest)


def rebuilt(known: Memory | None = None, *rooms: Observed, **rest: Any) -> Rebuilt:
    fields: dict[str, Any] = {
        "memory": known or Memory(),
        "rooms": rooms,
        "listed": (),
        "owner": OWNER,
        "stores": frozenset({"firstone"}),
        "now": NOW,
        **rest,
    }
    return rebuild(Sources(**fields))


def test_facts_say_the_key_and_the_api_says_what_the_room_is_like() -> None:
    """Whatever its marker names: the room was moved since."""
    made = rebuilt(memory(of(SEARCH, record("r1"), generation=3)), seen("r1", CHECKOUT))
    assert set(made.states) == {SEARCH}
    state = made.states[SEARCH]
    assert state.generation == 3
    assert state.current is not None
    assert state.current.display_name == "The room r1"
    assert state.current.expires_at == NOW + 60 * DAY
    assert state.current.created_at == NOW - 30 * DAY
    assert (made.by_marker, made.facts, made.rooms) == (0, [], 1)


def test_the_list_counts_where_facts_are_silent() -> None:
    """An adopted room has no marker, and a disowned one still bears it."""
    made = rebuilt(
        memory(of(SEARCH, record("r2"))),
        seen("hand", None),
        seen("r2", SEARCH),
        seen("not-ours"),
        seen("over", None, is_available=False),
        listed=(
            Listed("hand", CHECKOUT, "By hand", disowned=False),
            Listed("r2", CHECKOUT, "said by a fact", disowned=False),
            Listed("not-ours", CHECKOUT, "Let go", disowned=True),
            Listed("over", CHECKOUT, "Ended", disowned=False),
            Listed("gone", CHECKOUT, "Not there", disowned=False),
        ),
    )
    assert made.disowned == {"not-ours": "state rebuild"}
    assert made.by_list == 1
    current = made.states[CHECKOUT].current
    assert current is not None
    assert (current.id, current.adopted, current.granted_at) == ("hand", True, NOW - 30 * DAY)
    (fact,) = made.facts
    assert (fact.event, fact.detail["marked"]) == ("room.adopted", False)
    assert made.states[SEARCH].rooms[0].id == "r2"


def test_a_line_without_a_key_is_passed_over() -> None:
    """A person may have mended the file."""
    made = rebuilt(None, seen("hand", None), listed=(Listed("hand", None, "?", disowned=False),))
    assert made.states == {}


def test_markers_count_last_and_the_higher_generation_comes_first() -> None:
    """The other stays as it is, and is named: which link goes on is a person's to say."""
    made = rebuilt(
        None,
        seen("old", generation=1),
        seen("new", operation="firstone-9876543210", generation=2, expires_at=None),
        seen("ended", SEARCH, is_available=False),
        seen("theirs", None, metadata="hello"),
    )
    current = made.states[CHECKOUT].current
    assert current is not None
    assert (current.id, current.operation) == ("new", "firstone-9876543210")
    assert [room.id for room in made.left] == ["old"]
    assert (made.by_marker, made.strangers) == (1, [])
    assert set(made.states) == {CHECKOUT}


def test_a_marker_of_a_key_that_has_moved_goes_along() -> None:
    """And a room that is let go keeps its key."""
    known = memory(of(SEARCH, former=(CHECKOUT.encoded,), lost=True, generation=4))
    made = rebuilt(known, seen("r1", CHECKOUT, created_at=NOW + 900 * DAY))
    assert rebuilt(known, seen("r1", CHECKOUT, created_at=None)).states[SEARCH].current is not None
    assert set(made.states) == {SEARCH}
    current = made.states[SEARCH].current
    assert current is not None
    assert current.granted_at == NOW
    assert (made.states[SEARCH].generation, made.states[SEARCH].lost) == (4, False)
    ending = memory(of(CHECKOUT, record("r1", Role.ENDING)))
    made = rebuilt(ending, seen("r1"), seen("r2"))
    assert [room.id for room in made.left] == ["r2"]


def test_rooms_by_strangers_are_named_and_nothing_else() -> None:
    """Neither log nor store knows the store that made them."""
    made = rebuilt(None, seen("r1", operation="stranger1-0123456789"))
    assert [room.id for room in made.strangers] == ["r1"]
    assert made.states == {}
    made = rebuilt(
        None,
        seen("r1", operation="stranger1-0123456789"),
        stores=frozenset({"stranger1"}),
    )
    assert made.by_marker == 1


@pytest.mark.parametrize("state", list(OperationState))
def test_the_journal_is_made_anew(state: OperationState) -> None:
    """A room of a journalled create is the daemon's to judge: late, or found again."""
    making = Making(CHECKOUT.encoded, 2, "why", "cause", NOW, 1200, 1, state)
    cut = replace(making, key=f"team-rooms/{'x' * 103}~0123456789abcdef")
    known = memory(creates={"firstone-0123456789": making, "firstone-cut4567890": cut})
    made = rebuilt(known, seen("r1"))
    (operation,) = made.operations
    assert (operation.id, operation.key, operation.state) == (
        "firstone-0123456789",
        CHECKOUT,
        state,
    )
    assert (operation.watermark, operation.generation) == (1200, 2)
    assert made.left == made.strangers == []
    if state is OperationState.OPEN:
        assert made.states[CHECKOUT].generation == 2
    else:
        assert made.states == {}


def test_of_two_current_rooms_the_later_stays() -> None:
    """A store was lost between them, and nobody told what became of the first."""
    later = record("r2", generation=2)
    made = rebuilt(memory(of(CHECKOUT, later, record("r1"))), seen("r2"), seen("r1"))
    assert [room.id for room in made.states[CHECKOUT].rooms] == ["r2"]


def test_rooms_that_the_api_does_not_show_are_still_remembered() -> None:
    """The daemon looks twice, and its brake counts them."""
    made = rebuilt(memory(of(CHECKOUT, record("r1"))))
    assert [room.id for room in made.unseen] == ["r1"]
    assert made.states[CHECKOUT].rooms[0].display_name == "as it was called"


def test_keys_that_were_cut_are_read_by_those_that_are_known() -> None:
    """Otherwise they are named, and their rooms are left."""
    long = key("team-rooms", "отдел " * 20)
    known = memory(of(long, record("r1")))
    made = rebuilt(known, seen("r1", long))
    assert (made.nameless, made.states) == ([long.encoded], {})
    assert [room.id for room in made.left] == ["r1"]
    assert set(rebuilt(known, seen("r1", long), keys={long.encoded: long}).states) == {long}


@pytest.mark.parametrize(
    ("known", "kept"),
    [
        (of(CHECKOUT), False),
        (of(CHECKOUT, generation=4), False),
        (of(CHECKOUT, lost=True), True),
        (of(CHECKOUT, distinct=frozenset({"other"})), True),
        (of(CHECKOUT, protect=True), True),
        (of(CHECKOUT, suspended=Suspension(NOW, "anna", "")), True),
    ],
)
def test_keys_without_rooms(known: KeyMemory, kept: bool) -> None:
    """Only what still means something is remembered."""
    assert bool(rebuilt(memory(known)).states) is kept


def test_what_nobody_tells_ends_nothing() -> None:
    """No policy was read: the room is kept as it is, and renewed for as long as it was."""
    made = rebuilt(memory(of(CHECKOUT, record("r1", granted_at=NOW - 20 * DAY))), seen("r1"))
    state = made.states[CHECKOUT]
    assert state.removal.mode is RemovalMode.KEEP
    assert state.wish is not None
    assert (state.wish.display_name, state.wish.lifetime) == ("The room r1", 80 * DAY)
    assert state.wish.text == "hello"
    year = seen("r1", expires_at=NOW + 400 * DAY)
    wish = rebuilt(memory(of(CHECKOUT, record("r1"))), year).states[CHECKOUT].wish
    assert wish is not None
    assert wish.lifetime == LONGEST_ASK
    for room in (seen("r1", expires_at=None), seen("r1", type=RoomType.INSTANT)):
        wish = rebuilt(memory(of(CHECKOUT, record("r1"))), room).states[CHECKOUT].wish
        assert wish is not None
        assert wish.lifetime is None


def test_a_decided_removal_stands_with_its_terms() -> None:
    """But for a room that is not current any more: then it is carried out already."""
    tombstone = Tombstone(NOW - DAY, NOW + 6 * DAY, RemovalMode.DELETE, "it is gone")
    known = memory(
        of(CHECKOUT, record("r1"), tombstone=tombstone),
        of(SEARCH, record("r2", Role.ENDING), tombstone=tombstone),
    )
    made = rebuilt(known, seen("r1"), seen("r2", SEARCH))
    assert made.states[CHECKOUT].tombstone == tombstone
    assert made.states[CHECKOUT].removal == Removal(RemovalMode.DELETE, 7 * DAY)
    assert made.states[SEARCH].tombstone is None
    assert made.states[SEARCH].wish is None


def test_an_occurrences_room_comes_to_its_end_by_itself() -> None:
    """Nothing renews it."""
    hands = key("all-hands", "2027-01-28T1500")
    made = rebuilt(memory(of(hands, record("r1"))), seen("r1", hands))
    assert made.states[hands].wish is None


def test_what_is_different_is_told_by_key() -> None:
    """Rooms with their part, decisions, names; what is the same is not."""
    tombstone = Tombstone(NOW, NOW + DAY, RemovalMode.EXPIRE, "gone")
    due = record("r2", Role.SUPERSEDED, end_due=NOW)
    before = [
        KeyState(CHECKOUT, rooms=(record("r1"), due), protect=True, lost=False),
        KeyState(SEARCH, rooms=(record("r3"),), former=("a/b",)),
    ]
    after = [
        KeyState(
            CHECKOUT,
            rooms=(record("r1", adopted=True),),
            tombstone=tombstone,
            distinct=frozenset({"other"}),
            lost=True,
        ),
        KeyState(SEARCH, rooms=(record("r3"),), former=("a/b",)),
    ]
    assert differences(before, before) == ()
    (told,) = differences(before, after)
    assert told == (
        "team-rooms/checkout: room r1 current → current, adopted; "
        "room r2 superseded until 2027-01-31T12:00:00.000Z → none; protection yes → none; "
        "removal none → expire on 2027-02-01T12:00:00.000Z; distinct none → other; "
        "lost none → yes"
    )
    words = KeyState(SEARCH, suspended=Suspension(NOW, "a", ""), asked=Ask(NOW, "a", ""))
    (told,) = differences([], [words])
    assert told == (
        "team-rooms/search: suspended none → until 2027-01-31T12:00:00.000Z; "
        "renewal asked none → 2027-01-31T12:00:00.000Z"
    )
    assert differences([], after[1:]) == (
        "team-rooms/search: room r3 none → current; formerly none → a/b",
    )
