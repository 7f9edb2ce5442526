"""Pages in our own words: at the generic door, in Standard Webhooks and in CloudEvents.

Keys are the sender's own and may be used again: never once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.domain.pages import Closed, Ignored, Opened, Page, Signal, Updated
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Events, Options
from orchestrator.edges.intake.reading import (
    address,
    at,
    bounded,
    first,
    kept,
    key_of,
    labels_of,
    moment,
    named,
    text,
)
from orchestrator.edges.intake.severities import USUAL, severity_of

SEVERITIES: Final = USUAL
_USUAL: Final = re.compile(
    r"(?:.*[./:])?(?:page|incident|alert)[./:]"
    r"(?:(?P<open>opened|open|created|triggered|firing)|(?P<reopen>reopened)"
    r"|(?P<close>closed|close|resolved)|(?P<update>updated|update|acknowledged))(?:[./:]v[0-9]+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Told:
    """One event, before it is known what it means.

    Attributes:
        kind: the type of the event, by the sender's name for it.
        data: the page in our words.
        key: of the page, or an empty text.
        whole: the body, to be kept.
        moment: when it happened; None where it does not say.
        delivery: the id of the message, or an empty text.
    """

    kind: str
    data: Tree
    key: str
    whole: Tree
    moment: datetime | None = None
    delivery: str = ""


def meaning(kind: str, events: Events) -> str:
    """What a type of event means: open, reopen, close, update, or an empty text for nothing.

    As the source says; where it says nothing, a name that ends like ``page.opened``.  What we tell
    ourselves begins with ``room.`` and means nothing.
    """
    if events != Events():
        named_so = {"open": events.open, "close": events.close, "update": events.update}
        return next((name for name, kinds in named_so.items() if kind in kinds), "")
    found = _USUAL.fullmatch(kind[:200])
    return "" if found is None else str(found.lastgroup)


def signals(message: Message, told: Told, options: Options) -> Sequence[Signal]:
    """What an event tells, as one signal."""
    match meaning(told.kind, options.events):
        case "open":
            page = _page(message, told, options)
            return [Opened(page, once=False, delivery=told.delivery)]
        case "reopen":
            page = _page(message, told, options)
            return [Opened(page, once=False, reopens=True, delivery=told.delivery)]
        case "close" if told.key:
            closed = Closed(
                **named(message, told.key),
                reason=first(text(told.data, "reason"), "closed"),
                closed_at=told.moment,
                once=False,
                delivery=told.delivery,
            )
            return [closed]
        case "update" if told.key:
            return [Updated(_page(message, told, options), told.delivery)]
        case "":
            why = "an event that opens and closes nothing"
        case _:
            why = "it does not say of which page it tells: the key is missing"
    return [Ignored(message.source, why, told.delivery)]


def _page(message: Message, told: Told, options: Options) -> Page:
    data = told.data
    return Page(
        **named(message, key_of(message, told.key)),
        **bounded(
            title=first(text(data, "title"), text(data, "summary")),
            service=text(data, "service"),
            team=text(data, "team"),
            url=address(text(data, "url")),
            number=text(data, "number"),
            bridge=address(text(data, "bridge")),
        ),
        severity=severity_of(options.severities, SEVERITIES, text(data, "severity")),
        labels=labels_of(at(data, "labels")),
        opened_at=moment(at(data, "opened_at")) or moment(at(data, "occurred_at")) or told.moment,
        raw=kept(message, told.whole),
    )
