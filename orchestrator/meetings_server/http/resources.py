"""Rooms and sessions: one method a route, from a call to an answer."""

from orchestrator.meetings_server.http import bodies
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.http.render import room_json, room_page_json, session_page_json
from orchestrator.meetings_server.http.routes import Call, Routes
from orchestrator.meetings_server.http.wire import Answer, empty_answer, json_answer
from orchestrator.meetings_server.model.refusals import not_found
from orchestrator.meetings_server.service import Acts


class Resources:
    """Rooms and sessions under the API's base path."""

    def __init__(self, acts: Acts, links: Links, *, strict_v1: bool) -> None:
        """`strict_v1`: no room is deleted or gets another host link, no instant one a theme."""
        self._meetings = acts.meetings
        self._links = links
        self._strict_v1 = strict_v1

    @property
    def routes(self) -> Routes:
        """What answers where."""
        return {
            "/rooms": {"GET": self._list_rooms, "POST": self._create_room},
            "/rooms/{room_id}": {
                "GET": self._room,
                "PATCH": self._change_room,
                "DELETE": self._delete_room,
            },
            "/rooms/{room_id}/host_url": {"POST": self._renew_host_url},
            "/sessions": {"GET": self._list_sessions},
        }

    async def _room(self, call: Call) -> Answer:
        room = await self._meetings.room(call.application_id, call.names["room_id"])
        return json_answer(200, room_json(room, self._links, self._meetings.now))

    async def _change_room(self, call: Call) -> Answer:
        changes = bodies.room_changes(call.request.body)
        room = await self._meetings.change(call.application_id, call.names["room_id"], changes)
        return json_answer(200, room_json(room, self._links, self._meetings.now))

    async def _delete_room(self, call: Call) -> Answer:
        room_id = call.names["room_id"]
        if self._strict_v1:
            raise not_found(room_id)
        force = bodies.force(call.request.query)
        await self._meetings.delete(call.application_id, room_id, force=force)
        return empty_answer(204)

    async def _renew_host_url(self, call: Call) -> Answer:
        room_id = call.names["room_id"]
        if self._strict_v1:
            raise not_found(room_id)
        room = await self._meetings.revoke_host(call.application_id, room_id)
        return json_answer(200, room_json(room, self._links, self._meetings.now))

    async def _list_rooms(self, call: Call) -> Answer:
        query = bodies.room_query(call.request.query)
        page = await self._meetings.rooms(call.application_id, query)
        return json_answer(200, room_page_json(page, query, self._links, self._meetings.now))

    async def _create_room(self, call: Call) -> Answer:
        draft = bodies.room_draft(call.request.body, themes_for_instant=not self._strict_v1)
        room = await self._meetings.create(call.application_id, draft)
        return json_answer(201, room_json(room, self._links, self._meetings.now))

    async def _list_sessions(self, call: Call) -> Answer:
        query = bodies.session_query(call.request.query)
        page = await self._meetings.sessions(call.application_id, query)
        return json_answer(200, session_page_json(page, query, self._links))
