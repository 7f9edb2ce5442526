"""Port: what paging systems drive. Signals go in; once it returns they are durable.

Implemented by the engine; used by the HTTP door, the control socket (``page open``) and tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from orchestrator.domain.pages import Signal


class Outcome(StrEnum):
    """What became of one signal.

    `OPENED` a new episode; `KNOWN` nothing new, or an update of a page that is open; `CLOSED`;
    `IGNORED` nothing for us; `WITHHELD` recorded, and no room is made: no policy takes it, or the
    mode is observe.
    """

    OPENED = "opened"
    KNOWN = "known"
    CLOSED = "closed"
    IGNORED = "ignored"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one signal, for the answer.

    Attributes:
        why: a sentence for people where nothing was opened; or an empty text.
        link: our link of the page, which stands from now on; or an empty text.
        room_id: of the room that the link leads to, if it was there in time; or an empty text.
        created: the episode is new.
    """

    outcome: Outcome
    why: str = ""
    link: str = ""
    room_id: str = ""
    created: bool = False


class OverloadedError(Exception):
    """Too much waits to be recorded: come again in some seconds."""


class PageDesk(Protocol):
    """Takes signals in."""

    async def received(
        self, signals: Sequence[Signal], wait: timedelta = timedelta()
    ) -> Sequence[Receipt]:
        """Record signals durably, in one transaction; returns a receipt for each, in their order.

        Args:
            signals: of one message.
            wait: how long to wait for the room of what opened, once everything is durable.

        Raises:
            StoreFault: nothing was recorded.
            OverloadedError: nothing was recorded.
        """
        ...
