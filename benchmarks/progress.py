"""A bar on a terminal, a line a step elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar


class Progress:
    """Tells what is being done."""

    def __init__(self, steps: int) -> None:
        """Of so many steps, as far as can be said before."""
        self._console = Console(stderr=True)
        self._bar: Bar | None = None
        if self._console.is_terminal:
            columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
            self._bar = Bar(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("", total=steps)

    def step(self, what: str) -> None:
        """Begin the next step."""
        if self._bar is None:
            self._console.print(what, highlight=False)
        else:
            self._bar.update(self._task, advance=1, description=what)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
