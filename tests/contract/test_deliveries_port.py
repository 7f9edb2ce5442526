"""The delivery port: one suite over the fake and the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.delivery.file import AlertsFile, JsonFile
from orchestrator.adapters.delivery.site import Pages, Site, StaticSite
from orchestrator.domain.alerts import Alert
from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import Addresses, LinkView
from orchestrator.domain.reports import LinkRow, LinksReport
from orchestrator.foundation.instants import parse_instant
from orchestrator.ports.deliveries import (
    AlertBoard,
    DeliveredRoom,
    DeliveryFault,
    Destination,
    LinkBoard,
)
from tests.fakes.deliveries import FakeBoard, FakeDestination, FakeLinkBoard

NOW = datetime(2027, 1, 31, 9, 0, 0, 120, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

CHECKOUT = DeliveredRoom(
    policy="team-rooms",
    subject="checkout",
    key="team-rooms/checkout",
    room_id="b3142c46-d1c1-4405-baa6-85683827ed69",
    display_name='Chéckout "room"\n',
    type="long_term",
    guest_url="https://meet.example/123456789",
    meeting_code="123456789",
    expires_at=NOW + timedelta(days=365),
    ending=False,
)
INCIDENT = replace(CHECKOUT, subject="incident", key="team-rooms/incident", expires_at=None)


@dataclass
class Stand:
    """A destination, what people see there and since when, and how to break it."""

    destination: Destination
    shown: Callable[[], tuple[list[DeliveredRoom], datetime]]
    break_it: Callable[[], None]


def _file(tmp_path: Path) -> Stand:
    folder = tmp_path / "shown"
    folder.mkdir()
    path = folder / "rooms.json"

    def shown() -> tuple[list[DeliveredRoom], datetime]:
        told = json.loads(path.read_bytes())
        rooms = [
            DeliveredRoom(
                **{**room, "expires_at": room["expires_at"] and parse_instant(room["expires_at"])}
            )
            for room in told["rooms"]
        ]
        return rooms, parse_instant(told["written_at"])

    # A folder where the draft should be: even root cannot write through it.
    return Stand(JsonFile("here", path), shown, (folder / ".rooms.json.new").mkdir)


def _fake(_: Path) -> Stand:
    fake = FakeDestination("here")

    def shown() -> tuple[list[DeliveredRoom], datetime]:
        assert fake.written_at is not None
        return list(fake.shown), fake.written_at

    def break_it() -> None:
        fake.fault = DeliveryFault("on purpose")

    return Stand(fake, shown, break_it)


@pytest.fixture(params=[_fake, _file], ids=["fake", "file"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Stand:
    built: Stand = request.param(tmp_path)
    return built


def test_it_has_the_name_that_policies_know(stand: Stand) -> None:
    """As it was given."""
    assert stand.destination.name == "here"


async def test_the_rooms_are_shown_in_their_order(stand: Stand) -> None:
    """With every field as it is."""
    await stand.destination.deliver([INCIDENT, CHECKOUT], NOW)
    assert stand.shown() == ([INCIDENT, CHECKOUT], NOW)


async def test_no_room_is_shown_as_no_room(stand: Stand) -> None:
    """An empty list is a state like any other."""
    await stand.destination.deliver([CHECKOUT], NOW)
    await stand.destination.deliver([], LATER)
    assert stand.shown() == ([], LATER)


async def test_a_change_replaces_everything(stand: Stand) -> None:
    """What is not told any more is not shown any more."""
    await stand.destination.deliver([CHECKOUT, INCIDENT], NOW)
    changed = replace(INCIDENT, ending=True)
    await stand.destination.deliver([changed], LATER)
    assert stand.shown() == ([changed], LATER)


async def test_twice_is_as_once(stand: Stand) -> None:
    """Nothing is written anew, not even the time."""
    await stand.destination.deliver([CHECKOUT], NOW)
    await stand.destination.deliver((CHECKOUT,), LATER)
    assert stand.shown() == ([CHECKOUT], NOW)


async def test_a_failure_leaves_what_was_shown(stand: Stand) -> None:
    """And says so with the port's own fault."""
    await stand.destination.deliver([CHECKOUT], NOW)
    stand.break_it()
    with pytest.raises(DeliveryFault):
        await stand.destination.deliver([INCIDENT], LATER)
    assert stand.shown() == ([CHECKOUT], NOW)


def test_a_host_link_has_no_place_to_stand() -> None:
    """P11: what is delivered holds no field for it."""
    assert set(asdict(CHECKOUT)) == {
        "policy", "subject", "key", "room_id", "display_name", "type", "link", "guest_url",
        "meeting_code", "expires_at", "ending",
    }  # fmt: skip


# --- boards ---

AWAY = Alert("api", 'The API is "away"\nsince noon', NOW)
BRAKED = Alert("brake", "Bremse größer", LATER)


@dataclass
class BoardStand:
    """A board, what people see there, and how to break it."""

    board: AlertBoard
    shown: Callable[[], list[Alert]]
    break_it: Callable[[], None]


