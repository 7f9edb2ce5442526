"""What is remembered of rooms that are gone: as long as an answer may still come that shows one."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.rooms import Observed
from orchestrator.domain.situation import Gone
from orchestrator.engine.observations import Observations
from orchestrator.ports.rooms import RoomListing
from tests.builders import NOW, observed

HOUR = 3600.0
ROOM = observed()
OTHER = replace(ROOM, id="other")


def listed(observations: Observations, began: float, *shown: Observed) -> None:
    """A complete listing that is believed."""
    listing = RoomListing(shown, pages=(), complete=True)
    observations.walked(listing, None, began, NOW)
    observations.listed = True
    observations.absent(listing, began, NOW)


def remembered(observations: Observations) -> set[str]:
    return {*observations._sights}  # noqa: SLF001 - how much is remembered shows nowhere else


def test_a_room_that_is_long_gone_takes_no_memory_and_is_told_the_same() -> None:
    """With a room for each page a daemon would grow by each for as long as it lives."""
    observations = Observations("acme")
    listed(observations, 0.0, ROOM, OTHER)
    listed(observations, 10.0, OTHER)
    observations.take_changed()
    gone = observations.sighting(ROOM.id)
    assert gone == Gone("it was not in the last complete listing")
    listed(observations, 9.0 + HOUR, OTHER)
    assert remembered(observations) == {ROOM.id, OTHER.id}
    listed(observations, 11.0 + HOUR, OTHER)
    assert remembered(observations) == {OTHER.id}
    assert observations.sighting(ROOM.id) == gone
    assert not observations.take_changed()
    listed(observations, 12.0 + HOUR, ROOM, OTHER)
    assert observations.sighting(ROOM.id) == ROOM
    assert [*observations.take_changed()] == [ROOM.id]


def test_until_then_an_older_answer_brings_no_room_back() -> None:
    """The younger word counts, also that a room is not there."""
    observations = Observations("acme")
    listed(observations, 0.0, ROOM)
    listed(observations, 10.0)
    listed(observations, 9.0 + HOUR)
    observations.saw(ROOM, 5.0)
    assert isinstance(observations.sighting(ROOM.id), Gone)


def test_a_room_that_somebody_is_to_hear_of_is_not_forgotten_before() -> None:
    """Who takes what changed asks for each of it."""
    observations = Observations("acme")
    listed(observations, 0.0, ROOM)
    listed(observations, 10.0)
    listed(observations, 11.0 + HOUR)
    assert observations.take_changed() == {ROOM.id: None}
    listed(observations, 12.0 + HOUR)
    assert remembered(observations) == set()


def test_why_a_room_is_gone_is_kept() -> None:
    """What was said of it alone is told to people, and an approval stands on what they saw."""
    observations = Observations("acme")
    listed(observations, 0.0, ROOM)
    observations.missed(ROOM.id, "the API does not know it", 10.0)
    listed(observations, 20.0)
    observations.take_changed()
    listed(observations, 30.0 + HOUR)
    assert observations.sighting(ROOM.id) == Gone("the API does not know it")
