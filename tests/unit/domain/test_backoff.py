"""When something that failed is tried again."""

from datetime import timedelta

import pytest

from orchestrator.domain import backoff
from orchestrator.domain.backoff import Failure, Schedule, failed, held_back, wait
from orchestrator.domain.records import Attempts
from tests.builders import NOW

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("schedule", "count", "expected"),
    [
        (Schedule.WEATHER, 0, timedelta(seconds=5)),
        (Schedule.WEATHER, 1, timedelta(seconds=5)),
        (Schedule.WEATHER, 3, timedelta(seconds=20)),
        (Schedule.WEATHER, 1000, 15 * MINUTE),
        (Schedule.CREATES, 1, MINUTE),
        (Schedule.CREATES, 6, 32 * MINUTE),
        (Schedule.CREATES, 7, 60 * MINUTE),
        (Schedule.COPIES, 1, MINUTE),
        (Schedule.COPIES, 9, 60 * MINUTE),
        (Schedule.DELETIONS, 1, MINUTE),
        (Schedule.DELETIONS, 12, 6 * HOUR),
        (Schedule.FORBIDDEN, 1, 15 * MINUTE),
        (Schedule.FORBIDDEN, 9, 6 * HOUR),
        (Schedule.REFUSED, 1, 2 * MINUTE),
        (Schedule.REFUSED, 2, 24 * HOUR),
        (Schedule.REFUSED, 3, 24 * HOUR),
    ],
    ids=lambda value: getattr(value, "value", str(value)),
)
def test_waits_double_up_to_their_most(schedule: Schedule, count: int, expected: timedelta) -> None:
    assert wait(schedule, count) == expected


@pytest.mark.parametrize(
    ("before", "count"),
    [(Attempts(), 1), (Attempts(4, NOW, "503", "v1"), 5), (Attempts(4, NOW, "503", "v0"), 1)],
    ids=["first", "again", "another input"],
)
def test_failures_are_counted_for_one_input(before: Attempts, count: int) -> None:
    after = failed(before, Schedule.CREATES, NOW, "team-rooms/checkout", Failure("503", "v1"))
    assert (after.count, after.fault, after.input) == (count, "503", "v1")
    least = NOW + wait(Schedule.CREATES, count)
    assert after.next_at is not None
    assert least <= after.next_at <= least + wait(Schedule.CREATES, count) / 4


@pytest.mark.parametrize(
    ("asked", "least"),
    [
        (timedelta(seconds=1), timedelta(seconds=5)),
        (10 * MINUTE, 10 * MINUTE),
        (24 * HOUR, backoff.RETRY_AFTER_MOST),
    ],
    ids=["less than ours", "as asked", "capped"],
)
def test_retry_after_is_respected_within_reason(asked: timedelta, least: timedelta) -> None:
    after = failed(Attempts(), Schedule.WEATHER, NOW, "k", Failure("429", "v1", asked))
    assert after.next_at is not None
    assert NOW + least <= after.next_at <= NOW + least * 1.25


@pytest.mark.parametrize(
    ("attempts", "until"),
    [
        (Attempts(), None),
        (Attempts(1, NOW + HOUR, "503", "v1"), NOW + HOUR),
        (Attempts(1, NOW, "503", "v1"), None),
        (Attempts(1, NOW + HOUR, "503", "v0"), None),
        (Attempts(1, NOW + 30 * HOUR, "503", "v1"), NOW + 30 * HOUR),
        (Attempts(1, NOW + 31 * HOUR, "503", "v1"), None),
    ],
    ids=["never failed", "not yet", "now", "another input", "a day", "by a wrong clock"],
)
def test_until_when_a_try_waits(attempts: Attempts, until: object) -> None:
    assert held_back(attempts, "v1", NOW) == until
