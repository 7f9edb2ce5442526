"""When a session's recordings are listed: nobody tells for sure that there is one, or when.

Pure.  A recording begins and ends while a session goes on, is uploaded some time after it, and a
callback about it may be lost.  So a session is looked at now and then, and less and less often.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain import backoff
from orchestrator.domain.keeping import KeptRecording, WatchedSession

WHILE_OPEN: Final = timedelta(minutes=30)
_AFTER: Final = (
    *(timedelta(), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1)),
    *(timedelta(hours=6), timedelta(hours=24)),
)
_UNFINISHED: Final = timedelta(hours=6)  # between looks at what is not uploaded after all those
_GIVEN_UP: Final = timedelta(days=30)


def looked(
    session: WatchedSession, now: datetime, longest: timedelta, *, unfinished: bool
) -> WatchedSession:
    """A session after its recordings were listed.

    Args:
        session: as it was.
        now: API time.
        longest: one without an end counts as ended after so long.
        unfinished: a recording of it was seen that is not uploaded.
    """
    ended_at = session.ended_at
    if ended_at is None and now - session.started_at < longest:
        return replace(session, failures=0, next_at=now + WHILE_OPEN)
    ended_at = ended_at or session.started_at + longest
    looks = session.looks + 1
    if looks < len(_AFTER):
        next_at: datetime | None = max(ended_at + _AFTER[looks], now + _AFTER[1])
    elif unfinished and now - ended_at < _GIVEN_UP:
        next_at = now + _UNFINISHED
    else:
        next_at = None
    return replace(session, looks=looks, failures=0, next_at=next_at)


def seen_off(
    session: WatchedSession | None, gone: KeptRecording, again: datetime
) -> WatchedSession:
    """The session of a recording that was deleted: its list has the last word.

    An API that says 404 for what is there would keep for ever what we count as gone.

    Args:
        session: as it was; None: it is remembered no more.
        gone: the recording.
        again: when to list the session's recordings (API time).
    """
    if session is None:
        began = gone.started_at or gone.found_at
        ended = gone.ended_at or gone.found_at
        session = WatchedSession(
            gone.session_id, gone.room_id, gone.key, gone.display_name, began, ended, len(_AFTER)
        )
    looks = session.looks
    # The look is one more; where one was near already, it is that one, a moment later.
    if session.next_at is None or session.next_at > again:
        looks = max(looks - 1, 0)
    return replace(session, looks=looks, next_at=again)


def failed(session: WatchedSession, now: datetime) -> WatchedSession:
    """A session whose recordings could not be listed."""
    failures = session.failures + 1
    wait = backoff.wait(backoff.Schedule.CREATES, failures)
    return replace(session, failures=failures, next_at=now + wait)


def heard(before: WatchedSession | None, told: WatchedSession, now: datetime) -> WatchedSession:
    """A session of which something was told: that there is one, or that it ended.

    One that ended is looked at from the beginning again.
    """
    if before is None:
        return replace(told, next_at=now)
    if before.ended_at is None and told.ended_at is not None:
        return replace(before, ended_at=told.ended_at, looks=0, next_at=now)
    return before
