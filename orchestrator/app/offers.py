"""What a shell may offer while somebody types: keys of the installation and names of events.

It is asked at a prompt, so it is quick, and what cannot be had is not offered.  The store is read
beside the daemon; who may not read it asks the daemon, for a second at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from orchestrator.adapters.store.peek import peek_keys, peek_pages
from orchestrator.app.configuration import ConfigError, load
from orchestrator.config import Settings
from orchestrator.domain.facts import CATALOGUE
from orchestrator.domain.paging import visible
from orchestrator.domain.reports import PageRow
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import StoreFault

_MOST: Final = 1_000  # keys; nobody reads more
_PATIENCE: Final = 1.0  # seconds for the daemon
# Words that no shell takes apart; subjects come from outside and are typed by hand otherwise.
_PLAIN: Final = re.compile(r"[\w./@%+-]+")


def keys_to_offer(
    option: Path | None, environ: Mapping[str, str], cwd: Path, begun: str
) -> list[str]:
    """Keys that begin as somebody began to type."""
    try:
        settings = load(option, environ, cwd).settings
        try:
            keys = peek_keys(settings.store, begun, _MOST)
        except StoreFault:
            keys = asyncio.run(_told_by_the_daemon(settings))
    except (ConfigError, DeskError, OSError):
        return []
    return [key for key in keys if key.startswith(begun) and _PLAIN.fullmatch(key)][:_MOST]


def pages_to_offer(
    option: Path | None, environ: Mapping[str, str], cwd: Path, begun: str
) -> list[tuple[str, str]]:
    """Pages that are not over and whose number or key begins so, each with its title."""
    try:
        settings = load(option, environ, cwd).settings
        try:
            told = [
                (one.page.number or one.page.key, visible(one.page.title))
                for one in peek_pages(settings.store)
            ]
        except StoreFault:
            rows = asyncio.run(_pages_by_the_daemon(settings))
            told = [(row.number or row.page, row.title) for row in rows]
    except (ConfigError, DeskError, OSError):
        return []
    fitting = [one for one in told if one[0].startswith(begun) and _PLAIN.fullmatch(one[0])]
    return fitting[:_MOST]


async def _pages_by_the_daemon(settings: Settings) -> Sequence[PageRow]:
    from orchestrator.app.desk import open_socket  # noqa: PLC0415 - the whole app, rarely needed

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE), open_socket(settings.control) as desk:
            return (await desk.pages()).pages
    return ()


async def _told_by_the_daemon(settings: Settings) -> list[str]:
    from orchestrator.app.desk import open_socket  # noqa: PLC0415 - the whole app, rarely needed

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE), open_socket(settings.control) as desk:
            return sorted({room.key for room in (await desk.rooms()).rooms})
    return []


def events_to_offer(begun: str) -> list[tuple[str, str]]:
    """Lists of events, as `--event` takes them, with the meaning of the last one."""
    before, comma, last = begun.rpartition(",")
    named = set(before.split(","))
    return [
        (f"{before}{comma}{event}", kind.meaning)
        for event, kind in CATALOGUE.items()
        if event.startswith(last) and event not in named
    ]
