"""Port: the lifeline. What the daemon tells whoever started it and would start it anew.

Nothing is answered and nothing fails: where nobody asked to be told, all of this does nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class Lifeline(Protocol):
    """Tells a service manager how the daemon is."""

    @property
    def watchdog(self) -> timedelta | None:
        """How long we may be silent before we are ended and started anew; None: for ever."""
        ...

    def ready(self) -> None:
        """Store and policies are there: the start, or a reload, is over."""
        ...

    def reloading(self) -> None:
        """A reload began; `ready` follows, also where nothing was taken up."""
        ...

    def stopping(self) -> None:
        """The end began."""
        ...

    def alive(self) -> None:
        """Every loop turns: the watchdog may wait for its whole time again."""
        ...

    def extend(self, by: timedelta) -> None:
        """The start or the end that is under way needs at most this much more, from now on."""
        ...

    def status(self, text: str) -> None:
        """How things are, in one line for people; told only when it changed."""
        ...

    def failed(self, text: str, errno: int = 0) -> None:
        """The daemon ends because of this; ``errno`` where the system gave one."""
        ...
