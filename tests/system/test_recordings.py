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

from tests.meetings import APPLICATION, KEY
from tests.system.installation import Installation, policy
from tests.system.processes import free_port, leashed, until

COUNT: Final = int(os.environ.get("RECORDINGS", "16"))
KILLS: Final = int(os.environ.get("KILLS", "3"))
HOSTILE: Final = os.environ.get("HOSTILE", "")
BLOCK, TIMES = 32 * 1024, 16  # bytes of a content that are random, and how often they come
WITHIN: Final = 60.0 + 2 * COUNT * (10 if HOSTILE else 1)  # seconds

CONFIG: Final = """\
owner: recordings
mode: enforce
meetings:
  url: http://127.0.0.1:{port}/v1/meetings
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
    contents: Path

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
def serving(folder: Path, port: int, *more: str) -> Iterator[Api]:
    """The server, for the length of the block."""
    public = folder / "public.pem"
    public.write_bytes(
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    contents = folder / "contents"
    arguments = (
        *("-m", "orchestrator", "meetings-server", "--listen", f"127.0.0.1:{port}"),
        *("--database", str(folder / "meetings.db"), "--recordings", str(contents)),
        *("--application", f"{APPLICATION}={public}", "--test-routes", *more),
    )
    log = folder / "server.log"
    with log.open("ab") as output, leashed(arguments, stderr=output, stdout=subprocess.DEVNULL):
        api = Api(f"http://127.0.0.1:{port}", contents)
        until(lambda: _answers(port), "the server answers")
        yield api


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation at a server elsewhere, with an archive."""
    folder = tmp_path / "own"
    for name in ("policies", "vault", "state"):
        (folder / name).mkdir(parents=True)
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "key.pem").chmod(0o600)
    port = free_port()
    (folder / "config.yaml").write_text(CONFIG.format(port=port, application=APPLICATION))
    return Installation(folder, port)


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


@pytest.mark.timeout(WITHIN + 60 + 20 * KILLS)
def test_sigkill_loses_no_recording_and_deletes_none_without_its_copy(
    own: Installation, tmp_path: Path
) -> None:
    chance = random.Random(7)
    hostile = ("--hostile", HOSTILE) if HOSTILE else ()
    with serving(tmp_path, own.port) as api:
        own.put("teams.yaml", policy("teams", ["a"], more=WAITS))
        with own.daemon():
            room_id = room_of(own)
            made = api.meet(room_id, range(COUNT))
            (row,) = own.until(
                lambda: [
                    one for one in own.ask("status", "--json").json["recordings"] if one["copied"]
                ],
                "a recording is copied",
            )
            assert (row["policy"], row["archive"], row["keep"]) == ("teams", "vault", "30d")
        assert api.left == made.keys(), "thirty days are not over"
        own.put("teams.yaml", policy("teams", ["a"], more=KEEPS))
    with serving(tmp_path, own.port, *hostile) as api:
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
        with own.daemon():
            own.until(lambda: not api.left, "all are deleted", WITHIN)
            own.until(
                lambda: len(own.facts("recording.deleted")) >= COUNT, "all that is told", WITHIN
            )
            shown = own.ask("rooms", "show", "teams/a")
            assert len(re.findall("deleted; vault/", shown.out)) == min(COUNT, 50), shown.out
            (row,) = own.ask("status", "--json").json["recordings"]
            assert (row["here"], row["waiting"], row["held"]) == (0, 0, [])
    assert check(own, api, made) == COUNT
    deleted = [fact["detail"]["recording"] for fact in own.facts("recording.deleted")]
    assert sorted(deleted) == sorted(made)
    assert own.facts("recording.lost") == []
    started = [fact["detail"]["recording"] for fact in own.facts("recording.delete.started")]
    assert set(started) == made.keys()
    archived = {fact["detail"]["recording"] for fact in own.facts("recording.archived")}
    assert archived == made.keys()
    assert own.ask("audit", "verify", "--json").json["whole"] is True
    assert "Signature" not in own.audit.read_text() + own.log
