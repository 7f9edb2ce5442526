"""What the API does to those who ask: nothing, or everything that APIs are known to do."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from orchestrator.adapters.virtual import LoopClock
from orchestrator.foundation.instants import parse_instant
from orchestrator.meetings_server import Memory, Settings
from orchestrator.meetings_server.hostile import DEFAULT, Fault, Hostility, Profile, Route
from orchestrator.meetings_server.http import Answer
from tests.simulation.repeats import Recalling

_LASTING: Final = (Fault.EMPTY, Fault.UNAUTHORIZED)
# Of these a create is the victim, and what becomes of it is the hardest to get right.
_UNCLEAR: Final = (
    *3 * (Fault.LATE,),
    *(Fault.DONE_THEN_DROPPED, Fault.LOST, Fault.CUT, Fault.WRONG_BODY),
)
# What a client cannot be proof against stays out of a run; and callbacks go nowhere here.
# What the years that are lived through here ask: no themes, no recordings. Only what can go wrong
# there is drawn, so that a seed means the same when the API can do more.
_ASKED: Final = (
    Route.LIST,
    Route.GET,
    Route.CREATE,
    Route.PATCH,
    Route.DELETE,
    Route.SESSIONS,
)
_ALWAYS: Final = tuple(
    fault
    for fault in Fault
    if fault not in _LASTING and any((route, fault) in DEFAULT.rates for route in _ASKED)
)
# All that can go wrong in one place alone; those that are met seldom otherwise count more.
_RARE: Final = frozenset({Route.CREATE, Route.DELETE, Route.PATCH, Route.SESSIONS})
_PLACES: Final = tuple(
    place
    for place in DEFAULT.rates
    if place[0] in _ASKED and place != (Route.SESSIONS, Fault.NO_NEXT)
    for _ in range(2 if place[0] in _RARE else 1)
)

LAGGING: Final = "get or list rooms: as before the last change"
# A change that is not done, or told of as if it were not.
_UNTAKEN: Final = (Fault.NOT_DONE, Fault.OLD_VALUE, Fault.MISSING, Fault.NO_METADATA)
# Listings that lack something.
_MISTOLD: Final = (Fault.STALE, Fault.SKIPPED, Fault.FEWER, Fault.NO_NEXT)
_NO_DELETE: Final = (Route.DELETE, Fault.MISSING)


class Replica:
    """Reads that come from a copy, which does not have the last changes of rooms yet.

    It has every room: a create that is not to be seen for longer than the client was told makes a
    second room, whatever the client does.

    Attributes:
        lags: whether they do.
        hits: how often a room was read that was not told as it is.
    """

    def __init__(self) -> None:
        """It is up to date."""
        self.lags = False
        self.hits = 0
        self._before: dict[str, Any] = {}

    async def send(
        self,
        api: Memory,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        """Ask ``api``, and tell what it answers as the copy knows it."""
        if not self.lags:
            self._before.clear()
            return await api.send(method, path, query, headers, body)
        if method == "PATCH":
            known = await api.send("GET", path, {}, headers, None)
            if known.status == 200:
                document = json.loads(known.body)
                self._before.setdefault(document["id"], document)
        answer = await api.send(method, path, query, headers, body)
        if method != "GET" or answer.status != 200 or not self._before:
            return answer
        document = json.loads(answer.body)
        rows = document.get("_embedded")
        if isinstance(rows, list):
            document["_embedded"] = [self._as_known(row) for row in rows]
        elif "id" in document:
            document = self._as_known(document)
        return replace(answer, body=json.dumps(document).encode())

    def tells_ended(self, room_id: str, now: datetime) -> bool:
        """Whether it has a room at its end, by an expiry that has passed meanwhile."""
        before = self._before.get(room_id) if self.lags else None
        return before is not None and parse_instant(before["expires_at"]) <= now

    def _as_known(self, room: Any) -> Any:
        before = self._before.get(room["id"])
        self.hits += before is not None
        return room if before is None else before


class Weather:
    """The hostility of one run's API.

    Attributes:
        good: it does what it is asked, most of the time.
        lasts: how long the present weather does; a daemon that lists each minute for days, because
            nothing that it is told can be believed, finds nothing that it does not find in hours.
        deletes: it has DELETE for rooms, which the final API had not.
        replica: what reads come from.
        tells_sessions: it has a list of sessions, which most had not.
    """

    def __init__(self, chance: random.Random, *, faults: bool) -> None:
        """Draw from ``chance``; without ``faults`` it never lies and never fails."""
        self.chance = chance
        self.faults = faults
        self.good = True
        self.lasts = timedelta()
        self.deletes = chance.random() < 0.75
        self.tells_sessions = chance.random() < 0.8
        self.replica = Replica()
        self.wants: Route | None = None  # of what should be asked, to be met by this weather
        self._ambush: list[Route] = []  # what lasts begins when all of these were asked, in order
        self._lasting = Fault.EMPTY
        self._denied: int | None = (
            None  # DELETEs so far of what is there, while one more is awaited
        )
        # What it draws from for each request; apart from all others, that none shifts another.
        self._own = random.Random(f"hostility {chance.random()}")
        self._server = random.Random(f"server {chance.random()}")
        self._hostility: Recalling | None = None

    @asynccontextmanager
    async def opened(self, settings: Settings, clock: LoopClock) -> AsyncIterator[Memory]:
        """The API, calm."""
        settings = replace(settings, strict_v1=not self.deletes)
        self._hostility = hostility = Recalling(self._own, clock)
        hostility.calm()
        async with Memory.opened(
            settings, clock, entropy=self._server.randbytes, hostility=hostility
        ) as memory:
            hostility.api = memory
            yield memory

    @staticmethod
    def every_fault() -> frozenset[str]:
        """All that can be met here, as `hits` names them; a page of sessions is never full."""
        places = {
            (route, fault)
            for route, fault in DEFAULT.rates
            if route in _ASKED and (route, fault) != (Route.SESSIONS, Fault.NO_NEXT)
        }
        return frozenset({*(f"{route}: {fault}" for route, fault in places), LAGGING})

    @property
    def hits(self) -> Counter[str]:
        """How often each fault was met, by route and fault."""
        hits = {} if self._hostility is None else self._hostility.hits
        told = Counter({f"{route}: {fault}": count for (route, fault), count in hits.items()})
        told[LAGGING] = self.replica.hits
        return told

    def turn(self) -> str:
        """Another weather; what it is."""
        hostility, chance = self._hostility, self.chance
        if hostility is None or not self.faults:
            return "the weather stays"
        self._own.seed(f"weather {chance.random()}")
        self._ambush, self.wants = [], None
        self.lasts = timedelta(minutes=chance.choice([5, 20, 20, 60, 60, 240]))
        # What is carried out hours later leaves a second room, which nobody may ever be told of.
        late = timedelta(minutes=chance.choice([0.5, 10, 120]))
        kind = chance.choices(["usual", "one", "lasting", "place"], (3, 4, 1, 6))[0]
        hostility.rage()
        self.replica.lags = False
        if kind == "usual":
            factor = chance.choice([0.3, 1.0, 2.0])
            hostility.profile = replace(DEFAULT.times(factor), late=late)
            self.good = factor <= 1
            return f"hostile, {factor:g} times the usual, {self.lasts}"
        self.good = False
        if kind == "place":
            return self._turn_in_one_place(hostility, late)
        if kind == "lasting":
            fault = chance.choice(_LASTING)
            hostility.profile = Profile()
            hostility.begin(fault, self.lasts)
            return f"{fault}, {self.lasts}"
        fault = chance.choice(chance.choice([_ALWAYS, _ALWAYS, _UNCLEAR, _UNTAKEN, _MISTOLD]))
        rate = chance.choice([0.3, 0.6])
        places = [(route, fault) for route in _ASKED if (route, fault) in DEFAULT.rates]
        # Nearly as old as a listing may be at most.
        lag = timedelta(seconds=55)
        hostility.profile = Profile(rates=dict.fromkeys(places, rate), late=late, lag=lag)
        return f"{fault}, {rate:g} of the time, {self.lasts}"

    def fall_behind(self) -> str:
        """Let reads lag behind; what weather that is."""
        if self._hostility is None or not self.faults:
            return "the weather stays"
        self._hostility.calm()
        self._ambush, self.wants = [], None
        # Until the next listing and the one after it: what lags is seen only by who looks.
        self.good, self.replica.lags, self.lasts = False, True, timedelta(hours=13)
        return f"reads come from a copy that lags, {self.lasts}"

    def _turn_in_one_place(self, hostility: Hostility, late: timedelta) -> str:
        """All is well but for one kind of request, and what goes wrong with that."""
        # What is carried out long after is the hardest to get right.
        late_create = self.chance.random() < 0.15
        place = (Route.CREATE, Fault.LATE) if late_create else self.chance.choice(_PLACES)
        route, fault = place
        self.wants, self.lasts = route, timedelta(minutes=self.chance.choice([20, 60]))
        lag = timedelta(seconds=55)
        if fault in _LASTING:
            hostility.profile = Profile()
            self._lasting, self._ambush = fault, [route]
            return f"{fault} from the next {route} on, {self.lasts}"
        # Where all are late none is made meanwhile that a late one would come after.
        rate = 0.5 if fault is Fault.LATE else 0.8
        hostility.profile = Profile(rates={place: rate}, late=late, lag=lag)
        if route is Route.CREATE and fault in _UNCLEAR and self.chance.random() < 0.5:
            self._lasting, self._ambush = Fault.EMPTY, [Route.CREATE, Route.LIST]
        return f"{route}: {fault}, {self.lasts}"

    def strip_listings(self) -> str:
        """No listing has metadata, so that the first room of all is not found there; what it is."""
        if self._hostility is not None:
            self._hostility.rage()
            self._hostility.profile = Profile(rates={(Route.LIST, Fault.NO_METADATA): 1.0})
            self.good, self.lasts = False, timedelta(minutes=20)
        return f"{Route.LIST}: {Fault.NO_METADATA}, {self.lasts}"

    def deny_delete(self) -> None:
        """The next DELETE is answered as if there were no such request, and all others are fine."""
        if self._hostility is not None:
            self._ambush = []
            self._denied = self._hostility.hits[_NO_DELETE]
            self._hostility.profile = Profile(rates={_NO_DELETE: 1.0})

    def asked(self, method: str, path: str) -> None:
        """A request is about to be answered: what waited for it begins, or ends after it came."""
        hostility = self._hostility
        if hostility is not None and self._denied not in (None, hostility.hits[_NO_DELETE]):
            self._denied = None
            hostility.calm()
        if self._ambush and self._ambush[0] is _route(method, path):
            del self._ambush[0]
            if not self._ambush and self._hostility is not None:
                self._hostility.begin(self._lasting, self.lasts)

    async def settled(self) -> int | None:
        """Alike as long as nothing changes that can be read; None where the weather has a say."""
        if self._hostility is None or self.replica.lags or self._ambush:
            return None
        return await self._hostility.settled()

    @property
    def is_empty(self) -> bool:
        """An empty backend answers, for a while."""
        return self._hostility is not None and self._hostility.lasting is Fault.EMPTY

    @property
    def lag(self) -> timedelta:
        """How old a listing may be while a create may be late as well."""
        hostility = self._hostility
        if hostility is None:
            return timedelta()
        both = {(Route.CREATE, Fault.LATE), (Route.LIST, Fault.STALE)}
        return hostility.profile.lag if both <= hostility.profile.rates.keys() else timedelta()

    def slow_down(self) -> None:
        """Most answers take some seconds, for some minutes."""
        if self._hostility is not None:
            self._hostility.rage()
            self.good, self.replica.lags, self.lasts = False, False, timedelta(minutes=5)
            places = [(route, Fault.SLOW) for route in _ASKED]
            self._hostility.profile = Profile(rates=dict.fromkeys(places, 0.8))

    async def calm(self) -> None:
        """Clear up, and carry out what was left lying."""
        self.good, self.lasts, self.replica.lags = True, timedelta(), False
        self._ambush, self.wants = [], None
        if self._hostility is not None:
            self._hostility.calm()
            await self._hostility.carry_out(everything=True)


def _route(method: str, path: str) -> Route:
    if method != "GET":
        return {"POST": Route.CREATE, "PATCH": Route.PATCH, "DELETE": Route.DELETE}[method]
    if path.endswith("/sessions"):
        return Route.SESSIONS
    return Route.LIST if path.endswith("/rooms") else Route.GET
