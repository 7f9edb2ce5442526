"""The audit log for people: facts in UTC, as the log itself tells them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.app.auditing import Anchoring, Entry, Finding, Shown, Signing, VerifyReport
from orchestrator.cli.view.screen import Part, Screen
from orchestrator.cli.view.times import exact, plural
from orchestrator.foundation.shapes import Json

_LABEL = 10
_SUBJECTS = ("file", "destination", "brake", "url", "mode")
_BAD = (".failed", ".rejected", "tripped", "unanswered", "lost", "conflicted", "unavailable")


def show_entry(screen: Screen, entry: Entry) -> None:
    """One fact as one line."""
    style = "red" if entry.event.endswith(_BAD) else "green" if entry.event[:5] == "room." else ""
    parts: list[Part] = [
        (exact(entry.ts), "dim"),
        f"  #{entry.seq}  ",
        (entry.event, style),
        f"  {_subject(entry)}",
    ]
    if entry.text("reason"):
        parts.append(f"  because {entry.text('reason')}")
    if entry.text("actor"):
        parts.append((f"  by {entry.text('actor')}", "dim"))
    screen.line(*parts, hang=4)


def show_found(screen: Screen, entry: Entry) -> None:
    """One fact that was searched for: on a terminal with all that is told of it."""
    if not screen.terminal:
        show_entry(screen, entry)
        return
    screen.line((entry.event, "bold"), f"   {exact(entry.ts)}   #{entry.seq}   {_subject(entry)}")
    _details(screen, entry)


def show_shown(screen: Screen, shown: Shown) -> None:
    """One fact with everything that it holds, and the trail that leads to it and on."""
    entry = shown.entry
    screen.line((entry.event, "bold"), f"   {exact(entry.ts)}   #{entry.seq}   {_subject(entry)}")
    _details(screen, entry)
    for name in ("cause", "room_id", "store", "owner", "prev", "hash"):
        _field(screen, name, entry.text(name))
    _field(screen, "stands in", f"{entry.file}:{entry.line}")
    if len(shown.trail) > 1:
        screen.blank()
        screen.line(("trail", "bold"))
        for each in shown.trail:
            show_entry(screen, each)


def show_coverage(screen: Screen, report: VerifyReport, found: int) -> None:
    """Say what a search covered, so that nothing found is an answer too."""
    count = plural(found, "fact") if found else "Nothing"
    whole = (
        "chain whole" if report.is_whole else f"{_wrong(report)}: room-orchestrator audit verify"
    )
    screen.note(f"{count}. Searched {_covered(report)}, {whole}.")


def show_verified(screen: Screen, report: VerifyReport, missing: Sequence[str]) -> None:
    """Show every place where the log is not what was written, and what was looked at."""
    for finding in report.findings:
        _finding(screen, finding)
    if report.further:
        screen.line((f"… {report.further:,} more places", "red"))
    for sentence in missing:
        screen.line((sentence, "yellow"), hang=2)
    verdict = "The log is what was written" if report.is_whole else _wrong(report)
    screen.line((f"{verdict}: ", "green" if report.is_whole else "bold red"), _covered(report))
    screen.line(f"{_anchored(report)} · {_signed(report)}", hang=2)


def verified_document(report: VerifyReport, missing: Sequence[str]) -> Json:
    """The same for programs."""
    coverage = report.coverage
    return {
        "whole": report.is_whole,
        "findings": [
            {
                "kind": str(finding.kind),
                "file": finding.file,
                "line": finding.line,
                "seq": finding.seq,
                "message": finding.message,
            }
            for finding in report.findings
        ],
        "further": report.further,
        "not_checked": list(missing),
        "files": list(coverage.files),
        "lines": coverage.lines,
        "first_seq": coverage.first_seq,
        "last_seq": coverage.last_seq,
        "anchoring": str(report.anchoring),
        "signing": str(report.signing),
        "signed_until": report.signed_until,
    }


def entry_document(entry: Entry) -> Json:
    """One fact for programs: the line as it stands."""
    document: Json = json.loads(entry.raw)
    return document


def _details(screen: Screen, entry: Entry) -> None:
    _field(screen, "who", entry.text("actor"))
    _field(screen, "why", entry.text("reason"))
    _field(screen, "what", _what(entry))
    before, after = entry.values("before"), entry.values("after")
    for name in dict.fromkeys((*before, *after)):
        _field(screen, name, f"{_value(before.get(name))} → {_value(after.get(name))}")
    for name, value in entry.values("detail").items():
        _field(screen, name, _value(value))


def _what(entry: Entry) -> str:
    api, operation = entry.values("api"), entry.text("operation")
    told: list[str] = []
    if api:
        status = api.get("status") or "no answer"
        told.append(f"{api.get('method')} {status} in {api.get('ms')} ms")
    if operation:
        told.append(f"operation {operation}")
    return ", ".join(told)


def _subject(entry: Entry) -> str:
    detail = entry.values("detail")
    name, code = detail.get("display_name"), detail.get("meeting_code")
    told = [entry.text("key")]
    if isinstance(name, str):
        told.append(f'"{name}"')
    if isinstance(code, str) and code:
        told.append(f"code {code}")
    if not told[0]:
        told.extend(str(detail[name]) for name in _SUBJECTS if detail.get(name))
    return "  ".join(filter(None, told))


def _value(value: Json) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _finding(screen: Screen, finding: Finding) -> None:
    number = "" if finding.seq is None else f" (#{finding.seq})"
    place = f"{finding.file}:{finding.line}{number}"
    screen.line((place, "red"), f"  {finding.kind}: {finding.message}", hang=4)


def _wrong(report: VerifyReport) -> str:
    count = len(report.findings) + report.further
    return f"The log is NOT what was written, in {plural(count, 'place')}"


def _covered(report: VerifyReport) -> str:
    coverage = report.coverage
    files = plural(len(coverage.files), "file")
    if coverage.first_ts is None or coverage.last_ts is None:
        return f"{plural(coverage.lines, 'line')} in {files}"
    return (
        f"{plural(coverage.lines, 'line')} in {files}, {exact(coverage.first_ts)} to "
        f"{exact(coverage.last_ts)}"
    )


def _anchored(report: VerifyReport) -> str:
    match report.anchoring:
        case Anchoring.HELD:
            return "its end is the one that the store remembers"
        case Anchoring.MISSED:
            return "its end is NOT the one that the store remembers"
        case Anchoring.NOT_ASKED:
            return "its end was not checked against a store"


def _signed(report: VerifyReport) -> str:
    match report.signing:
        case Signing.NO_CHECKPOINT:
            return "no checkpoint yet"
        case Signing.NOT_SIGNED:
            return "checkpoints are not signed"
        case Signing.NOT_CHECKED:
            return "signatures were not checked"
        case Signing.CHECKED:
            until = "none" if report.signed_until is None else f"#{report.signed_until}"
            return f"signed until {until}"


def _field(screen: Screen, label: str, text: str) -> None:
    if text:
        screen.line((f"{label:<{_LABEL}}", "dim"), f" {text}", indent=2, hang=3 + _LABEL)
