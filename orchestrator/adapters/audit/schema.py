"""The JSON Schema of one line of the audit log, made of its fields and the catalogue of events.

It is as strict as this version's log: a field or an event that a later version adds is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from orchestrator.adapters.audit.lines import FIELDS
from orchestrator.domain.facts import CATALOGUE, CHANGED, CHECKPOINT, FactKind
from orchestrator.foundation.schemas import DIALECT, identity

_TEXT: Final = {"type": "string", "minLength": 1}
_DIGEST: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_ALWAYS: Final = ("ts", "seq", "event", "owner", "store", "prev", "hash")
_CALL: Final = {
    "method": {"type": "string"},
    "status": {"type": "integer"},
    "ms": {"type": "number"},
    "attempt": {"type": "integer"},
}


def audit_schema() -> dict[str, object]:
    """What programs can check one line of the log by, once it is read as JSON."""
    return {
        "$schema": DIALECT,
        "$id": identity("audit"),
        "title": "A line of Room Orchestrator's audit log",
        "description": f"One fact. {CHECKPOINT} is the log's own word about the lines before it.",
        "type": "object",
        "properties": {
            field: {"description": meaning, **_shape(field)} for field, meaning in FIELDS.items()
        },
        "required": list(_ALWAYS),
        "additionalProperties": False,
        "allOf": [_event(event, kind) for event, kind in CATALOGUE.items()],
    }


def _shape(field: str) -> Mapping[str, object]:
    match field:
        case "ts":
            moment = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"
            return {"type": "string", "pattern": moment}
        case "seq":
            return {"type": "integer", "minimum": 0}
        case "event":
            told = [
                {"const": event, "description": row.meaning} for event, row in CATALOGUE.items()
            ]
            return {"oneOf": told}
        case "before" | "after":
            return _object(dict.fromkeys(sorted(CHANGED), True))
        case "detail":
            return {"type": "object", "minProperties": 1}
        case "api":
            return {**_object(_CALL), "required": list(_CALL)}
        case "prev" | "hash":
            return _DIGEST
        case _:
            return _TEXT


def _named(event: str, kind: FactKind) -> dict[str, object]:
    return {"const": event, "description": kind.meaning}


def _event(event: str, kind: FactKind) -> dict[str, object]:
    return {
        "if": {"properties": {"event": {"const": event}}, "required": ["event"]},
        "then": {"properties": {"detail": _names(kind.detail)}},
    }


def _names(names: Iterable[str]) -> object:
    known = dict.fromkeys(sorted(names), True)
    return _object(known) if known else False


def _object(properties: Mapping[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}
