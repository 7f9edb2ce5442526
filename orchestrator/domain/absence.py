"""Whether a listing that lacks rooms of ours is believed: another API behind the proxy is no loss.

A single room that is gone is gone.  A listing that shows nothing at all, or less than half of what
must be there, more likely tells of another backend, a database that was not put back yet, or the
wrong account: it is doubted, and a doubt leads to no removal, no replacement and no new room for a
lost one (promise P4), until the rooms are back or a person says that they are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain.brakes import name_of
from orchestrator.domain.records import KeyState, Role, RoomRecord
from orchestrator.domain.rooms import RoomType

_NAMED: Final = 3  # keys that a sentence names
# An instant room lives for so long if nobody joins it, and longer if somebody does.
_INSTANT_LIVES: Final = timedelta(minutes=10)
# So near its end a room may well end between a listing and the moment that we know of.
_NEAR_ITS_END: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Look:
    """A listing: how many rooms it showed, and whether it or a younger answer shows one of them.

    While a doubt stands `listed` counts those that were there before it alone.
    """

    listed: int
    is_there: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Absence:
    """What a listing lacks; nothing where it lacks nothing that matters.

    Attributes:
        missing: the encoded key of each room that should have been shown, by the room's id.
        expected: how many should have been shown.
        listed: how many rooms it showed, whoever's they are.
    """

    missing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    expected: int = 0
    listed: int = 0

    @property
    def doubtful(self) -> bool:
        """Whether so much is missing that the listing is not believed.

        One of one that is missing beside rooms of others is the ordinary loss of a single room.
        """
        if not self.missing:
            return False
        return not self.listed or 2 * len(self.missing) > max(self.expected, 2)

    @property
    def name(self) -> str:
        """Names exactly these keys, so that an approval covers what was shown and nothing else."""
        return name_of(self.missing.values()) if self.doubtful else ""

    @property
    def reason(self) -> str:
        """Why the listing is not believed, or an empty text."""
        if not self.doubtful:
            return ""
        keys = sorted(self.missing.values())
        named = ", ".join(keys[:_NAMED]) + (", …" if len(keys) > _NAMED else "")
        rooms = "room" if self.expected == 1 else "rooms"
        shown = "shows no room at all" if not self.listed else "is not believed"
        return (
            f"the API's listing {shown}: it lacks {len(keys):,} of {self.expected:,} {rooms} of "
            f"ours ({named}). Another API or account may be answering"
        )


def absence(
    states: Iterable[KeyState],
    look: Look,
    gone: frozenset[str],
    before: datetime,
    now: datetime,
    *,
    doubted: bool = False,
) -> Absence:
    """Compare what is remembered with what a listing showed.

    Args:
        states: everything that is remembered.
        look: what was seen.
        gone: ids of which a person said that they are gone.
        before: rooms made later are not expected: the listing may lag, or a doubt stands and they
            were made by the very API that is doubted.
        now: API time.
        doubted: a doubt stands: it does not end a minute before a room does.
    """
    near = timedelta() if doubted else _NEAR_ITS_END
    missing: dict[str, str] = {}
    expected = 0
    for state in states:
        for room in state.rooms:
            if room.id in gone or not _must_be_there(state, room, before, now + near):
                continue
            expected += 1
            if not look.is_there(room.id):
                missing[room.id] = state.key.encoded
    return Absence(MappingProxyType(missing), expected, look.listed)


def _must_be_there(state: KeyState, room: RoomRecord, before: datetime, soon: datetime) -> bool:
    """Whether nothing but a loss takes a room away: no end of its own, none that we ask for.

    Until ``soon``, which is now or a moment later.
    """
    if room.role is not Role.CURRENT:
        return False
    if room.applied.get("expire_after_use") is True:
        return False
    if state.tombstone is not None and state.tombstone.due <= soon:
        return False
    ends = room.expires_at
    made = room.created_at or room.granted_at
    if room.type is RoomType.INSTANT and soon - made >= _INSTANT_LIVES:
        return False
    return made < before and (ends is None or ends > soon)
