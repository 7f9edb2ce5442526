"""What is planned for a key whose room is not there, is in doubt, or is ours in question."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.actions import (
    Abandon,
    Adopt,
    Close,
    Create,
    Delete,
    Hold,
    Miss,
    Plan,
    Renew,
    Replace,
    Restore,
    Resume,
    Retire,
    Update,
)
from orchestrator.domain.plan import plan, withhold
from orchestrator.domain.policies import Mode, ReplaceMode
from orchestrator.domain.records import Attempts, KeyState, Role, RoomRecord
from orchestrator.domain.rooms import Observed, Occupancy, RoomType
from orchestrator.domain.situation import (
    Claim,
    Gone,
    Kept,
    Pending,
    Situation,
    Unwanted,
    Use,
    Wanted,
    Wish,
)
from tests import builders as a
from tests.builders import NOW, ROOM, YEAR

WANTED = Wanted(a.desired())
KEPT = Kept(a.desired(), "teams.yaml cannot be read")
UNWANTED = Unwanted("its subject is gone from team-rooms.yaml")
EMPTY = {ROOM: Use(Occupancy.EMPTY)}
LATER = NOW + timedelta(minutes=1)
DAY = timedelta(days=1)
RENAMED = a.desired("Checkout & Pay room", replace_mode=ReplaceMode.NOW)


def acts(made: Plan) -> list[str]:
    """The actions by name, in order."""
    return [type(action).__name__ for action in made.actions]


def holds(made: Plan) -> list[str]:
    """The words by which things are held, in order."""
    return [hold.by for hold in made.holds]


def marked(room_id: str, generation: int = 1, *, known: bool, hours: int = 0) -> Claim:
    """A room that carries our marker and that the store does not remember."""
    metadata = a.metadata(generation=generation, operation_id=f"k3m9x2aa-00000000{room_id}")
    born = NOW - timedelta(hours=hours)
    return Claim(a.observed(room_id, marked=metadata, created_at=born), known)


def second(room_id: str) -> Claim:
    """One whose create was carried out twice: the other one's link was given out."""
    return replace(marked(room_id, known=True), second=True)


OTHER = a.observed("foreign", marked=None)
CREATES = Attempts(2, LATER, "", a.desired().digest)

ABSENT: dict[str, tuple[Situation, list[str], list[str]]] = {
    "wanted": (a.situation(), ["Create"], []),
    "kept and never made": (a.situation(KEPT), ["Create"], []),
    "never listed": (a.situation(world_=a.world(listed=False)), [], ["first-listing"]),
    "a namesake": (a.situation(lookalikes=(OTHER,)), [], ["look-alike"]),
    "one is listed": (a.situation(listed=(OTHER,)), ["Adopt"], []),
    "one is listed, in doubt": (a.situation(KEPT, listed=(OTHER,)), ["Adopt"], []),
    "one is listed, unwanted": (a.situation(UNWANTED, listed=(OTHER,)), [], []),
    "two are listed": (
        a.situation(listed=(OTHER, a.observed("second", marked=None))),
        [],
        ["conflict"],
    ),
    "one is listed and not shown": (a.situation(unshown=("foreign",)), [], ["not-shown"]),
    "the list was never read": (a.situation(unread="cut off"), [], ["doubt"]),
    "one is listed, another is marked": (
        a.situation(listed=(OTHER,), claims=(marked("1", known=False),)),
        ["Adopt"],
        [],
    ),
    "one is listed, another daemon is at work": (
        a.situation(listed=(OTHER,), world_=replace(a.world(), stranger="another")),
        [],
        ["stranger"],
    ),
    "backing off": (a.situation(state_=replace(a.state(), creates=CREATES)), [], ["back-off"]),
    "backed off for another wish": (
        a.situation(Wanted(RENAMED), replace(a.state(), creates=CREATES)),
        ["Create"],
        [],
    ),
    "backed off long enough": (
        a.situation(state_=replace(a.state(), creates=CREATES), world_=a.world(LATER)),
        ["Create"],
        [],
    ),
    "lost": (a.situation(state_=a.state(lost=True)), ["Create"], []),
    "lost and braked": (
        a.situation(state_=a.state(lost=True), held=Hold("brake", "brake 7")),
        [],
        ["brake"],
    ),
    "lost in no-removals: its link is dead already": (
        a.situation(state_=a.state(lost=True), held=Hold("mode", "mode is no-removals")),
        ["Create"],
        [],
    ),
    "new and braked": (a.situation(held=Hold("brake", "brake 7")), ["Create"], []),
    "lost, listing in doubt": (
        a.situation(state_=a.state(lost=True), world_=a.world(doubt="cut short")),
        [],
        ["doubt"],
    ),
    "lost, source in doubt": (a.situation(KEPT, a.state(lost=True)), [], ["doubt"]),
    "unwanted, nothing left": (
        a.situation(UNWANTED, a.state(generation=1)),
        ["Forget"],
        [],
    ),
    "unwanted, never remembered": (a.situation(UNWANTED), [], []),
}


