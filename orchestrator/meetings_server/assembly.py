"""The parts that the server and its in-memory twin have in common, put together."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator.meetings_server.hostile import Hostility
from orchestrator.meetings_server.http import Api
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.ports import Clock, Entropy, Report
from orchestrator.meetings_server.service import Acts, Meetings, Themes
from orchestrator.meetings_server.settings import Settings
from orchestrator.meetings_server.storage import SqliteStore


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


@dataclass(frozen=True, slots=True)
class Assembly:
    """An open store, and what stands on it."""

    store: SqliteStore
    meetings: Meetings
    api: Api


@asynccontextmanager
async def assembled(
    settings: Settings, external_url: str, host: Host, wake: Callable[[], None]
) -> AsyncIterator[Assembly]:
    """Open the store; close it at the end.

    Raises:
        StoreFault: the database cannot be opened.
        ValueError: the public key of an application cannot be read.
    """
    store = await SqliteStore.open(settings.database)
    try:
        meetings = Meetings(store, host.clock, host.entropy, settings, wake)
        links = Links(external_url, await meetings.host_key())
        around = None if host.hostility is None else host.hostility.answer
        themes = Themes(store, meetings, host.entropy, settings)
        acts = Acts(meetings, themes)
        api = Api(acts, links, settings, host.clock, host.report, around)
        yield Assembly(store, meetings, api)
    finally:
        await store.close()
