"""The recorder: keeps recordings by the policies of their rooms, beside everything else.

One loop follows the book, looks at sessions and says what is due; a few workers of its own carry it
out, so that a download of an hour holds nobody.  Rooms go before: each thing waits for a moment in
which no key is worked on, though not for ever.  Where no policy says anything of recordings and
none is remembered, it calls nothing.  Calls of recordings say nothing of the API's weather but that
it answers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from orchestrator.domain.archiving import (
    RecordingPlan,
    RecordingStep,
    RecordingWorld,
    plan_recording,
)
from orchestrator.domain.keeping import KeptRecording
from orchestrator.domain.keys import decode_key
from orchestrator.domain.pausing import Pause
from orchestrator.domain.presence import Callback
from orchestrator.domain.records import KeyState, Suspension
from orchestrator.domain.reports import RecordingRow
from orchestrator.domain.rooms import Session
from orchestrator.engine.archivist import Archivist
from orchestrator.engine.book import Book
from orchestrator.engine.gathering import clocks_apart
from orchestrator.engine.health import Pulse
from orchestrator.engine.promises import Promises
from orchestrator.engine.recordingrows import recording_row
from orchestrator.engine.sessions import Sessions
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.shelf import Shelf
from orchestrator.engine.surroundings import Surroundings
from orchestrator.engine.weather import PROBE_EVERY
from orchestrator.ports.archives import Archive
from orchestrator.ports.faults import Fault, UnauthorizedError
from orchestrator.ports.recordings import Recordings
from orchestrator.ports.store import StoreFault

_log = structlog.get_logger(__name__)
_COPIES: Final = 4  # at once
_DELETIONS: Final = 2  # at once; each reads a copy back
_SOON: Final = timedelta(seconds=1)  # never a busy loop, whatever the clocks say
_STORE_RETRY: Final = timedelta(seconds=15)
_SHOWN: Final = 50  # recordings of one key
_ROOMS_FIRST: Final = 30.0  # seconds at most that something waits for rooms
_CAUSE: Final = "recordings"


class _Lane:
    """What waits for the workers of one kind."""

    def __init__(self) -> None:
        self.waiting: deque[str] = deque()
        self._filled = asyncio.Event()

    def fill(self, ids: Sequence[str]) -> None:
        """These, in this order, and nothing else."""
        self.waiting = deque(ids)
        if ids:
            self._filled.set()

    async def take(self) -> str:
        """The next one, once there is one."""
        while not self.waiting:
            self._filled.clear()
            await self._filled.wait()
        return self.waiting.popleft()


class Recorder:
    """Keeps recordings."""

    def __init__(
        self,
        recordings: Recordings | None,
        archives: Mapping[str, Archive],
        around: Surroundings,
        settings: EngineSettings,
    ) -> None:
        """Keep ``recordings`` in ``archives``, by name; None: there are none to be had here."""
        self._around = around
        self._settings = settings
        self._archives = frozenset(archives)
        self.shelf = Shelf(around.store, around.clock)
        self._promises = Promises(self.shelf, around.rooms)
        self._sessions: Sessions | None = None
        self._archivist: Archivist | None = None
        if recordings is not None:
            self._sessions = Sessions(recordings, self.shelf, self._promises, around, settings)
            self._archivist = Archivist(recordings, archives, self.shelf, around, settings)
            self._archivist.still_due = self._still_due
        self._nudged = asyncio.Event()
        self._due: datetime | None = None  # API time
        # By key: also for recordings that were made while it was called otherwise.
        self._suspended: dict[str, tuple[tuple[str, ...], Suspension]] = {}
        self._lanes = {"copies": _Lane(), "deletions": _Lane()}
        self._busy: set[str] = set()
        self._paused = ""  # why nothing is asked, …
        self._paused_until: datetime | None = None  # … and until when (API time)
        self.book: Callable[[], Book] = Book
        """The book in force; set by whoever owns it."""

    @property
    def present(self) -> bool:
        """Whether recordings can be kept here at all."""
        return self._sessions is not None

    @property
    def acted(self) -> int:
        """Deletions sent since the start."""
        return 0 if self._archivist is None else self._archivist.acted

    async def recall(self) -> None:
        """Read what is remembered. Raises `StoreFault`."""
        await self.shelf.recall()
        for state in await self._around.store.states():
            self.note(state)

    # --- what wakes it ----------------------------------------------------------------------------

    def note(self, state: KeyState) -> None:
        """Take in a key's state: of one for which nothing is to be done nothing is deleted."""
        key, suspension = state.key.encoded, state.suspended
        before = self._suspended.pop(key, None)
        if suspension is not None:
            self._suspended[key] = ((key, *state.former), suspension)
        elif before is not None:
            self.nudge()

    def nudge(self) -> None:
        """Look soon: the book is another one, rooms were listed, or something was done."""
        self._nudged.set()

    def read(self, sessions: Sequence[Session] | None, at: datetime) -> None:
        """Take in what a listing of sessions told at a moment of API time; it nudges nobody."""
        if self._sessions is not None:
            self._sessions.read(sessions, at)

    def heard(self, callback: Callback) -> None:
        """Take in a callback: a hint."""
        sessions = self._sessions
        if sessions is not None and self._concerned(self.book()) and sessions.heard(callback):
            self.nudge()

    def _concerned(self, book: Book) -> bool:
        """Whether anybody's recordings are to be kept; of those without terms nothing comes."""
        if self.shelf.terms or any(one.recordings for one in book.policies.values()):
            return True
        return any(_is_open(one) for one in self.shelf.recordings.values())

    # --- the loop ---------------------------------------------------------------------------------

    async def run(self, pulse: Pulse) -> None:
        """Look whenever it may be worth it; runs until it is cancelled."""
        longest = self._settings.longest_turn.total_seconds()
        while not self._concerned(self.book()):
            pulse.waits(None)
            await self._nudged.wait()
            self._nudged.clear()
        async with asyncio.TaskGroup() as group:
            for name, lane, many in (
                ("copies", self._lanes["copies"], _COPIES),
                ("deletions", self._lanes["deletions"], _DELETIONS),
            ):
                for number in range(many):
                    group.create_task(self._work(lane), name=f"recordings-{name}-{number}")
            while True:
                pulse.works(longest)
                self._nudged.clear()
                await self._look_safely()
                await self._rest(pulse)

    async def _rest(self, pulse: Pulse) -> None:
        seconds: float | None = None
        if self._due is not None:
            left = self._due - self._around.rooms.api_now()
            seconds = max(left, _SOON).total_seconds()
        pulse.waits(seconds)
        await self._first_of(self._nudged, seconds)

    async def _first_of(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait for an event, but not for longer than this."""
        if seconds is None:
            await event.wait()
            return
        async with asyncio.TaskGroup() as group:
            pause = group.create_task(self._around.clock.sleep(seconds), name="recordings-pause")
            nudge = group.create_task(event.wait(), name="recordings-nudge")
            await asyncio.wait((pause, nudge), return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            nudge.cancel()

    async def _look_safely(self) -> None:
        """A store that cannot record ends no download; nothing new is begun until it can."""
        try:
            await self.look(_CAUSE)
        except StoreFault as fault:
            _log.error("store.failed", loop=_CAUSE, error=str(fault))
            self._due = self._around.rooms.api_now() + _STORE_RETRY

    async def look(self, cause: str) -> None:
        """Follow the book, look at the sessions that are due, and say what is to be done.

        Raises `StoreFault`.
        """
        self._due = None
        book, sessions = self.book(), self._sessions
        if sessions is None or not self._concerned(book):
            return
        if not self._around.observations.listed:
            return  # the first listing nudges; before it nobody knows who else is here
        if await self._promises.follow(book, cause):
            sessions.look_back()
        if not self._stopped():
            await self._look_at(sessions, book, cause)
        self._line_up(sessions)

    async def _look_at(self, sessions: Sessions, book: Book, cause: str) -> None:
        try:
            await sessions.take(book)
            for session in sessions.due:
                await self._let_rooms_go_first()
                await sessions.look(session, book, cause)
        except Fault as fault:
            # Whether the API is away at all is for the calls of rooms to say.
            _log.warning("sessions.unlisted", error=str(fault))
            self._pause(fault)

    def _line_up(self, sessions: Sessions) -> None:
        """Give the workers what is to be done now, what ended first before the rest."""
        world = self._world()
        moments = [world.now + PROBE_EVERY if world.stopped else sessions.next_at]
        lanes: dict[str, list[str]] = {"copies": [], "deletions": []}
        for one in sorted(self.shelf.recordings.values(), key=_age):
            if one.id in self._busy:
                continue  # it nudges when it is done
            plan = plan_recording(one, world)
            moments.append(plan.until)
            if plan.act is not None:
                copies = plan.act.step is RecordingStep.COPY
                lanes["copies" if copies else "deletions"].append(one.id)
        for name, ids in lanes.items():
            self._lanes[name].fill(ids)
        self._due = min((at for at in moments if at is not None), default=None)

    # --- the workers ------------------------------------------------------------------------------

    async def _work(self, lane: _Lane) -> None:
        """Do one thing after another."""
        while True:
            id_ = await lane.take()
            self._busy.add(id_)
            try:
                await self._let_rooms_go_first()
                await self._do(id_)
            except StoreFault as fault:
                _log.error("store.failed", loop=_CAUSE, error=str(fault))
                # Nothing can be recorded, so nothing is done (P2), and not again at once.
                lane.waiting.clear()
                await self._around.clock.sleep(_STORE_RETRY.total_seconds())
            except UnauthorizedError as fault:
                self._pause(fault)
            finally:
                self._busy.discard(id_)
            if not lane.waiting:
                self.nudge()

    async def _do(self, id_: str) -> None:
        if self._archivist is None or self._sessions is None:
            return
        # Whoever lined it up may look at sessions for minutes, while another book came into force.
        if await self._promises.follow(self.book(), _CAUSE):
            self._sessions.look_back()
        one = self.shelf.recordings.get(id_)
        if one is None:
            return
        plan = plan_recording(one, self._world())
        if plan.act is None:
            return
        try:
            await self._archivist.do(one, plan.act, _CAUSE)
        except (StoreFault, UnauthorizedError):
            raise
        except Exception as error:  # noqa: BLE001 - one recording's bug must not end the others
            await self._archivist.stumbled(one, plan.act, error, _CAUSE)

    async def _let_rooms_go_first(self) -> None:
        """Wait while keys are worked on."""
        if not self._around.inbox.empty:
            async with asyncio.TaskGroup() as group:
                pause = group.create_task(
                    self._around.clock.sleep(_ROOMS_FIRST), name="recordings-behind"
                )
                idle = group.create_task(self._around.inbox.idle(), name="recordings-idle")
                await asyncio.wait((pause, idle), return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                idle.cancel()

    def _pause(self, fault: Fault) -> None:
        """Our credentials are not taken for recordings, or nobody answers; rooms ask themselves."""
        self._paused = str(fault)
        self._paused_until = self._around.rooms.api_now() + PROBE_EVERY

    # --- what holds -------------------------------------------------------------------------------

    def _stopped(self) -> str:
        """Why no call is made, or an empty text."""
        until = self._paused_until
        if until is not None and until <= self._around.rooms.api_now():
            self._paused, self._paused_until = "", None
        hold = self._around.weather.hold
        stranger = self._around.gathering.stranger()
        return stranger or self._paused or ("" if hold is None else hold.reason)

    def _world(self) -> RecordingWorld:
        around = self._around
        apart = clocks_apart(around.rooms.clock_difference())
        return RecordingWorld(
            now=around.rooms.api_now(),
            mode=self._settings.mode,
            stopped=self._stopped(),
            doubt=around.observations.doubt or apart or around.gathering.unsure(),
            archives=self._archives,
            closed={} if self._archivist is None else self._archivist.closed,
            settle=self._settings.settle,
            listed=around.observations.expected_before,
            pauses=self._pauses(),
            suspended={name: word for names, word in self._suspended.values() for name in names},
        )

    def _pauses(self) -> dict[str, Pause]:
        """What puts off deletions, by the policies whose terms recordings have."""
        book, found = self.book(), self._around.gathering.pause
        names = {*self.shelf.terms, *book.policies}
        return {name: pause for name in names if (pause := found(name, book)) is not None}

    def _still_due(self, one: KeptRecording) -> bool:
        if not self._promises.keeps_to(self.book()):
            return False
        act = plan_recording(one, self._world()).act
        return act is not None and act.step is RecordingStep.DELETE

    def plans(self) -> list[tuple[KeptRecording, RecordingPlan]]:
        """Each recording that is at the API, with what comes of it now: for people."""
        if not self.shelf.recordings:
            return []
        world = self._world()
        return [(one, plan_recording(one, world)) for one in self.shelf.recordings.values()]

    async def of(self, state: KeyState) -> tuple[RecordingRow, ...]:
        """The recordings of a key's rooms, also by its former names; the latest first.

        Raises `StoreFault`.
        """
        if not self.present:
            return ()
        former = (decode_key(name) for name in state.former)
        keys = [state.key, *(key for key in former if key is not None)]
        found = [one for key in keys for one in await self._around.store.recordings_of(key, _SHOWN)]
        world = self._world()
        rows = [recording_row(one, plan_recording(one, world)) for one in found]
        return tuple(rows[:_SHOWN])


def _is_open(one: KeptRecording) -> bool:
    return one.deleting_since is not None or one.missing_since is not None


def _age(one: KeptRecording) -> tuple[datetime, str]:
    return (one.ended_at or one.found_at, one.id)
