"""Delivers what is queued, and comes back to what was not taken.

The schedule is our own (the API notes, 9.3, know of none): after each attempt about twice as long
as before, at most an hour, for a day. Events of one room are sent one after the other in the order
in which they happened; one that is not taken does not hold up the next.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.foundation.instants import truncate
from orchestrator.meetings_server.model.events import Callback
from orchestrator.meetings_server.ports import (
    Clock,
    Entropy,
    Report,
    Sender,
    SendFault,
    Store,
    StoreFault,
)
from orchestrator.meetings_server.service import Bell

AT_ONCE: Final = 8
GIVE_UP_AFTER: Final = timedelta(hours=24)

_FIRST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(hours=1)
# One round; what lies beyond waits for the next.
_ROUND: Final = 200
_LONGEST_SLEEP: Final = 600.0
_AFTER_FAULT: Final = 30.0
_SECOND: Final = timedelta(seconds=1)


def backoff(attempts: int, share: float) -> timedelta:
    """How long to wait after that many attempts; `share` in [0, 1) spreads over the upper half."""
    doubled = min(_FIRST * (1 << min(attempts - 1, 20)), _LONGEST)
    return doubled * (0.5 + share / 2)


class Courier:
    """Takes from the store's queue what is due."""

    def __init__(
        self, store: Store, sender: Sender, clock: Clock, entropy: Entropy, report: Report
    ) -> None:
        """`entropy` spreads the retries."""
        self._store = store
        self._sender = sender
        self._clock = clock
        self._entropy = entropy
        self._report = report

    async def run(self, bell: Bell) -> None:
        """Deliver until cancelled; rung when something was queued."""
        while True:
            bell.silence()
            seconds: float | None = _AFTER_FAULT
            try:
                await self.deliver()
                seconds = await self._until_next()
            except StoreFault as fault:
                self._report("callbacks.failed", {"error": str(fault)})
            await bell.wait(self._clock, seconds)

    async def deliver(self) -> None:
        """Try everything that is due now, once, many rooms at a time.

        Raises:
            StoreFault: the queue cannot be read or written.
        """
        now = self._now()
        while due := await self._store.read(lambda records: records.callbacks.due(now, _ROUND)):
            rooms: dict[str, list[Callback]] = {}
            for callback in sorted(due, key=lambda one: one.id):
                rooms.setdefault(callback.room_id, []).append(callback)
            gate = asyncio.Semaphore(AT_ONCE)
            try:
                async with asyncio.TaskGroup() as group:
                    for room_id, callbacks in rooms.items():
                        group.create_task(
                            self._deliver_room(callbacks, gate), name=f"callbacks of {room_id}"
                        )
            except* StoreFault as faults:
                raise StoreFault(str(faults.exceptions[0])) from faults

    async def _deliver_room(self, callbacks: list[Callback], gate: asyncio.Semaphore) -> None:
        async with gate:
            for callback in callbacks:
                await self._deliver_one(callback)

    async def _deliver_one(self, callback: Callback) -> None:
        try:
            status = await self._sender.post(callback.url, callback.body.encode())
            outcome = f"status {status}"
            taken = 200 <= status < 300
        except SendFault as fault:
            outcome, taken = str(fault), False
        if taken:
            await self._store.write(lambda records: records.callbacks.drop(callback))
            return
        await self._come_back_later(callback, outcome)

    async def _come_back_later(self, callback: Callback, outcome: str) -> None:
        now = self._now()
        attempts = callback.attempts + 1
        share = int.from_bytes(self._entropy(2), "big") / 2**16
        later = replace(callback, attempts=attempts, next_at=now + backoff(attempts, share))
        if later.next_at - callback.created_at < GIVE_UP_AFTER:
            await self._store.write(lambda records: records.callbacks.postpone(later))
            return
        await self._store.write(lambda records: records.callbacks.drop(callback))
        self._report(
            "callback.gave_up",
            {"room_id": callback.room_id, "attempts": attempts, "last": outcome},
        )

    async def _until_next(self) -> float | None:
        moment = await self._store.read(lambda records: records.callbacks.next_due())
        if moment is None:
            return None
        return min(max((moment - self._now()) / _SECOND, 0.0), _LONGEST_SLEEP)

    def _now(self) -> datetime:
        return truncate(self._clock.now())
