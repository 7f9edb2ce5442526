"""docs/audit.md says what the code does."""

import re
import subprocess
from pathlib import Path

from orchestrator.adapters.audit.signing import Checkpoint
from orchestrator.domain.facts import CATALOGUE
from tests.fakes.logbook import Logbook
from tools.make_audit_docs import PAGE, main, page


def test_the_page_is_what_the_code_says() -> None:
    """Made again, it is the same."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tools/make_audit_docs.py"
    assert main(["--check"]) == 0


def test_every_event_has_its_row() -> None:
    """The catalogue and nothing else."""
    rows = re.findall(r"^\| `([a-z.]+\.[a-z._]+)` \|", page(), re.MULTILINE)
    assert rows == list(CATALOGUE)


def test_the_recipe_for_the_shell_gives_the_hash(tmp_path: Path) -> None:
    """Whoever does not trust us can check a line without us."""
    logbook = Logbook(tmp_path)
    logbook.write_to(9)
    recipe = re.search(r"```sh\n(line=.*?)```", page(), re.DOTALL)
    assert recipe is not None
    done = subprocess.run(
        ["sh", "-c", recipe[1]], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    assert f'"hash":"{done.stdout.split()[0]}"'.encode() in logbook.lines()[6]


def test_the_signed_text_is_as_told() -> None:
    """Six lines: for whoever checks a signature with another program."""
    checkpoint = Checkpoint("acme", "7f3a01bc", 1000, 990, "ab" * 32)
    told = "\n".join(["room-orchestrator audit 1", "acme", "7f3a01bc", "1000", "990", "ab" * 32])
    assert checkpoint.words == told.encode()
