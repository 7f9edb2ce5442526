"""Opsgenie, and Jira Service Management Operations with the same body (webhooks guide 2.5).

`Create` comes again for each team that an alert reaches.  The alias is used again after an alert
was closed; the alert's id is not.  A note may be our own: ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from orchestrator.domain.pages import Closed, Ignored, Opened, Page, Severity, Signal, Updated
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.reading import (
    at,
    bounded,
    first,
    kept,
    key_of,
    labels_of,
    line,
    members,
    moment,
    named,
    text,
    tree_of,
)
from orchestrator.edges.intake.severities import severity_of

SEVERITIES: Final = MappingProxyType(
    {
        "p1": Severity.CRITICAL,
        "p2": Severity.HIGH,
        "p3": Severity.MEDIUM,
        "p4": Severity.LOW,
        "p5": Severity.LOW,
    }
)


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One action on an alert as one signal."""
    tree = tree_of(message)
    alert, action = at(tree, "alert"), text(tree, "action").lower()
    key, once = _key(alert)
    if action == "create":
        return [Opened(_page(message, tree, key, options), once=once)]
    if action in {"close", "delete"}:
        if not key:
            return [Ignored(message.source, "closed, and it does not say which alert")]
        ended = moment(at(alert, "updatedAt"))
        reason = "deleted" if action == "delete" else "closed"
        return [Closed(**named(message, key), reason=reason, closed_at=ended, once=once)]
    if action == "addnote":
        return [Ignored(message.source, "a note, perhaps our own")]
    if action and key:
        return [Updated(_page(message, tree, key, options))]
    return [Ignored(message.source, "an action that opens and closes nothing")]


def _key(alert: Tree) -> tuple[str, bool]:
    """The alert's key, and whether it is never used again."""
    identity, tiny = text(alert, "alertId"), text(alert, "tinyId")
    if identity or tiny:
        return identity or f"tiny:{tiny}", True
    alias = text(alert, "alias")
    return (f"alias:{alias}", False) if alias else ("", True)


def _page(message: Message, tree: Tree, key: str, options: Options) -> Page:
    alert = at(tree, "alert")
    tags = ", ".join(line(tag) for tag in members(at(alert, "tags"))[:50] if line(tag))
    labels = {"tags": tags, **{n: text(alert, n) for n in ("alias", "entity", "source", "owner")}}
    return Page(
        **named(message, key_of(message, key)),
        **bounded(
            title=first(text(alert, "message"), text(alert, "alias")),
            service=text(alert, "entity"),
            team=text(alert, "teams", 0),
            number=text(alert, "tinyId"),
        ),
        severity=severity_of(options.severities, SEVERITIES, text(alert, "priority")),
        labels=labels_of({name: value for name, value in labels.items() if value}),
        opened_at=moment(at(alert, "createdAt")),
        raw=kept(message, tree),
    )