@pytest.mark.parametrize(("situation", "actions", "held"), ABSENT.values(), ids=ABSENT)
def test_a_key_without_a_room(situation: Situation, actions: list[str], held: list[str]) -> None:
    made = plan(situation)
    assert (acts(made), holds(made)) == (actions, held)


def test_of_a_listed_room_and_a_marked_one_the_marked_one_is_taken() -> None:
    """It was given out later: a marker is written by us, a line may be old."""
    situation = a.situation(listed=(OTHER,), claims=(marked("1", known=False),))
    (action,) = plan(situation).actions
    assert isinstance(action, Adopt)
    assert action.room.id == "1"
    (hold,) = plan(ABSENT["two are listed"][0]).holds
    assert "foreign and second" in hold.reason


def test_a_held_create_says_what_would_be_made_and_when() -> None:
    (hold,) = plan(a.situation(state_=replace(a.state(), creates=CREATES))).holds
    assert isinstance(hold.action, Create)
    assert hold.until == LATER


def test_a_create_for_a_lost_room_counts_as_such() -> None:
    (create,) = plan(a.situation(state_=a.state(generation=3, lost=True))).actions
    assert create == Create(a.desired(), 4, "its room is gone", lost=True)


# --- unanswered creates ---------------------------------------------------------------------------

FOUND = a.observed("late", marked=a.metadata(generation=2))
SECOND = a.operation(generation=2)
STANDING = a.state(a.room())
SEEN = {ROOM: a.observed()}


def pending(*, found: bool = False, looked: bool = False) -> Pending:
    """An unanswered create of the second generation."""
    return Pending(SECOND, FOUND if found else None, looked, LATER)


def renamed(
    *, found: str = RENAMED.display_name, shown: str = a.NAME, held: Hold | None = None
) -> Situation:
    """A replacement for another name that was not answered, and whose room was found."""
    room = replace(FOUND, display_name=found)
    return a.situation(
        Wanted(RENAMED),
        STANDING,
        sightings={ROOM: a.observed(display_name=shown)},
        pending=Pending(SECOND, room, looked=False),
        held=held,
    )


PENDING: dict[str, tuple[Situation, list[str], list[str]]] = {
    "not looked yet": (a.situation(pending=pending()), [], ["settle"]),
    "found": (a.situation(pending=pending(found=True)), ["Adopt"], []),
    "looked in vain": (a.situation(pending=pending(looked=True)), ["Create"], []),
    "looked in vain, before any complete listing": (
        a.situation(pending=pending(looked=True), world_=a.world(listed=False)),
        ["Create"],
        [],
    ),
    "looked in vain, lost and in doubt": (
        a.situation(KEPT, a.state(lost=True), pending=pending(looked=True)),
        [],
        ["doubt"],
    ),
    "looked in vain, unwanted": (
        a.situation(UNWANTED, pending=pending(looked=True)),
        ["Abandon"],
        [],
    ),
    "looked in vain, a replacement": (
        a.situation(Wanted(RENAMED), STANDING, sightings=SEEN, pending=pending(looked=True)),
        ["Abandon"],
        [],
    ),
    "a replacement not looked for is not begun again": (
        a.situation(Wanted(RENAMED), STANDING, sightings=SEEN, uses=EMPTY, pending=pending()),
        [],
        ["settle", "settle"],
    ),
    "unwanted and not looked for is not forgotten": (
        a.situation(UNWANTED, a.state(generation=1), pending=pending()),
        [],
        ["settle"],
    ),
}


