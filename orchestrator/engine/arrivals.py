"""Who waits for the room of a key: the senders of pages that asked for it."""

from __future__ import annotations

import asyncio

from orchestrator.domain.keys import Key
from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Store


class Arrivals:
    """Tells of rooms as they come."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Find rooms in ``store``; be patient by ``clock``."""
        self._store = store
        self._clock = clock
        self._events: dict[Key, asyncio.Event] = {}

    def turned(self, key: Key) -> None:
        """A turn of a key is over: its room may be there."""
        event = self._events.pop(key, None)
        if event is not None:
            event.set()

    async def room(self, key: Key, deadline: float) -> str:
        """The id of a key's room, if it comes before ``deadline`` (monotonic seconds), or nothing.

        Raises `StoreFault`.
        """
        while True:
            event = self._events.setdefault(key, asyncio.Event())
            state = await self._store.state(key)
            if state is not None and state.current is not None:
                return state.current.id
            left = deadline - self._clock.monotonic()
            if left <= 0 or not await self._comes(event, left):
                return ""

    async def _comes(self, event: asyncio.Event, seconds: float) -> bool:
        async with asyncio.TaskGroup() as group:
            sleeping = group.create_task(self._clock.sleep(seconds), name="page-patience")
            waiting = group.create_task(event.wait(), name="page-room")
            await asyncio.wait((sleeping, waiting), return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            waiting.cancel()
        return event.is_set()
