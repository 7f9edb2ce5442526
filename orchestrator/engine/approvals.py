"""Approvals: a person's word that what a brake holds may end, or that rooms are gone at the API.

A word holds once it is recorded, never before: what ends by a word that nobody kept could not be
told (P2).  Refused: whatever is not called by the name that status shows just now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.brakes import Standing, lost_link
from orchestrator.domain.facts import Fact
from orchestrator.domain.reports import Done, Person
from orchestrator.engine.absences import ABSENCE
from orchestrator.engine.brakes import APPROVAL, note_of
from orchestrator.engine.inbox import Lane
from orchestrator.engine.supervisor import Engine
from orchestrator.foundation.instants import parse_instant
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit


class Approvals:
    """What a person says about many keys at once."""

    def __init__(self, engine: Engine) -> None:
        """Record in the store of ``engine``."""
        self._engine = engine
        self._parts = engine.parts

    async def approve(self, name: str, person: Person) -> Done:
        """Let go exactly the rooms that a brake holds, or that a doubted listing lacks.

        Raises `DeskError` where nothing is called so, `StoreFault` where it cannot be recorded.
        """
        async with self._parts.brakes.one_by_one:
            now, brakes = self._parts.clock.now(), self._parts.brakes
            held = sorted(brakes.verdict.held)
            said = brakes.approve(name, now, person.actor, person.reason)
            if said is None:
                return await self._believe(name, now, person)
            notes = {APPROVAL: note_of(said.approvals)}
            await self._parts.store.commit(Commit(facts=(said.fact,), notes=notes), now)
            brakes.take(said.approvals, said.brake)
            self._wake_held(held, person)
        until = parse_instant(str(said.fact.detail["until"]))
        return Done(
            f"{len(held)} rooms may end or be replaced until {until:%d %b %Y %H:%M:%S}Z, and no "
            "other",
            tuple(held),
        )

    async def _believe(self, name: str, now: datetime, person: Person) -> Done:
        """Rooms that the API lists no more are gone: a person says so, of exactly these."""
        absences, brakes, store = self._parts.resync.absences, self._parts.brakes, self._parts.store
        missing = absences.found.missing
        if not name or name != absences.found.name:
            raise DeskError(
                f"no brake or doubt is called {name!r} now: room-orchestrator status", 2
            )
        keys = frozenset(missing.values())
        fact = Fact(
            "listing.believed",
            actor=person.actor,
            reason=person.reason,
            detail={"name": name, "keys": [*sorted(keys)]},
        )
        lost = {
            state.key.encoded: Standing(lost_link(state.generation))
            for state in await store.states()
            if state.key.encoded in keys
        }
        approvals = brakes.let_go(lost, now, person.actor, person.reason)
        notes = {APPROVAL: note_of(approvals), ABSENCE: absences.note_with(missing)}
        await store.commit(Commit(facts=(fact,), notes=notes), now)
        brakes.take(approvals)
        absences.believe(missing)
        self._parts.resync.wanted.set()
        return Done(
            f"{len(keys)} rooms are taken for gone from the next listing on, and no other; those "
            "that are still wanted are made anew, with new links",
            tuple(sorted(keys)),
        )

    def _wake_held(self, held: Sequence[str], person: Person) -> None:
        for key in list(self._engine.reconciler.last_holds):
            if key.encoded in held:
                self._parts.inbox.wake(key, f"approved by {person.actor}", Lane.NORMAL)
