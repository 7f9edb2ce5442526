"""A real daemon, a real directory service, one secret between them."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.system.installation import Installation

SECRET = "hunter2-of-the-directory"
NEXT = "correct-horse-battery-staple"


@dataclass
class Answering:
    """What the service says now, and what it was asked with."""

    teams: list[str]
    status: int = 200
    port: int = 0
    tokens: list[str] = field(default_factory=list)


@contextmanager
def answering(*teams: str) -> Iterator[Answering]:
    """A directory service of the standard library, for the length of the block."""
    now = Answering(list(teams))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now.tokens.append(self.headers.get("Authorization", ""))
            body = json.dumps({"teams": [{"slug": team} for team in now.teams]}).encode()
            self.send_response(now.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    now.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, name="directory")
    thread.start()
    try:
        yield now
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def policy(port: int) -> str:
    return (
        "version: 1\nname: team-rooms\nfor_each:\n  http:\n"
        f"    url: http://127.0.0.1:{port}/teams\n"
        '    headers: {Authorization: {secret: hr, prefix: "Bearer "}}\n'
        "    select: teams\n    every: 10s\n"
        '  as: team\n  key: "{{ team.slug }}"\n'
        'room: {type: long_term, display_name: "{{ team.slug }}", lifetime: 100d}\n'
        "removal: {mode: delete, grace: 60s}\n"
    )


@pytest.mark.timeout(180)  # a directory is asked every ten seconds at most
def test_rooms_follow_a_directory_and_its_secret_stays_secret(tmp_path: Path) -> None:
    """Made, grown, failed, restarted while it is down, and asked with a new secret."""
    own = Installation.made(tmp_path)
    with answering("checkout") as service:
        (tmp_path / "hr.token").write_text(f"{SECRET}\n")
        (tmp_path / "hr.token").chmod(0o600)
        own.config.write_text(
            f"{own.config.read_text()}\ndirectories:\n  allow_private: [127.0.0.1]\n  secrets:\n"
            f"    hr: {{value: {{file: hr.token}}, hosts: ['127.0.0.1:{service.port}']}}\n"
        )
        own.put("team-rooms.yaml", policy(service.port))
        checked = own.ask("validate")
        assert checked.code == 0
        assert f"team-rooms: http://127.0.0.1:{service.port}/teams" in checked.err
        assert "not asked, because validate is offline" in checked.err
        assert service.tokens == []
        with own.daemon() as process:
            own.a_fact("room.created")
            assert service.tokens == [f"Bearer {SECRET}"]
            service.teams.append("search")
            own.a_fact("room.created", count=2)
            (tmp_path / "hr.token").write_text(f"{NEXT}\n")
            process.send_signal(signal.SIGHUP)
            own.until(lambda: f"Bearer {NEXT}" in service.tokens, "the new secret was sent")
            service.status = 500
            own.a_fact("directory.unavailable")
        with own.daemon():
            asked = len(service.tokens)
            own.until(lambda: len(service.tokens) > asked, "it was asked again")
            status = own.ask("status", "--json")
            (row,) = status.json["directories"]
            assert row["reason"] == "answered 500 Internal Server Error"
            shown = own.ask("status")
            assert "and new ones are not made" in shown.out
            plan = own.ask("plan")
            assert "not known: team-rooms: " in plan.out
            service.status = 200
            own.a_fact("directory.recovered")
        assert len(own.facts("room.created")) == 2
        assert own.facts("room.tombstoned") == []
        texts = [checked.out, checked.err, status.out, shown.out, plan.out, own.log]
        texts.extend(file.read_text() for file in own.audit.parent.glob("audit.jsonl*"))
        texts.append(own.store.read_bytes().decode("latin-1"))
        for text in texts:
            assert SECRET not in text
            assert NEXT not in text
