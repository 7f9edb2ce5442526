"""The door: who comes, by which link, and what becomes of their connection."""

from collections.abc import Callable
from typing import Final

from orchestrator.meetings_server.lobby import frames
from orchestrator.meetings_server.lobby.asks import Asks
from orchestrator.meetings_server.lobby.frames import Closed, Frame
from orchestrator.meetings_server.lobby.halls import Hall, Line, Seat, Visit, Wish
from orchestrator.meetings_server.lobby.keeping import Around, House
from orchestrator.meetings_server.lobby.pace import Bucket, Pace, Paces
from orchestrator.meetings_server.lobby.passes import Pass
from orchestrator.meetings_server.model.life import Phase
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.ports import StoreFault
from orchestrator.meetings_server.service import Bell
from orchestrator.meetings_server.service.naming import draw_id

#: How often people may come from one address, and by one link. Whoever comes back is not counted.
FROM_AN_ADDRESS: Final = Pace(at_once=120, every=0.5)
BY_A_LINK: Final = Pace(at_once=60, every=1.0)

#: People before the door of one room.
MOST_WAITING: Final = 50

_WRITING: Final = Pace(at_once=10, every=1.0)
# Bytes for browsers, for each person that a room can hold: an offer and its candidates are some ten
# thousand, and a network that changes has all of them agreed anew.
_SIGNALS_EACH: Final = 32 * 1024
# Seconds for one byte.
_SIGNALLING: Final = 1 / (16 * 1024)
# Seconds after which somebody may look whether there is room before the door.
_CROWDED: Final = 30
# A store that could not be read may be readable soon.
_AFTER_FAULT: Final = 30.0

_OVER: Final = {Phase.EXPIRED: Closed.EXPIRED, Phase.DELETED: Closed.ENDED}


class Lobby:
    """Lets people in, and hears what they say until they are gone."""

    def __init__(self, around: Around, is_host: Callable[[Room, str], bool]) -> None:
        """`is_host` tells whether a token is one of the room's host."""
        self._house = House(around)
        self._asks = Asks(self._house)
        self._around = around
        self._is_host = is_host
        now = lambda: around.meetings.now  # noqa: E731 - a property's reader
        self._by_address = Paces(FROM_AN_ADDRESS, now)
        self._by_link = Paces(BY_A_LINK, now)

    async def come(self, line: Line, wish: Wish) -> Visit | None:
        """Let somebody in, or wait, or tell them why not: None, and their line has ended.

        Raises:
            StoreFault: the store cannot be read.
        """
        shown = self._around.passes.read(wish.resume, wish.link)
        if shown is None and (seconds := self._by_address.take(wish.address)):
            line.end(frames.busy(seconds))
            return None
        room = await self._around.meetings.linked(wish.link)
        if room is None or (wish.host and not self._is_host(room, wish.host)):
            line.end(frames.closed(Closed.UNKNOWN))
            return None
        writing = Bucket(_WRITING, self._around.meetings.now)
        at_once = _SIGNALS_EACH * self._around.medium.most
        signals = Bucket(Pace(at_once, _SIGNALLING), self._around.meetings.now)
        visit = Visit(line, wish, bool(wish.host), room, writing, signals)
        async with self._house.hall(room) as hall:
            return visit if await self._received(hall, visit, shown) else None

    async def _received(self, hall: Hall, visit: Visit, shown: Pass | None) -> bool:
        if self._house.is_closing:
            visit.line.end(frames.closed(Closed.RESTARTING))
            return False
        if shown is not None:
            if shown.participant_id in hall.removed:
                visit.line.end(frames.closed(Closed.REMOVED))
                return False
            seat = hall.seats.get(shown.participant_id)
            if seat is not None and seat.who.session_id == shown.session_id:
                return await self._come_back(hall, visit, seat)
            # A pass that is worth nothing any more spares nobody the count.
            if seconds := self._by_address.take(visit.wish.address):
                visit.line.end(frames.busy(seconds))
                return False
        if visit.room.life.phase in _OVER:
            visit.line.end(frames.closed(_OVER[visit.room.life.phase]))
            return False
        if seconds := self._by_link.take(visit.room.id):
            visit.line.end(frames.busy(seconds))
            return False
        # Whoever asks for approval from now on must not let in one more by what was known before.
        await self._house.look_at(hall)
        wait = None if visit.is_host else hall.wait_of_guests()
        if wait is None:
            return await self._house.enter(hall, visit)
        if len(hall.waiting) >= MOST_WAITING:
            visit.line.end(frames.busy(_CROWDED))
            return False
        visit.wait = wait
        visit.knock_id = draw_id(self._around.entropy)
        hall.waiting[visit.knock_id] = visit
        visit.line.send(frames.waiting(wait))
        hall.tell_hosts(frames.knock(visit.knock_id, visit.wish.name))
        return True

    async def _come_back(self, hall: Hall, visit: Visit, seat: Seat) -> bool:
        """Give somebody their place again; a host's for a guest's by the host's link."""
        if seat.who.is_host or not visit.is_host:
            await self._house.resume(hall, visit, seat)
            return visit.participant_id is not None
        await self._house.look_at(hall)
        replaced = frames.closed(Closed.REPLACED)
        # Once they are in as the host, where that can be: the last one who goes ends the session.
        if len(hall.seats) >= self._around.medium.most and seat.who.id in hall.seats:
            await self._house.see_out(hall, seat, replaced)
        is_inside = await self._house.enter(hall, visit)
        if is_inside and seat.who.id in hall.seats:
            await self._house.see_out(hall, seat, replaced)
        return is_inside

    async def heard(self, visit: Visit, frame: Frame) -> None:
        """Carry out what somebody asks for, `leave` apart."""
        await self._asks.carry_out(visit, frame)

    async def leave(self, visit: Visit) -> None:
        """See somebody out who says good-bye."""
        async with self._house.hall(visit.room) as hall:
            hall.stop_waiting(visit)
            seat = hall.seats.get(visit.participant_id or "")
            if seat is not None and seat.visit is visit:
                await self._house.see_out(hall, seat, None)
        visit.line.end(None)

    async def lost(self, visit: Visit) -> None:
        """Somebody's connection is gone, whyever: their place is kept for a while."""
        if self._house.is_closing:
            return
        async with self._house.hall(visit.room) as hall:
            hall.stop_waiting(visit)
            seat = hall.seats.get(visit.participant_id or "")
            if seat is not None and seat.visit is visit:
                self._house.lose(hall, seat)

    async def run(self, bell: Bell) -> None:
        """Follow what happens to rooms otherwise, at each ring, until cancelled."""
        while True:
            seconds = None
            bell.silence()
            try:
                await self._house.refresh()
            except StoreFault as fault:
                self._around.report("meeting.not_refreshed", {"error": str(fault)})
                seconds = _AFTER_FAULT
            except Exception as error:  # noqa: BLE001 - one bad meeting must not end the server
                self._around.report("meeting.failed", {"error": type(error).__name__})
                seconds = _AFTER_FAULT
            await bell.wait(self._around.clock, seconds)

    async def reopen(self) -> None:
        """Keep the places of those who were inside before a restart.

        Raises:
            StoreFault: the store cannot be read.
        """
        await self._house.reopen()

    async def close(self) -> None:
        """End all connections; whoever was inside may come back after a restart."""
        await self._house.close()
