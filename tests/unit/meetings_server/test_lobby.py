"""The lobby without sockets: paces, passes, and what goes wrong behind it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.meetings_server import Medium, Mesh, Settings, StoreFault
from orchestrator.meetings_server.assembly import Assembly, Host, assembled
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.lobby import Frame, Line, Lobby, Pace, Passes, Visit, Wish
from orchestrator.meetings_server.lobby.pace import Bucket, Paces
from orchestrator.meetings_server.lobby.passes import Pass
from orchestrator.meetings_server.media import MeshMedium
from orchestrator.meetings_server.model.people import Sending
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.refusals import not_found
from orchestrator.meetings_server.model.rooms import (
    JoinApproval,
    Options,
    RecordingOptions,
    Room,
    RoomChanges,
    RoomDraft,
    RoomType,
)
from orchestrator.meetings_server.model.sessions import Participant
from orchestrator.meetings_server.ports import MediumFault, Ticket
from orchestrator.meetings_server.service import Bell, Meetings
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.medium import StagedMedium
from tests.meetings import APPLICATION, settings

LINK = "A" * 22
SHOWN = Pass(
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
)


# --- paces and passes ---


def test_a_bucket_keeps_its_pace() -> None:
    """So many at once, then one after each pause; a clock that goes back gives nothing."""
    clock = VirtualClock()
    bucket = Bucket(Pace(at_once=2, every=10), clock.now())
    assert [bucket.take(clock.now()) for _ in range(3)] == [0, 0, 10]
    clock.advance(4)
    assert bucket.take(clock.now()) == 6
    clock.advance(6)
    assert [bucket.take(clock.now()) for _ in range(2)] == [0, 10]
    assert bucket.take(clock.now() - timedelta(days=1)) == 10
    clock.advance(1_000)
    assert [bucket.take(clock.now()) for _ in range(3)] == [0, 0, 10]


def test_names_are_forgotten_that_may_do_all_again() -> None:
    """And only those: a flood of names makes nobody forget who was too fast."""
    clock = VirtualClock()
    paces = Paces(Pace(at_once=1, every=60), clock.now)
    assert [paces.take("slow"), paces.take("slow")] == [0, 60]
    clock.advance(30)
    for number in range(4_095):
        paces.take(f"{number}")
    clock.advance(30)
    assert paces.take("one more") == 0
    assert paces.remembered == 4_096
    assert paces.take("17") == 30
    assert paces.take("slow") == 0


def test_a_pass_is_its_bearer_s_alone() -> None:
    """With its link, and by this server's key."""
    passes = Passes(b"key")
    text = passes.write(SHOWN, LINK)
    assert passes.read(text, LINK) == SHOWN
    assert passes.read(text, "B" * 22) is None
    assert Passes(b"other").read(text, LINK) is None
    for other in ("", "1", text[:-1], text + "A", text.replace("2222", "2223"), f"2{text[1:]}"):
        assert passes.read(other, LINK) is None


def test_what_holds_tokens_does_not_print_them() -> None:
    """Neither a wish nor a ticket."""
    wish = Wish(
        link=LINK, host="token", name="Ada", resume="pass", sending=Sending(), address="::1"
    )
    assert repr(wish) == "Wish(***)"
    assert repr(Ticket({"token": "secret"})) == "Ticket(***)"


async def test_a_mesh_records_nothing() -> None:
    """Whoever asks in spite of `can_record` is told."""
    mesh = MeshMedium(Mesh(), VirtualClock())
    room, recording = _NOTHING, _NOTHING
    with pytest.raises(MediumFault):
        await mesh.start_recording(room, recording)
    with pytest.raises(MediumFault):
        await mesh.recorded(recording)
    await mesh.stop_recording(room, recording)


_NOTHING: Any = None


# --- what goes wrong ---


@dataclass
class Ear:
    """A line that keeps what it was told."""

    told: list[Frame] = field(default_factory=list)
    has_ended: bool = False

    def send(self, frame: Frame) -> None:
        self.told.append(frame)

    def end(self, last: Frame | None) -> None:
        if last is not None:
            self.told.append(last)
        self.has_ended = True