@pytest.mark.parametrize(("situation", "actions", "held"), PENDING.values(), ids=PENDING)
def test_an_unanswered_create(situation: Situation, actions: list[str], held: list[str]) -> None:
    made = plan(situation)
    assert (acts(made), holds(made)) == (actions, held)


def test_a_room_is_renewed_while_its_replacement_is_looked_for() -> None:
    """P7: a lookup that never ends must not cost the room that stands."""
    soon = NOW + timedelta(days=10)
    situation = a.situation(
        state_=a.state(a.room(expires_at=soon, granted_at=soon - YEAR)),
        sightings={ROOM: a.observed(expires_at=soon)},
        pending=pending(),
    )
    assert acts(plan(situation)) == ["Renew"]


def test_looked_for_in_vain_it_is_sent_again_under_the_same_id() -> None:
    (create,) = plan(a.situation(pending=pending(looked=True))).actions
    assert isinstance(create, Create)
    assert (create.again, create.generation) == (SECOND, 2)


ENDED = replace(FOUND, is_available=False)
FOUND_ROLES: dict[str, tuple[Situation, Role, str]] = {
    "the key has no room": (a.situation(pending=pending(found=True)), Role.CURRENT, ""),
    "nobody wants it": (a.situation(UNWANTED, pending=pending(found=True)), Role.DUPLICATE, ""),
    "it has ended": (a.situation(pending=Pending(SECOND, ENDED, False)), Role.DUPLICATE, ""),
    "it replaces": (renamed(), Role.CURRENT, ROOM),
    "the wish changed back": (renamed(shown=RENAMED.display_name), Role.DUPLICATE, ""),
    "the wish changed again": (renamed(found="Something else"), Role.DUPLICATE, ""),
    "the old one is missing": (
        replace(renamed(), sightings={ROOM: Gone("404")}),
        Role.CURRENT,
        ROOM,
    ),
}


@pytest.mark.parametrize(("situation", "role", "supersedes"), FOUND_ROLES.values(), ids=FOUND_ROLES)
def test_the_role_of_a_recovered_room(situation: Situation, role: Role, supersedes: str) -> None:
    (adopt,) = plan(situation).actions
    assert isinstance(adopt, Adopt)
    assert (adopt.role, adopt.supersedes, adopt.recovers) == (role, supersedes, SECOND)


AGAINST_SUPERSEDING: dict[str, tuple[Situation, str]] = {
    "a mode": (renamed(held=Hold("mode", "mode is no-removals")), "mode"),
    "protection": (replace(renamed(), state=replace(STANDING, protect=True)), "protected"),
    "a source in doubt": (replace(renamed(), wish=Kept(RENAMED, "unreadable")), "doubt"),
    "a conflict": (replace(renamed(), world=a.world(conflict="another daemon")), "conflict"),
}


@pytest.mark.parametrize(("situation", "by"), AGAINST_SUPERSEDING.values(), ids=AGAINST_SUPERSEDING)
def test_a_recovered_room_changes_no_link_against(situation: Situation, by: str) -> None:
    made = plan(situation)
    assert holds(made)[0] == by
    assert not any(isinstance(action, Adopt) for action in made.actions)


def test_a_recovered_room_must_have_all_that_only_a_birth_gives() -> None:
    wish = a.desired(settings={"recording_options.auto_record": True})
    situation = a.situation(Wanted(wish), STANDING, sightings=SEEN, pending=pending(found=True))
    (adopt,) = plan(situation).actions
    assert isinstance(adopt, Adopt)
    assert adopt.role is Role.DUPLICATE


