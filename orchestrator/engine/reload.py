"""Reload: build the whole new book first, then swap it, tell it, move renamed rooms, wake keys.

It refuses half of anything: a folder that cannot be read leaves the book as it is but for saying
so, and rooms of renamed keys are moved before any key is woken, all of them or none, so that nobody
makes them anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType

import structlog

from orchestrator.domain import outcomes
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.keys import Key
from orchestrator.domain.outcomes import Teller
from orchestrator.domain.policies import DataFile, Desired, ForEach, Mode, Policy, RemovalMode
from orchestrator.domain.records import KeyState
from orchestrator.engine.book import Binder, Book
from orchestrator.engine.gathering import heir
from orchestrator.engine.health import Pulse
from orchestrator.engine.occurrences import schedules, with_former
from orchestrator.engine.outbox import Outbox
from orchestrator.engine.polling import Polling, source_of
from orchestrator.engine.reconciler import Parts, Reconciler
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.ports.sources import Folder, Sources
from orchestrator.ports.store import Commit, PolicyText

_log = structlog.get_logger(__name__)
_LOOKED_AFTER = "schedules.looked_after"  # note: until when what opens was opened
_REJECTED = "rejected:"  # note per file: digest of the problems that were told


class Reload:
    """Keeps the book in step with the folder."""

    def __init__(
        self,
        sources: Sources,
        binder: Binder,
        parts: Parts,
        reconciler: Reconciler,
        outbox: Outbox,
        polling: Polling,
    ) -> None:
        """Read ``sources``, swap the book of ``reconciler`` and ``outbox``, tell ``polling``."""
        self._sources = sources
        self._binder = binder
        self._store = parts.store
        self._inbox = parts.inbox
        self._clock = parts.clock
        self._occurrences = parts.occurrences
        self._paged = MappingProxyType(parts.pages.wishes)
        self._recorder = parts.recorder
        self._reconciler = reconciler
        self._outbox = outbox
        self._polling = polling
        self._subjects: dict[str, set[str]] = {}  # of each policy, as last known
        self._promised: set[str] = set()  # in force for subjects that are not known yet
        self._loaded = False
        self._behind = False
        self._loading = asyncio.Lock()  # a signal and a change may come at once
        self.meet: Callable[[Book], Awaitable[None]] = _nobody
        """Awaited before a book is in force: what is announced of it is what comes after."""
        self.swapped: Callable[[], None] = lambda: None
        """Called when another book is in force."""

    async def watch(self, pulse: Pulse) -> None:
        """Load whenever the folder changed; runs until it is cancelled."""
        while True:
            if not self._behind:
                pulse.waits(None)
                await self._sources.changed()
            pulse.works()
            # What could not be recorded is read again: the folder tells of a change only once.
            self._behind = True
            await self.load("policies changed")
            self._behind = False

    async def follow(self, pulse: Pulse) -> None:
        """Put in force what opens and ends by a schedule; runs until it is cancelled."""
        while True:
            pulse.waits(None)
            await self._occurrences.due()
            pulse.works()
            before = self._reconciler.book
            book = self._put(before)
            for key in sorted(before.changed_keys(book)):
                self._inbox.wake(key, "schedule")
            await self._looked_after()

    async def _looked_after(self) -> None:
        """Remember until when schedules were looked after: what is missed can be told."""
        now = self._clock.now()
        await self._store.commit(Commit(notes={_LOOKED_AFTER: format_instant(now)}), now)

    async def _tell_missed(self, book: Book) -> None:
        """Say at the start what opened and ended while nobody looked; it is not made up for."""
        if next(schedules(book), None) is None:
            return
        looked = await self._store.note(_LOOKED_AFTER)
        if looked is not None:
            for key, count in self._occurrences.missed(book, parse_instant(looked)).items():
                _log.warning("occurrence.missed", policy=key.policy, last=key.subject, count=count)
        await self._looked_after()

    def _put(self, book: Book) -> Book:
        """The book in force from now on, with what is open by its schedules."""
        fresh = self._occurrences.into(book, self._reconciler.book)
        self._reconciler.book = fresh
        self._outbox.book = fresh
        self._occurrences.arm(fresh)
        self.swapped()
        return fresh

    async def load(self, cause: str) -> Book:
        """Read the folder and put its book in force. Raises `StoreFault` and changes nothing."""
        async with self._loading:
            folder = await self._sources.read()
            book = await self.bind(folder)
            await self._put_in_force(book, folder, cause)
            return book

    async def read(self) -> Book:
        """The book of the folder as it is now; no effect."""
        return await self.bind(await self._sources.read())

    async def bind(self, folder: Folder) -> Book:
        """The book of a folder, with what the store knows of last good texts; no effect."""
        last_good = await self._store.policies()
        folder = replace(folder, answers={**self._polling.answers, **folder.answers})
        book = await asyncio.to_thread(self._binder.bind, folder, last_good)
        book = self._occurrences.into(book, self._reconciler.book)
        book = replace(book, paged=self._paged)
        if book.adopted is None:  # what was read of the list stays in force
            book = replace(book, adopted=self._reconciler.book.adopted)
        return await with_former(book, self._store)

    async def preview(self, candidate: Folder) -> Book:
        """The book of a folder that is not in force; directories that it alone names are asked."""
        book = await self.bind(candidate)
        sources = (source_of(policy) for policy in book.policies.values())
        answers = await self._polling.ask(source.directory for source in sources if source)
        return await self.bind(replace(candidate, answers=answers)) if answers else book

    async def _put_in_force(self, book: Book, folder: Folder, cause: str) -> None:
        before = self._reconciler.book
        texts = {text.name: text for text in await self._store.policies()}
        facts = [
            *self._loaded_facts(book, texts, folder, cause),
            *await self._removed(book, texts, cause),
        ]
        rejected, notes = await self._rejected(book, cause)
        changed: dict[str, PolicyText | None] = {
            name: text for name, text in book.texts.items() if texts.get(name) != text
        }
        changed |= {name: None for name in texts if name not in book.texts}
        if facts or rejected or changed or notes:
            await self._store.commit(
                Commit(facts=[*facts, *rejected], policies=changed, notes=notes),
                self._clock.now(),
            )
        await self.meet(book)
        book = await self._swap(book, cause)
        await self._wake(before, book, cause)
        self._polling.follow(book.policies.values())
        if not self._loaded:
            await self._tell_missed(book)
        self._loaded = True
        self._outbox.nudge()
        _log.info(
            "policies.loaded",
            policies=len(book.policies),
            keys=len(book.wishes),
            problems=len(book.problems),
        )
        for problem in book.problems:
            _log.warning("policy.problem", place=str(problem.place), problem=problem.message)

    def _loaded_facts(
        self, book: Book, texts: dict[str, PolicyText], folder: Folder, cause: str
    ) -> list[Fact]:
        """What came into force, or is in force for other subjects; what is unknown is no news."""
        facts: list[Fact] = []
        of_policies = _subjects(book)
        for name, policy in book.policies.items():
            text, subjects = texts.get(name), of_policies.get(name, set())
            same_text = text is not None and text.version == policy.version
            unknown = name in book.doubtful and not subjects
            if not unknown:
                # A restart is no news, unless the policy came into force since then.
                before = self._subjects.get(name, None if name in self._promised else subjects)
                self._subjects[name] = subjects
                self._promised.discard(name)
                if same_text and subjects == before:
                    continue
            elif same_text:
                continue
            else:
                self._promised.add(name)
            fact = _loaded(policy, None if unknown else len(subjects), folder, cause)
            facts.append(_of_its_data(fact, policy, folder) if same_text else fact)
        for name in self._subjects.keys() - book.policies.keys():
            del self._subjects[name]
        return facts

    async def _removed(self, book: Book, texts: dict[str, PolicyText], cause: str) -> list[Fact]:
        facts: list[Fact] = []
        for name, text in texts.items():
            if name in book.policies:
                continue
            if any(name in policy.formerly for policy in book.policies.values()):
                continue
            states = [state for state in await self._store.states(name) if state.current]
            fact = Fact(
                "policy.removed",
                actor=f"policy {name}@{text.version[:8]}",
                cause=cause,
                detail={"file": text.file, "rooms": len(states), "becomes": becomes(states)},
            )
            facts.append(fact)
            _log.warning("policy.removed", policy=name, rooms=len(states), becomes=becomes(states))
        return facts

    async def _rejected(self, book: Book, cause: str) -> tuple[list[Fact], dict[str, str | None]]:
        """Tell each file's problems once, until they change; a restart is no news."""
        facts: list[Fact] = []
        notes: dict[str, str | None] = {}
        everything = dict(book.rejected)
        of_files = {problem.place.file for problems in everything.values() for problem in problems}
        for problem in book.problems:
            if problem.place.file not in of_files and problem.place.file not in book.rejected:
                file = problem.place.file
                everything[file] = (*everything.get(file, ()), problem)
        for file, problems in everything.items():
            lines = [str(problem) for problem in problems]
            digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
            if await self._store.note(_REJECTED + file) != digest:
                notes[_REJECTED + file] = digest
                shown: list[Json] = [*lines]
                reason = lines[0] if lines else "cannot be read"
                facts.append(
                    Fact(
                        "policy.rejected",
                        cause=cause,
                        reason=reason,
                        detail={"file": file, "problems": shown},
                    )
                )
        before = self._reconciler.book
        for file in {*before.rejected, *(problem.place.file for problem in before.problems)}:
            if file not in everything:
                notes[_REJECTED + file] = None
        return facts, notes

    async def _swap(self, book: Book, cause: str) -> Book:
        """Put the book in force; rooms of former keys serve their new keys from now on.

        No call, same link.  The keys are held meanwhile: a turn under way would record into a key
        that is gone, and one by the old book would make the room that has just moved anew.
        """
        async with AsyncExitStack() as held:
            policies = {key.policy for key in (*book.former, *_former(book))}
            states = await self._states_of(policies)
            # Most subjects were never called anything else; `formerly` may name 100,000 keys.
            served = states.keys() | self._reconciler.book.wishes.keys()
            pairs = {(new, old) for new, olds in book.former.items() for old in olds}
            for key in sorted({key for pair in pairs if pair[1] in served for key in pair}):
                await held.enter_async_context(self._store.claim(key))
            states = await self._states_of(policies)
            moved = [
                await self._rekey(book, states.get(new) or KeyState(new), states[old], cause)
                for new, old in moves(book, states)
            ]
            if moved:
                await self._move(moved)
            return self._put(book)

    async def _states_of(self, policies: Iterable[str]) -> dict[Key, KeyState]:
        states: dict[Key, KeyState] = {}
        for name in sorted(policies):
            states |= {state.key: state for state in await self._store.states(name)}
        return states

    async def _rekey(self, book: Book, new: KeyState, old: KeyState, cause: str) -> Commit:
        """What moves the rooms of one key to another."""
        policy = book.policies.get(new.key.policy)
        version = policy.version if policy is not None else ""
        teller = Teller(f"policy {new.key.policy}@{version[:8]}", cause, self._clock.now())
        outcome = outcomes.rekeyed(
            old, heir(new, old, book), teller, f"{new.key} was formerly {old.key}"
        )
        operations = [
            replace(operation, key=new.key)
            for operation in await self._store.open_operations(old.key)
        ]
        return Commit(
            states=() if outcome.state is None else (outcome.state,),
            dropped=(old.key,),
            operations=operations,
            facts=outcome.facts,
        )

    async def _move(self, moved: Sequence[Commit]) -> None:
        """All rooms or none, in one transaction.

        By a book that still wants a key whose room has moved that room would be made anew (P1).
        """
        every = Commit(
            states=[state for one in moved for state in one.states],
            dropped=[key for one in moved for key in one.dropped],
            operations=[operation for one in moved for operation in one.operations],
            facts=[fact for one in moved for fact in one.facts],
        )
        await self._store.commit(every, self._clock.now())
        for key in every.dropped:
            self._recorder.note(KeyState(key))
        for state in every.states:
            self._recorder.note(state)

    async def _wake(self, before: Book, book: Book, cause: str) -> None:
        keys = before.changed_keys(book)
        if not self._loaded:
            keys |= {state.key for state in await self._store.states()}
            keys |= book.wishes.keys()
        else:
            # What is remembered of a policy that came, went or is in doubt: that its subjects are
            # gone is said by no wish.
            names = await self._in_question(before, book)
            keys |= {key for key in book.wishes if key.policy in names}
            for name in names:
                keys |= {state.key for state in await self._store.states(name)}
        for key in sorted(keys):
            self._inbox.wake(key, cause)

    async def _in_question(self, before: Book, book: Book) -> set[str]:
        """The policies of whose keys the two books may believe different things without a wish."""
        names = before.policies.keys() ^ book.policies.keys()
        doubts = before.doubtful.items() ^ book.doubtful.items()
        names |= {name for name, _ in doubts}
        if before.unreadable != book.unreadable:
            states = await self._store.states()
            names |= {state.key.policy for state in states} - book.policies.keys()
        return names


