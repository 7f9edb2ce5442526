"""What a policy's values say of themselves."""

import pytest

from orchestrator.domain.keys import key
from orchestrator.domain.policies import Mode, Moved, stricter
from orchestrator.foundation.problems import Place
from tests import builders as a

PLACE = Place("team-rooms.yaml")


@pytest.mark.parametrize(
    ("one", "other", "holds"),
    [
        (Mode.ENFORCE, None, Mode.ENFORCE),
        (Mode.ENFORCE, Mode.NO_REMOVALS, Mode.NO_REMOVALS),
        (Mode.OBSERVE, Mode.ENFORCE, Mode.OBSERVE),
    ],
)
def test_of_two_modes_the_stricter_holds(one: Mode, other: Mode | None, holds: Mode) -> None:
    assert stricter(one, other) is holds


@pytest.mark.parametrize(
    ("source", "old"),
    [
        ("payments", key("team-rooms", "payments")),
        ("resource-rooms/atlas", key("resource-rooms", "atlas")),
        ("R&D/west", key("team-rooms", "R&D/west")),
        ("payments/", key("team-rooms", "payments/")),
    ],
    ids=["a subject", "of another policy", "a subject with a slash", "nothing after the slash"],
)
def test_the_keys_of_a_move(source: str, old: object) -> None:
    moved = Moved(source, "billing", PLACE)
    assert moved.old_key("team-rooms") == old
    assert moved.new_key("team-rooms") == key("team-rooms", "billing")


def test_an_attempt_is_remembered_by_what_the_room_is_to_be_like() -> None:
    wish = a.desired()
    assert a.desired(version="another").digest == wish.digest
    assert a.desired("Another room").digest != wish.digest
    assert a.desired(settings={"theme_id": "th-1"}).digest != wish.digest
