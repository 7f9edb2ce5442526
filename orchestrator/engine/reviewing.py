"""Reviewing: which acts of a reviewed plan are let through just now, and which of them were done.

It lives in memory, for the moment in which a plan is carried out: a daemon that ends meanwhile has
done some of the plan, and does no more of it by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from orchestrator.domain.actions import Action, Bury
from orchestrator.domain.keys import Key
from orchestrator.domain.pausing import mark_of


class Reviewing:
    """The reviewed plan that is being carried out, if one is."""

    def __init__(self) -> None:
        """Begin without one."""
        self._marks: Mapping[Key, frozenset[str]] = {}
        self._cause = ""
        self._others: frozenset[str] | None = None
        self._decided: Callable[[Key], Awaitable[None]] | None = None
        self.done: set[tuple[Key, str]] = set()
        """What was done of it so far, by key and mark."""

    @contextmanager
    def under_way(
        self,
        marks: Mapping[Key, frozenset[str]],
        cause: str,
        decided: Callable[[Key], Awaitable[None]] | None = None,
        *,
        alone: bool = False,
    ) -> Iterator[None]:
        """Let these acts through, and no others of these keys, for the length of the block.

        ``decided`` is told of each removal as soon as it is decided, before any brake judges it;
        ``alone``: no other key does anything meanwhile either, for that is all one command is for.
        """
        self._marks, self._cause, self.done = marks, cause, set()
        self._others = frozenset() if alone else None
        self._decided = decided
        try:
            yield
        finally:
            self._marks, self._others, self._decided = {}, None, None

    def marks(self, key: Key) -> frozenset[str] | None:
        """The marks of a key's acts that go on and no others; None: nothing is reviewed there."""
        return self._marks.get(key, self._others)

    def cause(self, key: Key, action: Action) -> str:
        """What made a reviewed act be done; empty for every other."""
        return self._cause if mark_of(action) in self._marks.get(key, ()) else ""

    async def did(self, key: Key, action: Action) -> None:
        """An act was done; whoever carries out a plan wants to know. Raises `StoreFault`."""
        if key not in self._marks:
            return
        self.done.add((key, mark_of(action)))
        if isinstance(action, Bury) and self._decided is not None:
            await self._decided(key)
