"""Recordings as the API notes, 7.1, tell them, over HTTP and in memory."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.clock import VirtualClock
from tests.meetings import WAYS, Client, Reply, settings

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def clock() -> VirtualClock:
    """Stands still unless a test moves it."""
    return VirtualClock()


@pytest.fixture(params=sorted(WAYS))
def way(request: pytest.FixtureRequest) -> Any:
    """How the server is asked."""
    return WAYS[request.param]


@pytest.fixture(params=[False, True], ids=["usual", "strict"])
async def client(
    request: pytest.FixtureRequest, way: Any, clock: VirtualClock
) -> AsyncIterator[Client]:
    """A server with usual settings, or one that does as the final API did."""
    async with way(settings(strict_v1=request.param), clock) as opened:
        yield opened


async def act(client: Client, recording_id: str, what: str) -> Reply:
    """Pause, resume or stop."""
    return await client.ask("POST", f"/_test/recordings/{recording_id}/{what}", base="")


async def recorded(client: Client, room: Any, content: bytes = CONTENT) -> str:
    """A recording with content, of the session that runs."""
    recording_id, _ = await client.record(room)
    assert (await act(client, recording_id, "stop")).status == 204
    await client.upload(recording_id, content)
    return recording_id


async def told(client: Client, recording_id: str) -> Any:
    """The recording as the API has it."""
    reply = await client.ask("GET", f"/recordings/{recording_id}")
    assert reply.status == 200, reply.body
    return reply.json


async def link_of(client: Client, recording_id: str) -> str:
    """Where its content is."""
    return str((await told(client, recording_id))["_links"]["url"]["href"])


async def test_a_recording_from_start_to_upload(client: Client, clock: VirtualClock) -> None:
    """Keys in their order; an end once it has stopped, a link once there is content."""
    room = await client.create()
    await client.join(room)
    recording_id, session_id = await client.record(room)
    assert list((await told(client, recording_id)).items()) == [
        ("id", recording_id),
        ("session_id", session_id),
        ("started_at", "2026-01-05T09:00:00.000Z"),
        ("ended_at", None),
        ("status", "started"),
        ("_links", {}),
    ]
    for what, status in (("pause", "paused"), ("resume", "started"), ("stop", "stopped")):
        clock.advance(20)
        assert (await act(client, recording_id, what)).status == 204
        assert (await told(client, recording_id))["status"] == status
    clock.advance(60)
    await client.upload(recording_id, CONTENT)
    found = await told(client, recording_id)
    assert (found["status"], found["ended_at"]) == ("uploaded", "2026-01-05T09:01:00.000Z")
    assert list(found["_links"]) == ["url"]


@pytest.mark.parametrize(
    ("before", "what", "status"),
    [
        ((), "resume", "started"),
        (("pause",), "pause", "paused"),
        (("stop",), "stop", "stopped"),
        (("stop",), "resume", "stopped"),
    ],
)
async def test_what_a_status_does_not_allow(
    client: Client, before: tuple[str, ...], what: str, status: str
) -> None:
    """409, and it is as it was."""
    room = await client.create()
    await client.join(room)
    recording_id, _ = await client.record(room)
    for step in before:
        await act(client, recording_id, step)
    reply = await act(client, recording_id, what)
    message = f"Recording {recording_id} cannot {what} because its status is {status}"
    assert reply.error == (409, "ConflictError", message)
    assert (await told(client, recording_id))["status"] == status


async def test_only_what_has_stopped_is_uploaded(client: Client) -> None:
    """And once only; what was uploaded stays."""
    room = await client.create()
    await client.join(room)
    recording_id, _ = await client.record(room)
    path = f"/_test/recordings/{recording_id}"
    assert (await client.ask("PUT", path, b"early", base="")).status == 409
    await act(client, recording_id, "stop")
    await client.upload(recording_id, b"first")
    assert (await client.ask("PUT", path, b"second", base="")).status == 409
    assert (await client.open_link(await link_of(client, recording_id))).body == b"first"


async def test_the_last_one_who_leaves_ends_what_records(client: Client) -> None:
    """Paused ones too."""
    room = await client.create()
    who = await client.join(room)
    running, _ = await client.record(room)
    paused, _ = await client.record(room)
    await act(client, paused, "pause")
    await client.leave(room, who)
    for recording_id in (running, paused):
        assert (await told(client, recording_id))["status"] == "stopped"
    reply = await client.ask("POST", f"/_test/rooms/{room['id']}/record", base="")
    assert reply.error == (409, "ConflictError", f"No session runs in room {room['id']}")


async def test_the_recordings_of_a_session(client: Client) -> None:
    """An object, oldest first, no links and no pages; none is no error."""
    room = await client.create()
    await client.join(room)
    session_id = (await client.ask("GET", "/sessions")).json["_embedded"]["sessions"][0]["id"]
    path = f"/sessions/{session_id}/recordings"
    assert (await client.ask("GET", path)).json == {"_embedded": {"recordings": []}}
    first, second = await recorded(client, room), await recorded(client, room)
    found = (await client.ask("GET", path)).json
    assert [one["id"] for one in found["_embedded"]["recordings"]] == [first, second]
    assert found["_embedded"]["recordings"][0] == await told(client, first)


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/recordings/{}", "Recording {} was not found"),
        ("DELETE", "/recordings/{}", "Could not find recording"),
        ("GET", "/sessions/{}/recordings", "Failed to find session recordings by id: {}"),
    ],
)
async def test_what_is_not_there(client: Client, method: str, path: str, message: str) -> None:
    """404 in the service's own words, and the same for what belongs to another application."""
    room = await client.create()
    await client.join(room)
    recording_id, session_id = await client.record(room)
    unknown = "1_MX40NjMzOTg5Mn5-fn4"
    reply = await client.ask(method, path.format(unknown))
    assert reply.error == (404, "NotFoundError", message.format(unknown))
    own = session_id if "sessions" in path else recording_id
    reply = await client.ask_as_other(method, path.format(own))
    assert reply.error == (404, "NotFoundError", message.format(own))


