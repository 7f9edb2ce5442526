"""The wheel that `pipx install` and `uv tool install` take: all that we are, and nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.system.processes import ROOT


def test_it_has_all_its_files_and_sets_up_a_folder_far_from_any_checkout(tmp_path: Path) -> None:
    """Templates, SQL, pages, libraries of the browser and examples travel with the code."""
    command = ["-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run([sys.executable, *command], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    files = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files += ["orchestrator", "policies"]
    tracked = subprocess.run(files, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    wanted = {
        f"orchestrator/examples/{name}" if name.startswith("policies/") else name
        for name in tracked.splitlines()
    }
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        there = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(unpacked)
    assert (wanted - there, there - wanted) == (set(), set())
    (points,) = unpacked.glob("*.dist-info/entry_points.txt")
    assert "room-orchestrator = orchestrator.__main__:main" in points.read_text()

    # The folder goes first, before the checkout that this interpreter has installed.
    script = (
        "import orchestrator, sys; from orchestrator.__main__ import main; "
        "assert orchestrator.__file__.startswith(sys.argv.pop(1)), orchestrator.__file__; main()"
    )
    for words in (["init", "made"], ["--config", "made/config.yaml", "validate"]):
        done = subprocess.run(
            [sys.executable, "-P", "-c", script, str(unpacked), *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(unpacked)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
