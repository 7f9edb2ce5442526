"""A recording as the API notes, 7.1, describe it, and the table of what can become of it.

::

    started ⇄ paused
       └──→ stopped ←──┘     stopped → uploaded → (deleted)

Nobody starts or stops one by the API: what records does, or the end of its session. Only what is
uploaded has content, and only that can be deleted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from orchestrator.meetings_server.model.refusals import Reason, Refused


class Status(StrEnum):
    """Where a recording is in its life, in the API's words."""

    STARTED = "started"
    STOPPED = "stopped"
    PAUSED = "paused"
    UPLOADED = "uploaded"


class Act(StrEnum):
    """What is done with a recording."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    UPLOAD = "upload"


_MOVES: Final[Mapping[tuple[Status, Act], Status]] = {
    (Status.STARTED, Act.PAUSE): Status.PAUSED,
    (Status.STARTED, Act.STOP): Status.STOPPED,
    (Status.PAUSED, Act.RESUME): Status.STARTED,
    (Status.PAUSED, Act.STOP): Status.STOPPED,
    (Status.STOPPED, Act.UPLOAD): Status.UPLOADED,
}

#: It still records, or will again.
RUNNING: Final = frozenset({Status.STARTED, Status.PAUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording; it outlives its session and its room."""

    id: str
    application_id: str
    session_id: str
    room_id: str
    #: Of the room, when it was recorded: names the file for whoever downloads it.
    display_name: str
    started_at: datetime
    status: Status = Status.STARTED
    #: When it stopped; None while it runs.
    ended_at: datetime | None = None
    #: Since when it is paused.
    paused_at: datetime | None = None
    #: How long it was paused before that.
    paused: timedelta = timedelta()
    #: Bytes of its content; None until there is some.
    size: int | None = None
    #: When its owner deleted it: it is told of to nobody.
    deleted_at: datetime | None = None

    def length(self, now: datetime) -> timedelta:
        """How much is recorded: until now while it runs, and without its pauses."""
        until = self.paused_at or self.ended_at or now
        return until - self.started_at - self.paused


def moved(recording: Recording, act: Act, now: datetime) -> Recording:
    """The recording after an act.

    Raises:
        Refused: its status does not allow that.
    """
    status = _MOVES.get((recording.status, act))
    if status is None:
        message = (
            f"Recording {recording.id} cannot {act.value} because its status is "
            f"{recording.status.value}"
        )
        raise Refused(Reason.CONFLICT, message)
    paused = recording.paused
    if recording.paused_at is not None:
        paused += now - recording.paused_at
    return replace(
        recording,
        status=status,
        ended_at=now if act is Act.STOP else recording.ended_at,
        paused_at=now if act is Act.PAUSE else None,
        paused=paused,
    )


def deleted(recording: Recording, now: datetime) -> Recording:
    """The recording once its owner has deleted it.

    Raises:
        Refused: it is not uploaded (the API notes, 7.1: 403).
    """
    if recording.status is not Status.UPLOADED:
        message = (
            f"Recording {recording.id} could not be deleted because its status is "
            f"{recording.status.value}"
        )
        raise Refused(Reason.FORBIDDEN, message)
    return replace(recording, deleted_at=now)
