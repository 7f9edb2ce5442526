"""A fake of the port `Medium`: what carries voices as a test says, and can record."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.meetings_server.model.people import Track
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import Participant
from orchestrator.meetings_server.ports import MediumFault, Ticket


@dataclass
class StagedMedium:
    """Does as it is told, and remembers it.

    Attributes:
        is_away: nothing that it is asked for can be done.
        connected: who is connected, by rooms; None: it cannot know.
        expires_at: of tickets.
        done: what it was asked for, in order.
    """

    kind: str = "staged"
    most: int = 4
    is_between_browsers: bool = True
    can_record: bool = True
    is_away: bool = False
    connected: dict[str, set[str]] | None = None
    expires_at: datetime | None = None
    content: bytes = b"film"
    done: list[tuple[str, ...]] = field(default_factory=list)

    def _asked(self, *what: str) -> None:
        if self.is_away:
            message = "the medium is away"
            raise MediumFault(message)
        self.done.append(what)

    async def admit(self, room: Room, who: Participant) -> Ticket:
        self._asked("admit", who.name)
        if self.connected is not None:
            self.connected.setdefault(room.id, set()).add(who.id)
        return Ticket({"token": f"{len(self.done)}"}, self.expires_at)

    async def mute(self, room: Room, participant_id: str, track: Track) -> None:
        self._asked("mute", participant_id, track.value)

    async def remove(self, room: Room, participant_id: str) -> None:
        self._asked("remove", participant_id)
        if self.connected is not None:
            self.connected.get(room.id, set()).discard(participant_id)

    async def close(self, room: Room) -> None:
        self._asked("close", room.id)

    async def present(self, room: Room) -> frozenset[str] | None:
        self._asked("present")
        return None if self.connected is None else frozenset(self.connected.get(room.id, ()))

    async def start_recording(self, room: Room, recording: Recording) -> None:
        self._asked("record", recording.id)

    async def stop_recording(self, room: Room, recording: Recording) -> None:
        self._asked("stop", recording.id)

    async def recorded(self, recording: Recording) -> Iterable[bytes]:
        self._asked("fetch", recording.id)
        return (self.content,)
