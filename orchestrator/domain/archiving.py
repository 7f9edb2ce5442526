"""What is to be done about a recording: decided from what is remembered of it, and nothing else.

Pure.  A recording is copied where its terms name an archive, and deleted where they say so and it
is old enough by API time.  A copy that is promised comes before: whoever carries out a deletion
reads the copy back once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.domain import backoff
from orchestrator.domain.keeping import KeptRecording
from orchestrator.domain.pausing import Pause
from orchestrator.domain.policies import Mode, stricter
from orchestrator.domain.recordings import RecordingStatus
from orchestrator.domain.records import Suspension


class RecordingStep(StrEnum):
    """What can be done about one."""

    LOOK = "look"  # GET it: a deletion was not answered, or it was not found
    COPY = "copy"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class RecordingAct:
    """One thing to do, and why."""

    step: RecordingStep
    reason: str


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What is to be done, or what stands before it and until when the answer holds.

    Attributes:
        held_by: one word: mode, doubt, stopped, grace, archive, upload, back-off, settle,
            suspended, frozen, window.
        until: None: until something else changes.
    """

    act: RecordingAct | None = None
    held_by: str = ""
    held_why: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """An archive that failed again and again: why, and until when it is left alone (API time)."""

    why: str
    until: datetime


@dataclass(frozen=True, slots=True)
class RecordingWorld:
    """What holds for all recordings at one moment.

    Attributes:
        now: API time.
        mode: of config.yaml; the terms may hold a stricter one.
        stopped: why no call is made, or an empty text.
        doubt: why nothing is deleted and nothing counts as lost, or an empty text.
        archives: the names of those that there are.
        closed: those of them that are left alone for now, by name.
        settle: how far apart two looks must be to prove that something is gone.
        listed: what was there before had to be shown by the last listing of rooms that is believed:
            another backend under the same address has no recordings of ours either, and is told by
            its rooms.
        pauses: by policy, a freeze or a change window that is closed; copies go on.
        suspended: by encoded key, a person's word that nothing is to be done; copies go on.
    """

    now: datetime
    mode: Mode
    stopped: str = ""
    doubt: str = ""
    archives: frozenset[str] = frozenset()
    closed: Mapping[str, Closed] = field(default_factory=lambda: MappingProxyType({}))
    settle: timedelta = timedelta()
    listed: datetime | None = None
    pauses: Mapping[str, Pause] = field(default_factory=lambda: MappingProxyType({}))
    suspended: Mapping[str, Suspension] = field(default_factory=lambda: MappingProxyType({}))


#: What nobody here deleted counts as lost when it was not found for so long, and at so many looks
#: besides: another backend that answers for a while may do so twice, and nothing hangs on telling.
LOST_AFTER: Final = timedelta(hours=1)
LOST_LOOKS: Final = 5
#: And a deletion of ours that was not answered counts as carried out after so many in a row: an API
#: that says 404 for what is there does so twice now and then, and only one list is read afterwards.
DELETED_LOOKS: Final = 4
#: One that was answered is carried out where so many looks, one after the other, do not find it.
CONFIRMED_LOOKS: Final = 3


def plan_recording(one: KeptRecording, world: RecordingWorld) -> RecordingPlan:
    """What to do about one recording now."""
    if one.over:
        return RecordingPlan()
    if world.stopped:
        return RecordingPlan(held_by="stopped", held_why=world.stopped)
    if one.deleting_since is not None or one.missing_since is not None:
        return _look(one, world)
    if one.terms is None:
        return RecordingPlan()
    if one.status is not RecordingStatus.UPLOADED:
        return RecordingPlan(held_by="upload", held_why="its content is not uploaded yet")
    if one.copy is None and one.terms.wish.archive:
        return _copy(one, world, one.terms.wish.archive)
    return _delete(one, world)


def _look(one: KeptRecording, world: RecordingWorld) -> RecordingPlan:
    if world.doubt:  # 404 would be believed
        return RecordingPlan(held_by="doubt", held_why=world.doubt)
    if one.missing_since is None:
        return _in_time(one, world, RecordingStep.LOOK, "its deletion was not answered")
    again = one.missing_since + world.settle
    if world.now < again:
        return RecordingPlan(held_by="settle", held_why="it was not found", until=again)
    if world.listed is None or world.listed <= one.missing_since:
        why = "it was not found, and rooms were not listed since"
        return RecordingPlan(held_by="settle", held_why=why)
    return _in_time(one, world, RecordingStep.LOOK, "it was not found")


