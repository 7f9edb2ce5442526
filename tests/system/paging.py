"""What the tests of pages stand on: an installation that is paged, who pages it, who is told.

The Meetings server is a process of its own, so that a kill of the daemon leaves it alone.  Pages
come over HTTP, signed, from senders that come again as paging systems do.  Messages are received
over HTTP, and verified by the library of their standard.
"""

import asyncio
import hashlib
import hmac
import http.client
import json
import secrets
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from cryptography.hazmat.primitives import serialization
from standardwebhooks import Webhook

from orchestrator.app.init import Choices, init
from orchestrator.app.keys import link_key
from orchestrator.config.links import KEY_FILE
from orchestrator.domain.links import LinkScheme
from orchestrator.domain.marker import Marker, read_metadata
from orchestrator.domain.pages import digest_of
from tests.meetings import APPLICATION, BASE, KEY, public_pem
from tests.system.installation import Installation, server_table
from tests.system.processes import free_port, leashed

POLICY: Final = "oncall"
SOURCES: Final = ("pagerduty", "own", "alertmanager")
_PATIENCE: Final = 10.0  # seconds in which a sender must have its answer
_AGAIN: Final = 0.1  # seconds after which it comes again; paging systems wait longer


# --- who is told ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """One event that was received: what it says, by which id, and when (monotonic)."""

    id: str
    kind: str
    data: Mapping[str, Any]
    at: float

    @property
    def subject(self) -> str:
        """What our link knows its page by."""
        return str(self.data["key"]).partition("/")[2]


@dataclass(slots=True)
class Receiver:
    """A service that is told of rooms, and that verifies what it is told."""

    url: str
    secret: str
    events: list[Event] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify one event and keep it."""
        at = time.monotonic()
        try:
            told = Webhook(self.secret).verify(body, {k.lower(): v for k, v in headers.items()})
        except Exception as error:  # noqa: BLE001 - the library raises several
            self.refused.append(f"{type(error).__name__}: {body[:200]!r}")
            return
        self.events.append(Event(headers["webhook-id"], told["type"], told["data"], at))

    def of(self, kind: str) -> dict[str, set[str]]:
        """The ids of the events of a kind, by the page's subject."""
        found: dict[str, set[str]] = {}
        for event in tuple(self.events):
            if event.kind == kind:
                found.setdefault(event.subject, set()).add(event.id)
        return found

    def last(self) -> dict[str, Event]:
        """What was said last of each page, by its subject; the highest revision counts."""
        found: dict[str, Event] = {}
        for event in tuple(self.events):
            before = found.get(event.subject)
            if before is None or event.data["revision"] >= before.data["revision"]:
                found[event.subject] = event
        return found


