"""Recordings by policy under SIGKILL: a real daemon copies and deletes, a real server has them.

The daemon is killed again and again, wherever it stands between a download, a copy, the journal and
a deletion.  What counts is in two folders: a recording's content is the server's, or its copy is
whole; each is deleted once.  ``RECORDINGS=1000 KILLS=40`` makes it longer, and ``HOSTILE=7`` lets
the server lie meanwhile, by that seed.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from orchestrator.app.embedded import application_id
from orchestrator.app.keys import meetings_key, public_half
from tests.meetings import APPLICATION, KEY
from tests.system.installation import Installation, policy
from tests.system.processes import leashed, until

SERVER: Final = str(Path(__file__).with_name("torture_server.py"))
COUNT: Final = int(os.environ.get("RECORDINGS", "16"))
KILLS: Final = int(os.environ.get("KILLS", "3"))
HOSTILE: Final = os.environ.get("HOSTILE", "")
BLOCK, TIMES = 32 * 1024, 16  # bytes of a content that are random, and how often they come
WITHIN: Final = 60.0 + 2 * COUNT * (10 if HOSTILE else 1)  # seconds

CONFIG: Final = """\
owner: recordings
mode: enforce
meetings:
  url: {url}/v1/meetings
  application_id: {application}
  private_key: {{file: key.pem}}
  rate: 1000
  settle: 1s
policies: policies
destinations:
  rooms-json: {{type: file, path: rooms.json}}
archives:
  vault: {{path: vault, reserve: 1MB}}
