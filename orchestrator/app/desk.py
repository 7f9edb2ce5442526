"""Which desk answers a command: the daemon's, over its socket, or one put together for it.

Without a daemon a command opens the store itself; with ``embedded: true`` it starts the Meetings
server for its own duration.  It never works beside a daemon: the store's lock sees to that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app.build import StartError, build
from orchestrator.config import SecretFault, Settings
from orchestrator.edges.control.client import SocketDesk, answers
from orchestrator.ports.desk import Desk, DeskError
from orchestrator.ports.store import StoreFault, StoreTakenError


@dataclass(frozen=True, slots=True)
class Opened:
    """A desk, and whether a daemon stands behind it."""

    desk: Desk
    daemon: bool


@asynccontextmanager
async def open_socket(path: Path) -> AsyncIterator[Desk]:
    """The desk of the daemon on a socket, for the length of the block; no config is read.

    Raises:
        DeskError: nobody answers there, or this user may not ask.
    """
    async with SocketDesk.opened(path) as desk:
        yield desk


@asynccontextmanager
async def open_desk(settings: Settings, *, acts: bool = False) -> AsyncIterator[Opened]:
    """A desk for the length of the block.

    Args:
        settings: which installation.
        acts: the command changes something, so its facts are written out before the end.

    Raises:
        DeskError: neither a daemon answers nor can the store be opened; the text says why.
    """
    if await answers(settings.control):
        async with SocketDesk.opened(settings.control) as desk:
            yield Opened(desk, daemon=True)
        return
    try:
        async with build(settings, running=False) as app:
            if acts:
                await app.engine.prepare()
            else:
                await app.engine.look()
            yield Opened(app.desk, daemon=False)
            if acts:
                await app.engine.carry_out()
    except StoreTakenError as fault:
        raise DeskError(f"a daemon has the store and does not answer: {fault}") from fault
    except (StoreFault, StartError, SecretFault, OSError) as fault:
        raise DeskError(str(fault)) from fault
