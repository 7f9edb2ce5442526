"""How long recordings of a session are looked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestrator.domain.keeping import KeptRecording, WatchedSession
from orchestrator.domain.keys import Key
from orchestrator.domain.recordings import RecordingStatus
from orchestrator.domain.watching import WHILE_OPEN, failed, heard, looked, seen_off

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HALF_DAY = 12 * HOUR
OPEN = WatchedSession("s1", "r1", Key("team-rooms", "checkout"), "Checkout room", NOW - HOUR)
ENDED = replace(OPEN, ended_at=NOW)


def waits(session: WatchedSession, *, unfinished: bool, most: int = 200) -> list[timedelta]:
    """From its end to each look, until there are no more."""
    end = now = session.ended_at or NOW
    found: list[timedelta] = []
    for _ in range(most):
        session = looked(session, now, HALF_DAY, unfinished=unfinished)
        if session.next_at is None:
            return found
        now = session.next_at
        found.append(now - end)
    return found


def test_a_session_that_goes_on_is_looked_at_every_half_hour() -> None:
    after = looked(replace(OPEN, failures=3), NOW, HALF_DAY, unfinished=True)
    assert after == replace(OPEN, next_at=NOW + WHILE_OPEN)


def test_after_its_end_less_and_less_often() -> None:
    expected = [2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR]
    assert waits(ENDED, unfinished=False) == expected


def test_what_is_not_uploaded_is_looked_at_for_a_month() -> None:
    found = waits(ENDED, unfinished=True)
    assert found[:7] == [2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, *(n * HOUR for n in (24, 30, 36))]
    assert found[-1] == timedelta(days=30)


def test_one_that_is_found_late_is_still_looked_at_so_often() -> None:
    """A daemon that was away for a week must not give up at once, nor ask in a busy loop."""
    late = replace(ENDED, ended_at=NOW - timedelta(days=7))
    after = looked(late, NOW, HALF_DAY, unfinished=False)
    assert (after.looks, after.next_at) == (1, NOW + 2 * MINUTE)


def test_one_whose_end_nobody_told_ends_after_the_longest() -> None:
    after = looked(replace(OPEN, started_at=NOW - HALF_DAY), NOW, HALF_DAY, unfinished=False)
    assert (after.looks, after.next_at) == (1, NOW + 2 * MINUTE)


def test_a_list_that_fails_comes_back_later_and_later() -> None:
    once = failed(ENDED, NOW)
    assert (once.failures, once.next_at) == (1, NOW + MINUTE)
    assert failed(once, NOW).next_at == NOW + 2 * MINUTE
    assert looked(once, NOW, HALF_DAY, unfinished=False).failures == 0


def test_what_is_heard_of_a_session() -> None:
    """One that is new, or has ended, is looked at now; anything else is known."""
    assert heard(None, OPEN, NOW) == replace(OPEN, next_at=NOW)
    waiting = replace(OPEN, looks=0, next_at=NOW + HOUR)
    assert heard(waiting, OPEN, NOW) is waiting
    assert heard(waiting, ENDED, NOW) == replace(ENDED, next_at=NOW)
    over = replace(ENDED, looks=6)
    assert heard(over, ENDED, NOW) is over


GONE = KeptRecording(
    "rec", "s1", "r1", OPEN.key, OPEN.display_name, NOW, RecordingStatus.UPLOADED, NOW - HOUR
)


def test_after_a_deletion_the_list_is_read_once_more_and_the_rest_stays_as_it_was() -> None:
    """Neither a look that was planned is lost by it, nor are there more of them."""
    again = NOW + 7 * HOUR + MINUTE
    planned = replace(ENDED, looks=5, next_at=NOW + 24 * HOUR)
    asked = seen_off(planned, GONE, again)
    assert (asked.looks, asked.next_at) == (4, again)
    assert looked(asked, again, HALF_DAY, unfinished=False) == planned

    done = replace(ENDED, looks=6, next_at=None)
    asked = seen_off(done, GONE, again)
    assert asked.next_at == again
    assert looked(asked, again, HALF_DAY, unfinished=False) == done


def test_several_deletions_ask_for_one_list() -> None:
    """The later one's."""
    done = replace(ENDED, looks=6, next_at=None)
    twice = seen_off(seen_off(done, GONE, NOW + HOUR), GONE, NOW + 2 * HOUR)
    assert (twice.looks, twice.next_at) == (5, NOW + 2 * HOUR)


def test_a_session_that_is_forgotten_is_listed_once() -> None:
    asked = seen_off(None, GONE, NOW + HOUR)
    assert (asked.id, asked.room_id, asked.key) == ("s1", "r1", OPEN.key)
    assert asked.next_at == NOW + HOUR
    assert looked(asked, NOW + HOUR, HALF_DAY, unfinished=False).next_at is None


def test_one_that_goes_on_is_listed_sooner() -> None:
    going = replace(OPEN, next_at=NOW + WHILE_OPEN)
    assert seen_off(going, GONE, NOW + MINUTE) == replace(going, next_at=NOW + MINUTE)
