"""Hints: what the Meetings API tells us by itself, taken in and passed on as a wake.

A callback changes no room: it says who is inside, which holds ends and replacements (promise P5),
and it wakes the key.  Everything else is read afresh.  Sessions that are open outlive a restart,
because an API that lists no sessions would not tell of them again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.keys import Key
from orchestrator.domain.presence import Callback, Event, News, OpenSession, Presence, hear
from orchestrator.domain.records import KeyState
from orchestrator.engine.gathering import clocks_apart
from orchestrator.engine.inbox import Inbox
from orchestrator.engine.observations import Observations
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.foundation.shapes import ShapeError, dumps, loads
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.store import Commit, Store, StoreFault

_log = structlog.get_logger(__name__)
OPEN_SESSIONS: Final = "sessions.open"
CALLBACKS_AT: Final = "callbacks.last_at"
OUTCOMES: Final = ("received", "doubled", "foreign", "unknown")
_MET_MOST: Final = 4096  # callbacks that are told from doubled ones
_WRITTEN_EVERY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class KeptSessions:
    """The open sessions of all rooms, as the store keeps them: by room, then by session."""

    rooms: Mapping[str, Mapping[str, OpenSession]] = field(default_factory=dict)


class Hints:
    """Implements `orchestrator.ports.callbacks.CallbackDesk`."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        observations: Observations,
        inbox: Inbox,
        clock: Clock,
        occupied_max: timedelta,
    ) -> None:
        """Tell ``observations`` who is inside, and wake keys in ``inbox``."""
        self._store = store
        self._rooms = rooms
        self._observations = observations
        self._inbox = inbox
        self._clock = clock
        self._occupied_max = occupied_max
        self._met: OrderedDict[Callback, None] = OrderedDict()
        self._open: dict[str, Mapping[str, OpenSession]] = {}  # as it was written last
        self._taking = asyncio.Lock()
        self._recalled = False
        self.counts: Counter[str] = Counter()
        """How many came since the start: received, doubled, of rooms that are not ours, unknown."""
        self.heard: Callable[[Callback], None] = lambda _: None
        """Told of each callback, whatever it is about; set by whoever looks for recordings."""
        self.last_at: datetime | None = None
        """When the last one came (wall clock), in this life or an earlier one."""

    async def recall(self) -> None:
        """Know again who was inside when the daemon ended. Raises `StoreFault`."""
        await self._recall()
        self._recalled = True

    async def _recall(self) -> None:
        at = await self._store.note(CALLBACKS_AT)
        self.last_at = parse_instant(at) if at else None
        text = await self._store.note(OPEN_SESSIONS)
        if not text:
            return
        try:
            kept = loads(KeptSessions, text)
        except ShapeError as error:
            # Of another version of ours: hints are no reason not to start.
            _log.warning("sessions.unreadable", error=str(error))
            return
        self._open = dict(kept.rooms)
        for room_id, sessions in kept.rooms.items():
            last = max((session.sign_at for session in sessions.values()), default=None)
            self._observations.heard(room_id, Presence(open=sessions, last_used_at=last))

    async def received(self, callback: Callback) -> None:
        """Take in one callback; recorded when this returns. Raises `StoreFault`, also too early."""
        if not self._recalled:
            message = "who was inside before is not known yet"
            raise StoreFault(message)
        self.counts["received"] += 1
        self.last_at = self._observations.callbacks_at = self._clock.now()
        self.heard(callback)
        # One after the other: what one told is known when the next is judged.
        async with self._taking:
            await self._take(callback)

    async def _take(self, callback: Callback) -> None:
        if callback.event is Event.OTHER:
            self.counts["unknown"] += 1
            return
        key = await self._store.key_of_room(callback.room_id) if callback.room_id else None
        if key is None:
            self.counts["foreign"] += 1
            return
        if callback in self._met and not _is_sign_of_life(callback):
            self.counts["doubled"] += 1
            return
        before = self._observations.presence(callback.room_id)
        now = self._rooms.api_now()
        if clocks_apart(self._rooms.clock_difference()):
            # Of two that differ the later: who is inside is held for long enough by either.
            now = max(now, self._clock.now())
        after, news = hear(before, callback, now)
        if news is not News.NOTHING:
            state = await self._store.state(key)
            await self._write(callback.room_id, after, _fact(news, callback, after, key, state))
        elif self._is_much_younger(callback, after):
            await self._write(callback.room_id, after)
        self._observations.heard(callback.room_id, after)
        self._remember(callback)
        if callback.event is Event.ROOM_EXPIRED:
            self._observations.doubted.add(callback.room_id)
        if news is not News.NOTHING or callback.event is Event.ROOM_EXPIRED:
            self._inbox.wake(key, f"callback {callback.event}")

    def _is_much_younger(self, callback: Callback, after: Presence) -> bool:
        """Whether a sign of life is worth writing: after a restart it holds the room."""
        session = after.open.get(callback.session_id)
        if session is None:
            return False
        written = self._open.get(callback.room_id, {}).get(callback.session_id)
        return written is None or session.sign_at - written.sign_at >= _WRITTEN_EVERY

    async def _write(self, room_id: str, after: Presence, *facts: Fact) -> None:
        now = self._rooms.api_now()
        rooms: dict[str, Mapping[str, OpenSession]] = {}
        for name, sessions in {**self._open, room_id: after.open}.items():
            # One that holds no room any more need not be known again.
            holding = {
                session_id: session
                for session_id, session in sessions.items()
                if now - session.sign_at < self._occupied_max
            }
            if holding:
                rooms[name] = holding
        notes: dict[str, str | None] = {
            OPEN_SESSIONS: dumps(KeptSessions, KeptSessions(rooms)).decode() if rooms else None,
            CALLBACKS_AT: format_instant(self._clock.now()),
        }
        await self._store.commit(Commit(facts=facts, notes=notes), self._clock.now())
        self._open = rooms

    def _remember(self, callback: Callback) -> None:
        self._met[callback] = None
        if len(self._met) > _MET_MOST:
            self._met.popitem(last=False)


def _is_sign_of_life(callback: Callback) -> bool:
    """People come and go under one id, so that the same again may be news."""
    return callback.event in {Event.PARTICIPANT_JOINED, Event.PARTICIPANT_LEFT}


def _fact(
    news: News, callback: Callback, after: Presence, key: Key, state: KeyState | None
) -> Fact:
    """One fact a session and end, without the names of people."""
    records = {room.id: room for room in state.rooms} if state is not None else {}
    record = records.get(callback.room_id)
    session = after.open.get(callback.session_id)
    started_at = session.started_at if session is not None else callback.started_at
    detail: dict[str, Json] = {
        "display_name": record.display_name if record is not None else "",
        "session": callback.session_id,
        "started_at": format_instant(started_at) if started_at is not None else None,
    }
    if news is News.ENDED:
        ended_at = callback.ended_at
        detail["ended_at"] = format_instant(ended_at) if ended_at is not None else None
    return Fact(
        "session.started" if news is News.STARTED else "session.ended",
        key=key.encoded,
        room_id=callback.room_id,
        cause=f"callback {callback.event}",
        detail=detail,
    )
