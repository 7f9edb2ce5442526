"""The links of a plan alone: which end, which change, which move; and how many stay.

What holds an end or a change is told beside it: it would still come when that is gone.
"""

from __future__ import annotations

from typing import Final

from orchestrator.cli.view.plan import (
    Group,
    grouped,
    listing,
    subject,
    what,
)
from orchestrator.cli.view.problems import show_problems
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import LinkFate, PlanLine, PlanReport

_STYLES: Final = {"ENDS": "bold red", "CHANGES": "bold yellow", "MOVES": "cyan"}
_WIDTH: Final = len("CHANGES")
_INNER: Final = 2 + _WIDTH + 2


def fate(line: PlanLine) -> str:
    """What becomes of a line's link, in one word; an empty text where it stays or is new."""
    if line.action == "move":
        return "MOVES"
    return {LinkFate.ENDS: "ENDS", LinkFate.CHANGES: "CHANGES"}.get(line.link, "")


def touched(report: PlanReport) -> list[PlanLine]:
    """Every line by which a link would end, change or move, in this order; what is held as well."""
    return sorted(
        filter(fate, (*report.lines, *report.held)),
        key=lambda line: list(_STYLES).index(fate(line)),
    )


def links_sentence(report: PlanReport) -> str:
    """How many links there are, and how many of them end or change, move, and stay."""
    keys: dict[str, set[str]] = {word: set() for word in _STYLES}
    for line in touched(report):
        keys[fate(line)].add(line.key)
    lost, moved = keys["ENDS"] | keys["CHANGES"], keys["MOVES"] - keys["ENDS"] - keys["CHANGES"]
    known = {line.key for line in (*report.lines, *report.held) if line.link != LinkFate.NEW}
    every = report.unchanged + len(known)
    told = [f"{len(lost):,} would change or end"]
    if moved:
        told.append(f"{len(moved):,} would move")
    stay = every - len(lost) - len(moved)
    told.append(f"{stay:,} {'stays' if stay == 1 else 'stay'}")
    return f"Of {plural(every, 'link')} {', '.join(told)}."


def show_links(screen: Screen, report: PlanReport) -> None:
    """Show what becomes of links; in a pipe each in a line of its own."""
    lines = touched(report)
    screen.line((links_sentence(report), "bold"), f" {listing(screen.now, report)}")
    if screen.terminal:
        for group in grouped(lines):
            _paragraph(screen, group)
        for line in report.standing:
            parts = (f"{'ENDS':<{_WIDTH}}  {line.key}  {_decided(screen, line)}", "dim")
            screen.line(parts, indent=2, hang=_INNER)
    else:
        rows = [_record(screen, line) for line in lines]
        rows.extend(["ENDS", line.key, _decided(screen, line)] for line in report.standing)
        if rows:
            screen.columns(rows, ("", "", ""))
    show_problems(screen, report.problems)
    for policy in report.unknown:
        screen.line((f"not known: {policy}", "yellow"))


def _decided(screen: Screen, line: PlanLine) -> str:
    return f"ends {screen.moment(line.when)}, as decided before: {line.reason}"


def _paragraph(screen: Screen, group: Group) -> None:
    line, many = group.first, len(group.lines) > 1
    word = fate(line)
    parts: list[Part] = [
        (f"{word:<{_WIDTH}}  ", _STYLES[word]),
        (subject(group), "bold"),
        f"  {what(screen.moment, line, many=many)}".rstrip(),
    ]
    screen.line(*parts, indent=2, hang=_INNER)
    if line.action != "move":
        screen.line((f"because {line.reason}", "dim"), indent=_INNER)
    if line.held_by:
        screen.line((f"held ({line.held_by}): {line.held_why}", "yellow"), indent=_INNER)
    if many:
        screen.names([each.key.partition("/")[2] or each.key for each in group.lines], _INNER)


def _record(screen: Screen, line: PlanLine) -> list[Part]:
    because = "" if line.action == "move" else f"because {line.reason}"
    held = f"held ({line.held_by}): {line.held_why}" if line.held_by else ""
    told = [what(screen.moment, line), because, held]
    return [fate(line), line.key, "; ".join(filter(None, told))]
