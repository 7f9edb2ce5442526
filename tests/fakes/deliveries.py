"""A fake of the delivery port: it keeps what it was shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.alerts import Alert
from orchestrator.domain.links import LinkView
from orchestrator.domain.reports import LinksReport
from orchestrator.ports.deliveries import DeliveredRoom, DeliveryFault


class FakeDestination:
    """A destination in memory.

    `shown` is what people see there now, `deliveries` counts what was told; set `fault` and every
    delivery fails with it.
    """

    def __init__(self, name: str = "rooms-json") -> None:
        self.shown: tuple[DeliveredRoom, ...] = ()
        self.written_at: datetime | None = None
        self.deliveries = 0
        self.fault: DeliveryFault | None = None
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def deliver(self, rooms: Sequence[DeliveredRoom], now: datetime) -> None:
        self.deliveries += 1
        if self.fault is not None:
            raise self.fault
        if self.written_at is None or self.shown != tuple(rooms):
            self.shown, self.written_at = tuple(rooms), now


class FakeLinkBoard:
    """A board of links in memory.

    `leads` is where each link leads that it was ever told of: None for one that is over.
    """

    def __init__(self, name: str = "static") -> None:
        self.leads: dict[str, LinkView | None] = {}
        self.tries = 0
        self.fault: DeliveryFault | None = None
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def lead(self, report: LinksReport, now: datetime) -> None:
        del now
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        self.leads = dict.fromkeys(self.leads) | {row.where.link: row.view for row in report.links}


class FakeBoard:
    """A board for alerts in memory; `fault` is raised for as long as it is set."""

    def __init__(self) -> None:
        self.alerts: tuple[Alert, ...] = ()
        self.tries = 0
        self.fault: DeliveryFault | None = None

    async def show(self, alerts: Sequence[Alert], now: datetime) -> None:
        del now
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        self.alerts = tuple(alerts)

    @property
    def causes(self) -> dict[str, str]:
        """What stands: the message by its cause."""
        return {alert.cause: alert.message for alert in self.alerts}


class FakeKeepsake:
    """A keepsake in memory."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text

    async def read(self) -> str | None:
        return self.text

    async def write(self, text: str | None) -> None:
        self.text = text
