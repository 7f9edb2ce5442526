"""Callbacks lost, doubled, late and overtaken: nobody who may be inside is overlooked (P5)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.presence import Callback, Event, News, Presence, Told, hear, told, use_of
from orchestrator.domain.rooms import Occupancy, Session

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MAX = timedelta(hours=12)


@dataclass(frozen=True)
class Sent:
    """A callback, when it happened and when it came."""

    callback: Callback
    happened: datetime
    came: datetime


@dataclass(frozen=True)
class Meeting:
    """One session as it really was."""

    name: str
    began: datetime
    ended: datetime
    callbacks: tuple[tuple[Callback, datetime], ...]


@st.composite
def histories(draw: st.DrawFn) -> list[Meeting]:
    """Lawful histories of one room: sessions one after the other, people who come and go."""
    meetings: list[Meeting] = []
    now = BEGIN
    for number in range(draw(st.integers(1, 4))):
        name = f"s{number}"
        began = now + draw(st.integers(0, 600)) * MINUTE
        moments = sorted(draw(st.lists(st.integers(0, 700), min_size=1, max_size=5)))
        ended = began + (moments[-1] + 1) * MINUTE
        base = Callback(Event.SESSION_STARTED, "r", name, started_at=began)
        callbacks = [(base, began)]
        for who, moment in enumerate(moments):
            for event, at in (
                (Event.PARTICIPANT_JOINED, began + moment * MINUTE),
                (Event.PARTICIPANT_LEFT, ended),
            ):
                sign = replace(base, event=event, participant_id=f"p{who}", started_at=None)
                callbacks.append((sign, at))
        callbacks.append((replace(base, event=Event.SESSION_ENDED, ended_at=ended), ended))
        meetings.append(Meeting(name, began, ended, tuple(callbacks)))
        now = ended
    return meetings


@st.composite
def deliveries(draw: st.DrawFn, meetings: list[Meeting]) -> list[Sent]:
    """Each callback never, once or several times, at once or up to a day late."""
    sent: list[Sent] = []
    for meeting in meetings:
        for callback, at in meeting.callbacks:
            delays = draw(st.lists(st.sampled_from([0, 0, 1, 45, 600, 1440]), max_size=3))
            sent += [Sent(callback, at, at + delay * MINUTE) for delay in delays]
    return sorted(sent, key=lambda one: (one.came, draw(st.integers(0, 9))))


@given(st.data(), histories())
def test_p05_a_room_that_was_heard_to_be_occupied_never_looks_empty(
    data: st.DataObject, meetings: list[Meeting]
) -> None:
    """While a session goes on of which any sign of life came within the longest silence."""
    sent = data.draw(deliveries(meetings))
    presence = Presence()
    came: list[Sent] = []
    for one in sent:
        presence, _ = hear(presence, one.callback, one.came)
        came.append(one)
        for meeting in meetings:
            signs = [
                each.happened
                for each in came
                if each.callback.session_id == meeting.name and each.happened <= one.came
            ]
            goes_on = meeting.began <= one.came < meeting.ended
            if goes_on and signs and one.came - max(signs) < MAX:
                use = use_of(None, presence, one.came, MAX)
                assert use.occupancy is Occupancy.OCCUPIED
        assert not use_of(None, presence, one.came, MAX).surely_empty


@given(st.data(), histories())
def test_whatever_the_order_the_same_is_known_in_the_end(
    data: st.DataObject, meetings: list[Meeting]
) -> None:
    """With everything delivered, in any order and any number of times, everybody has left."""
    callbacks = [callback for meeting in meetings for callback, _ in meeting.callbacks]
    doubled = data.draw(st.lists(st.sampled_from(callbacks), max_size=5))
    order = data.draw(st.permutations([*callbacks, *doubled]))
    late = meetings[-1].ended
    presence, news = Presence(), []
    for callback in order:
        presence, told_now = hear(presence, callback, late)
        news.append((callback.session_id, told_now))
    assert use_of(None, presence, late, MAX).occupancy is Occupancy.EMPTY
    assert presence.last_used_at is not None
    assert presence.last_used_at >= max(meeting.ended for meeting in meetings)
    for meeting in meetings:
        assert news.count((meeting.name, News.ENDED)) == 1
        assert news.count((meeting.name, News.STARTED)) <= 1


@given(st.data(), histories(), st.integers(0, 5000))
def test_p05_the_apis_own_list_and_callbacks_never_make_an_occupied_room_empty(
    data: st.DataObject, meetings: list[Meeting], minute: int
) -> None:
    """A list that is right for its moment, and callbacks of before and after."""
    now = BEGIN + minute * MINUTE
    listed = [
        Session("r", one.began, one.ended if one.ended <= now else None, one.name)
        for one in meetings
        if one.began <= now
    ]
    presence = Presence()
    for one in data.draw(deliveries(meetings)):
        if one.came <= now:
            presence, _ = hear(presence, one.callback, one.came)
    use = use_of(told(listed, now).get("r", Told()), presence, now, MAX)
    goes_on = [one for one in meetings if one.began <= now < one.ended]
    if any(now - one.began < MAX for one in goes_on):
        assert use.occupancy is Occupancy.OCCUPIED
    if not goes_on:
        assert use.surely_empty
