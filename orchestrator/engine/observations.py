"""Observations: what the API last said, in memory, and how much of it can be trusted.

A listing tells of all rooms at once, an answer of one.  The younger word counts: a listing that
began before an answer came never overrides it.  Nothing here is kept over a restart; who was heard
to be inside is put back by whoever remembers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.marker import Marker
from orchestrator.domain.presence import Presence, Told, both_told, told, use_of
from orchestrator.domain.rooms import Observed, Session
from orchestrator.domain.situation import Gone, Use
from orchestrator.ports.rooms import RoomListing

_UNLISTED: Final = "it was not in the last complete listing"
_GONE: Final = Gone(_UNLISTED)
_UNTOLD: Final = Told()
_LATEST: Final = 3600.0  # seconds after which no answer to a call comes any more


def fold(name: str) -> str:
    """A display name as people compare it: case and white space folded."""
    return " ".join(name.casefold().split())


@dataclass(slots=True)
class _Sight:
    room: Observed | Gone
    at: float  # monotonic seconds at which the call that told it began
    marker: Marker | None = None  # ours, read once


@dataclass(frozen=True, slots=True)
class _Walk:
    start_id: int  # -1 for the very beginning
    began: float
    believed: bool  # it told how many rooms there are, and that fits


class Observations:
    """The rooms of one API as we last saw them."""

    def __init__(self, owner: str, occupied_max: timedelta = timedelta(hours=12)) -> None:
        """Tell this owner's rooms from all others.

        Args:
            owner: whose markers are ours.
            occupied_max: for how long a session without a sign of life holds its room.
        """
        self._owner = owner
        self._occupied_max = occupied_max
        self._sights: dict[str, _Sight] = {}
        self._by_operation: dict[str, str] = {}
        self._last_shown: dict[str, float] = {}  # by operation, of rooms that are shown no more
        self._by_marker: dict[str, set[str]] = {}
        self._by_name: dict[str, set[str]] = {}
        self._listed: dict[str, Told] | None = None
        self._listed_at = float("-inf")  # when that was answered (monotonic)
        self._lasting: frozenset[str] = frozenset()
        self._heard: dict[str, Presence] = {}
        self._walks: list[_Walk] = []
        self._changed: set[str] = set()
        self._marked: dict[str, Marker] = {}
        self.callbacks_at: datetime | None = None
        """When the last callback came, of any room (wall clock); None: none since the start."""
        self.doubted: set[str] = set()
        """Rooms of which a callback told something that only reading them afresh confirms."""
        self._believed = False  # a listing was, since the start
        self.expected_before: datetime | None = None
        """API time: rooms made earlier had to be shown by the last listing that is believed."""
        self.listed = False
        self.listed_at: datetime | None = None
        self.passed_at: datetime | None = None
        self.doubt = ""
        self.use_unread = ""
        """Why who is inside could not be read when that was tried last, or an empty text."""
        self.watermark: int | None = None

    def saw(self, room: Observed, began: float) -> None:
        """One room as an answer described it; ``began`` is when its call left (monotonic)."""
        sight = self._sights.get(room.id)
        if sight is not None and sight.at > began:
            return
        if sight is not None and sight.room == room:
            sight.at = began
            return
        if sight is not None and isinstance(sight.room, Observed):
            self._unindex(sight.room)
        self._sights[room.id] = _Sight(room, began, self._index(room))
        self._changed.add(room.id)

    def missed(self, room_id: str, reason: str, began: float) -> None:
        """One room was looked for and not found."""
        sight = self._sights.get(room_id)
        if sight is not None and sight.at > began:
            return
        self._lose(room_id, Gone(reason, unlisted=self._is_unlisted(room_id)), began)

    def _lose(self, room_id: str, gone: Gone, began: float) -> None:
        sight = self._sights.get(room_id)
        if sight is not None and isinstance(sight.room, Observed):
            self._unindex(sight.room)
            if sight.marker is not None:
                self._last_shown[sight.marker.operation] = sight.at
        self._sights[room_id] = _Sight(gone, began)
        self._changed.add(room_id)

    def _is_unlisted(self, room_id: str) -> bool:
        """Whether the last listing that is believed lacked a room that was shown by no answer."""
        sight = self._sights.get(room_id)
        if sight is None:
            return self._believed
        return isinstance(sight.room, Gone) and sight.room.unlisted

    def walked(
        self, listing: RoomListing, start_id: int | None, began: float, at: datetime
    ) -> None:
        """Take in a listing that began at ``began``; from the low-water mark on it is complete."""
        for room in listing.rooms:
            self.saw(room, began)
        if not listing.complete:
            return
        # A lookup needs the walks that began late enough only; a handful is plenty.
        start = -1 if start_id is None else start_id
        believed = start_id is None and not listing.doubtful
        self._walks = [*self._walks[-7:], _Walk(start, began, believed)]
        if listing.watermark is not None:
            self.watermark = listing.watermark
        self.listed_at = at

    def absent(self, listing: RoomListing, began: float, expected_before: datetime) -> None:
        """Whatever a complete, undoubted listing did not show was not there when it began.

        What was made at ``expected_before`` (API time) or later it need not show yet.
        """
        self._believed, self.expected_before = True, expected_before
        shown = {room.id for room in listing.rooms}
        for room_id, sight in list(self._sights.items()):
            if room_id in shown:
                continue
            if isinstance(sight.room, Gone):
                if not sight.room.unlisted:
                    sight.room = Gone(sight.room.reason)
                    self._changed.add(room_id)
                elif self._is_long_gone(sight, began) and room_id not in self._changed:
                    del self._sights[room_id]
            elif sight.at < began:
                self._lose(room_id, Gone(_UNLISTED), began)

    def _is_long_gone(self, sight: _Sight, now: float) -> bool:
        """Whether a room need be remembered no more: what was never heard of is told the same."""
        return sight.room == _GONE and sight.at < now - _LATEST

    def seen_since(self, room_id: str, began: float) -> bool:
        """Whether an answer to a call that left at or after a moment (monotonic) shows a room."""
        sight = self._sights.get(room_id)
        return sight is not None and isinstance(sight.room, Observed) and sight.at >= began

    @property
    def sessions_known(self) -> bool:
        """Whether the API lists its sessions, as far as it was asked."""
        return self._listed is not None

    @property
    def occupancy_known(self) -> bool:
        """Whether anybody tells us who is where: the API's list, or callbacks since the start."""
        return self.sessions_known or self.callbacks_at is not None

    def used(
        self,
        sessions: Sequence[Session] | None,
        now: datetime,
        lasting: frozenset[str] = frozenset(),
        asked: tuple[float, float] | None = None,
    ) -> None:
        """Take in who is where; None: this API does not tell.

        ``lasting`` are the rooms with a session that has no end, however old it is; ``asked`` is
        when the list was asked for and answered (monotonic): of two that overlapped neither is the
        younger word, so that who is inside by either is inside.
        """
        self.use_unread = ""
        before, after = self._listed or {}, {} if sessions is None else told(sessions, now)
        if asked is not None:
            began, answered = asked
            if began < self._listed_at and sessions is not None:
                rooms = before.keys() | after.keys()
                after = {
                    room_id: both_told(before.get(room_id, _UNTOLD), after.get(room_id, _UNTOLD))
                    for room_id in rooms
                }
                lasting |= self._lasting
            self._listed_at = answered
        self._lasting = lasting
        self._listed = None if sessions is None else after
        for room_id in before.keys() | after.keys():
            was, is_now = before.get(room_id, _UNTOLD), after.get(room_id, _UNTOLD)
            # One that was open and over between two looks is to be remembered, too: the next
            # listing may not tell of it any more.
            over = not is_now.open and is_now.last_used_at not in {None, was.last_used_at}
            over = over or not is_now.ended <= was.ended
            if (over or bool(was.open) != bool(is_now.open)) and room_id in self._sights:
                self._changed.add(room_id)

    def told(self, room_id: str) -> Told | None:
        """What the last list of sessions told of a room; None where the API has none."""
        return None if self._listed is None else self._listed.get(room_id, _UNTOLD)

    def presence(self, room_id: str) -> Presence:
        """What callbacks told of a room."""
        return self._heard.get(room_id, Presence())

    def heard(self, room_id: str, presence: Presence) -> None:
        """Take in what callbacks told of a room."""
        self._heard[room_id] = presence

    def use(self, room_id: str, now: datetime) -> Use:
        """How a room is used, as far as is known at a moment of API time."""
        use = use_of(self.told(room_id), self._heard.get(room_id), now, self._occupied_max)
        return replace(use, lasting=True) if room_id in self._lasting else use

    def sighting(self, room_id: str) -> Observed | Gone | None:
        """What was last seen of a room; None if it was never looked for."""
        sight = self._sights.get(room_id)
        if sight is None:
            return Gone(_UNLISTED, unlisted=self._believed) if self.listed else None
        return sight.room

    def by_operation(self, operation_id: str) -> Observed | None:
        """The room whose marker names an operation."""
        room_id = self._by_operation.get(operation_id)
        if room_id is None:
            return None
        room = self._sights[room_id].room
        return room if isinstance(room, Observed) else None

    def last_shown(self, operation_id: str) -> float | None:
        """When the room of an operation was shown last, if it was and is no more (monotonic)."""
        return self._last_shown.get(operation_id)

    def claims(self, encoded_keys: Iterable[str]) -> list[Observed]:
        """The rooms whose marker names one of these keys."""
        found: list[Observed] = []
        for encoded in encoded_keys:
            for room_id in sorted(self._by_marker.get(encoded, ())):
                room = self._sights[room_id].room
                if isinstance(room, Observed):
                    found.append(room)
        return found

    def namesakes(self, name: str) -> list[Observed]:
        """Rooms not marked by us that bear a name."""
        rooms = (
            self._sights[room_id].room for room_id in sorted(self._by_name.get(fold(name), ()))
        )
        return [room for room in rooms if isinstance(room, Observed)]

    def take_changed(self) -> dict[str, Marker | None]:
        """The rooms of which something else is known than when this was last asked.

        With our marker, where they carry it: it may be all that tells whose they are.
        """
        changed, self._changed = self._changed, set()
        found: dict[str, Marker | None] = {}
        for room_id in changed:
            found[room_id] = self._sights[room_id].marker
        return found

    def take_marked(self) -> dict[str, Marker]:
        """The rooms with our marker that were seen, or changed, since this was last asked."""
        marked, self._marked = self._marked, {}
        return marked

    def rooms(self) -> list[Observed]:
        """All rooms that are there."""
        return [sight.room for sight in self._sights.values() if isinstance(sight.room, Observed)]

    def looked(self, watermark: int | None, since: float) -> bool:
        """Whether a complete walk from a watermark on began at or after a moment (monotonic)."""
        start = -1 if watermark is None else watermark
        return any(walk.start_id <= start and walk.began >= since for walk in self._walks)

    def lacks(self, since: float) -> bool:
        """Whether what is not known by now was not there: a whole walk since then is believed.

        A walk from a watermark on proves nothing: a page that was left out, or a room on it, is
        missed by nobody, because only of a whole listing it is known how many rooms it must have.
        """
        return any(walk.believed and walk.began >= since for walk in self._walks)

    def _index(self, room: Observed) -> Marker | None:
        marker = room.marked_by(self._owner)
        if marker is not None:
            self._marked[room.id] = marker
            self._by_operation[marker.operation] = room.id
            self._by_marker.setdefault(marker.key, set()).add(room.id)
        else:
            self._by_name.setdefault(fold(room.display_name), set()).add(room.id)
        return marker

    def _unindex(self, room: Observed) -> None:
        marker = room.marked_by(self._owner)
        if isinstance(marker, Marker):
            if self._by_operation.get(marker.operation) == room.id:
                del self._by_operation[marker.operation]
            self._by_marker.get(marker.key, set()).discard(room.id)
        else:
            self._by_name.get(fold(room.display_name), set()).discard(room.id)
