"""Port: what the Meetings API tells us by itself.  It drives us, and only ever as a hint."""

from __future__ import annotations

from typing import Protocol

from orchestrator.domain.presence import Callback


class CallbackDesk(Protocol):
    """Takes in callbacks."""

    async def received(self, callback: Callback) -> None:
        """Take in one callback, in any order, late or twice; unknown rooms and events are no error.

        What it says of a room of ours is recorded when this returns.

        Raises:
            StoreFault: it could not be recorded; the sender may try again.
        """
        ...
