"""What is remembered of a person's word, and what its fact tells."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain import outcomes, steering
from orchestrator.domain.actions import Resume
from orchestrator.domain.keys import key
from orchestrator.domain.records import Ask, Suspension
from orchestrator.domain.steering import Word
from tests import builders as a
from tests.builders import KEY, NAME, NOW, ROOM

ANNA = Word("anna (uid 1001)", "command", "OPS-4711")
TOMORROW = NOW + timedelta(days=1)


@pytest.mark.parametrize("on", [True, False], ids=["protected", "lifted"])
def test_protection_is_remembered_and_told(on: bool) -> None:
    state, fact = steering.protected(a.state(a.room(), protect=not on), ANNA, on=on)
    assert state == a.state(a.room(), protect=on)
    assert fact.event == ("room.protected" if on else "room.unprotected")
    assert (fact.actor, fact.cause, fact.reason) == ("anna (uid 1001)", "command", "OPS-4711")
    assert (fact.key, fact.room_id) == (KEY.encoded, ROOM)
    assert (fact.before, fact.after) == ({"protect": not on}, {"protect": on})


def test_a_suspension_tells_until_when_by_whom_and_why() -> None:
    state, fact = steering.suspended(a.state(a.room()), TOMORROW, ANNA)
    assert state.suspended == Suspension(TOMORROW, "anna (uid 1001)", "OPS-4711")
    assert (fact.event, fact.actor, fact.reason) == (
        "room.suspended",
        *("anna (uid 1001)", "OPS-4711"),
    )
    assert fact.detail == {"display_name": NAME, "until": "2026-11-23T12:00:00.000Z"}


@pytest.mark.parametrize(
    ("state", "name"),
    [(a.state(wish=a.desired()), NAME), (a.state(), "")],
    ids=["wanted", "nothing known"],
)
def test_a_key_without_a_room_can_be_suspended(state: object, name: str) -> None:
    assert isinstance(state, type(a.state()))
    _, fact = steering.suspended(state, TOMORROW, ANNA)
    assert (fact.room_id, fact.detail["display_name"]) == ("", name)


def test_resuming_tells_what_ended() -> None:
    state, fact = steering.resumed(a.state(suspended=a.suspension()), ANNA)
    assert state == a.state()
    assert fact.detail["until"] == "2026-11-24T12:00:00.000Z"
    assert steering.resumed(a.state(), ANNA)[1].detail == {"display_name": ""}


def test_a_wish_for_a_renewal_is_remembered_and_told() -> None:
    state, fact = steering.asked(a.state(a.room()), NOW, ANNA)
    assert state.asked == Ask(NOW, "anna (uid 1001)", "OPS-4711")
    assert (fact.event, fact.actor, fact.reason) == (
        "room.renew.asked",
        "anna (uid 1001)",
        "OPS-4711",
    )


def test_a_suspension_that_is_over_is_told_by_its_time() -> None:
    before = a.state(a.room(), suspended=a.suspension())
    outcome = outcomes.noted(before, Resume("its time is over"), a.teller())
    assert outcome.state == a.state(a.room())
    assert [(fact.event, fact.reason) for fact in outcome.facts] == [
        ("room.resumed", "its time is over")
    ]


@pytest.mark.parametrize(
    ("one", "other", "longest"),
    [(None, None, None), (1, None, 1), (None, 2, 2), (1, 2, 2), (2, 1, 2)],
)
def test_a_key_that_moves_takes_the_longer_suspension_along(
    one: int | None, other: int | None, longest: int | None
) -> None:
    def for_days(days: int | None) -> Suspension | None:
        return None if days is None else a.suspension(timedelta(days=days))

    old = a.state(a.room(), suspended=for_days(one))
    new = replace(a.state(suspended=for_days(other)), key=key("team-rooms", "till"))
    outcome = outcomes.rekeyed(old, new, a.teller(), "renamed")
    assert outcome.state is not None
    assert outcome.state.suspended == for_days(longest)