def _board_file(tmp_path: Path) -> BoardStand:
    folder = tmp_path / "shown"
    folder.mkdir()
    path = folder / "rooms.alerts.json"

    def shown() -> list[Alert]:
        told = json.loads(path.read_bytes())
        return [
            Alert(one["cause"], one["message"], parse_instant(one["since"]))
            for one in told["alerts"]
        ]

    return BoardStand(AlertsFile(path), shown, (folder / ".rooms.alerts.json.new").mkdir)


def _board_fake(tmp_path: Path) -> BoardStand:
    del tmp_path
    board = FakeBoard()

    def break_it() -> None:
        board.fault = DeliveryFault("no space left")

    return BoardStand(board, lambda: list(board.alerts), break_it)


@pytest.fixture(params=[_board_file, _board_fake], ids=["file", "fake"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> BoardStand:
    """Each implementation."""
    made: BoardStand = request.param(tmp_path)
    return made


async def test_a_board_shows_exactly_what_stands(board: BoardStand) -> None:
    """All of it, in its order, and nothing of what was before."""
    await board.board.show([AWAY, BRAKED], NOW)
    assert board.shown() == [AWAY, BRAKED]
    await board.board.show([BRAKED], LATER)
    assert board.shown() == [BRAKED]
    await board.board.show([], LATER)
    assert board.shown() == []


async def test_a_board_that_fails_shows_what_stood(board: BoardStand) -> None:
    """It says so, and loses nothing."""
    await board.board.show([AWAY], NOW)
    board.break_it()
    with pytest.raises(DeliveryFault):
        await board.board.show([], LATER)
    assert board.shown() == [AWAY]


# --- boards of links ---


@dataclass
class LinkStand:
    """A board of links, where they lead from there (None: over), and how to break it."""

    board: LinkBoard
    leads: Callable[[], dict[str, str | None]]
    break_it: Callable[[], None]
    mend_it: Callable[[], None]


def _static(tmp_path: Path) -> LinkStand:
    folder = tmp_path / "links"

    def leads() -> dict[str, str | None]:
        if not folder.exists():
            return {}
        links = json.loads((folder / "index.json").read_bytes())["links"]
        return {
            "https://r.example" + one["path"]: None if one["stage"] == "closed" else one["leads_to"]
            for one in links
        }

    # A folder where a draft should be: even root cannot write through it.
    broken = folder / ".index.json.new"

    def break_it() -> None:
        folder.mkdir(exist_ok=True)
        broken.mkdir()

    pages = Pages(lambda view, _: view.title, "nowhere")
    return LinkStand(StaticSite("here", Site(folder, pages)), leads, break_it, broken.rmdir)


def _fake_links(_: Path) -> LinkStand:
    fake = FakeLinkBoard("here")

    def leads() -> dict[str, str | None]:
        return {link: None if view is None else view.leads_to for link, view in fake.leads.items()}

    def break_it() -> None:
        fake.fault = DeliveryFault("on purpose")

    def mend_it() -> None:
        fake.fault = None

    return LinkStand(fake, leads, break_it, mend_it)


@pytest.fixture(params=[_fake_links, _static], ids=["fake", "static"])
def link_stand(request: pytest.FixtureRequest, tmp_path: Path) -> LinkStand:
    built: LinkStand = request.param(tmp_path)
    return built


ONE, OTHER = "https://r.example/r/team-rooms/a-abc", "https://r.example/r/team-rooms/b-abc"


def leading(**rooms: str) -> LinksReport:
    """A report of links that lead to rooms."""
    links = {"one": ONE, "other": OTHER}
    return LinksReport(
        "https://r.example",
        tuple(
            LinkRow(name, Addresses(links[name]), LinkView(Stage.OPEN, name, room_link=room))
            for name, room in rooms.items()
        ),
    )


async def test_links_lead_where_they_are_told_to(link_stand: LinkStand) -> None:
    """Each to its room; what is not told any more is over, and not forgotten."""
    board = link_stand.board
    assert board.name == "here"
    for _ in range(2):
        await board.lead(leading(one="https://m.example/1", other="https://m.example/2"), NOW)
        assert link_stand.leads() == {ONE: "https://m.example/1", OTHER: "https://m.example/2"}
    await board.lead(leading(one="https://m.example/3"), LATER)
    assert link_stand.leads() == {ONE: "https://m.example/3", OTHER: None}
    await board.lead(leading(other="https://m.example/4"), LATER)
    assert link_stand.leads() == {ONE: None, OTHER: "https://m.example/4"}


async def test_links_that_cannot_be_told_lead_where_they_led(link_stand: LinkStand) -> None:
    """And are told the next time."""
    await link_stand.board.lead(leading(one="https://m.example/1"), NOW)
    link_stand.break_it()
    with pytest.raises(DeliveryFault):
        await link_stand.board.lead(leading(one="https://m.example/2", other="x"), LATER)
    assert link_stand.leads() == {ONE: "https://m.example/1"}
    link_stand.mend_it()
    await link_stand.board.lead(leading(one="https://m.example/2"), LATER)
    assert link_stand.leads() == {ONE: "https://m.example/2"}
