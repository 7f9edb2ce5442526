"""Policies come, change, break, are renamed and go; what cannot be read changes nothing (P9)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.keys import parse_key
from orchestrator.ports.store import Commit, StoreFault
from tests.component.test_pages import on_page
from tests.component.world import ANNA, HOUR, World, alive, policy, running
from tests.fakes.rooms import Asked

DAY = timedelta(days=1)
GONE = {"mode": "delete", "grace": "60s"}
TEAMS = b"- {slug: checkout, name: Checkout}\n- {slug: search, name: Search}\n"
BROKEN = b"version: 1\nname: team-rooms\nfor_each: [\n"


async def unchanged(world: World, before: dict[str, str]) -> None:
    """Days pass, a restart comes, and nothing is done."""
    world.mark()
    await world.pass_(2 * DAY)
    assert world.changes == []
    await world.restart()
    await world.pass_(2 * DAY)
    assert world.changes == []
    assert await world.ids() == before


async def test_an_added_policy_becomes_rooms_at_once() -> None:
    """A file appears, and its rooms with it."""
    async with running() as world:
        await world.edit({"labs.yaml": policy("labs", ["alpha"])})
        assert world.names == ["Alpha room", "Checkout room", "Search room"]


@pytest.mark.parametrize(
    ("removal", "left"),
    [
        (GONE, []),
        ({"mode": "expire", "grace": "60s"}, ["Checkout room", "Search room"]),
        ({"mode": "keep"}, ["Checkout room", "Search room"]),
    ],
    ids=["delete", "expire", "keep"],
)
async def test_a_removed_policy_follows_its_removal(
    removal: dict[str, str], left: list[str]
) -> None:
    """What becomes of its rooms is told when the file goes, and happens."""
    async with running({"team-rooms.yaml": policy(removal=removal)}) as world:
        world.mark()
        await world.edit({"team-rooms.yaml": None})
        assert world.one("policy.removed").detail["rooms"] == 2
        await world.pass_(HOUR)
        assert world.names == left


@pytest.mark.parametrize(
    "broken",
    [
        {"team-rooms.yaml": BROKEN},
        {"team-rooms.yaml": b"\xff\xfe no text"},
        {"team-rooms.yaml": b""},
        {"team-rooms.yaml": None, "renamed.yaml": BROKEN},
        {"team-rooms.yaml": policy(room={"lifetime": "2m"})},
        {"team-rooms.yaml": policy(roam={"type": "instant"})},
        {"team-rooms.yaml": None, "other.yaml": b"version: 1\nname: other\nroom: 5\n"},
    ],
    ids=["cut", "no-text", "empty", "renamed", "unlawful", "unknown-key", "gone-beside-a-bad-one"],
)
async def test_p09_a_bad_file_changes_nothing(broken: dict[str, bytes | None]) -> None:
    """Not now, not after days, not after a restart; and the problem is told once."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        world.mark()
        await world.edit(broken)
        assert "policy.rejected" in world.events
        assert "policy.removed" not in world.events
        assert world.engine.reconciler.book.problems
        await unchanged(world, before)
        assert world.events.count("policy.rejected") == 0
        world.mark()
        await world.edit(
            dict.fromkeys(broken) | {"team-rooms.yaml": policy(removal=GONE)}  # mended
        )
        await unchanged(world, before)


async def test_p09_one_subject_that_fails_keeps_its_room_and_the_others_go_on() -> None:
    """The template fails for one: that one stays as it is, told with its line."""
    room = {"display_name": "{{ team.name }} room", "metadata": "floor {{ team.floor }}"}
    teams = [
        {"slug": "checkout", "name": "Checkout", "floor": "1"},
        {"slug": "search", "name": "Search", "floor": "2"},
    ]
    good = policy(subjects=teams, room=room, removal=GONE, replace="now")
    async with running({"team-rooms.yaml": good}) as world:
        before = await world.ids()
        teams[0] = {"slug": "checkout", "name": "Till"}
        teams.append({"slug": "fraud", "name": "Fraud", "floor": "3"})
        world.mark()
        await world.edit(
            {"team-rooms.yaml": policy(subjects=teams, room=room, removal=GONE, replace="now")}
        )
        assert world.names == ["Checkout room", "Fraud room", "Search room"]
        assert "team-rooms.yaml" in world.one("policy.rejected").reason
        ids = await world.ids()
        await unchanged(world, ids)
        assert {key: ids[key] for key in before} == before


