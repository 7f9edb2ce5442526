"""Recordings in the API's own words: what the API says of one, and what a kept copy is.

A recording belongs to a session and outlives it and its room.  Its object names no room (the API
notes, 7.1), so which room it was made in is told by its session alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from orchestrator.foundation.secret import Secret


class RecordingStatus(StrEnum):
    """Where a recording is in its life, by the API's ``status``."""

    STARTED = "started"
    PAUSED = "paused"
    STOPPED = "stopped"
    UPLOADED = "uploaded"
    UNKNOWN = "unknown"  # the API says something else, or nothing


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as the API last described it.

    Attributes:
        started_at: None where the API does not tell.
        ended_at: None while it runs, and where the API does not tell.
        link: where its content is, signed and good for a while; whoever has it may read (P11).
    """

    id: str
    session_id: str
    status: RecordingStatus
    started_at: datetime | None = None
    ended_at: datetime | None = None
    # Each look signs anew: two looks at an unchanged recording are the same recording.
    link: Secret | None = field(default=None, compare=False, repr=False)

    @property
    def has_content(self) -> bool:
        """Whether there is something to download; only that can be deleted as well."""
        return self.status is RecordingStatus.UPLOADED and self.link is not None


@dataclass(frozen=True, slots=True)
class Resume:
    """How much of a content is there already, of which version.

    Attributes:
        begin: bytes, at least one.
        tag: the strong ``ETag`` that they came with, its quotation marks included.
        length: of the whole, in bytes.
    """

    begin: int
    tag: str
    length: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was read back and is what was received.

    Attributes:
        name: in its archive.
        length: in bytes.
        sha256: of all of it, 64 hexadecimal digits.
    """

    name: str
    length: int
    sha256: str
