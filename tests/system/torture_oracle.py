"""The oracle of the kill test: where a kill hit, and whether anything was lost or made twice.

It believes the server's own table, the server's request log and the files; what the daemon says of
itself is only compared with them.
"""

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from orchestrator.adapters.audit.lines import fields_of
from orchestrator.adapters.audit.verify import verify
from orchestrator.app.auditing import checked_by
from orchestrator.config import read_config
from orchestrator.domain.facts import CHECKPOINT, Fact, RecordedFact
from orchestrator.domain.marker import Marker, read_metadata
from orchestrator.domain.records import KeyState, Operation, OperationState, Role, RoomRecord
from orchestrator.engine.executor import CAN_DELETE, denies_delete
from orchestrator.foundation.instants import parse_instant
from orchestrator.foundation.shapes import loads
from tests.system.torture_stage import CONCURRENCY, POLICY, Request, Wish

_WORKERS: Final = 2 * CONCURRENCY  # keys that the daemon works on at once
_CHANGING: Final = {"POST", "PATCH", "DELETE"}
_BIRTHS: Final = {
    "room.created",
    "room.replaced",
    "room.adopted",
    "operation.recovered",
    "room.duplicated",
}
# Nothing was done, and a hostile server does not say so: what was asked cannot be.
_BLAME: Final = {400, 403, 405, 409, 413, 422}
_NOT_TAKEN: Final = "200: the API took the new end and left the old one"
# What the daemon logs where it met a mistake of its own.
_OWN_MISTAKES: Final = ("Traceback", "turn.failed", "turn.endless", "store.failed", "outbox.failed")


class State(StrEnum):
    """Where an act was when the daemon was killed; in the order in which it goes through them."""

    WANTED = "before the journal"
    JOURNALLED = "journal → call"
    UNDER_WAY = "call under way"
    ANSWERED = "answered → recorded"
    RECORDED = "recorded → audited"
    UNANSWERED = "unanswered → looked up"


