"""`make bench`: run the benchmarks, print what they found, keep it, and write the table of it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.audit import audit
from benchmarks.change import change
from benchmarks.converge import converge
from benchmarks.measures import Figure
from benchmarks.pages import pages
from benchmarks.passes import passes
from benchmarks.progress import Progress
from benchmarks.sizes import ALL, NORMAL, QUICK, Sizes
from benchmarks.start import start
from benchmarks.table import document, into, markdown, number

Benchmark = Callable[[Path, Sizes, Progress], list[Figure]]

_ROOT: Final = Path(__file__).resolve().parents[1]
_PAGE: Final = _ROOT / "docs" / "performance.md"
_RESULTS: Final = Path(__file__).with_name("results.json")
_BENCHMARKS: Final[dict[str, Benchmark]] = {
    "converge": converge,
    "pass": passes,
    "change": change,
    "page": pages,
    "start": start,
    "audit": audit,
}


def run(names: list[str], sizes: Sizes, folder: Path) -> list[Figure]:
    """Run benchmarks, one after the other; each in a folder that is empty at its beginning."""
    figures: list[Figure] = []
    with Progress(_steps(names, sizes)) as progress:
        for name in names:
            with tempfile.TemporaryDirectory(dir=folder, prefix=f"{name}-") as own:
                figures += _BENCHMARKS[name](Path(own), sizes, progress)
    return figures


def machine() -> dict[str, str | int]:
    """What may matter of the machine, and nothing that names it."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "Python": platform.python_version(),
        "kernel": platform.release().partition("-")[0],
        "architecture": platform.machine(),
    }


def _steps(names: list[str], sizes: Sizes) -> int:
    steps = {
        "converge": len(sizes.concurrencies) * 2 * sizes.rounds,
        "pass": 2 + len(sizes.passes) * (sizes.rounds + 1),
        "change": len(sizes.estates) * (sizes.repeats + 1),
        "page": 4,
        "start": (len(sizes.estates) + 1) * sizes.rounds,
        "audit": sizes.rounds,
    }
    return sum(steps[name] for name in names)


def _print(figures: list[Figure]) -> None:
    console = Console(highlight=False)
    for figure in figures:
        beside = ", ".join(f"{name} {number(value)}" for name, value in figure.beside.items())
        short = "  FALLS SHORT" if figure.is_short else ""
        value = f"{number(figure.value)} {figure.unit}".strip()
        line = f"{figure.bench}: {figure.work}: {figure.name} {value}{short}  ({beside})"
        console.print(line, soft_wrap=True, markup=False)


def main(words: list[str] | None = None) -> int:
    """Run what is asked for; the exit code tells whether it ran, not how fast."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--all", action="store_true", help="also what takes more than five minutes")
    size.add_argument("--quick", action="store_true", help="tiny: only to see that they run")
    parser.add_argument("--only", nargs="+", choices=_BENCHMARKS, help="these, written nowhere")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where the JSON goes")
    parser.add_argument("--page", type=Path, default=_PAGE, help="where the table goes")
    given = parser.parse_args(words)
    sizes = ALL if given.all else QUICK if given.quick else NORMAL
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = run(given.only or list(_BENCHMARKS), sizes, Path(folder))
    _print(figures)
    print(f"{time.monotonic() - began:.0f} seconds")
    if not given.only:
        results = document(machine(), figures)
        given.results.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
        given.page.write_text(into(given.page.read_text(), markdown(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
