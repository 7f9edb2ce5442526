"""Meetings at random: what each browser was told of who is inside is what the store has."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.meetings_server import Mesh
from orchestrator.meetings_server.lobby import Frame, Visit
from orchestrator.meetings_server.model.rooms import JoinApproval, Room, RoomChanges
from orchestrator.meetings_server.service import Bell
from tests.fakes.clock import settle
from tests.meetings import APPLICATION, settings
from tests.unit.meetings_server.test_lobby import Stage, staged

_STEPS = 60
_MOST = 4


@dataclass
class Browser:
    """Somebody who believes what they are told; as a line it is strict about it."""

    people: set[str] = field(default_factory=set)
    knocks: set[str] = field(default_factory=set)
    you: str = ""
    resume: str = ""
    is_host: bool = False
    is_inside: bool = False
    has_ended: bool = False
    #: Its network is gone, which the server learns a little later.
    is_lost: bool = False
    visit: Visit | None = None

    def send(self, frame: Frame) -> None:
        told: Any = frame
        # An answer to what was asked before the end is told into the void.
        if self.is_lost or (self.has_ended and told["type"] == "error"):
            return
        assert not self.has_ended, f"told after the end: {frame}"
        match told["type"]:
            case "welcome":
                assert not self.is_inside, "welcomed twice"
                self.is_inside, self.you, self.resume = True, told["you"], told["resume"]
                self.people = {one["id"] for one in told["people"]}
                assert len(self.people) == len(told["people"])
                self.knocks = {one["id"] for one in told["waiting"]}
            case "joined":
                assert told["person"]["id"] not in self.people, "joined twice"
                self.people.add(told["person"]["id"])
            case "left":
                self.people.remove(told["id"])
            case "knock":
                assert told["id"] not in self.knocks
                self.knocks.add(told["id"])
            case "knock_ended":
                self.knocks.remove(told["id"])
            case _:
                pass

    def end(self, last: Frame | None) -> None:
        if not self.has_ended:
            if last is not None:
                self.send(last)
            self.has_ended, self.is_inside = True, False


class Evening:
    """One room, and whoever comes."""

    def __init__(self, stage: Stage, room: Room, token: str, chance: random.Random) -> None:
        self.stage, self.room, self.token, self.chance = stage, room, token, chance
        self.browsers: list[Browser] = []

    def one(self, **wanted: bool) -> Browser | None:
        """Any of those that are so."""
        found = [
            one
            for one in self.browsers
            if not one.has_ended
            and not one.is_lost
            and all(getattr(one, name) is so for name, so in wanted.items())
        ]
        return self.chance.choice(found) if found else None

    async def step(self) -> None:
        """Something happens."""
        acts = (
            *(self.come, self.come, self.come, self.lose, self.lose, self.come_back),
            *(self.leave, self.knocked, self.remove, self.change, self.wait, self.end),
        )
        await self.chance.choice(acts)()

    async def come(self, resume: str = "") -> None:
        browser = Browser(is_host=self.chance.random() < 0.3)
        self.browsers.append(browser)
        token = self.token if browser.is_host else ""
        _, browser.visit = await self.stage.come(
            self.room, "Somebody", token, line=browser, resume=resume
        )

    async def come_back(self) -> None:
        if self.browsers:
            await self.come(self.chance.choice(self.browsers).resume)

    async def lose(self) -> None:
        browser = self.one()
        if browser is not None and browser.visit is not None:
            browser.is_lost, browser.is_inside = True, False
            await self.stage.lobby.lost(browser.visit)

    async def leave(self) -> None:
        browser = self.one()
        if browser is not None and browser.visit is not None:
            await self.stage.lobby.leave(browser.visit)

    async def ask(self, frame: Frame) -> None:
        host = self.one(is_host=True, is_inside=True)
        if host is not None and host.visit is not None:
            await self.stage.lobby.heard(host.visit, frame)

    async def knocked(self) -> None:
        host = self.one(is_host=True, is_inside=True)
        if host is not None and host.knocks:
            kind = self.chance.choice(("admit", "admit", "deny"))
            await self.ask({"type": kind, "id": self.chance.choice(sorted(host.knocks))})

    async def remove(self) -> None:
        host = self.one(is_host=True, is_inside=True)
        if host is not None:
            await self.ask({"type": "remove", "id": self.chance.choice(sorted(host.people))})

    async def end(self) -> None:
        if self.chance.random() < 0.3:
            await self.ask({"type": "end"})

    async def change(self) -> None:
        level = self.chance.choice(tuple(JoinApproval))
        changes = RoomChanges(join_approval_level=level)
        await self.stage.parts.acts.meetings.change(APPLICATION, self.room.id, changes)

    async def wait(self) -> None:
        self.stage.clock.advance(self.chance.choice((1, 10, 31)))

    async def agreed(self) -> bool:
        """Whether all who are inside know of all who are."""
        inside = await self.stage.parts.acts.meetings.inside(self.room.id)
        assert inside is not None
        present = {who.id for who in inside.present}
        assert len(present) <= _MOST
        seen = [one for one in self.browsers if one.is_inside]
        assert len({one.you for one in seen}) == len(seen), "one place, two browsers"
        return all(one.people == present for one in seen)


@pytest.mark.parametrize("seed", range(12))
async def test_what_all_were_told_is_what_is(seed: int) -> None:
    """After whatever happens, as soon as it is done."""
    chance = random.Random(seed)
    async with staged(settings(media=Mesh(most=_MOST))) as stage, asyncio.TaskGroup() as group:
        bell = Bell()
        following = group.create_task(stage.lobby.run(bell), name="lobby")
        room = await stage.long_room(chance.choice(tuple(JoinApproval)))
        evening = Evening(stage, room, await stage.host_token(room), chance)
        for _ in range(_STEPS):
            stage.clock.advance(1)
            together = [group.create_task(evening.step(), name="step") for _ in range(3)]
            await asyncio.gather(*together)
            bell.ring()
            async with asyncio.timeout(10):
                while not await evening.agreed():
                    await settle()
        assert any(one.resume for one in evening.browsers)
        assert stage.told == []
        following.cancel()
