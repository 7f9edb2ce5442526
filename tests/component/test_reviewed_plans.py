"""A reviewed plan is carried out exactly as it was reviewed, or not at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.brakes import Limits
from orchestrator.domain.changetimes import change_times
from orchestrator.domain.policies import Mode
from orchestrator.domain.reports import ApplyReport, Outcome, PlanReport
from orchestrator.domain.rooms import Patch
from orchestrator.engine.applying import digest_of
from orchestrator.foundation import shapes
from orchestrator.ports.desk import DeskError
from tests.component.world import ANNA, HOUR, World, alive, policy
from tests.fakes.rooms import Asked, Fate

DAY = timedelta(days=1)
CHECKOUT = "team-rooms/checkout"
SOON = {"mode": "delete", "grace": "1h"}


def files(*subjects: object, **rest: Any) -> dict[str, bytes]:
    """The policy with these subjects."""
    return {"team-rooms.yaml": policy(subjects=subjects, **rest)}


def closed(policies: Mapping[str, bytes], **options: Any) -> World:
    """A world in which nothing is changed but by a reviewed plan; its rooms are there already."""
    world = World(policies, **options)
    world.change_times = change_times([], ())
    return world


async def made(world: World) -> None:
    """Let the first rooms be there."""
    world.change_times = change_times(["any"], ())
    await world.start()
    await world.stop()
    world.change_times = change_times([], ())


def outcomes(report: ApplyReport) -> dict[tuple[str, str], str]:
    return {(row.line.action, row.line.key): str(row.outcome) for row in report.acts}


async def reviewed(world: World, after: Mapping[str, bytes]) -> PlanReport:
    """The plan of a candidate, as a file would hold it; then its files come into force."""
    plan = await world.desk.plan(world.folder(after))
    world.mark()
    await world.edit({**dict.fromkeys(world.sources.policies), **after})
    assert world.changes == []
    return shapes.loads(PlanReport, shapes.dumps(PlanReport, plan))


AFTER = files(
    {"slug": "checkout", "name": "Till"},
    "search",
    "new",
    removal=SOON,
    replace="now",
    room={"ui_settings": {"language": "de"}},
)
BEFORE = files("checkout", "search", "ops", removal=SOON, replace="now")


async def test_all_of_a_plan_is_done_and_told() -> None:
    """Where nothing is changed by itself; whoever carries it out, and why, stands in the audit."""
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, AFTER)
        assert plan.lines == ()
        report = await world.desk.apply(ANNA, plan)
        assert outcomes(report) == {
            ("replace", CHECKOUT): "done",
            ("update", CHECKOUT): "needless",  # of the room that was replaced
            ("update", "team-rooms/search"): "done",
            ("create", "team-rooms/new"): "done",
            ("bury", "team-rooms/ops"): "done",
        }
        assert report.begun
        assert report.calls == len(world.changes) == 3
        applied = world.one("plan.applied")
        assert (applied.actor, applied.reason) == (ANNA.actor, ANNA.reason)
        assert plan.review is not None
        assert applied.detail["plan"] == plan.review.digest
        created = world.one("room.created")
        assert created.cause == f"plan {plan.review.name} by {ANNA.actor}"
        assert created.actor.startswith("policy team-rooms@")
        again = await world.desk.apply(ANNA, plan)
        assert {row.outcome for row in again.acts} == {Outcome.NEEDLESS}
        # Its end was not reviewed: it is another act, and waits.
        world.mark()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert world.holds("team-rooms/ops") == {"window"}
        later = await world.desk.plan()
        assert {(line.action, line.key) for line in later.acts} >= {("delete", "team-rooms/ops")}
        report = await world.desk.apply(ANNA, later)
        assert outcomes(report)["delete", "team-rooms/ops"] == "done"
        assert "Ops room" not in world.names


async def test_nothing_is_begun_where_one_act_is_another_now() -> None:
    """Somebody set another language by hand: what was reviewed is not what would be done."""
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, AFTER)
        search = (await world.ids())["team-rooms/search"]
        world.fake.change(search, Patch(settings={"ui_settings.language": "fr"}))
        world.mark()
        report = await world.desk.apply(ANNA, plan)
        assert outcomes(report)["update", "team-rooms/search"] == "different"
        assert outcomes(report)["create", "team-rooms/new"] == "ready"
        assert not report.begun
        assert world.changes == []
        assert "plan.applied" not in world.events


async def test_another_version_of_the_policy_is_another_plan() -> None:
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, AFTER)
        await world.edit({"team-rooms.yaml": AFTER["team-rooms.yaml"] + b"\n"})
        report = await world.desk.apply(ANNA, plan)
        assert {row.outcome for row in report.acts} == {Outcome.DIFFERENT}
        assert "was reviewed as version" in report.acts[0].why
        assert not report.begun


@pytest.mark.parametrize("word", ["protect", "suspend", "occupied", "mode"])
async def test_what_a_person_or_a_mode_forbids_stays_forbidden(word: str) -> None:
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, AFTER)
        if word == "protect":
            await world.desk.protect(CHECKOUT, ANNA)
        elif word == "suspend":
            await world.desk.suspend(CHECKOUT, world.clock.now() + DAY, ANNA)
        elif word == "occupied":
            world.fake.join((await world.ids())[CHECKOUT])
        else:
            world.mode = Mode.NO_REMOVALS
            await world.restart()
        world.mark()
        report = await world.desk.apply(ANNA, plan)
        row = next(row for row in report.acts if row.line.action == "replace")
        assert (row.outcome, row.held_by) == (
            Outcome.HELD,
            {"protect": "protected", "suspend": "suspended"}.get(word, word),
        )
        assert not report.begun
        assert world.changes == []


async def test_a_brake_stops_it_before_it_begins_unless_it_is_approved() -> None:
    """Approved are exactly its rooms: also the removals that are only decided now."""
    names = [f"s{number}" for number in range(8)]
    world = closed(files(*names, removal=SOON), limits=Limits(max_removals=3))
    await made(world)
    async with alive(world):
        plan = await reviewed(world, files("s0", "s1", "s9", removal=SOON))
        report = await world.desk.apply(ANNA, plan)
        assert {row.held_by for row in report.acts if row.line.action == "bury"} == {"brake"}
        assert outcomes(report)["create", "team-rooms/s9"] == "ready"
        assert world.changes == []
        assert "room.tombstoned" not in world.events
        report = await world.desk.apply(ANNA, plan, approve=True)
        assert {row.outcome for row in report.acts} == {Outcome.DONE}
        released = world.one("brake.released")
        assert released.actor == ANNA.actor
        assert len(released.detail["keys"]) == 6  # type: ignore[arg-type]
        assert "brake.tripped" not in world.events
        await world.pass_(2 * HOUR)
        report = await world.desk.apply(ANNA, await world.desk.plan())
        assert {row.outcome for row in report.acts} == {Outcome.DONE}
        assert world.names == ["S0 room", "S1 room", "S9 room"]


async def test_what_fails_is_told_and_waits() -> None:
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, files("checkout", "search", "ops", "new", "newer"))
        world.fake.script("create_room", Fate.REFUSED)
        report = await world.desk.apply(ANNA, plan)
        told = {row.line.key: (str(row.outcome), row.held_by) for row in report.acts}
        assert sorted(told.values()) == [("done", ""), ("failed", "back-off")]
        assert len(report.failed) == 1
        world.mark()
        await world.pass_(2 * DAY)
        assert world.changes == []  # by itself nothing is tried again


async def test_somebody_joins_while_it_is_under_way() -> None:
    """What became different then is left as it is, and the rest is done."""
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, AFTER)
        room_id = (await world.ids())[CHECKOUT]

        async def joins(asked: Asked) -> None:
            begun = "plan.applied" in world.events
            if asked.method == "list_sessions" and begun and not world.fake.people(room_id):
                world.fake.join(room_id)

        world.fake.before = joins
        report = await world.desk.apply(ANNA, plan)
        row = next(row for row in report.acts if row.line.action == "replace")
        assert (row.outcome, row.held_by) == (Outcome.HELD, "occupied")
        assert outcomes(report)["create", "team-rooms/new"] == "done"


async def test_a_plan_that_is_not_of_here_is_refused() -> None:
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, AFTER)
        review = plan.review
        assert review is not None

        def signed(**changes: Any) -> PlanReport:
            assert review is not None
            other = replace(plan, review=replace(review, **changes))
            digest = digest_of(other)
            assert other.review is not None
            return replace(other, review=replace(other.review, digest=digest))

        unsigned = replace(plan, unchanged=7)
        for other, told in (
            (replace(plan, review=None), "says nothing of its installation"),
            (unsigned, "was changed after it was made"),
            (signed(owner="other"), "is of owner other"),
            (signed(api="https://other.test"), "at https://other.test"),
            (signed(made_at=review.made_at - 2 * DAY), "was good until"),
            (signed(expires_at=review.made_at), "was good until"),
        ):
            with pytest.raises(DeskError, match=told):
                await world.desk.apply(ANNA, other)
        await world.pass_(DAY)
        with pytest.raises(DeskError, match="was good until"):
            await world.desk.apply(ANNA, plan)
        assert world.changes == []


async def test_without_a_daemon_it_does_its_acts_and_no_others() -> None:
    """Also where nothing is frozen and more is due."""
    world = closed(BEFORE)
    await made(world)
    async with alive(world):
        plan = await reviewed(world, AFTER)
        await world.crash()
    world.change_times = change_times(["any"], ())
    keep = tuple(line for line in plan.held if line.action == "create")
    less = replace(plan, held=keep)
    assert less.review is not None
    less = replace(less, review=replace(less.review, digest=digest_of(less)))
    world.mark()
    engine, desk = world.offline()
    await engine.prepare()
    report = await desk.apply(ANNA, less)
    assert outcomes(report) == {("create", "team-rooms/new"): "done"}
    assert world.changes == ["create_room"]


# --- whatever changes between ---------------------------------------------------------------------


def allowed(plan: PlanReport) -> set[tuple[str, str]]:
    """The calls that a plan's acts make: method and room, or the name of a new one."""
    methods = {"POST": "create_room", "PATCH": "update_room", "DELETE": "delete_room"}
    return {
        (methods[line.calls], line.display_name if line.calls == "POST" else line.room_id)
        for line in plan.acts
        if line.calls
    }


