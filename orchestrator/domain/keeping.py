"""Keeping: what we remember of a recording, of the session that made it, and of its terms.

The terms are what its policy said should become of it.  They are remembered with the recording, for
it outlives its room, and may outlive its policy.  A recording without terms is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from orchestrator.domain.keys import Key
from orchestrator.domain.policies import KeepRecordings, Mode
from orchestrator.domain.recordings import Copy, RecordingStatus
from orchestrator.domain.records import Attempts

_NONE: Final = Attempts()


@dataclass(frozen=True, slots=True)
class Terms:
    """What becomes of one recording, by the word of a policy.

    Attributes:
        policy: its name.
        wish: what it says.
        since: from when on it says so (API time); nothing is deleted before ``grace`` is over.
        version: of the policy, for people.
        because: the line that says so, such as ``team-rooms.yaml:14``.
        mode: how far the policy goes, where it says so.
    """

    policy: str
    wish: KeepRecordings
    since: datetime
    version: str = ""
    because: str = ""
    mode: Mode | None = None

    @property
    def actor(self) -> str:
        """Who acts, as facts tell it."""
        return f"policy {self.policy}@{self.version[:8]}"


class Gone(StrEnum):
    """How a recording came to its end at the API."""

    DELETED = "deleted"
    LOST = "lost"  # by no act of ours


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """A copy, and where and when it was made (API time)."""

    archive: str
    copy: Copy
    made_at: datetime


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """One recording of a room of ours.

    Attributes:
        key: of the room that it was made in, when it was found.
        display_name: that room's.
        found_at: API time, like all moments here.
        status: as it was seen last.
        terms: None: nothing is to become of it.
        deleting_since: the intent to delete it was recorded, and how that ended is not known.
        asked: a deletion of it was sent that may have been carried out.
        missing_since: the first look that did not find it.
        attempts: in vain, at what comes next.
    """

    id: str
    session_id: str
    room_id: str
    key: Key
    display_name: str
    found_at: datetime
    status: RecordingStatus
    started_at: datetime | None = None
    ended_at: datetime | None = None
    terms: Terms | None = None
    copy: KeptCopy | None = None
    deleting_since: datetime | None = None
    asked: bool = False
    missing_since: datetime | None = None
    attempts: Attempts = _NONE
    gone: Gone | None = None
    gone_at: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether it is at the API no more."""
        return self.gone is not None

    @property
    def old_at(self) -> datetime | None:
        """From when on its policy lets go of it, grace or not; None: it stays for good."""
        keep = None if self.terms is None else self.terms.wish.keep
        # Where the API does not tell when it ended: when we know that it had.
        return None if keep is None else (self.ended_at or self.found_at) + keep

    @property
    def due_at(self) -> datetime | None:
        """When it is to be deleted; None: never."""
        old_at = self.old_at
        if old_at is None or self.terms is None:
            return None
        return max(old_at, self.terms.since + self.terms.wish.grace)


@dataclass(frozen=True, slots=True)
class WatchedSession:
    """A session of a room of ours, while recordings of it may still appear or change.

    Attributes:
        ended_at: None while it goes on, as far as is known.
        looks: how often its recordings were listed since it ended.
        failures: in a row, of such a list.
        next_at: when they are listed next (API time); None: no more.
    """

    id: str
    room_id: str
    key: Key
    display_name: str
    started_at: datetime
    ended_at: datetime | None = None
    looks: int = 0
    failures: int = 0
    next_at: datetime | None = None
