"""docs/conformance.md is current: its claims, their tests, and that they were held."""

import ast
from pathlib import Path

import pytest

from tests.conformance import CLAIMS, SUITES, Claim
from tools.make_conformance import PAGE, is_held, page, row

ROOT = Path(__file__).resolve().parents[2]
ALL = [claim for group in CLAIMS.values() for claim in group]


def names_of(suite: str) -> set[str]:
    """The tests of a suite, as claims name them."""
    tree = ast.parse((ROOT / SUITES[suite]).read_text(encoding="utf-8"))
    return {
        f"{suite}:{node.name.removeprefix('test_')}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def test_every_test_holds_a_claim_and_every_claim_has_its_tests() -> None:
    """No name in the table that is nowhere, and no test that the table does not tell."""
    claimed = [test for claim in ALL for test in claim.tests]
    assert set(claimed) == set().union(*(names_of(suite) for suite in SUITES))
    assert len(set(claimed)) == len(claimed)


def test_the_page_is_that_of_the_claims() -> None:
    """And all that has tests was held when it was made."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    told = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")]
    rows = [[cell.strip() for cell in cells] for cells in told if cells[0].strip() != "Endpoint"]
    rows = [cells for cells in rows if not cells[0].startswith("---")]
    assert [cells[:4] for cells in rows] == [list(row(claim, {})[:4]) for claim in ALL], (
        "run: make conformance"
    )
    for cells, claim in zip(rows, ALL, strict=True):
        marks = set(cells[4:])
        assert marks in ([{"held"}, {"held", "not asked"}] if claim.tests else [{"not held"}])
    held = sum(1 for claim in ALL if claim.tests)
    assert f"Of {len(ALL)} claims {held} are held." in "\n".join(lines)


@pytest.mark.parametrize(
    ("results", "marks"),
    [
        ({"s:a": {"usual": True, "strict": True}, "s:b": {"usual": True}}, ("held", "held")),
        ({"s:a": {"usual": True, "strict": False}, "s:b": {"usual": True}}, ("held", "not held")),
        ({"s:a": {"usual": True}, "s:b": {"usual": False}}, ("not held", "not asked")),
        ({"s:a": {"usual": True}}, ("not held", "not held")),
    ],
)
def test_what_a_run_means(
    results: dict[str, dict[str, bool]], marks: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test that fails is enough, and one that did not run is not held."""
    claim = Claim("GET /", "All is well", "1", ("s:a", "s:b"))
    assert row(claim, results)[4:] == marks
    assert is_held(claim, results) is (marks == ("held", "held"))
    monkeypatch.setattr("tools.make_conformance.CLAIMS", {"One": (claim,)})
    assert f"Of 1 claims {int(is_held(claim, results))} are held." in page(results)
