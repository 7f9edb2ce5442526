"""Three years of meetings by the calendar: engine, real client and our server on one virtual clock.

The oracle knows dates, weekdays and zones and nothing of cron: which meetings there were, when each
must have had its room and when that must be gone.  The server's own log tells what was made.
Clocks are set in the night from which some of the meetings begin; people meet and stay on; the
daemon is killed now and then, and once the API is away for an evening.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.adapters.meetings.transport import NotSent
from orchestrator.foundation.instants import parse_instant
from tests.component.served import ServedWorld, served
from tests.fakes.clock import START

YEARS = timedelta(days=3 * 365 + 1)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: What opening a room may take: the call itself, in virtual time, and one that is tried again.
SOON = MINUTE


@dataclass(frozen=True)
class Series:
    """One schedule, in the words of the policy and in the oracle's."""

    name: str
    cron: str
    zone: str
    days: Callable[[date], bool]
    at: time
    duration: timedelta
    open_before: timedelta = timedelta(minutes=15)
    stay: timedelta = timedelta(minutes=30)

    @property
    def file(self) -> bytes:
        document = {
            "version": 1,
            "name": self.name,
            "on_schedule": {
                "cron": self.cron,
                "timezone": self.zone,
                "open_before": f"{self.open_before // MINUTE}m",
                "duration": f"{self.duration // MINUTE}m",
                "stay": f"{self.stay // MINUTE}m",
            },
            "room": {
                "type": "long_term",
                "display_name": f"{self.name} {{{{ occurrence.start }}}}",
            },
            "deliver": [{"to": "rooms-json"}],
        }
        return json.dumps(document).encode()

    def meetings(self, first: datetime, last: datetime) -> Iterator[Meeting]:
        """Those that begin between two moments."""
        zone, day = ZoneInfo(self.zone), first.date() - DAY
        while day <= last.date() + DAY:
            if self.days(day):
                # The first of two; what is skipped moves on by what is missing.
                start = datetime.combine(day, self.at, zone).astimezone(UTC)
                if first <= start < last:
                    shown = start.astimezone(zone).isoformat(timespec="minutes")
                    yield Meeting(self, start, f"{self.name} {shown}")
            day += DAY


@dataclass(frozen=True)
class Meeting:
    """One of them, and when its room must be there."""

    series: Series
    start: datetime
    name: str

    @property
    def opens(self) -> datetime:
        return self.start - self.series.open_before

    @property
    def ends(self) -> datetime:
        """The planned end of its room."""
        return self.start + self.series.duration + self.series.stay


def _on(*weekdays: int) -> Callable[[date], bool]:
    return lambda day: day.weekday() in weekdays


HOUR = timedelta(hours=1)
SERIES = (
    Series("all-hands", "0 15 * * THU", "Europe/Berlin", _on(3), time(15), 90 * MINUTE),
    Series("stand-up", "30 9 * * TUE", "America/New_York", _on(1), time(9, 30), HOUR / 4),
    # In the nights from Saturday to Sunday in which clocks are set.
    Series("night-b", "30 2 * * SUN", "Europe/Berlin", _on(6), time(2, 30), HOUR),
    Series("night-n", "30 1 * * SUN", "America/New_York", _on(6), time(1, 30), HOUR),
    Series("night-l", "45 1 * * SUN", "Australia/Lord_Howe", _on(6), time(1, 45), HOUR),
    Series("night-c", "30 2 * * SUN", "Africa/Casablanca", _on(6), time(2, 30), HOUR),
    # Over the ends of months and years, and on leap days.
    Series(
        "month-end",
        "30 23 31 * *",
        "Asia/Kathmandu",
        lambda day: day.day == 31,
        time(23, 30),
        HOUR,
        open_before=2 * HOUR,
    ),
    Series(
        "leap",
        "0 12 29 2 *",
        "Asia/Kathmandu",
        lambda day: (day.month, day.day) == (2, 29),
        time(12),
        26 * HOUR,
    ),
)


class Log:
    """What was made, moved and refused, by the server's own answers."""

    def __init__(self, world: ServedWorld) -> None:
        self.world = world
        self.made: dict[str, datetime] = {}
        self.ends: dict[str, datetime] = {}
        self.ids: dict[str, str] = {}
        self.moved: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.away = False
        world.wire.before = self.before
        world.wire.after = self.after

    async def before(self, _: str, __: str) -> None:
        if self.away:
            raise NotSent

    async def after(self, method: str, path: str) -> None:
        sent = self.world.wire.log[-1]
        self.world.wire.log.clear()
        if method == "GET":
            return
        name = sent.body.get("display_name", "")
        if method == "POST" and sent.status == 201 and name not in self.made:
            self.made[name] = self.world.clock.now()
            self.ends[name] = parse_instant(sent.body["expires_at"])
        elif method == "PATCH" and sent.status == 200 and [*sent.body] == ["update_details"]:
            self.moved[sent.room_id] += 1
        else:
            self.wrong.append(f"{method} {path} {sent.status} {name}")


