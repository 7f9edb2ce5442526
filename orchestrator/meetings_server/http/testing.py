"""Routes for tests: people who come and go, what records them, and a look behind the scenes.

They ask for no credentials, so the settings refuse them on an address that others can reach; and a
page in a browser on the same machine must not get at them either.

======  ========================  ============================================================
GET     /_test/rooms              the server's own table, of all applications, deleted ones too
POST    /_test/rooms/ID/join      ``{"name", "is_host"}`` → ``{"participant_id", "session_id"}``
POST    /_test/rooms/ID/leave     ``{"participant_id"}``
POST    /_test/rooms/ID/record    → ``{"recording_id", "session_id"}``, of the session that runs
POST    /_test/recordings/ID/ACT  ``pause``, ``resume`` or ``stop``
PUT     /_test/recordings/ID      the content, of a stopped one; ``?times=N``: so often over
GET     /_test/requests           every request but these, in the order in which they came
DELETE  /_test/requests           forget them
PUT     /_test/latency            ``{"before_ms", "after_ms"}``
======  ========================  ============================================================
"""

import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.http.fields import Fields, parse_object
from orchestrator.meetings_server.http.problems import WrongMethod
from orchestrator.meetings_server.http.wire import (
    Answer,
    Json,
    Request,
    empty_answer,
    json_answer,
)
from orchestrator.meetings_server.model.recordings import Act
from orchestrator.meetings_server.model.refusals import Reason, Refused, invalid
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.service import Acts

TEST_PATH: Final = "/_test/"

# Older ones are forgotten, and counted.
_KEPT: Final = 200_000
_LONGEST_NAME: Final = 200
_LONGEST_WAIT: Final = 3_600_000
# Of a body that is no longer than any other.
_MOST_TIMES: Final = 16_384

_Route: TypeAlias = Callable[[Request], Awaitable[Answer]]


@dataclass(slots=True)
class Latency:
    """How long requests wait before they are carried out, and answers before they are sent."""

    before: timedelta
    after: timedelta


@dataclass(slots=True)
class _Entry:
    request: Request
    received: int
    answered: int | None = None
    status: int | None = None


