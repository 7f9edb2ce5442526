"""Renewals to come: when, why then, and when at the latest, by what is remembered.

It plans nothing.  A window is asked of the calendar only for the few rooms that are shown: over all
rooms of a large estate that would take as long as a pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.records import KeyState
from orchestrator.domain.renewal import RenewalTime
from orchestrator.domain.reports import NextAct
from orchestrator.engine.gathering import Gathering
from orchestrator.foundation.pasting import shell_word

RENEW: Final = "renew"
# The agenda goes by the wall clock, renewals by API time: they are minutes apart at most.
_APART: Final = timedelta(minutes=5)
# No room lives longer than a year, and a twentieth of that is the last in which it is late.
_LATE_AT_MOST: Final = timedelta(days=20)
_NAMED: Final = 5  # renewals that are overdue
_LOOKED_AT: Final = 4  # times as many as are shown: a window may bring others forward


class Renewals:
    """What is known of renewals to come."""

    def __init__(self, gathering: Gathering) -> None:
        """Ask ``gathering``, which knows the calendar and the API's time."""
        self._gathering = gathering

    def of(self, state: KeyState) -> NextAct | None:
        """The next renewal of a key, with its reason; None where its room is not renewed."""
        return self._act(state, self._gathering.renewal(state))

    def instead(self, state: KeyState, act: NextAct | None) -> NextAct | None:
        """The renewal to come in place of a mere look at a room before it."""
        if act is None or act.what != RENEW:
            return act
        early = self._act(state, self._gathering.renewal(state, windows=False))
        if early is None or act.at >= early.at - _APART:
            return act
        return self.of(state) or act

    def with_reason(self, state: KeyState | None, act: NextAct) -> NextAct:
        """A renewal that is planned, with its reason; everything else as it is."""
        told = self.of(state) if state is not None and act.what == RENEW else None
        return act if told is None else NextAct(act.at, act.key, act.what, told.why, told.latest)

    def nearest(self, states: Iterable[KeyState], many: int) -> tuple[NextAct, ...]:
        """The next renewals of all, the nearest first."""
        early = (
            (planned.moment, state.key, state)
            for state in states
            if state.suspended is None
            and (planned := self._gathering.renewal(state, windows=False)) is not None
        )
        first = heapq.nsmallest(_LOOKED_AT * many, early, key=lambda one: one[:2])
        acts = [act for _, _, state in first if (act := self.of(state)) is not None]
        return tuple(sorted(acts, key=lambda act: (act.at, act.key))[:many])

    def overdue(self, states: Iterable[KeyState], now: datetime) -> list[str]:
        """Rooms whose last twentieth of life has begun, as sentences; the wall clock's ``now``."""
        late = [
            (latest, str(state.key))
            for state in states
            if (latest := self.late_since(state, now)) is not None
        ]
        told = [
            f"The renewal of {key} is overdue since {latest:%d %b %H:%M}Z: "
            f"room-orchestrator rooms why {shell_word(key)}"
            for latest, key in heapq.nsmallest(_NAMED, late)
        ]
        more = len(late) - len(told)
        return [*told, *([f"… and {more:,} more renewals are overdue"] if more else [])]

    def late_since(self, state: KeyState, now: datetime) -> datetime | None:
        """When the last twentieth of a room's life began that is to be renewed; None: not yet."""
        end = None if state.current is None else state.current.expires_at
        if state.suspended is not None or end is None or end - now > _LATE_AT_MOST:
            return None
        act = self._act(state, self._gathering.renewal(state, windows=False))
        if act is None or act.latest is None or act.latest >= now - _APART:
            return None
        return act.latest

    def _act(self, state: KeyState, planned: RenewalTime | None) -> NextAct | None:
        if planned is None:
            return None
        at = self._gathering.to_wall(planned.moment) or planned.moment
        latest = self._gathering.to_wall(planned.latest)
        return NextAct(at, str(state.key), RENEW, planned.why, latest)
