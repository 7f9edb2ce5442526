"""``rooms.json``: its very text, its rights, and how it is replaced."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.delivery.file import JsonFile
from orchestrator.ports.deliveries import DeliveredRoom, DeliveryFault

NOW = datetime(2027, 1, 31, 9, tzinfo=UTC)


def a_room(subject: str) -> DeliveredRoom:
    return DeliveredRoom(
        policy="team-rooms",
        subject=subject,
        key=f"team-rooms/{subject}",
        room_id="r1",
        display_name="Büro",
        type="long_term",
        guest_url="https://meet.example/1",
        link="https://rooms.example/r/1",
        meeting_code="1",
        expires_at=NOW + timedelta(days=1),
        ending=False,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.json"


async def test_the_text_is_documented(path: Path) -> None:
    """An interface: one room a line, readable as it stands."""
    await JsonFile("rooms-json", path).deliver([a_room("a"), a_room("b")], NOW)
    line = (
        '{"key":"team-rooms/%s","policy":"team-rooms","subject":"%s","room_id":"r1",'
        '"display_name":"Büro","type":"long_term","link":"https://rooms.example/r/1","guest_url":"https://meet.example/1",'
        '"meeting_code":"1","expires_at":"2027-02-01T09:00:00.000000Z","ending":false}'
    )
    assert path.read_text(encoding="utf-8").splitlines() == [
        '{"version":1,"written_at":"2027-01-31T09:00:00.000000Z","rooms":[',
        line % ("a", "a") + ",",
        line % ("b", "b"),
        "]}",
    ]


async def test_half_a_character_is_shown_as_a_question_mark(path: Path) -> None:
    """A name that has no UTF-8 must not keep everybody from their links."""
    odd = replace(a_room("a"), display_name="B\ud800ro")
    await JsonFile("rooms-json", path).deliver([odd], NOW)
    assert json.loads(path.read_bytes())["rooms"][0]["display_name"] == "B?ro"


async def test_an_empty_file_is_json_too(path: Path) -> None:
    """So that readers need no special case."""
    await JsonFile("rooms-json", path).deliver([], NOW)
    assert json.loads(path.read_bytes()) == {
        "version": 1,
        "written_at": "2027-01-31T09:00:00.000000Z",
        "rooms": [],
    }


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o644], ids=oct)
async def test_the_rights_are_as_configured(path: Path, mode: int) -> None:
    """Whatever the umask says."""
    before = os.umask(0o077)
    try:
        await JsonFile("rooms-json", path, mode).deliver([], NOW)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode


async def test_by_default_the_group_may_read(path: Path) -> None:
    """And nobody else: links are not for everybody."""
    await JsonFile("rooms-json", path).deliver([], NOW)
    assert path.stat().st_mode & 0o777 == 0o640


async def test_unchanged_rooms_do_not_touch_the_file(path: Path) -> None:
    """Also after a restart, when nothing is remembered of the last writing."""
    await JsonFile("rooms-json", path).deliver([a_room("a")], NOW)
    before = path.stat()
    await JsonFile("rooms-json", path).deliver([a_room("a")], NOW + timedelta(days=1))
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "content",
    [b"", b'{"version":1,"written_at":', b"\xff" * 500, None],
    ids=["empty", "cut", "bytes", "gone"],
)
async def test_a_spoilt_file_is_written_anew(path: Path, content: bytes | None) -> None:
    """Whoever spoilt it."""
    destination = JsonFile("rooms-json", path)
    await destination.deliver([a_room("a")], NOW)
    good = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    await destination.deliver([a_room("a")], NOW)
    assert path.read_bytes() == good


async def test_something_written_below_is_noticed(path: Path) -> None:
    """The whole file counts, not its beginning."""
    destination = JsonFile("rooms-json", path)
    await destination.deliver([], NOW)
    good = path.read_bytes()
    path.write_bytes(good + b"more")
    await destination.deliver([], NOW)
    assert path.read_bytes() == good


async def test_a_reader_keeps_the_file_that_it_opened(path: Path) -> None:
    """The new one comes beside it and takes its name: nobody sees half of it."""
    destination = JsonFile("rooms-json", path)
    await destination.deliver([a_room("a")], NOW)
    with path.open("rb") as reader:
        await destination.deliver([a_room("b")], NOW)
        assert b"team-rooms/a" in reader.read()
    assert b"team-rooms/b" in path.read_bytes()
    assert list(path.parent.iterdir()) == [path]


async def test_what_a_kill_left_behind_is_used_up(path: Path) -> None:
    """And a link that somebody put there is not followed."""
    victim = path.with_name("victim")
    victim.write_text("mine")
    path.with_name(".rooms.json.new").symlink_to(victim)
    await JsonFile("rooms-json", path).deliver([a_room("a")], NOW)
    assert victim.read_text() == "mine"
    assert not path.is_symlink()


async def test_a_link_at_its_place_is_followed(path: Path) -> None:
    """Somebody wants the file elsewhere; the link stays."""
    target = path.parent / "www" / "shown.json"
    target.parent.mkdir()
    path.symlink_to(target)
    await JsonFile("rooms-json", path).deliver([a_room("a")], NOW)
    assert path.is_symlink()
    assert b"team-rooms/a" in target.read_bytes()


async def test_deliveries_at_once_do_not_mix(path: Path) -> None:
    """Each is written whole; the file is one of them."""
    destination = JsonFile("rooms-json", path)
    rooms = [[a_room(f"{number}")] * 200 for number in range(8)]
    await asyncio.gather(*(destination.deliver(some, NOW) for some in rooms))
    shown = json.loads(path.read_bytes())["rooms"]
    assert len(shown) == 200
    assert len({room["key"] for room in shown}) == 1


async def test_a_missing_folder_is_a_clear_fault(tmp_path: Path) -> None:
    """Where, what, and how to mend it."""
    destination = JsonFile("rooms-json", tmp_path / "nowhere" / "rooms.json")
    with pytest.raises(
        DeliveryFault,
        match=r"nowhere/rooms\.json: cannot be written: No such file or directory; see that",
    ):
        await destination.deliver([], NOW)


async def test_a_folder_in_its_place_is_a_clear_fault(path: Path) -> None:
    """And no draft is left behind."""
    path.mkdir()
    with pytest.raises(DeliveryFault, match="Is a directory"):
        await JsonFile("rooms-json", path).deliver([], NOW)
    assert list(path.parent.iterdir()) == [path]
