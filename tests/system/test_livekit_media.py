"""Our Meetings server with a real LiveKit: who is let in, lost, sent out, and what is recorded.

People here are connections without a browser; those with one are in test_livekit_in_browser.py.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from livekit.protocol import egress as messages

from orchestrator.adapters.clock import SystemClock
from orchestrator.meetings_server import Settings
from orchestrator.meetings_server.media.livekit.calls import Calls as Asking
from orchestrator.meetings_server.media.livekit.tokens import join_token
from orchestrator.meetings_server.ports import StoreFault
from orchestrator.meetings_server.settings import LiveKit
from tests.callers import Caller, Calls, calling, guest, host
from tests.meetings import Client, over_http, settings
from tests.system import sfu as sfus
from tests.system.egress import THEIRS, Egress, recording
from tests.system.sfu import Sfu, livekit

# In CI the first of these waits until LiveKit is built.
pytestmark = pytest.mark.timeout(900)


@dataclass
class Place:
    """A server of ours, LiveKit behind it, and people."""

    client: Client
    calls: Calls
    asking: Asking
    told: Settings
    reports: list[tuple[str, Mapping[str, object]]]

    async def enter(self, room: Any, name: str, **fields: Any) -> Caller:
        """Somebody comes in by the guest's link."""
        return await self.calls.enter(guest(room), name, **fields)

    async def connected(self, room: Any, *people: str) -> None:
        """Wait until those are connected to LiveKit, and no others."""

        async def are() -> bool:
            found = await self.asking.people(room["id"])
            return sorted(one.participant_id for one in found) == sorted(people)

        await eventually(are)


async def eventually(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


def ticket(caller: Caller) -> tuple[str, str]:
    """What the page gives to LiveKit's library."""
    media = caller.welcome["media"]
    return media["url"], media["token"]


@asynccontextmanager
async def place(told: Settings) -> AsyncIterator[Place]:
    """The server for the length of the block."""
    reports: list[tuple[str, Mapping[str, object]]] = []

    def report(event: str, fields: Mapping[str, object]) -> None:
        reports.append((event, fields))

    assert isinstance(told.media, LiveKit)
    async with (
        Asking.opened(told.media) as asking,
        over_http(told, SystemClock(), report) as client,
        calling(client.url) as calls,
    ):
        yield Place(client, calls, asking, told, reports)


@pytest.fixture(scope="module")
def sfu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sfu]:
    """One LiveKit for all of this file, which tells our server at one port."""
    folder = tmp_path_factory.mktemp("livekit")
    with livekit(folder, "/live/livekit") as running:
        yield running


@pytest.fixture
async def there(sfu: Sfu) -> AsyncIterator[Place]:
    """Our server where LiveKit's notices go."""
    async with place(settings(media=sfu.settings, port=sfu.hooks)) as opened:
        yield opened


@pytest.fixture
async def deaf(sfu: Sfu) -> AsyncIterator[Place]:
    """Our server at another port: all of LiveKit's notices are lost."""
    async with place(settings(media=sfu.settings)) as opened:
        yield opened


async def test_people_come_in_by_short_tokens_and_the_room_goes_with_them(there: Place) -> None:
    room = await there.client.create_long()
    assert room["id"] not in await there.asking.rooms()
    ada = await there.calls.enter(host(room), "Ada")
    bob = await there.enter(room, "Bob")
    assert ada.welcome["media"]["kind"] == "livekit"
    assert ada.welcome["media"]["most"] == 100
    async with sfus.guest(*ticket(ada)), sfus.guest(*ticket(bob)) as bobs:
        await there.connected(room, ada.id, bob.id)
        await ada.hear("joined")
        await ada.say("end")
        assert await bobs.sent_out == "ROOM_DELETED"
    assert await ada.reason() == "ended"
    assert room["id"] not in await there.asking.rooms()


