"""Lineage: do all rooms with our marker come from stores of this installation?

An operation's id begins with the incarnation of the store that journalled it, and stands in the
marker of its room.  So a listing tells three calamities apart.  A room by a store that this
installation never had: another daemon uses this owner.  One by an earlier store of ours: the
present one is new, because that was lost.  One by this very store, of an operation that it does
not know: it is an older copy, or another daemon works with a copy of it.

It refuses to guess which rooms may be ended then: in the first case nothing is done but renewing
what this store knows, in the others nothing is ended or replaced until ``state rebuild``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import structlog

from orchestrator.domain.facts import Fact
from orchestrator.domain.marker import Marker
from orchestrator.domain.rooms import Observed, has_ended, is_over
from orchestrator.engine.gathering import DISOWNED, clocks_apart
from orchestrator.engine.observations import Observations
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.store import Commit, Store

_log = structlog.get_logger(__name__)
LINEAGE: Final = "lineage"  # note: the incarnations of this installation's stores, as JSON
DOUBT: Final = "lineage.doubt"  # note: why nothing is ended until this store was rebuilt
STRANGER: Final = "another daemon uses this owner; see status"
UNSURE: Final = "this store does not know all that was done, until state rebuild; see status"
_SHOWN: Final = 3  # rooms that are named in a sentence
_LISTED: Final = 100  # and in a fact


class Lineage:
    """Judges the makers of marked rooms, after each listing."""

    def __init__(
        self, store: Store, rooms: Rooms, observations: Observations, clock: Clock
    ) -> None:
        """Compare what ``observations`` show with what ``store`` knows."""
        self._store = store
        self._rooms = rooms
        self._observations = observations
        self._clock = clock
        self._ours: frozenset[str] = frozenset({store.incarnation})
        self._suspects: dict[str, Marker] = {}
        self._told: frozenset[str] = frozenset()
        self.stranger = ""
        """Why nothing is done but renewing, or an empty text."""
        self.doubt = ""
        """Why nothing is ended or replaced, or an empty text."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What a person is told first."""
        needs = [f"Only renewing goes on: {self.stranger}"] if self.stranger else []
        if self.doubt:
            needs.append(f"Nothing is ended or replaced: {self.doubt}")
        return tuple(needs)

    async def recall(self) -> None:
        """Read which stores were ours, and whether this one is in doubt. Raises `StoreFault`."""
        note = await self._store.note(LINEAGE)
        self._ours = frozenset({self._store.incarnation, *json.loads(note or "[]")})
        self.doubt = await self._store.note(DOUBT) or ""

    async def look(self) -> None:
        """Judge the rooms that were seen since the last time. Raises `StoreFault`."""
        self._suspects |= self._observations.take_marked()
        now, apart = self._rooms.api_now(), clocks_apart(self._rooms.clock_difference())
        strange: list[Observed] = []
        unknown: list[Observed] = []
        for room_id, marker in list(self._suspects.items()):
            room = self._observations.sighting(room_id)
            if (
                not isinstance(room, Observed)
                or is_over(room, now, apart)
                or await self._is_known(room_id, marker)
            ):
                # It is indexed, and judged, anew when it changes.
                del self._suspects[room_id]
            elif apart and has_ended(room, now):
                pass  # by one of the clocks: it is judged once they agree
            elif marker.incarnation in self._ours:
                unknown.append(room)
            else:
                strange.append(room)
        await self._judge_strange(strange)
        if unknown and not self.doubt:
            await self._doubt(unknown)

    async def _is_known(self, room_id: str, marker: Marker) -> bool:
        store = self._store
        return (
            await store.key_of_room(room_id) is not None
            or await store.note(DISOWNED + room_id) is not None
            or await store.operation(marker.operation) is not None
        )

    async def _judge_strange(self, rooms: list[Observed]) -> None:
        incarnations = frozenset(_incarnation(room) for room in rooms)
        if rooms:
            options = " ".join(f"--take-over {name}" for name in sorted(incarnations))
            self.stranger = (
                f"another daemon uses this owner: {told(rooms)}. Give one of the two another "
                "owner; or, if the other is gone for good, stop this one and look at  "
                f"room-orchestrator state rebuild --dry-run {options}"
            )
        else:
            self.stranger = ""
        for name in sorted(incarnations - self._told):
            theirs = [room for room in rooms if _incarnation(room) == name]
            await self._tell(theirs, name, self.stranger, {})
        self._told = incarnations

    async def _doubt(self, rooms: list[Observed]) -> None:
        mine = [room for room in rooms if _incarnation(room) == self._store.incarnation]
        if mine:
            why = "it is an older copy, or another daemon works with a copy of it"
        else:
            why = "it is new, because an earlier one was lost"
        self.doubt = (
            f"this store does not know all that was done: {why}; it does not know "
            f"{told(mine or rooms)}. Stop the daemon and look what can be made whole:  "
            "room-orchestrator state rebuild --dry-run"
        )
        shown = mine or rooms
        await self._tell(shown, _incarnation(shown[0]), self.doubt, {DOUBT: self.doubt})

    async def _tell(
        self, rooms: list[Observed], incarnation: str, reason: str, notes: dict[str, str | None]
    ) -> None:
        _log.warning("lineage.doubted", reason=reason)
        listed = [room.id for room in _in_order(rooms)][:_LISTED]
        fact = Fact(
            "room.conflicted",
            reason=reason,
            detail={"rooms": [*listed], "incarnation": incarnation},
        )
        await self._store.commit(Commit(facts=(fact,), notes=notes), self._clock.now())


def told(rooms: Iterable[Observed]) -> str:
    """Rooms by id, name, key, time and store, as one part of a sentence; only the first few."""
    ordered = _in_order(rooms)
    named = [_named(room) for room in ordered[:_SHOWN]]
    more = len(ordered) - len(named)
    return f"{', '.join(named)}{f' and {more:,} more' if more else ''}"


def _named(room: Observed) -> str:
    made = "" if room.created_at is None else f" made {format_instant(room.created_at)}"
    marker = room.marker
    key = marker.key if isinstance(marker, Marker) else "?"
    return f'room {room.id} ("{room.display_name}", for {key},{made} by store {_incarnation(room)})'


def _incarnation(room: Observed) -> str:
    marker = room.marker
    return marker.incarnation if isinstance(marker, Marker) else ""


def _in_order(rooms: Iterable[Observed]) -> list[Observed]:
    return sorted(rooms, key=lambda room: (str(room.created_at), room.id))
