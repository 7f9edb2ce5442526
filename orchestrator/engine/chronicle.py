"""The chronicle: facts as the store remembers them, with the latest in memory.

It keeps what was committed last, so that many who look at a page cost the store one reading of
each fact.  What is older is read from the store in small bites, between which others have their
turn.  Told are only fields of a list, none of them a link or a code.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final
from urllib.parse import unquote

from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.domain.keys import decode_key
from orchestrator.domain.reports import DayReport, FactRow, FactsReport
from orchestrator.domain.sought import tells_of, texts
from orchestrator.ports.store import Store

KEPT: Final = 2_000  # facts in memory
LOOKED_AT: Final = 20_000  # facts that one search looks at
_BITE: Final = 500  # facts that are read at once
_SECRET: Final = frozenset({"guest_url", "meeting_code", "to"})  # links, and what lets one in
_number: Final = attrgetter("seq")
_NAMES: Final = ("display_name", "title", "theme", "file", "destination", "brake", "name")

# What is an act, in the order in which a day is summed up; all else leads to one or tells of it.
DONE: Final = (
    "room.created",
    "room.adopted",
    "room.renewed",
    "room.updated",
    "room.replaced",
    "room.rekeyed",
    "room.restored",
    "room.retired",
    "room.deleted",
    "room.forgotten",
    "room.expired",
    "room.lost",
    "page.opened",
    "page.closed",
    "theme.created",
    "theme.updated",
    "theme.removed",
    "recording.archived",
    "recording.deleted",
    "brake.tripped",
    "brake.released",
)


class EngineChronicle:
    """Implements `orchestrator.ports.chronicle.Chronicle` on a store."""

    def __init__(self, store: Store) -> None:
        """Tell of the facts of ``store``; nothing is read yet."""
        self._store = store
        self._kept: list[RecordedFact] = []
        self._read_to: int | None = None
        self._reading = asyncio.Lock()
        self._news = asyncio.Event()
        store.listen(self._told)

    def _told(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def last(self) -> int:
        """The number of the latest fact; 0 where there is none."""
        await self._read_on()
        return self._read_to or 0

    async def latest(self, before: int | None, count: int) -> FactsReport:
        """The latest ``count`` facts with a number below ``before``; None: of all."""
        last = await self.last()
        end = last + 1 if before is None else min(before, last + 1)
        found = await self._between(max(0, end - 1 - count), end)
        rows = tuple(_row(one) for one in reversed(found))
        first = found[0].seq if found else None
        return FactsReport(rows, first, await self._is_before(first))

    async def find(
        self, text: str, before: int | None, count: int, *, secrets: bool
    ) -> FactsReport:
        """The latest facts that tell of a text, as `audit search` finds them."""
        last = await self.last()
        end = last + 1 if before is None else min(before, last + 1)
        rows: list[FactRow] = []
        first: int | None = None
        for _ in range(LOOKED_AT // _BITE):
            found = await self._between(max(0, end - 1 - _BITE), end)
            if not found:
                break
            for one in reversed(found):
                first = one.seq
                if tells_of(_texts(one.fact, secrets=secrets), text):
                    rows.append(_row(one))
                    if len(rows) == count:
                        return FactsReport(tuple(rows), first, await self._is_before(first))
            end = found[0].seq
        return FactsReport(tuple(rows), first, await self._is_before(first))

    async def after(self, seq: int, count: int) -> Sequence[FactRow]:
        """The facts that follow on a number, oldest first, at most ``count``."""
        await self._read_on()
        if self._kept and seq >= self._kept[0].seq - 1:
            start = bisect_left(self._kept, seq + 1, key=_number)
            return [_row(one) for one in self._kept[start : start + count]]
        return [_row(one) for one in await self._store.facts(seq, count)]

    async def news(self, seq: int) -> None:
        """Return once there is a fact with a higher number."""
        while True:
            news = self._news  # taken first: what comes while we read sets it
            if await self.last() > seq:
                return
            await news.wait()

    async def since(self, moment: datetime, count: int) -> DayReport:
        """What was done since a moment, with at most ``count`` facts of it."""
        await self._read_on()
        facts = [one for one in self._kept if one.ts >= moment]
        whole = len(self._kept) < KEPT or len(facts) < len(self._kept)
        acts = [one for one in facts if one.fact.event in DONE]
        counts: dict[str, int] = {}
        for name in DONE:
            many = sum(one.fact.event == name for one in acts)
            if many:
                counts[name] = many
        rows = tuple(_row(one) for one in reversed(acts[max(0, len(acts) - count) :]))
        return DayReport(moment, counts, rows, whole)

    async def _read_on(self) -> None:
        """Take in what was committed since the last time."""
        async with self._reading:
            if self._read_to is None:
                last = await self._store.last_fact()
                self._read_to = max(0, last - KEPT)
            while facts := await self._store.facts(self._read_to, _BITE):
                self._kept.extend(facts)
                self._read_to = facts[-1].seq
            del self._kept[:-KEPT]

    async def _between(self, after: int, before: int) -> Sequence[RecordedFact]:
        """The facts with a number between two others, oldest first."""
        if self._kept and after >= self._kept[0].seq - 1:
            start = bisect_left(self._kept, after + 1, key=_number)
            return self._kept[start : bisect_left(self._kept, before, key=_number)]
        found = await self._store.facts(after, before - 1 - after)
        return [one for one in found if one.seq < before]

    async def _is_before(self, first: int | None) -> bool:
        """Whether the store remembers a fact before this one; numbers have no gaps."""
        return first is not None and bool(await self._between(max(0, first - 2), first))


def _texts(fact: Fact, *, secrets: bool) -> Iterator[str]:
    """Every text that a search looks into."""
    yield from (fact.event, fact.key, unquote(fact.key), fact.room_id, fact.operation)
    for values in (fact.before, fact.after, fact.detail):
        for name, value in (values or {}).items():
            if secrets or name not in _SECRET:
                yield from texts(value)


def _row(recorded: RecordedFact) -> FactRow:
    fact = recorded.fact
    call = ""
    if fact.api is not None:
        call = f"{fact.api.method} {fact.api.status or 'unanswered'}, {fact.api.ms:,.0f} ms"
    return FactRow(
        seq=recorded.seq,
        ts=recorded.ts,
        event=fact.event,
        key=str(decode_key(fact.key) or fact.key),
        room_id=fact.room_id,
        name=next((str(fact.detail[name]) for name in _NAMES if fact.detail.get(name)), ""),
        actor=fact.actor,
        reason=fact.reason,
        cause=fact.cause,
        call=call,
        operation=fact.operation,
    )
