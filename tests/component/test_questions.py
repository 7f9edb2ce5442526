"""Questions change nothing and tell what a pass would do: candidates, brakes, moves, why."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.policies import Mode
from orchestrator.domain.reports import (
    ENDS_AT_WORST,
    ENDS_AWAY,
    ENDS_OBSERVED,
    ENDS_REFUSED,
    LinkFate,
)
from orchestrator.engine.desk import EngineDesk
from orchestrator.engine.overview import Whence
from orchestrator.ports.desk import DeskError
from tests.component.world import ANNA, HOUR, World, alive, policy, running
from tests.fakes.clock import settle

TEAMS = [f"team-{number}" for number in range(10)]
SOON = {"mode": "delete", "grace": "1h"}


async def test_a_candidate_is_planned_and_not_put_in_force() -> None:
    """Names, reasons and what becomes of the links, of files that only came over the socket."""
    async with running() as world:
        before = await world.store.states()
        world.mark()
        teams = [{"slug": "checkout", "name": "Till"}, "fraud"]
        report = await world.desk.plan(
            world.folder({"team-rooms.yaml": policy(subjects=teams, replace="now")})
        )
        assert [(line.action, line.key, line.link) for line in report.lines] == [
            ("bury", "team-rooms/search", LinkFate.ENDS),
            ("replace", "team-rooms/checkout", LinkFate.CHANGES),
            ("create", "team-rooms/fraud", LinkFate.NEW),
        ]
        assert report.candidate
        assert report.pending
        assert report.lines[1].changes[0].after == "Till room"
        assert await world.store.states() == before
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert world.events == []


async def test_a_renamed_candidate_moves_and_a_silent_one_is_a_problem() -> None:
    """With `formerly` not a link changes; without it the plan says what is missing."""
    async with running() as world:
        told = policy("squads", formerly=["team-rooms"])
        report = await world.desk.plan(world.folder({"team-rooms.yaml": told}))
        assert {line.action for line in report.lines} == {"move"}
        assert {line.link for line in report.lines} == {LinkFate.STAYS}
        report = await world.desk.plan(world.folder({"team-rooms.yaml": policy("squads")}))
        assert report.lines == ()
        assert any("formerly: team-rooms" in problem.message for problem in report.problems)
        assert (await world.desk.plan()).problems == ()


async def test_the_plan_shows_what_a_brake_would_hold_and_apply_does_none_of_it() -> None:
    """Ten renamed rooms: ten lines held, and not a call."""
    limits = Limits(max_removals=3, max_removal_percent=10)
    async with running({"team-rooms.yaml": policy(subjects=TEAMS)}, limits=limits) as world:
        room = {"display_name": "Room {{ team.name }}"}
        files = {"team-rooms.yaml": policy(subjects=TEAMS, room=room, replace="now")}
        report = await world.desk.plan(world.folder(files))
        assert report.lines == ()
        assert [line.held_by for line in report.held] == ["brake"] * 10
        world.mark()
        await world.edit(dict(files))
        applied = await world.desk.apply(ANNA)
        assert applied.calls == 0
        assert world.changes == []
        assert len(applied.left.held) == 10
        assert all("rooms approve" in line.hint for line in applied.left.held)


async def test_a_standing_removal_is_told_with_its_moment() -> None:
    """It waits for its grace; the second plan has no lines."""
    async with running({"team-rooms.yaml": policy(removal=SOON)}) as world:
        await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=SOON)})
        report = await world.desk.plan()
        assert report.lines == ()
        (line,) = report.standing
        assert (line.action, line.key, line.link) == ("bury", "team-rooms/checkout", LinkFate.ENDS)
        assert line.when is not None
        assert line.when - world.clock.now() <= HOUR


async def test_apply_and_plan_say_when_the_api_cannot_be_listed() -> None:
    """A plan without a listing is marked as such; apply refuses."""
    async with running() as world:
        world.fake.down = True
        report = await world.desk.plan()
        assert not report.complete
        assert "no connection" in report.doubt
        with pytest.raises(DeskError, match="could not be listed"):
            await world.desk.apply(ANNA)


async def test_why_tells_wish_room_holds_and_history() -> None:
    """Everything about one key, by its name, its room's id, and a name that it had before."""
    async with running() as world:
        room = await world.room("team-rooms/checkout")
        text = policy("squads", formerly=["team-rooms"], protect=True)
        await world.edit({"team-rooms.yaml": None, "squads.yaml": text})
        for name in ("squads/checkout", room.id, "team-rooms/checkout"):
            told = await world.desk.why(name)
            assert told.key == "squads/checkout"
            assert told.rooms[0].room_id == room.id
            assert "squads.yaml" in told.wanted
            events = [line.event for line in told.history]
            assert events[-1] == "room.rekeyed"
            assert "room.created" in events
        with pytest.raises(DeskError, match="neither wanted nor remembered"):
            await world.desk.why("squads/nobody")


