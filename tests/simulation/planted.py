"""Planted bugs: each is one mistake that somebody could make, and that the simulation must find.

The systems before this one made most of them.  A bug that needs the API to lie or the daemon to die
must not be found where neither does: otherwise the simulation would find something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from orchestrator.domain import ending, outcomes, plan, shaping
from orchestrator.domain.actions import Adopt, Close, Renew, Retire
from orchestrator.domain.brakes import judge as judge_set
from orchestrator.domain.records import Role
from orchestrator.domain.renewal import renewal_time
from orchestrator.domain.rooms import NOTICE, Observed
from orchestrator.domain.situation import Pending
from orchestrator.engine import brakes, executor, observations, reconciler, resync
from orchestrator.engine.book import Binder
from tests.simulation.pager import POLICIES as PAGES

Planting = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Bug:
    """One mistake.

    Attributes:
        promise: what it breaks, as the oracle says it.
        faults: it shows only where the API lies or the daemon dies.
        seeds: of runs that find it.  Where the engine changes other things happen in a run, so one
            of several is to find it still.
        length: how much of such a run is enough.
    """

    promise: tuple[str, ...]
    faults: bool
    plant: Planting
    seeds: tuple[int, ...]
    length: float = 1.0


def _retry_without_look_up() -> AbstractContextManager[object]:
    """A create without an answer is sent again at once."""

    def settle(situation: Any, pending: Pending, draft: Any) -> bool:
        return bool(_settle_pending(situation, replace(pending, looked=True), draft))

    async def look_up(self: Any, situation: Any) -> bool:
        return False

    return _all(
        patch.object(plan, "_settle_pending", settle),
        patch.object(reconciler.Reconciler, "_look_up", look_up),
    )


def _tie_break_by_recency() -> AbstractContextManager[object]:
    """Of two rooms of one generation the later one is given out."""

    def take_claims(situation: Any, draft: Any) -> bool:
        current = situation.state.current
        for claim in situation.claims:
            if claim.known and current is not None and claim.room.is_available:
                draft.do(Adopt(claim.room, Role.CURRENT, "the later one", supersedes=current.id))
                return True
        return bool(_take_claims(situation, draft))

    return patch.object(plan, "_take_claims", take_claims)


def _lost_by_listing_alone() -> AbstractContextManager[object]:
    """A room that one listing does not show is made anew.

    A page's room is left out: it is made while listings are under way, which need not lie to lack
    it.
    """

    def missing(situation: Any, room: Any, seen: Any, draft: Any) -> None:
        if situation.key.policy in PAGES:
            _plan_missing(situation, room, seen, draft)
            return
        draft.do(Close(room.id, lost=room.role is Role.CURRENT, reason="it was not listed"))

    return _all(
        patch.object(ending, "plan_missing", missing),
        patch.object(plan, "plan_missing", missing),
        _no_look_before(Close),
    )


def _brake_counted_call_by_call() -> AbstractContextManager[object]:
    """Each removal is judged by itself, and none is many."""

    def judge(standing: Mapping[str, Any], recent: int, *rest: Any) -> Any:
        return _judge(dict(list(standing.items())[:1]), 0, *rest)

    return patch.object(brakes, "judge", judge)


def _retire_again_and_again() -> AbstractContextManager[object]:
    """The end of a room that is to go is moved to eleven minutes from now at each look."""

    def linger(situation: Any, room: Any, draft: Any) -> None:
        seen = situation.sightings.get(room.id)
        if room.retired_at is None or not isinstance(seen, Observed) or not seen.is_available:
            _plan_lingering(situation, room, draft)
            return
        end = situation.now + NOTICE
        draft.do(Retire(room.id, seen.expires_at, end, "it is to go", announced=True))

    return _all(
        patch.object(ending, "plan_lingering", linger),
        patch.object(plan, "plan_lingering", linger),
    )


def _stale_observation() -> AbstractContextManager[object]:
    """What a listing told some time ago is acted on, without another look."""

    async def looked(self: Any, turn: Any, state: Any, action: Any) -> bool:
        return False

    return patch.object(reconciler.Reconciler, "_looked_afresh", looked)


def _floor_not_persisted() -> AbstractContextManager[object]:
    """When a room was last renewed is not remembered: a read of some time ago is believed."""

    def time(room: Any, *rest: Any) -> Any:
        return _renewal_time(replace(room, renewed_at=None), *rest)

    return patch.object(shaping, "renewal_time", time)


def _failed_subjects_are_removed() -> AbstractContextManager[object]:
    """A list of subjects that cannot be read is an empty one."""

    def write(self: Any, folder: Any, pages: Any, unreadable: str) -> Any:
        book = _write(self, folder, pages, unreadable)
        return replace(book, doubtful={})

    return patch.object(Binder, "_write", write)


def _no_intent() -> AbstractContextManager[object]:
    """The call leaves before its intent is durable."""

    async def journal(self: Any, state: Any, action: Any, telling: Any) -> Any:
        commit, self._store = self._store, _Silent(self._store)
        try:
            return await _journal(self, state, action, telling)
        finally:
            self._store = commit

    return patch.object(executor.Executor, "_journal", journal)


class _Silent:
    """A store that forgets what it is told."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, commit: Any, now: datetime) -> Sequence[int]:
        return ()


