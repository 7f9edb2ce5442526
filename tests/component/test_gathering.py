"""What one plan is gathered from, where the clock goes on between two readings of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.adapters.calendar import CronCalendar
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState, Operation, OperationKind
from orchestrator.domain.rooms import Observed
from orchestrator.domain.situation import Pending
from orchestrator.engine.book import Book
from orchestrator.engine.gathering import Gathering
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.ports.rooms import RoomListing
from orchestrator.ports.store import Commit
from tests.builders import desired, observed
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


async def test_p01_a_listing_that_lacks_what_was_just_shown_proves_nothing() -> None:
    """An unanswered create was shown, and a listing of a moment later lacks it: it may be old."""
    clock, store = VirtualClock(), FakeStore()
    rooms = FakeRooms(clock)
    settings = EngineSettings("acme", "https://meetings.test", Mode.ENFORCE, SETTLE)
    observations = Observations("acme")
    gathering = Gathering(store, rooms, observations, CronCalendar(), clock, settings)
    begun = clock.now()
    operation = Operation(
        "fakefake-0123456789abcdef", KEY, OperationKind.CREATE, 1, None, "asked", "test", begun
    )
    state = KeyState(KEY, generation=1)
    await store.commit(Commit(states=(state,), operations=(operation,)), clock.now())
    book = Book(wishes={KEY: desired()})
    room = replace(
        observed(), metadata=write_metadata("", new_marker("acme", KEY, 1, operation.id))
    )

    def list_(*shown: Observed) -> None:
        began = clock.monotonic()
        listing = RoomListing(shown, pages=(), complete=True)
        observations.walked(listing, None, began, clock.now())
        observations.absent(listing, began, clock.now())
        observations.listed = True

    async def pending() -> Pending:
        made = await gathering.situation(KEY, state, book)
        assert made is not None
        assert made.pending is not None
        return made.pending

    clock.advance(SETTLE.total_seconds() + 1)
    list_(room)
    assert (await pending()).found == room
    clock.advance(1)
    list_()
    assert (await pending()).found is None
    assert not (await pending()).looked
    clock.advance(SETTLE.total_seconds())
    list_()
    assert (await pending()).looked, "it was shown for the last time a minute ago, and is gone"