def called(asked: Sequence[Asked]) -> set[tuple[str, str]]:
    return {
        (one.method, one.new.display_name if one.new is not None else one.room_id)
        for one in asked
        if one.changes
    }


SUBJECTS = ("checkout", "search", "ops", "new", "payments")


async def _befall(world: World, chance: random.Random) -> None:
    """Something that may happen between a review and its plan's being carried out."""
    ids = await world.ids()
    room_id = chance.choice(sorted(ids.values()))
    key = chance.choice(sorted(ids))
    there = room_id in {room.id for room in world.alive}
    match chance.randrange(10):
        case 0 if there:
            world.fake.change(room_id, Patch(settings={"ui_settings.language": "fr"}))
        case 1 if there:
            world.fake.vanish(room_id)
        case 2 if there:
            world.fake.join(room_id)
        case 3:
            await world.desk.protect(key, ANNA)
        case 4:
            await world.desk.suspend(key, world.clock.now() + DAY, ANNA)
        case 5:
            await world.pass_(chance.choice([HOUR, 9 * HOUR, 26 * HOUR]))
        case 6:
            await world.restart()
        case 7:
            await world.edit(_some_files(chance))
        case 8:
            world.fake.script("create_room", Fate.ACT_THEN_DROP)
        case _:
            world.fake.script("update_room", Fate.REFUSED)


