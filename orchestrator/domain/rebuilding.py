"""Rebuilding: a lost store's states from the API's rooms, the list of adopted ones, and the facts.

Which key a room serves is said by the facts, else by the list, else by its marker.  What a room is
like now is the API's to say.  What nobody tells any more is put so that nothing ends by mistake: a
room whose removal was not decided is kept until a policy speaks of it.  It refuses to choose
between two rooms that both claim a key: the one stays unknown, and a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import Marker
from orchestrator.domain.occurrences import is_subject
from orchestrator.domain.pages import is_room_subject
from orchestrator.domain.policies import (
    Desired,
    Removal,
    RemovalMode,
    Renewal,
    Replace,
    ReplaceMode,
)
from orchestrator.domain.records import KeyState, Operation, OperationState, Role, RoomRecord
from orchestrator.domain.retelling import KeyMemory, Memory, read_key
from orchestrator.domain.rooms import LONGEST_ASK, Observed, RoomType, has_ended
from orchestrator.foundation.instants import format_instant

BECAUSE: Final = "state rebuild: no policy was read since"
_ACTOR: Final = "state rebuild"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of ``adopted.yaml``: a room that a person took in for a key, or disowned."""

    room_id: str
    key: Key | None
    display_name: str
    disowned: bool


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that a rebuild is made from.

    Attributes:
        memory: what the facts tell.
        rooms: all that the API shows, by one complete listing.
        listed: the lines of ``adopted.yaml``.
        owner: whose markers are ours.
        stores: the incarnations that were this installation's, by log, store or a person's word.
        now: API time.
        keys: known keys by their encoded form, for those that were cut.
    """

    memory: Memory
    rooms: Sequence[Observed]
    listed: Sequence[Listed]
    owner: str
    stores: frozenset[str]
    now: datetime
    keys: Mapping[str, Key] = field(default_factory=dict)


@dataclass(slots=True)
class Rebuilt:
    """What comes of it.

    Attributes:
        facts: what this rebuild decided and no fact had told before.
        strangers: marked rooms by stores that were never ours: another daemon uses this owner.
        left: marked rooms that stay unknown, because their key has another, or cannot be read.
        unseen: rooms that the facts tell of and the listing does not show.
        nameless: encoded keys that were cut and that nothing here knows.
    """

    states: dict[Key, KeyState] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    disowned: dict[str, str] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    strangers: list[Observed] = field(default_factory=list)
    left: list[Observed] = field(default_factory=list)
    unseen: list[RoomRecord] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    by_marker: int = 0
    by_list: int = 0

    @property
    def rooms(self) -> int:
        """How many rooms are remembered."""
        return sum(len(state.rooms) for state in self.states.values())


def rebuild(sources: Sources) -> Rebuilt:
    """Make the states of a store anew."""
    rebuilt = Rebuilt(disowned=dict(sources.memory.disowned))
    seen = {room.id: room for room in sources.rooms}
    for memory in sources.memory.keys.values():
        _take_memory(sources, rebuilt, memory, seen)
    _take_operations(sources, rebuilt)
    _take_listed(sources, rebuilt, seen)
    _take_marked(sources, rebuilt)
    for key, state in rebuilt.states.items():
        rebuilt.states[key] = _with_terms(state)
    return rebuilt


def _take_memory(
    sources: Sources, rebuilt: Rebuilt, memory: KeyMemory, seen: Mapping[str, Observed]
) -> None:
    current = memory.current
    rooms = [
        _as_seen(room, seen.get(room.id))
        for room in memory.rooms.values()
        # Where two were current, one store was lost between: the later was given out last.
        if room.role is not Role.CURRENT or room is current
    ]
    if not (rooms or memory.lost or memory.distinct or memory.protect or memory.suspended):
        return
    key = read_key(memory.encoded, sources.keys)
    if key is None:
        rebuilt.nameless.append(memory.encoded)
        return
    rebuilt.unseen.extend(room for room in rooms if room.id not in seen)
    rebuilt.states[key] = KeyState(
        key,
        generation=memory.generation,
        rooms=tuple(rooms),
        tombstone=memory.tombstone if current is not None else None,
        protect=memory.protect,
        suspended=memory.suspended,
        asked=memory.asked,
        dormant=memory.dormant,
        distinct=memory.distinct,
        deleted=memory.deleted,
        former=memory.former,
        lost=memory.lost,
    )


def _as_seen(room: RoomRecord, seen: Observed | None) -> RoomRecord:
    if seen is None:
        return room
    marker = seen.marker
    made_by = marker.operation if isinstance(marker, Marker) and not room.adopted else ""
    return replace(
        room,
        operation=room.operation or made_by,
        display_name=seen.display_name,
        type=seen.type,
        guest_url=seen.guest_url,
        meeting_code=seen.meeting_code,
        created_at=seen.created_at,
        expires_at=seen.expires_at,
        text=seen.text,
    )


def _take_operations(sources: Sources, rebuilt: Rebuilt) -> None:
    """The journal: by it a room of a late call is known as never announced."""
    for operation_id, making in sources.memory.creates.items():
        key = read_key(making.key, sources.keys)
        if key is None:
            continue
        rebuilt.operations.append(making.operation(operation_id, key))
        if making.state is OperationState.OPEN:
            state = rebuilt.states.get(key) or KeyState(key)
            generation = max(state.generation, making.generation)
            rebuilt.states[key] = replace(state, generation=generation)


def _take_listed(sources: Sources, rebuilt: Rebuilt, seen: Mapping[str, Observed]) -> None:
    """The list counts where the facts say nothing of a room: they may have been rotated away."""
    told = _told_of(rebuilt) | rebuilt.disowned.keys()
    for line in sources.listed:
        room = seen.get(line.room_id)
        if line.room_id in told or room is None or has_ended(room, sources.now):
            continue
        if line.disowned:
            rebuilt.disowned[line.room_id] = _ACTOR
        elif line.key is not None and _take_room(sources, rebuilt, line.key, room):
            rebuilt.by_list += 1


def _take_marked(sources: Sources, rebuilt: Rebuilt) -> None:
    """Rooms with our marker of which nothing else is told; the higher generation comes first."""
    told = _told_of(rebuilt) | rebuilt.disowned.keys()
    marked: list[tuple[Marker, Observed]] = []
    for room in sources.rooms:
        marker = room.marked_by(sources.owner)
        if marker is None or room.id in told or has_ended(room, sources.now):
            continue
        if marker.operation in sources.memory.creates:
            continue  # by the journal it is a late one, or one that was let go: the daemon knows
        if marker.incarnation in sources.stores:
            marked.append((marker, room))
        else:
            rebuilt.strangers.append(room)
    marked.sort(key=lambda one: (-one[0].generation, str(one[1].created_at), one[1].id))
    for marker, room in marked:
        key = read_key(marker.key, sources.keys)
        if key is not None and _take_room(sources, rebuilt, key, room):
            rebuilt.by_marker += 1
        else:
            rebuilt.left.append(room)


def _take_room(sources: Sources, rebuilt: Rebuilt, key: Key, room: Observed) -> bool:
    """Make a room its key's current one, unless the key has one or lets one go."""
    # By another name if the facts moved the key on.
    moved = next((state for state in rebuilt.states.values() if key.encoded in state.former), None)
    state = moved or rebuilt.states.get(key) or KeyState(key)
    if any(other.role in {Role.CURRENT, Role.ENDING} for other in state.rooms):
        return False
    marker = room.marked_by(sources.owner)
    generation = marker.generation if marker is not None else state.generation + 1
    record = RoomRecord(
        id=room.id,
        generation=generation,
        operation=marker.operation if marker is not None else "",
        role=Role.CURRENT,
        display_name=room.display_name,
        type=room.type,
        guest_url=room.guest_url,
        meeting_code=room.meeting_code,
        created_at=room.created_at,
        expires_at=room.expires_at,
        granted_at=min(room.created_at or sources.now, sources.now),
        granted_until=room.expires_at,
        lifetime=None,
        text=room.text,
        adopted=marker is None,
    )
    rebuilt.states[state.key] = replace(
        state,
        generation=max(state.generation, generation),
        rooms=(record, *state.rooms),
        lost=False,
    )
    detail: dict[str, Json] = {
        "display_name": room.display_name,
        "meeting_code": room.meeting_code,
        "type": str(room.type),
        "expires_at": None if room.expires_at is None else format_instant(room.expires_at),
        "guest_url": room.guest_url,
        "generation": generation,
        "marked": marker is not None,
    }
    rebuilt.facts.append(
        Fact(
            "room.adopted",
            actor=_ACTOR,
            key=state.key.encoded,
            room_id=room.id,
            reason="it carries our marker" if marker is not None else "it stands in adopted.yaml",
            detail=detail,
        )
    )
    return True


