"""Retelling: what a store would remember if it had lived through these facts.

Each fact changes what is remembered as the act did of which it tells (`outcomes`).  What no fact
tells is not made up: attempts, back-offs, what was withheld, and looks in vain are left out; a wish
is the policies' to say.  It refuses nothing: facts of a version that it does not know, and keys
that cannot be read back, are counted and passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from orchestrator.domain.brakes import (
    Approval,
    Standing,
    approve,
    ended_link,
    lost_link,
    replaced_by,
)
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.freezes import Freeze, replacing, retold
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.policies import RemovalMode
from orchestrator.domain.presence import OpenSession
from orchestrator.domain.records import (
    Ask,
    Dormancy,
    Operation,
    OperationKind,
    OperationState,
    Role,
    RoomRecord,
    Suspension,
    Tally,
    Tombstone,
    last_deleted,
)
from orchestrator.domain.retold import RetoldPages
from orchestrator.domain.retoldthemes import RetoldThemes
from orchestrator.domain.rooms import SETTINGS, RoomType, Setting
from orchestrator.domain.steering import longer
from orchestrator.domain.usage import add
from orchestrator.foundation.instants import parse_instant

_NAMES: Final = {*SETTINGS, "display_name", "type"}


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as a log tells it: when it was committed, and by which store."""

    seq: int
    ts: datetime
    store: str
    fact: Fact


@dataclass(slots=True)
class KeyMemory:
    """What is remembered of one key, by its encoded form."""

    encoded: str
    generation: int = 0
    rooms: dict[str, RoomRecord] = field(default_factory=dict)
    tombstone: Tombstone | None = None
    protect: bool = False
    suspended: Suspension | None = None
    asked: Ask | None = None
    dormant: Dormancy | None = None
    distinct: frozenset[str] = frozenset()
    deleted: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    lost: bool = False

    @property
    def current(self) -> RoomRecord | None:
        """The one room whose link was given out."""
        return next((room for room in self.rooms.values() if room.role is Role.CURRENT), None)

    @property
    def standing(self) -> Standing:
        """What of this key ends or changes, if anything does, as brakes know it."""
        current, tombstone = self.current, self.tombstone
        if current is None:
            return Standing(lost_link(self.generation))
        due = None if tombstone is None else tombstone.due
        return Standing(ended_link(current.id, tombstone), due)


