"""Recordings under the API's base path: from a call to an answer (the API notes, 7.1)."""

from datetime import datetime

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.http.routes import Call, Routes
from orchestrator.meetings_server.http.wire import Answer, Json, empty_answer, json_answer
from orchestrator.meetings_server.model.recordings import Recording, Status
from orchestrator.meetings_server.service import Acts


class RecordingResources:
    """Reading and deleting; starting and stopping is not the API's business."""

    def __init__(self, acts: Acts, links: Links) -> None:
        """The links lead to the downloads."""
        self._meetings = acts.meetings
        self._recordings = acts.recordings
        self._links = links

    @property
    def routes(self) -> Routes:
        """What answers where."""
        return {
            "/recordings/{recording_id}": {"GET": self._read, "DELETE": self._delete},
            "/sessions/{session_id}/recordings": {"GET": self._of_session},
        }

    async def _read(self, call: Call) -> Answer:
        recording_id = call.names["recording_id"]
        recording = await self._recordings.recording(call.application_id, recording_id)
        return json_answer(200, recording_json(recording, self._links, self._meetings.now))

    async def _delete(self, call: Call) -> Answer:
        await self._recordings.delete(call.application_id, call.names["recording_id"])
        return empty_answer(204)

    async def _of_session(self, call: Call) -> Answer:
        session_id = call.names["session_id"]
        found = await self._recordings.of_session(call.application_id, session_id)
        now = self._meetings.now
        told = [recording_json(recording, self._links, now) for recording in found]
        return json_answer(200, {"_embedded": {"recordings": told}})


def recording_json(recording: Recording, links: Links, now: datetime) -> Json:
    """A recording; its link is signed at `now`, and there is none before it is uploaded."""
    ended = recording.ended_at
    has_content = recording.status is Status.UPLOADED
    return {
        "id": recording.id,
        "session_id": recording.session_id,
        "started_at": format_instant(recording.started_at),
        "ended_at": None if ended is None else format_instant(ended),
        "status": recording.status.value,
        "_links": {"url": {"href": links.download(recording, now)}} if has_content else {},
    }
