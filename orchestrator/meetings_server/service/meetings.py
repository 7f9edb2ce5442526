"""The acts of the Meetings API, and those of the people in its rooms.

What came due is carried out before each act as well as by a ticker, so that no answer depends on
whether the ticker was on time.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from orchestrator.foundation.instants import EPOCH, truncate
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.refusals import Reason, Refused, invalid, not_found
from orchestrator.meetings_server.model.rooms import (
    Dates,
    Room,
    RoomChanges,
    RoomDraft,
    changed,
    made,
    planted,
)
from orchestrator.meetings_server.model.sessions import (
    Participant,
    Session,
    SessionPage,
    SessionQuery,
)
from orchestrator.meetings_server.ports import (
    Clock,
    Entropy,
    Records,
    Result,
    RoomPage,
    RoomQuery,
    Store,
)
from orchestrator.meetings_server.service import presence
from orchestrator.meetings_server.service.announcing import Announcer
from orchestrator.meetings_server.service.naming import draw_id, draw_names, draw_token, free_code
from orchestrator.meetings_server.service.theming import dressed
from orchestrator.meetings_server.service.upkeep import catch_up, moment_of, next_moment
from orchestrator.meetings_server.settings import Settings

_HOST_KEY: Final = "host-links"

# Who reads this may be far from whoever runs the server, so it says why.
_NO_RECORDING: Final = (
    '"recording_options.auto_record" must be false: on this server people send sound and picture '
    "to each other directly, which cannot be recorded"
)


@dataclass(frozen=True, slots=True)
class HostKey:
    """What host links are signed with, made once a store so that they outlive a restart."""

    id: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Inside:
    """A room at a moment, with the session that runs in it, if any."""

    room: Room
    session: Session | None
    present: tuple[Participant, ...]
    #: Those of its recordings that are not stopped.
    recordings: tuple[Recording, ...]


class Meetings:
    """Rooms, sessions and the people in them, over one store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        settings: Settings,
        wake: Callable[[], None],
        *,
        can_record: bool = True,
    ) -> None:
        """`wake` is called when something may have come due earlier, or is to be delivered.

        `can_record`: rooms that are to be recorded from the start can be promised so.
        """
        self._can_record = can_record
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._settings = settings
        self._wake = wake
        self._announcer = Announcer(settings.applications)
        # No later than the next thing that comes due; None: nothing will. This process alone
        # writes to the store, so the cache holds.
        self._due: datetime | None = EPOCH

    async def create(self, application_id: str, draft: RoomDraft) -> Room:
        """Make a room.

        Raises:
            Refused: the draft is unlawful, or the application has too many rooms.
        """
        if draft.options.recording_options.auto_record and not self._can_record:
            raise invalid(_NO_RECORDING)
        now = await self._caught_up()
        names = draw_names(self._entropy)
        one_year = self._settings.enforce_one_year
        room = made(draft, names, application_id, now, one_year=one_year)
        most = self._settings.max_rooms

        def work(records: Records) -> Room:
            if most is not None and records.rooms.living(application_id) >= most:
                message = f"The maximum of {most} rooms has been reached"
                raise Refused(Reason.FORBIDDEN, message)
            code = free_code(records.rooms, names.meeting_code)
            wanted = draft.theme_id
            if wanted is None:
                wanted = records.themes.default(application_id)
            drawn = replace(room, names=replace(names, meeting_code=code))
            return records.rooms.add(dressed(records, drawn, wanted, "create room"))

        return self._noted(await self._write(work))

    async def plant(
        self, application_id: str, room_id: str, draft: RoomDraft, dates: Dates
    ) -> Room:
        """Take in a room that stands elsewhere, with its id; its links are new."""
        names = replace(draw_names(self._entropy), id=room_id)
        room = planted(draft, names, application_id, dates)

        def work(records: Records) -> Room:
            code = free_code(records.rooms, names.meeting_code)
            return records.rooms.add(replace(room, names=replace(names, meeting_code=code)))

        return self._noted(await self._write(work))

    async def room(self, application_id: str, room_id: str) -> Room:
        """One room, ended ones included until they are purged.

        Raises:
            Refused: there is none that this application may see.
        """
        await self._caught_up()
        return await self._store.read(lambda records: _own(records, application_id, room_id))

    async def rooms(self, application_id: str, query: RoomQuery) -> RoomPage:
        """A page of the application's rooms, ended ones included."""
        await self._caught_up()
        return await self._store.read(lambda records: records.rooms.page(application_id, query))

    async def change(self, application_id: str, room_id: str, changes: RoomChanges) -> Room:
        """Change a long_term room.

        Raises:
            Refused: no such room, or it cannot be changed so.
        """
        now = await self._caught_up()

        def work(records: Records) -> Room:
            room = _own(records, application_id, room_id)
            one_year = self._settings.enforce_one_year
            room = changed(room, changes, now, one_year=one_year)
            room = dressed(records, room, changes.theme_id, "update room")
            records.rooms.save(room)
            return room

        return self._noted(await self._write(work))

    async def delete(self, application_id: str, room_id: str, *, force: bool) -> None:
        """Delete a room; an occupied one only by force.

        Raises:
            Refused: no such room, or somebody is inside.
        """
        now = await self._caught_up()

        def work(records: Records) -> Room:
            room = _own(records, application_id, room_id)
            if room.is_in_use and not force:
                message = f"Room {room_id} could not be deleted because it is in use"
                raise Refused(Reason.CONFLICT, message)
            return presence.remove(records, self._announcer, room, now)

        self._noted(await self._write(work))

    async def sessions(self, application_id: str, query: SessionQuery) -> SessionPage:
        """Who met when, oldest first."""
        now = await self._caught_up()
        return await self._store.read(
            lambda records: records.sessions.page(application_id, query, now)
        )

    async def linked(self, guest_token: str) -> Room | None:
        """The room of a guest link, deleted ones included until they are purged."""
        await self._caught_up()
        return await self._store.read(lambda records: records.rooms.linked(guest_token))

    async def all_rooms(self) -> tuple[Room, ...]:
        """The whole table, of all applications, deleted rooms included: for tests that look."""
        await self._caught_up()
        return await self._store.read(lambda records: records.rooms.all())

    async def join(self, room_id: str, name: str, *, is_host: bool) -> Participant:
        """Let somebody into a room.

        Raises:
            Refused: no such room, or it is over.
        """
        now = await self._caught_up()
        who = Participant(
            id=draw_id(self._entropy),
            session_id=draw_id(self._entropy),
            name=name,
            is_host=is_host,
            joined_at=now,
        )

        return (await self._entered(room_id, who, now))[1]

    async def enter(self, room_id: str, who: Participant) -> tuple[Room, Participant]:
        """Let somebody in who has an id already; the room, and them in the session that runs.

        Raises:
            Refused: no such room, or it is over.
        """
        now = await self._caught_up()
        return await self._entered(room_id, replace(who, joined_at=now), now)

    async def leave(self, room_id: str, participant_id: str) -> None:
        """See somebody out.

        Raises:
            Refused: no such room, or nobody of that id inside.
        """
        now = await self._caught_up()

        def work(records: Records) -> Room:
            room = _known(records, room_id)
            return presence.leave(records, self._announcer, room, participant_id, now)

        self._noted(await self._write(work))

    async def clear(self, room_id: str) -> None:
        """See everybody out of a room; fine if nobody is in it.

        Raises:
            Refused: no such room.
        """
        now = await self._caught_up()

        def work(records: Records) -> Room:
            return presence.clear(records, self._announcer, _known(records, room_id), now)

        self._noted(await self._write(work))

    async def inside(self, room_id: str) -> Inside | None:
        """The room and who is in it now; None: it was deleted, or there is none."""
        await self._caught_up()

        def work(records: Records) -> Inside | None:
            room = records.rooms.get(room_id)
            return None if room is None else _inside(records, room)

        return await self._store.read(work)

    async def insides(self, room_ids: Collection[str]) -> Mapping[str, Inside | None]:
        """The same for several rooms at one moment; nothing is read for none."""
        if not room_ids:
            return {}
        await self._caught_up()

        def work(records: Records) -> Mapping[str, Inside | None]:
            rooms = {room_id: records.rooms.get(room_id) for room_id in room_ids}
            return {
                room_id: None if room is None else _inside(records, room)
                for room_id, room in rooms.items()
            }

        return await self._store.read(work)

    async def with_live(self) -> tuple[Inside, ...]:
        """The rooms in which people are who came in over the meeting socket."""

        def work(records: Records) -> tuple[Inside, ...]:
            rooms = records.sessions.with_live()
            return tuple(_inside(records, _known(records, room_id)) for room_id in rooms)

        return await self._store.read(work)

    async def see_out_live(self) -> None:
        """See all out who came in over the meeting socket: there is none to come back to.

        Raises:
            StoreFault: the store cannot be read or written.
        """
        if not await self.with_live():
            return
        now = await self._caught_up()

        def work(records: Records) -> None:
            for room_id in records.sessions.with_live():
                inside = _inside(records, _known(records, room_id))
                room = inside.room
                for who in inside.present:
                    if who.is_live:
                        room = presence.leave(records, self._announcer, room, who.id, now)

        await self._write(work)
        self._due = EPOCH

    async def revoke_host(self, application_id: str, room_id: str) -> Room:
        """Make all host links of a room worthless; it has another from now on.

        Whoever came in by one over the meeting socket is seen out.

        Raises:
            Refused: no such room.
        """
        now = await self._caught_up()
        host_id = draw_id(self._entropy)

        def work(records: Records) -> Room:
            room = _own(records, application_id, room_id)
            room = replace(room, names=replace(room.names, host_id=host_id))
            records.rooms.save(room)
            for who in _inside(records, room).present:
                if who.is_host and who.is_live:
                    room = presence.leave(records, self._announcer, room, who.id, now)
            return room

        return self._noted(await self._write(work))

    async def look(self, work: Callable[[Records, datetime], Result]) -> Result:
        """Read, for what stands beside rooms, once all that came due until now is carried out."""
        now = await self._caught_up()
        return await self._store.read(lambda records: work(records, now))

    async def act(self, work: Callable[[Records, datetime], Result]) -> Result:
        """Change in the same way, in one transaction; callbacks that it queues are sent."""
        now = await self._caught_up()
        return await self._write(lambda records: work(records, now))

    @property
    def announcer(self) -> Announcer:
        """Queues events in such a transaction."""
        return self._announcer

    async def advance(self) -> None:
        """Carry out all that has come due; `next_due` tells what comes then."""
        await self._caught_up()

    @property
    def next_due(self) -> datetime | None:
        """No later than the next thing that comes due by itself; None: nothing will."""
        return self._due

    async def host_key(self) -> HostKey:
        """The key of host links, made at the first call on a new store."""
        drawn = f"{draw_id(self._entropy)} {draw_token(self._entropy)}{draw_token(self._entropy)}"

        def work(records: Records) -> str:
            kept = records.secret(_HOST_KEY)
            if kept is None:
                records.keep_secret(_HOST_KEY, drawn)
            return kept or drawn

        key_id, _, key = (await self._write(work)).partition(" ")
        return HostKey(key_id, key.encode("ascii"))

    @property
    def now(self) -> datetime:
        """The moment, as this server sees it."""
        return truncate(self._clock.now())

    async def _entered(
        self, room_id: str, who: Participant, now: datetime
    ) -> tuple[Room, Participant]:
        def work(records: Records) -> tuple[Room, Participant]:
            room = _known(records, room_id)
            return presence.enter(records, self._announcer, room, who, now)

        room, who = await self._write(work)
        return self._noted(room), who

    async def _caught_up(self) -> datetime:
        now = self.now
        retention = self._settings.retention

        def work(records: Records) -> datetime | None:
            catch_up(records, self._announcer, retention, now)
            return next_moment(records, retention)

        while self._due is not None and self._due <= now:
            self._due = await self._write(work)
        return now

    async def _write(self, work: Callable[[Records], Result]) -> Result:
        # A write is carried out although its awaiter is cancelled, and its callbacks want a wake.
        try:
            return await self._store.write(work)
        except asyncio.CancelledError:
            # Nobody notes when what it made comes due: that is read anew at the next look.
            self._due = EPOCH
            raise
        finally:
            self._wake()

    def _noted(self, room: Room) -> Room:
        moment = moment_of(room.life, self._settings.retention)
        if moment is not None and (self._due is None or moment < self._due):
            self._due = moment
            self._wake()
        return room


def _own(records: Records, application_id: str, room_id: str) -> Room:
    room = records.rooms.get(room_id)
    if room is None or room.application_id != application_id:
        raise not_found(room_id)
    return room


def _inside(records: Records, room: Room) -> Inside:
    session = records.sessions.running(room.id)
    if session is None:
        return Inside(room, None, (), ())
    present = records.sessions.present(session)
    return Inside(room, session, present, records.recordings.running(session.id))


def _known(records: Records, room_id: str) -> Room:
    room = records.rooms.get(room_id)
    if room is None:
        raise not_found(room_id)
    return room
