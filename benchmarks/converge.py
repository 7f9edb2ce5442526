"""`converge`: creating rooms, against a program that creates them and remembers nothing.

Daemon and API stay up for all rounds; in each round a policy is saved, and the bare program makes
as many rooms beside it.  Throughput is counted where it counts: at the API, from the first request
that came to the last that was answered.  Both sides have made a room before the clock begins.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks import processes
from benchmarks.installation import Installation
from benchmarks.measures import Figure, Target, median_ratio
from benchmarks.progress import Progress
from benchmarks.sizes import Sizes

_SHARE: Final = Target(0.85, at_least=True)


def converge(folder: Path, sizes: Sizes, progress: Progress) -> list[Figure]:
    """Create rooms, at each concurrency and delay."""
    figures: list[Figure] = []
    for concurrency in sizes.concurrencies:
        made = Installation(folder / f"converge-{concurrency}", processes.free_port())
        made.make(concurrency)
        made.put("warm", 1)
        with processes.api(made) as api, processes.daemon(made) as daemon:
            api.wait(1)
            for delay in (0.05, 0.0):
                rates = _Rates()
                for number in range(sizes.rounds):
                    progress.step(f"converge: {concurrency} at once, {delay * 1000:g} ms")
                    name = f"round-{delay * 1000:g}-{number}"
                    rates.add(*_round(made, api, daemon, (name, delay, concurrency), sizes.rooms))
                target = _SHARE if delay else None
                figures.append(rates.figure(sizes.rooms, concurrency, delay, target))
    return figures


class _Rates:
    """Rooms a second, of both sides, by rounds."""

    def __init__(self) -> None:
        self.bare: list[float] = []
        self.ours: list[float] = []

    def add(self, bare: float, ours: float) -> None:
        self.bare.append(bare)
        self.ours.append(ours)

    def figure(self, rooms: int, concurrency: int, delay: float, target: Target | None) -> Figure:
        return Figure(
            "converge",
            f"create {rooms:,} rooms, API answering in {delay * 1000:g} ms, {concurrency} at once",
            "throughput ÷ bare",
            median_ratio(self.ours, self.bare),
            target=target,
            beside={
                "bare rooms/s": sorted(self.bare)[len(self.bare) // 2],
                "our rooms/s": sorted(self.ours)[len(self.ours) // 2],
            },
        )


def _round(
    made: Installation,
    api: processes.ApiProcess,
    daemon: Any,
    what: tuple[str, float, int],
    rooms: int,
) -> tuple[float, float]:
    """Rooms a second of the bare program and of the daemon, one after the other."""
    name, delay, concurrency = what
    processes.quiet(daemon)
    api.reset(delay)
    processes.bare(made, "create", count=rooms, concurrency=concurrency)
    bare = _rate(api.counts(), rooms)
    api.reset(delay)
    made.put(name, rooms)
    return bare, _rate(api.wait(rooms), rooms)


def _rate(counts: dict[str, Any], rooms: int) -> float:
    seconds: float = counts["last"] - counts["first"]
    return rooms / seconds
