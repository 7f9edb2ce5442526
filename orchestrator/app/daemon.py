"""The daemon: one process, lives of the whole one after another, and doors that stay open.

SIGTERM and SIGINT end it in order: no new work, the turns under way finished, facts written out.
SIGHUP and `room-orchestrator reload` read config.yaml, secret files and policies again; a bad
config leaves everything as it was and says so, and a change that needs a restart is named and not
taken.  What a reload takes up begins another life in the same process; the sockets stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from typing import Final

import structlog

from orchestrator.adapters.clock import SystemClock
from orchestrator.app import garbage, secrets
from orchestrator.app.build import App, build
from orchestrator.app.heart import Heart
from orchestrator.app.insight import Insight
from orchestrator.app.service import CONTROL, HTTP, Service
from orchestrator.app.web import WebDoor
from orchestrator.config import Configuration, Settings, read_config
from orchestrator.config.settings import needs_restart
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.reports import Done, Person
from orchestrator.edges.control.server import ControlServer
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import StoreFault

_log = structlog.get_logger(__name__)
_INVALID: Final = 2
_SIGHUP: Final = Person("", "SIGHUP")


async def run(
    settings: Settings,
    *,
    repin: bool = False,
    on_ready: Callable[[App], None] | None = None,
    service: Service | None = None,
) -> None:
    """Run the daemon until a signal ends it.

    Args:
        settings: of one installation.
        repin: take the owner, API and application of the settings for this store's from now on.
        on_ready: called once store and policies are there, and again after a reload.
        service: what the service manager gave us, if one started us.

    Raises:
        StartError, StoreFault, OSError: it cannot start.
    """
    await Daemon(service or Service(), on_ready).run(settings, repin=repin)


class Daemon:
    """One process of the daemon."""

    def __init__(self, service: Service, on_ready: Callable[[App], None] | None = None) -> None:
        """Serve as ``service``; nothing begins yet."""
        self._service = service
        self._on_ready = on_ready
        self._heart = Heart(service.lifeline, SystemClock())
        self._control: ControlServer | None = None
        self._web: WebDoor | None = None
        self._insight: Insight | None = None
        self._app: App | None = None
        self._ending = False
        self._next: Settings | None = None
        self._secrets: dict[str, str] = {}
        self._reloading = asyncio.Lock()
        self._taken_up: asyncio.Future[None] | None = None

    async def run(self, settings: Settings, *, repin: bool) -> None:
        """Live until a signal ends it; raises what a life ended by."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(self._heart.beat(), name="heart")
            try:
                async with AsyncExitStack() as doors, self._signals(group):
                    await self._live_on(settings, doors, repin=repin)
            # Not by way of the group, which would wrap it: the caller tells them apart by kind.
            except Exception as error:  # noqa: BLE001
                failure = error
            finally:
                self._heart.stopping()
                beating.cancel()
        if failure is not None:
            errno = failure.errno if isinstance(failure, OSError) else None
            self._service.lifeline.failed(f"it could not go on: {failure}", errno or 0)
            raise failure

    # --- lives ------------------------------------------------------------------------------------

    async def _live_on(self, settings: Settings, doors: AsyncExitStack, *, repin: bool) -> None:
        current: Settings | None = settings
        try:
            while current is not None and not self._ending:
                self._next = None
                await self._live(current, doors, repin=repin)
                current, repin = self._next, False
        finally:
            if self._taken_up is not None and not self._taken_up.done():
                self._taken_up.set_exception(DeskError("the daemon ended before it was taken up"))

    async def _live(self, settings: Settings, doors: AsyncExitStack, *, repin: bool) -> None:
        """One life of the whole."""
        web = await self._web_door(settings, doors)
        callbacks = web.address(settings)
        insight = await self._insight_of(settings, web, doors)
        async with build(settings, repin=repin, callbacks=callbacks, insight=insight) as app:
            self._secrets = await asyncio.to_thread(secrets.digests, settings)
            app.desk.on_reload = self.reload
            control = await self._door(settings, doors)
            self._app = app
            if self._ending:  # a signal came while we were built
                return
            async with (
                control.answering_with(app.desk),
                web.answering_with(app),
                asyncio.TaskGroup() as group,
            ):
                with insight.measuring(app.measuring):
                    beside = [
                        group.create_task(self._announce(app), name="announce"),
                        group.create_task(insight.watch_the_loop(app.clock), name="lag"),
                        group.create_task(app.measuring.run(), name="measuring"),
                    ]
                    await app.run()
                for task in beside:
                    task.cancel()
            self._heart.changing()

    async def _door(self, settings: Settings, doors: AsyncExitStack) -> ControlServer:
        """The control socket; opened once, after the store is ours, and kept for all lives."""
        if self._control is None:
            listener = self._service.door(CONTROL)
            control = ControlServer(None, settings.control, listener, question_failed)
            await doors.enter_async_context(control.serving())
            self._control = control
        return self._control

    async def _web_door(self, settings: Settings, doors: AsyncExitStack) -> WebDoor:
        """The HTTP door; opened once, before the first life, and kept for all of them."""
        if self._web is None:
            opened = WebDoor.opened(settings, self._service.door(HTTP))
            self._web = await doors.enter_async_context(opened)
        return self._web

    async def _insight_of(self, settings: Settings, web: WebDoor, doors: AsyncExitStack) -> Insight:
        """What counts and traces; begun once, and kept for all lives."""
        if self._insight is None:
            self._insight = await doors.enter_async_context(Insight.of(settings))
            doors.enter_context(web.metrics.telling(self._insight.text))
        return self._insight

    async def _announce(self, app: App) -> None:
        await app.engine.ready.wait()
        garbage.set_aside()
        page = app.engine.page
        _log.info("daemon.ready", mode=str(app.settings.mode), api=app.api.url, status_page=page)
        self._heart.running(app.engine)
        if self._taken_up is not None and not self._taken_up.done():
            self._taken_up.set_result(None)
        if self._on_ready is not None:
            self._on_ready(app)

    # --- signals ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _signals(self, group: asyncio.TaskGroup) -> AsyncIterator[None]:
        """Answer signals for the length of the block."""
        loop = asyncio.get_running_loop()
        under_way: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = group.create_task(self._on_hangup(), name="reload")
            under_way.add(task)
            task.add_done_callback(under_way.discard)

        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGINT, self._end)
        loop.add_signal_handler(signal.SIGHUP, reload)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                with contextlib.suppress(ValueError, RuntimeError):
                    loop.remove_signal_handler(number)
            for task in list(under_way):
                task.cancel()

    def _end(self) -> None:
        self._ending = True
        self._heart.stopping()
        if self._app is not None:
            self._app.stop()

    async def _on_hangup(self) -> None:
        # Nobody waits for an answer: the log and the status tell it.
        try:
            await self.reload(_SIGHUP)
        except DeskError as refused:
            _log.warning("reload.refused", why=str(refused))
        except Exception as error:  # noqa: BLE001 - a reload that fails ends no daemon
            _log.error("reload.failed", error=repr(error), exc_info=error)

    # --- reload -----------------------------------------------------------------------------------

    async def reload(self, person: Person) -> Done:
        """Take up what changed in config.yaml, secret files and policies, or keep all of the old.

        Raises:
            DeskError: what is wrong, with code 2; or it could not be recorded.
        """
        async with self._reloading:
            app = self._app
            if app is None or not app.engine.ready.is_set() or self._ending:
                raise DeskError("the daemon is starting or ending, and reads all at its start")
            self._heart.reloading()
            try:
                return await self._take_up(app, person)
            except StoreFault as fault:
                message = f"nothing is taken up, because it cannot be recorded: {fault}"
                raise DeskError(message) from fault
            finally:
                if app is self._app and self._next is None:
                    self._heart.reloaded(app.engine)

    async def _take_up(self, app: App, person: Person) -> Done:
        old = app.settings
        found = await asyncio.to_thread(read_config, old.file)
        problems = await asyncio.to_thread(_problems, old, found)
        if problems or found.settings is None:
            await self._reject(app, problems, person)
        new = found.settings or old
        held = await asyncio.to_thread(secrets.digests, new)
        changed = _changed(old, new, secrets_changed=held != self._secrets)
        app.engine.rejected = ""
        fact = Fact(
            "config.reloaded",
            actor=person.actor,
            cause="reload",
            reason=person.reason,
            detail={"file": str(old.file), "changed": list(changed)},
        )
        await app.engine.tell(fact)
        if not changed:
            book = await app.engine.reload.load(person.reason)
            wrong = tuple(str(problem) for problem in book.problems)
            told = f"{len(book.policies)} in force, {len(wrong)} problems"
            return Done(f"config.yaml is as it was; policies were read anew: {told}", wrong)
        _log.info("config.reloading", changed=", ".join(changed))
        self._taken_up = asyncio.get_running_loop().create_future()
        self._next = new
        app.stop()
        await self._taken_up
        return Done(f"config.yaml is taken up; changed: {', '.join(changed)}")

    async def _reject(self, app: App, problems: tuple[str, ...], person: Person) -> None:
        for problem in problems:
            _log.error("config.rejected", problem=problem)
        app.engine.rejected = "; ".join(problems)
        detail: dict[str, Json] = {"file": str(app.settings.file), "problems": list(problems)}
        await app.engine.tell(
            Fact(
                "config.rejected",
                actor=person.actor,
                cause="reload",
                reason=person.reason,
                detail=detail,
            )
        )
        lines = "; ".join(problems)
        raise DeskError(f"config.yaml is not taken up, all is as it was: {lines}", _INVALID)


def question_failed(error: Exception) -> None:
    """Log a bug behind a question: whoever asked was told to look here."""
    _log.error("question.failed", error=repr(error), exc_info=error)


def _problems(old: Settings, found: Configuration) -> tuple[str, ...]:
    """Why a config cannot be taken up by a daemon that runs: one sentence each."""
    if found.settings is None:
        return tuple(str(problem) for problem in found.problems)
    fixed = needs_restart(old, found.settings)
    if fixed:
        return (f"{old.file}: {', '.join(fixed)} changed, which needs a restart of the daemon",)
    return secrets.unusable(found.settings)


def _changed(old: Settings, new: Settings, *, secrets_changed: bool) -> tuple[str, ...]:
    """The settings that differ, by name."""
    names = [each.name for each in fields(Settings)]
    changed = [name for name in names if getattr(old, name) != getattr(new, name)]
    return (*changed, *(["secret files"] if secrets_changed else []))
