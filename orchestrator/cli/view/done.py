"""What a command that did something prints: what was done, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cli.view.screen import Screen
    from orchestrator.domain.reports import Done


def show_done(screen: Screen, done: Done) -> None:
    """Print the sentence and, below it, its lines."""
    screen.line(done.message)
    for line in done.lines:
        screen.line(line, indent=2)