@pytest.mark.parametrize("hears", [True, False], ids=["told by LiveKit", "notices lost"])
async def test_who_was_removed_is_out_however_often_they_come_back(
    sfu: Sfu, hears: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without notices it is found at the next look, which comes sooner here.
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    if hears:
        monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 600.0)
    async with place(settings(media=sfu.settings, port=sfu.hooks if hears else 0)) as there:
        room = await there.client.create_long()
        ada = await there.calls.enter(host(room), "Ada")
        mallory = await there.enter(room, "Mallory")
        await ada.hear("joined")
        async with sfus.guest(*ticket(ada)):
            async with sfus.guest(*ticket(mallory)) as first:
                await ada.say("remove", id=mallory.id)
                assert await first.sent_out == "PARTICIPANT_REMOVED"
            async with sfus.guest(*ticket(mallory)) as again:
                async with asyncio.timeout(20):
                    assert await again.sent_out == "PARTICIPANT_REMOVED"
            await there.connected(room, ada.id)


async def test_a_room_that_livekit_lost_is_made_anew_for_those_inside(
    deaf: Place, sfu: Sfu, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await deaf.client.create_long()
    ada = await deaf.enter(room, "Ada")
    sfu.kill()
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    bob = await deaf.calls.call(guest(room), "Bob")
    closed = await bob.closed()
    assert (closed["reason"], closed["retry_after"]) == ("busy", 5)
    assert (await deaf.client.ask("GET", f"/rooms/{room['id']}")).status == 200
    sfu.start()

    async def is_back() -> bool:
        try:
            return room["id"] in await deaf.asking.rooms()
        except Exception:  # noqa: BLE001 - it is still starting
            return False

    await eventually(is_back, 30)
    async with sfus.guest(*ticket(ada)):
        await deaf.connected(room, ada.id)
        bob = await deaf.enter(room, "Bob")
        async with sfus.guest(*ticket(bob)):
            await deaf.connected(room, ada.id, bob.id)
    secret = sfus.SECRET.reveal()
    assert not any(secret in str(fields) for _, fields in deaf.reports)


async def test_rooms_of_others_are_left_alone(deaf: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    await deaf.asking.keep_room("somebody-elses", 5)
    assert isinstance(deaf.told.media, LiveKit)
    token = join_token(deaf.told.media, "somebody-elses", "eve")
    room = await deaf.client.create_long()
    ada = await deaf.enter(room, "Ada")
    # One that should not be, so that it is known that there was a look since.
    stray = join_token(deaf.told.media, room["id"], "nobody")
    async with sfus.guest(deaf.told.media.url, token) as eve:
        async with sfus.guest(*ticket(ada)), sfus.guest(deaf.told.media.url, stray) as nobody:
            assert await nobody.sent_out == "PARTICIPANT_REMOVED"
            await deaf.connected(room, ada.id)
        assert not eve.sent_out.done()
        assert "somebody-elses" in await deaf.asking.rooms()
    await deaf.asking.end_room("somebody-elses")


async def test_what_livekit_keeps_of_a_session_that_is_over_is_ended(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    told = settings(media=sfu.settings, database=tmp_path / "meetings.db")
    async with place(told) as there:
        room = await there.client.create_long()
        ended = await there.enter(room, "Ada")
        await ended.hang_up()
        await there.asking.keep_room(room["id"], 5)

        async def is_gone() -> bool:
            return room["id"] not in await there.asking.rooms()

        await eventually(is_gone)


async def test_a_look_that_fails_ends_nothing(sfu: Sfu, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rooms(_: object) -> frozenset[str]:
        message = "a bug"
        raise RuntimeError(message)

    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.calls.Calls.rooms", rooms)
    async with place(settings(media=sfu.settings)) as there:

        async def is_told_again() -> bool:
            return there.reports[1:2] == [("livekit.not_watched", {"error": "RuntimeError"})]

        await eventually(is_told_again)
        await there.enter(await there.client.create_long(), "Ada")


async def test_nobody_else_is_heard_as_livekit(there: Place, sfu: Sfu) -> None:
    url = f"http://127.0.0.1:{sfu.hooks}/live/livekit"
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "x"}):
            async with session.post(url, data=b"{}", headers=headers) as answer:
                assert answer.status == 401
        async with session.get(url) as answer:
            assert answer.status == 405


async def test_whose_socket_is_lost_is_inside_for_as_long_as_they_are_heard(
    there: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.meetings_server.lobby.keeping.GRACE", 0.3)
    room = await there.client.create_long()
    ada = await there.calls.enter(host(room), "Ada")
    bob = await there.enter(room, "Bob")
    await ada.hear("joined")
    async with sfus.guest(*ticket(bob)):
        await bob.vanish()
        # Several times as long as the place of somebody is kept who is not heard.
        await asyncio.sleep(1.5)
        assert not ada.has_heard
    assert (await ada.hear("left"))["id"] == bob.id


async def test_a_store_that_cannot_be_read_is_told_and_nobody_sent_out(
    sfu: Sfu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    async with place(settings(media=sfu.settings)) as there:
        room = await there.client.create_long()
        ada = await there.enter(room, "Ada")
        async with sfus.guest(*ticket(ada)) as connected:
            with monkeypatch.context() as broken:

                async def look(*_: object) -> None:
                    message = "the disk is gone"
                    raise StoreFault(message)

                broken.setattr("orchestrator.meetings_server.service.Meetings.look", look)

                async def is_told() -> bool:
                    return "livekit.not_watched" in [event for event, _ in there.reports]

                await eventually(is_told)
            assert not connected.sent_out.done()
            await there.connected(room, ada.id)


@asynccontextmanager
async def filmed(sfu: Sfu, folder: Path) -> AsyncIterator[tuple[Place, Egress]]:
    """Our server and a LiveKit whose egress is played."""
    ours = folder / "egress"
    ours.mkdir(exist_ok=True)
    async with recording(sfu, ours) as egress, restarted(sfu, egress, folder) as there:
        yield there, egress


@asynccontextmanager
async def restarted(sfu: Sfu, egress: Egress, folder: Path) -> AsyncIterator[Place]:
    """Our server, with what is in the folder, and that egress."""
    media = replace(sfu.settings, inside_url=egress.url, egress=(THEIRS, egress.files))
    async with place(settings(media=media, port=sfu.hooks, database=folder / "our.db")) as there:
        yield there


async def recordings_of(there: Place, room: Any) -> list[Any]:
    """As the API tells them."""
    listed = await there.client.ask("GET", "/sessions", query={"room_id": room["id"]})
    (session,) = listed.json["_embedded"]["sessions"]
    found = await there.client.ask("GET", f"/sessions/{session['id']}/recordings")
    return list(found.json["_embedded"]["recordings"])


async def statuses(there: Place, room: Any) -> list[str]:
    """Of them, how far they are."""
    return [one["status"] for one in await recordings_of(there, room)]


async def downloaded(there: Place, room: Any) -> bytes:
    """The content of the only one."""
    (told,) = await recordings_of(there, room)
    async with (
        aiohttp.ClientSession() as session,
        session.get(told["_links"]["url"]["href"]) as got,
    ):
        return await got.read()


async def test_a_recording_is_asked_for_told_and_taken_over(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    async with filmed(sfu, tmp_path) as (there, egress):
        room = await there.client.create_long()
        ada = await there.calls.enter(host(room), "Ada")
        assert ada.welcome["recording"] == {"on": False, "since": None, "can": True}
        await ada.say("record", on=True)
        assert (await ada.hear("recording"))["on"]
        (told,) = await recordings_of(there, room)
        assert egress.file() == f"/egress/{told['id']}.mp4"
        assert egress.one().room_name == room["id"]
        assert egress.one().WhichOneof("request") == "room_composite"
        await ada.say("record", on=False)
        assert not (await ada.hear("recording"))["on"]

        async def is_ending() -> bool:
            return egress.one().status == messages.EgressStatus.EGRESS_ENDING

        await eventually(is_ending)
        assert await statuses(there, room) == ["stopped"]
        egress.end(b"film")
        # Sooner than anybody would look who was not told.
        assert await egress.tell(f"http://127.0.0.1:{sfu.hooks}/live/livekit") == 200

        async def is_uploaded() -> bool:
            return await statuses(there, room) == ["uploaded"]

        await eventually(is_uploaded, 3)
        assert await downloaded(there, room) == b"film"

        async def is_tidied() -> bool:
            return not any(egress.files.iterdir())

        await eventually(is_tidied)


async def test_the_owner_alone_is_recorded_where_the_room_has_it_so(
    sfu: Sfu, tmp_path: Path
) -> None:
    async with filmed(sfu, tmp_path) as (there, egress):
        only = {"auto_record": True, "record_only_owner": True}
        room = await there.client.create_long(recording_options=only)
        bob = await there.enter(room, "Bob")

        async def is_told() -> bool:
            return "recording.not_started" in [event for event, _ in there.reports]

        # The owner is not there, so nobody is recorded.
        await eventually(is_told)
        assert not egress.infos
        ada = await there.calls.enter(host(room), "Ada")
        await bob.hear("joined")
        assert (await bob.hear("recording"))["on"]
        assert egress.one().participant.identity == ada.id


async def test_what_was_recorded_meanwhile_is_taken_over_after_a_restart(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filmed(sfu, tmp_path) as (there, egress):
        room = await there.client.create_long()
        ada = await there.calls.enter(host(room), "Ada")
        await ada.say("record", on=True)
        await ada.hear("recording")
        await ada.say("record", on=False)
        await ada.hear("recording")
        egress.is_away = True
    egress.end(b"film")
    unknown = egress.files / f"{uuid.uuid4()}.mp4"
    unknown.write_bytes(b"of somebody who named a wrong database")
    foreign = egress.files / "holidays.mp4"
    foreign.write_bytes(b"of somebody who named a wrong folder")
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    async with recording(sfu, egress.files) as later:
        later.infos = egress.infos
        async with restarted(sfu, later, tmp_path) as there:

            async def is_uploaded() -> bool:
                return await statuses(there, room) == ["uploaded"]

            await eventually(is_uploaded)
            assert await downloaded(there, room) == b"film"

            async def is_tidied() -> bool:
                return {*egress.files.iterdir()} == {foreign, unknown}

            await eventually(is_tidied)
            (told,) = (fields for event, fields in there.reports if event == "recording.unknown")
            assert told["file"] == unknown.name


async def test_a_recording_that_fails_is_told_and_ends_nothing_else(
    sfu: Sfu, tmp_path: Path
) -> None:
    async with filmed(sfu, tmp_path) as (there, egress):
        room = await there.client.create_long()
        ada = await there.calls.enter(host(room), "Ada")
        egress.is_away = True
        await ada.say("record", on=True)
        assert await ada.error() == "cannot_record"
        egress.is_away = False
        await ada.say("record", on=True)
        assert (await ada.hear("recording"))["on"]
        egress.end(b"", messages.EgressStatus.EGRESS_FAILED)
        await ada.say("record", on=False)
        assert not (await ada.hear("recording"))["on"]

        async def is_told() -> bool:
            return "recording.not_delivered" in [event for event, _ in there.reports]

        await eventually(is_told)
        assert await statuses(there, room) == ["stopped", "stopped"]


async def test_a_recording_that_ends_by_itself_is_told_and_begun_anew_where_it_is_promised(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is to be shown a recording that egress gave up, or lost with its server."""
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    async with filmed(sfu, tmp_path) as (there, egress):
        room = await there.client.create_long(recording_options={"auto_record": True})
        ada = await there.calls.enter(host(room), "Ada")
        assert (await ada.hear("recording"))["on"]
        egress.end(b"", messages.EgressStatus.EGRESS_ABORTED)
        for is_on in (False, True):
            assert (await ada.hear("recording"))["on"] is is_on
        assert len(egress.infos) == 2
        assert sorted(await statuses(there, room)) == ["started", "stopped"]
        egress.infos.clear()  # forgotten: it is over once it must have been known
        monkeypatch.setattr("orchestrator.meetings_server.media.livekit.takes._BEGINS", _NOW)
        for is_on in (False, True):
            assert (await ada.hear("recording"))["on"] is is_on


_NOW: Final = timedelta()


async def test_what_a_failed_egress_wrote_is_kept(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    async with filmed(sfu, tmp_path) as (there, egress):
        room = await there.client.create_long()
        ada = await there.calls.enter(host(room), "Ada")
        await ada.say("record", on=True)
        await ada.hear("recording")
        (egress.files / Path(egress.file()).name).write_bytes(b"half a film")
        egress.end(b"", messages.EgressStatus.EGRESS_ABORTED)
        await ada.say("record", on=False)

        async def is_uploaded() -> bool:
            return await statuses(there, room) == ["uploaded"]

        await eventually(is_uploaded)
        assert await downloaded(there, room) == b"half a film"


@pytest.mark.parametrize("ends", [True, False], ids=["without a file", "never"])
async def test_an_egress_that_does_not_deliver_is_given_up(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.medium._LOOKS", 3)
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.medium._LOOK_EVERY", 0.05)
    async with filmed(sfu, tmp_path) as (there, egress):
        room = await there.client.create_long()
        ada = await there.calls.enter(host(room), "Ada")
        await ada.say("record", on=True)
        await ada.hear("recording")
        if ends:
            egress.end(b"", messages.EgressStatus.EGRESS_COMPLETE)
        await ada.say("record", on=False)

        async def is_told() -> bool:
            return "recording.not_delivered" in [event for event, _ in there.reports]

        await eventually(is_told)
        assert await statuses(there, room) == ["stopped"]


async def test_without_an_egress_nothing_is_recorded(there: Place) -> None:
    room = await there.client.create_long()
    ada = await there.calls.enter(host(room), "Ada")
    assert not ada.welcome["recording"]["can"]
    await ada.say("record", on=True)
    assert await ada.error() == "cannot_record"
    made = {"recording_options": {"auto_record": True}, "display_name": "R"}
    assert (await there.client.ask("POST", "/rooms", body=made)).status == 400


async def test_what_runs_and_should_not_is_stopped(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an answer that came too late to be heard; what is not known here goes on."""
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    async with filmed(sfu, tmp_path) as (there, egress):
        assert isinstance(there.told.media, LiveKit)
        asked = replace(there.told.media)
        room = await there.client.create_long()
        ada = await there.calls.enter(host(room), "Ada")
        egress.is_away = True
        await ada.say("record", on=True)
        assert await ada.error() == "cannot_record"
        egress.is_away = False
        (stopped,) = await recordings_of(there, room)
        unknown = str(THEIRS / f"{uuid.uuid4()}.mp4")
        async with Asking.opened(asked) as asking:
            await asking.record(room["id"], str(THEIRS / f"{stopped['id']}.mp4"), None)
            await asking.record("some-room", unknown, None)
            await asking.record("some-room", f"/elsewhere/{uuid.uuid4()}.mp4", None)
            await asking.record("some-room", str(THEIRS / "somebody-elses.mp4"), None)
        stray, *others = egress.infos.values()

        async def is_stopped() -> bool:
            return stray.status == messages.EgressStatus.EGRESS_ENDING

        await eventually(is_stopped)
        assert {one.status for one in others} == {messages.EgressStatus.EGRESS_ACTIVE}

        async def is_told() -> bool:
            told = [fields for event, fields in there.reports if event == "recording.unknown"]
            return [one["file"] for one in told] == [Path(unknown).name]

        await eventually(is_told)


async def test_a_file_that_cannot_be_taken_over_holds_up_no_other(
    sfu: Sfu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once, and tried again."""
    monkeypatch.setattr("orchestrator.meetings_server.media.livekit.watch.POLL", 0.6)
    async with filmed(sfu, tmp_path) as (there, egress):
        rooms, ids = [], []
        for _ in range(2):
            room = await there.client.create_long()
            ada = await there.calls.enter(host(room), "Ada")
            egress.is_away = True
            await ada.say("record", on=True)
            assert await ada.error() == "cannot_record"
            egress.is_away = False
            rooms.append(room)
            ids += [one["id"] for one in await recordings_of(there, room)]
        (first, room), (second, other) = sorted(zip(ids, rooms, strict=True))
        odd = egress.files / f"{first}.mp4"
        odd.mkdir()
        (egress.files / f"{second}.mp4").write_bytes(b"film")

        async def is_uploaded() -> bool:
            return await statuses(there, other) == ["uploaded"]

        await eventually(is_uploaded)
        assert await statuses(there, room) == ["stopped"]

        async def is_removed() -> bool:
            return [*egress.files.iterdir()] == [odd]

        await eventually(is_removed)
        told = [fields for event, fields in there.reports if event == "recording.not_taken_over"]
        assert [one["file"] for one in told] == [odd.name]
        assert not [event for event, _ in there.reports if event == "livekit.not_watched"]
        odd.rmdir()
        odd.write_bytes(b"film")

        async def is_too() -> bool:
            return await statuses(there, room) == ["uploaded"]

        await eventually(is_too)
