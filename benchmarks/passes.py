"""`pass`: looking at everything and finding nothing to do.

A pass is what `apply` does, and the daemon after its start: the listing, and a turn for each key
that is wanted or remembered.  A resync is what the daemon does from then on: the listing, and a
turn for those keys of whose rooms something else is told.  The bare program fetches the same pages,
one after the other, and reads them as JSON; what is taken beyond that is ours.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.installation import PAGE_SIZE, Installation
from benchmarks.measures import Figure, Target, median_difference
from benchmarks.progress import Progress
from benchmarks.sizes import Sizes

_POLICIES: Final = 100
_ONE_SECOND: Final = Target(1.0)
_EXACT: Final = Target(1.0)


def passes(folder: Path, sizes: Sizes, progress: Progress) -> list[Figure]:
    """Go over estates of each size in which nothing changed."""
    nothing = _measure(folder, 0, 1, progress)
    figures: list[Figure] = []
    for rooms in sizes.passes:
        measured = _measure(folder, rooms, sizes.rounds, progress)
        work = f"a pass over {rooms:,} unchanged rooms"
        target = _ONE_SECOND if rooms == 10_000 else None
        times = {
            "bare listing s": sorted(measured.bare)[len(measured.bare) // 2],
            "pass s": sorted(measured.ours)[len(measured.ours) // 2],
            "resync s": sorted(measured.resyncs)[len(measured.resyncs) // 2],
        }
        beyond = median_difference(measured.ours, measured.bare)
        resynced = median_difference(measured.resyncs, measured.bare)
        pages = math.ceil(rooms / PAGE_SIZE)
        figures += [
            Figure("pass", work, "beyond the list calls", beyond, "s", target, times),
            Figure(
                "pass",
                f"a resync over {rooms:,} unchanged rooms",
                "beyond the list calls",
                resynced,
                "s",
                target,
            ),
            Figure(
                "pass",
                work,
                "list calls ÷ ⌈rooms/page⌉",
                measured.list_calls / pages,
                "",
                _EXACT,
                {"other calls": measured.other_calls, "pages": pages},
            ),
            Figure("pass", work, "peak RSS", measured.peak / 1e6, "MB"),
            Figure("pass", work, "a room", (measured.peak - nothing.peak) / rooms, "bytes"),
        ]
    return figures


class _Measured:
    """What was measured of one estate, by rounds."""

    def __init__(self) -> None:
        self.bare: list[float] = []
        self.ours: list[float] = []
        self.resyncs: list[float] = []
        self.list_calls = 0
        self.other_calls = 0
        self.peak = 0.0


def _measure(folder: Path, rooms: int, rounds: int, progress: Progress) -> _Measured:
    made = Installation(folder / f"pass-{rooms}", processes.free_port())
    made.make(16)
    progress.step(f"pass: an estate of {rooms:,} rooms")
    made.seed(min(_POLICIES, rooms), rooms)
    measured = _Measured()
    with processes.api(made) as api:
        for _ in range(rounds):
            progress.step(f"pass: {rooms:,} rooms")
            api.reset()
            measured.bare.append(processes.bare(made, "list")["seconds"])
            api.reset()
            figures = processes.work(["benchmarks.ours", "--config", str(made.config)])
            calls = api.counts()["calls"]
            measured.ours.append(figures["pass"])
            measured.resyncs.append(figures["resync"])
            measured.peak = max(measured.peak, figures["peak_bytes"])
            # The run lists twice: in the pass, and once more by itself.
            measured.list_calls = calls["GET rooms"] // 2
            measured.other_calls = sum(calls.values()) - calls["GET rooms"]
    return measured
