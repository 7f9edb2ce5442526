"""The demo: an installation in a folder of its own, run and looked at until somebody ends it.

The folder is kept, so that a second run goes on with it. Its Meetings server takes a port that is
free; if that is another one than before, links are other ones too, and the onlooker is told.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, Protocol

import orchestrator
from orchestrator.app.auditing import Entry, LogMovedError, follow
from orchestrator.app.build import App
from orchestrator.app.configuration import ConfigError
from orchestrator.app.daemon import run
from orchestrator.app.init import Choices, init
from orchestrator.app.keys import drawn_secret
from orchestrator.app.schemas import write_schemas
from orchestrator.config import Settings, read_config
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.reports import NewPage, OpenedPage, Person, RoomsReport, StatusReport
from orchestrator.foundation.problems import Problem
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import StoreFault

_PORT: Final = 8441  # if it is free
_HTTP_PORT: Final = 8440  # (same)
_HOST: Final = "127.0.0.1"
_LOOK_EVERY: Final = 0.1  # seconds, while rooms appear
_LOOK_LATER: Final = 0.5  # seconds, once they are there
PAGE_TITLE: Final = "Error rate above 14 %"
_PAGE_AFTER: Final = 2.0  # seconds, once rooms are settled: time to look at them
_PAGE_WAITS: Final = timedelta(seconds=20)  # for its room
_SOURCES: Final = ("pagerduty", "alertmanager")  # of policies/oncall-bridge.yaml
_SOURCES_TEXT: Final = """
# Who may send pages, as policies/oncall-bridge.yaml names them: `room-orchestrator sources list`
# tells where to. docs/integrations says for each what to click there.
sources:
  pagerduty: {type: pagerduty, signature: {secrets: [{file: secrets/pagerduty}]}}
  alertmanager: {type: alertmanager, bearer: [{file: secrets/alertmanager}]}
