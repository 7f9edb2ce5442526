"""Views of pages that are rarer than those of `tests.reports`, and commands about them."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from orchestrator.cli.view.pages import show_opened, show_page, show_pages
from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.status import show_status
from orchestrator.domain.reports import OpenedPage, PageReport, PageRow, PagesReport
from orchestrator.domain.spoken import seconds
from tests.reports import BRIDGED, NOW, OVER, PAGE, ROOMLESS, STATUS, WITHHELD
from tests.unit.cli.conftest import CommandLine

MINUTE = timedelta(minutes=1)


def shown(view: Callable[[Screen], None], width: int | None = 200) -> str:
    out = io.StringIO()
    view(Screen(out, out, width is not None, width, color=False, now=NOW, zone=UTC))
    return out.getvalue()


def page(row: PageRow, **more: object) -> str:
    report = replace(PageReport(row), **more)  # type: ignore[arg-type]
    return shown(lambda screen: show_page(screen, report))


@pytest.mark.parametrize(
    ("span", "told"),
    [(0.0091, "0.009 s"), (0.314, "0.31 s"), (52.08, "52.1 s"), (272, "4 min"), (9.97, "9.97 s")],
)
def test_a_short_span_is_told_as_exactly_as_it_matters(span: float, told: str) -> None:
    """Three digits, not more."""
    assert seconds(span) == told


@pytest.mark.parametrize(
    ("row", "told"),
    [
        pytest.param(WITHHELD, "taken     no: it is not what oncall-bridge takes", id="withheld"),
        pytest.param(WITHHELD, "next      nothing, until a policy takes it", id="withheld-next"),
        pytest.param(OVER, "closed Fri 20 Nov 09:04 (closed by hand: the test is over)", id="over"),
        pytest.param(OVER, "next      nothing: it is over", id="over-next"),
        pytest.param(
            replace(BRIDGED, state="closing", closed_at=NOW - MINUTE, closes_at=NOW + MINUTE),
            "next      the room is let go today 12:01, once nobody is inside",
            id="closing",
        ),
        pytest.param(
            ROOMLESS, "leads to  the fallback  The meeting service did not make", id="fallback"
        ),
        pytest.param(
            ROOMLESS, "https://bridge.nordlicht.example/1, offered since 11:59:35", id="offered"
        ),
        pytest.param(
            replace(ROOMLESS, stage="waiting", leads_to="", fallback_at=NOW + MINUTE),
            "https://bridge.nordlicht.example/1, offered from 12:01:00",
            id="to-come",
        ),
        pytest.param(
            replace(ROOMLESS, fallback_used_at=NOW - MINUTE / 2),
            "used since 11:59:30: it stays",
            id="used",
        ),
        pytest.param(
            replace(ROOMLESS, stage="waiting", leads_to="", note=""),
            "leads to  not there yet",
            id="waiting",
        ),
        pytest.param(
            replace(BRIDGED, stage="waiting", room_id="", leads_to=""),
            "leads to  not there just now",
            id="gone",
        ),
        pytest.param(
            replace(BRIDGED, stage="idle", room_id="", leads_to=""),
            "leads to  ended unused",
            id="idle",
        ),
        pytest.param(
            replace(BRIDGED, link="", use="unknown", room_name="Another"),
            f'leads to  room 481 920 377, called "Another"  {BRIDGED.leads_to}',
            id="without-a-link",
        ),
        pytest.param(replace(BRIDGED, use="empty"), "377, nobody inside", id="empty"),
    ],
)
def test_a_page_says_where_it_stands(row: PageRow, told: str) -> None:
    """Whatever became of it."""
    assert told in page(row)


def test_who_shares_a_room_is_told_from_both_sides() -> None:
    """Five by name."""
    many = tuple(f"pagerduty {number}" for number in range(8))
    text = page(BRIDGED, sharing=many)
    assert "in a storm, its room with pagerduty 0, " in text
    assert "pagerduty 4 and 3 more" in text
    text = page(replace(BRIDGED, shares="oncall-bridge/pagerduty-1"), sharing=("pagerduty 0",))
    assert "the room of oncall-bridge/pagerduty-1, with pagerduty 0" in text
    assert "the room of oncall-bridge/x\n" in page(replace(BRIDGED, shares="oncall-bridge/x"))


def test_an_episode_without_a_room_of_its_own_says_whose_it_shared() -> None:
    """And nothing that is not known."""
    episode = replace(
        PAGE.episodes[1],
        shares="oncall-bridge/pagerduty-1",
        first_inside=None,
        last_left=None,
        fallback_used_at=None,
        reason="",
        closed_at=None,
    )
    text = page(BRIDGED, episodes=(PAGE.episodes[0], episode))
    assert "episode 1 03:00:00; shared the room of oncall-bridge/pagerduty-1\n" in text


def test_no_pages_are_told_on_a_terminal_alone() -> None:
    """A pipe has no record then."""
    assert shown(lambda screen: show_pages(screen, PagesReport()), None) == ""
    text = shown(lambda screen: show_pages(screen, PagesReport()))
    assert text == "No page is open.\n0 pages open · those that are over: --over\n"


def test_a_very_long_key_is_cut_in_a_list() -> None:
    """Alertmanager's are of any length."""
    row = replace(ROOMLESS, page="x" * 300)
    assert f"alertmanager {'x' * 26}… " in shown(
        lambda screen: show_pages(screen, PagesReport((row,))), None
    )


