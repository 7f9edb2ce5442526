"""Pages: the list, one page with all that became of it, and one that was sent by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import length, plural
from orchestrator.domain.reports import (
    EpisodeRow,
    OpenedPage,
    PageReport,
    PageRow,
    PagesReport,
    ToldRow,
)
from orchestrator.domain.spoken import seconds
from orchestrator.foundation.pasting import shell_word

_STYLES: Final = {
    "open": "green",
    "withheld": "yellow",
    "closing": "cyan",
    "closed": "dim",
}
_SEVERE: Final = {"critical": "bold red", "high": "red"}
_LABEL: Final = 10
_NAME_MOST: Final = 40  # characters


def show_pages(screen: Screen, report: PagesReport) -> None:
    """Show pages as a table; those without a room that should have one first."""
    rows = sorted(report.pages, key=need)
    if rows:
        screen.columns(
            [_cells(screen, row) for row in rows],
            ("PAGE", "STATE", "SEVERITY", "SINCE", "ROOM", "TITLE, LINK"),
        )
    elif screen.terminal:
        screen.line("No page is open.")
    if screen.terminal:
        open_ = sum(row.state in {"open", "withheld"} for row in rows)
        more = "" if report.over else " · those that are over: --over"
        screen.line((f"{plural(open_, 'page')} open{more}", "dim"))


def need(row: PageRow) -> int:
    """The order in which pages need somebody: those without a room first."""
    if row.state == "open":
        return 1 if row.room_id else 0
    return {"withheld": 2, "closing": 3}.get(row.state, 4)


def _cells(screen: Screen, row: PageRow) -> list[Part]:
    return [
        (short(row), "bold"),
        (row.state, _STYLES.get(row.state, "")),
        (row.severity, _SEVERE.get(row.severity, "")),
        screen.moment(row.opened_at),
        place(row),
        "  ".join(filter(None, (f'"{row.title}"' * bool(row.title), row.link or row.leads_to))),
    ]


def short(row: PageRow) -> str:
    """What people call a page by; a long key is cut."""
    return row.name if len(row.name) <= _NAME_MOST else f"{row.name[: _NAME_MOST - 1]}…"


def place(row: PageRow) -> str:
    """Where people are, or why they are not, in a few words."""
    if row.state == "withheld":
        return "none: no policy takes it"
    if row.state == "closed":
        return "over"
    if row.stage == "fallback" or (row.fallback_used_at is not None and row.leads_to):
        return "the fallback"
    if row.room_id:
        inside = {"occupied": ", somebody inside", "empty": ", nobody inside"}.get(row.use, "")
        return f"{row.meeting_code or row.room_id}{inside}"
    if row.stage == "waiting":
        return "not there yet" if row.room_after is None else "not there just now"
    return "ended unused" if row.stage == "idle" else "none"


def show_page(screen: Screen, report: PageReport) -> None:
    """Show one page: what it is, where its link leads, who was told, what was and what comes."""
    row = report.page
    screen.line(
        (row.name, "bold"),
        f'  "{row.title}"   ' if row.title else "   ",
        (row.severity, _SEVERE.get(row.severity, "")),
        "   ",
        (_state(screen, row), _STYLES.get(row.state, "")),
        _count(screen, row),
        hang=4,
    )
    _field(screen, "about", " · ".join(filter(None, (row.service, row.team))))
    _field(screen, "there", row.url, whole=True)
    _join(screen, row)
    _field(screen, "times", _times(row))
    _field(screen, "taken", f"by the policy {row.policy}" if row.policy else f"no: {row.reason}")
    _field(screen, "shares", _sharing(row, report))
    _field(screen, "told", _told(screen, report))
    for episode in report.episodes[1:]:
        _field(screen, f"episode {episode.count}", _episode(screen, episode))
    _field(screen, "fallback", _fallback(screen, row))
    _field(screen, "next", _next(screen, report))


def _state(screen: Screen, row: PageRow) -> str:
    if row.closed_at is None:
        word = "OPEN" if row.state == "open" else "WITHHELD"
        return f"{word} for {length(screen.now - row.opened_at)}"
    why = f" ({row.reason})" if row.reason else ""
    return f"{row.state} {screen.moment(row.closed_at)}{why}"


def _count(screen: Screen, row: PageRow) -> str:
    if row.count == 1:
        return ""
    return f", episode {row.count} (opened again {screen.moment(row.opened_at)})"


def _join(screen: Screen, row: PageRow) -> None:
    if not row.policy:
        return
    if row.link:
        _field(screen, "join", row.link, whole=True)
    where = place(row)
    if row.room_id and where != "the fallback":
        where = f"room {where}"
    if row.room_name and row.room_name != row.title:
        where += f', called "{row.room_name}"'
    told = [where, row.note]
    if not row.link:
        told.append(row.leads_to)
    _field(screen, "leads to", "  ".join(filter(None, told)))


def _times(row: PageRow) -> str:
    told = []
    if row.link_after is not None:
        told.append(f"link after {seconds(row.link_after)}")
    if row.room_after is not None:
        told.append(f"room after {seconds(row.room_after)}")
    return ", ".join(told)


def _sharing(row: PageRow, report: PageReport) -> str:
    if not (row.shares or report.sharing):
        return ""
    others = ", ".join(report.sharing[:5])
    more = f" and {len(report.sharing) - 5} more" if len(report.sharing) > 5 else ""
    if row.shares:
        with_ = f", with {others}{more}" if others else ""
        return f"in a storm, the room of {row.shares}{with_}"
    return f"in a storm, its room with {others}{more}"


def _told(screen: Screen, report: PageReport) -> str:
    return " · ".join(_one_told(screen, one) for one in report.told)


def _one_told(screen: Screen, one: ToldRow) -> str:
    told = one.destination
    if one.told_at is not None:
        told += f" {_clock(screen, one.told_at)} ({one.stage})"
    elif one.stage:
        told += f" ({one.stage})"
    if one.given_up:
        return f"{told}: given up: {one.fault}"
    if one.fault:
        again = "" if one.next_at is None else f", next try {_clock(screen, one.next_at)}"
        return f"{told}: failed{again}: {one.fault}"
    return told if one.stage else f"{told}: not told yet"


def _clock(screen: Screen, at: datetime) -> str:
    """The time of day, to the second, and the day where it is not today."""
    here, today = at.astimezone(screen.zone), screen.now.astimezone(screen.zone)
    if here.date() == today.date():
        return f"{here:%H:%M:%S}"
    return screen.moment(at, to_the_minute=True)


def _episode(screen: Screen, one: EpisodeRow) -> str:
    end = "" if one.closed_at is None else f" to {_clock(screen, one.closed_at)}"
    told = [f"{_clock(screen, one.opened_at)}{end}"]
    if one.reason:
        told.append(one.reason)
    if one.shares:
        told.append(f"shared the room of {one.shares}")
    elif one.room_after is not None:
        told.append(f"room known after {seconds(one.room_after)}")
    if one.fallback_used_at is not None:
        told.append(f"people went to the fallback {_clock(screen, one.fallback_used_at)}")
    if one.first_inside is not None:
        told.append(f"first inside {_clock(screen, one.first_inside)}")
    if one.last_left is not None:
        told.append(f"last left {_clock(screen, one.last_left)}")
    return "; ".join(told)


def _fallback(screen: Screen, row: PageRow) -> str:
    if not row.fallback:
        return ""
    if row.fallback_used_at is not None:
        return f"{row.fallback}, used since {_clock(screen, row.fallback_used_at)}: it stays"
    if row.fallback_at is None or row.state != "open" or row.room_id:
        return f"{row.fallback}, not used"
    word = "since" if row.fallback_at <= screen.now else "from"
    return f"{row.fallback}, offered {word} {_clock(screen, row.fallback_at)}"


def _next(screen: Screen, report: PageReport) -> str:
    row = report.page
    if row.state == "withheld":
        return "nothing, until a policy takes it: on_page in docs/policies.md"
    if row.closes_at is None:
        return "nothing: it is over"
    if row.state == "closing":
        return f"the room is let go {screen.moment(row.closes_at)}, once nobody is inside"
    after = "" if row.close_after is None else f" {length(row.close_after)} after"
    age = "" if report.max_age is None else f", {length(report.max_age)} after it opened"
    return (
        f"stays while the page is open; let go{after} it is closed, once nobody is inside; counts "
        f"as closed {screen.moment(row.closes_at)}{age}"
    )


def show_opened(screen: Screen, opened: OpenedPage) -> None:
    """Show what became of a page that was sent by hand: its link alone in a pipe."""
    close = f"close it: room-orchestrator page close {shell_word(opened.key)}"
    if opened.outcome == "withheld":
        screen.line((f"withheld: {opened.why}", "yellow"))
        screen.note(close, whole=True)
        return
    link = opened.link or opened.guest_url
    if link:
        screen.line(link, whole=True)
    named = f"{opened.source} {opened.key}"
    said = f"{opened.outcome} as {named}, recorded in {seconds(opened.seconds)}"
    if opened.room_seconds is not None:
        said += f", its room known after {seconds(opened.room_seconds)}"
    screen.note(said, whole=True)
    if opened.guest_url and opened.link:
        screen.note(f"it leads to {opened.guest_url}", whole=True)
    if not opened.link:
        screen.note(
            "no link of our own: write http.public_url in config.yaml; with --wait the room's "
            "own link is printed"
        )
    screen.note(close, whole=True)


def _field(screen: Screen, label: str, text: str, *, whole: bool = False) -> None:
    if text:
        hang = 2 + _LABEL
        screen.line((f"{label:<{_LABEL}}", "dim"), text, indent=2, hang=hang, whole=whole)
