"""incident.io (webhooks guide 2.6): incidents, alerts and escalations, public and private.

What is told of stands under a key that is the type of the event.  Private ones carry an id alone:
their room has no title.  Tests, tutorials and retrospectives open nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from orchestrator.domain.pages import Closed, Ignored, Opened, Page, Signal, Updated
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.reading import (
    address,
    at,
    bounded,
    delivery_of,
    first,
    kept,
    key_of,
    labels_of,
    moment,
    named,
    text,
    tree_of,
)
from orchestrator.edges.intake.severities import USUAL, severity_of

SEVERITIES: Final = MappingProxyType({**USUAL})
_CREATED: Final = frozenset({"incident_created_v2", "alert_created_v1", "escalation_created_v1"})
_TOLD_MORE: Final = frozenset(
    {"incident_updated_v2", "incident_status_updated_v2", "escalation_status_updated_v1"}
)
_RESOLVED: Final = frozenset({"alert_resolved_v1"})
_OVER: Final = frozenset(
    {"closed", "canceled", "cancelled", "declined", "merged", "resolved", "expired"}
)
_NOT_REAL: Final = frozenset({"test", "tutorial", "retrospective"})


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One event as one signal."""
    tree = tree_of(message)
    told = text(tree, "event_type")
    event, kind = at(tree, told), told.partition(".")[2]
    subject = event if at(event, "incident") is None else at(event, "incident")
    names = ("webhook-id", "svix-id")
    delivery = delivery_of(*(message.headers.only(name) for name in names))
    key, status = text(subject, "id"), _status(event, subject)
    if kind not in _CREATED | _TOLD_MORE | _RESOLVED:
        return [Ignored(message.source, "an event that opens and closes nothing", delivery)]
    if text(subject, "mode").lower() in _NOT_REAL:
        return [Ignored(message.source, "a test, a tutorial or a retrospective", delivery)]
    if kind in _CREATED and status not in _OVER:
        return [Opened(_page(message, tree, subject, options), delivery=delivery)]
    if not key:
        return [Ignored(message.source, "it does not say of which incident it tells", delivery)]
    if status in _OVER or kind in _RESOLVED:
        reason = first(status, "resolved")
        return [Closed(**named(message, key), reason=reason, delivery=delivery)]
    page = _page(message, tree, subject, options)
    if text(event, "previous_status", "category").lower() in _OVER and status:
        return [Opened(page, reopens=True, delivery=delivery)]
    if told.startswith("private_"):
        return [Ignored(message.source, "private: it carries nothing but an id", delivery)]
    return [Updated(page, delivery)]


def _status(event: Tree, subject: Tree) -> str:
    return first(
        text(event, "new_status", "category"),
        text(subject, "incident_status", "category"),
        text(event, "new_status"),
        text(subject, "status"),
    ).lower()


def _page(message: Message, tree: Tree, subject: Tree, options: Options) -> Page:
    labels = {
        "incident_type": text(subject, "incident_type", "name"),
        "severity": text(subject, "severity", "name"),
        "status": text(subject, "incident_status", "name"),
        "visibility": text(subject, "visibility"),
    }
    key = first(text(subject, "id"), text(subject, "reference"), text(subject, "permalink"))
    return Page(
        **named(message, key_of(message, key)),
        **bounded(
            title=first(text(subject, "name"), text(subject, "title")),
            url=address(text(subject, "permalink"), text(subject, "source_url")),
            number=text(subject, "reference"),
            bridge=address(text(subject, "call_url")),
        ),
        severity=severity_of(
            options.severities,
            SEVERITIES,
            labels["severity"],
            text(subject, "severity"),
            text(subject, "priority", "name"),
        ),
        labels=labels_of({name: value for name, value in labels.items() if value}),
        opened_at=moment(at(subject, "created_at")),
        raw=kept(message, tree),
    )