@dataclass
class Stage:
    """A lobby, and what is behind it."""

    parts: Assembly
    lobby: Lobby
    clock: VirtualClock
    told: list[tuple[str, Mapping[str, object]]]

    @property
    def reports(self) -> list[str]:
        """The names of what was reported."""
        return [name for name, _ in self.told]

    async def room(self, options: Options | None = None) -> Room:
        """An instant room."""
        draft = RoomDraft(display_name="Room", options=options or Options())
        return await self.parts.acts.meetings.create(APPLICATION, draft)

    async def long_room(self, level: JoinApproval = JoinApproval.NONE) -> Room:
        """A long_term room."""
        draft = RoomDraft(
            display_name="Room",
            type=RoomType.LONG_TERM,
            expires_at=self.clock.now() + timedelta(days=1),
            options=Options(join_approval_level=level),
        )
        return await self.parts.acts.meetings.create(APPLICATION, draft)

    async def host_token(self, room: Room) -> str:
        """What its host link holds."""
        key = await self.parts.acts.meetings.host_key()
        link = Links("http://meet.example", key, timedelta()).host(room, self.clock.now())
        return link.rpartition("=")[2]

    async def come(
        self,
        room: Room,
        name: str = "Ada",
        host: str = "",
        *,
        line: Line | None = None,
        resume: str = "",
    ) -> tuple[Ear, Visit | None]:
        """Somebody comes to its door; without a line of theirs an ear listens."""
        ear = Ear()
        wish = Wish(
            link=room.names.guest_token, host=host, name=name, resume=resume,
            sending=Sending(), address="192.0.2.1",
        )  # fmt: skip
        return ear, await self.lobby.come(line or ear, wish)


@asynccontextmanager
async def staged(told: Settings, medium: Medium | None = None) -> AsyncIterator[Stage]:
    """The parts of a server, without its doors and chores."""
    clock = VirtualClock()
    reports: list[tuple[str, Mapping[str, object]]] = []

    def report(name: str, about: Mapping[str, object]) -> None:
        reports.append((name, about))

    drawn = iter(range(1, 1_000_000))
    host = Host(
        clock=clock,
        entropy=lambda count: next(drawn).to_bytes(count, "big"),
        report=report,
        medium=medium,
    )
    async with assembled(told, "http://meet.example", host, lambda: None) as parts:
        assert parts.lobby is not None
        yield Stage(parts, parts.lobby, clock, reports)


async def test_nobody_comes_into_a_server_that_closes() -> None:
    """They are told to try again; who was inside has lost nothing, and closing twice is fine."""
    async with staged(settings(media=Mesh())) as stage:
        room = await stage.room()
        inside, visit = await stage.come(room)
        assert visit is not None
        await stage.lobby.close()
        assert inside.told[-1]["reason"] == "restarting"
        ear, late = await stage.come(room)
        assert (late, ear.told[-1]["reason"]) == (None, "restarting")
        await stage.lobby.lost(visit)
        again = await stage.parts.acts.meetings.inside(room.id)
        assert again is not None
        assert len(again.present) == 1


