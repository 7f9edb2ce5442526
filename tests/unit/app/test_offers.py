"""What a shell may offer: quickly, plainly, and never an error."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.app.init import init
from orchestrator.app.offers import events_to_offer, keys_to_offer, pages_to_offer
from orchestrator.domain.episodes import Episode
from orchestrator.domain.pages import Page, digest_of
from orchestrator.edges.control import ControlServer
from orchestrator.ports.store import Commit
from tests.reports import NOW, desk

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


async def test_pages_that_are_not_over_are_offered_with_their_titles(tmp_path: Path) -> None:
    """By their number, or else their key where a shell takes that as one word."""
    await asyncio.to_thread(init, tmp_path / "x")
    settings = tmp_path / "x" / "state" / "orchestrator.db"
    settings.parent.mkdir()
    store = await SqliteStore.open(settings)
    pages = [
        Page("pagerduty", "Q1", digest_of("pagerduty", "Q1"), title="Slow\nnow", number="4711"),
        Page("alertmanager", "{}:{a}", digest_of("alertmanager", "{}:{a}")),
        Page("manual", "by-hand-1", digest_of("manual", "by-hand-1"), title="A test"),
    ]
    episodes = [Episode(f"{number:012}", 1, page, NOW) for number, page in enumerate(pages)]
    await store.commit(Commit(episodes=episodes), NOW)
    await store.close()
    told = await asyncio.to_thread(pages_to_offer, None, {}, tmp_path / "x", "")
    assert told == [("4711", "Slow now"), ("by-hand-1", "A test")]
    told = await asyncio.to_thread(pages_to_offer, None, {}, tmp_path / "x", "by")
    assert told == [("by-hand-1", "A test")]


async def test_the_daemon_offers_pages_to_who_may_not_read_its_store(tmp_path: Path) -> None:
    """And where there is neither, nothing is offered."""
    folder = tmp_path / "x"
    await asyncio.to_thread(init, folder)
    assert await asyncio.to_thread(pages_to_offer, None, {}, folder, "") == []
    assert await asyncio.to_thread(pages_to_offer, None, {}, tmp_path, "") == []
    async with ControlServer(desk(), folder / "state" / "control.sock").serving():
        told = await asyncio.to_thread(pages_to_offer, None, {}, folder, "47")
    assert told == [
        ("4711", "Checkout error rate above 14 %"),
        ("4709", "Disk 80 % full"),
    ]
