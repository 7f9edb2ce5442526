"""`observe` on an estate of 300 rooms: it looks and does nothing; then twelve are adopted."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.policies import Mode
from orchestrator.meetings_server.model.rooms import Room
from tests.component.served import ServedWorld, served
from tests.component.world import ANNA, policy

TEAMS = [f"team-{number:02}" for number in range(40)]
ESTATE = {"team-rooms.yaml": policy(subjects=TEAMS, removal={"mode": "delete", "grace": "60s"})}
DAY = timedelta(days=1)


async def estate(world: ServedWorld) -> dict[str, str]:
    """300 rooms made by hand, the first twelve called as a policy wants its rooms; ids by name."""
    rooms: dict[str, str] = {}
    for number in range(300):
        name = f"Team-{number:02} room" if number < 12 else f"Meeting {number}"
        rooms[name] = await world.make_by_hand(name)
    return rooms


async def table(world: ServedWorld) -> dict[str, Room]:
    return {room.names.id: room for room in await world.table()}


async def test_p03_an_estate_is_observed_adopted_and_otherwise_left_alone() -> None:
    """Nothing but GET; what it would do is planned; enforcing touches none of the other 288."""
    async with served(policies=ESTATE, mode=Mode.OBSERVE) as world:
        rooms = await estate(world)
        before = await table(world)
        await world.start()
        await world.pass_(DAY)
        plan = await world.desk.plan()
        assert set(world.wire.methods) == {"GET"}
        assert await table(world) == before
        assert plan.lines == ()
        assert plan.foreign == 300
        assert sorted(line.held_by for line in plan.held) == ["look-alike"] * 12 + ["mode"] * 28
        assert {line.action for line in plan.held} == {"create"}
        assert world.audit.events.count("act.withheld") == 40

        adopted = {name: rooms[name] for name in list(rooms)[:12]}
        for number, room_id in enumerate(adopted.values()):
            await world.desk.adopt(room_id, f"team-rooms/team-{number:02}", ANNA)
        await world.pass_(DAY)
        assert set(world.wire.methods) == {"GET"}
        await world.crash()

        world.mode = Mode.ENFORCE
        await world.start()
        await world.pass_(3 * DAY)
        after = await table(world)
        foreign = before.keys() - set(adopted.values())
        assert len(foreign) == 288
        assert {room_id: after[room_id] for room_id in foreign} == {
            room_id: before[room_id] for room_id in foreign
        }
        assert not {sent.room_id for sent in world.wire.changes} & foreign
        assert [sent.method for sent in world.wire.changes] == ["POST"] * 28
        assert len(after) == 328
        for number, room_id in enumerate(adopted.values()):
            room = await world.room(f"team-rooms/team-{number:02}")
            assert (room.id, room.adopted) == (room_id, True)

        await world.edit({"team-rooms.yaml": None})
        await world.pass_(DAY)
        assert (await table(world)).keys() == foreign
