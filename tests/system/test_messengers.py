"""A real daemon tells links and alerts to real receivers, and keeps the secrets between them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.system.installation import Installation

SECRET = "whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjItaHVudGVyMg=="
POLICY = """\
version: 1
name: team-rooms
for_each: {items: [{slug: checkout}], as: team, key: "{{ team.slug }}"}
room: {type: long_term, display_name: "<!here> {{ team.slug }}", lifetime: 30d}
deliver: [{to: chat}, {to: any}]
"""


@dataclass
class Receiving:
    """What came in, by the path that it came to: body and headers."""

    port: int = 0
    came: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def at(self, path: str) -> list[tuple[bytes, dict[str, str]]]:
        return [(body, headers) for where, body, headers in list(self.came) if where == path]

    def chat(self) -> list[Any]:
        return [json.loads(body) for body, _ in self.at("/hooks/hunter2")]


@contextmanager
def receiving() -> Iterator[Receiving]:
    """A service that takes whatever is posted, for the length of the block."""
    now = Receiving()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            now.came.append((self.path, body, headers))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    now.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, name="receiver")
    thread.start()
    try:
        yield now
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.timeout(240)
def test_links_and_alerts_reach_their_receivers(tmp_path: Path) -> None:
    """Once each, over a restart, and in the words that their receivers understand."""
    installation = Installation.made(tmp_path / "ro")
    with receiving() as receiver:
        for name, text in (
            ("chat.url", f"http://127.0.0.1:{receiver.port}/hooks/hunter2\n"),
            ("any.secret", f"{SECRET}\n"),
        ):
            file = installation.folder / "secrets" / name
            file.write_text(text)
            file.chmod(0o600)
        here = "allow_private: [127.0.0.1]"
        installation.configure(
            "destinations:\n",
            f"""\
alerts: [{{to: chat}}]
destinations:
  chat: {{type: mattermost, url: {{file: secrets/chat.url}}, {here}}}
  any:
    type: webhook
    url: http://127.0.0.1:{receiver.port}/events
    secret: {{file: secrets/any.secret}}
    {here}
""",
        )
        installation.put("team-rooms.yaml", POLICY)
        with installation.daemon():
            installation.until(receiver.chat, "the chat is told of the room")
            installation.until(lambda: receiver.at("/events"), "the webhook is told of it")
        with installation.daemon():
            installation.put("broken.yaml", "version: 1\nname: [\n")
            installation.until(lambda: len(receiver.chat()) == 2, "the operators are told")
        opened, begun = receiver.chat()
        (event, headers) = receiver.at("/events")[0]
    assert opened["text"].startswith("**The room is open:** \\<\\!here\\> checkout")
    assert f"http://127.0.0.1:{installation.port}/" in opened["attachments"][0]["text"]
    assert "broken\\.yaml\\:3\\:1" in begun["text"]
    assert begun["text"].startswith("**Room Orchestrator needs you:** ")
    told = Webhook(SECRET).verify(event, headers)
    assert told["type"] == "room.opened"
    assert told["data"]["title"] == "<!here> checkout"
    assert len(receiver.at("/events")) == 1
    audit = installation.audit.read_text()
    assert "delivery.sent" in audit
    for secret in ("hunter2", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in installation.log
        assert secret not in audit
        assert secret.encode() not in installation.store.read_bytes()