# --- rooms with our marker ------------------------------------------------------------------------

CLAIMS: dict[str, tuple[Situation, list[tuple[str, Role]], list[str]]] = {
    "no room yet": (
        a.situation(claims=(marked("x", known=False),)),
        [("x", Role.CURRENT)],
        [],
    ),
    "no room yet, journalled": (
        a.situation(claims=(marked("x", known=True),)),
        [("x", Role.CURRENT)],
        [],
    ),
    "no room any more, of a create that made another one": (
        a.situation(claims=(second("x"),)),
        [("x", Role.DUPLICATE)],
        [],
    ),
    "no room any more, beside one that was made once": (
        a.situation(claims=(second("x"), marked("y", known=True, hours=-1))),
        [("y", Role.CURRENT)],
        [],
    ),
    "the higher generation": (
        a.situation(claims=(marked("x", 1, known=False), marked("y", 2, known=False))),
        [("y", Role.CURRENT)],
        [],
    ),
    "the oldest within a generation": (
        a.situation(claims=(marked("x", known=False), marked("y", known=False, hours=2))),
        [("y", Role.CURRENT)],
        [],
    ),
    "late, beside a room": (
        a.situation(state_=STANDING, sightings=SEEN, claims=(marked("x", known=True),)),
        [("x", Role.DUPLICATE)],
        [],
    ),
    "of another store, beside a room": (
        a.situation(state_=STANDING, sightings=SEEN, claims=(marked("x", known=False),)),
        [],
        ["conflict"],
    ),
    "unwanted, of another store": (
        a.situation(UNWANTED, claims=(marked("x", known=False),)),
        [("x", Role.CURRENT)],
        [],
    ),
    "unwanted, never announced": (
        a.situation(UNWANTED, claims=(marked("x", known=True),)),
        [("x", Role.DUPLICATE)],
        [],
    ),
}


@pytest.mark.parametrize(("situation", "adopts", "held"), CLAIMS.values(), ids=CLAIMS)
def test_p01_of_rooms_with_our_marker_one_is_current(
    situation: Situation, adopts: list[tuple[str, Role]], held: list[str]
) -> None:
    made = plan(situation)
    taken = [(act.room.id, act.role) for act in made.actions if isinstance(act, Adopt)]
    assert (taken, holds(made)) == (adopts, held)


def test_a_claim_without_a_date_is_not_taken_for_the_oldest() -> None:
    undated = Claim(replace(marked("x", known=False).room, created_at=None), known=False)
    (adopt, *_) = plan(a.situation(claims=(undated, marked("y", known=False)))).actions
    assert isinstance(adopt, Adopt)
    assert adopt.room.id == "y"


def test_a_claim_whose_marker_says_nothing_comes_last() -> None:
    unmarked = Claim(a.observed("x", marked="no marker"), known=False)
    (adopt, *_) = plan(a.situation(claims=(unmarked, marked("y", known=False)))).actions
    assert isinstance(adopt, Adopt)
    assert adopt.room.id == "y"


def test_a_claim_that_has_ended_is_no_claim() -> None:
    over = Claim(replace(marked("x", known=False).room, is_available=False), known=False)
    assert acts(plan(a.situation(claims=(over,)))) == ["Create"]
    standing = a.situation(Wanted(RENAMED), STANDING, sightings=SEEN, uses=EMPTY, claims=(over,))
    assert acts(plan(standing)) == ["Replace"]


def test_a_room_that_was_let_go_comes_before_one_of_another_store() -> None:
    ending = a.state(a.room(role=Role.ENDING))
    made = plan(a.situation(state_=ending, sightings=SEEN, claims=(marked("x", known=False),)))
    assert acts(made) == ["Restore"]


