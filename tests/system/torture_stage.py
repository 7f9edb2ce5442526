"""The stage of the kill test: one installation on a Meetings server of its own, as real processes.

All traffic is on the loopback.
"""

import asyncio
import json
import shutil
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from tests.system.processes import ROOT, free_port, leashed
from tests.system.torture_tap import MARK_PATH, Tap

POLICY = "team-rooms"
LATENCY = 0.050  # seconds in which the server answers
SETTLE = 1.0  # seconds; twenty times as long as the server takes
CONCURRENCY = 4

_CONFIG = """
owner: {owner}
mode: enforce
meetings:
  url: {url}/v1/meetings
  application_id: {application}
  private_key: {{file: key.pem}}
  rate: 1000
  concurrency: {concurrency}
  settle: {settle:.0f}s
policies: policies
store: sqlite:///state/orchestrator.db
audit: {{file: state/audit.jsonl}}
destinations:
  rooms-json: {{type: file, path: rooms.json}}
http: {{listen: "127.0.0.1:{port}"}}
sources:
  own: {{type: generic, bearer: [{{file: own.token}}], answer_within: 0s}}
safety: {{max_removals: 100000}}
control: {{socket: state/control.sock}}
log: {{format: json}}
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the policy asks for; a change of the name is a new room, all else a PATCH.

    A room that was replaced is deleted at once.
    """

    days: int = 200
    name: str = "{{ team.name }} room"
    microphone: str = "off"

    def text(self) -> str:
        """The example policy, asking for this."""
        text = (ROOT / "policies" / f"{POLICY}.yaml").read_text()
        for before, after in (
            ("lifetime: 365d", f"lifetime: {self.days}d"),
            ('display_name: "{{ team.name }} room"', f'display_name: "{self.name}"'),
            ('microphone_state: "off"', f'microphone_state: "{self.microphone}"'),
            ("replace: when_unused", "replace: {mode: now, overlap: 0s}"),
            # Themes are made by calls of their own, which the oracle does not follow.
            ("  theme: nordlicht               # policies/themes/nordlicht.yaml\n", ""),
        ):
            assert text.count(before) == 1, f"the example policy does not say {before!r} once"
            text = text.replace(before, after)
        return text

    def names(self) -> dict[str, str]:
        """The display name of each key's room."""
        teams = yaml.safe_load((ROOT / "policies" / "data" / "teams.yaml").read_text())
        return {
            f"{POLICY}/{team['slug']}": self.name.replace("{{ team.name }}", team["name"])
            for team in teams
        }


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the server's request log."""

    method: str
    path: str
    body: str
    status: int | None
    received: int
    answered: int | None


