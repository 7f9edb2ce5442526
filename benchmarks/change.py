"""`change`: a policy file is saved, and the first request leaves for it.

The daemon watches a folder of a hundred policies. In turn a policy of an estate is edited, so that
a setting of all its rooms changes, and a policy with one room is added.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.installation import Installation
from benchmarks.measures import Figure, Target, percentile
from benchmarks.progress import Progress
from benchmarks.sizes import Sizes

POLICIES: Final = 100
_SOON: Final = Target(500.0)  # milliseconds


def change(folder: Path, sizes: Sizes, progress: Progress) -> list[Figure]:
    """Save policies among estates of each size."""
    figures: list[Figure] = []
    for rooms in sizes.estates:
        made = Installation(folder / f"change-{rooms}", processes.free_port())
        made.make(16)
        progress.step(f"change: an estate of {rooms:,} rooms")
        policies = min(POLICIES, rooms)
        made.seed(policies, rooms)
        edited, added = _saves(made, sizes.repeats, rooms // policies, progress)
        target = _SOON if rooms <= 10_000 else None
        for what, seconds in (("edited", edited), ("added", added)):
            times = [1000 * one for one in seconds]
            work = f"one policy {what} among {rooms:,} rooms"
            beside = {"times": float(len(times)), "max ms": max(times)}
            figures.append(
                Figure(
                    "change",
                    work,
                    "saved → request sent, p50",
                    percentile(times, 50),
                    "ms",
                    target,
                    beside,
                )
            )
    return figures


def _saves(
    made: Installation, repeats: int, of_policy: int, progress: Progress
) -> tuple[list[float], list[float]]:
    """Seconds from each save to the first request that it led to: edits, and new policies."""
    edited: list[float] = []
    added: list[float] = []
    with processes.api(made) as api, processes.daemon(made) as daemon:
        for number in range(repeats):
            progress.step("change: save")
            processes.quiet(daemon)
            api.reset()
            saved = made.put(f"estate-{number % POLICIES:03}", of_policy, chat=False)
            edited.append(api.wait(of_policy)["first"] - saved)
            processes.quiet(daemon)
            api.reset()
            saved = made.save(f"added-{number:03}", f"items: [{{slug: a{number}}}]")
            added.append(api.wait(1)["first"] - saved)
    return edited, added
