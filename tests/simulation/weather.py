"""What the API does to those who ask: nothing, or everything that APIs are known to do."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

from orchestrator.adapters.virtual import LoopClock
from orchestrator.meetings_server import Memory, Settings
from orchestrator.meetings_server.hostile import DEFAULT, Fault, Hostility, Profile, Route

_LASTING: Final = (Fault.EMPTY, Fault.UNAUTHORIZED)
# Of these a create is the victim, and what becomes of it is the hardest to get right.
_UNCLEAR: Final = (Fault.LATE, Fault.DONE_THEN_DROPPED, Fault.LOST, Fault.CUT, Fault.WRONG_BODY)
# What a client cannot be proof against stays out of a run; and callbacks go nowhere here.
_ALWAYS: Final = tuple(
    fault
    for fault in Fault
    if fault not in {Fault.DENIED_BUT_DONE, Fault.TWICE, Fault.OUT_OF_ORDER, *_LASTING}
)


class Weather:
    """The hostility of one run's API.

    Attributes:
        good: it does what it is asked, most of the time.
        lasts: how long the present weather does; a daemon that lists each minute for days, because
            nothing that it is told can be believed, finds nothing that it does not find in hours.
        deletes: it has DELETE for rooms, which the final API had not.
        tells_sessions: it has a list of sessions, which most had not.
    """

    def __init__(self, chance: random.Random, *, faults: bool) -> None:
        """Draw from ``chance``; without ``faults`` it never lies and never fails."""
        self.chance = chance
        self.faults = faults
        self.good = True
        self.lasts = timedelta()
        self.deletes = chance.random() < 0.6
        self.tells_sessions = chance.random() < 0.8
        self._own = random.Random(chance.random())
        self._hostility: Hostility | None = None

    @asynccontextmanager
    async def opened(self, settings: Settings, clock: LoopClock) -> AsyncIterator[Memory]:
        """The API, calm."""
        settings = replace(settings, strict_v1=not self.deletes)
        self._hostility = hostility = Hostility(self._own, clock)
        hostility.calm()
        async with Memory.opened(
            settings, clock, entropy=self.chance.randbytes, hostility=hostility
        ) as memory:
            yield memory

    @property
    def hits(self) -> Counter[str]:
        """How often each fault was met, by route and fault."""
        hits = {} if self._hostility is None else self._hostility.hits
        return Counter({f"{route}: {fault}": count for (route, fault), count in hits.items()})

    def turn(self) -> str:
        """Another weather; what it is."""
        hostility, chance = self._hostility, self.chance
        if hostility is None or not self.faults:
            return "the weather stays"
        self.lasts = timedelta(minutes=chance.choice([5, 20, 60, 180, 360]))
        kind = chance.choices(["usual", "one", "lasting"], (5, 4, 1))[0]
        hostility.rage()
        if kind == "usual":
            factor = chance.choice([0.3, 1.0, 2.0])
            hostility.profile = DEFAULT.times(factor)
            self.good = factor <= 1
            return f"hostile, {factor:g} times the usual, {self.lasts}"
        self.good = False
        if kind == "lasting":
            fault = chance.choice(_LASTING)
            hostility.profile = Profile()
            hostility.begin(fault, self.lasts)
            return f"{fault}, {self.lasts}"
        fault = chance.choice(chance.choice([_ALWAYS, _UNCLEAR]))
        rate = chance.choice([0.3, 0.6])
        places = [(route, fault) for route in Route if (route, fault) in DEFAULT.rates]
        # What is carried out hours later leaves a second room, which nobody may ever be told of.
        late = timedelta(minutes=chance.choice([0.5, 10, 120]))
        hostility.profile = Profile(rates=dict.fromkeys(places, rate), late=late)
        return f"{fault}, {rate:g} of the time, {self.lasts}"

    async def calm(self) -> None:
        """Clear up, and carry out what was left lying."""
        self.good, self.lasts = True, timedelta()
        if self._hostility is not None:
            self._hostility.calm()
            await self._hostility.carry_out(everything=True)
