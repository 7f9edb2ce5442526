"""Obstacles: what stands in the way, in the order in which it has to be cleared, as sentences.

What a plan holds is turned into them; what stands before any plan (nobody asks for it, a file has a
mistake, the API is away) is added by whoever gathers.  It decides nothing and advises one line at
most: of what stands first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from orchestrator.domain.actions import Action, Hold, LetGo
from orchestrator.domain.policies import CONDITION, Template, Tree
from orchestrator.domain.reports import Obstacle

# What has to be cleared first comes first: that it is wanted at all, then what stops everything,
# then what stops this key, then what waits for nothing but time.
ORDER: Final = (
    *("unknown", "renamed", "policy", "not-wanted", "not-yet", "sources"),
    *("when", "shares", "fallback", "idle"),
    *("suspended", "frozen", "window", "review", "store", "stranger", "credentials", "weather"),
    *("mode", "canary"),
    *("clock", "first-listing", "not-seen", "doubt", "unlisted", "conflict"),
    *("look-alike", "not-shown", "theme", "dormant", "protected", "kept", "replace-never"),
    *("not-taken", "brake", "occupied", "unknown-use", "in-use"),
    *("grace", "settle", "back-off", "asked", "more"),
)
# What does not end at a next look: it stands, or is told beside the rest.
LASTING: Final = frozenset(
    {
        *("renamed", "policy", "not-wanted", "sources", "shares", "fallback"),
        *("dormant", "idle", "protected", "kept", "replace-never", "not-taken"),
    }
)
_VERBS: Final = {
    "let-go": "letting it go",
    "bury": "its removal",
    "sleep": "letting it go unused",
    "create": "making its room",
    "delete": "deleting its room",
    "retire": "ending its room",
    "replace": "replacing its room",
    "renew": "renewing it",
    "update": "changing it",
    "adopt": "taking a room for it",
}
_NAME: Final = re.compile(r"\bpage(?:\.\w+|\[\s*(?:'[^']*'|\"[^\"]*\")\s*\])+")
_PART: Final = re.compile(r"\.(\w+)|\[\s*(?:'([^']*)'|\"([^\"]*)\")\s*\]")
_VALUE_MOST: Final = 80  # characters of a value that comes from outside


def word_of(action: Action | None) -> str:
    """One word for what is held, as plans and the audit have it; empty for nothing."""
    if action is None:
        return ""
    return "let-go" if isinstance(action, LetGo) else type(action).__name__.lower()


def doing(action: str) -> str:
    """What an action is, for people: ``replacing its room``."""
    return _VERBS.get(action, action)


def of_hold(
    hold: Hold,
    until: datetime | None,
    *,
    since: datetime | None = None,
    seq: int = 0,
    advice: str = "",
) -> Obstacle:
    """What a plan holds.

    Args:
        hold: of the plan, or of what guards it.
        until: when it ends by itself, on the wall clock.
        since: from when on, as far as a fact tells.
        seq: of that fact.
        advice: a line that can be pasted.
    """
    return Obstacle(hold.by, hold.reason, word_of(hold.action), since, until, seq, advice)


def in_order(obstacles: Iterable[Obstacle]) -> tuple[Obstacle, ...]:
    """What has to be cleared first comes first; what is said twice is said once."""
    kept: dict[tuple[str, str], Obstacle] = {}
    for one in obstacles:
        kept.setdefault((one.by, one.told), one)
    return tuple(sorted(kept.values(), key=lambda one: _place(one.by)))


def _place(by: str) -> int:
    return ORDER.index(by) if by in ORDER else len(ORDER)


def advice_of(obstacles: Sequence[Obstacle]) -> str:
    """The one line that is advised: of what stands first and can be helped by one."""
    return next((one.advice for one in obstacles if one.advice), "")


def verdict(
    obstacles: Sequence[Obstacle], *, has_room: bool, wanted: bool, under_way: str = ""
) -> str:
    """The answer in one sentence; what stands in the way follows it.

    Args:
        obstacles: in order.
        has_room: a room of it is there.
        wanted: something asks for it.
        under_way: the action that is about to be done, in one word.
    """
    if wanted and has_room:
        if any(one.action for one in obstacles):
            return "Its room is there. In the way of what else is due:"
        if obstacles:
            return "Its room is there, and nothing of it waits. What there is to know:"
        if under_way:
            return f"Its room is there, and nothing is in the way: {doing(under_way)} is under way."
        return "Nothing is in the way: its room is there, and as it should be."
    if wanted:
        if obstacles:
            return "No room yet. In the way:"
        return "No room yet, and nothing is in the way: it is being made."
    if has_room:
        return "Its room is there still, and nothing asks for it. In the way of its end:"
    return "No room, and none to come. In the way:"


def values_named(template: Template, page: Tree) -> tuple[str, ...]:
    """What an expression names of a page, each with the value that it has there.

    Args:
        template: the expression of a `when`.
        page: what templates know as ``page``.
    """
    told: list[str] = []
    for name in dict.fromkeys(_NAME.findall(expression(template))):
        value = page
        for part in _PART.finditer(name):
            step = next(text for text in part.groups() if text is not None)
            value = value.get(step) if isinstance(value, dict) else None
        told.append(f"{name} is {_shown(value)}")
    return tuple(told)


def expression(template: Template) -> str:
    """An expression as it was written."""
    before, after = CONDITION
    return template.source.removeprefix(before).removesuffix(after)


def _shown(value: Tree) -> str:
    if value is None:
        return "not told"
    text = repr(value)
    return text if len(text) <= _VALUE_MOST else f"{text[: _VALUE_MOST - 1]}…"


def sentence(one: Obstacle, moment: Callable[[datetime], str]) -> str:
    """An obstacle as a sentence without a full stop: what waits, why, since when and until when.

    Args:
        one: the obstacle.
        moment: a moment as its reader says it.
    """
    told = f"{doing(one.action)} waits: {one.told}" if one.action else one.told
    since = "" if one.since is None else f", since {moment(one.since)}"
    until = "" if one.until is None else f", until {moment(one.until)}"
    return f"{told}{since}{until}"
