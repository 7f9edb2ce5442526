"""Walking the pages: when a listing is complete, and when it is not to be trusted."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.adapters.meetings.rooms import Limits
from orchestrator.ports.faults import MissingError, UnavailableError
from orchestrator.ports.rooms import Page, RoomListing
from tests.fakes.clock import START, VirtualClock, finish
from tests.fakes.transport import Said, ScriptedTransport, client, room_document, said

ENDED = "2026-01-05T08:00:00.000Z"


def rooms(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    return [room_document(id=f"room-{number}", **changes) for number in numbers]


def page(embedded: Any, start: int | None = None, total: Any = ..., href: str = "") -> Said:
    """A page; with a start or an href it has a next one."""
    links = {"next": {"href": href or f"h.test/rooms?start_id={start}"}} if start or href else {}
    document = {"page_size": 20, "_embedded": embedded, "_links": links, "total_items": total}
    return said({key: value for key, value in document.items() if value is not ...})


async def listed(*pages: Said, start: int | None = None) -> tuple[RoomListing, list[str | None]]:
    """The listing, and the serials that were asked for."""
    transport = ScriptedTransport(*pages)
    listing = await client(transport, VirtualClock(), Limits(None, page_size=20)).list_rooms(start)
    assert {heard.query["page_size"] for heard in transport.heard} == {"20"}
    return listing, [heard.query.get("start_id") for heard in transport.heard]


def ids(listing: RoomListing) -> list[str]:
    return [room.id for room in listing.rooms]


async def test_the_last_page_has_no_next() -> None:
    """As our server and the final API do it."""
    listing, asked = await listed(page(rooms(1, 2), 13, 3), page(rooms(3), None, 3))
    assert ids(listing) == ["room-1", "room-2", "room-3"]
    assert (asked, listing.complete, listing.doubtful) == ([None, "13"], True, "")
    assert list(listing.pages) == [Page(None, alive=True), Page(13, alive=True)]
    assert listing.watermark is None


async def test_an_endless_next_ends_where_nothing_new_comes() -> None:
    """As the captured server did it: a next link on every page, the empty one too."""
    listing, asked = await listed(page(rooms(1, 2), 13, 2), page([], 14, 2))
    assert (ids(listing), asked) == (["room-1", "room-2"], [None, "13"])
    assert (listing.complete, listing.doubtful) == (True, "")


async def test_a_server_that_ignores_start_id_ends_too() -> None:
    """The same page again brings nothing new."""
    listing, asked = await listed(page(rooms(1, 2), 13, 2), page(rooms(1, 2), 13, 2))
    assert (ids(listing), asked, listing.complete) == (["room-1", "room-2"], [None, "13"], True)


async def test_a_total_never_ends_a_listing() -> None:
    """It is only what the listing is checked against."""
    listing, _ = await listed(page(rooms(1, 2), 13, 2), page(rooms(3), None, 2))
    assert ids(listing) == ["room-1", "room-2", "room-3"]
    assert (listing.complete, listing.doubtful) == (True, "it has 3 rooms and says 2")


async def test_a_short_listing_is_doubted() -> None:
    """Cut off by whom it may be."""
    listing, _ = await listed(page(rooms(1), None, 40))
    assert (listing.complete, listing.doubtful) == (True, "it has 1 rooms and says 40")


async def test_a_total_that_grows_while_we_walk_is_no_reason_for_doubt() -> None:
    """Rooms may be made meanwhile."""
    listing, _ = await listed(page(rooms(1, 2), 13, 2), page(rooms(3, 4), None, 4))
    assert listing.doubtful == ""
    listing, _ = await listed(page(rooms(1, 2), 13, 4), page(rooms(3), None, 3))
    assert listing.doubtful == ""


async def test_a_lookup_from_a_watermark_is_not_checked_against_the_total() -> None:
    """The total counts the rooms before it as well."""
    listing, asked = await listed(page(rooms(8, 9), None, 9), start=30)
    assert (asked, listing.doubtful, listing.complete) == (["30"], "", True)
    assert list(listing.pages) == [Page(30, alive=True)]


async def test_the_watermark_is_one_page_before_the_last() -> None:
    """So that a room which a page hid by its late commit is still found."""
    pages = (page(rooms(1), 12), page(rooms(2), 13), page(rooms(3)))
    listing, _ = await listed(*pages)
    assert listing.watermark == 12


@pytest.mark.parametrize(
    "href",
    ["h.test/rooms?start_id=12", "h.test/rooms?start_id=5", "h.test/rooms", "h.test/rooms?page=2"],
    ids=["the same", "back", "no serial", "another way of paging"],
)
async def test_a_next_link_that_leads_nowhere_leaves_the_listing_incomplete(href: str) -> None:
    """Unknown is not empty."""
    listing, asked = await listed(page(rooms(1), 12), page(rooms(2), href=href))
    assert (ids(listing), asked) == (["room-1", "room-2"], [None, "12"])
    assert not listing.complete
    assert listing.doubtful == "a page names a next one that cannot be found"


@pytest.mark.parametrize(
    ("totals", "doubt"),
    [((3, 3), ""), ((3, 4), ""), ((6, 3), ""), ((10, 0), "it said 10 rooms and then 0")],
    ids=["still", "one more", "three less", "another backend"],
)
async def test_a_total_may_move_a_little_between_two_pages(
    totals: tuple[int, int], doubt: str
) -> None:
    """Where it falls to nothing the second page is another API's: rooms of ours are not lost."""
    first, second = totals
    listing, _ = await listed(page(rooms(1, 2, 3), 12, first), page([], None, second))
    assert (listing.complete, listing.doubtful) == (True, doubt)


