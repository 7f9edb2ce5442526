"""The commands as processes: a daemon asked over its socket, the offline way, a server alone."""

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.callers import calling, guest
from tests.tls import own_certificate

PROGRAM = Path(sys.executable).with_name("room-orchestrator")
DEADLINE = 40.0


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command in a folder."""
    return subprocess.run(
        [PROGRAM, *words], cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A fresh installation on a port that is free."""
    assert run(tmp_path, "init", "rooms").returncode == 0
    config = tmp_path / "rooms" / "config.yaml"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config.write_text(config.read_text().replace("8441", str(port)).replace(":8440", ":0"))
    return tmp_path / "rooms"


@contextmanager
def process(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on; killed at the end if it is still there."""
    started = subprocess.Popen(
        [PROGRAM, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def wait_for(started: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read lines until one fits."""
    assert started.stdout is not None
    for line in started.stdout:
        found = re.search(pattern, line)
        if found:
            return found
    pytest.fail(f"it ended before it printed {pattern!r}")


@pytest.mark.timeout(180)
def test_the_tour_without_a_daemon(installation: Path) -> None:
    """Plan, apply, plan, look: each command starts the embedded server for its own duration."""
    assert run(installation, "validate").returncode == 0
    planned = run(installation, "plan")
    assert (planned.returncode, "Plan: 3 creates" in planned.stdout) == (3, True)
    assert "no daemon runs" in planned.stderr
    applied = run(installation, "apply")
    assert (applied.returncode, "3 calls made" in applied.stdout) == (0, True)
    again = run(installation, "plan")
    assert (again.returncode, "Nothing to do: 3" in again.stdout) == (0, True)
    rooms = json.loads(run(installation, "rooms", "list", "--json").stdout)["rooms"]
    links = json.loads((installation / "rooms.json").read_text())
    assert len(rooms) == 3
    assert all(room["guest_url"] in json.dumps(links) for room in rooms)
    assert run(installation, "audit", "verify").returncode == 0


@pytest.mark.timeout(180)
def test_a_daemon_is_asked_over_its_socket(installation: Path) -> None:
    """The same commands; who commands is this user, and the reason is in the audit."""
    with process(installation, "run") as daemon:
        wait_for(daemon, "ready; owner rooms-")
        until = time.monotonic() + DEADLINE
        while run(installation, "plan").returncode != 0 and time.monotonic() < until:
            pass
        status = run(installation, "status")
        assert "the daemon answers" in status.stderr
        assert "3 ours: 3 open" in status.stdout
        why = run(installation, "rooms", "why", "team-rooms/checkout")
        assert "room.created" in why.stdout
        second = run(installation, "run")
        assert (second.returncode, "Traceback" in second.stderr) == (1, False)
        refused = run(installation, "rooms", "forget", "team-rooms/checkout", "--reason", "x")
        assert (refused.returncode, "a policy asks for" in refused.stderr) == (2, True)
        shown = run(
            installation,
            *("rooms", "show", "team-rooms/checkout", "--host-link", "--reason", "OPS-1"),
        )
        assert shown.stdout.startswith("http://127.0.0.1:")
        found = ""
        while "OPS-1" not in found and time.monotonic() < until:
            found = run(installation, "audit", "search", "--event", "room.link.revealed").stdout
        assert f"(uid {os.getuid()}" in found
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(DEADLINE) == 0
    assert not (installation / "state" / "control.sock").exists()


ON_PAGE = """\
version: 1
name: oncall-bridge
on_page: {sources: [manual, own]}
room: {type: instant, display_name: "{{ page.title }}"}
deliver: [{to: rooms-json}, {to: links}]
"""


def leads_on(folder: Path) -> None:
    """Wait until a file of a link leads to its room."""
    page, until = folder / "index.html", time.monotonic() + DEADLINE
    while not page.is_file() or '"0;url=' not in page.read_text():
        assert time.monotonic() < until, "nobody wrote the link's page"
        time.sleep(0.05)


@pytest.mark.timeout(180)
def test_a_page_by_hand_from_its_opening_to_its_end(installation: Path) -> None:
    """Through the real intake, with its link; the doctor knocks at the real door."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config, secret = installation / "config.yaml", installation / "secrets" / "own"
    secret.write_text("c" * 32)
    secret.chmod(0o600)
    text = config.read_text()
    listen = f"  listen: 127.0.0.1:{port}\n  public_url: http://127.0.0.1:{port}\n"
    text = re.sub(r"(?m)^  listen: 127\.0\.0\.1:0\n", listen, text)
    text = text.replace("destinations:", "destinations:\n  links: {type: static, path: public}")
    config.write_text(
        f"{text}sources:\n  own: {{type: generic, bearer: [{{file: secrets/own}}]}}\n"
    )
    (installation / "policies" / "oncall.yaml").write_text(ON_PAGE)
    alone = run(installation, "page", "open", "--title", "Slow")
    assert (alone.returncode, "no daemon runs" in alone.stderr) == (1, True)
    with process(installation, "run") as daemon:
        wait_for(daemon, "ready; owner rooms-")
        opened = run(installation, "page", "open", "--title", "Slow", "--wait", "--reason", "OPS-7")
        assert opened.returncode == 0, opened.stderr
        link = opened.stdout.strip()
        assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/r/oncall-bridge/manual-\S+", link)
        assert "its room known after" in opened.stderr
        shown = json.loads(run(installation, "page", "show", link, "--json").stdout)["page"]
        assert (shown["state"], shown["stage"], shown["title"]) == ("open", "open", "Slow")
        assert 0 < shown["link_after"] <= shown["room_after"] < DEADLINE
        leads_on(installation / "public" / "site" / urlsplit(link).path.lstrip("/"))
        status = run(installation, "status").stdout
        assert "Pages      1 open · with its room · last: link after" in status
        doctor = run(installation, "doctor")
        assert doctor.returncode == 0, doctor.stdout
        assert "a test message was let in" in doctor.stdout
        (listed,) = json.loads(run(installation, "page", "list", "--json").stdout)["pages"]
        assert (listed["episode"], listed["room_id"]) == (shown["episode"], shown["room_id"])
        secret.write_text("d" * 32)
        doctor = run(installation, "doctor")
        assert (doctor.returncode, "refuses a message" in doctor.stdout) == (1, True)
        closed = run(installation, "page", "close", "slow", "--reason", "OPS-8")
        assert "is closed." in closed.stdout
        found, until = "", time.monotonic() + DEADLINE
        while "OPS-8" not in found and time.monotonic() < until:
            found = run(installation, "audit", "search", "--event", "page.sent").stdout
        assert found.count(f"(uid {os.getuid()}") == 2
        assert "OPS-7" in found
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(DEADLINE) == 0
    over = json.loads(run(installation, "page", "show", "Slow", "--json").stdout)["page"]
    assert (over["state"], over["room_after"]) == ("closing", shown["room_after"])


@pytest.mark.timeout(120)
def test_the_meetings_server_alone(tmp_path: Path) -> None:
    """It prints what a config needs, and ends in order."""
    with process(tmp_path, "meetings-server", "--listen", "127.0.0.1:0") as server:
        url = wait_for(server, r"Meetings server on (http://127\.0\.0\.1:\d+\S*);")[1]
        application = wait_for(server, r"application_id: (\S+)")[1]
        key = wait_for(server, r"private_key: \{file: (\S+)\}")[1]
        (tmp_path / "config.yaml").write_text(
            f"owner: me\nmode: observe\nmeetings: {{url: '{url}', application_id: {application}, "
            f"private_key: {{file: {key}}}}}\n"
        )
        (tmp_path / "policies").mkdir()
        planned = run(tmp_path, "plan")
        assert (planned.returncode, "Nothing to do" in planned.stdout) == (0, True), planned
        server.send_signal(signal.SIGTERM)
        assert server.wait(DEADLINE) == 0


class Taker(BaseHTTPRequestHandler):
    """Takes callbacks."""

    taken: Queue[tuple[str, dict[str, str], bytes]] = Queue()

    def do_POST(self) -> None:
        """Keep one, and say that it came."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.put((self.path, dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


async def welcomed(url: str, room: Any) -> Any:
    """What somebody who comes into a room is to meet through."""
    async with calling(url) as calls:
        return (await calls.enter(guest(room))).welcome["media"]


@pytest.mark.timeout(120)
def test_what_the_meetings_server_is_told(tmp_path: Path) -> None:
    """Telephone numbers, and where callbacks go, how they are signed and what goes with them."""
    receiver = HTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    (tmp_path / "secret.txt").write_text("s" * 32 + "\n")
    words = (
        "meetings-server", "--listen", "127.0.0.1:0", "--test-routes",
        "--dial-in", "442381924626,en-GB,London, Soho",
        "--callback", f"sessions=http://127.0.0.1:{receiver.server_port}/sessions",
        "--signature-secret", "secret.txt", "--metadata-header", "X-Room-Metadata",
        "--callback-private", "10.0.0.0/8", "--callback-private", "hooks.internal",
        "--recordings", "recorded", "--mesh-most", "3",
        "--stun", "stun:a", "--turn", "turn:b", "--turn-secret", "secret.txt",
    )  # fmt: skip
    with process(tmp_path, *words) as server:
        url = wait_for(server, r"Meetings server on (http://127\.0\.0\.1:\d+\S*);")[1]
        application = wait_for(server, r"application_id: (\S+)")[1]
        key = Path(wait_for(server, r"private_key: \{file: (\S+)\}")[1]).read_text()
        claims = {"application_id": application, "iat": int(time.time()), "jti": "1"}
        headers = {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='RS256')}"}

        def ask(path: str, body: object = None, base: str = url, method: str | None = None) -> Any:
            data = None if body is None else json.dumps(body).encode()
            request = Request(f"{base}{path}", data, headers, method=method)  # noqa: S310 - ours
            with urlopen(request, timeout=DEADLINE) as response:  # noqa: S310
                return json.loads(response.read() or b"null")

        number = {"number": "442381924626", "locale": "en-GB", "display_name": "London, Soho"}
        assert ask("/dial-in-numbers") == [number]
        room = ask("/rooms", {"display_name": "Room", "metadata": "ref 17"})
        tests = f"{url.removesuffix('/v1/meetings')}/_test"
        ask(f"/rooms/{room['id']}/join", {"name": "Ada"}, tests)
        recording = ask(f"/rooms/{room['id']}/record", {}, tests)["recording_id"]
        ask(f"/recordings/{recording}/stop", {}, tests)
        ask(f"/recordings/{recording}", "content", tests, "PUT")
        assert (tmp_path / "recorded" / f"{recording}.mp4").read_text() == '"content"'
        media = asyncio.run(welcomed(url.removesuffix("/v1/meetings"), room))
        assert (media["kind"], media["most"]) == ("mesh", 3)
        assert [one["urls"] for one in media["ice_servers"]] == [["stun:a"], ["turn:b"]]
        path, sent, body = Taker.taken.get(timeout=DEADLINE)
        assert (path, json.loads(body)["event"]) == ("/sessions", "session:started")
        assert sent["X-Room-Metadata"] == "ref%2017"
        token = sent["Authorization"].removeprefix("Bearer ")
        signed = jwt.decode(token, "s" * 32, algorithms=["HS256"])
        assert signed["payload_hash"] == hashlib.sha256(body).hexdigest()
        server.send_signal(signal.SIGTERM)
        assert server.wait(DEADLINE) == 0
    receiver.shutdown()
    receiver.server_close()


