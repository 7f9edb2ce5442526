"""The daemon: the whole, its control socket, and what signals do to it.

SIGTERM and SIGINT end it in order: no new work, the turns under way finished, facts written out.
SIGHUP reads config.yaml and the policies again; a bad config leaves everything as it was and says
so, and a change that needs a restart is named and not taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from orchestrator.app.build import App, build
from orchestrator.config import Settings, read_config
from orchestrator.config.settings import needs_restart
from orchestrator.edges.control.server import ControlServer

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Wish:
    """What a signal asked for."""

    end: bool = False
    settings: Settings | None = None


async def run(
    settings: Settings, *, repin: bool = False, on_ready: Callable[[App], None] | None = None
) -> None:
    """Run the daemon until a signal ends it.

    Args:
        settings: of one installation.
        repin: take the owner, API and application of the settings for this store's from now on.
        on_ready: called once store and policies are there, and again after a reload.

    Raises:
        StartError, StoreFault, OSError: it cannot start.
    """
    wish = _Wish(settings=settings)
    while wish.settings is not None and not wish.end:
        current, wish.settings = wish.settings, None
        await _run_once(current, wish, repin=repin, on_ready=on_ready)
        repin = False


async def _run_once(
    settings: Settings, wish: _Wish, *, repin: bool, on_ready: Callable[[App], None] | None
) -> None:
    """One life of the whole; a reload of the config begins another in the same process."""
    settings.control.parent.mkdir(parents=True, exist_ok=True)
    async with (
        build(settings, repin=repin) as app,
        _signals(app, wish),
        ControlServer(app.desk, settings.control).serving(),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(_announce(app, on_ready), name="announce")
        await app.run()


async def _announce(app: App, on_ready: Callable[[App], None] | None) -> None:
    await app.engine.ready.wait()
    _log.info("daemon.ready", mode=str(app.settings.mode), api=app.api.url)
    if on_ready is not None:
        on_ready(app)


@asynccontextmanager
async def _signals(app: App, wish: _Wish) -> AsyncIterator[None]:
    """Answer signals for the length of the block."""
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    def end() -> None:
        wish.end = True
        app.stop()

    def reload() -> None:
        task = loop.create_task(_reload(app, wish), name="reload")
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with contextlib.suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(number)
        for task in list(under_way):
            task.cancel()


async def _reload(app: App, wish: _Wish) -> None:
    """Take up what changed in config.yaml, or keep all of the old and say why."""
    found = await asyncio.to_thread(read_config, app.settings.file)
    if found.settings is None:
        for problem in found.problems:
            _log.error("config.rejected", place=str(problem.place), problem=problem.message)
        return
    fixed = needs_restart(app.settings, found.settings)
    if fixed:
        _log.error("config.rejected", needs_restart=", ".join(fixed))
        return
    if found.settings != app.settings:
        _log.info("config.reloading")
        wish.settings = found.settings
        app.stop()
        return
    await app.engine.reload.load("SIGHUP")
