"""What is remembered after each action, and the facts that tell of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orchestrator.domain import outcomes
from orchestrator.domain.actions import (
    Abandon,
    Action,
    Adopt,
    Bury,
    Close,
    Create,
    Delete,
    Find,
    Forget,
    LetGo,
    Miss,
    Note,
    Renew,
    Replace,
    Restore,
    Retire,
    Update,
)
from orchestrator.domain.facts import ApiCall, Fact
from orchestrator.domain.keys import key
from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.plan import plan
from orchestrator.domain.policies import Removal, RemovalMode
from orchestrator.domain.records import (
    Ask,
    Attempts,
    KeyState,
    OperationKind,
    OperationState,
    Role,
    Tombstone,
)
from orchestrator.domain.rooms import LONGEST_ASK, Change, RoomType
from orchestrator.domain.situation import Unwanted, Wanted
from orchestrator.foundation.instants import format_instant
from tests import builders as a
from tests.builders import KEY, NOW, OPERATION, ROOM, YEAR

TELLER = a.teller()
API = ApiCall("POST", 201, 212.0, 1)
CALLED = replace(TELLER, api=API)
WISH = a.desired()
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FAILED_BEFORE = Attempts(3, NOW, "503", "create x")


def told(outcome: Outcome) -> list[str]:
    """The facts by name, in order."""
    return [fact.event for fact in outcome.facts]


def state_of(outcome: Outcome) -> KeyState:
    """The state after, which must be there."""
    assert outcome.state is not None
    return outcome.state


def fact_of(outcome: Outcome, event: str) -> Fact:
    """The one fact of this name."""
    (fact,) = [fact for fact in outcome.facts if fact.event == event]
    return fact


# --- calls ----------------------------------------------------------------------------------------


def created(**settings: bool) -> Outcome:
    """A first room, as it was answered."""
    wish = a.desired(settings={path.replace("__", "."): value for path, value in settings.items()})
    action = Create(wish, 1, "team-rooms.yaml:3 asks for it", lost=True)
    before = a.state(lost=True, tombstone=a.tombstone(), attempts=FAILED_BEFORE)
    return outcomes.answered(before, action, a.operation(), a.observed(), CALLED)


def test_a_created_room_is_the_current_one() -> None:
    state = state_of(created())
    assert state.current is not None
    assert (state.current.id, state.current.operation) == (ROOM, OPERATION)
    assert (state.current.granted_at, state.current.lifetime) == (NOW, YEAR)
    assert (state.generation, state.wish) == (1, WISH)
    assert (state.lost, state.tombstone, state.attempts) == (False, None, Attempts())
    assert state.creates == Attempts(1, NOW + MINUTE, "", WISH.digest)


def test_p12_its_fact_tells_who_what_why_and_by_which_call() -> None:
    (fact,) = created().facts
    assert fact == Fact(
        "room.created",
        actor="policy team-rooms@9c1e",
        key="team-rooms/checkout",
        room_id=ROOM,
        operation=OPERATION,
        cause="test",
        reason="team-rooms.yaml:3 asks for it",
        api=API,
        detail={
            "display_name": a.NAME,
            "meeting_code": "code-room-1",
            "type": "long_term",
            "expires_at": format_instant(NOW + YEAR),
            "guest_url": "https://meet.test/room-1",
            "generation": 1,
            "asked": {"display_name": a.NAME, "type": "long_term"},
        },
    )


def test_its_operation_is_done() -> None:
    (operation,) = created().operations
    assert (operation.state, operation.answered, operation.room_id) == (
        OperationState.DONE,
        201,
        ROOM,
    )


def test_p08_what_a_post_did_not_take_is_remembered() -> None:
    state = state_of(created(recording_options__auto_record=True))
    assert state.current is not None
    assert state.current.not_taken == {"recording_options.auto_record": True}
    assert state.current.applied["recording_options.auto_record"] is True


@pytest.mark.parametrize(
    ("creates", "count", "wait"),
    [
        (Attempts(), 1, MINUTE),
        (Attempts(1, NOW, "", WISH.digest), 2, 2 * MINUTE),
        (Attempts(9, NOW, "", WISH.digest), 10, 60 * MINUTE),
        (Attempts(9, NOW, "", "another wish"), 1, MINUTE),
    ],
    ids=["first", "second", "tenth", "another wish"],
)
def test_each_create_of_one_wish_makes_the_next_wait_longer(
    creates: Attempts, count: int, wait: timedelta
) -> None:
    action = Create(WISH, 1, "asked for")
    before = a.state(creates=creates)
    after = state_of(outcomes.answered(before, action, a.operation(), a.observed(), TELLER))
    assert after.creates == Attempts(count, NOW + wait, "", WISH.digest)


RENAMED = a.desired("Another room", overlap=2 * DAY)
REPLACE = Replace(ROOM, {"display_name": Change(a.NAME, "Another room")}, RENAMED, 2, "a name")
NEW = a.observed("room-2", display_name="Another room", marked=a.metadata(generation=2))


def test_p01_a_replacement_supersedes_what_was_current() -> None:
    before = a.state(a.room(), a.room("older", role=Role.SUPERSEDED, end_due=NOW))
    outcome = outcomes.answered(before, REPLACE, a.operation(generation=2), NEW, CALLED)
    state = state_of(outcome)
    assert [(room.id, room.role) for room in state.rooms] == [
        ("room-2", Role.CURRENT),
        (ROOM, Role.SUPERSEDED),
        ("older", Role.SUPERSEDED),
    ]
    assert state.rooms[1].end_due == NOW + 2 * DAY
    assert told(outcome) == ["room.replaced", "room.superseded"]
    first, second = outcome.facts
    assert (first.before, first.after) == (
        {"display_name": a.NAME},
        {"display_name": "Another room"},
    )
    assert (first.detail["replaces"], second.detail["by"]) == (ROOM, "room-2")
    assert second.detail["end_due"] == format_instant(NOW + 2 * DAY)


RENEWED = a.observed(expires_at=NOW + 2 * YEAR)


@pytest.mark.parametrize("own", [True, False], ids=["the daemon's own", "a policy's"])
def test_a_renewal_remembers_what_was_granted(own: bool) -> None:
    before = a.state(a.room(retired_at=NOW - DAY, renewed_at=NOW - YEAR, granted_at=NOW - YEAR))
    wish = a.desired(lifetime=30 * DAY)
    action = Renew(ROOM, NOW + YEAR, NOW + 3 * YEAR, wish, "due", own=own)
    outcome = outcomes.answered(
        before, action, a.operation(OperationKind.RENEW, room_id=ROOM), RENEWED, TELLER
    )
    (room,) = state_of(outcome).rooms
    assert (room.expires_at, room.granted_at, room.lifetime) == (NOW + 2 * YEAR, NOW, 30 * DAY)
    assert (room.granted_until, room.renewed_from) == (NOW + 2 * YEAR, NOW + YEAR)
    assert room.renewed_at == NOW
    assert room.asked_at == (() if own else (NOW,))
    assert room.retired_at is None
    fact = fact_of(outcome, "room.renewed")
    assert fact.before == {"expires_at": format_instant(NOW + YEAR)}
    assert fact.after == {"expires_at": format_instant(NOW + 2 * YEAR)}


def test_what_a_person_asked_for_is_done_by_any_renewal_and_by_a_new_room() -> None:
    ask = Ask(NOW, "anna", "OPS-4711")
    asked = a.state(a.room(), asked=ask, wish=a.desired())
    renew = Renew(ROOM, NOW + YEAR, NOW + 3 * YEAR, a.desired(), "due")
    create = Create(a.desired(), 2, "wanted")
    for action, seen in ((renew, RENEWED), (create, a.observed("room-2"))):
        operation = a.operation(room_id=ROOM)
        outcome = outcomes.answered(asked, action, operation, seen, TELLER)
        assert state_of(outcome).asked is None
    moved = outcomes.rekeyed(asked, a.state(key=key("team-rooms", "till")), TELLER, "renamed")
    assert state_of(moved).asked == ask


def test_wishes_of_a_day_ago_are_forgotten() -> None:
    hours = (30, 24, 23, 1)
    before = a.state(a.room(asked_at=tuple(NOW - timedelta(hours=each) for each in hours)))
    for own, count in ((True, 2), (False, 3)):
        action = Renew(ROOM, NOW + YEAR, NOW + 3 * YEAR, a.desired(), "due", own=own)
        outcome = outcomes.answered(before, action, a.operation(room_id=ROOM), RENEWED, TELLER)
        assert len(state_of(outcome).rooms[0].asked_at) == count


LEVEL = "join_approval_level"
CHAT = "available_features.is_chat_available"
UPDATED = a.desired(
    settings={LEVEL: "explicit_approval", CHAT: False, "recording_options.auto_record": True},
    version="another",
)
UPDATE = Update(
    ROOM,
    {LEVEL: Change("none", "explicit_approval"), CHAT: Change(True, False)},
    UPDATED,
    "asked for",
)


def test_an_update_remembers_what_was_taken_and_what_was_not() -> None:
    before = a.state(
        a.room(
            applied={"display_name": a.NAME, "theme_id": "th-1"},
            not_taken={"ui_settings.language": "en", LEVEL: "none"},
        )
    )
    seen = a.observed(settings={LEVEL: "explicit_approval"})
    outcome = outcomes.answered(
        before, UPDATE, a.operation(OperationKind.UPDATE, room_id=ROOM), seen, TELLER
    )
    (room,) = state_of(outcome).rooms
    assert room.not_taken == {"ui_settings.language": "en", CHAT: False}
    assert room.applied == {"display_name": a.NAME, LEVEL: "explicit_approval", CHAT: False}
    assert (room.version, room.updated_at) == ("another", NOW)
    fact = fact_of(outcome, "room.updated")
    assert fact.before == {LEVEL: "none", CHAT: True}
    assert fact.after == {LEVEL: "explicit_approval", CHAT: True}
    assert fact.detail["not_taken"] == [CHAT]


def test_an_update_that_was_taken_says_nothing_of_what_was_not() -> None:
    seen = a.observed(settings={LEVEL: "explicit_approval", CHAT: False})
    outcome = outcomes.answered(
        a.state(a.room()), UPDATE, a.operation(OperationKind.UPDATE), seen, TELLER
    )
    assert "not_taken" not in fact_of(outcome, "room.updated").detail


@pytest.mark.parametrize(
    ("role", "after", "tombstone", "wish"),
    [
        (Role.CURRENT, Role.ENDING, None, None),
        (Role.SUPERSEDED, Role.SUPERSEDED, a.tombstone(), WISH),
        (Role.DUPLICATE, Role.DUPLICATE, a.tombstone(), WISH),
    ],
    ids=["current", "superseded: the current one's tombstone stands", "duplicate"],
)
def test_a_retired_room_is_remembered_until_it_ends(
    role: Role, after: Role, tombstone: Tombstone | None, wish: object
) -> None:
    before = a.state(a.room(role=role), wish=WISH, tombstone=a.tombstone())
    action = Retire(ROOM, NOW + YEAR, NOW + 11 * MINUTE, "unwanted")
    seen = a.observed(expires_at=NOW + 11 * MINUTE)
    outcome = outcomes.answered(
        before, action, a.operation(OperationKind.RETIRE, room_id=ROOM), seen, TELLER
    )
    state = state_of(outcome)
    assert (state.rooms[0].role, state.rooms[0].retired_at) == (after, NOW)
    assert (state.tombstone, state.wish) == (tombstone, wish)
    assert fact_of(outcome, "room.retired").after == {
        "expires_at": format_instant(NOW + 11 * MINUTE)
    }


@pytest.mark.parametrize(
    ("role", "tombstone", "wish"),
    [(Role.CURRENT, None, None), (Role.SUPERSEDED, a.tombstone(), WISH)],
    ids=["current", "superseded"],
)
def test_a_deleted_room_is_remembered_no_more(
    role: Role, tombstone: Tombstone | None, wish: object
) -> None:
    before = a.state(a.room(role=role), wish=WISH, tombstone=a.tombstone())
    outcome = outcomes.answered(
        before,
        Delete(ROOM, "unwanted"),
        a.operation(OperationKind.DELETE, room_id=ROOM),
        None,
        TELLER,
    )
    state = state_of(outcome)
    assert (state.rooms, state.tombstone, state.wish) == ((), tombstone, wish)
    assert fact_of(outcome, "room.deleted").detail["meeting_code"] == "code-room-1"
    assert outcome.operations[0].room_id == ROOM
    assert outcome.operations[0].answered == 0


def test_only_a_delete_has_no_room_in_its_answer() -> None:
    with pytest.raises(ValueError, match="only a DELETE"):
        outcomes.answered(a.state(), Create(WISH, 1, ""), a.operation(), None, TELLER)


# --- no calls -------------------------------------------------------------------------------------

BURY = Bury(ROOM, NOW + DAY, RemovalMode.DELETE, "unwanted")


def test_a_burial_is_a_tombstone() -> None:
    outcome = outcomes.noted(a.state(a.room()), BURY, TELLER)
    expected = Tombstone(NOW, NOW + DAY, RemovalMode.DELETE, "unwanted")
    assert state_of(outcome).tombstone == expected
    detail = fact_of(outcome, "room.tombstoned").detail
    assert detail == {"display_name": a.NAME, "due": format_instant(NOW + DAY), "mode": "delete"}


def test_p04_a_room_that_was_let_go_has_no_last_good_spec() -> None:
    """Or a policy that cannot be read later would ask for the room again."""
    before = a.state(a.room(), wish=WISH, tombstone=a.tombstone())
    outcome = outcomes.noted(before, LetGo(ROOM, "unwanted"), TELLER)
    state = state_of(outcome)
    assert (state.rooms[0].role, state.tombstone, state.wish) == (Role.ENDING, None, None)
    assert told(outcome) == ["room.ending"]


def test_p01_restoring_supersedes_what_became_current_meanwhile() -> None:
    before = a.state(
        a.room(role=Role.ENDING, retired_at=NOW), a.room("room-2"), tombstone=a.tombstone()
    )
    outcome = outcomes.noted(before, Restore(ROOM, "wanted"), TELLER)
    state = state_of(outcome)
    assert [(room.id, room.role) for room in state.rooms] == [
        (ROOM, Role.CURRENT),
        ("room-2", Role.SUPERSEDED),
    ]
    assert (state.rooms[0].retired_at, state.tombstone) == (None, None)
    assert told(outcome) == ["room.restored", "room.superseded"]


def test_missing_and_finding_are_remembered_and_not_told() -> None:
    missed = outcomes.noted(a.state(a.room()), Miss(ROOM, "404"), TELLER)
    assert state_of(missed).rooms[0].missing_since == NOW
    found = outcomes.noted(state_of(missed), Find(ROOM, "there"), TELLER)
    assert state_of(found).rooms[0].missing_since is None
    assert told(missed) == told(found) == []


CREATED_ONCE = Attempts(4, NOW, "", WISH.digest)


@pytest.mark.parametrize(
    ("room", "lost", "event", "creates"),
    [
        (a.room(), False, "room.expired", Attempts()),
        (a.room(missing_since=NOW), True, "room.lost", CREATED_ONCE),
        (a.room(expires_at=None), False, "room.expired", CREATED_ONCE),
        (a.room(expires_at=NOW + 10 * MINUTE), False, "room.expired", CREATED_ONCE),
    ],
    ids=["lived out its life", "lost", "no end known", "died at birth: the next one waits"],
)
def test_a_current_room_that_is_over_leaves_its_key_lost(
    room: object, lost: bool, event: str, creates: Attempts
) -> None:
    assert isinstance(room, type(a.room()))
    before = a.state(room, creates=CREATED_ONCE, tombstone=a.tombstone())
    outcome = outcomes.noted(before, Close(ROOM, lost=lost, reason="gone"), TELLER)
    state = state_of(outcome)
    assert (state.rooms, state.lost, state.tombstone) == ((), True, None)
    assert state.creates == creates
    assert told(outcome) == [event]


def test_another_room_that_is_over_changes_nothing_else() -> None:
    before = a.state(
        a.room("room-2"),
        a.room(role=Role.SUPERSEDED),
        creates=CREATED_ONCE,
        tombstone=a.tombstone(),
    )
    after = state_of(outcomes.noted(before, Close(ROOM, lost=False, reason="gone"), TELLER))
    assert after == replace(before, rooms=before.rooms[:1])


def test_a_note_takes_in_what_is_shown() -> None:
    seen = a.observed(guest_url="https://meet.test/other", expires_at=NOW + DAY)
    outcome = outcomes.noted(a.state(a.room()), Note(seen, None, "another link"), TELLER)
    (room,) = state_of(outcome).rooms
    assert (room.guest_url, room.expires_at) == ("https://meet.test/other", NOW + DAY)
    assert (room.version, room.granted_at) == (WISH.version, NOW)
    fact = fact_of(outcome, "room.link.changed")
    assert fact.before == {"guest_url": "https://meet.test/room-1"}
    assert fact.after == {"guest_url": "https://meet.test/other"}


@pytest.mark.parametrize(
    ("adopted", "applied", "expected"),
    [
        (False, {}, {CHAT: False, LEVEL: "explicit_approval"}),
        (
            True,
            {},
            {
                CHAT: False,
                LEVEL: "explicit_approval",
                "display_name": a.NAME,
                "type": "long_term",
                "recording_options.auto_record": True,
            },
        ),
        (
            True,
            {"display_name": "Old"},
            {CHAT: False, LEVEL: "explicit_approval", "display_name": "Old"},
        ),
    ],
    ids=["made", "adopted: as if born so", "adopted a while ago"],
)
def test_a_wish_that_is_noted_counts_as_sent(
    adopted: bool, applied: dict[str, str], expected: dict[str, object]
) -> None:
    before = a.state(a.room(adopted=adopted, applied=applied))
    outcome = outcomes.noted(before, Note(a.observed(), UPDATED, "nothing new"), TELLER)
    (room,) = state_of(outcome).rooms
    assert room.applied == expected
    assert (room.version, told(outcome)) == ("another", [])


def test_abandoning_closes_the_operation() -> None:
    outcome = outcomes.noted(a.state(), Abandon(a.operation(), "not wanted"), TELLER)
    assert outcome.operations[0].state is OperationState.FAILED
    assert fact_of(outcome, "operation.recovered").detail == {
        "kind": "create",
        "found": False,
        "attempt": 1,
    }


def test_forgetting_leaves_nothing() -> None:
    assert outcomes.noted(a.state(generation=1), Forget("unwanted"), TELLER) == Outcome(None, ())


@pytest.mark.parametrize(
    "action", [Create(WISH, 1, ""), REPLACE, UPDATE, Delete(ROOM, "")], ids=type
)
def test_what_asks_for_a_call_is_not_merely_noted(action: Action) -> None:
    with pytest.raises(ValueError, match="asks for a call"):
        outcomes.noted(a.state(a.room()), action, TELLER)


def test_an_action_on_a_room_that_is_not_remembered_is_refused() -> None:
    with pytest.raises(LookupError, match="team-rooms/checkout has no room room-9"):
        outcomes.noted(a.state(a.room()), Miss("room-9", "404"), TELLER)


# --- adopting -------------------------------------------------------------------------------------


def adopt(
    before: KeyState,
    *,
    role: Role = Role.CURRENT,
    marked: str | None = "",
    created_at: datetime | None = NOW - DAY,
    recovers: bool = False,
    supersedes: str = "",
) -> Outcome:
    """A room taken into the store."""
    seen = a.observed("room-2", marked=marked, created_at=created_at)
    recovered = a.operation() if recovers else None
    action = Adopt(seen, role, "found", recovers=recovered, supersedes=supersedes)
    return outcomes.noted(before, action, TELLER)


@pytest.mark.parametrize(
    ("marked", "ours", "generation"),
    [("", True, 1), (None, False, 5), ("hand-made", False, 5)],
    ids=["marked", "no metadata", "another text"],
)
def test_an_adopted_room_is_current_from_now_on(
    marked: str | None, ours: bool, generation: int
) -> None:
    outcome = adopt(a.state(generation=4, wish=WISH, lost=True), marked=marked)
    state = state_of(outcome)
    (room,) = state.rooms
    assert (room.role, room.adopted, room.generation) == (Role.CURRENT, not ours, generation)
    assert (room.granted_at, room.lifetime, state.lost) == (NOW - DAY, YEAR, False)
    assert (state.generation, state.creates) == (max(4, generation), Attempts())
    assert fact_of(outcome, "room.adopted").detail["marked"] is ours


def test_a_recovered_room_does_not_inherit_a_wait() -> None:
    """What failed was asked of the room before it: it kept that one from its end for an hour."""
    waits = Attempts(2, NOW + DAY, "200: the API took the new end and left the old one", "renew x")
    before = a.state(a.room(), wish=WISH, attempts=waits)
    assert state_of(adopt(before, recovers=True, supersedes=ROOM)).attempts == Attempts()
    assert state_of(adopt(before)).attempts == waits
    assert state_of(adopt(before, role=Role.DUPLICATE, recovers=True)).attempts == waits


@pytest.mark.parametrize("born", [None, NOW + 900 * DAY], ids=["no date", "to come"])
def test_a_room_without_a_date_that_can_be_was_granted_now(born: datetime | None) -> None:
    """With a life of nothing it would be renewed at its very end."""
    (room,) = state_of(adopt(a.state(), created_at=born)).rooms
    assert (room.granted_at, room.lifetime) == (NOW, None)


@pytest.mark.parametrize(
    ("supersedes", "events"),
    [
        ("", ["operation.recovered", "room.created"]),
        (ROOM, ["operation.recovered", "room.replaced", "room.superseded"]),
    ],
    ids=["first", "replacement"],
)
def test_a_recovered_room_is_told_as_what_it_was_meant_for(
    supersedes: str, events: list[str]
) -> None:
    before = a.state(a.room(), wish=WISH) if supersedes else a.state(wish=WISH)
    outcome = adopt(before, recovers=True, supersedes=supersedes)
    state = state_of(outcome)
    assert told(outcome) == events
    assert sum(room.role is Role.CURRENT for room in state.rooms) == 1
    assert state.creates.count == 1
    assert outcome.operations[0].state is OperationState.DONE
    assert outcome.operations[0].room_id == "room-2"


def test_a_recovered_duplicate_makes_the_next_create_wait_too() -> None:
    outcome = adopt(a.state(wish=WISH, lost=True), role=Role.DUPLICATE, recovers=True)
    state = state_of(outcome)
    assert (state.creates.count, state.lost) == (1, True)
    assert told(outcome) == ["operation.recovered", "room.duplicated"]


def test_a_recovered_room_that_nobody_wants_any_more_is_counted_for_no_wish() -> None:
    outcome = adopt(a.state(), role=Role.DUPLICATE, recovers=True)
    assert state_of(outcome).creates == Attempts()


def test_what_differs_at_a_recovered_room_is_asked_for_afresh() -> None:
    """The wish may have changed between the call and the lookup."""
    wish = a.desired(settings={CHAT: False}, version="newer")
    state = state_of(adopt(a.state(wish=wish), recovers=True, created_at=NOW))
    shown = {"room-2": a.observed("room-2")}
    (action,) = plan(a.situation(Wanted(wish), state, sightings=shown)).actions
    assert isinstance(action, Update)


@pytest.mark.parametrize("lifetime", [YEAR / 2, YEAR - 10 * DAY], ids=["half", "nearly"])
def test_a_recovered_room_has_the_lifetime_of_its_call_and_not_of_the_wish_since(
    lifetime: timedelta,
) -> None:
    """Otherwise the new lifetime would be taken for granted, and asked for a year later."""
    wish = a.desired(lifetime=lifetime)
    state = state_of(adopt(a.state(wish=wish), recovers=True, created_at=NOW))
    assert state.rooms[0].lifetime == YEAR
    shown = {"room-2": a.observed("room-2")}
    (action,) = plan(a.situation(Wanted(wish), state, sightings=shown)).actions
    assert isinstance(action, Renew)
    assert not action.own


def test_a_recovered_room_that_was_asked_for_by_this_wish_has_its_lifetime() -> None:
    """Also where the API's clock differs a little, or it does not say when the room was born."""
    for born in (NOW, NOW + timedelta(minutes=4), None):
        seen = a.observed("room-2", created_at=born, expires_at=NOW + LONGEST_ASK)
        action = Adopt(seen, Role.CURRENT, "found", recovers=a.operation())
        state = state_of(outcomes.noted(a.state(wish=WISH), action, TELLER))
        assert state.rooms[0].lifetime == YEAR


