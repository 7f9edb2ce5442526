"""How values become columns and come back."""

import functools
import json
import sqlite3
from dataclasses import asdict
from datetime import datetime

from orchestrator.foundation.instants import from_milliseconds, to_milliseconds
from orchestrator.meetings_server.model.life import Kind, Life, Phase, due
from orchestrator.meetings_server.model.rooms import (
    AvailableFeatures,
    JoinApproval,
    Microphone,
    Names,
    Options,
    RecordingOptions,
    Room,
    RoomType,
)
from orchestrator.meetings_server.settings import CallbackUrls


def moment(milliseconds: int | None) -> datetime | None:
    """A column that may be empty."""
    return None if milliseconds is None else from_milliseconds(milliseconds)


def milliseconds(at: datetime | None) -> int | None:
    """The other way."""
    return None if at is None else to_milliseconds(at)


def fixed_columns(room: Room) -> dict[str, str | int | None]:
    """What never changes about a room, but for its serial, by column."""
    return {
        "id": room.id,
        "application_id": room.application_id,
        "display_name": room.display_name,
        "metadata": room.metadata,
        "type": room.type.value,
        "created_at": to_milliseconds(room.created_at),
        "meeting_code": room.names.meeting_code,
        "guest_token": room.names.guest_token,
    }


def changing_columns(room: Room) -> dict[str, str | int | None]:
    """What may change, by column."""
    return {
        "host_id": room.names.host_id,
        "expires_at": to_milliseconds(room.life.expires_at),
        "expire_after_use": room.expire_after_use,
        "kind": room.life.kind.value,
        "phase": room.life.phase.value,
        "emptied_at": milliseconds(room.life.emptied_at),
        "ended_at": milliseconds(room.life.ended_at),
        "due_at": milliseconds(due(room.life)),
        "theme_id": room.theme_id,
        "options": json.dumps(asdict(room.options), separators=(",", ":")),
    }


# A room is read far more often than it changes, and the value is frozen.
@functools.lru_cache(maxsize=4096)
def room_of(row: sqlite3.Row) -> Room:
    """A room from a whole row of `told_room`."""
    return Room(
        names=Names(
            id=row["id"],
            meeting_code=row["meeting_code"],
            guest_token=row["guest_token"],
            host_id=row["host_id"],
        ),
        application_id=row["application_id"],
        display_name=row["display_name"],
        metadata=row["metadata"],
        type=RoomType(row["type"]),
        created_at=from_milliseconds(row["created_at"]),
        expire_after_use=bool(row["expire_after_use"]),
        options=_options(row["options"]),
        life=Life(
            kind=Kind(row["kind"]),
            expires_at=from_milliseconds(row["expires_at"]),
            phase=Phase(row["phase"]),
            emptied_at=moment(row["emptied_at"]),
            ended_at=moment(row["ended_at"]),
        ),
        theme_id=row["theme_id"],
        short_company_url=row["short_company_url"],
        serial=row["serial"],
    )


# Most rooms of an application are alike in this, and the value is frozen.
@functools.lru_cache(maxsize=1024)
def _options(text: str) -> Options:
    stored = json.loads(text)
    urls = stored["callback_urls"]
    return Options(
        recording_options=RecordingOptions(**stored["recording_options"]),
        microphone_state=Microphone(stored["microphone_state"]),
        join_approval_level=JoinApproval(stored["join_approval_level"]),
        callback_urls=None if urls is None else CallbackUrls(**urls),
        language=stored["language"],
        available_features=AvailableFeatures(**stored["available_features"]),
    )