async def test_whoever_comes_in_while_it_closes_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They count as inside, and may come back."""
    asked, let = asyncio.Event(), asyncio.Event()
    usual = MeshMedium.admit

    async def slowly(medium: MeshMedium, room: Room, who: Participant) -> Ticket:
        asked.set()
        await let.wait()
        return await usual(medium, room, who)

    monkeypatch.setattr(MeshMedium, "admit", slowly)
    async with staged(settings(media=Mesh())) as stage, asyncio.TaskGroup() as group:
        room = await stage.room()
        coming = group.create_task(stage.come(room), name="coming")
        await asked.wait()
        await stage.lobby.close()
        let.set()
        ear, _ = await coming
        assert [frame["type"] for frame in ear.told] == ["closed"]
        inside = await stage.parts.acts.meetings.inside(room.id)
        assert inside is not None
        assert len(inside.present) == 1


async def test_who_is_turned_away_while_others_come_in_stays_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The host says no to the second while the first, who needs no yes any more, is on the way."""
    async with staged(settings(media=Mesh())) as stage, asyncio.TaskGroup() as group:
        meetings = stage.parts.acts.meetings
        room = await stage.long_room(JoinApproval.EXPLICIT_APPROVAL)
        _, ada = await stage.come(room, "Ada", host=await stage.host_token(room))
        bob, _ = await stage.come(room, "Bob")
        cyd, waiting = await stage.come(room, "Cyd")
        assert ada is not None
        assert waiting is not None
        asked, let = asyncio.Event(), asyncio.Event()
        usual = MeshMedium.admit

        async def slowly(medium: MeshMedium, place: Room, who: Participant) -> Ticket:
            asked.set()
            await let.wait()
            return await usual(medium, place, who)

        monkeypatch.setattr(MeshMedium, "admit", slowly)
        changes = RoomChanges(join_approval_level=JoinApproval.NONE)
        await meetings.change(APPLICATION, room.id, changes)
        following = group.create_task(stage.lobby.run(Bell()), name="lobby")
        await asked.wait()
        await stage.lobby.heard(ada, {"type": "deny", "id": waiting.knock_id})
        let.set()
        async with asyncio.timeout(10):
            while bob.told[-1]["type"] != "welcome":
                await settle()
        following.cancel()
        assert [frame["type"] for frame in cyd.told] == ["waiting", "closed"]


async def test_a_host_who_is_removed_meanwhile_is_one_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Although they asked before they were."""
    async with staged(settings(media=Mesh())) as stage, asyncio.TaskGroup() as group:
        room = await stage.long_room()
        token = await stage.host_token(room)
        ada, hosting = await stage.come(room, "Ada", token)
        eve, other = await stage.come(room, "Eve", token)
        assert hosting is not None
        assert other is not None
        asked, let = asyncio.Event(), asyncio.Event()
        usual = Meetings.leave

        async def slowly(meetings: Meetings, room_id: str, participant_id: str) -> None:
            asked.set()
            await let.wait()
            await usual(meetings, room_id, participant_id)

        monkeypatch.setattr(Meetings, "leave", slowly)
        remove = {"type": "remove", "id": other.participant_id}
        group.create_task(stage.lobby.heard(hosting, remove), name="remove")
        await asked.wait()
        ending = group.create_task(stage.lobby.heard(other, {"type": "end"}), name="end")
        await settle()
        let.set()
        await ending
        assert [frame["type"] for frame in eve.told] == ["welcome", "closed", "error"]
        assert not ada.has_ended


async def test_a_room_that_ends_while_somebody_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told that it has ended."""
    async with staged(settings(media=Mesh())) as stage:
        room = await stage.room()

        async def ended(*_: object) -> None:
            raise not_found(room.id)

        monkeypatch.setattr(Meetings, "enter", ended)
        ear, visit = await stage.come(room)
        assert (visit, ear.told[-1]["reason"]) == (None, "ended")


async def test_a_host_link_that_is_revoked_while_its_bearer_comes_in() -> None:
    """Nobody was there to be shown out by then, and they are not let in as the host."""
    medium = StagedMedium()
    async with staged(settings(), medium) as stage, asyncio.TaskGroup() as group:
        meetings = stage.parts.acts.meetings
        room = await stage.long_room()
        _, bob = await stage.come(room, "Bob")
        assert bob is not None
        usual = medium.admit

        async def revoked(room: Room, who: Participant) -> Ticket:
            await meetings.revoke_host(APPLICATION, room.id)
            return await usual(room, who)

        medium.admit = revoked  # type: ignore[method-assign]
        coming = stage.come(room, "Eve", await stage.host_token(room))
        ear, eve = await group.create_task(coming, name="coming")
        assert (eve, [frame["reason"] for frame in ear.told]) == (None, ["unknown"])
        inside = await meetings.inside(room.id)
        assert inside is not None
        assert [who.name for who in inside.present] == ["Bob"]
        assert inside.session is not None


