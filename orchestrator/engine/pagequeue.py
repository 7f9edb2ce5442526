"""What waits to be recorded of pages, and who waits for it.

Whatever waits is recorded together; the bug of one message costs no other its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from orchestrator.engine.pagedraft import Draft
from orchestrator.ports.store import StoreFault

_ENDING: Final = "the daemon is ending; send it again"

Work = Callable[[Draft], Awaitable[None]]
"""Writes into the draft of a transaction what is to be recorded."""
Waiting = tuple[Work, asyncio.Future[None]]


class PageQueue:
    """Takes work until it ends."""

    def __init__(self, wanted: asyncio.Event) -> None:
        """Set ``wanted`` where something waits."""
        self._wanted = wanted
        self._waiting: list[Waiting] = []
        self._ended = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def recorded(self, work: Work) -> None:
        """Let ``work`` write into the next transaction; returns when that is durable.

        Raises:
            StoreFault: it is not recorded.
        """
        if self._ended:
            raise StoreFault(_ENDING)
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        self._wanted.set()
        await done

    def take(self) -> list[Waiting]:
        """All that waits; whoever takes it sees to it that nobody waits for ever."""
        batch, self._waiting = self._waiting, []
        return batch

    def end(self) -> None:
        """Take nothing more, and tell who waits to come again."""
        self._ended = True
        let_down(self._waiting)


def let_down(batch: Sequence[Waiting]) -> None:
    """Tell whoever waits still that nothing was recorded."""
    for _, done in batch:
        fail(done, StoreFault(_ENDING))


def fail(done: asyncio.Future[None], error: Exception) -> None:
    """Tell one of them why, unless it was told something already."""
    if not done.done():
        done.set_exception(error)


async def drafted(batch: Sequence[Waiting], whole: Draft) -> list[asyncio.Future[None]]:
    """Let each work write into ``whole``; returns who waits for those that could."""
    waiting: list[asyncio.Future[None]] = []
    for work, done in batch:
        part = Draft(latest=dict(whole.latest), opened=list(whole.opened))
        try:
            await work(part)
        except Exception as error:  # noqa: BLE001 - one message's bug must not lose the others
            fail(done, error)
            continue
        part.opened = part.opened[len(whole.opened) :]
        whole.grow(part)
        waiting.append(done)
    return waiting
