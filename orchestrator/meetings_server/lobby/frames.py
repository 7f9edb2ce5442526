"""What is told over the meeting socket, as docs/meeting-socket.md has it."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.model.people import Message, Sending, Track
from orchestrator.meetings_server.model.sessions import Participant

#: One frame: its `type`, and what belongs to it.
Frame: TypeAlias = Mapping[str, object]


class Closed(StrEnum):
    """Why a connection ends."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    FULL = "full"
    DENIED = "denied"
    REMOVED = "removed"
    ENDED = "ended"
    REPLACED = "replaced"
    BUSY = "busy"
    RESTARTING = "restarting"
    REFUSED = "refused"


class Wait(StrEnum):
    """What somebody waits for."""

    HOST = "host"
    APPROVAL = "approval"


class Fault(StrEnum):
    """Why something that was asked for is not done; the connection stays."""

    NOT_ALLOWED = "not_allowed"
    TOO_LONG = "too_long"
    TOO_FAST = "too_fast"
    UNKNOWN_PERSON = "unknown_person"
    CANNOT_RECORD = "cannot_record"
    BAD_FRAME = "bad_frame"
    FULL = "full"
    UNAVAILABLE = "unavailable"


_MESSAGES: Final[Mapping[Closed, str]] = {
    Closed.UNKNOWN: "There is no room behind this link.",
    Closed.EXPIRED: "This room has expired.",
    Closed.FULL: "This room is full.",
    Closed.DENIED: "The host did not let you in.",
    Closed.REMOVED: "You were removed from this meeting.",
    Closed.ENDED: "This meeting has ended.",
    Closed.REPLACED: "You came in from elsewhere.",
    Closed.BUSY: "Too many people are coming in at once.",
    Closed.RESTARTING: "The server is restarting.",
}


def text_of(frame: Frame) -> str:
    """The frame as it is sent. In ASCII: half a character must not keep it from the others."""
    return json.dumps(frame, separators=(",", ":"))


def size(frame: Frame) -> int:
    """Bytes of the frame as it is sent."""
    return len(text_of(frame))


def closed(reason: Closed, message: str = "") -> Frame:
    """The last frame; without a `message` the usual one."""
    return {"type": "closed", "reason": reason.value, "message": message or _MESSAGES[reason]}


def full(most: int) -> Frame:
    """The last frame to somebody for whom there is no room."""
    return {**closed(Closed.FULL), "most": most}


def busy(retry_after: int) -> Frame:
    """The last frame to somebody who may try again in so many seconds."""
    return {**closed(Closed.BUSY), "retry_after": retry_after}


def fault(code: Fault, message: str) -> Frame:
    """What was not done, and why."""
    return {"type": "error", "code": code.value, "message": message}


def waiting(wait: Wait) -> Frame:
    """Before the door."""
    return {"type": "waiting", "reason": wait.value}


def person(who: Participant, sending: Sending) -> Frame:
    """Somebody in the room, as others see them."""
    return {
        "id": who.id,
        "name": who.name,
        "role": "host" if who.is_host else "guest",
        "microphone": sending.microphone,
        "camera": sending.camera,
        "screen": sending.screen,
    }


def joined(who: Participant, sending: Sending) -> Frame:
    """Somebody came in."""
    return {"type": "joined", "person": person(who, sending)}


def changed(who: Participant, sending: Sending) -> Frame:
    """Somebody sends something else than before."""
    return {"type": "changed", "person": person(who, sending)}


def left(participant_id: str) -> Frame:
    """Somebody is gone."""
    return {"type": "left", "id": participant_id}


def knock(knock_id: str, name: str) -> Frame:
    """Somebody waits to be let in."""
    return {"type": "knock", "id": knock_id, "name": name}


def knock_ended(knock_id: str) -> Frame:
    """They wait no more."""
    return {"type": "knock_ended", "id": knock_id}


def message(written: Message) -> Frame:
    """What somebody wrote, without its `type`."""
    return {
        "id": written.id,
        "from": written.participant_id,
        "name": written.name,
        "text": written.text,
        "at": format_instant(written.at),
    }


def chat(written: Message) -> Frame:
    """Somebody wrote something."""
    return {"type": "chat", "message": message(written)}


def signal(participant_id: str, data: Mapping[str, object]) -> Frame:
    """What one browser tells another."""
    return {"type": "signal", "from": participant_id, "data": data}


def mute(track: Track) -> Frame:
    """The host asks for silence."""
    return {"type": "mute", "kind": track.value}


def recording(since: datetime | None) -> Frame:
    """That it is recorded, and since when; None: no more."""
    return {"type": "recording", **recorded(since)}


def recorded(since: datetime | None) -> Frame:
    """The same without its `type`."""
    return {"on": since is not None, "since": None if since is None else format_instant(since)}


def media(offer: Mapping[str, object]) -> Frame:
    """A new ticket, before the old one is worth nothing."""
    return {"type": "media", "media": offer}


def pong() -> Frame:
    """The connection is there."""
    return {"type": "pong"}


def messages(written: Iterable[Message]) -> list[Frame]:
    """All of them, oldest first."""
    return [message(one) for one in written]
