"""Brakes: whether a whole set of removals and replacements may go on, judged together (P10).

A brake holds what ends or changes links and nothing else: creating and renewing go on.  The set is
every standing tombstone and every wished replacement, with those carried out in the last `per`;
so a batch is seen whole, and none of it is done when it is too large.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain.records import Tombstone
from orchestrator.foundation.instants import format_instant

APPROVED_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many links may end or change: the greater of a number and a share of the rooms."""

    max_removals: int = 3
    max_removal_percent: float = 10.0
    per: timedelta = timedelta(hours=24)

    def allowed(self, rooms: int) -> int:
        """The number allowed for an estate of so many current rooms."""
        return max(self.max_removals, int(rooms * self.max_removal_percent / 100))


@dataclass(frozen=True, slots=True)
class Standing:
    """One removal or replacement that stands.

    Attributes:
        link: what it ends or changes; tells this removal from every other of the same key, the next
            one of the same room among them.
        due: when it comes due; None: now.
        act: what else becomes of the link, where no decision about it was recorded before.
    """

    link: str
    due: datetime | None = None
    act: str = ""

    @property
    def shown(self) -> str:
        """What a person is shown and lets go: of another act on the same link it says nothing."""
        return f"{self.link} {self.act}" if self.act else self.link


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word that exactly this may be done, until then (UTC)."""

    link: str
    until: datetime
    actor: str
    reason: str


def lost_link(generation: int) -> str:
    """What stands for the link of a room that is lost: its generation."""
    return f"lost {generation}"


def replaced_by(digest: str) -> str:
    """What becomes of a link whose room is replaced by one for the wish of this digest."""
    return f"replace {digest}"


def ended_link(room_id: str, tombstone: Tombstone | None) -> str:
    """What stands for the link of a current room: the room, and the one decision that ends it."""
    if tombstone is None:
        return room_id
    return f"{room_id} {format_instant(tombstone.decided_at)}"


def approve(standing: Standing, now: datetime, actor: str, reason: str) -> Approval:
    """Let one thing go: for a day, and where a grace stands before it for a day after that.

    What was shown was the room and the moment of its end, so the word holds until then; whatever
    else is decided of the room later, by whomever, is something else.
    """
    due = now if standing.due is None else max(now, standing.due)
    return Approval(standing.shown, due + APPROVED_FOR, actor, reason)


def approved(
    standing: Mapping[str, Standing], approvals: Mapping[str, Approval], now: datetime
) -> frozenset[str]:
    """The keys of which a person let go exactly what stands."""
    return frozenset(
        key
        for key, one in standing.items()
        if (word := approvals.get(key)) is not None and word.link == one.shown and now < word.until
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a brake says of a set: the keys that it holds, empty when all may go on.

    Attributes:
        brake: names this very set, so that an approval covers what was shown and nothing else.
        wished: how many links would end or change, those of the last `per` among them.
        limit: how many may.
    """

    held: frozenset[str]
    wished: int
    limit: int
    brake: str = ""


def judge(
    standing: Mapping[str, Standing],
    recent: int,
    rooms: int,
    limits: Limits,
    approved: Collection[str] = (),
) -> Verdict:
    """Judge all standing removals and replacements together.

    Args:
        standing: what would end or change, by encoded key.
        recent: how many were ended or changed in the last `per`.
        rooms: how many current rooms there are.
        limits: what is allowed.
        approved: the keys that a person let go.
    """
    limit = limits.allowed(rooms)
    wished = len(standing) + recent
    unapproved = frozenset(standing).difference(approved)
    # What a person approved is not weighed again, neither while it stands nor once it is done:
    # otherwise the approved batch would hold the next, harmless, single removal for a day.
    if not unapproved or len(unapproved) + recent <= limit:
        return Verdict(frozenset(), wished, limit)
    shown = [f"{key} {standing[key].shown}" for key in unapproved]
    return Verdict(unapproved, wished, limit, name_of(shown))


def name_of(shown: Collection[str]) -> str:
    """The name of a set of what a person is shown: eight digits of its digest."""
    return hashlib.sha256("\n".join(sorted(shown)).encode()).hexdigest()[:8]
