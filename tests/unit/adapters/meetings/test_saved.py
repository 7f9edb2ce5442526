"""A saved listing: in any form that people save one, whole or refused, and never its links."""

import json
from typing import Any

import pytest

from orchestrator.adapters.meetings.saved import Saved, read_saved
from orchestrator.foundation.problems import Problem


def room(room_id: str, **fields: Any) -> dict[str, Any]:
    """A room as the API lists one, the host's link first."""
    links = {"host_url": {"href": "https://m/?participant_token=secret"}, "guest_url": {}}
    return {"id": room_id, "display_name": f"Room {room_id}", "type": "long_term"} | {
        "expires_at": "2027-01-01T00:00:00.000Z",
        "_links": links,
        **fields,
    }


def page(*rooms: Any, total: int | None = None, following: bool = False) -> dict[str, Any]:
    links = {"next": {"href": "api.example.com/rooms?start_id=9"}} if following else {}
    told = {} if total is None else {"total_items": total}
    return {"page_size": 20, "_embedded": [*rooms], "_links": links, **told}


ONE, TWO = room("1"), room("2")
FORMS = {
    "a page": page(ONE, TWO, total=2),
    "a page with rooms in an object": {"_embedded": {"rooms": [ONE, TWO]}},
    "pages in a list": [page(ONE, following=True, total=2), page(TWO, total=2)],
    "the bare list": [ONE, TWO],
    "a room twice": [ONE, TWO, ONE],
    "a link that leads back": [page(ONE, TWO, following=True), page(ONE, TWO, following=True)],
    "a link that leads on, and all are here": page(ONE, TWO, following=True, total=2),
}


@pytest.mark.parametrize("document", FORMS.values(), ids=FORMS)
def test_every_form_of_a_listing_holds_the_same_rooms(document: Any) -> None:
    found = read_saved("rooms.json", json.dumps(document).encode())
    assert isinstance(found, Saved)
    assert [one.id for one in found.rooms] == ["1", "2"]
    assert (found.unreadable, found.missing) == ([], "")
    assert "secret" not in repr(found)


def test_documents_may_stand_one_after_another_with_or_without_a_mark() -> None:
    """As `curl` appends them, and as an editor under Windows saves them."""
    lines = f"\ufeff{json.dumps(page(ONE, following=True))}\n\n{json.dumps(TWO)} \r\n"
    found = read_saved("rooms.json", lines.encode())
    assert isinstance(found, Saved)
    assert [one.id for one in found.rooms] == ["1", "2"]


WHOLE = json.dumps(page(ONE, TWO, total=2), indent=1)
REFUSED = {
    "cut": (WHOLE[:200].encode(), "breaks off; save it anew"),
    "no json": (b"<html>", "rooms.json:1:1  Expecting value"),
    "no text": (b"[\xff", "is not UTF-8: byte 0xFF"),
    "empty": (b" \n", "is empty"),
    "deep": (b"[" * 200_000, "nested too deep"),
    "a number": (b"[7]", "neither a page nor a room"),
    "another object": (b'{"teams": []}', "neither a page nor a room"),
    "an odd page": (b'{"_embedded": "rooms"}', "its _embedded is not a list"),
}


@pytest.mark.parametrize(("content", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_listing_is_refused_with_its_place(content: bytes, told: str) -> None:
    found = read_saved("rooms.json", content)
    assert isinstance(found, Problem)
    assert told in str(found)
    assert "secret" not in str(found)


HALVES = {
    "a page is missing": (page(ONE, following=True), "its last page names a next one"),
    "rooms are missing": (page(ONE, total=2), "it has 1 rooms and says that there are 2"),
    "pages between are missing": (
        [page(ONE, total=3, following=True), page(TWO, total=3)],
        "it has 2 rooms and says that there are 3",
    ),
}


@pytest.mark.parametrize(("document", "told"), HALVES.values(), ids=HALVES)
def test_half_of_a_listing_says_so(document: Any, told: str) -> None:
    found = read_saved("rooms.json", json.dumps(document).encode())
    assert isinstance(found, Saved)
    assert told in found.missing


def test_a_room_that_cannot_be_read_hides_no_other() -> None:
    """It counts as one that is there, and is told of without its body."""
    rows = [ONE, room("2", type="palace"), 7, {"display_name": "no id"}, room("../x")]
    found = read_saved("rooms.json", json.dumps(page(*rows, total=5)).encode())
    assert isinstance(found, Saved)
    assert ([one.id for one in found.rooms], found.missing) == (["1"], "")
    assert found.unreadable == [
        "room 2 is of a type that is not known",
        "a room has no id",
        "a room has no id",
        "a room has an id that cannot stand in a path",
    ]
