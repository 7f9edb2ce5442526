"""docs/cookbook.md: its policies make the rooms that stand below them.

All of them lie in one folder and are reconciled by one daemon against its embedded server; of
schedules a rehearsal of a week tells what opens.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.documents import ROOT, Block, read
from tests.system.installation import Installation

PAGE: Final = read(ROOT / "docs" / "cookbook.md")
MONDAY: Final = "2027-03-01"


def titled(title: str) -> list[Block]:
    """The blocks of this title, or whose title begins so."""
    return [block for block in PAGE.blocks if block.title.startswith(title)]


POLICIES: Final = [block for block in titled("policies/") if "/data/" not in block.title]


@contextmanager
def directory(body: str) -> Iterator[int]:
    """A service that answers so; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer of-the-cookbook"
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="cookbook")
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def expected() -> dict[str, list[tuple[str, str]]]:
    """The rooms that stand below each policy: by its name, their keys and names."""
    found = {}
    for block in titled("Rooms"):
        (policy,) = [one for one in POLICIES if one.heading == block.heading]
        name = yaml.safe_load(policy.text)["name"]
        rows = [line for line in block.text.splitlines() if line != "none"]
        found[name] = sorted((row.split()[0], " ".join(row.split()[1:])) for row in rows)
    return found


def prepared(folder: Path, port: int) -> Installation:
    """An installation with everything that the page says, and a directory on this machine."""
    own = Installation.made(folder)
    config = yaml.safe_load(own.config.read_text())
    for block in titled("config.yaml"):
        config |= yaml.safe_load(block.text)
    (folder / "vault").mkdir()
    config["archives"]["vault"]["path"] = "vault"
    config["sources"] = {"pagerduty": {"type": "pagerduty", "bearer": [{"file": "token"}]}}
    config["destinations"]["hosts"]["url"] = "https://127.0.0.1:1/rooms"
    config["directories"]["allow_private"] = ["127.0.0.1"]
    config["directories"]["secrets"]["hr-token"]["hosts"] = [f"127.0.0.1:{port}"]
    own.config.write_text(yaml.safe_dump(config))
    secrets = {"token": "a" * 32, "secrets/webhook.secret": "whsec_" + "a2V5" * 10}
    for name, text in {**secrets, "secrets/hr.token": "of-the-cookbook"}.items():
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)
    for block in titled("policies/"):
        text = block.text.replace("https://hr.example.com/", f"http://127.0.0.1:{port}/")
        (folder / block.title).write_text(text)
    return own


def test_there_are_a_dozen_and_each_says_what_comes_of_it() -> None:
    """Below each stands either its rooms, or what opens in a week."""
    assert len(POLICIES) >= 12
    told = {block.heading for block in (*titled("Rooms"), *titled("In a week"))}
    assert told == {block.heading for block in POLICIES}


@pytest.mark.timeout(300)
def test_its_policies_make_the_rooms_that_it_shows(tmp_path: Path) -> None:
    """No more, no fewer, of these names; pages as it says to open them."""
    wanted = expected()
    with directory(titled("Its answer")[0].text) as port:
        own = prepared(tmp_path, port)
        checked = own.ask("validate")
        assert checked.code == 0, checked.out
        with own.daemon():
            for block in titled("Try it"):
                words = shlex.split(block.text)
                assert own.ask(*words[1:]).code == 0
            count = sum(map(len, wanted.values()))
            own.until(lambda: len(own.links()) >= count, f"{count} rooms are told")
            made: dict[str, list[tuple[str, str]]] = {name: [] for name in wanted}
            for key, room in own.links().items():
                policy = key.partition("/")[0]
                if policy not in wanted:
                    continue  # a meeting that is on just now
                shown = f"{policy}/…" if wanted[policy][:1] and "…" in wanted[policy][0][0] else key
                made[policy].append((shown, room["display_name"]))
            assert {name: sorted(rooms) for name, rooms in made.items()} == wanted
        week = own.apart("rehearse", "--from", MONDAY, "--for", "7d", "--json").json
        for block in titled("In a week"):
            (policy_block,) = [one for one in POLICIES if one.heading == block.heading]
            name = yaml.safe_load(policy_block.text)["name"]
            times = re.match(r"(\d+) × ", block.text)
            assert times is not None
            opened = [
                act
                for act in week["acts"]
                if act["key"].startswith(f"{name}/") and act["act"] == "create"
            ]
            assert len(opened) == int(times[1]), json.dumps(week["acts"])
