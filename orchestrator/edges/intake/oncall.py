"""Grafana OnCall and Grafana Cloud IRM, outgoing webhooks (webhooks guide 2.4): alert groups.

Deliveries are not in order: an acknowledgement may come before the group was created.
"""

from __future__ import annotations

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
    moment,
    named,
    tail,
    text,
    tree_of,
)
from orchestrator.edges.intake.severities import USUAL, severity_of

SEVERITIES: Final = USUAL
_OPENING: Final = frozenset({"alert group created", "escalation"})


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One event of an alert group as one signal."""
    tree = tree_of(message)
    group, told = at(tree, "alert_group"), text(tree, "event", "type").lower()
    key = first(
        text(tree, "alert_group_id"),
        text(group, "id"),
        text(group, "last_alert", "alert_group_id"),
        tail(text(group, "permalinks", "web"), "/alert-groups/"),
    )
    if told in _OPENING:
        return [Opened(_page(message, tree, key, options))]
    if told == "unresolve":
        return [Opened(_page(message, tree, key, options), reopens=True)]
    if told == "resolve":
        if not key:
            return [Ignored(message.source, "resolved, and it does not say which alert group")]
        ended = moment(at(group, "resolved_at")) or moment(at(tree, "event", "time"))
        return [Closed(**named(message, key), reason="resolved", closed_at=ended)]
    if told and key:
        return [Updated(_page(message, tree, key, options))]
    return [Ignored(message.source, "an event that opens and closes nothing")]


def _page(message: Message, tree: Tree, key: str, options: Options) -> Page:
    group, alert = at(tree, "alert_group"), at(tree, "alert_payload")
    labels = labels_of(at(alert, "commonLabels") or at(alert, "labels"))
    labels |= labels_of(at(group, "labels"))
    return Page(
        **named(message, key_of(message, key)),
        **bounded(
            title=first(
                text(group, "title"), text(alert, "annotations", "summary"), text(alert, "title")
            ),
            service=first(labels.get("service", ""), text(tree, "integration", "name")),
            team=first(labels.get("team", ""), text(tree, "integration", "team")),
            url=address(text(group, "permalinks", "web")),
        ),
        severity=severity_of(
            options.severities,
            SEVERITIES,
            labels.get("severity", ""),
            text(alert, "severity"),
            labels.get("priority", ""),
        ),
        labels=labels_of({**labels}),
        opened_at=moment(at(group, "created_at")),
        raw=kept(message, tree),
    )
