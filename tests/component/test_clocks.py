"""Clocks that are set, stand still and run ahead: only what API time justifies is done.

Through the real client: the API dates its answers by a clock of its own, which nobody sets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from orchestrator.ports.clock import Clock
from tests.component.test_pages import on_page, opened
from tests.component.world import HOUR, World, policy
from tests.fakes.backend import Backend, instead
from tests.fakes.clock import START, VirtualClock
from tests.fakes.transport import Said, client

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
YEAR = 365 * DAY
FILE = "team-rooms.yaml"


class ApiClock:
    """The API's: it goes on whatever this machine's clock shows, also while that one sleeps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.slept = timedelta()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._clock.monotonic()) + self.slept

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class Dated(Backend):
    """Dates its answers."""

    def __init__(self, clock: ApiClock) -> None:
        super().__init__(clock)
        self.clock = clock

    def answer(self, heard: object) -> Said:
        said = super().answer(heard)  # type: ignore[arg-type]
        return Said(
            said.status, said.body, {"Date": format_datetime(self.clock.now(), usegmt=True)}
        )


class Stage:
    """A year's room, one near its renewal, and one whose removal waits out its grace."""

    def __init__(self, resync: timedelta = 3 * HOUR) -> None:
        clock = VirtualClock()
        self.api = ApiClock(clock)
        self.backend = Dated(self.api)
        self.world = World(
            self.files("old", "kept"),
            clock=clock,
            api=lambda clock: client(self.backend, clock),
            resync=resync,
        )

    def files(self, *labs: str) -> dict[str, bytes]:
        gone = {"mode": "delete", "grace": "7d"}
        return {
            FILE: policy(subjects=["kitchen"], room={"lifetime": "30d"}),
            "labs.yaml": policy("labs", labs, removal=gone),
        }

    def set_clock(self, by: timedelta) -> None:
        """Somebody sets this machine's clock."""
        self.world.clock.jump(by.total_seconds())

    async def crash(self) -> None:
        """The process ends; the next one has heard no answer yet, and knows no time but ours."""
        await self.world.crash()
        self.world.rooms = client(self.backend, self.world.clock)

    def suspend(self, length: timedelta) -> None:
        """This machine sleeps: its monotonic clock stands still, all others go on."""
        self.set_clock(length)
        self.api.slept += length

    @property
    def changes(self) -> list[str]:
        return self.backend.changes


async def begun(found: Stage) -> None:
    """All three rooms stand, and one is to end in a week."""
    await found.world.start()
    await found.world.pass_(HOUR)
    await found.world.edit(found.files("kept"))
    await found.world.pass_(HOUR)
    assert found.changes == ["POST"] * 3
    found.world.mark()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    found = Stage()
    await begun(found)
    try:
        yield found
    finally:
        await found.world.end()


async def rest_is_as_planned(stage: Stage) -> None:
    """What was decided before goes on by API time: the removal after its grace, the renewal."""
    assert stage.changes == ["POST"] * 3
    began = stage.api.now()
    while "DELETE" not in stage.changes:
        await stage.world.pass_(3 * HOUR)
        assert stage.api.now() - began < 8 * DAY
    assert stage.api.now() - START >= 7 * DAY
    assert "PATCH" not in stage.changes
    while "PATCH" not in stage.changes:
        await stage.world.pass_(6 * HOUR)
        assert stage.api.now() - START < 21 * DAY
    assert stage.api.now() - START > 17 * DAY
    assert sorted(one["display_name"] for one in stage.backend.alive) == [
        "Kept room",
        "Kitchen room",
    ]


@pytest.mark.parametrize("by", [YEAR, -YEAR, timedelta(minutes=3)])
async def test_a_clock_that_is_set_and_set_back_moves_no_act(stage: Stage, by: timedelta) -> None:
    """A day under the wrong clock: it is told, nothing is ended or renewed, nothing is missed."""
    stage.set_clock(by)
    await stage.world.pass_(DAY)
    assert stage.changes == ["POST"] * 3
    assert "clock.jumped" in stage.world.events
    assert "differ by" in "\n".join((await stage.world.desk.status()).needs_you)
    stage.set_clock(-by)
    await stage.world.pass_(4 * HOUR)
    assert not (await stage.world.desk.status()).needs_you
    await rest_is_as_planned(stage)


async def test_a_clock_that_is_wrong_between_two_looks_at_it_moves_no_act(stage: Stage) -> None:
    """What was put on the wall clock meanwhile would come a year too late."""
    await stage.world.pass_(timedelta(seconds=5), step=timedelta(seconds=1))
    stage.set_clock(YEAR)
    await stage.world.engine.wake_all("a listing")
    await stage.world.pass_(timedelta(seconds=10), step=timedelta(seconds=1))
    stage.set_clock(-YEAR)
    await stage.world.pass_(2 * MINUTE)
    upcoming = stage.world.engine.parts.agenda.upcoming()
    assert len(upcoming) == 3
    assert max(moment for moment, _ in upcoming) < stage.world.clock.now() + YEAR
    await rest_is_as_planned(stage)


@pytest.mark.parametrize("by", [YEAR, -YEAR])
async def test_a_clock_that_is_wrong_from_the_start_moves_no_act(
    stage: Stage, by: timedelta
) -> None:
    """Over a restart: what this life knows of the time it learns from the first answer."""
    await stage.crash()
    stage.set_clock(by)
    await stage.world.start()
    await stage.world.pass_(DAY)
    assert stage.changes == ["POST"] * 3
    await stage.crash()
    stage.set_clock(-by)
    await stage.world.start()
    await stage.world.pass_(2 * HOUR)
    await rest_is_as_planned(stage)


