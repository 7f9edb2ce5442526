"""Instant rooms, and the rooms of pages: when another one is made, and when one has ended.

An instant room lives ten minutes unjoined, and ten minutes after the last one left; the end that
the API shows does not move meanwhile (design section 5, *Instant rooms*).  Its link is a page's, so
the next room is made only where somebody needs one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.actions import Create
from orchestrator.domain.ending import later
from orchestrator.domain.policies import Desired, PageWish
from orchestrator.domain.presence import last_use
from orchestrator.domain.records import KeyState, RoomRecord
from orchestrator.domain.rooms import EARLIEST_END, Observed, RoomType
from orchestrator.domain.situation import Draft, Pending, Situation, Unwanted

# Rooms in a row in which nobody was; then one an hour for whoever asks: a robot that presses
# buttons must not make rooms for ever, and a person must not be locked out.
_UNJOINED_MOST: Final = 3
_ASKED_AGAIN: Final = timedelta(hours=1)


def next_on_page(
    situation: Situation, desired: Desired, page: PageWish, draft: Draft
) -> Create | None:
    """The room that an open page without one is to get, its first or the next (section 5)."""
    state = situation.state
    if state.generation == 0 or not state.ended_at:
        reason = f"{desired.because} asks for it"
    elif state.lost:
        reason = "its room is gone, and its page is open"
    elif page.keep_open and page.asks > state.asks_met and may_open(state, situation.now):
        reason = "somebody asked for it on the page's link"
    elif page.keep_open and state.unjoined == 0:
        reason = "its last room was used and has ended, and its page is open"
    else:
        draft.hold("idle", _why_idle(state, page))
        if page.keep_open and page.asks > state.asks_met:
            draft.back_at(state.ended_at + _ASKED_AGAIN)
        return None
    return Create(desired, state.generation + 1, reason)


def may_open(state: KeyState, now: datetime) -> bool:
    """Whether whoever asks for another room is given one now (API time)."""
    if state.unjoined < _UNJOINED_MOST or state.ended_at is None:
        return True
    return state.ended_at + _ASKED_AGAIN <= now


def is_idle(state: KeyState | None, page: PageWish) -> bool:
    """Whether the last room of a page has ended, and no other comes before somebody asks for it."""
    if state is None or state.current is not None or state.ended_at is None or state.lost:
        return False
    return not page.keep_open or (state.unjoined > 0 and page.asks <= state.asks_met)


def _why_idle(state: KeyState, page: PageWish) -> str:
    if not page.keep_open:
        return "its room has ended, and its policy does not say keep_open"
    if state.unjoined >= _UNJOINED_MOST:
        return f"{state.unjoined} rooms in a row ended without anybody having been inside"
    return "its room ended without anybody having been inside; the next opens when somebody asks"


def outlives_its_end(situation: Situation, room: RoomRecord, seen: Observed) -> bool:
    """An instant room lives ten minutes longer than its last visitor, whatever its end says."""
    used = last_use(room, situation.use(room.id))
    if seen.type is not RoomType.INSTANT or not seen.is_available or used is None:
        return False
    return situation.now < used + EARLIEST_END


def back_at_its_end(situation: Situation, room: RoomRecord, seen: Observed, draft: Draft) -> None:
    """Look again when an instant room should have ended: that is told by nobody."""
    if seen.type is not RoomType.INSTANT:
        return
    used = last_use(room, situation.use(room.id))
    ends = [end for end in (seen.expires_at, used and used + EARLIEST_END) if end is not None]
    draft.back_at(later(max(ends, default=None), situation.now))


def tried_at_once(situation: Situation, pending: Pending) -> Create | None:
    """An unanswered create that is sent again after one look, without waiting for proof.

    What may have been made nevertheless was told to nobody and dies by itself.
    """
    wish, operation = situation.wish, pending.operation
    if isinstance(wish, Unwanted) or not pending.glanced or situation.state.current is not None:
        return None
    if wish.desired.page is None or wish.desired.type is not RoomType.INSTANT:
        return None
    reason = "a create was not answered, and people wait for their room"
    return Create(wish.desired, operation.generation, reason, again=operation)
