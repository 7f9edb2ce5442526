"""How much a room is used: each meeting once, and nothing that nobody told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.domain.presence import Told
from orchestrator.domain.records import RoomRecord, Tally
from orchestrator.domain.rooms import Session
from orchestrator.domain.usage import Usage, counted, facts_of, heard_of, uncounted, usage
from orchestrator.foundation.instants import format_instant
from tests.builders import KEY, NOW, room, state

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def met(
    name: str, *, ended: timedelta | None = timedelta(0), minutes: float | None = 30.0
) -> Session:
    """A meeting of an hour that was over so long after NOW, or goes on."""
    end = None if ended is None else NOW + ended
    return Session("r1", (end or NOW) - HOUR, end, name, 2, minutes)


def told(*sessions: Session) -> Told:
    over = tuple(one for one in sessions if one.ended_at is not None)
    return Told(tuple(one for one in sessions if one.ended_at is None), over)


def watched(tally: Tally | None = None) -> RoomRecord:
    return replace(room("r1", watched_from=NOW - 10 * DAY), tally=tally)


def test_each_meeting_is_counted_once() -> None:
    """However often it is listed; one that the list shows late is counted all the same."""
    listed = told(met("b", ended=MINUTE), met("a"), met("on", ended=None))
    once = counted(watched(), listed)
    assert once.tally == Tally(
        NOW - 10 * DAY, NOW + MINUTE, 2, 60.0, 0, {"a": NOW, "b": NOW + MINUTE}
    )
    assert counted(once, listed) is once
    late = counted(once, told(met("late", ended=-59 * MINUTE + MINUTE), *listed.over))
    assert late.tally is not None
    assert late.tally.sessions == 3
    assert counted(late, told(met("late", ended=-58 * MINUTE), *listed.over)) is late


def test_what_ended_long_before_is_not_looked_at_again() -> None:
    """The list goes on showing it for days; ids are remembered for an hour."""
    once = counted(watched(), told(met("a")))
    later = counted(once, told(met("a"), met("b", ended=2 * HOUR)))
    assert later.tally is not None
    assert (later.tally.sessions, list(later.tally.lately)) == (2, ["b"])
    assert counted(later, told(met("a"), met("b", ended=2 * HOUR))) is later


def test_without_an_id_only_what_ended_later_is_another() -> None:
    """Two that look the same are one."""
    once = counted(watched(), told(met(""), met("")))
    assert once.tally is not None
    assert (once.tally.sessions, dict(once.tally.lately)) == (1, {})
    assert counted(once, told(met(""), met("", ended=-MINUTE))) is once
    again = counted(once, told(met("", ended=MINUTE)))
    assert again.tally is not None
    assert again.tally.sessions == 2


@pytest.mark.parametrize(
    ("watched_from", "created_at", "sessions"),
    [
        pytest.param(NOW - MINUTE, NOW - DAY, 1, id="looked at since"),
        pytest.param(NOW, NOW - DAY, 0, id="it ended before"),
        pytest.param(None, NOW - MINUTE, 1, id="record of before"),
        pytest.param(None, NOW, 0, id="before it was made"),
        pytest.param(None, None, 1, id="nobody says since when"),
    ],
)
def test_what_was_before_we_looked_is_not_ours_to_count(
    watched_from: datetime | None, created_at: datetime | None, sessions: int
) -> None:
    record = room("r1", watched_from=watched_from, created_at=created_at)
    assert len(uncounted(record, told(met("a")))) == sessions
    after = counted(record, told(met("a")))
    assert (0 if after.tally is None else after.tally.sessions) == sessions
    if after.tally is not None:
        assert after.tally.since == (watched_from or created_at or NOW - HOUR)
        (fact,) = facts_of(state(record), record, told(met("a")), "listing")
        assert fact.detail["since"] == format_instant(after.tally.since)


def test_a_fact_tells_of_each_meeting_what_the_api_told() -> None:
    """Who, for how long, when; nothing of people."""
    record = counted(watched(), told(met("a", ended=-DAY)))
    (fact,) = facts_of(state(record), record, told(met("a", ended=-DAY), met("b")), "listing")
    assert fact == Fact(
        "session.counted",
        key=KEY.encoded,
        room_id="r1",
        cause="listing",
        detail={
            "display_name": record.display_name,
            "session": "b",
            "started_at": format_instant(NOW - HOUR),
            "ended_at": format_instant(NOW),
            "participants": 2,
            "minutes": 30.0,
            "since": format_instant(NOW - 10 * DAY),
        },
    )
    assert facts_of(state(record), record, None, "listing") == []


TALLY = Tally(NOW - 9 * DAY, NOW - DAY, 3, 90.0)
SINCE = NOW - 20 * DAY


@pytest.mark.parametrize(
    ("tally", "listed", "known", "expected"),
    [
        pytest.param(None, None, SINCE, None, id="no list"),
        pytest.param(None, Told(), None, None, id="no reading is noted"),
        pytest.param(None, Told(), SINCE, Usage(0, 0.0, NOW - 10 * DAY), id="none"),
        pytest.param(None, Told(), NOW - DAY, Usage(0, 0.0, NOW - DAY), id="none of late"),
        pytest.param(TALLY, Told(), SINCE, Usage(3, 90.0, TALLY.since), id="all"),
        pytest.param(
            TALLY, Told(), TALLY.since + MINUTE, Usage(3, 90.0, TALLY.since), id="clocks apart"
        ),
        pytest.param(
            TALLY, Told(), NOW - DAY, Usage(3, 90.0, TALLY.since, whole=False), id="a gap"
        ),
        pytest.param(TALLY, Told(), None, Usage(3, 90.0, TALLY.since, whole=False), id="unread"),
        pytest.param(TALLY, None, SINCE, Usage(3, 90.0, TALLY.since, whole=False), id="offline"),
        pytest.param(
            TALLY,
            told(met("on", ended=None, minutes=5.5), met("new")),
            SINCE,
            Usage(5, 125.5, TALLY.since),
            id="one goes on and one is new",
        ),
        pytest.param(
            TALLY,
            told(met("on", ended=None, minutes=None)),
            SINCE,
            Usage(4, 90.0, TALLY.since, whole=False),
            id="one of unknown length",
        ),
        pytest.param(
            replace(TALLY, minutes=0.0, untold=3),
            Told(),
            SINCE,
            Usage(3, None, TALLY.since, whole=False),
            id="no length is told",
        ),
    ],
)
def test_how_much_a_room_was_used(
    tally: Tally | None, listed: Told | None, known: datetime | None, expected: Usage | None
) -> None:
    """As far as anybody knows, and marked where there may have been more."""
    assert usage(watched(tally), listed, known) == expected


def test_a_rebuilt_record_says_no_more_than_the_reading() -> None:
    """Nobody knows since when it was looked at."""
    record = room("r1", watched_from=None, created_at=None)
    assert usage(record, Told(), SINCE) == Usage(0, 0.0, SINCE)


def test_what_callbacks_told_is_the_least() -> None:
    """A session counts once, of this room alone, from the first fact that is kept of it."""

    def recorded(number: int, event: str, room_id: str, **detail: str) -> RecordedFact:
        return RecordedFact(
            number, NOW + number * MINUTE, Fact(event, room_id=room_id, detail=detail)
        )

    facts = [
        recorded(0, "session.started", "r2", session="x"),
        recorded(1, "room.created", "r1"),
        recorded(2, "session.started", "r1", session="a"),
        recorded(3, "session.ended", "r1", session="a"),
        recorded(4, "session.ended", "r1", session="b"),
    ]
    assert heard_of("r1", facts) == Usage(2, None, NOW + MINUTE, whole=False)
    assert heard_of("r1", facts[:2]) is None
    assert heard_of("r1", ()) is None
