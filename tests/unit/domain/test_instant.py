"""Instant rooms and rooms of pages: when the next is made, and when one has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.actions import Abandon, Close, Create, Delete, Forget, LetGo, Plan, Retire
from orchestrator.domain.instant import is_idle
from orchestrator.domain.outcomes import answered, noted
from orchestrator.domain.plan import plan
from orchestrator.domain.policies import Desired, PageWish
from orchestrator.domain.records import KeyState, OperationKind, RoomRecord
from orchestrator.domain.rooms import NOTICE, Occupancy, RoomType
from orchestrator.domain.situation import Gone, Pending, Unwanted, Use, Wanted
from tests.builders import (
    NAME,
    NOW,
    desired,
    observed,
    operation,
    room,
    situation,
    state,
    teller,
    world,
)

MINUTE = timedelta(minutes=1)
WISH = replace(desired(NAME, type_=RoomType.INSTANT), page=PageWish())
OPEN = replace(WISH, page=PageWish(keep_open=True))
LONG = replace(desired(), page=PageWish())
OVER = Unwanted("its page is over", by_itself=True, at_once=True)
ENDS = NOW + 10 * MINUTE
INSTANT = room(type_=RoomType.INSTANT, expires_at=ENDS, lifetime=None)
SEEN = observed(type_=RoomType.INSTANT, expires_at=ENDS)


def ended(wish: Desired = OPEN, **more: object) -> KeyState:
    """A key whose room ended a minute ago."""
    return replace(state(wish=wish, generation=1), ended_at=NOW - MINUTE, **more)  # type: ignore[arg-type]


def asked(times: int, *, keep_open: bool = True) -> Desired:
    return replace(WISH, page=PageWish(keep_open=keep_open, asks=times))


@pytest.mark.parametrize(
    ("wish", "before", "reason"),
    [
        pytest.param(WISH, state(), "team-rooms.yaml:3 asks for it", id="first"),
        pytest.param(WISH, state(generation=1), "team-rooms.yaml:3 asks for it", id="not-made"),
        pytest.param(OPEN, ended(), "its last room was used and has ended", id="used"),
        pytest.param(OPEN, ended(unjoined=1), "", id="unjoined"),
        pytest.param(WISH, ended(), "", id="not-kept-open"),
        pytest.param(WISH, ended(lost=True), "its room is gone", id="lost"),
        pytest.param(asked(1), ended(unjoined=1), "somebody asked", id="asked"),
        pytest.param(asked(1), ended(unjoined=1, asks_met=1), "", id="asked-and-met"),
        pytest.param(asked(1, keep_open=False), ended(), "", id="asked-in-vain"),
        pytest.param(asked(3), ended(unjoined=3, asks_met=2), "", id="asked-too-often"),
        pytest.param(
            asked(3),
            replace(ended(unjoined=3, asks_met=2), ended_at=NOW - 60 * MINUTE),
            "somebody asked",
            id="asked-an-hour-later",
        ),
    ],
)
def test_when_an_open_page_gets_a_room(wish: Desired, before: KeyState, reason: str) -> None:
    """Its first at once, the next where the last one was used or somebody asks."""
    made = plan(situation(Wanted(wish), before, world_=world(listed=False, doubt="x")))
    if not reason:
        assert made.actions == ()
        assert made.holds[0].by == "idle"
        return
    (action,) = made.actions
    assert isinstance(action, Create)
    assert reason in action.reason
    assert (action.generation, action.lost) == (before.generation + 1, False)


def test_what_was_asked_too_often_is_looked_at_again() -> None:
    """An hour after the last room ended."""
    made = plan(situation(Wanted(asked(3)), ended(unjoined=3, asks_met=2)))
    assert made.until == NOW + 59 * MINUTE
    assert "3 rooms in a row" in made.holds[0].reason


@pytest.mark.parametrize(
    ("before", "page", "idle"),
    [
        (None, PageWish(), False),
        (state(), PageWish(), False),
        (ended(), PageWish(), True),
        (ended(lost=True), PageWish(), False),
        (ended(), PageWish(keep_open=True), False),
        (ended(unjoined=1), PageWish(keep_open=True), True),
        (ended(unjoined=1), PageWish(keep_open=True, asks=1), False),
    ],
    ids=["unknown", "not-yet", "ended", "lost", "used", "unjoined", "asked-for"],
)
def test_whether_a_page_waits_for_somebody_to_ask(
    before: KeyState | None, page: PageWish, idle: bool
) -> None:
    """Only then is its room one that no further page of a storm may share."""
    assert is_idle(before, page) is idle


def test_no_room_is_made_for_a_page_that_is_closed() -> None:
    """What was not carried out is let go, and forgotten."""
    closing = replace(WISH, page=PageWish(closing=True))
    made = plan(situation(Wanted(closing), replace(state(generation=1), wish=WISH)))
    assert [type(action) for action in made.actions] == [Forget]
    pending = Pending(operation(), None, looked=True)
    made = plan(situation(Wanted(closing), state(wish=WISH), pending=pending))
    assert [type(action) for action in made.actions] == [Abandon]


def test_an_unanswered_create_is_sent_again_after_one_look() -> None:
    """Of an instant room; one that lives on is proved absent first, like every other."""
    again = Pending(operation(), None, looked=False, until=NOW + MINUTE, glanced=True)
    (action,) = plan(situation(Wanted(WISH), state(generation=1), pending=again)).actions
    assert isinstance(action, Create)
    assert (action.again, action.generation) == (operation(), 1)
    for wish, pending in ((LONG, again), (WISH, replace(again, glanced=False))):
        made = plan(situation(Wanted(wish), state(generation=1), pending=pending))
        assert made.actions == ()
        assert made.holds[0].by == "settle"
    over = plan(situation(OVER, state(generation=1, wish=WISH), pending=again))
    assert over.actions == ()


def alive(use: Use | None = None, *, now: timedelta = timedelta(), **seen: object) -> Plan:
    """The plan of an open page with an instant room, so long after its birth."""
    shown = replace(SEEN, **seen)  # type: ignore[arg-type]
    return plan(
        situation(
            Wanted(OPEN),
            replace(state(INSTANT, wish=OPEN)),
            world_=world(NOW + now),
            sightings={INSTANT.id: shown},
            uses={} if use is None else {INSTANT.id: use},
        )
    )


def test_an_instant_room_is_looked_at_when_it_should_have_ended() -> None:
    """Ten minutes after its birth, or after its last visitor; nobody tells of it."""
    assert alive().until == ENDS
    left = Use(Occupancy.EMPTY, NOW + 30 * MINUTE)
    made = alive(left, now=31 * MINUTE)
    assert (made.actions, made.until) == ((), NOW + 40 * MINUTE)
    made = alive(Use(Occupancy.OCCUPIED, NOW + 50 * MINUTE), now=50 * MINUTE)
    assert made.actions == ()
    for gone in (alive(left, now=40 * MINUTE), alive(now=11 * MINUTE)):
        (action,) = gone.actions
        assert isinstance(action, Close)
    gone = alive(left, now=31 * MINUTE, is_available=False)
    assert isinstance(gone.actions[0], Close)


@pytest.mark.parametrize(
    ("record", "use", "action"),
    [
        pytest.param(INSTANT, Use(Occupancy.EMPTY), Delete, id="empty"),
        pytest.param(INSTANT, Use(), LetGo, id="instant-unknown"),
        pytest.param(room(), Use(), Retire, id="long-unknown"),
        pytest.param(room(), Use(Occupancy.EMPTY), Delete, id="long-empty"),
        pytest.param(room(), Use(Occupancy.OCCUPIED), None, id="occupied"),
    ],
)
def test_the_room_of_a_page_that_is_over_ends_once_it_is_empty(
    record: RoomRecord, use: Use, action: type | None
) -> None:
    """Without tombstone, grace or brake."""
    shown = observed(type_=record.type, expires_at=record.expires_at)
    held = situation(
        OVER, state(record, wish=WISH), sightings={record.id: shown}, uses={record.id: use}
    )
    made = plan(held)
    assert [type(one) for one in made.actions] == ([] if action is None else [action])
    assert all(one.after == NOW + NOTICE for one in made.actions if isinstance(one, Retire))


def test_what_is_remembered_when_a_page_gets_and_loses_its_room() -> None:
    """How often in a row nobody came, and which wishes for another were met; nothing is lost."""
    create = Create(asked(2), 2, "asked")
    made = answered(ended(unjoined=2), create, operation(), SEEN, teller()).state
    assert made is not None
    assert (made.asks_met, made.unjoined, made.creates.count) == (2, 2, 0)
    for last_used_at, unjoined in ((None, 3), (NOW, 0)):
        kept = replace(made, rooms=(replace(made.rooms[0], last_used_at=last_used_at),))
        after = noted(kept, Close(made.rooms[0].id, lost=False, reason="x"), teller()).state
        assert after is not None
        assert (after.unjoined, after.ended_at, after.lost) == (unjoined, NOW, False)
    after = noted(made, Close(made.rooms[0].id, lost=True, reason="x"), teller()).state
    assert after is not None
    assert after.lost
    assert OperationKind.CREATE is operation().kind
    assert isinstance(plan(situation(Wanted(WISH), after)).actions[0], Create)


def test_a_room_of_a_page_that_is_not_found_is_looked_for_twice() -> None:
    """As every other, while its time is not up."""
    held = situation(Wanted(WISH), state(INSTANT, wish=WISH), sightings={INSTANT.id: Gone("404")})
    assert plan(held).actions[0].calls == ""
