"""Groups of alerts, as Alertmanager and Grafana send them: what the two have in common.

A group's key is made of its route and labels, so the same one comes back next week: never once.
`status` is believed and the list is not, because it may be cut short.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from orchestrator.domain.pages import Closed, Ignored, Opened, Page, Signal
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
    members,
    moment,
    named,
    text,
)
from orchestrator.edges.intake.severities import USUAL, severity_of

SEVERITIES: Final = USUAL
_SEVERITY_LABELS: Final = ("severity", "priority", "level")
_SERVICE_LABELS: Final = ("service", "app", "job")


def signals(message: Message, tree: Tree, key: str, url: str, options: Options) -> Sequence[Signal]:
    """What a group tells.

    Args:
        message: as it came.
        tree: its body.
        key: of the group, or an empty text.
        url: where people see it.
        options: of the source.
    """
    # Half of what names a group is still the same at every message of it.
    key = first(key, _derived(tree))
    match _status(tree):
        case "firing":
            return [Opened(_page(message, tree, key, url, options), once=False, fires=True)]
        case "resolved" if key:
            ends = [moment(at(alert, "endsAt")) for alert in members(at(tree, "alerts"))]
            return [
                Closed(
                    **named(message, key),
                    reason="resolved",
                    closed_at=max((end for end in ends if end), default=None),
                    once=False,
                )
            ]
        case "resolved":
            return [Ignored(message.source, "resolved, and it does not say which group")]
        case _:
            return [Ignored(message.source, "neither firing nor resolved")]


def _status(tree: Tree) -> str:
    alerts = [text(alert, "status") for alert in members(at(tree, "alerts"))]
    told = text(tree, "status") or {"alerting": "firing", "ok": "resolved"}.get(
        text(tree, "state"), ""
    )
    if not told and alerts:
        told = "firing" if "firing" in alerts else first(*alerts)
    return told


def _derived(tree: Tree) -> str:
    for name in ("groupLabels", "commonLabels"):
        labels = at(tree, name)
        if isinstance(labels, dict) and labels:
            told = json.dumps([text(tree, "receiver"), labels_of(labels)], sort_keys=True)
            return f"{name}:{told}"
    return ""


def label(tree: Tree, *names: str) -> str:
    """A label that the whole group shares, or the first alert has."""
    return first(*(text(labels, name) for name in names for labels in _labels(tree)))


def _labels(tree: Tree) -> Iterator[Tree]:
    yield at(tree, "commonLabels")
    yield at(tree, "groupLabels")
    yield at(tree, "alerts", 0, "labels")


def _page(message: Message, tree: Tree, key: str, url: str, options: Options) -> Page:
    return Page(
        **named(message, key_of(message, key)),
        **bounded(
            title=first(
                text(tree, "commonAnnotations", "summary"),
                text(tree, "commonAnnotations", "title"),
                label(tree, "alertname"),
                text(tree, "title"),
                text(tree, "alerts", 0, "annotations", "summary"),
            ),
            service=label(tree, *_SERVICE_LABELS),
            team=label(tree, "team"),
            url=url,
        ),
        severity=severity_of(
            options.severities, SEVERITIES, *(label(tree, name) for name in _SEVERITY_LABELS)
        ),
        labels=labels_of(at(tree, "commonLabels") or at(tree, "groupLabels")),
        opened_at=_began(tree),
        raw=kept(message, tree),
    )


def _began(tree: Tree) -> datetime | None:
    starts = [
        moment(at(alert, "startsAt"))
        for alert in members(at(tree, "alerts"))
        if text(alert, "status") != "resolved"
    ]
    return min((start for start in starts if start), default=None)
