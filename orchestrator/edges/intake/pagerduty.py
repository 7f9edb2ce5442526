"""PagerDuty, webhooks v3 (webhooks guide 2.1): one event a message.

An incident opens when it is triggered or reopened and closes when it is resolved; merged, its link
leads to the incident that it went into.  Notes and conference bridges are ignored: our own come
back that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from orchestrator.domain.pages import (
    Closed,
    Ignored,
    Opened,
    Page,
    Severity,
    Signal,
    Updated,
    digest_of,
)
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
    tail,
    text,
    tree_of,
)
from orchestrator.edges.intake.severities import severity_of

# Priorities are the customer's own words, mostly these; an incident without one has an urgency.
SEVERITIES: Final = MappingProxyType(
    {
        "p1": Severity.CRITICAL,
        "p2": Severity.HIGH,
        "p3": Severity.MEDIUM,
        "p4": Severity.LOW,
        "p5": Severity.LOW,
        "sev1": Severity.CRITICAL,
        "sev-1": Severity.CRITICAL,
        "sev2": Severity.HIGH,
        "sev-2": Severity.HIGH,
        "sev3": Severity.MEDIUM,
        "sev-3": Severity.MEDIUM,
        "sev4": Severity.LOW,
        "sev-4": Severity.LOW,
        "sev5": Severity.LOW,
        "sev-5": Severity.LOW,
        "critical": Severity.CRITICAL,
        "high": Severity.HIGH,  # also an urgency
        "medium": Severity.MEDIUM,
        "low": Severity.LOW,  # also an urgency
    }
)
_ECHOES: Final = frozenset({"incident.annotated", "incident.conference_bridge.updated"})


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One event as one signal."""
    tree = tree_of(message)
    event = at(tree, "event")
    told, incident = text(event, "event_type"), at(event, "data")
    delivery = delivery_of(message.headers.only("x-webhook-id"), text(event, "id"))
    match told:
        case "incident.triggered":
            return [Opened(_page(message, tree, incident, options), delivery=delivery)]
        case "incident.reopened":
            page = _page(message, tree, incident, options)
            return [Opened(page, reopens=True, delivery=delivery)]
        case "incident.resolved":
            return [_closed(message, event, incident, delivery)]
        case "pagey.ping":
            return [Ignored(message.source, "a ping that tests the subscription", delivery)]
        case _ if told in _ECHOES:
            return [Ignored(message.source, "a note or a bridge, perhaps our own", delivery)]
        case _ if told.startswith("incident.") and text(incident, "type") == "incident":
            if _key(incident):
                return [Updated(_page(message, tree, incident, options), delivery)]
    return [Ignored(message.source, "an event that opens and closes nothing", delivery)]


def _closed(message: Message, event: Tree, incident: Tree, delivery: str) -> Signal:
    key = _key(incident)
    if not key:
        return Ignored(message.source, "resolved, and it does not say which incident", delivery)
    reason = at(incident, "resolve_reason")
    target = _key(at(reason, "incident")) if text(reason, "type").startswith("merge") else ""
    return Closed(
        **named(message, key),
        reason="merged" if target else "resolved",
        merged_into=digest_of(message.source, target) if target else "",
        closed_at=moment(at(event, "occurred_at")),
        delivery=delivery,
    )


def _key(incident: Tree) -> str:
    """The incident's id, which also ends its addresses."""
    return first(
        text(incident, "id"),
        tail(text(incident, "self"), "/incidents/"),
        tail(text(incident, "html_url"), "/incidents/"),
    )


def _page(message: Message, tree: Tree, incident: Tree, options: Options) -> Page:
    priority, urgency = text(incident, "priority", "summary"), text(incident, "urgency")
    return Page(
        **named(message, key_of(message, _key(incident), text(incident, "incident_key"))),
        **bounded(
            title=text(incident, "title"),
            service=text(incident, "service", "summary"),
            team=text(incident, "teams", 0, "summary"),
            url=address(text(incident, "html_url")),
            number=text(incident, "number"),
            bridge=address(text(incident, "conference_bridge", "conference_url")),
        ),
        severity=severity_of(options.severities, SEVERITIES, priority, urgency),
        labels=labels_of(
            {
                name: value
                for name, value in (
                    ("priority", priority),
                    ("urgency", urgency),
                    ("escalation_policy", text(incident, "escalation_policy", "summary")),
                    ("incident_key", text(incident, "incident_key")),
                    ("incident_type", text(incident, "incident_type", "name")),
                )
                if value
            }
        ),
        opened_at=moment(at(incident, "reopened_at")) or moment(at(incident, "created_at")),
        raw=kept(message, tree),
    )
