"""The parts that the server and its in-memory twin have in common, put together."""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.meetings_server.hostile import Hostility
from orchestrator.meetings_server.http import Api
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.lobby import Around, Lobby, Passes
from orchestrator.meetings_server.media import Opened, opened
from orchestrator.meetings_server.ports import Clock, Entropy, Medium, Pictures, Report
from orchestrator.meetings_server.service import Acts, Logos, Meetings, Recordings, Themes
from orchestrator.meetings_server.settings import Settings
from orchestrator.meetings_server.storage import (
    FileContents,
    FolderPictures,
    MemoryPictures,
    SqliteStore,
)


def unreported(_: str, __: Mapping[str, object]) -> None:
    """For hosts that want to hear nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the host of a server lends it."""

    clock: Clock
    entropy: Entropy
    report: Report = unreported
    #: None: an honest server.
    hostility: Hostility | None = None
    #: None: the one of the settings, or none.
    medium: Medium | None = None


@dataclass(frozen=True, slots=True)
class Assembly:
    """An open store, and what stands on it."""

    store: SqliteStore
    acts: Acts
    api: Api
    #: None: there is no medium, so nobody comes in.
    lobby: Lobby | None
    #: What the medium does beside the requests; None: nothing.
    media_work: Callable[[], Coroutine[None, None, None]] | None = None


@asynccontextmanager
async def assembled(
    settings: Settings, external_url: str, host: Host, wake: Callable[[], None]
) -> AsyncIterator[Assembly]:
    """Open the store; close it at the end.

    Raises:
        StoreFault: the database cannot be opened.
        ValueError: the public key of an application cannot be read.
    """
    async with AsyncExitStack() as stack:
        store = await SqliteStore.open(settings.database)
        stack.push_async_callback(store.close)
        contents = await stack.enter_async_context(FileContents.opened(_folder(settings)))
        # Without a medium nothing is promised to anybody who meets: records may say what they like.
        told = host.medium or settings.media
        can_record = told is None or told.can_record
        meetings = Meetings(store, host.clock, host.entropy, settings, wake, can_record=can_record)
        key = await meetings.host_key()
        links = Links(external_url, key, settings.recording_link_life)
        recordings = Recordings(
            meetings, store, contents, host.entropy, links.download, host.report
        )
        await recordings.clean()
        logos = Logos(store, _pictures(settings), host.clock, host.entropy, wake)
        await logos.sweep()
        themes = Themes(store, meetings, logos, host.entropy, settings)
        acts = Acts(meetings, themes, recordings, logos)
        lobby = None
        media = None if host.medium is None else Opened(host.medium)
        if media is None and settings.media is not None:
            media = await stack.enter_async_context(
                opened(settings.media, meetings, recordings, host.clock, host.report)
            )
        if media is None:
            await meetings.see_out_live()
        else:
            around = Around(
                meetings=meetings,
                recordings=recordings,
                medium=media.medium,
                passes=Passes(key.key),
                clock=host.clock,
                entropy=host.entropy,
                report=host.report,
            )
            lobby = Lobby(around, links.is_host)
            await lobby.reopen()
            stack.push_async_callback(lobby.close)
        wrong = None if host.hostility is None else host.hostility.answer
        hear = None if media is None else media.hear
        api = Api(acts, links, settings, host.clock, host.report, wrong, hear=hear)
        yield Assembly(store, acts, api, lobby, None if media is None else media.work)


def _folder(settings: Settings) -> Path | None:
    """Where contents are kept; None: nowhere for long."""
    if settings.recordings is not None or settings.database is None:
        return settings.recordings
    return settings.database.with_name(f"{settings.database.name}-recordings")


def _pictures(settings: Settings) -> Pictures:
    """Beside the database, or in memory as it."""
    database = settings.database
    if database is None:
        return MemoryPictures()
    return FolderPictures(database.with_name(f"{database.name}-logos"))
