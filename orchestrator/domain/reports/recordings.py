"""Recordings: what becomes of those of each policy, and each of one key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RecordingsRow:
    """The recordings of one policy's rooms that are at the API.

    Attributes:
        archive: that they are copied to; empty: none is.
        keep: in words, how long after its end one stays there; empty: for good.
        here: how many there are.
        copied: of these, those with a copy.
        waiting: those whose copy is still to be made.
        due: those that are deleted when `next_at` has come, or as soon as nothing holds them.
        next_at: when the next is deleted.
        held: what stands before something, each in one sentence.
    """

    policy: str
    archive: str
    keep: str
    here: int
    copied: int
    waiting: int
    due: int
    next_at: datetime | None = None
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """One recording.

    Attributes:
        state: running, uploading, to copy, copied, to delete, deleting, missing, deleted, lost, or
            left alone.
        copy: where its copy is, ``ARCHIVE/NAME``; empty where there is none.
        why: what stands before the next act, or an empty text.
        due: when it is deleted; of one that is gone: when that was.
    """

    recording_id: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    copy: str = ""
    why: str = ""
    due: datetime | None = None