@pytest.mark.timeout(120)
def test_the_meetings_server_speaks_tls(tmp_path: Path) -> None:
    """A new certificate is shown as soon as it is there; a bad one is told of, and not shown."""
    both = own_certificate(tmp_path / "both.pem", 11)
    words = ("meetings-server", "--listen", "127.0.0.1:0", "--certificate", "both.pem")
    with process(tmp_path, *words, "--max-themes", "0", "--max-rooms", "0") as server:
        url = wait_for(server, r"Meetings server on (https://127\.0\.0\.1:\d+\S*);")[1]
        application = wait_for(server, r"application_id: (\S+)")[1]
        key = wait_for(server, r"private_key: \{file: (\S+)\}")[1]
        host, port = url.removeprefix("https://").split("/")[0].split(":")

        def shown() -> str:
            return ssl.get_server_certificate((host, int(port)))

        first = both.read_text()
        assert shown() in first
        second = own_certificate(tmp_path / "new.pem", 12).read_text()
        both.write_text(second)
        assert shown() in second
        assert shown() not in first
        both.write_text("nonsense")
        assert shown() in second
        wait_for(server, r"it is no certificate with its private key.*certificate\.refused")

        private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
        claims = {"application_id": application, "iat": int(time.time()), "jti": "1"}
        bearer = jwt.encode(claims, cast("rsa.RSAPrivateKey", private), algorithm="RS256")
        trusted = ssl.create_default_context(cadata=second.partition("KEY-----\n")[2])
        for path, body in (
            ("rooms", b'{"display_name": "R"}'),
            ("themes", b'{"main_color": "#fff", "brand_text": "B"}'),
        ):
            asked = Request(f"{url}/{path}", body, {"Authorization": f"Bearer {bearer}"})  # noqa: S310
            with pytest.raises(HTTPError) as refused:
                urlopen(asked, timeout=DEADLINE, context=trusted)  # noqa: S310
            assert f"The maximum of 0 {path}" in refused.value.read().decode()
            refused.value.close()
        server.send_signal(signal.SIGTERM)
        assert server.wait(DEADLINE) == 0


