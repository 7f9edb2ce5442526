"""A reviewed plan that was carried out: each act with what became of it, and then the sum."""

from __future__ import annotations

from collections import Counter
from typing import Final

from orchestrator.cli.view.plan import word_of
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import ActRow, ApplyReport, Outcome

_WORD: Final = 8
_SHOWN: Final = {
    Outcome.DONE: ("✓", "green"),
    Outcome.NEEDLESS: ("·", "dim"),
    Outcome.READY: ("·", "dim"),
    Outcome.DIFFERENT: ("!", "yellow"),
    Outcome.HELD: ("!", "yellow"),
    Outcome.FAILED: ("✗", "red"),
}
_TOLD: Final = {
    Outcome.DONE: "done",
    Outcome.NEEDLESS: "not needed",
    Outcome.READY: "not begun",
    Outcome.DIFFERENT: "different now",
    Outcome.HELD: "held",
    Outcome.FAILED: "failed",
}


def show_reviewed(screen: Screen, report: ApplyReport) -> None:
    """Show what became of a reviewed plan."""
    if screen.terminal:
        for row in report.acts:
            _paragraph(screen, row)
        if report.acts:
            screen.blank()
    elif report.acts:
        rows: list[list[Part]] = [
            [f"{_SHOWN[row.outcome][0]} {word_of(row.line)}", row.line.key, _state(row), row.why]
            for row in report.acts
        ]
        screen.columns(rows, ("", "", "", ""))
    screen.line((_sum(report), "bold"))


def _paragraph(screen: Screen, row: ActRow) -> None:
    symbol, style = _SHOWN[row.outcome]
    why = f": {row.why}" if row.why else ""
    screen.line(
        (f"{symbol} {word_of(row.line):<{_WORD}} ", style),
        (row.line.key, "bold"),
        f"  {_state(row)}{why}",
        indent=2,
        hang=2 + 2 + _WORD + 1,
    )


def _state(row: ActRow) -> str:
    held = f" ({row.held_by})" if row.held_by else ""
    return f"{_TOLD[row.outcome]}{held}"


def _sum(report: ApplyReport) -> str:
    if not report.acts:
        return f"Plan {report.plan} asks for nothing."
    counts = Counter(row.outcome for row in report.acts)
    told = ", ".join(f"{counts[one]} {_TOLD[one]}" for one in Outcome if counts[one])
    if not report.begun:
        return f"Plan {report.plan}: nothing was done, because not all of it can be. {told}."
    return f"Plan {report.plan}: {told}; {plural(report.calls, 'call')} made."
