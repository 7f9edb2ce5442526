"""Our own door (webhooks guide 2.14): a page in our words, from anything that can send JSON.

``{"action": "open", "key": …, "title": …}`` and ``{"action": "close", "key": …}``.  A template
whose texts broke its JSON is mended as far as it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orchestrator.domain.pages import Ignored, Signal
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.plain import Told, signals
from orchestrator.edges.intake.reading import at, delivery_of, mended, moment, text, tree_of

_ACTIONS: Final = {
    "open": "page.opened",
    "reopen": "page.reopened",
    "update": "page.updated",
    "close": "page.closed",
}


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One page as one signal."""
    tree = tree_of(message)
    if tree is None:
        tree = mended(message)
    action = text(tree, "action").lower()
    kind = _ACTIONS.get(action, "")
    delivery = delivery_of(message.headers.only("idempotency-key"))
    if not kind:
        why = 'it has no "action": write open, update, reopen or close'
        return [Ignored(message.source, why, delivery)]
    # Some call the opening and the closing of one page by one id: that makes them no copies.
    delivery = delivery and delivery_of(f"{action} {delivery}")
    when = moment(at(tree, "occurred_at"))
    # The words of the actions are ours: no source names others.
    options = Options(options.severities)
    return signals(message, Told(kind, tree, text(tree, "key"), tree, when, delivery), options)
