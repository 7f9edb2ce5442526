"""Brakes: a batch is judged as a whole, told, approved or undone; renewing goes on (P10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest

from orchestrator.domain.actions import Plan
from orchestrator.domain.brakes import Limits, Verdict
from orchestrator.domain.facts import Fact
from orchestrator.domain.reports import Person
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit, StoreFault
from tests import builders as a
from tests.component.world import ANNA, HOUR, World, policy, running

DAY = timedelta(days=1)
SOON = {"mode": "delete", "grace": "1h"}
TEAMS = [f"team-{number}" for number in range(10)]
LIMITS = Limits(max_removals=3, max_removal_percent=10, per=DAY)
ALL = policy(subjects=TEAMS, removal=SOON)


def fewer(gone: int) -> bytes:
    return policy(subjects=TEAMS[gone:], removal=SOON)


def tripped(world: World) -> str:
    return world.engine.parts.brakes.verdict.brake


async def test_p10_a_batch_that_is_too_large_is_held_as_a_whole() -> None:
    """Four of ten are more than three: none of them ends, told at once and once."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        before = await world.ids()
        world.mark()
        await world.edit({"team-rooms.yaml": fewer(4)})
        told = world.one("brake.tripped")
        assert told.detail["keys"] == [f"team-rooms/{name}" for name in TEAMS[:4]]
        assert told.detail["limit"] == 3
        await world.pass_(3 * DAY)
        assert world.changes == []
        assert await world.ids() == before
        assert world.events.count("brake.tripped") == 1
        assert world.holds("team-rooms/team-0") == {"brake"}
        (row,) = (await world.desk.status()).brakes
        assert row.name == tripped(world)


async def test_as_many_as_are_allowed_go_through() -> None:
    """Three of ten are lawful, and then the day's share is used up."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        world.mark()
        await world.edit({"team-rooms.yaml": fewer(3)})
        await world.pass_(2 * HOUR)
        assert world.changes == ["delete_room"] * 3
        await world.edit({"team-rooms.yaml": fewer(4)})
        await world.pass_(2 * HOUR)
        assert world.changes == ["delete_room"] * 3
        assert tripped(world)
        await world.pass_(DAY)
        assert world.changes == ["delete_room"] * 4
        assert not tripped(world)


async def test_subjects_that_come_and_go_use_up_the_limit() -> None:
    """Two subjects flap: each room that they lose counts, also under a key that lost one before."""
    limits = Limits(max_removals=4, max_removal_percent=10, per=DAY)
    async with running({"team-rooms.yaml": ALL}, limits=limits) as world:
        world.mark()
        for _ in range(4):
            await world.edit({"team-rooms.yaml": fewer(2)})
            await world.pass_(2 * HOUR)
            await world.edit({"team-rooms.yaml": ALL})
            await world.pass_(HOUR)
        assert world.changes.count("delete_room") == 4
        await world.edit({"team-rooms.yaml": fewer(2)})
        assert tripped(world)
        await world.restart()
        assert tripped(world)
        await world.pass_(3 * HOUR)
        assert world.changes.count("delete_room") == 4
        assert world.holds("team-rooms/team-0") == {"brake"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(2 * DAY, timedelta()), (timedelta(), 2 * DAY)],
    ids=["this machine's clock", "the API's"],
)
async def test_p10_a_clock_that_is_ahead_for_a_while_lets_nothing_go(
    ours: timedelta, theirs: timedelta
) -> None:
    """What was done within a day counts again once the clock is right, and after a restart."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        world.mark()
        await world.edit({"team-rooms.yaml": fewer(3)})
        await world.pass_(2 * HOUR)
        await world.edit({"team-rooms.yaml": fewer(6)})
        await world.pass_(2 * HOUR)
        world.clock.jump(ours.total_seconds())
        world.fake.skew = (theirs - ours).total_seconds()
        for _ in range(2):
            await world.engine.wake_all("test")
            await world.pass_(2 * HOUR)
            await world.restart()
        world.clock.jump(-ours.total_seconds())
        world.fake.skew = 0.0
        await world.engine.wake_all("test")
        await world.pass_(4 * HOUR)
        assert world.changes == ["delete_room"] * 3
        await world.pass_(DAY)
        assert world.changes == ["delete_room"] * 6


