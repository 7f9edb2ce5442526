"""What is long over is forgotten once a week, and nothing that anybody still needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.policies.adopted import AdoptedFile
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import parse_key
from orchestrator.domain.records import Operation, OperationKind, OperationState
from orchestrator.engine.messages import Messages
from orchestrator.ports.store import Commit, Pruned, StoreFault
from tests.component.world import World, alive, running

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YEARS_AGO = timedelta(days=900)


async def remember(world: World, *, facts: int = 3) -> None:
    """Operations and facts of years ago, in a store that was used then."""
    then = world.clock.now() - YEARS_AGO
    old = Operation(
        id="fakefake-old",
        key=parse_key("team-rooms/checkout"),
        kind=OperationKind.RENEW,
        generation=1,
        room_id="r-old",
        reason="due",
        cause="agenda",
        started_at=then,
        state=OperationState.DONE,
    )
    waiting = replace(old, id="fakefake-open", state=OperationState.OPEN)
    await world.store.commit(
        Commit(operations=(old, waiting), facts=[Fact("room.renewed")] * facts), then
    )


async def facts_left(world: World) -> list[int]:
    return [fact.seq for fact in await world.store.facts(0, 10_000)]


async def test_what_is_over_is_forgotten_within_a_day() -> None:
    """And the rooms' own operations, which their markers name, are not, nor what is open."""
    world = World()
    await remember(world)
    async with alive(world):
        assert (await facts_left(world))[0] == 1
        await world.pass_(2 * HOUR)
        left = await facts_left(world)
        assert left[0] == 4
        assert await world.store.operation("fakefake-old") is None
        for state in await world.store.states():
            assert state.current is not None
            assert await world.store.operation(state.current.operation) is not None


async def test_nothing_is_forgotten_before_the_api_told_the_time() -> None:
    """A machine that wakes in another century would forget all that it ever knew."""
    world = World()
    world.fake.down = True
    await remember(world)
    async with alive(world):
        await world.pass_(2 * HOUR)
        assert (await facts_left(world))[0] == 1
        world.fake.down = False
        await world.pass_(2 * HOUR)  # not a day later
        assert (await facts_left(world))[0] == 4


async def test_a_clock_that_is_ahead_makes_nothing_old() -> None:
    """The API's time counts where it is the earlier one."""
    async with running() as world:
        first = await facts_left(world)
        world.clock.advance(YEARS_AGO.total_seconds())
        world.fake.skew = -YEARS_AGO.total_seconds()
        pruned = await world.engine.retention.forget()
        assert pruned is not None
        assert pruned.facts == 0
        assert await facts_left(world) == first


async def test_what_the_log_has_not_taken_stays() -> None:
    """However old; it goes once it is written."""
    world = World()
    world.audit.fail(*[0] * 10_000)
    await remember(world)
    async with alive(world):
        await world.pass_(2 * HOUR)
        assert (await facts_left(world))[0] == 1
        world.audit.heal()
        await world.pass_(7 * DAY)
        assert (await facts_left(world))[0] == 4


async def test_what_the_messages_have_not_looked_at_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would never tell of it."""
    world = World()
    await remember(world)
    async with alive(world):
        monkeypatch.setattr(Messages, "taken", 2)
        await world.pass_(2 * HOUR)
        assert (await facts_left(world))[0] == 2


async def test_what_is_entered_among_the_adopted_is_taken_first(tmp_path: Path) -> None:
    """Who keeps a list of adoptions reads facts as well."""
    world = World(adoptions=AdoptedFile(tmp_path / "adopted.yaml"))
    await remember(world)
    async with alive(world):
        assert world.engine.outbox.taken > 3
        await world.pass_(2 * HOUR)
        assert (await facts_left(world))[0] == 4


async def test_the_last_fact_of_all_stays() -> None:
    """It is the one that the log ends with: without it a store is taken for an older copy."""
    async with running() as world:
        await world.pass_(timedelta(minutes=5))
        head = (await world.audit.head()).seq
        world.clock.advance(500 * DAY.total_seconds())
        await world.engine.retention.forget()
        assert await facts_left(world) == [head]


async def test_a_store_that_cannot_forget_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again."""
    world = World()
    await remember(world)
    prune, failures = world.store.prune, [StoreFault("the disk is full")]

    async def failing(before: datetime, taken: int) -> Pruned:
        if failures:
            raise failures.pop()
        return await prune(before, taken)

    monkeypatch.setattr(world.store, "prune", failing)
    async with alive(world):
        await world.pass_(3 * HOUR)
        assert not world.over
        assert (await facts_left(world))[0] == 4
