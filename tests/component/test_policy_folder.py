"""The watched folder with a clock of its own: what the kernel's events cannot be asked for."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import orchestrator.adapters.policies.folder
from orchestrator.adapters.policies.folder import DEBOUNCE, PolicyFolder
from orchestrator.adapters.policies.scanning import Listing, look

_LOOKS_TO_JUDGE = 3  # two until it is quiet again, and one that compares: a further one goes on


class BusyClock:
    """A clock on which every wait is over at once, and something happens in the debounce."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.meanwhile: Callable[[], object] | None = None

    def now(self) -> datetime:
        return datetime(2200, 1, 1, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        # Whoever only looks again moves no time on: the debounce lasts as long as it does.
        if seconds == DEBOUNCE:
            self.passed += seconds
            if self.meanwhile is not None:
                self.meanwhile()
        await asyncio.to_thread(lambda: None)  # others have their turn, also those in threads


async def test_what_was_never_read_has_changed(tmp_path: Path) -> None:
    """The first wait does not wait for somebody to touch the folder."""
    folder = PolicyFolder(tmp_path, BusyClock())
    await asyncio.wait_for(folder.changed(), 5)


async def test_a_file_that_is_always_written_holds_nobody_up(tmp_path: Path) -> None:
    """The debounce ends although the folder never comes to rest."""
    policy = tmp_path / "a.yaml"
    policy.write_text("0")
    clock = BusyClock()
    folder = PolicyFolder(tmp_path, clock)
    await folder.read()
    policy.write_text("10")
    clock.meanwhile = lambda: policy.write_text(str(clock.passed))
    await asyncio.wait_for(folder.changed(), 10)


async def test_a_change_that_is_taken_back_at_once_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the debounce the content is what was read: nobody is woken."""
    policy = tmp_path / "a.yaml"
    policy.write_text("one")
    clock = BusyClock()
    folder = PolicyFolder(tmp_path, clock)
    await folder.read()
    policy.write_text("three")  # longer: a file's time may be the same for milliseconds
    beside = tmp_path / "beside"
    beside.write_text("one")
    taken_back = []

    def take_back() -> None:
        if beside.exists():
            taken_back.append(beside.replace(policy))

    clock.meanwhile = take_back
    looks = 0
    loop, judged = asyncio.get_running_loop(), asyncio.Event()

    def counted(at: Path) -> Listing:
        nonlocal looks
        looks += bool(taken_back)
        if looks > _LOOKS_TO_JUDGE:
            loop.call_soon_threadsafe(judged.set)
        return look(at)

    monkeypatch.setattr(orchestrator.adapters.policies.folder, "look", counted)
    waiting = asyncio.ensure_future(folder.changed())
    await asyncio.wait_for(judged.wait(), 10)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_data_files_have_their_own_origin(tmp_path: Path) -> None:
    """By the name that their subjects' places begin with."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "teams.yaml").write_text("[]")
    (tmp_path / "a.yaml").write_text("version: 1")
    folder = await PolicyFolder(tmp_path, BusyClock()).read()
    assert set(folder.provenance) == {"a.yaml", "data/teams.yaml"}
    assert folder.provenance["data/teams.yaml"].uid == (tmp_path / "data").stat().st_uid
