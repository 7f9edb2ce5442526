"""The plan: what ends links first, then what changes them, then the rest; then what is held.

Equal changes of many keys are one paragraph with all names.  In a pipe each key has its line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.cli.view.problems import show_problems
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import length, plural
from orchestrator.domain.reports import (
    ApplyReport,
    ChangeLine,
    LinkFate,
    NextAct,
    OpeningRow,
    PlanLine,
    PlanReport,
)
from orchestrator.foundation.instants import parse_instant

Moment = Callable[[datetime | None], str]
"""How a reader is told a moment."""

_GROUPED_FROM: Final = 4  # keys with equal changes

# action: symbol, word, style
SHOWN: Final = {
    "delete": ("-", "delete", "red"),
    "retire": ("-", "retire", "red"),
    "bury": ("-", "end", "red"),
    "let-go": ("-", "let go", "red"),
    "sleep": ("-", "sleep", "red"),
    "close": ("-", "close", "red"),
    "replace": ("⟲", "replace", "yellow"),
    "move": ("→", "move", "cyan"),
    "adopt": ("=", "adopt", "cyan"),
    "restore": ("+", "restore", "green"),
    "wake": ("+", "wake", "green"),
    "create": ("+", "create", "green"),
    "renew": ("⟳", "renew", "green"),
    "update": ("~", "update", "yellow"),
}
_WORD_WIDTH: Final = 8
_KEY_WIDTH: Final = 32
_WIDE: Final = 100  # columns, from which on keys are padded to one width
_INNER: Final = 2 + 2 + _WORD_WIDTH + 1
_OPENINGS_SHOWN: Final = 9
_QUESTIONS: Final = frozenset({"look-alike", "not-shown"})  # a person answers
_PAUSES: Final = frozenset({"frozen", "window"})
_MODE: Final = "mode"  # what holds back what would be done otherwise
MARKS: Final = {LinkFate.CHANGES: "LINK CHANGES", LinkFate.ENDS: "LINK ENDS"}
_LINE_NUMBERS: Final = re.compile(r"(?<=\.(?:yaml|json)):\d+(?::\d+)?|(?<=\.csv):\d+(?::\d+)?")
_ROOM_NUMBERS: Final = re.compile(r" \([^()\s]+\)$")


def show_plan(screen: Screen, report: PlanReport) -> None:
    """Show a plan, and last how much there is of what."""
    if screen.terminal:
        groups = [Group((line,)) for line in report.themes]  # done first: rooms want them
        groups += grouped((*report.lines, *report.held))
        width = min(max((len(subject(group)) for group in groups), default=0), _KEY_WIDTH)
        width = width if screen.right >= _WIDE else 0
        for group in groups:
            _paragraph(screen, group, width)
        for line in report.standing:
            _standing(screen, line)
    else:
        _records(screen, report)
    _openings(screen, report.openings)
    _renewals(screen, report.renewals)
    show_problems(screen, report.problems)
    for policy in report.unknown:
        screen.line((f"not known: {policy}", "yellow"))
    if report.lines or report.held or report.standing or report.problems or report.themes:
        screen.blank()
    _summary(screen, report)


def show_applied(screen: Screen, report: ApplyReport) -> None:
    """Show what a pass did, and what is left of the plan."""
    left = report.left
    if left.lines or left.held or left.problems or left.themes:
        show_plan(screen, left)
    calls = plural(report.calls, "call")
    failed = f", {plural(len(report.failed), 'act')} failed" if report.failed else ""
    rest = (
        "what is left stands above"
        if left.lines or left.held or left.themes
        else f"{plural(left.unchanged, 'room')} as they should be"
    )
    screen.line((f"Applied: {calls} made{failed}; {rest}.", "bold"))


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that say the same of several keys, or one line."""

    lines: tuple[PlanLine, ...]

    @property
    def first(self) -> PlanLine:
        """The one that stands for all."""
        return self.lines[0]


def grouped(lines: Iterable[PlanLine]) -> list[Group]:
    """Lines that say the same of other keys stand together, at the place of their first."""
    found: dict[object, list[PlanLine]] = {}
    for line in lines:
        found.setdefault(_sameness(line), []).append(line)
    groups: list[Group] = []
    for same in found.values():
        if len(same) < _GROUPED_FROM:
            groups.extend(Group((line,)) for line in same)
        else:
            groups.append(Group(tuple(same)))
    return groups