async def _nobody(book: Book) -> None:
    del book


def _former(book: Book) -> set[Key]:
    return {old for sources in book.former.values() for old in sources}


def moves(book: Book, states: dict[Key, KeyState]) -> list[tuple[Key, Key]]:
    """Which rooms move: (new key, old key), where the new key has no room and the old one has."""
    found: list[tuple[Key, Key]] = []
    taken: set[Key] = set()
    for new, sources in book.former.items():
        mine = states.get(new)
        if mine is not None and mine.current is not None:
            continue
        for old in sources:
            state = states.get(old)
            if state is not None and state.rooms and old not in taken and old not in book.wishes:
                taken.add(old)
                found.append((new, old))
                break
    return found


def becomes(states: Sequence[KeyState]) -> str:
    """What becomes of the rooms of a policy that is gone, for people."""
    kinds: dict[str, int] = {}
    for state in states:
        removal = state.removal
        of_page = state.wish is not None and state.wish.page is not None
        days = removal.grace.total_seconds() / 86400
        if of_page:
            text = "stay until their pages are over"
        elif state.protect:
            text = "stay, because they are protected"
        elif removal.mode is RemovalMode.KEEP:
            text = "go on being renewed until they are forgotten"
        elif said := _against_removing(state.wish):
            text = said
        elif removal.mode is RemovalMode.DELETE:
            text = f"end after a grace of {days:g} days"
        else:
            text = f"are renewed no more after a grace of {days:g} days and end by themselves"
        kinds[text] = kinds.get(text, 0) + 1
    return "; ".join(f"{count} {text}" for text, count in kinds.items()) or "it had no rooms"


