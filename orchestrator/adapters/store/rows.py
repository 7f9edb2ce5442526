"""Values to rows and back: plain functions of a connection, run inside the store's one thread.

Refuses, as `StoreFault`, what the indexes refuse: two current rooms for one key, one room under two
keys, two open episodes of one page.
"""

from __future__ import annotations

import secrets
import sqlite3
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.adapters.store.queries import QUERIES
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.domain.keeping import KeptRecording, WatchedSession
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Operation, RoomRecord
from orchestrator.foundation.instants import format_instant_exactly, parse_instant
from orchestrator.foundation.shapes import dumps, loads
from orchestrator.ports.store import Commit, PolicyText, StoreFault

_INCARNATION_LETTERS: Final = string.digits + string.ascii_lowercase
_INCARNATION_LENGTH: Final = 8


def incarnation(connection: sqlite3.Connection) -> str:
    """The store's incarnation, drawn now if the store is new."""
    drawn = "".join(secrets.choice(_INCARNATION_LETTERS) for _ in range(_INCARNATION_LENGTH))
    connection.execute(QUERIES["draw_incarnation"], {"drawn": drawn})
    (found,) = connection.execute(QUERIES["incarnation"]).fetchone()
    return str(found)


def damage(connection: sqlite3.Connection) -> str:
    """What is wrong with the file, or an empty text; a second for a gigabyte.

    SQLite itself notices a damaged page only when it comes to it, which may be months later, or
    never: until then the daemon would act on what is left.
    """
    (found,) = connection.execute(QUERIES["quick_check"]).fetchone()
    return "" if found == "ok" else " ".join(str(found).split())


@dataclass(frozen=True, slots=True)
class Written:
    """The sequence numbers of what a commit wrote: of its facts, and of its operations in order."""

    facts: tuple[int, ...]
    operations: tuple[int, ...]


def write(connection: sqlite3.Connection, commit: Commit, now: datetime) -> Written:
    """Write a commit."""
    for key in commit.dropped:
        connection.execute(QUERIES["drop_key"], _of(key))
    _write_states(connection, commit.states)
    operations = tuple(
        _number(connection, "put_operation", _operation_row(operation))
        for operation in commit.operations
    )
    for name, policy in commit.policies.items():
        _write_policy(connection, name, policy)
    for name, value in commit.notes.items():
        _write_note(connection, name, value)
    _write_episodes(connection, commit.episodes)
    for delivery_ in commit.deliveries:
        connection.execute(QUERIES["put_delivery"], _delivery_row(delivery_))
    for session in commit.sessions:
        connection.execute(QUERIES["put_session"], _session_row(session))
    for recording_ in commit.recordings:
        connection.execute(QUERIES["put_recording"], _recording_row(recording_))
    return Written(_write_facts(connection, commit.facts, now), operations)


def state(connection: sqlite3.Connection, key: Key) -> KeyState | None:
    """The state of one key."""
    row = connection.execute(QUERIES["state"], _of(key)).fetchone()
    return None if row is None else loads(KeyState, row["body"])


def states_after(connection: sqlite3.Connection, last: Key | None, limit: int) -> list[KeyState]:
    """The next states in the order of their keys."""
    place = _of(last) if last else {"policy": "", "subject": ""}
    rows = connection.execute(QUERIES["states_after"], {**place, "limit": limit})
    return [loads(KeyState, row["body"]) for row in rows]


def key_of_room(connection: sqlite3.Connection, room_id: str) -> Key | None:
    """The key under which a room is remembered."""
    row = connection.execute(QUERIES["key_of_room"], {"room_id": room_id}).fetchone()
    return None if row is None else Key(row["policy"], row["subject"])


def key_of_former_room(connection: sqlite3.Connection, room_id: str) -> Key | None:
    """The key that the last operation about a room was for."""
    row = connection.execute(QUERIES["key_of_former_room"], {"room_id": room_id}).fetchone()
    return None if row is None else Key(row["policy"], row["subject"])


def operation(connection: sqlite3.Connection, operation_id: str) -> Operation | None:
    """One operation."""
    row = connection.execute(QUERIES["operation"], {"id": operation_id}).fetchone()
    return None if row is None else loads(Operation, row["body"])


def beginning(connection: sqlite3.Connection) -> tuple[dict[str, str], dict[int, Operation]]:
    """All notes, and the open operations by their sequence numbers."""
    notes = {row["name"]: row["value"] for row in connection.execute(QUERIES["notes"])}
    rows = connection.execute(QUERIES["open_operations"])
    return notes, {row["seq"]: loads(Operation, row["body"]) for row in rows}


