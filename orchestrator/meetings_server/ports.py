"""What the Meetings server needs from outside, in its own words.

`Store` hands out `Records` for one transaction; work on them is plain and synchronous, so that
what is read and what is decided on it cannot come apart. Reads see all that was awaited before.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from orchestrator.meetings_server.model.events import Callback
from orchestrator.meetings_server.model.logos import Upload
from orchestrator.meetings_server.model.people import Track
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.sessions import (
    Participant,
    Session,
    SessionPage,
    SessionQuery,
)
from orchestrator.meetings_server.model.themes import Theme

Result = TypeVar("Result")

#: That many random bytes; `os.urandom`, or a seeded one where runs are to be repeated.
Entropy = Callable[[int], bytes]

#: Told of what has nobody to be raised to: a constant name, and what belongs to it.
Report = Callable[[str, Mapping[str, object]], None]


class StoreFault(Exception):
    """The store cannot read or write just now; nothing was changed."""


class SendFault(Exception):
    """A callback did not reach its receiver, or no answer came in time.

    Attributes:
        is_refused: nothing is sent to this address, however often it is tried.
    """

    def __init__(self, message: str, *, is_refused: bool = False) -> None:
        super().__init__(message)
        self.is_refused = is_refused


class MediumFault(Exception):
    """What carries sound and picture did not do what it was asked; the text holds no secret."""


class Clock(Protocol):
    """Time, so that years can run in seconds."""

    def now(self) -> datetime:
        """The moment, aware and in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once that much of this clock's time has passed."""
        ...


class Contents(Protocol):
    """What was recorded: as much as there is room for on the disk."""

    def path(self, recording_id: str) -> Path:
        """The file of a recording, whether it is there or not."""
        ...

    async def keep(self, recording_id: str, parts: Iterable[bytes]) -> int:
        """Write the content, durable on return; gives its bytes. What was there is replaced.

        Raises:
            StoreFault: it cannot be written.
        """
        ...

    async def size(self, recording_id: str) -> int:
        """Bytes of the content.

        Raises:
            StoreFault: it cannot be read.
        """
        ...

    async def discard_unfinished(self) -> None:
        """Let be gone what was begun to be kept and never was; only where nothing is being kept.

        Raises:
            StoreFault: some of it is still there.
        """
        ...

    async def remove(self, recording_id: str) -> None:
        """Let the content be gone; it may be so already.

        Raises:
            StoreFault: it is still there.
        """
        ...


class Sender(Protocol):
    """The way to a callback URL."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """POST a JSON body with these headers; the status of the answer, redirects not followed.

        Raises:
            SendFault: there was no answer within ten seconds.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomQuery:
    """One page of an application's rooms, ascending by serial."""

    limit: int
    start: int | None = None
    #: Exclusive.
    end: int | None = None
    #: Only rooms that have this theme.
    theme_id: str | None = None


@dataclass(frozen=True, slots=True)
class RoomPage:
    """The page, and what is needed to link to its neighbours."""

    rooms: tuple[Room, ...]
    #: Rooms of the application, or of the theme, in all, whatever page was asked for.
    total: int
    #: Serial at which the page before this one starts; None: there is none.
    previous: int | None
    has_next: bool


class RoomRecords(Protocol):
    """Rooms. Deleted ones are kept until purged; `linked` and `kept` alone find them."""

    def get(self, room_id: str) -> Room | None: ...

    def kept(self, room_id: str) -> Room | None:
        """The room, deleted or not."""
        ...

    def linked(self, guest_token: str) -> Room | None: ...

    def page(self, application_id: str, query: RoomQuery) -> RoomPage: ...

    def all(self) -> tuple[Room, ...]: ...

    def living(self, application_id: str) -> int: ...

    def has_code(self, meeting_code: str) -> bool: ...

    def add(self, room: Room) -> Room:
        """Store a new room; the one returned has its serial, higher than any before."""
        ...

    def save(self, room: Room) -> None: ...

    def due(self, now: datetime, limit: int) -> tuple[Room, ...]:
        """Rooms that were to move on by themselves until `now`, earliest first."""
        ...

    def next_due(self) -> datetime | None: ...

    def first_ended(self) -> datetime | None:
        """When the room that is over for longest ended."""
        ...

    def purge(self, ended_until: datetime, limit: int) -> None:
        """Forget rooms that were over by then, with their sessions."""
        ...


