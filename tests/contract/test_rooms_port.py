"""The rooms port: over the fake, and over the client on our server, by HTTP and in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import aiohttp
import pytest

from orchestrator.adapters.meetings.overhttp import OverHttp
from orchestrator.adapters.meetings.readonly import ReadOnly
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.adapters.meetings.transport import Transport
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.rooms import (
    SETTINGS,
    NewRoom,
    Occupancy,
    Patch,
    RoomType,
    Session,
    has_ended,
)
from orchestrator.meetings_server import Memory, start
from orchestrator.ports.faults import (
    ForbiddenError,
    MissingError,
    RefusedError,
    UnauthorizedError,
    WithheldError,
)
from orchestrator.ports.rooms import LAST_CALL, Rooms
from tests.fakes.clock import VirtualClock
from tests.fakes.rooms import FakeRooms, Fate
from tests.meetings import APPLICATION, BASE, KEY, OTHER_KEY, settings

NOBODY = "00000000-0000-4000-8000-00000000dead"
PAGE = 3


@dataclass
class Stand:
    """An API with no rooms, its clients (made when first used), and the people who use it."""

    client: Callable[[str], Rooms]
    clock: VirtualClock
    join: Callable[[str], Awaitable[None]]
    leave: Callable[[str], Awaitable[None]]

    @cached_property
    def rooms(self) -> Rooms:
        return self.client("usual")

    @cached_property
    def readonly(self) -> Rooms:
        return self.client("readonly")

    @cached_property
    def stranger(self) -> Rooms:
        """Signs with another application's key."""
        return self.client("stranger")

    @cached_property
    def strict(self) -> Rooms:
        """Of another API, which answers 404 to every DELETE."""
        return self.client("strict")

    def long_term(self, name: str = "Team", days: float = 30, **changes: Any) -> NewRoom:
        ends = self.clock.now() + timedelta(days=days)
        return replace(
            NewRoom(name, RoomType.LONG_TERM, "made by hand", {}, ends),
            **changes,
        )

    def instant(self, name: str = "Call") -> NewRoom:
        return NewRoom(name, RoomType.INSTANT, "", {}, None)


LIMITS = Limits(per_second=None, page_size=PAGE)


def clients(
    transport: Transport, strict: Transport, clock: VirtualClock, root: str = ""
) -> Callable[[str], Rooms]:
    """Real clients of two APIs."""

    def client(kind: str) -> Rooms:
        way = {"readonly": ReadOnly(transport), "strict": strict}.get(kind, transport)
        key = OTHER_KEY if kind == "stranger" else KEY
        return connect(way, Account(APPLICATION, key), clock, LIMITS, root=root)

    return client


@asynccontextmanager
async def over_http(clock: VirtualClock) -> AsyncIterator[Stand]:
    server = await start(settings(), clock)
    strict = await start(settings(strict_v1=True), clock)
    transport, strictly = OverHttp(server.url + BASE), OverHttp(strict.url + BASE)
    inside: dict[str, list[str]] = {}
    async with aiohttp.ClientSession() as session:

        async def ask(path: str, body: dict[str, object]) -> Any:
            async with session.post(f"{server.url}/_test{path}", json=body) as response:
                assert response.status < 300, await response.text()
                return await response.json() if response.status == 201 else None

        async def join(room_id: str) -> None:
            found = await ask(f"/rooms/{room_id}/join", {"name": "Ada"})
            inside.setdefault(room_id, []).append(found["participant_id"])

        async def leave(room_id: str) -> None:
            who = inside[room_id].pop()
            await ask(f"/rooms/{room_id}/leave", {"participant_id": who})

        yield Stand(clients(transport, strictly, clock), clock, join, leave)
    for one in (transport, strictly):
        await one.close()
    for running in (server, strict):
        await running.close()


@asynccontextmanager
async def in_memory(clock: VirtualClock) -> AsyncIterator[Stand]:
    inside: dict[str, list[str]] = {}
    async with (
        Memory.opened(settings(), clock) as memory,
        Memory.opened(settings(strict_v1=True), clock) as strict,
    ):

        async def join(room_id: str) -> None:
            who = await memory.meetings.join(room_id, "Ada", is_host=False)
            inside.setdefault(room_id, []).append(who.id)

        async def leave(room_id: str) -> None:
            await memory.meetings.leave(room_id, inside[room_id].pop())

        yield Stand(clients(memory, strict, clock, BASE), clock, join, leave)


