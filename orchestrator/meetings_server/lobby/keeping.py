"""All rooms with people: they come in, are lost and seen out, and what is known of them stays true.

Who is inside is the store's word; what is here follows it. What cannot be written is tried again
with the next grace, so a place may be kept for longer than it should, and never for less.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from orchestrator.foundation.instants import format_instant
from orchestrator.meetings_server.lobby import frames
from orchestrator.meetings_server.lobby.frames import Closed, Fault, Frame
from orchestrator.meetings_server.lobby.halls import Hall, Seat, Visit
from orchestrator.meetings_server.lobby.passes import Pass, Passes
from orchestrator.meetings_server.model.life import OVER
from orchestrator.meetings_server.model.people import Sending
from orchestrator.meetings_server.model.recordings import Act, Recording
from orchestrator.meetings_server.model.refusals import Refused
from orchestrator.meetings_server.model.rooms import Room, RoomType
from orchestrator.meetings_server.model.sessions import Participant
from orchestrator.meetings_server.ports import (
    Clock,
    Entropy,
    Medium,
    MediumFault,
    Report,
    StoreFault,
    Ticket,
)
from orchestrator.meetings_server.service import Meetings, Recordings
from orchestrator.meetings_server.service.naming import draw_id

#: Seconds for which somebody's place is kept whose connection was lost.
GRACE: Final = 30.0

# Seconds to wait before trying again what a medium or the store did not do.
_AGAIN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a house stands on."""

    meetings: Meetings
    recordings: Recordings
    medium: Medium
    passes: Passes
    clock: Clock
    entropy: Entropy
    report: Report


