"""A courier: carries the messages for one destination, each by its own clock, pages before others.

One message that fails holds up itself alone; where the fault is the destination's all of them wait,
and one at a time goes to look.  What is said is what stands when it is said.  The row of a message
is recorded before the call leaves and after it came back, so that a kill in between is known of: a
first message is then another attempt, which lets the destination look for the earlier one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from orchestrator.domain import telling
from orchestrator.domain.announcements import Stage
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import decode_key
from orchestrator.domain.reports import DeliveryRow
from orchestrator.domain.telling import Blow, Failure, Step, Wanted
from orchestrator.engine.attempt import Attempted, Attempts, ReadHostLink, told_fact
from orchestrator.engine.health import Pulse
from orchestrator.engine.inbox import Hurry
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import Messenger, Paced
from orchestrator.ports.store import Commit, Store, StoreFault

_log = structlog.get_logger(__name__)
SPACING: Final = 1.0  # seconds between two calls, unless the messenger says otherwise
AT_ONCE: Final = 4  # calls under way: one that hangs holds up no other
_BATCH: Final = 500
_STORE_RETRY: Final = 15.0
_SILENT: Final = 2  # answers missing in a row: then the destination is taken for away


@dataclass(slots=True)
class _Away:
    """How the destination itself fails: how often in a row, until when all wait, and why."""

    count: int = 0
    silent: int = 0
    until: float = 0.0  # monotonic
    why: str = ""
    since: datetime | None = None
    probe: str = ""  # the message that failed last: another goes to look


class Courier:
    """The messages of one destination."""

    def __init__(
        self, messenger: Messenger, store: Store, clock: Clock, host_link: ReadHostLink
    ) -> None:
        """Carry what ``put`` says by ``messenger``; remember it in ``store``."""
        self.name = messenger.name
        self.edits = messenger.edits
        self.attempts = Attempts(messenger, store, clock, host_link)
        self._store = store
        self._clock = clock
        self._spacing = messenger.spacing if isinstance(messenger, Paced) else SPACING
        self.rows: dict[str, Delivery] = {}
        """By id: what is remembered of messages that have not ended."""
        self.given_up: dict[str, Delivery] = {}
        """Those that ended by a fault while there is something to tell."""
        self._wanted: dict[str, Wanted] = {}
        self._todo: dict[str, Step] = {}
        self._passing: set[str] = set()  # of old links that no row tells of yet
        self._under_way: set[str] = set()
        self._unsaved: list[Commit] = []
        self._saving = asyncio.Lock()
        self._away = _Away()
        self._next_call = 0.0  # monotonic
        self._rest_until = 0.0  # monotonic: the store cannot record
        self._event = asyncio.Event()
        self._stopping = False
        self.hurry = Hurry()
        """What a page's message presses with; set by whoever has other work to do."""
        self.on_end: Callable[[Delivery], None] = lambda _: None
        """Called when a message ended: what is told of its link from now on is another one."""

    # --- what is to be told -----------------------------------------------------------------------

    def put(self, wanted: Wanted) -> None:
        """This stands now; an end counts only where something was begun."""
        id_ = wanted.announcement.id
        if wanted.announcement.stage is Stage.CLOSED and id_ not in self.rows:
            row = self.given_up.pop(id_, None)
            if row is None or not row.shown:
                self.withdraw(id_)
                return
            self.rows[id_] = telling.taken_up(row, self._clock.now())
        if self._wanted.get(id_) != wanted:
            self._wanted[id_] = wanted
            if wanted.old and id_ not in self.rows:
                self._passing.add(id_)
                self._event.set()
            self._weigh(id_)

    def withdraw(self, id_: str) -> None:
        """Nothing is to be said of this for now; what was told stands."""
        if self._wanted.pop(id_, None) is not None:
            self._weigh(id_)

    def wants(self) -> Sequence[str]:
        """The ids of all that stands."""
        return list(self._wanted)

    def is_wanted(self, id_: str) -> bool:
        """Whether this stands."""
        return id_ in self._wanted

    def know(self, row: Delivery) -> None:
        """Remember a row that the store holds."""
        self.rows[row.id] = row
        self._weigh(row.id)

    async def let_go(self, id_: str) -> None:
        """End a message in silence: its policy does not deliver here any more."""
        self.withdraw(id_)
        self.given_up.pop(id_, None)
        row = self.rows.pop(id_, None)
        if row is not None:
            await self._commit(Commit(deliveries=(replace(row, ended=True),)))

    def take_up(self) -> None:
        """Try again what was given up: somebody may have mended the cause."""
        now = self._clock.now()
        for id_, row in list(self.given_up.items()):
            del self.given_up[id_]
            self.rows[id_] = telling.taken_up(row, now)
            self._weigh(id_)
        self._away = _Away()

    def _weigh(self, id_: str) -> None:
        """Look whether there is something to do about a message."""
        step = self._step(id_)
        if step is Step.NOTHING:
            self._todo.pop(id_, None)
            return
        self._todo[id_] = step
        self._event.set()

    def _step(self, id_: str) -> Step:
        wanted = self._wanted.get(id_)
        if wanted is None or id_ in self.given_up:
            return Step.NOTHING
        row = self.rows.get(id_) or self._fresh(wanted)
        return telling.step(row, wanted, edits=self.edits)

    def _fresh(self, wanted: Wanted) -> Delivery:
        told = wanted.announcement
        return Delivery(
            self.name,
            told.id,
            wanted.key,
            self._clock.now(),
            title=told.title,
            link=told.link,
            passed_over=wanted.old,
        )

    # --- the loop ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what is under way has ended."""
        self._stopping = True
        self._event.set()

    async def run(self, pulse: Pulse) -> None:
        """Carry until `stop`."""
        async with asyncio.TaskGroup() as calls:
            while not self._stopping:
                pulse.works()
                self._event.clear()
                try:
                    wait = await self._turn(calls)
                except StoreFault as fault:
                    _log.error("delivery.unrecorded", destination=self.name, error=str(fault))
                    wait = self._rest()
                pulse.waits(wait)
                await self._pause(wait)
        try:
            await self._save()
        except StoreFault as fault:
            _log.error("delivery.unrecorded", destination=self.name, error=str(fault))

    async def carry(self, most: float) -> None:
        """Carry what may leave now, within so many seconds, and return. For one command.

        Raises:
            StoreFault: it cannot be recorded.
        """
        end = self._clock.monotonic() + most
        async with asyncio.TaskGroup() as calls:
            while self._clock.monotonic() < end:
                self._event.clear()
                wait = await self._turn(calls)
                idle = wait is None or self._away.count or not self._ready(self._clock.now())
                if idle and not self._under_way:
                    break
                await self._pause(wait)
        await self._save()

    async def _pause(self, seconds: float | None) -> None:
        if seconds is None:
            await self._event.wait()
            return
        async with asyncio.TaskGroup() as group:
            sleeping = group.create_task(self._clock.sleep(seconds), name="courier-pause")
            told = group.create_task(self._event.wait(), name="courier-event")
            await asyncio.wait((sleeping, told), return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            told.cancel()

    def _rest(self) -> float:
        self._rest_until = self._clock.monotonic() + _STORE_RETRY
        return _STORE_RETRY

    async def _turn(self, calls: asyncio.TaskGroup) -> float | None:
        """Begin the next call if one may leave; returns for how long there is nothing to do."""
        moment, now = self._clock.monotonic(), self._clock.now()
        if moment < self._rest_until:
            return self._rest_until - moment
        for id_, step in list(self._todo.items()):
            if step is Step.DROP and id_ not in self._under_way and id_ in self.rows:
                self._end(self.rows[id_])
        await self._save()
        begun = self._begin()
        blocked = max(self._away.until, self._next_call) - moment
        ready = self._ready(now)
        chosen = self._choose(ready) if blocked <= 0 and len(self._under_way) < AT_ONCE else None
        await self._record_begun([row for row in begun if row.id != chosen])
        if chosen is None:
            return self._wait(now, blocked, ready=bool(ready))
        self._next_call = moment + self._spacing
        self._under_way.add(chosen)
        carrying = self._carry(self._wanted[chosen], self.rows[chosen])
        calls.create_task(carrying, name=f"delivery-{self.name}")
        return 0.0

    def _begin(self) -> list[Delivery]:
        """Rows for what was never to be told before."""
        begun = [
            self._fresh(self._wanted[id_])
            for id_ in (*self._todo, *self._passing)
            if id_ not in self.rows and id_ in self._wanted
        ]
        self.rows |= {row.id: row for row in begun}
        self._passing.clear()
        return begun

    async def _record_begun(self, begun: Sequence[Delivery]) -> None:
        try:
            for at in range(0, len(begun), _BATCH):
                await self._commit(Commit(deliveries=begun[at : at + _BATCH]))
        except StoreFault:
            for row in begun:
                self.rows.pop(row.id, None)
            raise

    def _ready(self, now: datetime) -> list[str]:
        """What may be told now, but for the destination's own waits."""
        return [
            id_
            for id_ in self._todo
            if id_ not in self._under_way
            and telling.held_until(self.rows[id_], self._wanted[id_], now) is None
        ]

    def _choose(self, ready: Sequence[str]) -> str | None:
        """Pages first, then by age; after a fault of the destination another one goes to look."""
        if not ready or (self._away.count and self._under_way):
            return None
        others = [id_ for id_ in ready if id_ != self._away.probe]
        return min(others or ready, key=self._rank)

    def _rank(self, id_: str) -> tuple[bool, datetime, str]:
        page = self._wanted[id_].announcement.page is not None
        return (not page, self.rows[id_].begun_at, id_)

    def _wait(self, now: datetime, blocked: float, *, ready: bool) -> float | None:
        if ready:
            # Where calls are under way the last of them says when to go on.
            return blocked if blocked > 0 else None
        held = [
            until
            for id_ in self._todo
            if id_ not in self._under_way
            and (until := telling.held_until(self.rows[id_], self._wanted[id_], now)) is not None
        ]
        if not held:
            return None
        return max((min(held) - now).total_seconds(), blocked, 0.001)

    # --- one call ---------------------------------------------------------------------------------

    async def _carry(self, wanted: Wanted, before: Delivery) -> None:
        id_ = before.id
        try:
            with self.hurry.on(page=wanted.announcement.page is not None):
                self._take(await self.attempts.make(before, wanted, self.hurry))
                await self._save()
        except StoreFault as fault:
            _log.error("delivery.unrecorded", destination=self.name, error=str(fault))
            self._rest()
        finally:
            self._under_way.discard(id_)
            self._weigh(id_)
            self._event.set()

    def _take(self, made: Attempted) -> None:
        """Remember what came of an attempt."""
        row, failure = made.row, made.failure
        if row.given_up:
            self._give_up(row, made.wanted, *made.facts)
        elif row.ended:
            self._end(row, *made.facts)
        else:
            self._keep(row, *made.facts)
        if failure is None or failure.blow is Blow.REFUSED:
            self._away = _Away()  # it answers
            return
        away = self._away
        away.silent = away.silent + 1 if failure.blow is Blow.UNANSWERED else 0
        if made.of_all or away.silent >= _SILENT:
            self._stay_away(row.id, failure, self._clock.now())

    def _stay_away(self, id_: str, failure: Failure, now: datetime) -> None:
        """The destination itself fails: all wait, and what is too late by now is given up."""
        away = self._away
        if self._clock.monotonic() >= away.until:
            away.count += 1  # calls that were under way together count once
        away.why, away.probe, away.since = failure.fault, id_, away.since or now
        wait = telling.pause(self.name, away.count, failure.retry_after)
        away.until = self._clock.monotonic() + wait.total_seconds()
        for row in [self.rows[one] for one in self._todo if one in self.rows]:
            wanted = self._wanted[row.id]
            late = telling.overdue(row, wanted, failure.fault, now)
            if late is not None and row.id not in self._under_way:
                self._give_up(late, wanted, told_fact("delivery.gave_up", late, wanted, late.fault))

    def _give_up(self, row: Delivery, wanted: Wanted, *facts: Fact) -> None:
        _log.error("delivery.gave_up", destination=self.name, key=row.key, why=row.fault)
        self.rows.pop(row.id, None)
        self._todo.pop(row.id, None)
        if wanted.announcement.stage is Stage.CLOSED:
            self._end(replace(row, stage=Stage.CLOSED), *facts)  # nothing is left to mend
            return
        self.given_up[row.id] = row
        self._unsaved.append(Commit(deliveries=(row,), facts=facts))

    def _keep(self, row: Delivery, *facts: Fact) -> None:
        self.rows[row.id] = row
        self._unsaved.append(Commit(deliveries=(row,), facts=facts))

    def _end(self, row: Delivery, *facts: Fact) -> None:
        self.rows.pop(row.id, None)
        self._wanted.pop(row.id, None)
        self._todo.pop(row.id, None)
        ended = replace(row, ended=True)
        self._unsaved.append(Commit(deliveries=(ended,), facts=facts))
        self.on_end(ended)

    async def _save(self) -> None:
        """Record what happened; what cannot be recorded now is kept, and holds up what follows."""
        # One at a time: of two, each would record the first, and drop one that nobody recorded.
        async with self._saving:
            while self._unsaved:
                await self._commit(self._unsaved[0])
                del self._unsaved[0]

    async def _commit(self, commit: Commit) -> None:
        await self._store.commit(commit, self._clock.now())

    # --- what is told of it -----------------------------------------------------------------------

    def report(self) -> DeliveryRow | None:
        """What is behind here and why; None where all was told."""
        failing = [row for id_ in self._todo if (row := self.rows.get(id_)) and row.fault]
        away = self._away
        waiting = len(self._todo) if away.count else len(failing)
        if not waiting and not self.given_up:
            return None
        since = [row.failing_since for row in failing if row.failing_since is not None]
        if away.since is not None:
            since.append(away.since)
        given_up = sorted(self.given_up.values(), key=lambda row: (row.begun_at, row.key))
        last = max(failing, key=lambda row: row.failing_since or row.begun_at, default=None)
        return DeliveryRow(
            destination=self.name,
            behind=waiting,
            why=away.why or ("" if last is None else last.fault),
            since=min(since, default=None),
            given_up=tuple(_named(row) for row in given_up),
            given_up_why=given_up[-1].fault if given_up else "",
        )


def _named(row: Delivery) -> str:
    """The key as people write it."""
    return str(decode_key(row.key) or row.key)
