"""What a browser sees behind a link: the room's name and its state, as its theme has it.

Plain HTML that asks nobody else for anything, and can be read without a script. Where people can
meet, the scripts of this server make a meeting of it. Robots are kept out, nothing is stored, and
the address, which may hold the host's token, is passed on to no other site; nor is that token in
the page.
"""

from collections.abc import Mapping
from html import escape
from typing import Final, assert_never

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.http.assets import Assets
from orchestrator.meetings_server.http.links import Links, page_address
from orchestrator.meetings_server.http.looks import Look, look_of, meeting_look_of
from orchestrator.meetings_server.http.wire import Answer, Json, Request, compact
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

# What a page may ask a person for, and on no other page's behalf.
_PERMISSIONS: Final = (
    "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), "
    "screen-wake-lock=(self), autoplay=(self), clipboard-write=(self), geolocation=()"
)

_HOST_NOTE: Final = "You have the host's link. Do not pass it on: it gives the host's rights."


class Pages:
    """Answers where links lead."""

    def __init__(
        self,
        acts: Acts,
        links: Links,
        assets: Assets | None = None,
        origins: tuple[str, ...] = (),
    ) -> None:
        """The same rooms and links as the API's; without `assets` nobody meets on the pages.

        `origins` are those that the medium connects browsers to.
        """
        self._meetings = acts.meetings
        self._themes = acts.themes
        self._links = links
        self._assets = assets
        self._origins = origins

    def has(self, path: str) -> bool:
        """Whether the path is one of a page."""
        return page_address(path) is not None

    async def answer(self, request: Request) -> Answer:
        """The page of a guest's or a host's link: 200, 410 when the room is over, or 404."""
        address = page_address(request.path)
        if address is not None and address.guest_token is not None:
            room = await self._meetings.linked(address.guest_token)
            is_host = False
        else:
            room = await self._hosted(request.query)
            is_host = True
        if room is None:
            return _page(
                404,
                "Room not found",
                ("There is no room behind this link.", "Please check that it was copied whole."),
                look_of(None, self._links),
            )
        status, lines = _state(room)
        told = (*lines, _HOST_NOTE) if status == 200 and is_host else lines
        theme = await self._themes.of_room(room)
        if self._assets is None or status != 200:
            return _page(status, room.display_name, told, look_of(theme, self._links))
        look = meeting_look_of(theme, self._links, self._origins)
        return self._meeting(room, told, look, self._assets, is_host=is_host)

    def _meeting(
        self, room: Room, lines: tuple[str, ...], look: Look, assets: Assets, *, is_host: bool
    ) -> Answer:
        root = self._links.root
        icon = look.icon or f'<link rel="icon" href="{escape(root + assets.path("icon.svg"))}">\n'
        style = f"<style>{look.style}</style>\n" if look.style else ""
        head = (
            f"{icon}"
            f'<link rel="stylesheet" href="{escape(root + assets.path("meeting.css"))}">\n{style}'
            f'<script type="module" src="{escape(root + assets.path("page.js"))}"></script>\n'
        )
        name = escape(room.display_name)
        body = (
            f'<body data-page="{escape(compact(_told(room, root, is_host=is_host)))}">\n{look.band}'
            f'<main>\n<div class="card">\n{_said(name, lines)}'
            "<noscript><p>To come in, let this page run its script.</p></noscript>\n"
            "</div>\n</main>\n</body>\n</html>\n"
        )
        headers = {"Permissions-Policy": _PERMISSIONS, "Cross-Origin-Opener-Policy": "same-origin"}
        return _answer(200, _head(f"{name}{look.title}", head) + body, look, headers)

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


def _told(room: Room, root: str, *, is_host: bool) -> Json:
    """What the scripts have to know before anybody comes in."""
    options = room.options
    return {
        "base": root,
        "link": room.names.guest_token,
        "role": "host" if is_host else "guest",
        "room": room.display_name,
        "language": options.language,
        "switcher": options.available_features.is_locale_switcher_available,
        "microphone": options.microphone_state.value,
        "approval": options.join_approval_level.value,
    }


def _page(status: int, title: str, lines: tuple[str, ...], look: Look) -> Answer:
    name = escape(title)
    html = (
        _head(f"{name}{look.title}", f"{look.icon}<style>{look.style}</style>\n")
        + f"<body>\n<main>\n{look.band}{_said(name, lines)}</main>\n</body>\n</html>\n"
    )
    return _answer(status, html, look)


def _head(title: str, more: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n'
        f"<title>{title}</title>\n{more}</head>\n"
    )


def _said(name: str, lines: tuple[str, ...]) -> str:
    state, *rest = (escape(line) for line in lines)
    body = "".join(f"<p>{line}</p>\n" for line in rest)
    # bdi: a name that is written from right to left must not turn its surroundings round.
    return f'<h1><bdi>{name}</bdi></h1>\n<p class="state">{state}</p>\n{body}'


def _answer(status: int, html: str, look: Look, more: Mapping[str, str] | None = None) -> Answer:
    headers = {**_HEADERS, **(more or {}), "Content-Security-Policy": look.policy}
    return Answer(status, headers, html.encode())
