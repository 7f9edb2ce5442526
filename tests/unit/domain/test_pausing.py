"""What a freeze or a closed change window holds, and what goes on all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.actions import (
    Action,
    Bury,
    Create,
    Delete,
    Forget,
    Hold,
    LetGo,
    Note,
    Plan,
    Renew,
    Replace,
    Retire,
    Sleep,
    Update,
)
from orchestrator.domain.freezes import Freeze
from orchestrator.domain.pausing import (
    REVIEWING,
    Pause,
    Paused,
    frozen_by,
    latest_renewal,
    mark_of,
    outside_of,
    pause_plan,
    stops,
)
from orchestrator.domain.plan import plan
from orchestrator.domain.policies import Occurrence, PageWish, Removal, RemovalMode, ReplaceMode
from orchestrator.domain.rooms import Change, Occupancy
from orchestrator.domain.situation import Situation, Unwanted, Use, Wanted
from tests import builders as a
from tests.builders import KEY, NOW, ROOM, YEAR
from tests.unit.domain.test_plan import acts, holds

DAY = timedelta(days=1)
UNTIL = NOW + 2 * DAY
FROZEN = Pause("frozen", "frozen by anna: quarter end", UNTIL)
ALL_ACTS = replace(FROZEN, all_acts=True)
CLOSED = Pause("window", "the change window is closed", UNTIL)
EMPTY = Use(Occupancy.EMPTY)
WISH = a.desired()
CREATE = Create(WISH, 1, "asked for")
LOST = replace(CREATE, lost=True)
RENEW = Renew(ROOM, NOW + YEAR, NOW + 2 * YEAR, WISH, "due")
UPDATE = Update(ROOM, {"ui_settings.language": Change("en", "de")}, WISH, "asked for")
REPLACE = Replace(ROOM, {"display_name": Change("a", "b")}, WISH, 2, "a name")
BURY = Bury(ROOM, UNTIL, RemovalMode.DELETE, "gone")
ENDING = (BURY, LetGo(ROOM, "due"), Sleep(ROOM, NOW, "unused"), Delete(ROOM, "due"))
RETIRE = Retire(ROOM, NOW + YEAR, NOW + DAY, "due")


def paused(pause: Pause | None = FROZEN, **more: Any) -> Paused:
    return replace(Paused(pause, NOW), **more)


@pytest.mark.parametrize("action", [CREATE, UPDATE, REPLACE, RETIRE, *ENDING, RENEW])
def test_what_changes_something_waits(action: Action) -> None:
    """And says until when, and by whose word."""
    assert stops(paused(), action) == Hold("frozen", FROZEN.reason, UNTIL, action)
    assert stops(paused(None), action) is None
    assert stops(paused(of_page=True), action) is None  # P10: pages are never held
    assert stops(paused(reviewed=frozenset({mark_of(action)})), action) is None
    strict = paused(REVIEWING, latest={ROOM: NOW})
    assert stops(strict, action) == Hold("review", REVIEWING.reason, None, action)


def test_what_only_changes_our_memory_goes_on() -> None:
    assert stops(paused(), Note(a.observed(), None, "another link")) is None
    assert stops(paused(REVIEWING), Forget("nothing is left")) is None


@pytest.mark.parametrize("pause", [FROZEN, ALL_ACTS])
def test_what_gives_people_a_room(pause: Pause) -> None:
    """A new one for a lost one, and that of a meeting; unless all acts are frozen."""
    held = pause.all_acts
    assert (stops(paused(pause), LOST) is not None) is held
    assert (stops(paused(pause, of_occurrence=True), CREATE) is not None) is held
    assert stops(paused(pause, of_occurrence=True), RENEW) is None  # people are inside
    assert stops(paused(pause, of_occurrence=True), UPDATE) is not None


def test_a_renewal_waits_until_the_last_twentieth() -> None:
    """Then it is made, whatever is frozen; one that shortens a life never presses."""
    soon = paused(latest={ROOM: NOW + DAY})
    assert stops(soon, RENEW) == Hold("frozen", FROZEN.reason, NOW + DAY, RENEW)
    late = paused(latest={ROOM: UNTIL + DAY})
    assert stops(late, RENEW) == Hold("frozen", FROZEN.reason, UNTIL, RENEW)
    never = paused(replace(CLOSED, until=None), latest={ROOM: NOW + DAY})
    assert stops(never, RENEW) == Hold("window", CLOSED.reason, NOW + DAY, RENEW)
    now = paused(ALL_ACTS, latest={ROOM: NOW})
    assert stops(now, RENEW) is None
    shorter = replace(RENEW, after=NOW + DAY)
    assert stops(now, shorter) == Hold("frozen", FROZEN.reason, UNTIL, shorter)
    assert stops(now, replace(RENEW, before=None)) is None
    assert stops(paused(ALL_ACTS), replace(RENEW, asked_by="anna")) is None


def test_a_plan_is_held_act_by_act_and_comes_back() -> None:
    """Whoever waits for a freeze comes back at its end; for a window each a little apart."""
    made = Plan((RENEW, UPDATE), (Hold("doubt", "x"),), None)
    frozen = pause_plan(paused(latest={ROOM: NOW}), KEY.encoded, made)
    assert acts(frozen) == ["Renew"]
    assert frozen.actions[0] == replace(
        RENEW,
        reason="due; frozen by anna: quarter end, but the last twentieth of its life has begun",
    )
    assert holds(frozen) == ["frozen", "doubt"]
    assert frozen.until == UNTIL
    window = pause_plan(paused(CLOSED), KEY.encoded, replace(made, until=NOW + YEAR))
    assert window.until is not None
    assert UNTIL <= window.until <= UNTIL + timedelta(minutes=5)
    early = pause_plan(paused(CLOSED), KEY.encoded, replace(made, until=NOW + DAY))
    assert early.until == NOW + DAY
    forever = pause_plan(paused(replace(CLOSED, until=None)), KEY.encoded, made)
    assert (acts(forever), forever.until) == ([], None)
    assert pause_plan(paused(None), KEY.encoded, made) == made


def test_what_waits_for_a_window_comes_in_its_time() -> None:
    """What ends or changes links as one set; the rest a little apart, no renewal too late."""

    def back(action: Action, latest: datetime = NOW + YEAR) -> datetime:
        made = pause_plan(paused(CLOSED, latest={ROOM: latest}), KEY.encoded, Plan((action,)))
        assert made.until is not None
        return made.until

    assert {back(action) for action in (REPLACE, RETIRE, *ENDING)} == {UNTIL}
    second, apart = timedelta(seconds=1), back(UPDATE)
    assert UNTIL + second < apart <= UNTIL + timedelta(minutes=5)
    assert back(CREATE) == back(RENEW) == apart
    for latest in (UNTIL - DAY, UNTIL, UNTIL + second):
        assert back(RENEW, latest) == latest


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (LOST, "but its link is dead already"),
        (replace(RENEW, asked_by="anna"), ""),
        (Forget("nothing is left"), ""),
    ],
)
def test_what_goes_on_says_why(action: Action, why: str) -> None:
    (done,) = pause_plan(paused(), KEY.encoded, Plan((action,))).actions
    assert done.reason.endswith(why or action.reason)
    assert (done == action) is not bool(why)


@pytest.mark.parametrize(
    "more",
    [{"of_page": True}, {"of_occurrence": True}, {"reviewed": frozenset({mark_of(LOST)})}],
)
def test_what_is_never_held_needs_no_reason(more: dict[str, Any]) -> None:
    assert pause_plan(paused(**more), KEY.encoded, Plan((LOST,))).actions == (LOST,)


def test_an_act_has_a_mark_of_its_own() -> None:
    """The same when it is planned again later, another for every other act."""
    every = (CREATE, LOST, RENEW, UPDATE, REPLACE, RETIRE, *ENDING)
    assert len({mark_of(action) for action in every}) == len(every)
    later = timedelta(hours=5)
    for same, other in (
        (CREATE, replace(CREATE, generation=7, reason="again")),
        (RENEW, replace(RENEW, after=RENEW.after + later, reason="in its window")),
        (BURY, replace(BURY, due=BURY.due + later)),
        (RETIRE, replace(RETIRE, after=RETIRE.after + later)),
    ):
        assert mark_of(same) == mark_of(other)
    others: tuple[tuple[Action, Action], ...] = (
        (CREATE, replace(CREATE, desired=a.desired("Another"))),
        (RENEW, replace(RENEW, before=None)),
        (RENEW, replace(RENEW, own=False)),
        (RENEW, replace(RENEW, desired=replace(WISH, lifetime=None))),
        (UPDATE, replace(UPDATE, changes={"ui_settings.language": Change("fr", "de")})),
        (BURY, replace(BURY, mode=RemovalMode.EXPIRE)),
        (RETIRE, replace(RETIRE, room_id="another")),
    )
    for one, another in others:
        assert mark_of(one) != mark_of(another)
    assert mark_of(Forget("nothing is left")) == ""


# --- what stands ----------------------------------------------------------------------------------


def test_the_freeze_that_ends_last_is_told() -> None:
    short = Freeze(NOW, NOW + DAY, "anna", "audit", all_acts=True)
    long = Freeze(NOW, UNTIL, "ben", "quarter end", ("team-rooms",))
    assert frozen_by([], "team-rooms", NOW) is None
    assert frozen_by([long], "other", NOW) is None
    told = Pause("frozen", "frozen by ben: quarter end", UNTIL, all_acts=True, name=long.name)
    assert frozen_by([short, long], "team-rooms", NOW) == told
    named = short.name
    audit = Pause("frozen", "frozen by anna: audit", NOW + DAY, all_acts=True, name=named)
    assert frozen_by([short, long], "other", NOW) == audit
    # Its end is not recorded yet: it holds, and nobody comes back at a moment that is over.
    assert frozen_by([short], "other", NOW + DAY) == replace(audit, until=None)


def test_outside_of_a_window() -> None:
    opening = (NOW, NOW + DAY)
    early = outside_of(opening, NOW - DAY, "")
    assert early == Pause("window", "the change window is closed", NOW)
    assert outside_of(opening, NOW, "") is None
    never = outside_of(None, NOW, "")
    assert never is not None
    assert "waits for a reviewed plan" in never.reason
    apart = outside_of(opening, NOW, "clocks differ")
    assert apart == Pause("window", "whether the change window is open is not known: clocks differ")


# --- in a whole plan ------------------------------------------------------------------------------


def frozen(situation: Situation, *marks: str) -> Situation:
    """The same while everything is frozen, as the engine gathers it."""
    held = None if marks else FROZEN.hold()
    return replace(situation, pause=FROZEN, held=held, reviewed=frozenset(marks))


def due_removal(mode: RemovalMode) -> Situation:
    state = a.state(
        a.room(expires_at=NOW + YEAR / 4, granted_at=NOW - YEAR * 3 / 4),
        wish=WISH,
        tombstone=a.tombstone(mode=mode),
        removal=Removal(mode, DAY),
    )
    seen = {ROOM: a.observed(expires_at=NOW + YEAR / 4)}
    gone = Unwanted("its subject is gone")
    return a.situation(gone, state, sightings=seen, uses={ROOM: EMPTY})


@pytest.mark.parametrize(
    ("mode", "word"), [(RemovalMode.DELETE, "Delete"), (RemovalMode.EXPIRE, "LetGo")]
)
def test_a_removal_that_is_due_is_shown_as_it_would_be_done(mode: RemovalMode, word: str) -> None:
    """So that it can be reviewed; and the room is renewed meanwhile, before it is too late."""
    made = plan(frozen(due_removal(mode)))
    assert [type(hold.action).__name__ for hold in made.holds] == ["Renew", word]
    mark = mark_of(made.holds[1].action or BURY)
    assert acts(plan(frozen(due_removal(mode), mark))) == [word]


def test_a_replacement_is_held_until_the_end_of_the_freeze() -> None:
    wish = a.desired("Till", replace_mode=ReplaceMode.NOW)
    state = a.state(a.room(), wish=wish)
    situation = a.situation(Wanted(wish), state, sightings={ROOM: a.observed()}, uses={ROOM: EMPTY})
    made = plan(frozen(situation))
    (hold,) = made.holds
    assert (hold.by, hold.until) == ("frozen", UNTIL)
    assert acts(plan(frozen(situation, mark_of(hold.action or BURY)))) == ["Replace"]


def test_whose_rooms_they_are() -> None:
    """A page's and a meeting's are told by the wish, or by what is remembered of it."""
    page = replace(WISH, page=PageWish())
    at = datetime(2026, 11, 22, tzinfo=UTC)
    meeting = replace(WISH, occurrence=Occurrence(at, at, at, at))
    assert a.situation(Wanted(page)).paused.of_page
    assert a.situation(Wanted(meeting)).paused.of_occurrence
    over = a.situation(Unwanted("it is over"), a.state(a.room(), wish=meeting))
    assert over.paused.of_occurrence
    nothing = a.situation(Unwanted("it is over"), a.state(a.room())).paused
    assert (nothing.of_page, nothing.of_occurrence, nothing.latest) == (False, False, {})


def test_a_grant_that_is_yet_to_come_lets_a_pause_hold_no_renewal_to_the_end() -> None:
    """It was dated by an API whose clock was wrong: the lifetime that was asked for counts."""
    end = NOW + 100 * DAY
    room = a.room(expires_at=end, granted_at=end - DAY, lifetime=100 * DAY)
    seen = replace(a.observed(), expires_at=end)
    paused = a.situation(None, a.state(room), sightings={room.id: seen}).paused
    assert paused.latest == {room.id: end - 5 * DAY}


def test_when_the_last_twentieth_begins() -> None:
    end = NOW + 100 * DAY
    room = a.room(expires_at=end, granted_at=NOW)
    assert latest_renewal(room, end, NOW) == end - 5 * DAY
    unending = a.situation(
        None, a.state(room), sightings={ROOM: replace(a.observed(), expires_at=None)}
    )
    assert unending.paused.latest == {}
    seen = a.situation(None, a.state(room), sightings={ROOM: a.observed(expires_at=end)})
    assert seen.paused.latest == {ROOM: end - 5 * DAY}
