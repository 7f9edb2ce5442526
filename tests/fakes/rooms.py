"""A fake of the rooms port: an API in memory, on a clock that the test moves.

It keeps the rules that the engine meets (ten minutes, one year, instant rooms that take no PATCH,
occupied rooms that are not deleted) and goes wrong when told to, one call at a time.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import count
from typing import TypeVar

from orchestrator.domain.facts import ApiCall
from orchestrator.domain.rooms import (
    DISPLAY_NAME_MAX,
    EARLIEST_END,
    LATEST_END,
    SETTINGS,
    HostLink,
    NewRoom,
    Observed,
    Patch,
    RoomType,
    Session,
    Setting,
)
from orchestrator.foundation.instants import truncate
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server.model.life import IN_USE, OPEN, Event, Kind, Life, advance, step
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
    WithheldError,
)
from orchestrator.ports.rooms import LAST_CALL, Page, RoomListing

Result = TypeVar("Result")


class Fate(Enum):
    """What becomes of one call."""

    ANSWERED = "carried out and answered"
    UNSENT = "the connection is refused; not carried out"
    BUSY = "429; not carried out"
    LOST = "it leaves and is never carried out; no answer"
    ACT_THEN_DROP = "carried out at once; no answer"
    DROP_THEN_ACT = "no answer; carried out when `act_late` is called"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    REFUSED = "400"
    MISSING = "404"
    WITHHELD = "the transport lets only GET through"


@dataclass(frozen=True)
class Asked:
    """One call as it reached the fake: the method's name and the room it is about."""

    method: str
    room_id: str
    fate: Fate
    new: NewRoom | None = None
    patch: Patch | None = None

    @property
    def changes(self) -> bool:
        return self.method in {"create_room", "update_room", "delete_room"}


@dataclass
class Kept:
    """A room in the fake's own table."""

    serial: int
    room: Observed
    life: Life
    sessions: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    people: int = 0


