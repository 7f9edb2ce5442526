"""The list of adopted and disowned rooms: it follows, it is never half, it is never lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.policies.adopted import AdoptedFile, adopted_rooms
from orchestrator.adapters.policies.scanning import load
from orchestrator.adapters.policies.subjects import DATA_MAX
from orchestrator.foundation.documents import read_yaml
from orchestrator.foundation.problems import Place, Problem
from orchestrator.ports.adoptions import AdoptionsFault, Entry, Standing
from orchestrator.ports.sources import Adopted


def entry(room: str, standing: Standing = Standing.ADOPTED, key: str = "team-rooms/a") -> Entry:
    return Entry(room, key, f"Room {room}", standing)


def lists(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Keys by room, of the adopted and of the disowned, as any reader of YAML sees them."""
    document = read_yaml("adopted.yaml", (folder / "data/adopted.yaml").read_bytes(), limit=9999)
    assert not document.problems
    tree: Any = document.tree
    adopted, disowned = (
        {line["room"]: line["key"] for line in tree[name]} for name in ("adopted", "disowned")
    )
    return adopted, disowned


async def test_a_room_is_adopted_moved_and_disowned(tmp_path: Path) -> None:
    """Each room stands in one of the two lists; what is not told stays."""
    file = AdoptedFile(tmp_path)
    await file.record([entry("1"), entry("2", key="team-rooms/b")])
    assert lists(tmp_path) == ({"1": "team-rooms/a", "2": "team-rooms/b"}, {})
    await file.record([entry("1", Standing.MOVED, "squads/a"), entry("2", Standing.DISOWNED)])
    assert lists(tmp_path) == ({"1": "squads/a"}, {"2": "team-rooms/a"})
    await AdoptedFile(tmp_path).record([entry("2", Standing.MARKED)])
    assert lists(tmp_path) == ({"1": "squads/a"}, {})


async def test_doing_it_twice_is_the_same_as_once_and_touches_nothing(tmp_path: Path) -> None:
    """The outbox tells at least once."""
    file = AdoptedFile(tmp_path)
    entries = [entry("1"), entry("2", Standing.DISOWNED), entry("3", Standing.MOVED)]
    await file.record(entries)
    before = (tmp_path / "data/adopted.yaml").stat()
    await file.record(entries)
    assert (tmp_path / "data/adopted.yaml").stat() == before


async def test_nothing_to_tell_makes_no_file(tmp_path: Path) -> None:
    """A marked room needs no line."""
    await AdoptedFile(tmp_path).record([entry("1", Standing.MARKED)])
    assert list(tmp_path.iterdir()) == []


async def test_names_are_written_so_that_any_yaml_reader_reads_them(tmp_path: Path) -> None:
    """Quotes, colons, hashes and line ends in a display name."""
    name = 'Küche: "3" # \n - }'
    await AdoptedFile(tmp_path).record([Entry("1", "a/ö: #", name, Standing.ADOPTED)])
    assert lists(tmp_path)[0] == {"1": "a/ö: #"}


@pytest.mark.parametrize(
    "content",
    [
        b"adopted: [{room: 1",
        b"\xff",
        b"- a list\n",
        b"adopted: [just text]\n",
        b"adopted: [{key: a}]\n",
        b"adopted: {room: a, key: a/b}\n",
        b"adopted:\n  a/b\n",
        b"adoptd:\n- {room: a, key: a/b}\n",
        b'adopted:\n  - {"room": "a", "key": "a/b"}\n  - {"room": "a", "key": "a/c"}\n',
    ],
    ids=[
        "cut",
        "no-text",
        "no-mapping",
        "no-line",
        "no-room",
        "no-list",
        "text",
        "misspelt",
        "twice",
    ],
)
async def test_what_cannot_be_read_is_not_written_over(tmp_path: Path, content: bytes) -> None:
    """A person mends it; until then the fault says where."""
    path = tmp_path / "data/adopted.yaml"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(AdoptionsFault, match=r"adopted\.yaml"):
        await AdoptedFile(tmp_path).record([entry("1")])
    assert path.read_bytes() == content


async def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    """The policies folder itself is never made."""
    with pytest.raises(AdoptionsFault, match="cannot be written"):
        await AdoptedFile(tmp_path / "gone").record([entry("1")])


async def test_the_draft_is_taken_away_when_the_disk_fails(tmp_path: Path) -> None:
    """The old list stands as it was."""
    file = AdoptedFile(tmp_path)
    await file.record([entry("1")])
    path = tmp_path / "data/adopted.yaml"
    before = path.read_bytes()
    path.unlink()
    path.mkdir()
    with pytest.raises(AdoptionsFault):
        await file.record([entry("2")])
    path.rmdir()
    path.write_bytes(before)
    assert os.listdir(path.parent) == ["adopted.yaml"]  # noqa: PTH208


async def test_the_list_counts_as_data_of_its_own(tmp_path: Path) -> None:
    """A line in it is a change of the folder; it may be larger than other data is."""
    (tmp_path / "data/teams").mkdir(parents=True)
    (tmp_path / "data/teams/adopted.yaml").write_bytes(b"- a\n")
    before = load(tmp_path)
    await AdoptedFile(tmp_path).record([entry("1")])
    after = load(tmp_path)
    assert after.digest != before.digest
    assert set(after.data) == {"adopted.yaml", "teams/adopted.yaml"}
    (tmp_path / "data/adopted.yaml").write_bytes(b"#" * (DATA_MAX + 9))
    (tmp_path / "data/teams/adopted.yaml").write_bytes(b"#" * (DATA_MAX + 9))
    found = load(tmp_path).data.values()
    lengths = [len(content) for content in found if isinstance(content, bytes)]
    assert lengths == [DATA_MAX + 9, DATA_MAX + 1]