async def test_a_brake_trips_again_after_a_restart() -> None:
    """The tombstones are in the store, and status tells of the brake at once."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": fewer(5)})
        before = tripped(world)
        await world.restart()
        assert tripped(world) == before
        await world.pass_(3 * DAY)
        assert len(world.names) == 10


async def test_undoing_releases_the_brake_by_itself() -> None:
    """The subjects come back: nothing stands any more, and that is told."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": fewer(5)})
        assert tripped(world)
        world.mark()
        await world.edit({"team-rooms.yaml": ALL})
        assert not tripped(world)
        assert world.one("brake.released").reason == "its cause is gone"
        await world.pass_(2 * DAY)
        assert len(world.names) == 10


async def test_undoing_a_part_lets_the_rest_go() -> None:
    """Three are left of five: that is lawful, and they end when their grace is over."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": fewer(5)})
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit({"team-rooms.yaml": fewer(3)})
        await world.pass_(timedelta(minutes=1))
        assert world.changes == ["delete_room"] * 3


async def test_approve_lets_exactly_these_go() -> None:
    """Two more that come afterwards are lawful by themselves; four more are not."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": fewer(5)})
        brake = tripped(world)
        with pytest.raises(DeskError):
            await world.desk.approve("12345678", ANNA)
        world.mark()
        done = await world.desk.approve(brake, ANNA)
        assert len(done.lines) == 5
        assert world.one("brake.released").actor == ANNA.actor
        await world.edit({"team-rooms.yaml": fewer(9)})
        await world.pass_(2 * HOUR)
        assert world.changes == ["delete_room"] * 5
        assert tripped(world) not in {"", brake}
        await world.restart()
        await world.pass_(2 * HOUR)
        assert world.changes == ["delete_room"] * 5


GRACE = {"mode": "delete", "grace": "3d"}