def test_a_page_by_hand_that_nobody_takes_says_why() -> None:
    """With how to close it."""
    opened = OpenedPage("withheld", "manual", "by-hand-1", why="no policy names it")
    text = shown(lambda screen: show_opened(screen, opened))
    assert text.splitlines() == [
        "withheld: no policy names it",
        "close it: room-orchestrator page close by-hand-1",
    ]


def test_without_a_public_address_the_rooms_own_link_is_told() -> None:
    """If it was waited for; otherwise it says what to do."""
    opened = OpenedPage("opened", "manual", "by-hand-1", guest_url="https://meet.test/j/1")
    text = shown(lambda screen: show_opened(screen, opened))
    assert text.startswith("https://meet.test/j/1\n")
    assert "write http.public_url in config.yaml" in text
    assert "http" not in shown(lambda s: show_opened(s, replace(opened, guest_url="")))[:8]


def test_status_counts_pages_however_many_there_are() -> None:
    """Six by name, those without a room first; nothing where there never was one."""
    many = tuple(replace(BRIDGED, number=str(number)) for number in range(8))
    report = replace(STATUS, pages=many, page_states={"open": 8}, senders=(), last_link=None)
    text = shown(lambda screen: show_status(screen, report), None)
    assert "Pages      8 open · all with their room · last: room after 0.31 s\n" in text
    assert "Pages      … 2 more: room-orchestrator page list\n" in text
    for count, words in ((1, "with its room"), (2, "both with their room")):
        few = replace(report, pages=many[:count], page_states={"open": count})
        assert words in shown(lambda screen, few=few: show_status(screen, few), None)  # type: ignore[misc]
    calm = replace(report, pages=(), page_states={}, last_room=None)
    assert "Pages" not in shown(lambda screen: show_status(screen, calm), None)
    quiet = replace(report, pages=(), page_states={})
    assert "none open · last: room after" in shown(lambda s: show_status(s, quiet), None)


def test_a_page_by_hand_carries_what_was_said_of_it(ro: CommandLine) -> None:
    """Each option in its place; `--wait` gives the room a minute."""
    said = ro(
        *("page", "open", "-t", "Slow", "--severity", "high", "--service", "checkout"),
        *("--team", "shop", "--key", "Q1", "--source", "pagerduty", "--wait"),
    )
    assert said.code == 0
    (order,) = ro.desk.ordered
    assert (order.title, order.source, order.key) == ("Slow", "pagerduty", "Q1")
    assert (order.severity, order.service, order.team) == ("high", "checkout", "shop")
    assert order.wait == timedelta(minutes=1)
    ro("page", "open")
    assert ro.desk.ordered[1].wait == timedelta()
    assert [one.reason for one in ro.desk.persons] == ["a test by hand"] * 2


def test_a_page_is_closed_by_hand(ro: CommandLine) -> None:
    """With the reason that was given; a blank one is refused."""
    assert ro("page", "close", "4711", "--reason", "over").out == (
        "done: close_page 4711\n  close_page\n  4711\n"
    )
    assert ro.desk.persons[-1].reason == "over"
    assert ro("page", "close", "4711", "--reason", " ").code == 2


def test_an_unknown_page_is_refused(ro: CommandLine) -> None:
    """In the desk's words."""
    said = ro("page", "show", "4712")
    assert (said.code, said.out) == (2, "")
    assert "no page is known by '4712': room-orchestrator page list --over" in said.err


def test_pages_are_told_to_programs(ro: CommandLine) -> None:
    """Times in UTC, everything there is."""
    assert '"room_after": 0.314' in ro("page", "show", "4711", "--json").out
    assert '"over": true' in ro("page", "list", "--over", "--json").out
    assert '"guest_url"' in ro("page", "open", "--json").out