async def test_deleting_a_recording(client: Client) -> None:
    """204 without a body; then it is gone everywhere, its content and its old links too."""
    room = await client.create()
    await client.join(room)
    recording_id = await recorded(client, room)
    link = await link_of(client, recording_id)
    session_id = (await told(client, recording_id))["session_id"]
    reply = await client.ask("DELETE", f"/recordings/{recording_id}")
    assert (reply.status, reply.body) == (204, b"")
    assert (await client.ask("GET", f"/recordings/{recording_id}")).status == 404
    assert (await client.ask("DELETE", f"/recordings/{recording_id}")).status == 404
    listed = (await client.ask("GET", f"/sessions/{session_id}/recordings")).json
    assert listed == {"_embedded": {"recordings": []}}
    message = f"Recording {recording_id} was not found"
    assert (await client.open_link(link)).error == (404, "NotFoundError", message)
    session = (await client.ask("GET", "/sessions")).json["_embedded"]["sessions"][0]
    assert session["is_recorded"] is True


@pytest.mark.parametrize("status", ["started", "paused", "stopped"])
async def test_what_is_not_uploaded_is_not_deleted(client: Client, status: str) -> None:
    """403 in family A."""
    room = await client.create()
    await client.join(room)
    recording_id, _ = await client.record(room)
    if status != "started":
        await act(client, recording_id, status.removesuffix("ped").removesuffix("d"))
    reply = await client.ask("DELETE", f"/recordings/{recording_id}")
    message = f"Recording {recording_id} could not be deleted because its status is {status}"
    assert reply.error == (403, "ForbiddenError", message)


async def test_recordings_are_counted_with_their_session(
    client: Client, clock: VirtualClock
) -> None:
    """Minutes without pauses, those of the one that runs until now; the filter knows them."""
    room, other = await client.create(display_name="recorded"), await client.create()
    await client.join(room)
    await client.join(other)
    first, _ = await client.record(room)
    clock.advance(60)
    await act(client, first, "pause")
    clock.advance(60)
    await act(client, first, "resume")
    clock.advance(30)
    await act(client, first, "stop")
    await client.record(room)
    clock.advance(30)

    async def sessions(**query: str) -> list[tuple[str, bool, float]]:
        page = (await client.ask("GET", "/sessions", query=query)).json
        return [
            (one["room_display_name"], one["is_recorded"], one["recordings_time"])
            for one in page["_embedded"]["sessions"]
        ]

    assert await sessions(recorded="true") == [("recorded", True, 2.0)]
    assert await sessions(recorded="false") == [("Room", False, 0.0)]
    assert len(await sessions()) == 2


