"""The links of a room, and what they lead back to.

The guest link carries 128 random bits and no id. The host link adds a token that is made anew at
each reading (the API notes, 6.2), so two readings differ; it grants the host's rights and is a
secret. Its `room_token` is the guest's token, because a meeting code is short enough to be guessed.
"""

from datetime import datetime
from typing import Final

import jwt

from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.service import HostKey

API_PATH: Final = "/v1/meetings"
GUEST_PATH: Final = "/j/"

_ALGORITHM: Final = "HS256"


class Links:
    """Makes the links of this server, and knows its own again."""

    def __init__(self, external_url: str, key: HostKey) -> None:
        """`external_url` is what people's browsers reach us by, without a slash at the end."""
        self._base = external_url.rstrip("/")
        self._key = key

    def api(self, path: str) -> str:
        """An absolute URL of the API; `path` may have a query."""
        return f"{self._base}{API_PATH}{path}"

    def guest(self, room: Room) -> str:
        """For everybody who is invited."""
        return f"{self._base}{GUEST_PATH}{room.names.guest_token}"

    def host(self, room: Room, now: datetime) -> str:
        """For the one who has the room."""
        token = jwt.encode(
            {"participantId": room.names.host_id, "iat": int(now.timestamp())},
            self._key.key,
            algorithm=_ALGORITHM,
            headers={"kid": self._key.id},
        )
        return f"{self._base}/?room_token={room.names.guest_token}&participant_token={token}"

    def is_host(self, room: Room, token: str) -> bool:
        """Whether the token is one that we made for the host of this room, however long ago."""
        try:
            claims = jwt.decode(
                token, self._key.key, algorithms=[_ALGORITHM], options={"verify_iat": False}
            )
        except (jwt.PyJWTError, ValueError):
            return False
        return bool(claims.get("participantId") == room.names.host_id)
