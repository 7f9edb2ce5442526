"""Port: be called at a moment. The wall clock decides, so a suspend or a jump loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Timer(Protocol):
    """Calls back at given moments; late rather than never, and many missed ones as one."""

    def call_at(self, name: str, moment: datetime, wake: Callable[[], None]) -> None:
        """Call ``wake`` in the event loop at ``moment`` (UTC), at once if it has passed.

        A second call with the same name replaces the first. ``wake`` must only enqueue.
        """
        ...

    def cancel(self, name: str) -> None:
        """Forget a call; unknown names are no error."""
        ...

    async def close(self) -> None:
        """Forget all calls."""
        ...
