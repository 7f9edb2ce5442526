"""When a long_term room is renewed: early enough, spread out, and never in a loop (promise P7).

Every rule is the design's section 5, *Renew*.  L is the life that the API granted: the end that it
answered less the API time of the grant.  Nothing here knows cron: a window is asked for its next
opening through a function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.keys import spread
from orchestrator.domain.policies import Renewal, Window
from orchestrator.domain.records import KeyState, RoomRecord
from orchestrator.domain.rooms import LATEST_END, LONGEST_ASK, NOTICE

FLOOR_MOST: Final = timedelta(hours=24)
FLOOR_LEAST: Final = timedelta(seconds=60)
# The end, less this share of life, overrides window, spread and every other wish.
EMERGENCY_SHARE: Final = 20
# So often a day a policy's new lifetimes and people together may have one room renewed.
ASKED_MOST: Final = 6
_A_DAY: Final = timedelta(hours=24)

Opening = Callable[[Window, datetime], tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class RenewalTime:
    """When a room is to be renewed, and why then.

    Attributes:
        moment: from here on it is due; never earlier than the floor allows.
        latest: the last twentieth of its life begins.
        why: for people: "a third of its life before the end", with the window if there is one.
    """

    moment: datetime
    latest: datetime
    why: str


def granted_life(room: RoomRecord, expires_at: datetime, now: datetime) -> timedelta:
    """L, at most what an API can grant; an end that somebody else moved far out adds nothing.

    What an API answers and what it grants may differ, so the end that is seen counts.  Only where
    that is still the one which was moved on, the room is seen as it was, and the answer counts.
    A grant that is yet to come at ``now`` (API time) was dated by an API whose clock was wrong;
    then the lifetime that was asked for counts.
    """
    if room.granted_at > now:
        return min(room.lifetime or LATEST_END, LATEST_END)
    granted = expires_at
    if room.granted_until is not None and expires_at == room.renewed_from:
        granted = room.granted_until
    return max(min(granted - room.granted_at, LATEST_END), timedelta(0))


def floor(life: timedelta) -> timedelta:
    """The least time between two renewals by the daemon's own decision."""
    return max(min(FLOOR_MOST, life / EMERGENCY_SHARE), FLOOR_LEAST)


def lead(life: timedelta, wished: timedelta | None) -> timedelta:
    """How long before the end a renewal falls due: a third of life, or the wish up to a half."""
    return life / 3 if wished is None else min(wished, life / 2)


def asked_end(now: datetime, lifetime: timedelta) -> datetime:
    """The end to ask for at ``now``, lawful even where the API's clock is a little ahead."""
    return now + max(min(lifetime, LONGEST_ASK), NOTICE)


def asked_lately(room: RoomRecord, now: datetime) -> tuple[datetime, ...]:
    """The renewals of the last day that somebody asked for, oldest first."""
    return tuple(at for at in room.asked_at if now - at < _A_DAY)


def asked_again(room: RoomRecord, now: datetime) -> datetime | None:
    """When a renewal may be asked for again; None where it may now."""
    lately = asked_lately(room, now)
    return None if len(lately) < ASKED_MOST else lately[-ASKED_MOST] + _A_DAY


def renewal_time(
    room: RoomRecord,
    expires_at: datetime,
    renewal: Renewal,
    key: str,
    opening: Opening | None,
    now: datetime,
) -> RenewalTime:
    """Say when a room that ends at ``expires_at`` is to be renewed.

    Args:
        room: our record of it, for its grant and its last renewal.
        expires_at: its end as the API last said, UTC.
        renewal: the policy's wish.
        key: the encoded key, which gives the room its own place within a quarter of the lead.
        opening: the first opening of a window that has not closed at a moment; None: as if there
            were no window.
        now: API time; a window that was missed is over, and the next one counts.
    """
    life = granted_life(room, expires_at, now)
    before = lead(life, renewal.before)
    share = spread(key)
    due = expires_at - before * (1 + share / 4)
    latest = expires_at - life / EMERGENCY_SHARE
    moment, why = due, f"{_days(before)} before its end, spread by its key"
    if renewal.window is not None and opening is not None:
        start, end = opening(renewal.window, max(due, now))
        start = max(start, due)
        # By another number: those whose due moments lie in one day have nearly the same share.
        moment = start + (end - start) * spread(f"{key}#window")
        why = f"{_days(before)} before its end, in its window {renewal.window.cron!r}"
    if moment > latest:
        moment, why = latest, "the last twentieth of its life begins"
    least = floor(life)
    # A renewal that is yet to come holds nothing either, but for what two clocks may differ by.
    if room.renewed_at is not None and room.renewed_at - now <= least:
        earliest = room.renewed_at + least
        if earliest > moment:
            moment, why = earliest, "it was renewed a short while ago"
    return RenewalTime(moment, latest, why)


def planned_renewal(state: KeyState, opening: Opening | None, now: datetime) -> RenewalTime | None:
    """When a key's room is renewed next, as it is remembered; None where it never is.

    Without ``opening`` no window is looked at: a moment that may be early, for little work.
    """
    room, wish = state.current, state.wish
    if room is None or wish is None or wish.lifetime is None or wish.occurrence is not None:
        return None
    if room.expires_at is None or state.dormant is not None:
        return None
    return renewal_time(room, room.expires_at, wish.renewal, state.key.encoded, opening, now)


def _days(length: timedelta) -> str:
    seconds = length.total_seconds()
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.0f} s"
