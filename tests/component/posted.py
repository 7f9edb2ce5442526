"""The outbox of messages alone: what stands is said by the test, in virtual time, over kills."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.facts import Fact
from orchestrator.domain.pages import Page
from orchestrator.domain.policies import DeliverTo, LinkKind
from orchestrator.domain.rooms import HostLink
from orchestrator.engine.messages import Messages
from orchestrator.foundation.problems import Place
from orchestrator.foundation.secret import Secret
from orchestrator.ports.faults import Fault
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.messengers import FakeMessenger
from tests.fakes.store import FakeStore

PLACE = Place("oncall.yaml")


class Brisk(FakeMessenger):
    """A messenger without a limit of its own."""

    spacing = 0.0


def page(name: str) -> Page:
    return Page("pagerduty", name, f"{name:0>16}"[:16], title=f"{name} is down")


def announcement(name: str, stage: Stage = Stage.OPEN, **changes: Any) -> Announcement:
    """Of a page called so, as its engine would tell of it."""
    told = Announcement(
        id=f"p-{name}",
        revision=0,
        stage=stage,
        policy="oncall",
        key=f"oncall/{name}",
        title=f"{name} is down",
        link=f"https://rooms.test/r/oncall/{name}",
        page=page(name),
        room_id=f"room of {name}",
    )
    return replace(told, **changes)


class StandingPages:
    """For `Messages.pages`: what a test says, and what is told always."""

    def __init__(self, posted: Posted, *always: Announcement) -> None:
        self._posted = posted
        self._always = always

    def standing(self) -> list[str]:
        self._posted.standing |= {one.id: one for one in self._always}
        return [*self._posted.standing]

    async def news(self, id_: str) -> list[tuple[DeliverTo, Announcement]]:
        posted = self._posted
        told = posted.standing.get(id_)
        if told is None:
            return []
        return [(DeliverTo(name, PLACE, posted.link), told) for name in posted.fakes]

    def is_over(self, id_: str) -> bool:
        return id_ not in self._posted.standing


class Posted:
    """An outbox on fakes that outlive it."""

    def __init__(self, *fakes: FakeMessenger) -> None:
        self.clock = VirtualClock()
        self.store = FakeStore()
        self.fakes = {fake.name: fake for fake in fakes}
        self.standing: dict[str, Announcement] = {}
        self.link = LinkKind.GUEST
        self.host_fault: Fault | None = None
        self.revealed: list[str] = []
        self._task: asyncio.Task[None] | None = None
        self.messages = self._made()

    def _made(self) -> Messages:
        made = Messages(self.store, dict(self.fakes), self.clock, self._host_link)
        made.pages = StandingPages(self)
        return made

    async def _host_link(self, room_id: str) -> HostLink:
        if self.host_fault is not None:
            raise self.host_fault
        self.revealed.append(room_id)
        return HostLink(room_id, Secret(f"https://meet.test/host?n={len(self.revealed)}"))

    async def start(self) -> None:
        self.messages = self._made()
        await self.messages.recall()
        run = self.messages.run()
        self._task = asyncio.get_running_loop().create_task(run, name="messages")
        await settle()

    async def kill(self) -> None:
        """As SIGKILL would: what it waits for never comes."""
        task, self._task = self._task, None
        assert task is not None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await settle()

    async def end(self) -> None:
        """The test is over; what ended by itself tells why."""
        if self._task is not None:
            if self._task.done():
                self._task.result()
            await self.kill()

    async def stop(self) -> None:
        """End it in order; returns when it has ended."""
        self.messages.stop()
        task, self._task = self._task, None
        assert task is not None
        while not task.done():
            await settle()
            moment = self.clock.next_wakeup()
            if not task.done() and moment is not None:
                self.clock.advance_to(moment)
        task.result()

    async def say(self, *told: Announcement) -> None:
        """This stands from now on."""
        self.standing |= {one.id: one for one in told}
        self.messages.nudge()
        await settle()

    async def pass_(self, seconds: float) -> None:
        await self.clock.run(seconds)

    @property
    def facts(self) -> list[Fact]:
        return [fact for commit in self.store.commits for fact in commit.facts]

    def facts_of(self, event: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.event == event]


@contextlib.asynccontextmanager
async def posted(*fakes: FakeMessenger) -> Any:
    """A running outbox for the length of the block."""
    one = Posted(*fakes)
    await one.start()
    try:
        yield one
    finally:
        await one.end()


def titles(posts: Sequence[Announcement]) -> list[str]:
    return [post.key.partition("/")[2] for post in posts]
