"""The lifeline to systemd: one datagram a message, to the socket that NOTIFY_SOCKET names.

Without that variable nothing is sent and nothing fails.  A message that the socket does not take at
the moment is sent before the next one, in order; of one kind only the newest.  One that cannot be
sent at all is forgotten, for then there is nobody who waits for it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Final, Self

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = ("WATCHDOG_USEC", "WATCHDOG_PID")
_DIGITS_MOST: Final = 18
_STATUS_MAX: Final = 400  # characters; systemctl shows one line


class Notifier:
    """The lifeline port on sd_notify(3).

    Args:
        address: a path, or a name in Linux's abstract namespace behind ``@``; empty: tell nobody.
        watchdog: how long we may be silent.
    """

    def __init__(self, address: str = "", watchdog: timedelta | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._unsent: dict[str, bytes] = {}
        self._status = ""

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self:
        """The lifeline that an environment names; the variables are removed from it.

        A watchdog that is meant for another process (WATCHDOG_PID) is none of ours.
        """
        address = environ.pop(NOTIFY_SOCKET, "")
        usec, pid = (environ.pop(name, "") for name in _WATCHDOG)
        ours = not pid or pid == str(os.getpid())
        # Of more digits no length of time is made, and none was meant.
        length = int(usec) if usec.isdecimal() and len(usec) <= _DIGITS_MOST and ours else 0
        # Only these two kinds of address are defined that a datagram can be sent to.
        known = address.startswith(("/", "@"))
        return cls(address if known else "", timedelta(microseconds=length) if length else None)

    @property
    def watchdog(self) -> timedelta | None:
        return self._watchdog

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        # The moment in the very clock that systemd compares it by: CLOCK_MONOTONIC.
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def extend(self, by: timedelta) -> None:
        self._send(f"EXTEND_TIMEOUT_USEC={by // timedelta(microseconds=1)}")

    def status(self, text: str) -> None:
        line = _one_line(text)
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def failed(self, text: str, errno: int = 0) -> None:
        self._status = _one_line(text)
        told = [f"STATUS={self._status}"]
        if errno:
            told.append(f"ERRNO={errno}")
        self._send(*told)

    def _send(self, *assignments: str) -> None:
        if not self._address:
            return
        # Of one kind only the newest word is of use: what waits to be sent never grows.
        kind = assignments[0].partition("=")[0]
        self._unsent.pop(kind, None)
        self._unsent[kind] = "\n".join(assignments).encode("utf-8", "replace")
        # One for a few seconds' words: an open descriptor would have to be kept over every life.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            for waiting, message in list(self._unsent.items()):
                try:
                    sender.sendto(message, self._address)
                except (BlockingIOError, InterruptedError):
                    return  # systemd is busy: the next message takes this one along
                except OSError:
                    pass  # nobody is there
                del self._unsent[waiting]


def _one_line(text: str) -> str:
    """What systemctl can show: no line breaks, no controls, not endless."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _STATUS_MAX else line[: _STATUS_MAX - 1] + "…"
