"""A fixed budget of the simulation: so many seeds hold, one run is like the next, bugs are found.

``make simulate SEEDS=2000`` is as long as wanted; `years` tells what a run is.
"""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.simulation.mortal import every_await
from tests.simulation.planted import BUGS
from tests.simulation.simulate import Sum, Task, is_found, results, run, tell
from tests.simulation.years import Result, simulate

SEEDS = range(1001, 1013)


def told() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.mark.timeout(600)
def test_p01_to_p10_hold_in_years_at_random() -> None:
    """By the server's own table, every call and every commit; five years among them."""
    console = told()
    tasks = [Task(seed, length=0.2 if seed % 4 == 0 else 1.0) for seed in SEEDS]
    added = run(tasks, jobs=2, console=console)
    assert isinstance(console.file, io.StringIO)
    assert not added.broken, console.file.getvalue()
    assert added.runs == len(SEEDS)
    # It is worth something only while the API lies and the daemon dies.
    assert added.crashes > 40
    assert added.faults.total() > 500
    assert len(added.awaits) > len(every_await()) / 3
    assert {"room.created", "room.renewed", "room.replaced", "room.rekeyed"} <= set(added.facts)
    tell(console, added, 1.0)
    assert f"{len(SEEDS)} seeds" in console.file.getvalue()


def test_a_seed_is_repeated_exactly() -> None:
    """What is printed of a failing seed leads to the same end again."""
    one, other = simulate(7, length=0.3), simulate(7, length=0.3)
    assert one.log == other.log
    assert (one.facts, one.faults, one.crashes) == (other.facts, other.faults, other.crashes)


@pytest.fixture
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with a bug covers what one without it does, and takes a third of the time."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def alone(task: Task) -> Result:
    """One run in a process whose sets have the order that its seed was found with."""
    (result,) = results([task], jobs=1)
    return result


@pytest.mark.parametrize("name", list(BUGS))
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_unmeasured")
def test_a_planted_bug_is_found(name: str) -> None:
    """Or nobody who makes that mistake is told.

    By one of the runs that are known to; where the engine has changed so that other things happen
    in all of them, ``make simulate PLANTED=name`` finds the seeds that are to be written anew.
    """
    bug = BUGS[name]
    runs = (alone(Task(seed, length=bug.length, bug=name)) for seed in bug.seeds)
    assert any(is_found(bug, run) for run in runs)


@pytest.mark.parametrize("seed", sorted({bug.seeds[0] for bug in BUGS.values()}))
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_unmeasured")
def test_nothing_is_found_in_those_runs_without_a_bug(seed: int) -> None:
    """A shorter run is the beginning of a longer one."""
    length = max(bug.length for bug in BUGS.values() if bug.seeds[0] == seed)
    assert not alone(Task(seed, length=length)).broken


@pytest.mark.parametrize("name", [name for name, bug in BUGS.items() if bug.faults])
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_unmeasured")
def test_what_needs_faults_is_not_found_without(name: str) -> None:
    """Or the simulation would find something else than the bug."""
    bug = BUGS[name]
    assert alone(Task(bug.seeds[0], faults=False, length=bug.length, bug=name)).broken == ""


def test_a_broken_run_is_told_with_what_led_to_it() -> None:
    """And with the command that repeats it."""
    console = told()
    added: Sum = run([Task(3, bug="no-intent")], jobs=1, console=console)
    assert added.broken
    assert isinstance(console.file, io.StringIO)
    assert "broke a promise" in console.file.getvalue()
    assert "make simulate SEEDS=3-3" in console.file.getvalue()