@dataclass(frozen=True, slots=True)
class Hit:
    """One act that a kill caught."""

    state: State
    creates: bool  # a POST; otherwise a PATCH or a DELETE


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the files say.

    Attributes:
        audited: whole lines, without the checkpoints between them.
        denied: the server said of rooms that are there, twice, that they are not, when they were to
            be deleted: then it is held to have no DELETE, and rooms are left to end by themselves.
    """

    states: Mapping[str, KeyState]
    operations: Mapping[str, Operation]
    facts: Sequence[RecordedFact]
    audited: Sequence[Mapping[str, Any]]
    denied: bool = False

    @property
    def last_seq(self) -> int:
        return self.facts[-1].seq if self.facts else 0

    @property
    def last_audited(self) -> int:
        return int(self.audited[-1]["seq"]) if self.audited else 0

    @property
    def is_at_rest(self) -> bool:
        """Nothing is open, no room waits to be ended, and all is in the audit log."""
        still = not any(op.state is OperationState.OPEN for op in self.operations.values())
        # Where the server says that it takes no end, its room waits for another try as well.
        tries = (one for one in self.states.values() if one.attempts.fault != _NOT_TAKEN)
        rooms = (room for state in tries for room in state.rooms)
        waits = {Role.DUPLICATE, Role.SUPERSEDED}
        clean = not any(room.role in waits and room.retired_at is None for room in rooms)
        return still and clean and self.last_audited == self.last_seq


def snapshot(store: Path, audit: Path) -> Snapshot:
    """Read what the daemon keeps; for a dead daemon from a copy, so that nothing is touched."""
    with tempfile.TemporaryDirectory() as aside:
        for suffix in ("", "-wal"):
            if store.with_name(store.name + suffix).exists():
                shutil.copy(store.with_name(store.name + suffix), aside)
        return _read(Path(aside) / store.name, audit, "rw")


def glance(store: Path, audit: Path) -> Snapshot:
    """Read what the daemon keeps while it lives, without its lock."""
    return _read(store, audit, "ro")


def _read(store: Path, audit: Path, mode: str) -> Snapshot:
    if not store.exists():
        return Snapshot({}, {}, (), ())
    with closing(sqlite3.connect(f"file:{quote(str(store))}?mode={mode}", uri=True)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
            return Snapshot({}, {}, (), ())
        states = [loads(KeyState, body) for (body,) in database.execute("SELECT body FROM keys")]
        operations = [
            loads(Operation, body) for (body,) in database.execute("SELECT body FROM operations")
        ]
        facts = [
            RecordedFact(seq, parse_instant(ts), loads(Fact, body))
            for seq, ts, body in database.execute("SELECT seq, ts, body FROM facts ORDER BY seq")
        ]
        query = "SELECT value FROM notes WHERE name = ?"
        noted = database.execute(query, (CAN_DELETE,)).fetchone()
    lines = audit.read_bytes().split(b"\n")[:-1] if audit.exists() else []
    return Snapshot(
        {str(state.key): state for state in states},
        {operation.id: operation for operation in operations},
        facts,
        [told for line in lines if (told := json.loads(line))["event"] != CHECKPOINT],
        noted is not None and denies_delete(noted[0], datetime.now(UTC)),
    )


# --- where a kill hit ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Death:
    """One life of the daemon that ended by SIGKILL.

    Attributes:
        seq: the last fact of the lives before.
        requests: what came to the server in this life, all answered meanwhile.
        killed: the kill's place among the numbers of the request log.
    """

    seq: int
    requests: Sequence[Request]
    killed: int
    after: Snapshot

    def hits(self, wish: Wish) -> list[Hit]:
        """Every act that was caught, and where."""
        begun = dict.fromkeys(
            fact.fact.operation
            for fact in self.after.facts
            if fact.seq > self.seq and fact.fact.event == "operation.started"
        )
        operations = [self.after.operations[name] for name in begun]
        hits = [
            Hit(state, operation.kind == "create")
            for operation in operations
            if (state := self._state(operation)) is not None
        ]
        left = [
            Hit(State.UNANSWERED, operation.kind == "create")
            for operation in self.after.operations.values()
            if operation.state is OperationState.OPEN and operation.id not in begun
        ]
        busy = sum(operation.state is OperationState.OPEN for operation in operations)
        return [*hits, *left, *self._wanted(wish, _WORKERS - busy)]

    def _state(self, operation: Operation) -> State | None:
        if operation.state is not OperationState.OPEN:
            told = [fact.seq for fact in self.after.facts if fact.fact.operation == operation.id]
            return State.RECORDED if max(told) > self.after.last_audited else None
        if self._last_fact(operation) == "operation.unanswered":
            return State.UNANSWERED
        calls = [request for request in self.requests if _bears(request, operation)]
        if not calls:
            return State.JOURNALLED
        answered = any(call.answered is not None and call.answered < self.killed for call in calls)
        return State.ANSWERED if answered else State.UNDER_WAY

    def _last_fact(self, operation: Operation) -> str:
        events = [
            fact.fact.event
            for fact in self.after.facts
            if fact.seq > self.seq and fact.fact.operation == operation.id
        ]
        return events[-1] if events else ""

    def _wanted(self, wish: Wish, free: int) -> list[Hit]:
        """Workers that had no intent in the journal, while there were keys that needed one."""
        listed = any(
            request.path.endswith("/rooms")
            and request.method == "GET"
            and request.answered is not None
            and request.answered < self.killed
            for request in self.requests
        )
        if not listed:
            return []
        pending = {
            str(operation.key)
            for operation in self.after.operations.values()
            if operation.state is OperationState.OPEN
        }
        lacks = [
            lack
            for key, name in wish.names().items()
            if key not in pending and (lack := _lack(self.after.states.get(key), name, wish))
        ]
        return [Hit(State.WANTED, lack == "POST") for lack in lacks[: max(free, 0)]]

    def unlawful(self, *, hostile: bool) -> list[str]:
        """What may not be, not even in the moment of a kill.

        A hostile server says much; of what it says only blame is the daemon's own.
        """
        found: list[str] = []
        for request in self.requests:
            if request.method in _CHANGING and not any(
                _bears(request, operation) for operation in self.after.operations.values()
            ):
                found.append(f"{request.method} {request.path} left without a durable intent (P2)")
            status = request.status or 0
            is_gone = (request.method, status) == ("GET", 404)
            blamed = status in _BLAME if hostile else status >= 400 and not is_gone
            if blamed:
                found.append(f"{request.method} {request.path} was answered {request.status}")
        return found


def _bears(request: Request, operation: Operation) -> bool:
    if request.method == "POST":
        return f" op={operation.id} " in request.body
    changes = request.method in _CHANGING and operation.room_id is not None
    return changes and request.path.endswith(f"/rooms/{operation.room_id}")


def _lack(state: KeyState | None, name: str, wish: Wish) -> str:
    """The method of the call that a key still needs, or nothing."""
    current = state.current if state is not None else None
    if state is not None and current is not None and state.attempts.fault == _NOT_TAKEN:
        return ""  # the server said so: all waits for the next try, beyond the time of a test
    if current is None or current.display_name != name:
        return "POST"
    microphone = current.applied.get("initial_join_options.microphone_state")
    right = (current.lifetime, microphone) == (timedelta(days=wish.days), wish.microphone)
    return "" if right else "PATCH"


def lacking(seen: Snapshot, wish: Wish) -> int:
    """How many keys do not yet have what the policy asks for."""
    return sum(bool(_lack(seen.states.get(key), name, wish)) for key, name in wish.names().items())


# --- whether all is well ------------------------------------------------------------------------


def is_settled(seen: Snapshot, wish: Wish) -> bool:
    """Whether every key has what the policy asks for, and nothing is under way."""
    return seen.is_at_rest and not lacking(seen, wish)


def of_teams(seen: Snapshot) -> Snapshot:
    """What is remembered of the teams' keys; pages have an oracle of their own."""
    teams = f"{POLICY}/"
    return replace(
        seen, states={key: one for key, one in seen.states.items() if key.startswith(teams)}
    )


