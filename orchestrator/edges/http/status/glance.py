"""What all who look are shown, made once for them all.

A status reads every state, so its cost grows with the rooms: it is made when somebody asks, not
twice at the same time, and no more often than costs a fortieth of the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

_Report = TypeVar("_Report")
_LEAST: Final = 0.25  # seconds for which a report holds
_SHARE: Final = 40.0  # of the time that it took, for how long it holds
_PATIENCE: Final = 5.0  # seconds; a desk that is still starting takes longer


class StartingError(Exception):
    """The desk cannot say yet."""


class Glance(Generic[_Report]):
    """One report, for many."""

    def __init__(self, ask: Callable[[], Awaitable[_Report]]) -> None:
        """Show what ``ask`` gives."""
        self._ask = ask
        self._asking = asyncio.Lock()
        self._report: _Report | None = None
        self._good_until = 0.0

    async def report(self, *, fresh: bool = False) -> _Report:
        """The report, of this moment or nearly; ``fresh``: of no earlier one.

        Raises:
            StartingError: the desk takes too long; whatever it raises goes through.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PATIENCE), self._asking:
                if self._report is not None and not fresh and loop.time() < self._good_until:
                    return self._report
                began = loop.time()
                self._report = await self._ask()
                took = loop.time() - began
                self._good_until = loop.time() + max(_LEAST, _SHARE * took)
                return self._report
        except TimeoutError as error:
            raise StartingError from error