class House:
    """The halls that are in use."""

    def __init__(self, around: Around) -> None:
        """Empty; `reopen` finds those who were inside before a restart."""
        self.around = around
        self.is_closing = False
        self._halls: dict[str, Hall] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def hall(self, room: Room) -> AsyncIterator[Hall]:
        """The hall of a room, for this block alone; forgotten afterwards if it is empty."""
        hall = self._halls.setdefault(room.id, Hall(room))
        hall.pins += 1
        try:
            async with hall.lock:
                yield hall
        finally:
            hall.pins -= 1
            if not hall.pins and hall.is_empty:
                del self._halls[room.id]

    def seen(self, room: Room) -> Hall | None:
        """The hall as it is at this moment, for what waits for nothing."""
        return self._halls.get(room.id)

    # --- coming in ---

    async def enter(self, hall: Hall, visit: Visit) -> bool:
        """Let somebody in who need not wait; they are told either way. Whether they are inside."""
        around = self.around
        if len(hall.seats) >= around.medium.most:
            visit.line.end(frames.full(around.medium.most))
            return False
        who = Participant(
            id=draw_id(around.entropy),
            session_id=draw_id(around.entropy),
            name=visit.wish.name,
            is_host=visit.is_host,
            joined_at=around.meetings.now,
            is_live=True,
        )
        try:
            # The ticket first: whoever came in without one would have to be seen out again, and
            # that would begin and end a session.
            ticket = await around.medium.admit(hall.room, who)
            hall.room, who = await around.meetings.enter(hall.room.id, who)
        except Refused:
            visit.line.end(frames.closed(Closed.ENDED))
            return False
        except (MediumFault, StoreFault) as fault:
            around.report("meeting.not_entered", {"error": str(fault)})
            visit.line.end(frames.busy(_AGAIN))
            return False
        if visit.is_host and hall.room.names.host_id != visit.room.names.host_id:
            # Whoever revoked the link meanwhile saw nobody here to show out.
            await self._unwelcome(hall, visit, who)
            return False
        hall.session_id = who.session_id
        seat = Seat(who, visit.wish.sending)
        hall.seats[who.id] = seat
        self._seated(hall, seat, visit, ticket)
        hall.tell(frames.joined(who, seat.sending), but=seat)
        await self._record_anyway(hall)
        if who.is_host:
            await self.settle(hall)
        return True

    async def _unwelcome(self, hall: Hall, visit: Visit, who: Participant) -> None:
        """See out at once who was entered and may not be inside."""
        visit.line.end(frames.closed(Closed.UNKNOWN))
        seat = hall.seats[who.id] = Seat(who, visit.wish.sending)
        hall.session_id = who.session_id
        await self.see_out(hall, seat, None)

    async def resume(self, hall: Hall, visit: Visit, seat: Seat) -> None:
        """Give somebody their place again; an earlier connection of theirs ends."""
        try:
            ticket = await self.around.medium.admit(hall.room, seat.who)
        except MediumFault as fault:
            self.around.report("meeting.not_entered", {"error": str(fault)})
            visit.line.end(frames.busy(_AGAIN))
            return
        seat.give_up(frames.closed(Closed.REPLACED))
        # What they share is not told anew by the browser that asks, and goes on meanwhile.
        sending = replace(visit.wish.sending, screen=seat.sending.screen)
        hall.state(seat, sending)
        self._seated(hall, seat, visit, ticket)

    async def settle(self, hall: Hall) -> None:
        """Let those in who need not wait any more, and tell the others what they wait for."""
        for visit in tuple(hall.waiting.values()):
            wait = hall.wait_of_guests()
            if wait is None:
                # A host who is in already may have turned them away meanwhile.
                if hall.stop_waiting(visit):
                    await self.enter(hall, visit)
            elif wait is not visit.wait:
                visit.wait = wait
                visit.line.send(frames.waiting(wait))

    def _seated(self, hall: Hall, seat: Seat, visit: Visit, ticket: Ticket) -> None:
        seat.visit = visit
        visit.participant_id = seat.who.id
        if self.is_closing:
            visit.line.end(frames.closed(Closed.RESTARTING))
            return
        visit.line.send(self._welcome(hall, seat, visit, ticket))
        if ticket.expires_at is not None:
            seat.renewing = self.later(self._renewing(hall.room, seat, ticket))

    def _welcome(self, hall: Hall, seat: Seat, visit: Visit, ticket: Ticket) -> Frame:
        room, who, medium = hall.room, seat.who, self.around.medium
        features = room.options.available_features
        lasting = room.type is RoomType.LONG_TERM
        shown = Pass(room.id, who.session_id, who.id)
        waiting = hall.waiting.values() if who.is_host else ()
        return {
            "type": "welcome",
            "you": who.id,
            "resume": self.around.passes.write(shown, visit.wish.link),
            "role": "host" if who.is_host else "guest",
            "room": {
                "name": room.display_name,
                "features": {
                    "chat": features.is_chat_available,
                    "recording": features.is_recording_available,
                },
                "initial": {"microphone": room.options.microphone_state.value},
                "ends_at": format_instant(room.life.expires_at) if lasting else None,
            },
            "media": {"kind": medium.kind, "most": medium.most, **ticket.offer},
            "people": [frames.person(one.who, one.sending) for one in hall.seats.values()],
            "waiting": [{"id": one.knock_id, "name": one.wish.name} for one in waiting],
            "chat": frames.messages(hall.chat) if features.is_chat_available else [],
            "recording": {**frames.recorded(hall.recorded_since), "can": self.can_record(hall)},
        }

    async def _renewing(self, room: Room, seat: Seat, ticket: Ticket) -> None:
        """Bring a new ticket at half of the life of each."""
        around = self.around
        while ticket.expires_at is not None:
            left = (ticket.expires_at - around.clock.now()).total_seconds()
            await around.clock.sleep(max(left / 2, _AGAIN))
            try:
                ticket = await around.medium.admit(room, seat.who)
            except MediumFault as fault:
                around.report("medium.failed", {"error": str(fault)})
                continue
            offer = {"kind": around.medium.kind, "most": around.medium.most, **ticket.offer}
            seat.send(frames.media(offer))

    # --- going ---

    def lose(self, hall: Hall, seat: Seat) -> None:
        """Keep somebody's place for a while: their connection was lost."""
        seat.visit = None
        seat.losses += 1
        self.later(self._grace(hall.room, seat, seat.losses))

    async def _grace(self, room: Room, seat: Seat, loss: int) -> None:
        around = self.around
        while True:
            await around.clock.sleep(GRACE)
            async with self.hall(room) as hall:
                if hall.seats.get(seat.who.id) is not seat or seat.losses != loss or seat.visit:
                    return
                try:
                    present = await around.medium.present(hall.room)
                except MediumFault as fault:
                    # Unknown is not gone.
                    around.report("medium.failed", {"error": str(fault)})
                    continue
                if present is None or seat.who.id not in present:
                    await self.see_out(hall, seat, None)
                    return

    async def see_out(self, hall: Hall, seat: Seat, last: Frame | None) -> None:
        """Take somebody's place for good; the last one ends the session."""
        try:
            await self.around.meetings.leave(hall.room.id, seat.who.id)
        except Refused:
            pass  # the store has it already that they are out
        except StoreFault as fault:
            self.around.report("meeting.not_left", {"error": str(fault)})
            seat.give_up(last)
            # Whoever is out must not be heard on; and while they are, the grace would never end.
            await self.told(self.around.medium.remove(hall.room, seat.who.id))
            self.lose(hall, seat)
            return
        hall.vacate(seat, last)
        await self.told(self.around.medium.remove(hall.room, seat.who.id))
        await self._thinned(hall)

    async def end(self, hall: Hall) -> None:
        """See everybody out, also those who wait.

        Raises:
            StoreFault: it cannot be recorded just now; nothing has changed.
        """
        with suppress(Refused):  # deleted meanwhile, and then everybody was seen out
            await self.around.meetings.clear(hall.room.id)
        hall.empty(Closed.ENDED)
        await self._thinned(hall)

    async def _thinned(self, hall: Hall) -> None:
        """What follows when somebody is gone."""
        if hall.session_id is not None and not hall.seats:
            await self._stopped(hall)
            hall.end_session()
            await self.told(self.around.medium.close(hall.room))
        await self.settle(hall)

    # --- recording ---

    def can_record(self, hall: Hall) -> bool:
        """Whether hosts may begin and end a recording."""
        options = hall.room.options
        return (
            self.around.medium.can_record
            and options.available_features.is_recording_available
            and not options.recording_options.auto_record
        )

    async def record(self, hall: Hall, asking: Visit | None = None) -> None:
        """Begin to record; whoever asked is told if it does not come about, and all if it does."""
        try:
            recording = await self.around.recordings.start(hall.room.id)
        except (StoreFault, Refused) as fault:
            self._not_recorded(fault, asking)
            return
        hall.recording = recording
        # A medium may take half a minute: nobody waits for it at the door meanwhile.
        self.later(self._recording(hall.room, recording, frozenset(hall.seats), asking))

    async def _record_anyway(self, hall: Hall) -> None:
        """Begin to record where the room promises that to all who meet in it."""
        is_promised = hall.room.options.recording_options.auto_record
        if is_promised and self.around.medium.can_record and hall.recording is None:
            await self.record(hall)

    async def _recording(
        self, room: Room, recording: Recording, inside: frozenset[str], asking: Visit | None
    ) -> None:
        """Let the medium begin; `inside` were so when it was asked."""
        around = self.around
        try:
            await around.medium.start_recording(room, recording)
        except (MediumFault, StoreFault) as fault:
            self._not_recorded(fault, asking)
            async with self.hall(room) as hall:
                was_wanted = hall.recording is recording
                if was_wanted:
                    hall.recording = None
                with suppress(Refused):  # stopped meanwhile
                    await around.recordings.move(recording.id, Act.STOP)
                # Who came meanwhile may be who was missing: the owner, who alone is recorded.
                if was_wanted and hall.seats.keys() - inside:
                    await self._record_anyway(hall)
            return
        async with self.hall(room) as hall:
            if hall.recording is recording:
                hall.is_recorded = True
                hall.tell(frames.recording(recording.started_at))
            else:
                # Stopped before it had begun, and then the medium knew of none to stop.
                await self.told(around.medium.stop_recording(room, recording))

    def _not_recorded(self, fault: Exception, asking: Visit | None) -> None:
        self.around.report("recording.not_started", {"error": str(fault)})
        if asking is not None:
            message = "The recording did not start; try again."
            asking.line.send(frames.fault(Fault.CANNOT_RECORD, message))

    async def stop_recording(self, hall: Hall, recording: Recording) -> None:
        """Record no more, and fetch what was recorded.

        Raises:
            StoreFault: it cannot be noted just now; the recording goes on.
        """
        with suppress(Refused):  # stopped with its session
            await self.around.recordings.move(recording.id, Act.STOP)
        await self._stopped(hall)

    async def _stopped(self, hall: Hall) -> None:
        recording, hall.recording = hall.recording, None
        was_recorded, hall.is_recorded = hall.is_recorded, False
        if recording is not None:
            if was_recorded:
                hall.tell(frames.recording(None))
            await self.told(self.around.medium.stop_recording(hall.room, recording))
            self.later(self._deliver(recording))

    async def _deliver(self, recording: Recording) -> None:
        try:
            content = await self.around.medium.recorded(recording)
            await self.around.recordings.upload(recording.id, content)
        except (MediumFault, StoreFault, Refused) as fault:
            self.around.report("recording.not_delivered", {"error": str(fault)})

    # --- what changed without us ---

    async def reopen(self) -> None:
        """Keep the places of those who were inside before a restart, for a while.

        Raises:
            StoreFault: the store cannot be read.
        """
        for inside in await self.around.meetings.with_live():
            async with self.hall(inside.room) as hall:
                hall.session_id = None if inside.session is None else inside.session.id
                hall.recording = next(iter(inside.recordings), None)
                hall.is_recorded = hall.recording is not None
                for who in inside.present:
                    if who.is_live:
                        seat = hall.seats[who.id] = Seat(who, Sending())
                        self.lose(hall, seat)

    async def refresh(self) -> None:
        """Take over what happened to rooms otherwise than by their people.

        Raises:
            StoreFault: the store cannot be read.
        """
        # One read for all, since every change of any room rings for this; few are of these rooms.
        for room_id, inside in (await self.around.meetings.insides(tuple(self._halls))).items():
            known = self._halls.get(room_id)
            if known is not None and known.differs(inside):
                async with self.hall(known.room) as hall:
                    await self.look_at(hall)

    async def look_at(self, hall: Hall) -> None:
        """The same for one room.

        Raises:
            StoreFault: the store cannot be read.
        """
        inside = await self.around.meetings.inside(hall.room.id)
        if inside is None:
            hall.empty(Closed.ENDED)
            await self._thinned(hall)
            return
        hall.room = inside.room
        present = {who.id for who in inside.present}
        for seat in tuple(hall.seats.values()):
            if seat.who.id not in present:
                is_running = inside.session is not None and inside.session.id == hall.session_id
                reason = Closed.REMOVED if is_running else Closed.ENDED
                hall.vacate(seat, frames.closed(reason))
                await self.told(self.around.medium.remove(hall.room, seat.who.id))
        if hall.room.life.phase in OVER:
            for visit in tuple(hall.waiting.values()):
                hall.turn_away(visit, frames.closed(Closed.EXPIRED))
        if hall.recording is not None and not inside.recordings:
            await self._stopped(hall)
        await self._thinned(hall)
        if hall.seats:
            # What recorded may have ended by itself.
            await self._record_anyway(hall)

    # --- tasks ---

    async def told(self, call: Awaitable[None]) -> None:
        """Ask a medium for what nobody waits for; what it does not do is reported."""
        try:
            await call
        except MediumFault as fault:
            self.around.report("medium.failed", {"error": str(fault)})

    def later(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do something beside all else, until `close`; no group, for no failure ends the others."""
        task = asyncio.get_running_loop().create_task(work, name="meetings-server: meeting")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.around.report("meeting.failed", {"error": type(error).__name__})

    async def close(self) -> None:
        """Tell all that the server restarts; whoever is inside stays so in the store."""
        self.is_closing = True
        last = frames.closed(Closed.RESTARTING)
        for hall in self._halls.values():
            for seat in hall.seats.values():
                seat.give_up(last)
            for visit in hall.waiting.values():
                visit.line.end(last)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