@asynccontextmanager
async def as_fake(clock: VirtualClock) -> AsyncIterator[Stand]:
    fake, readonly, stranger, strict = (FakeRooms(clock, PAGE) for _ in range(4))
    strict.deletes = False
    for method in ("create_room", "update_room", "delete_room"):
        readonly.script(method, Fate.WITHHELD)
    stranger.script("list_rooms", Fate.UNAUTHORIZED)
    stranger.script("create_room", Fate.UNAUTHORIZED)

    async def join(room_id: str) -> None:
        fake.join(room_id)

    async def leave(room_id: str) -> None:
        fake.leave(room_id)

    fakes = {"usual": fake, "readonly": readonly, "stranger": stranger, "strict": strict}
    yield Stand(lambda kind: fakes[kind], clock, join, leave)


@pytest.fixture(params=["fake", "http", "memory"])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    ways = {"fake": as_fake, "http": over_http, "memory": in_memory}
    async with ways[request.param](VirtualClock()) as stand:
        yield stand


async def test_a_room_is_born_as_asked_and_reads_back_the_same(api: Stand) -> None:
    """Whatever is not asked for has its documented default."""
    asked = api.long_term(
        "Zahlung & Co. ☎ 💶",
        metadata="for Ada\nand Grace",
        settings={
            "expire_after_use": True,
            "join_approval_level": "explicit_approval",
            "recording_options.auto_record": True,
            "recording_options.record_only_owner": True,
            "available_features.is_chat_available": False,
            "available_features.is_captions_available": True,
            "initial_join_options.microphone_state": "off",
            "ui_settings.language": "pt-br",
            "theme_id": None,
        },
    )
    born = await api.rooms.create_room(asked)
    assert born.display_name == asked.display_name
    assert born.metadata == asked.metadata
    assert born.type is RoomType.LONG_TERM
    assert born.expires_at == asked.expires_at
    assert born.created_at == api.clock.now()
    assert born.is_available
    assert born.guest_url.startswith("http")
    assert born.meeting_code.isdigit()
    defaults = {path: rule.default for path, rule in SETTINGS.items()}
    assert born.settings == {**defaults, **asked.settings}
    assert await api.rooms.get_room(born.id) == born
    assert list((await api.rooms.list_rooms()).rooms) == [born]


async def test_a_marker_comes_back_as_it_was_written(api: Stand) -> None:
    """By it a room is known again for ever."""
    marker = new_marker(
        "acme", Key("team-rooms", "péage"), 3, "0a1b2c3d-000000000000000000000000001"
    )
    asked = api.long_term(metadata=write_metadata("x" * 190, marker))
    born = await api.rooms.create_room(asked)
    assert (born.text, born.marked_by("acme")) == ("x" * 190, marker)
    assert (await api.rooms.list_rooms()).rooms[0].marker == marker


async def test_an_instant_room_lives_ten_minutes_unjoined(api: Stand) -> None:
    """Its end is the API's to say."""
    born = await api.rooms.create_room(api.instant())
    assert born.expires_at == api.clock.now() + timedelta(minutes=10)
    assert not has_ended(born, api.rooms.api_now())
    api.clock.advance(601)
    later = await api.rooms.get_room(born.id)
    assert has_ended(later, api.rooms.api_now())
    assert not later.is_available


async def test_a_used_instant_room_outlives_its_end(api: Stand) -> None:
    """Its ``expires_at`` does not move; ten minutes after the last one left it is over."""
    born = await api.rooms.create_room(api.instant())
    await api.join(born.id)
    api.clock.advance(3600)
    used = await api.rooms.get_room(born.id)
    assert used.expires_at == born.expires_at
    assert not has_ended(used, api.rooms.api_now(), Occupancy.OCCUPIED)
    await api.leave(born.id)
    api.clock.advance(599)
    assert (await api.rooms.get_room(born.id)).is_available
    api.clock.advance(2)
    assert not (await api.rooms.get_room(born.id)).is_available


@pytest.mark.parametrize(
    ("ahead", "type_"),
    [
        (None, RoomType.LONG_TERM),
        (timedelta(minutes=10), RoomType.LONG_TERM),
        (timedelta(days=366), RoomType.LONG_TERM),
    ],
    ids=["no end", "an end in ten minutes", "an end beyond a year"],
)
async def test_an_unlawful_end_is_refused(
    api: Stand, ahead: timedelta | None, type_: RoomType
) -> None:
    """With the API's own words, and nothing is made."""
    ends = None if ahead is None else api.clock.now() + ahead
    with pytest.raises(RefusedError, match="expires_at") as caught:
        await api.rooms.create_room(NewRoom("Team", type_, "", {}, ends))
    assert caught.value.status == 400
    assert (await api.rooms.list_rooms()).rooms == ()


