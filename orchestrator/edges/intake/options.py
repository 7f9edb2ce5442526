"""What config.yaml tells of a source beyond its lock, for the modules that read its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from orchestrator.edges.intake.severities import NONE, Table
from orchestrator.foundation.selecting import Select


@dataclass(frozen=True, slots=True)
class Events:
    """Which types of events mean what, where the sender makes up their names; empty: the usual."""

    open: frozenset[str] = frozenset()
    close: frozenset[str] = frozenset()
    update: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Declaration:
    """A source whose reading is written down in config.yaml (type json).

    Attributes:
        select: expressions by the name of what they select; `key` and `open` are always there.
        once: keys are never used again for another page.
        delivery_header: which holds the id of a message, in lower case; or an empty text.
    """

    select: Mapping[str, Select] = field(default_factory=lambda: MappingProxyType({}))
    once: bool = True
    delivery_header: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """Of one source.

    Attributes:
        severities: its own table, the words in lower case; asked before the system's.
        events: of sources whose events bear names of the sender's choosing.
        declaration: of a source of the type json.
    """

    severities: Table = field(default_factory=lambda: NONE)
    events: Events = Events()
    declaration: Declaration = Declaration()
