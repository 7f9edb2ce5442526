"""Telling: what a destination is to be told next, of what stands now and what it was told last.

Pure.  Everything is decided from the present state, so that a late retry tells nothing stale and a
lost event nothing at all.  It refuses to tell a link twice as new: what may have been taken without
an answer is remembered, and only the first message is risked twice (webhooks guide, section 4).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.backoff import RETRY_AFTER_MOST
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.keys import Key, spread

PAGE_DEADLINE: Final = timedelta(minutes=30)  # a later link is noise
DEADLINE: Final = timedelta(hours=24)
WAITING_HELD: Final = timedelta(seconds=30)  # a scheduled link waits so long for its room
FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=5)
_DOUBLINGS_MOST: Final = 20
_JITTER: Final = 4  # a wait grows by up to a quarter
_LONGEST_OF_ALL: Final = RETRY_AFTER_MOST * 5 / 4


class Step(Enum):
    """What is to be done about one message now."""

    NOTHING = "nothing"
    SEND = "send"
    CHANGE = "change"
    DROP = "drop"  # end it in silence: nobody was told


class Blow(Enum):
    """What a failed attempt says of whether it was taken."""

    NOT_TAKEN = "not taken"
    UNANSWERED = "unanswered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What stands now and is to be told at one destination.

    Attributes:
        announcement: its revision is the outbox's to say.
        key: whose link it is, encoded.
        host: the policy says ``link: host``.
        held: the first message waits a little for the room.
        old: the room stood before the destination was named.
        actor: the policy and its version, for the audit.
    """

    announcement: Announcement
    key: str
    host: bool = False
    held: bool = False
    old: bool = False
    actor: str = ""

    @property
    def with_host(self) -> bool:
        """Whether a host link belongs to it now: there is a room, and it goes on."""
        told = self.announcement
        return self.host and bool(told.room_id) and told.stage is not Stage.CLOSED

    @property
    def digest(self) -> str:
        """What it is compared by."""
        return digest(self.announcement, host=self.with_host)


def announcement_id(key: Key, episode: int = 1) -> str:
    """The id of the messages about a key's link; another one after its end was told."""
    head = "room-" + hashlib.sha256(key.encoded.encode()).hexdigest()[:24]
    return head if episode == 1 else f"{head}-{episode}"


def digest(told: Announcement, *, host: bool) -> str:
    """What two states must share to be told the same: 16 hexadecimal digits.

    A host link is minted anew each time it is read, so only whether there is one counts; a page's
    labels and raw body are no reason to change a message.
    """
    page = told.page
    of_page = page and (page.title, page.severity, page.service, page.team, page.url, page.number)
    shown = (
        *(told.stage, told.key, told.title, told.link, told.note, told.room_id, host, of_page),
        *(told.opened_at, told.closed_at, told.starts_at, told.ends_at),
    )
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def step(row: Delivery, wanted: Wanted, *, edits: bool) -> Step:
    """What to do about a message that has not ended."""
    closed = wanted.announcement.stage is Stage.CLOSED
    if row.passed_over:
        return Step.DROP if closed else Step.NOTHING
    if not row.shown:
        # Nobody was told and it is over. But what was sent and not answered may stand there open.
        return Step.DROP if closed and not row.tried else Step.SEND
    # What was tried and not answered may have been taken: then something else stands there now.
    surely_shown = row.shown == wanted.digest and not row.tried
    return Step.NOTHING if surely_shown or not (closed or edits) else Step.CHANGE


def held_until(row: Delivery, wanted: Wanted, now: datetime) -> datetime | None:
    """Until when a message must wait, or None if it may be told now.

    A moment that is further away than anybody is ever told to wait was reckoned by a wrong clock.
    """
    until = row.next_at
    if wanted.held and not row.attempts and not row.shown:
        until = row.begun_at + WAITING_HELD
    if until is None or until <= now or until - now > _LONGEST_OF_ALL:
        return None
    return until


