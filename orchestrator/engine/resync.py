"""Resync: the listing that tells of all rooms, at start and every so often; it only wakes keys.

A listing that failed or was cut short tells nothing; one that is doubtful leads to no removal, no
replacement and no new room for a lost one.  Between full walks it begins at the low-water mark, the
first page that still held a room that has not ended, and once a week at the very beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.rooms import Session
from orchestrator.engine.absences import Absences
from orchestrator.engine.gathering import (
    SESSIONS_BACK,
    USE_KNOWN_SINCE,
    USE_READ_AT,
    clocks_apart,
    within_reach,
)
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.weather import Weather
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import Fault, UnauthorizedError
from orchestrator.ports.meter import UNMETERED, Meter
from orchestrator.ports.rooms import RoomListing, Rooms
from orchestrator.ports.store import Commit, Store

_log = structlog.get_logger(__name__)
LOW_WATER: Final = "resync.low_water"
FULL_AT: Final = "resync.full_at"
_FULL_EVERY: Final = timedelta(days=7)
_NOTED_EVERY: Final = timedelta(days=1)  # between two notes of a reading of sessions
_FULL_NOTED_EVERY: Final = timedelta(days=1)  # a note is a commit, and a walk a week needs no more


class Resync:
    """Walks over the API's rooms, one walk at a time, shared by all who wait for one."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        observations: Observations,
        weather: Weather,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        """List ``rooms`` into ``observations``."""
        self.absences = Absences(store, rooms, observations, clock, settings)
        self.wanted = asyncio.Event()
        """Somebody waits for the next listing: only it tells what is gone, or who is inside."""
        self.hurried = asyncio.Event()
        """Nobody answers: keys wait until a listing succeeds, so the next is tried soon."""
        self.next_at: datetime | None = None
        """When the next listing is begun at the latest (wall clock); None where nobody lists."""
        self._doubted = ""  # what was told of the last doubt
        self._store = store
        self._rooms = rooms
        self._observations = observations
        self._weather = weather
        self._clock = clock
        self._settings = settings
        self._walking = asyncio.Lock()
        self._apart = False
        self._reading = asyncio.Lock()
        self._use_read: float | None = None
        self._use_told_at: datetime | None = None  # API time of the last reading that told it
        self.sessions_read: Callable[[Sequence[Session] | None, datetime], None] = lambda *_: None
        """Told what each listing of sessions showed, and when (API time); set by whoever asks."""
        self.meter: Meter = UNMETERED
        """Who times listings; set by whoever has one."""
        self.seen: Callable[[], Awaitable[None]] | None = None
        """Judges what a listing showed before anything is done by it; set by whoever owns it."""

    async def full(self) -> bool:
        """List everything that may still be alive, and the sessions; false if it failed."""
        async with self._walking:
            return await self._full(await self._start())

    async def whole(self) -> bool:
        """List from the very beginning: only so it is known what is not there. False if it failed.

        One listing serves all who wait for one.
        """
        asked = self._clock.monotonic()
        async with self._walking:
            return self._observations.looked(None, asked) or await self._full(None)

    async def _full(self, start: int | None) -> bool:
        began = self._clock.monotonic()
        try:
            listing = await self._rooms.list_rooms(start)
        except Fault as fault:
            self.meter.listed("failed", self._clock.monotonic() - began)
            await self._fail(fault)
            return False
        await self._read_sessions()
        self.wanted.clear()
        self.hurried.clear()
        doubt = await self._judge(listing, began)
        outcome = "doubtful" if doubt else "complete"
        self.meter.listed(outcome, self._clock.monotonic() - began)
        if doubt:
            listing = replace(listing, doubtful=doubt)
            self._observations.doubt = doubt
        self._observations.walked(listing, start, began, self._clock.now())
        if self.seen is not None:
            await self.seen()
        self._observations.doubt = doubt
        if listing.complete:
            self._observations.listed = True
        if not doubt:
            self._observations.absent(listing, began, self.absences.expected_before)
        await self._remember(listing, start)
        if listing.complete and not listing.doubtful:
            self._observations.passed_at = self._clock.now()
        return True

    async def look(self, watermark: int | None) -> None:
        """List from a watermark on, to find an unanswered create. Raises the API's faults."""
        asked = self._clock.monotonic()
        async with self._walking:
            if self._observations.looked(watermark, asked):
                return  # a walk that began after we asked served us as well
            began = self._clock.monotonic()
            listing = await self._rooms.list_rooms(watermark)
            if listing.complete and not listing.rooms:
                # There were rooms from there on. What lacks them all says nothing of the one.
                await self.absences.judge(listing, began)
                self.wanted.set()
            self._observations.walked(listing, watermark, began, self._clock.now())

    async def shows(self, operation: str, watermark: int | None) -> bool:
        """List from a watermark on: is an operation's room there, with its marker?

        Raises the API's faults.
        """
        async with self._walking:
            began = self._clock.monotonic()
            listing = await self._rooms.list_rooms(watermark)
            self._observations.walked(listing, watermark, began, self._clock.now())
        markers = (room.marked_by(self._settings.owner) for room in listing.rooms)
        return any(marker is not None and marker.operation == operation for marker in markers)

    async def read_use(self) -> None:
        """Read afresh who is where, before anything is ended.

        Where that cannot be read nothing is ended or replaced, and everything else goes on (P5).
        """
        await self._read_sessions()

    async def read_use_lately(self, seconds: float) -> None:
        """The same, unless it was tried within so many seconds: for rooms that end together."""
        async with self._reading:
            now = self._clock.monotonic()
            if self._use_read is None or now - self._use_read > seconds:
                await self._read_sessions()
                # One that was waited for in vain is not waited for by each of them.
                in_vain = bool(self._observations.use_unread)
                self._use_read = self._clock.monotonic() if in_vain else now

    async def _read_sessions(self) -> None:
        """Who is where, if that can be read; where it cannot, all else goes on."""
        now, began = self._rooms.api_now(), self._clock.monotonic()
        # A week for `when_unused`, and half a day more for sessions that go on.
        since = now - SESSIONS_BACK - self._settings.occupied_max
        try:
            sessions = await self._rooms.list_sessions(since)
        except Fault as fault:
            self._observations.use_unread = f"who is inside could not be read: {fault}"
            _log.warning("sessions.unread", error=str(fault))
            return
        self.sessions_read(sessions, now)
        lasting: frozenset[str] = frozenset()
        if sessions is not None:
            lasting = frozenset(one.room_id for one in sessions if one.ended_at is None)
            # A session without an end holds a room for so long and no longer (P5).
            sessions = [
                session
                for session in sessions
                if session.ended_at is not None
                or now - session.started_at < self._settings.occupied_max
            ]
        self._observations.used(sessions, now, lasting, (began, self._clock.monotonic()))
        if sessions is not None:
            self._use_told_at = now

    async def _note_reading(self) -> dict[str, str | None]:
        """Until when every use was told; from when on, anew where some may have been missed."""
        told_at = self._use_told_at
        if told_at is None:
            return {}
        read, since = await self._store.note(USE_READ_AT), await self._store.note(USE_KNOWN_SINCE)
        notes: dict[str, str | None] = {USE_READ_AT: format_instant(told_at)}
        if read is None or since is None or not within_reach(read, told_at):
            return notes | {USE_KNOWN_SINCE: format_instant(told_at)}
        return notes if told_at - parse_instant(read) >= _NOTED_EVERY else {}

    async def _start(self) -> int | None:
        """The low-water mark, or the very beginning at start and once a week."""
        if not self._observations.listed:
            return None
        full_at = await self._store.note(FULL_AT)
        now = self._clock.now()
        if full_at is None or not timedelta() <= now - parse_instant(full_at) < _FULL_EVERY:
            return None
        low = await self._store.note(LOW_WATER)
        return int(low) if low else None

    async def _judge(self, listing: RoomListing, began: float) -> str:
        """Why a listing is not believed, or an empty text."""
        if not listing.complete:
            return "the last listing was cut short"
        if listing.doubtful:
            return f"the last listing is doubtful: {listing.doubtful}"
        return (await self.absences.judge(listing, began)).reason

    async def _remember(self, listing: RoomListing, start: int | None) -> None:
        now = self._clock.now()
        facts = [*self._weather.answered(now), *self._tell_doubt(), *self._compare_clocks()]
        notes = await self.absences.changed()
        if listing.complete and not listing.doubtful:
            alive = next((page.start_id for page in listing.pages if page.alive), None)
            low = "" if alive is None else str(alive)
            if low != (await self._store.note(LOW_WATER) or ""):
                notes[LOW_WATER] = low or None
            if start is None and await self._full_is_stale(now):
                notes[FULL_AT] = format_instant(now)
            # Beside a listing that lacks rooms no session means nothing.
            notes |= await self._note_reading()
        if facts or notes:
            await self._store.commit(Commit(facts=facts, notes=notes), now)

    async def _full_is_stale(self, now: datetime) -> bool:
        """Whether the last full walk that is noted was long ago, or at a moment to come."""
        noted = await self._store.note(FULL_AT)
        return noted is None or not timedelta() <= now - parse_instant(noted) < _FULL_NOTED_EVERY

    def _tell_doubt(self) -> list[Fact]:
        """A doubt is two facts, its beginning and its end, unless other rooms are missing."""
        before, now = self._doubted, self._observations.doubt
        found = self.absences.found
        self._doubted = (found.name or "doubtful") if now else ""
        if self._doubted == before:
            return []
        if not now:
            return [Fact("listing.believed", reason="it shows what must be there")]
        detail: dict[str, Json] = {}
        if found.doubtful:
            keys = sorted(found.missing.values())
            detail = {"name": found.name, "keys": [*keys], "expected": found.expected}
        return [Fact("listing.doubted", reason=now, detail=detail)]

    def _compare_clocks(self) -> list[Fact]:
        """Removals stop while the two clocks disagree; creating and renewing go by API time."""
        seconds = self._rooms.clock_difference()
        doubt = clocks_apart(seconds)
        facts: list[Fact] = []
        if doubt:
            self._observations.doubt = doubt
            if not self._apart:
                facts.append(Fact("clock.jumped", detail={"seconds": round(seconds, 1)}))
        self._apart = bool(doubt)
        return facts

    async def _fail(self, fault: Fault) -> None:
        now = self._clock.now()
        _log.warning("listing.failed", error=str(fault))
        if isinstance(fault, UnauthorizedError):
            facts = self._weather.unauthorized(str(fault), now)
        else:
            facts = self._weather.failed(fault, now)
        if facts:
            await self._store.commit(Commit(facts=facts), now)