@pytest.mark.parametrize(("total", "complete"), [(0, True), (..., False), (3, False)])
async def test_an_empty_page_with_a_link_to_nowhere_is_the_end_only_if_it_says_so(
    total: Any, *, complete: bool
) -> None:
    """The captured servers link from empty pages too."""
    listing, _ = await listed(page([], href="h.test/rooms?start_id=undefined", total=total))
    assert (listing.rooms, listing.complete) == ((), complete)


async def test_a_page_that_tells_nothing_is_doubted() -> None:
    """No rooms and no total: perhaps something else answered."""
    listing, _ = await listed(said({"page_size": 20}))
    assert listing.doubtful == "it tells neither rooms nor how many there are"


async def test_a_room_that_cannot_be_read_makes_a_listing_doubtful_and_its_page_alive() -> None:
    """The others are there; nothing is removed on the strength of such a listing."""
    listing, _ = await listed(page([*rooms(1, expires_at=ENDED), {"id": "room-2"}], None, 2))
    assert ids(listing) == ["room-1"]
    assert listing.doubtful == "1 of its rooms cannot be read: room room-2 has no guest_url"
    assert listing.pages[0].alive


async def test_a_page_of_rooms_that_cannot_be_read_is_not_the_end() -> None:
    """They may be new."""
    listing, asked = await listed(page(rooms(1), 12), page([{"id": "x"}], 13), page(rooms(2)))
    assert (ids(listing), asked) == (["room-1", "room-2"], [None, "12", "13"])


@pytest.mark.parametrize(
    ("changes", "alive"),
    [
        ({}, True),
        ({"expires_at": ENDED}, False),
        ({"is_available": False}, False),
        ({"expires_at": ...}, True),
        ({"expires_at": ..., "is_available": False}, False),
    ],
)
async def test_a_page_is_alive_while_one_of_its_rooms_has_not_ended(
    changes: dict[str, Any], *, alive: bool
) -> None:
    """By either sign: expired rooms were listed as available."""
    listing, _ = await listed(page(rooms(1, **changes)))
    assert listing.pages[0].alive is alive


