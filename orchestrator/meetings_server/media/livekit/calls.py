"""What is asked of a LiveKit server: rooms, the people in them, and what records them.

One call is one request, for as long as a person who wants to come in would wait; nothing is asked
twice here. What is not there any more counts as ended, removed or muted.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final, Self, TypeVar

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api
from livekit.protocol import egress as egress_messages
from livekit.protocol import models

from orchestrator.meetings_server.media.livekit.values import (
    Connected,
    LiveKitFault,
    Progress,
    Taken,
)
from orchestrator.meetings_server.model.people import Track
from orchestrator.meetings_server.settings import LiveKit

#: Seconds for one call as a whole. LiveKit itself gives up on its other nodes after three.
PATIENCE: Final = 5.0
#: The same of its egress, which starts a browser for a recording.
EGRESS_PATIENCE: Final = 30.0

# Seconds. LiveKit keeps a room for so long without anybody in it; our own rules end it sooner, so
# this only clears away what we left behind when we did not come back.
_KEPT: Final = 6 * 60 * 60
# LiveKit turns people away by this number. Ours is kept at the door before; beyond it, somebody
# whose last connection is not found dead yet would take another one's place.
_SPARE: Final = 10

_KINDS: Final = {
    models.TrackSource.MICROPHONE: Track.MICROPHONE,
    models.TrackSource.CAMERA: Track.CAMERA,
    models.TrackSource.SCREEN_SHARE: Track.SCREEN,
    models.TrackSource.SCREEN_SHARE_AUDIO: Track.SCREEN,
}
_STATES: Final = {
    egress_messages.EgressStatus.EGRESS_STARTING: Progress.RUNS,
    egress_messages.EgressStatus.EGRESS_ACTIVE: Progress.RUNS,
    egress_messages.EgressStatus.EGRESS_ENDING: Progress.ENDS,
    egress_messages.EgressStatus.EGRESS_COMPLETE: Progress.DONE,
    egress_messages.EgressStatus.EGRESS_LIMIT_REACHED: Progress.DONE,
}
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = frozenset({401, 403})
_Answer = TypeVar("_Answer")


class Calls:
    """One LiveKit server, or one cluster; `opened` makes and closes its session."""

    def __init__(self, rooms: api.LiveKitAPI, recorders: api.LiveKitAPI) -> None:
        """Not for callers: use `opened`."""
        self._rooms = rooms.room
        self._egress = recorders.egress

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: LiveKit) -> AsyncIterator[Self]:
        """With sessions of its own."""
        key, secret = settings.key, settings.secret.reveal()
        async with _session(PATIENCE) as quick, _session(EGRESS_PATIENCE) as slow:
            rooms, recorders = (
                api.LiveKitAPI(settings.api_url, key, secret, session=session, failover=False)
                for session in (quick, slow)
            )
            yield cls(rooms, recorders)

    async def keep_room(self, room_id: str, most: int) -> None:
        """Make a room where there is none; one that is there stays as it is.

        Args:
            room_id: becomes LiveKit's name of the room.
            most: people that our own rules let in.

        Raises:
            LiveKitFault: it is not known to be there.
        """
        request = api.CreateRoomRequest(
            name=room_id,
            empty_timeout=_KEPT,
            departure_timeout=_KEPT,
            max_participants=most + _SPARE,
        )
        await _told(self._rooms.create_room(request))

    async def end_room(self, room_id: str) -> None:
        """End a room; whoever is in it is disconnected.

        Raises:
            LiveKitFault: it may still be there.
        """
        await _gone(self._rooms.delete_room(api.DeleteRoomRequest(room=room_id)))

    async def rooms(self) -> frozenset[str]:
        """The rooms that LiveKit has, other people's too.

        Raises:
            LiveKitFault: it is not known.
        """
        answer = await _told(self._rooms.list_rooms(api.ListRoomsRequest()))
        return frozenset(room.name for room in answer.rooms)

    async def people(self, room_id: str) -> tuple[Connected, ...]:
        """Who is connected to a room; nobody to one that is not there. Recorders are not people.

        Raises:
            LiveKitFault: it is not known.
        """
        request = api.ListParticipantsRequest(room=room_id)
        answer = await _told(self._rooms.list_participants(request))
        return tuple(
            Connected(
                one.identity,
                {
                    track.sid: _KINDS[track.source]
                    for track in one.tracks
                    if track.source in _KINDS and not track.muted
                },
            )
            for one in answer.participants
            if one.kind == models.ParticipantInfo.Kind.STANDARD
            and one.state != models.ParticipantInfo.State.DISCONNECTED
        )

    async def mute(self, room_id: str, participant_id: str, track: Track) -> None:
        """Let nothing of that track be heard or seen of somebody until they send it anew.

        Raises:
            LiveKitFault: something of it may still be sent.
        """
        for one in await self.people(room_id):
            if one.participant_id != participant_id:
                continue
            for track_id in (name for name, sent in one.tracks.items() if sent is track):
                request = api.MuteRoomTrackRequest(
                    room=room_id, identity=participant_id, track_sid=track_id, muted=True
                )
                await _gone(self._rooms.mute_published_track(request))

    async def remove(self, room_id: str, participant_id: str) -> None:
        """Disconnect somebody. LiveKit does not forget their token: it lets them in again.

        Raises:
            LiveKitFault: they may still be connected.
        """
        request = api.RoomParticipantIdentity(room=room_id, identity=participant_id)
        await _gone(self._rooms.remove_participant(request))

    async def record(self, room_id: str, file: str, only: str | None) -> None:
        """Have egress record a room into a file of its own.

        Args:
            room_id: the room.
            file: where egress writes it, an absolute path on its own machine.
            only: the participant who alone is recorded; None: everybody, side by side.

        Raises:
            LiveKitFault: nothing may be recorded.
        """
        output = api.EncodedFileOutput(
            file_type=egress_messages.EncodedFileType.MP4, filepath=file, disable_manifest=True
        )
        if only is None:
            await _told(
                self._egress.start_room_composite_egress(
                    api.RoomCompositeEgressRequest(
                        room_name=room_id, layout="grid", file_outputs=[output]
                    )
                )
            )
            return
        await _told(
            self._egress.start_participant_egress(
                api.ParticipantEgressRequest(
                    room_name=room_id, identity=only, file_outputs=[output]
                )
            )
        )

    async def stop(self, egress_id: str) -> None:
        """Have a recording ended; its file comes later.

        Raises:
            LiveKitFault: it may still run; if it `is_refused`, it was over already.
        """
        request = api.StopEgressRequest(egress_id=egress_id)
        await _gone(self._egress.stop_egress(request))

    async def taken(self, room_id: str = "") -> tuple[Taken, ...]:
        """What egress records of a room, or did; without a room what it records of all.

        Raises:
            LiveKitFault: it is not known.
        """
        request = api.ListEgressRequest(room_name=room_id, active=not room_id)
        answer = await _told(self._egress.list_egress(request))
        return tuple(map(_taken, answer.items))


def _session(seconds: float) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=seconds)
    return aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())


def _taken(info: egress_messages.EgressInfo) -> Taken:
    asked = info.participant if info.WhichOneof("request") == "participant" else info.room_composite
    files = [one.filepath for one in asked.file_outputs]
    progress = _STATES.get(info.status, Progress.FAILED)
    return Taken(info.egress_id, progress, next(iter(files), ""))


async def _told(call: Awaitable[_Answer]) -> _Answer:
    """The answer to a call; LiveKit's exceptions, in ours."""
    try:
        return await call
    except api.ServerError as error:
        if error.status in _UNAUTHORIZED:
            message = f"LiveKit does not take our key (status {error.status})"
            raise LiveKitFault(message) from error
        message = f"LiveKit answered {error.status} ({error.code})"
        raise LiveKitFault(message, is_refused=error.status < 500) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        message = f"LiveKit cannot be reached ({type(error).__name__})"
        raise LiveKitFault(message) from error
    except (DecodeError, ValueError) as error:
        message = "what answers is no LiveKit server"
        raise LiveKitFault(message) from error


async def _gone(call: Awaitable[object]) -> None:
    """The same, where nothing to act on is as good as done."""
    try:
        await _told(call)
    except LiveKitFault as fault:
        cause = fault.__cause__
        if not isinstance(cause, api.ServerError) or cause.status != _NOT_FOUND:
            raise
