"""The oracle: what no promise allows, judged by the server's own table at every call and commit.

It knows what the writer truly wants, what the table holds and what people were shown, and asks the
daemon for nothing but its journal.  What it finds is kept and told at the end of a step: raised at
once, the daemon would take it for a fault of the API.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import decode_key
from orchestrator.domain.marker import Marker, read_metadata
from orchestrator.domain.records import OperationKind, Role
from orchestrator.domain.rooms import NOTICE, RoomType
from orchestrator.foundation.instants import parse_instant
from orchestrator.meetings_server.model.life import Phase
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.ports.deliveries import DeliveredRoom
from orchestrator.ports.store import Commit
from tests.meetings import BASE
from tests.simulation.pager import Pager, is_of_page
from tests.simulation.stage import LIMITS, OWNER, Stage
from tests.simulation.writer import Writer, is_of_meeting

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
OCCUPIED_MOST: Final = timedelta(hours=12)
LOOK_LASTS: Final = timedelta(minutes=15)  # no call is under way for longer
APPROVED_FOR: Final = timedelta(days=9)  # the longest grace here, and a day or two to come round
# The daemon goes by the API's clock, which tells whole seconds.
GRACE_LEAST: Final = timedelta(seconds=60) - timedelta(seconds=1)
FLOOR: Final = DAY  # of every life that a writer asks for here
GOOD_SPELL: Final = 3 * HOUR  # of good weather before an end is time enough to renew (P7)
_ENDINGS: Final = frozenset({"room.deleted", "room.retired", "room.ending", "room.replaced"})
_HARMLESS: Final = ("it was replaced", "a duplicate", "it was retired")


class Oracle:
    """Watches one installation through all its lives."""

    def __init__(self, stage: Stage, writer: Writer, pager: Pager) -> None:
        self.stage = stage
        self.writer = writer
        self.pager = pager
        self.foreign: dict[str, Room] = {}
        self.broken: list[str] = []
        self.counts: Counter[str] = Counter()
        self.changes = 0  # calls that would change something
        self.approved: dict[str, datetime] = {}  # encoded key → when a person let it go
        self.given: dict[str, str] = {}  # key as people write it → the room that they are shown
        self.inside: dict[str, datetime] = {}  # room → since when somebody is inside
        self.left: dict[str, datetime] = {}  # room → when the last one left
        self._table: dict[str, Room] = {}
        self._links: dict[tuple[str, int], str] = {}
        self._superseded: dict[str, datetime] = {}  # rooms that another took the place of
        self._unjudged: list[str] = []  # rooms that were shown, in order
        self._sent: defaultdict[str, list[datetime]] = defaultdict(list)  # creates, by operation
        self._ended: list[tuple[datetime, str]] = []
        self._renewed: defaultdict[str, list[datetime]] = defaultdict(list)
        self._put_off: Counter[str] = Counter()  # ends that were near already, by room
        self._use_read: datetime | None = None
        self._good_since: datetime | None = None
        self._expired: set[str] = set()

    @property
    def now(self) -> datetime:
        return self.stage.true_clock.now()

    def hold(self, promise: bool, otherwise: str) -> None:
        if not promise:
            self.broken.append(f"{self.now:%Y-%m-%d %H:%M:%S} {otherwise}")

    async def look(self) -> dict[str, Room]:
        """The server's own table, by id; ended and deleted rooms among them until purged."""
        self._table = {room.id: room for room in await self.stage.api.meetings.all_rooms()}
        self._judge_links()
        return self._table

    # --- calls ------------------------------------------------------------------------------------

    async def asked(self, method: str, path: str, body: bytes | None) -> None:
        """A request reaches the API: may it be made at all?"""
        resource = path.removeprefix(BASE)
        if method == "GET":
            return
        self.counts[f"{method} asked"] += 1
        self.changes += 1
        await self.look()
        document: dict[str, Any] = json.loads(body) if body else {}
        if method == "POST":
            await self._creating(document)
            return
        room_id = resource.removeprefix("/rooms/")
        operations = await self.stage.store.open_operations()
        journalled = any(operation.room_id == room_id for operation in operations)
        self.hold(journalled, f"P2: {method} of {room_id} without an intent")
        self.hold(room_id not in self.foreign, f"P3: {method} of the foreign room {room_id}")
        end = document.get("update_details", {}).get("expires_at")
        retires = end is not None and parse_instant(end) <= self.now + NOTICE + MINUTE
        if method == "DELETE" or retires:
            # Where nobody tells who is inside, a room is only ever retired, with eleven minutes'
            # notice (the design, P5).
            known = method == "DELETE" or self.stage.tells_sessions
            self.hold(not known or self._unseen(room_id), f"P5: {method}, somebody is in {room_id}")
            self._ending(f"{method} of {room_id}", room_id)
            if end is not None:
                self._hold_sooner(room_id, parse_instant(end))
        elif end is not None:
            room = self._table.get(room_id)
            # A changed lifetime may shorten; what it leaves is days away here.
            self.hold(room is not None, f"P4: {method} of {room_id}, which is nowhere")

    def _hold_sooner(self, room_id: str, end: datetime) -> None:
        """P5: who ends a room shortens its life, and does not lengthen what is left again."""
        room = self._table.get(room_id)
        if room is None or end <= room.life.expires_at + MINUTE:
            return
        # Where an answer was lost, and reads lag behind, it may be sent once more.
        self._put_off[room_id] += 1
        self.hold(self._put_off[room_id] < 3, f"P5: the end of {room_id} is put off and put off")

    async def _creating(self, document: dict[str, Any]) -> None:
        marker = read_metadata(document.get("metadata"))[1]
        if not isinstance(marker, Marker):
            self.hold(promise=False, otherwise="P2: a create without a marker")
            return
        operation = await self.stage.store.operation(marker.operation)
        open_ = operation is not None and operation.kind is OperationKind.CREATE
        self.hold(open_, f"P2: a create for {marker.key} without an intent")
        twins = [
            room.id
            for room in self._table.values()
            if (other := marker_of(room)) is not None
            and other.operation == marker.operation
            and not self._is_late(room, marker.operation)
        ]
        self._sent[marker.operation].append(self.now)
        # Where people wait for an instant room the next one is tried after one look.
        alone = is_of_page(marker.key) or not twins or await self._nothing_is_known()
        self.hold(alone, f"P1: a second room for the operation {marker.operation}: {twins}")
        state = None if operation is None else await self.stage.store.state(operation.key)
        if state is not None and state.lost and state.current is None:
            before = self._table.get(self.given.get(str(state.key), ""))
            lives = before is not None and before.is_available
            # A renewal that a copy does not show until the old end has passed is one that was not
            # taken, for all that anybody can know: people are not left without a room for it.
            lives = lives and not self.stage.tells_ended(self.given[str(state.key)], self.now)
            self.hold(not lives, f"P4: a room for {state.key} again, though its own lives")

    async def _nothing_is_known(self) -> bool:
        """Another backend answers, which is empty, and no room of ours is remembered that it lacks.

        So nobody can tell it from an API on which nothing was made yet.
        """
        return self.stage.is_empty and not any(
            room.role is Role.CURRENT and room.type is RoomType.LONG_TERM
            for state in await self.stage.store.states()
            for room in state.rooms
        )

    def _is_late(self, room: Room, operation: str) -> bool:
        """Whether a create made it long after its connection ended: nobody can be proof of that.

        The design allows that second room (P1), as long as nobody is ever told of it.  Nor of one
        that was made too late for a listing to show that is as old as they may be.
        """
        since = [room.created_at - sent for sent in self._sent[operation]]
        lag = self.stage.listings_lag
        in_time = MINUTE - lag - SECOND if lag else MINUTE
        # The listing that is proof may begin in that very moment, before the room is made.
        return not any(timedelta() <= passed < in_time for passed in since)

    def _ending(self, what: str, room_id: str) -> None:
        for key, given in self.given.items():
            # Another took its place, and was told to nobody yet, as the daemon was away for as long
            # as the overlap: it is over all the same.
            if given != room_id or self.now - self._superseded.get(room_id, self.now) >= HOUR:
                continue
            # What is wanted again in the minute in which its grace ends may be under way already.
            since = self.writer.wanted_since.get(key, self.now) + MINUTE
            surely = key in self.writer.wanted and since < self.now
            self.hold(not surely, f"P4: {what}, wanted as {key}")
            left = self.writer.unwanted_since.get(key)
            if left is not None:
                self.hold(self.now - left >= GRACE_LEAST, f"P4: {what}, unwanted since {left}")

    def _unseen(self, room_id: str) -> bool:
        """Nobody is inside, or came after a look that was made just now, or stays too long."""
        since = self.inside.get(room_id)
        # By the API's clock, which is part of a second ahead of ours as a client knows it.
        if since is None or self.now - since >= OCCUPIED_MOST - SECOND:
            return True
        looked = self._use_read
        return looked is not None and since >= looked and self.now - looked < LOOK_LASTS

    async def answered(self, method: str, path: str, status: int) -> None:
        """An answer came back, or none did (0)."""
        if method == "GET" and path.endswith("/sessions") and status == 200:
            self._use_read = self.now

    # --- commits and deliveries -------------------------------------------------------------------

    async def committed(self, commit: Commit) -> None:
        """A commit is durable: do its facts tell of something that may not be?"""
        for key in commit.dropped:
            # Nothing is left of it, and its generations begin anew if it is ever wanted again.
            for link in [link for link in self._links if link[0] == key.encoded]:
                del self._links[link]
        for fact in commit.facts:
            self.counts[fact.event] += 1
            # A page's room lives for two days, and its floor is hours; that of a meeting goes on by
            # half an hour at a time while people stay.
            lasts = not is_of_page(fact.key) and not is_of_meeting(fact.key)
            if fact.event == "room.renewed" and lasts and "lifetime" not in fact.reason:
                self._renewed[fact.room_id].append(self.now)
            if fact.event == "room.superseded":
                self._superseded[fact.room_id] = self.now
                # Where nobody tells who is inside, `replace: now` is what a person asked for; the
                # room stays for its overlap.
                unseen = not self.stage.tells_sessions or self._unseen(fact.room_id)
                self.hold(unseen, f"P5: {fact.room_id} was replaced with people inside")
            if fact.event == "room.rekeyed":
                self._follow(fact)
            if fact.event == "room.expired":
                await self._judge_end(fact)
            if _ends_a_link(fact) and not is_of_page(fact.key):
                self._ended.append((self.now, fact.key))
                self._judge_brake()

    def _follow(self, fact: Fact) -> None:
        """A room that serves another key is what people of that key are shown."""
        old, new = str(fact.detail.get("from", "")), str(fact.detail.get("to", ""))
        if self.given.get(old) == fact.room_id:
            self.given[new] = self.given.pop(old)

    def _judge_brake(self) -> None:
        """P10: within a day no more links end or change than may, but for what was approved."""
        lately = {key for at, key in self._ended if self.now - at < LIMITS.per}
        approved = {key for key, at in self.approved.items() if self.now - at < APPROVED_FOR}
        unapproved = lately - approved
        self.hold(len(unapproved) <= LIMITS.max_removals, f"P10: {sorted(unapproved)}")

    def shown(self, rooms: Sequence[DeliveredRoom]) -> None:
        """People are shown rooms: never a second link for one generation of a key (P1)."""
        before, self.given = self.given, {room.key: room.room_id for room in rooms}
        self._unjudged += [id_ for key, id_ in self.given.items() if before.get(key) != id_]
        self._judge_links()

    def _judge_links(self) -> None:
        """Judge what was shown, in order; what was just made is in the table at the next look."""
        left: list[str] = []
        for room_id in self._unjudged:
            room = self._table.get(room_id)
            marker = None if room is None else marker_of(room)
            if marker is None:
                left.append(room_id)
                continue
            once = self._links.setdefault((marker.key, marker.generation), room_id)
            self.hold(
                once == room_id,
                f"P1: generation {marker.generation} of {marker.key} has two links",
            )
        self._unjudged = left

    # --- after each step --------------------------------------------------------------------------

    async def check(self) -> None:
        """P1, P3, P7 by the whole table."""
        table = await self.look()
        for room_id, before in self.foreign.items():
            now = table.get(room_id)
            if before.life.expires_at <= self.now:
                continue  # it came to its own end
            same = now is not None and _told(now) == _told(before)
            told = None if now is None else _told(now)
            self.hold(same, f"P3: {before.display_name} was {_told(before)} and is {told}")
        for room_id, times in self._renewed.items():
            gaps = [later - earlier for earlier, later in pairwise(times)]
            nearest = min(gaps, default=FLOOR)
            # What is recorded is rounded to thousandths of a second.
            kept = nearest >= FLOOR - SECOND
            self.hold(kept, f"P7: {room_id} was renewed twice within {nearest}")
            del times[:-1]
        self._check_ends()
        await self._check_pages()
        if self.broken:
            raise AssertionError("; ".join(self.broken[:3]))

    async def _check_pages(self) -> None:
        """P6: what was acknowledged is remembered, has a room, and leaves none behind."""
        if not self.pager.calls:
            return
        marked = [(room, marker_of(room)) for room in self._table.values()]
        told = self.pager.judge(
            self.now,
            self._good_since,
            await self.stage.store.standing_episodes(),
            [(room, marker) for room, marker in marked if marker is not None],
            self._is_used,
            readable=not self.stage.engine.reconciler.book.unreadable,
        )
        for wrong in told:
            self.hold(promise=False, otherwise=wrong)

    def _is_used(self, room_id: str) -> bool:
        left = self.left.get(room_id)
        return room_id in self.inside or (left is not None and self.now - left < 8 * HOUR)

    def _check_ends(self) -> None:
        """P7: no wanted room comes to its end where there was time enough to renew it."""
        for key in self.writer.wanted:
            room = self._table.get(self.given.get(key, ""))
            if room is None or room.is_available or room.id in self._expired:
                continue
            self._expired.add(room.id)
            self._hold_renewed(key, room)

    async def _judge_end(self, fact: Fact) -> None:
        """The same where the daemon makes another one before anybody looks."""
        decoded = decode_key(fact.key)
        key = str(decoded)
        if key not in self.writer.wanted or self.given.get(key) != fact.room_id:
            return
        room = (await self.look()).get(fact.room_id)
        if room is not None and room.id not in self._expired:
            self._expired.add(room.id)
            self._hold_renewed(key, room)

    def _hold_renewed(self, key: str, room: Room) -> None:
        end, since = room.life.expires_at, self._good_since
        if room.life.phase is Phase.EXPIRED and since is not None:
            since = max(since, self.writer.wanted_since.get(key, since))
            self.hold(since > end - GOOD_SPELL, f"P7: {key}'s room came to its end at {end}")

    def weather(self, *, good: bool) -> None:
        """Whether the API answers, the daemon runs and the clock is right, from now on."""
        if not good:
            self._good_since = None
        elif self._good_since is None:
            self._good_since = self.now


def _ends_a_link(fact: Fact) -> bool:
    return fact.event in _ENDINGS and not fact.reason.startswith(_HARMLESS)


def marker_of(room: Room) -> Marker | None:
    """Our marker in a row of the table."""
    marker = read_metadata(room.metadata)[1]
    return marker if isinstance(marker, Marker) and marker.owner == OWNER else None


def _told(room: Room) -> tuple[object, ...]:
    return (room.display_name, room.metadata, room.life.expires_at, room.options)
