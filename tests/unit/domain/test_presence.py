"""Who is inside: callbacks in any order, and the API's own list beside them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orchestrator.domain.presence import (
    REMEMBERED,
    Callback,
    Event,
    News,
    OpenSession,
    Presence,
    Told,
    both_told,
    hear,
    latest,
    recalled,
    recorded_use,
    told,
    use_of,
    watched_use,
)
from orchestrator.domain.rooms import Occupancy, Session
from orchestrator.domain.situation import UNKNOWN_USE, Use
from tests.builders import NOW, room

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MAX = 12 * HOUR
OCCUPIED, EMPTY, UNKNOWN = Occupancy.OCCUPIED, Occupancy.EMPTY, Occupancy.UNKNOWN


def of(event: Event, session: str = "s", begun: float | None = 0, ended: float = 60) -> Callback:
    """A callback about a session that began so many minutes after NOW, or does not say."""
    tells_begin = event in {Event.SESSION_STARTED, Event.SESSION_ENDED} and begun is not None
    return Callback(
        event,
        room_id="r",
        session_id=session,
        started_at=NOW + begun * MINUTE if tells_begin and begun is not None else None,
        ended_at=NOW + ended * MINUTE if event is Event.SESSION_ENDED else None,
    )


STARTED, ENDED = of(Event.SESSION_STARTED), of(Event.SESSION_ENDED)
JOINED, LEFT = of(Event.PARTICIPANT_JOINED), of(Event.PARTICIPANT_LEFT)
NEXT = of(Event.SESSION_STARTED, "next", 90)


def heard(
    callbacks: Sequence[Callback], *, every: timedelta = MINUTE
) -> tuple[Presence, list[News]]:
    """What is known after these came, one after the other, the first at NOW."""
    presence, news = Presence(), []
    for number, callback in enumerate(callbacks):
        presence, told_now = hear(presence, callback, NOW + number * every)
        news.append(told_now)
    return presence, news


@pytest.mark.parametrize(
    ("callbacks", "news", "occupancy"),
    [
        pytest.param([], [], UNKNOWN, id="nothing-heard"),
        pytest.param([STARTED], [News.STARTED], OCCUPIED, id="started"),
        pytest.param([JOINED], [News.STARTED], OCCUPIED, id="the-start-was-lost"),
        pytest.param([LEFT], [News.STARTED], OCCUPIED, id="others-may-be-inside"),
        pytest.param([STARTED, STARTED], [News.STARTED, News.NOTHING], OCCUPIED, id="doubled"),
        pytest.param([STARTED, ENDED], [News.STARTED, News.ENDED], EMPTY, id="over"),
        pytest.param([ENDED], [News.ENDED], EMPTY, id="only-its-end"),
        pytest.param([ENDED, STARTED], [News.ENDED, News.NOTHING], EMPTY, id="end-before-start"),
        pytest.param([ENDED, LEFT, JOINED], [News.ENDED, *[News.NOTHING] * 2], EMPTY, id="late"),
        pytest.param([ENDED, ENDED], [News.ENDED, News.NOTHING], EMPTY, id="end-doubled"),
        pytest.param([NEXT, STARTED, ENDED], None, OCCUPIED, id="the-next-has-begun"),
        pytest.param(
            [of(Event.SESSION_ENDED, ""), of(Event.SESSION_STARTED, "")],
            [News.NOTHING, News.STARTED],
            OCCUPIED,
            id="an-end-without-an-id-keeps-nobody-out",
        ),
        pytest.param(
            [of(Event.SESSION_STARTED, ""), of(Event.SESSION_ENDED, "")],
            [News.STARTED, News.NOTHING],
            OCCUPIED,
            id="an-end-without-an-id-may-be-any-other-s",
        ),
        pytest.param([Callback(Event.ROOM_EXPIRED, "r")], [News.NOTHING], UNKNOWN, id="expired"),
        pytest.param(
            [Callback(Event.RECORDING_ENDED, "r", "s"), Callback(Event.OTHER, "r", "s")],
            [News.NOTHING] * 2,
            UNKNOWN,
            id="of-no-session",
        ),
    ],
)
def test_p05_what_is_known_by_callbacks_alone(
    callbacks: list[Callback], news: list[News] | None, occupancy: Occupancy
) -> None:
    """A session is over when that is said, never because another callback is missing or late."""
    presence, told_by_each = heard(callbacks)
    use = use_of(None, presence, NOW + 2 * HOUR, MAX)
    assert use.occupancy is occupancy
    assert not use.surely_empty, "the one that told of the next session may have been lost"
    if news is not None:
        assert told_by_each == news


@pytest.mark.parametrize(
    ("callback", "at", "held_until"),
    [
        pytest.param(STARTED, timedelta(), MAX, id="from-its-start"),
        pytest.param(STARTED, 20 * HOUR, MAX, id="a-late-start-tells-of-then"),
        pytest.param(JOINED, 20 * HOUR, 32 * HOUR, id="from-when-a-participant-was-told-of"),
        pytest.param(of(Event.SESSION_STARTED, begun=None), HOUR, 13 * HOUR, id="no-start-said"),
        pytest.param(of(Event.SESSION_STARTED, begun=9e4), HOUR, 13 * HOUR, id="start-to-come"),
    ],
)
def test_p05_a_session_without_a_sign_of_life_holds_so_long(
    callback: Callback, at: timedelta, held_until: timedelta
) -> None:
    """To the moment."""
    presence, _ = hear(Presence(), callback, NOW + at)
    tick = timedelta(microseconds=1)
    assert use_of(None, presence, NOW + held_until - tick, MAX).occupancy is OCCUPIED
    assert use_of(None, presence, NOW + held_until, MAX).occupancy is EMPTY


def test_a_later_sign_of_life_holds_for_longer_and_an_earlier_not_shorter() -> None:
    """And the start that was told is kept, whichever told it."""
    presence, _ = hear(Presence(), JOINED, NOW + 3 * HOUR)
    presence, _ = hear(presence, STARTED, NOW + 4 * HOUR)
    assert presence.open["s"] == OpenSession(NOW, NOW + 3 * HOUR)
    presence, _ = hear(presence, JOINED, NOW + 5 * HOUR)
    assert presence.open["s"] == OpenSession(NOW, NOW + 5 * HOUR)
    assert presence.last_used_at == NOW + 5 * HOUR


def test_ended_sessions_are_forgotten_in_time_and_by_number() -> None:
    """What is remembered against late callbacks is bounded."""
    presence = Presence()
    for number in range(1000):
        presence, _ = hear(presence, of(Event.SESSION_ENDED, f"s{number}"), NOW)
    assert len(presence.ended) == 256
    assert "s999" in presence.ended
    presence, _ = hear(presence, of(Event.SESSION_ENDED, "much later"), NOW + REMEMBERED)
    assert list(presence.ended) == ["much later"]


def test_p05_open_sessions_are_bounded_by_number_and_hold_for_the_longest() -> None:
    """Whoever can send callbacks fills no memory, and does not push out who is inside."""
    presence, _ = hear(Presence(), JOINED, NOW)
    for number in range(1000):
        begun = of(Event.SESSION_STARTED, f"s{number}", begun=-60)
        presence, _ = hear(presence, begun, NOW + MINUTE)
    assert len(presence.open) == 32
    assert presence.open["s"].sign_at == NOW
    for number in range(1000):
        presence, _ = hear(presence, of(Event.PARTICIPANT_JOINED, f"p{number}"), NOW + HOUR)
    assert len(presence.open) == 32
    assert use_of(None, presence, NOW + 13 * HOUR - MINUTE, MAX).occupancy is OCCUPIED
    assert use_of(None, presence, NOW + 13 * HOUR, MAX).occupancy is EMPTY


def a_session(name: str = "s", *, begun: timedelta = timedelta(), over: bool = False) -> Session:
    """As the API lists it; one that is over ended after an hour."""
    return Session("r", NOW + begun, NOW + begun + HOUR if over else None, name)


@pytest.mark.parametrize(
    ("listed", "callbacks", "occupancy"),
    [
        pytest.param([], [], EMPTY, id="listed-nothing"),
        pytest.param([a_session()], [], OCCUPIED, id="listed-open"),
        pytest.param([a_session(over=True)], [], EMPTY, id="listed-over"),
        pytest.param([a_session(begun=-11 * HOUR)], [], EMPTY, id="listed-open-for-too-long"),
        pytest.param([a_session(begun=-11 * HOUR)], [JOINED], OCCUPIED, id="and-yet-a-sign"),
        pytest.param([], [STARTED], OCCUPIED, id="heard-and-not-listed-yet"),
        pytest.param([a_session(over=True)], [STARTED, JOINED], EMPTY, id="its-end-was-lost"),
        pytest.param([a_session()], [STARTED, ENDED], EMPTY, id="the-list-is-older"),
        pytest.param([a_session("")], [STARTED, ENDED], OCCUPIED, id="a-session-without-a-name"),
        pytest.param([a_session("other")], [STARTED, ENDED], OCCUPIED, id="another-session"),
    ],
)
def test_p05_both_words_together(
    listed: list[Session], callbacks: list[Callback], occupancy: Occupancy
) -> None:
    """Somebody is inside unless for each session somebody says that it is over."""
    now = NOW + 2 * HOUR
    presence, _ = heard(callbacks)
    use = use_of(told(listed, now).get("r", Told()), presence, now, MAX)
    assert use.occupancy is occupancy
    denied = any(one.ended_at is None and one.id in presence.ended for one in listed)
    assert use.surely_empty is (occupancy is EMPTY and not denied), "by the API's own list alone"


@pytest.mark.parametrize(
    ("listed", "heard_of", "alone"),
    [
        pytest.param(None, True, True, id="nothing-is-listed-here"),
        pytest.param(Told(), True, True, id="not-listed-yet"),
        pytest.param(Told(open=(a_session(),)), True, False, id="listed-and-heard"),
        pytest.param(Told(open=(a_session(),)), False, False, id="listed"),
        pytest.param(Told(), False, False, id="empty-by-the-list"),
    ],
)
def test_on_whose_word_it_is_known(listed: Told | None, heard_of: bool, alone: bool) -> None:
    """By callbacks alone, or by the list too; people are told which."""
    presence, _ = heard([STARTED])
    use = use_of(listed, presence if heard_of else None, NOW + HOUR, MAX)
    assert use.heard is alone


def test_the_last_use_is_the_latest_of_all_words() -> None:
    """Of listed sessions, of callbacks, and of what was recorded before."""
    now = NOW + 5 * HOUR
    listed = told([a_session(over=True), a_session("t", begun=-HOUR, over=True)], now)["r"]
    assert listed.last_used_at == NOW + HOUR
    presence, _ = heard([STARTED, of(Event.SESSION_ENDED, ended=200)])
    assert use_of(listed, presence, now, MAX).last_used_at == NOW + HOUR, "it cannot lie ahead"
    presence, _ = hear(presence, NEXT, now)
    assert use_of(listed, presence, now, MAX).last_used_at == NOW + 90 * MINUTE
    recorded = recalled(use_of(listed, None, now, MAX), now - MINUTE, hearing=False)
    assert recorded.last_used_at == now - MINUTE
    assert told([a_session()], now)["r"].last_used_at == now, "somebody is inside now"
    assert latest(None, None) is None


@pytest.mark.parametrize(
    ("use", "recorded", "hearing", "expected"),
    [
        pytest.param(UNKNOWN_USE, None, True, UNKNOWN_USE, id="never-heard-of"),
        pytest.param(UNKNOWN_USE, NOW, False, Use(UNKNOWN, NOW), id="nothing-comes-any-more"),
        pytest.param(UNKNOWN_USE, NOW, True, Use(EMPTY, NOW, heard=True), id="heard-of-before"),
        pytest.param(Use(OCCUPIED, NOW), None, True, Use(OCCUPIED, NOW), id="known-anyway"),
    ],
)
def test_p04_silence_tells_something_only_where_callbacks_come(
    use: Use, recorded: datetime | None, hearing: bool, expected: Use
) -> None:
    """After a restart a room is known again once any callback came."""
    assert recalled(use, recorded, hearing=hearing) == expected


@pytest.mark.parametrize(
    ("before", "use", "after"),
    [
        pytest.param(None, UNKNOWN_USE, None, id="unknown"),
        pytest.param(None, Use(OCCUPIED, NOW), NOW, id="first-use"),
        pytest.param(NOW, Use(OCCUPIED, NOW + 59 * MINUTE), NOW, id="inside-to-the-hour"),
        pytest.param(NOW, Use(OCCUPIED, NOW + HOUR), NOW + HOUR, id="an-hour-later"),
        pytest.param(NOW, Use(EMPTY, NOW + MINUTE), NOW + MINUTE, id="left"),
        pytest.param(NOW, Use(EMPTY, NOW), NOW, id="as-it-was"),
    ],
)
def test_the_last_use_is_recorded_without_writing_all_the_time(
    before: datetime | None, use: Use, after: datetime | None
) -> None:
    """To the hour while somebody is inside, exactly afterwards."""
    record = replace(room(), last_used_at=before)
    assert recorded_use(record, use).last_used_at == after


@pytest.mark.parametrize(
    ("watched", "lasting", "after"),
    [
        (None, True, NOW),
        (NOW - timedelta(days=1), True, NOW),
        (NOW - timedelta(hours=23), True, NOW - timedelta(hours=23)),
        (NOW - timedelta(days=9), False, NOW - timedelta(days=9)),
        (None, False, None),
    ],
    ids=["first seen", "a day later", "the same day", "nobody is there", "nobody ever"],
)
def test_a_session_that_does_not_end_is_remembered_to_the_day(
    watched: datetime | None, lasting: bool, after: datetime | None
) -> None:
    use = Use(Occupancy.EMPTY, lasting=lasting)
    assert watched_use(room(watched_from=watched), use, NOW).watched_from == after


def test_of_two_lists_that_overlapped_who_is_inside_by_either_is_inside() -> None:
    """Unless the other says that this session is over; one without an id is never told so."""
    inside, over = a_session(), a_session(over=True)
    assert inside.id == over.id
    both = both_told(Told(open=(inside,), last_used_at=NOW), Told(last_used_at=NOW - HOUR))
    assert (both.open, both.over, both.last_used_at) == ((inside,), (), NOW)
    one, other = Told(open=(inside,)), Told(over=(over,))
    assert both_told(one, other) == both_told(other, one) == Told(over=(over,))
    nameless = replace(inside, id="")
    kept = both_told(Told(open=(nameless,)), Told(over=(replace(over, id=""),)))
    assert kept.open == (nameless,)
