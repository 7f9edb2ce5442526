"""`audit`: facts into the log, against the bare minimum of writing and syncing as many bytes."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.measures import Figure, median_ratio
from benchmarks.progress import Progress
from benchmarks.sizes import Sizes

_ANSWER: Final = 50.0  # milliseconds of the API, of which a share is told


def audit(folder: Path, sizes: Sizes, progress: Progress) -> list[Figure]:
    """Log facts, and record creates."""
    rounds: list[dict[str, float]] = []
    for number in range(sizes.rounds):
        progress.step("audit: facts, and what one create records")
        words = ["--folder", str(folder / f"audit-{number}"), "--facts", str(sizes.facts)]
        rounds.append(processes.work(["benchmarks.recording", *words]))
    ours = [one["ours"] for one in rounds]
    bare = [one["bare"] for one in rounds]
    create = statistics.median(one["create_ms"] for one in rounds)
    return [
        Figure(
            "audit",
            f"log {sizes.facts:,} facts, an fsync every 500",
            "facts a second ÷ bare",
            median_ratio(ours, bare),
            beside={
                "our facts/s": statistics.median(ours),
                "bare lines/s": statistics.median(bare),
            },
        ),
        Figure(
            "audit",
            "record one create by itself: intent, result, log, three fsyncs",
            "share of a create at 50 ms",
            create / (create + _ANSWER),
            beside={"ms": create},
        ),
    ]
