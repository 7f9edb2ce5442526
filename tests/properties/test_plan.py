"""Whatever is seen, remembered and wished: what a plan may ask for, and what never."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import outcomes
from orchestrator.domain.actions import (
    Action,
    Adopt,
    Bury,
    Close,
    Create,
    Delete,
    Find,
    Hold,
    LetGo,
    Miss,
    Note,
    Renew,
    Replace,
    Restore,
    Resume,
    Retire,
    Update,
    Weight,
)
from orchestrator.domain.outcomes import Teller
from orchestrator.domain.plan import plan, withhold
from orchestrator.domain.policies import Desired, Mode, Removal, RemovalMode, Renewal, ReplaceMode
from orchestrator.domain.records import (
    Attempts,
    Dormancy,
    KeyState,
    OperationKind,
    Role,
    RoomRecord,
)
from orchestrator.domain.rooms import LONGEST_ASK, NOTICE, Observed, Occupancy, RoomType, Setting
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
from tests.builders import NOW, YEAR
from tests.effort import costly
from tests.key_life import Api, Life, check, count_current

pytestmark = pytest.mark.timeout(300)

CALLS = Create | Renew | Update | Replace | Delete | Retire

near = st.sampled_from(
    [timedelta(seconds=s) for s in (-90 * 86400, -86400, -90, -60, -1, 0, 1, 60, 660, 86400)]
) | st.timedeltas(-YEAR, YEAR)
moments = near.map(lambda length: NOW + length)
lifetimes = st.sampled_from([timedelta(minutes=11), timedelta(days=1), YEAR]) | st.timedeltas(
    timedelta(minutes=10, seconds=1), YEAR
)
settings: st.SearchStrategy[dict[str, Setting]] = st.fixed_dictionaries(
    {},
    optional={
        "join_approval_level": st.sampled_from(["none", "explicit_approval"]),
        "available_features.is_chat_available": st.booleans(),
        "recording_options.auto_record": st.booleans(),
        "theme_id": st.sampled_from([None, "th-1"]),
    },
)
names = st.sampled_from([a.NAME, "Another room"])
maybe = st.sampled_from(["", "", "it is not known"])


@st.composite
def wishes(draw: st.DrawFn) -> Desired:
    """Any lawful wish."""
    removal = Removal(
        draw(st.sampled_from(RemovalMode)),
        draw(st.timedeltas(timedelta(), timedelta(days=30))),
    )
    return a.desired(
        draw(names),
        type_=draw(st.sampled_from([RoomType.LONG_TERM] * 3 + [RoomType.INSTANT])),
        lifetime=draw(lifetimes),
        settings=draw(settings),
        renewal=Renewal(
            draw(st.none() | st.timedeltas(timedelta(minutes=1), YEAR)),
            only_if_used_within=draw(st.sampled_from([None, timedelta(days=1), YEAR / 2])),
        ),
        replace_mode=draw(st.sampled_from(ReplaceMode)),
        removal=removal,
        protect=draw(st.none() | st.booleans()),
        version=draw(st.sampled_from(["v1", "v2"])),
    )


@st.composite
def rooms(draw: st.DrawFn, room_id: str, role: Role) -> RoomRecord:
    """Any room that may be remembered."""
    return a.room(
        room_id,
        role=role,
        generation=draw(st.integers(1, 3)),
        display_name=draw(names),
        type_=draw(st.sampled_from([RoomType.LONG_TERM] * 3 + [RoomType.INSTANT])),
        expires_at=draw(st.none() | moments),
        granted_at=draw(moments),
        lifetime=draw(st.none() | lifetimes),
        applied=draw(settings),
        not_taken=draw(settings),
        adopted=draw(st.booleans()),
        renewed_at=draw(st.none() | moments),
        updated_at=draw(st.none() | moments),
        missing_since=draw(st.none() | moments),
        end_due=draw(st.none() | moments),
        retired_at=draw(st.none() | moments),
        version=draw(st.sampled_from(["v1", "v2"])),
    )


@st.composite
def shown(draw: st.DrawFn, room_id: str) -> Observed | Gone:
    """Whatever the API may show of a room."""
    if draw(st.sampled_from([False, False, True])):
        return Gone("the API answers 404")
    return a.observed(
        room_id,
        display_name=draw(names),
        type_=draw(st.sampled_from([RoomType.LONG_TERM] * 3 + [RoomType.INSTANT])),
        settings=draw(settings),
        expires_at=draw(st.none() | moments),
        is_available=draw(st.sampled_from([True, True, True, False])),
    )


@st.composite
def states(draw: st.DrawFn) -> KeyState:
    """Anything that may be remembered of a key: one current room at most."""
    others = [Role.SUPERSEDED, Role.ENDING, Role.DUPLICATE]
    roles: list[Role] = [*draw(st.lists(st.sampled_from(others), max_size=3))]
    if draw(st.booleans()):
        roles.append(Role.CURRENT)
    wish = draw(st.none() | wishes())
    stone = a.tombstone(
        decided_at=draw(moments), due=draw(moments), mode=draw(st.sampled_from(RemovalMode))
    )
    kinds = st.sampled_from(["create", "renew", "update", "delete", ""])
    return replace(
        a.state(
            *(draw(rooms(f"room-{number}", role)) for number, role in enumerate(roles)),
            wish=wish,
            tombstone=draw(st.sampled_from([None, stone])),
            removal=draw(wishes()).removal,
            protect=draw(st.sampled_from([False, False, True])),
            lost=draw(st.booleans()),
            dormant=draw(st.sampled_from([None, None, Dormancy(NOW, NOW - YEAR)])),
            suspended=draw(st.sampled_from([None] * 4 + [a.suspension(), a.suspension(-YEAR)])),
        ),
        attempts=Attempts(1, draw(moments), "503", f"{draw(kinds)} unwanted".strip()),
        creates=Attempts(1, draw(moments), "", wish.digest if wish is not None else ""),
    )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Any lawful situation."""
    state = draw(states())
    ids = [room.id for room in state.rooms]
    wish: Wish = draw(
        st.one_of(
            wishes().map(Wanted),
            wishes().map(lambda desired: Kept(desired, "a file cannot be read")),
            st.just(Unwanted("its subject is gone")),
        )
    )
    looked_for = draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
    uses = st.builds(Use, st.sampled_from(Occupancy), st.none() | moments, st.booleans())
    found = replace(a.observed("found"), display_name=draw(names))
    pending = Pending(
        a.operation(OperationKind.CREATE, generation=2),
        draw(st.sampled_from([None, found])),
        draw(st.booleans()),
        NOW + timedelta(minutes=1),
    )
    claims = tuple(
        Claim(a.observed(f"claim-{number}"), known)
        for number, known in enumerate(draw(st.lists(st.booleans(), max_size=2)))
    )
    return a.situation(
        wish,
        state,
        world_=a.world(
            listed=draw(st.booleans()),
            doubt=draw(maybe),
            conflict=draw(maybe),
            can_delete=draw(st.sampled_from([None, True, False])),
            use_known_since=draw(st.none() | moments),
        ),
        sightings={room_id: draw(shown(room_id)) for room_id in looked_for},
        uses={room_id: draw(uses) for room_id in ids},
        claims=claims,
        pending=draw(st.sampled_from([None, None, None, pending])),
        held=draw(st.sampled_from([None, None, Hold("brake", "brake 7"), Hold("mode", "mode")])),
    )