def last_fact(connection: sqlite3.Connection) -> int:
    """The number of the latest fact; 0 where there is none."""
    return int(connection.execute(QUERIES["last_fact"]).fetchone()[0] or 0)


def facts_after(connection: sqlite3.Connection, after: int, limit: int) -> list[RecordedFact]:
    """The next facts in their order."""
    rows = connection.execute(QUERIES["facts_after"], {"after": after, "limit": limit})
    return [
        RecordedFact(row["seq"], parse_instant(row["ts"]), loads(Fact, row["body"])) for row in rows
    ]


def policies(connection: sqlite3.Connection) -> list[PolicyText]:
    """The last good texts, by name."""
    return [PolicyText(**row) for row in connection.execute(QUERIES["policies"])]


def standing_episodes(connection: sqlite3.Connection) -> list[Episode]:
    """The episodes that are not over."""
    rows = connection.execute(QUERIES["standing_episodes"])
    return [loads(Episode, row["body"]) for row in rows]


def last_episode(connection: sqlite3.Connection, source: str, digest: str) -> Episode | None:
    """The latest episode of a page."""
    place = {"source": source, "digest": digest}
    row = connection.execute(QUERIES["last_episode"], place).fetchone()
    return None if row is None else loads(Episode, row["body"])


def episodes_of(
    connection: sqlite3.Connection, source: str, digest: str, limit: int
) -> list[Episode]:
    """The episodes of one page, the latest first."""
    place = {"source": source, "digest": digest, "limit": limit}
    rows = connection.execute(QUERIES["episodes_of"], place)
    return [loads(Episode, row["body"]) for row in rows]


def latest_episodes(connection: sqlite3.Connection, limit: int) -> list[Episode]:
    """The episodes that were recorded last, the latest first."""
    rows = connection.execute(QUERIES["latest_episodes"], {"limit": limit})
    return [loads(Episode, row["body"]) for row in rows]


def standing_deliveries(connection: sqlite3.Connection) -> list[Delivery]:
    """The deliveries that have not ended."""
    rows = connection.execute(QUERIES["standing_deliveries"])
    return [loads(Delivery, row["body"]) for row in rows]


def delivery(connection: sqlite3.Connection, destination: str, id_: str) -> Delivery | None:
    """One delivery."""
    row = connection.execute(
        QUERIES["delivery"], {"destination": destination, "id": id_}
    ).fetchone()
    return None if row is None else loads(Delivery, row["body"])


def deliveries_of(connection: sqlite3.Connection, id_: str) -> list[Delivery]:
    """The deliveries of one announcement."""
    rows = connection.execute(QUERIES["deliveries_of"], {"id": id_})
    return [loads(Delivery, row["body"]) for row in rows]


def watched_sessions(connection: sqlite3.Connection, since: datetime) -> list[WatchedSession]:
    """The sessions that are not over, and those that began since then."""
    moment = {"since": format_instant_exactly(since)}
    rows = connection.execute(QUERIES["watched_sessions"], moment)
    return [loads(WatchedSession, row["body"]) for row in rows]


def standing_recordings(connection: sqlite3.Connection) -> list[KeptRecording]:
    """The recordings that are not gone."""
    rows = connection.execute(QUERIES["standing_recordings"])
    return [loads(KeptRecording, row["body"]) for row in rows]


def recording(connection: sqlite3.Connection, id_: str) -> KeptRecording | None:
    """One recording."""
    row = connection.execute(QUERIES["recording"], {"id": id_}).fetchone()
    return None if row is None else loads(KeptRecording, row["body"])


def recordings_of(connection: sqlite3.Connection, key: Key, limit: int) -> list[KeptRecording]:
    """The recordings of one key, the latest found first."""
    rows = connection.execute(QUERIES["recordings_of"], {**_of(key), "limit": limit})
    return [loads(KeptRecording, row["body"]) for row in rows]


def last_copied(connection: sqlite3.Connection, archive: str) -> KeptRecording | None:
    """The recording found last of which a copy is remembered in an archive."""
    row = connection.execute(QUERIES["last_copied"], {"archive": archive}).fetchone()
    return None if row is None else loads(KeptRecording, row["body"])


def probe(connection: sqlite3.Connection) -> None:
    """Write something of no meaning, to see whether it can be done."""
    connection.execute(QUERIES["probe"])


def number_facts(connection: sqlite3.Connection, last: int) -> None:
    """Let the facts of a new store go on after this number."""
    connection.execute(QUERIES["number_facts"], {"last": last})


