"""What themes and recordings are kept with, besides the places that they are in."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engine.gathering import Gathering
from orchestrator.engine.inbox import Inbox
from orchestrator.engine.observations import Observations
from orchestrator.engine.weather import Weather
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.store import Store


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of the engine that both look at and tell."""

    store: Store
    rooms: Rooms
    observations: Observations
    gathering: Gathering
    inbox: Inbox
    weather: Weather
    clock: Clock
