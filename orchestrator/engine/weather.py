"""The API's weather: whether it answers, and whether it takes our credentials.

An outage is two facts, its beginning and its end, however many calls fail in between.  A 401 is the
connection's fault and no key's: all calls stop and one probe a minute goes out.  Nor is it a key's
fault where nobody answers at all: after some such calls in a row the API counts as away, keys wait
for the next listing that succeeds, and nothing is counted against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.actions import Hold
from orchestrator.domain.facts import Fact
from orchestrator.ports.faults import Fault

PROBE_EVERY: Final = timedelta(seconds=60)
NOT_ASKED: Final = "not asked yet"
"""How the API is where no call was made since the start."""
_AWAY: Final = 8  # calls in a row that found nobody
_NOBODY: Final = frozenset({0, 502, 503, 504})  # no answer, or that of a proxy in the API's place


@dataclass(slots=True)
class Weather:
    """What the last calls told of the API.

    Attributes:
        url: of the API, for people.
        down_since: the first failure of an outage that still goes on (UTC).
        refused: why our credentials are not taken, or an empty text.
        canary: why no second room may be made, or an empty text.
    """

    url: str
    down_since: datetime | None = None
    last_error: str = ""
    refused: str = ""
    canary: str = ""
    last_good: datetime | None = None
    unheard: int = 0  # calls in a row that found nobody

    @property
    def stopped(self) -> bool:
        """Whether our credentials are refused: a probe a minute goes out, and nothing else."""
        return bool(self.refused)

    @property
    def away(self) -> bool:
        """Whether nobody answers: listings are tried, and nothing else."""
        return self.unheard >= _AWAY

    @property
    def hold(self) -> Hold | None:
        """What stands before every call of a key, if anything does."""
        if self.refused:
            return Hold("credentials", self.refused)
        if self.away:
            return Hold("weather", f"the API does not answer: {self.last_error}")
        return None

    @property
    def summary(self) -> str:
        """How the API is, in a few words: ``ok``, or what is the matter."""
        if self.refused:
            return f"refuses our credentials: {self.refused}"
        if self.down_since is not None:
            return f"unreachable since {self.down_since:%d %b %H:%M:%SZ}: {self.last_error}"
        return "ok" if self.last_good is not None else NOT_ASKED

    @property
    def word(self) -> str:
        """How the API is, without a word of its own: for whoever asks."""
        if self.refused:
            return "refuses our credentials"
        if self.down_since is not None:
            return "unreachable"
        return self.summary

    def failed(self, fault: Fault, now: datetime) -> tuple[Fact, ...]:
        """A call was not answered, or with 5xx."""
        self.unheard += fault.status in _NOBODY
        return self._down(str(fault), now)

    def _down(self, error: str, now: datetime) -> tuple[Fact, ...]:
        self.last_error = error
        if self.down_since is not None:
            return ()
        self.down_since = now
        return (Fact("api.unavailable", reason=error, detail={"url": self.url}),)

    def unauthorized(self, error: str, now: datetime) -> tuple[Fact, ...]:
        """Our credentials were refused."""
        self.refused = error
        return self._down(error, now)

    def answered(self, now: datetime) -> tuple[Fact, ...]:
        """A call was answered in order."""
        self.last_good = now
        self.refused, self.unheard = "", 0
        if self.down_since is None:
            return ()
        seconds = (now - self.down_since).total_seconds()
        self.down_since, self.last_error = None, ""
        return (Fact("api.recovered", detail={"url": self.url, "seconds": round(seconds, 3)}),)
