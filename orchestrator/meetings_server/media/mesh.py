"""`Medium` without a server: browsers send to each other; the meeting socket introduces them.

Nothing is carried here, so nothing can be cut off here either: who is removed loses the socket, and
the others' browsers hang up on them. It cannot record.
"""

from collections.abc import Iterable

from orchestrator.meetings_server.media.turn import turn_pass
from orchestrator.meetings_server.model.people import Track
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import Participant
from orchestrator.meetings_server.ports import Clock, MediumFault, Ticket
from orchestrator.meetings_server.settings import Mesh

_NO_RECORDING = "what browsers send to each other cannot be recorded by the server"


class MeshMedium:
    """Hands out the addresses by which browsers find a way to each other."""

    kind = "mesh"
    is_between_browsers = True
    can_record = False

    def __init__(self, settings: Mesh, clock: Clock) -> None:
        """`clock` is the one by which relays judge passwords, so the wall's."""
        self._settings = settings
        self._clock = clock

    @property
    def most(self) -> int:
        return self._settings.most

    async def admit(self, room: Room, who: Participant) -> Ticket:  # noqa: ARG002 - the port's
        told = self._settings
        servers: list[dict[str, object]] = []
        if told.stun:
            servers.append({"urls": list(told.stun)})
        expires_at = None
        if told.turn and told.turn_secret is not None:
            expires_at = self._clock.now() + told.turn_life
            shown = turn_pass(told.turn_secret, who.id, expires_at)
            servers.append(
                {
                    "urls": list(told.turn),
                    "username": shown.username,
                    "credential": shown.credential.reveal(),
                }
            )
        return Ticket({"ice_servers": servers}, expires_at)

    async def mute(self, room: Room, participant_id: str, track: Track) -> None:
        """Their browser obeys the socket; there is nothing else to do."""

    async def remove(self, room: Room, participant_id: str) -> None:
        """The others' browsers hang up when the socket tells them."""

    async def close(self, room: Room) -> None:
        """As for each."""

    async def present(self, room: Room) -> None:  # noqa: ARG002 - the port's
        return None

    async def start_recording(self, room: Room, recording: Recording) -> None:  # noqa: ARG002
        raise MediumFault(_NO_RECORDING)

    async def stop_recording(self, room: Room, recording: Recording) -> None:
        """None runs."""

    async def recorded(self, recording: Recording) -> Iterable[bytes]:  # noqa: ARG002
        raise MediumFault(_NO_RECORDING)
