"""The rooms port over a Meetings session: paths, paging, and what an answer must be about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from orchestrator.adapters.meetings.apitime import ApiTime
from orchestrator.adapters.meetings.retry import Again, Retry
from orchestrator.adapters.meetings.session import MeetingsSession, Way
from orchestrator.adapters.meetings.tempo import Tempo
from orchestrator.adapters.meetings.token import Tokens
from orchestrator.adapters.meetings.transport import Transport
from orchestrator.adapters.meetings.wire import (
    Object,
    UnreadableError,
    WirePage,
    is_room_id,
    read_host_link,
    read_id,
    read_page,
    read_room,
    read_sessions,
    write_patch,
    write_room,
)
from orchestrator.domain.rooms import HostLink, NewRoom, Observed, Patch, Session, has_ended
from orchestrator.foundation.instants import format_instant
from orchestrator.foundation.secret import Secret
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import MissingError, RefusedError, UnavailableError
from orchestrator.ports.rooms import Page, RoomListing

Result = TypeVar("Result")

_JITTER: Final = SystemRandom().random

# So many rooms, or percent of them, may come and go while one listing is walked. More is another
# backend that took over between two pages.
_MOVED: Final = 3
_SHOWN: Final = 60  # characters of a text that somebody took for an id

# The API filters sessions by their beginning, and we want those that still go on as well.
_LONGEST_SESSION: Final = timedelta(hours=24)
_SESSIONS_A_PAGE: Final = 1000  # the most that the API gives
_NO_SESSIONS: Final = frozenset({404, 405, 501})  # this API does not have them


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard the client may press an API.

    Attributes:
        per_second: mean rate of requests; None: no limit.
        burst: requests that may leave at once after a pause.
        concurrency: requests under way at once.
        page_size: rooms asked for with one request; the API may give fewer.
        pages: a listing longer than this does not end.
        again: how long requests that change nothing are repeated.
    """

    per_second: float | None = 20.0
    burst: int = 20
    concurrency: int = 16
    page_size: int = 500
    pages: int = 20_000
    again: Again = field(default_factory=Again)


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are at the API: an application and its private key, from `read_key`.

    `source` reads the key's text anew where that can change; see `Tokens`.
    """

    application_id: str
    key: RSAPrivateKey
    source: Callable[[], Secret] | None = None


def connect(
    transport: Transport,
    account: Account,
    clock: Clock,
    limits: Limits | None = None,
    *,
    root: str = "",
    jitter: Callable[[], float] = _JITTER,
) -> MeetingsRooms:
    """Put a client together; the transport stays the caller's to close.

    Args:
        transport: `OverHttp`, `ReadOnly` around one, or anything of that shape.
        account: the application's.
        clock: the source of all waiting, and of API time until the first answer.
        limits: how hard to press.
        root: the path that all requests stand under, for a transport that has none itself.
        jitter: numbers in [0, 1); seeded where runs are to be repeated.
    """
    limits = limits or Limits()
    time = ApiTime(clock)
    way = Way(
        transport,
        Tokens(account.application_id, account.key, time.now, account.source),
        time,
        clock,
        Tempo(clock, limits.per_second, limits.concurrency, limits.burst),
        Retry(clock, limits.again, jitter),
    )
    return MeetingsRooms(MeetingsSession(way, root), limits)


class MeetingsRooms:
    """The rooms of one application at one Meetings API."""

    def __init__(self, session: MeetingsSession, limits: Limits) -> None:
        self.session = session
        """Shared by whatever else is asked of the same API."""
        self._session = session
        self._limits = limits
        self._tells_sessions = True  # until it says that it does not
        self.told: Callable[[int, int | None], None] = lambda *_: None
        """Called after each page of a listing: rooms so far, and how many it says there are."""

    def api_now(self) -> datetime:
        return self._session.api_now()

    def clock_difference(self) -> float:
        return self._session.clock_difference()

    async def list_rooms(self, start_id: int | None = None) -> RoomListing:
        """Walk the pages: the serial is all that is taken from their links."""
        walk = _Walk(whole=start_id is None)
        for _ in range(self._limits.pages):
            query = {"page_size": str(self._limits.page_size)}
            if start_id is not None:
                query["start_id"] = str(start_id)
            page = await self._session.get("/rooms", read_page, query)
            following = walk.take(start_id, page, self.api_now())
            self.told(walk.count, page.total)
            if following is None:
                return walk.listing()
            start_id = following
        raise _endless("/rooms", self._limits.pages)

    async def get_room(self, room_id: str) -> Observed:
        return await self._session.get(_path(room_id), _about(room_id, read_room))

    async def get_host_link(self, room_id: str) -> HostLink:
        return await self._session.get(_path(room_id), _about(room_id, read_host_link))

    async def create_room(self, room: NewRoom) -> Observed:
        return await self._session.change("POST", "/rooms", write_room(room), read_room)

    async def update_room(self, room_id: str, patch: Patch) -> Observed:
        if not patch.settings and patch.expires_at is None:
            raise RefusedError(f"PATCH {_path(room_id)}: an update must change something")
        read = _about(room_id, read_room)
        return await self._session.change("PATCH", _path(room_id), write_patch(patch), read)

    async def delete_room(self, room_id: str) -> None:
        await self._session.remove(_path(room_id))

    async def list_sessions(self, since: datetime) -> Sequence[Session] | None:
        if not self._tells_sessions:
            return None
        try:
            sessions = await self._all_sessions(since - _LONGEST_SESSION)
        except (MissingError, RefusedError, UnavailableError) as fault:
            if fault.status not in _NO_SESSIONS:
                raise
            self._tells_sessions = False
            return None
        return [one for one in sessions if one.ended_at is None or one.ended_at >= since]

    async def _all_sessions(self, begun: datetime) -> Sequence[Session]:
        query = {"from": format_instant(begun), "page_size": str(_SESSIONS_A_PAGE)}
        found: dict[Session, None] = {}
        offset = 0
        totals: list[int] = []
        for _ in range(self._limits.pages):
            page = await self._session.get(
                "/sessions", read_sessions, query | {"offset": str(offset)}
            )
            known = len(found)
            totals += [] if page.total is None else [page.total]
            found.update(dict.fromkeys(page.sessions))
            offset += page.rows
            short = page.limit is not None and page.rows < page.limit
            if len(found) == known or (short and (page.total is None or offset >= page.total)):
                if totals and offset < min(totals):
                    # One that is left out is a room with people in it that looks empty.
                    message = f"GET /sessions: it has {offset} sessions and says {min(totals)}"
                    raise UnavailableError(message)
                return tuple(found)
        raise _endless("/sessions", self._limits.pages)


class _Walk:
    """What the pages told so far, and whether another one is to be asked for."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._rooms: dict[str, Observed] = {}
        self._pages: list[Page] = []
        self._unreadable: list[str] = []
        self._totals: list[int] = []
        self._untold = False  # a page had neither rooms nor a total
        self._lost = False  # a link led nowhere
        self._complete = False

    def take(self, start_id: int | None, page: WirePage, now: datetime) -> int | None:
        """Take in a page; the serial of the next one to ask for, or None at the end."""
        new = [room for room in page.rooms if room.id not in self._rooms]
        self._rooms.update((room.id, room) for room in new)
        self._unreadable.extend(page.unreadable)
        # What cannot be read may well be alive.
        alive = bool(page.unreadable) or any(not has_ended(room, now) for room in page.rooms)
        self._pages.append(Page(start_id, alive))
        if page.total is not None:
            self._totals.append(page.total)
        elif not page.rooms:
            self._untold = True
        further = len(self._pages) > 1
        if not page.has_next or (further and not new and not page.unreadable):
            self._complete = True
            return None
        rising = page.next_start is not None and page.next_start > (start_id or 0)
        if rising:
            return page.next_start
        # A link that leads nowhere: the end only of a listing that says that it is empty.
        self._complete = page.total == 0 and not page.rooms
        self._lost = not self._complete
        return None

    @property
    def count(self) -> int:
        return len(self._rooms)

    def listing(self) -> RoomListing:
        return RoomListing(
            tuple(self._rooms.values()), tuple(self._pages), self._complete, self._doubt()
        )

    def _doubt(self) -> str:
        if self._lost:
            return "a page names a next one that cannot be found"
        if self._unreadable:
            count = len(self._unreadable)
            return f"{count} of its rooms cannot be read: {self._unreadable[0]}"
        count = len(self._rooms)
        if self._whole and self._totals:
            # A total may grow or shrink a little while the pages are walked.
            least, most = min(self._totals), max(self._totals)
            if not least <= count <= most:
                return f"it has {count} rooms and says {self._totals[-1]}"
            if most - least > max(_MOVED, most * _MOVED // 100):
                return f"it said {self._totals[0]} rooms and then {self._totals[-1]}"
        if self._untold and not self._rooms:
            return "it tells neither rooms nor how many there are"
        return ""


def _about(room_id: str, read: Callable[[Object], Result]) -> Callable[[Object], Result]:
    """Read an answer that must be about this room."""

    def checked(document: Object) -> Result:
        told = read_id(document)
        if told.casefold() != room_id.casefold():
            raise UnreadableError("it is about another room")
        return read(document)

    return checked


def _path(room_id: str) -> str:
    if not is_room_id(room_id):  # people may write one
        raise MissingError(f"no room can have the id {room_id[:_SHOWN]!r}")
    return f"/rooms/{room_id}"


def _endless(path: str, pages: int) -> UnavailableError:
    return UnavailableError(f"GET {path}: the listing does not end within {pages} pages")
