"""What a browser sees behind a link: the room's name and its state, as its theme has it.

Plain HTML that needs no script and asks nobody else for anything. Robots are kept out, nothing is
stored, and the address, which may hold the host's token, is passed on to no other site.
"""

from collections.abc import Mapping
from html import escape
from typing import Final, assert_never

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.http.links import Links, page_address
from orchestrator.meetings_server.http.looks import Look, look_of
from orchestrator.meetings_server.http.wire import Answer, Request
from orchestrator.meetings_server.model.life import Phase
from orchestrator.meetings_server.model.rooms import Room, RoomType
from orchestrator.meetings_server.service import Acts

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}

_HOST_NOTE: Final = "You have the host's link. Do not pass it on: it gives the host's rights."


class Pages:
    """Answers where links lead."""

    def __init__(self, acts: Acts, links: Links) -> None:
        """The same rooms and links as the API's."""
        self._meetings = acts.meetings
        self._themes = acts.themes
        self._links = links

    def has(self, path: str) -> bool:
        """Whether the path is one of a page."""
        return page_address(path) is not None

    async def answer(self, request: Request) -> Answer:
        """The page of a guest's or a host's link: 200, 410 when the room is over, or 404."""
        address = page_address(request.path)
        if address is not None and address.guest_token is not None:
            room = await self._meetings.linked(address.guest_token)
            note = ""
        else:
            room = await self._hosted(request.query)
            note = _HOST_NOTE
        if room is None:
            return _page(
                404,
                "Room not found",
                ("There is no room behind this link.", "Please check that it was copied whole."),
                look_of(None, self._links),
            )
        status, lines = _state(room)
        told = (*lines, note) if status == 200 else lines
        look = look_of(await self._themes.of_room(room), self._links)
        return _page(status, room.display_name, told, look)

    async def _hosted(self, query: Mapping[str, str]) -> Room | None:
        room = await self._meetings.linked(query.get("room_token", ""))
        if room is None or not self._links.is_host(room, query.get("participant_token", "")):
            return None
        return room


def _state(room: Room) -> tuple[int, tuple[str, ...]]:
    match room.life.phase:
        case Phase.WAITING | Phase.COOLING:
            return 200, ("This room is open.", _until(room))
        case Phase.OCCUPIED:
            return 200, ("This room is open, and a session is running.", _until(room))
        case Phase.ENDING:
            return 200, ("This room has expired; the session that is running may finish.",)
        case Phase.EXPIRED | Phase.DELETED:
            return 410, ("This room has ended.", "Please ask whoever invited you for a new link.")
    assert_never(room.life.phase)


def _until(room: Room) -> str:
    if room.type is RoomType.INSTANT:
        return "It closes ten minutes after the last participant has left."
    day, time = format_instant(room.life.expires_at).split("T")
    return f"It expires on {day} at {time[:5]} UTC."


def _page(status: int, title: str, lines: tuple[str, ...], look: Look) -> Answer:
    name = escape(title)
    state, *rest = (escape(line) for line in lines if line)
    body = "".join(f"<p>{line}</p>\n" for line in rest)
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n'
        f"<title>{name}{look.title}</title>\n{look.icon}"
        f"<style>{look.style}</style>\n</head>\n<body>\n<main>\n{look.band}"
        # bdi: a name that is written from right to left must not turn its surroundings round.
        f'<h1><bdi>{name}</bdi></h1>\n<p class="state">{state}</p>\n{body}'
        "</main>\n</body>\n</html>\n"
    )
    headers = {**_HEADERS, "Content-Security-Policy": look.policy}
    return Answer(status, headers, html.encode())
