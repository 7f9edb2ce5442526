"""`start`: from the command to a daemon that is ready, and to one that has looked at everything."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks import processes
from benchmarks.installation import Installation
from benchmarks.measures import Figure
from benchmarks.progress import Progress
from benchmarks.sizes import Sizes

_POLICIES = 100


def start(folder: Path, sizes: Sizes, progress: Progress) -> list[Figure]:
    """Start the daemon over estates of each size, and once over nothing."""
    figures: list[Figure] = []
    for rooms in (1, *sizes.estates):
        made = Installation(folder / f"start-{rooms}", processes.free_port())
        made.make(16)
        made.seed(min(_POLICIES, rooms), rooms)
        ready: list[float] = []
        settled: list[float] = []
        with processes.api(made):
            for _ in range(sizes.rounds):
                progress.step(f"start: {rooms:,} rooms")
                began = time.monotonic()
                with processes.daemon(made) as daemon:
                    ready.append(time.monotonic() - began)
                    settled.append(processes.quiet(daemon) - began)
        beside = {"every key looked at s": statistics.median(settled)}
        work = f"start the daemon over {rooms:,} room{'s' * (rooms > 1)}"
        value = statistics.median(ready)
        figures.append(Figure("start", work, "to ready", value, "s", beside=beside))
    return figures
