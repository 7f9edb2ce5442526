"""A world with recordings and an archive, for the tests of what becomes of recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from orchestrator.domain.keeping import KeptRecording
from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.rooms import NewRoom, RoomType
from tests.component.world import World, policy
from tests.fakes.archives import FakeArchive
from tests.fakes.clock import START
from tests.fakes.recordings import FakeRecordings

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
VAULT = {"archive": "vault"}
MONTH = {"archive": "vault", "keep": "30d", "then": "delete"}
AT_ONCE = {"archive": "vault", "keep": "0s", "then": "delete", "grace": "0s"}
CONTENT = bytes(range(256)) * 4
CHECKOUT = "team-rooms/checkout"
STRANGE = NewRoom("Somebody's room", RoomType.LONG_TERM, "", {}, START + 300 * DAY)


def recorded(wish: dict[str, Any] | None, **more: Any) -> bytes:
    """A policy of one room that says this of recordings."""
    rest = more if wish is None else {"recordings": wish, **more}
    return policy(subjects=["checkout"], **rest)


class Kept:
    """A world with recordings and an archive."""

    def __init__(self, wish: dict[str, Any] | None, **options: Any) -> None:
        self.world = World({"team-rooms.yaml": recorded(wish)}, **options)
        self.api = FakeRecordings()
        self.vault = FakeArchive()
        self.world.recordings = self.api
        self.world.archives = {"vault": self.vault}

    async def room(self) -> str:
        return (await self.world.room(CHECKOUT)).id

    async def meet(self, *contents: bytes, room_id: str = "") -> list[str]:
        """A meeting of half an hour with so many recordings; their ids."""
        room_id = room_id or await self.room()
        self.world.fake.join(room_id)
        session_id = f"{room_id} at {self.now}"
        ids = [self.api.record(session_id, self.now) for _ in contents]
        self.world.clock.advance(1800)
        self.world.fake.leave(room_id)
        for id_, content in zip(ids, contents, strict=True):
            self.api.upload(id_, content, self.now)
        return ids

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    async def edit(self, wish: dict[str, Any] | None, **more: Any) -> None:
        await self.world.edit({"team-rooms.yaml": recorded(wish, **more)})

    async def record(self, id_: str) -> KeptRecording:
        found = await self.world.store.recording(id_)
        assert found is not None
        return found

    async def next_at(self, id_: str) -> datetime:
        """When the next try is made."""
        found = (await self.record(id_)).attempts.next_at
        assert found is not None
        return found

    @property
    def events(self) -> list[str]:
        """What was told of recordings since the mark."""
        every = self.world.events
        return [one.removeprefix("recording.") for one in every if one.startswith("recording.")]

    @property
    def left(self) -> list[str]:
        """The recordings that are still at the API."""
        return list(self.api.recordings)

    @property
    def methods(self) -> list[str]:
        """Calls about recordings, but for lists."""
        return [one.method for one in self.api.asked if one.method != "list_recordings"]


@asynccontextmanager
async def kept(wish: dict[str, Any] | None = MONTH, **options: Any) -> AsyncIterator[Kept]:
    """Run it."""
    made = Kept(wish, **options)
    await made.world.start()
    try:
        yield made
    finally:
        await made.world.end()


def callback(event: Event, room_id: str, session_id: str, **more: Any) -> Callback:
    return Callback(event, room_id, session_id, **more)
