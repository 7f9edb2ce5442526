"""Brakes: whether a whole set of removals and replacements may go on, judged together (P10).

A brake holds what ends or changes links and nothing else: creating and renewing go on.  The set is
every standing tombstone and every wished replacement, with those carried out in the last `per`;
so a batch is seen whole, and none of it is done when it is too large.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta


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
class Approval:
    """A person's word for exactly these keys, until then (UTC)."""

    keys: frozenset[str]
    until: datetime
    actor: str
    reason: str


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
    standing: Collection[str],
    recent: int,
    rooms: int,
    limits: Limits,
    approval: Approval | None,
    now: datetime,
) -> Verdict:
    """Judge all standing removals and replacements (encoded keys) together.

    Args:
        standing: the keys whose link would end or change.
        recent: how many were ended or changed in the last `per`.
        rooms: how many current rooms there are.
        limits: what is allowed.
        approval: a person's word, if there is one.
        now: UTC.
    """
    limit = limits.allowed(rooms)
    wished = len(standing) + recent
    approved: frozenset[str] = frozenset()
    if approval is not None and now < approval.until:
        approved = approval.keys
    unapproved = frozenset(standing) - approved
    # What a person approved is not weighed again, neither while it stands nor once it is done:
    # otherwise the approved batch would hold the next, harmless, single removal for a day.
    if not unapproved or len(unapproved) + recent <= limit:
        return Verdict(frozenset(), wished, limit)
    return Verdict(unapproved, wished, limit, name_of(unapproved))


def name_of(keys: Collection[str]) -> str:
    """The name of a set of held keys: eight digits of its digest."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:8]
