"""Freezes at work: which stand, over restarts, each ended by a person or when its time is over.

A freeze holds until its end is recorded: what is done then is told after it.  While the clocks
disagree none ends by itself.  Refused: one without an end, or for a policy that is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.facts import Fact
from orchestrator.domain.freezes import (
    LONGEST,
    Freeze,
    begun,
    ended,
    read_freezes,
    replacing,
    write_freezes,
)
from orchestrator.domain.reports import Done, FreezeRow, Person
from orchestrator.engine.health import Pulse
from orchestrator.foundation.problems import did_you_mean
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit, Store

FREEZES: Final = "freezes"  # note: see `orchestrator.domain.freezes.write_freezes`
_INVALID: Final = 2
_SOON: Final = 0.25  # seconds; never a busy loop, whatever the clocks say


class Freezes:
    """The freezes that stand."""

    def __init__(
        self, store: Store, clock: Clock, api_now: Callable[[], datetime], look: timedelta
    ) -> None:
        """Keep them in ``store``, by API time; look at the clock at least every ``look``."""
        self._store = store
        self._clock = clock
        self._api_now = api_now
        self._look = look.total_seconds()
        self._nudged = asyncio.Event()
        self._one_by_one = asyncio.Lock()  # each note holds all of them
        self.standing: tuple[Freeze, ...] = ()
        self.apart: Callable[[], str] = lambda: ""
        """Why the clock cannot be trusted, or an empty text."""
        self.changed: Callable[[str], Awaitable[None]] = _nothing
        """Called with a cause when one began or ended: whoever waits may go on, or has to stop."""

    async def recall(self) -> None:
        """Read from the store which stand. Raises `StoreFault`."""
        self.standing = read_freezes(await self._store.note(FREEZES))

    def look(self) -> None:
        """For one question without a daemon: what is over holds nothing, though nobody ended it."""
        now = self._api_now()
        self.standing = tuple(one for one in self.standing if now < one.until)

    async def begin(
        self,
        until: datetime,
        person: Person,
        policies: Sequence[str],
        known: Collection[str],
        *,
        all_acts: bool,
    ) -> Done:
        """Freeze all policies, or these, until a moment of API time.

        Raises `DeskError` for what is refused, `StoreFault` where it cannot be recorded.
        """
        now = self._api_now()
        if until <= now:
            raise DeskError(f"{_minute(until)} is over; name a moment to come", _INVALID)
        if until > now + LONGEST:
            most = f"a freeze lasts {LONGEST.days} days at most; say it again then"
            raise DeskError(most, _INVALID)
        for name in policies:
            if name not in known:
                near = did_you_mean(name, known)
                raise DeskError(f'no policy is called "{name}"{near}', _INVALID)
        named = tuple(sorted(set(policies)))
        freeze = Freeze(now, until, person.actor, person.reason, named, all_acts)
        async with self._one_by_one:
            others = replacing(self.standing, freeze)
            await self._commit(others, begun(freeze))
        await self.changed("a freeze began")
        whom = f"of {', '.join(named)} " if named else ""
        return Done(
            f"Changes {whom}are frozen until {_minute(until)}; freeze {freeze.name}.",
            (
                "Pages and what keeps links alive go on"
                + ("." if all_acts else ", and the rooms of people's meetings open."),
                f"Before its time it ends by:  room-orchestrator unfreeze {freeze.name} --reason …",
            ),
        )

    async def end(self, name: str, person: Person) -> Done:
        """End one before its time; without a name the only one."""
        async with self._one_by_one:
            freeze = self._named(name)
            left = tuple(one for one in self.standing if one is not freeze)
            await self._commit(left, ended(freeze, person.actor, person.reason))
        await self.changed("a freeze ended")
        return Done(f"Freeze {freeze.name} has ended; what it held is done now, brakes allowing.")

    def _named(self, name: str) -> Freeze:
        found = [one for one in self.standing if name in {"", one.name}]
        if not found:
            told = f"no freeze is called {name!r} now" if name else "nothing is frozen now"
            raise DeskError(f"{told}: room-orchestrator status", _INVALID)
        if len(found) > 1:
            names = ", ".join(one.name for one in found)
            raise DeskError(f"there are {len(found)}: {names}; say which", _INVALID)
        return found[0]

    async def settle(self) -> None:
        """End those whose time is over. Raises `StoreFault`."""
        async with self._one_by_one:
            now = self._api_now()
            over = [one for one in self.standing if one.until <= now]
            if not over or self.apart():
                return
            left = tuple(one for one in self.standing if one not in over)
            await self._commit(left, *(ended(one, "", "its time is over") for one in over))
        await self.changed("a freeze is over")

    async def run(self, pulse: Pulse) -> None:
        """End each at its time; runs until it is cancelled."""
        while True:
            pulse.works()
            self._nudged.clear()
            await self.settle()
            seconds = self._until_next()
            pulse.waits(seconds)
            await self._wait(seconds)

    def _until_next(self) -> float | None:
        if not self.standing:
            return None
        left = (min(one.until for one in self.standing) - self._api_now()).total_seconds()
        # Clocks jump, and API time is learnt anew; what is over already waits for the clocks.
        return min(max(left, _SOON), self._look) if left > 0 else self._look

    async def _wait(self, seconds: float | None) -> None:
        if seconds is None:
            await self._nudged.wait()
            return
        async with asyncio.TaskGroup() as group:
            pause = group.create_task(self._clock.sleep(seconds), name="freezes-pause")
            nudge = group.create_task(self._nudged.wait(), name="freezes-nudge")
            await asyncio.wait((pause, nudge), return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            nudge.cancel()

    async def _commit(self, freezes: tuple[Freeze, ...], *facts: Fact) -> None:
        notes = {FREEZES: write_freezes(freezes)}
        await self._store.commit(Commit(facts=facts, notes=notes), self._clock.now())
        self.standing = freezes
        self._nudged.set()

    def rows(self) -> tuple[FreezeRow, ...]:
        """For people, the one that ends first first."""
        rows = (
            FreezeRow(one.name, one.until, one.actor, one.reason, one.policies, one.all_acts)
            for one in self.standing
        )
        return tuple(sorted(rows, key=lambda row: row.until))


async def _nothing(cause: str) -> None:
    del cause


def _minute(moment: datetime) -> str:
    return f"{moment:%d %b %Y %H:%M}Z"
