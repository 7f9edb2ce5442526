"""Rooms: the list, and one room with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import (
    ForeignRow,
    NextAct,
    OpeningRow,
    RecordingRow,
    RoomRow,
    RoomsReport,
    WhyReport,
)

STYLES = {
    "open": "green",
    "occupied": "cyan",
    "held": "yellow",
    "ending": "red",
    "missing": "bold red",
    "dormant": "magenta",
    "waiting": "yellow",
}
_LABEL = 10


def show_rooms(screen: Screen, report: RoomsReport) -> None:
    """Show ours as a table, then those that are not ours where they were asked for."""
    if report.rooms or report.openings:
        screen.columns(
            [
                *(room_cells(screen, room) for room in report.rooms),
                *(opening_cells(screen, row) for row in report.openings),
            ],
            ("ROOM", "STATE", "ENDS", "NEXT", "LINK"),
        )
    elif screen.terminal:
        screen.line("No room is wanted, and none is ours.")
    if report.foreign:
        screen.blank()
        screen.columns(
            [_foreign(screen, room) for room in report.foreign],
            ("NOT OURS", "STATE", "ENDS", "NAME", "WHY IT IS NOT"),
        )
    if screen.terminal:
        screen.line(
            (f"{plural(len(report.rooms), 'room')} of ours{_others(report.foreign)}", "dim")
        )


def _others(foreign: Iterable[ForeignRow]) -> str:
    count = len(list(foreign))
    return f", {count:,} not ours, untouched" if count else ""


def room_cells(screen: Screen, room: RoomRow) -> list[Part]:
    """One room as the cells of a table: key, state, end, next act, link."""
    return [
        (room.key, "bold" if room.state != "superseded" else ""),
        (room.state, STYLES.get(room.state, "")),
        screen.moment(room.expires_at),
        _next(screen, room),
        room.link or room.guest_url or "-",
    ]


def opening_cells(screen: Screen, row: OpeningRow) -> list[Part]:
    """An occurrence to come: no room yet, and no link."""
    opens = f"open {screen.moment(row.opens)}"
    return [row.key, ("planned", "dim"), "-", opens, "-"]


def _next(screen: Screen, room: RoomRow) -> str:
    if room.next_act is not None:
        return f"{room.next_act.what} {screen.moment(room.next_act.at)}"
    if room.held:
        return f"held: {room.held[0].partition(':')[0]}"
    return "-"


def _foreign(screen: Screen, room: ForeignRow) -> list[Part]:
    return [
        room.room_id,
        "foreign",
        screen.moment(room.expires_at),
        f'"{room.display_name}"',
        room.marker or "it bears no marker of ours",
    ]


def show_room(screen: Screen, report: WhyReport) -> None:
    """Show one key's rooms with all that is known of them."""
    screen.line((report.key, "bold"))
    for room in report.rooms:
        _field(screen, "room", f'{room.room_id or "none"}  "{room.display_name}"  {room.type}')
        _field(screen, "state", _state(screen, room))
        _link(screen, "link", room.link or room.guest_url)
        _link(screen, "leads to", room.guest_url if room.link else "")
        _field(screen, "code", room.meeting_code)
        _field(screen, "made", _made(screen, room))
        ends = screen.moment(room.expires_at, to_the_minute=True)
        _field(screen, "ends", ends if room.expires_at else "")
        _field(screen, "used", _used(screen, room))
        _field(screen, "meetings", _meetings(screen, room))
        for held in room.held:
            _field(screen, "held", held)
    _field(screen, "next", _act(screen, report.next_act))
    _field(screen, "renewal", _renewal(screen, report.renewal))
    show_recordings(screen, report.recordings)


def show_recordings(screen: Screen, rows: Sequence[RecordingRow]) -> None:
    """Show the recordings of a key's rooms, each with what becomes of it."""
    for number, row in enumerate(rows):
        label = "" if number and screen.terminal else "recorded"
        began = screen.moment(row.started_at, to_the_minute=True)
        told = [f"{row.recording_id}  {began}  {row.state}", row.copy]
        if row.due is not None:
            verb = "was" if row.state in {"deleted", "lost"} else "will be deleted"
            told.append(f"{verb} {screen.moment(row.due, to_the_minute=True)}")
        told.append(row.why)
        _field(screen, label, "; ".join(filter(None, told)))


def _state(screen: Screen, room: RoomRow) -> str:
    told = [room.state]
    if room.protected:
        told.append("protected")
    if room.suspended_until is not None:
        told.append(f"suspended until {screen.moment(room.suspended_until, to_the_minute=True)}")
    return ", ".join(told)


def _made(screen: Screen, room: RoomRow) -> str:
    if room.created_at is None:
        return ""
    how = "adopted" if room.adopted else f"by us, generation {room.generation}"
    return f"{screen.moment(room.created_at, to_the_minute=True)}, {how}"


def _used(screen: Screen, room: RoomRow) -> str:
    if not room.room_id:
        return ""
    told = {
        "occupied": "somebody is inside now",
        "empty": "nobody is inside",
    }.get(room.use, "whether somebody is inside is not known")
    by = f", by {room.use_by}" if room.use_by else ""
    if room.use == "occupied":
        return f"{told}{by}"
    if room.last_used_at is None:
        return f"{told}{by}; no use of it is known"
    return f"{told}{by}; last used {screen.moment(room.last_used_at, to_the_minute=True)}"


def _meetings(screen: Screen, room: RoomRow) -> str:
    if not room.room_id:
        return ""
    if room.sessions is None or room.counted_since is None:
        return "how many there were is not known"
    least = "" if room.counted_whole else "at least "
    minutes = room.participant_minutes
    long = "" if minutes is None else f", {minutes:,.0f} participant minutes"
    since = screen.moment(room.counted_since, to_the_minute=True)
    told = f"{least}{plural(room.sessions, 'session')}{long} since {since}"
    return told if minutes is not None else f"{told}; how long they were is not told"


def _act(screen: Screen, act: NextAct | None) -> str:
    return "" if act is None else f"{act.what} on {screen.moment(act.at, to_the_minute=True)}"


def _renewal(screen: Screen, act: NextAct | None) -> str:
    """When, why then, and when at the latest."""
    if act is None:
        return ""
    told = f"on {screen.moment(act.at, to_the_minute=True)}, {act.why}"
    if act.latest is None:
        return told
    return f"{told}; at the latest on {screen.moment(act.latest, to_the_minute=True)}"


def _field(screen: Screen, label: str, text: str) -> None:
    if text:
        screen.line((f"{label:<{_LABEL}}", "dim"), text, indent=2, hang=2 + _LABEL)


def _link(screen: Screen, label: str, link: str) -> None:
    """A link, never broken in two: it is to be opened or pasted."""
    if screen.width is None or 2 + _LABEL + len(link) <= screen.width:
        _field(screen, label, link)
    elif link:
        screen.line((label, "dim"), indent=2)
        screen.line(link, indent=4, whole=True)
