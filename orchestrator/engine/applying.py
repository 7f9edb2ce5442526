"""Carrying out a plan exactly as it was reviewed: the acts that stand in it, and no others.

Before anything is begun each act is planned afresh.  Where one of them would now be another act, or
something stands before it, nothing is done and all of that is told: a reviewer agreed to the whole.
What becomes different while it is under way is left as it is, and told.  A freeze and a closed
change window do not hold it; modes, protection, suspension and people inside do, and so does a
brake, unless whoever carries it out approves exactly these rooms.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.actions import Action, Bury, Hold
from orchestrator.domain.brakes import Approval, Standing
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import InvalidKeyError, Key, parse_key
from orchestrator.domain.pausing import mark_of
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import (
    ActRow,
    Outcome,
    Person,
    PlanLine,
    PlanReport,
    Review,
)
from orchestrator.engine.brakes import APPROVAL, is_counted, note_of, standing_of, told_of
from orchestrator.engine.preview import Previewed, preview_key
from orchestrator.engine.showing import word_of
from orchestrator.engine.supervisor import Engine
from orchestrator.foundation import shapes
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit

GOOD_FOR: Final = timedelta(hours=24)  # a plan; afterwards too much may have changed to read it
_INVALID: Final = 2
_AGAIN: Final = "make it anew: room-orchestrator plan --out FILE"


def reviewable(report: PlanReport, engine: Engine, versions: Mapping[str, str]) -> PlanReport:
    """A plan that can be carried out as it is reviewed, for a day."""
    now = engine.parts.clock.now()
    settings = engine.settings
    review = Review(settings.owner, settings.url, now, now + GOOD_FOR, dict(versions))
    report = replace(report, review=review)
    return replace(report, review=replace(review, digest=digest_of(report)))


def digest_of(report: PlanReport) -> str:
    """The digest of a plan but for itself: SHA-256, in hexadecimal digits."""
    review = report.review
    bare = report if review is None else replace(report, review=replace(review, digest=""))
    return hashlib.sha256(shapes.dumps(PlanReport, bare)).hexdigest()


class Applying:
    """Carries out reviewed plans, one at a time."""

    def __init__(self, engine: Engine) -> None:
        """Work with ``engine``."""
        self._engine = engine
        self._parts = engine.parts
        self._one_by_one = asyncio.Lock()

    async def carry_out(
        self, plan: PlanReport, person: Person, *, approve: bool
    ) -> tuple[tuple[ActRow, ...], bool]:
        """Carry out a plan; what became of each act, and whether anything was begun.

        The rooms were listed a moment ago.  Raises `DeskError` for a plan that is not to be carried
        out at all, `StoreFault` where nothing can be recorded.
        """
        async with self._one_by_one:
            review = self.checked(plan)
            looked = [await self._look(key, acts) for key, acts in _by_key(plan.acts).items()]
            rows = [row for one in looked for row in self._compared(one, review)]
            if any(row.outcome not in _NO_OBSTACLE for row in rows):
                return tuple(rows), False
            ending = {
                one.key.encoded: standing_of(one.made.state, one.made.actions)
                for one in looked
                if any(_ends(action, one.made.state) for action in one.made.actions)
            }
            held = frozenset[str]() if approve else await self._braked(ending)
            if held:
                return tuple(_braked(row) if _encoded(row) in held else row for row in rows), False
            at_once = {
                one.key.encoded: ending[one.key.encoded]
                for one in looked
                if any(is_counted(action, one.made.state) for action in one.made.actions)
            }
            if all(row.outcome is Outcome.NEEDLESS for row in rows):
                return tuple(rows), True
            await self._commit_begin(review, looked, person, at_once if approve else None)
            after = await self._work(review, looked, rows, person, approve=approve)
            if approve:
                await self._approve_ends(after, review, person)
            return after, True

    def checked(self, plan: PlanReport) -> Review:
        review, settings = plan.review, self._engine.settings
        if review is None:
            raise DeskError(f"this plan says nothing of its installation; {_AGAIN}", _INVALID)
        if digest_of(plan) != review.digest:
            raise DeskError(f"this plan was changed after it was made; {_AGAIN}", _INVALID)
        if (review.owner, review.api) != (settings.owner, settings.url):
            raise DeskError(
                f"this plan is of owner {review.owner} at {review.api}, and here is "
                f"{settings.owner} at {settings.url}",
                _INVALID,
            )
        now = self._now
        if not review.made_at - GOOD_FOR < now < min(review.expires_at, review.made_at + GOOD_FOR):
            raise DeskError(
                f"this plan was good until {review.expires_at:%d %b %Y %H:%M}Z; {_AGAIN}", _INVALID
            )
        if plan.problems or not plan.complete:
            why = "has problems" if plan.problems else "stands on a listing that was not whole"
            raise DeskError(f"this plan {why}; {_AGAIN}", _INVALID)
        if settings.mode is Mode.OBSERVE:
            raise DeskError("mode is observe: nothing is carried out, whoever reviewed it", 1)
        return review

    async def _look(self, key: Key, acts: Sequence[PlanLine]) -> _Looked:
        """Plan one key afresh, as if only the acts of the plan could go on."""
        parts, marks = self._parts, frozenset(line.mark for line in acts)
        state = await parts.store.state(key) or KeyState(key)
        book = self._engine.reconciler.book
        made = await preview_key(key, state, book, parts.gathering, lambda _: marks)
        return _Looked(key, tuple(acts), made)

    def _compared(self, one: _Looked, review: Review) -> list[ActRow]:
        policy = self._engine.reconciler.book.policies.get(one.key.policy)
        version = "" if policy is None else policy.version
        reviewed = review.versions.get(one.key.policy, "")
        if version != reviewed:
            name = one.key.policy
            why = f"{name} was reviewed as {_version(reviewed)}, and is in force as"
            told = f"{why} {_version(version)}"
            return [ActRow(line, Outcome.DIFFERENT, told) for line in one.acts]
        return [_compare(line, one.made) for line in one.acts]

    async def _braked(self, ending: Mapping[str, Standing]) -> frozenset[str]:
        """The keys of a plan that a brake would hold."""
        states = await self._parts.store.states()
        stands = {
            state.key.encoded: standing_of(state)
            for state in states
            if state.tombstone is not None and not state.is_of_page
        }
        rooms = sum(1 for state in states if state.current is not None or state.lost)
        now = self._parts.rooms.api_now()
        verdict = self._parts.brakes.would_hold({**stands, **ending}, rooms, now)
        return verdict.held & ending.keys()

    @property
    def _now(self) -> datetime:
        return self._parts.clock.now()

    async def _commit_begin(
        self,
        review: Review,
        looked: Iterable[_Looked],
        person: Person,
        approved: Mapping[str, Standing] | None,
    ) -> None:
        fact = Fact(
            "plan.applied",
            actor=person.actor,
            cause="command",
            reason=person.reason,
            detail={
                "plan": review.digest,
                "keys": [one.key.encoded for one in looked],
                "approved": approved is not None,
            },
        )
        await self._parts.store.commit(Commit(facts=(fact,)), self._now)
        if approved:
            await self._approve(approved, review, person)

    async def _work(
        self,
        review: Review,
        looked: Sequence[_Looked],
        rows: Sequence[ActRow],
        person: Person,
        *,
        approve: bool,
    ) -> tuple[ActRow, ...]:
        """Let the acts through, wait until nothing is left to do, and see what became of them."""
        parts = self._parts
        marks = {one.key: frozenset(line.mark for line in one.acts) for one in looked}
        acts = {one.key: one.acts for one in looked}
        cause = f"plan {review.name} by {person.actor}"

        async def decided(key: Key) -> None:
            await self._approve_end(key, person)

        alone = not self._engine.ready.is_set()
        told = decided if approve else None
        with parts.reviewing.under_way(marks, cause, told, alone=alone):
            await self._engine.work_on(marks, cause)
            done = frozenset(parts.reviewing.done)
            after = [
                row if row.outcome is not Outcome.READY else await self._after(row, done, acts)
                for row in rows
            ]
        for key in marks:
            parts.inbox.wake(key, cause)  # by the usual rules again
        return tuple(after)

    async def _after(
        self,
        row: ActRow,
        done: frozenset[tuple[Key, str]],
        acts: Mapping[Key, Sequence[PlanLine]],
    ) -> ActRow:
        """What became of one act that could be done when it was looked at."""
        key = parse_key(row.line.key)
        if (key, row.line.mark) in done:
            return ActRow(row.line, Outcome.DONE)
        holds = self._engine.reconciler.last_holds.get(key, ())
        hold = next((hold for hold in holds if _is_of(hold, row.line)), None)
        if hold is not None:
            outcome = Outcome.FAILED if hold.by == "back-off" else Outcome.HELD
            return ActRow(row.line, outcome, hold.reason, hold.by)
        again = _compare(row.line, (await self._look(key, acts[key])).made)
        if again.outcome is Outcome.READY:
            return ActRow(row.line, Outcome.FAILED, "it was not done: room-orchestrator status")
        return again

    async def _approve(
        self, standing: Mapping[str, Standing], review: Review, person: Person
    ) -> None:
        """The brake's part, with its fact: a person lets go exactly these."""
        async with self._parts.brakes.one_by_one:
            approvals = self._parts.brakes.let_go(standing, self._now, person.actor, person.reason)
            until = max(approvals[key].until for key in standing)
            fact = Fact(
                "brake.released",
                actor=person.actor,
                reason=person.reason,
                detail={
                    "brake": f"plan {review.name}",
                    "keys": [*sorted(standing)],
                    "standing": told_of(standing),
                    "until": format_instant(until),
                },
            )
            await self._keep(approvals, fact)

    async def _approve_end(self, key: Key, person: Person) -> None:
        """A removal that was decided a moment ago: this very decision, before a brake judges it.

        That it is approved stands in `plan.applied`; its fact comes with all of them.
        """
        async with self._parts.brakes.one_by_one:
            standing = await self._decided([key])
            brakes = self._parts.brakes
            await self._keep(brakes.let_go(standing, self._now, person.actor, person.reason))

    async def _keep(self, approvals: dict[str, Approval], *facts: Fact) -> None:
        notes = {APPROVAL: note_of(approvals)}
        await self._parts.store.commit(Commit(facts=facts, notes=notes), self._now)
        self._parts.brakes.take(approvals)

    async def _approve_ends(self, rows: Iterable[ActRow], review: Review, person: Person) -> None:
        buried = [row for row in rows if row.outcome is Outcome.DONE and row.line.action == _BURY]
        standing = await self._decided([parse_key(row.line.key) for row in buried])
        if standing:
            await self._approve(standing, review, person)

    async def _decided(self, keys: Iterable[Key]) -> dict[str, Standing]:
        """The removals of these keys that are decided and not carried out."""
        states = [await self._parts.store.state(key) for key in keys]
        return {
            state.key.encoded: standing_of(state)
            for state in states
            if state is not None and state.tombstone is not None
        }


