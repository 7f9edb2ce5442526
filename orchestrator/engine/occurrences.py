"""Occurrences: which moments of the schedules in force are in their life now, and when the next is.

A book holds the wishes of the occurrences that are open; here they are taken in and out of it as
time goes, by the wall clock.  One timer call tells of the next change; it is asked for anew at each
reload and each change, and the timer looks at the clock often enough for a suspend or a jump to
lose nothing.  While wall clock and API time disagree no further occurrence opens: nobody knows
which of the two is right.  What is over is never made up for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import structlog

from orchestrator.domain.keys import Key
from orchestrator.domain.marker import normalise_text
from orchestrator.domain.occurrences import (
    cut,
    occurrence_of,
    read_subject,
    subject_of,
    values_of,
)
from orchestrator.domain.policies import (
    Desired,
    Occurrence,
    Policy,
    Replace,
    ReplaceMode,
    Schedule,
    Tree,
    desired,
)
from orchestrator.domain.reports import OpeningRow
from orchestrator.engine.book import Book
from orchestrator.foundation.problems import Place
from orchestrator.ports.calendar import Calendar
from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Store
from orchestrator.ports.templates import TemplateFault, Templates
from orchestrator.ports.timer import Timer

_log = structlog.get_logger(__name__)
_NAME: Final = "occurrences"
_MISSED_MOST: Final = 100
_JUST_AFTER: Final = timedelta(microseconds=1)
_ZONES_APART: Final = timedelta(hours=15)  # no zone is further from UTC
_QUARTER: Final = timedelta(minutes=15)
_OFFSETS: Final = range(-48, 57)  # of zones from UTC, in quarters of an hour
# While the clocks disagree: how soon to look again whether they still do.
_LOOK_AGAIN: Final = timedelta(minutes=1)


@dataclass(slots=True)
class _Starts:
    """The starts of one schedule that were found, from a moment on, without a gap."""

    since: datetime
    found: list[datetime] = field(default_factory=list)


class Occurrences:
    """Knows the schedules of a book, and opens their occurrences."""

    def __init__(
        self, calendar: Calendar, templates: Templates, clock: Clock, timer: Timer
    ) -> None:
        """Find starts in ``calendar``, name rooms by ``templates``, be called by ``timer``."""
        self._calendar = calendar
        self._templates = templates
        self._clock = clock
        self._timer = timer
        self._starts: dict[Schedule, _Starts] = {}
        self._due = asyncio.Event()
        self.apart: Callable[[], bool] = lambda: False
        """Whether wall clock and API time disagree; set by whoever knows the API."""
        self.next_moment: datetime | None = None
        """When something opens or ends next, as far as it was asked for."""

    def into(self, book: Book, in_force: Book) -> Book:
        """The book with the wishes of what is open now, and of nothing that is not.

        Args:
            book: in force or a candidate.
            in_force: what has opened already stays open there while the clocks disagree.
        """
        if next(schedules(book), None) is None:
            return book  # most have none, and 100,000 wishes need not be looked through
        now, apart = self._clock.now(), self.apart()
        opened: dict[Key, Desired] = {}
        for policy, schedule in schedules(book):
            for occurrence in self._in_life(schedule, now):
                key = self._key(policy, schedule, occurrence)
                if apart and key not in in_force.wishes:
                    continue
                known = book.wishes.get(key)
                fits = known is not None and (known.version, known.occurrence) == (
                    policy.version,
                    occurrence,
                )
                opened[key] = (
                    known
                    if fits and known is not None
                    else self._desired(policy, schedule, occurrence, key)
                )
        before = {key: wish for key, wish in book.wishes.items() if wish.occurrence is not None}
        if before == opened:
            return book
        standing = {key: wish for key, wish in book.wishes.items() if key not in before}
        return replace(book, wishes=standing | opened)

    def arm(self, book: Book) -> None:
        """Be called when something opens or ends next."""
        now = self._clock.now()
        in_force = {schedule for _, schedule in schedules(book)}
        self._starts = {one: found for one, found in self._starts.items() if one in in_force}
        moments: list[datetime] = [now + _LOOK_AGAIN] if in_force and self.apart() else []
        for schedule in in_force:
            moments.extend(occurrence.ends for occurrence in self._in_life(schedule, now))
            moments.extend(coming.opens for coming in self._coming(schedule, now, 1))
        self.next_moment = min(moments, default=None)
        if self.next_moment is None:
            self._timer.cancel(_NAME)
        else:
            self._timer.call_at(_NAME, self.next_moment, self._due.set)

    def look_again(self) -> None:
        """Take the next moment for one that may have come: it was told by a wrong clock."""
        self._due.set()

    async def due(self) -> None:
        """Return when something opens or ends."""
        await self._due.wait()
        self._due.clear()

    def upcoming(self, book: Book, each: int) -> tuple[OpeningRow, ...]:
        """The next occurrences of every schedule and when each opens, the nearest first."""
        now = self._clock.now()
        rows: list[OpeningRow] = []
        for policy, schedule in schedules(book):
            for coming in self._coming(schedule, now, each):
                key = self._key(policy, schedule, coming)
                name = self._desired(policy, schedule, coming, key).display_name
                rows.append(OpeningRow(str(key), name, coming.opens, coming.starts, coming.ends))
        return tuple(sorted(rows, key=lambda row: (row.opens, row.key)))

    def in_life(self, policy: Policy, schedule: Schedule) -> Iterator[tuple[Key, Occurrence]]:
        """The occurrences of a schedule that are open now."""
        for occurrence in self._in_life(schedule, self._clock.now()):
            yield self._key(policy, schedule, occurrence), occurrence

    def ahead(
        self, policy: Policy, schedule: Schedule, far: timedelta, most: int
    ) -> Iterator[tuple[Key, Occurrence]]:
        """The occurrences that open later and start within a time from now, at most so many."""
        now = self._clock.now()
        for occurrence in self._coming(schedule, now, most):
            if occurrence.starts > now + far:
                return
            yield self._key(policy, schedule, occurrence), occurrence

    def named(self, policy: Policy, schedule: Schedule, key: Key) -> Occurrence | None:
        """The occurrence that a key names, past or to come; None where there is none."""
        local = read_subject(key.subject)
        if local is None:
            return None
        begin, last = local - _ZONES_APART, local + _ZONES_APART
        while begin <= last:
            try:
                start = self._calendar.next_start(schedule.cron, schedule.timezone, begin)
            except (ValueError, OverflowError):
                return None  # the calendar ends
            occurrence = occurrence_of(schedule, start)
            if self._key(policy, schedule, occurrence) == key:
                return occurrence
            begin = start + _JUST_AFTER
        return None

    def exists(self, local: datetime, timezone: str) -> bool:
        """Whether a zone's clocks show a time on its day at all.

        Args:
            local: the time, as if it were UTC's.
            timezone: whose clocks go forward now and then.
        """
        moments = (local - _QUARTER * step for step in _OFFSETS)
        shown = (self._calendar.local(moment, timezone) for moment in moments)
        return any(one.replace(tzinfo=UTC) == local for one in shown)

    def name_of(self, policy: Policy, schedule: Schedule, occurrence: Occurrence, key: Key) -> str:
        """What the room of an occurrence is called, or is to be."""
        return self._desired(policy, schedule, occurrence, key).display_name

    def missed(self, book: Book, since: datetime) -> dict[Key, int]:
        """What opened and ended since a moment at which this was last looked after.

        The last of each schedule, with how many there were (a hundred at most).
        """
        now = self._clock.now()
        found: dict[Key, int] = {}
        for policy, schedule in schedules(book):
            starts = self._from(schedule, since + schedule.open_before + _JUST_AFTER)
            ended: list[datetime] = []
            for start in islice(starts, _MISSED_MOST):
                if start + schedule.duration > now:
                    break
                ended.append(start)
            if ended:
                last = occurrence_of(schedule, ended[-1])
                found[self._key(policy, schedule, last)] = len(ended)
        return found

    def _in_life(self, schedule: Schedule, now: datetime) -> Iterator[Occurrence]:
        """What is open: a room is made until the occurrence ends, however late that is."""
        earliest = now - schedule.duration + _JUST_AFTER
        known = self._starts.get(schedule)
        if known is not None and earliest > known.since:
            known.since = earliest
            known.found = [start for start in known.found if start >= earliest]
        for start in self._from(schedule, earliest):
            occurrence = occurrence_of(schedule, start)
            if occurrence.opens > now:
                return
            if occurrence.ends > now:
                yield occurrence

    def _coming(self, schedule: Schedule, now: datetime, most: int) -> Iterator[Occurrence]:
        """What opens next."""
        starts = self._from(schedule, now + schedule.open_before + _JUST_AFTER)
        return (occurrence_of(schedule, start) for start in islice(starts, most))

    def _from(self, schedule: Schedule, earliest: datetime) -> Iterator[datetime]:
        """The starts of a schedule from a moment on, each looked for once; none after the last."""
        known = self._starts.get(schedule)
        if known is None or earliest < known.since:
            known = self._starts[schedule] = _Starts(earliest)
        at = 0
        while True:
            if at == len(known.found):
                begin = known.found[-1] + _JUST_AFTER if known.found else known.since
                try:
                    start = self._calendar.next_start(schedule.cron, schedule.timezone, begin)
                except (ValueError, OverflowError):
                    return  # the calendar ends
                known.found.append(start)
            start = known.found[at]
            at += 1
            if start >= earliest:
                yield start

    def _key(self, policy: Policy, schedule: Schedule, occurrence: Occurrence) -> Key:
        local = self._calendar.local(occurrence.starts, schedule.timezone)
        return Key(policy.name, subject_of(local))

    def _desired(
        self, policy: Policy, schedule: Schedule, occurrence: Occurrence, key: Key
    ) -> Desired:
        values = values_of(
            occurrence, lambda moment: self._calendar.local(moment, schedule.timezone)
        )
        name = cut(self._text(policy, "display_name", values)) or str(key)
        try:
            text = normalise_text(self._text(policy, "metadata", values))
        except ValueError as error:
            _log.warning("occurrence.metadata", key=key.encoded, problem=str(error))
            text = ""
        because = policy.places.get("on_schedule", Place(policy.file)).of_line
        never = Replace(ReplaceMode.NEVER)
        wish = desired(policy, name, text, because)
        return replace(wish, lifetime=None, replace=never, occurrence=occurrence)

    def _text(self, policy: Policy, what: str, values: Mapping[str, Tree]) -> str:
        """A text of the room, or none: people need the room even where its name cannot be made."""
        template = policy.room.display_name if what == "display_name" else policy.room.metadata
        if template is None:
            return ""
        try:
            return self._templates.render(template, values)
        except TemplateFault as fault:
            _log.warning("occurrence.text", policy=policy.name, problem=str(fault.problem))
            return ""


def schedules(book: Book) -> Iterator[tuple[Policy, Schedule]]:
    """The policies of a book that make rooms by a schedule."""
    for policy in book.policies.values():
        if isinstance(policy.made_for, Schedule):
            yield policy, policy.made_for


async def with_former(book: Book, store: Store) -> Book:
    """The book, knowing whose rooms are open under former names of its schedules."""
    former: dict[Key, list[Key]] = {}
    for policy, _ in schedules(book):
        for name in policy.formerly:
            for state in await store.states(name):
                if state.frozen is not None:
                    former[Key(policy.name, state.key.subject)] = [state.key]
    return replace(book, former={**book.former, **former}) if former else book
