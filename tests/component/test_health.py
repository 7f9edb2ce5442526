"""Signs of life in virtual time: an outage restarts nobody, and a loop that hangs does.

The lifeline is the real one, to a socket that the test reads: what systemd would hear.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.app.heart import Heart
from orchestrator.domain.keys import parse_key
from orchestrator.domain.policies import Directory
from orchestrator.engine.health import GRACE, WORK, Vitals
from orchestrator.ports.directories import Failed, Fetched, Validators
from orchestrator.ports.store import StoreFault
from tests.component.world import World, alive, policy
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.rooms import Asked
from tests.manager import Manager

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
STEP = timedelta(seconds=5)
WATCHDOG = 60_000_000  # microseconds


@dataclass
class Ward:
    """A world whose heart beats, and who hears it."""

    world: World
    manager: Manager
    heart: Heart

    async def listen(self, length: timedelta, step: timedelta = STEP) -> list[bool]:
        """Let time pass; for each step, whether the watchdog was told that all is well."""
        told: list[bool] = []
        end = self.world.clock.now() + length
        while self.world.clock.now() < end:
            await self.world.pass_(step, step=step)
            told.append(any("WATCHDOG" in message for message in self.manager.hear()))
        return told

    @property
    def well(self) -> bool:
        return self.world.engine.health().well


@asynccontextmanager
async def ward(tmp_path: Path, resync: timedelta = HOUR) -> AsyncIterator[Ward]:
    """A world that runs and beats for the length of the block."""
    world = World(resync=resync)
    with Manager.listening(tmp_path / "notify") as manager:
        async with alive(world):
            heart = Heart(manager.lifeline(WATCHDOG), world.clock)
            heart.running(world.engine)
            beating = asyncio.get_running_loop().create_task(heart.beat(), name="heart")
            await settle()
            manager.hear()
            try:
                yield Ward(world, manager, heart)
            finally:
                beating.cancel()
                with suppress(asyncio.CancelledError):
                    await beating


@pytest.mark.parametrize("how", ["down", "unauthorized"])
async def test_two_hours_without_an_api_restart_nobody(how: str, tmp_path: Path) -> None:
    """Every beat is told, the daemon stays ready, and the age of the last good pass grows."""
    async with ward(tmp_path, resync=10 * MINUTE) as one:
        engine = one.world.engine
        assert engine.readiness().last_pass_age is not None
        setattr(one.world.fake, how, True)
        told = await one.listen(2 * HOUR)
        assert all(told)
        assert len(told) >= 2 * HOUR / STEP
        assert one.well
        readiness = engine.readiness()
        assert readiness.ready
        assert readiness.last_pass_age is not None
        assert readiness.last_pass_age > 7000
        assert (
            readiness.api == {"down": "unreachable", "unauthorized": "refuses our credentials"}[how]
        )
        assert "API " in one.manager.told("STATUS")[-1]

        setattr(one.world.fake, how, False)
        assert all(await one.listen(3 * MINUTE))
        readiness = engine.readiness()
        assert readiness.api == "ok"
        assert readiness.last_pass_age is not None
        assert readiness.last_pass_age < 200
        assert "API " not in one.manager.told("STATUS")[-1]


async def test_a_long_wait_that_was_announced_is_well(tmp_path: Path) -> None:
    """Three hours between two listings are longer than any turn may take, and nobody hangs."""
    async with ward(tmp_path, resync=3 * HOUR) as one:
        assert all(await one.listen(2 * HOUR + 30 * MINUTE, step=25 * SECOND))


def hang(asked_for: str) -> Callable[[Asked], Awaitable[None]]:
    """Calls of one method never come back."""

    async def before(asked: Asked) -> None:
        if asked.method == asked_for:
            await asyncio.get_running_loop().create_future()

    return before


@pytest.mark.parametrize(
    ("method", "loop"), [("list_rooms", "resync"), ("create_room", "worker-")], ids=str
)
async def test_a_loop_that_never_comes_back_ends_the_beats(
    method: str, loop: str, tmp_path: Path
) -> None:
    """Not before its longest turn is over, and then for good; the status names it."""
    async with ward(tmp_path, resync=5 * MINUTE) as one:
        one.world.fake.before = hang(method)
        await one.world.edit({"more.yaml": policy("more", ["new"])})
        longest = one.world.engine.settings.longest_turn
        assert all(await one.listen(longest, step=25 * SECOND))
        late = await one.listen(10 * MINUTE, step=25 * SECOND)
        assert not any(late[-6:])
        assert not one.well
        assert any(name.startswith(loop) for name in one.world.engine.health().late)
        assert one.manager.told("STATUS")[-1].startswith(f"hanging: {loop}")
        needs = (await one.world.desk.status()).needs_you
        assert any(f"Hanging: {loop}" in need for need in needs)


async def test_a_commit_that_never_returns_is_a_hang_of_who_asked_for_it(tmp_path: Path) -> None:
    """A policy was saved, and its loading stands still."""
    async with ward(tmp_path) as one:

        async def never(_: object) -> None:
            await asyncio.get_running_loop().create_future()

        one.world.store.before = never
        await one.world.edit({"more.yaml": policy("more", ["new"])})
        told = await one.listen(timedelta(seconds=WORK + GRACE + 60), step=25 * SECOND)
        assert told[0]
        assert not told[-1]
        assert "watch" in one.world.engine.health().late


async def test_a_timer_that_does_not_call_is_a_hang(tmp_path: Path) -> None:
    """A key's moment passes and nobody wakes it: everything sleeps, and not well."""
    async with ward(tmp_path) as one:
        agenda = one.world.engine.parts.agenda
        agenda.set(parse_key("team-rooms/forgotten"), one.world.clock.now() + MINUTE)
        told: list[bool] = []
        for _ in range(60):
            one.world.clock.advance(25)  # without the timer's knowing
            await settle()
            told.append(any("WATCHDOG" in message for message in one.manager.hear()))
        assert any(told)
        assert not told[-1]
        assert one.world.engine.health().late == ("agenda",)


