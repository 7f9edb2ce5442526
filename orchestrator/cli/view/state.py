"""The store on a screen: what it is, and what a rebuild writes and finds different."""

from __future__ import annotations

from typing import Final

from orchestrator.cli.view.screen import Screen
from orchestrator.domain.reports import RebuildReport, StoreReport

_LABEL: Final = 12
_MOST: Final = 40  # differences on a terminal
_WORDS: Final = {
    "rooms": "rooms in all",
    "by_marker_alone": "known by their marker alone",
    "by_list_alone": "known by adopted.yaml alone",
    "moved": "keys that were called otherwise",
    "removals_decided": "removals decided",
    "unanswered_creates": "creates that were not answered",
    "people_inside": "rooms with people inside, as was heard",
    "policy_texts": "last good policy texts",
}


def show_rebuilt(screen: Screen, report: RebuildReport) -> None:
    """Show what was written, or would be."""
    _row(screen, "Store", f"{report.store}: {report.present}")
    known = [
        f"{number:,} {_WORDS.get(name, name)}" for name, number in report.known.items() if number
    ]
    _row(screen, "New store", ", ".join(known) or "nothing at all is known")
    for remark in report.remarks:
        _row(screen, "Doubtful", remark, "yellow")
    shown = report.differences[:_MOST] if screen.terminal else report.differences
    for line in shown:
        _row(screen, "Different", line)
    if len(shown) < len(report.differences):
        _row(screen, "", f"and {len(report.differences) - len(shown):,} keys more: --json")
    if not report.differences:
        _row(screen, "Different", "nothing: it remembers the same")
    for missing in report.missing:
        _row(screen, "Not to have", missing)
    if not report.written:
        screen.line("Nothing was written. To do it:  room-orchestrator state rebuild --reason …")
        return
    if report.kept:
        screen.line(f"The store that was there is kept as {report.kept}")
    screen.line(f"Written as store {report.incarnation}. Start the daemon; status tells the rest.")


def show_store_report(screen: Screen, report: StoreReport) -> None:
    """Show what a store is."""
    if report.doubt:
        _row(screen, "IN DOUBT", report.doubt, "bold red")
    _row(screen, "Store", f"{report.path}, incarnation {report.incarnation}")
    earlier = [name for name in report.lineage if name != report.incarnation]
    if earlier:
        _row(screen, "After", ", ".join(earlier))
    rooms = ", ".join(f"{number:,} {role}" for role, number in report.rooms.items()) or "no rooms"
    _row(screen, "Holds", f"{report.keys:,} keys, {rooms}, {report.policies:,} policies")
    behind = f", {report.behind:,} not in the log yet" if report.behind else ", all in the log"
    _row(screen, "Facts", f"up to {report.last_fact:,}{behind}")
    _row(screen, "Audit", f"{report.audit_lines:,} lines, up to fact {report.audit_seq:,}")


def _row(screen: Screen, label: str, text: str, style: str = "bold") -> None:
    screen.line((f"{label:<{_LABEL}}", style), text, hang=_LABEL)