@dataclass(frozen=True, slots=True)
class _Looked:
    """One key: what of the plan is about it, and what would be done now."""

    key: Key
    acts: tuple[PlanLine, ...]
    made: Previewed


_BURY: Final = "bury"
_NO_OBSTACLE: Final = frozenset({Outcome.READY, Outcome.NEEDLESS})
# What stands before an act without naming it.
_STOPS: Final = frozenset(
    {"occupied", "unknown-use", "doubt", "conflict", "suspended", "protected", "kept"}
)


def _by_key(lines: Iterable[PlanLine]) -> dict[Key, list[PlanLine]]:
    found: dict[Key, list[PlanLine]] = {}
    for line in lines:
        try:
            found.setdefault(parse_key(line.key), []).append(line)
        except InvalidKeyError as error:
            raise DeskError(f"this plan names no key: {error}", _INVALID) from error
    return found


def _compare(line: PlanLine, one: Previewed) -> ActRow:
    """Whether an act of a plan is what would be done now."""
    if any(mark_of(action) == line.mark for action in one.actions):
        return ActRow(line, Outcome.READY)
    hold = next((hold for hold in one.made.holds if _is_of(hold, line)), None)
    if hold is not None:
        return ActRow(line, Outcome.HELD, hold.reason, hold.by)
    held = (hold.action for hold in one.made.holds if hold.action is not None)
    others = [action for action in (*one.actions, *held) if word_of(action) == line.action]
    if others:
        return ActRow(line, Outcome.DIFFERENT, f"it would be another one now: {others[0].reason}")
    stopped = next((hold for hold in one.made.holds if hold.by in _STOPS), None)
    if stopped is not None:
        return ActRow(line, Outcome.HELD, stopped.reason, stopped.by)
    return ActRow(line, Outcome.NEEDLESS, "nothing is to be done there now")


def _ends(action: Action, state: KeyState) -> bool:
    """Whether an act ends or changes a link, at once or after a grace."""
    return is_counted(action, state) or isinstance(action, Bury)


def _braked(row: ActRow) -> ActRow:
    why = "too many links would end or change; meant?  --approve lets go exactly these"
    return replace(row, outcome=Outcome.HELD, why=why, held_by="brake")


def _encoded(row: ActRow) -> str:
    return parse_key(row.line.key).encoded


def _is_of(hold: Hold, line: PlanLine) -> bool:
    return hold.action is not None and mark_of(hold.action) == line.mark


def _version(version: str) -> str:
    return f"version {version[:8]}" if version else "no policy"
