"""Facts as lines of the log, and lines as entries again.

The fields and their order are an interface (``docs/audit.md``). What is empty is left out. The
allow-list of promise P11 is kept here a second time: a field that the catalogue does not list has
no way into a line, whatever made the fact.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain.facts import CATALOGUE, CHANGED, Fact, Json, RecordedFact
from orchestrator.foundation.instants import format_instant_exactly

# In the order of the line; `prev` and `hash` are added by the chain.
FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ts": "when it was committed, by the wall clock: UTC, microseconds, `Z`",
        "seq": "the fact's number in its store: each one higher than the last, without a gap; a "
        "checkpoint bears the number of the last fact before it",
        "event": "what happened, in the past tense; see the catalogue",
        "owner": "the owner id of the installation",
        "store": "the incarnation of the store that the fact was committed in; another store "
        "numbers its facts anew",
        "actor": "who: a policy and its version, or a person's command",
        "key": "the key of the room, in its encoded form",
        "room_id": "the room's id at the API",
        "operation": "the journalled operation that carried it out",
        "cause": "what woke the daemon, with its id",
        "reason": "why",
        "before": "the values that changed, as they were",
        "after": "the values that changed, as they are now",
        "detail": "what else is told of this event; see the catalogue",
        "api": "the call: `method`, `status` (0: no answer came), `ms`, `attempt`",
        "prev": "the hash of the line before; 64 zeros in the first line of all",
        "hash": "SHA-256 over the digits of `prev` and this line without `hash`",
    }
)
ORDER: Final = tuple(name for name in FIELDS if name not in {"prev", "hash"})


class UnlistedFieldError(ValueError):
    """A fact carries something that may not be written; the text names the field, not the value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as it was read: where it stands, and what it tells.

    Attributes:
        file: the file's name, without its folder.
        line: its number in that file, from 1.
        fields: everything that the line holds, by the names in `FIELDS`.
        raw: the line itself, without its newline.
    """

    file: str
    line: int
    ts: datetime
    seq: int
    event: str
    fields: Mapping[str, Json]
    raw: bytes

    def text(self, name: str) -> str:
        """A field that is text; empty where it was left out."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def values(self, name: str) -> Mapping[str, Json]:
        """A field that holds further fields (before, after, detail, api); empty if left out."""
        value = self.fields.get(name)
        return value if isinstance(value, dict) else {}


def fields_of(recorded: RecordedFact) -> dict[str, Json]:
    """What a line tells of a fact, but for the owner, the store and the chain.

    Raises:
        UnlistedFieldError: a field stands in no list.
    """
    fact = recorded.fact
    _refuse_unlisted(fact)
    told: dict[str, Json] = {
        "ts": format_instant_exactly(recorded.ts),
        "seq": recorded.seq,
        "event": fact.event,
    }
    for name in ("actor", "key", "room_id", "operation", "cause", "reason"):
        value: str = getattr(fact, name)
        if value:
            told[name] = value
    for name, values in (("before", fact.before), ("after", fact.after), ("detail", fact.detail)):
        if values:
            told[name] = dict(values)
    if fact.api is not None:
        api = fact.api
        told["api"] = {
            "method": api.method,
            "status": api.status,
            "ms": api.ms,
            "attempt": api.attempt,
        }
    return told


def read_entry(file: str, line: int, raw: bytes) -> Entry | None:
    """Read a line; None where it is not an object with a moment, a number and an event."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    ts, seq, event = fields.get("ts"), fields.get("seq"), fields.get("event")
    if not isinstance(ts, str) or not isinstance(event, str):
        return None
    if not isinstance(seq, int) or isinstance(seq, bool):
        return None
    try:
        moment = datetime.fromisoformat(ts)
    except ValueError:
        return None
    if moment.utcoffset() != timedelta():
        return None
    return Entry(file, line, moment, seq, event, fields, raw)


def _refuse_unlisted(fact: Fact) -> None:
    kind = CATALOGUE.get(fact.event)
    if kind is None:
        message = f"the event {fact.event!r} is not in the catalogue"
        raise UnlistedFieldError(message)
    changed = set(fact.before or ()) | set(fact.after or ())
    strange = sorted((set(fact.detail) - kind.detail) | (changed - CHANGED))
    if strange:
        message = f"{fact.event} may not carry {', '.join(strange)}"
        raise UnlistedFieldError(message)
