"""What goes wrong in small: one subject's templates, one look, one command."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.keys import key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.engine.lineage import LINEAGE
from orchestrator.engine.resync import FULL_AT
from orchestrator.foundation.instants import parse_instant
from orchestrator.foundation.problems import Place, Problem
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit
from tests.component.world import ANNA, HOUR, OWNER, World, alive, policy, running
from tests.fakes.rooms import Fate

DAY = timedelta(days=1)
GONE = {"mode": "delete", "grace": "60s"}
CHECKOUT = "team-rooms/checkout"
GERMAN = policy(subjects=["checkout"], room={"ui_settings": {"language": "de"}})
ONE = {"team-rooms.yaml": policy(subjects=["checkout"])}


# --- one subject's templates ---


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ({"name": "x" * 220}, "at most 200 characters"),
        ({"name": "  "}, "blank"),
        ({"name": "Till", "note": "n" * 191}, "190"),
        ({"name": "Till", "was": "x" * 201}, "formerly"),
    ],
    ids=["long-name", "blank-name", "long-metadata", "former-key"],
)
async def test_p09_a_subject_that_cannot_be_rendered_keeps_its_room(
    subject: dict[str, str], told: str
) -> None:
    """The problem is shown, the room stays, the other subject goes on."""

    def text(one: dict[str, str]) -> bytes:
        teams = [
            {"slug": "checkout", "note": "", "was": "", **one},
            {"slug": "search", "name": "Search", "note": "", "was": ""},
        ]
        room = {"display_name": "{{ team.name }}", "metadata": "{{ team.note }}"}
        source = {"formerly": "{{ team.was }}"}
        return policy(subjects=teams, room=room, for_each=source, replace="never", removal=GONE)

    async with running({"team-rooms.yaml": text({"name": "Checkout"})}) as world:
        before = await world.ids()
        await world.edit({"team-rooms.yaml": text(subject)})
        problems = [problem.message for problem in world.engine.reconciler.book.problems]
        assert any(told in message for message in problems), problems
        await world.pass_(DAY)
        assert await world.ids() == before
        assert "delete_room" not in world.calls


async def test_p09_a_former_key_that_cannot_be_rendered_makes_no_new_room() -> None:
    """Which room it may have is not known, so none is made for it."""
    teams = [{"slug": "till", "name": "Till"}, {"slug": "search", "name": "Search", "was": "x"}]
    source = {"formerly": "{{ team.was }}"}
    async with running() as world:
        world.mark()
        await world.edit({"team-rooms.yaml": policy(subjects=teams, for_each=source)})
        await world.pass_(DAY)
        assert "create_room" not in world.changes
        assert world.engine.reconciler.book.problems


async def test_a_moved_line_without_a_lawful_key_is_a_problem() -> None:
    """The other rooms are not concerned."""
    async with running() as world:
        before = await world.ids()
        moved = [{"from": "no policy/ ", "to": "search"}]
        await world.edit({"team-rooms.yaml": policy(moved=moved)})
        assert world.engine.reconciler.book.problems
        assert await world.ids() == before


async def test_p04_a_rename_whose_subjects_are_unknown_is_refused() -> None:
    """The name changed and the data broke at once: nothing is let go."""
    world = World({"team-rooms.yaml": policy(for_each={"file": "teams.yaml"}, removal=GONE)})
    world.sources.data["teams.yaml"] = b"- {slug: checkout, name: Checkout}\n"
    async with alive(world):
        before = await world.ids()
        renamed = policy("squads", for_each={"file": "teams.yaml"}, removal=GONE)
        await world.edit({"team-rooms.yaml": renamed}, teams_yaml=b"- {")
        await world.pass_(DAY)
        assert await world.ids() == before
        assert world.names == ["Checkout room"]


async def test_p09_a_file_that_cannot_be_opened_keeps_its_policy() -> None:
    """A problem in place of bytes."""
    async with running({"team-rooms.yaml": policy(removal=GONE)}) as world:
        before = await world.ids()
        world.sources.policies["team-rooms.yaml"] = Problem(
            Place("team-rooms.yaml"), "cannot be read: Permission denied"
        )
        await world.edit()
        await world.pass_(DAY)
        assert await world.ids() == before
        told = await world.desk.why(CHECKOUT)
        assert told.wanted


async def test_a_subject_whose_encoded_key_is_cut_is_found_by_its_marker() -> None:
    """A long name in another script: an empty store takes its room up again, without a call."""
    long = "отдел " * 20
    world = World({"team-rooms.yaml": policy(subjects=[{"slug": long, "name": "Long"}])})
    own = key("team-rooms", long)
    assert "~" in own.encoded
    marker = new_marker(OWNER, own, 1, "otherone-0123456789abcdef")
    ends = world.clock.now() + 300 * DAY
    planted = world.fake.plant(
        NewRoom("Long room", RoomType.LONG_TERM, write_metadata("", marker), {}, ends)
    )
    await world.store.commit(Commit(notes={LINEAGE: '["otherone"]'}), world.clock.now())
    async with alive(world):
        assert world.changes == []
        assert list((await world.ids()).values()) == [planted.id]


# --- one look, one call ---


@pytest.mark.parametrize(
    "fate", [Fate.BUSY, Fate.UNSENT, Fate.UNAUTHORIZED, Fate.FORBIDDEN], ids=lambda fate: fate.name
)
async def test_a_look_that_fails_is_made_again(fate: Fate) -> None:
    """The act that stands on it is done a little later."""
    async with running(ONE) as world:
        world.fake.script("get_room", fate)
        world.mark()
        await world.edit({"team-rooms.yaml": GERMAN})
        assert world.changes == []
        await world.pass_(timedelta(minutes=3), step=timedelta(seconds=5))
        assert world.changes == ["update_room"]


async def test_a_change_of_a_room_that_is_not_there_looks_for_it_first() -> None:
    """404 on PATCH: once, it may be a hiccup; the room is read again and the change sent."""
    async with running(ONE) as world:
        world.fake.script("update_room", Fate.MISSING)
        await world.edit({"team-rooms.yaml": GERMAN})
        await world.pass_(HOUR)
        assert "create_room" not in world.changes[1:]
        assert world.alive[0].settings["ui_settings.language"] == "de"


async def test_a_room_that_goes_between_plan_and_delete_is_looked_for_again() -> None:
    """404 on DELETE and on the GET after it is not done: the room is missing, and looked for again.

    Its removal was due, so nobody is told that a room was lost.
    """
    async with running({"team-rooms.yaml": policy(subjects=["checkout"], removal=GONE)}) as world:
        await world.edit({"team-rooms.yaml": None})
        room = world.alive[0].id
        world.fake.script("delete_room", Fate.MISSING)
        world.fake.after = vanisher(world, room)
        await world.pass_(HOUR)
        assert await world.store.states() == []
        assert world.events[-2:] == ["room.delete.failed", "room.expired"]


def vanisher(world: World, room_id: str) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """Takes the room away once it was read."""

    async def vanish(asked: Any) -> None:
        if asked.method == "list_sessions" and any(one.id == room_id for one in world.alive):
            world.fake.vanish(room_id)

    return vanish


async def test_a_listing_that_was_cut_short_proves_nothing() -> None:
    """Nothing is ended, nothing made anew; it is made again later."""
    async with running() as world:
        world.fake.complete = False
        world.fake.vanish(world.alive[0].id)
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout"], removal=GONE)})
        world.mark()
        await world.pass_(5 * HOUR)
        assert world.changes == []


# --- one command ---


async def test_commands_refuse_what_is_not_there() -> None:
    """Each with a sentence and the exit code of invalid input."""
    async with running() as world:
        desk = world.desk
        refused = [
            desk.distinct("room", "team-rooms/nobody", ANNA),
            desk.forget("team-rooms/nobody", ANNA),
            desk.rekey(CHECKOUT, CHECKOUT, ANNA),
            desk.rekey("team-rooms/nobody", "team-rooms/other", ANNA),
            desk.rekey("no key", CHECKOUT, ANNA),
        ]
        for command in refused:
            with pytest.raises(DeskError) as caught:
                await command
            assert caught.value.code == 2


async def test_adopt_waits_for_a_room_that_is_being_made() -> None:
    """An open create may be found yet: the key would have two rooms."""
    async with alive(World({})) as world:
        other = world.fake.plant(
            NewRoom("X", RoomType.LONG_TERM, "", {}, world.clock.now() + 300 * DAY)
        )
        await world.pass_(2 * HOUR)
        world.fake.script("create_room", Fate.LOST)
        await world.edit(ONE)
        with pytest.raises(DeskError, match="being made"):
            await world.desk.adopt(other.id, CHECKOUT, ANNA)
        world.fake.down = True
        with pytest.raises(DeskError):
            await world.desk.host_link(CHECKOUT, ANNA)


async def test_a_room_that_cannot_be_read_is_not_adopted() -> None:
    """Nor is a host link told that the API did not tell."""
    async with alive(World({})) as world:
        other = world.fake.plant(
            NewRoom("Checkout room", RoomType.LONG_TERM, "", {}, world.clock.now() + 300 * DAY)
        )
        await world.pass_(2 * HOUR)
        await world.edit(ONE)
        world.fake.script("get_room", Fate.UNSENT)
        with pytest.raises(DeskError, match="could not be read"):
            await world.desk.adopt(other.id, CHECKOUT, ANNA)
        await world.desk.adopt(other.id, CHECKOUT, ANNA)
        world.fake.script("get_host_link", Fate.UNSENT)
        with pytest.raises(DeskError, match="host link"):
            await world.desk.host_link(CHECKOUT, ANNA)


async def test_the_states_of_rooms_are_told_in_one_word() -> None:
    """Open, occupied, missing, ending, superseded."""
    async with running({"team-rooms.yaml": policy(removal={"grace": "9d"})}) as world:
        room = await world.room(CHECKOUT)
        world.fake.join(room.id)
        await world.pass_(2 * HOUR)
        assert await states(world) == {CHECKOUT: ["occupied"], "team-rooms/search": ["open"]}
        world.fake.leave(room.id)
        teams = [{"slug": "search", "name": "Find"}]
        await world.edit(
            {"team-rooms.yaml": policy(subjects=teams, removal={"grace": "9d"}, replace="now")}
        )
        await world.pass_(2 * HOUR)
        assert await states(world) == {
            CHECKOUT: ["ending"],
            "team-rooms/search": ["open", "superseded"],
        }
        (act,) = {act for act in (await world.desk.status()).next_acts if act.key == CHECKOUT}
        assert act.what == "end"
        search = await world.room("team-rooms/search")
        world.fake.vanish(search.id)
        world.fake.doubtful = "it says so"
        await world.pass_(2 * HOUR)
        why = await world.desk.why(CHECKOUT)
        assert why.wanted.startswith("not wanted")
        assert any("Nothing is ended" in need for need in (await world.desk.status()).needs_you)


async def states(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in (await world.desk.rooms()).rooms:
        found.setdefault(row.key, []).append(row.state)
    return {name: sorted(words) for name, words in found.items()}


async def test_rooms_of_others_are_listed_where_asked_for() -> None:
    """By name, with what their metadata says of whose they are; also without a daemon."""
    world = World(ONE)
    ends = world.clock.now() + 300 * DAY
    marker = write_metadata("", new_marker("globex", key("a", "b"), 1, "otherone-0123456789abcdef"))
    world.fake.plant(NewRoom("Kitchen", RoomType.LONG_TERM, "", {}, ends))
    world.fake.plant(NewRoom("Hall", RoomType.LONG_TERM, marker, {}, ends))
    engine, desk = world.offline()
    await engine.look()
    others = (await desk.rooms(foreign=True)).foreign
    assert [(row.display_name, bool(row.marker)) for row in others] == [
        ("Hall", True),
        ("Kitchen", False),
    ]
    world.fake.down = True
    with pytest.raises(DeskError, match="could not be listed"):
        await desk.apply(ANNA)


# --- one note ---


async def test_that_all_was_listed_is_noted_once_a_day() -> None:
    """A small estate is listed from the beginning each time, and a note each time is a commit."""
    async with running(ONE) as world:
        store, noted = world.engine.parts.store, []
        for _ in range(24 * 3):
            await world.pass_(HOUR)
            noted.append(await store.note(FULL_AT))
        assert 3 <= len(set(noted)) <= 4
        assert noted[-1] is not None
        assert world.clock.now() - parse_instant(noted[-1]) <= DAY + HOUR
