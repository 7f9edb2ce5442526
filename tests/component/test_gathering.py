"""What one plan is gathered from, where the clock goes on between two readings of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.domain.keys import Key
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState, Operation, OperationKind
from orchestrator.engine.book import Book
from orchestrator.engine.gathering import Gathering
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.ports.store import Commit
from tests.builders import desired
from tests.fakes.clock import VirtualClock
from tests.fakes.rooms import FakeRooms
from tests.fakes.store import FakeStore

KEY = Key("team-rooms", "checkout")
SETTLE = timedelta(seconds=60)


class RestlessClock(VirtualClock):
    """As real clocks do, it shows a later time at every look."""

    def now(self) -> datetime:
        self.advance(0.000_05)
        return super().now()

    def monotonic(self) -> float:
        self.advance(0.000_05)
        return super().monotonic()


async def test_an_unanswered_create_has_settled_when_its_time_is_over() -> None:
    """The end of settling is not pushed on by each look at the clock, or it would never come."""
    clock, store = RestlessClock(), FakeStore()
    rooms = FakeRooms(clock)
    settings = EngineSettings("acme", "https://meetings.test", Mode.ENFORCE, SETTLE)
    observations = Observations("acme")
    gathering = Gathering(store, rooms, observations, CronCalendar(), clock, settings)
    operation = Operation(
        "fakefake-0123456789abcdef",
        KEY,
        OperationKind.CREATE,
        1,
        None,
        "asked",
        "test",
        clock.now(),
    )
    state = KeyState(KEY, generation=1)
    await store.commit(Commit(states=(state,), operations=(operation,)), clock.now())
    book = Book(wishes={KEY: desired()})

    async def has_settled() -> bool:
        made = await gathering.situation(KEY, state, book)
        assert made is not None
        assert made.pending is not None
        assert made.pending.until is not None
        return made.pending.until <= made.now

    assert not await has_settled()
    clock.advance(SETTLE.total_seconds() - 1)
    assert not await has_settled()
    clock.advance(1)
    assert await has_settled()