def test_p03_a_conflict_of_one_key_stops_its_endings() -> None:
    """Also before the conflict is known to the world."""
    claims = (marked("x", known=False), marked("y", known=True))
    situation = a.situation(
        Wanted(RENAMED), STANDING, sightings=SEEN, uses=EMPTY, claims=claims[:1]
    )
    assert holds(plan(situation)) == ["conflict", "conflict"]
    assert acts(plan(replace(situation, claims=claims[1:]))) == ["Adopt"]


# --- missing --------------------------------------------------------------------------------------

GONE = {ROOM: Gone("the API answers 404")}
MISSED = a.state(a.room(missing_since=NOW - timedelta(seconds=60)))
OVER = a.state(a.room(expires_at=NOW))

MISSING: dict[str, tuple[Situation, list[str], list[str]]] = {
    "not looked for": (a.situation(state_=STANDING), [], ["not-seen"]),
    "once": (a.situation(state_=STANDING, sightings=GONE), ["Miss"], []),
    "shown as ended, once": (
        a.situation(state_=STANDING, sightings={ROOM: a.observed(is_available=False)}),
        ["Miss"],
        [],
    ),
    "once, not settled": (
        a.situation(
            state_=a.state(a.room(missing_since=NOW - timedelta(seconds=59))), sightings=GONE
        ),
        [],
        ["settle"],
    ),
    "once, by a clock that is wrong": (
        a.situation(
            state_=STANDING, sightings=GONE, world_=replace(a.world(), apart="clocks differ")
        ),
        [],
        ["doubt"],
    ),
    "twice": (a.situation(state_=MISSED, sightings=GONE), ["Close"], []),
    "twice, listing in doubt": (
        a.situation(state_=MISSED, sightings=GONE, world_=a.world(doubt="cut short")),
        [],
        ["doubt"],
    ),
    "twice, and the last listing showed it": (
        a.situation(state_=MISSED, sightings={ROOM: Gone("404", unlisted=False)}),
        [],
        ["unlisted"],
    ),
    "there after all": (a.situation(state_=MISSED, sightings=SEEN), ["Find"], []),
    "its time was up": (a.situation(state_=OVER, sightings=GONE), ["Close"], []),
    "past its end and occupied": (
        a.situation(
            UNWANTED,
            OVER,
            sightings={ROOM: a.observed(expires_at=NOW)},
            uses={ROOM: Use(Occupancy.OCCUPIED, NOW)},
        ),
        ["Bury"],
        [],
    ),
}


@pytest.mark.parametrize(
    ("wish", "state", "lost"),
    [
        (UNWANTED, MISSED, True),
        (UNWANTED, replace(MISSED, tombstone=a.tombstone(due=NOW + timedelta(seconds=1))), True),
        (UNWANTED, replace(MISSED, tombstone=a.tombstone(due=NOW)), False),
        (Unwanted("its page is over", by_itself=True, at_once=True), MISSED, False),
    ],
    ids=["wanted", "its removal waits", "its removal is due", "of a page that is over"],
)
def test_nobody_is_told_of_the_loss_of_a_room_whose_removal_was_due(
    wish: Wish, state: KeyState, lost: bool
) -> None:
    made = plan(a.situation(wish, state, sightings=GONE))
    (close,) = (action for action in made.actions if isinstance(action, Close))
    assert close.lost is lost


@pytest.mark.parametrize(("situation", "actions", "held"), MISSING.values(), ids=MISSING)
def test_p04_a_room_is_lost_when_missed_twice(
    situation: Situation, actions: list[str], held: list[str]
) -> None:
    made = plan(situation)
    assert (acts(made), holds(made)) == (actions, held)


def test_the_second_look_comes_after_settling() -> None:
    made = plan(a.situation(state_=STANDING, sightings=GONE))
    assert made.actions == (Miss(ROOM, "the API answers 404"),)
    assert made.until == LATER


