"""Freezes and change windows at work: what waits, what goes on, and when it comes."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.changetimes import change_times
from orchestrator.domain.facts import Fact
from orchestrator.domain.rebuilding import Rebuilt
from orchestrator.domain.reports import ChangesRow, FreezeRow
from orchestrator.domain.retelling import Told, retell
from orchestrator.engine.freezes import FREEZES
from orchestrator.engine.rebuilding import Terms, birth
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit
from tests.component.test_pages import closed, on_page, opened
from tests.component.world import ANNA, HOUR, World, alive, policy, running

DAY = timedelta(days=1)
CHECKOUT = "team-rooms/checkout"
SOON = {"mode": "delete", "grace": "1h"}


def files(*subjects: object, **rest: Any) -> dict[str, bytes | None]:
    """The policy with these subjects."""
    return {"team-rooms.yaml": policy(subjects=subjects, **rest)}


async def test_a_freeze_holds_every_change_until_its_end() -> None:
    """Creates, updates, replacements and removals; over a restart; then all of it, in its order."""
    start = files("checkout", "search", "ops", removal=SOON, replace="now")
    async with running(start) as world:
        until = world.clock.now() + 2 * DAY
        world.mark()
        done = await world.desk.freeze(until, ANNA)
        assert "frozen until" in done.message
        fact = world.one("freeze.begun")
        assert (fact.actor, fact.reason) == (ANNA.actor, ANNA.reason)
        till = {"slug": "checkout", "name": "Till"}
        german = {"ui_settings": {"language": "de"}}
        await world.edit(files(till, "search", "new", removal=SOON, replace="now", room=german))
        assert world.changes == []
        plan = await world.desk.plan()
        assert plan.lines == ()
        assert {(line.action, line.key) for line in plan.held} == {
            ("replace", CHECKOUT),
            ("update", CHECKOUT),
            ("update", "team-rooms/search"),
            ("bury", "team-rooms/ops"),
            ("create", "team-rooms/new"),
        }
        assert {line.held_by for line in plan.held} == {"frozen"}
        assert plan.held[0].held_why.endswith(f"frozen by {ANNA.actor}: {ANNA.reason}")
        assert {line.when for line in plan.held} == {until}
        await world.restart()
        await world.pass_(DAY)
        assert world.changes == []
        assert world.holds(CHECKOUT) == {"frozen"}
        status = await world.desk.status()
        assert status.freezes == (FreezeRow(status.freezes[0].name, until, ANNA.actor, "OPS-4711"),)
        assert not any("frozen" in need for need in status.needs_you)
        assert any("Changes are frozen until" in one.message for one in world.board.alerts)
        await world.pass_(DAY + 2 * HOUR)
        assert world.one("freeze.ended").reason == "its time is over"
        # The one that was replaced stays for its overlap; the removal has its grace before it.
        assert {*world.names} >= {"Checkout room", "New room", "Search room", "Till room"}
        assert (await world.desk.status()).freezes == ()
        events = [fact.event for fact in world.facts]
        assert events.index("freeze.ended") < events.index("room.created")


async def test_a_person_ends_it_before_its_time() -> None:
    async with running() as world:
        await world.desk.freeze(world.clock.now() + DAY, ANNA)
        await world.edit(files("checkout", "search", "new"))
        world.mark()
        await world.desk.unfreeze("", ANNA)
        await world.settle()
        assert world.one("freeze.ended").actor == ANNA.actor
        assert world.changes == ["create_room"]


async def test_a_freeze_of_one_policy_leaves_the_others_alone() -> None:
    async with running({"a.yaml": policy("a", ["x"]), "b.yaml": policy("b", ["x"])}) as world:
        await world.desk.freeze(world.clock.now() + DAY, ANNA, ("a",))
        world.mark()
        await world.edit({"a.yaml": policy("a", ["x", "y"]), "b.yaml": policy("b", ["x", "y"])})
        assert world.one("room.created").key == "b/y"
        assert world.holds("a/y") == {"frozen"}


async def test_a_freeze_of_one_policy_goes_along_with_its_rename() -> None:
    async with running({"a.yaml": policy("a", ["x", "y"], removal=SOON)}) as world:
        await world.desk.freeze(world.clock.now() + DAY, ANNA, ("a",))
        world.mark()
        renamed = policy("b", ["x"], removal=SOON, formerly=["a"])
        await world.edit({"a.yaml": None, "b.yaml": renamed})
        await world.edit({"b.yaml": policy("b", ["z"], removal=SOON, formerly=["a"])})
        await world.pass_(3 * HOUR)
        assert world.changes == []
        assert world.holds("b/x") == world.holds("b/z") == {"frozen"}
        await world.edit({"b.yaml": None})
        await world.pass_(3 * HOUR)
        assert world.changes == []
        assert world.holds("b/x") == {"frozen"}


async def test_what_is_refused() -> None:
    async with running() as world:
        now = world.clock.now()
        for until, policies, told in (
            (now, (), "is over; name a moment to come"),
            (now + 31 * DAY, (), "30 days at most"),
            (now + DAY, ("team-room",), 'called "team-room"; did you mean "team-rooms"'),
        ):
            with pytest.raises(DeskError, match=told):
                await world.desk.freeze(until, ANNA, policies)
        with pytest.raises(DeskError, match="nothing is frozen now"):
            await world.desk.unfreeze("", ANNA)
        await world.desk.freeze(now + DAY, ANNA)
        await world.desk.freeze(now + 2 * DAY, ANNA)  # in place of the first
        await world.desk.freeze(now + DAY, ANNA, ("team-rooms",))
        with pytest.raises(DeskError, match=r"there are 2: .* say which"):
            await world.desk.unfreeze("", ANNA)
        with pytest.raises(DeskError, match="no freeze is called 'x'"):
            await world.desk.unfreeze("x", ANNA)
        # Of several each answer names one, so that what is pasted is taken.
        await world.edit(files("checkout", "search", "new"))
        advice = (await world.desk.why_not("team-rooms/new")).advice
        named = shlex.split(advice)[2]
        assert "has ended" in (await world.desk.unfreeze(named, ANNA)).message


async def test_no_link_ends_of_a_freeze() -> None:
    """A renewal in the last twentieth of a room's life is made, and says why; before it waits."""
    async with running(files("checkout", room={"lifetime": "40d"}), resync=DAY) as world:
        end = (await world.room(CHECKOUT)).expires_at
        assert end is not None
        await world.pass_(25 * DAY)
        await world.desk.freeze(world.clock.now() + 30 * DAY, ANNA)
        world.mark()
        await world.pass_(end - world.clock.now() - 3 * DAY)
        assert world.changes == []
        await world.pass_(2 * DAY)
        renewed = world.one("room.renewed")
        assert f"frozen by {ANNA.actor}" in renewed.reason
        assert "but the last twentieth of its life has begun" in renewed.reason


