"""Rooms: each as a row, our links of them, and the host link that a person asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.reports.plan import NextAct, OpeningRow


@dataclass(frozen=True, slots=True)
class RoomRow:
    """One room of ours, or a wanted one that is not there yet.

    `state` is one word: open, occupied, waiting, held, withheld (the mode makes no room), idle (a
    page whose room has ended, and nobody needs another), ending, dormant, superseded, duplicate,
    missing.
    `link` is our own link of the key, `guest_url` the room's own.
    `use` is occupied, empty or unknown, by the word of `use_by`: ``GET /sessions`` or callbacks.
    `sessions` is how many meetings there were since `counted_since`, the one that goes on included,
    and `participant_minutes` how long they were, added up over their participants; None where the
    API does not tell. Where `counted_whole` is false there may have been more.
    """

    key: str
    state: str
    room_id: str = ""
    display_name: str = ""
    type: str = ""
    link: str = ""
    guest_url: str = ""
    meeting_code: str = ""
    expires_at: datetime | None = None
    created_at: datetime | None = None
    adopted: bool = False
    generation: int = 0
    protected: bool = False
    next_act: NextAct | None = None
    held: tuple[str, ...] = ()
    policy: str = ""
    use: str = "unknown"
    use_by: str = ""
    last_used_at: datetime | None = None
    sessions: int | None = None
    participant_minutes: float | None = None
    counted_since: datetime | None = None
    counted_whole: bool = False
    suspended_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ForeignRow:
    """A room that is not ours."""

    room_id: str
    display_name: str
    type: str
    meeting_code: str
    expires_at: datetime | None
    marker: str = ""


@dataclass(frozen=True, slots=True)
class RoomsReport:
    """Rooms of ours, the next of each schedule, and, where they were asked for, those of others."""

    rooms: tuple[RoomRow, ...]
    foreign: tuple[ForeignRow, ...] = ()
    openings: tuple[OpeningRow, ...] = ()


@dataclass(frozen=True, slots=True)
class OurLink:
    """Our own link of a key or a schedule, or the address of a calendar.

    `stage` is how far what stands behind it is, in one word: waiting, open, fallback, idle, closed;
    empty for a calendar.
    """

    name: str
    url: str
    stage: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RevealedLink:
    """A host link that a person asked for; it is a secret, read afresh and kept by nobody."""

    key: str
    room_id: str
    host_url: str
