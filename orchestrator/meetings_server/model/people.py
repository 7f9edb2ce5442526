"""Who is in a meeting, what they let others see and hear, and what they write to each other."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

#: Characters of what is written at once.
LONGEST_TEXT: Final = 2_000
#: Characters of a person's name.
LONGEST_NAME: Final = 100


class Track(StrEnum):
    """What somebody can send to others."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Sending:
    """Which of them somebody sends at the moment, as they say themselves."""

    microphone: bool = False
    camera: bool = False
    screen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What somebody wrote to all in the room."""

    id: str
    #: Who it was by then; they may have left since.
    participant_id: str
    name: str
    text: str
    at: datetime