async def test_what_a_person_asks_for_one_room_is_done() -> None:
    async with running() as world:
        await world.desk.freeze(world.clock.now() + 3 * DAY, ANNA)
        await world.pass_(2 * DAY)
        world.mark()
        await world.desk.renew(CHECKOUT, ANNA)
        await world.settle()
        assert world.events == ["room.renew.asked", "room.renewed"]


@pytest.mark.parametrize("all_acts", [False, True])
async def test_a_lost_room_is_made_anew_in_a_freeze(all_acts: bool) -> None:
    """Its link is dead already; where all acts are frozen it waits."""
    async with running(files(*(f"s{number}" for number in range(12)), "checkout")) as world:
        await world.desk.freeze(world.clock.now() + DAY, ANNA, all_acts=all_acts)
        world.fake.vanish((await world.ids())[CHECKOUT])
        world.mark()
        await world.pass_(4 * HOUR)
        assert world.changes == ([] if all_acts else ["create_room"])
        if not all_acts:
            assert "but its link is dead already" in world.one("room.created").reason
        assert world.one("room.lost").key == CHECKOUT


@pytest.mark.parametrize("all_acts", [False, True])
async def test_a_meeting_has_its_room_in_a_freeze(all_acts: bool) -> None:
    """People come at its time; only --all-acts keeps it shut."""
    text = (
        b"version: 1\nname: daily\non_schedule: {cron: '0 15 * * *', timezone: UTC, duration: 1h}\n"
        b"room: {type: long_term, display_name: Daily}\n"
    )
    async with running({"daily.yaml": text}) as world:
        await world.desk.freeze(world.clock.now() + 2 * DAY, ANNA, all_acts=all_acts)
        world.mark()
        await world.pass_(DAY)
        assert ("create_room" in world.changes) is not all_acts


