"""Which rooms surely nobody used, what becomes of them, and what wakes them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain import outcomes, steering
from orchestrator.domain.actions import Close, Create, Hold, Plan, Renew, Sleep, Wake, Weight
from orchestrator.domain.dormancy import unused_since
from orchestrator.domain.keys import key
from orchestrator.domain.plan import plan, withhold
from orchestrator.domain.policies import Mode, Renewal, ReplaceMode
from orchestrator.domain.records import Dormancy, KeyState, Role
from orchestrator.domain.rooms import Occupancy
from orchestrator.domain.situation import UNKNOWN_USE, Kept, Situation, Unwanted, Use, Wanted
from orchestrator.domain.steering import Word
from tests import builders as a
from tests.builders import NOW, ROOM, YEAR
from tests.unit.domain.test_plan import acts, holds

DAY = timedelta(days=1)
HALF = Renewal(only_if_used_within=180 * DAY)
EMPTY = Use(Occupancy.EMPTY)
END = NOW + 60 * DAY  # of a year: its renewal is due, its last twentieth not there yet
ASLEEP = Dormancy(NOW - 10 * DAY, NOW - 200 * DAY)
KNOWN = NOW - YEAR
MODE = Hold("mode", "mode is no-removals")
BRAKE = Hold("brake", "brake 7: 9 links would end or change, 4 may")
ANNA = Word("anna (uid 1001)", "command", "OPS-4711")


def unused(
    *,
    use: Use = EMPTY,
    known: datetime | None = KNOWN,
    renewal: Renewal = HALF,
    end: datetime = END,
    held: Hold | None = None,
    room: dict[str, Any] | None = None,
    **state: Any,
) -> Situation:
    """A room that nobody used for a year and whose renewal is due."""
    record = a.room(expires_at=end, granted_at=end - YEAR, **(room or {}))
    return a.situation(
        Wanted(a.desired(renewal=renewal)),
        a.state(record, wish=a.desired(renewal=renewal), **state),
        world_=a.world(use_known_since=known),
        sightings={ROOM: a.observed(expires_at=end)},
        uses={ROOM: use},
        held=held,
    )


# --- what is known of use -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("situation", "since"),
    [
        (unused(), KNOWN),
        (unused(room={"watched_from": NOW - 30 * DAY}), NOW - 30 * DAY),
        (unused(room={"last_used_at": NOW - 20 * DAY}), NOW - 20 * DAY),
        (unused(use=Use(Occupancy.EMPTY, NOW - 10 * DAY)), NOW - 10 * DAY),
        (unused(use=Use(Occupancy.OCCUPIED, NOW)), None),
        (unused(known=None), None),
        (unused(use=Use(Occupancy.EMPTY, NOW - YEAR, lasting=True)), None),
    ],
    ids=[
        "as far as it is known",
        "a young record",
        "used by an earlier word",
        "used",
        "somebody is inside",
        "the API does not tell",
        "a session that never ends",
    ],
)
def test_since_when_a_room_is_surely_unused(situation: Situation, since: datetime | None) -> None:
    assert unused_since(situation, situation.state.rooms[0]) == since


# --- falling asleep -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [END, NOW + YEAR / 2], ids=["due", "months before"])
def test_what_nobody_used_for_long_enough_is_let_sleep(end: datetime) -> None:
    """At once, so that a brake sees those that look unused together."""
    (sleep,) = plan(unused(end=end)).actions
    assert isinstance(sleep, Sleep)
    assert (sleep.room_id, sleep.unused_since) == (ROOM, KNOWN)
    assert sleep.reason == "nobody used it for 180d (renewal.only_if_used_within)"
    assert (sleep.weight, sleep.calls) == (Weight.ENDING, "")


@pytest.mark.parametrize(
    ("situation", "until"),
    [
        (unused(end=NOW + YEAR / 2, use=Use(Occupancy.EMPTY, NOW - 179 * DAY)), NOW + DAY),
        (unused(end=NOW + YEAR / 2, use=UNKNOWN_USE), NOW + DAY),
        (unused(end=NOW + YEAR / 2, protect=True), NOW + DAY),
    ],
    ids=["when the time is over", "when it is known", "when nothing stands before"],
)
def test_it_is_looked_at_again(situation: Situation, until: datetime) -> None:
    made = plan(situation)
    assert (acts(made), made.until) == ([], until)


@pytest.mark.parametrize(
    "situation",
    [
        unused(renewal=Renewal()),
        unused(renewal=Renewal(only_if_used_within=366 * DAY)),
        unused(use=Use(Occupancy.EMPTY, NOW - 179 * DAY)),
        unused(use=Use(Occupancy.OCCUPIED, NOW)),
        unused(use=UNKNOWN_USE),
        unused(use=Use(Occupancy.EMPTY, heard=True)),
        unused(known=None),
        unused(known=NOW - 100 * DAY),
        unused(room={"watched_from": NOW - 100 * DAY}),
        unused(protect=True),
        unused(held=MODE),
        replace(unused(), wish=Kept(a.desired(renewal=HALF), "teams.yaml cannot be read")),
        replace(unused(), world=replace(unused().world, doubt="the listing was cut short")),
        replace(unused(), world=replace(unused().world, conflict="room 7 is another store's")),
        replace(unused(), world=replace(unused().world, stranger="another daemon is at work")),
        replace(unused(), world=replace(unused().world, use_unread="502")),
    ],
    ids=[
        "no such line",
        "not for so long",
        "used a day too lately",
        "somebody is inside",
        "whether somebody is inside is unknown",
        "empty by callbacks alone",
        "the API does not tell",
        "a new or a restored store",
        "adopted or rebuilt lately",
        "protected",
        "a mode",
        "its source cannot be read",
        "a doubtful listing",
        "a conflict",
        "a stranger",
        "who is inside cannot be read",
    ],
)
def test_p04_a_room_that_may_be_used_is_renewed(situation: Situation) -> None:
    """Unknown use counts as use, and whatever stands before an end lets the room live on."""
    assert acts(plan(situation)) == ["Renew"]


def test_a_brake_has_until_the_last_twentieth_and_then_the_room_is_renewed() -> None:
    """P10: people can still approve for weeks, and what is held does not run out."""
    made = plan(unused(held=BRAKE))
    assert acts(made) == []
    (hold,) = made.holds
    assert (hold.by, hold.reason, hold.until) == ("brake", BRAKE.reason, END - YEAR / 20)
    assert isinstance(hold.action, Sleep)
    assert made.until == END - YEAR / 20
    late = NOW + YEAR / 20
    made = plan(unused(held=BRAKE, end=late))
    assert acts(made) == ["Renew"]
    assert [(hold.by, hold.until) for hold in made.holds] == [("brake", None)]
    early = plan(unused(held=BRAKE, end=NOW + YEAR / 2))
    assert (acts(early), holds(early)) == ([], ["brake"])
    assert acts(plan(unused(end=late))) == ["Sleep"]


def test_a_mode_that_ends_nothing_lets_none_sleep() -> None:
    made = withhold(plan(unused()), Mode.NO_REMOVALS)
    assert made.actions == ()
    assert [hold.by for hold in made.holds] == ["mode"]


def test_the_decision_is_remembered_and_told() -> None:
    situation = unused()
    (sleep,) = plan(situation).actions
    outcome = outcomes.noted(situation.state, sleep, a.teller())
    assert outcome.state == replace(situation.state, dormant=Dormancy(NOW, KNOWN))
    (fact,) = outcome.facts
    assert (fact.event, fact.room_id, fact.reason) == ("room.dormant", ROOM, sleep.reason)
    assert fact.detail == {
        "display_name": a.NAME,
        "expires_at": "2027-01-21T12:00:00.000Z",
        "unused_since": "2025-11-22T12:00:00.000Z",
    }


# --- asleep ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "until"),
    [(END, NOW + DAY), (NOW + DAY / 2, NOW + DAY / 2)],
    ids=["looked at each day", "until it ends"],
)
def test_a_dormant_room_is_not_renewed(end: datetime, until: datetime) -> None:
    made = plan(unused(dormant=ASLEEP, end=end))
    assert acts(made) == []
    assert made.holds == (
        Hold(
            "dormant",
            "nobody used it since 06 May 2026 (only_if_used_within: 180d); it is renewed no more",
        ),
    )
    assert made.until == until


@pytest.mark.parametrize(
    ("situation", "why"),
    [
        (unused(dormant=ASLEEP, use=Use(Occupancy.OCCUPIED, NOW)), "somebody is inside"),
        (unused(dormant=ASLEEP, use=Use(Occupancy.EMPTY, NOW - DAY)), "used on 21 Nov 2026"),
        (unused(dormant=ASLEEP, use=Use(Occupancy.EMPTY, lasting=True)), "somebody is inside"),
        (unused(dormant=ASLEEP, known=None), "is not known any more"),
        (unused(dormant=ASLEEP, known=NOW - DAY), "used on 21 Nov 2026"),
        (unused(dormant=ASLEEP, room={"watched_from": NOW}), "used on 22 Nov 2026"),
        (unused(dormant=ASLEEP, protect=True), "it is protected"),
        (unused(dormant=ASLEEP, held=MODE), "mode is no-removals"),
        (unused(dormant=ASLEEP, renewal=Renewal()), "asks for it, used or not"),
        (unused(dormant=ASLEEP, renewal=Renewal(only_if_used_within=2 * YEAR)), "used on 22 Nov"),
    ],
    ids=[
        "somebody came",
        "somebody was there",
        "somebody is there for days",
        "the API tells no more",
        "a gap in what it told",
        "asked for",
        "protected",
        "a mode that ends nothing",
        "the line is gone",
        "the line allows for longer",
    ],
)
def test_what_wakes_a_dormant_room(situation: Situation, why: str) -> None:
    """It is renewed in the same turn, if that is due."""
    wake, renew = plan(situation).actions
    assert isinstance(wake, Wake)
    assert why in wake.reason
    assert isinstance(renew, Renew)
    outcome = outcomes.noted(situation.state, wake, a.teller())
    assert outcome.state == replace(situation.state, dormant=None)
    assert [(fact.event, fact.reason) for fact in outcome.facts] == [("room.woken", wake.reason)]


def test_a_brake_that_holds_others_wakes_nobody() -> None:
    assert acts(plan(unused(dormant=ASLEEP, held=BRAKE))) == []


@pytest.mark.parametrize("use", [UNKNOWN_USE, Use(Occupancy.EMPTY, heard=True)])
def test_a_restart_wakes_nobody(use: Use) -> None:
    """Before sessions were read again who is inside is unknown; what was decided stands."""
    assert acts(plan(unused(dormant=ASLEEP, use=use))) == []


def test_a_dormant_room_is_not_replaced() -> None:
    wish = a.desired("Another name", renewal=HALF, replace_mode=ReplaceMode.NOW)
    made = plan(replace(unused(dormant=ASLEEP), wish=Wanted(wish)))
    assert acts(made) == []
    assert holds(made) == ["dormant", "dormant"]


def test_a_dormant_room_that_is_wanted_no_more_is_removed_as_every_other() -> None:
    situation = replace(unused(dormant=ASLEEP), wish=Unwanted("its subject is gone"))
    assert acts(plan(situation)) == ["Bury"]


# --- over -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True], ids=["it came to its end", "it was lost"])
def test_a_dormant_room_that_is_over_is_not_missed(lost: bool) -> None:
    """No brake counts it, and none is made by itself; a person's word is waited for."""
    situation = unused(dormant=ASLEEP)
    outcome = outcomes.noted(situation.state, Close(ROOM, lost, "over"), a.teller())
    state = outcome.state
    assert state is not None
    assert (state.rooms, state.lost, state.dormant) == ((), False, ASLEEP)
    made = plan(replace(situation, state=state, sightings={}))
    assert acts(made) == []
    (hold,) = made.holds
    assert hold.by == "dormant"
    assert hold.reason.endswith("; it has ended")
    assert isinstance(hold.action, Create)


