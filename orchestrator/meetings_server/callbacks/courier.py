"""Delivers what is queued, and comes back to what was not taken.

The schedule is our own (the API notes, 9.3, know of none): after each attempt about twice as long
as before, at most an hour, for a day. Events of one room are sent one after the other in the order
in which they happened; one that is not taken does not hold up the next.

A receiver that is away holds up nobody else: each has places of its own, and once all of them were
in vain, what else waits for it is put off unsent until the first of them is tried again. One that
is slow has some seconds before it is the turn of what came meanwhile, for whomever.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from orchestrator.foundation.instants import truncate
from orchestrator.meetings_server.callbacks.letterhead import Letterhead
from orchestrator.meetings_server.model.events import Callback
from orchestrator.meetings_server.ports import (
    Clock,
    Entropy,
    Records,
    Report,
    Sender,
    SendFault,
    Store,
    StoreFault,
)
from orchestrator.meetings_server.service import Bell

#: Events under way to one receiver.
AT_ONCE: Final = 8
GIVE_UP_AFTER: Final = timedelta(hours=24)

_FIRST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(hours=1)
# How long events for one receiver are begun, before what came meanwhile is looked for.
_TURN: Final = timedelta(seconds=5)
# One round; what lies beyond waits for the next.
_ROUND: Final = 200
_LONGEST_SLEEP: Final = 600.0
_AFTER_FAULT: Final = 30.0
_SECOND: Final = timedelta(seconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


def backoff(attempts: int, share: float) -> timedelta:
    """How long to wait after that many attempts; `share` in [0, 1) spreads over the upper half."""
    doubled = min(_FIRST * (1 << min(attempts - 1, 20)), _LONGEST)
    return doubled * (0.5 + share / 2)


class _Receiver:
    """One host that events go to, for one delivery: its places, and whether it is away."""

    def __init__(self, now: datetime) -> None:
        """What is put off is put off beyond `now`, or this delivery would find it again."""
        self.gate = asyncio.Semaphore(AT_ONCE)
        self._beyond = now + _MILLISECOND
        self._turn_ends_at = now + _TURN
        #: When it is away: the first moment at which an event for it is tried again.
        self.tried_again_at: datetime | None = None
        self._silences: list[datetime] = []

    def put_off_until(self, now: datetime) -> datetime | None:
        """When what is not begun yet is to be; None: it may begin."""
        if self.tried_again_at is not None:
            return max(self.tried_again_at, self._beyond)  # a clock may be set back meanwhile
        # Behind all that is due by now.
        return now if now >= self._turn_ends_at else None

    def answered(self) -> None:
        """It is there, whatever it says."""
        self._silences.clear()

    def was_silent(self, later: datetime) -> None:
        """It did not answer; the event is tried again at that moment."""
        self._silences.append(later)
        if len(self._silences) >= AT_ONCE:
            self.tried_again_at = min(self._silences)


class Courier:
    """Takes from the store's queue what is due."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        letterhead: Letterhead,
        clock: Clock,
        entropy: Entropy,
        report: Report,
    ) -> None:
        """`entropy` spreads the retries."""
        self._store = store
        self._sender = sender
        self._letterhead = letterhead
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
        """Try what is due now, once, many rooms at a time; of a slow receiver some of it.

        Raises:
            StoreFault: the queue cannot be read or written.
        """
        now = self._now()
        receivers: dict[str, _Receiver] = {}
        while due := await self._store.read(lambda records: records.callbacks.due(now, _ROUND)):
            rooms: dict[tuple[str, str], list[Callback]] = {}
            for callback in sorted(due, key=lambda one: one.id):
                at = _origin(callback.url)
                receivers.setdefault(at, _Receiver(max(now, self._now())))
                rooms.setdefault((at, callback.room_id), []).append(callback)
            failed: ExceptionGroup[StoreFault] | None = None
            try:
                async with asyncio.TaskGroup() as group:
                    for (at, room_id), callbacks in rooms.items():
                        group.create_task(
                            self._deliver_room(callbacks, receivers[at]),
                            name=f"callbacks of {room_id}",
                        )
            except* StoreFault as faults:
                failed = faults
            if failed is not None:  # up to Python 3.11.3 a group is made of what is raised in there
                raise StoreFault(str(failed.exceptions[0])) from failed

    async def _deliver_room(self, callbacks: list[Callback], receiver: "_Receiver") -> None:
        async with receiver.gate:
            for place, callback in enumerate(callbacks):
                later = receiver.put_off_until(self._now())
                if later is not None:
                    await self._put_off(callbacks[place:], later)
                    return
                await self._deliver_one(callback, receiver)

    async def _deliver_one(self, callback: Callback, receiver: "_Receiver") -> None:
        body = callback.body.encode()
        headers = self._letterhead.headers(callback, body, self._now())
        try:
            status = await self._sender.post(callback.url, body, headers)
        except SendFault as fault:
            if fault.is_refused:
                await self._give_up(callback, callback.attempts + 1, str(fault))
                return
            receiver.was_silent(await self._come_back_later(callback, str(fault)))
            return
        receiver.answered()
        if 200 <= status < 300:
            await self._store.write(lambda records: records.callbacks.drop(callback))
        else:
            await self._come_back_later(callback, f"status {status}")

    async def _put_off(self, callbacks: list[Callback], until: datetime) -> None:
        """Keep them until then, not counted as tried."""

        def work(records: Records) -> None:
            for callback in callbacks:
                records.callbacks.postpone(replace(callback, next_at=until))

        await self._store.write(work)

    async def _come_back_later(self, callback: Callback, outcome: str) -> datetime:
        """Keep the event for its next attempt, whose moment this gives, or give it up."""
        now = self._now()
        attempts = callback.attempts + 1
        share = int.from_bytes(self._entropy(2), "big") / 2**16
        later = replace(callback, attempts=attempts, next_at=now + backoff(attempts, share))
        if later.next_at - callback.created_at < GIVE_UP_AFTER:
            await self._store.write(lambda records: records.callbacks.postpone(later))
            return later.next_at
        await self._give_up(callback, attempts, outcome)
        return later.next_at

    async def _give_up(self, callback: Callback, attempts: int, outcome: str) -> None:
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


def _origin(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return url  # nobody is there, which its attempt will tell
