"""What is asked again and would be answered the same, answered from memory.

Most of a quiet year are listings, and most listings are the one before.  An answer is given again
where the token is good and nothing was written and nothing came due since; what is read from the
same bytes is read once; and where the weather is fine besides, a life of the daemon that has walked
the pages need not walk them again.  What goes wrong on purpose goes wrong all the same: weather
stands between whoever asks and this memory.  It keeps lists alone, and none that is not a 200.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from unittest.mock import patch

from orchestrator.adapters.meetings.wire import read_object, read_page
from orchestrator.meetings_server import Memory
from orchestrator.meetings_server.hostile import Hostility
from orchestrator.meetings_server.http import Answer, Carry, Request
from orchestrator.meetings_server.http.problems import Unauthenticated

_KEPT: Final = 64
_FOR_EVER: Final = "9"  # later than any moment that is written as one
_LISTS: Final = ("/rooms", "/sessions")


# A mark, as of `Recalling.settled`; and what is told of a list that was not asked for.
Settled = Callable[[], Awaitable[object]]
Recalled = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class _Kept:
    answer: Answer
    commits: int
    since: str  # the moment from which on sessions were asked for; empty where they were not
    until: str  # when the first of them had ended, if there was one; later ones do not tell of it


class Recalling(Hostility):
    """Weather before a server that answers what it is asked again from memory."""

    api: Memory | None = None

    def __init__(self, *args: Any) -> None:
        """As its base; it recalls nothing before `api` is set."""
        super().__init__(*args)
        self._kept: dict[tuple[object, ...], _Kept] = {}

    async def answer(self, request: Request, carry: Carry) -> Answer:
        async def recall(asked: Request) -> Answer:
            return await self._recall(asked, carry)

        return await super().answer(request, recall)

    async def _recall(self, request: Request, carry: Carry) -> Answer:
        api = self.api
        if api is None or request.method != "GET" or not request.path.endswith(_LISTS):
            return await carry(request)
        try:
            gate = api._assembly.api._gate  # noqa: SLF001 - whom a server lets in it tells nobody
            application = gate.application(request.headers, self._clock.now())
        except Unauthenticated:
            return await carry(request)
        commits = await self._commits(api)
        asked = dict(request.query)
        since = asked.pop("from", "")
        key = (application, request.path, *asked.items())
        kept = self._kept.get(key)
        # Who was not there from one moment on was not from a later one on, and who was is told of
        # until that is later than their end.
        if kept and kept.commits == commits and kept.since <= since < kept.until:
            return kept.answer
        answer = await carry(request)
        self._kept.pop(key, None)
        until = _told_until(answer) if since else _FOR_EVER
        if answer.status == 200 and until:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = _Kept(answer, commits, since, until)
        return answer

    async def settled(self) -> int | None:
        """Alike as long as nothing changes that can be read; None where the weather has a say."""
        if self.api is None or not self._is_calm or self.late:
            return None
        return await self._commits(self.api)

    @staticmethod
    async def _commits(api: Memory) -> int:
        await api.meetings.advance()  # what has come due is written
        return api._assembly.store._database.commits  # noqa: SLF001 - the server tells nobody


class RecalledRooms:
    """The rooms that one life asks for, of which it need not ask again."""

    def __init__(self, rooms: Any, settled: Settled, recalled: Recalled) -> None:
        self._rooms = rooms
        self._settled = settled
        self._recalled = recalled
        self._listings: dict[int | None, tuple[object, Any]] = {}
        self._empty: object = None  # when it was settled that nobody is anywhere

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rooms, name)

    async def list_rooms(self, start_id: int | None = None) -> Any:
        mark = await self._settled()
        known, listing = self._listings.get(start_id, (None, None))
        if mark is not None and mark == known:
            await self._recalled("/rooms")
            return listing
        listing = await self._rooms.list_rooms(start_id)
        self._listings[start_id] = (mark, listing)
        return listing

    async def list_sessions(self, since: datetime) -> Any:
        mark = await self._settled()
        if mark is not None and mark == self._empty:
            await self._recalled("/sessions")
            return ()  # nor from a later moment on
        sessions = await self._rooms.list_sessions(since)
        self._empty = mark if sessions is not None and not sessions else None
        return sessions


def _told_until(answer: Answer) -> str:
    """When the first session of an answer ended; empty: one goes on, and will be told otherwise."""
    sessions = json.loads(answer.body).get("_embedded", {}).get("sessions", ())
    ends = [session["end_time"] or "" for session in sessions]
    return min(ends, default=_FOR_EVER)


@contextmanager
def reading_once() -> Iterator[None]:
    """Let the client read what has the same bytes once; what cannot be read, each time."""
    objects = lru_cache(maxsize=_KEPT)(read_object)
    with (
        patch("orchestrator.adapters.meetings.session.read_object", objects),
        patch("orchestrator.adapters.meetings.rooms.read_page", _once(read_page)),
    ):
        yield


def _once(read: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
    known: dict[int, tuple[Mapping[str, Any], Any]] = {}

    def reread(document: Mapping[str, Any]) -> Any:
        found = known.get(id(document))
        if found is None or found[0] is not document:
            if len(known) >= _KEPT:
                known.clear()
            found = known[id(document)] = (document, read(document))
        return found[1]

    return reread
