"""docs/promises.md names twelve promises, and no test that does not exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text()


def test_every_promise_has_its_chapter() -> None:
    """P1 to P12, in order, once each."""
    assert re.findall(r"^## (P\d+) ", PAGE, re.MULTILINE) == [f"P{n}" for n in range(1, 13)]


def test_every_promise_names_a_test_or_says_not_yet() -> None:
    """A promise without either would be a claim that nobody checks."""
    for chapter in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        assert "`test_p" in chapter or "**Not yet**" in chapter, chapter.splitlines()[0]


def test_every_test_that_is_named_exists() -> None:
    """A renamed test must be renamed here too."""
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    named = set(re.findall(r"`(test_p\d\w+)`", PAGE))
    assert named
    assert named <= defined, sorted(named - defined)