async def test_a_line_stays_in_its_place_and_comments_stay_until_something_changes(
    tmp_path: Path,
) -> None:
    """What a person wrote and the daemon then took in is the same list."""
    file, path = AdoptedFile(tmp_path), tmp_path / "data/adopted.yaml"
    await file.record([entry("1"), entry("2")])
    path.write_text(f"# ours\n{path.read_text()}")
    await file.record([entry("1")])
    assert path.read_text().startswith("# ours\n")
    await file.record([entry("1", key="team-rooms/b"), entry("3")])
    assert [one.room_id for one in file.read()] == ["1", "2", "3"]


NAMES = ["a\x7fb", "a\x01b", "a\x85b", "a\u2028b", "a\ufeffb", "\ufffe", "ö {x}: '\"' # \U0001f600"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_name_leaves_a_list_that_all_can_read(tmp_path: Path, name: str) -> None:
    """The daemon writes names of others into it, and must be able to write it again."""
    file, path = AdoptedFile(tmp_path), tmp_path / "data/adopted.yaml"
    await file.record([Entry("1", "a/b", name, Standing.ADOPTED)])
    await file.record([entry("2")])
    assert [one.room_id for one in file.read()] == ["1", "2"]
    document = read_yaml("adopted.yaml", path.read_bytes(), limit=9999, as_written=True)
    assert not document.problems
    tree: Any = document.tree
    assert tree["adopted"][0]["name"] == file.read()[0].display_name


def rooms(content: bytes) -> dict[str, list[str]]:
    found = adopted_rooms(content).rooms
    assert found is not None
    return {str(key): [*ids] for key, ids in found.items()}


OURS = b"""# a comment

adopted:
  - {"room": "1", "key": "a/b", "name": "B"}
  - {"room": "2", "key": "a/b"}
  - {"room": "3", "key": "a/c"}
  - {"room": "4"}
disowned:
  - {"room": "3", "key": "a/c"}
"""
BY_HAND = b"""adopted:
- room: '1'
  key: a/b
- {room: 2, key: a/b}
- room: '3'
  key: a/c
- room: '4'
disowned: [{room: '3'}]
"""


@pytest.mark.parametrize("content", [OURS, BY_HAND], ids=["ours", "by-hand"])
def test_the_list_says_which_rooms_are_taken_for_which_keys(content: bytes) -> None:
    """Whoever wrote it; what was disowned as well is not, nor is what has no key."""
    assert rooms(content) == {"a/b": ["1", "2"]}


@pytest.mark.parametrize("content", [b"adopted: []\ndisowned: []\n", b"# nothing\n", b"adopted:\n"])
def test_a_list_may_be_empty(content: bytes) -> None:
    assert rooms(content) == {}


def test_no_list_is_no_problem_and_a_bad_one_is_not_empty() -> None:
    """What cannot be read is not the same as none (P4); a key that is none is told of."""
    assert adopted_rooms(None) == Adopted({})
    unread = Problem(Place("data/adopted.yaml"), "cannot be read: EIO")
    assert adopted_rooms(unread) == Adopted(None, (unread,))
    cut = OURS[:70]
    assert (adopted_rooms(cut).rooms, len(adopted_rooms(cut).problems)) == (None, 1)
    found = adopted_rooms(b'adopted: [{"room": "1", "key": "a"}, {"room": "2", "key": "a/b"}]')
    assert [*(found.rooms or {}).values()] == [("2",)]
    assert "the line of room 1: 'a' is no key" in str(found.problems[0])
    (problem,) = adopted_rooms(BY_HAND).problems
    assert "the line of room 4 names no key" in str(problem)
    (problem,) = adopted_rooms(b"disowned: []\nadopted:\n  a/b\n").problems
    assert str(problem) == "data/adopted.yaml:3:3  is no list; begin each line with a hyphen"
    twice = b"adopted:\n- {room: a, key: a/b}\n- {room: b, key: a/c}\n- {room: a, key: a/d}\n"
    (problem,) = adopted_rooms(twice).problems
    assert str(problem).startswith("data/adopted.yaml:4:3  room a stands here a second time")
    (problem,) = adopted_rooms(b"adopted: []\nadoptd: []\n").problems
    assert str(problem).startswith('data/adopted.yaml:2:9  "adoptd" is none of its lists')


@pytest.mark.parametrize(
    "line",
    ['  - {"room": "1", "key": "a/b"', '  - {"room": 1}', "  - {room: one}", '  - {"key": "a/b"}'],
    ids=["cut", "number", "no-json", "no-room"],
)
def test_a_line_that_json_does_not_read_is_yaml_to_judge(line: str) -> None:
    """The short way of reading never takes what the long one refuses, nor refuses what it takes."""
    content = f"adopted:\n{line}\n".encode()
    document = read_yaml("x", content, limit=9999, as_written=True)
    tree: Any = document.tree
    lawful = not document.problems and isinstance(tree["adopted"][0].get("room"), str)
    assert (adopted_rooms(content).rooms is not None) is lawful