@contextmanager
def receiving(slow: float = 0.0) -> Iterator[Receiver]:
    """A receiver for the length of the block; it answers so many seconds after it has taken."""
    receiver = Receiver("", "whsec_" + b64encode(secrets.token_bytes(32)).decode())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.take(dict(self.headers.items()), body)
            time.sleep(slow)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *told: object) -> None:
            """Nothing: what matters is kept."""
            del told

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A connection of a daemon that was killed."""
            del request, client_address

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/rooms"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="receiver")
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


# --- who pages ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a paging system, as it is sent and, where it must be, sent again."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Traffic:
    """What became of messages.

    Attributes:
        acknowledged: answered with 2xx.
        again: how often somebody came again, by why.
        odd: answers that no sender should have had.
        seconds: from the first message to the last acknowledgement, with all waits.
    """

    acknowledged: int = 0
    again: dict[str, int] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    seconds: float = 0.0
    ended: bool = False

    def repeats(self, why: str) -> None:
        """Somebody comes again."""
        self.again[why] = self.again.get(why, 0) + 1


@contextmanager
def sending(url: str, messages: Sequence[Message], at_once: int = 16) -> Iterator[Traffic]:
    """Send messages in a thread of its own, so many at once, until each is acknowledged."""
    traffic = Traffic()

    async def send(session: aiohttp.ClientSession, message: Message) -> None:
        while not traffic.ended:
            try:
                async with session.post(
                    url + message.path, data=message.body, headers=message.headers
                ) as answer:
                    await answer.read()
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError) as error:
                traffic.repeats(type(error).__name__)
            else:
                if 200 <= status < 300:
                    traffic.acknowledged += 1
                    return
                if status < 500:
                    traffic.odd.append(f"{status} to {message.body[:200]!r}")
                    return
                traffic.repeats(str(status))
            await asyncio.sleep(_AGAIN)

    async def all_of_them() -> None:
        waiting = iter(messages)
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        connector = aiohttp.TCPConnector(limit=at_once)

        async def work() -> None:
            for message in waiting:
                await send(session, message)

        began = time.monotonic()
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            await asyncio.gather(*(work() for _ in range(at_once)))
        traffic.seconds = time.monotonic() - began

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()), name="senders")
    thread.start()
    try:
        yield traffic
    finally:
        traffic.ended = True
        thread.join()


# --- what is paged --------------------------------------------------------------------------------


@dataclass(slots=True)
class Paged:
    """An installation with pages, a Meetings server of its own and somebody who is told."""

    own: Installation
    receiver: Receiver
    database: Path
    meetings: str
    url: str
    tokens: Mapping[str, str]

    # --- messages -----------------------------------------------------------------------------

    def pagerduty(self, key: str, kind: str, number: int, when: str) -> Message:
        """A signed event of PagerDuty; a redelivery has the same number."""
        incident = {
            "id": key,
            "type": "incident",
            "html_url": f"https://example.pagerduty.com/incidents/{key}",
            "number": number,
            "created_at": _CREATED,
            "title": f"Something is wrong with {key}",
            "service": {"summary": "checkout"},
            "urgency": "high",
        }
        event = {
            "id": f"event-{number}",
            "event_type": f"incident.{kind}",
            "resource_type": "incident",
            "occurred_at": when,
            "data": incident,
        }
        body = json.dumps({"event": event}).encode()
        digest = hmac.new(self.tokens["pagerduty"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-pagerduty-signature": f"v1={digest}"}
        return Message("/in/pagerduty", headers, body)

    def generic(self, key: str, action: str, when: str) -> Message:
        """A page in our own words."""
        told = {"action": action, "key": key, "title": f"Something is wrong with {key}"}
        body = json.dumps(
            {**told, "severity": "critical", **({"occurred_at": when} if when else {})}
        )
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {self.tokens['own']}",
        }
        return Message("/in/own", headers, body.encode())

    def alertmanager(self, key: str, status: str = "firing") -> Message:
        """A group of alerts."""
        labels = {"alertname": key, "severity": "page"}
        summary = {"summary": f"Something is wrong with {key}"}
        resolved = status == "resolved"
        alert = {
            "status": status,
            "labels": labels,
            "annotations": summary,
            "startsAt": _CREATED,
            "endsAt": "2026-11-20T10:20:00Z" if resolved else "0001-01-01T00:00:00Z",
            "fingerprint": hashlib.sha256(key.encode()).hexdigest()[:16],
        }
        group = {
            "version": "4",
            "groupKey": key,
            "status": status,
            "receiver": "rooms",
            "truncatedAlerts": 0,
            "groupLabels": {"alertname": key},
            "commonLabels": labels,
            "commonAnnotations": summary,
            "externalURL": "http://alertmanager.example",
            "alerts": [alert],
        }
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {self.tokens['alertmanager']}",
        }
        return Message("/in/alertmanager", headers, json.dumps(group).encode())

    # --- what became of them ------------------------------------------------------------------

    def table(self) -> list[dict[str, Any]]:
        """The Meetings server's own table."""
        return server_table(self.database)

    def living(self) -> dict[str, list[str]]:
        """The rooms that live by the server's own table: ids by the page's subject."""
        found: dict[str, list[str]] = {}
        for row in self.table():
            _, marker = read_metadata(row["metadata"])
            if row["ended_at"] is None and isinstance(marker, Marker):
                subject = marker.key.partition("/")[2].rpartition("-")[0]
                found.setdefault(subject, []).append(row["id"])
        return found

    def facts_of_opening(self) -> list[str]:
        """The episodes that opened, by the audit log."""
        return [fact["detail"]["episode"] for fact in self.own.facts("page.opened")]

    def link_of(self, source: str, key: str) -> str:
        """Our own link of a page."""
        secret = link_key(self.own.folder / "secrets" / KEY_FILE)
        return LinkScheme(self.url, secret).link_of(POLICY, subject_of(source, key))

    def follow(self, link: str, press: str = "") -> tuple[int, str, str]:
        """Open one of our links as a browser does, or press a button of its page.

        Returns its status, where it leads, and what it shows.
        """
        if not press:
            return asked("GET", link)
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": self.url}
        return asked("POST", link, f"do={press}".encode(), headers)

    def post(self, message: Message) -> int:
        """Send one message once; the status of its answer."""
        return asked("POST", self.url + message.path, message.body, message.headers)[0]

    def joined(self, room_id: str) -> None:
        """Somebody joins a room."""
        body = json.dumps({"name": "Ada", "is_host": True}).encode()
        url = f"{self.meetings}/_test/rooms/{room_id}/join"
        status, _, said = asked("POST", url, body, {"content-type": "application/json"})
        assert status in {200, 201}, said

    @contextmanager
    def server(self, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[None]:
        """The Meetings server for the length of the block; its rooms outlive it."""
        folder = self.database.parent
        key = folder / "application.pem"
        key.write_text(public_pem(KEY))
        arguments = (
            *("-m", "orchestrator", "meetings-server", "--test-routes", *options),
            *("--listen", urlsplit(self.meetings).netloc, "--database", str(self.database)),
            *("--application", f"{APPLICATION}={key}"),
        )
        with leashed(arguments, stdout=subprocess.PIPE, environ=environ) as process:
            assert process.stdout is not None
            assert "127.0.0.1" in process.stdout.readline().decode()
            yield
            process.terminate()
            assert process.wait(15) == 0


_CREATED: Final = "2026-11-20T10:00:00Z"


def asked(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """One request, followed nowhere: its status, where it leads, and what it says."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_PATIENCE)
    try:
        connection.request(method, parts.path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.headers.get("location", ""), answer.read().decode()
    finally:
        connection.close()


def subject_of(source: str, key: str) -> str:
    """What our link knows a page by."""
    return f"{source}-{digest_of(source, key)}"


@contextmanager
def paged(folder: Path, policy: str, *, slow: float = 0.0, proxy: str = "") -> Iterator[Paged]:
    """An installation with one policy for pages, whose processes do not run yet.

    Args:
        folder: an empty one.
        policy: what stands in its file after name and sources.
        slow: seconds which the receiver takes to answer.
        proxy: where the daemon looks for the Meetings server, if not at the server itself.
    """
    port, meetings = free_port(), f"http://127.0.0.1:{free_port()}"
    init(
        folder / "rooms",
        Choices(owner="paged", http=f"127.0.0.1:{port}"),
        example=False,
    )
    own = Installation(folder / "rooms", port)
    text = own.config.read_text()
    embedded = text[text.index("  # Our own Meetings server") : text.index("policies: policies")]
    own.configure(
        embedded,
        f"  url: {proxy or meetings}{BASE}\n  application_id: {APPLICATION}\n"
        "  private_key: {file: secrets/meetings.pem}\n  rate: 1000\n  settle: 1s\n\n"
        "resync_interval: 5s\n",
    )
    private = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (own.folder / "secrets" / "meetings.pem").write_bytes(private)
    tokens = {name: secrets.token_hex(32) for name in SOURCES}
    with receiving(slow) as receiver:
        for name, token in {**tokens, "webhook": receiver.secret}.items():
            path = own.folder / "secrets" / name
            path.touch(mode=0o600)
            path.write_text(token)
        own.configure(
            "  rooms-json: {type: file, path: rooms.json}\n",
            "  rooms-json: {type: file, path: rooms.json}\n"
            f"  told: {{type: webhook, url: '{receiver.url}', secret: {{file: secrets/webhook}}, "
            "allow_private: [127.0.0.1]}\n"
            "sources:\n"
            "  pagerduty: {type: pagerduty, signature: {secrets: [{file: secrets/pagerduty}]}}\n"
            "  own: {type: generic, bearer: [{file: secrets/own}]}\n"
            "  alertmanager: {type: alertmanager, bearer: [{file: secrets/alertmanager}]}\n",
        )
        own.put(
            "oncall.yaml",
            f"version: 1\nname: {POLICY}\non_page: {{sources: [{', '.join(SOURCES)}]}}\n"
            'room: {type: instant, display_name: "{{ page.title }}"}\n'
            f"deliver: [{{to: told}}]\n{policy}",
        )
        url = f"http://127.0.0.1:{port}"
        yield Paged(own, receiver, folder / "meetings.db", meetings, url, tokens)
