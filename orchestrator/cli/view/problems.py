"""Problems: each with its place, as editors and compilers write it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli.view.screen import Screen, assemble
from orchestrator.foundation.problems import Problem


def show_problems(screen: Screen, problems: Sequence[Problem], style: str = "red") -> None:
    """Show problems, one a line, their sentences in one column."""
    if not problems:
        return
    widest = max(assemble([str(problem.place)]).cell_len for problem in problems)
    for problem in problems:
        place = str(problem.place)
        gap = " " * (widest - assemble([place]).cell_len + 2)
        screen.line((place, style), gap, problem.message, hang=4)