class FakeRooms:
    """An API with one application.

    Public attributes may be set at any time:

    Attributes:
        skew: API time less the clock's wall time, in seconds.
        misdated: by how many seconds more its answers are dated ahead of its own time.
        page_size: rooms a page.
        deletes: false: every DELETE answers 404, as the final v1 API does.
        tells_sessions: whether there is ``GET /sessions``.
        ignores: settings that a POST or PATCH passes over though it answers 2xx.
        refuses: settings for which a PATCH is answered 400.
        hidden: ids that listings leave out, as a stale list would.
        doubtful, complete: what listings say of themselves.
        down: every call is refused a connection.
        unauthorized: every call is answered 401.
        asked: all calls so far, in order.
        before: awaited before each call is carried out, with its method and room.
        after: awaited after it was carried out, before it is answered.
    """

    def __init__(self, clock: Clock, page_size: int = 100) -> None:
        self.skew = self.misdated = 0.0
        self.page_size = page_size
        self.deletes = True
        self.tells_sessions = True
        self.ignores: set[str] = set()
        self.refuses: set[str] = set()
        self.hidden: set[str] = set()
        self.doubtful = ""
        self.complete = True
        self.down = False
        self.unauthorized = False
        self.asked: list[Asked] = []
        self.before: Callable[[Asked], Awaitable[None]] = _nothing
        self.after: Callable[[Asked], Awaitable[None]] = _nothing
        self._clock = clock
        self._serial = count(1000)
        self._kept: dict[str, Kept] = {}
        self._other: dict[str, Kept] = {}
        self._fates: defaultdict[str, deque[Fate]] = defaultdict(deque)
        self._late: list[Callable[[], object]] = []

    # --- what a test does ---

    def script(self, method: str, *fates: Fate) -> None:
        """What becomes of the next calls of a method; later ones are answered."""
        self._fates[method].extend(fates)

    def forget_scripts(self) -> None:
        """From now on every call is answered."""
        self._fates.clear()

    def people(self, room_id: str) -> int:
        """How many are inside; nobody is in a room that is not there."""
        kept = self._kept.get(room_id)
        return 0 if kept is None else kept.people

    def occupied_since(self, room_id: str) -> datetime | None:
        """When the session began that is open; None where nobody is inside."""
        return self._kept[room_id].sessions[-1][0] if self.people(room_id) else None

    def act_late(self) -> None:
        """Carry out what was dropped to be carried out later."""
        late, self._late = self._late, []
        for act in late:
            with suppress(Fault):  # nobody is there any more to be told
                act()

    def plant(
        self, new: NewRoom, created_at: datetime | None = None, guest_url: str | None = None
    ) -> Observed:
        """Put a room there as somebody else would, or one of an earlier life of ours."""
        room = self._make(new)
        kept = self._kept[room.id]
        kept.room = replace(
            room,
            created_at=created_at or room.created_at,
            guest_url=guest_url or room.guest_url,
        )
        return kept.room

    def vanish(self, room_id: str) -> Kept:
        """Take a room away behind everybody's back."""
        return self._kept.pop(room_id)

    def bring_back(self, kept: Kept) -> None:
        """Let a room that vanished be there again."""
        self._kept[kept.room.id] = kept

    def elsewhere(self) -> None:
        """Let another, at first empty, backend answer under the same address; again: back."""
        self._kept, self._other = self._other, self._kept

    def purge(self) -> None:
        """Forget the rooms that have ended, as the API does after a while."""
        self._kept = {room.id: self._kept[room.id] for room in self.alive}

    def change(self, room_id: str, patch: Patch) -> Observed:
        """Change a room behind everybody's back."""
        return self._change(room_id, patch)

    def relink(self, room_id: str, guest_url: str) -> None:
        """Give a room another guest link, as an API that was moved would."""
        kept = self._kept[room_id]
        kept.room = replace(kept.room, guest_url=guest_url)

    def join(self, room_id: str) -> None:
        """Let somebody in."""
        kept = self._of(room_id)
        moved = step(kept.life, Event.ENTERED, self._now())
        assert moved is not None, f"nobody can join {room_id}: {kept.life.phase}"
        kept.life = moved[0]
        if kept.people == 0:
            kept.sessions.append((self._now(), None))
        kept.people += 1

    def leave(self, room_id: str) -> None:
        """See somebody out."""
        kept = self._of(room_id)
        assert kept.people > 0, f"nobody is in {room_id}"
        kept.people -= 1
        if kept.people == 0:
            kept.sessions[-1] = (kept.sessions[-1][0], self._now())
            moved = step(kept.life, Event.EMPTIED, self._now())
            assert moved is not None
            kept.life = moved[0]

    @property
    def rooms(self) -> Sequence[Observed]:
        """The whole table as it is now, in the order of creation."""
        return tuple(self._shown(self._of(room_id)) for room_id in list(self._kept))

    @property
    def alive(self) -> Sequence[Observed]:
        """The rooms that have not ended."""
        return tuple(room for room in self.rooms if room.is_available)

    @property
    def changes(self) -> Sequence[Asked]:
        """The calls so far that would change something, in order."""
        return tuple(one for one in self.asked if one.changes)

    # --- the port ---

    def api_now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.clock_difference())

    def clock_difference(self) -> float:
        return self.skew + self.misdated

    async def list_rooms(self, start_id: int | None = None) -> RoomListing:
        return await self._call(
            Asked("list_rooms", "", Fate.ANSWERED), lambda: self._list(start_id)
        )

    async def get_room(self, room_id: str) -> Observed:
        asked = Asked("get_room", room_id, Fate.ANSWERED)
        return await self._call(asked, lambda: self._shown(self._of(room_id)))

    async def get_host_link(self, room_id: str) -> HostLink:
        asked = Asked("get_host_link", room_id, Fate.ANSWERED)

        def read() -> HostLink:
            moment = int(self._now().timestamp())
            link = f"{self._of(room_id).room.guest_url}?participant_token=fake-{moment}"
            return HostLink(room_id, Secret(link))

        return await self._call(asked, read)

    async def create_room(self, room: NewRoom) -> Observed:
        asked = Asked("create_room", "", Fate.ANSWERED, new=room)
        return await self._call(asked, lambda: self._make(room))

    async def update_room(self, room_id: str, patch: Patch) -> Observed:
        if not patch.settings and patch.expires_at is None:
            raise RefusedError("an update must change something")
        asked = Asked("update_room", room_id, Fate.ANSWERED, patch=patch)
        return await self._call(asked, lambda: self._change(room_id, patch))

    async def delete_room(self, room_id: str) -> None:
        asked = Asked("delete_room", room_id, Fate.ANSWERED)
        return await self._call(asked, lambda: self._delete(room_id))

    async def list_sessions(self, since: datetime) -> Sequence[Session] | None:
        if not self.tells_sessions:
            return None
        asked = Asked("list_sessions", "", Fate.ANSWERED)
        return await self._call(asked, lambda: self._sessions(since))

    # --- inside ---

    async def _call(self, asked: Asked, act: Callable[[], Result]) -> Result:
        LAST_CALL.set(None)
        waiting = self._fates[asked.method]
        fate = waiting.popleft() if waiting else Fate.ANSWERED
        if self.down or self.unauthorized:
            fate = Fate.UNSENT if self.down else Fate.UNAUTHORIZED
        asked = replace(asked, fate=fate)
        self.asked.append(asked)
        await self.before(asked)
        try:
            result = self._meet(fate, asked, act)
        except Fault as fault:
            if fate is not Fate.WITHHELD:
                _tell(asked, fault.status)
            raise
        _tell(asked, 200)
        await self.after(asked)
        return result

    def _meet(self, fate: Fate, asked: Asked, act: Callable[[], Result]) -> Result:
        match fate:
            case Fate.ANSWERED:
                return act()
            case Fate.ACT_THEN_DROP:
                act()
                raise _silence(asked)
            case Fate.DROP_THEN_ACT:
                self._late.append(act)
                raise _silence(asked)
            case Fate.LOST:
                raise _silence(asked)
            case Fate.WITHHELD:
                if not asked.changes:
                    return act()
                raise WithheldError("not sent")
            case _:
                fault = REFUSALS[fate]()
                raise fault

    def _now(self) -> datetime:
        return truncate(self._clock.now() + timedelta(seconds=self.skew))

    def _of(self, room_id: str) -> Kept:
        kept = self._kept.get(room_id)
        if kept is None:
            raise MissingError(f"Room {room_id} was not found", 404)
        kept.life, _ = advance(kept.life, self._now())
        return kept

    def _shown(self, kept: Kept) -> Observed:
        return replace(
            kept.room, is_available=kept.life.phase in OPEN, expires_at=kept.life.expires_at
        )

    def _make(self, new: NewRoom) -> Observed:
        now = self._now()
        if not new.display_name.strip() or len(new.display_name) > DISPLAY_NAME_MAX:
            raise RefusedError('"display_name" is not allowed to be empty', 400)
        instant = new.type is RoomType.INSTANT
        if instant == (new.expires_at is not None):
            word = "not allowed" if instant else "required"
            raise RefusedError(f'"expires_at" is {word}', 400)
        expires_at = truncate(new.expires_at) if new.expires_at else now + EARLIEST_END
        if not instant:
            self._check_end(expires_at)
        serial = next(self._serial)
        taken = {path: value for path, value in new.settings.items() if path not in self.ignores}
        settings: dict[str, Setting] = {path: rule.default for path, rule in SETTINGS.items()}
        settings |= taken
        room = Observed(
            id=f"00000000-0000-4000-8000-{serial:012d}",
            display_name=new.display_name,
            metadata=new.metadata,
            type=new.type,
            settings=settings,
            expires_at=expires_at,
            created_at=now,
            is_available=True,
            meeting_code=f"{900_000_000 + serial}",
            guest_url=f"https://meetings.test/j/{serial}",
        )
        self._kept[room.id] = Kept(serial, room, Life(_kind(room), expires_at))
        return room

    def _change(self, room_id: str, patch: Patch) -> Observed:
        kept = self._of(room_id)
        if kept.room.type is RoomType.INSTANT:
            raise RefusedError("could not be updated because of its type: temporary", 400)
        if self.refuses & patch.settings.keys():
            raise RefusedError("InputValidationError", 400)
        expires_at = truncate(patch.expires_at) if patch.expires_at else kept.life.expires_at
        if patch.expires_at is not None:
            self._check_end(expires_at)
        taken = {
            path: value
            for path, value in patch.settings.items()
            if path not in self.ignores and SETTINGS[path].patchable
        }
        room = replace(kept.room, settings={**kept.room.settings, **taken})
        moved = step(
            replace(kept.life, kind=_kind(room), expires_at=expires_at), Event.CHANGED, self._now()
        )
        if moved is None:
            raise RefusedError("could not be updated because it has expired", 400)
        kept.room, kept.life = room, moved[0]
        return self._shown(kept)

    def _delete(self, room_id: str) -> None:
        if not self.deletes:
            raise MissingError(f"Room {room_id} was not found", 404)
        if self._of(room_id).life.phase in IN_USE:
            raise ForbiddenError("it is in use", 409, occupied=True)
        del self._kept[room_id]

    def _check_end(self, expires_at: datetime) -> None:
        if not EARLIEST_END < expires_at - self._now() <= LATEST_END:
            raise RefusedError('"expires_at" must be more than 10 minutes in the future', 400)

    def _list(self, start_id: int | None) -> RoomListing:
        rows = [
            self._of(room_id)
            for room_id, kept in list(self._kept.items())
            if kept.serial >= (start_id or 0) and room_id not in self.hidden
        ]
        pages: list[Page] = []
        start = start_id
        for first in range(0, max(len(rows), 1), self.page_size):
            page = rows[first : first + self.page_size]
            pages.append(Page(start, any(kept.life.phase in OPEN for kept in page)))
            start = page[-1].serial + 1 if page else start
        rooms = tuple(self._shown(kept) for kept in rows)
        return RoomListing(rooms, tuple(pages), self.complete, self.doubtful)

    def _sessions(self, since: datetime) -> Sequence[Session]:
        found = [
            Session(
                room_id,
                start,
                end,
                f"{room_id} at {start}",
                participants=1,
                minutes=((end or self._now()) - start) / timedelta(minutes=1),
            )
            for room_id, kept in self._kept.items()
            for start, end in kept.sessions
            if end is None or end >= since
        ]
        return sorted(found, key=lambda session: session.started_at)


async def _nothing(_: Asked) -> None:
    return None


def _kind(room: Observed) -> Kind:
    if room.type is RoomType.INSTANT:
        return Kind.INSTANT
    return Kind.ONCE if room.settings["expire_after_use"] else Kind.LASTING


def _silence(asked: Asked) -> Fault:
    return UnansweredError("no answer") if asked.changes else UnavailableError("no answer")


REFUSALS: dict[Fate, Callable[[], Fault]] = {
    Fate.UNSENT: lambda: UnavailableError("no connection"),
    Fate.BUSY: lambda: UnavailableError("busy", 429, timedelta(seconds=7)),
    Fate.UNAUTHORIZED: lambda: UnauthorizedError("You did not provide correct credentials", 401),
    Fate.FORBIDDEN: lambda: ForbiddenError("the maximum of rooms has been reached", 403),
    Fate.REFUSED: lambda: RefusedError("InputValidationError", 400),
    Fate.MISSING: lambda: MissingError("not found", 404),
}

_VERBS = {"create_room": "POST", "update_room": "PATCH", "delete_room": "DELETE"}


def _tell(asked: Asked, status: int) -> None:
    LAST_CALL.set(ApiCall(_VERBS.get(asked.method, "GET"), status, 0.0, 1))
