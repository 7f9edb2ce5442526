"""The recipe of docs/review.md, as a CI job would run it; ssh alone is a stand-in."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.system.installation import Installation, policy

PAGE: Final = (Path(__file__).parents[2] / "docs" / "review.md").read_text(encoding="utf-8")
# What sshd does for a key with a forced command: it runs that, whatever was asked for.
SSH: Final = '#!/bin/sh\nexec sh "$REVIEW"\n'


def recipe(beginning: str) -> str:
    """The script of the page that begins so."""
    found = [text for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if beginning in text]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The environment of a job that may run one command elsewhere, where a daemon's config is."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(SSH)
    (programs / "ssh").chmod(0o755)
    (tmp_path / "review").write_text(recipe("mktemp"))
    here = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{here}{os.pathsep}{os.environ['PATH']}",
        "REVIEW": str(tmp_path / "review"),
        "ROOM_ORCHESTRATOR_CONFIG": str(tmp_path / "x" / "config.yaml"),
    }


def test_a_job_gets_its_comment_and_its_code(tmp_path: Path, job: dict[str, str]) -> None:
    """Changes pass and are told; a policy with problems fails; nothing is done either way."""
    installation = Installation.made(tmp_path / "x")
    installation.put("teams.yaml", policy("teams", ["a", "b"]))
    candidate = tmp_path / "repository" / "policies"
    candidate.mkdir(parents=True)

    def run(text: str) -> tuple[int, str]:
        (candidate / "teams.yaml").write_text(text)
        done = subprocess.run(
            ["sh", "-e", "-c", recipe("code=0")],
            cwd=candidate.parent,
            env=job,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    with installation.daemon():
        installation.a_fact("room.created", count=2)
        rooms = installation.table()
        code, comment = run(policy("teams", ["a", "c"]))
        assert (code, comment.splitlines()[0]) == (0, "### Room plan: 1 link changes or ends")
        assert "<code>teams/b</code>" in comment
        code, comment = run(policy("teams", ["a", "b"]).replace("lifetime:", "lifetme:"))
        assert code == 2
        assert "lifetme" in comment
        assert installation.table() == rooms
    assert not list(tmp_path.glob("**/tmp.*"))
