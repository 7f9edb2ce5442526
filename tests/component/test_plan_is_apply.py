"""What `plan` says is what `apply` does: each line with a call is one request at the server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from orchestrator.domain.keys import key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.records import Operation, OperationKind, OperationState
from orchestrator.domain.reports import PlanLine
from orchestrator.ports.store import Commit
from tests.component.served import Sent, ServedWorld, served
from tests.component.world import ANNA, OWNER, policy
from tests.meetings import settings

DAY = timedelta(days=1)


async def every_kind(world: ServedWorld) -> None:
    """Bring about a state whose plan holds an action of every kind that a pass can find."""
    await world.start()
    soon = {"mode": "delete", "grace": "2d"}
    await world.edit(
        {
            "ends.yaml": policy("ends", ["a", "b"], removal=soon),
            "lets-go.yaml": policy("lets-go", ["c"], removal={"grace": "2d"}),
            "buries.yaml": policy("buries", ["d"], removal={"mode": "delete", "grace": "9d"}),
            "restores.yaml": policy("restores", ["e"], removal={"grace": "9d"}),
            "changes.yaml": policy("changes", ["f", "g", "h"], replace="now"),
            "moves.yaml": policy("moves", ["i"]),
        }
    )
    await world.edit({"ends.yaml": None, "lets-go.yaml": None, "restores.yaml": None})
    await world.pass_(timedelta(hours=47))
    await world.crash()
    # While the daemon is away the graces end and the files change.
    world.clock.advance(timedelta(hours=2).total_seconds())
    restored = policy("restores", ["e"], removal={"grace": "9d"})
    changed = policy(
        "changes",
        ["f", {"slug": "g", "name": "Other"}, "h"],
        replace="now",
        room={"lifetime": "90d", "ui_settings": {"language": "de"}},
    )
    moved = policy("squads", ["i"], formerly=["moves"])
    world.sources.policies |= {
        "restores.yaml": restored,
        "changes.yaml": changed,
        "squads.yaml": moved,
        "creates.yaml": policy("creates", ["j", "k"]),
    }
    # A room of ours that was taken for lost, and is there again.
    marker = new_marker(OWNER, key("creates", "k"), 1, "fakefake-0123456789abcdef")
    found = await world.make_by_hand("K room", metadata=write_metadata("", marker))
    operation = Operation(
        marker.operation,
        key("creates", "k"),
        OperationKind.CREATE,
        1,
        found,
        "",
        "",
        world.clock.now(),
        state=OperationState.DONE,
    )
    await world.store.commit(Commit(operations=[operation]), world.clock.now())
    del world.sources.policies["buries.yaml"], world.sources.policies["moves.yaml"]


def planned(lines: Iterable[PlanLine]) -> list[tuple[str, str]]:
    return sorted(
        (line.calls, line.room_id if line.calls != "POST" else line.display_name)
        for line in lines
        if line.calls
    )


def done(log: list[Sent]) -> list[tuple[str, str]]:
    return sorted(
        (sent.method, sent.room_id if sent.method != "POST" else str(sent.body["display_name"]))
        for sent in log
    )


@pytest.mark.parametrize("strict_v1", [False, True], ids=["deletes", "retires"])
async def test_the_requests_are_the_lines_of_the_plan(strict_v1: bool) -> None:
    """Line by line; and the second plan has none."""
    async with served(settings(strict_v1=strict_v1)) as world:
        if strict_v1:
            # This API was asked before whether it deletes.
            await world.start()
            gone = policy("first", ["z"], removal={"mode": "delete", "grace": "60s"})
            await world.edit({"first.yaml": gone})
            await world.edit({"first.yaml": None})
            await world.pass_(DAY)
            await world.crash()
        await every_kind(world)
        before = len(world.wire.log)
        engine, desk = world.offline()
        await engine.look()
        plan = await desk.plan()
        ends = "retire" if strict_v1 else "delete"
        assert {line.action for line in plan.lines} == {
            *(ends, "let-go", "bury", "restore", "move", "adopt"),
            *("create", "renew", "update", "replace"),
        }
        assert not any(sent.method != "GET" for sent in world.wire.log[before:])
        engine, desk = world.offline()
        await engine.prepare()
        report = await desk.apply(ANNA)
        log = [sent for sent in world.wire.log[before:] if sent.method != "GET"]
        assert done(log) == planned(plan.lines)
        assert report.calls == len(log)
        assert report.left.lines == ()
        await engine.carry_out()

        engine, desk = world.offline()
        await engine.look()
        second = await desk.plan()
        assert second.lines == ()
        assert not second.pending
