"""Polling: directories are asked again and again, and the book follows what they answer.

Unknown is not empty (promise P4).  Until a directory has answered, nothing is known of its
subjects and its rooms stay as they are; once it has, its last good answer holds for as long as no
better one comes, however old it gets.  While it fails nothing of its policies is ended, replaced or
made for a lost room, and everything else goes on.  Nothing of an answer is stored: a restart asks
again, and until then each key keeps its last good spec.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

import structlog

from orchestrator.domain.backoff import RETRY_AFTER_MOST, Schedule, wait
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.keys import spread
from orchestrator.domain.policies import Directory, ForEach, HttpSource, Policy
from orchestrator.domain.reports import DirectoryRow
from orchestrator.engine.health import Pulse
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.directories import (
    Answered,
    Answers,
    Directories,
    Failed,
    Fetched,
    Unchanged,
    Validators,
)
from orchestrator.ports.store import Commit, Store, StoreFault

_log = structlog.get_logger(__name__)
NOT_ASKED: Final = "has not been asked yet"
_FAILING: Final = "directory.failing:"  # note per directory: since when, once it was told
_TOLD_AFTER: Final = 2  # failures in a row; one alone is no news
_LONGEST_PAUSE: Final = timedelta(seconds=60)  # between tries, where `every` is shorter than it
_AT_ONCE: Final = 8  # directories
_STORE_RETRY: Final = 15.0  # seconds
_LONGEST_ANSWER: Final = 600.0  # seconds; the longest time-out is half of it


@dataclass(slots=True)
class _Known:
    """One directory, and what is known of it.

    Attributes:
        body: of the last good answer.
        reason: of the last failure, if nothing good came after it.
        due: when it is asked next, on the monotonic clock.
        asked: how often; spreads the tries.
    """

    directory: Directory
    every: timedelta
    policies: tuple[str, ...]
    body: bytes | None = None
    validators: Validators = field(default_factory=Validators)
    last_good: datetime | None = None
    reason: str = ""
    failures: int = 0
    failing_since: datetime | None = None
    due: float = 0.0
    asked: int = 0

    @property
    def answer(self) -> bytes | str:
        return self.reason or NOT_ASKED if self.body is None else self.body

    @property
    def note(self) -> str:
        """What the store remembers a failure by that was told."""
        return _FAILING + hashlib.sha256(repr(self.directory).encode()).hexdigest()[:16]


class Polling:
    """Keeps what is known of the directories that the policies in force name."""

    def __init__(
        self, directories: Directories | None, store: Store, clock: Clock, owner: str
    ) -> None:
        """Ask ``directories``; None: there are none to be had here.

        Args:
            directories: asks one.
            store: takes the facts of failures that last.
            clock: waited on.
            owner: of the installation; spreads the requests of many.
        """
        self._directories = directories
        self._store = store
        self._clock = clock
        self._owner = owner
        self._known: dict[Directory, _Known] = {}
        self._wanted = asyncio.Event()  # `follow` was given something else
        self._changed: dict[Directory, None] = {}
        self._news = asyncio.Event()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._taken_at = clock.monotonic()

    @property
    def answers(self) -> Answers:
        """What is known of each directory."""
        return {directory: known.answer for directory, known in self._known.items()}

    def follow(self, policies: Iterable[Policy]) -> None:
        """Ask for these policies from now on, and for no others; as often as any of them wants."""
        asking: dict[Directory, list[tuple[str, timedelta]]] = {}
        for policy in policies:
            source = source_of(policy)
            if source is not None:
                asking.setdefault(source.directory, []).append((policy.name, source.every))
        self._known = {
            directory: self._followed(
                directory,
                tuple(name for name, _ in asked),
                min(every for _, every in asked),
            )
            for directory, asked in asking.items()
        }
        self._wanted.set()

    def _followed(
        self, directory: Directory, policies: tuple[str, ...], every: timedelta
    ) -> _Known:
        """What is known of a directory; another object where it is to be asked more often."""
        now = self._clock.monotonic()
        known = self._known.get(directory)
        if known is None:
            return _Known(directory, every, policies, due=now)
        known.policies = policies
        if known.every == every:
            return known
        return replace(known, every=every, due=min(known.due, now + every.total_seconds()))

    def doubt(self, policy: str) -> str:
        """Why a policy's subjects may be others by now: its directory fails; else an empty text."""
        for known in self._known.values():
            if known.reason and policy in known.policies:
                return f"{known.directory.shown} {known.reason}"
        return ""

    def rows(self) -> tuple[DirectoryRow, ...]:
        """Each directory for people, those that fail first."""
        rows = [self._row(known) for known in self._known.values()]
        return tuple(sorted(rows, key=lambda row: (not row.reason, row.url)))

    def _row(self, known: _Known) -> DirectoryRow:
        left = timedelta(seconds=max(known.due - self._clock.monotonic(), 0.0))
        return DirectoryRow(
            url=known.directory.shown,
            policies=known.policies,
            last_good=known.last_good,
            reason=known.reason,
            failing_since=known.failing_since,
            next_at=self._clock.now() + left,
        )

    async def ask(self, directories: Iterable[Directory]) -> Answers:
        """Ask each once, all together, and remember nothing: for a preview."""
        asked = [directory for directory in directories if directory not in self._known]
        fetched = await asyncio.gather(*(self._fetch(one, Validators()) for one in asked))
        answers: dict[Directory, bytes | str] = {}
        for directory, one in zip(asked, fetched, strict=True):
            if isinstance(one, Answered):
                answers[directory] = one.body
            else:
                answers[directory] = one.reason if isinstance(one, Failed) else NOT_ASKED
        return answers

    async def ask_all(self) -> bool:
        """Ask those that were never asked, all together; false if there was none. For one command.

        Tells no facts: whether a failure lasts is for the daemon to find.
        """
        new = [known for known in self._known.values() if not known.asked]
        fetched = await asyncio.gather(*(self._fetch(one.directory, one.validators) for one in new))
        for known, one in zip(new, fetched, strict=True):
            self._take(known, one)
        return bool(new)

    async def run(self, pulse: Pulse, load: Callable[[str], Awaitable[object]]) -> None:
        """Ask for ever, and load the book with a cause whenever an answer is another one."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loading(pulse, load), name="directories.load")
            under_way: dict[Directory, tuple[_Known, asyncio.Task[None]]] = {}
            while True:
                self._wanted.clear()
                for directory, (known, task) in list(under_way.items()):
                    if self._known.get(directory) is not known:
                        task.cancel()
                        del under_way[directory]
                for directory in self._known.keys() - under_way.keys():
                    known = self._known[directory]
                    name = f"directory {directory.shown}"
                    under_way[directory] = known, group.create_task(self._asking(known), name=name)
                await self._wanted.wait()

    @property
    def stalled(self) -> bool:
        """A directory is due, and none was heard of for longer than any answer may take."""
        now = self._clock.monotonic()
        silent = now - self._taken_at > _LONGEST_ANSWER
        return silent and any(known.due < now for known in self._known.values())

    async def _asking(self, known: _Known) -> None:
        while True:
            await self._clock.sleep(max(known.due - self._clock.monotonic(), 0.0))
            async with self._places:
                before = known.answer
                fetched = await self._fetch(known.directory, known.validators)
                self._take(known, fetched)
            if known.answer != before:
                self._changed[known.directory] = None
                self._news.set()
            await self._tell(known)

    async def _fetch(self, directory: Directory, known: Validators) -> Fetched:
        if self._directories is None:
            return Failed("is not asked here")
        return await self._directories.fetch(directory, known)

    def _take(self, known: _Known, fetched: Fetched) -> None:
        """Take in what came, and say when to ask again."""
        known.asked += 1
        self._taken_at = self._clock.monotonic()
        pause = known.every * (1 + self._chance(known) / 10)
        match fetched:
            case Answered(body, validators):
                known.body, known.validators = body, validators
                self._good(known)
            case Unchanged():
                self._good(known)
            case Failed(reason, retry_after):
                known.reason = reason
                known.failures += 1
                known.failing_since = known.failing_since or self._clock.now()
                pause = self._pause(known, retry_after)
                _log.warning(
                    "directory.failed",
                    url=known.directory.shown,
                    reason=reason,
                    failures=known.failures,
                )
            case _:
                assert_never(fetched)
        known.due = self._clock.monotonic() + pause.total_seconds()

    def _good(self, known: _Known) -> None:
        known.last_good = self._clock.now()
        known.reason, known.failures, known.failing_since = "", 0, None

    def _pause(self, known: _Known, retry_after: timedelta | None) -> timedelta:
        pause = min(wait(Schedule.WEATHER, known.failures), max(known.every, _LONGEST_PAUSE))
        if retry_after is not None:
            pause = max(pause, min(retry_after, RETRY_AFTER_MOST))
        return pause * (1 + self._chance(known) / 4)

    def _chance(self, known: _Known) -> float:
        """The same in every replay, another for every installation, directory and try."""
        return spread(f"{self._owner} {known.directory.url} {known.asked}")

    async def _tell(self, known: _Known) -> None:
        """One fact when a failure lasts, and one when it is over; a restart is no news."""
        try:
            told = await self._store.note(known.note)
            if known.failures >= _TOLD_AFTER and known.failing_since is not None and told is None:
                since = known.failing_since
                fact = Fact(
                    "directory.unavailable", reason=known.reason, detail=self._detail(known)
                )
                notes: dict[str, str | None] = {known.note: format_instant(since)}
            elif not known.failures and told is not None:
                seconds = (self._clock.now() - parse_instant(told)).total_seconds()
                fact = Fact(
                    "directory.recovered",
                    detail={**self._detail(known), "seconds": round(seconds, 3)},
                )
                notes = {known.note: None}
            else:
                return
            await self._store.commit(Commit(facts=(fact,), notes=notes), self._clock.now())
        except StoreFault as fault:
            # It is told at the next try: nothing is lost but time.
            _log.error("store.failed", loop="directories", error=str(fault))

    def _detail(self, known: _Known) -> dict[str, Json]:
        return {"url": known.directory.shown, "policies": [*known.policies]}

    async def _loading(self, pulse: Pulse, load: Callable[[str], Awaitable[object]]) -> None:
        while True:
            pulse.waits(None)
            await self._news.wait()
            pulse.works()
            self._news.clear()
            changed, self._changed = [*self._changed], {}
            more = f" and {len(changed) - 1} more" if changed[1:] else ""
            while True:
                try:
                    await load(f"directory {changed[0].shown}{more}")
                    break
                except StoreFault as fault:
                    _log.error("store.failed", loop="directories", error=str(fault))
                    pulse.waits(_STORE_RETRY)
                    await self._clock.sleep(_STORE_RETRY)
                    pulse.works()


def source_of(policy: Policy) -> HttpSource | None:
    """The request that a policy's subjects come from; None where they come from elsewhere."""
    made_for = policy.made_for
    if isinstance(made_for, ForEach) and isinstance(made_for.source, HttpSource):
        return made_for.source
    return None
