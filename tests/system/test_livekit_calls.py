"""What we ask of LiveKit and what it sends us, against the real one, up, down and wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from livekit import api

from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server.media.livekit.calls import Calls
from orchestrator.meetings_server.media.livekit.notices import Notices, NotLiveKits
from orchestrator.meetings_server.media.livekit.tokens import join_token
from orchestrator.meetings_server.media.livekit.values import LiveKitFault
from orchestrator.meetings_server.model.people import Track
from tests.system.processes import ROOT, free_port, until
from tests.system.sfu import KEY, SECRET, Sfu, answers, guest, livekit
from tests.tls import own_certificate

# In CI the first of these waits until LiveKit is built.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def sfu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sfu]:
    """One LiveKit for all of this file."""
    folder = tmp_path_factory.mktemp("livekit")
    with livekit(folder, "/") as running:
        yield running


@pytest.fixture
async def calls(sfu: Sfu) -> AsyncIterator[Calls]:
    """What asks it."""
    async with Calls.opened(sfu.settings) as opened:
        yield opened


async def test_rooms_exist_by_our_word_alone_and_end_with_those_inside(
    sfu: Sfu, calls: Calls
) -> None:
    url, token = sfu.settings.url, join_token(sfu.settings, "by-word", "ada")
    with pytest.raises(aiohttp.WSServerHandshakeError) as turned_away:
        async with guest(url, token):
            pass
    assert turned_away.value.status == 404
    await calls.keep_room("by-word", 2)
    await calls.keep_room("by-word", 2)
    assert "by-word" in await calls.rooms()
    async with guest(url, token) as ada:
        assert [one.participant_id for one in await calls.people("by-word")] == ["ada"]
        await calls.end_room("by-word")
        assert await ada.sent_out == "ROOM_DELETED"
    assert "by-word" not in await calls.rooms()
    await calls.end_room("by-word")
    assert await calls.people("by-word") == ()


async def test_a_token_is_for_one_person_in_one_room(sfu: Sfu, calls: Calls) -> None:
    url, token = sfu.settings.url, join_token(sfu.settings, "one-room", "ada")
    await calls.keep_room("one-room", 2)
    await calls.keep_room("other-room", 2)
    async with guest(url, token) as first, guest(url, token):
        assert await first.sent_out == "DUPLICATE_IDENTITY"
        assert len(await calls.people("one-room")) == 1
        assert await calls.people("other-room") == ()
    stranger = replace(sfu.settings, secret=Secret("not the one that LiveKit has, 32b"))
    with pytest.raises(aiohttp.WSServerHandshakeError) as turned_away:
        async with guest(url, join_token(stranger, "one-room", "eve")):
            pass
    assert turned_away.value.status == 401


async def test_who_is_removed_is_out_and_could_come_back(sfu: Sfu, calls: Calls) -> None:
    # Which is why the server looks who is there: LiveKit keeps no list of those it sent out.
    url, token = sfu.settings.url, join_token(sfu.settings, "removal", "mallory")
    await calls.keep_room("removal", 2)
    async with guest(url, token) as mallory:
        await calls.remove("removal", "mallory")
        assert await mallory.sent_out == "PARTICIPANT_REMOVED"
    assert await calls.people("removal") == ()
    async with guest(url, token):
        assert len(await calls.people("removal")) == 1
    await calls.remove("removal", "nobody")
    await calls.mute("removal", "nobody", Track.MICROPHONE)


async def test_notices_are_believed_by_their_signature_and_once(sfu: Sfu, calls: Calls) -> None:
    came: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await came.put((await request.read(), request.headers["Authorization"]))
        return web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", sfu.hooks).start()
    try:
        await calls.keep_room("noticed", 2)
        notices = Notices(sfu.settings)
        while True:
            body, signature = await came.get()
            notice = notices.read(body, signature)
            if notice is not None and notice.room_id == "noticed":
                break
        assert notice.event == "room_started"
        assert notices.read(body, signature) is None
        later = notices.read(*signed(b'{"event": "room_started", "id": "EV_2"}'))
        assert later is not None
        assert later.room_id == ""
        # Of so many back it would be looked at once more, which costs a look.
        with pytest.MonkeyPatch.context() as forgetful:
            forgetful.setattr("orchestrator.meetings_server.media.livekit.notices._REMEMBERED", 2)
            assert notices.read(*signed(b'{"event": "room_started", "id": "EV_3"}')) is not None
            assert notices.read(body, signature) is not None
        for bad, token in (
            (body + b" ", signature),
            (body, ""),
            (body, join_token(sfu.settings, "noticed", "ada")),
            (b"\xff", signature),
        ):
            with pytest.raises(NotLiveKits):
                Notices(sfu.settings).read(bad, token)
        stranger = replace(sfu.settings, secret=Secret("not the one that LiveKit has, 32b"))
        with pytest.raises(NotLiveKits):
            Notices(stranger).read(body, signature)
    finally:
        await runner.cleanup()


def signed(body: bytes) -> tuple[bytes, str]:
    """A notice as LiveKit signs it."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return body, api.AccessToken(KEY, SECRET.reveal()).with_sha256(digest).to_jwt()


