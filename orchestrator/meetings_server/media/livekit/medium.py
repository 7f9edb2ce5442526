"""`Medium` over a LiveKit server.

A room is there while our own rules want it; LiveKit's clocks only clear away after us. It lets in
whoever has a token of it, and so do we not rely on that: who was sent out and comes back is sent
out again by the watch, which is woken by LiveKit's notices.
"""

from collections.abc import Awaitable, Iterable
from typing import Final

from orchestrator.meetings_server.media.livekit.calls import Calls
from orchestrator.meetings_server.media.livekit.takes import Takes
from orchestrator.meetings_server.media.livekit.tokens import GOOD_FOR, join_token
from orchestrator.meetings_server.media.livekit.values import LiveKitFault, Progress, Taken
from orchestrator.meetings_server.media.livekit.watch import Watch
from orchestrator.meetings_server.model.people import Track
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import Participant
from orchestrator.meetings_server.ports import Clock, MediumFault, Ticket
from orchestrator.meetings_server.settings import LiveKit

# Looks whether a recording is whole, until none is expected any more; and seconds between two of
# them without news.
_LOOKS: Final = 2000
_LOOK_EVERY: Final = 5.0


class LiveKitMedium:
    """Rooms, tokens and recordings of one LiveKit server."""

    kind = "livekit"
    is_between_browsers = False

    def __init__(
        self, settings: LiveKit, calls: Calls, takes: Takes | None, watch: Watch, clock: Clock
    ) -> None:
        """`watch` is told who was let in and who was sent out; without `takes` nothing records."""
        self._settings = settings
        self._calls = calls
        self._takes = takes
        self._watch = watch
        self._clock = clock

    @property
    def most(self) -> int:
        return self._settings.most

    @property
    def can_record(self) -> bool:
        return self._takes is not None

    async def admit(self, room: Room, who: Participant) -> Ticket:
        self._watch.admitted(room.id, who.id)
        await self._calls.keep_room(room.id, self.most)
        token = join_token(self._settings, room.id, who.id)
        # LiveKit renews it for those who are connected; ours is for those who have to connect anew.
        return Ticket({"url": self._settings.url, "token": token}, self._clock.now() + GOOD_FOR)

    async def mute(self, room: Room, participant_id: str, track: Track) -> None:
        await self._calls.mute(room.id, participant_id, track)

    async def remove(self, room: Room, participant_id: str) -> None:
        self._watch.sent_out(room.id, participant_id)
        await self._calls.remove(room.id, participant_id)

    async def close(self, room: Room) -> None:
        self._watch.closed(room.id)
        await self._calls.end_room(room.id)

    async def present(self, room: Room) -> frozenset[str] | None:
        return frozenset(one.participant_id for one in await self._calls.people(room.id))

    async def start_recording(self, room: Room, recording: Recording) -> None:
        only = None
        if room.options.recording_options.record_only_owner:
            only = await self._watch.host(room.id)
            if only is None:
                message = "the room's owner, who alone is to be recorded, is not in it"
                raise MediumFault(message)
        await self._egress.start(room.id, recording, only)

    async def stop_recording(self, room: Room, recording: Recording) -> None:  # noqa: ARG002
        await self._egress.stop(recording)

    async def recorded(self, recording: Recording) -> Iterable[bytes]:
        takes = self._egress
        takes.awaited.add(recording.id)
        try:
            for _ in range(_LOOKS):
                found = await _still(takes.find(recording))
                if found is None or found.progress is Progress.FAILED:
                    message = "LiveKit's egress has no file of this recording"
                    raise MediumFault(message)
                if found.progress is Progress.DONE:
                    return await takes.content(recording)
                await self._watch.wait_for_news(recording.room_id, _LOOK_EVERY)
        finally:
            takes.awaited.discard(recording.id)
        message = "LiveKit's egress did not end this recording in hours"
        raise MediumFault(message)

    @property
    def _egress(self) -> Takes:
        if self._takes is None:
            message = "no folder of LiveKit's egress is configured, so nothing is recorded"
            raise MediumFault(message)
        return self._takes


async def _still(looking: Awaitable[Taken | None]) -> Taken | None:
    """What was found; one that cannot be looked for is believed to go on."""
    try:
        return await looking
    except LiveKitFault:
        return Taken("", Progress.RUNS, "")
