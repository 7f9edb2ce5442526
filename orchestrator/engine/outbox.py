"""The outbox: facts leave the store, in order, at least once, for audit log and destinations.

The audit and each destination have a cursor of their own, because their patience differs.  A reader
that fails is tried again and holds up no other; what it has not taken stays in the store.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.domain.keys import decode_key
from orchestrator.domain.links import NO_LINKS, LinkScheme
from orchestrator.domain.records import KeyState, Role
from orchestrator.domain.reports import LinksReport
from orchestrator.engine.book import Book
from orchestrator.engine.health import Pulse, Vitals
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.adoptions import Adoptions, AdoptionsFault, Entry, Standing
from orchestrator.ports.audit import AuditFault, AuditLog, Head
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import (
    DeliveredRoom,
    DeliveryFault,
    Destination,
    LinkBoard,
)
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.store import Commit, Store, StoreFault

_log = structlog.get_logger(__name__)
AUDIT_HEAD: Final = "audit.head"
AUDIT_LAG: Final = timedelta(minutes=15)  # then nothing is ended or replaced until it is written
DELIVERED: Final = "delivered:"
LINKED: Final = "linked:"  # note per destination: the digest of the links that it was told
_ADOPTIONS: Final = "adopted.yaml"
_Carry = Callable[[], Awaitable[None]]
_BATCH: Final = 500
_GATHER: Final = 0.2  # seconds in which facts are gathered before a destination is told
_RETRY: Final = (1.0, 60.0)  # seconds: the first wait after a failure, and the longest

# The facts after which a destination shows something else.
_TELLING: Final = frozenset(
    {
        "room.created",
        "room.adopted",
        "room.renewed",
        "room.replaced",
        "room.superseded",
        "room.rekeyed",
        "room.restored",
        "room.ending",
        "room.retired",
        "room.deleted",
        "room.lost",
        "room.expired",
        "room.forgotten",
        "room.link.changed",
        "policy.loaded",
        "policy.removed",
    }
)


class Outbox:
    """Carries facts out of the store."""

    def __init__(
        self,
        store: Store,
        audit: AuditLog,
        destinations: Mapping[str, Destination | LinkBoard],
        clock: Clock,
        adoptions: Adoptions | None = None,
    ) -> None:
        """Write to ``audit``, tell ``destinations``, and keep the list of ``adoptions``."""
        self._store = store
        self._audit = audit
        self._destinations = destinations
        self._clock = clock
        self._adoptions = adoptions
        self._nudged: dict[str, asyncio.Event] = {
            name: asyncio.Event() for name in ("audit", _ADOPTIONS, *destinations)
        }
        self._cursors: dict[str, int] = {}
        self._stopped = asyncio.Event()
        self.book = Book()
        self.links: LinkScheme = NO_LINKS
        """How our own links are spelled."""
        self.listing: Callable[[str], Awaitable[LinksReport]] = _unlisted
        """All links of the policies that deliver to a board, by its name."""
        self.audit_lines = 0
        self.behind: dict[str, str] = {}
        """What has not left yet and why, by reader, for status."""
        self._failing_since: dict[str, datetime] = {}
        self.meter: Meter = UNMETERED
        """Who counts what destinations are shown; set by whoever has one."""
        store.listen(self.nudge)

    def nudge(self) -> None:
        """There are new facts."""
        for event in self._nudged.values():
            event.set()

    def stop(self) -> None:
        """Carry out what is there and return from `run`."""
        self._stopped.set()
        self.nudge()

    async def run(self, vitals: Vitals | None = None) -> None:
        """Carry facts until `stop`, then the rest of them; ``vitals`` are told of each turn."""
        vitals = vitals or Vitals(self._clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loop("audit", self.write_audit, vitals), name="outbox-audit")
            group.create_task(
                self._loop(_ADOPTIONS, self.keep_adoptions, vitals), name="outbox-adopted"
            )
            for name in self._destinations:
                group.create_task(self._serve(name, vitals), name=f"outbox-{name}")

    async def _serve(self, name: str, vitals: Vitals) -> None:
        pause = _GATHER

        async def deliver() -> None:
            nonlocal pause
            # Many facts in a row are told once: each telling reads every state.
            await self._pause(pause)
            began = self._clock.monotonic()
            await self.deliver(name)
            pause = max(_GATHER, 2 * (self._clock.monotonic() - began))

        await self._loop(name, deliver, vitals)

    async def _loop(self, name: str, carry: _Carry, vitals: Vitals) -> None:
        pulse = vitals.expect(f"outbox-{name}")
        await self._carry_on(name, carry, pulse)
        vitals.release(f"outbox-{name}")

    async def _carry_on(self, name: str, carry: _Carry, pulse: Pulse) -> None:
        event, wait = self._nudged[name], _RETRY[0]
        event.set()
        while True:
            pulse.waits(None)
            await event.wait()
            pulse.works()
            last = self._stopped.is_set()
            event.clear()
            try:
                await carry()
                self.behind.pop(name, None)
                self._failing_since.pop(name, None)
                wait = _RETRY[0]
            except (AuditFault, DeliveryFault, AdoptionsFault, StoreFault) as fault:
                self.behind[name] = str(fault)
                self._failing_since.setdefault(name, self._clock.now())
                _log.error("outbox.failed", reader=name, error=str(fault))
                if not last:
                    await self._pause(wait)
                    wait = min(wait * 2, _RETRY[1])
                    event.set()
            if last:
                return

    @property
    def names(self) -> frozenset[str]:
        """The destinations that are shown all rooms at once."""
        return frozenset(self._destinations)

    @property
    def taken(self) -> int:
        """The last fact that log, list of adoptions and destinations all have; 0: not known yet."""
        readers = ["audit", *self._destinations]
        if self._adoptions is not None:
            readers.append(_ADOPTIONS)
        return min(self._cursors.get(name, 0) for name in readers)

    @property
    def unaudited(self) -> str:
        """Why nothing may be ended: the log has been behind for too long; or an empty text.

        Facts wait in the store and lose nothing; but an end that nobody can read of anywhere else
        should not follow the next, and the next.
        """
        since = self._failing_since.get("audit")
        if since is None or self._clock.now() - since < AUDIT_LAG:
            return ""
        return f"the audit log could not be written since {since:%d %b %H:%M:%SZ}"

    @property
    def needs(self) -> tuple[str, ...]:
        """What a person is told first."""
        stopped = [f"Nothing is ended or replaced: {self.unaudited}"] if self.unaudited else []
        return (*stopped, *(f"{name} is behind: {why}" for name, why in self.behind.items()))

    async def unwritten_since(self) -> datetime | None:
        """When the oldest fact was recorded that the log does not have; None: it has all of them.

        Raises `StoreFault`.
        """
        head = json.loads(await self._store.note(AUDIT_HEAD) or "{}")
        facts = await self._store.facts(int(head.get("seq", 0)), 1)
        return facts[0].ts if facts else None

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond `stop`: a destination that is down must not hold up the end."""
        async with asyncio.TaskGroup() as group:
            sleeping = group.create_task(self._clock.sleep(seconds), name="outbox-pause")
            stopping = group.create_task(self._stopped.wait(), name="outbox-stop")
            await asyncio.wait((sleeping, stopping), return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            stopping.cancel()

    async def write_audit(self) -> None:
        """Append every fact that the log does not have yet. Raises `AuditFault`."""
        head = await self._audit.head()
        while facts := await self._store.facts(head.seq, _BATCH):
            head = await self._audit.append(facts)
            await self._remember(head)
        self._cursors["audit"] = head.seq

    async def write_rest(self) -> None:
        """Write what `run` left: the facts of its last deliveries, and of the end.

        What cannot be written now is written at the next start.
        """
        try:
            await self.write_audit()
        except (AuditFault, StoreFault) as fault:
            _log.error("outbox.failed", reader="audit", error=str(fault))

    async def _remember(self, head: Head) -> None:
        self.audit_lines = head.lines
        note = json.dumps({"seq": head.seq, "hash": head.hash, "lines": head.lines})
        await self._store.commit(Commit(notes={AUDIT_HEAD: note}), self._clock.now())

    async def keep_adoptions(self) -> None:
        """Enter what was adopted and disowned since the last time. Raises `AdoptionsFault`."""
        if self._adoptions is None:
            return
        await self._pause(_GATHER)
        cursor = self._cursors.get(_ADOPTIONS)
        if cursor is None:
            cursor = int(await self._store.note(DELIVERED + _ADOPTIONS) or 0)
        last = cursor
        entries: list[Entry] = []
        while facts := await self._store.facts(last, _BATCH):
            last = facts[-1].seq
            entries.extend(entry for fact in facts if (entry := _entry(fact.fact)) is not None)
        if entries:
            await self._adoptions.record(entries)
            notes: dict[str, str | None] = {DELIVERED + _ADOPTIONS: str(last)}
            await self._store.commit(Commit(notes=notes), self._clock.now())
        self._cursors[_ADOPTIONS] = last

    async def deliver(self, name: str) -> None:
        """Show a destination the present rooms, if a fact since the last time changed them."""
        cursor = self._cursors.get(name)
        if cursor is None:
            cursor = int(await self._store.note(DELIVERED + name) or 0)
        # Another public address or secret is no fact, and yet every link is another.
        last, telling = cursor, cursor == 0 or await self._linked(name) != self.links.digest
        while facts := await self._store.facts(last, _BATCH):
            last = facts[-1].seq
            telling = telling or any(_tells(fact) for fact in facts)
        if not telling:
            # Remembered in memory alone: a restart reads them again, which costs no telling.
            self._cursors[name] = last
            return
        began = self._clock.monotonic()
        try:
            shown = await self._show(name)
        except DeliveryFault as fault:
            self.meter.delivered(name, "failed", self._clock.monotonic() - began)
            if name not in self.behind:
                await self._tell_failure(name, fault)
            raise
        self.meter.delivered(name, "sent", self._clock.monotonic() - began)
        fact = Fact("delivery.sent", detail={"destination": name, "rooms": shown})
        notes = {DELIVERED + name: str(last), LINKED + name: self.links.digest or None}
        await self._store.commit(Commit(facts=(fact,), notes=dict(notes)), self._clock.now())
        self._cursors[name] = last

    async def _show(self, name: str) -> int:
        """Show a destination what there is now, and tell how many that are."""
        destination = self._destinations[name]
        if isinstance(destination, LinkBoard):
            report = await self.listing(name)
            await destination.lead(report, self._clock.now())
            return len(report.links)
        rooms = delivered_rooms(await self._store.states(), self.book, name, self.links)
        await destination.deliver(rooms, self._clock.now())
        return len(rooms)

    async def _linked(self, name: str) -> str:
        """The form of links by which a destination was told last."""
        return await self._store.note(LINKED + name) or ""

    async def _tell_failure(self, name: str, fault: DeliveryFault) -> None:
        next_at = format_instant(self._clock.now() + timedelta(seconds=_RETRY[0]))
        fact = Fact(
            "delivery.failed",
            reason=str(fault),
            detail={"destination": name, "next_at": next_at},
        )
        await self._store.commit(Commit(facts=(fact,)), self._clock.now())


async def _unlisted(_: str) -> LinksReport:
    message = "it is not known yet what links lead to"
    raise DeliveryFault(message)


def _entry(fact: Fact) -> Entry | None:
    """What a fact says of whose a room is; None where it says nothing."""
    match fact.event:
        case "room.adopted":
            standing = Standing.MARKED if fact.detail.get("marked") else Standing.ADOPTED
        case "room.forgotten":
            standing = Standing.DISOWNED
        case "room.rekeyed":
            standing = Standing.MOVED
        case _:
            return None
    written = str(decode_key(fact.key) or fact.key)
    return Entry(fact.room_id, written, str(fact.detail.get("display_name", "")), standing)


def _tells(recorded: RecordedFact) -> bool:
    return recorded.fact.event in _TELLING


def delivered_rooms(
    states: Sequence[KeyState], book: Book, destination: str, links: LinkScheme = NO_LINKS
) -> list[DeliveredRoom]:
    """The current rooms of the policies that deliver to a destination, by key.

    A room that is let go is still shown, with its end, while people can join it.
    """
    told = {
        policy.name
        for policy in book.policies.values()
        if any(deliver.to == destination for deliver in policy.deliver)
    }
    rooms: list[DeliveredRoom] = []
    for state in states:
        if state.key.policy not in told:
            continue
        shown = state.current or next(
            (room for room in state.rooms if room.role is Role.ENDING), None
        )
        if shown is None:
            continue
        rooms.append(
            DeliveredRoom(
                policy=state.key.policy,
                subject=state.key.subject,
                key=str(state.key),
                room_id=shown.id,
                display_name=shown.display_name,
                type=str(shown.type),
                guest_url=shown.guest_url,
                meeting_code=shown.meeting_code,
                expires_at=shown.expires_at,
                ending=shown.role is Role.ENDING or state.tombstone is not None,
                link=links.link_of(state.key.policy, state.key.subject) or shown.guest_url,
            )
        )
    return rooms