@pytest.mark.parametrize("all_acts", [False, True])
async def test_p10_pages_go_on_in_any_freeze(all_acts: bool) -> None:
    """A room is made, renewed and lost and made again, and it ends with its page."""
    long = on_page(room={"type": "long_term", "lifetime": "12h"})
    async with running({"oncall.yaml": long}) as world:
        await world.desk.freeze(world.clock.now() + 3 * DAY, ANNA, all_acts=all_acts)
        await world.send(*(opened(f"Q{number}") for number in range(3)))
        assert len(world.alive) == 3
        await world.pass_(11 * HOUR)
        assert "update_room" in world.changes
        world.fake.vanish(world.alive[0].id)
        await world.pass_(2 * HOUR)
        assert len(world.alive) == 3
        await world.send(*(closed(f"Q{number}") for number in range(3)))
        await world.pass_(HOUR)
        assert world.alive == []


def windowed(*allow: str, closed_on: tuple[str, ...] = (), **options: Any) -> World:
    world = World(**options)
    world.change_times = change_times(allow, closed_on)
    return world


async def test_a_change_waits_for_its_window() -> None:
    """By the clock of its zone, and not on a closed day; the status says until when."""
    # It begins on a Monday at 10:00 in Berlin.
    hours = "MON-THU 13:00-16:00 Europe/Berlin"
    async with alive(windowed(hours, closed_on=("2026-01-05",))) as world:
        assert world.names == []
        opens = datetime(2026, 1, 6, 12, tzinfo=UTC)
        closed = ChangesRow("", hours, open=False, until=opens)
        assert (await world.desk.status()).changes == (closed,)
        plan = await world.desk.plan()
        assert {(line.held_by, line.held_why, line.when) for line in plan.held} == {
            ("window", "the change window is closed", opens)
        }
        await world.pass_(opens - world.clock.now() - timedelta(minutes=1))
        assert world.names == []
        await world.pass_(timedelta(minutes=6))
        assert world.names == ["Checkout room", "Search room"]
        (row,) = (await world.desk.status()).changes
        assert (row.open, row.until) == (True, opens + 3 * HOUR)
        await world.pass_(3 * HOUR)
        world.mark()
        await world.edit(files("checkout", "search", "new"))
        assert world.changes == []
        assert "act.withheld" not in world.events  # waiting a little is no news


TEAMS = [f"team-{number}" for number in range(10)]


async def test_p07_rooms_that_live_half_an_hour_outlive_a_closed_window() -> None:
    """The last twentieth of their lives is a minute and a half: nobody comes later than that."""
    short = files(*TEAMS, room={"lifetime": "30m"})
    async with alive(windowed("09:00-09:01 UTC", policies=short, resync=3 * HOUR)) as world:
        before = await world.ids()
        await world.pass_(4 * HOUR)
        assert "room.expired" not in world.events
        assert await world.ids() == before


