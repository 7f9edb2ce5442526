"""Episodes: what is remembered of a page, from its opening to the end of its room.

A paging system may use one key again and again, so a page is known by source, key and episode
(design section 2).  An episode that was closed before it was opened is remembered as well, so that
a late opening does not bring a dead page back.  These are values; the table of what a signal makes
of them stands in `orchestrator.domain.paging`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.keys import Key
from orchestrator.domain.pages import Page
from orchestrator.domain.policies import Desired, PageWish

SEEN_MOST: Final = 32  # message ids that are remembered of one page


@dataclass(frozen=True, slots=True)
class Fallback:
    """Where people are sent while the API makes no room in time.

    Attributes:
        after: the page was recorded.
        room: the key of a standing room, as people write it, tried first; or an empty text.
        url: a fixed address; or an empty text.
        used_at: when somebody was sent there first (UTC): from then on it stays this episode's
            room, or half of the people would sit in another.
    """

    after: timedelta
    room: str = ""
    url: str = ""
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """One opening of one page.

    Attributes:
        id: drawn at random, 12 of ``0-9a-z``; it ends the key of its room.
        count: 1 for the first episode of its page.
        page: as its source told of it last.
        opened_at: when it was recorded (UTC, wall clock).
        policy: the name of the policy that took it; empty while none does.
        wish: what its room should be, as it was when the page was taken; None without a policy.
        withheld: why no policy took it, for people.
        undecided: no policy took it while one that would may have been unreadable.
        closed_at: when its closing was recorded; None while it is open.
        over_at: when it and its room are looked after no more; None until then.
        reason: why it was closed.
        merged_into: the digest of the page of the same source that it was merged into.
        shares: the encoded key of another episode whose room it shares in a storm.
        asks: how often somebody pressed *Open room*.
        room_at: when its first room was known.
        seen: ids of messages that were taken in for this page, the latest last.
        behind: how far the wall clock was behind API time when it was recorded, where that was too
            far: by so much later it grows too old, or it would as soon as the clock is right.
    """

    id: str
    count: int
    page: Page
    opened_at: datetime
    policy: str = ""
    wish: Desired | None = None
    withheld: str = ""
    undecided: bool = False
    closed_at: datetime | None = None
    over_at: datetime | None = None
    reason: str = ""
    merged_into: str = ""
    shares: str = ""
    asks: int = 0
    room_at: datetime | None = None
    fallback: Fallback | None = None
    seen: tuple[str, ...] = ()
    behind: timedelta = timedelta()

    @property
    def is_open(self) -> bool:
        """The source has not closed it."""
        return self.closed_at is None

    @property
    def closes_at(self) -> datetime:
        """When its room is let go, as things are: by its age, or a while after it was closed."""
        page = self.wish.page if self.wish is not None else None
        page = page or PageWish()
        if self.closed_at is None:
            return self.opened_at + self.behind + page.max_age
        return self.closed_at + (page.close_after if self.policy else timedelta())

    @property
    def key(self) -> Key | None:
        """The key of its own room: ``oncall-bridge/pagerduty-4f1a9c0212345678-7h3k9m2p5x1c``."""
        return Key(self.policy, f"{self.page.subject}-{self.id}") if self.policy else None