def trying(row: Delivery, wanted: Wanted) -> Delivery:
    """The row as it is recorded before the call: one more attempt, of this state."""
    what = wanted.digest
    if row.shown:
        # Another state needs another number, or a receiver that drops doubles would drop it.
        revision = row.revision + (row.tried != what)
        return replace(
            row, key=wanted.key, attempts=row.attempts + 1, revision=revision, tried=what
        )
    # The first message keeps its number, by which it is known again, and what was tried first.
    return replace(
        row, key=wanted.key, attempts=row.attempts + 1, revision=1, tried=row.tried or what
    )


def told(before: Delivery, row: Delivery, wanted: Wanted, handle: str, *, edits: bool) -> Delivery:
    """The row after the destination took it.

    Args:
        before: as it was before the attempt.
        row: as `trying` made it.
        wanted: what was told.
        handle: what the destination gave.
        edits: whether it can change what was sent.
    """
    shown, stage = wanted.digest, wanted.announcement.stage
    if edits and not before.shown and before.tried not in {"", shown}:
        # An earlier try with other words may be what stands there: a change follows.
        shown, stage = before.tried, Stage.WAITING
    return replace(
        row,
        shown=shown,
        stage=stage,
        handle=handle,
        attempts=0,
        next_at=None,
        fault="",
        failing_since=None,
        tried="",
        title=wanted.announcement.title,
        link=wanted.announcement.link,
        ended=stage is Stage.CLOSED,
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed: why, for people, and how long the destination asked to wait."""

    blow: Blow
    fault: str
    retry_after: float | None = None  # seconds


def failed(
    before: Delivery,
    row: Delivery,
    wanted: Wanted,
    failure: Failure,
    now: datetime,
    *,
    edits: bool,
) -> Delivery:
    """The row after an attempt failed; `given_up` where it was the last one.

    A change that was not taken keeps its number while it says the same, so that a receiver that
    took it all the same drops the second.
    """
    tried = row.tried
    if failure.blow is not Blow.UNANSWERED and not (before.shown and edits):
        tried = before.tried
    since = row.failing_since or now
    row = replace(row, tried=tried, fault=failure.fault, failing_since=since)
    last = deadline(row, page=wanted.announcement.page is not None)
    if failure.blow is Blow.REFUSED or now >= last:
        return replace(row, ended=True, next_at=None)
    asked = failure.retry_after
    next_at = now + pause(f"{row.destination}/{row.id}", row.attempts, asked)
    if asked is None:
        next_at = min(next_at, last)  # one last try, when its time is over
    return replace(row, next_at=next_at)


def unsure(row: Delivery) -> Delivery:
    """The row of an end by a further message that may have been taken: it is not risked twice."""
    return replace(row, stage=Stage.CLOSED, attempts=0, next_at=None, fault="", ended=True)


def deadline(row: Delivery, *, page: bool) -> datetime:
    """Until when a message is tried: from when it was first to be told, or its change failed."""
    if row.shown:
        return (row.failing_since or row.begun_at) + DEADLINE
    return row.begun_at + (PAGE_DEADLINE if page else DEADLINE)


def overdue(row: Delivery, wanted: Wanted, fault: str, now: datetime) -> Delivery | None:
    """The row of a first message whose destination was away for too long; None if it has time."""
    if row.shown or now < deadline(row, page=wanted.announcement.page is not None):
        return None
    return replace(row, fault=fault, ended=True, next_at=None)


def taken_up(row: Delivery, now: datetime) -> Delivery:
    """A message that was given up, or whose destination was taken away, is told again.

    Where an earlier try may have been taken the next one is still a further attempt.
    """
    return replace(
        row,
        begun_at=now,
        ended=False,
        fault="",
        next_at=None,
        failing_since=None,
        attempts=row.attempts if row.tried else 0,
    )


def pause(name: str, count: int, retry_after: float | None = None) -> timedelta:
    """The wait after the ``count``-th failure in a row (from 1), with its jitter.

    The jitter is the name's own and the count's, so that it is the same in every replay.
    """
    wait = min(FIRST_WAIT * (1 << min(max(count - 1, 0), _DOUBLINGS_MOST)), LONGEST_WAIT)
    if retry_after is not None:
        asked = min(max(retry_after, 0.0), RETRY_AFTER_MOST.total_seconds())
        wait = max(wait, timedelta(seconds=asked))
    return wait * (1 + spread(f"{name}#{count}") / _JITTER)
