"""A Meetings API of a few lines behind the transport, whose every answer a test may twist.

Rooms are documents as the API writes them, in a table with serials.  A twist stands between a
request and its being carried out: it may act or not, answer what it likes, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final
from uuid import UUID

from orchestrator.adapters.meetings.transport import NoAnswer
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.ports.clock import Clock
from tests.fakes.transport import Heard, Said, room_document

Act = Callable[[], Said]
Twist = Callable[[Heard, Act], Said]

PAGE: Final = Said(200, b"<!doctype html><html><body>Please sign in</body></html>")
GATEWAY: Final = Said(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>")


class Backend:
    """An API with one application.

    Attributes:
        table: the rooms' documents by id, in the order of creation.
        heard: every request, in order.
        twists: what becomes of the next requests of a method.
        hidden: ids that listings leave out.
        late: what is carried out when `act_late` is called.
    """

    def __init__(self, clock: Clock) -> None:
        self.table: dict[str, dict[str, Any]] = {}
        self.heard: list[Heard] = []
        self.twists: dict[str, list[Twist]] = {}
        self.hidden: set[str] = set()
        self.late: list[Act] = []
        self._clock = clock
        self._serial = count(1000)

    def twist(self, method: str, *twists: Twist) -> None:
        """What becomes of the next requests: of one room (``GET``, ``PATCH``), ``LIST``, …."""
        self.twists.setdefault(method, []).extend(twists)

    def act_late(self) -> None:
        """Carry out what was dropped to be carried out later."""
        late, self.late = self.late, []
        for act in late:
            act()

    @property
    def alive(self) -> list[dict[str, Any]]:
        """The rooms that have not ended."""
        now = self._clock.now()
        return [one for one in self.table.values() if parse_instant(one["expires_at"]) > now]

    @property
    def changes(self) -> list[str]:
        """The requests so far that would change something, by their method."""
        return [one.method for one in self.heard if one.method != "GET"]

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Said:
        heard = Heard(method, path, dict(query), dict(headers), body)
        self.heard.append(heard)
        waiting = self.twists.get(_name_of(heard))
        if waiting:
            return waiting.pop(0)(heard, lambda: self.answer(heard))
        return self.answer(heard)

    def answer(self, heard: Heard) -> Said:
        """Carry a request out."""
        if heard.path == "/sessions":
            return _said({"_embedded": {"sessions": []}, "page_size": 1000, "total_items": 0})
        if heard.path == "/rooms":
            return self._make(heard.json) if heard.method == "POST" else self._list(heard.query)
        room = self.table.get(heard.path.rpartition("/")[2])
        if room is None:
            return Said(404, b'{"message": "not found", "name": "NotFoundError", "status": 404}')
        if heard.method == "DELETE":
            del self.table[room["id"]]
            return Said(204)
        if heard.method == "PATCH":
            _merge(room, heard.json["update_details"])
        return _said(self._shown(room))

    def _make(self, asked: dict[str, Any]) -> Said:
        serial = next(self._serial)
        room = room_document(
            id=str(UUID(int=serial)),
            created_at=format_instant(self._clock.now()),
            meeting_code=str(serial),
            _links={"guest_url": {"href": f"https://meetings.test/{serial}"}},
        )
        _merge(room, asked)
        self.table[room["id"]] = room
        return _said(self._shown(self.table[room["id"]]), 201)

    def _shown(self, room: dict[str, Any]) -> dict[str, Any]:
        return room | {"is_available": parse_instant(room["expires_at"]) > self._clock.now()}

    def _list(self, query: Mapping[str, str]) -> Said:
        start = int(query.get("start_id", 0))
        rows = [
            self._shown(room)
            for room in self.table.values()
            if UUID(room["id"]).int >= start and room["id"] not in self.hidden
        ]
        return _said({"_embedded": {"rooms": rows}, "total_items": len(rows), "_links": {}})


def _merge(room: dict[str, Any], asked: Mapping[str, Any]) -> None:
    for name, value in asked.items():
        held = room.get(name)
        room[name] = {**held, **value} if isinstance(held, dict) else value


def act_then(answer: Said | Exception) -> Twist:
    """Carry it out, and answer something else, or not at all."""

    def twist(_: Heard, act: Act) -> Said:
        act()
        return _given(answer)

    return twist


def instead(answer: Said | Exception) -> Twist:
    """Never carry it out."""
    return lambda _, __: _given(answer)


def cut(_: Heard, act: Act) -> Said:
    """Carry it out; the half of the answer arrives."""
    whole = act()
    return Said(whole.status, whole.body[: len(whole.body) // 2])


def changed(**changes: Any) -> Twist:
    """Carry it out, and answer with another document."""

    def twist(_: Heard, act: Act) -> Said:
        whole = act()
        return _said(json.loads(whole.body) | changes, whole.status)

    return twist


def unmoved(backend: Backend) -> Twist:
    """Never carry it out, and answer 2xx with the room as it is."""
    return lambda heard, _: backend.answer(replace(heard, method="GET", body=None))


def echoed(backend: Backend) -> Twist:
    """Never carry it out, and answer 2xx with the room as it should be by now."""

    def twist(heard: Heard, act: Act) -> Said:
        kept = backend.table
        backend.table = {room_id: dict(room) for room_id, room in kept.items()}
        answer = act()
        backend.table = kept
        return answer

    return twist


def drop_then_act(backend: Backend) -> Twist:
    """No answer; it is carried out when `act_late` is called."""

    def twist(_: Heard, act: Act) -> Said:
        backend.late.append(act)
        raise NoAnswer("the connection was reset")

    return twist


def _given(answer: Said | Exception) -> Said:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _said(document: object, status: int = 200) -> Said:
    return Said(status, json.dumps(document).encode())


def _name_of(heard: Heard) -> str:
    names = {"/rooms": "LIST", "/sessions": "SESSIONS"}
    return names.get(heard.path, "GET") if heard.method == "GET" else heard.method
