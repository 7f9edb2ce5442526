"""Recordings behind the API: what they tell, and what goes wrong with their files."""

import asyncio
import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestrator.meetings_server import CallbackUrls, StoreFault
from orchestrator.meetings_server.http.wire import Answer, Part, held
from orchestrator.meetings_server.storage import FileContents
from tests.fakes.clock import VirtualClock
from tests.meetings import Client, applications, in_memory, over_http, settings


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


class Heard:
    """Takes every event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Keep it."""
        self.events.append((urlsplit(url).path, json.loads(body)))
        return 204


async def stopped(client: Client, room: Any) -> str:
    """A recording that waits for its content."""
    recording_id, _ = await client.record(room)
    await client.ask("POST", f"/_test/recordings/{recording_id}/stop", base="")
    return recording_id


async def uploaded(client: Client) -> str:
    """A recording with content."""
    room = await client.create()
    await client.join(room)
    recording_id = await stopped(client, room)
    await client.upload(recording_id, b"content")
    return recording_id


async def test_events_as_documented(clock: VirtualClock) -> None:
    """Keys and order as in the API notes, 9.2; the end of a recording before its session's."""
    urls = CallbackUrls("http://r.example/", "http://r.example/s", "http://r.example/rec")
    heard = Heard()
    told = settings(applications=applications(urls))
    async with in_memory(told, clock, sender=heard) as client:
        room = await client.create()
        who = await client.join(room)
        clock.advance(1)
        recording_id, session_id = await client.record(room)
        await client.ask("POST", f"/_test/recordings/{recording_id}/pause", base="")
        clock.advance(10)
        await client.ask("POST", f"/_test/recordings/{recording_id}/resume", base="")
        clock.advance(2.5)
        await client.leave(room, who)
        clock.advance(60)
        await client.upload(recording_id, b"content")
        await client.memory.deliver()
        names = [event["event"] for _, event in heard.events]
        assert names[-3:] == ["recording:ended", "session:ended", "recording:uploaded"]
        ours = [event for path, event in heard.events if path == "/rec"]
        named = {"recording_id": recording_id, "session_id": session_id}
        extent = {
            "started_at": "2026-01-05T09:00:01.000Z",
            "ended_at": "2026-01-05T09:00:13.500Z",
            "duration": 2.5,
        }
        url = ours[2]["url"]
        assert [list(event.items()) for event in ours] == [
            list(({"event": "recording:started"} | named).items()),
            list(({"event": "recording:ended"} | named | extent).items()),
            list(
                (
                    {"event": "recording:uploaded"}
                    | named
                    | {"room_id": room["id"]}
                    | extent
                    | {"url": url}
                ).items()
            ),
        ]
        assert (await client.open_link(url)).body == b"content"


async def test_who_is_told_of_a_recording_when_its_room_is_gone(clock: VirtualClock) -> None:
    """The room's own address while it is known, deleted or not; then the application's."""
    urls = CallbackUrls(recordings_callback_url="http://r.example/app")
    heard = Heard()
    async with in_memory(settings(applications=applications(urls)), clock, sender=heard) as client:
        room = await client.create(
            callback_urls={"recordings_callback_url": "http://r.example/own"}
        )
        who = await client.join(room)
        first, second = await stopped(client, room), await stopped(client, room)
        await client.leave(room, who)
        await client.ask("DELETE", f"/rooms/{room['id']}")
        await client.upload(first, b"content")
        await client.memory.deliver()
        assert [path for path, _ in heard.events] == ["/own"] * 5
        # What has no content goes with its room.
        clock.advance(40 * 86_400)
        reply = await client.ask("PUT", f"/_test/recordings/{second}", b"late", base="")
        assert reply.error == (404, "NotFoundError", "Could not find recording")


async def test_whole_seconds_are_whole_numbers(clock: VirtualClock) -> None:
    """As they were captured; and whoever asked for nothing is told nothing."""
    urls = CallbackUrls(recordings_callback_url="http://r.example/app")
    heard = Heard()
    async with in_memory(settings(applications=applications(urls)), clock, sender=heard) as client:
        room = await client.create()
        await client.join(room)
        await client.record(room)
        clock.advance(12)
        await client.ask("DELETE", f"/rooms/{room['id']}", query={"force": "true"})
        await client.memory.deliver()
        assert repr(heard.events[-1][1]["duration"]) == "12"
    deaf = Heard()
    async with in_memory(settings(), clock, sender=deaf) as client:
        await uploaded(client)
        await client.memory.deliver()
        assert deaf.events == []


async def test_a_deletion_that_was_interrupted_is_finished(
    clock: VirtualClock, tmp_path: Path
) -> None:
    """What was answered as deleted is deleted, though its content is only at the next start."""
    stored = settings(database=tmp_path / "meetings.db")
    folder = tmp_path / "meetings.db-recordings"
    reports: list[str] = []
    async with in_memory(stored, clock, report=lambda name, _: reports.append(name)) as client:
        recording_id = await uploaded(client)
        file = folder / f"{recording_id}.mp4"
        file.rename(tmp_path / "kept.mp4")
        file.mkdir()  # cannot be unlinked
        assert (await client.ask("DELETE", f"/recordings/{recording_id}")).status == 204
        assert (await client.ask("GET", f"/recordings/{recording_id}")).status == 404
    assert reports == ["recording.not_removed"]
    async with in_memory(stored, clock, report=lambda name, _: reports.append(name)) as client:
        assert (await client.ask("GET", f"/recordings/{recording_id}")).status == 404
    assert reports == ["recording.not_removed"] * 2
    file.rmdir()
    (tmp_path / "kept.mp4").rename(file)
    async with in_memory(stored, clock) as client:
        assert not file.exists()
        assert (await client.ask("GET", f"/recordings/{recording_id}")).status == 404