async def test_a_page_that_fails_for_good_fails_the_listing() -> None:
    """A partial listing is never returned."""
    clock = VirtualClock()
    transport = ScriptedTransport(page(rooms(1), 12), Said(500))
    with pytest.raises(UnavailableError):
        await finish(clock, client(transport, clock).list_rooms())
    assert len(transport.heard) == 5


async def test_a_listing_without_end_is_given_up() -> None:
    """Each page new, each with a next one."""

    def further(heard: Any) -> Said:
        start = int(heard.query.get("start_id", "0"))
        return page(rooms(start), start + 1)

    with pytest.raises(UnavailableError, match="does not end within 50 pages"):
        await client(
            ScriptedTransport(further), VirtualClock(), Limits(None, pages=50)
        ).list_rooms()


async def test_sessions_without_end_are_given_up() -> None:
    """Each page full, each new."""

    def further(heard: Any) -> Said:
        offset = int(heard.query["offset"])
        return sessions(f"a{offset}", f"b{offset}")

    rooms_ = client(ScriptedTransport(further), VirtualClock(), Limits(None, pages=50))
    with pytest.raises(UnavailableError, match="does not end within 50 pages"):
        await rooms_.list_sessions(START)


def sessions(*room_ids: str, **changes: Any) -> Said:
    rows = [{"room_id": one, "start_time": "2026-01-05T08:59:00.000Z"} for one in room_ids]
    return said({"page_size": 2, "_embedded": {"sessions": rows}} | changes)


@pytest.mark.parametrize(
    ("pages", "found", "offsets"),
    [
        ([sessions("a")], 1, ["0"]),
        ([sessions("a", "b"), sessions("c")], 3, ["0", "2"]),
        ([sessions("a", "b"), sessions()], 2, ["0", "2"]),
        ([sessions("a", "b"), sessions("a", "b")], 2, ["0", "2"]),
        ([sessions("a", total_items=2), sessions("b", total_items=2)], 2, ["0", "1"]),
        ([sessions("a", page_size=None), sessions()], 1, ["0", "1"]),
    ],
    ids=["short", "full, short", "full, empty", "offset ignored", "total says more", "no size"],
)
async def test_sessions_are_read_to_their_end(
    pages: list[Said], found: int, offsets: list[str]
) -> None:
    """An overlooked meeting would be an empty room."""
    transport = ScriptedTransport(*pages)
    told = await client(transport, VirtualClock()).list_sessions(START)
    assert told is not None
    assert len(told) == found
    assert [heard.query["offset"] for heard in transport.heard] == offsets


@pytest.mark.parametrize(
    "pages",
    [
        [sessions(total_items=1)],
        [sessions("a", total_items=3), sessions(total_items=3)],
        [sessions("a", "b", total_items=4), sessions("c", total_items=5), sessions(total_items=5)],
    ],
    ids=["none of one", "one of three", "more come, and not all are shown"],
)
async def test_p05_fewer_sessions_than_it_says_are_not_believed(pages: list[Said]) -> None:
    """The one that is left out may be going on."""
    with pytest.raises(UnavailableError, match=r"it has \d sessions and says \d"):
        await client(ScriptedTransport(*pages), VirtualClock()).list_sessions(START)


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_an_api_without_sessions_is_asked_once(status: int) -> None:
    """It was only ever there in the last months of the API."""
    transport = ScriptedTransport(Said(status))
    rooms_ = client(transport, VirtualClock())
    assert await rooms_.list_sessions(START) is None
    assert await rooms_.list_sessions(START) is None
    assert len(transport.heard) == 1


async def test_a_410_of_sessions_is_a_fault_like_any_other() -> None:
    """Only certain answers mean that there is no such thing."""
    with pytest.raises(MissingError):
        await client(ScriptedTransport(Said(410)), VirtualClock()).list_sessions(START)
