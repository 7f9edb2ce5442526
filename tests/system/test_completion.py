"""Completion in a real shell, and a command line that starts quickly enough for it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from orchestrator.app.init import init
from tests.system.installation import Installation

PROGRAMS: Final = Path(sys.executable).parent
# What bash does when TAB is pressed: it sets these and calls the function that was registered.
ASK: Final = """\
eval "$(_ROOM_ORCHESTRATOR_COMPLETE=source_bash room-orchestrator)"
function="$(complete -p room-orchestrator | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
tab() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
  echo "${COMPREPLY[*]}"
}
"""
POLICY: Final = """\
version: 1
name: teams
for_each: {items: [checkout, search], as: team, key: "{{ team }}"}
room: {type: long_term, display_name: "{{ team }}", lifetime: 90d}
"""


def shell(program: str, script: str, cwd: Path) -> str:
    """What a script prints; it finds our program by name."""
    environ = {**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [program, "-c", script], cwd=cwd, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_bash_completes_commands_options_keys_and_events(tmp_path: Path) -> None:
    """In the folder of an installation; where nothing can be known, nothing is said."""
    installation = Installation.made(tmp_path / "x")
    installation.put("teams.yaml", POLICY)
    installation.ask("apply")
    init(tmp_path / "fresh")
    begun = (
        *("rooms sh", "sta", "plan --pol", "schema p", "audit search --event room.link."),
        *("rooms show te", f"--config {installation.config} rooms why teams/s"),
    )
    asked = "\n".join(f"tab room-orchestrator {words}" for words in begun)
    words = ["show", "status state", "--policies", "policy", "room.link.revealed room.link.changed"]
    here = shell("bash", ASK + asked, installation.folder).splitlines()
    assert here == [*words, "teams/checkout teams/search", "teams/search"]
    elsewhere = shell("bash", ASK + asked, tmp_path / "fresh").splitlines()
    assert elsewhere == [*words, "", "teams/search"]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_understands(name: str, tmp_path: Path) -> None:
    """Read, not run, by the shell itself where it is installed."""
    script = shell("sh", f"_ROOM_ORCHESTRATOR_COMPLETE=source_{name} room-orchestrator", tmp_path)
    assert "room-orchestrator" in script
    assert "_ROOM_ORCHESTRATOR_COMPLETE" in script
    if program := shutil.which(name):
        (tmp_path / "script").write_text(script)
        subprocess.run([program, "-n", tmp_path / "script"], check=True)


def test_help_and_completion_import_no_app() -> None:
    """A prompt waits for them; what only a command needs is imported by that command."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys, orchestrator.cli.main as main; print(json.dumps(list(sys.modules)))",
        ],
        # Measuring coverage there would import modules of its own.
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        check=True,
        text=True,
    )
    names = set(json.loads(told.stdout))
    heavy = {"aiohttp", "apscheduler", "asyncio", "cryptography", "jinja2", "pydantic", "sqlite3"}
    assert names & (heavy | {"structlog", "yaml"}) == set()
    assert {name for name in names if name.startswith("orchestrator.app.")} == set()
