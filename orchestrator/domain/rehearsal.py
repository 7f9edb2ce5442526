"""A rehearsal's account: facts as they come, told as acts, renewals and calls a minute.

Pure: it is given the rooms that there are at the beginning and every fact in order, and counts.  It
decides nothing and knows nothing of how the facts came about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.facts import Fact, Json, RecordedFact
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.occurrences import is_subject
from orchestrator.domain.records import KeyState
from orchestrator.domain.renewal import EMERGENCY_SHARE, floor
from orchestrator.domain.reports import (
    LinkFate,
    RehearsedAct,
    RehearsedMonth,
    RehearsedRenewals,
    Unmet,
)
from orchestrator.domain.rooms import LATEST_END
from orchestrator.foundation.instants import parse_instant

_MINUTE: Final = 60
# API time is learnt from headers that tell whole seconds.
_SECOND: Final = timedelta(seconds=1)

_ACTS: Final = {
    "room.created": "create",
    "room.renewed": "renew",
    "room.updated": "update",
    "room.replaced": "replace",
    "room.adopted": "adopt",
    "room.rekeyed": "move",
    "room.tombstoned": "bury",
    "room.restored": "restore",
    "room.ending": "let-go",
    "room.retired": "retire",
    "room.deleted": "delete",
    "room.expired": "expire",
    "room.lost": "lose",
    "room.link.changed": "link",
}
_OVER: Final = frozenset({"let-go", "retire", "delete", "expire", "lose"})


@dataclass(slots=True)
class Minutes:
    """Counts by minute."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, at: datetime) -> None:
        """One more, at this moment."""
        self.counts[int(at.timestamp()) // _MINUTE] += 1

    def busiest(self, zone_of: datetime) -> tuple[int, datetime | None]:
        """How many there are in the fullest minute, the first of them if several are."""
        if not self.counts:
            return 0, None
        minute, count = min(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return count, datetime.fromtimestamp(minute * _MINUTE, zone_of.tzinfo)

    def full(self, count: int) -> int:
        """How many minutes hold so many or more."""
        return sum(1 for had in self.counts.values() if had >= count)


@dataclass(slots=True)
class _Grant:
    """The present life of a room."""

    granted_at: datetime
    ends_at: datetime | None
    renewed_at: datetime | None = None

    @property
    def life(self) -> timedelta:
        if self.ends_at is None:
            return timedelta()
        return max(min(self.ends_at - self.granted_at, LATEST_END), timedelta())


class Account:
    """Takes facts in order; what they come to can be asked at any time."""

    def __init__(self, start: datetime, states: Iterable[KeyState], scheduled: Collection[str]):
        """Begin with the rooms that there are.

        Args:
            start: facts of before are none of the rehearsal.
            states: of all keys, at the beginning.
            scheduled: names of the policies whose rooms are for meetings and end with them.
        """
        self.acts: list[RehearsedAct] = []
        self.meetings = 0
        self.losses: list[RehearsedAct] = []
        """Current rooms that came to an end by themselves; meetings' are none."""
        self.brakes: list[tuple[datetime, str, Sequence[str]]] = []
        """When removals stopped, why, and for which keys."""
        self._start = start
        self._scheduled = scheduled
        self._current: dict[str, str] = {}
        self._grants: dict[str, _Grant] = {}
        self._lost: set[str] = set()
        self._failures: dict[tuple[str, str], Unmet] = {}
        self._minutes = Minutes()
        self._renewed: set[str] = set()
        self._emergencies = 0
        self._closest: tuple[float, timedelta, timedelta, RehearsedAct] | None = None
        for state in states:
            if state.current is not None:
                self._current[str(state.key)] = state.current.id
            if state.lost:
                self._lost.add(str(state.key))
            for room in state.rooms:
                self._grants[room.id] = _Grant(room.granted_at, room.expires_at, room.renewed_at)

    @property
    def failures(self) -> tuple[Unmet, ...]:
        """Calls that did not do what they were to, those that say the same as one."""
        return tuple(self._failures.values())

    def take(self, recorded: RecordedFact) -> None:
        """Take in the next fact."""
        fact, at = recorded.fact, recorded.ts
        if at < self._start:
            return
        if fact.event.endswith(".failed"):
            self._fail(fact, at)
        elif fact.event == "brake.tripped":
            keys = fact.detail["keys"]
            names = [_readable(str(key)) for key in keys] if isinstance(keys, list) else []
            self.brakes.append((at, fact.reason, names))
        elif fact.event in _ACTS:
            self._act(fact, at)

    def _fail(self, fact: Fact, at: datetime) -> None:
        known = self._failures.get((fact.event, fact.reason))
        key = _readable(fact.key)
        self._failures[fact.event, fact.reason] = (
            Unmet("failed", key, fact.reason, at)
            if known is None
            else replace(known, more=known.more + (known.key != key))
        )

    def _act(self, fact: Fact, at: datetime) -> None:
        act = RehearsedAct(
            at,
            _ACTS[fact.event],
            _readable(fact.key),
            fact.reason,
            fact.room_id,
            str(fact.detail.get("display_name", "")),
            ends_at=_moment(fact.detail.get("expires_at")),
        )
        if act.act == "renew":
            act = self._renew(act)
        elif act.act == "bury":
            act = replace(act, ends_at=_moment(fact.detail.get("due")))
        elif act.act in {"create", "replace", "adopt"}:
            act = self._begin(act)
        elif act.act == "move":
            room = self._current.pop(_readable(str(fact.detail.get("from"))), None)
            if room is not None:
                self._current[act.key] = room
        elif act.act == "link":
            act = replace(act, link=LinkFate.CHANGES)
        elif act.act in _OVER:
            act = self._end(act)
        self.acts.append(act)

    def _begin(self, act: RehearsedAct) -> RehearsedAct:
        changes = act.act == "replace" or act.key in self._lost
        self._lost.discard(act.key)
        self._current[act.key] = act.room_id
        self._grants[act.room_id] = _Grant(act.at, act.ends_at)
        if self._of_meeting(act.key):
            self.meetings += 1
            return replace(act, link=LinkFate.NEW)
        return replace(act, link=LinkFate.CHANGES if changes else LinkFate.NEW)

    def _end(self, act: RehearsedAct) -> RehearsedAct:
        if self._current.get(act.key) != act.room_id:
            return act  # it was replaced or let go before, and that was told
        del self._current[act.key]
        if self._of_meeting(act.key):
            return act
        act = replace(act, link=LinkFate.ENDS)
        if act.act in {"expire", "lose"}:
            self._lost.add(act.key)
            self.losses.append(act)
        return act

    def _renew(self, act: RehearsedAct) -> RehearsedAct:
        before = self._grants.get(act.room_id)
        self._minutes.add(act.at)
        self._renewed.add(act.room_id)
        if before is not None and before.ends_at is not None:
            emergency = act.at >= before.ends_at - before.life / EMERGENCY_SHARE
            act = replace(act, emergency=emergency)
            self._emergencies += emergency
            if before.renewed_at is not None:
                self._measure(act, act.at - before.renewed_at, floor(before.life))
        self._grants[act.room_id] = _Grant(act.at, act.ends_at, act.at)
        return act

    def _measure(self, act: RehearsedAct, gap: timedelta, least: timedelta) -> None:
        ratio = gap / least
        if self._closest is None or ratio < self._closest[0]:
            self._closest = (ratio, gap, least, act)

    def _of_meeting(self, key: str) -> bool:
        policy, _, subject = key.partition("/")
        return policy in self._scheduled and is_subject(subject)

    @property
    def renewals(self) -> RehearsedRenewals:
        """How renewals are spread."""
        busiest, at = self._minutes.busiest(self._start)
        tally = RehearsedRenewals(
            self._minutes.counts.total(), len(self._renewed), self._emergencies, busiest, at
        )
        if self._closest is None:
            return tally
        _, gap, least, act = self._closest
        return replace(
            tally,
            closest=gap,
            closest_key=act.key,
            closest_at=act.at,
            floor=least,
            kept=gap + _SECOND >= least,
        )

    @property
    def months(self) -> tuple[RehearsedMonth, ...]:
        """The acts of each month that has any."""
        counts: dict[str, Counter[str]] = {}
        for act in self.acts:
            counts.setdefault(f"{act.at:%Y-%m}", Counter())[act.act] += 1
        return tuple(
            RehearsedMonth(month, dict(sorted(count.items())))
            for month, count in sorted(counts.items())
        )


def unmet_floor(renewals: RehearsedRenewals) -> tuple[Unmet, ...]:
    """What is said where two renewals of one room were closer than its floor."""
    if renewals.kept:
        return ()
    reason = f"renewed {renewals.closest} after it had been; its floor is {renewals.floor}"
    return (Unmet("floor", renewals.closest_key, reason, renewals.closest_at),)


def alike(rows: Iterable[Unmet]) -> tuple[Unmet, ...]:
    """Those that say the same of other keys of a policy as one, at the place of the first."""
    found: dict[object, Unmet] = {}
    for row in rows:
        same = (row.kind, row.key.partition("/")[0], row.reason)
        known = found.get(same)
        found[same] = row if known is None else replace(known, more=known.more + 1 + row.more)
    return tuple(found.values())


def _readable(encoded: str) -> str:
    """A key as people write it."""
    decoded: Key | None = decode_key(encoded)
    return encoded if decoded is None else str(decoded)


def _moment(text: Json) -> datetime | None:
    return parse_instant(text) if isinstance(text, str) else None
