"""The inbox: keys that want to be looked at. A trigger carries a key and a cause, never a story.

Waking a key twice before its turn is waking it once; a key that is being worked on and is woken
meanwhile gets another turn afterwards.  Lost or doubled triggers cost latency, not correctness.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from orchestrator.domain.keys import Key

# Rounds of the event loop from the end of a page's turn to the first call for its message.
_LINGER: Final = 16
_AT_ONCE: Final = 0.1  # seconds within which keys count as woken at the same moment


class Lane(IntEnum):
    """Which keys go first.

    `PAGE` overtakes everything: responders wait. `PERMIT` is for what brakes judge: it is served
    only while nothing else waits or is worked on, so that a batch of removals and replacements is
    always judged as a whole.
    """

    NORMAL = 0
    PERMIT = 1
    PAGE = 2


class Hurry:
    """Whether a page is being worked on at this moment: then no other turn begins or goes on.

    It is the event loop that a page must not wait for, step after step of ten thousand renewals.
    While a page waits for the API the others work; and when its turn is over it presses for some
    rounds of the loop more, because what follows from it (its message) is a page's work as well.
    """

    def __init__(self) -> None:
        """Begin at leisure."""
        self._pages = 0
        self._lingering = 0  # rounds of the loop
        self._waiting: list[asyncio.Future[None]] = []
        self.over: Callable[[], None] = lambda: None
        """Called when no page presses any more."""

    @property
    def presses(self) -> bool:
        """A page is being worked on, or was a moment ago."""
        return self._pages > 0 or self._lingering > 0

    @contextmanager
    def on(self, *, page: bool = True) -> Iterator[None]:
        """A page is worked on for the length of the block, if it is one."""
        self._count(page)
        try:
            yield
        finally:
            self._count(-page)

    @contextmanager
    def off(self, *, page: bool) -> Iterator[None]:
        """Within `on`: it waits for somebody else for the length of the block."""
        self._count(-page)
        try:
            yield
        finally:
            self._count(page)

    async def calm(self) -> None:
        """Wait while a page presses: for the end of one at most, so that a storm stops nobody."""
        if self.presses:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def _count(self, by: int) -> None:
        self._pages += by
        if by < 0:
            if not self._lingering:
                asyncio.get_running_loop().call_soon(self._linger)
            self._lingering = _LINGER

    def _linger(self) -> None:
        self._lingering -= 1
        if self._lingering:
            asyncio.get_running_loop().call_soon(self._linger)
            return
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
        if not self._pages:
            self.over()


class Breath:
    """Lets everything else that is ready in the event loop have its turn, once."""

    def __await__(self) -> Generator[None]:
        yield


@dataclass(frozen=True, slots=True)
class _Woken:
    cause: str
    at: float  # monotonic seconds


class Inbox:
    """Keys to be worked on, each at most once at a time."""

    def __init__(self) -> None:
        """Begin empty."""
        self._waiting: dict[Lane, OrderedDict[Key, _Woken]] = {lane: OrderedDict() for lane in Lane}
        self._busy: dict[Key, Lane] = {}
        self._again: dict[Key, tuple[Lane, str]] = {}
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self.hurry = Hurry()
        self.hurry.over = self._changed.set
        self.is_urgent: Callable[[Key], bool] = lambda _: False
        """Whether a key is a page's, whoever wakes it; set by whoever knows."""
        self.moment: Callable[[], float] = lambda: 0.0
        """Monotonic seconds, by which it is told how long keys wait; set by whoever has a clock."""
        self._woken = _Woken("", 0.0)

    def close(self) -> None:
        """Give out no more keys; what waits is found again at the next start."""
        self._closed = True
        self._changed.set()

    def wake(self, key: Key, cause: str, lane: Lane = Lane.NORMAL) -> None:
        """Ask for a turn for a key; `cause` says what woke it, the first cause stands."""
        # A page's turn may ask for the permit for all: it would get it in no lane that overtakes.
        if lane is not Lane.PERMIT and self.is_urgent(key):
            lane = Lane.PAGE
        if key in self._busy:
            # Its turn may have read what has just changed, or not: only another turn is sure.
            before, first = self._again.get(key, (lane, cause))
            self._again[key] = (lane if lane is Lane.PAGE else before, first)
            return
        if lane is Lane.PERMIT and (
            key in self._waiting[Lane.NORMAL] or key in self._waiting[Lane.PAGE]
        ):
            return  # that turn will ask for the permit again, if it still needs one
        if lane is not Lane.PERMIT:
            self._waiting[Lane.PERMIT].pop(key, None)
        if lane is Lane.PAGE:
            self._waiting[Lane.NORMAL].pop(key, None)
        self._waiting[lane].setdefault(key, self._woken_by(cause))
        self._idle.clear()
        self._changed.set()

    def _woken_by(self, cause: str) -> _Woken:
        """Ten thousand keys that one listing wakes share one of these."""
        now = self.moment()
        if self._woken.cause != cause or now - self._woken.at > _AT_ONCE:
            self._woken = _Woken(cause, now)
        return self._woken

    def line_up(self, keys: Iterable[Key]) -> None:
        """Let these, as far as they wait, come in this order, after all others of their lane."""
        normal = self._waiting[Lane.NORMAL]
        for key in keys:
            if key in normal:
                normal.move_to_end(key)

    async def take(
        self, *, kept: bool = False, patient: bool = True
    ) -> tuple[Key, str, Lane] | None:
        """The next key, once there is one that may be worked on; `done` must follow.

        None once the inbox is closed. Whoever is ``kept`` for pages is given nothing else; whoever
        is not ``patient`` begins other turns also while a page presses, so that no storm of pages
        keeps all others from their rooms.
        """
        # A turn that finds nothing to do waits for nothing: without this breath ten thousand of
        # them would go before an answer that has come, and before the turn of the one changed key.
        await Breath()
        while not self._closed:
            taken = self._next(kept=kept or (patient and self.hurry.presses))
            if taken is not None:
                return taken
            self._changed.clear()
            await self._changed.wait()
        return None

    def _next(self, *, kept: bool) -> tuple[Key, str, Lane] | None:
        page, normal = self._waiting[Lane.PAGE], self._waiting[Lane.NORMAL]
        permit = self._waiting[Lane.PERMIT]
        if page:
            key, woken = page.popitem(last=False)
            return self._begin(key, woken.cause, Lane.PAGE)
        if kept:
            return None
        if normal:
            key, woken = normal.popitem(last=False)
            return self._begin(key, woken.cause, Lane.NORMAL)
        if permit and Lane.NORMAL not in self._busy.values():
            key, woken = permit.popitem(last=False)
            return self._begin(key, woken.cause, Lane.PERMIT)
        return None

    def _begin(self, key: Key, cause: str, lane: Lane) -> tuple[Key, str, Lane]:
        self._busy[key] = lane
        return key, cause, lane

    def done(self, key: Key) -> None:
        """A turn is over; if the key was woken meanwhile it waits for another."""
        self._busy.pop(key, None)
        again = self._again.pop(key, None)
        if again is not None:
            self.wake(key, again[1], again[0])
        self._changed.set()
        if self.empty:
            self._idle.set()

    @property
    def empty(self) -> bool:
        """Nothing waits and nothing is worked on."""
        return not self._busy and not any(self._waiting.values())

    @property
    def depth(self) -> int:
        """How many keys wait or are worked on."""
        return len(self._busy) + sum(len(lane) for lane in self._waiting.values())

    @property
    def depths(self) -> dict[Lane, int]:
        """How many keys wait or are worked on, by lane."""
        counts = {lane: len(waiting) for lane, waiting in self._waiting.items()}
        for lane in self._busy.values():
            counts[lane] += 1
        return counts

    @property
    def longest_wait(self) -> float:
        """For how many seconds the key has waited whose turn comes next; the worst of the lanes."""
        firsts = (next(iter(lane.values()), None) for lane in self._waiting.values())
        now = self.moment()
        return max((now - woken.at for woken in firsts if woken is not None), default=0.0)

    @property
    def stalled(self) -> bool:
        """A key waits though nobody is at work: for an instant lawful, for longer never."""
        return not self._busy and not self._closed and any(self._waiting.values())

    async def idle(self) -> None:
        """Return when nothing waits and nothing is worked on."""
        await self._idle.wait()