async def test_an_update_changes_what_it_names_and_nothing_else(api: Stand) -> None:
    """Same room, same link; members of a nested object that are not named keep their values."""
    born = await api.rooms.create_room(
        api.long_term(settings={"available_features.is_whiteboard_available": False})
    )
    ends = api.clock.now() + timedelta(days=200, milliseconds=1)
    patch = Patch(
        {"available_features.is_chat_available": False, "ui_settings.language": "de"}, ends
    )
    updated = await api.rooms.update_room(born.id, patch)
    assert updated == replace(born, expires_at=ends, settings={**born.settings, **patch.settings})
    assert await api.rooms.get_room(born.id) == updated


async def test_an_end_is_moved_in_whole_milliseconds(api: Stand) -> None:
    """The API keeps no more, so what was granted is compared, never what was asked."""
    born = await api.rooms.create_room(api.long_term())
    ends = api.clock.now() + timedelta(days=9, microseconds=123_987)
    updated = await api.rooms.update_room(born.id, Patch(expires_at=ends))
    assert updated.expires_at == ends.replace(microsecond=123_000)


async def test_an_instant_room_takes_no_update(api: Stand) -> None:
    """It dies by itself."""
    born = await api.rooms.create_room(api.instant())
    with pytest.raises(RefusedError, match="temporary"):
        await api.rooms.update_room(born.id, Patch({"expire_after_use": True}))


async def test_an_empty_update_is_refused_without_a_call(api: Stand) -> None:
    """The API would refuse it as well; whoever asks has made a mistake."""
    born = await api.rooms.create_room(api.long_term())
    with pytest.raises(RefusedError, match="must change something"):
        await api.rooms.update_room(born.id, Patch())


async def test_what_is_not_there_is_missing(api: Stand) -> None:
    """Every method that names a room."""
    for call in (
        api.rooms.get_room(NOBODY),
        api.rooms.get_host_link(NOBODY),
        api.rooms.update_room(NOBODY, Patch({"expire_after_use": True})),
        api.rooms.delete_room(NOBODY),
    ):
        with pytest.raises(MissingError) as caught:
            await call
        assert caught.value.status == 404


async def test_a_deleted_room_is_gone(api: Stand) -> None:
    """From its path and from listings."""
    born = await api.rooms.create_room(api.long_term())
    await api.rooms.delete_room(born.id)
    with pytest.raises(MissingError):
        await api.rooms.get_room(born.id)
    assert (await api.rooms.list_rooms()).rooms == ()


async def test_an_occupied_room_is_not_deleted(api: Stand) -> None:
    """409, told apart from other refusals by `occupied`."""
    born = await api.rooms.create_room(api.long_term())
    await api.join(born.id)
    with pytest.raises(ForbiddenError) as caught:
        await api.rooms.delete_room(born.id)
    assert (caught.value.status, caught.value.occupied) == (409, True)
    await api.leave(born.id)
    await api.rooms.delete_room(born.id)


async def test_an_api_without_delete_answers_404_and_keeps_the_room(api: Stand) -> None:
    """So 404 on DELETE proves nothing."""
    born = await api.strict.create_room(api.long_term())
    with pytest.raises(MissingError):
        await api.strict.delete_room(born.id)
    assert await api.strict.get_room(born.id) == born


async def test_a_listing_walks_all_pages_in_the_order_of_birth(api: Stand) -> None:
    """Each room once; the last page ends it."""
    made = [await api.rooms.create_room(api.long_term(f"Team {n}")) for n in range(2 * PAGE + 1)]
    listing = await api.rooms.list_rooms()
    assert list(listing.rooms) == made
    assert (listing.complete, listing.doubtful, len(listing.pages)) == (True, "", 3)
    assert listing.pages[0].start_id is None
    assert all(page.alive for page in listing.pages)


async def test_an_empty_api_has_a_complete_listing(api: Stand) -> None:
    """No rooms is an answer too."""
    listing = await api.rooms.list_rooms()
    assert (listing.rooms, listing.complete, listing.doubtful) == ((), True, "")
    assert (listing.watermark, [page.alive for page in listing.pages]) == (None, [False])


async def test_from_the_watermark_every_later_room_is_seen(api: Stand) -> None:
    """A lookup need not begin at the beginning."""
    for number in range(2 * PAGE + 1):
        await api.rooms.create_room(api.long_term(f"Team {number}"))
    watermark = (await api.rooms.list_rooms()).watermark
    assert watermark is not None
    late = await api.rooms.create_room(api.long_term("Late"))
    listing = await api.rooms.list_rooms(watermark)
    assert late in listing.rooms
    assert len(listing.rooms) < 2 * PAGE + 2
    assert (listing.complete, listing.doubtful) == (True, "")
    assert listing.pages[0].start_id == watermark


