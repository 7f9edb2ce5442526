"""One attempt at telling a destination one thing: recorded, made, and what came of it.

The intent is durable before the call leaves (promise P2).  A host link is read now, its reading
recorded with the intent, and it is held for the length of the call alone (promise P11).  It refuses
to tell an end twice by a further message, and to let a text that a messenger chokes on end more
than this attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from orchestrator.domain import telling
from orchestrator.domain.announcements import Announcement
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.rooms import HostLink
from orchestrator.domain.telling import Blow, Failure, Wanted
from orchestrator.engine.inbox import Hurry
from orchestrator.foundation.instants import format_instant
from orchestrator.foundation.secret import Secret
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import (
    DeliveredInPartError,
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
    Messenger,
)
from orchestrator.ports.faults import Fault
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.store import Commit, Store
from orchestrator.ports.tracing import UNTRACED, Tracer

_log = structlog.get_logger(__name__)
CALL_MOST: Final = 60.0  # seconds: a messenger bounds its calls, and this bounds the messenger
_NOBODY_KNOWS: Final = "nobody knows whether its end was told, and it is not told twice"

ReadHostLink = Callable[[str], Awaitable[HostLink]]


@dataclass(frozen=True, slots=True)
class Attempted:
    """What came of an attempt.

    Attributes:
        row: as it is from now on.
        wanted: what was told, or was to be.
        facts: to be recorded with the row.
        failure: why it failed; None where the destination took it.
        of_all: the fault is the destination's, whatever was told.
    """

    row: Delivery
    wanted: Wanted
    facts: tuple[Fact, ...]
    failure: Failure | None = None
    of_all: bool = False


class Attempts:
    """Attempts at one destination."""

    def __init__(
        self, messenger: Messenger, store: Store, clock: Clock, host_link: ReadHostLink
    ) -> None:
        """Tell by ``messenger``; read host links, by the room's id, with ``host_link``."""
        self._messenger = messenger
        self._store = store
        self._clock = clock
        self._host_link = host_link
        self.meter: Meter = UNMETERED
        """Who counts calls; set by whoever has one."""
        self.tracer: Tracer = UNTRACED
        """Who follows them."""

    async def make(self, before: Delivery, wanted: Wanted, hurry: Hurry) -> Attempted:
        """One attempt; others may work during its calls. Raises `StoreFault`: nothing left."""
        page = wanted.announcement.page is not None
        edits = self._messenger.edits
        if before.shown and before.tried and not edits:
            # We were killed while its end was told by a further message.
            row = telling.unsure(before)
            fact = told_fact("delivery.failed", before, wanted, _NOBODY_KNOWS)
            return Attempted(row, wanted, (fact,))
        row = telling.trying(before, wanted)
        revealed: Secret | None = None
        facts: tuple[Fact, ...] = ()
        if wanted.with_host:
            try:
                with hurry.off(page=page):
                    revealed = (await self._host_link(wanted.announcement.room_id)).url
            except Fault as fault:
                if before.shown or wanted.announcement.page is None:
                    why = f"the host link could not be read: {fault}"
                    return self._failed(before, row, wanted, Failure(Blow.NOT_TAKEN, why))
                # A page's link must get through; the host's follows.
                wanted = replace(wanted, host=False)
                row = telling.trying(before, wanted)
            else:
                facts = (_revealed(before.destination, wanted),)
        await self._store.commit(Commit(deliveries=(row,), facts=facts), self._clock.now())
        told = replace(wanted.announcement, revision=row.revision, host_link=revealed)
        work = (
            self._messenger.change(told, before.handle, row.attempts)
            if before.shown
            else self._messenger.send(told, row.attempts)
        )
        with (
            hurry.off(page=page),
            self.tracer.span(
                "delivery", destination=self._messenger.name, key=wanted.key, attempt=row.attempts
            ) as span,
        ):
            answer = await self._timed(work)
            if isinstance(answer, DeliveryFault):
                span.failed(type(answer).__name__)
        reason = ""
        if isinstance(answer, DeliveredInPartError):
            # Told: sending it again would tell the others twice.
            destination, reason = self._messenger.name, str(answer)
            _log.error("delivery.in_part", destination=destination, key=row.key, why=reason)
            answer = answer.handle
        if isinstance(answer, DeliveryFault):
            of_all = not isinstance(answer, DeliveryRefusedError | DeliveryUnansweredError)
            return self._failed(before, row, wanted, _failure(answer), of_all=of_all)
        fact = told_fact("delivery.sent", row, wanted, reason)
        row = telling.told(before, row, wanted, answer, edits=edits)
        row = replace(row, told_at=self._clock.now())
        return Attempted(row, wanted, (fact,))

    def _failed(
        self,
        before: Delivery,
        row: Delivery,
        wanted: Wanted,
        failure: Failure,
        *,
        of_all: bool = False,
    ) -> Attempted:
        edits = self._messenger.edits
        if failure.blow is Blow.UNANSWERED and before.shown and not edits:
            fact = told_fact("delivery.failed", row, wanted, failure.fault)
            return Attempted(telling.unsure(row), wanted, (fact,), failure)
        after = telling.failed(before, row, wanted, failure, self._clock.now(), edits=edits)
        facts: tuple[Fact, ...] = ()
        if after.given_up:
            facts = (told_fact("delivery.gave_up", after, wanted, after.fault),)
        elif before.failing_since is None:
            facts = (told_fact("delivery.failed", after, wanted, after.fault),)
        return Attempted(after, wanted, facts, failure, of_all)

    async def _timed(self, work: Coroutine[Any, Any, str]) -> str | DeliveryFault:
        """One call, bounded, and counted: one that reached some of the people is told."""
        began = self._clock.monotonic()
        answer = await self._bounded(work)
        took = self._clock.monotonic() - began
        told = isinstance(answer, str | DeliveredInPartError)
        self.meter.delivered(self._messenger.name, "sent" if told else "failed", took)
        return answer

    async def _bounded(self, work: Coroutine[Any, Any, str]) -> str | DeliveryFault:
        """One call, bounded in time: the handle, or the fault."""
        async with asyncio.TaskGroup() as group:
            call = group.create_task(self._call(work), name="delivery-call")
            patience = group.create_task(self._clock.sleep(CALL_MOST), name="delivery-patience")
            await asyncio.wait((call, patience), return_when=asyncio.FIRST_COMPLETED)
            patience.cancel()
            if not call.done():
                call.cancel()
                return DeliveryUnansweredError(f"no answer for {CALL_MOST:g} s")
        return call.result()

    async def _call(self, work: Coroutine[Any, Any, str]) -> str | DeliveryFault:
        try:
            return await work
        except DeliveryFault as fault:
            return fault
        except Exception as error:  # noqa: BLE001 - hostile texts end no daemon
            # The error may quote what was to be sent, so only its kind is told.
            kind = type(error).__name__
            _log.error("delivery.broken", destination=self._messenger.name, error=kind)
            return DeliveryUnansweredError(f"a fault of this program: {kind}")