async def test_p09_two_subjects_with_one_key_keep_its_room() -> None:
    """Neither is believed; the other subjects go on."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        teams = [
            {"slug": "checkout", "name": "Till"},
            {"slug": "checkout", "name": "Cash desk"},
            "search",
        ]
        await world.edit({"team-rooms.yaml": policy(subjects=teams, removal=GONE, replace="now")})
        problems = world.engine.reconciler.book.problems
        assert any("two subjects have the key" in problem.message for problem in problems)
        await unchanged(world, before)


async def test_p09_a_subject_without_a_key_lets_none_count_as_gone() -> None:
    """Which subject it is nobody knows, so no other is missing for certain."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        await world.edit(
            {"team-rooms.yaml": policy(subjects=[{"slug": " ", "name": "X"}], removal=GONE)}
        )
        await unchanged(world, before)


def by_file(**rest: Any) -> bytes:
    return policy(for_each={"file": "teams.yaml"}, removal=GONE, **rest)


async def with_data(world: World) -> dict[str, str]:
    world.sources.data["teams.yaml"] = TEAMS
    await world.start()
    return await world.ids()


@pytest.mark.parametrize(
    "data",
    [None, b"", b"- {slug: checkout", b"slug: checkout\n", b"- 5\n- 6\n"],
    ids=["gone", "empty", "cut", "no-list", "no-subjects"],
)
async def test_p04_data_that_cannot_be_read_removes_nothing(data: bytes | None) -> None:
    """A source that failed is unknown, not empty."""
    world = World({"team-rooms.yaml": by_file()})
    try:
        before = await with_data(world)
        assert len(before) == 2
        await world.edit(teams_yaml=data)
        assert world.engine.reconciler.book.problems
        await unchanged(world, before)
    finally:
        await world.end()


async def test_p04_fewer_subjects_than_min_items_remove_nothing() -> None:
    """A file that was cut off between two lines is known by its count alone."""
    text = policy(for_each={"file": "teams.yaml", "min_items": 2}, removal=GONE)
    world = World({"team-rooms.yaml": text})
    try:
        before = await with_data(world)
        await world.edit(teams_yaml=b"- {slug: checkout, name: Checkout}\n")
        await unchanged(world, before)
    finally:
        await world.end()


async def test_p04_a_folder_that_vanishes_removes_nothing() -> None:
    """Nor does one that is not there at the start."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        world.sources.vanish()
        await world.edit()
        await unchanged(world, before)
        world.sources.problem = None
        await world.edit()
        await unchanged(world, before)


async def test_a_good_change_beside_a_bad_file_is_taken() -> None:
    """The bad file holds up removals of policies, not the others' rooms."""
    async with running() as world:
        await world.edit({"bad.yaml": BROKEN.replace(b"team-rooms", b"bad")})
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout", "search", "fraud"])})
        assert "Fraud room" in world.names


async def test_two_files_with_one_name_the_first_stays_in_force() -> None:
    """The newcomer is shown as the problem, under whichever name it sorts."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        await world.edit({"a-copy.yaml": policy(subjects=["fraud"], removal=GONE)})
        assert world.names == ["Checkout room", "Search room"]
        assert any(
            problem.place.file == "a-copy.yaml" and "team-rooms.yaml" in problem.message
            for problem in world.engine.reconciler.book.problems
        )
        await unchanged(world, before)


async def test_a_silent_rename_is_refused() -> None:
    """Another name over the same subjects would make every room anew."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        await world.edit({"team-rooms.yaml": policy("squads", removal=GONE)})
        assert any(
            "formerly: team-rooms" in problem.message
            for problem in world.engine.reconciler.book.problems
        )
        await unchanged(world, before)


async def moved_without_a_call(
    world: World, before: dict[str, str], renamed: dict[str, str]
) -> None:
    """The rooms serve their new keys, and no call was made but listings, also later."""
    after = await world.ids()
    assert after == {renamed.get(key, key): room for key, room in before.items()}
    shown = {room.key: room.room_id for room in world.destination.shown}
    assert shown == after
    await unchanged(world, after)
    assert "get_room" not in world.calls


