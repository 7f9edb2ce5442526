"""Renewals, whatever is granted, missed and shown late: in time, apart, and never in a loop."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.domain.keys import key
from orchestrator.domain.policies import Renewal, Window
from orchestrator.domain.records import RoomRecord
from orchestrator.domain.renewal import RenewalTime, asked_end, floor, renewal_time
from tests import builders as a
from tests.builders import NOW, YEAR
from tests.effort import costly

DAY: Final = timedelta(days=1)
FOUR_HOURS: Final = Window("0 6 * * *", "UTC", timedelta(hours=4))
MIDNIGHT: Final = NOW.replace(hour=0)


def daily(window: Window, moment: datetime) -> tuple[datetime, datetime]:
    """Open from six on, each day."""
    days = (moment - MIDNIGHT) // DAY
    start = MIDNIGHT + days * DAY + timedelta(hours=6)
    if moment >= start + window.duration:
        start += DAY
    return start, start + window.duration


lives = st.sampled_from([timedelta(minutes=11), timedelta(hours=6), 30 * DAY, YEAR]) | (
    st.timedeltas(timedelta(minutes=11), YEAR)
)
renewals = st.builds(
    Renewal,
    st.none() | st.timedeltas(timedelta(minutes=1), YEAR),
    st.sampled_from([None, FOUR_HOURS]),
)
keys = st.integers(0, 10**6).map(lambda number: key("team-rooms", f"team-{number}").encoded)


def time_of(
    room: RoomRecord, shown: datetime, renewal: Renewal, name: str, now: datetime
) -> RenewalTime:
    return renewal_time(room, shown, renewal, name, daily, now)


@given(lives, renewals, keys, st.floats(0, 1.2))
def test_p07_its_moment_lies_in_its_life_and_in_its_window(
    life: timedelta, renewal: Renewal, name: str, part: float
) -> None:
    """In the second half, never in the last twentieth, and in a window where there is one."""
    room, end = a.room(expires_at=NOW + life, granted_at=NOW), NOW + life
    now = NOW + life * part
    time = time_of(room, end, renewal, name, now)
    assert time.latest == end - life / 20
    assert end - life * 0.63 <= time.moment <= time.latest
    if renewal.window is None or time.moment == time.latest:
        return
    start, closes = daily(FOUR_HOURS, time.moment)
    assert start <= time.moment < closes
    assert closes > now or time.moment >= now, "a window that was missed is over"


@given(lives, renewals, keys)
def test_p07_waiting_for_its_moment_moves_it_on_only_to_the_next_window(
    life: timedelta, renewal: Renewal, name: str
) -> None:
    """Whoever comes at the moment that was told finds it due."""
    room, end = a.room(expires_at=NOW + life, granted_at=NOW), NOW + life
    told = time_of(room, end, renewal, name, NOW).moment
    assert time_of(room, end, renewal, name, told).moment == told


@costly
@given(
    lives,
    renewals,
    keys,
    st.lists(
        st.tuples(st.sampled_from([0, 0.1, 0.9, 0.99]), st.booleans(), st.floats(0, 0.3)),
        max_size=30,
    ),
)
def test_p07_stale_looks_and_delays_never_bring_two_renewals_within_the_floor(
    life: timedelta, renewal: Renewal, name: str, looks: list[tuple[float, bool, float]]
) -> None:
    """After each renewal the room may be shown as it was for a while; it comes when it is told."""
    room = a.room(expires_at=NOW + life, granted_at=NOW, granted_until=NOW + life)
    end, now, renewed_at, least = NOW + life, NOW, None, timedelta(0)
    before, fresh_at = end, NOW
    for delay, fails, stale in looks:
        shown = before if now < fresh_at else end
        moment = time_of(room, shown, renewal, name, now).moment
        now = max(moment, now)
        now += max(end - now, timedelta(0)) * delay
        if now >= end:
            return  # nobody came in time
        shown = before if now < fresh_at else end
        if now < time_of(room, shown, renewal, name, now).moment or fails:
            now += timedelta(seconds=1)
            continue
        assert renewed_at is None or now - renewed_at >= least, "twice within the floor"
        before, end = shown, asked_end(now, life)
        fresh_at = now + life * stale
        room = replace(
            room,
            expires_at=end,
            granted_at=now,
            granted_until=end,
            renewed_at=now,
            renewed_from=before,
        )
        renewed_at, least = now, floor(end - now)


def test_p07_five_thousand_rooms_of_one_minute_are_renewed_apart() -> None:
    """Made in the same minute for a year: no minute renews more than a handful of them."""
    room = a.room(expires_at=NOW + YEAR, granted_at=NOW)
    names = [key("team-rooms", f"team-{number}").encoded for number in range(5000)]
    for renewal, most in (
        (Renewal(), 4),
        (Renewal(window=FOUR_HOURS), 6),
        (Renewal(30 * DAY), 10),
    ):
        moments = (time_of(room, NOW + YEAR, renewal, name, NOW).moment for name in names)
        minutes = Counter(int((moment - NOW) / timedelta(minutes=1)) for moment in moments)
        assert max(minutes.values()) <= most


@given(lives, renewals, keys, keys)
def test_two_keys_are_apart(life: timedelta, renewal: Renewal, one: str, other: str) -> None:
    assume(one != other)
    room, end = a.room(expires_at=NOW + life, granted_at=NOW), NOW + life
    first, second = (time_of(room, end, renewal, name, NOW) for name in (one, other))
    assert first.moment != second.moment or first.moment == first.latest
