"""Where a link leads: what is said of one key to whoever opens its link.

A table over what is wanted, remembered and seen.  What it says is for guests: no reason of ours
with a file, an id or another room in it ever leaves by it (promise P11).  It decides nothing; a
link that leads nowhere yet says so in words that help.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from orchestrator.domain.actions import Hold
from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import LinkView
from orchestrator.domain.policies import Mode, Occurrence
from orchestrator.domain.records import KeyState, Role, RoomRecord
from orchestrator.domain.rooms import Observed, Occupancy, has_ended
from orchestrator.domain.situation import Gone, Unwanted, Use, Wish

NOT_KNOWN: Final = "It is not known just now whether there is a room here. Please wait a moment."
AWAY: Final = "The meeting service does not answer just now. We go on trying."
UNSEEN: Final = "The meeting service does not show this room just now. You can try it all the same:"
OBSERVED: Final = "No room is opened here for the time being. Please ask those who sent you here."
ASKED: Final = "A person has to decide first. Those who look after the rooms have been told."
DORMANT: Final = (
    "Nobody used this room for a long time, so it is not kept any more. "
    "Those who look after the rooms can open it again."
)
PAUSED: Final = "This room is paused. Those who look after the rooms know when it comes back."
LATER: Final = "This room is opened later: rooms are not changed just now."
ENDED: Final = "This room has ended."
OVER: Final = "This meeting is over, or was never planned."

# What stands before a room, by the word of its hold: for people, and the first that fits.
_SAYINGS: Final = (
    (frozenset({"suspended"}), PAUSED),
    (frozenset({"dormant"}), DORMANT),
    (frozenset({"mode"}), OBSERVED),
    (frozenset({"frozen", "window"}), LATER),
    (frozenset({"weather", "credentials", "canary", "back-off", "settle"}), AWAY),
    (frozenset({"brake", "look-alike", "not-shown", "conflict", "stranger"}), ASKED),
    (frozenset({"doubt"}), NOT_KNOWN),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one key.

    Attributes:
        state: what is remembered; empty for a key of which nothing is.
        wish: None where it is not known what is wanted.
        mode: how far we go for this key.
        holds: what the last turn held.
        sights: what the API last said of its rooms, by id.
        uses: how they are used, by id.
    """

    state: KeyState
    wish: Wish | None
    mode: Mode = Mode.ENFORCE
    holds: Sequence[Hold] = ()
    sights: Mapping[str, Observed | Gone] = field(default_factory=dict)
    uses: Mapping[str, Use] = field(default_factory=dict)

    @property
    def is_wanted(self) -> bool:
        """Something asks for a room, or the last good word did."""
        return self.wish is not None and not isinstance(self.wish, Unwanted)

    def joinable(self, now: datetime) -> RoomRecord | None:
        """The room that people can meet in: the current one, or one that is let go and lives.

        A superseded room is never given out again, a duplicate never was.
        """
        for role in (Role.CURRENT, Role.ENDING):
            for room in self.state.rooms:
                if room.role is role and self._lives(room, now):
                    return room
        return None

    def inside(self, room: RoomRecord) -> Occupancy:
        """Whether somebody is in a room, as far as may be said of it to guests.

        That nobody is takes more than silence: callbacks alone may have been lost (promise P5).
        """
        use = self.uses.get(room.id, Use())
        known = use.occupancy is Occupancy.OCCUPIED or use.surely_empty
        return use.occupancy if known else Occupancy.UNKNOWN

    def _lives(self, room: RoomRecord, now: datetime) -> bool:
        sight, use = self.sights.get(room.id), self.uses.get(room.id, Use())
        match sight:
            case Observed():
                return not has_ended(sight, now, use.occupancy)
            case Gone(unlisted=True):
                return False
            case _:  # nothing is seen of it, or one answer lacked it: the record is believed
                return room.expires_at is None or room.expires_at > now


def view_of(standing: Standing, now: datetime) -> LinkView | None:
    """What stands behind a key's link; None where nothing does and nothing is remembered.

    Args:
        standing: how it stands.
        now: API time.
    """
    state = standing.state
    title = "" if state.wish is None else state.wish.display_name
    room = standing.joinable(now)
    if room is not None:
        occurrence = None if state.wish is None else state.wish.occurrence
        inside = standing.inside(room)
        shown = LinkView(Stage.OPEN, room.display_name, room_link=room.guest_url, inside=inside)
        return _timed(shown, occurrence)
    current = state.current
    if current is not None and isinstance(standing.sights.get(current.id), Gone):
        return LinkView(
            Stage.WAITING, current.display_name, room_link=current.guest_url, note=UNSEEN
        )
    if standing.wish is None:
        return LinkView(Stage.WAITING, title, note=NOT_KNOWN)
    if isinstance(standing.wish, Unwanted):
        return LinkView(Stage.CLOSED, title, note=ENDED) if state.generation else None
    wanted = standing.wish.desired
    if state.dormant is not None:
        return LinkView(Stage.IDLE, wanted.display_name, note=DORMANT)
    waiting = LinkView(Stage.WAITING, wanted.display_name, note=_note(standing))
    return _timed(waiting, wanted.occurrence)


def running_or_next(
    occurrences: Iterable[tuple[str, Occurrence]], now: datetime
) -> tuple[str, Occurrence] | None:
    """Which of the occurrences that are open a series leads to, by subject.

    The one that goes on, and of several the one that began last; else the one that starts next.
    """
    opened = sorted(occurrences, key=lambda one: (one[1].starts, one[0]))
    begun = [one for one in opened if one[1].starts <= now]
    return begun[-1] if begun else next(iter(opened), None)


def _timed(view: LinkView, occurrence: Occurrence | None) -> LinkView:
    """A view that says when people meet, if that is known."""
    if occurrence is None:
        return view
    return replace(view, starts_at=occurrence.starts, ends_at=occurrence.ends)


def _note(standing: Standing) -> str:
    if standing.mode is Mode.OBSERVE:
        return OBSERVED
    held = {hold.by for hold in standing.holds}
    return next((saying for words, saying in _SAYINGS if held & words), "")