@dataclass(slots=True)
class Stage:
    """One installation: its folder, its server, its tap, and at times its daemon."""

    folder: Path
    server_url: str
    controls_url: str
    tap: Tap
    session: aiohttp.ClientSession
    daemon_url: str
    lives: int = 0
    logs: list[Path] = field(default_factory=list)
    foreign: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rooms that are not ours, as they were before the daemon first came."""
    shown: list[dict[str, str]] = field(default_factory=list)
    """What people were shown, at each moment at which somebody looked: room id by key."""

    @property
    def store(self) -> Path:
        return self.folder / "state" / "orchestrator.db"

    @property
    def audit(self) -> Path:
        return self.folder / "state" / "audit.jsonl"

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def take_pages(self, policy: str, token: str) -> None:
        """Put a policy for pages in force, of a source ``own`` with this token."""
        secret = self.folder / "own.token"
        secret.touch(mode=0o600)
        secret.write_text(token)
        (self.folder / "policies" / "pages.yaml").write_text(policy)

    def ask_for(self, wish: Wish) -> None:
        """Put the policy in force, as careful editors do."""
        beside = self.folder / "policies" / ".draft"
        beside.write_text(wish.text())
        beside.replace(self.folder / "policies" / f"{POLICY}.yaml")

    async def calm(self) -> None:
        """Let the server be honest, once all that was to come late has come."""
        await self._control("POST", "/calm")

    async def rage(self) -> None:
        """Let the server be hostile."""
        await self._control("POST", "/rage")

    async def faults(self) -> Counter[tuple[str, str]]:
        """How often each fault did hit, by route and fault."""
        hits = await self._control("GET", "/hits")
        return Counter({(route, fault): count for route, fault, count in hits})

    def look(self) -> None:
        """Note what people are shown now."""
        file = self.folder / "rooms.json"
        if file.exists():
            rooms = json.loads(file.read_text())["rooms"]
            self.shown.append({room["key"]: room["room_id"] for room in rooms})

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """A life of the daemon; at the end of the block it is dead, one way or the other."""
        self.lives += 1
        log = self.folder / f"life-{self.lives:03}.log"
        self.logs.append(log)
        arguments = ("-m", "orchestrator", "run", "--config", str(self.config))
        with log.open("wb") as output, leashed(arguments, stderr=output) as process:
            yield process

    async def requests(self) -> tuple[list[Request], int | None]:
        """The request log once all is answered, and the number at which the daemon was killed."""
        while True:
            asked = (await self._ask("GET", "/_test/requests"))["requests"]
            if all(one["status"] is not None for one in asked):
                break
            await asyncio.sleep(0.01)
        names = Request.__slots__
        requests = [Request(**{name: one[name] for name in names}) for one in asked]
        marks = [one.received for one in requests if one.path == MARK_PATH]
        ours = [one for one in requests if one.path != MARK_PATH]
        return ours, marks[-1] if marks else None

    async def forget_requests(self) -> None:
        """Begin the request log anew; its numbers go on."""
        await self._ask("DELETE", "/_test/requests")

    async def table(self) -> list[dict[str, Any]]:
        """The server's own table of rooms."""
        rooms = (await self._ask("GET", "/_test/rooms"))["rooms"]
        assert isinstance(rooms, list)
        return rooms

    async def _ask(self, method: str, path: str) -> Any:
        return await self._fetch(method, self.server_url + path)

    async def _control(self, method: str, path: str) -> Any:
        return await self._fetch(method, self.controls_url + path)

    async def _fetch(self, method: str, url: str) -> Any:
        async with self.session.request(method, url) as response:
            assert response.status in {200, 204}, f"{method} {url}: {response.status}"
            return await response.json() if response.status == 200 else None


@asynccontextmanager
async def staged(folder: Path, wish: Wish, seed: int) -> AsyncIterator[Stage]:
    """A new installation with a server that runs, and no daemon yet."""
    application = str(uuid.uuid4())
    (folder / "policies" / "data").mkdir(parents=True)
    shutil.copy(ROOT / "policies" / "data" / "teams.yaml", folder / "policies" / "data")
    _write_keys(folder)
    arguments = (
        *("-m", "tests.system.torture_server", "--application", application),
        *("--public-key", str(folder / "public.pem"), "--latency-ms", str(LATENCY * 1000)),
        *("--seed", str(seed)),
    )
    with leashed(arguments, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        url, controls = [
            (await asyncio.to_thread(server.stdout.readline)).decode().strip() for _ in range(2)
        ]
        assert controls, "the Meetings server did not start"
        async with Tap.opened(url) as tap, aiohttp.ClientSession() as session:
            port = free_port()
            daemon_url = f"http://127.0.0.1:{port}"
            stage = Stage(folder, url, controls, tap, session, daemon_url)
            stage.config.write_text(
                _CONFIG.format(
                    owner=f"torture-{application[:8]}",
                    url=tap.url,
                    application=application,
                    concurrency=CONCURRENCY,
                    settle=SETTLE,
                    port=port,
                )
            )
            stage.ask_for(wish)
            await _make_foreign_rooms(stage, application)
            yield stage


async def _make_foreign_rooms(stage: Stage, application: str) -> None:
    """Rooms of people, of another owner, and with a marker that is damaged, in our application."""
    now = datetime.now(UTC)
    claims = {"application_id": application, "iat": now.timestamp(), "jti": str(uuid.uuid4())}
    token = jwt.encode(claims, (stage.folder / "key.pem").read_bytes(), algorithm="RS256")
    marker = new_marker("somebody-else", Key(POLICY, "checkout"), 1, "aaaaaaaa-0000000000000000")
    for metadata in (
        "",
        "made by hand",
        write_metadata("", marker),
        write_metadata("", marker)[:-2],
    ):
        body = {
            "display_name": "Somebody else's room",
            "type": "long_term",
            "expires_at": (now + timedelta(days=100)).isoformat(),
            "metadata": metadata,
        }
        async with stage.session.post(
            f"{stage.server_url}/v1/meetings/rooms",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        ) as response:
            assert response.status == 201, await response.text()
    stage.foreign = {row["id"]: row for row in await stage.table()}


def _write_keys(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(private)
    (folder / "public.pem").write_bytes(public)
