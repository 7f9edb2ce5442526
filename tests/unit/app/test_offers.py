"""What a shell may offer: quickly, plainly, and never an error."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.app.init import init
from orchestrator.app.offers import events_to_offer, keys_to_offer
from orchestrator.edges.control import ControlServer
from tests.reports import desk

KEYS = ("team-rooms/identity", "team-rooms/checkout", "resource-rooms/007", "team-rooms/a b")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation whose store remembers some keys."""
    init(tmp_path / "x")
    (tmp_path / "x" / "state").mkdir()
    with closing(sqlite3.connect(tmp_path / "x" / "state" / "orchestrator.db")) as store, store:
        store.execute("CREATE TABLE keys (policy TEXT, subject TEXT)")
        store.executemany("INSERT INTO keys VALUES (?, ?)", [key.split("/") for key in KEYS])
    return tmp_path / "x"


def offered(folder: Path, begun: str, option: Path | None = None) -> list[str]:
    return keys_to_offer(option, {}, folder, begun)


@pytest.mark.parametrize(
    ("begun", "keys"),
    [
        pytest.param("", [KEYS[2], KEYS[1], KEYS[0]], id="all that a shell takes as one word"),
        pytest.param("team-rooms/c", [KEYS[1]], id="begun"),
        pytest.param("team%", [], id="no pattern of SQL"),
        pytest.param("payments", [], id="none"),
    ],
)
def test_keys_of_the_store_are_offered(folder: Path, begun: str, keys: list[str]) -> None:
    """In order, and only those that begin so."""
    assert offered(folder, begun) == keys


def test_a_config_that_is_named_counts(folder: Path, tmp_path: Path) -> None:
    """As it does for the command itself."""
    assert offered(tmp_path, "team-rooms/c", folder / "config.yaml") == [KEYS[1]]


def test_what_cannot_be_read_is_not_offered(folder: Path, tmp_path: Path) -> None:
    """No config, a broken one, no store and no daemon, a store that is none."""
    assert offered(tmp_path, "") == []
    store = folder / "state" / "orchestrator.db"
    store.write_bytes(b"no database at all" * 99)
    assert offered(folder, "") == []
    store.unlink()
    assert offered(folder, "") == []
    (folder / "config.yaml").write_text("mode: 7\n")
    assert offered(folder, "") == []


async def test_without_the_store_the_daemon_is_asked(folder: Path) -> None:
    """Whoever may use the socket and not read the store is offered the same."""
    (folder / "state" / "orchestrator.db").unlink()
    behind = desk()
    async with ControlServer(behind, folder / "state" / "control.sock").serving():
        keys = await asyncio.to_thread(offered, folder, "team-rooms/")
    assert {room.key for room in (await behind.rooms()).rooms} > set(keys)
    assert "team-rooms/checkout" in keys
    assert all(key.startswith("team-rooms/") for key in keys)


def test_events_are_offered_after_a_comma_too() -> None:
    """Each with its meaning, and none twice."""
    assert [event for event, _ in events_to_offer("room.de")] == [
        "room.deleted",
        "room.delete.failed",
    ]
    told = dict(events_to_offer("room.lost,room.de"))
    assert told["room.lost,room.deleted"] == "the room was deleted at the API"
    assert dict(events_to_offer("room.deleted,room.de")) == {
        "room.deleted,room.delete.failed": "the API did not delete the room"
    }