def is_of_team(row: Mapping[str, Any]) -> bool:
    """Whether a row of the server's table is no page's room."""
    marker = _marker(row)
    return marker is None or marker.key.startswith(f"{POLICY}/")


def rooms_are_right(
    table: Sequence[Mapping[str, Any]],
    seen: Snapshot,
    shown: Path,
    wish: Wish,
    *,
    untaken: int,
    told_as_old: int,
) -> list[str]:
    """The server's own table against the policy, the store and what people are shown.

    As many rooms as are ``untaken`` may have another end than was asked for, and as many as were
    ``told_as_old`` may have the right one and wait for another try: the server said so.
    """
    records = {room.id: (key, room) for key, state in seen.states.items() for room in state.rooms}
    untold = {key for key, one in seen.states.items() if one.attempts.fault == _NOT_TAKEN}
    found = _strays(table, records, untold)
    names, rows = wish.names(), {row["id"]: row for row in table if row["ended_at"] is None}
    late: list[str] = []
    doubted: list[str] = []
    current = {key: room.id for key, room in records.values() if room.role is Role.CURRENT}
    if current.keys() != names.keys():
        found.append(f"{len(current)} keys have a current room, {len(names)} should")
    for key, room_id in current.items():
        if room_id not in rows:
            found.append(f"{key}: its current room {room_id} is not alive on the server")
            continue
        row = rows[room_id]
        if records[room_id][1].expires_at != parse_instant(row["expires_at"]):
            found.append(f"{key}: the store does not know when its room {room_id} ends")
        if seen.states[key].attempts.fault == _NOT_TAKEN:
            told = f"{key}: what is asked for was not taken"
            (late if _ends_otherwise(key, row, wish) else doubted).append(told)
            continue
        if row["display_name"] != names.get(key):
            found.append(f"{key}: its room is called {row['display_name']!r}")
        late.extend(_ends_otherwise(key, row, wish))
    if len(late) > untaken:
        found += late
    if len(doubted) > told_as_old + untaken - len(late):
        found += doubted
    shows = {room["key"]: room["room_id"] for room in json.loads(shown.read_text())["rooms"]}
    if shows != current:
        found.append(f"{shown.name} does not tell exactly the current rooms")
    return found


def _strays(
    table: Sequence[Mapping[str, Any]],
    records: Mapping[str, tuple[str, RoomRecord]],
    untold: Collection[str],
) -> list[str]:
    """Rooms that live and that the store does not know, or that it should have ended.

    Those of an ``untold`` key wait to be ended: they are counted with it.
    """
    found: list[str] = []
    for row in table:
        marker = _marker(row)
        if marker is None:
            found.append(f"{row['display_name']} ({row['id']}) bears no marker")
        elif row["ended_at"] is None:
            key, room = records.get(row["id"], ("", None))
            ending = room is not None and (room.retired_at or key in untold)
            lawful = room is not None and (room.role is Role.CURRENT or ending)
            if not lawful or key != marker.key:
                role = room.role if room is not None else "nothing"
                found.append(f"{row['display_name']} ({row['id']}) lives, known as {role}")
    return found


def _marker(row: Mapping[str, Any]) -> Marker | None:
    _, marker = read_metadata(row["metadata"])
    return marker if isinstance(marker, Marker) else None


