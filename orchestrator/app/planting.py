"""Planting: the rooms that a store remembers, made in a Meetings server in memory.

Each stands there with its id, marker, settings, birth and end, as the store last saw them, and the
store is told the links by which the server calls them, or every link would count as changed.  It
is for copies of stores alone.  What the store does not know is not planted: rooms of others, and
what somebody changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from orchestrator.adapters.meetings.wire import write_room
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.records import KeyState, RoomRecord
from orchestrator.domain.rooms import EARLIEST_END, SETTINGS, NewRoom, Setting
from orchestrator.meetings_server import Dates, Memory
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.store import Commit, Store

_ELSEWHERE: Final = "theme_id"  # themes are not rooms, and no server in memory has them


async def plant(memory: Memory, application_id: str, owner: str, states: Sequence[KeyState]) -> int:
    """Make every room of these states in the server; how many there are.

    Raises:
        DeskError: the server does not take one; the text says which and why.
    """
    known = [(room, state) for state in states for room in state.rooms]
    known.sort(key=lambda one: (one[0].created_at or one[0].granted_at, one[0].id))
    for room, state in known:
        born = room.created_at or room.granted_at
        dates = Dates(born, room.expires_at or born + EARLIEST_END)
        try:
            await memory.plant(application_id, room.id, _body(room, state, owner), dates)
        except ValueError as fault:
            message = f"room {room.id} of {state.key} cannot be rehearsed: {fault}"
            raise DeskError(message) from fault
    return len(known)


async def take_links(rooms: Rooms, store: Store, states: Sequence[KeyState], clock: Clock) -> None:
    """Record the links of planted rooms as the server gives them."""
    listing = await rooms.list_rooms()
    seen = {room.id: room for room in listing.rooms}

    def linked(room: RoomRecord) -> RoomRecord:
        there = seen.get(room.id)
        if there is None:
            return room  # it ended so long ago that the server has forgotten it
        return replace(room, guest_url=there.guest_url, meeting_code=there.meeting_code)

    after = [
        replace(state, rooms=tuple(linked(room) for room in state.rooms))
        for state in states
        if state.rooms
    ]
    await store.commit(Commit(states=after), clock.now())


def _body(room: RoomRecord, state: KeyState, owner: str) -> bytes:
    """What a POST of this room would say now."""
    text = room.text
    if room.operation:
        marker = new_marker(owner, state.key, room.generation, room.operation)
        text = write_metadata(room.text, marker)
    applied: dict[str, Setting] = {
        path: value
        for path, value in room.applied.items()
        if path in SETTINGS and path not in room.not_taken and path != _ELSEWHERE
    }
    return write_room(NewRoom(room.display_name, room.type, text, applied, None))
