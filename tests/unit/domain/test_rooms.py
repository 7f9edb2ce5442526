"""Rooms in the API's words: the table of settings, whose a room is, whether it has ended."""

from datetime import datetime, timedelta

import pytest

from orchestrator.domain.marker import Marker, Unreadable
from orchestrator.domain.rooms import (
    EARLIEST_END,
    LATEST_END,
    LONGEST_ASK,
    NOTICE,
    SETTINGS,
    HostLink,
    Observed,
    Occupancy,
    Patch,
    has_ended,
    is_patchable,
)
from orchestrator.foundation.secret import Secret
from tests import builders as a


def marked(metadata: str | None) -> Observed:
    return a.observed(marked=metadata)


def test_a_room_tells_its_text_and_its_marker() -> None:
    """Two parts of one field."""
    room = marked(a.metadata(text="Ask Jo.", generation=3))
    assert room.text == "Ask Jo."
    assert isinstance(room.marker, Marker)
    assert room.marker.generation == 3


@pytest.mark.parametrize(
    ("metadata", "text", "marker"),
    [
        (None, "", None),
        ("hand-made", "hand-made", None),
        ("new [ro2 x]", "new", Unreadable("its marker is of version 2")),
    ],
    ids=["none", "text only", "another version"],
)
def test_a_room_without_our_marker_is_not_ours_by_itself(
    metadata: str | None, text: str, marker: Unreadable | None
) -> None:
    """Promise P3: its text is all that we know."""
    room = marked(metadata)
    assert (room.text, room.marker) == (text, marker)
    assert room.marked_by(a.OWNER) is None


def test_a_room_of_another_owner_is_not_ours() -> None:
    """Two installations may share one API."""
    room = marked(a.metadata(owner="somebody-else"))
    assert room.marked_by(a.OWNER) is None
    found = room.marked_by("somebody-else")
    assert found is not None
    assert found.owner == "somebody-else"


@pytest.mark.parametrize("occupancy", Occupancy)
@pytest.mark.parametrize(
    ("is_available", "end", "ended"),
    [
        (True, a.NOW + timedelta(microseconds=1), False),
        (True, None, False),
        (True, a.NOW, True),
        (True, a.NOW - timedelta(days=1), True),
        (False, a.NOW + timedelta(days=1), True),
        (False, None, True),
    ],
    ids=["to come", "no end", "just now", "past", "unavailable before", "unavailable, no end"],
)
def test_either_sign_ends_a_room_but_its_end_alone_not_while_occupied(
    occupancy: Occupancy,
    *,
    is_available: bool,
    end: datetime | None,
    ended: bool,
) -> None:
    """Some servers go on listing ended rooms; some let a meeting go on past `expires_at`."""
    room = a.observed(is_available=is_available, expires_at=end)
    still_inside = is_available and occupancy is Occupancy.OCCUPIED
    assert has_ended(room, a.NOW, occupancy) is (ended and not still_inside)


def test_without_word_of_occupancy_the_end_counts() -> None:
    """The default is that nobody is known to be inside."""
    assert has_ended(a.observed(expires_at=a.NOW), a.NOW)


def test_defaults_are_lawful_values() -> None:
    """A default that is no choice could never be asked for."""
    for path, rule in SETTINGS.items():
        assert not rule.choices or rule.default in rule.choices, path
        assert rule.choices or isinstance(rule.default, bool) or path == "theme_id"


def test_only_recording_options_are_born_with_the_room() -> None:
    """Everything else goes into a PATCH (the API notes, 6.5)."""
    fixed = {path for path, rule in SETTINGS.items() if not rule.patchable}
    assert fixed == {"recording_options.auto_record", "recording_options.record_only_owner"}


@pytest.mark.parametrize(
    ("path", "patchable"),
    [
        ("theme_id", True),
        ("recording_options.auto_record", False),
        ("display_name", False),
        ("type", False),
    ],
)
def test_only_a_patchable_setting_can_change(path: str, *, patchable: bool) -> None:
    """Name and type are no settings, and need another room."""
    assert is_patchable(path) is patchable


def test_what_we_ask_for_lies_within_the_bounds_of_the_api() -> None:
    """With a margin, because clocks differ."""
    assert EARLIEST_END < NOTICE
    assert LONGEST_ASK < LATEST_END


def test_a_patch_asks_for_nothing_by_default() -> None:
    """Only what is named is sent."""
    assert dict(Patch().settings) == {}
    assert Patch().expires_at is None


def test_p11_a_host_link_does_not_print() -> None:
    """It gives a host's rights to whoever reads it."""
    link = HostLink("r1", Secret("https://meet.example/h/abc"))
    assert "abc" not in repr(link)
