"""The demo as one sees it: where everything is, each room as it appears, what to try, what happens.

Lines only, each printed once: nothing is drawn over, so it reads the same in a pipe.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.app.auditing import Entry
from orchestrator.app.build import App
from orchestrator.app.demo import PAGE_TITLE
from orchestrator.cli.view.rooms import opening_cells, room_cells
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import OpenedPage, RoomRow, RoomsReport, StatusReport
from orchestrator.domain.spoken import seconds
from orchestrator.foundation.pasting import shell_word
from orchestrator.foundation.problems import Problem
from orchestrator.foundation.shapes import Json

_HEADS: Final = ("ROOM", "STATE", "ENDS", "NEXT", "JOIN")
# The widths that most rows have; a wider cell only shifts its own row.
_WIDTHS: Final = (28, 8, 11, 17)
_LABEL: Final = 17
_SYMBOLS: Final = {
    "room.created": ("+", "green"),
    "room.replaced": ("⟲", "yellow"),
    "room.renewed": ("⟳", "green"),
    "room.updated": ("~", "yellow"),
    "room.rekeyed": ("→", "cyan"),
    "room.adopted": ("=", "cyan"),
    "room.restored": ("+", "green"),
    "policy.loaded": ("✓", "green"),
    "policy.removed": ("-", "red"),
    "brake.tripped": ("!", "bold red"),
}
_SHOWN: Final = ("room.", "policy.", "brake.", "api.un", "api.rec", "page.closed")
_HIDDEN: Final = ("policy.rejected",)  # told by its problems, with file and line


class DemoView:
    """Shows a demo on a screen; implements `orchestrator.app.demo.Onlooker`."""

    def __init__(self, screen: Screen, folder: str, program: str) -> None:
        """Show on ``screen``; ``program`` is how its commands are typed here."""
        self._screen = screen
        self._folder = folder
        self._config = shell_word(f"{folder}/config.yaml")
        self._program = program
        self._there: set[tuple[str, str]] = set()
        self._again = False

    def opened(self, app: App, status: StatusReport) -> None:
        """Tell where everything is."""
        if self._again:
            self._say(("config taken anew", "dim"))
            return
        self._again = True
        screen = self._screen
        subjects = sum(policy.subjects for policy in status.policies)
        policies = plural(len(status.policies), "policy", "policies")
        screen.line(
            ("Room Orchestrator", "bold"),
            f", a demo on this machine alone. Ctrl-C ends it; all is kept in {self._folder}/.",
        )
        screen.blank()
        self._fact("Meetings server", f"{app.api.url}  embedded, ours; rooms survive a restart")
        self._fact(
            "Daemon",
            f"mode {status.mode}, owner {status.owner}, watching {self._folder}/policies "
            f"({policies}, {plural(subjects, 'subject')})",
        )
        token = f"to act, log in with {self._folder}/secrets/status.token"
        self._fact("Status page", f"{status.page}  {token}")
        self._fact("Log, audit", f"{self._folder}/state/daemon.log, audit.jsonl")
        screen.blank()
        if screen.terminal:
            screen.line((self._columns(_HEADS).rstrip(), "bold"))

    def appeared(self, rooms: RoomsReport) -> None:
        """Print the rooms that are new."""
        for row in rooms.rooms:
            if row.room_id and row.next_act is not None:
                self._print(row)
        self._screen.out.flush()

    def settled(self, rooms: RoomsReport) -> None:
        """Print what is not there and why, how many there are, and what to try."""
        for row in rooms.rooms:
            self._print(row)
        for opening in rooms.openings:
            cells = opening_cells(self._screen, opening)
            texts = [cell if isinstance(cell, str) else cell[0] for cell in cells]
            self._screen.line(self._columns(texts), whole=True)
        screen, program, folder = self._screen, self._program, self._folder
        why = f"{program} rooms why team-rooms/checkout --config {self._config}"
        screen.blank()
        screen.line((f"{plural(len(rooms.rooms), 'room')}, each because a file says so.", "bold"))
        steps = (
            "open a JOIN link",
            f"change a name in {folder}/policies/data/teams.yaml and save: see below",
            f"in another terminal:   {why}",
            f"your own, when done:   {program} init my-rooms",
        )
        for number, step in enumerate(steps, start=1):
            head = "Now you:" if number == 1 else ""
            screen.line(
                (head, "bold"), f"{'':<{10 - len(head)}}{number}  {step}", indent=2, whole=True
            )
        screen.blank()
        screen.out.flush()

    def happened(self, entry: Entry) -> None:
        """Print a fact that is about rooms or policies."""
        if not entry.event.startswith(_SHOWN) or entry.event in _HIDDEN:
            return
        symbol, style = _SYMBOLS.get(entry.event, ("·", "yellow"))
        told = [_subject(entry), *_changes(entry), entry.text("reason")]
        link = entry.values("detail").get("guest_url")
        if isinstance(link, str):
            told.append(link)
        self._say(
            (f"{symbol} {entry.event:<16} ", style), ("  ".join(filter(None, told))), at=entry
        )

    def paged(self, at: datetime, opened: OpenedPage) -> None:
        """Print how long a test page took, and the link to click."""
        zone = self._screen.zone
        moment = at.astimezone(zone)
        came = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"
        took = f"link after {seconds(opened.seconds)}"
        if opened.room_seconds is not None:
            took += f", room after {seconds(opened.room_seconds)}"
        self._screen.line(
            ("oncall-bridge", "bold"),
            f'  a test page "{PAGE_TITLE}" came at {came}: {took}',
            hang=4,
        )
        self._screen.line((opened.link or opened.guest_url, "cyan"), indent=4, whole=True)
        self._screen.line(
            f"another one:   {self._program} page open --title … --wait --config {self._config}",
            indent=4,
            whole=True,
        )
        self._screen.out.flush()

    def unpaged(self, why: str) -> None:
        """Print why there is no test page."""
        self._say(("! ", "bold red"), f"no test page: {why}")

    def wrong(self, problems: tuple[Problem, ...]) -> None:
        """Print problems, or that there are none any more."""
        if not problems:
            self._say(("✓ no problem any more", "green"))
        stays: Part = ("; what was in force stays in force", "dim")
        for problem in problems:
            self._say(("! ", "bold red"), f"{problem.place}  {problem.message}", stays)

    def ended(self) -> None:
        """Print that it ended, and how to go on."""
        self._screen.line(
            f"Ended in order. All is kept in {self._folder}/; start it again to go on."
        )

    def _print(self, row: RoomRow) -> None:
        identity = (row.key, row.room_id)
        if identity in self._there:
            return
        self._there.add(identity)
        *cells, link = room_cells(self._screen, row)
        texts = [cell if isinstance(cell, str) else cell[0] for cell in cells]
        if row.held and not row.room_id:
            link = row.held[0]
        line = self._columns(texts)
        width = self._screen.width
        place = link if isinstance(link, str) else link[0]
        if width is not None and len(line) + len(place) > width:
            self._screen.line(line.rstrip())
            self._screen.line((place, "cyan"), indent=2)
        else:
            self._screen.line(line, (place, "cyan"))

    def _columns(self, texts: list[str] | tuple[str, ...]) -> str:
        padded = [f"{text:<{width}}  " for text, width in zip(texts, _WIDTHS, strict=False)]
        return "".join(padded) + "".join(texts[len(_WIDTHS) :])

    def _fact(self, label: str, text: str) -> None:
        self._screen.line((f"{label:<{_LABEL}}", "bold"), text, hang=_LABEL)

    def _say(self, *parts: Part, at: Entry | None = None) -> None:
        moment = "" if at is None else f"{at.ts.astimezone(self._screen.zone):%H:%M:%S}  "
        self._screen.line((moment, "dim"), *parts, hang=12)
        self._screen.out.flush()


def shown_folder(folder: Path, cwd: Path) -> str:
    """The demo's folder as one types it here."""
    return str(folder.relative_to(cwd)) if folder.is_relative_to(cwd) else str(folder)


def _subject(entry: Entry) -> str:
    name = entry.values("detail").get("display_name")
    file = entry.values("detail").get("file")
    told = [entry.text("key"), f'"{name}"' if isinstance(name, str) else ""]
    if isinstance(file, str):
        told.append(file)
    return "  ".join(filter(None, told))


def _changes(entry: Entry) -> list[str]:
    before, after = entry.values("before"), entry.values("after")
    return [
        f"{name} {_value(before.get(name))} → {_value(after.get(name))}"
        for name in dict.fromkeys((*before, *after))
        if name not in {"guest_url", "meeting_code", "generation"}
    ]


def _value(value: Json) -> str:
    return (
        "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )
