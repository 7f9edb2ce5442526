"""A transport whose answers are written down beforehand, and what client suites need with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator.adapters.meetings.rooms import Account, Limits, MeetingsRooms, connect
from orchestrator.adapters.meetings.transport import Transport
from orchestrator.ports.clock import Clock
from tests.meetings import APPLICATION, KEY

ACCOUNT: Final = Account(APPLICATION, KEY)


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """A request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def json(self) -> Any:
        """The body as JSON."""
        assert self.body is not None
        return json.loads(self.body)


Turn = Said | Exception | Callable[[Heard], Said]


class ScriptedTransport:
    """Gives each request the next answer; the last one again and again."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.heard: list[Heard] = []

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Said:
        heard = Heard(method, path, dict(query), dict(headers), body)
        self.heard.append(heard)
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, Exception):
            raise turn
        return turn if isinstance(turn, Said) else turn(heard)

    @property
    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [heard.method for heard in self.heard]


def said(document: object, status: int = 200, **headers: str) -> Said:
    """An answer in JSON."""
    return Said(status, json.dumps(document).encode(), headers)


def client(transport: Transport, clock: Clock, limits: Limits | None = None) -> MeetingsRooms:
    """A client on that transport, without a rate limit and without jitter unless told otherwise."""
    told = limits or Limits(per_second=None)
    return connect(transport, ACCOUNT, clock, told, jitter=lambda: 1.0)


ROOM_ID: Final = "b3142c46-d1c1-4405-baa6-85683827ed69"


def room_document(**changes: Any) -> dict[str, Any]:
    """A room as the API writes it; a change to `...` leaves that key out."""
    usual = {
        "id": ROOM_ID,
        "display_name": "Team room",
        "metadata": None,
        "type": "long_term",
        "expires_at": "2026-03-01T12:00:00.000Z",
        "recording_options": {"auto_record": False, "record_only_owner": False},
        "meeting_code": "982515622",
        "_links": {
            "host_url": {"href": "https://meetings.test/?room_token=9&participant_token=eyJh.b.c"},
            "guest_url": {"href": "https://meetings.test/982515622"},
        },
        "created_at": "2026-01-05T09:00:00.000Z",
        "is_available": True,
        "expire_after_use": False,
        "theme_id": None,
        "initial_join_options": {"microphone_state": "default"},
        "join_approval_level": "none",
        "ui_settings": {"language": "default"},
        "available_features": {
            "is_recording_available": True,
            "is_chat_available": True,
            "is_whiteboard_available": True,
            "is_locale_switcher_available": False,
            "is_captions_available": False,
        },
    }
    return {key: value for key, value in (usual | changes).items() if value is not ...}
