"""What people in a room ask for, frame by frame, and what they are refused.

A frame is believed to be a JSON object, and nothing else of it is. What one asks can do no more to
others than the frame's documentation says, whatever else is in it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from orchestrator.meetings_server.lobby import frames
from orchestrator.meetings_server.lobby.frames import Closed, Fault, Frame
from orchestrator.meetings_server.lobby.halls import Hall, Seat, Visit
from orchestrator.meetings_server.lobby.keeping import House
from orchestrator.meetings_server.model.people import LONGEST_TEXT, Message, Sending, Track
from orchestrator.meetings_server.ports import StoreFault
from orchestrator.meetings_server.service.naming import draw_id

_SIGNALS: Final = ("description", "candidate")


class Faulty(Exception):
    """A frame that is not carried out."""

    def __init__(self, code: Fault, message: str) -> None:
        super().__init__(message)
        self.frame = frames.fault(code, message)


_Ask: TypeAlias = Callable[[Visit, Frame], Awaitable[None]]


class Asks:
    """Carries out what people inside ask for."""

    def __init__(self, house: House) -> None:
        """Of one house."""
        self._house = house
        self._asks: Mapping[str, _Ask] = {
            "ping": self._ping,
            "signal": self._signal,
            "state": self._state,
            "chat": self._chat,
            "admit": self._admit,
            "deny": self._deny,
            "mute": self._mute,
            "remove": self._remove,
            "end": self._end,
            "record": self._record,
        }

    async def carry_out(self, visit: Visit, frame: Frame) -> None:
        """Do what a frame asks for, or tell why not."""
        kind = frame.get("type")
        try:
            ask = self._asks.get(kind) if isinstance(kind, str) else None
            if ask is None:
                raise _bad("type", "is not one of those that can be sent")
            await ask(visit, frame)
        except Faulty as faulty:
            visit.line.send(faulty.frame)
        except StoreFault as fault:
            self._house.around.report("meeting.not_done", {"error": str(fault)})
            message = "The server cannot write just now; try again."
            visit.line.send(frames.fault(Fault.UNAVAILABLE, message))

    async def _ping(self, visit: Visit, _: Frame) -> None:
        visit.line.send(frames.pong())

    async def _signal(self, visit: Visit, frame: Frame) -> None:
        hall, seat = self._inside(visit)
        if not self._house.around.medium.is_between_browsers:
            raise Faulty(Fault.NOT_ALLOWED, "Here a server carries sound and picture.")
        other = _person(hall, frame, "to")
        data = frame.get("data")
        if not isinstance(data, dict) or len(data) != 1 or not _is_signal(data):
            raise _bad("data", "must hold either a description or a candidate")
        told = frames.signal(seat.who.id, data)
        # What one sends fills the queue of another, who may read slowly and would be let go for it.
        if visit.signals.take(self._house.around.meetings.now, frames.size(told)):
            raise Faulty(Fault.TOO_FAST, "That was too much for others, and is not passed on.")
        other.send(told)

    async def _state(self, visit: Visit, frame: Frame) -> None:
        hall, seat = self._inside(visit)
        hall.state(seat, sending_of(frame))

    async def _chat(self, visit: Visit, frame: Frame) -> None:
        hall, seat = self._inside(visit)
        if not hall.room.options.available_features.is_chat_available:
            raise Faulty(Fault.NOT_ALLOWED, "This room has no chat.")
        text = _text(frame, "text")
        if len(text) > LONGEST_TEXT:
            raise Faulty(Fault.TOO_LONG, f"A message has at most {LONGEST_TEXT:,} characters.")
        if not text.strip():
            raise _bad("text", "is empty")
        around = self._house.around
        now = around.meetings.now
        if seconds := visit.writing.take(now):
            raise Faulty(Fault.TOO_FAST, f"Wait {seconds} s before you write again.")
        written = Message(
            id=draw_id(around.entropy),
            participant_id=seat.who.id,
            name=seat.who.name,
            text=text,
            at=now,
        )
        hall.remember(written)
        hall.tell(frames.chat(written))

    async def _admit(self, visit: Visit, frame: Frame) -> None:
        async with self._hosted(visit) as hall:
            guest = _knocking(hall, frame)
            if len(hall.seats) >= self._house.around.medium.most:
                raise Faulty(Fault.FULL, "This room is full.")
            hall.stop_waiting(guest)
            await self._house.enter(hall, guest)

    async def _deny(self, visit: Visit, frame: Frame) -> None:
        hall, _ = self._hosting(visit)
        hall.turn_away(_knocking(hall, frame), frames.closed(Closed.DENIED))

    async def _mute(self, visit: Visit, frame: Frame) -> None:
        track = _track(frame)
        async with self._hosted(visit) as hall:
            other = _person(hall, frame, "id")
            other.send(frames.mute(track))
            await self._house.told(self._house.around.medium.mute(hall.room, other.who.id, track))

    async def _remove(self, visit: Visit, frame: Frame) -> None:
        async with self._hosted(visit) as hall:
            other = _person(hall, frame, "id")
            hall.removed.add(other.who.id)
            await self._house.see_out(hall, other, frames.closed(Closed.REMOVED))

    async def _end(self, visit: Visit, _: Frame) -> None:
        async with self._hosted(visit) as hall:
            await self._house.end(hall)

    async def _record(self, visit: Visit, frame: Frame) -> None:
        on = _flag(frame, "on")
        async with self._hosted(visit) as hall:
            if not self._house.can_record(hall):
                raise Faulty(Fault.CANNOT_RECORD, "This meeting cannot be recorded from here.")
            if on and hall.recording is None:
                await self._house.record(hall, visit)
            if not on and hall.recording is not None:
                await self._house.stop_recording(hall, hall.recording)

    def _inside(self, visit: Visit) -> tuple[Hall, Seat]:
        hall = self._house.seen(visit.room)
        seat = None if hall is None else hall.seats.get(visit.participant_id or "")
        # A connection that was replaced, or whose person was seen out, may still be heard.
        if hall is None or seat is None or seat.visit is not visit:
            raise Faulty(Fault.NOT_ALLOWED, "You are not in the room.")
        return hall, seat

    @asynccontextmanager
    async def _hosted(self, visit: Visit) -> AsyncIterator[Hall]:
        """The hall of a host, for this block alone."""
        self._hosting(visit)
        async with self._house.hall(visit.room) as hall:
            # Whoever had it before may have shown this very host out.
            self._hosting(visit)
            yield hall

    def _hosting(self, visit: Visit) -> tuple[Hall, Seat]:
        hall, seat = self._inside(visit)
        if not seat.who.is_host:
            raise Faulty(Fault.NOT_ALLOWED, "Only hosts can do that.")
        return hall, seat


def sending_of(frame: Frame) -> Sending:
    """What a frame says is sent.

    Raises:
        Faulty: a field is missing or not true or false.
    """
    return Sending(*(_flag(frame, track.value) for track in Track))


def _bad(field: str, rule: str) -> Faulty:
    return Faulty(Fault.BAD_FRAME, f"{field} {rule}")


def _text(frame: Frame, field: str) -> str:
    value = frame.get(field)
    if not isinstance(value, str) or any("\ud800" <= one <= "\udfff" for one in value):
        raise _bad(field, "must be text")
    return value


def _flag(frame: Frame, field: str) -> bool:
    value = frame.get(field, False)
    if not isinstance(value, bool):
        raise _bad(field, "must be true or false")
    return value


def _track(frame: Frame) -> Track:
    value = frame.get("kind")
    if not isinstance(value, str) or value not in tuple(Track):
        raise _bad("kind", f"must be one of {', '.join(Track)}")
    return Track(value)


def _person(hall: Hall, frame: Frame, field: str) -> Seat:
    seat = hall.seats.get(_text(frame, field))
    if seat is None:
        raise Faulty(Fault.UNKNOWN_PERSON, "That person is not in the room.")
    return seat


def _knocking(hall: Hall, frame: Frame) -> Visit:
    visit = hall.waiting.get(_text(frame, "id"))
    if visit is None:
        raise Faulty(Fault.UNKNOWN_PERSON, "That person does not wait any more.")
    return visit


def _is_signal(data: Mapping[str, object]) -> bool:
    """Whether it is flat: what is relayed must cost its receiver no more than its length."""
    for name, value in data.items():
        if name == "candidate" and value is None:
            return True
        if name not in _SIGNALS or not isinstance(value, dict):
            return False
        if any(isinstance(one, dict | list) for one in value.values()):
            return False
    return True