async def test_formerly_costs_no_call_and_keeps_the_links() -> None:
    """A policy is renamed with its file."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        world.mark()
        text = policy("squads", removal=GONE, formerly=["team-rooms"])
        await world.edit({"team-rooms.yaml": None, "squads.yaml": text})
        assert world.changes == []
        assert world.events.count("room.rekeyed") == 2
        assert "policy.removed" not in world.events
        renamed = {f"team-rooms/{name}": f"squads/{name}" for name in ("checkout", "search")}
        await moved_without_a_call(world, before, renamed)


async def test_p01_rooms_of_a_renamed_policy_move_all_or_none() -> None:
    """The second cannot be recorded: by the old book the first one's room would be made anew."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before, full = await world.ids(), [StoreFault("the disk is full")]

        async def once(commit: Commit) -> None:
            moved = {fact.key for fact in commit.facts if fact.event == "room.rekeyed"}
            if full and "squads/search" in moved:
                world.engine.parts.inbox.wake(parse_key("team-rooms/checkout"), "test")
                raise full.pop()

        world.store.before = once
        world.mark()
        text = policy("squads", removal=GONE, formerly=["team-rooms"])
        await world.edit({"team-rooms.yaml": None, "squads.yaml": text})
        assert not full
        await world.pass_(timedelta(minutes=5))
        assert world.changes == []
        renamed = {f"team-rooms/{name}": f"squads/{name}" for name in ("checkout", "search")}
        await moved_without_a_call(world, before, renamed)


async def test_a_subjects_former_key_costs_no_call_and_keeps_the_link() -> None:
    """`for_each.formerly` names the old slug in the data itself."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        teams = [
            {"slug": "till", "name": "Checkout", "was": "checkout"},
            {"slug": "search", "name": "Search", "was": ""},
        ]
        source = {"formerly": "{{ team.was }}"}
        await world.edit({"team-rooms.yaml": policy(subjects=teams, for_each=source, removal=GONE)})
        await moved_without_a_call(world, before, {"team-rooms/checkout": "team-rooms/till"})


async def test_moved_costs_no_call_and_keeps_the_link() -> None:
    """`moved` names one subject, within a policy or from another."""
    labs = policy("labs", ["alpha"], removal=GONE)
    async with running({"team-rooms.yaml": policy(removal=GONE), "labs.yaml": labs}) as world:
        before = await world.ids()
        teams = [{"slug": "till", "name": "Checkout"}, "search", "alpha"]
        moved = [{"from": "checkout", "to": "till"}, {"from": "labs/alpha", "to": "alpha"}]
        await world.edit(
            {
                "team-rooms.yaml": policy(subjects=teams, removal=GONE, moved=moved),
                "labs.yaml": None,
            }
        )
        renamed = {"team-rooms/checkout": "team-rooms/till", "labs/alpha": "team-rooms/alpha"}
        await moved_without_a_call(world, before, renamed)


async def test_a_room_moves_although_it_is_being_made() -> None:
    """The move waits for the turn under way: two rooms would be made otherwise."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        go, arrived = asyncio.Event(), asyncio.Event()

        async def wait(asked: Asked) -> None:
            if asked.method == "create_room":
                arrived.set()
                await go.wait()

        world.fake.after = wait
        teams = ["checkout", "search", "fraud"]
        await world.edit({"team-rooms.yaml": policy(subjects=teams, removal=GONE)})
        assert arrived.is_set()
        text = policy("squads", teams, removal=GONE, formerly=["team-rooms"])
        await world.edit({"team-rooms.yaml": None, "squads.yaml": text})
        go.set()
        await world.pass_(timedelta(minutes=5))
        after = await world.ids()
        assert after.keys() == {f"squads/{name}" for name in teams}
        assert after["squads/checkout"] == before["team-rooms/checkout"]
        assert world.calls.count("create_room") == 3
        assert world.names == ["Checkout room", "Fraud room", "Search room"]


async def test_a_change_that_could_not_be_recorded_is_taken_up_later() -> None:
    """The folder tells of it once; the store was full just then."""
    async with running() as world:
        world.store.fault = StoreFault("the disk is full")
        await world.edit({"labs.yaml": policy("labs", ["alpha"])})
        await world.pass_(timedelta(minutes=1))
        world.store.fault = None
        await world.pass_(timedelta(minutes=1))
        assert "Alpha room" in world.names
        assert await world.store.state(parse_key("labs/alpha"))