def test_a_duplicate_stands_beside_the_current_room() -> None:
    outcome = adopt(a.state(a.room()), role=Role.DUPLICATE)
    assert [room.role for room in state_of(outcome).rooms] == [Role.CURRENT, Role.DUPLICATE]


# --- a person's words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "left"),
    [
        (a.state(a.room()), False),
        (a.state(a.room(), wish=WISH, tombstone=a.tombstone()), True),
        (a.state(a.room(), a.room("room-2", role=Role.SUPERSEDED)), True),
    ],
    ids=["nothing is left", "it is wished for", "another room is left"],
)
def test_a_forgotten_room_is_not_ours_any_more(before: KeyState, left: bool) -> None:
    outcome = outcomes.forgotten(before, before.rooms[0], TELLER, "OPS-1")
    assert (outcome.state is not None) is left
    if outcome.state is not None:
        assert all(room.id != ROOM for room in outcome.state.rooms)
        assert outcome.state.tombstone is None
    assert told(outcome) == ["room.forgotten"]


OLD_KEY = replace(KEY, subject="payments")


def test_a_room_serves_its_new_key_without_a_call() -> None:
    old = replace(
        a.state(a.room(), key=OLD_KEY, generation=3, protect=True, lost=True),
        distinct=frozenset({"x"}),
        former=("team-rooms/pay",),
        removal=Removal(RemovalMode.DELETE),
    )
    new = replace(a.state(generation=1), former=("team-rooms/money",))
    outcome = outcomes.rekeyed(old, new, TELLER, "formerly")
    state = state_of(outcome)
    assert (state.key, state.generation, state.rooms) == (KEY, 3, old.rooms)
    assert (state.protect, state.distinct, state.lost) == (True, frozenset({"x"}), False)
    assert state.removal == old.removal
    assert state.former == ("team-rooms/money", "team-rooms/pay", "team-rooms/payments")
    assert fact_of(outcome, "room.rekeyed").detail == {
        "display_name": a.NAME,
        "from": "team-rooms/payments",
        "to": "team-rooms/checkout",
    }


