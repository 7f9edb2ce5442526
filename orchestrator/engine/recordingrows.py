"""Recordings for people: what becomes of each policy's, of each one, and what needs somebody.

Pure but for the shelf that it reads; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from orchestrator.domain.archiving import RecordingPlan, RecordingStep
from orchestrator.domain.brakes import Limits
from orchestrator.domain.keeping import KeptRecording, Terms
from orchestrator.domain.recordings import RecordingStatus
from orchestrator.domain.reports import RecordingRow, RecordingsRow
from orchestrator.foundation.instants import format_duration

Planned = tuple[KeptRecording, RecordingPlan]
# What is no trouble: it comes by itself, or is what the policy asked for.
_IN_ORDER: Final = frozenset({"", "upload", "settle", "grace"})
_TRIED: Final = 3  # times in vain, and a person is told
_HELD_MOST: Final = 3
_RUNNING: Final = frozenset({RecordingStatus.STARTED, RecordingStatus.PAUSED})


def recordings_rows(plans: Iterable[Planned], terms: Iterable[Terms]) -> tuple[RecordingsRow, ...]:
    """What becomes of the recordings of each policy that says something of them, by name."""
    by_policy: dict[str, list[Planned]] = {one.policy: [] for one in terms}
    for one, plan in plans:
        if one.terms is not None:
            by_policy.setdefault(one.terms.policy, []).append((one, plan))
    told = {one.policy: one for one in terms}
    return tuple(_row(name, told.get(name), each) for name, each in sorted(by_policy.items()))


def _row(name: str, terms: Terms | None, plans: Sequence[Planned]) -> RecordingsRow:
    promised = terms or next(one.terms for one, _ in plans if one.terms is not None)
    wish = promised.wish
    dues = [one.due_at for one, _ in plans if one.due_at is not None]
    held = dict.fromkeys(plan.held_why for _, plan in plans if plan.held_by not in _IN_ORDER)
    return RecordingsRow(
        policy=name,
        archive=wish.archive,
        keep="" if wish.keep is None else format_duration(wish.keep),
        here=len(plans),
        copied=sum(one.copy is not None for one, _ in plans),
        waiting=sum(_waits(one) for one, _ in plans),
        due=len(dues),
        next_at=min(dues, default=None),
        held=tuple(held)[:_HELD_MOST],
    )


def _waits(one: KeptRecording) -> bool:
    return one.copy is None and one.terms is not None and bool(one.terms.wish.archive)


def recording_row(one: KeptRecording, plan: RecordingPlan) -> RecordingRow:
    """One recording."""
    copy = "" if one.copy is None else f"{one.copy.archive}/{one.copy.copy.name}"
    return RecordingRow(
        recording_id=one.id,
        state=_state(one, plan),
        started_at=one.started_at,
        ended_at=one.ended_at,
        copy=copy,
        why="" if plan.held_by in {"", "upload"} else plan.held_why,
        due=one.gone_at or one.due_at,
    )


def _state(one: KeptRecording, plan: RecordingPlan) -> str:
    if one.gone is not None:
        return str(one.gone)
    if one.deleting_since is not None:
        return "deleting"
    if one.missing_since is not None:
        return "missing"
    if one.status in _RUNNING:
        return "running"
    if one.status is not RecordingStatus.UPLOADED:
        return "uploading"
    if one.terms is None:
        return "left alone"
    if _waits(one):
        return "to copy"
    if plan.act is not None and plan.act.step is RecordingStep.DELETE:
        return "to delete"
    return "copied" if one.copy is not None else "to delete"


def recording_causes(
    plans: Sequence[Planned], limits: Limits, now: datetime
) -> Iterator[tuple[str, str]]:
    """What a person should look at, by the names of alerts."""
    archives: dict[str, tuple[str, int]] = {}
    stuck: list[KeptRecording] = []
    graced: dict[str, list[KeptRecording]] = {}
    for one, plan in plans:
        terms = one.terms
        if terms is None:
            continue
        if plan.held_by == "archive":
            why, many = archives.get(terms.wish.archive, (plan.held_why, 0))
            archives[terms.wish.archive] = (why, many + 1)
        elif one.attempts.count >= _TRIED:
            stuck.append(one)
        elif plan.held_by == "grace":
            graced.setdefault(terms.policy, []).append(one)
    for name, (why, many) in sorted(archives.items()):
        wait = "recording waits" if many == 1 else "recordings wait"
        yield f"archive {name}", f"Archive {name}: {why}. {many:,} {wait}, and nothing is lost yet"
    for policy, each in sorted(graced.items()):
        yield from _graced(policy, each, len(plans), limits, now)
    if stuck:
        first = stuck[0]
        more = f" (and {len(stuck) - 1:,} more)" if len(stuck) > 1 else ""
        told = f"Recording {first.id} of {first.key}{more}: {first.attempts.fault}"
        yield "recordings", told


def _graced(
    policy: str, each: Sequence[KeptRecording], count: int, limits: Limits, now: datetime
) -> Iterator[tuple[str, str]]:
    """New terms by which more is deleted at once than a brake lets rooms end."""
    allowed = max(limits.max_removals, int(count * limits.max_removal_percent / 100))
    if len(each) <= allowed:
        return
    due = min((one.due_at for one in each if one.due_at is not None), default=now)
    because = next((one.terms.because for one in each if one.terms is not None), "")
    told = (
        f"{len(each):,} recordings are deleted from {due:%d %b %Y %H:%M}Z on, because {because} "
        "says so since not long ago. Not meant? Change that line before"
    )
    yield f"recordings {policy}", told
