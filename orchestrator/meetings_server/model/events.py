"""What is told to the callback URLs: the bodies of the API notes, 9.2, in their order of keys."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import Participant, Session
from orchestrator.meetings_server.settings import CallbackUrls

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One event on its way to one URL. `id` is 0 until it is stored."""

    application_id: str
    room_id: str
    #: Of the room; not a part of the body.
    metadata: str | None
    url: str
    body: str
    created_at: datetime
    next_at: datetime
    attempts: int = 0
    id: int = 0


def urls(room: Room | None, of_application: CallbackUrls) -> CallbackUrls:
    """Where events of a room go: its own URL, kind by kind, else that of its application.

    None: the room is forgotten.
    """
    own = (room.options.callback_urls if room is not None else None) or CallbackUrls()
    return CallbackUrls(
        own.rooms_callback_url or of_application.rooms_callback_url,
        own.sessions_callback_url or of_application.sessions_callback_url,
        own.recordings_callback_url or of_application.recordings_callback_url,
    )


def room_expired(room: Room) -> str:
    """The body of `room:expired`."""
    return _json(
        event="room:expired",
        room_id=room.id,
        room_type=room.type.value,
        expires_at=format_instant(room.life.expires_at),
        created_at=format_instant(room.created_at),
    )


def session_started(session: Session) -> str:
    """The body of `session:started`."""
    return _json(
        event="session:started",
        session_id=session.id,
        room_id=session.room_id,
        started_at=format_instant(session.started_at),
    )


def session_ended(session: Session, at: datetime) -> str:
    """The body of `session:ended`."""
    return _json(
        event="session:ended",
        session_id=session.id,
        room_id=session.room_id,
        started_at=format_instant(session.started_at),
        ended_at=format_instant(at),
    )


def participant_joined(participant: Participant, room_id: str) -> str:
    """The body of `session:participant:joined`."""
    return _participant("joined", participant, room_id)


def participant_left(participant: Participant, room_id: str) -> str:
    """The body of `session:participant:left`."""
    return _participant("left", participant, room_id)


def recording_started(recording: Recording) -> str:
    """The body of `recording:started`."""
    return _json(
        event="recording:started", recording_id=recording.id, session_id=recording.session_id
    )


def recording_ended(recording: Recording, at: datetime) -> str:
    """The body of `recording:ended`."""
    return _json(
        event="recording:ended",
        recording_id=recording.id,
        session_id=recording.session_id,
        **_extent(recording, at),
    )


def recording_uploaded(recording: Recording, at: datetime, url: str) -> str:
    """The body of `recording:uploaded`; `url` downloads it, for a while."""
    return _json(
        event="recording:uploaded",
        recording_id=recording.id,
        session_id=recording.session_id,
        room_id=recording.room_id,
        **_extent(recording, at),
        url=url,
    )


def _extent(recording: Recording, at: datetime) -> dict[str, str | float]:
    """From when to when, and how many seconds of it are recorded."""
    seconds = recording.length(at) / _SECOND
    return {
        "started_at": format_instant(recording.started_at),
        "ended_at": format_instant(recording.ended_at or at),
        "duration": int(seconds) if seconds.is_integer() else seconds,
    }


def _participant(what: str, participant: Participant, room_id: str) -> str:
    return _json(
        event=f"session:participant:{what}",
        participant_id=participant.id,
        session_id=participant.session_id,
        room_id=room_id,
        name=participant.name,
        is_host=participant.is_host,
    )


def _json(**fields: str | float) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
