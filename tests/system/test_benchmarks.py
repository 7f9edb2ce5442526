"""The benchmarks still run: tiny, as processes, with nothing said of any time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.table import BEGIN, END
from tests.system.processes import ROOT


@pytest.mark.timeout(240)
def test_every_benchmark_runs_and_is_told(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(f"# Performance\n{BEGIN}\n{END}\n")
    words = ["-m", "benchmarks", "--quick", "--results", str(results), "--page", str(page)]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(results.read_text())
    measured = {figure["bench"] for figure in told["figures"]}
    assert measured == {"converge", "pass", "change", "page", "start", "audit"}
    assert all(figure["value"] >= 0 for figure in told["figures"] if figure["unit"] == "")
    for figure in told["figures"]:
        assert figure["work"] in done.stdout
        assert figure["work"] in page.read_text()
    exact = next(one for one in told["figures"] if one["name"].startswith("list calls"))
    assert exact["value"] == 1


@pytest.mark.timeout(120)
def test_what_a_mesh_costs_is_told() -> None:
    """A line a side, for a pair of people."""
    words = ["-m", "benchmarks.meetings", "--people", "2", "--seconds", "0.2", "--rounds", "1"]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| 2 |")]
    assert [row[1] for row in rows] == ["our server", "a bare relay"]
    # An offer, an answer and candidates both ways, twice over the server's sockets.
    assert all(float(row[3].removesuffix(" kB")) > 10 for row in rows)
