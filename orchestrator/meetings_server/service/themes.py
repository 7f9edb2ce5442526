"""The acts of the Meetings API on themes, and on what an application's new rooms take."""

from typing import Final

from orchestrator.meetings_server.model.refusals import Reason, Refused
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.themes import (
    OWN_SEGMENTS,
    Theme,
    ThemeChanges,
    ThemeDraft,
    taken,
    theme_missing,
    undeletable,
)
from orchestrator.meetings_server.ports import Entropy, Records, RoomPage, RoomQuery, Store
from orchestrator.meetings_server.service.logos import Logos
from orchestrator.meetings_server.service.meetings import Meetings
from orchestrator.meetings_server.service.naming import draw_id
from orchestrator.meetings_server.service.theming import needed_theme, own_theme
from orchestrator.meetings_server.settings import Settings

_IN_APPLICATION: Final = " in application"


class Themes:
    """Themes over one store; rooms are the business of `Meetings`."""

    def __init__(
        self,
        store: Store,
        meetings: Meetings,
        logos: Logos,
        entropy: Entropy,
        settings: Settings,
    ) -> None:
        """The same store as that of `meetings` and `logos`."""
        self._store = store
        self._meetings = meetings
        self._logos = logos
        self._entropy = entropy
        self._most = settings.max_themes
        self._accounts = {one.id: one.account_id or one.id for one in settings.applications}

    def account_id(self, application_id: str) -> str:
        """The account of an application."""
        return self._accounts[application_id]

    async def create(self, application_id: str, draft: ThemeDraft) -> Theme:
        """Make a theme.

        Raises:
            Refused: its name or its segment is taken, or the application has too many themes.
        """
        theme = Theme(
            id=draw_id(self._entropy),
            application_id=application_id,
            theme_name=draft.theme_name or draw_id(self._entropy),
            main_color=draft.main_color,
            brand_text=draft.brand_text,
            short_company_url=draft.short_company_url,
        )

        def work(records: Records) -> Theme:
            if self._most is not None and records.themes.count(application_id) >= self._most:
                message = f"The maximum of {self._most} themes has been reached"
                raise Refused(Reason.FORBIDDEN, message)
            _check_free(records, theme)
            records.themes.add(theme)
            return theme

        return await self._store.write(work)

    async def theme(self, application_id: str, theme_id: str) -> Theme:
        """One theme.

        Raises:
            Refused: there is none that this application may see.
        """
        return await self._store.read(
            lambda records: needed_theme(records, application_id, theme_id)
        )

    async def all(self, application_id: str) -> tuple[Theme, ...]:
        """The application's themes, in order of creation."""
        return await self._store.read(lambda records: records.themes.all(application_id))

    async def of_room(self, room: Room) -> Theme | None:
        """How a room is to look; None: as the server's pages do by themselves."""
        wanted = room.theme_id
        if wanted is None:
            return None
        return await self._store.read(lambda records: records.themes.get(wanted))

    async def change(self, application_id: str, theme_id: str, changes: ThemeChanges) -> Theme:
        """Change a theme; the links of its rooms follow at their next reading.

        Raises:
            Refused: no such theme, or its new name or segment is taken.
        """

        def work(records: Records) -> Theme:
            theme = needed_theme(records, application_id, theme_id).changed(changes)
            _check_free(records, theme)
            records.themes.save(theme)
            return theme

        return await self._store.write(work)

    async def delete(self, application_id: str, theme_id: str, *, force: bool) -> None:
        """Delete a theme; one in use only by force, and its rooms then have the default one.

        Raises:
            Refused: no such theme, or it is in use.
        """
        # Rooms that have ended by now do not count.
        await self._meetings.advance()

        def work(records: Records) -> Theme:
            theme = needed_theme(records, application_id, theme_id)
            default = records.themes.default(application_id)
            rooms = records.themes.living_rooms(theme_id)
            is_default = default == theme_id
            if (rooms or is_default) and not force:
                raise undeletable(theme, rooms, is_default=is_default)
            records.themes.remove(theme_id, None if is_default else default)
            return theme

        await self._logos.forget(await self._store.write(work))

    async def rooms(self, application_id: str, theme_id: str, query: RoomQuery) -> RoomPage:
        """A page of the rooms that have a theme, ended ones included.

        Raises:
            Refused: no such theme.
        """
        await self._meetings.advance()

        def work(records: Records) -> RoomPage:
            if own_theme(records, application_id, theme_id) is None:
                message = f"Failed to get rooms because theme id {theme_id} not found"
                raise Refused(Reason.NOT_FOUND, message)
            return records.rooms.page(application_id, query)

        return await self._store.read(work)

    async def set_default(self, application_id: str, theme_id: str | None) -> None:
        """Say which theme the application's new rooms take; None: none.

        Raises:
            Refused: no such theme.
        """

        def work(records: Records) -> None:
            if theme_id is not None and own_theme(records, application_id, theme_id) is None:
                raise theme_missing("update application", theme_id)
            records.themes.set_default(application_id, theme_id)

        await self._store.write(work)


def _check_free(records: Records, theme: Theme) -> None:
    named = records.themes.named(theme.application_id, theme.theme_name)
    if named is not None and named.id != theme.id:
        raise taken("theme_name", _IN_APPLICATION)
    company = theme.short_company_url
    if company is None:
        return
    owner = records.themes.of_company(company)
    if company in OWN_SEGMENTS or (owner is not None and owner.id != theme.id):
        raise taken("short_company_url")