async def test_status_first_tells_what_needs_a_person() -> None:
    """An outage, a broken file; and what would be lost first if it lasted."""
    async with running() as world:
        status = await world.desk.status()
        assert status.needs_you == ()
        assert status.api_state == "ok"
        assert status.rooms == {"open": 2}
        assert {act.what for act in status.next_acts} == {"renew"}
        world.fake.down = True
        await world.edit({"bad.yaml": b"version: 1\nname: bad\nroom: ["})
        await world.pass_(2 * HOUR)
        status = await world.desk.status()
        assert "unreachable since" in status.api_state
        assert any("bad.yaml" in need for need in status.needs_you)
        assert status.loses_first is not None
        assert status.mode == Mode.ENFORCE


async def test_what_nothing_will_renew_is_a_loss_that_is_foreseen() -> None:
    """In observe, of all or of one policy; and while the API is away or refuses us."""
    checkout = policy(subjects=["checkout"], room={"lifetime": "30d"})
    files = {"team-rooms.yaml": checkout, "labs.yaml": policy("labs", ["search"])}

    async def first(world: World) -> tuple[str, str]:
        loss = (await world.desk.status()).loses_first
        assert loss is not None
        return loss.key, loss.what

    async with running(files) as world:
        assert await first(world) == ("team-rooms/checkout", ENDS_AT_WORST)
        await world.edit({"labs.yaml": policy("labs", ["search"], mode="observe")})
        assert await first(world) == ("labs/search", ENDS_OBSERVED)
        world.fake.down = True
        await world.pass_(2 * HOUR)
        assert await first(world) == ("team-rooms/checkout", ENDS_AWAY)
        world.fake.down, world.fake.unauthorized = False, True
        await world.pass_(2 * HOUR)
        assert await first(world) == ("team-rooms/checkout", ENDS_REFUSED)
        await world.crash()
        world.fake.unauthorized, world.mode = False, Mode.OBSERVE
        await world.start()
        assert await first(world) == ("team-rooms/checkout", ENDS_OBSERVED)


async def test_the_host_link_is_read_anew_told_and_never_kept() -> None:
    """P11: in the answer to a person's question and in no fact, state or delivery."""
    async with running() as world:
        link = await world.desk.host_link("team-rooms/checkout", ANNA)
        assert "participant_token" in link.host_url
        await world.pass_(timedelta(seconds=5))
        assert world.one("room.link.revealed").actor == ANNA.actor
        everything = repr((world.store.commits, world.audit.written, world.destination.shown))
        assert "participant_token" not in everything


async def test_rooms_lists_ours_and_others() -> None:
    """Wanted ones that are not there yet are rows as well."""
    world = World()
    world.fake.down = True
    async with alive(world):
        rows = (await world.desk.rooms()).rooms
        assert [(row.key, row.state) for row in rows] == [
            ("team-rooms/checkout", "waiting"),
            ("team-rooms/search", "waiting"),
        ]


async def test_a_question_that_comes_before_the_policies_waits_for_them() -> None:
    """The socket answers sooner than they are read: nothing to do would be the wrong answer."""
    world = World(mode=Mode.OBSERVE)
    engine = world.build()
    desk = EngineDesk(engine, Whence("config.yaml", "0", world.clock.now()), running=True)
    asked = asyncio.get_running_loop().create_task(desk.plan(), name="asked")
    await settle()
    assert not asked.done()
    assert (await desk.status()).policies == ()  # this one question waits for nothing
    await engine.prepare()
    engine.ready.set()
    report = await asked
    assert report.lines == ()
    assert {(line.action, line.held_by) for line in report.held} == {("create", "mode")}
    assert report.complete
