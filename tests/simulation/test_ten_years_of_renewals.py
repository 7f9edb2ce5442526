"""Ten years of forty teams' rooms: engine, real client and our server on one virtual clock.

The oracle is the server's own table: at every step each team has the same room as on the first
day, and it has not ended; the server's log tells when each was renewed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.renewal import FLOOR_MOST
from tests.component.served import ServedWorld, served

ROOT = Path(__file__).parents[2]
YEARS = timedelta(days=3653)
STEP = timedelta(days=7)
WINDOW = re.compile(rb"^  window:.*\n", re.MULTILINE)
THEME = re.compile(rb"\n  theme: .*")


class Renewals:
    """When each room was renewed, by the server's log."""

    def __init__(self, world: ServedWorld) -> None:
        self.world = world
        self.of: defaultdict[str, list[datetime]] = defaultdict(list)
        world.wire.after = self.note

    async def note(self, method: str, path: str) -> None:
        if method == "PATCH":
            self.of[path.rpartition("/")[2]].append(self.world.clock.now())

    @property
    def closest(self) -> timedelta:
        """The least time between two renewals of one room."""
        pairs = (pair for times in self.of.values() for pair in pairwise(times))
        return min(later - earlier for earlier, later in pairs)


@pytest.mark.parametrize("windowed", [True, False], ids=["in-a-window", "without-a-window"])
@pytest.mark.timeout(120)
async def test_ten_years_of_renewals(windowed: bool, record_property: Any) -> None:
    """P7: the same rooms throughout, at no moment expired, never renewed within the floor."""
    text = (ROOT / "policies/team-rooms.yaml").read_bytes()
    assert WINDOW.search(text)
    assert THEME.search(text)
    text = THEME.sub(b"", text)  # themes have tests of their own; here is nobody who makes one
    text = text if windowed else WINDOW.sub(b"", text)
    async with served(policies={"team-rooms.yaml": text}, resync=STEP) as world:
        world.sources.data["teams.yaml"] = (ROOT / "policies/data/teams.yaml").read_bytes()
        began = world.clock.now()
        await world.start()
        first = await world.ids()
        assert len(first) == 40
        renewals = Renewals(world)
        least = timedelta.max
        while world.clock.now() < began + YEARS:
            await world.pass_(STEP, step=STEP)
            now = world.clock.now()
            table = {room.names.id: room for room in await world.table()}
            assert table.keys() == set(first.values())
            least = min(least, *(room.life.expires_at - now for room in table.values()))
            assert least > timedelta()
        assert await world.ids() == first
        assert renewals.of.keys() == set(first.values())
        assert renewals.closest >= FLOOR_MOST
        assert len([sent for sent in world.wire.log if sent.method == "POST"]) == 40
        # A year's life, renewed sixty to seventy-five days before its end: every ten months.
        counts = {len(times) for times in renewals.of.values()}
        assert counts <= {11, 12, 13}
        moments = {moment for times in renewals.of.values() for moment in times}
        figures = {
            "requests": len(world.wire.log),
            "renewals a room": f"{min(counts)} to {max(counts)}",
            "closest two renewals of a room, days": renewals.closest / timedelta(days=1),
            "least life left, days": least / timedelta(days=1),
            "days with renewals": len({moment.date() for moment in moments}),
        }
        for name, value in figures.items():
            print(f"{name}: {value}")  # noqa: T201 - the figures are what this is run for
            record_property(name, value)
