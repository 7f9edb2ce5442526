"""What suites about the Meetings server share: an application's key, tokens, and two ways to ask.

`over_http` and `in_memory` give the same `Client`, so one suite runs over both.
"""

import io
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import aiohttp
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.meetings_server import (
    Application,
    CallbackUrls,
    Clock,
    Hostility,
    Medium,
    Memory,
    Report,
    Running,
    Sender,
    Settings,
    start,
)
from orchestrator.meetings_server.assembly import unreported
from tests.described import check

APPLICATION: Final = "0e8e5b1c-6c4b-4a55-9f0b-1c3f3a8b7d10"
OTHER_APPLICATION: Final = "7a1f2b9e-1c5d-4d0e-8a43-54be02c1e0aa"
BASE: Final = "/v1/meetings"

KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """The public half, as settings want it."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def applications(urls: CallbackUrls | None = None) -> tuple[Application, ...]:
    """Two tenants with keys of their own; the first has the callback URLs."""
    return (
        Application(
            id=APPLICATION, public_key=public_pem(KEY), callback_urls=urls or CallbackUrls()
        ),
        Application(id=OTHER_APPLICATION, public_key=public_pem(OTHER_KEY)),
    )


def settings(**changes: Any) -> Settings:
    """Settings for tests: both applications, in memory, on a free port, with test routes."""
    usual: dict[str, Any] = {"applications": applications(), "test_routes": True}
    return Settings(**usual | changes)


def claims(now: datetime, **changes: Any) -> dict[str, Any]:
    """Lawful claims; a change to None leaves that one out."""
    usual = {
        "application_id": APPLICATION,
        "iat": int(now.timestamp()),
        "jti": str(uuid.uuid4()),
        "exp": int(now.timestamp()) + 900,
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def token(now: datetime, key: rsa.RSAPrivateKey = KEY, **changes: Any) -> str:
    """A signed token with lawful claims but for the changes."""
    return jwt.encode(claims(now, **changes), key, algorithm="RS256")


@dataclass(frozen=True)
class Reply:
    """An answer, whichever way it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        """Family A in short, after a look at its form."""
        found = self.json
        assert list(found) == ["message", "name", "status"]
        assert found["status"] == self.status
        return self.status, found["name"], found["message"]

    @property
    def errors(self) -> tuple[int, str, str, list[Any]]:
        """Family A with what is wrong one by one, after a look at its form."""
        found = self.json
        assert list(found) == ["message", "name", "errors", "status"]
        assert found["status"] == self.status
        return self.status, found["name"], found["message"], found["errors"]