class Life:
    """Three years, from one thing that happens to the next."""

    def __init__(self, world: ServedWorld, meetings: list[Meeting]) -> None:
        self.world = world
        self.log = Log(world)
        self.meetings = meetings
        self.inside: dict[Meeting, tuple[str, str]] = {}
        self.most = 0
        self.chance = random.Random(42)

    async def until(self, moment: datetime) -> None:
        """Let time pass; the store never remembers more than what is open."""
        while (now := self.world.clock.now()) < moment:
            await self.world.pass_(min(moment - now, 7 * DAY), step=7 * DAY)
            await self.look()

    async def look(self) -> None:
        now = self.world.clock.now()
        table = {room.display_name for room in await self.world.table()}
        states = await self.world.store.states()
        self.most = max(self.most, len(states))
        known = {room.display_name for state in states for room in state.rooms}
        # Each room that is open is remembered, and nothing besides.
        assert table == known
        assert len(states) == len(known)
        planned = {one.name for one in self.meetings if one.opens + SOON < now < one.ends}
        if not self.log.away:
            assert planned <= table
        over = {
            one.name for one in self.meetings if one.ends < now and one not in self.inside
        } - self.stayed
        assert not over & table
        early = {one.name for one in self.meetings if now < one.opens}
        assert not early & table

    @property
    def stayed(self) -> set[str]:
        """The names of meetings in which somebody was, whose ends moved on."""
        return {one.name for one in self.attended}

    attended: tuple[Meeting, ...] = ()

    async def come(self, meeting: Meeting) -> None:
        (room,) = [one for one in await self.world.table() if one.display_name == meeting.name]
        person = await self.world.memory.meetings.join(room.id, "Anna", is_host=False)
        self.inside[meeting] = (room.id, person.id)

    async def go(self, meeting: Meeting) -> None:
        await self.world.memory.meetings.leave(*self.inside.pop(meeting))

    async def away(self, length: timedelta) -> None:
        self.log.away = True
        await self.world.pass_(length)
        self.log.away = False


@pytest.mark.timeout(240)
async def test_three_years_of_schedules(record_property: Any) -> None:
    """Each occurrence has one room, ready in time and gone afterwards, and nothing else is made."""
    policies = {f"{series.name}.yaml": series.file for series in SERIES}
    async with served(policies=policies, resync=DAY) as world:
        first, last = START + DAY, START + YEARS
        meetings = sorted(
            (one for series in SERIES for one in series.meetings(START, last + 30 * DAY)),
            key=lambda one: one.opens,
        )
        life = Life(world, meetings)
        await world.start()
        await life.until(first)
        happens: list[tuple[datetime, Callable[[], Awaitable[None]]]] = []
        all_hands = [one for one in meetings if one.series.name == "all-hands"]
        life.attended = tuple(all_hands[2:150:7])
        for one in life.attended:
            stays_on = life.chance.randrange(10, 200) * MINUTE
            happens += [
                (one.start, partial(life.come, one)),
                (one.ends + stays_on, partial(life.go, one)),
            ]
        for days in range(40, 1060, 85):
            hours = life.chance.randrange(24 * 60) * MINUTE
            happens.append((START + days * DAY + hours, world.restart))
        late = all_hands[103]
        happens.append((late.opens - 5 * MINUTE, partial(life.away, 30 * MINUTE)))
        for moment, happen in sorted(happens, key=lambda pair: pair[0]):
            if moment < last:
                await life.until(moment)
                await happen()
        await life.until(last)
        while await world.store.states():
            await world.pass_(HOUR)
        log, now = life.log, world.clock.now()
        asked = {one.name: one for one in meetings if one.opens <= now}
        assert log.wrong == []
        assert log.made.keys() == asked.keys()
        waits = {name: log.made[name] - asked[name].opens for name in asked if name != late.name}
        assert timedelta() <= min(waits.values())
        assert max(waits.values()) <= SOON
        assert log.made[late.name] < late.start + 20 * MINUTE
        assert log.ends == {name: one.ends for name, one in asked.items()}
        # Only where somebody stayed was an end moved on, by steps and not for ever.
        assert 0 < len(log.moved) <= len(life.attended)
        assert max(log.moved.values()) <= 8
        assert await world.table() == []
        assert life.most <= 4
        figures = {
            "occurrences": len(asked),
            "longest wait for a room, seconds": max(waits.values()).total_seconds(),
            "ends moved on": sum(log.moved.values()),
            "most keys remembered at once": life.most,
        }
        for name, value in figures.items():
            print(f"{name}: {value}")  # noqa: T201 - the figures are what this is run for
            record_property(name, value)