async def test_an_approval_holds_until_what_was_shown_is_done() -> None:
    """Once is enough, however long the grace; also over a restart, and beside another batch."""
    text = policy(subjects=TEAMS, removal=GRACE)
    others = policy("labs", TEAMS, removal=SOON)
    async with running({"team-rooms.yaml": text, "labs.yaml": others}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": policy(subjects=TEAMS[5:], removal=GRACE)})
        await world.desk.approve(tripped(world), ANNA)
        await world.pass_(2 * HOUR)
        await world.edit({"labs.yaml": None})
        assert len(world.engine.parts.brakes.verdict.held) == 10
        await world.desk.approve(tripped(world), ANNA)
        await world.restart()
        world.mark()
        await world.pass_(4 * DAY)
        assert world.changes == ["delete_room"] * 15
        assert not tripped(world)


async def test_an_approval_is_not_for_the_next_removal() -> None:
    """The subjects come back and go again: that is another decision, about the same rooms."""
    text = policy(subjects=TEAMS, removal=GRACE)
    async with running({"team-rooms.yaml": text}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": policy(subjects=TEAMS[5:], removal=GRACE)})
        await world.desk.approve(tripped(world), ANNA)
        await world.edit({"team-rooms.yaml": text})
        await world.pass_(HOUR)
        await world.edit({"team-rooms.yaml": policy(subjects=TEAMS[5:], removal=GRACE)})
        world.mark()
        await world.pass_(4 * DAY)
        assert world.changes == []
        await world.desk.approve(tripped(world), Person("bert", "meant this time"))
        await world.pass_(HOUR)
        assert world.changes == ["delete_room"] * 5


async def test_an_approval_of_what_cannot_be_done_ends_after_a_day() -> None:
    """An API that is away for two days: whoever approved on Monday is asked again on Wednesday."""
    room = {"display_name": "Room {{ team.name }}"}
    text = policy(subjects=TEAMS, removal=SOON, room=room, replace="now")
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": text})
        before = world.names
        world.fake.down = True
        await world.desk.approve(tripped(world), ANNA)
        await world.pass_(2 * DAY)
        world.fake.down = False
        await world.pass_(2 * HOUR)
        assert tripped(world)
        assert world.names == before


async def test_p10_held_rooms_are_renewed() -> None:
    """A brake that nobody looks at for months lets no room run out."""
    text = policy(subjects=TEAMS, removal=SOON, room={"lifetime": "30d"})
    async with running({"team-rooms.yaml": text}, limits=LIMITS, resync=DAY) as world:
        before = await world.ids()
        await world.edit({"team-rooms.yaml": None})
        world.mark()
        await world.pass_(100 * DAY)
        assert set(world.changes) == {"update_room"}
        assert await world.ids() == before
        assert len(world.names) == 10


async def test_p10_new_rooms_are_made_while_a_brake_holds() -> None:
    """The brake is no stop."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": policy(subjects=[*TEAMS[6:], "new"], removal=SOON)})
        assert tripped(world)
        assert "New room" in world.names


async def test_replacements_are_judged_before_their_creates() -> None:
    """A template that changes ten links makes no room at all until somebody approves."""
    room = {"display_name": "Room {{ team.name }}"}
    text = policy(subjects=TEAMS, removal=SOON, room=room, replace="now")
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        world.mark()
        await world.edit({"team-rooms.yaml": text})
        await world.pass_(DAY)
        assert world.changes == []
        assert world.one("brake.tripped").detail["keys"] == [f"team-rooms/{name}" for name in TEAMS]
        await world.desk.approve(tripped(world), ANNA)
        await world.pass_(HOUR)
        assert world.changes == ["create_room"] * 10


def renamed(name: str) -> bytes:
    return policy(subjects=TEAMS, removal=SOON, replace="now", room={"display_name": name})


async def test_p10_who_lets_rooms_be_renamed_lets_them_not_end() -> None:
    """The same ten keys, and something else becomes of them: another set, told by another name."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": renamed("Room {{ team.name }}")})
        before, brakes = tripped(world), world.engine.parts.brakes
        # What stands has changed, and is judged in a moment.
        state = await world.state("team-rooms/team-0")
        brakes.note(state.key, replace(state, tombstone=a.tombstone()), Plan())
        with pytest.raises(DeskError, match="no brake or doubt is called"):
            await world.desk.approve(before, ANNA)
        world.mark()
        await world.edit({"team-rooms.yaml": None})
        assert tripped(world) not in {"", before}
        assert world.one("brake.tripped").detail["brake"] == tripped(world)
        with pytest.raises(DeskError, match="no brake or doubt is called"):
            await world.desk.approve(before, ANNA)
        await world.pass_(DAY)
        assert world.changes == []