async def test_whoever_is_removed_is_heard_no_more_although_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The medium ends their connections at once, and they are out once it can."""
    medium = StagedMedium(connected={})
    async with staged(settings(), medium) as stage:
        room = await stage.long_room()
        _, ada = await stage.come(room, "Ada", await stage.host_token(room))
        _, bob = await stage.come(room, "Bob")
        assert ada is not None
        assert bob is not None
        with monkeypatch.context() as broken:

            async def fails(*_: object) -> None:
                message = "the disk is full"
                raise StoreFault(message)

            broken.setattr(Meetings, "leave", fails)
            await stage.lobby.heard(ada, {"type": "remove", "id": bob.participant_id})
        assert ("remove", bob.participant_id) in medium.done
        for _ in range(3):
            await settle()
            stage.clock.advance(15)
        await settle()
        inside = await stage.parts.acts.meetings.inside(room.id)
        assert inside is not None
        assert [who.name for who in inside.present] == ["Ada"]


async def test_nobody_waits_for_a_recording_to_begin() -> None:
    """People come in meanwhile; what was stopped before it had begun is stopped then."""
    medium = StagedMedium()
    asked, let = asyncio.Event(), asyncio.Event()
    usual = medium.start_recording

    async def slowly(room: Room, recording: Recording) -> None:
        asked.set()
        await let.wait()
        await usual(room, recording)

    medium.start_recording = slowly  # type: ignore[method-assign]
    async with staged(settings(), medium) as stage:
        room = await stage.long_room()
        ada, hosting = await stage.come(room, "Ada", await stage.host_token(room))
        assert hosting is not None
        async with asyncio.timeout(10):
            await stage.lobby.heard(hosting, {"type": "record", "on": True})
            await asked.wait()
            bob, _ = await stage.come(room, "Bob")
            assert bob.told[-1]["recording"] == {"on": False, "since": None, "can": True}
            await stage.lobby.heard(hosting, {"type": "record", "on": False})
            let.set()
            while [what for what, *_ in medium.done if what in {"record", "stop"}] != [
                *("stop", "record", "stop"),
            ]:
                await settle()
        assert "recording" not in [frame["type"] for frame in (*ada.told, *bob.told)]


async def test_a_recording_that_did_not_begin_is_tried_again_for_who_came_meanwhile() -> None:
    """The owner, who alone is recorded, may be the one who was missing."""
    medium = StagedMedium()
    let = asyncio.Event()
    usual, tries = medium.start_recording, 0

    async def fails_once(room: Room, recording: Recording) -> None:
        nonlocal tries
        tries += 1
        await let.wait()
        if tries == 1:
            message = "the owner is not in the room"
            raise MediumFault(message)
        await usual(room, recording)

    medium.start_recording = fails_once  # type: ignore[method-assign]
    async with staged(settings(), medium) as stage:
        promised = Options(recording_options=RecordingOptions(auto_record=True))
        room = await stage.room(promised)
        ear, _ = await stage.come(room, "Bob")
        await settle()
        await stage.come(room, "Ada", await stage.host_token(room))
        let.set()
        async with asyncio.timeout(10):
            while ear.told[-1]["type"] != "recording":
                await settle()
        assert (tries, stage.reports) == (2, ["recording.not_started"])


async def test_somebody_who_is_out_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves as if they had not been."""
    async with staged(settings(media=Mesh())) as stage:
        room = await stage.room()
        ada, _ = await stage.come(room, "Ada")
        bob, visit = await stage.come(room, "Bob")
        assert visit is not None

        async def out(*_: object) -> None:
            raise not_found(room.id)

        monkeypatch.setattr(Meetings, "leave", out)
        await stage.lobby.leave(visit)
        assert ada.told[-1] == {"type": "left", "id": visit.participant_id}
        assert (bob.has_ended, stage.told) == (True, [])


