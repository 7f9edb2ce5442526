"""Claims on keys within one process.

This is the seam for replicas: with several daemons at one store, `hold` will take a lease on the
key in the database, renew it at half its length, and give false where another daemon has it.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType

from orchestrator.domain.keys import Key


@dataclass(slots=True)
class _Claim:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0  # by its holder and by those who wait


class _Hold:
    """The hold of one key for the length of a block: this is in each turn, so it is kept small."""

    __slots__ = ("_claim", "_claims", "_key")

    def __init__(self, claims: dict[Key, _Claim], key: Key) -> None:
        self._claims = claims
        self._key = key

    async def __aenter__(self) -> bool:
        claim = self._claim = self._claims.setdefault(self._key, _Claim())
        claim.wanted += 1
        try:
            await claim.lock.acquire()
        except BaseException:
            self._leave(claim)
            raise
        return True

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._claim.lock.release()
        self._leave(self._claim)

    def _leave(self, claim: _Claim) -> None:
        # Whoever waits is counted, so no second lock can come up beside one that is in use.
        claim.wanted -= 1
        if not claim.wanted:
            del self._claims[self._key]


class Claims:
    """One lock a key, forgotten when nobody wants it any more."""

    def __init__(self) -> None:
        self._claims: dict[Key, _Claim] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def hold(self, key: Key) -> AbstractAsyncContextManager[bool]:
        """Wait for the key and hold it; always true with one daemon a store."""
        return _Hold(self._claims, key)
