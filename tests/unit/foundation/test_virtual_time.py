"""Virtual time: what is due comes in its order, at once, and nothing is waited for in vain."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator.foundation.virtual_time import NothingDueError, VirtualLoop, run_virtually

DAY = timedelta(days=1).total_seconds()
YEAR = 365 * DAY


def test_a_decade_passes_at_once_and_in_order() -> None:
    """Timers fire by their moments, whatever the order in which they were set."""
    woken: list[tuple[str, float]] = []

    async def wait(name: str, years: float) -> None:
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(years * YEAR, passed.set)
        await passed.wait()
        woken.append((name, asyncio.get_running_loop().time() / YEAR))

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for name, years in (("last", 10), ("first", 0.5), ("second", 3)):
                group.create_task(wait(name, years), name=name)

    run_virtually(work())
    assert [name for name, _ in woken] == ["first", "second", "last"]
    assert [years for _, years in woken] == pytest.approx([0.5, 3, 10])


def test_no_time_passes_while_anything_is_ready() -> None:
    """Work takes none, however much of it there is."""

    async def work() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(1e-3, lambda: None)
        for _ in range(1_000):
            turned = loop.create_future()
            loop.call_soon(turned.set_result, None)
            await turned
        return loop.time()

    assert run_virtually(work()) == 0


def test_what_a_thread_would_do_is_done_at_once_and_here() -> None:
    """With its result or its error."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, threading.get_ident) == threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        assert loop.time() == 0

    run_virtually(work())


def test_waiting_for_what_cannot_come_is_an_error() -> None:
    """Instead of standing still for ever."""

    async def work() -> None:
        await asyncio.Event().wait()

    loop = VirtualLoop()
    task = loop.create_task(work(), name="work")
    with pytest.raises(NothingDueError):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell lets what it begins in the background ignore Ctrl-C, and that is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_ctrl_c_ends_it() -> None:
    """A person may find that the years take too long."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(DAY, lambda: os.kill(os.getpid(), signal.SIGINT))
        while True:
            passed = asyncio.Event()
            loop.call_later(60, passed.set)
            await passed.wait()

    with pytest.raises(KeyboardInterrupt):
        run_virtually(work())
