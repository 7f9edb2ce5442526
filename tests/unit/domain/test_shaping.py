"""What is planned for a wanted room that stands: drift, replacement, renewal."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.actions import Hold, Note, Renew, Replace, Update
from orchestrator.domain.plan import plan
from orchestrator.domain.policies import Desired, Removal, Renewal, ReplaceMode, Window
from orchestrator.domain.records import Ask, Attempts, KeyState, RoomRecord
from orchestrator.domain.rooms import LONGEST_ASK, Change, Occupancy, RoomType, Setting
from orchestrator.domain.situation import Kept, Situation, Unwanted, Use, Wanted
from tests import builders as a
from tests.builders import KEY, NOW, ROOM, YEAR
from tests.unit.domain.test_plan import acts, holds

UNUSED = Use(Occupancy.EMPTY)
RECORDED = {"recording_options.auto_record": True}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def standing(
    wish: Desired,
    room: RoomRecord | None = None,
    *,
    shown: dict[str, Setting] | None = None,
    name: str = a.NAME,
    use: Use = UNUSED,
    now: datetime = NOW,
) -> Situation:
    """A wanted room that the API shows with these settings and this name."""
    remembered = room or a.room()
    seen = a.observed(settings=shown, display_name=name, expires_at=remembered.expires_at)
    return a.situation(
        Wanted(wish),
        a.state(remembered, wish=wish),
        world_=a.world(now),
        sightings={ROOM: seen},
        uses={ROOM: use},
    )


def test_p08_a_room_in_shape_asks_for_nothing_until_it_is_to_be_renewed() -> None:
    made = plan(standing(a.desired()))
    assert (made.actions, made.holds, made.changes) == ((), (), {})
    assert made.until is not None
    assert NOW + timedelta(days=200) < made.until < NOW + timedelta(days=245)


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wished", "applied", "shown", "expected"),
    [
        ({"join_approval_level": "none"}, {}, {}, {}),
        (
            {"join_approval_level": "explicit_approval"},
            {},
            {},
            {"join_approval_level": Change("none", "explicit_approval")},
        ),
        ({}, {}, {"join_approval_level": "explicit_approval"}, {}),
        (
            {},
            {"join_approval_level": "explicit_approval"},
            {"join_approval_level": "explicit_approval"},
            {"join_approval_level": Change("explicit_approval", "none")},
        ),
        (
            {"theme_id": None},
            {},
            {"theme_id": "th-1"},
            {"theme_id": Change("th-1", None)},
        ),
    ],
    ids=["equal", "wished", "never named: left alone", "no more named: the default", "no theme"],
)
def test_settings_that_differ_are_patched(
    wished: dict[str, Setting],
    applied: dict[str, Setting],
    shown: dict[str, Setting],
    expected: dict[str, Change],
) -> None:
    made = plan(standing(a.desired(settings=wished), a.room(applied=applied), shown=shown))
    assert made.changes == expected
    updates = [act for act in made.actions if isinstance(act, Update)]
    assert [dict(update.changes) for update in updates] == ([expected] if expected else [])


def test_an_update_names_the_line_that_asks_for_it() -> None:
    (update,) = plan(
        standing(
            a.desired(settings={"join_approval_level": "none"}),
            shown={"join_approval_level": "explicit_approval"},
        )
    ).actions
    assert isinstance(update, Update)
    assert update.reason == "team-rooms.yaml:11 asks for it"
    assert update.patch.settings == {"join_approval_level": "none"}
    assert update.patch.expires_at is None


def test_an_update_leaves_moments_to_renewing() -> None:
    changes = {"expires_at": Change(NOW, NOW + YEAR), "theme_id": Change(None, "th-1")}
    update = Update(ROOM, changes, a.desired(), "both")
    assert update.patch.settings == {"theme_id": "th-1"}


QUIET = {"available_features.is_chat_available": False}


@pytest.mark.parametrize(
    ("room", "actions", "held"),
    [
        (a.room(not_taken=QUIET), [], ["not-taken"]),
        (a.room(not_taken={"available_features.is_chat_available": True}), ["Update"], []),
        (a.room(not_taken=QUIET, version="another"), ["Update"], []),
        (a.room(applied=QUIET, updated_at=NOW - HOUR / 2), [], ["back-off"]),
        (a.room(applied=QUIET, updated_at=NOW - HOUR), ["Update"], []),
        (a.room(applied=QUIET), ["Update"], []),
        (a.room(updated_at=NOW), ["Update"], []),
    ],
    ids=[
        "not taken",
        "another value was not taken",
        "not taken, but the policy changed",
        "did not stay, lately",
        "did not stay, an hour ago",
        "never patched",
        "another was patched lately",
    ],
)
def test_p08_what_the_api_does_not_take_is_not_sent_again_and_again(
    room: RoomRecord, actions: list[str], held: list[str]
) -> None:
    made = plan(standing(a.desired(settings=QUIET), room))
    assert (acts(made), holds(made)) == (actions, held)


def test_what_did_not_stay_does_not_hold_what_is_new() -> None:
    wish = a.desired(settings={**QUIET, "ui_settings.language": "en"})
    made = plan(standing(wish, a.room(applied=QUIET, updated_at=NOW)))
    (update,) = made.actions
    assert isinstance(update, Update)
    assert set(update.changes) == {"ui_settings.language"}
    assert made.until == NOW + HOUR


def test_a_policy_that_asks_for_nothing_new_is_noted() -> None:
    wish = a.desired(version="another")
    made = plan(standing(wish))
    (note,) = made.actions
    assert isinstance(note, Note)
    assert note.desired == wish


# --- replacing ------------------------------------------------------------------------------------

RENAMED = a.desired("Checkout & Pay room")
NOW_MODE = replace(RENAMED, replace=replace(RENAMED.replace, mode=ReplaceMode.NOW))
NEVER = replace(RENAMED, replace=replace(RENAMED.replace, mode=ReplaceMode.NEVER))
USED = Use(Occupancy.EMPTY, NOW - DAY)
LONG_AGO = Use(Occupancy.EMPTY, NOW - timedelta(days=7))
OCCUPIED = Use(Occupancy.OCCUPIED, NOW)
UNKNOWN = Use(Occupancy.UNKNOWN)


def with_state(state: KeyState) -> Situation:
    """A room that is to have another name at once, remembered like this."""
    return replace(standing(NOW_MODE), state=state)


JUST_MADE = Attempts(1, NOW + HOUR, "", NOW_MODE.digest)

REPLACING: dict[str, tuple[Situation, list[str], list[str]]] = {
    "when unused: never used": (standing(RENAMED), ["Replace"], []),
    "when unused: a week ago": (standing(RENAMED, use=LONG_AGO), ["Replace"], []),
    "when unused: yesterday": (standing(RENAMED, use=USED), [], ["in-use"]),
    "when unused: unknown counts as used": (standing(RENAMED, use=UNKNOWN), [], ["unknown-use"]),
    "when unused: occupied": (standing(RENAMED, use=OCCUPIED), [], ["occupied"]),
    "now: yesterday": (standing(NOW_MODE, use=USED), ["Replace"], []),
    "now: unknown": (standing(NOW_MODE, use=UNKNOWN), ["Replace"], []),
    "now: occupied": (standing(NOW_MODE, use=OCCUPIED), [], ["occupied"]),
    "never": (standing(NEVER), [], ["replace-never"]),
    "protected": (with_state(a.state(a.room(), protect=True)), [], ["protected"]),
    "conflict": (
        replace(standing(NOW_MODE), world=a.world(conflict="another daemon")),
        [],
        ["conflict"],
    ),
    "listing in doubt": (
        replace(standing(NOW_MODE), world=a.world(doubt="cut short")),
        [],
        ["doubt"],
    ),
    "now: who is inside unread": (
        replace(standing(NOW_MODE), world=replace(a.world(), use_unread="502")),
        [],
        ["unknown-use"],
    ),
    "source in doubt": (
        replace(standing(NOW_MODE), wish=Kept(NOW_MODE, "unreadable")),
        [],
        ["doubt"],
    ),
    "just made for the same wish": (
        with_state(a.state(a.room(), creates=JUST_MADE)),
        [],
        ["back-off"],
    ),
    "braked": (replace(standing(NOW_MODE), held=Hold("brake", "brake 7")), [], ["brake"]),
    "never, and braked: not counted": (
        replace(standing(NEVER), held=Hold("brake", "brake 7")),
        [],
        ["replace-never"],
    ),
}


@pytest.mark.parametrize(("situation", "actions", "held"), REPLACING.values(), ids=REPLACING)
def test_p05_when_a_room_is_replaced(
    situation: Situation, actions: list[str], held: list[str]
) -> None:
    made = plan(situation)
    assert (acts(made), holds(made)) == (actions, held)


def test_a_held_replacement_shows_its_changes_its_line_and_when() -> None:
    made = plan(standing(RENAMED, use=USED))
    (hold,) = made.holds
    assert isinstance(hold.action, Replace)
    assert dict(hold.action.changes) == {"display_name": Change(a.NAME, RENAMED.display_name)}
    assert "team-rooms.yaml:9" in hold.reason
    assert hold.until == NOW + timedelta(days=6) == made.until


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        (a.desired(settings=RECORDED), "recording_options.auto_record"),
        (a.desired(type_=RoomType.INSTANT), "type"),
        (RENAMED, "display_name"),
    ],
    ids=["recording", "type", "name"],
)
def test_what_only_a_birth_gives_asks_for_a_new_room(wish: Desired, path: str) -> None:
    (action,) = plan(standing(wish)).actions
    assert isinstance(action, Replace)
    assert (set(action.changes), action.generation) == ({path}, 2)


def test_p10_a_room_whose_replacement_is_held_is_bettered_and_renewed() -> None:
    soon = NOW + timedelta(days=10)
    wish = replace(NOW_MODE, settings=QUIET)
    situation = standing(wish, a.room(expires_at=soon, granted_at=soon - YEAR))
    assert acts(plan(situation)) == ["Replace"]
    assert acts(plan(replace(situation, held=Hold("brake", "brake 7")))) == ["Renew", "Update"]


BORN = {"display_name": RENAMED.display_name, "type": "long_term"}


@pytest.mark.parametrize(
    ("room", "reason"),
    [
        (a.room(applied=BORN), "was asked for at its birth"),
        (a.room(not_taken={"display_name": RENAMED.display_name}), "did not take"),
        (a.room(adopted=True), "it was adopted with"),
    ],
    ids=["the api shows another", "not taken at birth", "adopted"],
)
def test_no_room_is_replaced_by_one_that_would_be_the_same(room: RoomRecord, reason: str) -> None:
    made = plan(standing(NOW_MODE, room))
    assert (acts(made), holds(made)) == ([], ["not-taken"])
    assert reason in made.holds[0].reason


@pytest.mark.parametrize(
    "room",
    [a.room(applied={**BORN, "display_name": a.NAME}), a.room(not_taken={"display_name": "Other"})],
    ids=["born by another name", "another was not taken"],
)
def test_another_name_than_at_birth_asks_for_a_new_room(room: RoomRecord) -> None:
    assert acts(plan(standing(NOW_MODE, room))) == ["Replace"]


# --- renewing -------------------------------------------------------------------------------------


def renewing(
    *,
    left: timedelta,
    life: timedelta = YEAR,
    lifetime: timedelta = YEAR,
    renewal: Renewal | None = None,
    renewed_at: datetime | None = None,
) -> Situation:
    """A room of which so much of its life is left."""
    end = NOW + left
    record = a.room(expires_at=end, granted_at=end - life, lifetime=lifetime, renewed_at=renewed_at)
    return standing(a.desired(lifetime=lifetime, renewal=renewal), record)


@pytest.mark.parametrize(
    ("situation", "due"),
    [
        (renewing(left=YEAR / 3), True),
        (renewing(left=YEAR / 2), False),
        (renewing(left=60 * DAY, renewal=Renewal(before=60 * DAY)), True),
        (renewing(left=80 * DAY, renewal=Renewal(before=60 * DAY)), False),
        (renewing(left=180 * DAY, renewal=Renewal(before=300 * DAY)), True),
        (renewing(left=15 * DAY, renewed_at=NOW - timedelta(hours=23)), False),
        (renewing(left=15 * DAY, renewed_at=NOW - DAY), True),
        (renewing(left=timedelta(minutes=3), life=timedelta(minutes=11)), True),
    ],
    ids=[
        "a third is left",
        "half is left",
        "as wished",
        "not yet as wished",
        "a wish beyond half",
        "renewed a while ago: floor",
        "the floor is over",
        "a short life",
    ],
)
def test_p07_when_a_room_is_renewed(situation: Situation, due: bool) -> None:
    made = plan(situation)
    assert acts(made) == (["Renew"] if due else [])
    assert due or (made.until is not None and made.until > NOW)


@pytest.mark.parametrize(
    ("lifetime", "asked"),
    [(30 * DAY, 30 * DAY), (YEAR, LONGEST_ASK), (timedelta(seconds=601), timedelta(minutes=11))],
    ids=["as wished", "an hour less than a year", "no less than eleven minutes"],
)
def test_what_is_asked_for(lifetime: timedelta, asked: timedelta) -> None:
    (renew,) = plan(renewing(left=timedelta(minutes=2), life=lifetime, lifetime=lifetime)).actions
    assert isinstance(renew, Renew)
    assert (renew.before, renew.after) == (NOW + timedelta(minutes=2), NOW + asked)
    assert renew.own


def test_an_end_that_somebody_moved_on_is_bettered_when_it_can_be() -> None:
    """Renewing never asks for an earlier end than there is."""
    made = plan(renewing(left=40 * DAY, life=YEAR, lifetime=30 * DAY))
    assert acts(made) == []
    assert made.until == NOW + 10 * DAY + timedelta(minutes=1)


@pytest.mark.parametrize(
    "situation",
    [
        a.situation(
            Wanted(a.desired()),
            a.state(a.room(expires_at=None)),
            sightings={ROOM: a.observed(expires_at=None)},
        ),
        a.situation(
            Wanted(a.desired(type_=RoomType.INSTANT)),
            a.state(a.room(type_=RoomType.INSTANT, lifetime=None, expires_at=NOW + HOUR)),
            sightings={ROOM: a.observed(type_=RoomType.INSTANT, expires_at=NOW + HOUR)},
        ),
        a.situation(
            Wanted(a.desired(replace_mode=ReplaceMode.NEVER)),
            a.state(a.room(type_=RoomType.INSTANT, expires_at=NOW + HOUR)),
            sightings={ROOM: a.observed(type_=RoomType.INSTANT, expires_at=NOW + HOUR)},
        ),
    ],
    ids=["no end is shown", "instant is wished", "instant is shown"],
)
def test_what_has_no_end_to_move_is_not_renewed(situation: Situation) -> None:
    assert acts(plan(situation)) == []


@pytest.mark.parametrize(
    ("renewed", "due"),
    [(timedelta(minutes=14), False), (timedelta(minutes=15), True)],
    ids=["lately", "a while ago"],
)
def test_p07_an_end_that_does_not_move_is_not_asked_for_every_minute(
    renewed: timedelta, due: bool
) -> None:
    """Past its end a room lives while somebody is inside."""
    record = a.room(
        expires_at=NOW - HOUR, granted_at=NOW - renewed, renewed_at=NOW - renewed, lifetime=YEAR
    )
    made = plan(standing(a.desired(), record, use=OCCUPIED))
    assert acts(made) == (["Renew"] if due else [])


def lifetimes(
    before: timedelta | None, after: timedelta, *, left: timedelta, grace: timedelta = 7 * DAY
) -> Situation:
    """A room made for one lifetime whose policy now asks for another."""
    end = NOW + left
    record = a.room(expires_at=end, granted_at=NOW - DAY, lifetime=before)
    wish = a.desired(lifetime=after, removal=Removal(grace=grace), version="another")
    return standing(wish, record)


@pytest.mark.parametrize(
    ("situation", "asked"),
    [
        (lifetimes(30 * DAY, 90 * DAY, left=29 * DAY), 90 * DAY),
        (lifetimes(90 * DAY, 30 * DAY, left=89 * DAY), 30 * DAY),
        (lifetimes(90 * DAY, 2 * DAY, left=89 * DAY), 7 * DAY),
        (lifetimes(90 * DAY, 2 * DAY, left=89 * DAY, grace=HOUR), 2 * DAY),
    ],
    ids=["longer", "shorter", "shorter than the grace", "shorter, little grace"],
)
def test_another_lifetime_is_one_patch(situation: Situation, asked: timedelta) -> None:
    (renew,) = plan(situation).actions
    assert isinstance(renew, Renew)
    assert (renew.after, renew.own) == (NOW + asked, False)
    assert "team-rooms.yaml:10" in renew.reason


@pytest.mark.parametrize(
    "situation",
    [
        lifetimes(30 * DAY, 90 * DAY, left=200 * DAY),
        lifetimes(90 * DAY, 30 * DAY, left=29 * DAY),
        lifetimes(None, 30 * DAY, left=29 * DAY),
    ],
    ids=["longer, and the end is later", "shorter, and the end is sooner", "adopted"],
)
def test_another_lifetime_that_changes_nothing_is_noted(situation: Situation) -> None:
    assert acts(plan(situation)) == ["Note"]


def test_a_wish_kept_by_its_last_good_spec_is_renewed_unwanted_too() -> None:
    """P10: what is tombstoned is renewed until it is let go."""
    soon = NOW + 10 * DAY
    state = a.state(a.room(expires_at=soon, granted_at=soon - YEAR), wish=a.desired())
    shown = {ROOM: a.observed(expires_at=soon)}
    assert acts(plan(a.situation(Unwanted("gone"), state, sightings=shown))) == ["Bury", "Renew"]


def test_a_window_moves_a_renewal_but_not_past_the_last_twentieth() -> None:
    window = Window("0 6 * * *", "Europe/Berlin", timedelta(hours=4))

    def far(window: Window, moment: datetime) -> tuple[datetime, datetime]:
        return moment + YEAR, moment + YEAR + window.duration

    def open_now(window: Window, moment: datetime) -> tuple[datetime, datetime]:
        return moment - window.duration, moment + timedelta(milliseconds=1)

    situation = renewing(left=YEAR / 4, renewal=Renewal(window=window))
    opened = replace(situation, world=replace(situation.world, opening=open_now))
    assert acts(plan(opened)) == ["Renew"]
    closed = replace(situation, world=replace(situation.world, opening=far))
    made = plan(closed)
    assert acts(made) == []
    assert made.until == NOW + YEAR / 4 - YEAR / 20


def test_two_keys_of_one_birth_are_renewed_apart() -> None:
    one = renewing(left=YEAR / 2)
    other = replace(one, key=replace(KEY, subject="payments"))
    assert plan(one).until != plan(other).until


# --- renewals that somebody asks for --------------------------------------------------------------

ANNA = Ask(NOW - HOUR, "anna (uid 1001)", "OPS-4711")
OFTEN = tuple(NOW - hours * HOUR for hours in (20, 5, 4, 3, 2, 1))


def asked(**changes: Any) -> Situation:
    """A room that is not due, and a person who wants it renewed now."""
    room = a.room(expires_at=NOW + YEAR / 2, granted_at=NOW - YEAR / 2, **changes)
    shown = {ROOM: a.observed(expires_at=room.expires_at)}
    return a.situation(state_=a.state(room, asked=ANNA), sightings=shown)


def test_a_person_may_have_a_room_renewed_within_the_floor() -> None:
    (renew,) = plan(asked(renewed_at=NOW - HOUR)).actions
    assert isinstance(renew, Renew)
    assert (renew.after, renew.own, renew.asked_by) == (NOW + LONGEST_ASK, False, ANNA.actor)
    assert renew.reason == "anna (uid 1001) asked for it: OPS-4711"


def test_p07_the_seventh_wish_of_a_day_waits() -> None:
    made = plan(asked(asked_at=OFTEN))
    assert acts(made) == []
    (hold,) = made.holds
    assert (hold.by, hold.until) == ("asked", NOW + 4 * HOUR)
    assert "6 times in a day" in hold.reason
    assert isinstance(hold.action, Renew)
    assert made.until == NOW + 4 * HOUR


def test_p07_wishes_that_wait_do_not_keep_a_room_from_its_own_renewal() -> None:
    situation = asked(asked_at=OFTEN)
    state, soon = situation.state, NOW + 30 * DAY
    room = replace(state.rooms[0], expires_at=soon, granted_at=soon - YEAR)
    due = replace(
        situation,
        state=replace(state, rooms=(room,)),
        sightings={ROOM: a.observed(expires_at=soon)},
    )
    (renew,) = plan(due).actions
    assert isinstance(renew, Renew)
    assert renew.own


def test_a_new_lifetime_that_waits_is_not_forgotten() -> None:
    """It is not noted as taken: it is asked for when its turn comes."""
    situation = lifetimes(30 * DAY, 90 * DAY, left=29 * DAY)
    rooms = tuple(replace(room, asked_at=OFTEN) for room in situation.state.rooms)
    made = plan(replace(situation, state=replace(situation.state, rooms=rooms)))
    assert acts(made) == []
    assert [hold.by for hold in made.holds] == ["asked"]


@pytest.mark.parametrize(
    "situation",
    [
        replace(asked(lifetime=30 * DAY), wish=Wanted(a.desired(lifetime=30 * DAY))),
        replace(asked(), wish=Wanted(a.desired(lifetime=None))),
    ],
    ids=["it ends later already", "nothing says for how long"],
)
def test_a_wish_that_would_move_no_end_asks_for_nothing(situation: Situation) -> None:
    assert "Renew" not in acts(plan(situation))