class SessionRecords(Protocol):
    """Sessions and who is in them. A room has at most one that runs."""

    def running(self, room_id: str) -> Session | None: ...

    def application(self, session_id: str) -> str | None:
        """Whose session it is or was; None: there is none of that id, or none any more."""
        ...

    def start(self, room: Room, session: Session) -> None: ...

    def end(self, session: Session, at: datetime) -> None: ...

    def enter(self, participant: Participant) -> None: ...

    def leave(self, participant: Participant, at: datetime) -> None: ...

    def present(self, session: Session) -> tuple[Participant, ...]: ...

    def with_live(self) -> tuple[str, ...]:
        """Rooms in which somebody is who came in over the meeting socket."""
        ...

    def page(self, application_id: str, query: SessionQuery, now: datetime) -> SessionPage: ...


class ThemeRecords(Protocol):
    """Themes, and which one an application's new rooms take."""

    def get(self, theme_id: str) -> Theme | None: ...

    def all(self, application_id: str) -> tuple[Theme, ...]:
        """The application's, in order of creation."""
        ...

    def count(self, application_id: str) -> int: ...

    def named(self, application_id: str, theme_name: str) -> Theme | None: ...

    def of_company(self, short_company_url: str) -> Theme | None:
        """Whichever application's it is."""
        ...

    def add(self, theme: Theme) -> None: ...

    def save(self, theme: Theme) -> None: ...

    def living_rooms(self, theme_id: str) -> int:
        """Rooms that have it and are not over."""
        ...

    def remove(self, theme_id: str, heir: str | None) -> None:
        """Forget it; its rooms, ended ones too, have the heir from now on, or none."""
        ...

    def default(self, application_id: str) -> str | None: ...

    def set_default(self, application_id: str, theme_id: str | None) -> None: ...


class RecordingRecords(Protocol):
    """Recordings. Deleted ones are told of for their minutes alone, and by `deleted`."""

    def get(self, recording_id: str) -> Recording | None: ...

    def of_session(self, session_id: str) -> tuple[Recording, ...]:
        """Oldest first."""
        ...

    def running(self, session_id: str) -> tuple[Recording, ...]:
        """Those that record or are paused."""
        ...

    def add(self, recording: Recording) -> None: ...

    def save(self, recording: Recording) -> None: ...

    def deleted(self) -> tuple[str, ...]:
        """Ids of deleted ones; their contents may still be there."""
        ...

    def without_content(self) -> tuple[str, ...]:
        """Ids of those that are not uploaded; something may be there that was never told of."""
        ...

    def forget(self, recording_id: str) -> None:
        """Drop a deleted one whose content is gone, unless its session wants its minutes."""
        ...


class UploadRecords(Protocol):
    """What was uploaded and is no theme's yet."""

    def get(self, key: str) -> Upload | None: ...

    def count(self, application_id: str) -> int: ...

    def put(self, upload: Upload) -> None:
        """Add it, or take it for what was under its key."""
        ...

    def remove(self, key: str) -> None: ...

    def expired(self, now: datetime) -> tuple[Upload, ...]: ...

    def next_expiry(self) -> datetime | None: ...

    def keys(self) -> frozenset[str]:
        """Of all pictures that are needed, those of themes included."""
        ...


class CallbackRecords(Protocol):
    """Events that are not delivered yet."""

    def add(self, callback: Callback) -> None: ...

    def due(self, now: datetime, limit: int) -> tuple[Callback, ...]: ...

    def next_due(self) -> datetime | None: ...

    def postpone(self, callback: Callback) -> None:
        """Keep its number of attempts and its next moment."""
        ...

    def drop(self, callback: Callback) -> None: ...