async def test_what_a_kill_left_of_an_upload_is_gone_at_the_next_start(
    clock: VirtualClock, tmp_path: Path
) -> None:
    """Half a file, and a whole one that was never told of; what nobody knows stays."""
    stored = settings(database=tmp_path / "meetings.db")
    folder = tmp_path / "meetings.db-recordings"
    async with in_memory(stored, clock) as client:
        recording_id = await uploaded(client)
        room = await client.create()
        await client.join(room)
        never = await stopped(client, room)
    (folder / f"{never}.mp4").write_bytes(b"whole, and never told of")
    (folder / f"{never}.part").write_bytes(b"half")
    unknown = "00000000-0000-4000-8000-00000000dead.mp4"
    for name in (unknown, "somebody's.part"):
        (folder / name).write_bytes(b"of another database")
    async with in_memory(stored, clock) as client:
        left = {path.name for path in folder.iterdir()}
        assert left == {f"{recording_id}.mp4", unknown, "somebody's.part"}
        await client.upload(never, b"content")
        assert (folder / f"{never}.mp4").read_bytes() == b"content"


async def test_what_cannot_be_swept_is_told(clock: VirtualClock, tmp_path: Path) -> None:
    """And the server starts."""
    stored = settings(database=tmp_path / "meetings.db")
    folder = tmp_path / "meetings.db-recordings"
    unfinished = folder / "00000000-0000-4000-8000-00000000dead.part"
    unfinished.mkdir(parents=True)  # cannot be unlinked
    reports: list[str] = []
    async with in_memory(stored, clock, report=lambda name, _: reports.append(name)) as client:
        await client.create()
    assert reports == ["recording.not_removed"]


async def test_a_content_that_is_not_what_was_uploaded(clock: VirtualClock, tmp_path: Path) -> None:
    """503 and a word to the operator: half a recording is not served as a whole one."""
    reports: list[str] = []
    stored = settings(recordings=tmp_path)
    async with in_memory(
        stored, clock, report=lambda _, fields: reports.append(str(fields["error"]))
    ) as client:
        recording_id = await uploaded(client)
        href = (await client.ask("GET", f"/recordings/{recording_id}")).json["_links"]["url"][
            "href"
        ]
        file = tmp_path / f"{recording_id}.mp4"
        file.write_bytes(b"con")
        assert (await client.open_link(href)).error[:2] == (503, "ServiceUnavailableError")
        file.unlink()
        assert (await client.open_link(href)).status == 503
    assert [re.sub(r".*mp4: ", "", report) for report in reports] == [
        "its length has changed", "No such file or directory",
    ]  # fmt: skip


async def test_a_content_that_cannot_be_kept(clock: VirtualClock, tmp_path: Path) -> None:
    """503, and the recording still waits for it."""
    folder = tmp_path / "kept"
    folder.write_text("in the way")
    async with in_memory(settings(recordings=folder), clock) as client:
        room = await client.create()
        await client.join(room)
        recording_id = await stopped(client, room)
        reply = await client.ask("PUT", f"/_test/recordings/{recording_id}", b"x", base="")
        assert reply.status == 503
        folder.unlink()
        await client.upload(recording_id, b"x")


async def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """What was written of a content until then is removed, and what was there before stays."""

    def parts() -> Iterator[bytes]:
        yield b"begun"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "r.part")

    async with FileContents.opened(tmp_path / "kept") as contents:
        await contents.keep("r", [b"before"])
        with pytest.raises(StoreFault, match=r"r\.part: No space left"):
            await contents.keep("r", parts())
        assert [file.name for file in (tmp_path / "kept").iterdir()] == ["r.mp4"]
        assert contents.path("r").read_bytes() == b"before"


async def test_recording_in_a_room_that_is_not_there(clock: VirtualClock) -> None:
    """404."""
    async with in_memory(settings(), clock) as client:
        reply = await client.ask("POST", "/_test/rooms/x/record", base="")
        assert reply.error == (404, "NotFoundError", "Room x was not found")


async def test_a_download_goes_on_when_its_recording_is_deleted(clock: VirtualClock) -> None:
    """Whoever has begun gets all of it."""
    async with over_http(settings(), clock) as client:
        room = await client.create()
        await client.join(room)
        recording_id = await stopped(client, room)
        await client.upload(recording_id, bytes(60_000), times=400)
        href = (await client.ask("GET", f"/recordings/{recording_id}")).json["_links"]["url"][
            "href"
        ]
        async with asyncio.timeout(30):
            host, port = urlsplit(href).netloc.split(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
            target = href.partition(f":{port}")[2]
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            begun = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 OK" in begun
            assert (await client.ask("DELETE", f"/recordings/{recording_id}")).status == 204
            assert len(await reader.read()) == 60_000 * 400
            writer.close()


async def test_contents_in_memory_are_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left on the disk, and who keeps nothing writes nothing."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with FileContents.opened(None) as contents:
        with pytest.raises(StoreFault, match="Not a directory"):
            await contents.size("r")
        assert list(tmp_path.iterdir()) == []
        assert await contents.keep("r", [b"ab", b"c"]) == 3
        file = contents.path("r")
        assert held(Answer(200, {}, b"", Part(file, 1, 9))).body == b"bc"
        await contents.remove("r")
        await contents.remove("r")
        with pytest.raises(StoreFault, match="No such file"):
            await contents.size("r")
        await contents.keep("r", [b""])
        assert file.parent.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
