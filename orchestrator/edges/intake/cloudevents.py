"""CloudEvents over HTTP, structured and binary (webhooks guide 2.13); batches are not taken.

A page's key is the event's subject, failing that its source and id.  What is no CloudEvent, though
whoever sent it may come in, is ignored.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from orchestrator.domain.pages import Ignored, Signal
from orchestrator.domain.policies import Tree
from orchestrator.edges.intake.messages import Headers, Message
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.plain import Told, signals
from orchestrator.edges.intake.reading import (
    at,
    delivery_of,
    first,
    json_of,
    line,
    moment,
    text,
    tree_of,
)

_EVENT: Final = "application/cloudevents"
_STRUCTURED: Final = "application/cloudevents+json"
_ATTRIBUTES: Final = ("specversion", "id", "source", "type", "subject", "time")
_REQUIRED: Final = ("id", "source", "type")


def takes(headers: Headers) -> bool:
    """Whether the form of a message is one of ours: no batch, and no format but JSON."""
    kind = headers.only("content-type").partition(";")[0].strip().lower()
    return kind == _STRUCTURED or not kind.startswith(_EVENT)


def read(message: Message, options: Options) -> Sequence[Signal]:
    """One event as one signal."""
    tree = tree_of(message)
    binary = _binary(message.headers)
    if binary is None:
        return [Ignored(message.source, "a header holds what is no UTF-8")]
    attributes: Mapping[str, str] = binary
    data = tree
    if message.media_type == _STRUCTURED or not binary.get("specversion"):
        attributes = {name: text(tree, name) for name in _ATTRIBUTES}
        data = _data(tree)
    identity = " ".join(attributes.get(name, "") for name in ("source", "id")).strip()
    told = Told(
        kind=attributes.get("type", ""),
        data=data,
        key=first(attributes.get("subject", ""), text(data, "key"), identity),
        whole=tree,
        moment=moment(attributes.get("time", "")),
        delivery=delivery_of(identity),
    )
    found = signals(message, told, options)
    missing = [name for name in _REQUIRED if not attributes.get(name)]
    if missing and isinstance(found[0], Ignored):
        why = f"no CloudEvent: {', '.join(missing)} missing"
        return [dataclasses.replace(found[0], why=why)]
    return found


def _data(tree: Tree) -> Tree:
    encoded = at(tree, "data_base64")
    if not isinstance(encoded, str):
        return at(tree, "data")
    try:
        return json_of(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None


def _binary(headers: Headers) -> dict[str, str] | None:
    """The attributes in headers; None where one of them is no UTF-8."""
    found = {name: _decoded(headers.only(f"ce-{name}")) for name in _ATTRIBUTES}
    if None in found.values():
        return None
    return {name: line(value) for name, value in found.items()}


def _decoded(value: str) -> str | None:
    """One round of percent-decoding, without the quotes that may stand around it."""
    quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    try:
        return unquote_to_bytes(value[1:-1] if quoted else value).decode()
    except ValueError:
        return None
