"""What can go wrong, on which route, and how often: names and numbers, no behaviour."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self


class Route(StrEnum):
    """What is asked.

    `CALLBACK` is what the server itself sends; `UPLOAD` goes to another place, and `DOWNLOAD` comes
    from one.
    """

    LIST = "list rooms"
    GET = "get room"
    CREATE = "create room"
    PATCH = "patch room"
    DELETE = "delete room"
    SESSIONS = "list sessions"
    THEMES = "list themes"
    THEME = "get theme"
    CREATE_THEME = "create theme"
    PATCH_THEME = "patch theme"
    DELETE_THEME = "delete theme"
    THEME_ROOMS = "list a theme's rooms"
    DEFAULT_THEME = "set default theme"
    LOGO_PLACES = "get upload urls"
    FINALIZE = "finalize logos"
    UPLOAD = "upload logo"
    RECORDINGS = "list recordings"
    RECORDING = "get recording"
    DELETE_RECORDING = "delete recording"
    DOWNLOAD = "download recording"
    CALLBACK = "callback"


class Fault(StrEnum):
    """What goes wrong. `meaning` tells it to people."""

    SLOW = "slow"
    SLOW_AFTER = "slow after"
    TOO_MANY = "429"
    UNAVAILABLE = "503"
    BROKEN = "500 or 502"
    DONE_THEN_DROPPED = "done, then dropped"
    LATE = "dropped, then done"
    LOST = "lost"
    CUT = "cut body"
    WRONG_BODY = "wrong body"
    NO_METADATA = "metadata stripped"
    NOT_DONE = "told as done, not done"
    OLD_VALUE = "done, told as old"
    MISSING = "404 for what is there"
    WRONG_DATE = "wrong date"
    STALE = "stale listing"
    SKIPPED = "new room skipped"
    FEWER = "fewer rooms than said"
    NO_NEXT = "no next page"
    UNAUTHORIZED = "401 for a while"
    EMPTY = "empty backend for a while"
    DENIED_BUT_DONE = "denied, but done"
    TWICE = "sent twice"
    OUT_OF_ORDER = "held back"
    FORBIDDEN = "403 for what is allowed"
    CHANGED_TAG = "changed ETag"
    SHORT = "short Content-Length"

    @property
    def meaning(self) -> str:
        """One line for people."""
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.SLOW: "waits before it does what it is asked",
        Fault.SLOW_AFTER: "waits before it answers",
        Fault.TOO_MANY: "429, not done; Retry-After in seconds or as a date, sometimes absurd",
        Fault.UNAVAILABLE: "503, not done; a JSON error, a proxy's HTML, or nothing as its body",
        Fault.BROKEN: "500 or 502, done or not; the same bodies",
        Fault.DONE_THEN_DROPPED: "does it, and closes the connection without an answer",
        Fault.LATE: "closes the connection, and does it later",
        Fault.LOST: "closes the connection, and never does it (a callback: not sent)",
        Fault.CUT: "does it, and breaks off in the middle of the answer",
        Fault.WRONG_BODY: "does it; the body tells of another one, is {}, of another form, or HTML",
        Fault.NO_METADATA: "does it; metadata is missing, empty or cut in the answer",
        Fault.NOT_DONE: "answers 2xx, with the old value, and does nothing",
        Fault.OLD_VALUE: "does it, and answers with the old value",
        Fault.MISSING: "404 for what is there; never twice in a row for one",
        Fault.WRONG_DATE: "the Date of this one answer is wrong by years",
        Fault.STALE: "rooms, themes or recordings as they were before the last changes",
        Fault.SKIPPED: "leaves out one that was just made, not the later ones",
        Fault.FEWER: "leaves out rooms, and counts them in total_items",
        Fault.NO_NEXT: "says nothing of the next page",
        Fault.UNAUTHORIZED: "401 to everything, for a while",
        Fault.EMPTY: "no rooms, 404 to everything and 503 to POST, for a while",
        Fault.DENIED_BUT_DONE: "401, 429 or 503, although it was done",
        Fault.TWICE: "the same event two times",
        Fault.OUT_OF_ORDER: "the event comes later, after others that happened after it",
        Fault.FORBIDDEN: "403, not done: a recording not uploaded yet, or a link that has expired",
        Fault.CHANGED_TAG: "the same content by another ETag, whole or from where it was asked for",
        Fault.SHORT: "less than it should be of what is left of a download, and called that long",
    }
)

_READS: Final = frozenset(
    {
        Route.LIST,
        Route.GET,
        Route.SESSIONS,
        Route.THEMES,
        Route.THEME,
        Route.THEME_ROOMS,
        Route.LOGO_PLACES,
        Route.RECORDINGS,
        Route.RECORDING,
    }
)
_DELETIONS: Final = frozenset({Route.DELETE, Route.DELETE_THEME, Route.DELETE_RECORDING})
_PATCHES: Final = frozenset({Route.PATCH, Route.PATCH_THEME})
_CHANGES: Final = (
    _DELETIONS | _PATCHES | {Route.CREATE, Route.CREATE_THEME, Route.DEFAULT_THEME, Route.FINALIZE}
)
_API: Final = _READS | _CHANGES
_ELSEWHERE: Final = frozenset({Route.UPLOAD, Route.DOWNLOAD})
_ONE: Final = _DELETIONS | _PATCHES | {Route.GET, Route.THEME, Route.RECORDING, Route.DOWNLOAD}
_LISTS: Final = frozenset({Route.LIST, Route.THEMES, Route.RECORDINGS})
_SPLIT: Final = frozenset({Route.LIST, Route.SESSIONS, Route.THEME_ROOMS})
_ROOM_TOLD: Final = frozenset({Route.GET, Route.CREATE, Route.PATCH})

#: The routes on which a fault can be.
ROUTES: Final[Mapping[Fault, frozenset[Route]]] = MappingProxyType(
    {
        Fault.SLOW: _API | _ELSEWHERE,
        Fault.SLOW_AFTER: _API | _ELSEWHERE,
        Fault.TOO_MANY: _API,
        Fault.UNAVAILABLE: _API | _ELSEWHERE,
        Fault.BROKEN: _API | _ELSEWHERE,
        Fault.DONE_THEN_DROPPED: _CHANGES | {Route.UPLOAD},
        Fault.LATE: _CHANGES | {Route.UPLOAD},
        Fault.LOST: _API | _ELSEWHERE | {Route.CALLBACK},
        Fault.CUT: _API - _DELETIONS | {Route.DOWNLOAD},
        Fault.WRONG_BODY: _API | {Route.DOWNLOAD},
        Fault.NO_METADATA: _ROOM_TOLD | {Route.LIST, Route.THEME_ROOMS},
        Fault.NOT_DONE: _PATCHES | _DELETIONS | {Route.FINALIZE},
        Fault.OLD_VALUE: _PATCHES,
        Fault.MISSING: _ONE,
        Fault.WRONG_DATE: _API,
        Fault.STALE: _LISTS,
        Fault.SKIPPED: _LISTS,
        Fault.FEWER: _SPLIT,
        Fault.NO_NEXT: _SPLIT,
        Fault.UNAUTHORIZED: _API,
        Fault.EMPTY: _API,
        Fault.DENIED_BUT_DONE: _CHANGES,
        Fault.TWICE: frozenset({Route.CALLBACK}),
        Fault.OUT_OF_ORDER: frozenset({Route.CALLBACK}),
        Fault.FORBIDDEN: frozenset({Route.DELETE_RECORDING, Route.DOWNLOAD}),
        Fault.CHANGED_TAG: frozenset({Route.DOWNLOAD}),
        Fault.SHORT: frozenset({Route.DOWNLOAD}),
    }
)

#: Faults that no client of this API can be proof against, so that the default profile leaves them
#: out.  What 401, 429 and 503 say is that nothing was done, and a client that may not believe them
#: can never send anything again; whoever believes them makes a second room when they lie.
BEYOND: Final = frozenset({Fault.DENIED_BUT_DONE})

Place = tuple[Route, Fault]


@dataclass(frozen=True, slots=True)
class Profile:
    """How hostile: probabilities, and how long things last at most.

    Attributes:
        rates: the share of the requests of a route that a fault hits, from 0 to 1; those of one
            route are together at most 1. What is not named is 0.
        latency: of slow answers.
        lag: how old a listing may be, and how long a new room may be left out. A client looks for
            a room that it may have made until this has surely passed (`meetings.settle`): where
            it is longer than the client was told, the client makes rooms twice.
        late: how long after its connection closed a call is carried out. The same holds.
        refusing: of 401 to everything.
        empty: of the empty backend.
        absurd: `Retry-After` may ask for years, and be no moment at all.
    """

    rates: Mapping[Place, float] = field(default_factory=dict)
    latency: timedelta = timedelta(seconds=5)
    lag: timedelta = timedelta(seconds=30)
    late: timedelta = timedelta(seconds=30)
    refusing: timedelta = timedelta(minutes=10)
    empty: timedelta = timedelta(hours=1)
    absurd: bool = True

    def __post_init__(self) -> None:
        for (route, fault), rate in self.rates.items():
            if not 0 <= rate <= 1:
                message = f"the rate of {route}: {fault} must be from 0 to 1: {rate}"
                raise ValueError(message)
            if route not in ROUTES[fault]:
                message = f"there is no such fault as {route}: {fault}"
                raise ValueError(message)
        for route in Route:
            total = sum(self.of(route).values())
            if total > 1 + 1e-9:
                message = f"the rates of {route} are together more than 1: {total:g}"
                raise ValueError(message)

    @classmethod
    def always(cls, fault: Fault, *routes: Route) -> Self:
        """One fault and no other, on these routes, or on all where it can be."""
        return cls(rates=dict.fromkeys(((one, fault) for one in routes or ROUTES[fault]), 1.0))

    def of(self, route: Route) -> Mapping[Fault, float]:
        """The faults of one route, in a fixed order."""
        found = ((fault, self.rates.get((route, fault), 0.0)) for fault in Fault)
        return {fault: rate for fault, rate in found if rate > 0}

    def without(self, *faults: Fault | Route | Place) -> Self:
        """Without these faults, all faults of these routes, or single ones."""

        def stays(place: Place) -> bool:
            return place not in faults and not {*place} & {*faults}

        return self._where(stays)

    def only(self, *faults: Fault | Route | Place) -> Self:
        """With these faults only, all faults of these routes, or single ones."""

        def stays(place: Place) -> bool:
            return place in faults or bool({*place} & {*faults})

        return self._where(stays)

    def times(self, factor: float) -> Self:
        """All rates more, or less, often."""
        return replace(self, rates={place: rate * factor for place, rate in self.rates.items()})

    def _where(self, stays: Callable[[Place], bool]) -> Self:
        kept = {place: rate for place, rate in self.rates.items() if stays(place)}
        return replace(self, rates=kept)


_USUAL: Final[Mapping[Fault, float]] = MappingProxyType(
    {
        Fault.SLOW: 0.02,
        Fault.SLOW_AFTER: 0.02,
        Fault.TOO_MANY: 0.01,
        Fault.UNAVAILABLE: 0.02,
        Fault.BROKEN: 0.02,
        Fault.DONE_THEN_DROPPED: 0.03,
        Fault.LATE: 0.03,
        Fault.LOST: 0.02,
        Fault.CUT: 0.02,
        Fault.WRONG_BODY: 0.02,
        Fault.NO_METADATA: 0.02,
        Fault.NOT_DONE: 0.02,
        Fault.OLD_VALUE: 0.02,
        Fault.MISSING: 0.02,
        Fault.WRONG_DATE: 0.01,
        Fault.STALE: 0.03,
        Fault.SKIPPED: 0.03,
        Fault.FEWER: 0.02,
        Fault.NO_NEXT: 0.02,
        Fault.UNAUTHORIZED: 0.001,
        Fault.EMPTY: 0.001,
        Fault.TWICE: 0.1,
        Fault.OUT_OF_ORDER: 0.1,
        Fault.FORBIDDEN: 0.02,
        Fault.CHANGED_TAG: 0.02,
        Fault.SHORT: 0.02,
    }
)

#: About every fifth request meets something.
DEFAULT: Final = Profile(
    rates={
        (route, fault): rate
        for fault, rate in _USUAL.items()
        for route in Route
        if route in ROUTES[fault]
    }
)