async def test_p10_removals_that_waited_for_a_window_are_judged_as_one_batch() -> None:
    """However short their grace: all are decided when it opens, and then none ends."""
    hours, grace = ("09:00-09:01 UTC", "12:00-13:00 UTC"), {"mode": "delete", "grace": "60s"}
    limits = Limits(max_removals=3, max_removal_percent=10, per=DAY)
    every = files(*TEAMS, removal=grace)
    async with alive(windowed(*hours, policies=every, limits=limits)) as world:
        await world.pass_(timedelta(minutes=2))
        await world.edit(files(*TEAMS[6:], removal=grace))
        assert world.holds("team-rooms/team-0") == {"window"}
        await world.pass_(4 * HOUR)
        assert len(world.one("brake.tripped").detail["keys"]) == 6  # type: ignore[arg-type]
        assert len(world.names) == 10


async def test_a_policy_may_have_other_times() -> None:
    free = policy("free", ["x"], changes={"allow": "any"})
    closed = policy("closed", ["x"])
    world = windowed(policies={"free.yaml": free, "closed.yaml": closed})
    async with alive(world):
        assert [room.display_name for room in world.alive] == ["X room"]
        assert world.holds("closed/x") == {"window"}
        plan = await world.desk.plan()
        assert [line.held_why for line in plan.held] == ["it waits for a reviewed plan"]
        assert {row.policy: row.open for row in (await world.desk.status()).changes} == {
            "": False,
            "free": True,
        }


async def test_while_clocks_disagree_no_window_is_open_and_no_freeze_ends() -> None:
    async with alive(windowed("00:00-24:00 UTC")) as world:
        await world.desk.freeze(world.clock.now() + HOUR, ANNA)
        world.fake.skew = 3 * 3600.0
        world.mark()
        await world.edit(files("checkout", "search", "new"))
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert (await world.desk.status()).freezes
        world.fake.skew = 0.0
        await world.pass_(3 * HOUR)
        assert world.changes == ["create_room"]
        assert (await world.desk.status()).freezes == ()


async def test_a_store_made_anew_knows_of_freezes() -> None:
    """From the facts alone; and one whose time went by meanwhile is ended at once, and told."""
    async with running() as world:
        await world.desk.freeze(world.clock.now() + DAY, ANNA)
        await world.desk.freeze(world.clock.now() + HOUR, ANNA, ("team-rooms",), all_acts=True)
        before = (await world.desk.status()).freezes
        facts = [fact for commit in world.store.commits for fact in commit.facts]
        await world.crash()
        told = [Told(n, world.clock.now(), "one", fact) for n, fact in enumerate(facts, 1)]
        terms = Terms(world.clock.now(), DAY, DAY, ("one",))
        commit = birth(Rebuilt(), retell(told), terms, (), Fact("state.rebuilt"))
        await world.store.commit(Commit(notes={FREEZES: commit.notes[FREEZES]}), world.clock.now())
        world.clock.advance(2 * 3600)
        world.mark()
        await world.start()
        assert (await world.desk.status()).freezes == before[1:]
        assert world.one("freeze.ended").detail["freeze"] == before[0].name


async def test_a_question_without_a_daemon_passes_over_what_is_over() -> None:
    """Though nobody has ended it; nothing is written for a question."""
    async with running() as world:
        await world.desk.freeze(world.clock.now() + HOUR, ANNA)
        await world.crash()
        world.clock.advance(2 * 3600)
        commits = len(world.store.commits)
        engine, desk = world.offline()
        await engine.look()
        assert (await desk.status()).freezes == ()
        assert len(world.store.commits) == commits


async def test_a_clock_that_was_set_back_has_other_hours() -> None:
    async with alive(windowed("09:00-10:00 UTC", "20:00-21:00 UTC")) as world:
        gathering, times = world.engine.parts.gathering, world.change_times
        today = gathering.change_time(times)
        assert today is not None
        world.clock.jump(-14 * 3600.0)
        world.fake.skew = 0.0
        earlier = gathering.change_time(times)
        assert earlier is not None
        assert earlier[0] < today[0]
