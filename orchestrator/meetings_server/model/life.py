"""The life of a room: a table of moves, and ten lines that look into it.

::

    (created) → waiting → occupied → cooling → expired → deleted
                   ↑__________|         |
                              ↘ ending ↗

- *waiting*: empty, and open for a session. A room is born so.
- *occupied*: a session is running.
- *cooling*: empty after a session, gone ten minutes after the last one left, unless somebody comes
  back. Instant rooms, and long_term ones that expire after use.
- *ending*: past `expires_at` while a session runs. The room has expired, no new session can start,
  but the running one may finish, and whoever lost the connection may come back to it. The API notes
  leave this open (6.4); nobody is cut off here.
- *expired*: over for good; no change brings it back.
- *deleted*: removed by its owner; told about to nobody.

An instant room waits ten minutes for its first guest. Its `expires_at` never moves (the API notes,
6.4 and question 11): in use it simply does not apply. A room that is told to expire after use while
it is empty does so after its next use.

A move that the table does not have is refused: a value, not an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: How long an instant room waits for its first guest, and how long an emptied room cools.
TEN_MINUTES: Final = timedelta(minutes=10)


class Kind(StrEnum):
    """What decides how a room ends."""

    INSTANT = "instant"
    ONCE = "once"  # long_term with expire_after_use
    LASTING = "lasting"  # long_term without


class Phase(StrEnum):
    """Where in its life a room is."""

    WAITING = "waiting"
    OCCUPIED = "occupied"
    COOLING = "cooling"
    ENDING = "ending"
    EXPIRED = "expired"
    DELETED = "deleted"


class Event(StrEnum):
    """What happens to a room."""

    ENTERED = "entered"  # somebody joined
    EMPTIED = "emptied"  # the last one left
    CHANGED = "changed"  # its expiry or its kind was patched
    DUE = "due"  # the moment that `due` names has come
    REMOVED = "removed"  # its owner deleted it


class Effect(StrEnum):
    """What is to be told to others."""

    SESSION_STARTED = "session started"
    SESSION_ENDED = "session ended"
    ROOM_EXPIRED = "room expired"


@dataclass(frozen=True, slots=True)
class Move:
    """Where an event leads, and what is to be told."""

    to: Phase
    effects: tuple[Effect, ...] = ()


_ALL: Final = frozenset(Kind)
_DIES_AFTER_USE: Final = frozenset({Kind.INSTANT, Kind.ONCE})
_LONG_TERM: Final = frozenset({Kind.ONCE, Kind.LASTING})
_LASTS: Final = frozenset({Kind.LASTING})
_ONCE: Final = frozenset({Kind.ONCE})

_STARTED: Final = (Effect.SESSION_STARTED,)
_ENDED: Final = (Effect.SESSION_ENDED,)
_EXPIRED: Final = (Effect.ROOM_EXPIRED,)

_ROWS: Final = (
    (Phase.WAITING, Event.ENTERED, _ALL, Move(Phase.OCCUPIED, _STARTED)),
    (Phase.WAITING, Event.CHANGED, _LONG_TERM, Move(Phase.WAITING)),
    (Phase.WAITING, Event.DUE, _ALL, Move(Phase.EXPIRED, _EXPIRED)),
    (Phase.WAITING, Event.REMOVED, _ALL, Move(Phase.DELETED)),
    (Phase.OCCUPIED, Event.ENTERED, _ALL, Move(Phase.OCCUPIED)),
    (Phase.OCCUPIED, Event.EMPTIED, _DIES_AFTER_USE, Move(Phase.COOLING, _ENDED)),
    (Phase.OCCUPIED, Event.EMPTIED, _LASTS, Move(Phase.WAITING, _ENDED)),
    (Phase.OCCUPIED, Event.CHANGED, _LONG_TERM, Move(Phase.OCCUPIED)),
    (Phase.OCCUPIED, Event.DUE, _LONG_TERM, Move(Phase.ENDING, _EXPIRED)),
    (Phase.OCCUPIED, Event.REMOVED, _ALL, Move(Phase.DELETED, _ENDED)),
    (Phase.COOLING, Event.ENTERED, _ALL, Move(Phase.OCCUPIED, _STARTED)),
    (Phase.COOLING, Event.CHANGED, _ONCE, Move(Phase.COOLING)),
    (Phase.COOLING, Event.CHANGED, _LASTS, Move(Phase.WAITING)),
    (Phase.COOLING, Event.DUE, _ALL, Move(Phase.EXPIRED, _EXPIRED)),
    (Phase.COOLING, Event.REMOVED, _ALL, Move(Phase.DELETED)),
    (Phase.ENDING, Event.ENTERED, _LONG_TERM, Move(Phase.ENDING)),
    (Phase.ENDING, Event.EMPTIED, _LONG_TERM, Move(Phase.EXPIRED, _ENDED)),
    (Phase.ENDING, Event.REMOVED, _LONG_TERM, Move(Phase.DELETED, _ENDED)),
    (Phase.EXPIRED, Event.REMOVED, _ALL, Move(Phase.DELETED)),
)

MOVES: Final[Mapping[tuple[Phase, Event, Kind], Move]] = {
    (phase, event, kind): move for phase, event, kinds, move in _ROWS for kind in kinds
}

#: A session runs.
IN_USE: Final = frozenset({Phase.OCCUPIED, Phase.ENDING})
#: A new session can start.
OPEN: Final = frozenset({Phase.WAITING, Phase.OCCUPIED, Phase.COOLING})
#: Over.
OVER: Final = frozenset({Phase.EXPIRED, Phase.DELETED})


@dataclass(frozen=True, slots=True)
class Life:
    """Where a room is in its life, and the moments that decide what comes."""

    kind: Kind
    expires_at: datetime
    phase: Phase = Phase.WAITING
    #: When the last one left; decides while cooling.
    emptied_at: datetime | None = None
    #: When it expired or was deleted, whichever came first.
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """An effect, and when it took place."""

    effect: Effect
    at: datetime


def due(life: Life) -> datetime | None:
    """When the room moves on by itself; None: never, as it is."""
    if life.phase is Phase.WAITING:
        return life.expires_at
    if life.phase is Phase.OCCUPIED:
        return None if life.kind is Kind.INSTANT else life.expires_at
    if life.phase is Phase.COOLING and life.emptied_at is not None:
        cooled = life.emptied_at + TEN_MINUTES
        return cooled if life.kind is Kind.INSTANT else min(cooled, life.expires_at)
    return None


def step(life: Life, event: Event, now: datetime) -> tuple[Life, tuple[Happened, ...]] | None:
    """The life after `event`, and what is to be told; None: refused.

    Bring the life up to `now` by `advance` first: the table knows nothing of lateness.
    """
    move = MOVES.get((life.phase, event, life.kind))
    if move is None:
        return None
    over = move.to is Phase.DELETED or Effect.ROOM_EXPIRED in move.effects
    return (
        replace(
            life,
            phase=move.to,
            emptied_at=now if event is Event.EMPTIED else life.emptied_at,
            ended_at=now if over and life.ended_at is None else life.ended_at,
        ),
        tuple(Happened(effect, now) for effect in move.effects),
    )


def advance(life: Life, now: datetime) -> tuple[Life, tuple[Happened, ...]]:
    """The life at `now`, and what happened by itself until then, each at its own moment."""
    told: tuple[Happened, ...] = ()
    while (moment := due(life)) is not None and moment <= now:
        moved = step(life, Event.DUE, moment)
        if moved is None:
            break
        life, happened = moved
        told += happened
    return life, told
