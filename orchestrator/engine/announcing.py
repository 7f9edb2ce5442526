"""Announcing: what stands of rooms of subjects and occurrences, in the words that people are told.

Made of what is remembered of a key and of the book, whenever it is asked; nothing is kept here.
One announcement is one link: a room that is renewed or replaced is the same announcement, an
occurrence is one of its own.  What is not surely over is never told to be over (promise P4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.policies import DeliverTo, Desired, ForEach, LinkKind, Policy, Schedule
from orchestrator.domain.records import KeyState, Role, RoomRecord
from orchestrator.domain.situation import Unwanted
from orchestrator.domain.telling import Wanted
from orchestrator.engine.book import Book

_OURS: Final = "room-"  # how the ids of these announcements begin; those of pages do not

LinkOf = Callable[[Key], str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one key when it is to be announced at one destination.

    Attributes:
        state: what is remembered of it; one without rooms where nothing is.
        deliver: what its policy says of the destination; None where the policy is gone.
        row: what was told there; None where nothing was.
        since: from when on the policy names the destination; rooms of before are not announced.
    """

    state: KeyState
    book: Book
    deliver: DeliverTo | None
    row: Delivery | None
    since: datetime | None


def is_standing(policy: Policy) -> bool:
    """Whether its rooms are those of subjects or occurrences: pages are announced elsewhere."""
    return isinstance(policy.made_for, ForEach | Schedule)


def actor_of(policy: Policy | None) -> str:
    """Who acts by a policy, for the audit."""
    return "" if policy is None else f"policy {policy.name}@{policy.version[:8]}"


def is_ours(id_: str) -> bool:
    """Whether an announcement is of a subject or an occurrence."""
    return id_.startswith(_OURS)


def room_of(state: KeyState) -> RoomRecord | None:
    """The room that people are in: the current one, or one that is let go and still lives."""
    return state.current or next((room for room in state.rooms if room.role is Role.ENDING), None)


def announce(standing: Standing, id_: str, link_of: LinkOf | None) -> Wanted | None:
    """What is to be told of a key now; None where there is nothing to tell, or nobody knows.

    Args:
        standing: what is known.
        id_: of the announcement.
        link_of: our own link of a key; None: the room's guest link is told.
    """
    state, row = standing.state, standing.row
    room = room_of(state)
    desired = standing.book.wishes.get(state.key) or state.wish
    stage = _stage(standing, room)
    if room is None and not _tells_without_room(standing, desired, stage):
        return None
    guest = "" if room is None else room.guest_url
    link = (guest if link_of is None else link_of(state.key)) or ("" if row is None else row.link)
    if not link and stage is not Stage.CLOSED:
        return None
    occurrence = None if desired is None else desired.occurrence
    deliver = standing.deliver
    told = Announcement(
        id=id_,
        revision=0,
        stage=stage,
        policy=state.key.policy,
        key=str(state.key),
        title=_title(state, room, desired, row),
        link=link,
        note=_note(state, room) if occurrence is None else "",
        room_id="" if room is None else room.id,
        opened_at=None if room is None else room.created_at,
        starts_at=None if occurrence is None else occurrence.starts,
        ends_at=None if occurrence is None else occurrence.ends,
    )
    return Wanted(
        told,
        key=state.key.encoded,
        host=deliver is not None and deliver.link is LinkKind.HOST,
        held=stage is Stage.WAITING,
        old=_is_old(room, standing.since),
        actor=actor_of(standing.book.policies.get(state.key.policy)),
    )


def over(row: Delivery) -> Wanted:
    """The end of a link of which nothing is known any more but what was told of it."""
    key = decode_key(row.key)
    told = Announcement(
        id=row.id,
        revision=0,
        stage=Stage.CLOSED,
        policy=row.key.partition("/")[0],
        key=str(key or row.key),
        title=row.title,
        link=row.link,
    )
    return Wanted(told, key=row.key)


def _stage(standing: Standing, room: RoomRecord | None) -> Stage:
    if room is not None:
        return Stage.OPEN
    state = standing.state
    if state.dormant is not None:
        return Stage.CLOSED  # none is made by itself
    gone = isinstance(standing.book.wish(state.key, state), Unwanted)
    return Stage.CLOSED if gone else Stage.WAITING


def _tells_without_room(standing: Standing, desired: Desired | None, stage: Stage) -> bool:
    """Whether a link is told before its room is there: people meet at a moment that is known.

    A room that stands is told when it is there; the host's link needs it, too.
    """
    if standing.row is not None or stage is Stage.CLOSED:
        return True
    host = standing.deliver is not None and standing.deliver.link is LinkKind.HOST
    return not host and desired is not None and desired.occurrence is not None


def _title(
    state: KeyState, room: RoomRecord | None, desired: Desired | None, row: Delivery | None
) -> str:
    if room is not None:
        return room.display_name
    if desired is not None:
        return desired.display_name
    return str(state.key) if row is None else row.title


def _note(state: KeyState, room: RoomRecord | None) -> str:
    """What people should know of a room that will not stay."""
    if room is None:
        return ""
    if room.role is Role.ENDING:
        when = "" if room.expires_at is None else f" It ends {_moment(room.expires_at)}."
        return f"This room is not renewed any more.{when}"
    if state.tombstone is not None:
        return f"This room is to be let go, {_moment(state.tombstone.due)} at the earliest."
    return ""


def _moment(at: datetime) -> str:
    return f"{at:%d %b %Y %H:%M} UTC"


def _is_old(room: RoomRecord | None, since: datetime | None) -> bool:
    """Whether a room that was adopted stood before the destination was named."""
    if room is None or not room.adopted or since is None:
        return False
    return room.created_at is None or room.created_at < since
