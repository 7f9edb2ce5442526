"""Port: a destination for links, and a board for alerts.

Each is told the whole present state, never a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.domain.alerts import Alert


@dataclass(frozen=True, slots=True)
class DeliveredRoom:
    """One current room as people are told of it; a host link is never part of it.

    Attributes:
        key: as people write it, ``policy/subject``.
        expires_at: UTC.
        ending: the room is let go and will not be renewed.
    """

    policy: str
    subject: str
    key: str
    room_id: str
    display_name: str
    type: str
    guest_url: str
    meeting_code: str
    expires_at: datetime | None
    ending: bool


class DeliveryFault(Exception):
    """The destination could not be told; try again later."""


class Destination(Protocol):
    """Somewhere people look for their rooms."""

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        ...

    async def deliver(self, rooms: Sequence[DeliveredRoom], now: datetime) -> None:
        """Show exactly these rooms, in this order; doing it twice is the same as once.

        Raises:
            DeliveryFault: it was not told; what it showed before still stands.
        """
        ...


class AlertBoard(Protocol):
    """Somewhere the operators look for what needs them."""

    async def show(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Show exactly these alerts, in this order; doing it twice is the same as once.

        Raises:
            DeliveryFault: it was not shown; what it showed before still stands.
        """
        ...