"""
_PATIENCE: Final = 100  # looks, after which what is there is shown as it is
_READY: Final = 15  # looks that a room is given to be planned for, once it is there


class Onlooker(Protocol):
    """Is told what happens."""

    def opened(self, app: App, status: StatusReport) -> None:
        """The daemon is ready; rooms are still to come."""
        ...

    def appeared(self, rooms: RoomsReport) -> None:
        """Rooms as they are now, each time that they may have changed, until they are settled."""
        ...

    def settled(self, rooms: RoomsReport) -> None:
        """Everything that was asked for is there, or held."""
        ...

    def happened(self, entry: Entry) -> None:
        """A fact, once rooms are settled."""
        ...

    def paged(self, at: datetime, opened: OpenedPage) -> None:
        """A test page came at a moment, and what became of it."""
        ...

    def unpaged(self, why: str) -> None:
        """No test page could be opened."""
        ...

    def wrong(self, problems: tuple[Problem, ...]) -> None:
        """Problems of policies and data, each time that they changed."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder that a demo can run in.

    Attributes:
        fresh: it was made just now.
        moved: its port was taken by somebody else, so its links are other ones this time.
    """

    settings: Settings
    fresh: bool
    moved: bool


def prepare(folder: Path) -> Prepared:
    """Make the folder, or take the one that is there.

    Raises:
        ConfigError: its config was changed and cannot be read any more.
        InitError, OSError: it cannot be written.
    """
    config = folder / "config.yaml"
    fresh = not config.exists()
    if fresh:
        _copy_examples(folder / "policies")
        choices = Choices(
            f"{_HOST}:{_free_port(_PORT)}",
            f"demo-{secrets.token_hex(2)}",
            f"{_HOST}:{_free_port(_HTTP_PORT)}",
        )
        init(folder, choices, example=False)
        _add_sources(config)
    else:
        write_schemas(folder)  # an editor should know what this version knows
    found = read_config(config)
    if found.settings is None:
        raise ConfigError(found.problems)
    settings = _on_free_ports(found.settings)
    return Prepared(settings, fresh=fresh, moved=settings != found.settings)


def _add_sources(config: Path) -> None:
    """Name the sources of the example policy, each with a secret of its own."""
    for name in _SOURCES:
        drawn_secret(config.parent / "secrets" / name)
    with config.open("a", encoding="utf-8") as file:
        file.write(_SOURCES_TEXT)


def _on_free_ports(settings: Settings) -> Settings:
    """The settings with other ports where theirs are taken."""
    meetings, http = settings.meetings, settings.http
    if isinstance(meetings, EmbeddedMeetings):
        meetings = replace(meetings, port=_free_port(meetings.port))
    if http.port and (port := _free_port(http.port)) != http.port:
        http = replace(http, port=port, public_url=f"http://{_HOST}:{port}")
    return replace(settings, meetings=meetings, http=http)


async def watch(settings: Settings, onlooker: Onlooker) -> None:
    """Run the daemon until a signal ends it, and tell the onlooker what happens.

    Raises:
        StartError, StoreFault, OSError: it cannot start.
    """
    try:
        await _watch(settings, onlooker)
    except ExceptionGroup as group:
        # What is wrong with the start is one thing, and told as such.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _watch(settings: Settings, onlooker: Onlooker) -> None:
    async with asyncio.TaskGroup() as group:
        looking: list[asyncio.Task[None]] = []

        def begin(app: App) -> None:
            for task in looking:
                task.cancel()
            looking[:] = [group.create_task(_look(app, onlooker), name="demo.look")]

        await run(settings, on_ready=begin)
        for task in looking:
            task.cancel()


async def _look(app: App, onlooker: Onlooker) -> None:
    try:
        onlooker.opened(app, await app.desk.status())
        onlooker.settled(await _until_settled(app, onlooker))
        since = app.clock.now()
        async with asyncio.TaskGroup() as group:
            group.create_task(_page(app, onlooker), name="demo.page")
            group.create_task(_tell_facts(app, onlooker, since), name="demo.facts")
            group.create_task(_tell_problems(app, onlooker), name="demo.problems")
    except* StoreFault:
        pass  # it was closed under us: the end


async def _until_settled(app: App, onlooker: Onlooker) -> RoomsReport:
    """Tell of rooms as they appear; returns when nothing is on its way any more."""
    for look in range(_PATIENCE):
        status, rooms = await app.desk.status(), await app.desk.rooms()
        onlooker.appeared(rooms := _without_pages(app, rooms))
        there = status.listed_at is not None and not status.waiting and bool(rooms.rooms)
        if there and not _coming(rooms, patient=look < _READY):
            return rooms
        await app.clock.sleep(_LOOK_EVERY)
    return _without_pages(app, await app.desk.rooms())


def _without_pages(app: App, rooms: RoomsReport) -> RoomsReport:
    """The rooms without those of pages of an earlier demo: those are told by their pages."""
    of_page = app.engine.parts.pages.is_of_page
    return replace(rooms, rooms=tuple(row for row in rooms.rooms if not of_page(row.policy)))


async def _page(app: App, onlooker: Onlooker) -> None:
    """Open one test page after a while, and tell how long its link and its room took."""
    await app.clock.sleep(_PAGE_AFTER)
    person = Person("demo", "to show how fast it is")
    page = NewPage(PAGE_TITLE, "", f"demo-{secrets.token_hex(3)}", wait=_PAGE_WAITS)
    at = app.clock.now()
    try:
        for row in (await app.desk.pages()).pages:
            if row.page.startswith("demo-") and row.state == "open":  # of an earlier demo
                await app.desk.close_page(row.page, Person("demo", "another demo began"))
        onlooker.paged(at, await app.desk.open_page(page, person))
    except DeskError as error:
        onlooker.unpaged(str(error))


def _coming(rooms: RoomsReport, *, patient: bool) -> bool:
    return any(
        row.state == "waiting" or (patient and row.next_act is None and not row.held)
        for row in rooms.rooms
    )


async def _tell_facts(app: App, onlooker: Onlooker, since: datetime) -> None:
    """Tell what is committed from now on; the log is written a little later than the store."""
    while True:
        try:
            async for entry in follow(app.settings.audit.file, 0, app.clock.sleep):
                if entry.ts > since:
                    onlooker.happened(entry)
        except LogMovedError:
            continue


async def _tell_problems(app: App, onlooker: Onlooker) -> None:
    told: tuple[Problem, ...] = ()
    while True:
        status = await app.desk.status()
        if status.problems != told:
            told = status.problems
            onlooker.wrong(told)
        await app.clock.sleep(_LOOK_LATER)


def _copy_examples(target: Path) -> None:
    """Copy the example policies: package data in a wheel, the folder beside us in a checkout."""
    packaged = files(orchestrator) / "examples" / "policies"
    if packaged.is_dir():
        with as_file(packaged) as source:
            shutil.copytree(source, target, dirs_exist_ok=True)
        return
    checkout = Path(orchestrator.__file__).parent.parent / "policies"
    shutil.copytree(checkout, target, dirs_exist_ok=True)


def _free_port(wished: int) -> int:
    """The wished port if it is free, else another one."""
    for port in (wished, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    return wished