@pytest.mark.timeout(120)
def test_the_hostile_meetings_server(tmp_path: Path) -> None:
    """It says what it does to whom, does it, and at its end how often it did."""
    words = ("meetings-server", "--listen", "127.0.0.1:0", "--hostile", "7")
    with process(tmp_path, *words) as server:
        url = wait_for(server, r"Meetings server on (http://127\.0\.0\.1:\d+\S*);")[1]
        wait_for(server, r"   3  stale listing: rooms, themes or recordings as they were before")
        wait_for(server, r" 0\.1  empty backend for a while: .* \(any request\)")
        wait_for(server, r"held back")
        for _ in range(60):
            with suppress(OSError, HTTPException):
                urlopen(f"{url}/rooms", timeout=0.3).close()  # noqa: S310 - our own server
        server.send_signal(signal.SIGINT)
        assert server.wait(DEADLINE) == 0
        ended = wait_for(server, r"(\d+) requests and callbacks were met by a fault")
        assert 3 <= int(ended[1]) <= 30
        wait_for(server, r" \d+  [\w ]+: list rooms \d+")


@pytest.mark.parametrize(
    "words",
    [
        ("--listen", "nowhere"),
        ("--application", "nothing"),
        ("--certificate", "nothing.pem"),
        ("--certificate-key", "key.pem"),
        ("--latency", "soon"),
        ("--listen", "0.0.0.0:0", "--test-routes"),
        ("--callback", "themes=http://127.0.0.1:1/"),
        ("--callback", "rooms=ftp://127.0.0.1/"),
        ("--dial-in", "+44,en-GB,London"),
        ("--callback-private", "10.0.0.1/8"),
        ("--metadata-header", "Authorization"),
        ("--signature-secret", "nowhere.txt"),
        ("--media", "telepathy"),
        ("--media", "none", "--mesh-most", "4"),
        ("--turn", "turn:relay.example"),
        ("--media", "livekit"),
        ("--media", "livekit", "--livekit-url", "wss://a.example", "--stun", "stun:a.example"),
        ("--media", "none", "--livekit-most", "4"),
        ("--livekit-key", "meetings:hunter2"),
        ("--livekit-egress", "/out"),
        (
            *("--media", "livekit", "--livekit-url", "wss://a.example"),
            *("--livekit-key", "meetings=private.txt"),
        ),
        (
            *("--media", "livekit", "--livekit-url", "wss://a.example", "--livekit-most", "4"),
            *("--livekit-egress", "/out=out", "--livekit-key", "meetings=nowhere.txt"),
        ),
        ("--signature-secret", "private.txt"),
        ("--listen", "0.0.0.0:0", "--hostile", "7"),
    ],
    ids="_".join,
)
def test_the_meetings_server_refuses(tmp_path: Path, words: tuple[str, ...]) -> None:
    """One sentence, exit 2."""
    (tmp_path / "private.txt").write_text("hunter2")
    refused = run(tmp_path, "meetings-server", *words)
    assert "hunter2" not in refused.stderr
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert refused.stderr.count("\n") == 1
