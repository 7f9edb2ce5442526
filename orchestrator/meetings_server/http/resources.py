"""Rooms and sessions: one method a route, from a request to an answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from orchestrator.meetings_server.http import bodies
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.http.render import room_json, room_page_json, session_page_json
from orchestrator.meetings_server.http.wire import Answer, Request, empty_answer, json_answer
from orchestrator.meetings_server.model.refusals import not_found
from orchestrator.meetings_server.service import Meetings

#: What answers one method of one path, given the application that asks.
Route: TypeAlias = Callable[[Request, str], Awaitable[Answer]]


class Resources:
    """The resources under the API's base path."""

    def __init__(self, meetings: Meetings, links: Links, *, strict_v1: bool) -> None:
        """`strict_v1` answers every DELETE of a room with 404."""
        self._meetings = meetings
        self._links = links
        self._strict_v1 = strict_v1

    def routes(self, path: tuple[str, ...]) -> Mapping[str, Route]:
        """What answers at that path, by method; empty: there is nothing."""
        match path:
            case ("rooms",):
                return {"GET": self._list_rooms, "POST": self._create_room}
            case ("rooms", room_id):
                return self._room_routes(room_id)
            case ("sessions",):
                return {"GET": self._list_sessions}
            case _:
                return {}

    def _room_routes(self, room_id: str) -> Mapping[str, Route]:
        async def get(_: Request, application_id: str) -> Answer:
            room = await self._meetings.room(application_id, room_id)
            return json_answer(200, room_json(room, self._links, self._meetings.now))

        async def patch(request: Request, application_id: str) -> Answer:
            changes = bodies.room_changes(request.body)
            room = await self._meetings.change(application_id, room_id, changes)
            return json_answer(200, room_json(room, self._links, self._meetings.now))

        async def delete(request: Request, application_id: str) -> Answer:
            if self._strict_v1:
                raise not_found(room_id)
            force = bodies.force(request.query)
            await self._meetings.delete(application_id, room_id, force=force)
            return empty_answer(204)

        return {"GET": get, "PATCH": patch, "DELETE": delete}

    async def _list_rooms(self, request: Request, application_id: str) -> Answer:
        query = bodies.room_query(request.query)
        page = await self._meetings.rooms(application_id, query)
        return json_answer(200, room_page_json(page, query, self._links, self._meetings.now))

    async def _create_room(self, request: Request, application_id: str) -> Answer:
        draft = bodies.room_draft(request.body)
        room = await self._meetings.create(application_id, draft)
        return json_answer(201, room_json(room, self._links, self._meetings.now))

    async def _list_sessions(self, request: Request, application_id: str) -> Answer:
        query = bodies.session_query(request.query)
        page = await self._meetings.sessions(application_id, query)
        return json_answer(200, session_page_json(page, query, self._links))
