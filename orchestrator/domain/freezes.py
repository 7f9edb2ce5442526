"""Freezes: a person's word that nothing is changed for a while, for all policies or for some.

Each has an end, at most thirty days away, and a reason.  Its facts tell all of it, so that a store
that is made anew from the audit knows it again.  What follows from a freeze is `domain.pausing`'s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.facts import Fact
from orchestrator.foundation.instants import format_instant, parse_instant

LONGEST: Final = timedelta(days=30)  # a freeze that nobody remembers is an outage to come


@dataclass(frozen=True, slots=True)
class Freeze:
    """One person's word.

    Attributes:
        since, until: API time; it holds until its end is recorded, which is a moment after `until`.
        policies: the names that it holds for; empty: all there are.
        all_acts: also the rooms of occurrences, and new rooms for lost ones.
    """

    since: datetime
    until: datetime
    actor: str
    reason: str
    policies: tuple[str, ...] = ()
    all_acts: bool = False

    @property
    def name(self) -> str:
        """What it is called by: eight digits of its digest, as a brake is."""
        told = [format_instant(self.since), self.actor, *self.policies]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]

    def covers(self, *names: str) -> bool:
        """Whether it holds for a policy, by any of its names; an empty one is what is of none."""
        return not self.policies or not {*names}.isdisjoint(self.policies)


def begun(freeze: Freeze) -> Fact:
    """The fact of a freeze."""
    return Fact(
        "freeze.begun",
        actor=freeze.actor,
        cause="command",
        reason=freeze.reason,
        detail={
            "freeze": freeze.name,
            "since": format_instant(freeze.since),
            "until": format_instant(freeze.until),
            "policies": [*freeze.policies],
            "all_acts": freeze.all_acts,
        },
    )


def ended(freeze: Freeze, actor: str, reason: str) -> Fact:
    """The fact of its end, by a person or by its time."""
    return Fact(
        "freeze.ended",
        actor=actor,
        cause="command" if actor else "time",
        reason=reason,
        detail={"freeze": freeze.name, "until": format_instant(freeze.until)},
    )


def retold(fact: Fact) -> Freeze:
    """The freeze that a fact tells of.

    Raises:
        KeyError, ValueError: the fact does not tell it whole.
    """
    policies = fact.detail["policies"]
    return Freeze(
        since=parse_instant(str(fact.detail["since"])),
        until=parse_instant(str(fact.detail["until"])),
        actor=fact.actor,
        reason=fact.reason,
        policies=tuple(map(str, policies)) if isinstance(policies, list) else (),
        all_acts=bool(fact.detail["all_acts"]),
    )


def write_freezes(freezes: Iterable[Freeze]) -> str | None:
    """The note in which freezes are kept; None where there are none."""
    told = [
        [
            format_instant(one.since),
            format_instant(one.until),
            one.actor,
            one.reason,
            [*one.policies],
            one.all_acts,
        ]
        for one in freezes
    ]
    return json.dumps(told) if told else None


def read_freezes(note: str | None) -> tuple[Freeze, ...]:
    """The freezes of a note."""
    return tuple(
        Freeze(parse_instant(since), parse_instant(until), actor, reason, tuple(policies), all_acts)
        for since, until, actor, reason, policies, all_acts in json.loads(note or "[]")
    )


def replacing(freezes: Sequence[Freeze], new: Freeze) -> tuple[Freeze, ...]:
    """The freezes with a new one, which takes the place of one for the same policies."""
    return (*(one for one in freezes if one.policies != new.policies), new)
