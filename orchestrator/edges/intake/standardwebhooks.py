"""Standard Webhooks 1.0.0, by Svix or others (webhooks guide 2.11).

A body is ``{"type": …, "timestamp": …, "data": …}``.  The names of types are the sender's: `events`
of the source says which of them mean what.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.pages import Signal
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.plain import Told, signals
from orchestrator.edges.intake.reading import at, delivery_of, first, moment, text, tree_of


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One event as one signal."""
    tree = tree_of(message)
    data = at(tree, "data")
    names = ("webhook-id", "svix-id")
    told = Told(
        kind=text(tree, "type"),
        data=data,
        key=first(text(data, "key"), text(data, "id")),
        whole=tree,
        moment=moment(at(tree, "timestamp")),
        delivery=delivery_of(*(message.headers.only(name) for name in names)),
    )
    return signals(message, told, options)
