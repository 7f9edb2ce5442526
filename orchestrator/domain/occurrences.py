"""Occurrences: the moments of a schedule as keys, values for templates, and rooms with an end.

Nothing here knows cron or zones: starts are found, and moments shown on a zone's clocks, by the
calendar.  An occurrence's room opens before its start and is planned to end some time after its
end; while somebody is inside that end is moved on, in steps and not for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from orchestrator.domain.policies import Occurrence, Schedule, Tree
from orchestrator.domain.records import KeyState
from orchestrator.domain.rooms import (
    DISPLAY_NAME_MAX,
    EARLIEST_END,
    LONGEST_ASK,
    NOTICE,
    RoomType,
)

NAME: Final = "occurrence"  # the word by which templates know one
FIELDS: Final = frozenset({"start", "end", "opens"})
# So long before its end a room that somebody is in is given more time, this much at once. One
# listing of sessions that failed, or two, do not end a meeting: the next look is minutes later.
LOOK_BEFORE: Final = timedelta(minutes=20)
STEP: Final = timedelta(minutes=30)
LOOK_AGAIN: Final = timedelta(minutes=5)
# After its end a room takes no newcomers and no PATCH, also while somebody is inside.
LAST_LOOK: Final = timedelta(minutes=1)
# No colon: in marker, audit and links it would be written %3A.
_SUBJECT: Final = "%Y-%m-%dT%H%M"
MOVED_MOST: Final = timedelta(hours=4)  # beyond the planned end

Local = Callable[[datetime], datetime]


def occurrence_of(schedule: Schedule, start: datetime) -> Occurrence:
    """The occurrence that starts at a moment (UTC)."""
    ends = start + schedule.duration
    return Occurrence(start - schedule.open_before, start, ends, ends + schedule.stay)


def subject_of(start: datetime) -> str:
    """The part of the key that tells occurrences apart: their start on the zone's clocks.

    It is the same whatever becomes of the zone's rules, and sorts as time goes: a local time that
    comes twice has one occurrence.
    """
    return start.strftime(_SUBJECT)


def values_of(occurrence: Occurrence, local: Local) -> Mapping[str, Tree]:
    """What templates know of an occurrence: moments in the schedule's zone, with their offset."""
    moments = {
        "start": occurrence.starts,
        "end": occurrence.ends,
        "opens": occurrence.opens,
    }
    shown: dict[str, Tree] = {
        name: local(moment).isoformat(timespec="minutes") for name, moment in moments.items()
    }
    return {NAME: shown}


def cut(name: str) -> str:
    """A display name that the API takes, cut with an ellipsis where it is too long."""
    text = name.strip()
    if len(text) <= DISPLAY_NAME_MAX:
        return text
    return text[: DISPLAY_NAME_MAX - 1].rstrip() + "…"


def life_problem(schedule: Schedule) -> str:
    """Why no room can live as long as a schedule asks for; empty where one can."""
    if schedule.life <= EARLIEST_END:
        return "the API wants more than 10m"
    if schedule.life > LONGEST_ASK:
        return "the API allows at most 365d, and an hour is left for clocks that differ"
    return ""


def first_end(occurrence: Occurrence, now: datetime) -> datetime:
    """The end to ask for when a room is made, which may be late: lawful at the API at ``now``."""
    return max(occurrence.stays, now + NOTICE)


def is_subject(text: str) -> bool:
    """Whether a key's subject names an occurrence."""
    return read_subject(text) is not None


def read_subject(text: str) -> datetime | None:
    """The local time that a key's subject names, as if it were UTC's; None where it names none."""
    try:
        found = datetime.strptime(text, _SUBJECT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if subject_of(found) == text else None


def looks_inside(state: KeyState, now: datetime) -> bool:
    """Whether it matters now who is inside: an occurrence's room is near its end.

    Or a page's is past the end that it was born with, which tells nothing once somebody came.
    """
    current = state.current
    if state.is_of_page and current is not None and current.type is RoomType.INSTANT:
        return current.expires_at is not None and current.expires_at <= now
    if state.frozen is None or current is None or current.expires_at is None:
        return False
    return current.expires_at - LOOK_BEFORE <= now


def next_look(expires_at: datetime, now: datetime) -> datetime:
    """When to look again near an end: every few minutes, once shortly before it, and at it."""
    last = expires_at - LAST_LOOK
    looks = (now + LOOK_AGAIN, last if last > now else expires_at)
    return min(look for look in looks if look > now)


def moved_end(occurrence: Occurrence, expires_at: datetime, now: datetime) -> datetime | None:
    """The end to ask for while somebody is inside; None where it is moved no more."""
    last = occurrence.stays + MOVED_MOST
    asked = min(max(expires_at, now) + STEP, last)
    if asked - expires_at < timedelta(minutes=1) or asked < now + NOTICE:
        return None
    return asked
