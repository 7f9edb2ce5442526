"""The list of adopted and disowned rooms: it follows, it is never half, it is never lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.policies.adopted import AdoptedFile
from orchestrator.adapters.policies.scanning import load
from orchestrator.foundation.documents import read_yaml
from orchestrator.ports.adoptions import AdoptionsFault, Entry, Standing


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
    ],
    ids=["cut", "no-text", "no-mapping", "no-line", "no-room"],
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


async def test_the_list_is_no_data_file(tmp_path: Path) -> None:
    """Writing it is no change of the policies; one that is called so elsewhere is data."""
    (tmp_path / "data/teams").mkdir(parents=True)
    (tmp_path / "data/teams/adopted.yaml").write_bytes(b"- a\n")
    before = load(tmp_path)
    await AdoptedFile(tmp_path).record([entry("1")])
    after = load(tmp_path)
    assert after.digest == before.digest
    assert set(after.data) == {"teams/adopted.yaml"}
