"""Feeds: the calendar of scheduled rooms, and what must be remembered of one.

A calendar program knows an event by its UID and takes a change of it by a higher sequence number
(RFC 5545; webhooks guide 4.10).  So what was shown is remembered: what is planned is compared with
it, what changed counts one up, and what vanished is shown as cancelled for some weeks, because a
program that never sees that would keep it.  Nothing here knows cron, or how a calendar is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.keys import Key

HORIZON: Final = timedelta(weeks=8)  # how far ahead occurrences are shown (design section 6)
PAST_KEPT: Final = timedelta(weeks=4)  # what took place stays where people look back
CANCELLED_KEPT: Final = timedelta(weeks=4)
MOST_OF_A_POLICY: Final = 500  # events; a schedule of every minute is no calendar


@dataclass(frozen=True, slots=True)
class Planned:
    """One occurrence that is to come, or goes on.

    Attributes:
        key: of the occurrence.
        starts, ends: of what people meet for (UTC).
        link: of the series, which always leads to the running or the next occurrence.
        about: the policy's description.
    """

    key: Key
    title: str
    starts: datetime
    ends: datetime
    link: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event as a calendar shows it.

    Attributes:
        uid: the same for ever, and of no other event anywhere.
        sequence: counts its changes from 0.
        changed_at: when it was last changed, or shown first (UTC).
        cancelled: it does not take place.
    """

    uid: str
    sequence: int
    changed_at: datetime
    title: str
    starts: datetime
    ends: datetime
    link: str
    about: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Plans:
    """What a calendar is to show.

    Attributes:
        owner: of this installation; part of each UID.
        occurrences: of all policies that deliver to it.
        formerly: for a policy's name, the names that it had before: its events stay the same ones.
        untouched: policies of which people are told no change now (mode observe).
    """

    owner: str
    occurrences: Sequence[Planned]
    formerly: Mapping[str, Sequence[str]] = field(default_factory=dict)
    untouched: frozenset[str] = frozenset()


def update(shown: Mapping[str, FeedEvent], plans: Plans, now: datetime) -> Mapping[str, FeedEvent]:
    """What a calendar shows from now on, by encoded key, from what it showed before."""
    left = dict(shown)
    after: dict[str, FeedEvent] = {}
    for planned in plans.occurrences:
        before = _taken(left, planned.key, plans)
        after[planned.key.encoded] = _changed(before, planned, plans.owner, now)
    for key, event in left.items():
        policy = key.partition("/")[0]
        kept = event if policy in plans.untouched else _without_plan(event, now)
        if kept is not None:
            after[key] = kept
    return after


def in_order(shown: Mapping[str, FeedEvent]) -> tuple[FeedEvent, ...]:
    """The events of a calendar by their start."""
    return tuple(sorted(shown.values(), key=lambda event: (event.starts, event.uid)))


def _taken(left: dict[str, FeedEvent], key: Key, plans: Plans) -> FeedEvent | None:
    """Take out what was shown of an occurrence, also under a former name of its policy."""
    for policy in (key.policy, *plans.formerly.get(key.policy, ())):
        found = left.pop(Key(policy, key.subject).encoded, None)
        if found is not None:
            return found
    return None


def _changed(before: FeedEvent | None, planned: Planned, owner: str, now: datetime) -> FeedEvent:
    event = FeedEvent(
        uid=f"{planned.key.subject}.{planned.key.policy}@{owner}.room-orchestrator",
        sequence=0,
        changed_at=now,
        title=planned.title,
        starts=planned.starts,
        ends=planned.ends,
        link=planned.link,
        about=planned.about,
    )
    if before is None:
        return event
    same = replace(event, uid=before.uid, sequence=before.sequence, changed_at=before.changed_at)
    return before if same == before else replace(same, sequence=before.sequence + 1, changed_at=now)


def _without_plan(event: FeedEvent, now: datetime) -> FeedEvent | None:
    """What becomes of an event that is planned no more: it is over, beyond sight, or cancelled."""
    if event.cancelled:
        return event if now < max(event.ends, event.changed_at) + CANCELLED_KEPT else None
    if event.ends <= now:
        return event if now < event.ends + PAST_KEPT else None
    if event.starts > now + HORIZON:
        return event  # the clock was set back: nothing is known of it
    return replace(event, cancelled=True, sequence=event.sequence + 1, changed_at=now)
