"""What a request is about: its route, and the one room, theme or recording, if it is one.

A theme is told of here by an `id`, as the others are; `listings.unnamed` takes it away again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from orchestrator.meetings_server.hostile import answers
from orchestrator.meetings_server.hostile.faults import Route
from orchestrator.meetings_server.http import Answer, Carry, Request, resource_path
from orchestrator.meetings_server.http.links import DOWNLOAD_PATH, LOGO_PATH
from orchestrator.meetings_server.http.wire import Json
from orchestrator.meetings_server.model.refusals import Reason, Refused, not_found
from orchestrator.meetings_server.model.themes import no_theme

_ROOMS: Final[Mapping[str, Route]] = {"GET": Route.LIST, "POST": Route.CREATE}
_ROOM: Final[Mapping[str, Route]] = {
    "GET": Route.GET,
    "PATCH": Route.PATCH,
    "DELETE": Route.DELETE,
}
_THEMES: Final[Mapping[str, Route]] = {"GET": Route.THEMES, "POST": Route.CREATE_THEME}
_THEME: Final[Mapping[str, Route]] = {
    "GET": Route.THEME,
    "PATCH": Route.PATCH_THEME,
    "DELETE": Route.DELETE_THEME,
}
_RECORDING: Final[Mapping[str, Route]] = {
    "GET": Route.RECORDING,
    "DELETE": Route.DELETE_RECORDING,
}
_OF_THEMES: Final = frozenset({*_THEMES.values(), *_THEME.values(), Route.FINALIZE})
_OF_RECORDINGS: Final = frozenset({*_RECORDING.values(), Route.RECORDINGS, Route.DOWNLOAD})
_CHANGING: Final = frozenset(
    {
        Route.PATCH,
        Route.DELETE,
        Route.PATCH_THEME,
        Route.DELETE_THEME,
        Route.FINALIZE,
        Route.DELETE_RECORDING,
    }
)
_FINALIZE: Final = "/finalizeLogos"


class Kind(Enum):
    """What a request tells of."""

    ROOMS = auto()
    THEMES = auto()
    RECORDINGS = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """A request on one of the routes, and the honest way on.

    Attributes:
        about: the id of the one thing that it is about, of the session where it lists recordings;
            empty: of none, or of a new one.
    """

    route: Route
    about: str
    request: Request
    carry: Carry

    @property
    def kind(self) -> Kind:
        """What it tells of."""
        if self.route in _OF_RECORDINGS:
            return Kind.RECORDINGS
        return Kind.THEMES if self.route in _OF_THEMES else Kind.ROOMS

    @property
    def changes(self) -> bool:
        """Whether it changes the one thing that it is about."""
        return self.route in _CHANGING

    @property
    def unknown(self) -> Refused:
        """What is said where there is no such thing."""
        match self.route:
            case Route.RECORDINGS:
                text = f"Failed to find session recordings by id: {self.about}"
            case Route.RECORDING | Route.DOWNLOAD:
                text = f"Recording {self.about} was not found"
            case Route.DELETE_RECORDING:
                text = "Could not find recording"
            case one if one in _ROOM.values():
                return not_found(self.about)
            case _:
                return no_theme(self.about)
        return Refused(Reason.NOT_FOUND, text)

    @property
    def barred(self) -> Refused:
        """What is said where it is not allowed, now or any more."""
        if self.route is Route.DOWNLOAD:
            return Refused(Reason.FORBIDDEN, "This link has expired; read the recording again")
        text = f"Recording {self.about} could not be deleted because its status is stopped"
        return Refused(Reason.FORBIDDEN, text)

    def told(self, answer: Answer) -> Json:
        """The room, theme or recording in an honest answer."""
        document = answers.document(answer)
        return {"id": document["theme_id"], **document} if self.kind is Kind.THEMES else document

    async def look(self) -> Json | None:
        """The room, theme or recording that it is about, as it is; None: there is none."""
        path = self.request.path.removesuffix("/").removesuffix(_FINALIZE)
        request = replace(self.request, method="GET", path=path, query={}, body=b"")
        answer = await self.carry(request)
        return self.told(answer) if answer.status == 200 else None


def call_of(request: Request, carry: Carry) -> Call | None:
    """What a request is about; None: nothing that goes wrong on purpose."""
    method, path = request.method, request.path
    if method == "POST" and path.removesuffix("/") == LOGO_PATH.removesuffix("/"):
        return Call(Route.UPLOAD, "", request, carry)
    if method == "GET" and path.startswith(DOWNLOAD_PATH):
        return Call(Route.DOWNLOAD, path.split("/")[-2], request, carry)
    route, about = _routed(method, resource_path(path))
    return None if route is None else Call(route, about, request, carry)


def _routed(method: str, path: tuple[str, ...]) -> tuple[Route | None, str]:
    match method, path:
        case _, ("rooms",):
            return _ROOMS.get(method), ""
        case _, ("rooms", room_id):
            return _ROOM.get(method), room_id
        case "GET", ("sessions",):
            return Route.SESSIONS, ""
        case "GET", ("sessions", session_id, "recordings"):
            return Route.RECORDINGS, session_id
        case _, ("recordings", recording_id):
            return _RECORDING.get(method), recording_id
        case _:
            return _routed_to_themes(method, path)


def _routed_to_themes(method: str, path: tuple[str, ...]) -> tuple[Route | None, str]:
    match method, path:
        case _, ("themes",):
            return _THEMES.get(method), ""
        case "GET", ("themes", "logos-upload-urls"):
            return Route.LOGO_PLACES, ""
        case _, ("themes", theme_id):
            return _THEME.get(method), theme_id
        case "GET", ("themes", theme_id, "rooms"):
            return Route.THEME_ROOMS, theme_id
        case "PUT", ("themes", theme_id, "finalizeLogos"):
            return Route.FINALIZE, theme_id
        case "PATCH", ("applications",):
            return Route.DEFAULT_THEME, ""
        case _:
            return None, ""
