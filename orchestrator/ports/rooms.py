"""Port: the rooms of one Meetings API.

Every method raises a fault of `orchestrator.ports.faults`, and nothing else.  Calls that change
nothing may be repeated inside the adapter for some seconds; the others are sent once.  All calls
share one rate limit and one bound on how many are under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from orchestrator.domain.facts import ApiCall
from orchestrator.domain.rooms import HostLink, NewRoom, Observed, Patch, Session

# The last request that a method of this port sent in the present task, so that a fact can tell of
# it; None where nothing left, as in `observe`. Set before the method returns or raises, and only
# for a caller that awaits the method itself, not a task around it.
LAST_CALL: Final[ContextVar[ApiCall | None]] = ContextVar("LAST_CALL", default=None)


# Whether the calls of the present task are a page's: responders wait, so they overtake all others
# and have a share of the rate and of the calls under way that is kept for them.
URGENT: Final[ContextVar[bool]] = ContextVar("URGENT", default=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Where one page of a listing began, and whether it held a room that has not ended."""

    start_id: int | None  # the serial that was asked for; None for the very first page
    alive: bool


@dataclass(frozen=True, slots=True)
class RoomListing:
    """What one walk over the pages saw.

    Attributes:
        rooms: each room once, in the API's order.
        pages: in order; a watermark is the start_id of the last page but one.
        complete: the last page had no `next`, or a further page brought nothing new.
        doubtful: why not to trust it (``total_items`` differs from the count), or an empty text.
    """

    rooms: Sequence[Observed]
    pages: Sequence[Page]
    complete: bool
    doubtful: str = ""

    @property
    def watermark(self) -> int | None:
        """From where a later lookup must begin to see every room made after this listing."""
        return self.pages[-2].start_id if len(self.pages) >= 2 else None


class Rooms(Protocol):
    """The rooms of one application at one Meetings API."""

    async def list_rooms(self, start_id: int | None = None) -> RoomListing:
        """Walk all pages from a serial on (inclusive), or from the very beginning.

        Raises:
            UnavailableError: a page could not be had; a partial listing is never returned.
            UnauthorizedError: the credentials were refused.
        """
        ...

    async def get_room(self, room_id: str) -> Observed:
        """Read one room.

        Raises:
            MissingError: the API answers 404.
        """
        ...

    async def get_host_link(self, room_id: str) -> HostLink:
        """Read one room's host link, freshly minted by the API; never kept by anybody."""
        ...

    async def create_room(self, room: NewRoom) -> Observed:
        """POST a room, once; an answer that cannot be read is an `UnansweredError`.

        The marker in the answer is the caller's to check.
        """
        ...

    async def update_room(self, room_id: str, patch: Patch) -> Observed:
        """PATCH a room, once, and return what the API says of it now."""
        ...

    async def delete_room(self, room_id: str) -> None:
        """DELETE a room, once.

        Raises:
            MissingError: 404, which proves nothing: some APIs answer so to every DELETE.
            ForbiddenError: with `occupied`, somebody is inside.
        """
        ...

    async def list_sessions(self, since: datetime) -> Sequence[Session] | None:
        """Meetings that went on at any moment since then; None where this API does not tell."""
        ...

    def api_now(self) -> datetime:
        """The API's time (UTC): the monotonic clock plus the offset learnt from ``Date``.

        Before the first answer it is the wall clock's.
        """
        ...

    def clock_difference(self) -> float:
        """API time less wall time, in seconds; 0 before the first answer."""
        ...
