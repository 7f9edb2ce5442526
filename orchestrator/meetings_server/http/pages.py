"""What a browser sees behind a link: the room's name and its state.

Plain HTML that needs no script and asks nobody else for anything. Robots are kept out, nothing is
stored, and the address, which may hold the host's token, is passed on to no other site.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final, assert_never

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.http.links import Links, page_address
from orchestrator.meetings_server.http.wire import Answer, Request
from orchestrator.meetings_server.model.life import Phase
from orchestrator.meetings_server.model.rooms import Room, RoomType
from orchestrator.meetings_server.service import Acts

_STYLE: Final = """
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  font: 1.125rem/1.5 system-ui, sans-serif; color: #1b1b1f; background: #f6f6f8; }
main { max-width: 36rem; margin: 1.5rem; padding: 2rem; border-radius: 0.75rem;
  background: #fff; border: 1px solid #c9c9d1; overflow-wrap: anywhere; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0.5rem 0 0; }
.state { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  body { color: #ececf1; background: #141417; }
  main { background: #1f1f24; border-color: #4a4a55; }
}
"""

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
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
            )
        status, lines = _state(room)
        return _page(status, room.display_name, (*lines, note) if status == 200 else lines)

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


def _page(status: int, title: str, lines: tuple[str, ...]) -> Answer:
    name = escape(title)
    state, *rest = (escape(line) for line in lines if line)
    body = "".join(f"<p>{line}</p>\n" for line in rest)
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        # bdi: a name that is written from right to left must not turn its surroundings round.
        f'<h1><bdi>{name}</bdi></h1>\n<p class="state">{state}</p>\n{body}'
        "</main>\n</body>\n</html>\n"
    )
    return Answer(status, _HEADERS, html.encode())
