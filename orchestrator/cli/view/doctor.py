"""What the doctor found: a line a thing, below it how to mend it."""

from __future__ import annotations

from typing import Final

from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import DoctorReport, Health

_MARKS: Final = {
    Health.OK: ("ok", "green"),
    Health.NOTE: ("note", "yellow"),
    Health.UNKNOWN: ("unknown", "yellow"),
    Health.WRONG: ("WRONG", "bold red"),
}
_WIDTH: Final = len("unknown")


def show_findings(screen: Screen, report: DoctorReport) -> None:
    """Show every finding, and how many are wrong."""
    screen.note(f"config {report.config}", whole=True)
    widest = max((len(one.part) for one in report.findings), default=0)
    for one in report.findings:
        word, style = _MARKS[one.health]
        mend = f"  mend: {one.mend}" if one.mend and not screen.terminal else ""
        screen.line(
            (f"{word:<{_WIDTH}}  ", style),
            (f"{one.part:<{widest}}  ", "bold"),
            f"{one.told}{mend}",
            hang=_WIDTH + widest + 4,
        )
        if one.mend and screen.terminal:
            screen.line(("mend: ", "bold"), one.mend, indent=_WIDTH + 2, whole=True)
    if screen.terminal:
        verb = "is" if report.wrong == 1 else "are"
        told = f"{plural(report.wrong, 'thing')} {verb} wrong." if report.wrong else ""
        screen.line((told or "Nothing is wrong.", "bold"))