def _end_compared_with_now() -> AbstractContextManager[object]:
    """The end that a room should have is reckoned from now, so it is never far enough."""

    def renewal(situation: Any, room: Any, seen: Any, desired: Any, draft: Any) -> None:
        if desired.lifetime is None or seen.expires_at is None:
            return
        wished = situation.now + desired.lifetime - timedelta(hours=1)
        if seen.expires_at < wished - timedelta(minutes=1):
            draft.do(Renew(room.id, seen.expires_at, wished, desired, "it should end later"))
        draft.back_at(situation.now + timedelta(days=1))

    return patch.object(shaping, "plan_renewal", renewal)


def _never_renewed() -> AbstractContextManager[object]:
    """A room falls due when it is over."""

    def time(room: Any, expires_at: datetime, *rest: Any) -> Any:
        found = _renewal_time(room, expires_at, *rest)
        return replace(found, moment=expires_at + timedelta(hours=1))

    return patch.object(shaping, "renewal_time", time)


def _no_grace() -> AbstractContextManager[object]:
    """What is decided is done."""

    def buried(*given: Any) -> Any:
        outcome = _noted(*given)
        state = outcome.state
        if state is None or state.tombstone is None:
            return outcome
        now = replace(state.tombstone, due=state.tombstone.decided_at)
        return replace(outcome, state=replace(state, tombstone=now))

    return patch.object(outcomes, "noted", buried)


def _occupied_or_not() -> AbstractContextManager[object]:
    """Who is inside is asked for at each listing, and no sooner."""

    async def read(self: Any) -> None:
        return None

    return _all(
        patch.object(resync.Resync, "read_use", read),
        patch.object(observations.Observations, "used", _once_a_day(_used)),
    )


def _once_a_day(used: Any) -> Any:
    def taken(self: Any, sessions: Any, now: datetime, *rest: Any) -> None:
        last = _TAKEN.at
        if last is None or not timedelta() <= now - last < timedelta(days=1):
            _TAKEN.at = now
            used(self, sessions, now, *rest)

    return taken


class _Taken:
    at: datetime | None = None


_TAKEN: Final = _Taken()


def _listing_in_doubt_believed() -> AbstractContextManager[object]:
    """A listing that contradicts itself counts like any other, and one look is enough."""

    async def judge(self: Any, listing: Any, *rest: Any) -> str:
        return ""

    return _all(patch.object(resync.Resync, "_judge", judge), _lost_by_listing_alone())


def _no_look_before(*kinds: type) -> AbstractContextManager[object]:
    async def looked(self: Any, turn: Any, state: Any, action: Any) -> bool:
        if isinstance(action, kinds):
            return False
        return bool(await _looked_afresh(self, turn, state, action))

    return patch.object(reconciler.Reconciler, "_looked_afresh", looked)


@contextmanager
def _all(*planted: AbstractContextManager[object]) -> Iterator[None]:
    if not planted:
        yield
        return
    with planted[0], _all(*planted[1:]):
        yield


_settle_pending: Any = plan._settle_pending
_take_claims: Any = plan._take_claims
_plan_lingering: Any = ending.plan_lingering
_plan_missing: Any = ending.plan_missing
_judge: Any = judge_set
_renewal_time: Any = renewal_time
_noted: Any = outcomes.noted
_used: Any = observations.Observations.used
_write: Any = Binder._write
_journal: Any = executor.Executor._journal
_looked_afresh: Any = reconciler.Reconciler._looked_afresh

BUGS: Final[dict[str, Bug]] = {
    "retry-without-look-up": Bug(("P1",), True, _retry_without_look_up, (38, 50, 22), 0.2),
    "tie-break-by-recency": Bug(("P1",), True, _tie_break_by_recency, (467, 341, 425), 0.07),
    "lost-by-listing-alone": Bug(("P4", "P1"), True, _lost_by_listing_alone, (2, 15, 36), 0.4),
    "doubtful-listing-believed": Bug(("P4", "P1"), True, _listing_in_doubt_believed, (12, 8), 0.6),
    "brake-call-by-call": Bug(("P10",), False, _brake_counted_call_by_call, (6, 1, 2), 0.75),
    "retire-again-and-again": Bug(
        ("P1", "P5", "P8"), False, _retire_again_and_again, (35, 9, 59), 0.42
    ),
    "stale-observation": Bug(
        ("P5", "P4", "P8", "P10"), False, _stale_observation, (6, 35, 15), 0.65
    ),
    "floor-not-persisted": Bug(("P7",), True, _floor_not_persisted, (14, 5, 1), 0.9),
    "failed-subjects-removed": Bug(("P4",), False, _failed_subjects_are_removed, (5, 0, 4), 0.8),
    "no-intent": Bug(("P2",), False, _no_intent, (2, 3, 1), 0.1),
    "end-compared-with-now": Bug(("P7", "P8"), False, _end_compared_with_now, (3, 1, 2), 0.1),
    "never-renewed": Bug(("P7",), False, _never_renewed, (10, 1, 9), 0.76),
    "no-grace": Bug(("P4",), False, _no_grace, (3, 5, 1), 0.32),
    "occupied-asked-once-a-day": Bug(("P5",), False, _occupied_or_not, (6, 13, 2), 0.9),
}