async def test_a_wrong_key_is_told_as_one(sfu: Sfu) -> None:
    stranger = replace(sfu.settings, secret=Secret("not the one that LiveKit has, 32b"))
    async with Calls.opened(stranger) as calls:
        with pytest.raises(LiveKitFault, match="does not take our key") as refused:
            await calls.keep_room("r", 2)
    assert not refused.value.is_refused


async def test_it_records_only_with_its_egress(calls: Calls) -> None:
    with pytest.raises(LiveKitFault):
        await calls.taken("EG_none")


async def test_what_cannot_be_reached_is_told_by_its_kind(sfu: Sfu, tmp_path: Path) -> None:
    away = replace(sfu.settings, inside_url=f"http://127.0.0.1:{free_port()}")
    async with Calls.opened(away) as calls:
        with pytest.raises(LiveKitFault, match="cannot be reached"):
            await calls.rooms()


@pytest.mark.parametrize("line", ["", "auto_creat: false\n"], ids=["as it is", "with a mistake"])
def test_the_file_of_deploy_is_taken(sfu: Sfu, tmp_path: Path, line: str) -> None:
    """As it is, but for what differs on each machine; and LiveKit refuses what it does not know."""
    both = own_certificate(tmp_path / "turn.pem").read_bytes()
    (tmp_path / "turn.key").write_bytes(both)
    (tmp_path / "keys.yaml").write_text(f"meetings: {SECRET.reveal()}")
    (tmp_path / "keys.yaml").chmod(0o600)
    text = (ROOT / "deploy" / "livekit" / "livekit.yaml").read_text(encoding="utf-8")
    port = free_port()
    changes = {
        "/etc/livekit/": f"{tmp_path}/",
        "use_external_ip: true": "use_external_ip: false\n  node_ip: 127.0.0.1",
        "port: 7880\n": f"port: {port}\n",
        **{f"port: {other}\n": f"port: {free_port()}\n" for other in (7881, 7882, 3478, 5349)},
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "livekit.yaml").write_text(text + line)
    told = [sfu.program, "--config", str(tmp_path / "livekit.yaml")]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(told, stdout=said, stderr=said)
    try:
        if line:
            process.wait(timeout=60)
            assert b"field auto_creat not found" in (tmp_path / "said").read_bytes()
        else:
            until(lambda: answers(port), "LiveKit answers")
            assert b"Starting TURN server" in (tmp_path / "said").read_bytes()
    finally:
        process.kill()
        process.wait()


async def test_what_is_no_livekit_is_told(sfu: Sfu) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wrong = replace(sfu.settings, inside_url=f"http://127.0.0.1:{port}")
        async with Calls.opened(wrong) as calls:
            with pytest.raises(LiveKitFault, match="no LiveKit"):
                await calls.rooms()