def _against_removing(wish: Desired | None) -> str:
    """What a policy that is gone said last against removing its rooms, for people; or nothing."""
    if wish is None:
        return ""
    if wish.mode not in {None, Mode.ENFORCE}:
        return f"stay, because its mode was {wish.mode}"
    by_review = wish.changes is not None and wish.changes.allow == ()
    return "stay until a reviewed plan says otherwise" if by_review else ""


def _loaded(policy: Policy, subjects: int | None, folder: Folder, cause: str) -> Fact:
    """A version is in force; ``subjects`` is None where their number is not known."""
    counted: dict[str, Json] = {} if subjects is None else {"subjects": subjects}
    return Fact(
        "policy.loaded",
        actor=f"policy {policy.name}@{policy.version[:8]}",
        cause=cause,
        detail={
            "file": policy.file,
            "version": policy.version,
            **counted,
            **_provenance(policy.file, folder),
        },
    )


def _of_its_data(fact: Fact, policy: Policy, folder: Folder) -> Fact:
    """The same text is in force for other subjects: who changed those is told, and where."""
    source = policy.made_for.source if isinstance(policy.made_for, ForEach) else None
    if not isinstance(source, DataFile):
        return fact
    file = f"data/{PurePosixPath(source.name)}"  # as its subjects' places begin
    kept = {name: fact.detail[name] for name in ("file", "version", "subjects")}
    return replace(fact, detail={**kept, "data": file, **_provenance(file, folder)})


def _subjects(book: Book) -> dict[str, set[str]]:
    """The subjects of each policy that has any; occurrences are none."""
    found: dict[str, set[str]] = {}
    wished = (key for key, wish in book.wishes.items() if wish.occurrence is None)
    for key in (*wished, *book.kept):
        found.setdefault(key.policy, set()).add(key.subject)
    return found


def _provenance(file: str, folder: Folder) -> dict[str, Json]:
    found = folder.provenance.get(file)
    if found is None:
        return {}
    detail: dict[str, Json] = {"uid": found.uid, "mtime": format_instant(found.mtime)}
    if found.commit:
        detail |= {"commit": found.commit, "author": found.author}
    return detail
