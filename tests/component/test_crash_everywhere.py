"""The daemon dies at every commit and every call of a day's work; the next life puts it right.

Each scenario is run once to count its steps, and then once for each step: the process ends there,
before or after the commit or the call, and a new engine starts on the same store and API.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.records import Role
from tests.component.world import OWNER, World, policy
from tests.fakes.rooms import Fate

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
GONE = {"mode": "delete", "grace": "60s"}


class Crash(BaseException):
    """The process ends here."""


class Death:
    """Ends a life at its n-th step; nothing that it does afterwards happens."""

    def __init__(self, world: World, at: int | None) -> None:
        self.world = world
        self.at = at
        self.steps = 0
        self.over = False
        world.store.before = world.store.after = self.step
        world.fake.before = world.fake.after = self.step

    async def step(self, _: Any) -> None:
        if self.over:
            raise Crash
        self.steps += 1
        if self.steps == self.at:
            self.over = True
            raise Crash

    async def burial(self) -> None:
        """Let the dead life's tasks go, then let the world live on."""
        await self.world.crash()
        self.world.store.before = self.world.store.after = _live
        self.world.fake.before = self.world.fake.after = _live


async def _live(_: Any) -> None:
    return None


async def create_two(world: World) -> None:
    """From nothing to two rooms."""
    await world.start()


async def change_settings(world: World) -> None:
    """A setting and a lifetime change."""
    await world.edit(
        {"team-rooms.yaml": policy(room={"lifetime": "90d", "ui_settings": {"language": "de"}})}
    )


async def replace_one(world: World) -> None:
    """Another name, at once, and the old room ends after its overlap."""
    teams = [{"slug": "checkout", "name": "Till"}, "search"]
    how = {"mode": "now", "overlap": "5m"}
    await world.edit({"team-rooms.yaml": policy(subjects=teams, replace=how)})
    await world.pass_(10 * MINUTE)


async def remove_one(world: World) -> None:
    """A subject goes; a minute later its room is deleted."""
    await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=GONE)})
    await world.pass_(5 * MINUTE)


async def retire_one(world: World) -> None:
    """The same where nobody knows who is inside."""
    world.fake.tells_sessions = False
    await remove_one(world)


async def rename_all(world: World) -> None:
    """The policy gets another name."""
    text = policy("squads", formerly=["team-rooms"])
    await world.edit({"team-rooms.yaml": None, "squads.yaml": text})


async def lose_one(world: World) -> None:
    """A room vanishes and is made anew."""
    world.fake.vanish(world.alive[0].id)
    await world.pass_(2 * HOUR)


async def lose_answers(world: World) -> None:
    """Two creates without an answer, one of them carried out."""
    world.fake.script("create_room", Fate.ACT_THEN_DROP, Fate.LOST)
    await world.edit({"team-rooms.yaml": policy(subjects=["checkout", "search", "fraud", "risk"])})
    await world.pass_(10 * MINUTE)


async def meet(world: World) -> None:
    """A room opens by a schedule, its end is moved on for those inside, and it ends."""
    document = {
        "version": 1,
        "name": "meeting",
        "on_schedule": {
            "cron": "30 9 * * MON",
            "timezone": "UTC",
            "duration": "20m",
            "stay": "10m",
        },
        "room": {"type": "long_term", "display_name": "Meeting"},
        "deliver": [{"to": "rooms-json"}],
    }
    await world.edit({"meeting.yaml": json.dumps(document).encode()})
    await world.pass_(32 * MINUTE)
    for room in world.alive:
        if room.display_name == "Meeting":
            world.fake.join(room.id)
    await world.pass_(40 * MINUTE)
    see_out(world)
    await world.pass_(HOUR)


def see_out(world: World) -> None:
    """Whoever is inside anywhere leaves."""
    for room in world.fake.rooms:
        if world.fake.people(room.id):
            world.fake.leave(room.id)


Scenario = Callable[[World], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {
    "create": create_two,
    "change": change_settings,
    "replace": replace_one,
    "remove": remove_one,
    "retire": retire_one,
    "rename": rename_all,
    "lose": lose_one,
    "lose-answers": lose_answers,
    "meet": meet,
}


async def promises_hold(world: World) -> None:
    """P1, P2 and P8, by the API's own table and the store."""
    states = await world.store.states()
    remembered = {room.id: room for state in states for room in state.rooms}
    marked = [room for room in world.alive if room.marked_by(OWNER) is not None]
    # P1 and nothing orphaned: every living room of ours is remembered, one current a key.
    assert {room.id for room in marked} == remembered.keys()
    current = [room for room in remembered.values() if room.role is Role.CURRENT]
    wished = world.engine.reconciler.book.wishes
    assert len(current) == len(wished) == len(marked)
    # P2: every mutating call has its operation, and none is left open.
    assert await world.store.open_operations() == []
    operations = {
        fact.operation for commit in world.store.commits for fact in commit.facts if fact.operation
    }
    made = {marker.operation for room in marked if (marker := room.marked_by(OWNER))}
    assert made <= operations
    # What was given out is what stands.
    assert {room.room_id for room in world.destination.shown} == remembered.keys()
    # The audit has every fact once, in order.
    seqs = [recorded.seq for recorded in world.audit.written]
    assert seqs == list(range(1, world.facts_so_far + 1))
    # P8
    world.mark()
    await world.pass_(2 * HOUR)
    assert set(world.calls) <= {"list_rooms", "list_sessions"}


async def live(name: str, at: int | None) -> int:
    """Run a scenario, with a death at a step or without one; the number of its steps."""
    scenario = SCENARIOS[name]
    world = World({"team-rooms.yaml": policy(removal=GONE)})
    if scenario is not create_two:
        await world.start()
    death = Death(world, at)
    try:
        await scenario(world)
    except Crash:
        assert death.over
    steps = death.steps
    await death.burial()
    see_out(world)
    await world.start()
    await world.pass_(3 * HOUR)
    try:
        await promises_hold(world)
    except AssertionError as error:
        message = f"{name}, death at step {at}: {error}"
        raise AssertionError(message) from error
    await world.end()
    return steps


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.timeout(120)
async def test_p01_p02_p08_hold_wherever_it_dies(name: str) -> None:
    """Every step of the scenario is the last one once."""
    steps = await live(name, None)
    assert steps > 4
    for at in range(1, steps + 1):
        await live(name, at)
