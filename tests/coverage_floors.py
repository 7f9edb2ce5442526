"""Holds the measured coverage to its floors: lines and branches together, a group at a time.

Run by `make test` after the tests.  Reads the data of coverage, which tells of the tests' own
processes and not of those that they began, and exits 1 when a group is below its floor.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FULL = ("config", "domain", "ports")
ELSEWHERE = 95.0


@dataclass(slots=True)
class Count:
    """Lines and branches that were run, and all that there are."""

    covered: int = 0
    total: int = 0

    def add(self, other: "Count") -> None:
        """Take in another's numbers."""
        self.covered += other.covered
        self.total += other.total

    @property
    def percent(self) -> float:
        """Covered share, 0 to 100; nothing to cover is covered."""
        return 100.0 * self.covered / self.total if self.total else 100.0


def measured() -> dict[str, Count]:
    """The counts by package directly under orchestrator/ (or module)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)]
        subprocess.run(command, cwd=ROOT, check=True)
        files: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["files"]
    groups: dict[str, Count] = {}
    for name, file in files.items():
        if not (ROOT / name).is_relative_to(ROOT):
            continue  # of a copy that was installed elsewhere, as by tests of the wheel
        parts = Path(name).parts
        below = parts[parts.index("orchestrator") + 1 :]
        summary = file["summary"]
        count = Count(
            summary["covered_lines"] + summary["covered_branches"],
            summary["num_statements"] + summary["num_branches"],
        )
        groups.setdefault(below[0].removesuffix(".py"), Count()).add(count)
    return groups


def main() -> int:
    """Print the table; exit 1 when a floor is not held."""
    groups = measured()
    elsewhere = Count()
    low: list[str] = []
    print(f"{'coverage':<18}{'covered':>9}{'of':>7}{'percent':>9}  floor")
    for name, count in sorted(groups.items()):
        floor = "100" if name in FULL else ""
        if name in FULL and count.covered < count.total:
            low.append(name)
        if name not in FULL:
            elsewhere.add(count)
        print(f"{name:<18}{count.covered:>9}{count.total:>7}{count.percent:>9.1f}  {floor}")
    print(
        f"{'all but those':<18}{elsewhere.covered:>9}{elsewhere.total:>7}"
        f"{elsewhere.percent:>9.1f}  {ELSEWHERE:.0f}"
    )
    if elsewhere.percent < ELSEWHERE:
        low.append("all but those")
    if low:
        print(f"Below its floor: {', '.join(low)}. See `coverage report -m` for the lines.")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
