"""The recordings port over a Meetings session, and over a way to where their contents are.

What a place sends is a recording's content only if it says how long it is, is not encoded and is no
page: a proxy that asks for a password answers 200 as well.  What drips is broken off.  Of what a
place says when it refuses nothing is told, for stores of files quote the link.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from orchestrator.adapters.meetings import faults
from orchestrator.adapters.meetings.apitime import header
from orchestrator.adapters.meetings.faults import Call
from orchestrator.adapters.meetings.overhttp import HttpAnswer
from orchestrator.adapters.meetings.recordingwire import read_recording, read_recordings
from orchestrator.adapters.meetings.session import MeetingsSession
from orchestrator.adapters.meetings.transport import Downloads, Incoming, NoAnswer, NotSent
from orchestrator.adapters.meetings.wire import Object, UnreadableError, is_room_id
from orchestrator.domain.recordings import Recording, Resume
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnavailableError,
)
from orchestrator.ports.recordings import Content

_SHOWN: Final = 60  # characters of a text that somebody took for an id
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_~-]{1,300}")
_WHOLE: Final[Mapping[str, str]] = MappingProxyType({"Accept-Encoding": "identity"})
_TAG: Final = re.compile(r'"[\x21\x23-\x7e]*"')  # a strong one; RFC 9110, 8.8.3
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_TEXTS: Final = re.compile(r"(?i)\s*(text/|[^;]*\b(html|xml|json)\b)")
# A place that brings less holds one of few downloads for ever: bytes a second, and seconds waited.
_LEAST: Final = 4096
_SLOW_FOR: Final = 300.0
_SIGNED_NO_MORE: Final = frozenset({401, 403, 404, 410})


class MeetingsRecordings:
    """The recordings of one application; shares with its rooms all but the downloads."""

    def __init__(self, session: MeetingsSession, downloads: Downloads) -> None:
        self._session = session
        self._downloads = downloads

    async def list_recordings(self, session_id: str) -> Sequence[Recording]:
        if _SESSION_ID.fullmatch(session_id) is None:
            raise MissingError(f"no session can have the id {session_id[:_SHOWN]!r}")

        def read(document: Object) -> Sequence[Recording]:
            found = read_recordings(document)
            if any(one.session_id != session_id for one in found):
                raise UnreadableError("it is about another session")
            return found

        return await self._session.get(f"/sessions/{session_id}/recordings", read)

    async def get_recording(self, recording_id: str) -> Recording:
        return await self._session.get(_path(recording_id), _about(recording_id))

    async def delete_recording(self, recording_id: str) -> None:
        try:
            await self._session.remove(_path(recording_id))
        except UnansweredError as fault:
            if fault.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            # What the API answered in 2023 where it documents 403; the API notes, 7.1.
            raise ForbiddenError(fault.message, fault.status) from fault

    @asynccontextmanager
    async def download(
        self, recording: Recording, resume: Resume | None = None
    ) -> AsyncIterator[Content]:
        call = Call("GET", f"(content of recording {recording.id})")
        if recording.link is None:
            raise ForbiddenError(f"{call}: the API names no link for it")
        url = recording.link.reveal()
        if resume is not None:
            asked = {"Range": f"bytes={resume.begin}-", "If-Range": resume.tag}
            async with self._opened(call, url, {**_WHOLE, **asked}) as incoming:
                content = self._continued(call, incoming, resume)
                if content is not None:
                    yield content
                    return
        async with self._opened(call, url, _WHOLE) as incoming:
            yield self._whole(call, incoming)

    @asynccontextmanager
    async def _opened(
        self, call: Call, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[Incoming]:
        async with AsyncExitStack() as stack:
            try:
                incoming = await stack.enter_async_context(self._downloads.open(url, headers))
            except (NotSent, NoAnswer, OSError, TimeoutError) as error:
                raise faults.silent(call, error) from error
            yield incoming

    def _continued(self, call: Call, incoming: Incoming, resume: Resume) -> Content | None:
        """The rest, or the whole where that came; None: the whole must be asked for."""
        if incoming.status == HTTPStatus.PARTIAL_CONTENT:
            rest = (resume.begin, resume.length - 1, resume.length)
            if _span(incoming) != rest or _tag(incoming) != resume.tag:
                return None
            _check_form(call, incoming)
            pieces = self._counted(call, incoming, resume.length - resume.begin)
            return Content(resume.begin, resume.length, resume.tag, pieces)
        if incoming.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        return self._whole(call, incoming)

    def _whole(self, call: Call, incoming: Incoming) -> Content:
        if incoming.status != HTTPStatus.OK:
            raise self._refused(call, incoming)
        _check_form(call, incoming)
        length = _length(incoming)
        if length is None:
            raise RefusedError(f"{call}: where it is does not say how long it is", incoming.status)
        if length == 0:
            raise RefusedError(f"{call}: it is empty", incoming.status)
        return Content(0, length, _tag(incoming), self._counted(call, incoming, length))

    def _refused(self, call: Call, incoming: Incoming) -> Fault:
        answer = HttpAnswer(incoming.status, incoming.headers, b"")
        fault = faults.refused(call, answer, self._session.api_now())
        if incoming.status in _SIGNED_NO_MORE:
            # Neither our credentials nor the recording: the API alone speaks of those.
            return ForbiddenError(fault.message, fault.status)
        if incoming.status < HTTPStatus.BAD_REQUEST:
            return RefusedError(f"{call}: where it is leads to elsewhere", incoming.status)
        return fault

    async def _counted(self, call: Call, incoming: Incoming, left: int) -> AsyncIterator[bytes]:
        """The pieces, if they are as many bytes as was said, and come in a bearable time."""
        waited, came, asked = 0.0, 0, self._session.monotonic()
        try:
            async for piece in incoming.pieces:
                # Not the time that whoever reads takes: their disk may be slow.
                waited += self._session.monotonic() - asked
                came += len(piece)
                left -= len(piece)
                if left < 0:
                    raise RefusedError(f"{call}: more comes than was said", incoming.status)
                if left and waited >= _SLOW_FOR:
                    if came < _LEAST * waited:
                        raise UnavailableError(f"{call}: it comes too slowly, and is broken off")
                    waited, came = 0.0, 0
                yield piece
                asked = self._session.monotonic()
        except (NoAnswer, OSError, TimeoutError) as error:
            raise faults.silent(call, error) from error
        if left:
            raise UnavailableError(f"{call}: it broke off {left} bytes before its end")


def _check_form(call: Call, incoming: Incoming) -> None:
    encoding = header(incoming.headers, "content-encoding") or "identity"
    if encoding.strip().lower() != "identity":
        raise RefusedError(f"{call}: it comes encoded though nobody asked so", incoming.status)
    if _TEXTS.match(header(incoming.headers, "content-type") or ""):
        raise RefusedError(f"{call}: what comes is a page, and no recording", incoming.status)


def _length(incoming: Incoming) -> int | None:
    text = header(incoming.headers, "content-length") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _tag(incoming: Incoming) -> str:
    text = (header(incoming.headers, "etag") or "").strip()
    return text if _TAG.fullmatch(text) else ""


def _span(incoming: Incoming) -> tuple[int, ...]:
    text = (header(incoming.headers, "content-range") or "").strip()
    found = _RANGE.fullmatch(text)
    return tuple(int(one) for one in found.groups()) if found else ()


def _about(recording_id: str) -> Callable[[Object], Recording]:
    """Read an answer that must be about this recording."""

    def checked(document: Object) -> Recording:
        found = read_recording(document)
        if found.id.casefold() != recording_id.casefold():
            raise UnreadableError("it is about another recording")
        return found

    return checked


def _path(recording_id: str) -> str:
    if not is_room_id(recording_id):
        raise MissingError(f"no recording can have the id {recording_id[:_SHOWN]!r}")
    return f"/recordings/{recording_id}"
