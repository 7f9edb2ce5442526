"""Facts: only what the catalogue lists can be told."""

import re

import pytest

from orchestrator.domain.facts import CATALOGUE, CHANGED, CHECKPOINT, Fact, UnknownFactError
from orchestrator.domain.rooms import SETTINGS


@pytest.mark.parametrize("event", CATALOGUE)
def test_each_event_may_carry_all_its_fields(event: str) -> None:
    """And any change of any setting."""
    fact = Fact(
        event,
        before=dict.fromkeys(CHANGED),
        after=dict.fromkeys(SETTINGS),
        detail=dict.fromkeys(CATALOGUE[event].detail),
    )
    assert fact.event == event


def test_an_event_that_is_not_listed_is_refused() -> None:
    """A name is an interface before it is used."""
    with pytest.raises(UnknownFactError, match=re.escape("no event is called 'room.painted'")):
        Fact("room.painted")


def test_detail_that_is_not_listed_for_the_event_is_refused_by_name() -> None:
    """All of it at once, without the values."""
    message = r"^room.renewed does not carry host_url, rooms$"
    with pytest.raises(UnknownFactError, match=message):
        Fact("room.renewed", detail={"rooms": 1, "host_url": "secret", "display_name": "x"})


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_change_that_is_not_listed_is_refused(side: str) -> None:
    """A host link is none: it is a secret."""
    values = {"host_url": "secret", "theme_id": "t1"}
    with pytest.raises(UnknownFactError, match=r"^before and after do not tell of host_url$"):
        Fact(
            "room.updated",
            before=values if side == "before" else None,
            after=values if side == "after" else None,
        )


@pytest.mark.parametrize("event", CATALOGUE)
def test_names_and_meanings_are_fit_to_be_documented(event: str) -> None:
    """Lower case, a thing and what became of it; the meaning is one line for a table."""
    kind = CATALOGUE[event]
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", event)
    assert kind.meaning
    assert "|" not in kind.meaning
    assert "\n" not in kind.meaning
    assert not kind.meaning.endswith(".")
    assert all(re.fullmatch(r"[a-z_]+", name) for name in kind.detail)


@pytest.mark.parametrize(
    "event",
    [
        *("daemon.started", "policy.loaded", "policy.rejected", "policy.removed"),
        *("room.created", "room.adopted", "room.renewed", "room.updated", "room.replaced"),
        *("room.superseded", "room.rekeyed", "room.tombstoned", "room.restored", "room.retired"),
        *("room.deleted", "room.lost", "room.forgotten", "room.expired"),
        *("operation.started", "operation.unanswered", "operation.recovered"),
        *("delivery.sent", "brake.tripped", "brake.released", "clock.jumped", CHECKPOINT),
    ],
)
def test_names_that_others_rely_on_stay(event: str) -> None:
    """Searches, alerts and other people's programs hold them."""
    assert event in CATALOGUE