def born_once(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """No two rooms were ever made for one generation: true while the server is honest."""
    marked = [marker for row in table if (marker := _marker(row)) is not None]
    born = Counter((marker.key, marker.generation) for marker in marked)
    return [
        f"{count} rooms were made for {key}, generation {generation}"
        for (key, generation), count in born.items()
        if count > 1
    ]


def one_link_a_generation(
    table: Sequence[Mapping[str, Any]], seen: Snapshot, shown: Sequence[Mapping[str, str]]
) -> list[str]:
    """Of the rooms of one generation one at most was ever given out: shown, or told as made."""
    generations = {
        row["id"]: marker.generation for row in table if (marker := _marker(row)) is not None
    }
    given = {pair for look in shown for pair in look.items()} | {
        (fact.fact.key, fact.fact.room_id)
        for fact in seen.facts
        if fact.fact.event in {"room.created", "room.replaced"}
    }
    rooms = Counter((key, generations.get(room_id, -1)) for key, room_id in given)
    return [
        f"{count} links were given out for {key}, generation {generation}"
        for (key, generation), count in rooms.items()
        if count > 1
    ]


def foreign_are_untouched(
    table: Sequence[Mapping[str, Any]],
    foreign: Mapping[str, Mapping[str, Any]],
    requests: Sequence[Request],
) -> list[str]:
    """Rooms of others are as they were, and nothing was even asked of them (P3)."""
    now = {row["id"]: row for row in table}
    found = [
        f"the foreign room {room_id} is not as it was"
        for room_id, row in foreign.items()
        if now.get(room_id) != row
    ]
    found += [
        f"{request.method} {request.path}: that room is not ours"
        for request in requests
        if request.method in _CHANGING and request.path.rpartition("/")[2] in foreign
    ]
    return found


def _ends_otherwise(key: str, row: Mapping[str, Any], wish: Wish) -> list[str]:
    found: list[str] = []
    granted = parse_instant(row["expires_at"]) - timedelta(days=wish.days)
    # Made or renewed within this test, and not before it.
    if not timedelta() <= datetime.now(UTC) - granted < timedelta(hours=1):
        found.append(f"{key}: its room ends at {row['expires_at']}, not after {wish.days} days")
    return found


def audit_is_whole(seen: Snapshot, config: Path) -> list[str]:
    """Every fact of the store is in the log, once, in order, and the chain holds to its head."""
    found: list[str] = []
    seqs = [fact.seq for fact in seen.facts]
    if seqs != list(range(1, len(seqs) + 1)):
        found.append("the store's facts are not numbered without a gap")
    if [line["seq"] for line in seen.audited] != seqs:
        found.append(f"{len(seqs)} facts, but {len(seen.audited)} lines, or not in their order")
    for fact, line in zip(seen.facts, seen.audited, strict=False):
        told = json.loads(json.dumps(fields_of(fact)))
        if {name: line.get(name) for name in told} != told:
            found.append(f"line {line['seq']} does not tell its fact {fact.fact.event}")
    settings = read_config(config).settings
    assert settings is not None
    checked = checked_by(settings)
    if checked.against.anchor is None:
        found.append("the store does not remember the head of its audit log")
    report = verify(settings.audit.file, checked.against)
    found += [f"audit verify: {finding}" for finding in report.findings]
    return found


def calls_are_journalled(requests: Sequence[Request], seen: Snapshot) -> list[str]:
    """One operation a POST, and for one room at most: no act without a record (P2)."""
    posts = Counter(
        operation.id
        for request in requests
        # A 401 says that nothing was done, and the client asks once more with a new token.
        if request.method == "POST" and request.status != 401
        for operation in seen.operations.values()
        if _bears(request, operation)
    )
    return [
        f"operation {name} was sent {count} times, but journalled for {attempts}"
        for name, count in posts.items()
        if count > (attempts := seen.operations[name].attempt)
    ]


def acts_are_told(seen: Snapshot) -> list[str]:
    """Each act that is over has the fact that tells how it ended, and each room its birth."""
    ended = {fact.fact.operation for fact in seen.facts if fact.fact.event != "operation.started"}
    born = {fact.fact.room_id for fact in seen.facts if fact.fact.event in _BIRTHS}
    found = [
        f"no fact tells how operation {operation.id} ended"
        for operation in seen.operations.values()
        if operation.state is not OperationState.OPEN and operation.id not in ended
    ]
    found += [
        f"{key}: no fact tells where its room {room.id} comes from"
        for key, state in seen.states.items()
        for room in state.rooms
        if room.id not in born
    ]
    return found


def second_pass_lists_only(requests: Sequence[Request]) -> list[str]:
    """After a pass that converged, the next asks and changes nothing (P8)."""
    calls = Counter(f"{request.method} {request.path}" for request in requests)
    found = [
        f"the second pass sent {call} {count} times"
        for call, count in calls.items()
        if not call.startswith("GET ") or call.rpartition("/rooms/")[1]
    ]
    if not any(call.endswith("/rooms") for call in calls):
        found.append("the second pass did not list the rooms")
    return found


def own_mistakes(logs: Sequence[Path]) -> list[str]:
    """What the daemon logged of mistakes of its own."""
    return [
        f"{log.name}:{number}: {line[:300]}"
        for log in logs
        for number, line in enumerate(log.read_text(errors="replace").splitlines(), 1)
        if any(word in line for word in _OWN_MISTAKES)
    ]
