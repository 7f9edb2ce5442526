"""Sources: a name, a lock, and the module that reads what comes through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from orchestrator.domain.pages import Signal
from orchestrator.edges.intake import (
    alertmanager,
    cloudevents,
    declared,
    generic,
    goalert,
    grafana,
    incidentio,
    oncall,
    opsgenie,
    pagerduty,
    standardwebhooks,
)
from orchestrator.edges.intake.authentication import Lock
from orchestrator.edges.intake.messages import Headers, Message
from orchestrator.edges.intake.options import Options


class Kind(StrEnum):
    """Which system sends."""

    PAGERDUTY = "pagerduty"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    ONCALL = "grafana-oncall"
    OPSGENIE = "opsgenie"
    INCIDENTIO = "incidentio"
    GOALERT = "goalert"
    STANDARD_WEBHOOKS = "standard-webhooks"
    CLOUDEVENTS = "cloudevents"
    GENERIC = "generic"
    JSON = "json"


Reader = Callable[[Message, Options], Sequence[Signal]]
READERS: Final[Mapping[Kind, Reader]] = {
    Kind.PAGERDUTY: pagerduty.read,
    Kind.ALERTMANAGER: alertmanager.read,
    Kind.GRAFANA: grafana.read,
    Kind.ONCALL: oncall.read,
    Kind.OPSGENIE: opsgenie.read,
    Kind.INCIDENTIO: incidentio.read,
    Kind.GOALERT: goalert.read,
    Kind.STANDARD_WEBHOOKS: standardwebhooks.read,
    Kind.CLOUDEVENTS: cloudevents.read,
    Kind.GENERIC: generic.read,
    Kind.JSON: declared.read,
}


@dataclass(frozen=True, slots=True)
class Source:
    """One paging system, as the door sees it.

    Attributes:
        name: in config.yaml.
        wait: how long the answer may wait for a room; only where the sender shows our answer.
    """

    name: str
    kind: Kind
    lock: Lock
    options: Options = field(default_factory=Options)
    wait: timedelta = timedelta()

    @property
    def is_asking(self) -> bool:
        """Whether the sender waits for the room itself (201, or 200 where it was there)."""
        return self.kind is Kind.GENERIC

    @property
    def is_showing(self) -> bool:
        """Whether the sender shows our answer to responders: it gets the link."""
        return self.kind is Kind.ONCALL

    @property
    def is_shaking_hands(self) -> bool:
        """Whether the sender asks for consent before it sends (OPTIONS)."""
        return self.kind is Kind.CLOUDEVENTS

    def fits(self, token: str) -> bool:
        """Whether the end of the address is right."""
        return self.lock.fits(token)

    def admits(self, headers: Sequence[tuple[str, str]], token: str, access_token: str) -> bool:
        """Whether everything holds that can be known before the body is there."""
        return self.lock.admits(Headers.of(headers), token, access_token)

    def is_signed(self, headers: Sequence[tuple[str, str]], body: bytes, now: datetime) -> bool:
        """Whether the signature holds, where one is asked for."""
        return self.lock.is_signed(Headers.of(headers), body, now)

    def takes(self, headers: Sequence[tuple[str, str]]) -> bool:
        """Whether the form of the message is one that is taken; otherwise the answer is 415."""
        return self.kind is not Kind.CLOUDEVENTS or cloudevents.takes(Headers.of(headers))

    def read(self, headers: Sequence[tuple[str, str]], body: bytes) -> Sequence[Signal]:
        """What the message tells; never raises for what is in it."""
        return READERS[self.kind](Message(self.name, Headers.of(headers), body), self.options)
