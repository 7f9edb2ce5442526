"""Measures: how things stand, as numbers for whoever watches many daemons over time.

Every word here is one of few: names of policies and destinations from our own files, and states.
No link, no key and no subject is among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any


def _none() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Census:
    """What is only known by looking at every room, which takes a while when there are many.

    Attributes:
        counted_at: when it was (UTC).
        seconds: of work that it took.
        rooms: how many, by policy and state; the states are those of ``rooms list``.
        overdue: rooms whose last twentieth of life has begun and that are to be renewed.
        first_end: when the first link that people have ends, if nothing renews it (UTC).
        held: keys whose next act is held, by what holds it.
    """

    counted_at: datetime
    seconds: float
    rooms: Mapping[tuple[str, str], int]
    overdue: int
    first_end: datetime | None
    held: Mapping[str, int] = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class DestinationMeasures:
    """How far a destination is behind.

    Attributes:
        behind: messages that wait for another try; of a file 1 where it does not show what is.
        given_up: messages that are tried no more.
    """

    kind: str
    behind: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Measures:
    """The whole at one moment.

    Attributes:
        ready: store and policies are there.
        last_pass: when a complete listing was last taken in (UTC).
        api_up: its last call was answered; None: it was not asked yet.
        api_refuses: it refuses our credentials.
        api_last_good: when it last answered in order.
        clock_difference: API time less this machine's, in seconds.
        census: None where it could not be taken yet.
        brake: keys that a tripped brake holds; 0: none has tripped.
        waiting: keys that wait for their turn or have it, by lane.
        waiting_since: for how many seconds the oldest of those that wait has.
        turns, turn_seconds: since this life of the daemon began, by lane.
        pages: that are not over, by state.
        roomless: open pages whose first room did not come in time.
        destinations: by name.
        audit_behind: seconds since the oldest fact that the log does not have; None: not known.
        audit_lines: of the log.
        problems: of the policy files.
        policies: in force, by name: whether an older text of it is, because its file is bad.
        directories_failing: services that subjects are taken from.
        themes: by state.
        needs: what a person should look at, by its kind.
        loops_late: loops of the daemon that hang.
        senders: messages of sources of pages since the start, by source and outcome.
        callbacks: of the Meetings API since this life of the daemon began, by outcome.
    """

    mode: str
    started_at: datetime
    ready: bool
    last_pass: datetime | None
    api_up: bool | None
    api_refuses: bool
    api_last_good: datetime | None
    clock_difference: float
    census: Census | None = None
    brake: int = 0
    waiting: Mapping[str, int] = field(default_factory=_none)
    waiting_since: float = 0.0
    turns: Mapping[str, int] = field(default_factory=_none)
    turn_seconds: Mapping[str, float] = field(default_factory=_none)
    pages: Mapping[str, int] = field(default_factory=_none)
    roomless: int = 0
    destinations: Mapping[str, DestinationMeasures] = field(default_factory=_none)
    audit_behind: float | None = None
    audit_lines: int = 0
    problems: int = 0
    policies: Mapping[str, bool] = field(default_factory=_none)
    directories_failing: int = 0
    themes: Mapping[str, int] = field(default_factory=_none)
    needs: Mapping[str, int] = field(default_factory=_none)
    loops_late: int = 0
    senders: Mapping[tuple[str, str], int] = field(default_factory=_none)
    callbacks: Mapping[str, int] = field(default_factory=_none)
