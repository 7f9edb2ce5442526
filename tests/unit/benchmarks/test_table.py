"""The table of `docs/performance.md`: made from the JSON, and the rest of the page left alone."""

import json
from pathlib import Path

import pytest

from benchmarks.measures import Figure, Target
from benchmarks.table import BEGIN, END, document, into, markdown, number

ROOT = Path(__file__).resolve().parents[3]
FIGURES = [
    Figure("pass", "a pass", "beyond", 0.25, "s", Target(1.0), {"pass s": 0.5}),
    Figure("converge", "64 at once", "÷ bare", 0.5, "", Target(0.85, at_least=True)),
    Figure("start", "nothing", "to ready", 12345.6, "s"),
]


def test_the_table_tells_what_was_asked_for_and_what_falls_short() -> None:
    results = json.loads(json.dumps(document({"cores": 2}, FIGURES)))
    assert markdown(results).splitlines() == [
        "Measured on: cores 2.",
        "",
        "| Benchmark | Work | Figure | Value | Asked for | Made from |",
        "| --- | --- | --- | ---: | --- | --- |",
        "| pass | a pass | beyond | 0.25 s | at most 1 s | pass s 0.5 |",
        "| converge | 64 at once | ÷ bare | 0.5 | **at least 0.85: falls short** |  |",
        "| start | nothing | to ready | 12,346 s |  |  |",
    ]


def test_only_what_stands_between_the_marks_is_made() -> None:
    page = f"# Mine\n{BEGIN}\nold\n{END}\nmine too\n"
    assert into(page, "new") == f"# Mine\n{BEGIN}\nnew\n{END}\nmine too\n"


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="needs the marks"):
        into(page, "new")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.12345, "0.123"),
        (1.0, "1"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (99.5, "99.5"),
    ],
)
def test_three_digits_matter(value: float, shown: str) -> None:
    assert number(value) == shown


def test_the_page_shows_the_results_that_lie_beside_it() -> None:
    """Nobody edits the one without the other."""
    results = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    page = (ROOT / "docs" / "performance.md").read_text()
    assert into(page, markdown(results)) == page
