"""Why, and why not: the chain from policy line to next act, and what stands in the way, in order.

Each line begins with one word for what it tells; the same words stand in both answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.cli.view.rooms import STYLES
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import plural
from orchestrator.domain.chains import became
from orchestrator.domain.obstacles import sentence
from orchestrator.domain.reports import (
    Asked,
    HistoryLine,
    NextAct,
    Obstacle,
    Seen,
    ToldRow,
    WhyNotReport,
    WhyReport,
)
from orchestrator.foundation.pasting import shell_word

_LABEL: Final = 10
_SOON: Final = timedelta(hours=1)
_ACTS_MOST: Final = 8  # of a long history: the first of all, and the last ones
_QUIET: Final = ("operation.started", "session.", "delivery.", "recording.")
_WANTS: Final = frozenset({"not-wanted"})  # said where it is said who asks for it
_USES: Final = frozenset({"empty", "occupied"})
_MADE: Final = frozenset({"room.created", "room.adopted"})


def show_why(screen: Screen, report: WhyReport) -> None:
    """Show the chain: who asks for it, what was done, how it stands, what comes, what is held."""
    _heads(screen, report)
    _field(screen, "wanted", _wanted(screen, report))
    for former in report.former:
        _field(screen, "formerly", former)
    _history(screen, report)
    if len(report.trail) > 1:
        steps = " > ".join(f"#{line.seq} {line.event}" for line in report.trail)
        _field(screen, "trail", steps)
    if report.ended is not None:
        ended = f"{became(report.ended)}, {_moment(screen, report.ended)}  #{report.ended.seq}"
        _field(screen, "gone", ended)
    _now(screen, report)
    for row in report.told:
        _field(screen, "told", _told(screen, row))
    for line in report.plan:
        _field(screen, "plan", f"{line.action}, because {line.reason}")
    _field(screen, "next", next_text(screen, report.next_act))
    if report.closes_at is not None:
        _field(screen, "closes", f"{_at(screen, report.closes_at)}, once nobody is inside")
    if report.renewal is not None and report.renewal.what != _what(report.next_act):
        _field(screen, "renewal", next_text(screen, report.renewal))
    holds = [hold for hold in report.holds if hold.by not in _WANTS]
    for hold in holds:
        _field(screen, "holds", f"{hold.by}: {_sentence(screen, hold)}")
    if not holds:
        _field(screen, "holds", "none")
    _unknown(screen, report.unknown)


def show_why_not(screen: Screen, report: WhyNotReport) -> None:
    """Show what stands in the way, in the order in which it has to be cleared."""
    known = (report.key or report.name, "bold")
    screen.line(known, f"   {report.verdict}", hang=4)
    widest = max((len(one.by) for one in report.obstacles), default=0)
    for number, one in enumerate(report.obstacles, start=1):
        label = f"{number}  {one.by.replace('-', ' '):<{widest}}"
        screen.line((label, "yellow"), f"  {_sentence(screen, one)}", indent=2, hang=7 + widest)
    if report.advice:
        _field(screen, "helps", report.advice, whole=True)
    if report.near:
        _field(screen, "near", ", ".join(report.near))
    if report.asked is not None:
        _field(screen, "policy", _asked(screen, report.asked))
    if report.last is not None:
        _field(screen, "recorded", _line(screen, report.last))
    _field(screen, "seen", _seen(screen, report.seen))
    _field(screen, "next", next_text(screen, report.next_act))
    _unknown(screen, report.unknown)


def next_text(screen: Screen, act: NextAct | None) -> str:
    """What comes next, when, why then, and when at the latest."""
    if act is None:
        return "nothing by itself"
    told = f"{act.what} {_on(screen, act.at)}"
    told += f": {act.why}" if act.why else ""
    return told if act.latest is None else f"{told}; at the latest {_on(screen, act.latest)}"


def _on(screen: Screen, at: datetime) -> str:
    moment = _at(screen, at)
    return moment if moment.startswith(("today", "tomorrow", "yesterday")) else f"on {moment}"


def _what(act: NextAct | None) -> str:
    return "" if act is None else act.what


def _heads(screen: Screen, report: WhyReport) -> None:
    page = f"   {report.page}" if report.page and report.page != report.key else ""
    if not report.rooms:
        screen.line((report.key, "bold"), f"{page}   no room", hang=4)
    for room in report.rooms:
        code = f"   {room.meeting_code}" if room.meeting_code else ""
        use = f", {room.use}" if room.use in _USES and room.use != room.state else ""
        parts: list[Part] = [
            (report.key, "bold"),
            f'{page}   "{room.display_name}"   ',
            (room.state, STYLES.get(room.state, "")),
            f"{use}{code}   {room.link or room.guest_url or 'no link'}",
        ]
        screen.line(*parts, hang=4)


def _wanted(screen: Screen, report: WhyReport) -> str:
    unwanted = [_sentence(screen, one) for one in report.holds if one.by in _WANTS]
    told = f"no more: {'; '.join(unwanted)}" if unwanted else report.wanted
    if report.asked is None:
        return told
    if unwanted:
        return f"{told}; {_asked(screen, replace(report.asked, subject_place=''))}"
    line = _asked(screen, report.asked)
    return line if told.startswith("asked for by") else f"{told}; {line}"


def _asked(screen: Screen, asked: Asked) -> str:
    """The line of the policy, the subject and its line, the version, and since when by whom."""
    told = asked.place
    if asked.subject_place and asked.wanted:
        told += f', for "{asked.subject}" of {asked.subject_place}'
    elif asked.subject_place:
        told += f', while "{asked.subject}" stood at {asked.subject_place}'
    if asked.version:
        told += f"; version {asked.version[:8]}"
    if asked.since is not None:
        by = f"{asked.by}; " if asked.by else ""
        told += f", in force since {_at(screen, asked.since)} ({by}#{asked.seq})"
    return told


def _history(screen: Screen, report: WhyReport) -> None:
    told: list[tuple[HistoryLine, int]] = []
    for line in report.history:
        if line.event.startswith(_QUIET):
            continue
        again = told and (told[-1][0].event, told[-1][0].reason) == (line.event, line.reason)
        times = told.pop()[1] + 1 if again else 1
        told.append((line, times))
    left_out = max(len(told) - _ACTS_MOST, 0)
    shown = told if not left_out else [told[0], *told[1 - _ACTS_MOST :]]
    for number, (line, times) in enumerate(shown):
        if left_out and number == 1:
            key = shell_word(report.key)
            more = f"… {left_out:,} more: room-orchestrator audit search --key {key}"
            _field(screen, "", more, whole=True)
        often = f"{times:,} times, the last " if times > 1 else ""
        _field(screen, "made" if line.event in _MADE else "done", _line(screen, line, often))


def _line(screen: Screen, line: HistoryLine, often: str = "") -> str:
    """One fact: when, why, the call and its answer, what it changed, its number."""
    told = [f"{line.event}  {often}{_moment(screen, line)}"]
    if line.reason:
        told.append(f"because {line.reason}")
    if line.method:
        answered = f"{line.method} {line.status} in {line.ms:,.0f} ms"
        told.append(answered if line.status else f"{line.method} without an answer")
    told += [f"{one.path} {one.before or 'none'} → {one.after or 'none'}" for one in line.changes]
    if line.actor:
        told.append(f"by {line.actor}")
    operation = f"operation {line.operation}, " if line.operation else ""
    return f"{', '.join(told)}  ({operation}#{line.seq})"


def _moment(screen: Screen, line: HistoryLine) -> str:
    return _at(screen, line.ts)


def _now(screen: Screen, report: WhyReport) -> None:
    seen = _seen(screen, report.seen)
    if not report.fields:
        _field(screen, "now", seen)
        return
    differing = [each for each in report.fields if not each.equal]
    equal = len(report.fields) - len(differing)
    _field(screen, "now", f"equal in {equal} of {plural(len(report.fields), 'field')}; {seen}")
    for each in differing:
        _field(screen, "differs", f"{each.path}: wanted {each.wanted}, is {each.observed}")


def _seen(screen: Screen, seen: Seen) -> str:
    """What the API showed last, by which listing, and how the API is."""
    api = f"; API {seen.api}" if seen.api else ""
    if seen.listed_at is None:
        return f"no listing was made yet{api}"
    moment = _at(screen, seen.listed_at)
    whole = "complete" if seen.complete else f"not believed: {seen.doubt or 'not complete'}"
    room = {
        "there": "its room is there; ",
        "gone": f"its room is gone: {seen.why}; ",
    }.get(seen.room, "")
    return f"{room}listing of {moment}, {whole}{api}"


def _told(screen: Screen, row: ToldRow) -> str:
    told = row.destination
    if row.stage:
        told += f": {row.stage}"
    if row.told_at is not None:
        told += f", {_at(screen, row.told_at)}"
    if row.fault:
        told += f": given up: {row.fault}" if row.given_up else f": behind: {row.fault}"
    elif not row.stage:
        told += ": not told yet"
    if row.next_at is not None:
        told += f", next try {_at(screen, row.next_at)}"
    return told


def _sentence(screen: Screen, one: Obstacle) -> str:
    seq = f"  (#{one.seq})" if one.seq else ""
    return sentence(one, lambda at: _at(screen, at)) + seq


def _at(screen: Screen, at: datetime) -> str:
    """A moment to the minute; within an hour from now to the second."""
    seconds = f"{at:%S}" if abs(at - screen.now) < _SOON else ""
    moment = screen.moment(at, to_the_minute=True)
    return f"{moment}:{seconds}" if seconds else moment


def _unknown(screen: Screen, unknown: Sequence[str]) -> None:
    for told in unknown:
        _field(screen, "unknown", told)


def _field(screen: Screen, label: str, text: str, *, whole: bool = False) -> None:
    if text:
        parts: list[Part] = [(f"{label:<{_LABEL}}", "dim"), text]
        screen.line(*parts, indent=2, hang=2 + _LABEL, whole=whole)
