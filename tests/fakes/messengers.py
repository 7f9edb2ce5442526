"""A fake of the messenger port: people who see messages, and a service that fails as it is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestrator.domain.announcements import Announcement
from orchestrator.ports.deliveries import (
    DeliveredInPartError,
    DeliveryFault,
    DeliveryUnansweredError,
)


@dataclass(frozen=True)
class Tried:
    """One call: what it was to tell, by which handle (None: a first message), and which attempt."""

    told: Announcement
    handle: str | None
    attempt: int


@dataclass(frozen=True)
class Lost:
    """The service takes it, and its answer never arrives."""


@dataclass(frozen=True)
class Partly:
    """The service takes it for some, and refuses it for others."""

    why: str = "refuses bert@example.com (550); mend or remove them in `to`"


class FakeMessenger:
    """A messenger in memory.

    Attributes:
        posts: the messages that people see, in the order of their first being sent, each as it is
            shown now.  Two of one announcement's id are a message doubled, or told without edits.
        tries: every call, whatever became of it.
        coming: what becomes of the next calls, one each: a fault is raised and nothing is seen,
            `Lost` is seen and unanswered, `Partly` is seen by some, None succeeds.  After the last
        one all succeed.
        fault: while it is set every call fails by it.
        before: awaited at the start of every call, so that a test can hold one up.
        asks: at a second attempt it looks for what an earlier one left, and makes no second.
        closed: how often it was closed.
    """

    def __init__(self, name: str = "incidents", *, edits: bool = True, asks: bool = True) -> None:
        self.posts: list[Announcement] = []
        self.tries: list[Tried] = []
        self.coming: deque[DeliveryFault | Lost | Partly | None] = deque()
        self.fault: DeliveryFault | None = None
        self.before: Callable[[], Awaitable[None]] | None = None
        self.asks = asks
        self.closed = 0
        self._name = name
        self._edits = edits

    @property
    def name(self) -> str:
        return self._name

    @property
    def edits(self) -> bool:
        return self._edits

    async def send(self, told: Announcement, attempt: int) -> str:
        self.tries.append(Tried(told, None, attempt))
        fate = await self._fate()
        there = [at for at, post in enumerate(self.posts) if post.id == told.id]
        if self.asks and attempt > 1 and there:
            at = there[0]
            self.posts[at] = told
        else:
            at = len(self.posts)
            self.posts.append(told)
        return _answered(fate, f"post-{at}")

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        self.tries.append(Tried(told, handle, attempt))
        fate = await self._fate()
        if not self._edits:
            self.posts.append(told)
        else:
            self.posts[int(handle.removeprefix("post-"))] = told
        return _answered(fate, handle)

    async def check(self) -> str:
        if self.fault is not None:
            raise self.fault
        return "in order"

    async def close(self) -> None:
        self.closed += 1

    async def _fate(self) -> Lost | Partly | None:
        """What becomes of what is seen; raises what the call fails by."""
        if self.before is not None:
            await self.before()
        if self.fault is not None:
            raise self.fault
        fate = self.coming.popleft() if self.coming else None
        if isinstance(fate, DeliveryFault):
            raise fate
        return fate


def _answered(fate: Lost | Partly | None, handle: str) -> str:
    match fate:
        case Lost():
            raise DeliveryUnansweredError("the connection broke before an answer came")
        case Partly(why=why):
            raise DeliveredInPartError(why, handle)
        case None:
            return handle
