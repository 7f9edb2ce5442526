"""What may befall a file of subjects: nothing is ended or replaced, and each says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from orchestrator.domain.brakes import Limits
from tests.component.world import HOUR, World, alive, policy

DAY = timedelta(days=1)
GONE = {"mode": "delete", "grace": "60s"}
TEAMS: Final = [f"team-{number}" for number in range(10)]
LIMITS = Limits(max_removals=3, max_removal_percent=10)
HTML = b"<!doctype html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n"


def rows(suffix: str, teams: list[str]) -> bytes:
    """The subjects as a file of one form, a row each."""
    named = [(team, team.title()) for team in teams]
    match suffix:
        case "csv":
            return "".join(f"{slug},{name}\n" for slug, name in [("slug", "name"), *named]).encode()
        case "json":
            lines = ",\n".join(f'{{"slug": "{slug}", "name": "{name}"}}' for slug, name in named)
            return f"[\n{lines}\n]\n".encode()
        case "flow":
            return "".join(f"- {{slug: {slug}, name: {name}}}\n" for slug, name in named).encode()
        case _:
            return "".join(f"- slug: {slug}\n  name: {name}\n" for slug, name in named).encode()


def world_of(suffix: str) -> tuple[World, str]:
    """A world whose subjects stand in a file, not started; and the file's name."""
    file = f"teams.{ {'flow': 'yaml', 'block': 'yaml'}.get(suffix, suffix) }"
    text = policy(for_each={"file": file}, removal=GONE, replace="now")
    world = World({"team-rooms.yaml": text}, limits=LIMITS)
    world.sources.data[file] = rows(suffix, TEAMS)
    return world, file


async def nothing_is_done(world: World, before: dict[str, str], why: str, file: str) -> None:
    """Days pass, with a restart; status names the file and says what is wrong with it."""
    told = "\n".join((await world.desk.status()).needs_you)
    assert file in told, told
    assert why in told, told
    world.mark()
    await world.pass_(2 * DAY)
    await world.restart()
    await world.pass_(2 * DAY)
    assert world.changes == []
    assert await world.ids() == before
    assert "room.tombstoned" not in world.events
    (row,) = (await world.desk.status()).policies
    # Those that are in force: in mid-row may also be a line end, and one row less then.
    assert row.subjects == sum(one.tombstone is None for one in await world.store.states())


SUFFIXES: Final = ["block", "flow", "json", "csv"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b"\n\n", "empty"), (None, "does not exist"), (HTML, "")],
    ids=["emptied", "blank", "deleted", "html"],
)
async def test_p04_a_spoilt_file_of_subjects_ends_nothing(
    suffix: str, content: bytes | None, why: str
) -> None:
    """Emptied, deleted, replaced by the page of a proxy."""
    world, file = world_of(suffix)
    async with alive(world):
        before = await world.ids()
        assert len(before) == 10
        await world.edit({}, **{file.replace(".", "_"): content})
        await nothing_is_done(world, before, why, file)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("after", [8])
async def test_p04_a_file_that_is_cut_in_mid_row_ends_and_renames_nothing(
    suffix: str, after: int
) -> None:
    """Wherever the cut goes through a row: also where what is left can be read."""
    world, file = world_of(suffix)
    async with alive(world):
        before = await world.ids()
        whole = rows(suffix, TEAMS)
        begin = whole.index(f"team-{after}".encode())
        end = whole.index(f"Team-{after}".encode()) + len("Team-0") - 1
        for cut in range(begin + 1, end + 1):
            await world.edit({}, **{file.replace(".", "_"): whole[:cut]})
            assert await world.ids() == before, cut
            assert world.engine.reconciler.book.problems, cut
        await nothing_is_done(world, before, "", file)
        world.mark()
        await world.edit({}, **{file.replace(".", "_"): whole})
        await world.pass_(DAY)
        assert world.changes == []
        assert (await world.desk.status()).needs_you == ()


@pytest.mark.parametrize("suffix", ["block", "flow", "csv"])
async def test_p10_a_file_cut_at_a_line_end_trips_the_brake(suffix: str) -> None:
    """A valid, shorter list: more rows than the limit, and none of them ends."""
    world, file = world_of(suffix)
    async with alive(world):
        before = await world.ids()
        world.mark()
        await world.edit({}, **{file.replace(".", "_"): rows(suffix, TEAMS[:5])})
        assert world.one("brake.tripped").detail["keys"] == [
            f"team-rooms/{name}" for name in TEAMS[5:]
        ]
        await world.pass_(2 * DAY)
        assert world.changes == []
        (row,) = (await world.desk.status()).brakes
        assert row.keys == tuple(f"team-rooms/{name}" for name in TEAMS[5:])
        await world.edit({}, **{file.replace(".", "_"): rows(suffix, TEAMS)})
        await world.pass_(DAY)
        assert world.changes == []
        assert await world.ids() == before
        assert world.events.count("room.restored") == 5


@pytest.mark.parametrize("suffix", ["block", "flow", "csv"])
async def test_a_file_cut_by_few_lines_is_shown_and_taken_back(suffix: str) -> None:
    """Fewer than the limit: tombstones with their moment, cancelled when the rows come back."""
    world, file = world_of(suffix)
    world.sources.policies["team-rooms.yaml"] = policy(for_each={"file": file})
    async with alive(world):
        before = await world.ids()
        world.mark()
        await world.edit({}, **{file.replace(".", "_"): rows(suffix, TEAMS[:8])})
        assert world.events == ["policy.loaded", "room.tombstoned", "room.tombstoned"]
        standing = (await world.desk.plan()).standing
        assert [line.key for line in standing] == ["team-rooms/team-8", "team-rooms/team-9"]
        assert all(line.when is not None for line in standing)
        await world.pass_(DAY)
        await world.edit({}, **{file.replace(".", "_"): rows(suffix, TEAMS)})
        assert world.events.count("room.restored") == 2
        await world.pass_(30 * DAY, step=DAY)
        assert set(world.changes) <= {"update_room"}
        assert await world.ids() == before


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_an_empty_list_trips_the_brake(suffix: str) -> None:
    """Valid and empty: as many rows as can be lost."""
    world, file = world_of(suffix)
    empty = {"csv": b"slug,name\n"}.get(suffix, b"[]\n")
    async with alive(world):
        before = await world.ids()
        await world.edit({}, **{file.replace(".", "_"): empty})
        assert len(world.engine.parts.brakes.verdict.held) == 10
        world.mark()
        await world.pass_(3 * DAY)
        assert world.changes == []
        assert await world.ids() == before


async def test_p04_the_folder_and_its_data_are_gone() -> None:
    """The whole folder, its data folder alone, and an empty folder in its place."""
    world, file = world_of("block")
    async with alive(world):
        before = await world.ids()
        world.sources.vanish()
        await world.edit()
        await nothing_is_done(world, before, "cannot be read", "policies")
        world.sources.problem = None
        await world.edit({}, **{file.replace(".", "_"): None})
        await nothing_is_done(world, before, "does not exist", file)
        # An empty folder is readable: all policies are gone, and that is for the brake.
        await world.edit({"team-rooms.yaml": None})
        assert len(world.engine.parts.brakes.verdict.held) == 10
        world.mark()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert await world.ids() == before
