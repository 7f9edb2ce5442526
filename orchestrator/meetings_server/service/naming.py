"""What is drawn at random."""

import base64
from typing import Final
from uuid import UUID

from orchestrator.meetings_server.model.rooms import Names
from orchestrator.meetings_server.ports import Entropy, RoomRecords

_BITS_128: Final = 16
# Nine digits, the first not zero, as every captured code has it.
_LOWEST_CODE: Final = 100_000_000
_CODES: Final = 900_000_000


def draw_id(entropy: Entropy) -> str:
    """A random UUID."""
    return str(UUID(bytes=entropy(_BITS_128), version=4))


def draw_names(entropy: Entropy) -> Names:
    """All that is random about a room."""
    return Names(
        id=draw_id(entropy),
        meeting_code=_code(int.from_bytes(entropy(8), "big")),
        guest_token=draw_token(entropy),
        host_id=draw_id(entropy),
    )


def draw_token(entropy: Entropy) -> str:
    """128 bits in 22 characters that need no escape in a URL."""
    return base64.urlsafe_b64encode(entropy(_BITS_128)).decode("ascii").rstrip("=")


def free_code(rooms: RoomRecords, wanted: str) -> str:
    """The wanted meeting code, or the next one that nobody has."""
    while rooms.has_code(wanted):
        wanted = _code(int(wanted) - _LOWEST_CODE + 1)
    return wanted


def _code(number: int) -> str:
    return str(_LOWEST_CODE + number % _CODES)