@costly
@given(situations())
def test_a_plan_is_made_for_every_situation_and_is_the_same_each_time(
    situation: Situation,
) -> None:
    made = plan(situation)
    assert made == plan(situation)
    assert made.until is None or made.until > NOW
    assert made.actions or made.holds or made.until is not None or _is_still(situation)


@costly
@given(situations())
def test_a_suspended_key_is_only_looked_at(situation: Situation) -> None:
    """Nothing is called and nothing decided, and it ends at its time."""
    suspension = situation.state.suspended
    if suspension is None:
        situation = replace(situation, state=replace(situation.state, suspended=a.suspension()))
        suspension = a.suspension()
    made = plan(situation)
    if suspension.until <= NOW:
        assert made.actions == (Resume("its time is over"),)
        return
    assert all(isinstance(action, Miss | Find | Note | Close) for action in made.actions)
    assert made.until is not None
    assert made.until <= suspension.until
    assert "suspended" in {hold.by for hold in made.holds}


@costly
@given(situations())
def test_p03_beside_a_stranger_nothing_is_done_but_renewing(situation: Situation) -> None:
    """What would be done besides is held and named; what is renewed would be anyway."""
    situation = replace(situation, state=replace(situation.state, suspended=None))
    alone = replace(situation, claims=())
    beside = plan(replace(situation, world=replace(situation.world, stranger="another daemon")))
    assert all(isinstance(action, Renew) or not action.calls for action in beside.actions)
    assert not any(
        isinstance(action, Bury | LetGo) or (isinstance(action, Adopt) and not action.recovers)
        for action in beside.actions
    )
    held = [hold.action for hold in beside.holds if hold.by == "stranger"]
    planned = plan(alone).actions
    assert [action for action in planned if action in beside.actions] == list(beside.actions)
    assert [action for action in planned if action not in beside.actions] == held


def _is_still(situation: Situation) -> bool:
    """Nothing but another event can change anything: nothing to renew, nothing to wait for."""
    return True if isinstance(situation.wish, Unwanted) else situation.state.current is not None


@costly
@given(situations())
def test_p03_p04_p05_p10_no_plan_asks_for_what_a_promise_forbids(situation: Situation) -> None:
    for action in plan(situation).actions:
        check(situation, action)