async def test_following_goes_on_after_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the store, and of what nobody thought of; half a minute later it is tried again."""
    async with staged(settings(media=Mesh())) as stage:
        room = await stage.room()
        ear, _ = await stage.come(room)
        bell = Bell()
        faults: list[Exception] = [StoreFault("disk"), KeyError("secret")]
        usual = Meetings.inside

        async def inside(meetings: Meetings, room_id: str) -> object:
            if faults:
                raise faults.pop(0)
            return await usual(meetings, room_id)

        monkeypatch.setattr(Meetings, "inside", inside)
        await stage.parts.acts.meetings.delete(APPLICATION, room.id, force=True)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.lobby.run(bell), name="lobby")
            while not ear.has_ended:
                await settle()
                stage.clock.advance(1)
            task.cancel()
        assert stage.told == [
            ("meeting.not_refreshed", {"error": "disk"}),
            ("meeting.failed", {"error": "KeyError"}),
        ]


async def test_a_content_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is reported, with a reason where there is one; the meeting is over all the same."""
    for fault, told in (
        (MediumFault("no film"), ("recording.not_delivered", {"error": "no film"})),
        (KeyError("secret"), ("meeting.failed", {"error": "KeyError"})),
    ):

        async def lost(_: StagedMedium, __: Recording, fault: Exception = fault) -> None:
            raise fault

        monkeypatch.setattr(StagedMedium, "recorded", lost)
        async with staged(settings(), StagedMedium()) as stage:
            recorded = Options(recording_options=RecordingOptions(auto_record=True))
            room = await stage.room(recorded)
            _, visit = await stage.come(room)
            assert visit is not None
            await stage.lobby.leave(visit)
            await settle()
            assert stage.told == [told]


async def test_rooms_that_stood_before_there_was_a_mesh(tmp_path: Path) -> None:
    """Are met in although they were to be recorded; nobody is told that they are."""
    kept = tmp_path / "meetings.db"
    async with staged(settings(database=kept), StagedMedium()) as stage:
        recorded = Options(recording_options=RecordingOptions(auto_record=True))
        room = await stage.room(recorded)
    async with staged(settings(database=kept, media=Mesh())) as stage:
        ear, visit = await stage.come(room)
        assert visit is not None
        assert ear.told[0]["recording"] == {"on": False, "since": None, "can": False}
        assert len(ear.told) == 1


async def test_a_change_holds_for_who_comes_next() -> None:
    """Although nobody has told the lobby of it yet."""
    async with staged(settings(media=Mesh())) as stage:
        meetings = stage.parts.acts.meetings
        room = await stage.long_room()
        await stage.come(room, "Ada")
        changes = RoomChanges(join_approval_level=JoinApproval.EXPLICIT_APPROVAL)
        await meetings.change(APPLICATION, room.id, changes)
        ear, _ = await stage.come(room, "Bob")
        assert ear.told == [{"type": "waiting", "reason": "host"}]


async def test_a_place_is_kept_for_thirty_seconds_to_the_second() -> None:
    """And a loss that was made good starts anew."""
    async with staged(settings(media=Mesh())) as stage:
        room = await stage.room()
        ada, _ = await stage.come(room, "Ada")
        bob, visit = await stage.come(room, "Bob")
        assert visit is not None
        await stage.lobby.lost(visit)
        await settle()
        stage.clock.advance(20)
        again = Ear()
        resume = str(bob.told[0]["resume"])
        wish = Wish(
            link=room.names.guest_token, host="", name="Bob", resume=resume,
            sending=Sending(), address="192.0.2.1",
        )  # fmt: skip
        back = await stage.lobby.come(again, wish)
        assert back is not None
        await stage.lobby.lost(back)
        await settle()
        stage.clock.advance(29.9)
        await settle()
        assert len(ada.told) == 2
        stage.clock.advance(0.2)
        async with asyncio.timeout(10):
            while ada.told[-1]["type"] != "left":
                await settle()
