"""The timer port: one suite over APScheduler's, the loop's, and the one that tests turn by hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.adapters.timer import SchedulerTimer
from orchestrator.adapters.virtual import LoopClock, LoopTimer
from orchestrator.ports.timer import Timer
from tests.fakes.clock import START, settle
from tests.fakes.timer import HandCrankedTimer

SOON = timedelta(milliseconds=40)
LONG = timedelta(hours=5)


@dataclass
class Stand:
    """A timer, what it believes the time to be, and a way to let a moment come."""

    timer: Timer
    now: Callable[[], datetime]
    crank: Callable[[datetime], object] | None
    called: list[str] = field(default_factory=list)

    def wake(self, name: str) -> Callable[[], None]:
        return lambda: self.called.append(name)

    async def reach(self, moment: datetime) -> None:
        """Return when the moment has come and what was due has been called."""
        if self.crank is not None:
            self.crank(moment)
            return
        come = asyncio.Event()
        left = (moment - self.now()).total_seconds() + 0.02
        asyncio.get_running_loop().call_later(max(0.0, left), come.set)
        await come.wait()
        await settle()


@pytest.fixture(params=["APScheduler", "loop", "hand-cranked"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    if request.param == "APScheduler":
        timer = SchedulerTimer()
        yield Stand(timer, lambda: datetime.now(UTC), None)
        await timer.close()
    elif request.param == "loop":
        clock = LoopClock(START)
        looping = LoopTimer(clock)
        yield Stand(looping, clock.now, None)
        await looping.close()
    else:
        cranked = HandCrankedTimer()
        yield Stand(cranked, lambda: START, cranked.fire_due)
        await cranked.close()


async def test_a_moment_that_has_passed_is_called_at_once(stand: Stand) -> None:
    """A late call is made, however late it is."""
    stand.timer.call_at("late", stand.now() - timedelta(days=400), stand.wake("late"))
    await stand.reach(stand.now())
    assert stand.called == ["late"]


async def test_a_call_waits_for_its_moment_and_is_made_once(stand: Stand) -> None:
    """Not before, and not again."""
    moment = stand.now() + SOON
    stand.timer.call_at("soon", moment, stand.wake("soon"))
    await stand.reach(stand.now() - SOON)
    assert stand.called == []
    await stand.reach(moment)
    await stand.reach(moment + SOON)
    assert stand.called == ["soon"]


async def test_calls_are_made_in_the_order_of_their_moments(stand: Stand) -> None:
    """The order of asking does not matter."""
    start = stand.now() - LONG
    for name, minutes in (("third", 3), ("first", 1), ("second", 2)):
        stand.timer.call_at(name, start + timedelta(minutes=minutes), stand.wake(name))
    await stand.reach(stand.now())
    assert stand.called == ["first", "second", "third"]


async def test_a_second_call_of_a_name_replaces_the_first(stand: Stand) -> None:
    """Whether it moves the moment nearer or further away."""
    stand.timer.call_at("near", stand.now() + LONG, stand.wake("far away"))
    stand.timer.call_at("near", stand.now(), stand.wake("near"))
    stand.timer.call_at("far", stand.now(), stand.wake("too early"))
    stand.timer.call_at("far", stand.now() + LONG, stand.wake("far"))
    await stand.reach(stand.now() + SOON)
    assert stand.called == ["near"]


async def test_a_wake_may_ask_to_be_called_again_under_its_own_name(stand: Stand) -> None:
    """The usual way to recur; the new call must not be forgotten with the old one."""
    again = stand.now() + SOON

    def wake() -> None:
        stand.called.append("once")
        stand.timer.call_at("agenda", again, stand.wake("again"))

    stand.timer.call_at("agenda", stand.now(), wake)
    await stand.reach(stand.now())
    assert stand.called == ["once"]
    await stand.reach(again)
    assert stand.called == ["once", "again"]


async def test_a_wake_may_cancel_itself_and_others(stand: Stand) -> None:
    """Of two that are due at once, the first may cancel the second."""

    def wake() -> None:
        stand.timer.cancel("first")
        stand.timer.cancel("second")
        stand.called.append("first")

    stand.timer.call_at("first", stand.now() - SOON, wake)
    stand.timer.call_at("second", stand.now(), stand.wake("second"))
    await stand.reach(stand.now() + SOON)
    assert stand.called == ["first"]
    stand.timer.call_at("third", stand.now(), stand.wake("third"))
    await stand.reach(stand.now() + SOON)
    assert stand.called == ["first", "third"]


async def test_a_wake_may_put_off_another_that_is_due(stand: Stand) -> None:
    """The replaced call is not made, though its moment had come."""

    def wake() -> None:
        stand.timer.call_at("second", stand.now() + LONG, stand.wake("much later"))
        stand.called.append("first")

    stand.timer.call_at("first", stand.now() - SOON, wake)
    stand.timer.call_at("second", stand.now(), stand.wake("second"))
    await stand.reach(stand.now() + SOON)
    assert stand.called == ["first"]


async def test_a_cancelled_call_is_not_made_and_unknown_names_are_no_error(stand: Stand) -> None:
    """Cancelling twice is as good as once."""
    stand.timer.cancel("never asked for")
    stand.timer.call_at("gone", stand.now(), stand.wake("gone"))
    stand.timer.cancel("gone")
    stand.timer.cancel("gone")
    await stand.reach(stand.now() + SOON)
    assert stand.called == []


async def test_close_forgets_all_calls_and_takes_no_more(stand: Stand) -> None:
    """Late calls of a daemon that shuts down are no error; closing twice is none either."""
    stand.timer.call_at("soon", stand.now() + SOON, stand.wake("soon"))
    await stand.timer.close()
    stand.timer.call_at("later", stand.now(), stand.wake("later"))
    stand.timer.cancel("later")
    await stand.timer.close()
    await stand.reach(stand.now() + SOON)
    assert stand.called == []


async def test_a_moment_without_a_zone_is_refused(stand: Stand) -> None:
    """Nobody should have to guess where the timer lives."""
    with pytest.raises(ValueError, match="soon: a timer needs a moment with a zone"):
        stand.timer.call_at("soon", datetime(2026, 1, 1), stand.wake("soon"))  # noqa: DTZ001


async def test_the_schedule_is_looked_at_again_though_the_loop_slept_too_long() -> None:
    """After a jump of the wall clock nobody wakes the scheduler, so it looks by itself."""
    timer = SchedulerTimer(recheck=timedelta(milliseconds=10))
    moment = datetime.now(UTC) + SOON
    called = asyncio.Event()
    timer.call_at("soon", moment, called.set)
    await settle()
    # What the event loop sees of a clock that was put forward: its own alarm is far away.
    timer._scheduler._start_timer(3600)  # noqa: SLF001
    await asyncio.wait_for(called.wait(), 5)
    assert datetime.now(UTC) >= moment
    await timer.close()


async def test_a_wake_that_fails_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The event loop reports it; the timer goes on."""
    caplog.set_level(logging.CRITICAL, logger="asyncio")
    timer = SchedulerTimer()
    called = asyncio.Event()

    def fail() -> None:
        message = "no such queue"
        raise RuntimeError(message)

    timer.call_at("first", datetime.now(UTC) - SOON, fail)
    timer.call_at("second", datetime.now(UTC), called.set)
    await asyncio.wait_for(called.wait(), 5)
    await timer.close()
