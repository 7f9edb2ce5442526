"""Whatever stands, fails and is killed: no link is told twice as new, and the last state is told.

Three kinds of destination: one whose messages can be found again and changed, one that drops what
bears a number that it knows, and one that only takes further messages but can be asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryUnansweredError,
)
from orchestrator.ports.store import Commit
from tests.component.posted import Brisk, Posted, announcement
from tests.effort import costly
from tests.fakes.clock import settle, turn
from tests.fakes.messengers import Lost

_STAGES: Final = (Stage.WAITING, Stage.OPEN, Stage.FALLBACK, Stage.IDLE)


@dataclass(frozen=True)
class Say:
    """This stands of a page now; None: it is over."""

    name: str
    stage: Stage | None
    note: str


@dataclass(frozen=True)
class Fail:
    """What becomes of the next call."""

    lost: bool
    retry_after: float | None


@dataclass(frozen=True)
class Die:
    """SIGKILL at the next so many-th await of the outbox on something else, or after a while."""

    at: int
    seconds: float


@dataclass(frozen=True)
class Pass:
    """Time."""

    seconds: float


Event = Say | Fail | Die | Pass
_SAYS: Final = st.builds(
    Say, st.sampled_from("ab"), st.sampled_from([*_STAGES, None]), st.sampled_from("xy")
)
_FAILS: Final = st.builds(Fail, st.booleans(), st.sampled_from([None, 3.0]))
_DEATHS: Final = st.builds(Die, st.integers(0, 7), st.sampled_from([0.0, 2.0]))
_LENGTHS: Final = st.builds(Pass, st.sampled_from([0.1, 1.5, 40.0]))
HISTORIES: Final = st.lists(st.one_of(_SAYS, _FAILS, _DEATHS, _LENGTHS, _SAYS), max_size=25)


class Doomed:
    """Counts awaits, and lets one of them never return."""

    def __init__(self) -> None:
        self.left: int | None = None

    async def await_(self) -> None:
        await turn()  # whatever else is ready runs meanwhile
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                await asyncio.Event().wait()

    async def commit(self, _: Commit) -> None:
        await self.await_()


class Editing(Brisk):
    """Finds its messages again, and may die after a message was taken."""

    doomed: Doomed

    async def send(self, told: Announcement, attempt: int) -> str:
        handle = await super().send(told, attempt)
        await self.doomed.await_()
        return handle

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        handle = await super().change(told, handle, attempt)
        await self.doomed.await_()
        return handle


class Dropping(Editing):
    """A receiver that drops what bears a number that it knows, as of Standard Webhooks."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.taken: dict[str, dict[int, Announcement]] = {}

    async def send(self, told: Announcement, attempt: int) -> str:
        return await self._take(told, attempt)

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        return await self._take(told, attempt)

    async def _take(self, told: Announcement, attempt: int) -> str:
        del attempt
        lost = await self._fate()
        self.taken.setdefault(told.id, {}).setdefault(told.revision, told)
        await self.doomed.await_()
        if lost:
            raise DeliveryUnansweredError("no answer")
        return ""


class Life:
    """One history."""

    def __init__(self) -> None:
        self.doomed = Doomed()
        self.editing = Editing("editing")
        self.dropping = Dropping("dropping")
        self.adding = Editing("adding", edits=False)
        self.fakes = (self.editing, self.dropping, self.adding)
        for fake in self.fakes:
            fake.doomed = self.doomed
            fake.before = self.doomed.await_
        self.one = Posted(*self.fakes)
        self.one.store.before = self.doomed.commit
        self.one.store.after = self.doomed.commit
        self.episodes: Counter[str] = Counter()

    async def live(self, history: list[Event]) -> None:
        await self.one.start()
        for event in history:
            await self._meet(event)
        for fake in self.fakes:
            fake.coming.clear()
        await self.one.pass_(3600)
        await self.one.end()

    async def _meet(self, event: Event) -> None:
        match event:
            case Say():
                await self._say(event)
            case Fail(lost, retry_after):
                fault = DeliveryFault("503", retry_after)
                for fake in self.fakes:
                    fake.coming.append(Lost() if lost else fault)
            case Pass(seconds):
                await self.one.pass_(seconds)
            case Die(at, seconds):
                self.doomed.left = at
                await self.one.pass_(seconds)
                await self.one.kill()
                self.doomed.left = None
                await self.one.start()

    async def _say(self, event: Say) -> None:
        name = f"{event.name}{self.episodes[event.name]}"
        if event.stage is None:
            was = self.one.standing.get(f"p-{name}")
            if was is not None:
                self.episodes[event.name] += 1
                await self.one.say(replace(was, stage=Stage.CLOSED))
            return
        await self.one.say(announcement(name, event.stage, note=event.note))


def seen(told: Announcement) -> tuple[Stage, str]:
    return told.stage, told.note


def check(life: Life) -> None:
    standing = life.one.standing
    shown = Counter(post.id for post in life.editing.posts)
    assert all(count == 1 for count in shown.values()), "a link was told twice as new"
    for post in life.editing.posts:
        assert seen(post) == seen(standing[post.id])
    for told in standing.values():
        over = told.stage is Stage.CLOSED
        assert over or shown[told.id], "a link that stands was not told"
        taken = life.dropping.taken.get(told.id, {})
        assert over or taken
        if taken:
            assert seen(taken[max(taken)]) == seen(told)
        posts = [post for post in life.adding.posts if post.id == told.id]
        firsts = [post for post in posts if post.stage is not Stage.CLOSED]
        assert len(firsts) <= 1
        assert len(posts) - len(firsts) <= 1
        assert over or firsts


@costly
@example(
    [
        Say("a", Stage.OPEN, "x"),
        Fail(lost=True, retry_after=None),
        Say("a", Stage.WAITING, "x"),  # taken, and not answered
        Say("a", Stage.OPEN, "x"),  # as it was told last
    ]
)
@given(HISTORIES)
def test_no_link_is_told_twice_as_new_and_the_last_state_is_told(history: list[Event]) -> None:
    """P6, at the end of the line: over faults, lost answers and kills at every await."""
    life = Life()
    with asyncio.Runner() as runner:
        runner.run(life.live(history))
    check(life)


def test_the_oracle_sees_a_doubled_message() -> None:
    """A check that cannot fail shows nothing."""
    life = Life()
    told = announcement("a0")
    life.one.standing[told.id] = told
    life.editing.posts.extend([told, told])
    try:
        check(life)
    except AssertionError as error:
        assert "twice" in str(error)  # noqa: PT017
    else:
        raise AssertionError("it was not seen")


async def test_a_history_of_old() -> None:
    """Closed while the first try was under way."""
    life = Life()
    await life.live(
        [Fail(lost=True, retry_after=None), Say("a", Stage.OPEN, "x"), Say("a", None, "x")]
    )
    await settle()
    check(life)