async def test_the_source_of_a_moved_room_that_is_still_wanted_keeps_it() -> None:
    """A `moved` that contradicts the subjects is a problem and moves nothing."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        moved = [{"from": "checkout", "to": "fraud"}]
        await world.edit(
            {
                "team-rooms.yaml": policy(
                    subjects=["checkout", "search", "fraud"], removal=GONE, moved=moved
                )
            }
        )
        after = await world.ids()
        assert after.items() > before.items()
        assert any("still wanted" in p.message for p in world.engine.reconciler.book.problems)


async def test_p10_rooms_that_were_no_pages_keep_their_terms_under_a_policy_for_pages() -> None:
    """Where their policy is one by now, or a person moves them there: none ends at once."""
    keep = {"mode": "keep"}
    labs = policy("labs", ["alpha"])
    files = {"team-rooms.yaml": policy(removal=keep), "labs.yaml": labs}
    async with running(files) as world:
        await world.desk.protect("team-rooms/checkout", ANNA)
        await world.edit({"team-rooms.yaml": on_page("team-rooms"), "labs.yaml": None})
        await world.desk.rekey("labs/alpha", "team-rooms/alpha", ANNA)
        world.mark()
        await world.pass_(HOUR)
        assert world.changes == []
        assert world.holds("team-rooms/checkout") == {"protected"}
        assert world.holds("team-rooms/search") == {"kept"}
        assert world.holds("team-rooms/alpha") == {"grace"}


@pytest.mark.parametrize(
    ("terms", "becomes", "told"),
    [
        (
            {"mode": "no-removals"},
            "2 stay, because its mode was no-removals",
            "team-rooms, once it is put back:  mode: enforce",
        ),
        (
            {"changes": {"allow": []}},
            "2 stay until a reviewed plan says otherwise",
            "(team-rooms, which is gone: by reviewed plans alone)",
        ),
    ],
    ids=["mode", "changes"],
)
async def test_p10_what_a_policy_said_against_removing_outlives_its_file(
    terms: dict[str, Any], becomes: str, told: str
) -> None:
    """Its last word, over a restart; put back without it, and taken away, it goes as others do."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        await world.edit({"team-rooms.yaml": policy(removal=GONE, **terms)})
        world.mark()
        await world.edit({"team-rooms.yaml": None})
        assert world.one("policy.removed").detail["becomes"] == becomes
        await unchanged(world, before)
        report = await world.desk.why_not("team-rooms/checkout")
        assert told in f"{report.advice} {report.obstacles}"
        await world.edit({"team-rooms.yaml": policy(removal=GONE)})
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(HOUR)
        assert world.names == []


async def test_a_world_without_policies_is_at_rest() -> None:
    """An empty folder is no reason for anything."""
    world = World()
    world.sources.policies.clear()
    async with alive(world):
        await world.pass_(DAY)
        assert set(world.calls) == {"list_rooms", "list_sessions"}


@pytest.mark.parametrize("subjects", [("till", "checkout"), ("checkout", "till")], ids=",".join)
async def test_p01_a_former_key_that_is_wanted_again_keeps_the_room_that_is_made_for_it(
    subjects: tuple[str, ...],
) -> None:
    """Its heir does not take that for one of its own, while the create is not recorded yet."""
    room = {"display_name": "A desk"}  # the same for both, so that nothing is replaced
    text = policy(subjects=("checkout",), room=room)
    async with running({"team-rooms.yaml": text}) as world:
        first = await world.room("team-rooms/checkout")
        moved = [{"from": "checkout", "to": "till"}]
        text = policy(subjects=("till",), room=room, moved=moved)
        await world.edit({"team-rooms.yaml": text})
        world.mark()
        await world.edit({"team-rooms.yaml": policy(subjects=subjects, room=room)})
        await world.pass_(2 * HOUR)
        assert world.events == ["policy.loaded", "room.created"]
        second = await world.room("team-rooms/checkout")
        assert (await world.room("team-rooms/till")).id == first.id
        assert sorted(one.id for one in world.alive) == [first.id, second.id]