class Silent:
    """Directories that never answer, not even by a failure."""

    def __init__(self) -> None:
        self.answering = True

    async def fetch(self, directory: Directory, known: Validators) -> Fetched:
        if not self.answering:
            await asyncio.get_running_loop().create_future()
        return Failed("not today")


async def test_a_directory_that_is_never_heard_of_again_is_a_hang(tmp_path: Path) -> None:
    """One that fails for ever is not."""
    async with ward(tmp_path) as one:
        silent = Silent()
        one.world.directories = silent
        source = {"http": {"url": "https://hr.example.com/teams", "select": "teams", "every": "1m"}}
        await one.world.edit({"hr.yaml": policy("hr", for_each=source)})
        await one.world.restart()
        one.heart.running(one.world.engine)
        assert all(await one.listen(HOUR, step=25 * SECOND))
        silent.answering = False
        told = await one.listen(HOUR, step=25 * SECOND)
        assert told[0]
        assert not told[-1]
        assert one.world.engine.health().late == ("asking",)


async def test_a_store_that_cannot_record_is_not_ready_and_yet_well(tmp_path: Path) -> None:
    """A full disk is no reason to restart: its loops turn, and fail."""
    async with ward(tmp_path) as one:
        one.world.store.fault = StoreFault("disk full: /var/lib/secret-place")
        assert all(await one.listen(30 * MINUTE, step=25 * SECOND))
        readiness = one.world.engine.readiness()
        assert not readiness.ready
        assert readiness.why_not == "the store cannot record, so nothing is done"
        one.world.store.fault = None
        await one.listen(MINUTE)
        assert one.world.engine.readiness().ready


async def test_a_night_asleep_is_nobodys_fault(tmp_path: Path) -> None:
    """After a suspend of eight hours the first beat is told, and those after it."""
    async with ward(tmp_path) as one:
        one.world.clock.advance(8 * 3600)
        one.world.timer.fire_due(one.world.clock.now())
        await settle()
        assert one.well
        assert all(await one.listen(5 * MINUTE))


async def test_who_has_nothing_to_do_is_well_and_who_does_nothing_is_not() -> None:
    """A loop that only waits for events is judged by whether there were any."""
    clock, busy = VirtualClock(), False
    vitals = Vitals(clock)
    vitals.expect("inbox", idle=lambda: not busy)

    def pass_(seconds: float) -> bool:
        for _ in range(int(seconds // 10)):
            clock.advance(10)
            vitals.beat()
        return vitals.look().well

    assert pass_(10 * WORK)
    busy = True
    assert pass_(WORK)
    assert not pass_(GRACE + 20)
    busy = False
    assert pass_(10)


async def test_each_loop_is_told_with_its_silence() -> None:
    """What /healthz shows: seconds since it turned, and how many it said."""
    clock = VirtualClock()
    vitals = Vitals(clock)
    waiting, working = vitals.expect("b"), vitals.expect("a")
    waiting.waits(None)
    working.works(100)
    clock.advance(100 + GRACE)
    rows = vitals.look().loops
    assert [(row.name, row.silent, row.at_most, row.late) for row in rows] == [
        ("a", 160.0, 100, False),
        ("b", 160.0, None, False),
    ]
    clock.advance(1)
    assert vitals.look().late == ("a",)
    vitals.release("a")
    assert vitals.look().well