def is_lost(one: KeptRecording, now: datetime) -> bool:
    """Whether one that was not found once more, by API time now, is gone by another hand."""
    since = one.missing_since
    return since is not None and now - since >= LOST_AFTER and _looks(one) >= LOST_LOOKS


def is_deleted(one: KeptRecording) -> bool:
    """Whether one that was not found once more was deleted by a call that was not answered."""
    return _looks(one) >= DELETED_LOOKS


def _looks(one: KeptRecording) -> int:
    """At how many looks in a row it was not found, this one among them."""
    # The first look counts none, and this one none yet.
    return 2 + (one.attempts.count if one.attempts.input == RecordingStep.LOOK else 0)


def _copy(one: KeptRecording, world: RecordingWorld, archive: str) -> RecordingPlan:
    mode = _mode(one, world)
    if mode is Mode.OBSERVE:
        return RecordingPlan(held_by="mode", held_why="observe copies nothing")
    shut = _shut(archive, world)
    if shut is not None:
        return shut
    return _in_time(one, world, RecordingStep.COPY, f"it is kept in {archive}{_because(one)}")


def _delete(one: KeptRecording, world: RecordingWorld) -> RecordingPlan:
    due, old = one.due_at, one.old_at
    if due is None or old is None:
        return RecordingPlan()
    if world.now < due:
        if world.now < old:
            return RecordingPlan(until=old)
        why = "its terms are new, and whoever wrote them may still change them"
        return RecordingPlan(held_by="grace", held_why=why, until=due)
    suspension = world.suspended.get(one.key.encoded)
    if suspension is not None:
        why = f"suspended by {suspension.actor}: {suspension.reason}"
        # One whose time is over holds until its end is recorded, at its key's turn.
        until = suspension.until if suspension.until > world.now else None
        return RecordingPlan(held_by="suspended", held_why=why, until=until)
    mode = _mode(one, world)
    if mode is not Mode.ENFORCE:
        return RecordingPlan(held_by="mode", held_why=f"{mode} deletes nothing")
    if world.doubt:
        return RecordingPlan(held_by="doubt", held_why=world.doubt)
    pause = None if one.terms is None else world.pauses.get(one.terms.policy)
    if pause is not None:
        return RecordingPlan(held_by=pause.by, held_why=pause.reason, until=pause.until)
    archive = copied_to(one)
    shut = _shut(archive, world) if archive else None
    if shut is not None:
        return shut
    return _in_time(one, world, RecordingStep.DELETE, f"it is old enough{_because(one)}")


def _shut(archive: str, world: RecordingWorld) -> RecordingPlan | None:
    """What stands before copying to an archive and reading from it, if anything does."""
    if archive not in world.archives:
        return RecordingPlan(held_by="archive", held_why=f"config.yaml has no archive {archive}")
    closed = world.closed.get(archive)
    if closed is None or closed.until <= world.now:
        return None
    return RecordingPlan(held_by="archive", held_why=closed.why, until=closed.until)


def copied_to(one: KeptRecording) -> str:
    """The archive whose copy must be read back before it is deleted; empty: none was promised."""
    promised = one.terms is not None and one.terms.wish.archive
    return one.copy.archive if promised and one.copy is not None else ""


def _in_time(
    one: KeptRecording, world: RecordingWorld, step: RecordingStep, reason: str
) -> RecordingPlan:
    until = backoff.held_back(one.attempts, step, world.now)
    if until is not None:
        return RecordingPlan(held_by="back-off", held_why=one.attempts.fault, until=until)
    return RecordingPlan(RecordingAct(step, reason))


def _mode(one: KeptRecording, world: RecordingWorld) -> Mode:
    return stricter(world.mode, None if one.terms is None else one.terms.mode)


def _because(one: KeptRecording) -> str:
    line = "" if one.terms is None else one.terms.because
    return f" ({line})" if line else ""