def test_the_new_key_s_wish_says_how_it_is_removed() -> None:
    old = a.state(key=OLD_KEY, removal=Removal(RemovalMode.DELETE))
    outcome = outcomes.rekeyed(old, a.state(wish=WISH), TELLER, "formerly")
    assert state_of(outcome).removal == Removal()
    assert fact_of(outcome, "room.rekeyed").room_id == ""


def test_p01_two_current_rooms_do_not_become_one_key_s() -> None:
    with pytest.raises(ValueError, match="team-rooms/checkout has a room of its own"):
        outcomes.rekeyed(a.state(a.room("x"), key=OLD_KEY), a.state(a.room()), TELLER, "")


@pytest.mark.parametrize(
    ("before", "word", "after"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
    ids=["absent keeps it", "absent", "an explicit false lifts it", "protected"],
)
def test_protection_outlives_its_line(before: bool, word: bool | None, after: bool) -> None:
    wish = a.desired(protect=word, removal=Removal(RemovalMode.DELETE))
    state = outcomes.keep_wish(a.state(protect=before), wish)
    assert (state.protect, state.wish, state.removal) == (after, wish, wish.removal)


def test_an_instant_room_has_no_lifetime_to_remember() -> None:
    wish = a.desired(type_=RoomType.INSTANT)
    seen = a.observed(type_=RoomType.INSTANT, expires_at=None)
    outcome = outcomes.answered(a.state(), Create(wish, 1, ""), a.operation(), seen, TELLER)
    (room,) = state_of(outcome).rooms
    assert (room.lifetime, room.expires_at) == (None, None)
    assert fact_of(outcome, "room.created").detail["expires_at"] is None


def test_p08_after_a_removal_nothing_is_left_to_do() -> None:
    before = a.state(a.room(), wish=WISH, tombstone=a.tombstone(mode=RemovalMode.DELETE))
    outcome = outcomes.answered(
        before, Delete(ROOM, ""), a.operation(OperationKind.DELETE, room_id=ROOM), None, TELLER
    )
    (action,) = plan(a.situation(Unwanted("gone"), state_of(outcome))).actions
    assert isinstance(action, Forget)
