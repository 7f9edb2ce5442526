"""A saved listing: rooms from a file, as a Meetings API answered ``GET /rooms``.

One page, pages one after another or in a list, or the bare list of rooms.  Links are not looked at,
those of hosts least of all.  It refuses what may be half of a listing: text that breaks off, a last
page that names a next one, fewer rooms than their number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from orchestrator.adapters.meetings.wire import (
    Object,
    UnreadableError,
    read_page,
    read_room,
)
from orchestrator.domain.rooms import Observed
from orchestrator.foundation.problems import Place, Problem

_PAGE: Final = ("_embedded", "page_size", "total_items")
# A link must be there for a room to be read, and none of a listing is wanted.
_NO_LINKS: Final[Object] = {"guest_url": {"href": "not read"}}
_SPACE: Final = " \t\r\n\ufeff"


@dataclass(slots=True)
class Saved:
    """What a file holds.

    Attributes:
        rooms: those that can be read, in their order; one that stands twice counts once.
        unreadable: why the others cannot be.
        missing: why it may be half of a listing; empty where nothing tells so.
    """

    rooms: list[Observed] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    missing: str = ""


def read_saved(name: str, content: bytes) -> Saved | Problem:
    """Read a saved listing, or say with its place why it is none.

    Args:
        name: of the file, for places.
        content: its bytes: UTF-8.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return Problem(Place(name), f"is not UTF-8: byte 0x{content[error.start]:02X}")
    walk = _Walk()
    try:
        for document in _documents(text):
            walk.take(document)
    except json.JSONDecodeError as error:
        message = f"{error.msg}: it is no JSON from here on, or it breaks off; save it anew"
        return Problem(Place(name, error.lineno, error.colno), message)
    except RecursionError:
        return Problem(Place(name), "is nested too deep to be a listing")
    except UnreadableError as error:
        return Problem(Place(name), f"is no listing of rooms: {error}")
    if not walk.documents:
        return Problem(Place(name), "is empty")
    return walk.saved()


def _documents(text: str) -> Iterator[object]:
    """The documents of a text, one after another."""
    decoder = json.JSONDecoder()
    at = _past_space(text, 0)
    while at < len(text):
        document, end = decoder.raw_decode(text, at)
        yield document
        at = _past_space(text, end)


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


class _Walk:
    """What the documents told so far."""

    def __init__(self) -> None:
        self.documents = 0
        self._rooms: dict[str, Observed] = {}
        self._unreadable: list[str] = []
        self._totals: list[int] = []
        self._open = False  # the last page names a next one, and told something new

    def take(self, document: object) -> None:
        """Take in a page, a list of pages or rooms, or a room."""
        self.documents += 1
        for one in document if isinstance(document, list) else [document]:
            if not isinstance(one, dict):
                raise UnreadableError("it holds something that is neither a page nor a room")
            if any(name in one for name in _PAGE):
                self._take_page(one)
            elif "id" in one or "display_name" in one:
                self._take_room(one)
            else:
                raise UnreadableError("an object in it is neither a page nor a room")

    def _take_page(self, document: Mapping[str, object]) -> None:
        known = len(self._rooms)
        embedded = document.get("_embedded")
        rows = embedded.get("rooms") if isinstance(embedded, dict) else embedded
        if rows is not None and not isinstance(rows, list):
            raise UnreadableError("its _embedded is not a list")
        for row in rows or ():
            self._take_room(row if isinstance(row, dict) else {})
        page = read_page({**document, "_embedded": None})
        if page.total is not None:
            self._totals.append(page.total)
        self._open = page.has_next and len(self._rooms) > known

    def _take_room(self, row: Mapping[str, object]) -> None:
        try:
            room = read_room({**row, "_links": _NO_LINKS})
        except UnreadableError as error:
            self._unreadable.append(str(error))
        else:
            self._rooms.setdefault(room.id, room)

    def saved(self) -> Saved:
        return Saved([*self._rooms.values()], self._unreadable, self._missing())

    def _missing(self) -> str:
        count = len(self._rooms) + len(self._unreadable)
        most = max(self._totals, default=0)
        if count < most:
            return f"it has {count:,} rooms and says that there are {most:,}"
        if self._open and not self._totals:
            return "its last page names a next one, which is not there"
        return ""
