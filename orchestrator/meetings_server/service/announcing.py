"""Events on their way into the queue, in the transaction that causes them."""

from collections.abc import Mapping
from datetime import datetime

from orchestrator.meetings_server.model import events
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import Participant, Session
from orchestrator.meetings_server.ports import Records
from orchestrator.meetings_server.settings import Application, CallbackUrls


class Announcer:
    """Queues each event for the URL that asked for its kind, or for nobody."""

    def __init__(self, applications: tuple[Application, ...]) -> None:
        """`applications` have the URLs that rooms fall back to."""
        self._urls: Mapping[str, CallbackUrls] = {
            application.id: application.callback_urls for application in applications
        }

    def expired(self, records: Records, room: Room, now: datetime) -> None:
        url = self._of(room).rooms_callback_url
        _queue(records, room, url, events.room_expired(room), now)

    def started(self, records: Records, room: Room, session: Session, now: datetime) -> None:
        self._tell_sessions(records, room, events.session_started(session), now)

    def ended(self, records: Records, room: Room, session: Session, now: datetime) -> None:
        self._tell_sessions(records, room, events.session_ended(session, now), now)

    def joined(self, records: Records, room: Room, who: Participant, now: datetime) -> None:
        self._tell_sessions(records, room, events.participant_joined(who, room.id), now)

    def left(self, records: Records, room: Room, who: Participant, now: datetime) -> None:
        self._tell_sessions(records, room, events.participant_left(who, room.id), now)

    def recording_started(self, records: Records, recording: Recording, now: datetime) -> None:
        self._tell_recordings(records, recording, events.recording_started(recording), now)

    def recording_ended(self, records: Records, recording: Recording, now: datetime) -> None:
        self._tell_recordings(records, recording, events.recording_ended(recording, now), now)

    def recording_uploaded(
        self, records: Records, recording: Recording, now: datetime, link: str
    ) -> None:
        body = events.recording_uploaded(recording, now, link)
        self._tell_recordings(records, recording, body, now)

    def _tell_recordings(
        self, records: Records, recording: Recording, body: str, now: datetime
    ) -> None:
        # The room may have been deleted since, or be forgotten.
        room = records.rooms.kept(recording.room_id)
        urls = events.urls(room, self._urls.get(recording.application_id, CallbackUrls()))
        if urls.recordings_callback_url is not None:
            records.callbacks.add(
                events.Callback(
                    application_id=recording.application_id,
                    room_id=recording.room_id,
                    metadata=None if room is None else room.metadata,
                    url=urls.recordings_callback_url,
                    body=body,
                    created_at=now,
                    next_at=now,
                )
            )

    def _tell_sessions(self, records: Records, room: Room, body: str, now: datetime) -> None:
        _queue(records, room, self._of(room).sessions_callback_url, body, now)

    def _of(self, room: Room) -> CallbackUrls:
        return events.urls(room, self._urls.get(room.application_id, CallbackUrls()))


def _queue(records: Records, room: Room, url: str | None, body: str, now: datetime) -> None:
    if url is not None:
        records.callbacks.add(
            events.Callback(
                application_id=room.application_id,
                room_id=room.id,
                metadata=room.metadata,
                url=url,
                body=body,
                created_at=now,
                next_at=now,
            )
        )
