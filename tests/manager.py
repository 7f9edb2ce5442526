"""A service manager's end of the lifeline: a real datagram socket, read by a test."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from orchestrator.adapters.systemd import Notifier


class Manager:
    """Receives what a daemon says, each message as its assignments."""

    def __init__(self, listener: socket.socket, address: str) -> None:
        self._listener = listener
        self.address = address
        self.heard: list[dict[str, str]] = []

    @classmethod
    @contextmanager
    def listening(cls, where: Path | str) -> Iterator[Self]:
        """Listen at a path, or at a name in the abstract namespace (``@…``)."""
        address = str(where)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind("\0" + address[1:] if address.startswith("@") else address)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            listener.setblocking(False)
            yield cls(listener, address)

    def hear(self) -> list[dict[str, str]]:
        """What came since the last time."""
        new: list[dict[str, str]] = []
        while True:
            try:
                datagram = self._listener.recv(65536)
            except BlockingIOError:
                self.heard += new
                return new
            lines = datagram.decode().split("\n")
            new.append(dict(line.split("=", 1) for line in lines))

    def told(self, name: str) -> list[str]:
        """All values of one name so far, in order."""
        self.hear()
        return [message[name] for message in self.heard if name in message]

    def environ(self, **more: str) -> dict[str, str]:
        """The variables by which a process finds us."""
        return {"NOTIFY_SOCKET": self.address, **more}

    def lifeline(self, watchdog_usec: int = 0) -> Notifier:
        """A lifeline of this process to us."""
        environ = self.environ()
        if watchdog_usec:
            environ |= {"WATCHDOG_USEC": str(watchdog_usec), "WATCHDOG_PID": str(os.getpid())}
        return Notifier.of(environ)