def _sameness(line: PlanLine) -> object:
    changes = tuple(
        change if change.path not in {"expires_at", "display_name"} else change.path
        for change in line.changes
    )
    reason = _LINE_NUMBERS.sub("", line.reason)
    why = _ROOM_NUMBERS.sub("", line.held_why).replace(line.display_name or "\0", "")
    policy = line.key.partition("/")[0]
    return (line.action, policy, reason, changes, line.link, line.held_by, why)


def subject(group: Group) -> str:
    """The key of a group, or how many there are of which policy."""
    key = group.first.key
    return key if len(group.lines) == 1 else f"{len(group.lines)} of {key.partition('/')[0]}"


def _paragraph(screen: Screen, group: Group, width: int) -> None:
    line = group.first
    many = len(group.lines) > 1
    symbol, word, style = SHOWN.get(line.action, ("·", line.action, ""))
    mark = MARKS.get(line.link, "")
    if line.held_by and line.held_by != _MODE:
        symbol, style = ("?" if line.held_by in _QUESTIONS else "·"), "dim"
    parts: list[Part] = [
        (f"{symbol} {word:<{_WORD_WIDTH}} ", style),
        (f"{subject(group):<{width}}", "bold"),
        ("  " + what(screen.moment, line, many=many)).rstrip(),
    ]
    screen.marked(parts, (mark if not line.held_by else "", "bold red"), indent=2, hang=_INNER)
    same = all(each.reason == line.reason for each in group.lines)
    reason = line.reason if same else _LINE_NUMBERS.sub("", line.reason)
    if reason and line.action != "move":
        screen.line((f"because {reason}", "dim"), indent=_INNER)
    if line.held_by:
        why = _ROOM_NUMBERS.sub("", line.held_why) if many else line.held_why
        until = f", until {screen.moment(line.when)}" if line.when is not None else ""
        screen.line((f"held ({line.held_by}): {why}{until}", "yellow"), indent=_INNER)
    if many:
        names = [each.key.partition("/")[2] or each.key for each in group.lines]
        screen.names(names, _INNER)
    if line.hint:
        for hint in line.hint.split("    "):
            screen.line((hint, "cyan"), indent=_INNER, whole=True)


def what(moment: Moment, line: PlanLine, *, many: bool = False) -> str:
    """What is new about it, in a few words."""
    if line.action == "move":
        return line.reason
    told = [_change(moment, change, many=many) for change in line.changes]
    name = f'"{line.display_name}"' if line.display_name and not many else ""
    match line.action:
        case "create":
            told = [*(change.after for change in line.changes), name]
        case "bury" | "let-go" | "sleep" if line.held_by in _PAUSES:
            told = [name]  # its moment is the pause's, and its end is reckoned from then on
        case "bury" | "let-go" | "sleep" if line.when is not None:
            told = [f"ends {moment(line.when)}", name]
        case "delete" | "close" | "adopt" | "restore" | "retire":
            told = [*told, name]
        case _:
            pass
    return "   ".join(filter(None, told))


def _change(moment: Moment, change: ChangeLine, *, many: bool) -> str:
    if change.path == "expires_at":
        before, after = _end(moment, change.before), _end(moment, change.after)
        return f"to {after}" if many else f"{before} → {after}"
    if change.path == "display_name":
        return "another display_name" if many else f'"{change.before}" → "{change.after}"'
    return f"{change.path}  {change.before or 'none'} → {change.after or 'none'}"


def _end(moment: Moment, text: str) -> str:
    try:
        return moment(parse_instant(text))
    except ValueError:
        return text or "no end"


def _standing(screen: Screen, line: PlanLine) -> None:
    at = screen.moment(line.when)
    screen.marked(
        [("· ending   ", "dim"), (line.key, "bold"), f"  decided: ends {at}"],
        ("LINK ENDS", "red"),
        indent=2,
        hang=_INNER,
    )
    screen.line((f"because {line.reason}", "dim"), indent=_INNER)


