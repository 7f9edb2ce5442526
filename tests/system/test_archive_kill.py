"""Archives under SIGKILL: no recording is lost, and none is deleted before its copy is whole.

Between the archiver and our server a way breaks off whatever it likes: questions, deletions that
were carried out, and downloads.  ``RECORDINGS=1000`` makes it longer; usually there are 40, of
1 MiB each.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from orchestrator.adapters.clock import SystemClock
from tests.meetings import APPLICATION, BASE, KEY, Client, over_http, settings
from tests.system.processes import free_port, leashed

COUNT = int(os.environ.get("RECORDINGS", "40"))
KILLS = 8 + (COUNT - 40) // 30
BLOCK, TIMES = 32 * 1024, 32  # bytes of a content that are random, and how often they come
LOOK_EVERY = 0.002  # seconds


class Way:
    """A way on to a port that breaks off downloads, and drops answers to deletions.

    Attributes:
        port: where it begins.
        to: where it leads.
        broken: how many connections it broke.
        ways: what is under way.
    """

    def __init__(self, chance: random.Random, to: int) -> None:
        self.port = 0
        self.to = to
        self.broken = 0
        self.ways: set[asyncio.Task[None]] = set()
        self._chance = chance

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let one connection through, or what comes back of it before it breaks off."""
        task = asyncio.current_task()
        assert task is not None
        self.ways.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        left = float("inf")

        async def ask() -> None:
            nonlocal left
            with suppress(ConnectionError):
                while piece := await reader.read(BLOCK):
                    if self._chance.random() < 1 / 3:
                        # Of a DELETE not even the beginning of the answer comes.
                        whole = 0 if piece.startswith(b"DELETE") else BLOCK * TIMES
                        left = self._chance.random() * whole
                    back.write(piece)
                    await back.drain()
            back.transport.abort()

        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(), name="asking")
            with suppress(ConnectionError):
                while piece := await there.read(BLOCK):
                    left -= len(piece)
                    if left < 0:
                        self.broken += 1
                        break
                    writer.write(piece)
                    await writer.drain()
            asking.cancel()
        for end in (writer, back):
            end.transport.abort()
        self.ways.discard(task)


@asynccontextmanager
async def breaking(chance: random.Random, to: int) -> AsyncIterator[Way]:
    """A way for the length of the block."""
    way = Way(chance, to)
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        await asyncio.gather(*way.ways)


ARCHIVER = str(Path(__file__).with_name("archiver.py"))


def content(number: int) -> bytes:
    """Another for each recording."""
    return random.Random(number).randbytes(BLOCK) * TIMES


async def make(server: Client) -> tuple[dict[str, int], str]:
    """Recordings by id, with the number of their contents, and their session."""
    room = await server.create()
    await server.join(room)
    made: dict[str, int] = {}
    session_id = ""
    for number in range(COUNT):
        recording_id, session_id = await server.record(room)
        path = f"/_test/recordings/{recording_id}/stop"
        assert (await server.ask("POST", path, base="")).status == 204
        await server.upload(recording_id, content(number)[:BLOCK], TIMES)
        made[recording_id] = number
    return made, session_id


async def check(server: Client, made: dict[str, int], copies: Path) -> int:
    """Each is at the API, or its copy is whole, described and right; gives how many are copies."""
    for path in copies.glob("*.mp4"):
        assert await asyncio.to_thread(path.read_bytes) == content(made[path.stem]), "a wrong copy"
        assert path.with_name(f"{path.name}.json").exists()
    for recording_id in made:
        if not (copies / f"{recording_id}.mp4").exists():
            status = (await server.ask("GET", f"/recordings/{recording_id}")).status
            assert status == 200, "deleted without a copy"
    return len(list(copies.glob("*.mp4")))


def received(copies: Path) -> int:
    """Bytes that are there, of copies and of what is none yet; files may go while we look."""
    sizes = []
    with os.scandir(copies) as entries:
        for entry in entries:
            try:
                sizes.append(entry.stat().st_size)
            except FileNotFoundError:
                continue
    return sum(sizes)


async def live(arguments: list[str], copies: Path, until: float) -> int | None:
    """Let a process archive until so many bytes are there, and kill it; how it ended if it did."""
    with leashed(arguments, stderr=subprocess.STDOUT) as process:
        while received(copies) < until and process.poll() is None:
            await asyncio.sleep(LOOK_EVERY)
        return process.poll()


@pytest.mark.timeout(60 + 5 * COUNT)
async def test_sigkill_loses_no_recording_and_deletes_none_without_its_copy(tmp_path: Path) -> None:
    chance = random.Random(7)
    copies, key = tmp_path / "copies", tmp_path / "key.pem"
    copies.mkdir()
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    async with (
        breaking(chance, free_port()) as way,
        over_http(
            settings(
                recordings=tmp_path / "contents",
                port=way.to,
                external_url=f"http://127.0.0.1:{way.port}",
            ),
            SystemClock(),
        ) as server,
    ):
        made, session_id = await make(server)
        whole = COUNT * BLOCK * TIMES
        arguments = [
            ARCHIVER,
            f"http://127.0.0.1:{way.port}{BASE}",
            APPLICATION,
            str(key),
            str(tmp_path),
            session_id,
        ]
        kept = [0]
        for moment in sorted(chance.uniform(0.01, 0.95) * whole for _ in range(KILLS)):
            # Before the last kill it may have been quicker than our look.
            assert await live(arguments, copies, moment) in {None, 0}
            kept.append(await check(server, made, copies))
        assert kept == sorted(kept), "a copy is gone"
        assert await live(arguments, copies, float("inf")) == 0
        assert await check(server, made, copies) == COUNT
        listed = await server.ask("GET", f"/sessions/{session_id}/recordings")
        assert listed.json == {"_embedded": {"recordings": []}}
    log = (tmp_path / "log").read_text(encoding="ascii")
    for met in ("resumed", "UnavailableError", "UnansweredError"):
        assert met in log
    assert way.broken
    assert sorted(path.suffix for path in copies.iterdir()) == sorted([".json", ".mp4"] * COUNT)