def _told_of(rebuilt: Rebuilt) -> set[str]:
    return {room.id for state in rebuilt.states.values() for room in state.rooms}


def _with_terms(state: KeyState) -> KeyState:
    """By what a room is kept until a policy speaks of it: as it is, renewed, and never ended.

    No fact tells what the policy asked for; a policy that still asks for the room says it at the
    first turn.  The decision to remove a room is told, with its terms, and stands.
    """
    current, tombstone = state.current, state.tombstone
    removal = Removal(RemovalMode.KEEP)
    if tombstone is not None:
        removal = Removal(tombstone.mode, tombstone.due - tombstone.decided_at)
    state = replace(state, removal=removal)
    if current is None or is_subject(state.key.subject) or is_room_subject(state.key.subject):
        return state  # an occurrence's room ends by itself, a page's with the page
    granted = None
    if current.type is RoomType.LONG_TERM and current.expires_at is not None:
        granted = min(current.expires_at - current.granted_at, LONGEST_ASK)
    wish = Desired(
        display_name=current.display_name,
        type=current.type,
        lifetime=granted,
        text=current.text,
        settings={},
        renewal=Renewal(),
        replace=Replace(ReplaceMode.NEVER),
        removal=removal,
        protect=None,
        mode=None,
        version="",
        because=BECAUSE,
    )
    return replace(state, wish=wish)


