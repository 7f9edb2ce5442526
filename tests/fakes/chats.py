"""Services that messages are posted to, on real sockets of this machine, as their guides document.

Each keeps what people would see there.  `mishap` makes it fail as that service fails, and `reply`
puts any answer in the place of its own.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN: Final = "hunter2-token"


class Mishap(Enum):
    """What a service does wrong."""

    AWAY = auto()  # it answers that it is down
    BUSY = auto()  # it asks to wait seven seconds
    KEY = auto()  # it does not know our secret
    LOST = auto()  # it takes what comes, and breaks the connection


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Reply:
    """One answer; a value that is no bytes is sent as JSON."""

    status: int = 200
    value: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Chat:
    """What all of them have in common; by itself an incoming webhook that answers ``ok``."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.posts: list[Any] = []
        self.mishap: Mishap | None = None
        self.reply: Callable[[Asked], Reply | None] = lambda _: None
        self.url = ""

    def seen(self) -> list[str]:
        """The messages that people see, all words of each in one text."""
        return [json.dumps(post, ensure_ascii=False) for post in self.posts]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = unquote(request.raw_path.partition("?")[0])
        body = await request.read()
        asked = Asked(request.method, path, dict(request.query), request.headers, body)
        self.asked.append(asked)
        reply = self.reply(asked) or self.failure(asked)
        if reply is None:
            reply = self.answer(asked)
            if self.mishap is Mishap.LOST and asked.method != "GET":
                assert request.transport is not None
                request.transport.abort()
        raw = reply.value if isinstance(reply.value, bytes) else json.dumps(reply.value).encode()
        return web.Response(status=reply.status, body=raw, headers=dict(reply.headers))

    def failure(self, asked: Asked) -> Reply | None:
        """How it fails now, if it does."""
        del asked
        match self.mishap:
            case Mishap.AWAY:
                return self.away()
            case Mishap.BUSY:
                return self.busy()
            case Mishap.KEY:
                return self.stranger()
            case _:
                return None

    def away(self) -> Reply:
        return Reply(503, b"<html>hunter2</html>")

    def busy(self) -> Reply:
        return Reply(429, b"hunter2", {"Retry-After": "7"})

    def stranger(self) -> Reply:
        return Reply(403, b"hunter2 is no token")

    def answer(self, asked: Asked) -> Reply:
        self.posts.append(asked.json)
        return Reply(200, b"ok")


class SlackHook(Chat):
    """An incoming webhook of Slack."""

    def stranger(self) -> Reply:
        return Reply(404, b"no_service")


class Teams(Chat):
    """A workflow: it answers before it has done anything."""

    def answer(self, asked: Asked) -> Reply:
        super().answer(asked)
        return Reply(202)


class Slack(Chat):
    """Slack's API; mistakes are told with 200."""

    def seen(self) -> list[str]:
        return [json.dumps([post["text"], post["blocks"]]) for post in self.posts]

    def stranger(self) -> Reply:
        return Reply(200, {"ok": False, "error": "invalid_auth", "echo": "hunter2"})

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.stranger()
        match asked.path:
            case "/api/auth.test":
                return Reply(200, {"ok": True, "team": "Nordlicht", "user": "rooms"})
            case "/api/chat.postMessage":
                self.posts.append(asked.json)
                ts = f"1795363122.{len(self.posts):06}"
                return Reply(200, {"ok": True, "channel": asked.json["channel"], "ts": ts})
            case "/api/chat.update":
                at = int(asked.json["ts"].partition(".")[2]) - 1
                if at >= len(self.posts):
                    return Reply(200, {"ok": False, "error": "message_not_found"})
                self.posts[at] = asked.json
                return Reply(200, {"ok": True, **asked.json})
            case _:
                return Reply(200, {"ok": False, "error": "unknown_method"})


