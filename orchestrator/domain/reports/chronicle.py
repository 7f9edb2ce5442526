"""The chronicle: facts as people read them, the latest first, and what was done today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact, as the store remembers it; no link is in it, nor a meeting code.

    Attributes:
        key: as people write it.
        name: the display name of the room, the title of the page, or the name of whatever else it
            is about, as it was then; or an empty text.
        call: the call to the API and its answer, such as ``PATCH 200, 84 ms``; or an empty text.
    """

    seq: int
    ts: datetime
    event: str
    key: str = ""
    room_id: str = ""
    name: str = ""
    actor: str = ""
    reason: str = ""
    cause: str = ""
    call: str = ""
    operation: str = ""


@dataclass(frozen=True, slots=True)
class FactsReport:
    """Facts, the latest first.

    Attributes:
        looked_back_to: the number of the earliest fact that was looked at; None: none was there.
        more: there may be earlier ones.
    """

    rows: tuple[FactRow, ...] = ()
    looked_back_to: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class DayReport:
    """What was done since a moment.

    Attributes:
        counts: of each event how often it happened, in the order of `DONE`.
        rows: some of them, the latest first.
        whole: false where more happened than is looked back at.
    """

    since: datetime
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    rows: tuple[FactRow, ...] = ()
    whole: bool = True