def _records(screen: Screen, report: PlanReport) -> None:
    rows: list[list[Part]] = []
    for line in (*report.themes, *report.lines, *report.held):
        symbol, word, _ = SHOWN.get(line.action, ("·", line.action, ""))
        held = f"held ({line.held_by}): {line.held_why}" if line.held_by else ""
        if line.held_by in _PAUSES and line.when is not None:
            held += f", until {screen.moment(line.when)}"
        mark = "" if held else MARKS.get(line.link, "")
        news = what(screen.moment, line)
        because = "" if line.action == "move" else f"because {line.reason}"
        rows.append(
            [
                f"{'·' if held and line.held_by != _MODE else symbol} {word}",
                line.key,
                mark or "-",
                _joined(news, because, held),
            ]
        )
    rows.extend(
        [
            "· ending",
            line.key,
            "LINK ENDS",
            f"decided: ends {screen.moment(line.when)}; because {line.reason}",
        ]
        for line in report.standing
    )
    if rows:
        screen.columns(rows, ("", "", "", ""))


def _openings(screen: Screen, openings: Sequence[OpeningRow]) -> None:
    """What schedules will open: nothing to do now, and nothing to wonder about."""
    if screen.terminal:
        for row in openings[:_OPENINGS_SHOWN]:
            at = screen.moment(row.opens)
            parts: list[Part] = [("· opens    ", "dim"), (row.key, "bold"), f"  {at}"]
            screen.line(*parts, f'  "{row.display_name}"', indent=2, hang=_INNER)
        more = len(openings) - _OPENINGS_SHOWN
        if more > 0:
            screen.line((f"… and {more:,} more by schedules", "dim"), indent=2)
    elif openings:
        rows: list[list[Part]] = [
            ["· opens", row.key, "-", f'{screen.moment(row.opens)}; "{row.display_name}"']
            for row in openings
        ]
        screen.columns(rows, ("", "", "", ""))


def _renewals(screen: Screen, renewals: Sequence[NextAct]) -> None:
    """The next that come by themselves: nothing to do now."""
    told = [
        (act.key, f"{screen.moment(act.at)}, {act.why}; at the latest {screen.moment(act.latest)}")
        for act in renewals
    ]
    if screen.terminal:
        for key, when in told:
            screen.line(("· renews   ", "dim"), (key, "bold"), f"  {when}", indent=2, hang=_INNER)
    elif told:
        screen.columns([["· renews", key, "-", when] for key, when in told], ("", "", "", ""))


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _summary(screen: Screen, report: PlanReport) -> None:
    counts = Counter(map(word_of, report.lines))
    told = [plural(count, word) for word, count in counts.items()]
    withheld = Counter(word_of(line) for line in report.held if line.held_by == _MODE)
    told.extend(f"{plural(count, word)} withheld" for word, count in withheld.items())
    if held := len(report.held) - withheld.total():
        told.append(f"{held} held")
    if report.standing:
        told.append(f"{len(report.standing)} ending")
    if report.themes:
        told.append(f"{plural(len(report.themes), 'act')} on themes")
    told.append(f"{report.unchanged:,} as they should be")
    if report.foreign:
        told.append(f"{report.foreign:,} not ours, untouched")
    planned = report.lines or report.held or report.themes
    head = "Plan: " if planned else "Nothing to do: "
    if not report.complete and not report.lines:
        head = "Not known what there is to do: "
    screen.line((head + " · ".join(told), "bold"), hang=6)
    links = sum(line.link in MARKS for line in report.lines)
    sentences: list[str] = []
    if report.lines:
        sentences.append("No link changes or ends." if not links else _links(links))
    sentences.extend((listing(screen.now, report), _done(report)))
    screen.line(" ".join(filter(None, sentences)))


def word_of(line: PlanLine) -> str:
    """What people call an action."""
    return SHOWN.get(line.action, ("", line.action, ""))[1]


def _links(count: int) -> str:
    return f"{plural(count, 'link')} {'changes or ends' if count == 1 else 'change or end'}."


def listing(now: datetime, report: PlanReport) -> str:
    """How old and how whole the listing is that a plan stands on."""
    if report.listed_at is None:
        return f"Nothing was listed: {report.doubt}." if report.doubt else "Nothing was listed."
    age = length(now - report.listed_at)
    if report.complete:
        return f"Listing {age} old, complete{f', but: {report.doubt}' if report.doubt else ''}."
    return f"Listing {age} old, NOT complete: {report.doubt or 'doubtful'}."


def _done(report: PlanReport) -> str:
    match report.mode:
        case "observe":
            return "Nothing was done; observe never does."
        case "no-removals":
            return "Nothing was done; no-removals ends and changes no link."
        case _:
            return "Nothing was done."