class Way(Protocol):
    """How a request gets to the server."""

    async def __call__(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Reply: ...


class Client:
    """Asks as the first application unless told otherwise."""

    def __init__(
        self,
        way: Way,
        clock: Clock,
        memory: Memory | None = None,
        *,
        is_honest: bool = True,
        url: str = "",
        server: Running | None = None,
    ) -> None:
        """The answers of an honest server are held against its description; `url` is its own."""
        self.url = url
        self._server = server
        self._way = way
        self._is_honest = is_honest
        self._memory = memory
        self.clock = clock

    @property
    def server(self) -> Running:
        """The server itself, where it is on a socket."""
        assert self._server is not None
        return self._server

    @property
    def memory(self) -> Memory:
        """The in-memory twin itself, where that is what is asked."""
        assert self._memory is not None
        return self._memory

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        base: str = BASE,
    ) -> Reply:
        """One request; `body` is JSON, or bytes as they are."""
        given = (
            {"authorization": f"Bearer {token(self.clock.now())}"} if headers is None else headers
        )
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        reply = await self._way(method, base + path, query or {}, given, sent)
        if self._is_honest:
            check(method, base + path, reply.status, reply.headers, reply.body)
        return reply

    async def ask_as_other(self, method: str, path: str, body: Any = None) -> Reply:
        """One request of the second application."""
        signed = token(self.clock.now(), OTHER_KEY, application_id=OTHER_APPLICATION)
        return await self.ask(method, path, body, headers={"authorization": f"Bearer {signed}"})

    async def create(self, **fields: Any) -> Any:
        """A room that must come about."""
        reply = await self.ask("POST", "/rooms", {"display_name": "Room"} | fields)
        assert reply.status == 201, reply.body
        return reply.json

    async def create_long(self, days: float = 30, **fields: Any) -> Any:
        """A long_term room that must come about."""
        expires_at = (self.clock.now() + timedelta(days=days)).isoformat()
        return await self.create(type="long_term", expires_at=expires_at, **fields)

    async def get(self, room: Any) -> Any:
        """The room as it is now."""
        reply = await self.ask("GET", f"/rooms/{room['id']}")
        assert reply.status == 200, reply.body
        return reply.json

    async def create_theme(self, **fields: Any) -> Any:
        """A theme that must come about."""
        body = {"main_color": "#12f64e", "brand_text": "Brand"} | fields
        reply = await self.ask("POST", "/themes", body)
        assert reply.status == 201, reply.body
        return reply.json

    async def join(self, room: Any, name: str = "Ada", *, is_host: bool = False) -> str:
        """Let somebody in; gives the participant's id."""
        body = {"name": name, "is_host": is_host}
        reply = await self.ask("POST", f"/_test/rooms/{room['id']}/join", body, base="")
        assert reply.status == 201, reply.body
        return str(reply.json["participant_id"])

    async def leave(self, room: Any, participant_id: str) -> None:
        """See somebody out."""
        body = {"participant_id": participant_id}
        reply = await self.ask("POST", f"/_test/rooms/{room['id']}/leave", body, base="")
        assert reply.status == 204, reply.body

    async def record(self, room: Any) -> tuple[str, str]:
        """Begin to record the session that runs; gives the recording and the session."""
        reply = await self.ask("POST", f"/_test/rooms/{room['id']}/record", base="")
        assert reply.status == 201, reply.body
        return reply.json["recording_id"], reply.json["session_id"]

    async def upload(self, recording_id: str, content: bytes, times: int = 1) -> None:
        """Give a stopped recording its content, so often over."""
        path, query = f"/_test/recordings/{recording_id}", {"times": str(times)}
        reply = await self.ask("PUT", path, content, base="", query=query)
        assert reply.status == 204, reply.body

    async def open_link(
        self, link: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Follow a link as a browser would, without credentials."""
        _, _, rest = link.partition("://")
        path, _, query = rest[rest.index("/") :].partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        return await self.ask(method, path, query=pairs, headers=headers or {}, base="")


@asynccontextmanager
async def over_http(
    told: Settings,
    clock: Clock,
    report: Report = unreported,
    hostility: Hostility | None = None,
    medium: Medium | None = None,
) -> AsyncIterator[Client]:
    """A server on a socket of this machine."""
    server = await start(told, clock, report=report, hostility=hostility, medium=medium)
    async with aiohttp.ClientSession() as session:

        async def way(
            method: str,
            path: str,
            query: Mapping[str, str],
            headers: Mapping[str, str],
            body: bytes | None,
        ) -> Reply:
            # A large body that is one piece is warned of: the loop would stand while it is sent.
            sent = body if body is None or len(body) < 100_000 else io.BytesIO(body)
            async with session.request(
                method, server.inside_url + path, params=query, headers=headers, data=sent
            ) as response:
                found = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status, found, await response.read())

        try:
            yield Client(way, clock, is_honest=hostility is None, url=server.url, server=server)
        finally:
            await server.close()


@asynccontextmanager
async def in_memory(
    told: Settings,
    clock: Clock,
    sender: Sender | None = None,
    report: Report = unreported,
    hostility: Hostility | None = None,
) -> AsyncIterator[Client]:
    """The in-process twin."""
    async with Memory.opened(
        told, clock, sender=sender, report=report, hostility=hostility
    ) as memory:

        async def way(
            method: str,
            path: str,
            query: Mapping[str, str],
            headers: Mapping[str, str],
            body: bytes | None,
        ) -> Reply:
            answer = await memory.send(method, path, query, headers, body)
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, found, answer.body)

        yield Client(way, clock, memory, is_honest=hostility is None)


WAYS: Final = {"http": over_http, "memory": in_memory}
