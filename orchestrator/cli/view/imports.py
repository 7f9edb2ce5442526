"""An import on a screen: its policies as a table, what was left out, what to type next."""

from __future__ import annotations

from typing import Final

from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import ImportReport

_HEADS: Final = ("policy", "rooms", "what they are")
_FILES: Final = 8


def show_import(screen: Screen, report: ImportReport) -> None:
    """Show what was written, or would be."""
    rows = [(one.name, f"{one.rooms:,}", one.says) for one in report.policies]
    if rows:
        screen.columns(rows, _HEADS)
        screen.blank()
    for theme in report.themes:
        pictures = f", {plural(theme.pictures, 'picture')}" if theme.pictures else ""
        told = f'{theme.name}: "{theme.shown}", of {plural(theme.rooms, "room")}{pictures}'
        screen.line(("theme     ", "dim"), told, hang=10)
    for left in report.left_out:
        some = ", ".join(left.some)
        more = ", …" if left.rooms > len(left.some) else ""
        screen.line(
            ("left out  ", "dim"),
            f"{plural(left.rooms, 'room')}: {left.why} ({some}{more})",
            hang=10,
        )
    for remark in report.remarks:
        screen.line(("look      ", "yellow"), remark, hang=10)
    if report.renewed_soon:
        soon = plural(report.renewed_soon, "room")
        screen.line(("soon      ", "cyan"), f"{soon} near the end, renewed at the first turn")
    shown = report.files[:_FILES]
    more = f" and {len(report.files) - _FILES:,} more" if len(report.files) > _FILES else ""
    _end(screen, report, f"{', '.join(shown)}{more}")


def _end(screen: Screen, report: ImportReport, files: str) -> None:
    rooms = f"{plural(report.read, 'room')} of {report.source}"
    if not report.policies:
        screen.line(f"Of {rooms} none is to be taken over.")
        return
    policies = plural(len(report.policies), "policy", "policies")
    taken = f"{report.taken:,} of {rooms} in {policies}: {files}"
    if report.written:
        screen.line(("Written: ", "green"), taken, hang=2)
    else:
        screen.line(("Nothing was written. ", "bold"), f"To be written: {taken}", hang=2)
    screen.line(("Next:  ", "bold"), report.then, whole=True)