class Records(Protocol):
    """All that one transaction can see and change."""

    @property
    def rooms(self) -> RoomRecords: ...

    @property
    def sessions(self) -> SessionRecords: ...

    @property
    def recordings(self) -> RecordingRecords: ...

    @property
    def callbacks(self) -> CallbackRecords: ...

    @property
    def themes(self) -> ThemeRecords: ...

    @property
    def uploads(self) -> UploadRecords: ...

    def secret(self, name: str) -> str | None:
        """A key of the server's own, made once."""
        ...

    def keep_secret(self, name: str, value: str) -> None: ...


class Store(Protocol):
    """Durable memory."""

    async def read(self, work: Callable[[Records], Result]) -> Result:
        """Look; `work` changes nothing.

        Raises:
            StoreFault: it cannot be read.
        """
        ...

    async def write(self, work: Callable[[Records], Result]) -> Result:
        """Change, in one transaction that is durable on return; undone if `work` raises.

        Raises:
            StoreFault: it cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ticket:
    """What lets one person's browser into a medium, until `expires_at`; None: while it is inside.

    Attributes:
        offer: what stands under `media` in a welcome, `kind` and `most` apart (the meeting socket
            of docs/meeting-socket.md). It may hold secrets, so it is shown to nobody else.
    """

    offer: Mapping[str, object]
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "Ticket(***)"


class Medium(Protocol):
    """What carries sound and picture between people who were let in.

    Whether somebody may be in a room is decided before, and not here. Those that leave out of
    themselves need nothing done; a medium whose server holds connections ends them in `remove` and
    `close`. Each method is given the room as it is by then.
    """

    @property
    def kind(self) -> str:
        """Its name on the meeting socket."""
        ...

    @property
    def most(self) -> int:
        """People that one room can hold."""
        ...

    @property
    def is_between_browsers(self) -> bool:
        """Whether browsers send to each other, and so have to be introduced."""
        ...

    @property
    def can_record(self) -> bool: ...

    async def admit(self, room: Room, who: Participant) -> Ticket:
        """What this person needs to come in, each time anew; called again when they come back.

        Raises:
            MediumFault: nobody can come in just now.
        """
        ...

    async def mute(self, room: Room, participant_id: str, track: Track) -> None:
        """Let others hear or see no more of that, where the medium can; they may send it again.

        Raises:
            MediumFault: it could not be done just now.
        """
        ...

    async def remove(self, room: Room, participant_id: str) -> None:
        """End this person's connections, and take none by their ticket again. Fine if gone.

        Raises:
            MediumFault: it could not be done just now.
        """
        ...

    async def close(self, room: Room) -> None:
        """The session is over: end all connections of the room. Fine if there is none.

        Raises:
            MediumFault: it could not be done just now.
        """
        ...

    async def present(self, room: Room) -> frozenset[str] | None:
        """The ids of those who are connected; None: it cannot know, and the socket is the truth.

        Asked before somebody is seen out whose socket was lost: who is still heard is not.

        Raises:
            MediumFault: it could not be asked just now.
        """
        ...

    async def start_recording(self, room: Room, recording: Recording) -> None:
        """Record from now on, as the room's options have it; only if `can_record`.

        Raises:
            MediumFault: it does not record.
        """
        ...

    async def stop_recording(self, room: Room, recording: Recording) -> None:
        """Record no more. Called when its session is over too; fine if it was stopped before.

        Raises:
            MediumFault: it could not be told just now.
        """
        ...

    async def recorded(self, recording: Recording) -> Iterable[bytes]:
        """The content of a stopped recording, once it is whole; that may take long.

        Raises:
            MediumFault: there will be none.
        """
        ...


class Pictures(Protocol):
    """What pictures hold, by their keys.

    Each method raises `StoreFault` where it cannot be done.
    """

    async def keep(self, key: str, content: bytes) -> None:
        """Durable on return; what was under the key is gone."""
        ...

    async def read(self, key: str) -> bytes | None: ...

    async def drop(self, key: str) -> None:
        """Fine if there is none."""
        ...

    async def sweep(self, known: AbstractSet[str]) -> None:
        """Forget all others."""
        ...
