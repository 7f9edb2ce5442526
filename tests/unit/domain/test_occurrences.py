"""What is planned for an occurrence's room: when it is made, moved on, left alone and forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.actions import Create, Forget, Renew
from orchestrator.domain.occurrences import (
    cut,
    first_end,
    is_subject,
    life_problem,
    looks_inside,
    moved_end,
    next_look,
    occurrence_of,
    subject_of,
    values_of,
)
from orchestrator.domain.plan import plan
from orchestrator.domain.policies import Desired, Replace, ReplaceMode, Schedule
from orchestrator.domain.records import KeyState
from orchestrator.domain.rooms import Occupancy
from orchestrator.domain.situation import Kept, Situation, Unwanted, Use, Wanted, Wish
from tests import builders as a
from tests.builders import KEY, NOW, ROOM
from tests.unit.domain.test_plan import acts, holds

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SCHEDULE = Schedule("0 12 * * *", "UTC", 90 * MINUTE)
MEETING = occurrence_of(SCHEDULE, NOW)
EMPTY, OCCUPIED = Use(Occupancy.EMPTY), Use(Occupancy.OCCUPIED)


def wish() -> Desired:
    """What the room of the meeting at noon should be."""
    plain = a.desired(lifetime=None)
    return replace(plain, occurrence=MEETING, replace=Replace(ReplaceMode.NEVER))


def standing(
    now: datetime,
    *,
    use: Use = EMPTY,
    expires_at: datetime | None = MEETING.stays,
    granted_at: datetime = MEETING.opens,
    asked: Wish | None = None,
) -> Situation:
    """The room of the meeting, as it was made."""
    room = a.room(expires_at=expires_at, granted_at=granted_at, lifetime=None)
    return a.situation(
        Wanted(wish()) if asked is None else asked,
        a.state(room, wish=wish()),
        world_=a.world(now),
        sightings={ROOM: a.observed(expires_at=expires_at)},
        uses={ROOM: use},
    )


def absent(now: datetime, state: KeyState | None = None, asked: Wish | None = None) -> Situation:
    """The meeting without a room."""
    return a.situation(
        Wanted(wish()) if asked is None else asked,
        KeyState(KEY) if state is None else state,
        world_=a.world(now),
    )


# --- made -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "actions"),
    [
        pytest.param(MEETING.opens - MINUTE, ["Create"], id="the API's clock is a little behind"),
        pytest.param(MEETING.opens, ["Create"], id="at its opening"),
        pytest.param(MEETING.ends - MINUTE, ["Create"], id="in its last minute"),
        pytest.param(MEETING.ends, [], id="at its end"),
        pytest.param(MEETING.stays - MINUTE, [], id="while its room would stay"),
    ],
)
@pytest.mark.parametrize("kept", [False, True], ids=["wanted", "kept"])
def test_a_room_is_made_until_the_meeting_ends(
    now: datetime, actions: list[str], kept: bool
) -> None:
    asked = Kept(wish(), "the folder cannot be read") if kept else Wanted(wish())
    assert acts(plan(absent(now, asked=asked))) == actions


def test_a_lost_room_is_made_anew_and_counted() -> None:
    state = a.state(wish=wish(), generation=1, lost=True)
    (create,) = plan(absent(NOW, state)).actions
    assert isinstance(create, Create)
    assert (create.lost, create.generation) == (True, 2)


@pytest.mark.parametrize(
    "asked",
    [Wanted(wish()), Kept(wish(), "why"), Unwanted("its occurrence has ended", by_itself=True)],
    ids=["wanted", "kept", "unwanted"],
)
def test_what_is_over_is_forgotten(asked: Wish) -> None:
    """Whatever was tried for it."""
    state = a.state(wish=wish(), generation=2, lost=True)
    assert plan(absent(MEETING.ends, state, asked)).actions == (Forget("its occurrence has ended"),)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        pytest.param(MEETING.opens, MEETING.stays, id="in time"),
        pytest.param(MEETING.stays - 11 * MINUTE, MEETING.stays, id="just in time"),
        pytest.param(MEETING.stays - 10 * MINUTE, MEETING.stays + MINUTE, id="the API's shortest"),
    ],
)
def test_the_first_end_is_lawful(now: datetime, end: datetime) -> None:
    assert first_end(MEETING, now) == end


# --- moved on -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before_end", "use", "moved"),
    [
        pytest.param(21 * MINUTE, OCCUPIED, False, id="not near the end yet"),
        pytest.param(20 * MINUTE, OCCUPIED, True, id="near the end"),
        pytest.param(MINUTE, OCCUPIED, True, id="in the last minute"),
        pytest.param(20 * MINUTE, EMPTY, False, id="nobody inside"),
        pytest.param(20 * MINUTE, Use(Occupancy.UNKNOWN), False, id="nobody knows"),
    ],
)
def test_its_end_is_moved_on_for_those_inside(before_end: timedelta, use: Use, moved: bool) -> None:
    made = plan(standing(MEETING.stays - before_end, use=use))
    assert acts(made) == (["Renew"] if moved else [])
    assert holds(made) == []


def test_how_an_end_is_moved_on() -> None:
    """By half an hour, not by the daemon's own decision: the floor is off."""
    (renew,) = plan(standing(MEETING.stays - 20 * MINUTE, use=OCCUPIED)).actions
    assert isinstance(renew, Renew)
    assert (renew.before, renew.after) == (MEETING.stays, MEETING.stays + 30 * MINUTE)
    assert renew.own is False
    assert renew.reason == "somebody is inside near the end of the occurrence"


