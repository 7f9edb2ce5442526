"""The mirror: what the file holds of keys, rooms, notes and open operations, kept in memory.

A turn asks six such questions, and nearly always nothing has changed since the last one.  The store
is the file's only writer, so what it read or wrote once stays true until it writes again.  Only
what is durable enters here, in the order of its commits and without waiting, also where whoever
asked for a commit was cancelled meanwhile: nobody ever reads what a power cut could take away.

It reads no file itself, and of the states it knows no more than was asked for until all of them
were read once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Operation, OperationState
from orchestrator.ports.store import Commit


class Unread(Enum):
    """Nothing is known of a key yet, which is not the same as that it has no state."""

    UNREAD = "unread"


@dataclass(slots=True)
class _OfPolicy:
    """The known states of one policy; None for a key that is known to have none."""

    states: dict[Key, KeyState | None] = field(default_factory=dict)
    in_order: bool = True


class Mirror:
    """What is known of the file."""

    def __init__(self, notes: Mapping[str, str], open_operations: Mapping[int, Operation]) -> None:
        """Begin with all notes, all open operations by sequence number, and no states."""
        self.notes: dict[str, str] = dict(notes)
        self._open: dict[int, Operation] = {}
        self._open_of: dict[Key, set[int]] = {}
        for seq, operation in open_operations.items():
            self._take_operation(seq, operation)
        self._policies: dict[str, _OfPolicy] = {}
        self._key_of_room: dict[str, Key] = {}
        self.whole = False
        """All states were read: what is not here is not there."""

    # --- what was read ----------------------------------------------------------------------------

    def met(self, key: Key, state: KeyState | None) -> None:
        """Take in what a reading found; what was written since it was asked for is younger."""
        if key in self._of(key.policy).states:
            return
        self._put(key, state)

    def met_all(self, states: Iterable[KeyState]) -> None:
        """Take in some of all states, in the order of their keys."""
        for state in states:
            self.met(state.key, state)

    # --- what was written -------------------------------------------------------------------------

    def wrote(self, commit: Commit, operations: Sequence[int]) -> None:
        """Take in a commit that is durable now, with the sequence numbers of its operations."""
        for key in commit.dropped:
            self._forget_rooms(key)
            self._put(key, None)
        # Of two states for one key the later stands. All rooms out before any comes in: in one
        # commit a room may go from one key to another.
        states = {state.key: state for state in commit.states}
        for key in states:
            self._forget_rooms(key)
        for key, state in states.items():
            self._put(key, state)
        for seq, operation in zip(operations, commit.operations, strict=True):
            self._take_operation(seq, operation)
        for name, value in commit.notes.items():
            if value is None:
                self.notes.pop(name, None)
            else:
                self.notes[name] = value

    # --- what is asked ----------------------------------------------------------------------------

    def state(self, key: Key) -> KeyState | Unread | None:
        """The state of a key, if it has one and that is known."""
        unknown = None if self.whole else Unread.UNREAD
        of_policy = self._policies.get(key.policy)
        return unknown if of_policy is None else of_policy.states.get(key, unknown)

    def states(self, policy: str | None) -> tuple[KeyState, ...]:
        """All known states in the order of their keys, or those of one policy."""
        names = sorted(self._policies) if policy is None else [policy]
        found: list[KeyState] = []
        for name in names:
            of_policy = self._policies.get(name)
            if of_policy is not None:
                _order(of_policy)
                found += [state for state in of_policy.states.values() if state is not None]
        return tuple(found)

    def key_of_room(self, room_id: str) -> Key | None:
        """The key under which a room is remembered, as far as is known."""
        return self._key_of_room.get(room_id)

    def open_operations(self, key: Key | None) -> Sequence[Operation]:
        """The open operations, oldest first: of one key, or all."""
        seqs = self._open.keys() if key is None else self._open_of.get(key, ())
        return tuple(self._open[seq] for seq in sorted(seqs))

    # --- keeping it -------------------------------------------------------------------------------

    def _of(self, policy: str) -> _OfPolicy:
        of_policy = self._policies.get(policy)
        if of_policy is None:
            of_policy = self._policies[policy] = _OfPolicy()
        return of_policy

    def _put(self, key: Key, state: KeyState | None) -> None:
        of_policy = self._of(key.policy)
        if state is None and self.whole:
            of_policy.states.pop(key, None)
            return
        if key not in of_policy.states:
            of_policy.in_order = False
        of_policy.states[key] = state
        for room in state.rooms if state is not None else ():
            self._key_of_room[room.id] = key

    def _forget_rooms(self, key: Key) -> None:
        state = self._of(key.policy).states.get(key)
        for room in state.rooms if state is not None else ():
            if self._key_of_room.get(room.id) == key:
                del self._key_of_room[room.id]

    def _take_operation(self, seq: int, operation: Operation) -> None:
        before = self._open.pop(seq, None)
        if before is not None:
            of_key = self._open_of[before.key]
            of_key.discard(seq)
            if not of_key:
                del self._open_of[before.key]
        if operation.state is OperationState.OPEN:
            self._open[seq] = operation
            self._open_of.setdefault(operation.key, set()).add(seq)


def _order(of_policy: _OfPolicy) -> None:
    """Bring the keys of a policy into their order; cheap where few of them are new."""
    if not of_policy.in_order:
        ordered = sorted(of_policy.states.items(), key=lambda item: item[0].subject)
        of_policy.states = dict(ordered)
        of_policy.in_order = True
