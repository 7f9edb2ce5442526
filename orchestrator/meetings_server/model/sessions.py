"""Who was in a room, and when."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody in a session."""

    id: str
    session_id: str
    name: str
    is_host: bool
    joined_at: datetime
    #: Came in over the meeting socket, and is seen out when that is lost for long.
    is_live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """From the first that joins to the last that leaves."""

    id: str
    room_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as `GET /sessions` tells it (the API notes, 7.2)."""

    id: str
    room_id: str
    room_display_name: str
    started_at: datetime
    #: None while it runs.
    ended_at: datetime | None
    participants: int
    #: Minutes, added up over its participants.
    billed_minutes: float
    is_recorded: bool
    #: Minutes, added up over its recordings, without pauses.
    recorded_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions: those that ran at any moment between `since` and `until`.

    A filter by room is our own extension; the API had none.
    """

    limit: int
    offset: int = 0
    since: datetime | None = None
    until: datetime | None = None
    recorded: bool | None = None
    room_id: str | None = None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """One page, oldest session first, and how many there are in all."""

    sessions: tuple[SessionRecord, ...]
    total: int
