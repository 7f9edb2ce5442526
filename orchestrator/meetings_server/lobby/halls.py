"""One room while people are in it or before its door, and each of their connections.

Values and what follows from them at once; nothing here waits or asks anybody.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from orchestrator.meetings_server.lobby import frames
from orchestrator.meetings_server.lobby.frames import Closed, Frame, Wait
from orchestrator.meetings_server.lobby.pace import Bucket
from orchestrator.meetings_server.model.people import Message, Sending
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.rooms import JoinApproval, Room
from orchestrator.meetings_server.model.sessions import Participant
from orchestrator.meetings_server.ports import Ticket
from orchestrator.meetings_server.service import Inside

#: Messages that somebody who comes in is told of, and bytes of the frames that tell them. The bytes
#: are far below what may wait for a slow reader: a welcome that passed that would let nobody in.
REMEMBERED_MESSAGES: Final = 200
REMEMBERED_BYTES: Final = 256 * 1024


class Line(Protocol):
    """A connection to somebody's browser. Neither method waits or raises."""

    def send(self, frame: Frame) -> None:
        """Tell it; nothing happens on one that has ended."""
        ...

    def end(self, last: Frame | None) -> None:
        """Tell a last frame, if any, and close."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for who comes to the door.

    Attributes:
        link: the guest token of the room's link.
        host: the token of the host's link; empty: they come as a guest.
        resume: the pass of an earlier welcome; empty: they were not here before.
        address: where they come from, as the network tells it.
    """

    link: str
    host: str
    name: str
    resume: str
    sending: Sending
    address: str

    def __repr__(self) -> str:
        return "Wish(***)"


@dataclass(slots=True, eq=False)
class Visit:
    """One connection that was let as far as the door of a room."""

    line: Line
    wish: Wish
    #: Guests come as guests, whatever they wish.
    is_host: bool
    room: Room
    #: How fast they may write.
    writing: Bucket
    #: How many bytes they may tell other browsers.
    signals: Bucket
    #: By which hosts know them while they wait.
    knock_id: str = ""
    wait: Wait | None = None
    #: By which all know them once they are inside.
    participant_id: str | None = None


@dataclass(slots=True, eq=False)
class Seat:
    """Somebody's place in a room."""

    who: Participant
    sending: Sending
    ticket: Ticket | None = None
    #: None: their connection was lost, and the place is kept for a while.
    visit: Visit | None = None
    #: Which loss that was: a later one is waited for anew.
    losses: int = 0
    #: Brings a new ticket in time.
    renewing: asyncio.Task[None] | None = None

    def send(self, frame: Frame) -> None:
        """Tell them, if they can hear it; who comes back is told all anew."""
        if self.visit is not None:
            self.visit.line.send(frame)

    def give_up(self, last: Frame | None) -> None:
        """End what belongs to the place."""
        if self.renewing is not None:
            self.renewing.cancel()
            self.renewing = None
        if self.visit is not None:
            self.visit.line.end(last)
            self.visit = None


@dataclass(slots=True, eq=False)
class Hall:
    """One room's people. Who waits for anything while changing it holds its `lock`."""

    room: Room
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: How many use it just now; it is forgotten when nobody does and it is empty.
    pins: int = 0
    session_id: str | None = None
    seats: dict[str, Seat] = field(default_factory=dict)
    waiting: dict[str, Visit] = field(default_factory=dict)
    chat: deque[Message] = field(default_factory=lambda: deque(maxlen=REMEMBERED_MESSAGES))
    #: Whom a host removed from this session: their passes are worth nothing.
    removed: set[str] = field(default_factory=set)
    recording: Recording | None = None
    #: Whether the medium has begun with it; until then nobody is told that there is one.
    is_recorded: bool = False

    @property
    def recorded_since(self) -> datetime | None:
        """Since when it is recorded; None: it is not."""
        recording = self.recording if self.is_recorded else None
        return None if recording is None else recording.started_at

    @property
    def is_empty(self) -> bool:
        """Whether nothing is lost by forgetting it."""
        return not self.seats and not self.waiting

    @property
    def has_host(self) -> bool:
        """Whether a host is inside; one whose connection was lost counts for as long as it may."""
        return any(seat.who.is_host for seat in self.seats.values())

    def differs(self, inside: Inside | None) -> bool:
        """Whether the store says something else of the room or its people."""
        if inside is None or inside.room != self.room:
            return True
        is_over = self.recording is not None and not inside.recordings
        return is_over or not self.seats.keys() <= {who.id for who in inside.present}

    def wait_of_guests(self) -> Wait | None:
        """What guests who come now wait for; None: nothing."""
        match self.room.options.join_approval_level:
            case JoinApproval.NONE:
                return None
            case JoinApproval.AFTER_OWNER_ONLY:
                return None if self.has_host else Wait.HOST
            case JoinApproval.EXPLICIT_APPROVAL:
                return Wait.APPROVAL if self.has_host else Wait.HOST

    def tell(self, frame: Frame, *, but: Seat | None = None) -> None:
        """Tell all inside."""
        for seat in self.seats.values():
            if seat is not but:
                seat.send(frame)

    def tell_hosts(self, frame: Frame) -> None:
        """Tell the hosts inside."""
        for seat in self.seats.values():
            if seat.who.is_host:
                seat.send(frame)

    def stop_waiting(self, visit: Visit) -> bool:
        """Take somebody from before the door; whether they were there."""
        if self.waiting.pop(visit.knock_id, None) is None:
            return False
        self.tell_hosts(frames.knock_ended(visit.knock_id))
        return True

    def remember(self, written: Message) -> None:
        """Keep what somebody wrote for those who come later, and let go what is too much."""
        self.chat.append(written)
        sizes = [frames.size(frames.message(one)) for one in self.chat]
        while sum(sizes) > REMEMBERED_BYTES:
            self.chat.popleft()
            del sizes[0]

    def turn_away(self, visit: Visit, last: Frame) -> None:
        """End the connection of somebody who waits."""
        if self.stop_waiting(visit):
            visit.line.end(last)

    def vacate(self, seat: Seat, last: Frame | None) -> None:
        """Take somebody's place, tell them why and the others that they are gone."""
        del self.seats[seat.who.id]
        seat.give_up(last)
        self.tell(frames.left(seat.who.id))

    def empty(self, reason: Closed) -> None:
        """End all connections, of those who wait too."""
        last = frames.closed(reason)
        seats, self.seats = self.seats, {}
        for seat in seats.values():
            seat.give_up(last)
        waiting, self.waiting = self.waiting, {}
        for visit in waiting.values():
            visit.line.end(last)

    def end_session(self) -> None:
        """Forget what belonged to it."""
        self.session_id = None
        self.chat.clear()
        self.removed.clear()

    def state(self, seat: Seat, sending: Sending) -> None:
        """Take what somebody sends now, and tell the others if that is new."""
        if sending != seat.sending:
            seat.sending = sending
            self.tell(frames.changed(seat.who, sending), but=seat)
