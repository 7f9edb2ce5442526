"""Sockets that systemd opened for us, by the name of their unit's FileDescriptorName=.

They stay open while we are restarted, so that whoever asks meanwhile waits and is not refused.
Refuses a name that nothing here is made for, and a descriptor that is no listening socket: a door
that nobody answers would look open for ever.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
from collections.abc import Collection, MutableMapping
from datetime import timedelta
from typing import Final

from orchestrator.ports.clock import Clock

_FIRST: Final = 3  # SD_LISTEN_FDS_START
_MOST: Final = 64
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class HandedError(ValueError):
    """What was handed over cannot be used; the text says why and how to mend it."""


def handed_sockets(
    environ: MutableMapping[str, str], names: Collection[str], first: int = _FIRST
) -> dict[str, socket.socket]:
    """The listening sockets that were handed to this process, by name.

    They are closed when a program is executed, and do not block.  The variables are removed from
    the environment, also where they are meant for another process, which gets nothing from us.

    Args:
        environ: the process's environment.
        names: the names that this program has a use for.
        first: the number of the first descriptor, unless a test has another.

    Raises:
        HandedError: see the module.
    """
    pid, count, named = (environ.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()) or not count.isdecimal() or not 0 < int(count) <= _MOST:
        return {}
    told = named.split(":") if named else []
    found: dict[str, socket.socket] = {}
    try:
        for number in range(int(count)):
            # systemd names every descriptor; `unknown` is its own word for one without a name.
            name = told[number] if number < len(told) else "unknown"
            known = _known(name, names, found)
            found[known] = _listening(first + number, name)
    except HandedError:
        for each in found.values():
            each.close()
        raise
    return found


def _known(name: str, names: Collection[str], found: Collection[str]) -> str:
    if name not in names:
        known = " or ".join(sorted(names))
        raise HandedError(
            f"systemd handed over a socket called {name!r}, and nothing here answers one; set "
            f"FileDescriptorName= in its socket unit to {known}"
        )
    if name in found:
        raise HandedError(
            f"systemd handed over two sockets called {name!r}; one ListenStream= a socket unit"
        )
    return name


def _listening(descriptor: int, name: str) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the library's own signature
        mode = os.fstat(descriptor).st_mode
    except OSError as error:
        raise HandedError(
            f"{name!r} was promised by LISTEN_FDS and is not there: {error.strerror}"
        ) from error
    if not stat.S_ISSOCK(mode):
        raise HandedError(f"what systemd handed over as {name!r} is no socket")
    found = socket.socket(fileno=descriptor)
    stream = found.type == socket.SOCK_STREAM
    if not stream or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.close()
        raise HandedError(
            f"the socket {name!r} takes no connections; its unit needs ListenStream= and Accept=no"
        )
    found.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return found


def turn_away(listeners: Collection[socket.socket], pace: timedelta, clock: Clock) -> int:
    """Close whatever waits at these doors, for a process that ends and is not to be tried again.

    As long as somebody waits at a socket, systemd starts its service anew and at once, whatever
    RestartPreventExitStatus= says (systemd.socket(5)).  Where somebody did, whoever comes within
    ``pace`` is turned away too: so a crowd has it started once in that time and no more often.

    Returns how many were turned away; at once where nobody waits.
    """
    turned, until, left = 0, 0.0, 0.0
    while ready := select.select([*listeners], (), (), left)[0]:
        for listener in ready:
            with contextlib.suppress(OSError):  # whoever came may be gone already
                listener.accept()[0].close()
                turned += 1
        now = clock.monotonic()
        until = until or now + pace.total_seconds()
        if now >= until:
            break
        left = until - now
    return turned
