"""Recordings: JSON of the API to the domain's values (the API notes, 7.1).

Tolerant where servers differ: ``ended_at`` may be missing, and a status that is not known is no
upload.  Refuses, with `UnreadableError`, a list of which it would have to leave something out.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.adapters.meetings.wire import (
    Object,
    UnreadableError,
    is_room_id,
    read_moment,
    read_rows,
    read_text,
)
from orchestrator.domain.recordings import Recording, RecordingStatus
from orchestrator.foundation.secret import Secret


def read_recording(document: Object) -> Recording:
    """A recording, from an answer of its own or from a session's list."""
    recording_id = read_text(document, "id", "a recording") or ""
    if not is_room_id(recording_id):
        raise UnreadableError("a recording has no id that can stand in a path")
    where = f"recording {recording_id}"
    return Recording(
        recording_id,
        read_text(document, "session_id", where) or "",
        _status(read_text(document, "status", where) or ""),
        read_moment(document, "started_at", where),
        read_moment(document, "ended_at", where),
        _link(document, where),
    )


def read_recordings(document: Object) -> Sequence[Recording]:
    """The recordings of a session; absent is none."""
    return tuple(read_recording(row) for row in read_rows(document, "recordings"))


def _status(told: str) -> RecordingStatus:
    text = told.strip().lower()
    return next((one for one in RecordingStatus if one == text), RecordingStatus.UNKNOWN)


def _link(document: Object, where: str) -> Secret | None:
    links = document.get("_links")
    place = links.get("url") if isinstance(links, dict) else None
    href = read_text(place, "href", where) if isinstance(place, dict) else None
    return Secret(href) if href else None