@pytest.mark.parametrize(
    ("state", "close"),
    [
        (MISSED, Close(ROOM, lost=True, reason="the API answers 404, twice")),
        (OVER, Close(ROOM, lost=False, reason="it came to its end")),
        (
            a.state(a.room(role=Role.SUPERSEDED, missing_since=NOW - timedelta(hours=1))),
            Close(ROOM, lost=False, reason="the API answers 404, twice"),
        ),
        (
            a.state(a.room(role=Role.ENDING, retired_at=NOW, expires_at=NOW)),
            Close(ROOM, lost=False, reason="it was retired and has ended"),
        ),
    ],
    ids=["lost", "its end", "superseded", "retired"],
)
def test_closing_says_whether_it_was_lost(state: KeyState, close: Close) -> None:
    assert close in plan(a.situation(state_=state, sightings=GONE)).actions


def test_a_link_or_end_that_moved_is_noted() -> None:
    seen = a.observed(guest_url="https://meet.test/other")
    made = plan(a.situation(state_=STANDING, sightings={ROOM: seen}))
    assert acts(made) == ["Note"]


# --- the order of calls, and failures -------------------------------------------------------------


def failed(kind: str, situation: Situation, until: timedelta = timedelta(hours=24)) -> Situation:
    """The same situation after a failure of this kind of call."""
    tried = f"{kind} {situation.tried}".strip()
    attempts = Attempts(3, NOW + until, "422 no such language", tried)
    return replace(situation, state=replace(situation.state, attempts=attempts))


def due(settings: dict[str, str] | None = None) -> Situation:
    """A room whose renewal is due, and a setting of which differs."""
    soon = NOW + timedelta(days=10)
    wish = a.desired(settings=settings or {"ui_settings.language": "en"})
    return a.situation(
        Wanted(wish),
        a.state(a.room(expires_at=soon, granted_at=soon - YEAR)),
        sightings={ROOM: a.observed(expires_at=soon)},
    )


def test_p07_renewing_comes_before_bettering() -> None:
    assert acts(plan(due())) == ["Renew", "Update"]


def test_p07_a_refused_setting_does_not_keep_a_room_from_being_renewed() -> None:
    made = plan(failed("update", due()))
    assert acts(made) == ["Renew"]
    assert holds(made) == ["back-off"]
    assert isinstance(made.holds[0].action, Update)


@pytest.mark.parametrize("kind", ["renew", "create", ""])
def test_a_failed_renewal_holds_what_comes_after_it_too(kind: str) -> None:
    """Otherwise two calls that fail in turn would each free the other, without any wait."""
    made = plan(failed(kind, due()))
    assert acts(made) == []
    assert [type(hold.action) for hold in made.holds] == [Renew, Update]
    assert made.until == NOW + timedelta(hours=24)


def test_another_wish_is_tried_at_once() -> None:
    before = failed("update", due({"ui_settings.language": "xx"}))
    assert acts(plan(replace(due(), state=before.state))) == ["Renew", "Update"]


def test_a_duplicate_that_cannot_be_ended_does_not_keep_a_new_room_away() -> None:
    double = a.room("double", role=Role.DUPLICATE)
    situation = a.situation(
        state_=a.state(double, lost=True),
        sightings={"double": a.observed("double")},
    )
    assert acts(plan(situation)) == ["Create", "Retire"]
    assert acts(plan(failed("retire", situation))) == ["Create"]
    assert acts(withhold(plan(situation), Mode.NO_REMOVALS)) == ["Create"]


# --- modes ----------------------------------------------------------------------------------------

MIXED = Plan(
    (
        Adopt(OTHER, Role.CURRENT, "by hand"),
        Create(a.desired(), 1, "asked for"),
        Replace(ROOM, {}, a.desired(), 2, "a name"),
        Delete(ROOM, "unwanted"),
    ),
    (Hold("grace", "a week"),),
)


@pytest.mark.parametrize(
    ("mode", "allowed", "withheld"),
    [
        (Mode.ENFORCE, ["Adopt", "Create", "Replace", "Delete"], []),
        (Mode.NO_REMOVALS, ["Adopt", "Create"], ["Replace", "Delete"]),
        (Mode.OBSERVE, ["Adopt"], ["Create", "Replace", "Delete"]),
    ],
)
def test_a_mode_withholds_what_weighs_more(
    mode: Mode, allowed: list[str], withheld: list[str]
) -> None:
    made = withhold(MIXED, mode)
    assert acts(made) == allowed
    told = [type(hold.action).__name__ for hold in made.holds if hold.by == "mode"]
    assert told == withheld
    assert made.holds[-1] == MIXED.holds[0]


