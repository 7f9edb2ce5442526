"""What is told of a LiveKit server, in the words of this one.

LiveKit's participants are our participants by their identity, its rooms our rooms by their name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.meetings_server.model.people import Track
from orchestrator.meetings_server.ports import MediumFault


class LiveKitFault(MediumFault):
    """LiveKit did not do what it was asked; the text says which kind of failure it was.

    It holds nothing that LiveKit said of itself: an answer could repeat a token.

    Attributes:
        is_refused: LiveKit is there and takes our key, and asking again changes nothing.
    """

    def __init__(self, message: str, *, is_refused: bool = False) -> None:
        super().__init__(message)
        self.is_refused = is_refused


@dataclass(frozen=True, slots=True)
class Connected:
    """Somebody who has a connection to LiveKit.

    Attributes:
        tracks: what is sent and not muted, and LiveKit's name for it.
    """

    participant_id: str
    tracks: Mapping[str, Track]


class Progress(StrEnum):
    """How far LiveKit's egress has come with a recording."""

    RUNS = "runs"
    ENDS = "ends"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Taken:
    """A recording as egress tells of it.

    Attributes:
        egress_id: LiveKit's name for it.
        file: where egress was told to write it.
    """

    egress_id: str
    progress: Progress
    file: str


@dataclass(frozen=True, slots=True)
class Notice:
    """LiveKit says that something has happened, and no more is believed of it: it is looked at.

    Attributes:
        event: LiveKit's name, as `participant_joined`.
        room_id: the room that it is about; empty: none is named.
    """

    event: str
    room_id: str