@dataclass(slots=True)
class Making:
    """One journalled attempt at making a room, for a key in its encoded form."""

    key: str
    generation: int
    reason: str
    cause: str
    started_at: datetime
    watermark: int | None
    attempt: int
    state: OperationState = OperationState.OPEN
    room_id: str | None = None

    def operation(self, operation_id: str, key: Key) -> Operation:
        """As the journal holds it, once the key is read back."""
        return Operation(
            id=operation_id,
            key=key,
            kind=OperationKind.CREATE,
            generation=self.generation,
            room_id=self.room_id,
            reason=self.reason,
            cause=self.cause,
            started_at=self.started_at,
            watermark=self.watermark,
            attempt=self.attempt,
            state=self.state,
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """A link that was ended or changed by an act of ours, as brakes count it."""

    at: datetime
    key: str
    link: str
    approved: bool = False  # by a person


@dataclass(slots=True)
class Memory:
    """Everything that facts tell.

    Attributes:
        keys: by the encoded form.
        creates: the journalled attempts at making a room, by operation.
        disowned: who forgot a room, by the room.
        ended: links that ended or changed, in order.
        approved: what a person let go of a brake last, by key.
        sessions: who was heard to be inside, by room and session.
        policies: the version of each policy that was in force last.
        verified: the API whose first room came back with its marker.
        pages: which episodes there were.
        themes: which themes there were, with what was uploaded to each.
        freezes: what people froze, and nobody ended yet.
        archives: by name, the mark of each that copies were made in; empty: none was told.
        stores: the incarnations that told.
        unread: facts that could not be understood.
    """

    keys: dict[str, KeyMemory] = field(default_factory=dict)
    creates: dict[str, Making] = field(default_factory=dict)
    disowned: dict[str, str] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    approved: dict[str, Approval] = field(default_factory=dict)
    sessions: dict[str, dict[str, OpenSession]] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    verified: str = ""
    pages: RetoldPages = field(default_factory=RetoldPages)
    themes: RetoldThemes = field(default_factory=RetoldThemes)
    freezes: tuple[Freeze, ...] = ()
    archives: dict[str, str] = field(default_factory=dict)
    stores: set[str] = field(default_factory=set)
    unread: int = 0


def retell(told: Iterable[Told]) -> Memory:
    """Live through facts, in their order."""
    retelling = Retelling()
    for one in told:
        retelling.take(one)
    return retelling.memory


def _theme(act: Callable[[Fact, datetime], None]) -> Callable[[Told], None]:
    return lambda told: act(told.fact, told.ts)


class Retelling:
    """Takes facts one by one; `memory` is what they amount to."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.memory = Memory()
        self._found: dict[str, str] = {}  # by room, the operation that was recovered by it
        self._versions: dict[tuple[str, str], str] = {}
        self._acts: Mapping[str, Callable[[Told], None]] = {
            "room.created": self._created,
            "room.adopted": self._created,
            "room.replaced": self._created,
            "room.duplicated": self._duplicated,
            "room.superseded": self._superseded,
            "room.renewed": self._renewed,
            "room.updated": self._updated,
            "room.link.changed": self._link_changed,
            "room.rekeyed": self._rekeyed,
            "room.tombstoned": self._tombstoned,
            "room.restored": self._restored,
            "room.ending": self._let_go,
            "room.retired": self._let_go,
            "room.deleted": self._gone,
            "room.lost": self._gone,
            "room.expired": self._gone,
            "room.forgotten": self._gone,
            "room.distinct": self._distinct,
            "room.protected": self._protected,
            "room.unprotected": self._protected,
            "room.suspended": self._suspended,
            "room.resumed": self._suspended,
            "room.renew.asked": self._renewal_asked,
            "room.dormant": self._slept,
            "room.woken": self._woken,
            "room.create.failed": self._not_made,
            "operation.started": self._started,
            "operation.recovered": self._recovered,
            "brake.released": self._released,
            "listing.believed": self._believed,
            "freeze.begun": self._frozen,
            "freeze.ended": self._unfrozen,
            "session.started": self._session_started,
            "session.ended": self._session_ended,
            "session.counted": self._session_counted,
            "policy.loaded": self._policy_loaded,
            "policy.removed": self._policy_removed,
            "api.verified": self._verified,
            "recording.archived": self._archived,
            "page.opened": self._page(RetoldPages.opened),
            "page.ignored": self._page(RetoldPages.ignored),
            "page.closed": self._page(RetoldPages.closed),
            "page.asked": self._page(RetoldPages.asked),
            **{event: _theme(act) for event, act in self.memory.themes.acts.items()},
        }

    def take(self, told: Told) -> None:
        """Live through one fact."""
        self.memory.stores.add(told.store)
        act = self._acts.get(told.fact.event)
        if act is None:
            return
        try:
            act(told)
        except (KeyError, TypeError, ValueError):
            # Of another version of ours, or altered: what it told is not known.
            self.memory.unread += 1

    def _page(
        self, change: Callable[[RetoldPages, Fact, datetime], None]
    ) -> Callable[[Told], None]:
        return lambda told: change(self.memory.pages, told.fact, told.ts)

    # --- rooms ------------------------------------------------------------------------------------

    def _created(self, told: Told) -> None:
        fact, memory = told.fact, self._key(told)
        room = self._room(told, Role.CURRENT)
        if fact.event == "room.adopted":
            room = replace(room, adopted=not fact.detail.get("marked"))
            self.memory.disowned.pop(room.id, None)
        if memory.lost and fact.event == "room.created":
            self._ended(told, lost_link(room.generation - 1))
        if fact.event == "room.replaced":
            self._ended(told, str(fact.detail["replaces"]), act=replaced_by(""))
        self._only_here(room.id, memory)
        memory.rooms = {room.id: room, **memory.rooms}
        memory.rooms[room.id] = room
        memory.generation = max(memory.generation, room.generation)
        memory.lost, memory.tombstone = False, None
        if fact.event != "room.adopted":
            memory.asked, memory.dormant = None, None
        self._close(fact.operation, OperationState.DONE, room.id)

    def _room(self, told: Told, role: Role) -> RoomRecord:
        fact, detail = told.fact, told.fact.detail
        applied, expires_at = _settings(detail.get("asked")), _moment(detail.get("expires_at"))
        return RoomRecord(
            id=fact.room_id,
            generation=int(str(detail["generation"])),
            operation=fact.operation or self._found.get(fact.room_id, ""),
            role=role,
            display_name=str(detail["display_name"]),
            type=RoomType(str(detail.get("type", RoomType.LONG_TERM))),
            guest_url=str(detail.get("guest_url", "")),
            meeting_code=str(detail.get("meeting_code", "")),
            created_at=None,
            expires_at=expires_at,
            granted_at=told.ts,
            granted_until=expires_at,
            lifetime=None,
            applied=applied,
            not_taken=_not_taken(detail.get("not_taken"), applied),
            version=self._version(fact.actor),
        )

    def _duplicated(self, told: Told) -> None:
        memory, room = self._key(told), self._room(told, Role.DUPLICATE)
        self._only_here(room.id, memory)
        memory.rooms[room.id] = room
        memory.generation = max(memory.generation, room.generation)

    def _superseded(self, told: Told) -> None:
        end_due = parse_instant(str(told.fact.detail["end_due"]))
        self._change(told, lambda room: replace(room, role=Role.SUPERSEDED, end_due=end_due))

    def _renewed(self, told: Told) -> None:
        granted = _moment(told.fact.detail["expires_at"])
        before = _moment((told.fact.before or {}).get("expires_at"))
        self._key(told).asked = None
        self._change(
            told,
            lambda room: replace(
                room,
                expires_at=granted,
                granted_at=told.ts,
                granted_until=granted,
                renewed_at=told.ts,
                renewed_from=before,
                retired_at=None,
            ),
        )

    def _updated(self, told: Told) -> None:
        detail = told.fact.detail
        applied, version = _settings(detail.get("asked")), self._version(told.fact.actor)
        not_taken = _not_taken(detail.get("not_taken"), applied)

        def updated(room: RoomRecord) -> RoomRecord:
            after = replace(room, updated_at=told.ts)
            if "asked" not in detail:  # of an earlier version of ours
                return after
            changed = told.fact.after or {}
            kept = {path: it for path, it in room.not_taken.items() if path not in changed}
            return replace(after, applied=applied, not_taken={**kept, **not_taken}, version=version)

        self._change(told, updated)

    def _link_changed(self, told: Told) -> None:
        link = str((told.fact.after or {})["guest_url"])
        self._change(told, lambda room: replace(room, guest_url=link))

    def _rekeyed(self, told: Told) -> None:
        detail, keys = told.fact.detail, self.memory.keys
        source, target = str(detail["from"]), str(detail["to"])
        old = keys.pop(source, None) or KeyMemory(source)
        new = keys.get(target) or KeyMemory(target)
        keys[target] = KeyMemory(
            target,
            generation=max(old.generation, new.generation),
            rooms={**old.rooms, **new.rooms},
            tombstone=new.tombstone,
            protect=old.protect or new.protect,
            suspended=longer(old.suspended, new.suspended),
            asked=old.asked or new.asked,
            dormant=old.dormant if new.current is None else new.dormant,
            distinct=old.distinct | new.distinct,
            deleted=last_deleted(*old.deleted, *new.deleted),
            former=tuple(dict.fromkeys((*new.former, *old.former, source))),
        )
        for making in self.memory.creates.values():
            if making.key == source:
                making.key = target

    def _tombstoned(self, told: Told) -> None:
        detail = told.fact.detail
        self._key(told).tombstone = Tombstone(
            told.ts,
            parse_instant(str(detail["due"])),
            RemovalMode(str(detail["mode"])),
            told.fact.reason,
        )

    def _restored(self, told: Told) -> None:
        self._key(told).tombstone = None
        self._change(told, lambda room: replace(room, role=Role.CURRENT, retired_at=None))

    def _let_go(self, told: Told) -> None:
        memory, fact = self._key(told), told.fact
        current = memory.current
        if current is not None and current.id == fact.room_id:
            self._ended(told, memory.standing.link)
            memory.tombstone, memory.dormant = None, None
            self._change(told, lambda room: replace(room, role=Role.ENDING))
        if fact.event == "room.retired":
            end = _moment(fact.detail.get("expires_at"))
            self._change(told, lambda room: replace(room, retired_at=told.ts, expires_at=end))

    def _gone(self, told: Told) -> None:
        memory, fact = self._key(told), told.fact
        link = memory.standing.link
        room = memory.rooms.pop(fact.room_id, None)
        self.memory.sessions.pop(fact.room_id, None)
        if fact.event == "room.forgotten":
            self.memory.disowned[fact.room_id] = fact.actor or "forgotten"
            memory.tombstone = None
            return
        if fact.event == "room.deleted":
            memory.deleted = last_deleted(*memory.deleted, fact.room_id)
        if room is None or room.role is not Role.CURRENT:
            return
        memory.tombstone = None
        if fact.event == "room.deleted":
            self._ended(told, link)
            memory.dormant = None
        else:
            memory.lost = memory.dormant is None

    def _distinct(self, told: Told) -> None:
        memory = self._key(told)
        memory.distinct |= {str(told.fact.detail["other"])}

    def _protected(self, told: Told) -> None:
        self._key(told).protect = told.fact.event == "room.protected"

    def _suspended(self, told: Told) -> None:
        fact, memory = told.fact, self._key(told)
        if fact.event == "room.resumed":
            memory.suspended = None
            return
        until = parse_instant(str(fact.detail["until"]))
        memory.suspended = Suspension(until, fact.actor, fact.reason)

    def _renewal_asked(self, told: Told) -> None:
        self._key(told).asked = Ask(told.ts, told.fact.actor, told.fact.reason)

    def _slept(self, told: Told) -> None:
        since = parse_instant(str(told.fact.detail["unused_since"]))
        self._key(told).dormant = Dormancy(told.ts, since)

    def _woken(self, told: Told) -> None:
        self._key(told).dormant = None

    # --- operations -------------------------------------------------------------------------------

    def _started(self, told: Told) -> None:
        fact, detail = told.fact, told.fact.detail
        if detail["kind"] != OperationKind.CREATE:
            return
        memory, again = self._key(told), self.memory.creates.get(fact.operation)
        if again is not None:
            again.attempt, again.state = int(str(detail["attempt"])), OperationState.OPEN
            return
        named, watermark = detail.get("generation"), detail.get("watermark")
        generation = memory.generation + 1 if named is None else int(str(named))
        memory.generation = max(memory.generation, generation)
        self.memory.creates[fact.operation] = Making(
            key=fact.key,
            generation=generation,
            reason=fact.reason,
            cause=fact.cause,
            started_at=told.ts,
            watermark=None if watermark is None else int(str(watermark)),
            attempt=int(str(detail["attempt"])),
        )

    def _recovered(self, told: Told) -> None:
        found = bool(told.fact.detail.get("found"))
        if found:
            self._found[told.fact.room_id] = told.fact.operation
        state = OperationState.DONE if found else OperationState.FAILED
        self._close(told.fact.operation, state, told.fact.room_id if found else None)

    def _not_made(self, told: Told) -> None:
        self._close(told.fact.operation, OperationState.FAILED, None)

    def _close(self, operation_id: str, state: OperationState, room_id: str | None) -> None:
        making = self.memory.creates.get(operation_id)
        if making is not None:
            making.state, making.room_id = state, room_id

    # --- the rest ---------------------------------------------------------------------------------

    def _released(self, told: Told) -> None:
        """What was let go stands in the fact; in one of an earlier version of ours only whose."""
        detail = told.fact.detail
        until, keys, shown = detail.get("until"), detail.get("keys"), detail.get("standing")
        if until and isinstance(keys, list):
            for encoded in keys:
                key = self.memory.keys.get(str(encoded)) or KeyMemory(str(encoded))
                what = shown.get(str(encoded)) if isinstance(shown, dict) else None
                stands = key.standing
                if what is not None and key.tombstone is None:
                    stands = Standing(str(what))
                self._approve(told, key.encoded, stands)

    def _believed(self, told: Told) -> None:
        keys = told.fact.detail.get("keys")
        for encoded in keys if isinstance(keys, list) else ():
            key = self.memory.keys.get(str(encoded)) or KeyMemory(str(encoded))
            self._approve(told, key.encoded, Standing(lost_link(key.generation)))

    def _approve(self, told: Told, key: str, standing: Standing) -> None:
        word = approve(standing, told.ts, told.fact.actor, told.fact.reason)
        self.memory.approved[key] = word

    def _frozen(self, told: Told) -> None:
        self.memory.freezes = replacing(self.memory.freezes, retold(told.fact))

    def _unfrozen(self, told: Told) -> None:
        name = told.fact.detail["freeze"]
        self.memory.freezes = tuple(one for one in self.memory.freezes if one.name != name)

    def _session_started(self, told: Told) -> None:
        begun = _moment(told.fact.detail.get("started_at"))
        sessions = self.memory.sessions.setdefault(told.fact.room_id, {})
        sessions[str(told.fact.detail["session"])] = OpenSession(begun, told.ts)

    def _session_ended(self, told: Told) -> None:
        sessions = self.memory.sessions.get(told.fact.room_id, {})
        sessions.pop(str(told.fact.detail["session"]), None)

    def _session_counted(self, told: Told) -> None:
        detail = told.fact.detail
        end, since = parse_instant(str(detail["ended_at"])), parse_instant(str(detail["since"]))
        minutes = detail.get("minutes")
        length = float(minutes) if isinstance(minutes, int | float) else None

        def met(room: RoomRecord) -> RoomRecord:
            tally = room.tally or Tally(since, end)
            return replace(room, tally=add(tally, str(detail["session"]), end, length))

        self._change(told, met)

    def _policy_loaded(self, told: Told) -> None:
        name, short = _policy_of(told.fact.actor)
        version = str(told.fact.detail["version"])
        self._versions[name, short] = version
        self.memory.policies[name] = version

    def _policy_removed(self, told: Told) -> None:
        self.memory.policies.pop(_policy_of(told.fact.actor)[0], None)

    def _verified(self, told: Told) -> None:
        self.memory.verified = str(told.fact.detail["url"])

    def _archived(self, told: Told) -> None:
        archives, name = self.memory.archives, str(told.fact.detail["archive"])
        # Earlier versions of ours marked none.
        archives[name] = str(told.fact.detail.get("mark") or archives.get(name, ""))

    def _version(self, actor: str) -> str:
        return self._versions.get(_policy_of(actor), "")

    def _key(self, told: Told) -> KeyMemory:
        encoded = told.fact.key
        if not encoded:
            message = "it names no key"
            raise ValueError(message)
        return self.memory.keys.setdefault(encoded, KeyMemory(encoded))

    def _change(self, told: Told, change: Callable[[RoomRecord], RoomRecord]) -> None:
        rooms = self._key(told).rooms
        room = rooms.get(told.fact.room_id)
        if room is not None:
            rooms[room.id] = change(room)

    def _only_here(self, room_id: str, memory: KeyMemory) -> None:
        """A room serves one key: the last that was told (a store that was lost told of another)."""
        for other in self.memory.keys.values():
            if other is not memory:
                other.rooms.pop(room_id, None)

    def _ended(self, told: Told, link: str, *, act: str = "") -> None:
        """Count an end; ``act`` is how what was let go goes on, as far as facts tell."""
        word, shown = self.memory.approved.get(told.fact.key), Standing(link, act=act).shown
        approved = False
        if word is not None and told.ts < word.until:
            approved = word.link.startswith(shown) if act else word.link == shown
        self.memory.ended.append(Ended(told.ts, told.fact.key, link, approved))


def read_key(encoded: str, known: Mapping[str, Key]) -> Key | None:
    """A key from its encoded form; one that was cut can only be one that is known."""
    return decode_key(encoded) or known.get(encoded)


def _policy_of(actor: str) -> tuple[str, str]:
    """Name and short version of ``policy NAME@VERSION``; empty texts where somebody else acted."""
    word, _, rest = actor.partition(" ")
    name, _, short = rest.partition("@")
    return (name, short) if word == "policy" else ("", "")


def _moment(text: Json) -> datetime | None:
    return parse_instant(str(text)) if text else None


def _settings(asked: Json) -> dict[str, Setting]:
    if not isinstance(asked, dict):
        return {}
    return {
        path: value
        for path, value in asked.items()
        if path in _NAMES and (value is None or isinstance(value, bool | str))
    }


def _not_taken(paths: Json, applied: Mapping[str, Setting]) -> dict[str, Setting]:
    if not isinstance(paths, list):
        return {}
    named = [str(path) for path in paths if path in _NAMES]
    # A line that was taken out of the policy asked for the documented default.
    return {
        path: applied[path] if path in applied else SETTINGS[path].default
        for path in named
        if path in applied or path in SETTINGS
    }
