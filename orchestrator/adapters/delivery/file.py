"""`JsonFile`: all current rooms in one JSON file, replaced as a whole.

The file, ``rooms.json``::

    {"version":1,"written_at":"2027-01-31T09:00:00.000000Z","rooms":[
    {"key":"team-rooms/checkout","policy":"team-rooms","subject":"checkout", …}
    ]}

One room a line, in the order of their keys; the fields are those of `_line`.  A reader sees the old
file or the new one, never half of one.  A file whose rooms have not changed is left alone, so
``written_at`` tells when they last did, and whoever watches the file is not woken for nothing.

`AlertsFile` shows what the operators should look at, in a file of its own beside it: whoever reads
links is not woken by an alert.  ``rooms.alerts.json``::

    {
        "version": 1,
        "written_at": "2027-01-31T09:00:00.000000Z",
        "alerts": [
            {
                "cause": "brake",
                "since": "2027-01-31T08:58:12.000000Z",
                "message": "Brake 1a2b3c4d: …",
            }
        ],
    }
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.domain.alerts import Alert
from orchestrator.foundation.instants import format_instant_exactly
from orchestrator.foundation.replacing import replace_file
from orchestrator.ports.deliveries import DeliveredRoom, DeliveryFault

READABLE_BY_GROUP: Final = 0o640

_TAIL: Final = "\n]}\n"


class JsonFile:
    """A destination of its own name; the folder of ``path`` must be there.

    ``mode`` holds whatever the umask says. A symbolic link at ``path`` is followed: the file that
    it leads to is replaced, the link stays.
    """

    def __init__(self, name: str, path: Path, mode: int = READABLE_BY_GROUP) -> None:
        self._name = name
        self._file = _Whole(path, mode, "rooms")

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        return self._name

    async def deliver(self, rooms: Sequence[DeliveredRoom], now: datetime) -> None:
        """Show exactly these rooms, in this order; ``now`` is written if something changed.

        Raises:
            DeliveryFault: the file could not be written; what it showed before still stands.
        """
        lines = (_line(room) for room in rooms)
        await asyncio.to_thread(self._file.replace, tuple(lines), now)


class AlertsFile:
    """A board for alerts, written like a file of links."""

    def __init__(self, path: Path, mode: int = READABLE_BY_GROUP) -> None:
        self._file = _Whole(path, mode, "alerts")

    async def show(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Show exactly these alerts; ``now`` is written if something changed.

        Raises:
            DeliveryFault: the file could not be written; what it showed before still stands.
        """
        lines = (
            json.dumps(
                {
                    "cause": alert.cause,
                    "since": format_instant_exactly(alert.since),
                    "message": alert.message,
                },
                ensure_ascii=False,
                separators=(",", ":"),
            )
            for alert in alerts
        )
        await asyncio.to_thread(self._file.replace, tuple(lines), now)


class _Whole:
    """A file that holds one list, and is replaced as a whole where that has changed."""

    def __init__(self, path: Path, mode: int, what: str) -> None:
        self._path = path
        self._mode = mode
        self._what = what
        # Not asyncio's: a cancelled delivery leaves its thread writing.
        self._writing = threading.Lock()

    def replace(self, lines: Sequence[str], now: datetime) -> None:
        head = f'{{"version":1,"written_at":"{format_instant_exactly(now)}","{self._what}":[\n'
        # Half a character from elsewhere stops nobody.
        body = (",\n".join(lines) + _TAIL).encode(errors="replace")
        with self._writing, _faults(self._path):
            if not _shows(self._path, len(head), body):
                replace_file(self._path, head.encode() + body, self._mode)


def _line(room: DeliveredRoom) -> str:
    expires_at = None if room.expires_at is None else format_instant_exactly(room.expires_at)
    told = {
        "key": room.key,
        "policy": room.policy,
        "subject": room.subject,
        "room_id": room.room_id,
        "display_name": room.display_name,
        "type": room.type,
        "link": room.link,
        "guest_url": room.guest_url,
        "meeting_code": room.meeting_code,
        "expires_at": expires_at,
        "ending": room.ending,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _shows(path: Path, head: int, body: bytes) -> bool:
    """Whether the file already ends in this; its head is of fixed length and only tells when."""
    try:
        return path.read_bytes()[head:] == body
    except OSError:  # not there yet, or it will be seen when it is written
        return False


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = (
            f"{path}: cannot be written: {error.strerror or error}; see that its folder is there, "
            "may be written and has room"
        )
        raise DeliveryFault(message) from error
