"""A fake of the recordings port: the recordings of one application in memory.

It keeps the rules that the engine and archives meet (only what is uploaded has content and can be
deleted) and goes wrong when told to, one call at a time, by the fates of the fake of the rooms
port; downloads break off, change and lose their links when told to.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import TypeVar

from orchestrator.domain.facts import ApiCall
from orchestrator.domain.recordings import Recording, RecordingStatus, Resume
from orchestrator.foundation.secret import Secret
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    UnansweredError,
    UnavailableError,
    WithheldError,
)
from orchestrator.ports.recordings import Content
from orchestrator.ports.rooms import LAST_CALL
from tests.fakes.clock import START
from tests.fakes.rooms import REFUSALS, Fate

Result = TypeVar("Result")

METHODS = {"list_recordings": "GET", "get_recording": "GET", "delete_recording": "DELETE"}
PIECE = 100  # bytes


@dataclass(frozen=True)
class RecordingAsked:
    """One call as it reached the fake: a method, and a session or a recording."""

    method: str
    about: str
    fate: Fate = Fate.ANSWERED

    @property
    def changes(self) -> bool:
        return METHODS.get(self.method) == "DELETE"


class FakeRecordings:
    """The recordings of one application.

    Attributes:
        cut_after: downloads break off after so many bytes; None: they do not.
        tags: whether contents have an ``ETag``, without which nothing can be gone on with.
        down: every call is refused a connection.
        asked: all calls so far, in order.
        resumed: where each download began.
    """

    def __init__(self) -> None:
        self.cut_after: int | None = None
        self.tags = True
        self.down = False
        self.asked: list[RecordingAsked] = []
        self.resumed: list[int] = []
        self._serial = count(1)
        self._signed = count(1)
        self._recordings: dict[str, Recording] = {}
        self._contents: dict[str, tuple[str, bytes]] = {}  # with their tags
        self._links: dict[str, str] = {}  # good ones, to recordings
        self._fates: defaultdict[str, deque[Fate]] = defaultdict(deque)

    def script(self, method: str, *fates: Fate) -> None:
        """What becomes of the next calls of a method; later ones are answered."""
        self._fates[method].extend(fates)

    def record(self, session_id: str, at: datetime = START) -> str:
        """Begin to record a session; gives the recording's id."""
        recording_id = f"00000000-0000-4000-8000-{next(self._serial):012d}"
        recording = Recording(recording_id, session_id, RecordingStatus.STARTED, at)
        self._recordings[recording_id] = recording
        return recording_id

    def upload(self, recording_id: str, content: bytes, at: datetime = START) -> None:
        """End a recording, and give it its content."""
        recording = self._recordings[recording_id]
        self._recordings[recording_id] = replace(
            recording, status=RecordingStatus.UPLOADED, ended_at=at
        )
        self.change(recording_id, content)

    def change(self, recording_id: str, content: bytes) -> None:
        """Put another content at the same place."""
        self._contents[recording_id] = (f'"v{next(self._signed)}"', content)

    def expire_links(self) -> None:
        """None of the links that were told is good any more."""
        self._links.clear()

    def vanish(self, recording_id: str) -> None:
        """Take one away behind everybody's back."""
        self._recordings.pop(recording_id)

    @property
    def recordings(self) -> Sequence[str]:
        """The ids of all that there are."""
        return tuple(self._recordings)

    # --- the port ---

    async def list_recordings(self, session_id: str) -> Sequence[Recording]:
        return await self._call("list_recordings", session_id, lambda: self._of(session_id))

    async def get_recording(self, recording_id: str) -> Recording:
        return await self._call("get_recording", recording_id, lambda: self._get(recording_id))

    async def delete_recording(self, recording_id: str) -> None:
        await self._call("delete_recording", recording_id, lambda: self._delete(recording_id))

    @asynccontextmanager
    async def download(
        self, recording: Recording, resume: Resume | None = None
    ) -> AsyncIterator[Content]:
        self.asked.append(RecordingAsked("download", recording.id))
        if recording.link is None:
            raise ForbiddenError("the API names no link for it")
        if self.down:
            raise UnavailableError("no connection")
        recording_id = self._links.get(recording.link.reveal())
        if recording_id is None:
            raise ForbiddenError("the link has expired", 403)
        tag, content = self._contents[recording_id]
        fits = resume is not None and resume.tag == tag and resume.begin < len(content)
        begin = resume.begin if resume is not None and fits else 0
        self.resumed.append(begin)
        yield Content(begin, len(content), tag if self.tags else "", self._pieces(content, begin))

    # --- inside ---

    async def _pieces(self, content: bytes, begin: int) -> AsyncIterator[bytes]:
        end = len(content) if self.cut_after is None else begin + self.cut_after
        for at in range(begin, min(end, len(content)), PIECE):
            yield content[at : min(at + PIECE, end)]
        if end < len(content):
            raise UnavailableError("it broke off")

    async def _call(self, method: str, about: str, act: Callable[[], Result]) -> Result:
        LAST_CALL.set(None)
        waiting = self._fates[method]
        fate = waiting.popleft() if waiting else Fate.ANSWERED
        if self.down:
            fate = Fate.UNSENT
        asked = RecordingAsked(method, about, fate)
        self.asked.append(asked)
        try:
            result = _meet(asked, act)
        except Fault as fault:
            if fate is not Fate.WITHHELD:
                LAST_CALL.set(ApiCall(METHODS[method], fault.status, 1.0, 1))
            raise
        LAST_CALL.set(ApiCall(METHODS[method], 200, 1.0, 1))
        return result

    def _of(self, session_id: str) -> Sequence[Recording]:
        found = [one.id for one in self._recordings.values() if one.session_id == session_id]
        if not found:
            raise MissingError(f"Failed to find session recordings by id: {session_id}", 404)
        return tuple(self._get(recording_id) for recording_id in found)

    def _get(self, recording_id: str) -> Recording:
        recording = self._recordings.get(recording_id)
        if recording is None:
            raise MissingError(f"Recording {recording_id} was not found", 404)
        if recording_id not in self._contents:
            return recording
        link = f"https://files.example/{recording_id}?Signature={next(self._signed)}"
        self._links[link] = recording_id
        return replace(recording, link=Secret(link))

    def _delete(self, recording_id: str) -> None:
        recording = self._recordings.get(recording_id)
        if recording is None:
            raise MissingError("Could not find recording", 404)
        if recording.status is not RecordingStatus.UPLOADED:
            raise ForbiddenError("could not be deleted because of its status", 403)
        del self._recordings[recording_id], self._contents[recording_id]


def _meet(asked: RecordingAsked, act: Callable[[], Result]) -> Result:
    match asked.fate:
        case Fate.ANSWERED:
            return act()
        case Fate.ACT_THEN_DROP:
            act()
            raise _silence(asked)
        case Fate.LOST:
            raise _silence(asked)
        case Fate.WITHHELD:
            if not asked.changes:
                return act()
            raise WithheldError("not sent")
        case _:
            fault = REFUSALS[asked.fate]()
            raise fault


def _silence(asked: RecordingAsked) -> Fault:
    if asked.changes:
        return UnansweredError("no answer came")
    return UnavailableError("no answer came")
