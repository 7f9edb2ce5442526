"""The watched folder on a real filesystem, with the kernel's events and in real time."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.policies.folder import PolicyFolder

SOON = 1.5  # seconds; an event comes in milliseconds, the debounce is a quarter of a second
LATER = 6.0  # seconds: at least two looks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A policies folder."""
    found = tmp_path / "policies"
    (found / "data").mkdir(parents=True)
    (found / "a.yaml").write_text("one")
    (found / "data" / "t.yaml").write_text("one")
    return found


async def is_noticed(folder: PolicyFolder, act: Callable[[], object], within: float) -> bool:
    """Whether a change is told while somebody waits for it."""
    await folder.read()
    waiting = asyncio.ensure_future(folder.changed())
    await asyncio.sleep(0.3)
    assert not waiting.done(), "told of a change that was not there"
    act()
    done, _ = await asyncio.wait([waiting], timeout=within)
    waiting.cancel()
    await asyncio.wait([waiting])
    return bool(done)


def replace(path: Path, text: str) -> None:
    """Write as careful editors do: beside it, then in its place."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text)
    beside.replace(path)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda path: (path / "a.yaml").write_text("two"), id="written in place"),
        pytest.param(lambda path: replace(path / "a.yaml", "two"), id="replaced"),
        pytest.param(lambda path: (path / "a.yaml").unlink(), id="removed"),
        pytest.param(lambda path: (path / "b.yaml").write_text("new"), id="a new policy"),
        pytest.param(lambda path: (path / "data" / "t.yaml").write_text("two"), id="data"),
        pytest.param(shutil.rmtree, id="the folder vanished"),
    ],
)
async def test_a_change_is_told_at_once(path: Path, act: Callable[[Path], object]) -> None:
    """By the kernel's events, long before the next look."""
    folder = PolicyFolder(path, SystemClock())
    assert await is_noticed(folder, lambda: act(path), SOON)


def leave_traces(path: Path) -> None:
    """What editors do beside a save, and a touch."""
    for name in (".a.yaml.swp", "4913", "a.yaml~", "#a.yaml#", "a.yaml.tmp"):
        (path / name).write_text("x")
        (path / name).unlink()
    os.utime(path / "a.yaml")


async def test_traces_of_editors_are_no_change(path: Path) -> None:
    """Content decides, whatever moved in the folder."""
    folder = PolicyFolder(path, SystemClock())
    assert not await is_noticed(folder, lambda: leave_traces(path), SOON)


async def test_a_folder_that_comes_back_is_watched_again(path: Path) -> None:
    """After it vanished: found by a look, then again by events."""
    folder = PolicyFolder(path, SystemClock())
    away = path.with_name("away")
    path.rename(away)
    gone = await folder.read()
    assert gone.problem is not None
    assert await is_noticed(folder, lambda: away.rename(path), LATER)
    back = await folder.read()
    assert (back.problem, back.policies) == (None, {"a.yaml": b"one"})
    assert await is_noticed(folder, lambda: (path / "a.yaml").write_text("two"), SOON)


async def test_a_turned_link_is_a_change(path: Path, tmp_path: Path) -> None:
    """The folder itself is a link, as releases are put in place; no event tells of it."""
    other = tmp_path / "release-2"
    shutil.copytree(path, other)
    (other / "a.yaml").write_text("two")
    link = tmp_path / "current"
    link.symlink_to(path.name)
    folder = PolicyFolder(link, SystemClock())

    def turn() -> None:
        (tmp_path / "turn").symlink_to(other.name)
        (tmp_path / "turn").replace(link)

    assert await is_noticed(folder, turn, LATER)
    assert (await folder.read()).policies == {"a.yaml": b"two"}
