"""The contents of recordings, behind links that are signed and do not last.

One range of bytes is served, so that a download that broke off can go on, also by a newer link: the
content never changes, and its ETag says so (RFC 9110, 13.1.5 and 14). Several ranges at once are
not served; the whole is, as that RFC allows.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.http.links import DOWNLOAD_FILE, DOWNLOAD_PATH, Links
from orchestrator.meetings_server.http.problems import unsatisfiable_answer
from orchestrator.meetings_server.http.wire import Answer, Part, Request
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.refusals import Reason, Refused
from orchestrator.meetings_server.service import Acts

_RANGE: Final = re.compile(r"bytes=(?:(?P<begin>\d{1,18})-(?P<end>\d{0,18})|-(?P<last>\d{1,18}))")
# A name is no path and no second line, for whoever saves it as it is told.
_MISLEADING: Final = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u2028\u2029]")
_UNSAFE: Final = re.compile(r'[^\x20-\x7e]|["\\/:*?<>|%]')


class Downloads:
    """Answers where those links lead."""

    def __init__(self, acts: Acts, links: Links) -> None:
        """The links are those that recordings are told with."""
        self._meetings = acts.meetings
        self._recordings = acts.recordings
        self._links = links

    def has(self, path: str) -> bool:
        """Whether the path is one of a download."""
        return path.startswith(DOWNLOAD_PATH)

    async def answer(self, request: Request) -> Answer:
        """Answer GET or HEAD: 200, 206, or 416 where the range lies beyond the end.

        Raises:
            Refused: the link is not ours, has expired, or its recording was deleted.
            StoreFault: the content cannot be read.
        """
        place, _, file = request.path.removeprefix(DOWNLOAD_PATH).rpartition("/")
        if file != DOWNLOAD_FILE:
            raise Refused(Reason.NOT_FOUND, "Not Found")
        self._links.check_download(place, request.query, self._meetings.now)
        recording_id = place.rpartition("/")[2]
        recording = await self._recordings.uploaded(recording_id)
        if recording is None or recording.size is None:
            raise Refused(Reason.NOT_FOUND, f"Recording {recording_id} was not found")
        tag = f'"{recording.id}-{recording.size}"'
        span = _asked(request, recording.size, tag)
        if span is None:
            return unsatisfiable_answer(recording.size)
        headers = _headers(recording, tag)
        if span.is_part:
            headers["Content-Range"] = f"bytes {span.begin}-{span.end - 1}/{recording.size}"
        length = span.end - span.begin
        part = Part(self._recordings.path(recording), span.begin, length)
        status = 206 if span.is_part else 200
        if request.method == "HEAD":
            return Answer(status, {**headers, "Content-Length": str(length)}, b"")
        return Answer(status, headers, b"", part)


@dataclass(frozen=True, slots=True)
class _Span:
    begin: int
    #: Exclusive.
    end: int
    is_part: bool


def _asked(request: Request, size: int, tag: str) -> _Span | None:
    """The bytes that a request wants; None: it wants what is beyond them."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    # For HEAD a range has no meaning; with another tag the rest would not fit what is there.
    if match is None or request.method != "GET" or request.headers.get("if-range", tag) != tag:
        return _Span(0, size, is_part=False)
    if match["last"] is not None:
        span = _Span(max(size - int(match["last"]), 0), size, is_part=True)
    else:
        end = min(int(match["end"]) + 1, size) if match["end"] else size
        begin = int(match["begin"])
        if match["end"] and int(match["end"]) < begin:
            return _Span(0, size, is_part=False)  # not a range, so there is none
        span = _Span(begin, end, is_part=True)
    return span if span.begin < span.end else None


def _headers(recording: Recording, tag: str) -> dict[str, str]:
    day, time = format_instant(recording.started_at).split("T")
    told = _MISLEADING.sub("_", recording.display_name)
    name = f"{told} {day} {time[:5].replace(':', '.')}.mp4"
    return {
        "Content-Type": "video/mp4",
        "Content-Disposition": (
            f'attachment; filename="{_UNSAFE.sub("_", name)}"; '
            f"filename*=UTF-8''{quote(name, safe='')}"
        ),
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