def prune(connection: sqlite3.Connection, query: str, bounds: Mapping[str, str | int]) -> int:
    """Delete one batch; how many rows it was."""
    return connection.execute(QUERIES[query], bounds).rowcount


def _of(key: Key) -> dict[str, str]:
    return {"policy": key.policy, "subject": key.subject}


def _write_states(connection: sqlite3.Connection, states: Sequence[KeyState]) -> None:
    # All bodies before any room: in one commit a room may go from one key to another.
    written: dict[Key, tuple[int, KeyState]] = {}
    for state in states:
        body = dumps(KeyState, state).decode()
        cursor = connection.execute(QUERIES["put_key"], {**_of(state.key), "body": body})
        (key_id,) = cursor.fetchone()
        connection.execute(QUERIES["clear_rooms"], {"key_id": key_id})
        written[state.key] = key_id, state
    for key_id, state in written.values():
        for room in state.rooms:
            _write_room(connection, key_id, state.key, room)


def _write_room(connection: sqlite3.Connection, key_id: int, key: Key, room: RoomRecord) -> None:
    row = {"room_id": room.id, "key_id": key_id, "role": room.role}
    try:
        connection.execute(QUERIES["put_room"], row)
    except sqlite3.IntegrityError as error:
        other = key_of_room(connection, room.id)
        message = (
            f"{key} would have two current rooms"
            if other is None
            else f"room {room.id} of {key} is already remembered under {other}"
        )
        raise StoreFault(message) from error


def _operation_row(operation: Operation) -> dict[str, str]:
    return {
        "id": operation.id,
        **_of(operation.key),
        "state": operation.state,
        "started_at": format_instant_exactly(operation.started_at),
        "body": dumps(Operation, operation).decode(),
    }


def _write_episodes(connection: sqlite3.Connection, episodes: Sequence[Episode]) -> None:
    # What closes before what opens: in one commit one episode may follow another.
    for episode in sorted(episodes, key=lambda one: one.is_open):
        row = {
            "id": episode.id,
            "source": episode.page.source,
            "digest": episode.page.digest,
            "is_open": int(episode.is_open),
            "is_over": int(episode.over_at is not None),
            "opened_at": format_instant_exactly(episode.opened_at),
            "body": dumps(Episode, episode).decode(),
        }
        try:
            connection.execute(QUERIES["put_episode"], row)
        except sqlite3.IntegrityError as error:
            message = f"{episode.page.subject} would have two open episodes"
            raise StoreFault(message) from error


def _delivery_row(delivery_: Delivery) -> dict[str, str | int]:
    return {
        "destination": delivery_.destination,
        "id": delivery_.id,
        "ended": int(delivery_.ended),
        "begun_at": format_instant_exactly(delivery_.begun_at),
        "body": dumps(Delivery, delivery_).decode(),
    }


def _session_row(session: WatchedSession) -> dict[str, str | int]:
    return {
        "id": session.id,
        "is_over": int(session.next_at is None),
        "started_at": format_instant_exactly(session.started_at),
        "body": dumps(WatchedSession, session).decode(),
    }


def _recording_row(recording_: KeptRecording) -> dict[str, str | int]:
    return {
        "id": recording_.id,
        **_of(recording_.key),
        "is_over": int(recording_.over),
        "found_at": format_instant_exactly(recording_.found_at),
        "body": dumps(KeptRecording, recording_).decode(),
    }


def _write_policy(connection: sqlite3.Connection, name: str, policy: PolicyText | None) -> None:
    if policy is None:
        connection.execute(QUERIES["drop_policy"], {"name": name})
        return
    row = {"name": name, "file": policy.file, "version": policy.version, "text": policy.text}
    connection.execute(QUERIES["put_policy"], row)


def _write_note(connection: sqlite3.Connection, name: str, value: str | None) -> None:
    if value is None:
        connection.execute(QUERIES["drop_note"], {"name": name})
    else:
        connection.execute(QUERIES["put_note"], {"name": name, "value": value})


def _write_facts(
    connection: sqlite3.Connection, facts: Sequence[Fact], now: datetime
) -> tuple[int, ...]:
    ts = format_instant_exactly(now)
    rows = ({"ts": ts, "body": dumps(Fact, fact).decode()} for fact in facts)
    return tuple(_number(connection, "add_fact", row) for row in rows)


def _number(connection: sqlite3.Connection, query: str, row: Mapping[str, str]) -> int:
    number: int = connection.execute(QUERIES[query], row).fetchone()[0]
    return number
