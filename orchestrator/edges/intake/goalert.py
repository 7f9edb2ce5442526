"""GoAlert (webhooks guide 2.9): it signs nothing and asks nothing of our answer.

What became of an alert is told in prose: the entry of its log begins with the word that counts.  A
bundle names no alert, so the room is its service's and nothing ever closes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from orchestrator.domain.pages import Closed, Ignored, Opened, Page, Signal, Updated
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.reading import (
    address,
    at,
    bounded,
    first,
    kept,
    key_of,
    labels_of,
    named,
    tail,
    text,
    tree_of,
)
from orchestrator.edges.intake.severities import USUAL, severity_of

SEVERITIES: Final = USUAL
_CODE: Final = re.compile("[0-9]{1,12}")


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One notification as one signal."""
    tree = tree_of(message)
    key = first(text(tree, "AlertID"), tail(text(tree, "GoAlertURL"), "/alerts/"))
    match text(tree, "Type"):
        case "Alert":
            return [Opened(_page(message, tree, key, text(tree, "Summary"), options))]
        case "AlertBundle":
            return [_bundle(message, tree, options)]
        case "AlertStatus":
            return [_status(message, tree, key, options)]
        case "Verification":
            code = text(tree, "Code")
            asks = f"type the code {code} there" if _CODE.fullmatch(code) else ""
            return [Ignored(message.source, "GoAlert verifies this contact method", asks=asks)]
        case "Test":
            return [Ignored(message.source, "a test of the contact method")]
        case _:
            return [Ignored(message.source, "a notification that opens and closes nothing")]


def _status(message: Message, tree: Tree, key: str, options: Options) -> Signal:
    if not key:
        return Ignored(message.source, "the status of an alert, and it does not say of which")
    if text(tree, "LogEntry").lower().startswith("closed"):
        return Closed(**named(message, key), reason="closed")
    return Updated(_page(message, tree, key, text(tree, "Summary"), options))


def _bundle(message: Message, tree: Tree, options: Options) -> Signal:
    service = text(tree, "ServiceID")
    count, name = text(tree, "Count"), text(tree, "ServiceName")
    title = " ".join(part for part in (count, "alerts", name and f"of {name}") if part)
    key = f"service:{service}" if service else ""
    return Opened(_page(message, tree, key, title, options), once=False)


def _page(message: Message, tree: Tree, key: str, title: str, options: Options) -> Page:
    labels = labels_of(at(tree, "Meta"))
    return Page(
        **named(message, key_of(message, key)),
        **bounded(
            title=title,
            service=text(tree, "ServiceName"),
            team=labels.get("team", ""),
            url=address(text(tree, "GoAlertURL")),
            number=text(tree, "AlertID"),
        ),
        severity=severity_of(
            options.severities, SEVERITIES, labels.get("severity", ""), labels.get("priority", "")
        ),
        labels=labels,
        raw=kept(message, tree),
    )
