"""A plan as Markdown, for the comment of a merge request: what ends and changes links first.

Names and reasons come from outside and stand in somebody's web page: no character of theirs means
anything there, no mention reaches anybody, and no link leads anywhere.  The whole is bounded by
what such pages take; what is left out is counted, and `--out` has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from orchestrator.cli.view.links import fate, links_sentence, touched
from orchestrator.cli.view.plan import SHOWN, listing, what, word_of
from orchestrator.cli.view.screen import clean
from orchestrator.cli.view.times import plural
from orchestrator.domain.reports import LinkFate, PlanLine, PlanReport

LONGEST: Final = 60_000  # characters of the whole; GitHub takes 65,536
_ROWS: Final = (200, 50, 20, 5, 1)  # of each table; fewer until the whole is short enough
_OPEN: Final = 10  # rows, beyond which a table of harmless things is folded up
_TEXT: Final = 240  # characters of one text from outside
# What may be Markdown or HTML: all but what is harmless anywhere, an address's colon, the dot by
# which a word becomes a link, and _ at the end of a word.
_SPECIAL: Final = re.compile(
    r"[^0-9A-Za-z \u00a0-\U0010ffff.,;:/'\"()_-]|:(?=/)|(?<=www)\."
    r"|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])",
    re.IGNORECASE,
)
# What some page takes for a person, an issue or a commit, if a word follows at once.
_REFERENCE: Final = re.compile(r"([@#!%~$&^])(?=\w)")
_NO_WIDTH: Final = "\u200b"
_WORDS: Final = {"ENDS": "LINK ENDS", "CHANGES": "LINK CHANGES", "MOVES": "link moves along"}
_WAITS: Final = frozenset({"frozen", "window"})
_OTHERS: Final = ("create", "restore", "adopt", "update", "renew")


def markdown(report: PlanReport, now: datetime, folder: str = "") -> str:
    """The whole comment.

    Args:
        report: the plan.
        now: by which the listing's age is told.
        folder: the candidate's, as it was named.
    """
    told = ""
    for most in _ROWS:
        told = "\n".join(_comment(report, now, folder, most))
        if len(told) <= LONGEST:
            break
    return told[:LONGEST]


def verdict(report: PlanReport) -> str:
    """The plan in a few words: the first that a reviewer reads."""
    if report.problems:
        return f"{plural(len(report.problems), 'problem')}: this would not come into force whole"
    lost = len({line.key for line in touched(report) if fate(line) != "MOVES"})
    changes = len(report.lines) + len(report.held) + len(report.themes)
    if not report.complete:
        return "not known, because the rooms could not be listed whole"
    if lost:
        return f"{plural(lost, 'link')} {'changes or ends' if lost == 1 else 'change or end'}"
    if changes:
        return f"{plural(changes, 'change')}, no link changes or ends"
    if report.unknown:
        return f"not known for {plural(len(report.unknown), 'policy', 'policies')}, else nothing"
    return "nothing to do"


def _comment(report: PlanReport, now: datetime, folder: str, most: int) -> Iterator[str]:
    yield f"### Room plan: {verdict(report)}"
    yield ""
    planned = f"Plan of {_code(folder)}" if folder else "Plan of what is in force"
    yield f"{planned}, mode {report.mode}. {links_sentence(report)} {listing(now, report)}"
    if report.problems:
        texts = [f"{_code(str(one.place))} {_plain(one.message)}" for one in report.problems]
        yield from _list(texts, most)
    if report.unknown:
        yield from _list([f"not known: {_plain(one)}" for one in report.unknown], most)
    yield from _links(touched(report), most)
    yield from _folded(plural(len(report.themes), "act") + " on themes", report.themes, most)
    # What waits for its hours or a reviewed plan is what the reviewer is asked about.
    acts = [*report.lines, *(line for line in report.held if line.held_by in _WAITS)]
    for word in _OTHERS:
        lines = [line for line in acts if line.action == word and not fate(line)]
        yield from _folded(plural(len(lines), SHOWN[word][1]), lines, most)
    rest = [line for line in acts if line.action not in _OTHERS and not fate(line)]
    yield from _folded(plural(len(rest), "further act"), rest, most)
    held = [line for line in report.held if line.held_by not in _WAITS and not fate(line)]
    yield from _folded(f"{len(held):,} held", held, most)
    ending = f"{len(report.standing):,} ending, as decided before"
    yield from _folded(ending, report.standing, most)
    if report.openings:
        yield ""
        yield "**opens next, by schedules**"
        texts = [
            f"{_code(row.key)} {_code(_moment(row.opens))} {_code(row.display_name)}"
            for row in report.openings
        ]
        yield from _list(texts, most)
    yield ""
    if report.review is not None and report.acts:
        review = report.review
        yield (
            f"Plan <code>{review.name}</code>, good until {_moment(review.expires_at)}: "
            "`apply --plan` does exactly this."
        )
        yield ""
    same = f"Rooms as they should be: {report.unchanged:,}"
    yield f"{same}; not ours and untouched: {report.foreign:,}. Nothing was done."
    yield ""


def _links(lines: Sequence[PlanLine], most: int) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield "| Link | Room | What | Why |"
    yield "| --- | --- | --- | --- |"
    for line in lines[:most]:
        yield f"| **{_WORDS[fate(line)]}** | {_cells(line)} |"
    yield from _more(len(lines) - most)


def _folded(title: str, lines: Sequence[PlanLine], most: int) -> Iterator[str]:
    """A table of what harms no link: open where it is short, else to be unfolded."""
    if not lines:
        return
    folds = len(lines) > _OPEN
    yield ""
    yield f"<details><summary>{title}</summary>" if folds else f"**{title}**"
    yield ""
    yield "| | Room | What | Why |"
    yield "| --- | --- | --- | --- |"
    for line in lines[:most]:
        yield f"| {word_of(line)} | {_cells(line)} |"
    yield from _more(len(lines) - most)
    if folds:
        yield ""
        yield "</details>"


def _cells(line: PlanLine) -> str:
    news = what(_moment, line) if line.link is not LinkFate.STAYS or line.changes else ""
    if line.action == "move":
        news = ""
    did = word_of(line) if fate(line) in {"ENDS", "CHANGES"} else ""
    told = ", ".join(filter(None, (did, _code(news) if news else "")))
    held = f"; held ({line.held_by}): {_plain(line.held_why)}" if line.held_by else ""
    return f"{_code(line.key)} | {told} | {_plain(line.reason)}{held}"


def _list(texts: Sequence[str], most: int) -> Iterator[str]:
    yield ""
    for text in texts[:most]:
        yield f"- {text}"
    yield from _more(len(texts) - most)


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield ""
        yield f"… and {count:,} more: `plan --out FILE` has them all."


def _moment(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}Z"


def _code(text: str) -> str:
    return f"<code>{_harmless(text)}</code>"


def _plain(text: str) -> str:
    return _harmless(_REFERENCE.sub(rf"\1{_NO_WIDTH}", text))


def _harmless(text: str) -> str:
    """A text of which no character is Markdown or HTML."""
    short = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    return _SPECIAL.sub(lambda special: f"&#{ord(special[0])};", clean(short))
