"""The themes port over a Meetings session: paths, the three steps of an upload, what is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from orchestrator.adapters.meetings.session import MeetingsSession
from orchestrator.adapters.meetings.themewire import (
    read_theme,
    read_theme_id,
    read_themes,
    read_uploads,
    write_default,
    write_keys,
    write_theme,
    write_theme_patch,
)
from orchestrator.adapters.meetings.transport import Uploads
from orchestrator.adapters.meetings.wire import Object, UnreadableError, is_room_id
from orchestrator.domain.themes import Fields, LogoType, Theme
from orchestrator.ports.faults import MissingError, RefusedError, UnavailableError

_SHOWN: Final = 60  # characters of a text that somebody took for an id


class MeetingsThemes:
    """The themes of one application at one Meetings API; shares everything with its rooms."""

    def __init__(self, session: MeetingsSession, uploads: Uploads) -> None:
        self._session = session
        self._uploads = uploads

    async def list_themes(self) -> Sequence[Theme]:
        return await self._session.get_body("/themes", read_themes)

    async def get_theme(self, theme_id: str) -> Theme:
        return await self._session.get(_path(theme_id), _about(theme_id))

    async def create_theme(self, fields: Fields) -> Theme:
        return await self._session.change("POST", "/themes", write_theme(fields), read_theme)

    async def update_theme(self, theme_id: str, fields: Fields) -> Theme:
        path = _path(theme_id)
        if not fields:
            raise RefusedError(f"PATCH {path}: an update must change something")
        body = write_theme_patch(fields)
        return await self._session.change("PATCH", path, body, _about(theme_id))

    async def upload_logos(self, theme_id: str, logos: Mapping[LogoType, bytes]) -> None:
        path = f"{_path(theme_id)}/finalizeLogos"
        if not logos:
            raise RefusedError(f"PUT {path}: no picture is named")
        places = await self._session.get_body("/themes/logos-upload-urls", read_uploads)
        missing = [kind for kind in logos if kind not in places]
        if missing:
            message = f"GET /themes/logos-upload-urls: no place is named for {', '.join(missing)}"
            raise UnavailableError(message)
        for kind, content in logos.items():
            await self._session.upload(self._uploads, places[kind], content)
        body = write_keys([places[kind] for kind in logos])
        await self._session.order("PUT", path, body)

    async def set_default_theme(self, theme_id: str) -> None:
        _path(theme_id)
        await self._session.order("PATCH", "/applications", write_default(theme_id))

    async def delete_theme(self, theme_id: str, *, force: bool = False) -> None:
        query = {"force": "true"} if force else {}
        await self._session.remove(_path(theme_id), query)


def _about(theme_id: str) -> Callable[[Object], Theme]:
    """Read an answer that must be about this theme."""

    def checked(document: Object) -> Theme:
        if read_theme_id(document).casefold() != theme_id.casefold():
            raise UnreadableError("it is about another theme")
        return read_theme(document)

    return checked


def _path(theme_id: str) -> str:
    if not is_room_id(theme_id):
        raise MissingError(f"no theme can have the id {theme_id[:_SHOWN]!r}")
    return f"/themes/{theme_id}"
