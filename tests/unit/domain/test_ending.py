"""How a room ends that nobody wants, that was replaced, or that was never announced."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.actions import Bury, Delete, Hold, LetGo, Retire
from orchestrator.domain.plan import plan, withhold
from orchestrator.domain.policies import Mode, Removal, RemovalMode
from orchestrator.domain.records import KeyState, Role, RoomRecord
from orchestrator.domain.rooms import NOTICE, Occupancy, RoomType
from orchestrator.domain.situation import Gone, Kept, Situation, Unwanted, Use, Wanted
from tests import builders as a
from tests.builders import NOW, ROOM, YEAR
from tests.unit.domain.test_plan import acts, holds

UNWANTED = Unwanted("its subject is gone from team-rooms.yaml")
EMPTY = Use(Occupancy.EMPTY)
OCCUPIED = Use(Occupancy.OCCUPIED, NOW)
UNKNOWN = Use(Occupancy.UNKNOWN)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def unwanted(
    *,
    mode: RemovalMode = RemovalMode.EXPIRE,
    use: Use = EMPTY,
    buried: bool = True,
    due: timedelta = timedelta(),
    left: timedelta = YEAR,
    protect: bool = False,
    can_delete: bool | None = None,
) -> Situation:
    """A room that no policy asks for, its grace just over."""
    state = a.state(
        a.room(expires_at=NOW + left),
        wish=a.desired(),
        tombstone=a.tombstone(due=NOW + due, mode=mode) if buried else None,
        removal=Removal(mode, 7 * DAY),
        protect=protect,
    )
    return a.situation(
        UNWANTED,
        state,
        world_=a.world(can_delete=can_delete),
        sightings={ROOM: a.observed(expires_at=NOW + left)},
        uses={ROOM: use},
    )


DELETE, KEEP = RemovalMode.DELETE, RemovalMode.KEEP

REMOVING: dict[str, tuple[Situation, list[str], list[str]]] = {
    "not decided yet": (unwanted(buried=False), ["Bury"], []),
    "not decided while the clocks differ": (
        replace(
            (late := unwanted(buried=False)),
            world=replace(late.world, apart="the clocks differ", doubt="the clocks differ"),
        ),
        [],
        ["doubt"],
    ),
    "in its grace": (unwanted(due=DAY), [], ["grace"]),
    "used meanwhile": (unwanted(use=Use(Occupancy.EMPTY, NOW - DAY)), [], ["grace"]),
    "used before the decision": (
        unwanted(use=Use(Occupancy.EMPTY, NOW - 8 * DAY)),
        ["LetGo"],
        [],
    ),
    "expire": (unwanted(), ["LetGo"], []),
    "expire, occupied": (unwanted(use=Use(Occupancy.OCCUPIED)), [], ["occupied"]),
    "delete, empty": (unwanted(mode=DELETE), ["Delete"], []),
    "delete, empty, no DELETE": (unwanted(mode=DELETE, can_delete=False), ["Retire"], []),
    "delete, empty by callbacks alone": (
        unwanted(mode=DELETE, use=Use(Occupancy.EMPTY, heard=True)),
        ["Retire"],
        [],
    ),
    "delete, use unknown": (unwanted(mode=DELETE, use=UNKNOWN), ["Retire"], []),
    "delete, occupied": (unwanted(mode=DELETE, use=Use(Occupancy.OCCUPIED)), [], ["occupied"]),
    "delete, ends within minutes": (
        unwanted(mode=DELETE, use=UNKNOWN, left=12 * MINUTE),
        ["LetGo"],
        [],
    ),
    "delete, instant: nothing can end it sooner": (
        replace(
            unwanted(mode=DELETE, use=UNKNOWN),
            sightings={ROOM: a.observed(type_=RoomType.INSTANT)},
        ),
        ["LetGo"],
        [],
    ),
    "keep": (unwanted(mode=KEEP, buried=False), [], ["kept"]),
    "protected": (unwanted(protect=True, buried=False), [], ["protected"]),
    "protected after the decision": (unwanted(protect=True), ["Restore"], ["protected"]),
    "kept after the decision": (unwanted(mode=KEEP), ["Restore"], ["kept"]),
    "listing in doubt": (
        replace(unwanted(mode=DELETE), world=a.world(doubt="cut short")),
        [],
        ["doubt"],
    ),
    "conflict": (replace(unwanted(), world=a.world(conflict="another daemon")), [], ["conflict"]),
    "who is inside unread": (
        replace(unwanted(mode=DELETE), world=replace(a.world(), use_unread="502")),
        [],
        ["unknown-use"],
    ),
    "braked": (replace(unwanted(), held=Hold("brake", "brake 7")), [], ["brake"]),
    "wanted again": (replace(unwanted(), wish=Wanted(a.desired())), ["Restore"], []),
    "source in doubt": (replace(unwanted(), wish=Kept(a.desired(), "unreadable")), [], ["doubt"]),
}


@pytest.mark.parametrize(("situation", "actions", "held"), REMOVING.values(), ids=REMOVING)
def test_how_an_unwanted_room_ends(
    situation: Situation, actions: list[str], held: list[str]
) -> None:
    made = plan(situation)
    assert (acts(made), holds(made)) == (actions, held)


@pytest.mark.parametrize(
    "situation",
    [
        replace(unwanted(left=10 * DAY), held=Hold("brake", "brake 7")),
        replace(unwanted(left=10 * DAY), held=Hold("mode", "mode is no-removals")),
        replace(unwanted(left=10 * DAY), world=a.world(doubt="cut short")),
        unwanted(left=10 * DAY, mode=KEEP, buried=False),
        unwanted(left=10 * DAY, protect=True, buried=False),
        unwanted(left=10 * DAY, due=DAY),
        unwanted(left=10 * DAY, mode=DELETE, use=OCCUPIED),
    ],
    ids=["brake", "mode", "doubt", "keep", "protected", "grace", "occupied"],
)
def test_p10_a_room_whose_removal_is_held_is_renewed(situation: Situation) -> None:
    """However long a brake holds: the room must not run out behind it."""
    record = replace(situation.state.rooms[0], granted_at=NOW + 10 * DAY - YEAR)
    situation = replace(situation, state=replace(situation.state, rooms=(record,)))
    assert acts(plan(situation)) == ["Renew"]


def test_without_a_last_good_spec_nothing_is_renewed() -> None:
    situation = unwanted(left=DAY, due=DAY)
    bare = replace(situation, state=replace(situation.state, wish=None))
    assert acts(plan(bare)) == []


@pytest.mark.parametrize(
    ("grace", "due"), [(7 * DAY, 7 * DAY), (timedelta(), MINUTE)], ids=["a week", "none"]
)
def test_a_removal_is_decided_at_least_a_minute_before(grace: timedelta, due: timedelta) -> None:
    situation = unwanted(buried=False)
    state = replace(situation.state, removal=Removal(RemovalMode.DELETE, grace))
    made = plan(replace(situation, state=state))
    assert made.actions == (Bury(ROOM, NOW + due, RemovalMode.DELETE, UNWANTED.why),)


def test_p08_a_decision_that_a_mode_withholds_is_not_taken_up_every_minute() -> None:
    situation = unwanted(buried=False)
    bare = replace(situation, state=replace(situation.state, wish=None))
    assert withhold(plan(bare), Mode.NO_REMOVALS).until is None


def test_being_used_begins_the_grace_anew() -> None:
    made = plan(unwanted(use=Use(Occupancy.EMPTY, NOW - DAY)))
    assert made.until == NOW + 6 * DAY


def test_a_retirement_gives_eleven_minutes_notice_and_says_what_was() -> None:
    (retire,) = plan(unwanted(mode=DELETE, use=UNKNOWN)).actions
    assert retire == Retire(ROOM, NOW + YEAR, NOW + NOTICE, "its subject is gone")


def test_p05_an_occupied_room_is_looked_at_again_soon() -> None:
    made = plan(unwanted(mode=DELETE, use=Use(Occupancy.OCCUPIED)))
    assert made.until == NOW + 5 * MINUTE


# --- superseded, ending, duplicate ----------------------------------------------------------------


def beside(
    record: RoomRecord,
    *,
    use: Use = EMPTY,
    end: timedelta | None = YEAR,
    can_delete: bool | None = None,
) -> Situation:
    """A room of this role beside the current one."""
    current = a.room("current", generation=2)
    seen = a.observed(expires_at=None if end is None else NOW + end)
    return a.situation(
        Wanted(a.desired()),
        a.state(current, record),
        world_=a.world(can_delete=can_delete),
        sightings={"current": a.observed("current"), ROOM: seen},
        uses={ROOM: use},
    )


SUPERSEDED = a.room(role=Role.SUPERSEDED, end_due=NOW)
DUPLICATE = a.room(role=Role.DUPLICATE)
ENDING = a.room(role=Role.ENDING)

LINGERING: dict[str, tuple[Situation, list[str], list[str]]] = {
    "overlap over": (beside(SUPERSEDED), ["Delete"], []),
    "overlap over, no DELETE": (beside(SUPERSEDED, can_delete=False), ["Retire"], []),
    "overlap over, use unknown": (beside(SUPERSEDED, use=UNKNOWN), ["Retire"], []),
    "overlap over, no end shown": (beside(SUPERSEDED, use=UNKNOWN, end=None), ["Retire"], []),
    "overlap over, occupied": (beside(SUPERSEDED, use=OCCUPIED), [], ["occupied"]),
    "overlap over, retired": (
        beside(replace(SUPERSEDED, retired_at=NOW), use=UNKNOWN, end=NOTICE),
        [],
        [],
    ),
    "overlap over, the retirement was not taken": (
        beside(replace(SUPERSEDED, retired_at=NOW), use=UNKNOWN),
        [],
        [],
    ),
    "overlap over, ends within minutes": (
        beside(SUPERSEDED, use=UNKNOWN, end=12 * MINUTE),
        [],
        [],
    ),
    "no overlap": (beside(replace(SUPERSEDED, end_due=None)), ["Delete"], []),
    "in its overlap": (beside(replace(SUPERSEDED, end_due=NOW + DAY)), [], []),
    "overlap over, conflict": (
        replace(beside(SUPERSEDED), world=a.world(conflict="another daemon")),
        [],
        ["conflict"],
    ),
    "overlap over, listing in doubt": (
        replace(beside(SUPERSEDED), world=a.world(doubt="cut short")),
        [],
        ["doubt"],
    ),
    "overlap over, source in doubt": (
        replace(beside(SUPERSEDED), wish=Kept(a.desired(), "unreadable")),
        [],
        ["doubt"],
    ),
    "duplicate": (beside(DUPLICATE), ["Delete"], []),
    "duplicate, occupied": (beside(DUPLICATE, use=OCCUPIED), [], ["occupied"]),
    "ending": (beside(ENDING), [], []),
    "over": (
        beside(replace(ENDING, expires_at=NOW), end=timedelta()),
        ["Close"],
        [],
    ),
    "missed once": (
        replace(
            beside(SUPERSEDED), sightings={"current": a.observed("current"), ROOM: Gone("404")}
        ),
        ["Miss"],
        [],
    ),
    "not looked for": (
        replace(beside(SUPERSEDED), sightings={"current": a.observed("current")}),
        [],
        [],
    ),
    "there after all": (beside(replace(ENDING, missing_since=NOW)), ["Find"], []),
}


@pytest.mark.parametrize(("situation", "actions", "held"), LINGERING.values(), ids=LINGERING)
def test_how_a_room_beside_the_current_one_ends(
    situation: Situation, actions: list[str], held: list[str]
) -> None:
    made = plan(situation)
    assert (acts(made), holds(made)) == (actions, held)


@pytest.mark.parametrize(
    ("record", "announced"), [(SUPERSEDED, True), (DUPLICATE, False)], ids=["superseded", "never"]
)
def test_deleting_says_whether_anybody_was_told_the_link(
    record: RoomRecord, announced: bool
) -> None:
    (delete,) = plan(beside(record)).actions
    assert isinstance(delete, Delete)
    assert delete.announced is announced


@pytest.mark.parametrize(
    ("situation", "until"),
    [
        (beside(replace(SUPERSEDED, end_due=NOW + DAY)), NOW + DAY),
        (beside(ENDING, end=2 * DAY), NOW + 2 * DAY),
        (beside(replace(SUPERSEDED, retired_at=NOW), use=UNKNOWN, end=NOTICE), NOW + NOTICE),
        (beside(ENDING, end=-DAY, use=OCCUPIED), NOW + 5 * MINUTE),
    ],
    ids=["overlap", "its end", "retired", "past its end and occupied: no busy loop"],
)
def test_when_to_look_again_at_a_room_that_is_ending(situation: Situation, until: object) -> None:
    assert plan(situation).until == until


def test_a_room_without_an_end_is_not_looked_at_by_the_clock() -> None:
    state: KeyState = a.state(replace(ENDING, expires_at=None))
    made = plan(a.situation(UNWANTED, state, sightings={ROOM: a.observed(expires_at=None)}))
    assert (made.actions, made.until) == ((), None)


def test_letting_go_says_why() -> None:
    (action,) = plan(unwanted()).actions
    assert action == LetGo(ROOM, "its subject is gone; it ends by itself")
