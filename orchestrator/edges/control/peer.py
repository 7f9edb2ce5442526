"""Who is at the other end of a unix socket, as the kernel tells it.

Nothing that the other end says of itself is asked: not its environment, not its arguments.  The
login behind ``sudo`` is known where the kernel keeps it (``/proc/PID/loginuid``, set by
``pam_loginuid`` and inherited); a container without audit has none.
"""

from __future__ import annotations

import pwd
import socket
import struct
from pathlib import Path
from typing import Final

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
_NO_LOGIN: Final = 0xFFFFFFFF


def peer_of(connection: socket.socket) -> str:
    """Name the process that connected, as `actor_of` does."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return actor_of(pid, uid)


def actor_of(pid: int, uid: int, proc: Path = Path("/proc")) -> str:
    """Name who acts: ``anna (uid 1001)``, or ``anna (uid 1001, as root)`` behind sudo.

    Args:
        pid: the process; where it is gone already, its login stays unknown.
        uid: the user that it ran as when it connected.
        proc: where the kernel tells of processes.
    """
    login = _login(proc / str(pid) / "loginuid")
    if login is None or login == uid:
        return f"{_name(uid)} (uid {uid})"
    return f"{_name(login)} (uid {login}, as {_name(uid)})"


def _login(file: Path) -> int | None:
    try:
        login = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if login == _NO_LOGIN else login


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
