"""The status, in the order of need: what needs a person, what is lost first, then the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from orchestrator.cli.view.pages import need, place, short
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import length, plural
from orchestrator.domain.reports import FORESEEN, NextAct, StatusReport
from orchestrator.domain.spoken import seconds

_LABEL = 11
_MANY = 6
_CALLBACKS = (
    ("doubled", "of them doubled"),
    ("foreign", "of rooms not ours"),
    ("unknown", "of unknown kinds"),
)


def show_status(screen: Screen, report: StatusReport, *, daemon: bool = True) -> None:
    """Show the whole at a glance; ``daemon`` says whether one answered."""
    _row(screen, "NEEDS YOU", report.needs_you, "bold red")
    _mode(screen, report, daemon=daemon)
    _row(screen, "Page", [report.page] if report.page else [])
    _row(screen, "Losses", [_loss(screen, report, daemon=daemon)])
    _row(screen, "API", [f"{report.api}  {report.api_state}{_good(report)}"])
    _row(screen, "Callbacks", [_callbacks(report)])
    _row(screen, "Policies", _policies(report))
    _row(screen, "Sources", _directories(report))
    _row(screen, "Themes", _themes(screen, report))
    _row(screen, "Recordings", _recordings(screen, report))
    _row(screen, "Rooms", [_rooms(report)])
    _row(screen, "Pages", _pages(screen, report))
    _row(screen, "Senders", _senders(report))
    _row(screen, "Held", _held(report), "yellow")
    _row(screen, "Dormant", _dormant(screen, report))
    _row(screen, "Suspended", _suspended(screen, report), "yellow")
    _row(screen, "Frozen", _frozen(screen, report), "yellow")
    _row(screen, "Changes", _changes(screen, report))
    _row(screen, "Brakes", _brakes(report), "red")
    _row(screen, "Behind", [f"{name}: {why}" for name, why in report.behind.items()], "yellow")
    _row(screen, "Deliveries", _deliveries(screen, report), "yellow")
    _row(screen, "Audit", [plural(report.audit_lines, "line")] if report.audit_lines else [])
    acts = [_act(screen, act) for act in report.next_acts[:_MANY]]
    _row(screen, "Next", acts or ["nothing is due"])


def _act(screen: Screen, act: NextAct) -> str:
    latest = "" if act.latest is None else f", at the latest {screen.moment(act.latest)}"
    return f"{screen.moment(act.at)}  {act.what} {act.key}{latest}"


def _row(screen: Screen, label: str, lines: Iterable[str], style: str = "bold") -> None:
    for number, line in enumerate(lines):
        # In a pipe each line is a record and bears its label.
        head = label if not number or not screen.terminal else ""
        parts: list[Part] = [(f"{head:<{_LABEL}}", style), line]
        screen.line(*parts, hang=_LABEL)


def _mode(screen: Screen, report: StatusReport, *, daemon: bool) -> None:
    withheld = sum(line.held_by == "mode" for line in report.held)
    due = f"{plural(withheld, 'act')} withheld: room-orchestrator plan"
    told = {
        "observe": f"observe: looking, writing nothing; {due}",
        "no-removals": f"no-removals: ends and changes no link; {due}",
    }.get(report.mode, report.mode)
    up = f"up {length(report.now - report.started_at)}" if daemon else "no daemon runs"
    parts = [_pass(report), up, report.owner, report.version]
    screen.line((told, "bold"), f" · {' · '.join(filter(None, parts))}", hang=2)


def _pass(report: StatusReport) -> str:
    """How old what we know of the rooms is; an outage makes it grow."""
    if report.last_pass is None:
        return "no good pass yet"
    return f"last good pass {length(report.now - report.last_pass)} ago"


def _good(report: StatusReport) -> str:
    told = ""
    if report.api_last_good is not None:
        told = f", last good answer {length(report.now - report.api_last_good)} ago"
    if not report.occupancy_known:
        told += "; who is inside is unknown here, so rooms count as occupied"
    return told


def _callbacks(report: StatusReport) -> str:
    if report.callbacks_at is None:
        return "none ever came"
    told = f"last one {length(report.now - report.callbacks_at)} ago"
    counts = report.callbacks
    received = counts.get("received", 0)
    others = [f"{counts[name]:,} {words}" for name, words in _CALLBACKS if counts.get(name)]
    return f"{told}; since the start {', '.join([f'{received:,}', *others])}"


def _policies(report: StatusReport) -> list[str]:
    subjects = sum(policy.subjects for policy in report.policies)
    wrong = plural(len(report.problems), "problem")
    told = [f"{len(report.policies)} in force, {plural(subjects, 'subject')}, {wrong}"]
    told.extend(
        f"{policy.name} is in force by its last good version: {policy.stale}"
        for policy in report.policies
        if policy.stale
    )
    shown = set(report.needs_you)
    told.extend(str(problem) for problem in report.problems if str(problem) not in shown)
    return told


def _directories(report: StatusReport) -> list[str]:
    told: list[str] = []
    for row in report.directories:
        if row.last_good is None:
            good = "no answer yet"
        else:
            good = f"last good answer {length(report.now - row.last_good)} ago"
        wrong = f"; {row.reason}" if row.reason else ""
        told.append(f"{row.url}  {good}{wrong}, for {', '.join(row.policies)}")
    return told


def _themes(screen: Screen, report: StatusReport) -> list[str]:
    """How many there are of which state, then what is not as it should be."""
    if not report.themes:
        return []
    states = Counter(row.state for row in report.themes)
    told = [", ".join(f"{count:,} {state}" for state, count in states.items())]
    for row in report.themes:
        until = "" if row.until is None else f" until {screen.moment(row.until)}"
        if row.state == "ending":
            told.append(f"{row.name} ends{until.replace('until', 'at')}{_because(row.why)}")
        elif row.state != "kept" or row.why:
            told.append(f"{row.name} is {row.state}{_because(row.why)}{until}")
    return told


def _recordings(screen: Screen, report: StatusReport) -> list[str]:
    """A line a policy: how many there are, where they go, and what stands before it."""
    told: list[str] = []
    for row in report.recordings:
        parts = [f"{row.policy}: {plural(row.here, 'recording')}"]
        if row.archive:
            waiting = f", {row.waiting:,} to copy" if row.waiting else ""
            parts.append(f"{row.copied:,} copied to {row.archive}{waiting}")
        if row.keep:
            parts.append(f"deleted {row.keep} after their end")
        if row.next_at is not None:
            parts.append(f"the next {screen.moment(row.next_at)}")
        told.append("; ".join([*parts, *row.held]))
    return told


def _because(why: str) -> str:
    return f": {why}" if why else ""


def _rooms(report: StatusReport) -> str:
    ours = sum(report.rooms.values())
    states = ", ".join(f"{count:,} {state}" for state, count in report.rooms.items())
    told = f"{ours:,} ours{': ' if states else ''}{states} · {report.foreign:,} not ours, untouched"
    if report.waiting:
        told += f" · {plural(report.waiting, 'key')} at work"
    if report.listed_at is None:
        return f"{told} · not listed yet"
    return f"{told} · listed {length(report.now - report.listed_at)} ago"


def _pages(screen: Screen, report: StatusReport) -> list[str]:
    """How many there are, then one by one in the order of need."""
    if not report.page_states and report.last_room is None:
        return []
    states = ", ".join(f"{count:,} {state}" for state, count in report.page_states.items())
    told = [states or "none open"]
    open_ = [row for row in report.pages if row.state == "open"]
    if open_ and len(open_) == report.page_states.get("open"):
        roomless = sum(not row.room_id for row in open_)
        each = {1: "with its room", 2: "both with their room"}.get(
            len(open_), "all with their room"
        )
        told.append(f"{roomless:,} without a room" if roomless else each)
    took = []
    if report.last_link is not None:
        took.append(f"link after {seconds(report.last_link)}")
    if report.last_room is not None:
        took.append(f"room after {seconds(report.last_room)}")
    if took:
        told.append(f"last: {', '.join(took)}")
    lines = [" · ".join(told)]
    shown = [row for row in sorted(report.pages, key=need) if row.state != "closing"]
    for row in shown[:_MANY]:
        why = f": {row.reason}" if row.state == "withheld" else f" → {place(row)}"
        since = screen.moment(row.opened_at)
        lines.append(f'{short(row)} "{row.title}"  {row.severity}, since {since}{why}')
    more = (
        report.page_states.get("open", 0)
        + report.page_states.get("withheld", 0)
        - len(shown[:_MANY])
    )
    if more > 0:
        lines.append(f"… {more:,} more: room-orchestrator page list")
    return lines


def _senders(report: StatusReport) -> list[str]:
    """The sources of pages, since the start."""
    told: list[str] = []
    for row in report.senders:
        if row.last_at is None:
            parts = ["no message since the start"]
        else:
            ago = length(report.now - row.last_at)
            parts = [f"last message {ago} ago", f"{row.taken:,} taken"]
        if row.put_off:
            parts.append(f"{row.put_off:,} told to come again")
        if row.refused:
            ago = "" if row.refused_at is None else f" {length(report.now - row.refused_at)} ago"
            parts.append(f"{row.refused:,} refused, the last{ago}: room-orchestrator doctor")
        told.append(f"{row.name} ({row.kind}): {', '.join(parts)}")
    return told


def _held(report: StatusReport) -> list[str]:
    by = Counter(line.held_by for line in report.held if line.held_by != "mode")
    if not by:
        return []
    told = ", ".join(f"{count:,} {word}" for word, count in by.most_common())
    return [f"{told}: room-orchestrator plan tells which and why"]


def _deliveries(screen: Screen, report: StatusReport) -> list[str]:
    told: list[str] = []
    for row in report.deliveries:
        if row.behind:
            since = "" if row.since is None else f" since {screen.moment(row.since)}"
            told.append(
                f"{row.destination}: {plural(row.behind, 'message')} behind{since}: {row.why}"
            )
        if row.given_up:
            many = plural(len(row.given_up), "message")
            told.append(f"{row.destination}: {many} given up: {row.given_up_why}")
    return told


def _dormant(screen: Screen, report: StatusReport) -> list[str]:
    if not report.dormant:
        return []
    shown = [
        f"{row.key} {f'ends {screen.moment(row.ends)}' if row.ends is not None else 'has ended'}"
        for row in report.dormant[:_MANY]
    ]
    more = len(report.dormant) - len(shown)
    told = ", ".join([*shown, *([f"… {more:,} more"] if more else [])])
    count = plural(len(report.dormant), "room")
    keep = "Joining one keeps it, or  room-orchestrator rooms renew KEY --reason …"
    return [f"{count} that nobody uses: {told}. {keep}"]


def _suspended(screen: Screen, report: StatusReport) -> list[str]:
    return [
        f"{row.key} until {screen.moment(row.until)} by {row.by}: {row.reason}"
        + (f"; ends while suspended, {screen.moment(row.ends)}" if row.ends is not None else "")
        for row in report.suspended
    ]


def _frozen(screen: Screen, report: StatusReport) -> list[str]:
    told: list[str] = []
    for row in report.freezes:
        parts = [f"until {screen.moment(row.until)} by {row.by}: {row.reason}"]
        if row.policies:
            parts.append(f"only {', '.join(row.policies)}")
        if row.all_acts:
            parts.append("meetings and lost rooms too")
        sooner = f"Sooner:  room-orchestrator unfreeze {row.name} --reason …"
        told.append(f"{'; '.join(parts)}. {sooner}")
    return told


def _changes(screen: Screen, report: StatusReport) -> list[str]:
    """The change windows: whether they are open, and until when."""
    told: list[str] = []
    for row in report.changes:
        whose = f"{row.policy}: " if row.policy else ""
        until = "" if row.until is None else f" until {screen.moment(row.until)}"
        told.append(f"{whose}{'allowed' if row.open else 'held'}{until} ({row.allow})")
    return told


def _brakes(report: StatusReport) -> list[str]:
    told: list[str] = []
    for brake in report.brakes:
        names = ", ".join(brake.keys[:_MANY])
        more = ""
        if len(brake.keys) > _MANY:
            more = f", … {len(brake.keys) - _MANY} more: room-orchestrator plan names them all"
        told.append(
            f"{brake.name} holds {plural(len(brake.keys), 'room')} ({brake.wished} would end or "
            f"change, {brake.limit} may): {names}{more}"
        )
    return told


def _loss(screen: Screen, report: StatusReport, *, daemon: bool) -> str:
    first = report.loses_first
    if first is None:
        return "none foreseen"
    left = length(max(first.at - report.now, report.now - report.now))
    when = f"in {left}, {screen.moment(first.at)}"
    foreseen = FORESEEN.get(first.what, "" if daemon else "if no daemon runs until then")
    if foreseen:
        return f"{first.key} ends {when}, {foreseen}"
    return f"none foreseen; without the API the first link would end {when}: {first.key}"
