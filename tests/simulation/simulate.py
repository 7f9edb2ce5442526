"""Run the simulation over many seeds: ``python -m tests.simulation.simulate --seeds 2000``.

Each seed is a run of its own, in a process of which every run goes the same way; a failing one is
printed with what led to it and the command that repeats it.  At the end stands how often each fault
was met and at how many awaits of the engine the daemon died.
"""

from __future__ import annotations

import argparse
import gc
import io
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestrator import logs
from tests.simulation.mortal import every_await
from tests.simulation.planted import BUGS, Bug
from tests.simulation.weather import Weather
from tests.simulation.years import Result, simulate

FINDS = 3  # seeds that are enough to find a planted bug by
CALM = 20  # seeds at least in which a bug that needs faults is not to be found without
HITS = 20  # that each fault and each await should have at least


@dataclass(frozen=True)
class Task:
    """One run to make."""

    seed: int
    faults: bool = True
    length: float = 1.0
    bug: str = ""


@dataclass
class Sum:
    """What many runs were together."""

    runs: int = 0
    long: int = 0
    days: float = 0.0
    cpu: float = 0.0
    cpu_long: float = 0.0
    crashes: int = 0
    facts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    awaits: Counter[str] = field(default_factory=Counter)
    broken: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.runs += 1
        self.long += result.days > 1000
        self.days += result.days
        self.cpu += result.cpu
        self.cpu_long += result.cpu if result.days > 1000 else 0.0
        self.crashes += result.crashes
        self.facts.update(result.facts)
        self.faults.update(result.faults)
        self.awaits.update(result.awaits)
        if result.broken:
            self.broken.append(result)


def make(task: Task) -> Result:
    """One run, in whichever process."""
    with BUGS[task.bug].plant() if task.bug else nullcontext():
        return simulate(task.seed, faults=task.faults, length=task.length)


# In what a worker lives.  Its objects lie all over a hundred megabytes: in pages of two megabytes,
# which glibc asks for and Python's own allocator does not, a run takes a quarter less time.
_OF_A_WORKER: Final = {
    "PYTHONHASHSEED": "0",
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def results(tasks: Iterable[Task], jobs: int) -> Iterator[Result]:
    """All runs, as they end, in processes whose sets have one order."""
    os.environ |= _OF_A_WORKER
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=_quiet) as pool:
        yield from pool.imap_unordered(make, tasks, chunksize=1)


def _quiet() -> None:
    logs.set_up("error", "json", io.StringIO())  # what broke is told by the oracle
    # What was imported is never garbage, and looking through the rest rarely is quicker.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def run(tasks: Sequence[Task], jobs: int, console: Console, *, keep_going: bool = False) -> Sum:
    """Make the runs, show how far they are, and add them up; the first broken one ends it."""
    added = Sum()
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bars:
        bar = bars.add_task("seeds", total=len(tasks))
        for result in results(tasks, jobs):
            added.add(result)
            bars.advance(bar)
            if not console.is_terminal and added.runs % 50 == 0:
                console.print(
                    f"{added.runs} of {len(tasks)} seeds, {added.cpu:,.0f} s of processor"
                )
            if result.broken:
                tell_broken(console, result)
                if not keep_going:
                    break
    return added


def tell_broken(console: Console, result: Result) -> None:
    """A run that broke a promise, what led to it, and how to see it again."""
    console.print(f"\nseed {result.seed} broke a promise: {result.broken}", markup=False)
    for line in result.log[-40:]:
        console.print(f"  {line}", markup=False)
    console.print(f"again:  make simulate SEEDS={result.seed}-{result.seed}")


def tell(console: Console, added: Sum, wall: float) -> None:
    """The figures."""
    out = console.print
    out(
        f"{added.runs} seeds, {added.long} of them of five years; "
        f"{added.days / 365.25:,.0f} simulated years; {added.crashes:,} deaths; "
        f"{wall:,.0f} s, {added.cpu:,.0f} s of processor"
    )
    long, short = added.long, added.runs - added.long
    out(
        f"{added.cpu_long / max(long, 1):.2f} s of processor for one of five years, "
        f"{(added.cpu - added.cpu_long) / max(short, 1):.2f} s for any other"
    )
    out("\nfaults met (route and fault):")
    for name in sorted(Weather.every_fault() | added.faults.keys()):
        count = added.faults[name]
        out(f"  {count:>8,}  {name}{'' if count >= HITS else '   <- seldom'}", markup=False)
    out("\nawaits of the engine at which it died:")
    missing = []
    for site in sorted(every_await(), key=_place):
        count = added.awaits[site]
        if count < HITS:
            missing.append(f"{site} ({count})")
    every = every_await()
    died = [added.awaits[site] for site in every]
    out(f"  {len(every)} awaits, {sum(one >= HITS for one in died)} of them {HITS} times or more")
    for site in missing:
        out(f"  seldom: {site}", markup=False)
    out("\nwhat it did:")
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(added.facts.items()))
    out(f"  {told}", markup=False)


def _place(site: str) -> tuple[str, int]:
    file, _, line = site.partition(":")
    return file, int(line)


def is_found(bug: Bug, result: Result) -> bool:
    """Whether a run broke what the bug breaks."""
    return result.broken.split(" ", 2)[-1].startswith(bug.promise)


def hunt(console: Console, seeds: Sequence[int], jobs: int, *, only: str = "") -> bool:
    """Let the simulation look for each planted bug; whether all were found, and rightly so."""
    well = True
    for name, bug in BUGS.items():
        if only and name != only:
            continue
        added = Sum()
        for result in results((Task(seed, bug=name) for seed in seeds), jobs):
            added.add(result)
            if len(added.broken) == FINDS:
                break
        found = sorted(added.broken, key=lambda result: result.seed)
        right = bool(found) and all(is_found(bug, result) for result in found)
        told = ", ".join(str(result.seed) for result in found)
        verdict = f"seeds {told}: {found[0].broken[:110]}" if found else "not found"
        calm = True
        if bug.faults:
            same = seeds[: max(added.runs, CALM)]
            tasks = [Task(seed, faults=False, bug=name) for seed in same]
            calm = not any(result.broken for result in results(tasks, jobs))
        warned = "" if calm else "   FOUND WITHOUT FAULTS"
        console.print(f"{name:<28} {added.runs:>4} seeds  {verdict}{warned}", markup=False)
        well = well and right and calm
    return well


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="200", help="a number, or a range as 5000-6000")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-faults", action="store_true", help="an API that never lies")
    parser.add_argument("--planted", nargs="?", const="all", default="", help="hunt planted bugs")
    parser.add_argument("--keep-going", action="store_true", help="do not end at a broken promise")
    given = parser.parse_args()
    first, dash, last = given.seeds.partition("-")
    seeds = range(int(first), int(last) + 1) if dash else range(int(first))
    console = Console(highlight=False)
    if given.planted:
        only = "" if given.planted == "all" else given.planted
        return 0 if hunt(console, seeds, given.jobs, only=only) else 1
    began = time.monotonic()
    tasks = [Task(seed, faults=not given.no_faults) for seed in seeds]
    added = run(tasks, given.jobs, console, keep_going=given.keep_going)
    tell(console, added, time.monotonic() - began)
    return 1 if added.broken else 0


if __name__ == "__main__":
    sys.exit(main())
