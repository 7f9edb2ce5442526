"""Prometheus Alertmanager, webhooks of version 4 (webhooks guide 2.2): one group a message.

Sent again at every `repeat_interval`, and while only a part of the group is resolved: all of that
still says that the group fires.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.pages import Signal
from orchestrator.edges.intake import groups
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.reading import address, text, tree_of


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One group as one signal."""
    tree = tree_of(message)
    url = address(text(tree, "alerts", 0, "generatorURL"), text(tree, "externalURL"))
    return groups.signals(message, tree, text(tree, "groupKey"), url, options)
