"""The archivist: copies recordings into archives, and deletes them at the API.

A deletion is journalled before its call leaves (promise P2), and before that the copy that was
promised is read back as a whole.  A recording is gone when GET says 404: an answer to DELETE alone
is not believed, and none at all is looked into; and its session is listed once more after that.
Nothing here decides what is to be done.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import structlog

from orchestrator.domain import backoff, recordingfacts
from orchestrator.domain.archiving import (
    CONFIRMED_LOOKS,
    Closed,
    RecordingAct,
    RecordingStep,
    copied_to,
    is_deleted,
    is_lost,
)
from orchestrator.domain.facts import ApiCall, Fact
from orchestrator.domain.keeping import Gone, KeptCopy, KeptRecording, WatchedSession
from orchestrator.domain.recordings import Resume
from orchestrator.domain.records import Attempts
from orchestrator.domain.watching import seen_off
from orchestrator.engine.gathering import DISOWNED
from orchestrator.engine.places import ElsewhereError, Places
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.surroundings import Surroundings
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.archives import Archive, ArchiveError, Item
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.recordings import Content, Recordings
from orchestrator.ports.rooms import LAST_CALL

_log = structlog.get_logger(__name__)
_BROKEN: Final = 500  # as the API answers where it documents 403; nobody knows what it did
_CLOSED_AFTER: Final = 3  # failures of an archive in a row
_ARCHIVE_FAILED: Final = "recording.archive.failed"
_UNANSWERED: Final = "its deletion was carried out, though that was not answered"
_BY_AN_EARLIER_ONE: Final = "a deletion that was sent before was carried out after all"
_DELETE_FAILED: Final = "recording.delete.failed"


class Archivist:
    """Carries out what is to be done about one recording.

    Attributes:
        closed: archives that failed again and again, by name, until somebody got through.
    """

    def __init__(
        self,
        recordings: Recordings,
        archives: Mapping[str, Archive],
        shelf: Shelf,
        around: Surroundings,
        settings: EngineSettings,
    ) -> None:
        """Copy ``recordings`` to ``archives``, by name; what is remembered is on ``shelf``."""
        self._recordings = recordings
        self._archives = archives
        self._shelf = shelf
        self._around = around
        self._settings = settings
        self._places = Places(archives, shelf, around)
        self._in_a_row: dict[str, Attempts] = {}
        self.closed: dict[str, Closed] = {}
        self.still_due: Callable[[KeptRecording], bool] = lambda _: True
        """Whether a deletion still holds: reading a copy back takes a while."""
        self.acted = 0
        """Deletions sent since the start."""

    async def do(self, one: KeptRecording, act: RecordingAct, cause: str) -> None:
        """Do one thing; leave a recording alone whose room is not ours any more (P3).

        Raises `StoreFault`, and `UnauthorizedError` where our key is refused.
        """
        LAST_CALL.set(None)
        if await self._let_go(one):
            return
        match act.step:
            case RecordingStep.COPY:
                await self._copy(one, act, cause)
            case RecordingStep.DELETE:
                await self._delete(one, act, cause)
            case RecordingStep.LOOK:
                await self._look(one, cause)

    async def stumbled(
        self, one: KeptRecording, act: RecordingAct, error: Exception, cause: str
    ) -> None:
        """Put one off after a fault of this program: it ends no other. Raises `StoreFault`."""
        # Not its text: that of an address that is none may hold the link.
        name, where = type(error).__name__, traceback.extract_tb(error.__traceback__)[-1:]
        place = [f"{one.filename}:{one.lineno}" for one in where]
        _log.error("recording.broken", recording=one.id, error=name, where=place)
        failure = backoff.Failure(f"a fault of this program: {name}", act.step)
        event = {RecordingStep.COPY: _ARCHIVE_FAILED, RecordingStep.DELETE: _DELETE_FAILED}
        schedule = backoff.Schedule.CREATES
        now = self._now(one)
        await self._tried(now, act.step, event.get(act.step, ""), schedule, failure, cause)

    async def _let_go(self, one: KeptRecording) -> bool:
        """Leave one alone from now on where a person let its room go; true if so."""
        if await self._around.store.note(DISOWNED + one.room_id) is None:
            return False
        nothing = {"terms": None, "deleting_since": None, "missing_since": None}
        await self._record(one, **nothing)
        return True

    # --- copying ----------------------------------------------------------------------------------

    async def _copy(self, one: KeptRecording, act: RecordingAct, cause: str) -> None:
        name = "" if one.terms is None else one.terms.wish.archive

        @asynccontextmanager
        async def fetch(resume: Resume | None) -> AsyncIterator[Content]:
            # Its link is signed anew: that of a list may have been good an hour ago.
            fresh = await self._recordings.get_recording(one.id)
            async with self._recordings.download(fresh, resume) as content:
                yield content

        try:
            mark = await self._places.check(name)
            copy = await self._archives[name].keep(_item(one), fetch)
        except ArchiveError as error:
            await self._archive_failed(one, RecordingStep.COPY, name, error, cause)
        except MissingError:
            await self._missed(one)
        except UnauthorizedError:
            raise
        except Fault as fault:
            await self._failed(one, RecordingStep.COPY, _ARCHIVE_FAILED, fault, cause)
        else:
            self._got_through(name)
            kept = KeptCopy(name, copy, self._around.rooms.api_now())
            fact = recordingfacts.archived(one, kept, mark, cause, act.reason)
            await self._record(one, fact, copy=kept, attempts=Attempts())

    # --- deleting ---------------------------------------------------------------------------------

    async def _delete(self, one: KeptRecording, act: RecordingAct, cause: str) -> None:
        if not await self._is_kept(one, cause):
            return
        # SQLite goes on committing into a file that was unlinked: look before each intent (P2).
        await self._around.store.check()
        if await self._let_go(one):
            return
        one = self._now(one)
        if one.over or not self.still_due(one):
            return
        started = recordingfacts.told(one, "recording.delete.started", cause, act.reason)
        one = await self._record(one, started, deleting_since=self._around.rooms.api_now())
        self.acted += 1
        LAST_CALL.set(None)
        try:
            await self._recordings.delete_recording(one.id)
        except Fault as fault:
            await self._not_deleted(one, fault, cause)
            return
        call = LAST_CALL.get()
        one = await self._record(one, asked=True)
        await self._confirm(one, act.reason, call, cause)

    async def _is_kept(self, one: KeptRecording, cause: str) -> bool:
        """Whether the copy that was promised is there, read anew as a whole."""
        name, kept = copied_to(one), one.copy
        if not name or kept is None:
            return True
        try:
            await self._places.check(name)
            found = await self._archives[name].find(_item(one))
        except ArchiveError as error:
            await self._archive_failed(one, RecordingStep.DELETE, name, error, cause)
            return False
        self._got_through(name)
        if found == kept.copy:
            return True
        if found is not None:
            other = ArchiveError(f"its copy {found.name} in {name} is not the one that was made")
            await self._archive_failed(one, RecordingStep.DELETE, name, other, cause)
            return False
        why = f"its copy {kept.copy.name} is gone from {name}; another one is made"
        fact = recordingfacts.failed(one, _ARCHIVE_FAILED, cause, why, None)
        fact = replace(fact, detail={**fact.detail, "archive": name})
        await self._record(one, fact, copy=None, attempts=Attempts())
        return False

    async def _confirm(
        self, one: KeptRecording, reason: str, call: ApiCall | None, cause: str
    ) -> None:
        """It is gone when it cannot be read any more; until then its deletion stays open."""
        try:
            # One look may be answered 404 as wrongly as its deletion was answered 204.
            for _ in range(CONFIRMED_LOOKS):
                if await self._is_shown(one):
                    await self._look_later(one)
                    return
        except Fault as fault:
            await self._failed(one, RecordingStep.LOOK, "", fault, cause)
        else:
            await self._gone(one, Gone.DELETED, reason, call, cause)

    async def _is_shown(self, one: KeptRecording) -> bool:
        """Whether it can be read. Raises the API's faults but 404."""
        try:
            await self._recordings.get_recording(one.id)
        except MissingError:
            return False
        return True

    async def _not_deleted(self, one: KeptRecording, fault: Fault, cause: str) -> None:
        """What a DELETE that was not answered 2xx leaves behind."""
        match fault:
            case UnansweredError():
                unclear = recordingfacts.told(one, "recording.delete.unanswered", cause, str(fault))
                unclear = replace(unclear, api=LAST_CALL.get())
                await self._record(one, unclear, asked=True, attempts=Attempts())
            case MissingError():
                await self._look_for(one, cause)
            case _:
                # Of 500 nobody knows whether it was carried out all the same.
                if fault.status == _BROKEN:
                    one = await self._record(one, asked=True)
                else:
                    one = await self._record(one, deleting_since=None)
                if isinstance(fault, UnauthorizedError):
                    raise fault
                await self._failed(one, RecordingStep.DELETE, _DELETE_FAILED, fault, cause)

    async def _look_for(self, one: KeptRecording, cause: str) -> None:
        """DELETE says 404: is it so?"""
        try:
            await self._recordings.get_recording(one.id)
        except MissingError:
            await self._not_there(await self._record(one, deleting_since=None), cause)
        except Fault as fault:
            await self._failed(one, RecordingStep.LOOK, "", fault, cause)
        else:
            there = ForbiddenError("DELETE is answered as if it were not there", 404)
            one = await self._record(one, deleting_since=None)
            await self._failed(one, RecordingStep.DELETE, _DELETE_FAILED, there, cause)

    # --- looking ----------------------------------------------------------------------------------

    async def _look(self, one: KeptRecording, cause: str) -> None:
        """Is it there? One whose deletion was not answered, or that was not found."""
        try:
            seen = await self._recordings.get_recording(one.id)
        except MissingError:
            await self._not_there(one, cause)
            return
        except UnauthorizedError:
            raise
        except Fault as fault:
            await self._failed(one, RecordingStep.LOOK, "", fault, cause)
            return
        since, now = one.deleting_since, self._around.rooms.api_now()
        if since is not None and now < since + self._settings.settle:
            await self._look_later(one)
            return
        found = {"status": seen.status, "deleting_since": None, "missing_since": None}
        if since is None:
            await self._record(one, attempts=Attempts(), **found)
            return
        one = await self._record(one, **found)
        there = UnavailableError("it is still there: its deletion was not carried out")
        await self._failed(one, RecordingStep.DELETE, _DELETE_FAILED, there, cause)

    async def _look_later(self, one: KeptRecording) -> None:
        """An API may show for a while what it has deleted."""
        again = (one.deleting_since or self._around.rooms.api_now()) + self._settings.settle
        why = "it is still shown; perhaps it will not be for long"
        await self._record(one, attempts=Attempts(1, again, why, RecordingStep.LOOK))

    async def _not_there(self, one: KeptRecording, cause: str) -> None:
        """GET says 404. Once proves nothing: the whole API may be another one for a while."""
        call = LAST_CALL.get()
        is_ours = one.deleting_since is not None or one.asked
        if one.missing_since is None:
            await self._missed(one)
        elif is_ours and is_deleted(one):
            why = _BY_AN_EARLIER_ONE if one.deleting_since is None else _UNANSWERED
            await self._gone(one, Gone.DELETED, why, call, cause)
        elif is_ours or not is_lost(one, self._around.rooms.api_now()):
            missing = UnavailableError("it is not found, which may pass")
            await self._failed(one, RecordingStep.LOOK, "", missing, cause)
        else:
            await self._gone(
                one, Gone.LOST, "it was not found for an hour, at five looks and more", call, cause
            )

    async def _missed(self, one: KeptRecording) -> None:
        await self._record(one, missing_since=self._around.rooms.api_now())

    async def _gone(
        self, one: KeptRecording, gone: Gone, reason: str, call: ApiCall | None, cause: str
    ) -> None:
        if gone is Gone.DELETED:
            fact = recordingfacts.deleted(one, cause, reason, call)
        else:
            archive = None if one.copy is None else one.copy.archive
            lost = recordingfacts.told(one, "recording.lost", cause, reason, archive=archive)
            fact = replace(lost, api=call)
        await self._record(
            one,
            fact,
            gone=gone,
            gone_at=self._around.rooms.api_now(),
            deleting_since=None,
            missing_since=None,
            attempts=Attempts(),
        )

    # --- what went wrong, and what is recorded ----------------------------------------------------

    async def _archive_failed(
        self, one: KeptRecording, step: RecordingStep, name: str, error: ArchiveError, cause: str
    ) -> None:
        """A place that fails again and again is left alone for a while, whoever waits for it."""
        now, why = self._around.rooms.api_now(), str(error)
        failure = backoff.Failure(why, name)
        in_a_row = backoff.failed(
            self._in_a_row.get(name, Attempts()), backoff.Schedule.CREATES, now, name, failure
        )
        self._in_a_row[name] = in_a_row
        shut = in_a_row.count >= _CLOSED_AFTER or isinstance(error, ElsewhereError)
        if shut and in_a_row.next_at is not None:
            self.closed[name] = Closed(why, in_a_row.next_at)
        event = _ARCHIVE_FAILED if step is RecordingStep.COPY else _DELETE_FAILED
        await self._tried(one, step, event, backoff.Schedule.CREATES, failure, cause)

    def _got_through(self, name: str) -> None:
        self._in_a_row.pop(name, None)
        self.closed.pop(name, None)

    async def _failed(
        self, one: KeptRecording, step: RecordingStep, event: str, fault: Fault, cause: str
    ) -> None:
        retry_after = None
        match fault:
            case UnavailableError():
                schedule, retry_after = backoff.Schedule.WEATHER, fault.retry_after
            case _ if step is RecordingStep.COPY:
                # What comes in place of a content refuses no wish of ours: a proxy's page passes.
                schedule = backoff.Schedule.COPIES
            case RefusedError():
                schedule = backoff.Schedule.REFUSED
            case _:
                # What is deleted was uploaded when it was seen last: "not yet" may soon be over.
                schedule = backoff.Schedule.DELETIONS
        failure = backoff.Failure(str(fault), step, retry_after)
        await self._tried(one, step, event, schedule, failure, cause)

    async def _tried(
        self,
        one: KeptRecording,
        step: RecordingStep,
        event: str,
        schedule: backoff.Schedule,
        failure: backoff.Failure,
        cause: str,
    ) -> None:
        """Count one failure; it is told once, until something else becomes of it."""
        _log.warning("recording.failed", recording=one.id, step=str(step), error=failure.fault)
        now = self._around.rooms.api_now()
        tried = replace(failure, tried=step)
        attempts = backoff.failed(one.attempts, schedule, now, one.id, tried)
        if not event or attempts.count > 1:
            await self._record(one, attempts=attempts)
            return
        fact = recordingfacts.failed(one, event, cause, failure.fault, attempts.next_at)
        if event == _ARCHIVE_FAILED:
            archive = "" if one.terms is None else one.terms.wish.archive
            fact = replace(fact, detail={**fact.detail, "archive": archive})
        await self._record(one, replace(fact, api=LAST_CALL.get()), attempts=attempts)

    def _now(self, one: KeptRecording) -> KeptRecording:
        """What is remembered of it by now: its terms may have changed meanwhile."""
        return self._shelf.recordings.get(one.id, one)

    async def _record(self, one: KeptRecording, *facts: Fact, **changes: Any) -> KeptRecording:
        """Record what was done. It was: also if whoever did it is being cancelled."""
        around = self._around
        if any(fact.api is not None and fact.api.status for fact in facts):
            facts = (*around.weather.answered(around.clock.now()), *facts)
        return await asyncio.shield(self._write(one, facts, changes))

    async def _write(
        self, one: KeptRecording, facts: tuple[Fact, ...], changes: Mapping[str, Any]
    ) -> KeptRecording:
        async with self._shelf.writing:
            after = replace(self._now(one), **changes)
            sessions = [self._listed_again(after)] if after.gone is Gone.DELETED else []
            await self._shelf.put(recordings=[after], sessions=sessions, facts=facts)
        return after

    def _listed_again(self, gone: KeptRecording) -> WatchedSession:
        """Its session, to be listed once more when a list may be believed."""
        again = self._around.rooms.api_now() + self._settings.settle
        return seen_off(self._shelf.sessions.get(gone.session_id), gone, again)


def _item(one: KeptRecording) -> Item:
    """Its name in an archive, and what stands beside it for whoever finds it."""
    about = {
        "recording_id": one.id,
        "session_id": one.session_id,
        "room_id": one.room_id,
        "display_name": one.display_name,
        "key": str(one.key),
        "policy": "" if one.terms is None else one.terms.policy,
        "started_at": "" if one.started_at is None else format_instant(one.started_at),
        "ended_at": "" if one.ended_at is None else format_instant(one.ended_at),
    }
    return Item(f"{one.id}.mp4", about)