def over(renewal: Renewal = HALF) -> Situation:
    """A key whose dormant room has ended."""
    state = a.state(generation=3, wish=a.desired(renewal=renewal), dormant=ASLEEP)
    return a.situation(Wanted(a.desired(renewal=renewal)), state)


def test_a_policy_that_asks_no_more_for_use_gets_its_room() -> None:
    assert plan(over(Renewal())) == Plan((Wake("team-rooms.yaml:3 asks for it, used or not"),))


def test_a_key_that_is_wanted_no_more_is_forgotten() -> None:
    assert acts(plan(replace(over(), wish=Unwanted("its subject is gone")))) == ["Forget"]


@pytest.mark.parametrize("role", ["created", "let go"])
def test_what_ends_dormancy(role: str) -> None:
    situation = unused(dormant=ASLEEP)
    if role == "created":
        create = Create(a.desired(renewal=HALF), 4, "asked for")
        outcome = outcomes.answered(over().state, create, a.operation(), a.observed(), a.teller())
    else:
        stone = replace(situation.state, tombstone=a.tombstone())
        (let_go,) = plan(
            replace(situation, state=stone, wish=Unwanted("its subject is gone"))
        ).actions
        outcome = outcomes.noted(stone, let_go, a.teller())
    assert outcome.state is not None
    assert outcome.state.dormant is None


def test_a_person_who_asks_for_it_counts_as_its_use() -> None:
    state, _ = steering.asked(a.state(a.room(), a.room("2", role=Role.ENDING)), NOW, ANNA)
    assert [room.watched_from for room in state.rooms] == [NOW, None]


@pytest.mark.parametrize(
    ("old", "new", "dormant"),
    [
        (a.state(a.room(), dormant=ASLEEP), a.state(), ASLEEP),
        (a.state(dormant=ASLEEP), a.state(), ASLEEP),
        (a.state(a.room()), a.state(dormant=ASLEEP), None),
        (a.state(dormant=ASLEEP), a.state(a.room()), None),
    ],
    ids=["with its room", "over", "an awake room comes", "an awake room is there"],
)
def test_it_goes_along_with_its_room(
    old: KeyState, new: KeyState, dormant: Dormancy | None
) -> None:
    target = replace(new, key=key("team-rooms", "till"))
    outcome = outcomes.rekeyed(old, target, a.teller(), "renamed")
    assert outcome.state is not None
    assert outcome.state.dormant == dormant
