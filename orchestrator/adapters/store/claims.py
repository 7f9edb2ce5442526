"""Claims on keys within one process.

This is the seam for replicas: with several daemons at one store, `hold` will take a lease on the
key in the database, renew it at half its length, and give false where another daemon has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.domain.keys import Key


@dataclass(slots=True)
class _Claim:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0  # by its holder and by those who wait


class Claims:
    """One lock a key, forgotten when nobody wants it any more."""

    def __init__(self) -> None:
        self._claims: dict[Key, _Claim] = {}

    def __len__(self) -> int:
        return len(self._claims)

    @asynccontextmanager
    async def hold(self, key: Key) -> AsyncIterator[bool]:
        """Wait for the key and hold it; always true with one daemon a store."""
        claim = self._claims.setdefault(key, _Claim())
        claim.wanted += 1
        try:
            async with claim.lock:
                yield True
        finally:
            # Whoever waits is counted, so no second lock can come up beside one that is in use.
            claim.wanted -= 1
            if not claim.wanted:
                del self._claims[key]