def test_a_move_that_is_not_taken_is_not_asked_for_at_once() -> None:
    """The end is the old one although it was granted a minute ago."""
    now = MEETING.stays - 15 * MINUTE
    made = plan(standing(now, use=OCCUPIED, granted_at=now - MINUTE))
    assert made.actions == ()
    assert made.until == now + 4 * MINUTE


@pytest.mark.parametrize("ahead", [6 * MINUTE, 30 * 365 * 24 * HOUR])
def test_a_grant_that_was_dated_wrongly_keeps_no_room_from_being_moved_on(
    ahead: timedelta,
) -> None:
    now = MEETING.stays - 15 * MINUTE
    (renew,) = plan(standing(now, use=OCCUPIED, granted_at=now + ahead)).actions
    assert isinstance(renew, Renew)


LAST = MEETING.stays + 4 * HOUR


@pytest.mark.parametrize(
    ("expires_at", "now", "end"),
    [
        pytest.param(
            MEETING.stays, MEETING.stays - MINUTE, MEETING.stays + 30 * MINUTE, id="a step"
        ),
        pytest.param(LAST - 10 * MINUTE, LAST - 30 * MINUTE, LAST, id="the last step is shorter"),
        pytest.param(LAST, LAST - 20 * MINUTE, None, id="no further"),
        pytest.param(LAST - 30 * timedelta(seconds=1), LAST - HOUR, None, id="not for seconds"),
        pytest.param(
            LAST - 5 * MINUTE, LAST - 5 * MINUTE, None, id="the API would not take so short an end"
        ),
        pytest.param(
            MEETING.stays,
            MEETING.stays + 5 * MINUTE,
            MEETING.stays + 35 * MINUTE,
            id="from now on, past the end",
        ),
    ],
)
def test_how_far_an_end_is_moved(expires_at: datetime, now: datetime, end: datetime | None) -> None:
    assert moved_end(MEETING, expires_at, now) == end


@pytest.mark.parametrize(
    ("before_end", "look"),
    [
        pytest.param(20 * MINUTE, 15 * MINUTE, id="every five minutes"),
        pytest.param(5 * MINUTE, MINUTE, id="once shortly before the end"),
        pytest.param(MINUTE, timedelta(), id="and at it"),
        pytest.param(timedelta(), -5 * MINUTE, id="past it, while somebody is inside"),
    ],
)
def test_when_it_is_looked_at_again(before_end: timedelta, look: timedelta) -> None:
    assert next_look(MEETING.stays, MEETING.stays - before_end) == MEETING.stays - look


def test_it_is_left_alone_until_its_end_is_near() -> None:
    """P8: no renewal, whatever share of its life is over."""
    made = plan(standing(NOW))
    assert (made.actions, made.holds) == ((), ())
    assert made.until == MEETING.stays - 20 * MINUTE