# --- downloads ---


async def test_a_link_is_signed_anew_at_each_reading(client: Client, clock: VirtualClock) -> None:
    """It lasts a day from then on, needs no credentials, and names the file."""
    room = await client.create(display_name='Plan "Ü"/7')
    await client.join(room)
    recording_id = await recorded(client, room)
    first = await link_of(client, recording_id)
    clock.advance(60)
    second = await link_of(client, recording_id)
    assert first != second
    path = urlsplit(first).path
    assert re.fullmatch(rf"/recordings/[0-9a-f-]{{36}}/{recording_id}/archive\.mp4", path)
    expires = int(parse_qs(urlsplit(second).query)["Expires"][0])
    assert expires == int(clock.now().timestamp()) + 86_400
    reply = await client.open_link(first)
    assert (reply.status, reply.body) == (200, CONTENT)
    assert reply.headers["content-type"] == "video/mp4"
    assert reply.headers["content-disposition"] == (
        'attachment; filename="Plan ____7 2026-01-05 09.00.mp4"; '
        "filename*=UTF-8''Plan%20%22%C3%9C%22_7%202026-01-05%2009.00.mp4"
    )
    clock.advance(86_400 - 61)
    assert (await client.open_link(first)).status == 200
    clock.advance(1)
    message = "This link has expired; read the recording again"
    assert (await client.open_link(first)).error == (403, "ForbiddenError", message)
    assert (await client.open_link(second)).status == 200


@pytest.mark.parametrize(
    ("found", "put"),
    [
        (r"Expires=\d+", "Expires=9999999999"),
        (r"Expires=\d+", "Expires=soon"),
        (r"Expires=\d+&", ""),
        (r"Signature=\w{8}", "Signature=00000000"),
        (r"Signature=\w+", "Signature="),
        (r"(?<=/recordings/)[0-9a-f]{8}", "00000000"),
        (r"[0-9a-f]{8}(?=-[0-9a-f-]+/archive)", "00000000"),
    ],
)
async def test_links_that_are_not_ours(client: Client, found: str, put: str) -> None:
    """403: neither its moment nor its place can be changed."""
    room = await client.create()
    await client.join(room)
    link = await link_of(client, await recorded(client, room))
    forged, times = re.subn(found, put, link, count=1)
    assert times == 1
    message = "The signature of this link does not match"
    assert (await client.open_link(forged)).error == (403, "ForbiddenError", message)


async def test_other_paths_and_methods_of_downloads(client: Client) -> None:
    """404, and 405 with those that there are."""
    room = await client.create()
    await client.join(room)
    link = await link_of(client, await recorded(client, room))
    assert (await client.open_link(link.replace("archive.mp4", "archive.mov"))).status == 404
    reply = await client.open_link(link, "POST")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("asked", "status", "begin", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=100-299", 206, 100, 300),
        ("bytes=1000-", 206, 1000, 1024),
        ("bytes=1000-5000", 206, 1000, 1024),
        ("bytes=-24", 206, 1000, 1024),
        ("bytes=-5000", 206, 0, 1024),
        ("bytes=0-9,20-29", 200, 0, 1024),
        ("bytes=9-3", 200, 0, 1024),
        ("bytes=-", 200, 0, 1024),
        ("lines=1-2", 200, 0, 1024),
    ],
)
async def test_a_range(client: Client, asked: str, status: int, begin: int, end: int) -> None:
    """One is served, more or none means all; what came can be put together by its ETag."""
    room = await client.create()
    await client.join(room)
    link = await link_of(client, await recorded(client, room))
    reply = await client.open_link(link, headers={"range": asked})
    assert (reply.status, reply.body) == (status, CONTENT[begin:end])
    assert reply.headers["accept-ranges"] == "bytes"
    span = f"bytes {begin}-{end - 1}/1024" if status == 206 else None
    assert reply.headers.get("content-range") == span
    tag = reply.headers["etag"]
    for given, answered in ((tag, status), ('"another"', 200), (f"W/{tag}", 200)):
        headers = {"range": asked, "if-range": given}
        assert (await client.open_link(link, headers=headers)).status == answered


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
async def test_a_range_beyond_the_end(client: Client, asked: str) -> None:
    """416, with the length that there is."""
    room = await client.create()
    await client.join(room)
    link = await link_of(client, await recorded(client, room))
    reply = await client.open_link(link, headers={"range": asked})
    assert reply.error == (416, "RangeNotSatisfiableError", "Range Not Satisfiable")
    assert reply.headers["content-range"] == "bytes */1024"


