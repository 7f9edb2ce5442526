"""What is done about a recording, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.archiving import (
    Closed,
    RecordingAct,
    RecordingPlan,
    RecordingStep,
    RecordingWorld,
    copied_to,
    is_deleted,
    is_lost,
    plan_recording,
)
from orchestrator.domain.keeping import Gone, KeptCopy, KeptRecording, Terms
from orchestrator.domain.keys import Key
from orchestrator.domain.pausing import Pause
from orchestrator.domain.policies import KeepRecordings, Mode
from orchestrator.domain.recordings import Copy, RecordingStatus
from orchestrator.domain.records import Attempts, Suspension

DAY = timedelta(days=1)
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
ENDED = NOW - 40 * DAY
TERMS = Terms(
    "team-rooms",
    KeepRecordings("vault", 30 * DAY, 7 * DAY),
    NOW - 300 * DAY,
    "0123456789abcdef",
    "team-rooms.yaml:14",
)
COPY = KeptCopy("vault", Copy("a1.mp4", 5, "0" * 64), ENDED)
ONE = KeptRecording(
    "a1",
    "s1",
    "r1",
    Key("team-rooms", "checkout"),
    "Checkout room",
    ENDED,
    RecordingStatus.UPLOADED,
    ENDED - timedelta(hours=1),
    ENDED,
    TERMS,
    COPY,
)
FRESH = replace(ONE, copy=None)
WORLD = RecordingWorld(NOW, Mode.ENFORCE, archives=frozenset({"vault"}), settle=60 * DAY / 86400)


def wishing(one: KeptRecording, **changes: object) -> KeptRecording:
    """The same with other terms."""
    assert one.terms is not None
    fields = {"archive", "keep", "grace"}
    wish = replace(one.terms.wish, **{k: v for k, v in changes.items() if k in fields})  # type: ignore[arg-type]
    rest = {k: v for k, v in changes.items() if k not in fields}
    return replace(one, terms=replace(one.terms, wish=wish, **rest))  # type: ignore[arg-type]


def act(step: RecordingStep, reason: str) -> RecordingPlan:
    return RecordingPlan(RecordingAct(step, reason))


def held(by: str, why: str, until: datetime | None = None) -> RecordingPlan:
    return RecordingPlan(None, by, why, until)


def suspended(until: datetime) -> dict[str, Suspension]:
    return {ONE.key.encoded: Suspension(until, "anna", "OPS-4711")}


COPIED = "it is kept in vault (team-rooms.yaml:14)"
DELETED = "it is old enough (team-rooms.yaml:14)"
UNKNOWN = "config.yaml has no archive vault"
NEW = "its terms are new, and whoever wrote them may still change them"
BACK = NOW + timedelta(minutes=5)
TRIED = {step: Attempts(1, BACK, "503: away", step) for step in RecordingStep}

CASES: dict[str, tuple[KeptRecording, RecordingWorld, RecordingPlan]] = {
    "gone": (replace(ONE, gone=Gone.DELETED, gone_at=NOW), WORLD, RecordingPlan()),
    "nothing is called": (ONE, replace(WORLD, stopped="401"), held("stopped", "401")),
    "no terms": (replace(FRESH, terms=None), WORLD, RecordingPlan()),
    "it runs": (
        replace(FRESH, status=RecordingStatus.STARTED),
        WORLD,
        held("upload", "its content is not uploaded yet"),
    ),
    "to copy": (FRESH, WORLD, act(RecordingStep.COPY, COPIED)),
    "to copy without a line": (
        wishing(FRESH, because=""),
        WORLD,
        act(RecordingStep.COPY, "it is kept in vault"),
    ),
    "copies while no room is removed": (
        FRESH,
        replace(WORLD, mode=Mode.NO_REMOVALS),
        act(RecordingStep.COPY, COPIED),
    ),
    "in doubt it is copied": (
        FRESH,
        replace(WORLD, doubt="unsure"),
        act(RecordingStep.COPY, COPIED),
    ),
    "observe": (
        FRESH,
        replace(WORLD, mode=Mode.OBSERVE),
        held("mode", "observe copies nothing"),
    ),
    "the policy observes": (
        wishing(FRESH, mode=Mode.OBSERVE),
        WORLD,
        held("mode", "observe copies nothing"),
    ),
    "no such archive": (FRESH, replace(WORLD, archives=frozenset()), held("archive", UNKNOWN)),
    "copying failed": (
        replace(FRESH, attempts=TRIED[RecordingStep.COPY]),
        WORLD,
        held("back-off", "503: away", BACK),
    ),
    "something else failed": (
        replace(FRESH, attempts=TRIED[RecordingStep.DELETE]),
        WORLD,
        act(RecordingStep.COPY, COPIED),
    ),
    "copied for good": (wishing(ONE, keep=None), WORLD, RecordingPlan()),
    "not old enough": (
        replace(ONE, ended_at=NOW - 10 * DAY),
        WORLD,
        RecordingPlan(until=NOW + 20 * DAY),
    ),
    "its end is not told": (
        replace(ONE, ended_at=None, found_at=NOW - 29 * DAY),
        WORLD,
        RecordingPlan(until=NOW + DAY),
    ),
    "new terms": (wishing(ONE, since=NOW - DAY), WORLD, held("grace", NEW, NOW + 6 * DAY)),
    "to delete": (ONE, WORLD, act(RecordingStep.DELETE, DELETED)),
    "to delete without a copy": (
        wishing(FRESH, archive=""),
        WORLD,
        act(RecordingStep.DELETE, DELETED),
    ),
    "at the moment": (
        replace(ONE, ended_at=NOW - 30 * DAY),
        WORLD,
        act(RecordingStep.DELETE, DELETED),
    ),
    "no removals": (
        ONE,
        replace(WORLD, mode=Mode.NO_REMOVALS),
        held("mode", "no-removals deletes nothing"),
    ),
    "doubt": (ONE, replace(WORLD, doubt="clocks"), held("doubt", "clocks")),
    "frozen": (
        ONE,
        replace(WORLD, pauses={TERMS.policy: Pause("frozen", "by anna", NOW + DAY)}),
        held("frozen", "by anna", NOW + DAY),
    ),
    "another policy is frozen": (
        ONE,
        replace(WORLD, pauses={"other": Pause("frozen", "by anna", NOW + DAY)}),
        act(RecordingStep.DELETE, DELETED),
    ),
    "suspended": (
        ONE,
        replace(WORLD, suspended=suspended(NOW + DAY)),
        held("suspended", "suspended by anna: OPS-4711", NOW + DAY),
    ),
    "suspended until its key's next turn": (
        ONE,
        replace(WORLD, suspended=suspended(NOW)),
        held("suspended", "suspended by anna: OPS-4711"),
    ),
    "suspended, and to copy": (
        FRESH,
        replace(WORLD, suspended=suspended(NOW + DAY)),
        act(RecordingStep.COPY, COPIED),
    ),
    "its copy cannot be read": (
        ONE,
        replace(WORLD, archives=frozenset()),
        held("archive", UNKNOWN),
    ),
    "its archive is left alone": (
        FRESH,
        replace(WORLD, closed={"vault": Closed("the disk is full", BACK)}),
        held("archive", "the disk is full", BACK),
    ),
    "its copy is not read back meanwhile": (
        ONE,
        replace(WORLD, closed={"vault": Closed("the disk is full", BACK)}),
        held("archive", "the disk is full", BACK),
    ),
    "its archive is tried again": (
        FRESH,
        replace(WORLD, closed={"vault": Closed("the disk is full", NOW)}),
        act(RecordingStep.COPY, COPIED),
    ),
    "deleting failed": (
        replace(ONE, attempts=TRIED[RecordingStep.DELETE]),
        WORLD,
        held("back-off", "503: away", BACK),
    ),
    "not answered": (
        replace(ONE, deleting_since=NOW - DAY),
        WORLD,
        act(RecordingStep.LOOK, "its deletion was not answered"),
    ),
    "not answered, and doubt": (
        replace(ONE, deleting_since=NOW - DAY),
        replace(WORLD, doubt="clocks"),
        held("doubt", "clocks"),
    ),
    "not answered, looked in vain": (
        replace(ONE, deleting_since=NOW, attempts=TRIED[RecordingStep.LOOK]),
        WORLD,
        held("back-off", "503: away", BACK),
    ),
    "missing": (
        replace(FRESH, missing_since=NOW),
        WORLD,
        held("settle", "it was not found", NOW + timedelta(seconds=60)),
    ),
    "missing, and rooms were not listed since": (
        replace(FRESH, missing_since=NOW - DAY),
        replace(WORLD, listed=NOW - DAY),
        held("settle", "it was not found, and rooms were not listed since"),
    ),
    "missing, and rooms were never listed": (
        replace(FRESH, missing_since=NOW - DAY),
        WORLD,
        held("settle", "it was not found, and rooms were not listed since"),
    ),
    "missing for long": (
        replace(FRESH, missing_since=NOW - DAY),
        replace(WORLD, listed=NOW),
        act(RecordingStep.LOOK, "it was not found"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_done(case: str) -> None:
    one, world, plan = CASES[case]
    assert plan_recording(one, world) == plan


@pytest.mark.parametrize(
    ("one", "archive"),
    [
        (ONE, "vault"),
        (wishing(ONE, archive="cellar"), "vault"),
        (wishing(ONE, archive=""), ""),
        (replace(ONE, terms=None), ""),
        (FRESH, ""),
    ],
)
def test_which_copy_comes_before_its_deletion(one: KeptRecording, archive: str) -> None:
    """That which was made, wherever it would be made now; none where none is wanted any more."""
    assert copied_to(one) == archive


def test_when_a_recording_is_due() -> None:
    """By its age, and by the age of its terms; without terms never."""
    assert ONE.due_at == ENDED + 30 * DAY
    assert wishing(ONE, since=NOW).due_at == NOW + 7 * DAY
    assert wishing(ONE, since=NOW).old_at == ENDED + 30 * DAY
    assert replace(ONE, terms=None).due_at is None
    assert TERMS.actor == "policy team-rooms@01234567"


LOOKED = Attempts(3, NOW, "it is not found", RecordingStep.LOOK)


@pytest.mark.parametrize(
    ("since", "attempts", "lost"),
    [
        (timedelta(hours=1), LOOKED, True),
        (timedelta(minutes=59), LOOKED, False),
        (DAY, replace(LOOKED, count=2), False),
        (DAY, replace(LOOKED, input=RecordingStep.COPY), False),
        (None, LOOKED, False),
    ],
    ids=["an hour, five looks", "not an hour", "four looks", "what failed was a copy", "found"],
)
def test_what_nobody_deleted_is_lost_after_an_hour_and_five_looks(
    since: timedelta | None, attempts: Attempts, lost: bool
) -> None:
    one = replace(ONE, missing_since=None if since is None else NOW - since, attempts=attempts)
    assert is_lost(one, NOW) is lost


@pytest.mark.parametrize(
    ("attempts", "deleted"),
    [
        (replace(LOOKED, count=2), True),
        (replace(LOOKED, count=1), False),
        (replace(LOOKED, input=RecordingStep.DELETE), False),
        (Attempts(), False),
    ],
    ids=["four looks", "three", "what failed was a deletion", "two"],
)
def test_what_was_deleted_without_an_answer_is_looked_for_four_times(
    attempts: Attempts, deleted: bool
) -> None:
    """An API that says 404 for what is there does so twice now and then."""
    assert is_deleted(replace(ONE, missing_since=NOW, attempts=attempts)) is deleted
