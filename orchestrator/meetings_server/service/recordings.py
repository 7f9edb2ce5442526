"""What can be done with recordings: by their owner, and by what records.

A deletion is recorded before the content is removed, and what was interrupted in between is
finished at the next start, so that what was answered as deleted does not come back.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from orchestrator.meetings_server.model.recordings import Act, Recording, Status, deleted, moved
from orchestrator.meetings_server.model.refusals import Reason, Refused, not_found
from orchestrator.meetings_server.ports import (
    Contents,
    Entropy,
    Records,
    Report,
    Store,
    StoreFault,
)
from orchestrator.meetings_server.service.meetings import Meetings
from orchestrator.meetings_server.service.naming import draw_id

#: Where the content of a recording can be had for a while, told at a moment.
DownloadLink: TypeAlias = Callable[[Recording, datetime], str]

_COULD_NOT_FIND: Final = "Could not find recording"


class Recordings:
    """Recordings over the store of some meetings, with their contents beside it."""

    def __init__(
        self,
        meetings: Meetings,
        store: Store,
        contents: Contents,
        entropy: Entropy,
        link: DownloadLink,
        report: Report,
    ) -> None:
        """`store` is that of `meetings`; `report` hears what is only done at the next start."""
        self._meetings = meetings
        self._store = store
        self._contents = contents
        self._entropy = entropy
        self._link = link
        self._report = report
        # Those whose content is being kept.
        self._coming: set[str] = set()

    async def recording(self, application_id: str, recording_id: str) -> Recording:
        """One recording.

        Raises:
            Refused: there is none that this application may see.
        """
        found = await self._meetings.look(
            lambda records, _: _own(records, application_id, recording_id)
        )
        if found is None:
            raise Refused(Reason.NOT_FOUND, f"Recording {recording_id} was not found")
        return found

    async def of_session(self, application_id: str, session_id: str) -> tuple[Recording, ...]:
        """The recordings of a session, oldest first; they outlive it.

        Raises:
            Refused: there is no such session that this application may see.
        """

        def work(records: Records, _: datetime) -> tuple[Recording, ...]:
            found = tuple(
                one
                for one in records.recordings.of_session(session_id)
                if one.application_id == application_id
            )
            if not found and records.sessions.application(session_id) != application_id:
                message = f"Failed to find session recordings by id: {session_id}"
                raise Refused(Reason.NOT_FOUND, message)
            return found

        return await self._meetings.look(work)

    async def delete(self, application_id: str, recording_id: str) -> None:
        """Delete a recording and its content.

        What of its content cannot be removed just now is at the next start: it is deleted.

        Raises:
            Refused: there is none, or it is not uploaded.
        """

        def work(records: Records, now: datetime) -> None:
            found = _own(records, application_id, recording_id)
            if found is None:
                raise Refused(Reason.NOT_FOUND, _COULD_NOT_FIND)
            records.recordings.save(deleted(found, now))

        await self._meetings.act(work)
        await self._reporting(lambda: self._removed(recording_id))

    async def clean(self) -> None:
        """Finish what was interrupted, deletions and uploads: call it before anything else.

        A content of which no recording tells stays: it may belong to a database that was lost. What
        cannot be finished now is told, and tried again at the next start.

        Raises:
            StoreFault: the store cannot be read.
        """
        gone, never = await self._store.read(
            lambda records: (records.recordings.deleted(), records.recordings.without_content())
        )
        works = [
            *(lambda one=one: self._removed(one) for one in gone),
            *(lambda one=one: self._contents.remove(one) for one in never),
            self._contents.discard_unfinished,
        ]
        for work in works:
            await self._reporting(work)

    async def start(self, room_id: str) -> Recording:
        """Begin to record the session that runs in a room.

        Raises:
            Refused: no such room, or nobody is in it.
        """
        recording_id = draw_id(self._entropy)

        def work(records: Records, now: datetime) -> Recording:
            room = records.rooms.get(room_id)
            if room is None:
                raise not_found(room_id)
            session = records.sessions.running(room_id)
            if session is None:
                raise Refused(Reason.CONFLICT, f"No session runs in room {room_id}")
            recording = Recording(
                id=recording_id,
                application_id=room.application_id,
                session_id=session.id,
                room_id=room_id,
                display_name=room.display_name,
                started_at=now,
            )
            records.recordings.add(recording)
            self._meetings.announcer.recording_started(records, recording, now)
            return recording

        return await self._meetings.act(work)

    async def move(self, recording_id: str, act: Act) -> Recording:
        """Pause, resume or stop a recording.

        Raises:
            Refused: there is none, or its status does not allow that.
        """

        def work(records: Records, now: datetime) -> Recording:
            recording = moved(_known(records, recording_id), act, now)
            records.recordings.save(recording)
            if act is Act.STOP:
                self._meetings.announcer.recording_ended(records, recording, now)
            return recording

        return await self._meetings.act(work)

    async def upload(self, recording_id: str, parts: Iterable[bytes]) -> Recording:
        """Give a stopped recording its content.

        Raises:
            Refused: there is none, or it is not stopped, or another content comes already.
            StoreFault: the content cannot be kept.
        """
        if recording_id in self._coming:
            # Two would be written into one file.
            raise Refused(Reason.CONFLICT, f"Recording {recording_id} is being uploaded")
        self._coming.add(recording_id)
        try:
            return await self._upload(recording_id, parts)
        finally:
            self._coming.remove(recording_id)

    async def _upload(self, recording_id: str, parts: Iterable[bytes]) -> Recording:
        await self._meetings.look(
            lambda records, now: moved(_known(records, recording_id), Act.UPLOAD, now)
        )
        size = await self._contents.keep(recording_id, parts)

        def work(records: Records, now: datetime) -> Recording:
            uploaded = moved(_known(records, recording_id), Act.UPLOAD, now)
            recording = replace(uploaded, size=size)
            records.recordings.save(recording)
            link = self._link(recording, now)
            self._meetings.announcer.recording_uploaded(records, recording, now, link)
            return recording

        return await self._meetings.act(work)

    async def uploaded(self, recording_id: str) -> Recording | None:
        """The recording of a signed link, whoever asks; None: it has no content, or none any more.

        Raises:
            StoreFault: its content is not what was uploaded.
        """
        found = await self._meetings.look(lambda records, _: records.recordings.get(recording_id))
        if found is None or found.status is not Status.UPLOADED:
            return None
        if await self._contents.size(recording_id) != found.size:
            message = f"{self._contents.path(recording_id)}: its length has changed"
            raise StoreFault(message)
        return found

    def path(self, recording: Recording) -> Path:
        """The file of an uploaded recording."""
        return self._contents.path(recording.id)

    async def _reporting(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except StoreFault as fault:
            self._report("recording.not_removed", {"error": str(fault)})

    async def _removed(self, recording_id: str) -> None:
        await self._contents.remove(recording_id)
        await self._store.write(lambda records: records.recordings.forget(recording_id))


def _own(records: Records, application_id: str, recording_id: str) -> Recording | None:
    found = records.recordings.get(recording_id)
    return found if found is not None and found.application_id == application_id else None


def _known(records: Records, recording_id: str) -> Recording:
    found = records.recordings.get(recording_id)
    if found is None:
        raise Refused(Reason.NOT_FOUND, _COULD_NOT_FIND)
    return found