async def test_head(client: Client) -> None:
    """What GET would say of the whole, without it."""
    room = await client.create()
    await client.join(room)
    link = await link_of(client, await recorded(client, room))
    reply = await client.open_link(link, "HEAD", headers={"range": "bytes=0-9"})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == "1024"


async def test_a_large_download_is_resumed_by_a_newer_link(
    client: Client, clock: VirtualClock
) -> None:
    """Megabytes, in two halves, the second after the first link has expired."""
    room = await client.create()
    await client.join(room)
    recording_id, _ = await client.record(room)
    await act(client, recording_id, "stop")
    await client.upload(recording_id, CONTENT * 60, times=50)
    size = len(CONTENT) * 3000
    begin = await client.open_link(
        await link_of(client, recording_id), headers={"range": f"bytes=0-{size // 2}"}
    )
    clock.advance(100_000)
    end = await client.open_link(
        await link_of(client, recording_id),
        headers={"range": f"bytes={len(begin.body)}-", "if-range": begin.headers["etag"]},
    )
    assert (begin.status, end.status) == (206, 206)
    assert begin.body + end.body == CONTENT * 3000


@pytest.mark.parametrize("times", ["0", "-1", "many", "16385", "٣"])
async def test_how_often_a_content_is_repeated(client: Client, times: str) -> None:
    """A number that a disk can bear."""
    room = await client.create()
    await client.join(room)
    recording_id, _ = await client.record(room)
    path = f"/_test/recordings/{recording_id}"
    reply = await client.ask("PUT", path, b"x", base="", query={"times": times})
    message = '"times" must be a number from 1 to 16384'
    assert reply.error == (400, "InputValidationError", message)


# --- where they are kept ---


async def test_recordings_outlive_a_restart(way: Any, clock: VirtualClock, tmp_path: Path) -> None:
    """Beside the database unless a folder is named, for the server's own user alone."""
    stored = settings(database=tmp_path / "meetings.db", external_url="https://meetings.example")
    async with way(stored, clock) as client:
        room = await client.create()
        await client.join(room)
        recording_id = await recorded(client, room)
        link = await link_of(client, recording_id)
    file = tmp_path / "meetings.db-recordings" / f"{recording_id}.mp4"
    assert file.read_bytes() == CONTENT
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    async with way(stored, clock) as client:
        assert (await client.open_link(link)).body == CONTENT
        assert (await client.ask("DELETE", f"/recordings/{recording_id}")).status == 204
    assert list(file.parent.iterdir()) == []


async def test_a_folder_that_is_named(way: Any, clock: VirtualClock, tmp_path: Path) -> None:
    """Also for a server that keeps all else in memory."""
    async with way(settings(recordings=tmp_path / "kept"), clock) as client:
        room = await client.create()
        await client.join(room)
        recording_id = await recorded(client, room)
        assert (tmp_path / "kept" / f"{recording_id}.mp4").read_bytes() == CONTENT


async def test_a_recording_outlives_its_room(way: Any, clock: VirtualClock) -> None:
    """Room and session are forgotten; what was recorded stays until its owner deletes it."""
    async with way(settings(), clock) as client:
        room = await client.create()
        who = await client.join(room)
        recording_id = await recorded(client, room)
        unfinished, session_id = await client.record(room)
        await client.leave(room, who)
        clock.advance(40 * 86_400)
        assert (await client.ask("GET", f"/rooms/{room['id']}")).status == 404
        assert (await client.ask("GET", "/sessions")).json["total_items"] == 0
        assert (await client.open_link(await link_of(client, recording_id))).body == CONTENT
        assert (await client.ask("GET", f"/recordings/{unfinished}")).status == 404
        path = f"/sessions/{session_id}/recordings"
        listed = (await client.ask("GET", path)).json["_embedded"]["recordings"]
        assert [one["id"] for one in listed] == [recording_id]
        assert (await client.ask("DELETE", f"/recordings/{recording_id}")).status == 204
        assert (await client.ask("GET", path)).status == 404