# --- rooms that were let go -----------------------------------------------------------------------

LET_GO = a.state(a.room(role=Role.ENDING))
TWO_LET_GO = a.state(a.room("old", role=Role.ENDING), a.room("new", role=Role.ENDING, generation=2))
BOTH = {"old": a.observed("old"), "new": a.observed("new")}


@pytest.mark.parametrize(
    ("situation", "restored"),
    [
        (a.situation(state_=LET_GO, sightings=SEEN), ROOM),
        (a.situation(state_=TWO_LET_GO, sightings=BOTH), "new"),
    ],
    ids=["one", "two"],
)
def test_p01_one_room_that_was_let_go_is_taken_back(situation: Situation, restored: str) -> None:
    assert plan(situation).actions == (Restore(restored, "it is wanted again"),)


@pytest.mark.parametrize(
    ("situation", "actions", "held"),
    [
        (a.situation(state_=LET_GO), [], ["settle"]),
        (a.situation(state_=LET_GO, sightings=GONE), ["Miss"], ["settle"]),
        (a.situation(KEPT, LET_GO, sightings=SEEN), [], ["doubt"]),
        (
            a.situation(state_=a.state(a.room(role=Role.ENDING, expires_at=NOW)), sightings=GONE),
            ["Close", "Create"],
            [],
        ),
        (a.situation(UNWANTED, LET_GO, sightings=SEEN), [], []),
    ],
    ids=["not looked for", "missed once", "in doubt", "surely over", "still unwanted"],
)
def test_a_new_room_waits_until_the_one_that_was_let_go_is_surely_gone(
    situation: Situation, actions: list[str], held: list[str]
) -> None:
    made = plan(situation)
    assert (acts(made), holds(made)) == (actions, held)


def test_an_instant_room_that_is_unwanted_is_let_go() -> None:
    """Nothing can end it sooner than it ends by itself."""
    instant = a.desired(type_=RoomType.INSTANT)
    state = a.state(
        a.room(type_=RoomType.INSTANT, lifetime=None), wish=instant, tombstone=a.tombstone()
    )
    shown = {ROOM: a.observed(type_=RoomType.INSTANT)}
    made = plan(a.situation(UNWANTED, state, sightings=shown))
    assert acts(made) == ["LetGo"]


def test_abandoning_names_the_operation() -> None:
    made = plan(a.situation(UNWANTED, pending=pending(looked=True)))
    (abandon,) = made.actions
    assert isinstance(abandon, Abandon)
    assert abandon.operation == SECOND
    assert not any(isinstance(action, Retire) for action in made.actions)


# --- suspended by a person ------------------------------------------------------------------------

SUSPENDED = a.suspension()
SHOWN = {ROOM: a.observed()}
NEAR_ITS_END = a.room(expires_at=NOW + DAY, granted_at=NOW - 100 * DAY)
BURIED = a.state(a.room(), suspended=SUSPENDED, tombstone=a.tombstone(), wish=a.desired())