async def test_a_page_of_ended_rooms_is_not_alive(api: Stand) -> None:
    """By this a low-water mark is kept."""
    for number in range(PAGE):
        await api.rooms.create_room(api.instant(f"Call {number}"))
    await api.rooms.create_room(api.long_term())
    api.clock.advance(601)
    assert [page.alive for page in (await api.rooms.list_rooms()).pages] == [False, True]


async def test_a_host_link_is_sealed_and_not_part_of_a_room(api: Stand) -> None:
    """It is a secret: it does not print, and reading a room does not keep it."""
    born = await api.rooms.create_room(api.long_term())
    link = await api.rooms.get_host_link(born.id)
    assert link.room_id == born.id
    assert link.url.reveal().startswith("http")
    assert "participant_token" in link.url.reveal()
    assert "participant_token" not in repr(link)
    assert "participant_token" not in repr(await api.rooms.get_room(born.id))


async def test_meetings_are_told_while_they_go_on_and_afterwards(api: Stand) -> None:
    """Those that went on at any moment since the one asked for."""
    began = api.clock.now()
    born = await api.rooms.create_room(api.long_term())
    assert await api.rooms.list_sessions(began) == []
    await api.join(born.id)
    api.clock.advance(7200)
    told = await api.rooms.list_sessions(api.clock.now())
    assert told is not None
    names = [session.id for session in told]
    assert told == [Session(born.id, began, None, name) for name in names]
    assert all(names), "callbacks name the same session"
    assert [(one.participants, one.minutes) for one in told] == [(1, 120.0)]
    await api.leave(born.id)
    ended = api.clock.now()
    api.clock.advance(60)
    over = [Session(born.id, began, ended, name) for name in names]
    listed = await api.rooms.list_sessions(ended - timedelta(seconds=1))
    assert listed == over
    assert [(one.participants, one.minutes) for one in listed] == [(1, 120.0)]
    assert await api.rooms.list_sessions(ended + timedelta(seconds=1)) == []


async def test_many_meetings_are_told_over_pages(api: Stand) -> None:
    """More than one page of them."""
    born = await api.rooms.create_room(api.long_term())
    for _ in range(30):
        await api.join(born.id)
        api.clock.advance(60)
        await api.leave(born.id)
    sessions = await api.rooms.list_sessions(api.clock.now() - timedelta(hours=2))
    assert sessions is not None
    assert len(sessions) == 30


async def test_a_readonly_client_reads_and_changes_nothing(api: Stand) -> None:
    """The client of `observe`; what was withheld has no call to tell of."""
    await api.readonly.list_rooms()
    for call in (
        api.readonly.create_room(api.long_term()),
        api.readonly.update_room(NOBODY, Patch({"expire_after_use": True})),
        api.readonly.delete_room(NOBODY),
    ):
        with pytest.raises(WithheldError):
            await call
        assert LAST_CALL.get() is None
    assert (await api.rooms.list_rooms()).rooms == ()


async def test_wrong_credentials_are_a_fault_of_the_connection(api: Stand) -> None:
    """Of reading and changing alike."""
    with pytest.raises(UnauthorizedError, match="correct credentials"):
        await api.stranger.list_rooms()
    with pytest.raises(UnauthorizedError):
        await api.stranger.create_room(api.long_term())
    assert (await api.rooms.list_rooms()).rooms == ()


async def test_the_last_call_is_told_to_the_task_that_made_it(api: Stand) -> None:
    """For the facts: method, status and how long it took."""

    def told() -> tuple[str, bool] | None:
        call = LAST_CALL.get()
        return None if call is None else (call.method, 200 <= call.status < 300)

    born = await api.rooms.create_room(api.long_term())
    assert told() == ("POST", True)
    await api.rooms.update_room(born.id, Patch({"expire_after_use": True}))
    assert told() == ("PATCH", True)
    await api.rooms.list_rooms()
    assert told() == ("GET", True)
    await api.rooms.delete_room(born.id)
    assert told() == ("DELETE", True)
    with pytest.raises(MissingError):
        await api.rooms.get_room(born.id)
    call = LAST_CALL.get()
    assert call is not None
    assert (call.method, call.status, call.attempt) == ("GET", 404, 1)


async def test_api_time_follows_the_api(api: Stand) -> None:
    """Within the second that ``Date`` leaves open."""
    await api.rooms.list_rooms()
    assert abs((api.rooms.api_now() - api.clock.now()).total_seconds()) <= 1
    assert abs(api.rooms.clock_difference()) <= 1
    api.clock.advance(86_400)
    await api.rooms.list_rooms()
    assert abs((api.rooms.api_now() - api.clock.now()).total_seconds()) <= 1