class Matrix(Chat):
    """A homeserver: one message a transaction, whatever else comes with it."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: dict[str, str] = {}
        self.events: dict[str, Any] = {}
        self.encrypted = False
        self.joined = True

    def seen(self) -> list[str]:
        return [one["formatted_body"] + one["body"] for one in self.events.values()]

    def busy(self) -> Reply:
        return Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 7000})

    def stranger(self) -> Reply:
        return Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "hunter2 is unknown"})

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.stranger()
        assert asked.path.startswith("/_matrix/client/v3/")
        parts = asked.path.split("/")[4:]
        if parts == ["account", "whoami"]:
            return Reply(200, {"user_id": "@rooms:m.example"})
        if parts[:2] != ["rooms", "!abc:m.example"] or not self.joined:
            return Reply(403, {"errcode": "M_FORBIDDEN", "error": "not in the room"})
        match parts[2:]:
            case ["state", "m.room.encryption"]:
                if self.encrypted:
                    return Reply(200, {"algorithm": "m.megolm.v1.aes-sha2"})
                return Reply(404, {"errcode": "M_NOT_FOUND"})
            case ["joined_members"]:
                return Reply(200, {"joined": {}})
            case ["send", "m.room.message", transaction]:
                return self._sent(transaction, asked.json)
            case _:
                pass
        return Reply(404, {"errcode": "M_UNRECOGNIZED"})

    def _sent(self, transaction: str, content: Any) -> Reply:
        if transaction not in self.transactions:
            event = f"$event-{len(self.transactions)}"
            self.transactions[transaction] = event
            relation = content.get("m.relates_to")
            if relation is None:
                self.events[event] = content
            else:
                assert relation["rel_type"] == "m.replace"
                self.events[relation["event_id"]] = content["m.new_content"]
        return Reply(200, {"event_id": self.transactions[transaction]})


class PagerDuty(Chat):
    """PagerDuty: one incident, its bridge and its notes."""

    incident: Final = "Q2K7XH0P4ZT9VN"

    def __init__(self) -> None:
        super().__init__()
        self.bridge: dict[str, str] | None = None
        self.notes: list[str] = []
        self.users: list[Any] = [{"id": "P1"}]
        self.has_feature = True

    def seen(self) -> list[str]:
        shown = [] if self.bridge is None else [json.dumps(self.bridge)]
        return [*shown, *self.notes]

    def busy(self) -> Reply:
        error = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
        return Reply(429, error, {"ratelimit-reset": "7"})

    def stranger(self) -> Reply:
        return Reply(401, {"error": {"message": "hunter2", "code": 2006}})

    def answer(self, asked: Asked) -> Reply:
        right = {
            "Authorization": f"Token token={TOKEN}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            "From": "anna@example.com",
        }
        if any(asked.headers.get(name) != value for name, value in right.items()):
            return self.stranger()
        match asked.method, asked.path.split("/")[1:]:
            case "GET", ["incidents"]:
                return Reply(200, {"incidents": []})
            case "GET", ["users"]:
                return Reply(200, {"users": self.users})
            case "GET", ["incidents", self.incident]:
                assert asked.query == {"include[]": "conference_bridge"}
                return Reply(200, {"incident": {"conference_bridge": self.bridge}})
            case "PUT", ["incidents", self.incident]:
                if not self.has_feature:
                    return Reply(402, {"error": {"message": "Payment", "code": 2014}})
                assert asked.json["incident"]["type"] == "incident_reference"
                self.bridge = asked.json["incident"]["conference_bridge"]
                return Reply(200, {"incident": {}})
            case "GET", ["incidents", self.incident, "notes"]:
                return Reply(200, {"notes": [{"content": note} for note in self.notes]})
            case "POST", ["incidents", self.incident, "notes"]:
                self.notes.append(asked.json["note"]["content"])
                return Reply(200, {"note": {"id": "PN1"}})
            case _:
                pass
        return Reply(404, {"error": {"message": "Not Found", "code": 2100}})


class Opsgenie(Chat):
    """Opsgenie: one alert and its notes, written after they were taken."""

    alert: Final = "70413a06-38d6-4c85-92b8-5ebc900d42e2-1795363121000"

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.fate: Reply = Reply(404, {"message": "Request not found"})

    def seen(self) -> list[str]:
        return self.notes

    def stranger(self) -> Reply:
        return Reply(401, {"message": "Could not authenticate hunter2"})

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"GenieKey {TOKEN}":
            return self.stranger()
        match asked.method, asked.path.split("/")[1:]:
            case "GET", ["v2", "alerts"]:
                return Reply(200, {"data": []})
            case "GET", ["v2", "alerts", self.alert, "notes"]:
                return Reply(200, {"data": [{"note": note} for note in self.notes]})
            case "POST", ["v2", "alerts", self.alert, "notes"]:
                assert asked.query == {"identifierType": "id"}
                self.notes.append(asked.json["note"])
                return Reply(202, {"result": "Request will be processed", "requestId": "r-1"})
            case "GET", ["v2", "alerts", "requests", "r-1"]:
                return self.fate
            case _:
                pass
        return Reply(404, {"message": "Alert does not exist"})


@asynccontextmanager
async def serving(chat: Chat, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A service for the length of the block; gives its address."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", chat.handle)
    server = TestServer(app, scheme="https" if tls else "http", host="127.0.0.1")
    await server.start_server(ssl=tls)
    chat.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
    try:
        yield chat.url
    finally:
        await server.close()