@costly
@given(situations())
def test_p01_a_plan_makes_one_room_current_at_most(situation: Situation) -> None:
    current = [
        action
        for action in plan(situation).actions
        if isinstance(action, Create | Replace)
        or (isinstance(action, Adopt) and action.role is Role.CURRENT)
        or (isinstance(action, Restore) and situation.state.current is None)
    ]
    assert len(current) <= 1


@costly
@given(situations(), st.sampled_from(Mode))
def test_a_mode_lets_through_only_what_it_allows(situation: Situation, mode: Mode) -> None:
    made = plan(situation)
    allowed = withhold(made, mode)
    most = {
        Mode.OBSERVE: Weight.NOTE,
        Mode.NO_REMOVALS: Weight.GENTLE,
        Mode.ENFORCE: Weight.ENDING,
    }[mode]
    assert all(action.weight <= most for action in allowed.actions)
    held = [hold.action for hold in allowed.holds if hold.by == "mode"]
    assert all(action in (*allowed.actions, *held) for action in made.actions)


@costly
@given(situations())
def test_p01_whatever_is_carried_out_leaves_one_current_room_at_most(
    situation: Situation,
) -> None:
    for action in plan(situation).actions:
        assert count_current(_after(situation, action)) <= 1


def _after(situation: Situation, action: Action) -> KeyState | None:
    """The state after an action that the API carried out as asked."""
    teller = Teller("test", "test", NOW)
    if not isinstance(action, CALLS):
        return outcomes.noted(situation.state, action, teller).state
    operation = a.operation()
    if isinstance(action, Delete):
        seen = None
    elif isinstance(action, Create | Replace):
        seen = Api().post(action.desired, operation, NOW)
    else:
        before = situation.sightings[action.room_id]
        assert isinstance(before, Observed)
        seen = replace(before, expires_at=getattr(action, "after", before.expires_at))
    return outcomes.answered(situation.state, action, operation, seen, teller).state


@costly
@given(situations())
def test_what_is_acted_on_was_seen_alive(situation: Situation) -> None:
    """No PATCH and no DELETE goes to a room that was not looked for, or was not there."""
    for action in plan(situation).actions:
        if isinstance(action, Renew | Update | Replace | Delete | Retire):
            assert isinstance(situation.sightings.get(action.room_id), Observed)
        if isinstance(action, Retire):
            assert action.after == NOW + NOTICE
        if isinstance(action, Renew):
            assert action.after <= NOW + LONGEST_ASK


# --- with an API that keeps its word --------------------------------------------------------------


@st.composite
def estates(draw: st.DrawFn) -> Life:
    """A key with rooms at an API that does what it is asked."""
    situation = draw(situations())
    api = Api(knows_use=draw(st.booleans()), can_delete=draw(st.booleans()))
    for room_id, seen in situation.sightings.items():
        if isinstance(seen, Observed):
            api.rooms[room_id] = seen
    for claim in situation.claims:
        api.rooms[claim.room.id] = claim.room
    occupied = {
        room_id for room_id, use in situation.uses.items() if use.occupancy is Occupancy.OCCUPIED
    }
    api.occupied = occupied & api.rooms.keys()
    return Life(
        api,
        situation.wish,
        state=situation.state,
        mode=draw(st.sampled_from(Mode)),
        braked=draw(st.booleans()),
        doubt=situation.world.doubt,
        use_known_since=situation.world.use_known_since,
    )


@costly
@given(estates())
def test_p08_a_turn_ends_and_the_next_does_nothing(life: Life) -> None:
    life.turn()
    before, holds = life.state, life.last.holds
    assert life.turn() == 0
    assert (life.state, life.last.holds) == (before, holds)


@costly
@given(estates(), st.lists(near, max_size=4))
def test_p08_time_alone_never_makes_it_restless(life: Life, lengths: list[timedelta]) -> None:
    """Each wake is one that a plan asked for, and there are few of them."""
    life.turn()
    for length in lengths:
        life.live(abs(length) / 40)
        assert count_current(life.state) <= 1
    assert life.turn() == 0


@costly
@given(estates())
def test_p08_where_everything_may_be_done_it_is_done_in_the_end(life: Life) -> None:
    """Unwanted and unhindered, every room ends and the key is forgotten."""
    life.wish = Unwanted("its subject is gone")
    life.mode, life.braked, life.doubt = Mode.ENFORCE, False, ""
    life.api.occupied.clear()
    claimed = life.api.rooms.keys() - {room.id for room in (life.state or a.state()).rooms}
    if claimed or life.state is None or life.state.protect:
        return
    life.state = replace(life.state, removal=Removal(RemovalMode.DELETE, timedelta(days=1)))
    life.turn()
    for _ in range(6):
        life.live(timedelta(days=200))
    endless = [room for room in life.api.rooms.values() if room.expires_at is None]
    assert endless or life.state is None
