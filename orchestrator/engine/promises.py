"""Promises: which terms each recording has, by what the policies in force say.

A policy that is gone leaves its terms as they were; one that is there and says nothing of
recordings any more takes them back.  Terms that say another thing begin anew: their grace, too.
While this machine's clock and the API's disagree they begin by the later one, so that no grace is
shorter than it was promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.domain import recordingfacts
from orchestrator.domain.facts import Fact
from orchestrator.domain.keeping import KeptRecording, Terms
from orchestrator.domain.policies import Policy
from orchestrator.engine.book import Book
from orchestrator.engine.shelf import Shelf
from orchestrator.ports.rooms import Rooms


class Promises:
    """Keeps the terms of all recordings."""

    def __init__(self, shelf: Shelf, rooms: Rooms) -> None:
        """Keep them on ``shelf``; ``rooms`` know the time."""
        self._shelf = shelf
        self._rooms = rooms
        self._book: Book | None = None

    def of(self, policy: str, book: Book) -> Terms | None:
        """The terms of the recordings of a policy's rooms, also by a name that it had before."""
        terms = self._shelf.terms
        if policy in terms:
            return terms[policy]
        # A policy that was renamed meanwhile has its terms by the name of that book.
        policies = (self._book or book).policies
        heirs = (name for name, one in policies.items() if policy in one.formerly)
        return next((terms[name] for name in heirs if name in terms), None)

    def keeps_to(self, book: Book) -> bool:
        """Whether the terms are those of this book."""
        return book is self._book

    async def follow(self, book: Book, cause: str) -> bool:
        """Take in what the book says; true where a policy has terms for the first time.

        Raises `StoreFault`.
        """
        now = self._now()
        # What began by a clock that was ahead begins now that it is right.
        ahead = any(one.since > now for one in self._shelf.terms.values())
        if book is self._book and not ahead:
            return False
        async with self._shelf.writing:
            began = await self._follow(book, cause)
        self._book = book
        return began

    async def _follow(self, book: Book, cause: str) -> bool:
        terms = dict(self._shelf.terms)
        changed: dict[str, KeptRecording] = {}
        facts: list[Fact] = []
        began = False
        for policy in book.policies.values():
            names = _names(policy, book)
            before = next((terms[name] for name in names if name in terms), None)
            after = self._after(policy, before)
            if after == before:
                continue
            for name in names:
                terms.pop(name, None)
            if after is not None:
                terms[policy.name] = after
            concerned = self._concerned(names)
            changed |= {one.id: replace(one, terms=after) for one in concerned}
            began = began or (before is None and after is not None)
            facts.extend(_told(before, after, len(concerned), cause))
        if terms != self._shelf.terms:
            await self._shelf.put(recordings=tuple(changed.values()), facts=facts, terms=terms)
        return began

    def _after(self, policy: Policy, before: Terms | None) -> Terms | None:
        wish, now = policy.recordings, self._now()
        if wish is None:
            return None
        same = before is not None and before.wish == wish
        place = policy.places.get("recordings")
        return Terms(
            policy.name,
            wish,
            min(before.since, now) if before is not None and same else now,
            policy.version,
            policy.file if place is None else place.of_line,
            policy.mode,
        )

    def _now(self) -> datetime:
        """The later of API time and this machine's."""
        behind = max(-self._rooms.clock_difference(), 0.0)
        return self._rooms.api_now() + timedelta(seconds=behind)

    def _concerned(self, names: Sequence[str]) -> list[KeptRecording]:
        return [
            one
            for one in self._shelf.recordings.values()
            if (one.key.policy if one.terms is None else one.terms.policy) in names
        ]


def _names(policy: Policy, book: Book) -> Sequence[str]:
    """The names of a policy, now and before, but for those that another one bears."""
    return [policy.name, *(name for name in policy.formerly if name not in book.policies)]


def _told(before: Terms | None, after: Terms | None, count: int, cause: str) -> list[Fact]:
    """Nothing where only the version of the policy, or where it says so, is another."""
    if after is None:
        return [] if before is None else [recordingfacts.terms_withdrawn(before, count, cause)]
    if before is not None and before.wish == after.wish:
        return []
    return [recordingfacts.terms_changed(before, after, count, cause)]