class RequestLog:
    """What was asked and answered, and in which order: arrivals and answers are counted as one."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque(maxlen=_KEPT)
        self._order = itertools.count(1)
        self._forgotten = 0

    def received(self, request: Request) -> _Entry:
        """Note an arrival; `answered` completes it."""
        self._forgotten += len(self._entries) == _KEPT
        entry = _Entry(request, next(self._order))
        self._entries.append(entry)
        return entry

    def answered(self, entry: _Entry, status: int) -> None:
        """Note the answer, just before it is sent."""
        entry.answered, entry.status = next(self._order), status

    def clear(self) -> None:
        """Forget all; the count goes on."""
        self._entries.clear()
        self._forgotten = 0

    def as_json(self) -> Json:
        """All that is kept; what is not answered yet has a status of null, a silence 0."""
        return {
            "forgotten": self._forgotten,
            "requests": [
                {
                    "method": entry.request.method,
                    "path": entry.request.path,
                    "query": dict(entry.request.query),
                    "body": entry.request.body.decode(errors="replace"),
                    "status": entry.status,
                    "received": entry.received,
                    "answered": entry.answered,
                }
                for entry in self._entries
            ],
        }


class TestRoutes:
    """Answers under /_test."""

    __test__ = False  # the name is not a test's

    def __init__(self, acts: Acts, log: RequestLog, latency: Latency) -> None:
        """`latency` is changed in place."""
        self._meetings = acts.meetings
        self._recordings = acts.recordings
        self._log = log
        self._latency = latency

    async def answer(self, request: Request) -> Answer:
        """Answer a request whose path begins with `TEST_PATH`.

        Raises:
            Refused: there is nothing, or not so.
            WrongMethod: there is, but not by this method.
        """
        if "origin" in request.headers:
            raise Refused(Reason.FORBIDDEN, "Test routes are not for web pages")
        routes = self._routes(tuple(request.path.removeprefix(TEST_PATH).split("/")))
        if not routes:
            raise Refused(Reason.NOT_FOUND, "Not Found")
        if request.method not in routes:
            raise WrongMethod(routes)
        return await routes[request.method](request)

    def _routes(self, path: tuple[str, ...]) -> Mapping[str, _Route]:
        match path:
            case ("rooms",):
                return {"GET": self._rooms}
            case ("rooms", room_id, "join"):
                return {"POST": lambda request: self._join(room_id, parse_object(request.body))}
            case ("rooms", room_id, "leave"):
                return {"POST": lambda request: self._leave(room_id, parse_object(request.body))}
            case ("rooms", room_id, "record"):
                return {"POST": lambda _: self._record(room_id)}
            case ("recordings", recording_id):
                return {"PUT": lambda request: self._upload(recording_id, request)}
            case ("recordings", recording_id, "pause" | "resume" | "stop" as act):
                return {"POST": lambda _: self._move(recording_id, Act(act))}
            case ("requests",):
                return {"GET": self._requests, "DELETE": self._clear}
            case ("latency",):
                return {"PUT": self._set_latency}
            case _:
                return {}

    async def _rooms(self, _: Request) -> Answer:
        rooms = await self._meetings.all_rooms()
        return json_answer(200, {"rooms": [_row(room) for room in rooms]})

    async def _join(self, room_id: str, fields: Fields) -> Answer:
        who = await self._meetings.join(
            room_id,
            fields.text("name", _LONGEST_NAME) or "Guest",
            is_host=fields.flag("is_host") or False,
        )
        return json_answer(201, {"participant_id": who.id, "session_id": who.session_id})

    async def _leave(self, room_id: str, fields: Fields) -> Answer:
        participant_id = fields.text("participant_id", _LONGEST_NAME)
        if participant_id is None:
            raise invalid('"participant_id" is required')
        await self._meetings.leave(room_id, participant_id)
        return empty_answer(204)

    async def _record(self, room_id: str) -> Answer:
        recording = await self._recordings.start(room_id)
        made = {"recording_id": recording.id, "session_id": recording.session_id}
        return json_answer(201, made)

    async def _move(self, recording_id: str, act: Act) -> Answer:
        await self._recordings.move(recording_id, act)
        return empty_answer(204)

    async def _upload(self, recording_id: str, request: Request) -> Answer:
        times = request.query.get("times", "1")
        if not times.isascii() or not times.isdigit() or not 1 <= int(times) <= _MOST_TIMES:
            raise invalid(f'"times" must be a number from 1 to {_MOST_TIMES}')
        await self._recordings.upload(recording_id, itertools.repeat(request.body, int(times)))
        return empty_answer(204)

    async def _requests(self, _: Request) -> Answer:
        return json_answer(200, self._log.as_json())

    async def _clear(self, _: Request) -> Answer:
        self._log.clear()
        return empty_answer(204)

    async def _set_latency(self, request: Request) -> Answer:
        fields = parse_object(request.body)
        before, after = (_milliseconds(fields, name) for name in ("before_ms", "after_ms"))
        self._latency.before, self._latency.after = before, after
        return empty_answer(204)


def _milliseconds(fields: Fields, name: str) -> timedelta:
    value = fields.values.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST_WAIT:
        raise invalid(f"{fields.name(name)} must be a number from 0 to {_LONGEST_WAIT}")
    return timedelta(milliseconds=value)


def _row(room: Room) -> Json:
    ended = room.life.ended_at
    return {
        "serial": room.serial,
        "id": room.id,
        "application_id": room.application_id,
        "display_name": room.display_name,
        "metadata": room.metadata,
        "type": room.type.value,
        "created_at": format_instant(room.created_at),
        "expires_at": format_instant(room.life.expires_at),
        "phase": room.life.phase.value,
        "is_available": room.is_available,
        "ended_at": None if ended is None else format_instant(ended),
    }
