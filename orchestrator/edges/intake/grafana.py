"""Grafana Alerting, webhook contact points (webhooks guide 2.3): one group a message.

The button that tests a contact point sends a group that never resolves: it opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from orchestrator.domain.pages import Ignored, Signal
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake import groups
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.reading import address, first, text, tree_of

# The button's key is <name>-<fingerprint>-<unix time>; that of a group holds its labels.
_TEST_KEY_MOST: Final = 1_000  # characters; a name has fewer
_TEST_KEY: Final = re.compile(r"[^{}]*-[0-9a-f]{16}-[0-9]{10}")


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One group as one signal."""
    tree = tree_of(message)
    if _is_test(tree):
        return [Ignored(message.source, "a test of the contact point")]
    key = text(tree, "groupKey")
    if key:
        organisation = first(text(tree, "orgId"), text(tree, "alerts", 0, "orgId"))
        key = f"{organisation}:{key}"
    url = address(
        text(tree, "alerts", 0, "panelURL"),
        text(tree, "alerts", 0, "dashboardURL"),
        text(tree, "alerts", 0, "generatorURL"),
        text(tree, "externalURL"),
    )
    return groups.signals(message, tree, key, url, options)


def _is_test(tree: Tree) -> bool:
    names = (groups.label(tree, "alertname"), groups.label(tree, "instance"))
    key = text(tree, "groupKey")
    if names == ("TestAlert", "Grafana"):
        return True
    return len(key) <= _TEST_KEY_MOST and _TEST_KEY.fullmatch(key) is not None
