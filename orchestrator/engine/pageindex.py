"""Which pages are not over, whose room each of them has, and how many came lately.

In memory, of what is durable: it is told of each episode once it was recorded.  It decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.episodes import Episode
from orchestrator.engine.pagedraft import Place, place_of, room_key

RECENT: Final = 1_000  # openings of one policy that a storm is told by
_KNOWN_MOST: Final = 2_000  # pages that are over and still remembered in memory


class PageIndex:
    """Finds episodes by id, by page, and by the room that they share."""

    def __init__(self) -> None:
        """Know none."""
        self.standing: dict[str, Episode] = {}
        """The episodes that are not over, by id, in the order in which they opened."""
        self._latest: dict[Place, Episode] = {}
        self._members: dict[str, set[str]] = {}  # of a room's key: its own episode, and who shares
        self._recent: dict[str, deque[tuple[datetime, str]]] = {}

    def latest(self, place: Place) -> Episode | None:
        """The latest episode of a page, over or not, as far as it is remembered here."""
        return self._latest.get(place)

    def members(self, key: str) -> Sequence[Episode]:
        """The episodes that have the room of an encoded key."""
        return [*self._of(key)]

    def leader(self, episode: Episode) -> Episode:
        """The episode whose room it has: itself, or the one that it shares a room with."""
        return next((one for one in self._of(episode.shares) if not one.shares), episode)

    def sharers(self, episode: Episode) -> int:
        """How many open pages share the room of this one."""
        return sum(one.is_open for one in self._of(room_key(episode)) if one.id != episode.id)

    def fresh(self, policy: str, now: datetime, within: timedelta) -> Iterator[str]:
        """The ids of what opened lately by a policy."""
        # What was counted before the clock was set back may lie ahead.
        recent = self._recent.get(policy, ())
        return (id_ for at, id_ in recent if abs(now - at) < within)

    def count(self, episode: Episode) -> None:
        """An episode opened: it counts for a storm of its policy."""
        recent = self._recent.setdefault(episode.policy, deque(maxlen=RECENT))
        recent.append((episode.opened_at, episode.id))

    def keep(self, episode: Episode) -> None:
        """Remember an episode as it is durable now."""
        place = place_of(episode)
        known = self._latest.pop(place, episode)
        # One that was merged may stand for a while beside the next.
        self._latest[place] = known if known.count > episode.count else episode
        key = episode.shares or room_key(episode)
        before = self.standing.get(episode.id)
        if before is not None and before.shares not in {"", episode.shares}:
            self._leave(before.shares, before.id)
        if episode.over_at is None:
            self.standing[episode.id] = episode
            if key:
                self._members.setdefault(key, set()).add(episode.id)
        else:
            self.standing.pop(episode.id, None)
            self._leave(key, episode.id)
        if len(self._latest) > _KNOWN_MOST + len(self.standing):
            oldest = next(at for at, one in self._latest.items() if one.over_at is not None)
            del self._latest[oldest]

    def _of(self, key: str) -> Iterator[Episode]:
        return (self.standing[id_] for id_ in self._members.get(key, ()))

    def _leave(self, key: str, id_: str) -> None:
        members = self._members.get(key, set())
        members.discard(id_)
        if not members:
            self._members.pop(key, None)