resync_interval: 1s
"""
KEEPS: Final = "recordings: {archive: vault, keep: 0s, then: delete, grace: 0s}\n"
WAITS: Final = "recordings: {archive: vault, keep: 30d, then: delete}\n"


@dataclass
class Api:
    """A Meetings server of its own process, by its test routes."""

    url: str
    controls: str
    contents: Path

    def turn(self, temper: str) -> None:
        """``rage`` or ``calm``."""
        request = urllib.request.Request(f"{self.controls}/{temper}", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the test's own server
            f"{self.url}/_test/{path}", body, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def meet(self, room_id: str, numbers: range) -> dict[str, int]:
        """A session with so many recordings; their ids, with the number of their contents."""
        body = json.dumps({"name": "Ada", "is_host": True}).encode()
        joined = self.ask("POST", f"rooms/{room_id}/join", body)
        made: dict[str, int] = {}
        for number in numbers:
            recording_id = self.ask("POST", f"rooms/{room_id}/record")["recording_id"]
            self.ask("POST", f"recordings/{recording_id}/stop")
            path = f"recordings/{recording_id}?times={TIMES}"
            self.ask("PUT", path, content(number)[:BLOCK])
            made[recording_id] = number
        left = json.dumps({"participant_id": joined["participant_id"]}).encode()
        self.ask("POST", f"rooms/{room_id}/leave", left)
        return made

    @property
    def left(self) -> set[str]:
        """The recordings whose content is there."""
        return {path.stem for path in self.contents.glob("*.mp4")}


def content(number: int) -> bytes:
    """Another for each recording."""
    return random.Random(number).randbytes(BLOCK) * TIMES


@contextmanager
def serving(folder: Path) -> Iterator[Api]:
    """The server, for the length of the block."""
    public, contents = folder / "public.pem", folder / "contents"
    public.write_bytes(
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    arguments = (
        *(SERVER, "--application", APPLICATION, "--public-key", str(public)),
        *("--latency-ms", "0", "--seed", HOSTILE or "0", "--recordings", str(contents)),
    )
    with leashed(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url, controls = (process.stdout.readline().decode().strip() for _ in range(2))
        yield Api(url, controls, contents)


def installed(folder: Path, api: Api) -> Installation:
    """An installation at a server elsewhere, with an archive."""
    for name in ("policies", "vault", "state"):
        (folder / name).mkdir(parents=True)
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "key.pem").chmod(0o600)
    (folder / "config.yaml").write_text(CONFIG.format(url=api.url, application=APPLICATION))
    return Installation(folder, 0)


def room_of(own: Installation) -> str:
    fact = own.a_fact("room.created", key="teams/a")
    return str(fact["room_id"])


def copies(own: Installation) -> dict[str, Path]:
    return {path.stem: path for path in (own.folder / "vault").glob("*.mp4")}


def check(own: Installation, api: Api, made: dict[str, int]) -> int:
    """Each is at the server, or its copy is whole, described and right; how many are copies."""
    left, found = api.left, copies(own)
    for recording_id, path in found.items():
        assert path.read_bytes() == content(made[recording_id]), "a wrong copy"
        assert path.with_name(f"{path.name}.json").exists()
    lost = made.keys() - found.keys() - left
    assert not lost, "deleted without a copy"
    return len(found)


def progress(own: Installation, api: Api, made: dict[str, int]) -> int:
    """Bytes that were received, and recordings that were deleted as if they were as many again."""
    sizes = []
    with os.scandir(own.folder / "vault") as entries:
        for entry in entries:
            try:
                sizes.append(entry.stat().st_size)
            except FileNotFoundError:
                continue
    return sum(sizes) + (len(made) - len(api.left)) * BLOCK * TIMES


def first(own: Installation, api: Api) -> dict[str, int]:
    """A life in which recordings are made, and for whose terms nothing is to be deleted yet."""
    own.put("teams.yaml", policy("teams", ["a"], more=WAITS))
    with own.daemon():
        made = api.meet(room_of(own), range(COUNT))
        (row,) = own.until(lambda: copying(own), "a recording is copied", WITHIN)
        assert (row["policy"], row["archive"], row["keep"]) == ("teams", "vault", "30d")
    assert api.left == made.keys(), "thirty days are not over"
    return made


def copying(own: Installation) -> list[dict[str, Any]]:
    """What status tells, once there is a copy."""
    return [row for row in own.ask("status", "--json").json["recordings"] if row["copied"]]


def test_the_embedded_server_is_asked_directly(tmp_path: Path) -> None:
    """Its links begin with its public address, which leads nowhere from here."""
    own = Installation.made(tmp_path)
    own.configure("embedded: true", "embedded: true\n  public_url: https://meet.example.invalid")
    own.config.write_text(f"{own.config.read_text()}archives: {{vault: {{path: vault}}}}\n")
    (tmp_path / "vault").mkdir()
    own.put("teams.yaml", policy("teams", ["a"]))
    with own.daemon():
        room_id = room_of(own)
    # The same database, with test routes: the embedded server has none.
    keys, public = meetings_key(tmp_path / "secrets"), tmp_path / "public.pem"
    public.write_text(public_half(keys))
    database = tmp_path / "state" / "meetings.db"
    arguments = (
        *("-m", "orchestrator", "meetings-server", "--listen", f"127.0.0.1:{own.port}"),
        *("--database", str(database), "--test-routes"),
        *("--application", f"{application_id('acceptance')}={public}"),
    )
    with leashed(arguments):
        api = Api(f"http://127.0.0.1:{own.port}", "", Path(f"{database}-recordings"))
        until(lambda: answers(api), "the server answers")
        made = api.meet(room_id, range(2))
    own.put("teams.yaml", policy("teams", ["a"], more=KEEPS))
    with own.daemon():
        own.until(lambda: len(told(own, "recording.deleted")) == len(made), "all are deleted")
    assert (check(own, api, made), api.left) == (2, set())


def answers(api: Api) -> bool:
    """Whether somebody is there."""
    try:
        with urllib.request.urlopen(api.url, timeout=5):  # noqa: S310 - the test's own server
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.mark.timeout(3 * WITHIN + 20 * KILLS)
def test_sigkill_loses_no_recording_and_deletes_none_without_its_copy(tmp_path: Path) -> None:
    chance = random.Random(7)
    with serving(tmp_path) as api:
        own = installed(tmp_path / "own", api)
        made = first(own, api)
        own.put("teams.yaml", policy("teams", ["a"], more=KEEPS))
        if HOSTILE:
            api.turn("rage")
        whole = 2 * COUNT * BLOCK * TIMES
        for moment in sorted(chance.uniform(0.1, 0.9) * whole for _ in range(KILLS)):
            with own.daemon(ready=False) as process:
                until(
                    lambda goal=moment: progress(own, api, made) >= goal or not api.left,  # type: ignore[misc]
                    "it goes on",
                    WITHIN,
                )
                process.kill()
                process.wait()
            check(own, api, made)
        api.turn("calm")
        with own.daemon():
            own.until(lambda: not api.left, "all are deleted", WITHIN)
            # One that was wrongly answered as deleted is found again, and deleted again.
            own.until(lambda: ends(own) == finds(own), "all is told", WITHIN)
            shown = own.ask("rooms", "show", "teams/a")
            assert len(re.findall("deleted; vault/", shown.out)) == min(COUNT, 50), shown.out
            (row,) = own.ask("status", "--json").json["recordings"]
            assert (row["here"], row["waiting"], row["held"]) == (0, 0, [])
    assert check(own, api, made) == COUNT
    assert set(ends(own)) == made.keys()
    assert HOSTILE or len(ends(own)) == COUNT
    assert set(told(own, "recording.delete.started")) == made.keys()
    assert set(told(own, "recording.archived")) == made.keys()
    assert told(own, "recording.lost") == []
    assert own.ask("audit", "verify", "--json").json["whole"] is True
    assert "Signature" not in own.audit.read_text() + own.log


def finds(own: Installation) -> list[str]:
    """The recordings that were found, each as often as that was."""
    return sorted(told(own, "recording.found"))


def ends(own: Installation) -> list[str]:
    """The recordings that were deleted, each as often as that was told."""
    return sorted(told(own, "recording.deleted"))


def told(own: Installation, event: str) -> list[str]:
    """The recordings that facts of this name are about."""
    return [fact["detail"]["recording"] for fact in own.facts(event)]
