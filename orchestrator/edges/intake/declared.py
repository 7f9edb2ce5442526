"""A source whose reading is written down in config.yaml: JMESPath for each thing that counts.

Forms are read as texts by their names, and a flat template whose texts broke its JSON is mended.
An expression that does not fit a body selects nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orchestrator.domain.pages import Closed, Ignored, Opened, Page, Signal, Updated, digest_of
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake.messages import Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.reading import (
    address,
    bounded,
    delivery_of,
    kept,
    key_of,
    labels_of,
    line,
    mended,
    moment,
    named,
    tree_of,
)
from orchestrator.edges.intake.severities import USUAL, severity_of
from orchestrator.foundation.selecting import Select, SelectError

SEVERITIES: Final = USUAL


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One message as one signal: what closes goes before what opens."""
    declared = options.declaration
    tree = tree_of(message)
    if tree is None:
        tree = mended(message)

    def selected(name: str) -> Tree:
        return _selected(declared.select.get(name), tree)

    delivery = delivery_of(
        message.headers.only(declared.delivery_header), line(selected("delivery"))
    )
    key = line(selected("key"))
    if tree is None:
        return [Ignored(message.source, "the body is neither JSON nor a form", delivery)]
    if _is_true(selected("ignore")):
        return [
            Ignored(message.source, "a test, or something else that is to be ignored", delivery)
        ]
    if _is_true(selected("close")):
        if not key:
            return [Ignored(message.source, "closed, and it does not say which page", delivery)]
        merged = line(selected("merged"))
        closed = Closed(
            **named(message, key),
            reason="merged" if merged else "closed",
            merged_into=digest_of(message.source, merged) if merged else "",
            closed_at=moment(selected("closed_at")),
            once=declared.once,
            delivery=delivery,
        )
        return [closed]
    reopens = _is_true(selected("reopen"))
    opens = reopens or _is_true(selected("open"))
    if not opens and not (key and _is_true(selected("update"))):
        return [Ignored(message.source, "an event that opens and closes nothing", delivery)]
    page = Page(
        **named(message, key_of(message, key)),
        **bounded(
            url=address(line(selected("url"))),
            bridge=address(line(selected("bridge"))),
            **{name: line(selected(name)) for name in ("title", "service", "team", "number")},
        ),
        severity=severity_of(options.severities, SEVERITIES, line(selected("severity"))),
        labels=labels_of(selected("labels")),
        opened_at=moment(selected("opened_at")),
        raw=kept(message, tree),
    )
    if opens:
        return [Opened(page, once=declared.once, reopens=reopens, delivery=delivery)]
    return [Updated(page, delivery)]


def _selected(expression: Select | None, tree: Tree) -> Tree:
    try:
        return None if expression is None else expression.of(tree)
    except SelectError:
        return None


def _is_true(value: Tree) -> bool:
    """As JMESPath sees it: nothing, false and what is empty are not true."""
    return value not in (None, False, "", [], {})
