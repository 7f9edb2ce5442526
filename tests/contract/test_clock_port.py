"""The clock port: one suite over the machine's clock and those of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, timedelta

import pytest

from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.virtual import LoopClock as RehearsedClock
from orchestrator.ports.clock import Clock
from tests.fakes.clock import START, LoopClock, VirtualClock, settle


@dataclass
class Stand:
    """A clock, and how to let its time pass."""

    clock: Clock
    pass_time: Callable[[float], Awaitable[None]]


async def _wait(seconds: float) -> None:
    come = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, come.set)
    await come.wait()


@pytest.fixture(params=["system", "system in slices", "virtual", "loop", "rehearsed"])
async def stand(request: pytest.FixtureRequest) -> Stand:
    if request.param == "virtual":
        virtual = VirtualClock()
        return Stand(virtual, virtual.run)
    if request.param == "rehearsed":
        return Stand(RehearsedClock(START), _wait)
    if request.param == "loop":
        return Stand(LoopClock(), _wait)
    sliced = request.param == "system in slices"
    return Stand(SystemClock(0.01) if sliced else SystemClock(), _wait)


async def test_now_is_aware_and_utc(stand: Stand) -> None:
    """Moments without a zone do not exist here."""
    assert stand.clock.now().tzinfo is UTC


async def test_both_clocks_move_together(stand: Stand) -> None:
    """As long as nobody corrects the wall clock."""
    wall, monotonic = stand.clock.now(), stand.clock.monotonic()
    await stand.pass_time(0.05)
    passed = stand.clock.monotonic() - monotonic
    assert passed >= 0.045
    assert (stand.clock.now() - wall).total_seconds() == pytest.approx(passed, abs=0.03)


async def test_a_sleeper_wakes_when_its_time_has_passed_and_not_before(stand: Stand) -> None:
    """On the monotonic clock."""
    began = stand.clock.monotonic()
    woken: list[float] = []

    async def sleep() -> None:
        await stand.clock.sleep(0.05)
        woken.append(stand.clock.monotonic())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleep(), name="sleeper")
        await settle()
        assert woken == []
        await stand.pass_time(0.08)
    assert woken[0] - began >= 0.05


@pytest.mark.parametrize("seconds", [0.0, -5.0], ids=["nothing", "less than nothing"])
async def test_sleeping_for_no_time_gives_way_once(stand: Stand, seconds: float) -> None:
    """So that a loop of such sleeps does not starve the others."""
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "ran")
    await stand.clock.sleep(seconds)
    assert others == ["ran"]


async def test_a_cancelled_sleeper_is_forgotten(stand: Stand) -> None:
    """A time-out around a sleep must leave nothing behind."""
    sleeper = asyncio.get_running_loop().create_task(stand.clock.sleep(3600), name="sleeper")
    await settle()
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    assert getattr(stand.clock, "sleepers", 0) == 0


async def test_virtual_sleepers_wake_in_order_and_see_each_moment() -> None:
    """`run` goes from wake-up to wake-up: a loop of short sleeps is not skipped."""
    clock = VirtualClock()
    seen: list[tuple[str, float]] = []

    async def tick(name: str, seconds: float) -> None:
        while True:
            await clock.sleep(seconds)
            seen.append((name, clock.monotonic()))

    tasks = [
        asyncio.get_running_loop().create_task(tick(*one), name=one[0])
        for one in (("two", 2.0), ("three", 3.0))
    ]
    await clock.run(6.5)
    assert seen == [("two", 2.0), ("three", 3.0), ("two", 4.0), ("three", 6.0), ("two", 6.0)]
    assert clock.next_wakeup() == START + timedelta(seconds=8)
    assert clock.now() == START + timedelta(seconds=6.5)
    for task in tasks:
        task.cancel()
    await settle()
    assert clock.next_wakeup() is None


async def test_a_virtual_wall_clock_jumps_alone() -> None:
    """A bad time server wakes nobody and does not move the monotonic clock."""
    clock = VirtualClock()
    sleeper = asyncio.get_running_loop().create_task(clock.sleep(10), name="sleeper")
    await settle()
    clock.jump(-3600)
    assert (clock.now(), clock.monotonic()) == (START - timedelta(hours=1), 0.0)
    clock.advance_to(START + timedelta(seconds=9) - timedelta(hours=1))
    await settle()
    assert not sleeper.done()
    clock.advance(1)
    await sleeper
    clock.advance_to(START - timedelta(days=1))
    assert clock.monotonic() == 10.0
