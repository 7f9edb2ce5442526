"""What lies around a command that is no daemon: this process's user and the machine's clock."""

from __future__ import annotations

import os

from orchestrator.adapters.clock import SystemClock
from orchestrator.domain.reports import Person
from orchestrator.edges.control.peer import actor_of
from orchestrator.ports.clock import Clock


def this_person(reason: str = "") -> Person:
    """The user of this process, and the login behind sudo where the kernel keeps it."""
    return Person(actor_of(os.getpid(), os.getuid()), reason)


def this_clock() -> Clock:
    """The machine's clock."""
    return SystemClock()