# --- what is different ----------------------------------------------------------------------------


def differences(before: Iterable[KeyState], after: Iterable[KeyState]) -> tuple[str, ...]:
    """What a rebuilt store remembers otherwise than another, one sentence each, by key."""
    old = {state.key: state for state in before}
    new = {state.key: state for state in after}
    lines: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        was = _remembered(old.get(key) or KeyState(key))
        becomes = _remembered(new.get(key) or KeyState(key))
        changed = [
            f"{name} {was.get(name, 'none')} → {becomes.get(name, 'none')}"
            for name in dict.fromkeys((*was, *becomes))
            if was.get(name) != becomes.get(name)
        ]
        if changed:
            lines.append(f"{key}: {'; '.join(changed)}")
    return tuple(lines)


def _remembered(state: KeyState) -> dict[str, str]:
    """What counts of a state: rooms and their parts, decisions, names; as text."""
    told = {f"room {room.id}": _role(room) for room in state.rooms}
    if state.tombstone is not None:
        tombstone = state.tombstone
        told["removal"] = f"{tombstone.mode} on {format_instant(tombstone.due)}"
    if state.protect:
        told["protection"] = "yes"
    if state.suspended is not None:
        told["suspended"] = f"until {format_instant(state.suspended.until)}"
    if state.asked is not None:
        told["renewal asked"] = format_instant(state.asked.at)
    if state.distinct:
        told["distinct"] = ", ".join(sorted(state.distinct))
    if state.former:
        told["formerly"] = ", ".join(state.former)
    if state.lost:
        told["lost"] = "yes"
    return told


def _role(room: RoomRecord) -> str:
    if room.role is Role.SUPERSEDED and room.end_due is not None:
        return f"{room.role} until {format_instant(room.end_due)}"
    return f"{room.role}, adopted" if room.adopted else str(room.role)
