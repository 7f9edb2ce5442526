"""The timer port on APScheduler, which only ever calls: work is done by whoever was woken.

APScheduler decides what is due by the wall clock but waits on the event loop's clock, which knows
nothing of a corrected wall clock and stands still during a suspend.  So the schedule is looked at
again at least once a minute: a call comes late by that much at most, and never not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

RECHECK: Final = timedelta(minutes=1)


class _Call:
    """One wish to be called; told apart from a later one of the same name by identity."""

    __slots__ = ("wake",)

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake


class SchedulerTimer:
    """Calls back in the event loop in which the first call was asked for.

    Late calls are made rather than dropped (``misfire_grace_time=None``).
    """

    def __init__(self, recheck: timedelta = RECHECK) -> None:
        self._recheck = recheck
        # This executor calls in the loop's own thread; the usual ones would use another thread or
        # a task, which `shutdown` would cancel.
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            executors={"default": DebugExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True},
        )
        self._calls: dict[str, _Call] = {}
        self._next_look: asyncio.TimerHandle | None = None
        self._closed = False

    def call_at(self, name: str, moment: datetime, wake: Callable[[], None]) -> None:
        """Call ``wake`` at ``moment``, which must have a zone; after `close` nothing happens."""
        if moment.tzinfo is None:
            message = f"{name}: a timer needs a moment with a zone"
            raise ValueError(message)
        if self._closed:
            return
        if not self._scheduler.running:
            self._scheduler.start()
            self._look_again()
        call = self._calls[name] = _Call(wake)
        self._scheduler.add_job(
            self._due,
            DateTrigger(moment, timezone=UTC),
            args=(name, call),
            id=name,
            name=name,
            replace_existing=True,
        )

    def cancel(self, name: str) -> None:
        if self._calls.pop(name, None) is None:
            return
        # Gone already between its moment and its turn in the event loop: see `_due`.
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._calls.clear()
        if self._next_look is None:
            return
        self._next_look.cancel()
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=False)
        # It shuts down in a callback of the loop; return when that has run.
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(done.set_result, None)
        await done

    def _due(self, name: str, call: _Call) -> None:
        # APScheduler removes a job by name after calling it, so a wake that asked for the same
        # name again from in here would be forgotten: it is called one turn of the loop later.
        asyncio.get_running_loop().call_soon(self._make, name, call)

    def _make(self, name: str, call: _Call) -> None:
        if self._calls.get(name) is call:  # neither cancelled nor replaced since it was due
            del self._calls[name]
            call.wake()

    def _look_again(self) -> None:
        self._scheduler.wakeup()
        loop = asyncio.get_running_loop()
        self._next_look = loop.call_later(self._recheck.total_seconds(), self._look_again)