async def test_p10_an_approval_of_one_name_is_none_of_another() -> None:
    """The file is changed once more before anything is done; put back, the word still holds."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        shown = renamed("Room {{ team.name }}")
        await world.edit({"team-rooms.yaml": shown})
        world.fake.down = True
        await world.desk.approve(tripped(world), ANNA)
        await world.edit({"team-rooms.yaml": renamed("Chamber {{ team.name }}")})
        world.fake.down = False
        world.mark()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert tripped(world)
        await world.restart()
        await world.edit({"team-rooms.yaml": shown})
        await world.pass_(HOUR)
        assert world.changes == ["create_room"] * 10


async def test_p10_what_a_brake_let_go_for_a_doubt_is_judged_anew_as_a_whole() -> None:
    """Nothing is wished while a clock is wrong; once it is right nothing slips through in parts."""
    text = policy(
        subjects=TEAMS, removal=SOON, replace="now", room={"display_name": "Room {{ team.name }}"}
    )
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        world.mark()
        await world.edit({"team-rooms.yaml": text})
        assert tripped(world)
        brakes = world.engine.parts.brakes
        judge = brakes.judge

        def judge_and_set_right(now: datetime) -> tuple[Verdict, tuple[Fact, ...]]:
            verdict, facts = judge(now)
            if not verdict.brake:  # the keys that it held are woken now
                world.fake.skew = 0.0
                world.engine.parts.observations.doubt = ""
            return verdict, facts

        with patch.object(brakes, "judge", judge_and_set_right):
            world.fake.skew = 3600.0
            await world.engine.wake_all("test")
            await world.settle()
        assert "brake.released" in world.events
        await world.pass_(HOUR)
        assert world.changes == []
        assert tripped(world)


async def test_lost_rooms_are_not_all_made_anew() -> None:
    """An API that was put back from a backup changes no link without a person."""
    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        for room in world.alive[:5]:
            world.fake.vanish(room.id)
        world.mark()
        await world.pass_(5 * HOUR)
        assert world.changes == []
        assert world.events.count("room.lost") == 5
        await world.restart()
        await world.pass_(5 * HOUR)
        assert world.changes == []
        await world.desk.approve(tripped(world), ANNA)
        await world.pass_(HOUR)
        assert world.changes == ["create_room"] * 5


async def test_mode_no_removals_creates_and_renews_and_ends_nothing() -> None:
    """What is withheld is told once a key."""
    text = policy("labs", ["alpha", "beta"], removal=SOON, mode="no-removals")
    async with running({"labs.yaml": text}) as world:
        assert len(world.names) == 2
        world.mark()
        gone = policy("labs", ["gamma", "beta"], removal=SOON, mode="no-removals")
        await world.edit({"labs.yaml": gone})
        await world.pass_(2 * DAY)
        assert world.changes == ["create_room"]
        assert world.one("act.withheld").key == "labs/alpha"


async def test_p02_an_approval_that_cannot_be_recorded_lets_nothing_go() -> None:
    """The disk is full: it is told, and later nothing ends by a word that nobody kept."""

    async def full(commit: Commit) -> None:
        if any(fact.event == "brake.released" for fact in commit.facts):
            raise StoreFault("no space left")

    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        await world.edit({"team-rooms.yaml": fewer(4)})
        name = tripped(world)
        usual, world.store.before = world.store.before, full
        with pytest.raises(StoreFault, match="no space left"):
            await world.desk.approve(name, ANNA)
        world.store.before = usual
        world.mark()
        await world.pass_(3 * DAY)
        assert world.changes == []
        assert tripped(world) == name
        await world.desk.approve(name, ANNA)
        await world.pass_(HOUR)
        assert world.changes == ["delete_room"] * 4


async def test_p12_a_brake_that_tripped_while_nothing_could_be_recorded_is_told_later() -> None:
    """It held all the time; the audit has it once, as soon as there is room."""

    async def full(commit: Commit) -> None:
        if any(fact.event.startswith("brake.") for fact in commit.facts):
            raise StoreFault("no space left")

    async with running({"team-rooms.yaml": ALL}, limits=LIMITS) as world:
        usual, world.store.before = world.store.before, full
        await world.edit({"team-rooms.yaml": fewer(4)})
        await world.pass_(2 * HOUR)
        assert tripped(world)
        assert "brake.tripped" not in world.events
        world.store.before = usual
        await world.pass_(2 * HOUR)
        assert world.one("brake.tripped").detail["brake"] == tripped(world)
        world.store.before = full
        await world.edit({"team-rooms.yaml": ALL})
        await world.pass_(2 * HOUR)
        assert not tripped(world)
        world.store.before = usual
        await world.edit({"team-rooms.yaml": fewer(1)})
        await world.pass_(2 * HOUR)
        assert world.one("brake.released").reason == "its cause is gone"
        assert world.events.count("brake.tripped") == 1
