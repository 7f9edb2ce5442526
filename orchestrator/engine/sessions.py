"""Sessions: which meetings of our rooms are looked at for recordings, and what is found there.

A recording's object names no room, so whose it is is told by its session alone.  Where the API
lists sessions its word counts and no other; where it lists none, that of its callbacks does.  A
session of a room that is not ours, was let go, or whose policy says nothing of recordings is never
looked at (promise P3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from orchestrator.domain import recordingfacts, watching
from orchestrator.domain.facts import Fact
from orchestrator.domain.keeping import KeptRecording, WatchedSession
from orchestrator.domain.keys import Key
from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.recordings import Recording, RecordingStatus
from orchestrator.domain.rooms import Session
from orchestrator.engine.book import Book
from orchestrator.engine.gathering import DISOWNED, SESSIONS_BACK
from orchestrator.engine.promises import Promises
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.surroundings import Surroundings
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.ports.faults import Fault, MissingError, UnauthorizedError
from orchestrator.ports.recordings import Recordings

_log = structlog.get_logger(__name__)
READ_AT: Final = "recordings.sessions_read_at"  # note: until when all sessions are known (API time)
_BEGINNING: Final = timedelta(days=3650)  # as far back as sessions are asked for at first
_NOTED_EVERY: Final = timedelta(hours=6)
_HINTS_MOST: Final = 1_000  # between two looks
_AT_ONCE: Final = 20  # sessions that are looked at in one go: each may wait for rooms
_OF_SESSIONS: Final = frozenset(
    {
        Event.SESSION_STARTED,
        Event.SESSION_ENDED,
        Event.PARTICIPANT_JOINED,
        Event.PARTICIPANT_LEFT,
    }
)
_OF_RECORDINGS: Final = frozenset({Event.RECORDING_ENDED, Event.RECORDING_UPLOADED})


class Sessions:
    """Finds recordings."""

    def __init__(
        self,
        recordings: Recordings,
        shelf: Shelf,
        promises: Promises,
        around: Surroundings,
        settings: EngineSettings,
    ) -> None:
        """Look for ``recordings`` of rooms of ours, and put what is found on ``shelf``."""
        self._recordings = recordings
        self._shelf = shelf
        self._promises = promises
        self._around = around
        self._settings = settings
        self._listed: Sequence[Session] | None = None
        self._listed_at: datetime | None = None  # API time; None: nothing new was listed
        self._hints: dict[str, Callback] = {}
        self._anew = False
        self._tells: bool | None = None  # whether the API lists its sessions; None: not asked yet

    # --- what is told -----------------------------------------------------------------------------

    def read(self, sessions: Sequence[Session] | None, at: datetime) -> None:
        """Take in what a listing of sessions told; None: this API does not tell."""
        self._tells = sessions is not None
        self._listed, self._listed_at = sessions, None if sessions is None else at

    def heard(self, callback: Callback) -> bool:
        """Take in a callback; whether it is worth a look."""
        known = self._shelf.sessions.get(callback.session_id)
        if callback.event in _OF_RECORDINGS and known is not None:
            self._shelf.sessions[known.id] = replace(known, next_at=self._around.rooms.api_now())
            return True
        if self._tells or not callback.room_id or not callback.session_id:
            return False
        if callback.event in _OF_SESSIONS | _OF_RECORDINGS and len(self._hints) < _HINTS_MOST:
            before = self._hints.get(callback.session_id)
            if before is None or before.event is not Event.SESSION_ENDED:
                self._hints[callback.session_id] = callback
            return True
        return False

    def look_back(self) -> None:
        """Ask for all sessions anew: there are policies whose rooms nobody looked at before."""
        self._anew = True

    # --- which are ours ---------------------------------------------------------------------------

    async def take(self, book: Book) -> None:
        """Watch the sessions of our rooms that were told of. Raises `StoreFault` and faults."""
        told = [*await self._listing(), *self._hinted()]
        now = self._around.rooms.api_now()
        keys: dict[str, Key | None] = {}
        found: list[WatchedSession] = []
        for session in told:
            before = self._shelf.sessions.get(session.id)
            if before is not None and (before.ended_at or not session.ended_at):
                continue
            if session.room_id not in keys:
                keys[session.room_id] = await self._key_of(session.room_id, book)
            key = keys[session.room_id]
            if key is None or not session.id:
                continue
            name = await self._name_of(session.room_id, key)
            new = WatchedSession(
                session.id, session.room_id, key, name, session.started_at, session.ended_at
            )
            after = watching.heard(before, new, now)
            if after is not before:
                found.append(after)
        notes = await self._note()
        async with self._shelf.writing:
            await self._shelf.put(sessions=found, notes=notes)
        self._shelf.forget_old()

    async def _listing(self) -> Iterable[Session]:
        """What was listed since the last time, and what lies further back where that is unknown."""
        listed: Sequence[Session] = self._listed or ()
        if self._listed_at is None and not self._anew:
            return ()
        now = self._around.rooms.api_now()
        text = await self._around.store.note(READ_AT)
        read_at = None if text is None or self._anew else parse_instant(text)
        if read_at is None or now - read_at > SESSIONS_BACK:
            since = now - _BEGINNING if read_at is None else read_at
            further = await self._around.rooms.list_sessions(since)
            listed = listed if further is None else further
        self._anew = False
        return listed

    async def _note(self) -> dict[str, str | None]:
        """Until when all sessions are known, now and then."""
        at, self._listed_at, self._listed = self._listed_at, None, None
        if at is None:
            return {}
        text = await self._around.store.note(READ_AT)
        if text is not None and timedelta() <= at - parse_instant(text) < _NOTED_EVERY:
            return {}
        return {READ_AT: format_instant(at)}

    def _hinted(self) -> list[Session]:
        if self._tells is None:
            return []  # they wait until it is known whose word counts
        hints, self._hints = ({} if self._tells else self._hints), {}
        now = self._around.rooms.api_now()
        return [
            Session(
                callback.room_id,
                callback.started_at or now,
                (callback.ended_at or now) if callback.event is Event.SESSION_ENDED else None,
                session_id,
            )
            for session_id, callback in hints.items()
        ]

    async def _key_of(self, room_id: str, book: Book) -> Key | None:
        """Whose a room is or was, if it is ours and its policy says something of recordings."""
        store = self._around.store
        if await store.note(DISOWNED + room_id) is not None:
            return None
        key = await store.key_of_room(room_id) or await store.key_of_former_room(room_id)
        if key is None or self._promises.of(key.policy, book) is None:
            return None
        return key

    async def _name_of(self, room_id: str, key: Key) -> str:
        state = await self._around.store.state(key)
        rooms = () if state is None else state.rooms
        return next((room.display_name for room in rooms if room.id == room_id), "")

    # --- what was recorded there ------------------------------------------------------------------

    @property
    def due(self) -> Sequence[WatchedSession]:
        """The sessions to look at now, those that wait for longest first; not all at once."""
        now = self._around.rooms.api_now()
        waiting = [
            (one.next_at, one.id, one)
            for one in self._shelf.sessions.values()
            if one.next_at is not None and one.next_at <= now
        ]
        return [one for _, _, one in sorted(waiting)[:_AT_ONCE]]

    @property
    def next_at(self) -> datetime | None:
        """When the next session is to be looked at (API time)."""
        moments = (one.next_at for one in self._shelf.sessions.values())
        return min((at for at in moments if at is not None), default=None)

    async def look(self, session: WatchedSession, book: Book, cause: str) -> None:
        """List the recordings of a session. Raises `StoreFault` and `UnauthorizedError`."""
        around = self._around
        try:
            listed: Sequence[Recording] = await self._recordings.list_recordings(session.id)
        except MissingError:
            listed = ()
        except UnauthorizedError:
            raise
        except Fault as fault:
            _log.warning("recordings.unlisted", session=session.id, error=str(fault))
            async with self._shelf.writing:
                later = watching.failed(session, around.rooms.api_now())
                await self._shelf.put(sessions=[later])
            return
        told = [await self._new(one, session, book) for one in listed]
        new = [one for one in told if one is not None]
        async with self._shelf.writing:
            terms = self._promises.of(session.key.policy, book)  # others came into force meanwhile
            new = [replace(one, terms=terms) for one in new]
            facts: list[Fact] = [*around.weather.answered(around.clock.now())]
            facts.extend(_found(one, cause) for one in new)
            changed = [*new, *self._changed(listed)]
            await self._shelf.put(
                recordings=changed, sessions=[self._looked(session, listed)], facts=facts
            )

    def _looked(self, session: WatchedSession, listed: Sequence[Recording]) -> WatchedSession:
        now, longest = self._around.rooms.api_now(), self._settings.occupied_max
        unfinished = any(one.status is not RecordingStatus.UPLOADED for one in listed)
        after = watching.looked(session, now, longest, unfinished=unfinished)
        # A callback that came meanwhile may tell of what this list did not show.
        hinted = self._shelf.sessions.get(session.id, session) is not session
        return replace(after, next_at=now) if hinted else after

    def _changed(self, listed: Sequence[Recording]) -> Iterator[KeptRecording]:
        """Recordings that are remembered and that the list shows otherwise."""
        for recording in listed:
            before = self._shelf.recordings.get(recording.id)
            if before is None:
                continue
            after = replace(
                before,
                status=recording.status,
                started_at=recording.started_at or before.started_at,
                ended_at=recording.ended_at or before.ended_at,
            )
            if after != before:
                yield after

    async def _new(
        self, recording: Recording, session: WatchedSession, book: Book
    ) -> KeptRecording | None:
        """What is to be remembered of a recording that is not; None where it is, or is gone."""
        if recording.id in self._shelf.recordings:
            return None
        gone = await self._around.store.recording(recording.id)
        if gone is not None and not await self._is_back(gone):
            return None
        new = KeptRecording(
            recording.id,
            session.id,
            session.room_id,
            session.key,
            session.display_name,
            self._around.rooms.api_now(),
            recording.status,
            recording.started_at,
            recording.ended_at,
            self._promises.of(session.key.policy, book),
        )
        return new if gone is None else replace(new, found_at=gone.found_at, copy=gone.copy)

    async def _is_back(self, gone: KeptRecording) -> bool:
        """Whether what was gone is there all the same, by its own word: lists may be stale."""
        now = self._around.rooms.api_now()
        if gone.gone_at is None or now - gone.gone_at < self._settings.settle:
            return False
        try:
            await self._recordings.get_recording(gone.id)
        except Fault:
            return False
        return True


def _found(one: KeptRecording, cause: str) -> Fact:
    why = "its session is one of a room of ours"
    return recordingfacts.told(one, "recording.found", cause, why, status=str(one.status))
