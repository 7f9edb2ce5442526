"""What changed lately, so that it can be told as it was before; rooms or themes of an application.

A theme is told of here by its `id`, as a room is.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.meetings_server.http.wire import Json

_REMEMBERED: Final = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one room; `before` is None where it was made, `is_end` where it was removed."""

    at: datetime
    room_id: str
    before: Json | None
    is_end: bool = False


class History:
    """The changes of the last while, and some rooms that were told of."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()
        # The order of insertion is the order of age.
        self._rooms: dict[str, Json] = {}

    def made(self, room: Json, now: datetime) -> None:
        """A room came about."""
        self._changes.append(Change(now, str(room["id"]), None))
        self.saw(room)

    def changed(self, before: Json, now: datetime) -> None:
        """A room was changed."""
        self._changes.append(Change(now, str(before["id"]), before))

    def removed(self, before: Json, now: datetime) -> None:
        """A room was deleted."""
        self._changes.append(Change(now, str(before["id"]), before, is_end=True))

    def saw(self, room: Json) -> None:
        """Remember a room, to tell of it where another was asked for."""
        self._rooms.pop(str(room["id"]), None)
        self._rooms[str(room["id"])] = room
        if len(self._rooms) > _REMEMBERED:
            del self._rooms[next(iter(self._rooms))]

    def others(self, room_id: str) -> list[Json]:
        """Rooms that were told of, without that one."""
        return [room for name, room in self._rooms.items() if name != room_id]

    def since(self, moment: datetime) -> list[Change]:
        """The changes after that moment, the latest first."""
        return [change for change in reversed(self._changes) if change.at > moment]

    def forget(self, now: datetime, lag: timedelta) -> None:
        """Forget the changes that are too old to be taken back."""
        while self._changes and self._changes[0].at <= now - lag:
            self._changes.popleft()
