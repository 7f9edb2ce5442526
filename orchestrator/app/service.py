"""What the service manager gives this process: a lifeline, and sockets that were open before us."""

from __future__ import annotations

import socket
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Self

from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.systemd import HandedError, Notifier, handed_sockets, turn_away
from orchestrator.app.build import StartError
from orchestrator.ports.lifeline import Lifeline

CONTROL: Final = "control"
HTTP: Final = "http"
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_PACE: Final = timedelta(seconds=2)  # in which knocking has a useless service started once


@dataclass(frozen=True, slots=True)
class Service:
    """The service that this process is; by default one that nobody asked for.

    Attributes:
        lifeline: who is told how we are.
        sockets: those that were handed to us, by name; they outlive every life of the daemon.
    """

    lifeline: Lifeline = field(default_factory=Notifier)
    sockets: dict[str, socket.socket] = field(default_factory=dict)

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self:
        """The service of an environment, whose variables for it are removed.

        Raises:
            StartError: sockets were handed over that nothing here can use.
        """
        lifeline = Notifier.of(environ)
        try:
            sockets = handed_sockets(environ, (CONTROL, HTTP))
            _refuse_exchanged(sockets)
            return cls(lifeline, sockets)
        except HandedError as fault:
            lifeline.failed(str(fault))
            raise StartError(str(fault)) from fault

    def door(self, name: str) -> socket.socket | None:
        """A copy of a socket that was handed to us, to be closed by whoever serves it."""
        handed = self.sockets.get(name)
        return None if handed is None else handed.dup()

    def give_up(self, why: str) -> None:
        """Say why it cannot be served, and turn away those for whom it would be tried again."""
        self.lifeline.failed(why)
        turn_away(self.sockets.values(), _PACE, SystemClock())


def _refuse_exchanged(sockets: Mapping[str, socket.socket]) -> None:
    """Refuse a name at the wrong kind of socket: over TCP anybody at all could command."""
    for name, handed in sockets.items():
        if (handed.family in _INTERNET) is not (name == HTTP):
            wanted = "an address and port" if name == HTTP else "a path"
            for each in sockets.values():
                each.close()
            raise HandedError(
                f"the socket {name!r} of systemd is of the wrong kind; ListenStream= of the unit "
                f"with FileDescriptorName={name} must be {wanted}"
            )