async def test_p06_no_page_is_too_old_by_the_clock_of_a_start(stage: Stage) -> None:
    """Whether that clock is right is known once the API has answered."""
    pages = on_page(room={"type": "long_term", "lifetime": "9d"}, close={"max_age": "3d"})
    await stage.world.edit({"pages.yaml": pages})
    await stage.world.send(opened())
    await stage.crash()
    stage.set_clock(YEAR)
    stage.backend.twist("LIST", *[instead(TimeoutError("nobody there"))] * 8)
    await stage.world.start()
    await stage.world.pass_(HOUR)
    stage.set_clock(-YEAR)
    await stage.world.pass_(2 * DAY)
    assert "page.closed" not in stage.world.events
    await stage.world.pass_(2 * DAY)
    assert "page.closed" in stage.world.events


async def test_p06_a_page_that_came_while_the_clock_was_behind_grows_no_older_by_that(
    stage: Stage,
) -> None:
    pages = on_page(room={"type": "long_term", "lifetime": "9d"}, close={"max_age": "3d"})
    await stage.world.edit({"pages.yaml": pages})
    stage.set_clock(-YEAR)
    await stage.world.send(opened())
    stage.set_clock(YEAR)
    await stage.world.pass_(2 * DAY)
    await stage.crash()
    await stage.world.start()
    await stage.world.pass_(DAY - HOUR)
    assert "page.closed" not in stage.world.events
    await stage.world.pass_(2 * HOUR)
    assert "page.closed" in stage.world.events


async def test_p06_a_page_that_came_while_the_clock_was_ahead_is_not_too_old_either(
    stage: Stage,
) -> None:
    pages = on_page(room={"type": "long_term", "lifetime": "9d"}, close={"max_age": "3d"})
    await stage.world.edit({"pages.yaml": pages})
    stage.set_clock(YEAR)
    await stage.world.send(opened())
    stage.set_clock(-YEAR)
    await stage.world.pass_(3 * DAY - HOUR)
    assert "page.closed" not in stage.world.events
    await stage.world.pass_(2 * HOUR)
    assert "page.closed" in stage.world.events


async def test_new_rooms_get_the_life_that_was_asked_for_under_a_wrong_clock(stage: Stage) -> None:
    """Creating and renewing go by API time: thirty days are thirty days."""
    stage.set_clock(YEAR)
    files = stage.files("kept")
    files[FILE] = policy(subjects=["kitchen", "search"], room={"lifetime": "30d"})
    await stage.world.edit(files)
    await stage.world.pass_(HOUR)
    assert stage.changes == ["POST"] * 4
    made = next(one for one in stage.backend.alive if one["display_name"] == "Search room")
    ends = datetime.fromisoformat(made["expires_at"])
    assert abs(ends - stage.api.now() - 30 * DAY) < 2 * HOUR


@pytest.mark.parametrize("resync", [HOUR, 3 * HOUR])
@pytest.mark.parametrize("length", [8 * HOUR, 20 * DAY])
async def test_p07_what_came_due_while_the_machine_slept_is_done_when_it_wakes(
    length: timedelta, resync: timedelta
) -> None:
    """Within a resync: by the first answer the clocks agree again, and nothing is done twice."""
    stage = Stage(resync)
    await begun(stage)
    stage.suspend(length)
    await stage.world.pass_(4 * HOUR, step=MINUTE)
    due = length > 8 * DAY
    assert stage.changes.count("DELETE") == due
    assert stage.changes.count("PATCH") == due
    assert not (await stage.world.desk.status()).needs_you
    await stage.world.end()


async def test_an_unanswered_create_waits_out_its_settling_by_the_monotonic_clock(
    stage: Stage,
) -> None:
    """A wall clock that is set on an hour proves nothing of a POST that was lost a moment ago."""
    stage.backend.twist("POST", _lost)
    files = stage.files("kept")
    files[FILE] = policy(subjects=["kitchen", "search"], room={"lifetime": "30d"})
    await stage.world.edit(files)
    stage.set_clock(HOUR)
    await stage.world.pass_(40 * timedelta(seconds=1), step=timedelta(seconds=5))
    assert stage.changes == ["POST"] * 4
    stage.set_clock(-HOUR)
    await stage.world.pass_(2 * HOUR, step=MINUTE)
    assert stage.changes == ["POST"] * 5


def _lost(_: object, __: object) -> Said:
    raise TimeoutError


async def test_a_year_with_a_leap_day_and_both_changes_of_the_hour() -> None:
    """Renewed in its window by the clocks of Berlin, and never in another hour."""
    clock = VirtualClock(datetime.fromisoformat("2027-10-01T00:00:00+00:00"))
    window = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "duration": "1h"}
    text = policy(
        subjects=["kitchen"], room={"lifetime": "10d"}, renewal={"window": window, "before": "4d"}
    )
    world = World({FILE: text}, clock=clock, resync=DAY)
    await world.start()
    try:
        (room,) = world.alive
        world.mark()
        await world.pass_(400 * DAY)
        assert [one.id for one in world.alive] == [room.id]
        assert set(world.changes) == {"update_room"}
        assert 55 <= len(world.changes) <= 80
    finally:
        await world.end()
