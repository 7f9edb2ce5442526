"""The rehearsal: what stood for what, a calendar, calls, renewals, links, and what is not met.

On a terminal each part has a heading and shows the nearest of its rows; in a pipe each row is a
line that begins with the name of its part, and none is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from orchestrator.cli.view.problems import show_problems
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import length, plural
from orchestrator.domain.reports import (
    LinkFate,
    RehearsalReport,
    RehearsedAct,
    RehearsedMonth,
    Unmet,
)

# act: symbol, word, style
_SHOWN: Final = {
    "create": ("+", "create", "green"),
    "renew": ("⟳", "renew", "green"),
    "update": ("~", "update", "yellow"),
    "replace": ("⟲", "replace", "yellow"),
    "adopt": ("=", "adopt", "cyan"),
    "move": ("→", "move", "cyan"),
    "bury": ("·", "decide", "red"),
    "restore": ("+", "restore", "green"),
    "let-go": ("-", "let go", "red"),
    "retire": ("-", "retire", "red"),
    "delete": ("-", "delete", "red"),
    "expire": ("·", "ends", "dim"),
    "link": ("→", "link", "yellow"),
    "lose": ("!", "lost", "bold red"),
}
_COLUMNS: Final = (
    ("create", ("create",)),
    ("renew", ("renew",)),
    ("update", ("update",)),
    ("replace", ("replace",)),
    ("end", ("let-go", "retire", "delete")),
    ("over", ("expire", "lose")),
    ("other", ("adopt", "move", "bury", "restore", "link")),
)
_UNMET: Final = {
    "lost": ("LOST", "bold red"),
    "missing": ("MISSING", "bold red"),
    "brake": ("BRAKE", "bold red"),
    "failed": ("FAILED", "red"),
    "floor": ("TOO SOON", "bold red"),
    "held": ("held", "yellow"),
}
_AMOUNT: Final = {
    "lost": "{:,} wanted rooms lost",
    "missing": "{:,} wanted rooms missing",
    "brake": "{:,} held by a brake",
    "failed": "{:,} failed",
    "floor": "{:,} renewed too soon",
}
_NEAREST: Final = 10
_MONTHS: Final = 24
_BAR: Final = 24
_LABEL: Final = 12
_WORD: Final = 8


def show_rehearsal(screen: Screen, report: RehearsalReport, *, every: bool = False) -> None:
    """Show it; ``every`` row of it, or the nearest of those that are many."""
    whole = every or not screen.terminal
    _preface(screen, report)
    _months(screen, report.months if whole else report.months[:_MONTHS], report)
    _acts(screen, report, whole=whole)
    _calls(screen, report)
    _renewals(screen, report)
    _links(screen, report.links, whole=whole)
    _unmet(screen, report)
    if report.problems:
        _heading(screen, "Problems")
        show_problems(screen, report.problems)
    screen.blank()
    _verdict(screen, report)


def _preface(screen: Screen, report: RehearsalReport) -> None:
    ends = screen.moment(report.until, to_the_minute=True)
    what = f"policies of {report.policies}, " if report.policies else ""
    screen.note(f"config {report.config} · {what}{screen.moment(report.start)} to {ends}")
    if report.mode != report.config_mode:
        screen.note(f"The config says {report.config_mode}; this is what {report.mode} would do.")
    rooms = plural(report.known, "room")
    begins = f"begins with the {rooms} of the store" if report.known else "begins without any room"
    screen.note(
        f"It {begins}. Assumed: nobody meets, nothing fails, nobody approves anything, no file "
        "changes. Rooms that are not ours are not known here."
    )
    for policy in report.unasked:
        screen.note(f"Not asked, because a rehearsal calls nobody: {policy}.")


def _heading(screen: Screen, text: str) -> None:
    if screen.terminal:
        screen.blank()
        screen.line((text, "bold"))


def _months(screen: Screen, months: Sequence[RehearsedMonth], report: RehearsalReport) -> None:
    if not months:
        return
    columns = [
        (head, acts)
        for head, acts in _COLUMNS
        if not screen.terminal or any(_sum(month, acts) for month in report.months)
    ]
    most = max(sum(month.acts.values()) for month in report.months)
    rows: list[list[Part]] = []
    for month in months:
        total = sum(month.acts.values())
        row: list[Part] = [] if screen.terminal else ["month"]
        row.append(month.month)
        row.extend(f"{_sum(month, acts) or '-':>{max(len(head), 5)}}" for head, acts in columns)
        if screen.terminal:
            row.append(("▇" * max(round(_BAR * total / most), 1), "cyan"))
        rows.append(row)
    heads = ["month", *(f"{head:>5}" for head, _ in columns), ""]
    if screen.terminal:
        screen.blank()
    screen.columns(rows, heads)
    if len(months) < len(report.months):
        more = plural(len(report.months) - len(months), "more month")
        screen.line((f"… {more}: --acts", "dim"), indent=2)


def _sum(month: RehearsedMonth, acts: Iterable[str]) -> int:
    return sum(month.acts.get(act, 0) for act in acts)


def _acts(screen: Screen, report: RehearsalReport, *, whole: bool) -> None:
    shown = report.acts if whole else report.acts[:_NEAREST]
    many = len(report.acts) > len(shown)
    of = f"the first {len(shown)} of {len(report.acts):,}" if many else f"{len(report.acts):,}"
    _heading(screen, f"Acts ({of})")
    _rows(screen, "act", shown)
    if many:
        screen.line((f"… {len(report.acts) - len(shown):,} more: --acts", "dim"), indent=2)


def _rows(screen: Screen, part: str, acts: Sequence[RehearsedAct]) -> None:
    if not screen.terminal:
        if acts:
            screen.columns([[part, *_record(screen, act)] for act in acts], [""] * 6)
        return
    moments = [screen.moment(act.at, to_the_minute=True) for act in acts]
    wide = max(map(len, moments), default=0)
    for at, act in zip(moments, acts, strict=True):
        symbol, word, style = _SHOWN[act.act]
        parts: list[Part] = [
            (f"{at:<{wide}}  ", "dim"),
            (f"{symbol} {word:<{_WORD}}", style),
            (act.key, "bold"),
            f"  {_what(screen, act)}",
        ]
        screen.line(*parts, indent=2, hang=wide + 4 + 2)


def _record(screen: Screen, act: RehearsedAct) -> list[Part]:
    symbol, word, _ = _SHOWN[act.act]
    at = screen.moment(act.at, to_the_minute=True)
    link = {LinkFate.CHANGES: "LINK CHANGES", LinkFate.ENDS: "LINK ENDS"}.get(act.link, "-")
    return [at, f"{symbol} {word}", act.key, link, _what(screen, act)]


def _what(screen: Screen, act: RehearsedAct) -> str:
    ends = screen.moment(act.ends_at) if act.ends_at is not None else ""
    told = {
        "create": f"until {ends}" if ends else "",
        "replace": f"until {ends}; {act.reason}" if ends else act.reason,
        "renew": f"to {ends}" + ("; IN EMERGENCY" if act.emergency else ""),
        "let-go": f"ends {ends}; {act.reason}" if ends else act.reason,
        "bury": f"due {ends}; {act.reason}",
    }
    return told.get(act.act, act.reason)


def _calls(screen: Screen, report: RehearsalReport) -> None:
    calls = report.calls
    _heading(screen, "Calls a minute")
    at = screen.moment(calls.busiest_at, to_the_minute=True)
    over = calls.busiest > calls.limit
    rate = f"{calls.rate:g} a second and as many at once"
    _row(
        screen,
        "calls",
        "busiest",
        f"{calls.busiest:,} of the {calls.limit:,} that the rate lets through ({rate}), {at}",
        "bold red" if over else "",
    )
    if calls.at_limit:
        _row(
            screen,
            "calls",
            "waiting",
            f"in {plural(calls.at_limit, 'minute')} the rate was used up, and calls waited",
            "yellow",
        )
    acts = calls.total - calls.listings
    _row(screen, "calls", "in all", f"{acts:,} for acts, {calls.listings:,} for listings")
    _row(
        screen,
        "calls",
        "listings",
        f"{plural(calls.pages, 'call')} each; rehearsed every {_span(calls.rehearsed_every)}, "
        f"the daemon lists every {_span(calls.listed_every)}",
    )


def _renewals(screen: Screen, report: RehearsalReport) -> None:
    renewals = report.renewals
    _heading(screen, "Renewals")
    if not renewals.total:
        _row(screen, "renewals", "none", "no room is renewed in this time")
        return
    at = screen.moment(renewals.busiest_at, to_the_minute=True)
    _row(screen, "renewals", "in all", f"{renewals.total:,} of {plural(renewals.rooms, 'room')}")
    _row(screen, "renewals", "busiest", f"{renewals.busiest:,} in one minute, {at}")
    share = 100 * renewals.emergencies / renewals.total
    style = "yellow" if renewals.emergencies else ""
    _row(
        screen,
        "renewals",
        "emergency",
        f"{renewals.emergencies:,} ({share:.3g} %) in the last twentieth of a room's life",
        style,
    )
    if renewals.closest is None or renewals.floor is None:
        _row(screen, "renewals", "closest", "no room is renewed twice")
        return
    kept = "" if renewals.kept else "CLOSER THAN "
    when = screen.moment(renewals.closest_at, to_the_minute=True)
    _row(
        screen,
        "renewals",
        "closest",
        f"{_span(renewals.closest)} apart, {kept}its floor is {_span(renewals.floor)}: "
        f"{renewals.closest_key}, {when}",
        "" if renewals.kept else "bold red",
    )


def _links(screen: Screen, links: Sequence[RehearsedAct], *, whole: bool) -> None:
    if not links:
        _heading(screen, "Links")
        _row(screen, "links", "none", "no link changes or ends")
        return
    counts = Counter(act.link for act in links)
    told = [
        f"{counts[fate]:,} {word}"
        for fate, word in ((LinkFate.CHANGES, "change"), (LinkFate.ENDS, "end"))
        if counts[fate]
    ]
    _heading(screen, f"Links ({', '.join(told)})")
    shown = links if whole else links[:_NEAREST]
    if not screen.terminal:
        screen.columns([["link", *_record(screen, act)] for act in shown], [""] * 6)
        return
    for act in shown:
        changes = act.link is LinkFate.CHANGES
        ends = act.ends_at if act.act == "let-go" and act.ends_at is not None else act.at
        parts: list[Part] = [
            ("changes  " if changes else "ends     ", "yellow" if changes else "red"),
            (act.key, "bold"),
            f"  {screen.moment(act.at if changes else ends, to_the_minute=True)}",
            (f"  {act.reason}", "dim"),
        ]
        screen.line(*parts, indent=2, hang=11)
    if len(shown) < len(links):
        screen.line((f"… {len(links) - len(shown):,} more: --acts", "dim"), indent=2)


def _unmet(screen: Screen, report: RehearsalReport) -> None:
    rows = (*report.unmet, *_schedules(screen, report))
    if not rows:
        return
    _heading(screen, "What is not met")
    for row in rows:
        word, style = _UNMET.get(row.kind, (row.kind, ""))
        more = f" and {row.more:,} more" if row.more else ""
        at = "" if row.at is None else f"  {screen.moment(row.at, to_the_minute=True)}"
        parts: list[Part] = [(f"{word:<{_LABEL}}", style), (f"{row.key}{more}", "bold")]
        parts.append(f"{at}  {row.reason}")
        if screen.terminal:
            screen.line(*parts, indent=2, hang=_LABEL + 2)
        else:
            screen.line("unmet  ", *parts)


def _schedules(screen: Screen, report: RehearsalReport) -> list[Unmet]:
    kind, told = "not opened", []
    for row in report.openings:
        opens = screen.moment(row.opens, to_the_minute=True)
        told.append(Unmet(kind, row.key.partition("/")[0], f"opens {opens} for the first time"))
    told.extend(Unmet(kind, name, "its schedule has no start") for name in report.never)
    return told


def _row(screen: Screen, part: str, label: str, text: str, style: str = "") -> None:
    if screen.terminal:
        screen.line((f"{label:<{_LABEL}}", "dim"), (text, style), indent=2, hang=_LABEL + 2)
    else:
        screen.line(f"{part} {label}  {text}")


def _span(span: timedelta) -> str:
    """A length of time in its two largest units."""
    days, rest = divmod(span, timedelta(days=1))
    if not days:
        return length(span)
    hours = rest // timedelta(hours=1)
    return f"{days} d {hours} h" if hours and days < 100 else f"{days} d"


def _verdict(screen: Screen, report: RehearsalReport) -> None:
    if not report.whole:
        screen.line(
            ("Ended early: ", "bold yellow"),
            f"this is what was found until {screen.moment(report.reached, to_the_minute=True)}.",
        )
    worst = [row for row in report.unmet if row.kind != "held"]
    told: Counter[str] = Counter()
    for row in worst:
        told[row.kind] += 1 + row.more
    words = [_AMOUNT[kind].format(count) for kind, count in told.items()]
    if report.problems:
        words.append(plural(len(report.problems), "problem"))
    stands = f"{plural(report.standing, 'room')} at the end, {report.wanted:,} wanted"
    meetings = f", {plural(report.meetings, 'meeting')} opened" if report.meetings else ""
    if words:
        screen.line(("Not all is met: ", "bold red"), f"{', '.join(words)}.", hang=2)
    else:
        so_far = "" if report.whole else " so far"
        screen.line((f"All is met{so_far}.", "bold green"))
    screen.line(f"{stands}{meetings}. Nothing was done.", hang=2)