@pytest.mark.parametrize(
    ("situation", "stopped"),
    [
        pytest.param(a.situation(state_=a.state(suspended=SUSPENDED)), "Create", id="no new room"),
        pytest.param(
            a.situation(
                state_=a.state(NEAR_ITS_END, suspended=SUSPENDED),
                sightings={ROOM: a.observed(expires_at=NOW + DAY)},
            ),
            "Renew",
            id="no renewal",
        ),
        pytest.param(
            a.situation(
                Wanted(RENAMED), a.state(a.room(), suspended=SUSPENDED), sightings=SHOWN, uses=EMPTY
            ),
            "Replace",
            id="no replacement",
        ),
        pytest.param(
            a.situation(UNWANTED, a.state(a.room(), suspended=SUSPENDED), sightings=SHOWN),
            "Bury",
            id="no decision to remove",
        ),
        pytest.param(
            a.situation(UNWANTED, BURIED, sightings=SHOWN), "LetGo", id="none is carried out"
        ),
        pytest.param(a.situation(WANTED, BURIED, sightings=SHOWN), "Restore", id="none taken back"),
        pytest.param(
            a.situation(UNWANTED, a.state(suspended=SUSPENDED)), "Forget", id="not forgotten"
        ),
    ],
)
def test_nothing_is_done_for_a_suspended_key(situation: Situation, stopped: str) -> None:
    made = plan(situation)
    assert made.actions == ()
    held = next(hold for hold in made.holds if hold.by == "suspended")
    assert type(held.action).__name__ == stopped
    assert held.reason == "by anna (uid 1001): the audit looks at it"
    assert held.until == SUSPENDED.until
    assert made.until is not None
    assert made.until <= SUSPENDED.until


@pytest.mark.parametrize(
    ("room", "seen", "noted"),
    [
        (a.room(), Gone("404"), "Miss"),
        (a.room(missing_since=NOW - DAY), Gone("404"), "Close"),
        (a.room(missing_since=NOW - DAY), a.observed(), "Find"),
        (a.room(), a.observed(guest_url="https://meet.test/other"), "Note"),
    ],
    ids=["missed", "lost", "found", "another link"],
)
def test_what_is_seen_of_a_suspended_key_is_remembered(
    room: RoomRecord, seen: Observed | Gone, noted: str
) -> None:
    state = a.state(room, suspended=SUSPENDED)
    assert acts(plan(a.situation(state_=state, sightings={ROOM: seen}))) == [noted]


def test_a_suspension_is_told_where_nothing_is_due() -> None:
    made = plan(a.situation(state_=a.state(a.room(), suspended=SUSPENDED), sightings=SHOWN))
    assert holds(made) == ["suspended"]
    assert made.until == SUSPENDED.until


def test_a_suspension_ends_by_itself_at_its_time() -> None:
    state = a.state(suspended=SUSPENDED)
    over = plan(a.situation(state_=state, world_=a.world(SUSPENDED.until)))
    assert over == Plan((Resume("its time is over"),))
    early = a.world(SUSPENDED.until - timedelta(milliseconds=1))
    assert acts(plan(a.situation(state_=state, world_=early))) == []


def test_a_clock_that_cannot_be_trusted_ends_no_suspension() -> None:
    world = replace(a.world(SUSPENDED.until + YEAR), apart="the clocks differ by a year")
    made = plan(a.situation(state_=a.state(suspended=SUSPENDED), world_=world))
    assert made.actions == ()


# --- beside a stranger ---


def test_p03_what_a_stranger_stands_in_the_way_of() -> None:
    """A create, an adoption, an update; not a renewal, and not what was found to be ours."""
    strange = replace(a.world(), stranger="another daemon uses this owner")
    made = plan(a.situation(WANTED, world_=strange))
    assert (acts(made), holds(made)) == ([], ["stranger"])
    claim = marked("roomnine", known=False)
    made = plan(a.situation(WANTED, world_=strange, claims=(claim,)))
    assert (acts(made), holds(made)) == ([], ["stranger"])
    found = Pending(a.operation(), a.observed("room-9"), looked=True, until=LATER)
    made = plan(a.situation(WANTED, world_=strange, pending=found))
    assert acts(made) == ["Adopt"]
    due = a.room(expires_at=NOW + DAY, granted_at=NOW - YEAR)
    changed = Wanted(a.desired(settings={"ui_settings.language": "de"}))
    made = plan(
        a.situation(
            changed,
            a.state(due),
            world_=strange,
            sightings={ROOM: a.observed(expires_at=NOW + DAY)},
        )
    )
    assert (acts(made), holds(made)) == (["Renew"], ["stranger"])