def _some_files(chance: random.Random) -> dict[str, bytes | None]:
    subjects: list[object] = [
        {"slug": one, "name": chance.choice([one, f"{one} two"])}
        for one in SUBJECTS
        if chance.random() < 0.7
    ]
    language = chance.choice(["de", "en"])
    return {
        "team-rooms.yaml": policy(
            subjects=subjects or ["checkout"],
            removal=SOON,
            replace="now",
            room={"ui_settings": {"language": language}},
        )
    }


async def _one_review(seed: int) -> None:
    chance = random.Random(seed)
    world = closed({name: text for name, text in _some_files(chance).items() if text is not None})
    await made(world)
    async with alive(world):
        after = {name: text for name, text in _some_files(chance).items() if text is not None}
        plan = await reviewed(world, after)
        for _ in range(chance.randrange(4)):
            await _befall(world, chance)
        before = len(world.fake.asked)
        try:
            report = await world.desk.apply(ANNA, plan, approve=chance.random() < 0.5)
        except DeskError:
            assert called(world.fake.asked[before:]) == set()
            return
        made_calls = called(world.fake.asked[before:])
        assert made_calls <= allowed(plan), seed
        assert report.begun or not made_calls, seed
        done = [row for row in report.acts if row.outcome is Outcome.DONE and row.line.calls]
        assert {row.line.mark for row in done} <= {line.mark for line in plan.acts}
        # And when all is over, nothing more is done by itself.
        before = len(world.fake.asked)
        await world.pass_(3 * HOUR)
        later = called(world.fake.asked[before:])
        assert {method for method, _ in later} <= {"create_room"}, seed  # of a room that was lost


@settings(max_examples=min(settings().max_examples, 40))
@given(st.integers(0, 2**32))
def test_what_is_called_stands_in_the_plan(seed: int) -> None:
    """Whatever changes between the review and its plan's being carried out."""
    asyncio.run(_one_review(seed))