def told_fact(event: str, row: Delivery, wanted: Wanted, reason: str = "") -> Fact:
    """A fact about one message."""
    detail: dict[str, Json] = {
        "destination": row.destination,
        "message": row.id,
        "stage": str(wanted.announcement.stage),
        "attempt": row.attempts,
    }
    if event == "delivery.sent":
        detail["revision"] = row.revision
    if event == "delivery.failed" and row.next_at is not None:
        detail["next_at"] = format_instant(row.next_at)
    room = wanted.announcement.room_id
    return Fact(
        event, actor=wanted.actor, key=wanted.key, room_id=room, reason=reason, detail=detail
    )


def _revealed(destination: str, wanted: Wanted) -> Fact:
    told: Announcement = wanted.announcement
    return Fact(
        "room.link.revealed",
        actor=wanted.actor,
        key=wanted.key,
        room_id=told.room_id,
        reason=f"delivered to {destination}",
        detail={"display_name": told.title, "destination": destination},
    )


def _failure(fault: DeliveryFault) -> Failure:
    match fault:
        case DeliveryRefusedError():
            blow = Blow.REFUSED
        case DeliveryUnansweredError():
            blow = Blow.UNANSWERED
        case _:
            blow = Blow.NOT_TAKEN
    return Failure(blow, str(fault), fault.retry_after)