def test_a_room_without_an_end_is_left_alone() -> None:
    assert plan(standing(MEETING.stays, expires_at=None, use=OCCUPIED)).actions == ()


@pytest.mark.parametrize(
    ("state", "before_end", "matters"),
    [
        pytest.param(a.state(a.room(expires_at=MEETING.stays), wish=wish()), 20, True, id="near"),
        pytest.param(a.state(a.room(expires_at=MEETING.stays), wish=wish()), 21, False, id="far"),
        pytest.param(a.state(a.room(expires_at=None), wish=wish()), 0, False, id="without an end"),
        pytest.param(a.state(wish=wish()), 0, False, id="without a room"),
        pytest.param(
            a.state(a.room(expires_at=MEETING.stays), wish=a.desired()), 0, False, id="standing"
        ),
        pytest.param(a.state(a.room(expires_at=MEETING.stays)), 0, False, id="without a wish"),
    ],
)
def test_when_it_matters_who_is_inside(state: KeyState, before_end: int, matters: bool) -> None:
    assert looks_inside(state, MEETING.stays - before_end * MINUTE) is matters


# --- ended ----------------------------------------------------------------------------------------


def test_a_room_that_has_ended_is_closed_and_not_lost() -> None:
    made = plan(standing(MEETING.stays))
    assert acts(made) == ["Close"]
    assert made.actions[0].reason == "it came to its end"


def test_an_ended_occurrence_leaves_its_room_to_its_end() -> None:
    """Nothing is decided, so that no brake counts it, also where its end was moved far out."""
    asked = Unwanted("its occurrence has ended", by_itself=True)
    made = plan(standing(NOW + HOUR, asked=asked, expires_at=NOW + 300 * HOUR))
    assert (made.actions, made.holds) == ((), ())
    assert made.until == NOW + 300 * HOUR


def test_a_policy_that_is_gone_is_decided() -> None:
    """It is renewed meanwhile like every other room: here, moved on."""
    made = plan(standing(MEETING.stays - MINUTE, use=OCCUPIED, asked=Unwanted("it is gone")))
    assert acts(made) == ["Bury", "Renew"]


# --- named ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2026-11-26T1500", True),
        ("2026-11-26T15:00", False),
        ("2026-11-26T150000", False),
        ("2026-1-6T1500", False),
        ("2026-02-30T1500", False),
        ("checkout", False),
        ("", False),
    ],
)
def test_what_names_an_occurrence(text: str, names: bool) -> None:
    assert is_subject(text) is names


def test_subjects_sort_as_time_goes() -> None:
    starts = [datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(hours=7) for n in range(2000)]
    subjects = [subject_of(start) for start in starts]
    assert subjects == sorted(subjects)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" All hands ", "All hands"),
        ("", ""),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("x" * 198 + "  yz", "x" * 198 + "…"),
    ],
    ids=["trimmed", "blank", "long enough", "too long", "no blank before the ellipsis"],
)
def test_names_are_cut(text: str, name: str) -> None:
    assert cut(text) == name


def test_values_are_shown_on_the_clocks_of_the_zone() -> None:
    east = timedelta(hours=2)
    shown = values_of(MEETING, lambda moment: (moment + east).replace(tzinfo=None))
    assert shown == {
        "occurrence": {
            "opens": "2026-11-22T13:45",
            "start": "2026-11-22T14:00",
            "end": "2026-11-22T15:30",
        }
    }


@pytest.mark.parametrize(
    ("minutes", "problem"),
    [
        ((0, 10, 0), "the API wants more than 10m"),
        ((0, 11, 0), ""),
        ((4, 3, 4), ""),
        ((0, 365 * 1440 - 60, 0), ""),
        ((1, 365 * 1440 - 60, 0), "the API allows at most 365d"),
    ],
)
def test_how_long_a_room_can_live(minutes: tuple[int, int, int], problem: str) -> None:
    before, duration, stay = (n * MINUTE for n in minutes)
    found = life_problem(Schedule("0 12 * * *", "UTC", duration, before, stay))
    assert found.startswith(problem)
    assert bool(found) is bool(problem)
