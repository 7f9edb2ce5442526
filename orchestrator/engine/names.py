"""Names: which key an encoded one means today, where it was cut or is a former one.

Asked for links alone, and only of what is neither wanted nor remembered under its own name.  It is
made of all states at once, in memory, and for whoever opens links no more often than costs a
twentieth of the time, however often they ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orchestrator.domain.keys import Key
from orchestrator.engine.book import Book
from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Store

_SHARE: Final = 20.0
# Shorter subjects are never cut: an ASCII character takes three bytes at most, others twelve.
_NEVER_CUT: Final = (10, 40)


@dataclass(slots=True)
class _Index:
    heirs: dict[str, Key] = field(default_factory=dict)
    cut: dict[str, Key] = field(default_factory=dict)


class Names:
    """Finds keys by names that are not theirs, or not whole."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Know the names in ``store``, and those of the books that are asked about."""
        self._store = store
        self._clock = clock
        self._index = _Index()
        self._book: Book | None = None
        self._stale = True
        self._not_before = 0.0  # monotonic
        store.listen(self._told)

    def _told(self) -> None:
        self._stale = True

    async def heir(self, encoded: str, book: Book) -> Key | None:
        """The key whose room served a former key, or is to."""
        return (await self._of(book)).heirs.get(encoded)

    async def heirs(self, book: Book) -> Mapping[str, Key]:
        """All former keys, encoded, and whose rooms served them: of now, whatever that costs."""
        self._not_before = 0.0
        return (await self._of(book)).heirs

    async def whole(self, encoded: str, book: Book) -> Key | None:
        """The key that an encoded one was cut from."""
        return (await self._of(book)).cut.get(encoded)

    async def _of(self, book: Book) -> _Index:
        began = self._clock.monotonic()
        if book is not self._book or (self._stale and began >= self._not_before):
            self._stale = False
            self._index = await self._read(book)
            self._book = book
            now = self._clock.monotonic()
            self._not_before = now + _SHARE * (now - began)
        return self._index

    async def _read(self, book: Book) -> _Index:
        index = _Index()
        for key in book.wishes:
            _enter(index, key)
        for new, olds in book.former.items():
            for old in olds:
                index.heirs[old.encoded] = new
        # After the book: a room that went along already leads further than a line in a file.
        for state in await self._store.states():
            _enter(index, state.key)
            for name in state.former:
                index.heirs[name] = state.key
        return index


def _enter(index: _Index, key: Key) -> None:
    if len(key.subject) > _NEVER_CUT[key.subject.isascii()]:
        encoded = key.encoded
        if "~" in encoded:
            index.cut[encoded] = key
